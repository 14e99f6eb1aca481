// SPDX-License-Identifier: MIT
// The product of two matrices, tile by tile: what is multiplied is staged in shared memory by whoever knows where it
// lies, sums stay in registers.
#pragma once

#include <taper/backend/cuda/block.hpp>

#include <complex>

namespace taper::inline TAPER_CODE::detail {

template <class C>
TAPER_INLINE TAPER_HD void add_product(C& sum, const C& x, const C& y) {
  sum += x * y;
}
template <class R>
TAPER_INLINE TAPER_HD void add_product(std::complex<R>& sum, const std::complex<R>& x, const std::complex<R>& y) {
  sum = std::complex<R>(sum.real() + x.real() * y.real() - x.imag() * y.imag(),
                        sum.imag() + x.real() * y.imag() + x.imag() * y.real());
}

/// A tile of a product. A thread's task is 4 x 4 of it: rows side by side, columns a quarter of the tile apart, so that
/// neighbouring threads meet neighbouring columns.
struct ProductTile {
  static constexpr int rows = 64, columns = 64, depth = 16, task = 4;
  static constexpr int pitch = 65;  // off by one: columns of threads meet different banks
  static constexpr int quarter = columns / task;
  static constexpr int run = 16 * depth;  // sums of so many are made, then added up: rounding does not pile up
  /// How many of those that are left a tile has.
  TAPER_INLINE TAPER_HD static int rows_of(std::int64_t left) { return left < rows ? static_cast<int>(left) : rows; }
  TAPER_INLINE TAPER_HD static int columns_of(std::int64_t left) {
    return left < columns ? static_cast<int>(left) : columns;
  }
};

struct StagedLeft;  // these name shared memory
struct StagedRight;

// What multiply_tile multiplies, plain data F:
//
//   Sum, the type of sums; rows, columns: how many of the tile's exist.
//   row(r), column(c), step(k): what is known of an element from its row, its column, or its place k along the sum
//   alone. All may be
//       asked for any place of the tile.
//   left(row(r), step(k)), right(step(k), column(c)): the elements, zero in rows and columns that do not exist.
//   right_along_steps: whether neighbours of the right matrix lie along k; those of the left always do.
//   store(r, c, sum): of a row and a column that exist.

/// Each sum over k in [begin, end), in an order that follows from `begin` and `end` alone, is stored. In between the
/// block meets a barrier, where there is anything to sum.
template <class F, class Block>
TAPER_HD void multiply_tile(const Block& block, const F& f, std::int64_t begin, std::int64_t end) {
  using Sum = typename F::Sum;
  using Tile = ProductTile;
  constexpr int task = Tile::task, quarter = Tile::quarter, depth = Tile::depth;
  const auto xs = block.template shared<StagedLeft, Sum, depth * Tile::pitch>();
  const auto ys = block.template shared<StagedRight, Sum, depth * Tile::pitch>();
  // Each round makes one task a thread, from so many rows and so many columns of each quarter. Mostly there is one
  // round.
  const int thread = static_cast<int>(block.thread()), threads = static_cast<int>(block.threads());
  const int wide = threads < quarter ? threads : quarter,
            high = threads / wide * task < Tile::rows ? threads / wide * task : Tile::rows;
  for (int r0 = 0; r0 < f.rows; r0 += high)
    for (int c0 = 0; c0 < quarter && c0 < f.columns; c0 += wide) {
      const int r = r0 + thread / wide * task, c = c0 + thread % wide;
      const bool works = thread / wide * task < high && r < f.rows && c < f.columns;
      Sum all[task][task] = {}, sum[task][task] = {};
      for (std::int64_t k0 = begin; k0 < end; k0 += depth) {
        block.sync();  // what was staged has been read
        for (int e = thread; e < high * depth; e += threads) {
          const int k = e % depth, row = e / depth;
          xs[k * Tile::pitch + row] = k0 + k < end ? f.left(f.row(r0 + row), f.step(k0 + k)) : Sum(0);
        }
        for (int e = thread; e < wide * task * depth; e += threads) {
          const int k = F::right_along_steps ? e % depth : e / (wide * task),
                    i = F::right_along_steps ? e / depth : e % (wide * task);
          const int column = c0 + i % wide + i / wide * quarter;
          ys[k * Tile::pitch + column] = k0 + k < end ? f.right(f.step(k0 + k), f.column(column)) : Sum(0);
        }
        block.sync();
        if (!works) continue;
        for (int k = 0; k < depth; ++k) {
          Sum a[task], b[task];
          for (int i = 0; i < task; ++i) a[i] = xs[k * Tile::pitch + r - r0 + i];
          for (int j = 0; j < task; ++j) b[j] = ys[k * Tile::pitch + c + j * quarter];
          for (int i = 0; i < task; ++i)
            for (int j = 0; j < task; ++j) add_product(sum[i][j], a[i], b[j]);
        }
        if ((k0 - begin) % Tile::run != Tile::run - depth) continue;
        for (int i = 0; i < task; ++i)
          for (int j = 0; j < task; ++j) all[i][j] = all[i][j] + sum[i][j], sum[i][j] = Sum(0);
      }
      if (!works) continue;
      for (int i = 0; i < task; ++i)
        for (int j = 0; j < task; ++j)
          if (r + i < f.rows && c + j * quarter < f.columns)
            f.store(r + i, c + j * quarter, all[i][j] + sum[i][j]);
    }
}

}  // namespace taper::inline TAPER_CODE::detail
