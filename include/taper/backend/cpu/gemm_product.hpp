// SPDX-License-Identifier: MIT
// A block of the matrix product: register tiles over all rows of A, strip after strip of B.
#pragma once

#include <taper/backend/cpu/gemm_kernel.hpp>
#include <taper/backend/cpu/gemm_pack.hpp>
#include <taper/config.hpp>

#include <cstddef>
#include <cstring>

namespace taper::inline TAPER_CODE::detail::tiles {

/// A, as the tiles read it. `packed`: tile after tile, each k x height. C starts from the bias of its row.
template <class T>
struct Left {
  const T* data;
  Index row, column;
  const Index* rows = nullptr;
  bool packed = false;
  const T* bias = nullptr;
  Index segments = 1, jump = 0;  // along k, for B that is packed or indirect
};

/// B, as the tiles read it: unit stride along a row. Strips of a tile's columns lie `strip` apart (packed), or side by
/// side (strip 0). No element at or past `end` (an offset from data) is read; -1: there is slack behind it.
template <class T>
struct Right {
  const T* data;
  Index row;
  Index strip = 0;
  Index end = -1;
  const Index* rows = nullptr;
};

/// C (m x n) = or += A (m x k) B (k x n), tile by tile: a strip of B stays in the first-level cache under all rows of
/// A.
template <class T, class A>
TAPER_KERNEL [[gnu::noinline]] void product(Index m, Index n, Index k, const Left<T>& left, const Right<T>& right, T* c,
                                            Index c_row, bool accumulate) {
  using R = Tile<T, A>;
  const RowTiles tiles(m);
  // Rows that a tile would read past the end of B: less than two tiles' width, and a tile's width of slack.
  alignas(64) T tail[3 * R::columns];
  TileArgs<T> args;
  args.a_row = left.packed ? 1 : left.row;
  args.b_rows = right.rows;
  args.b_tail = tail;
  args.c_row = c_row;
  args.accumulate = accumulate;
  args.a_jump = left.jump;
  for (Index j = 0; j < n;) {
    Index columns = n - j;
    if (right.strip && columns > R::columns) columns = R::columns;
    // Tiles of all heights have the same width, the first one's: only a single tile may be wider.
    Kernel<T> kernel = choose_kernel<T, A>(tiles.rows(0), columns);
    if (columns > kernel.width) columns = kernel.width;
    args.columns = static_cast<int>(columns);
    args.b = right.strip ? right.data + j / R::columns * right.strip : right.data + j;
    args.b_row = right.rows ? 0 : right.row;
    args.k = k;
    args.tail = 0;
    args.segments = left.segments;
    if (!right.rows && right.end >= 0 && (k - 1) * right.row + j + kernel.width > right.end) {
      const Index room = right.end - j - kernel.width;
      args.k = room < 0 ? 0 : room / right.row + 1;
      args.tail = k - args.k;
      args.segments = 2;
      std::memcpy(tail, args.b + args.k * right.row,
                  static_cast<std::size_t>((args.tail - 1) * right.row + columns) * sizeof(T));
    }
    for (Index t = 0, i = 0; t < tiles.count; ++t) {
      const Index rows = tiles.rows(t);
      if (t > 0 && rows != tiles.rows(t - 1)) kernel = choose_kernel<T, A>(rows, columns);
      args.a = left.packed ? left.data + i * k : left.rows ? left.data : left.data + i * left.row;
      args.a_column = left.packed ? rows : left.column;
      args.bias = left.bias ? left.bias + i : nullptr;
      args.a_rows = left.rows ? left.rows + i : nullptr;
      args.c = c + i * c_row + j;
      kernel.run(args);
      i += rows;
    }
    j += columns;
  }
}

}  // namespace taper::inline TAPER_CODE::detail::tiles
