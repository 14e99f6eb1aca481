// SPDX-License-Identifier: MIT
// What the attention kernels do with blocks of scores: a block of threads makes one in shared memory from the rows of
// two operands, and adds its product with the rows of a third to rows in global memory.
#pragma once

#include <taper/backend/cuda/product_tiles.hpp>
#include <taper/expr/math.hpp>

namespace taper::inline TAPER_CODE::detail {

/// A tile of scores, in shared memory as tile[row * pitch + column]: two of them and what is staged for one product take less than
/// 48 KiB.
template <class T>
struct AttentionTile : ProductTile<(sizeof(T) > 4 ? 32 : 64)> {
  using Base = ProductTile<(sizeof(T) > 4 ? 32 : 64)>;
  static constexpr int elements = Base::rows * Base::pitch, tasks = Base::rows / Base::task * Base::quarter;
};

struct FirstTile;  // these name shared memory
struct SecondTile;

/// Rows times rows, into a tile.
template <class T, class S>
struct RowProducts {
  using Sum = T;
  static constexpr bool right_along_steps = true;
  const T *x, *y;
  std::int64_t x_row, y_row;
  int rows, columns;
  S tile;

  TAPER_INLINE TAPER_HD const T* row(int r) const { return r < rows ? x + r * x_row : nullptr; }
  TAPER_INLINE TAPER_HD const T* column(int c) const { return c < columns ? y + c * y_row : nullptr; }
  TAPER_INLINE TAPER_HD std::int64_t step(std::int64_t k) const { return k; }
  TAPER_INLINE TAPER_HD T left(const T* row, std::int64_t k) const { return row ? row[k] : T(0); }
  TAPER_INLINE TAPER_HD T right(std::int64_t k, const T* column) const { return column ? column[k] : T(0); }
  TAPER_INLINE TAPER_HD void store(int r, int c, T sum) const { tile[r * AttentionTile<T>::pitch + c] = sum; }
};

/// tile = the products of n rows of x with m rows of y, each of `size` elements; what lies beyond is not set. Whole
/// once the block has met a barrier.
template <class T, class Block, class S>
TAPER_HD void tile_product(const Block& block, std::int64_t size, const T* x, std::int64_t x_row, std::int64_t n,
                           const T* y, std::int64_t y_row, std::int64_t m, S tile) {
  if (size == 0) block.sync();  // what stood in the tile has been read
  multiply_tile<AttentionTile<T>>(block, RowProducts<T, S>{x, y, x_row, y_row, static_cast<int>(n), static_cast<int>(m), tile}, 0, size);
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
      for (int i = 0; i < task; ++i) a[i] = r + i < n ? T(tile[(r + i) * Tile::pitch + k]) : T(0);
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
