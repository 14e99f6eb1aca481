// SPDX-License-Identifier: MIT
// What the attention kernels do with blocks of scores: a block of threads makes one in shared memory from the rows of
// two operands, and adds its product with the rows of a third to rows in global memory.
#pragma once

#include <taper/backend/cuda/block.hpp>
#include <taper/expr/math.hpp>

namespace taper::inline TAPER_CODE::detail {

/// Sizes of a tile of scores, in shared memory as tile[row * pitch + column]: two of them and what is staged for one
/// product take less than 48 KiB. A thread's task is 4 x 4 of it: rows side by side, columns a quarter of the tile
/// apart, so that neighbouring threads meet neighbouring columns.
template <class T>
struct AttentionTile {
  static constexpr int rows = sizeof(T) > 4 ? 32 : 64, columns = 64, depth = 16, task = 4;
  static constexpr int pitch = columns + 1,
                       row_pitch = rows + 1;  // off by one: columns of threads meet different banks
  static constexpr int quarter = columns / task, tasks = rows / task * quarter;
  static constexpr int elements = rows * pitch;
};

struct StagedRows;  // these name shared memory
struct StagedColumns;
struct FirstTile;
struct SecondTile;

/// `step` elements from k0 on of n rows of x, as [k][row]; the rest of what is staged is zero.
template <class T, class Block, class S>
TAPER_INLINE TAPER_HD void stage_rows(const Block& block, const T* x, std::int64_t x_row, std::int64_t n,
                                      std::int64_t k0, std::int64_t step, int rows, S to) {
  constexpr int depth = AttentionTile<T>::depth;
  for (std::int64_t t = block.thread(); t < rows * depth; t += block.threads()) {
    const std::int64_t r = t / depth, k = t % depth;
    to[k * (rows + 1) + r] = r < n && k < step ? x[r * x_row + k0 + k] : T(0);
  }
}

/// tile = the products of n rows of x with m rows of y, each of `size` elements; what lies beyond is not set. Whole
/// once the block has met a barrier.
template <class T, class Block, class S>
TAPER_HD void tile_product(const Block& block, std::int64_t size, const T* x, std::int64_t x_row, std::int64_t n,
                           const T* y, std::int64_t y_row, std::int64_t m, S tile) {
  using Tile = AttentionTile<T>;
  constexpr int task = Tile::task, quarter = Tile::quarter;
  const auto xs = block.template shared<StagedRows, T, Tile::depth * Tile::row_pitch>();
  const auto ys = block.template shared<StagedColumns, T, Tile::depth * Tile::pitch>();
  for (std::int64_t k0 = 0; k0 == 0 || k0 < size; k0 += Tile::depth) {
    const std::int64_t step = size - k0 < Tile::depth ? size - k0 : Tile::depth;
    block.sync();  // what was staged, or stood in the tile, has been read
    stage_rows(block, x, x_row, n, k0, step, Tile::rows, xs);
    stage_rows(block, y, y_row, m, k0, step, Tile::columns, ys);
    block.sync();
    for (std::int64_t t = block.thread(); t < Tile::tasks; t += block.threads()) {
      const std::int64_t r = t / quarter * task, c = t % quarter;
      if (r >= n || c >= m) continue;
      T sum[task][task];
      for (int i = 0; i < task; ++i)
        for (int j = 0; j < task; ++j) sum[i][j] = k0 == 0 ? T(0) : T(tile[(r + i) * Tile::pitch + c + j * quarter]);
      for (int k = 0; k < Tile::depth; ++k) {
        T a[task], b[task];
        for (int i = 0; i < task; ++i) a[i] = xs[k * Tile::row_pitch + r + i];
        for (int j = 0; j < task; ++j) b[j] = ys[k * Tile::pitch + c + j * quarter];
        for (int i = 0; i < task; ++i)
          for (int j = 0; j < task; ++j) sum[i][j] += a[i] * b[j];
      }
      for (int i = 0; i < task; ++i)
        for (int j = 0; j < task; ++j) tile[(r + i) * Tile::pitch + c + j * quarter] = sum[i][j];
    }
  }
}

/// Row r of out (n dense rows of `size`), times factor[r] where there are factors, += the sum over m columns c of
/// tile[r][c] times row c of x. Each element is always the same thread's.
template <bool Factor, class T, class Block, class S, class F>
TAPER_HD void add_product(const Block& block, std::int64_t size, const S& tile, const F& factor, std::int64_t n,
                          const T* x, std::int64_t x_row, std::int64_t m, T* out) {
  using Tile = AttentionTile<T>;
  constexpr int task = Tile::task, quarter = Tile::quarter;
  const std::int64_t tasks = (size + Tile::columns - 1) / Tile::columns * Tile::tasks;
  for (std::int64_t t = block.thread(); t < tasks; t += block.threads()) {
    const std::int64_t r = t % Tile::tasks / quarter * task, c = t / Tile::tasks * Tile::columns + t % quarter;
    if (r >= n || c >= size) continue;
    T sum[task][task] = {};
    for (std::int64_t k = 0; k < m; ++k) {
      T a[task], b[task];
      for (int i = 0; i < task; ++i) a[i] = tile[(r + i) * Tile::pitch + k];
      for (int j = 0; j < task; ++j) b[j] = c + j * quarter < size ? x[k * x_row + c + j * quarter] : T(0);
      for (int i = 0; i < task; ++i)
        for (int j = 0; j < task; ++j) sum[i][j] += a[i] * b[j];
    }
    for (int i = 0; i < task; ++i) {
      if (r + i >= n) break;
      for (int j = 0; j < task; ++j) {
        if (c + j * quarter >= size) break;
        T& o = out[(r + i) * size + c + j * quarter];
        if constexpr (Factor)
          o = o * T(factor[r + i]) + sum[i][j];
        else
          o += sum[i][j];
      }
    }
  }
}

/// n elements of zero. Read by others once the block has met a barrier.
template <class T, class Block>
TAPER_INLINE TAPER_HD void clear_rows(const Block& block, std::int64_t n, T* out) {
  for (std::int64_t t = block.thread(); t < n; t += block.threads()) out[t] = T(0);
}

}  // namespace taper::inline TAPER_CODE::detail
