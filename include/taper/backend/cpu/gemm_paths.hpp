// SPDX-License-Identifier: MIT
// How a matrix product of float or double is run: which operands are packed, and how C is cut into tasks.
#pragma once

#include <taper/backend/cpu/epilogue.hpp>
#include <taper/backend/cpu/gemm_dot.hpp>
#include <taper/backend/cpu/gemm_kernel.hpp>
#include <taper/backend/cpu/gemm_pack.hpp>
#include <taper/backend/cpu/gemm_product.hpp>
#include <taper/core/parallel.hpp>
#include <taper/config.hpp>

namespace taper::inline TAPER_CODE::detail::tiles {

template <class T>
struct Problem {
  Index m, n, k;
  const T* a;
  Index a_row, a_column;
  const T* b;
  Index b_row, b_column;
  T* c;
  Index c_row;
  bool accumulate;
  const T* bias = nullptr;  // of each row of C; B has unit column stride then
  Finish<T> finish{};
};

/// Multiply-adds of a product that is not worth cutting.
inline constexpr Index serial_work = Index{1} << 18;

/// The longest block of k: a strip of B stays in the first-level cache.
template <class T>
inline constexpr Index k_block = 2048 / static_cast<Index>(sizeof(T));

/// How C is cut into tasks. Sizes decide, never the number of threads.
struct Grid {
  Index rows, columns;  // of a task
  Index down, across;   // tasks

  Grid(Index m, Index n, Index task_rows, Index task_columns)
      : rows(task_rows), columns(task_columns), down((m + rows - 1) / rows), across((n + columns - 1) / columns) {}
  /// Tasks of at least `least_rows` by `least_columns`, in whole tiles, and of little more than `most_rows` by
  /// `most_columns`. Rows are cut first, or what is longer.
  Grid(Index m, Index n, Index k, Index tile_rows, Index tile_columns, Index least_rows, Index least_columns, bool rows_first,
       Index most_rows = 120, Index most_columns = 1024)
      : rows(m), columns(n) {
    constexpr Index enough = 16;
    const auto count = [&] { return ((m + rows - 1) / rows) * ((n + columns - 1) / columns); };
    const auto halve = [](Index& size, Index tile) { size = ((size + 1) / 2 + tile - 1) / tile * tile; };
    if (const Index parts = (m + most_rows - 1) / most_rows; parts > 1)
      rows = ((m + parts - 1) / parts + tile_rows - 1) / tile_rows * tile_rows;
    if (columns > most_columns) columns = most_columns;
    while (count() < enough && rows * columns * k >= serial_work) {
      const bool can_rows = rows >= 2 * least_rows, can_columns = columns >= 2 * least_columns;
      if (can_rows && (rows_first || !can_columns || rows * least_columns >= columns * least_rows)) halve(rows, tile_rows);
      else if (can_columns) halve(columns, tile_columns);
      else break;
    }
    down = (m + rows - 1) / rows;
    across = (n + columns - 1) / columns;
  }
};

inline Index at_most(Index x, Index limit) { return x < limit ? x : limit; }

/// A block of C.
struct Area {
  Index row, rows, column, columns;
};

/// f(area) for every task of the grid, each of which then is a part of the result from column `first` on.
template <class F, class T = char>
void for_tasks(const Grid& grid, Index m, Index n, const F& f, const Finish<T>& finish = {}, Index first = 0) {
  parallel_for(grid.down * grid.across, 1, [&](Index begin, Index end) {
    for (Index t = begin; t < end; ++t) {
      const Index i = t % grid.down * grid.rows, j = t / grid.down * grid.columns;
      const Area area{i, at_most(grid.rows, m - i), j, at_most(grid.columns, n - j)};
      f(area);
      finish(area.row, area.rows, first + area.column, area.columns);
    }
  });
}

/// k cut into nearly equal blocks.
struct KBlocks {
  Index k, count, size;
  KBlocks(Index all, Index most) : k(all), count((k + most - 1) / most), size((k + count - 1) / count) {}
  Index begin(Index block) const { return block * size; }
  Index length(Index block) const { return at_most(size, k - block * size); }
};

/// The bias joins the first block of k.
template <class T>
const T* bias(const Problem<T>& g, Index row, Index block) {
  return g.bias && block == 0 ? g.bias + row : nullptr;
}

/// Elements of B that stay in the second-level cache.
template <class T>
inline constexpr Index cached = (Index{1} << 18) / static_cast<Index>(sizeof(T));

/// B is read where it lies: it has unit column stride and fits in the second-level cache, or is used once or twice.
template <class T, class A>
void direct_product(const Problem<T>& g) {
  using R = Tile<T, A>;
  const KBlocks blocks(g.k, k_block<T>);
  const bool large = g.k * g.n > cached<T>;
  const Grid grid(g.m, g.n, g.k, R::rows, R::columns, large ? g.m : R::rows * 4, R::columns, false);
  const Index end = (g.k - 1) * g.b_row + g.n;
  for_tasks(grid, g.m, g.n, [&](const Area& area) {
    const auto [i, rows, j, columns] = area;
    for (Index q = 0; q < blocks.count; ++q) {
      const Index p = blocks.begin(q), shift = p * g.b_row + j;
      product<T, A>(rows, columns, blocks.length(q),
                           {g.a + i * g.a_row + p * g.a_column, g.a_row, g.a_column, nullptr, false, bias(g, i, q)},
                           {g.b + shift, g.b_row, 0, end - shift}, g.c + i * g.c_row + j, g.c_row, g.accumulate || q > 0);
    }
  }, g.finish);
}

/// Rows that a strip of B is copied for: with a block of k, they stay in the second-level cache.
inline constexpr Index strip_rows = 512;
/// Rows of B that lie a multiple of this far apart share few places of a cache: a strip would push itself out.
inline constexpr Index aliasing_bytes = 4096;

/// Each strip of B is copied by the task that uses it, for many rows of A: the copy never leaves the second-level cache. A is
/// copied before, where its layout asks for it.
template <class T, class A>
void strip_product(const Problem<T>& g) {
  using R = Tile<T, A>;
  const KBlocks blocks(g.k, k_block<T>);
  const bool pack = g.a_column != 1;
  const Scratch<T> packed(pack ? g.m * g.k : 0);
  const auto left = [&](Index row, Index block) {
    const Index p = blocks.begin(block);
    return pack ? Left<T>{packed.data() + p * g.m + row * blocks.length(block), 0, 0, nullptr, true, bias(g, row, block)}
                : Left<T>{g.a + row * g.a_row + p * g.a_column, g.a_row, g.a_column, nullptr, false, bias(g, row, block)};
  };
  if (pack)
    for_tasks({g.m, blocks.count, 10 * R::rows, 1}, g.m, blocks.count, [&](const Area& area) {
      const Index p = blocks.begin(area.column), kc = blocks.length(area.column);
      pack_left<T, A>(g.a + area.row * g.a_row + p * g.a_column, g.a_row, g.a_column, area.rows, kc,
                      packed.data() + p * g.m + area.row * kc);
    });
  const Grid grid(g.m, g.n, g.k, R::rows, R::columns, strip_rows / 2, R::columns, false, strip_rows, R::columns * 4);
  for_tasks(grid, g.m, g.n, [&](const Area& area) {
    const auto [i, rows, j, columns] = area;
    const Scratch<T> strip(blocks.size * R::columns);
    for (Index q = 0; q < blocks.count; ++q)
      for (Index s = j; s < j + columns; s += R::columns) {
        const Index kc = blocks.length(q), width = at_most(R::columns, j + columns - s);
        pack_strip<T, A>(g.b + blocks.begin(q) * g.b_row + s * g.b_column, g.b_row, g.b_column, kc, width, strip.data());
        product<T, A>(rows, width, kc, left(i, q), {strip.data(), R::columns}, g.c + i * g.c_row + s, g.c_row, g.accumulate || q > 0);
      }
  }, g.finish);
}

/// Rows of A against columns of B that are contiguous along k; `a` has unit column stride.
template <class T, class A>
void dot_tasks(const Problem<T>& g) {
  if (g.m * g.n * g.k <= serial_work && g.n * g.k <= 4096) {
    dot_product<T, A>(g.m, g.n, {g.k, g.a, g.a_row, g.b, g.b_column, g.c, g.c_row, 1, g.accumulate});
    return g.finish(0, g.m, 0, g.n);
  }
  const Grid grid(g.m, g.n, g.k, 3, 4, 24, 32, false);
  for_tasks(grid, g.m, g.n, [&](const Area& area) {
    const auto [i, rows, j, columns] = area;
    // Blocks of columns that stay in the first-level cache while all rows pass.
    const Index block = at_most(columns, g.k >= 1024 ? 4 : 4096 / g.k / 4 * 4);
    for (Index q = 0; q < columns; q += block)
      dot_product<T, A>(rows, at_most(block, columns - q),
                        {g.k, g.a + i * g.a_row, g.a_row, g.b + (j + q) * g.b_column, g.b_column,
                         g.c + i * g.c_row + j + q, g.c_row, 1, g.accumulate});
  }, g.finish);
}

/// B is packed once for all tasks, block of columns after block; A where its layout asks for it.
template <class T, class A>
void packed_product(const Problem<T>& g) {
  using R = Tile<T, A>;
  const KBlocks blocks(g.k, k_block<T>);
  const Index strips_at_once = at_most((g.n + R::columns - 1) / R::columns, 1 + (Index{1} << 21) / (g.k * R::columns));
  const Index most = strips_at_once * R::columns;
  const Scratch<T> packed(g.k * most);
  for (Index first = 0; first < g.n; first += most) {
    const Index n = at_most(most, g.n - first), strips = (n + R::columns - 1) / R::columns, width = strips * R::columns;
    for_tasks({blocks.count, strips, 1, 8}, blocks.count, strips, [&](const Area& area) {
      const Index p = blocks.begin(area.row), kc = blocks.length(area.row);
      for (Index s = area.column; s < area.column + area.columns; ++s)
        pack_strip<T, A>(g.b + p * g.b_row + (first + s * R::columns) * g.b_column, g.b_row, g.b_column, kc,
                         at_most(R::columns, n - s * R::columns), packed.data() + p * width + s * kc * R::columns);
    });
    const Grid grid(g.m, n, g.k, R::rows, R::columns, R::rows * 4, R::columns * (g.a_column == 1 ? 2 : 8), true);
    for_tasks(grid, g.m, n, [&](const Area& area) {
      const auto [i, rows, j, columns] = area;
      const bool pack = g.a_column != 1 && columns >= 8 * R::columns;
      const Scratch<T> left(pack ? rows * blocks.size : 0);
      for (Index q = 0; q < blocks.count; ++q) {
        const Index p = blocks.begin(q), kc = blocks.length(q);
        Left<T> from{g.a + i * g.a_row + p * g.a_column, g.a_row, g.a_column};
        if (pack) {
          pack_left<T, A>(from.data, g.a_row, g.a_column, rows, kc, left.data());
          from = {left.data(), 0, 0, nullptr, true};
        }
        from.bias = bias(g, i, q);
        product<T, A>(rows, columns, kc, from, {packed.data() + p * width + j * kc, R::columns, kc * R::columns},
                             g.c + i * g.c_row + first + j, g.c_row, g.accumulate || q > 0);
      }
    }, g.finish, first);
  }
}

/// A copy of rows x columns elements with unit column stride.
template <class T, class A>
TAPER_KERNEL void copy_rows(const T* from, Index row, Index column, Index rows, Index columns, T* to) {
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) *to++ = from[i * row + j * column];
}

/// Tiles would leave lanes empty, dot products do not: the rows pay for a copy of B's columns, and also for handing
/// it to other threads where these take part.
template <class T, class A>
bool few_columns(Index m, Index n, Index k) {
  constexpr Index lanes = Tile<T, A>::lanes;
  return 4 * n <= 3 * lanes && k >= 4 * lanes && m >= 24 && (m >= 192 || m * n * k <= serial_work);
}

/// C = or += A B by the path that its sizes and strides ask for.
template <class T, class A>
void multiply(Problem<T> g) {
  using R = Tile<T, A>;
  constexpr Index small = 1024;
  if (g.n == 1 && g.m > 1) {
    if (g.finish.epilogue) {
      const Finish<T> finish = g.finish;
      g.finish = {};
      multiply<T, A>(g);
      return finish.all(g.m);
    }
    if (g.a_column != 1 && g.a_row == 1 && g.c_row == 1) {  // C^T = B^T A^T
      return multiply<T, A>({1, g.m, g.k, g.b, 1, g.b_row, g.a, g.a_column, 1, g.c, g.m, g.accumulate});
    }
    if (g.a_column == 1 && g.k >= R::lanes) {  // a vector times the rows of A
      if (g.b_row == 1) {
        const Grid grid(1, g.m, g.k, 1, 4, 1, 64, false);
        return for_tasks(grid, 1, g.m, [&](const Area& area) {
          dot_product<T, A>(1, area.columns,
                            {g.k, g.b, 0, g.a + area.column * g.a_row, g.a_row, g.c + area.column * g.c_row, 0, g.c_row,
                             g.accumulate});
        });
      }
      const Scratch<T> copy(g.k);
      copy_rows<T, A>(g.b, g.b_row, 1, g.k, 1, copy.data());
      g.b = copy.data(), g.b_row = 1;
      return multiply<T, A>(g);
    }
    g.b_column = 1;
  }
  if (g.k == 1) g.b_row = g.n;
  const bool rows_of_b = g.b_column == 1 && g.b_row > 0;
  if (rows_of_b && g.a_column == 1 && few_columns<T, A>(g.m, g.n, g.k)) {
    const Scratch<T> copy(g.n * g.k);
    copy_rows<T, A>(g.b, 1, g.b_row, g.n, g.k, copy.data());
    g.b = copy.data(), g.b_row = 1, g.b_column = g.k;
    return dot_tasks<T, A>(g);
  }
  constexpr Index few = R::vectors == 4 ? 120 : 64;  // rows of A; narrow strips of a large B lie badly for the caches
  const Index row_bytes = g.b_row * static_cast<Index>(sizeof(T));
  const bool large = g.k * g.n > cached<T>, aliasing = row_bytes % aliasing_bytes == 0;
  // Vectors across two cache lines cost less than a copy where few rows of A meet them, or B is narrower than a tile.
  const bool split = g.m > few && g.n >= R::columns && row_bytes % A::vector_bytes != 0 && g.k * g.n > small;
  if (rows_of_b && !split && (!large || (g.m <= few && (!aliasing || g.m <= 2 * R::rows)))) return direct_product<T, A>(g);
  if (!rows_of_b && g.b_row == 1 && g.k >= R::lanes && g.m <= 64) {
    if (g.a_column == 1) return dot_tasks<T, A>(g);
    if (g.m <= g.n) {
      const Scratch<T> copy(g.m * g.k);
      copy_rows<T, A>(g.a, g.a_row, g.a_column, g.m, g.k, copy.data());
      g.a = copy.data(), g.a_row = g.k, g.a_column = 1;
      return dot_tasks<T, A>(g);
    }
  }
  if (g.k * g.n <= small) {
    alignas(64) T copy[small];
    copy_rows<T, A>(g.b, g.b_row, g.b_column, g.k, g.n, copy);
    g.b = copy, g.b_row = g.n, g.b_column = 1;
    return direct_product<T, A>(g);
  }
  if (large && g.m <= 2 * strip_rows && (g.m <= few || g.k * g.n >= 4 * cached<T>))
    return strip_product<T, A>(g);
  packed_product<T, A>(g);
}

}  // namespace taper::inline TAPER_CODE::detail::tiles
