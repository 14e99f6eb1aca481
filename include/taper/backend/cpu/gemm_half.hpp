// SPDX-License-Identifier: MIT
// The matrix product of 16-bit floats: every task makes floats of its operands, once, and rounds its sums once.
#pragma once

#include <taper/backend/cpu/gemm_paths.hpp>
#include <taper/backend/cpu/lanes.hpp>
#include <taper/config.hpp>

namespace taper::inline TAPER_CODE::detail::tiles {

/// to = rows x columns elements as floats, rows `pitch` apart.
template <class T, class A>
TAPER_KERNEL [[gnu::noinline]] void to_floats(const T* from, Index row, Index column, Index rows, Index columns,
                                              float* to, Index pitch) {
  using V = lanes::PackFor<T, A>;
  for (Index i = 0; i < rows; ++i, from += row, to += pitch) {
    Index j = 0;
    if (column == 1 && columns >= pack_lanes)
      for (; j < columns; j += pack_lanes) {
        if (j + pack_lanes > columns) j = columns - pack_lanes;
        store(to + j, load<V>(from + j));
      }
    for (; j < columns; ++j) to[j] = static_cast<float>(from[j * column]);
  }
}

/// C = or += sums, rounded to nearest.
template <class T, class A>
TAPER_KERNEL [[gnu::noinline]] void round_sums(const float* sums, Index rows, Index columns, T* c, Index c_row,
                                               bool accumulate) {
  using V = lanes::PackFor<T, A>;
  for (Index i = 0; i < rows; ++i, sums += columns, c += c_row)
    for (Index j = 0; j < columns; j += pack_lanes) {
      V sum = lanes::load_some<V>(sums + j, columns - j, 0.0f);
      if (accumulate) sum = sum + lanes::load_some<V>(c + j, columns - j, 0.0f);
      lanes::store_some(c + j, columns - j, sum);
    }
}

/// Strips of B for Problem g as floats.
template <class T, class A>
struct HalfStrips {
  using R = Tile<float, A>;
  const Problem<T>& g;
  bool turned = g.b_row == 1 && g.b_column != 1;
  Index pitch = KBlocks(g.k, k_block<float>).size + R::lanes;  // of columns that lie in memory; no power of two
  Index room = turned ? pitch * R::columns : pack_lanes;       // to work in; it lies before a strip that is not turned

  /// `width` columns from j on, which lie one after the other.
  void columns(Index p, Index k, Index j, Index width, float* to) const {
    to_floats<T, A>(g.b + p + j * g.b_column, g.b_column, 1, width, k, to, pitch);
  }
  /// The same as k rows of a tile's width. There are columns before the first.
  void rows(Index p, Index k, Index j, Index width, bool inner, float* work, float* strip) const {
    if (turned) {
      columns(p, k, j, width, work);
      return pack_strip<float, A>(work, 1, pitch, k, width, strip);
    }
    // A narrow strip brings columns of the one before it, into what is free at the end of its rows.
    const Index more = inner && g.b_column == 1 && width < pack_lanes ? pack_lanes - width : 0;
    to_floats<T, A>(g.b + p * g.b_row + (j - more) * g.b_column, g.b_row, g.b_column, k, width + more, strip - more,
                    R::columns);
  }
};

/// Columns of B that have to be turned into rows are so once for all tasks, as many as fit the cache.
template <class T, class A>
void half_product(const Problem<T>& g) {
  using R = Tile<float, A>;
  constexpr Index few = 64, most_shared = Index{1} << 21;
  const KBlocks blocks(g.k, k_block<float>);
  const HalfStrips<T, A> b{g};
  const bool a_turned = g.a_row == 1 && g.a_column != 1, shared = b.turned && g.m > 2 * few,
             dot = b.turned && !a_turned && g.m <= few;
  const Index most =
      shared ? at_most((g.n + R::columns - 1) / R::columns, 1 + most_shared / (g.k * R::columns)) * R::columns : g.n;
  const Scratch<float> packed(shared ? g.k * most : 0);
  for (Index first = 0; first < g.n; first += most) {
    const Index n = at_most(most, g.n - first), strips = (n + R::columns - 1) / R::columns, whole = strips * R::columns;
    if (shared)
      for_tasks({blocks.count, strips, 1, 4}, blocks.count, strips, [&](const Area& area) {
        const Index p = blocks.begin(area.row), kc = blocks.length(area.row);
        const Scratch<float> work(b.room);
        for (Index s = area.column; s < area.column + area.columns; ++s)
          b.rows(p, kc, first + s * R::columns, at_most(R::columns, n - s * R::columns), false, work.data(),
                 packed.data() + p * whole + s * kc * R::columns);
      });
    const Grid grid(g.m, n, g.k, R::rows, R::columns, R::rows * 4, R::columns, false);
    const Index height = at_most(grid.rows, g.m), across = at_most(grid.columns, n);
    for_tasks(
        grid, g.m, n,
        [&](const Area& area) {
          const auto [i, rows, j, columns] = area;
          const Scratch<float> memory(height * (blocks.size + across) + b.room +
                                      (shared ? 0 : blocks.size * R::columns));
          float *const left = memory.data(), *const sums = left + height * blocks.size,
                       *const work = sums + height * across, *const strip = work + b.room;
          for (Index q = 0; q < blocks.count; ++q) {
            const Index p = blocks.begin(q), kc = blocks.length(q);
            const T* const a = g.a + i * g.a_row + p * g.a_column;
            if (a_turned)
              to_floats<T, A>(a, g.a_column, 1, kc, rows, left, rows);
            else
              to_floats<T, A>(a, g.a_row, g.a_column, rows, kc, left, kc);
            for (Index s = 0; s < columns; s += R::columns) {
              const Index width = at_most(R::columns, columns - s);
              if (dot && kc >= R::lanes) {
                b.columns(p, kc, j + s, width, work);
                dot_product<float, A>(rows, width, {kc, left, kc, work, b.pitch, sums + s, columns, 1, q > 0});
                continue;
              }
              if (!shared) b.rows(p, kc, j + s, width, s > 0, work, strip);
              const float* const right =
                  shared ? packed.data() + p * whole + (j + s) / R::columns * kc * R::columns : strip;
              product<float, A>(rows, width, kc, {left, a_turned ? 1 : kc, a_turned ? rows : 1},
                                {right, R::columns, kc * R::columns}, sums + s, columns, q > 0);
            }
          }
          round_sums<T, A>(sums, rows, columns, g.c + i * g.c_row + first + j, g.c_row, g.accumulate);
        },
        g.finish, first);
  }
}

}  // namespace taper::inline TAPER_CODE::detail::tiles
