// SPDX-License-Identifier: MIT
// The matrix product of bfloat16 where the processor multiplies pairs of them (AVX512_BF16): two terms in the time of one float's.
#pragma once

#include <taper/backend/cpu/gemm_paths.hpp>
#include <taper/core/half.hpp>

#if TAPER_HAS_AVX512BF16

#if TAPER_NVCC
#pragma nv_diagnostic push
#pragma nv_diag_suppress 1675  // the unroll pragmas are for the host compiler, and reach it
#endif

namespace taper::inline TAPER_CODE::detail::tiles {

using Pair = std::uint32_t;  // two terms that follow each other along k
typedef Pair PairVector __attribute__((vector_size(64)));
typedef float FloatVector __attribute__((vector_size(64)));

inline constexpr Index pair_columns = 64;

/// A tile of C (Rows x 16 Vectors, in float) = or += its pairs of A (k x Rows) times those of B (k x pair_columns).
/// Denormal terms count as zero, as the instruction has it.
template <class A, int Rows, int Vectors>
TAPER_KERNEL [[gnu::noinline]] void pair_kernel(Index k, const Pair* a, const Pair* b, float* c, Index c_row, bool accumulate) {
  FloatVector sum[Rows][Vectors];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 16
    for (int j = 0; j < Vectors; ++j) sum[i][j] = accumulate ? load<FloatVector>(c + i * c_row + j * 16) : FloatVector{};
  for (Index p = 0; p < k; ++p, a += Rows, b += pair_columns) {
    PairVector right[Vectors];
#pragma GCC unroll 16
    for (int j = 0; j < Vectors; ++j) right[j] = load<PairVector>(b + j * 16);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const PairVector left = PairVector{} + a[i];
#pragma GCC unroll 16
      for (int j = 0; j < Vectors; ++j) asm("vdpbf16ps %2, %1, %0" : "+v"(sum[i][j]) : "v"(right[j]), "v"(left));
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 16
    for (int j = 0; j < Vectors; ++j) store(c + i * c_row + j * 16, sum[i][j]);
}

template <class A>
void pair_tile(Index rows, bool narrow, Index k, const Pair* a, const Pair* b, float* c, Index c_row, bool accumulate) {
  const auto run = [&]<int Rows> {
    if (narrow) pair_kernel<A, Rows, 1>(k, a, b, c, c_row, accumulate);
    else pair_kernel<A, Rows, 4>(k, a, b, c, c_row, accumulate);
  };
  switch (rows) {
    case 1: return run.template operator()<1>();
    case 2: return run.template operator()<2>();
    case 3: return run.template operator()<3>();
    case 4: return run.template operator()<4>();
    default: return run.template operator()<6>();
  }
}

TAPER_INLINE Pair pair_of(const bfloat16* first, Index step, bool two) {
  std::uint16_t low, high = 0;
  __builtin_memcpy(&low, first, 2);
  if (two) __builtin_memcpy(&high, first + step, 2);
  return low | static_cast<Pair>(high) << 16;
}

/// Rows of A, tile after tile, each k pairs of its rows.
template <class A>
TAPER_KERNEL [[gnu::noinline]] void pack_pairs_left(const bfloat16* a, Index row, Index column, Index m, Index k, Pair* to) {
  const RowTiles tiles(m);
  for (Index t = 0; t < tiles.count; ++t) {
    const Index rows = tiles.rows(t);
    Index p = 0;
    if (rows == 6 && column == 1)  // pairs lie in memory as they are packed
      for (; p + 1 < k; p += 2, to += 6)
#pragma GCC unroll 6
        for (Index i = 0; i < 6; ++i) __builtin_memcpy(to + i, a + i * row + p, sizeof(Pair));
    for (; p < k; p += 2)
      for (Index i = 0; i < rows; ++i) *to++ = pair_of(a + i * row + p * column, column, p + 1 < k);
    a += rows * row;
  }
}

/// One strip of B (k x columns) as pairs; zeros fill up the strip.
template <class A>
TAPER_KERNEL [[gnu::noinline]] void pack_pairs_right(const bfloat16* b, Index row, Index column, Index k, Index columns, Pair* to) {
  if (column == 1) {
    for (Index p = 0; p < k; p += 2, to += pair_columns) {
      std::uint16_t low[pair_columns] = {}, high[pair_columns] = {};
      __builtin_memcpy(low, b + p * row, static_cast<std::size_t>(2 * columns));
      if (p + 1 < k) __builtin_memcpy(high, b + (p + 1) * row, static_cast<std::size_t>(2 * columns));
      for (Index j = 0; j < pair_columns; ++j) to[j] = low[j] | static_cast<Pair>(high[j]) << 16;
    }
    return;
  }
  const Index whole = row == 1 ? k / 32 * 32 : 0;  // here too: blocks of 16 by 16 pairs are turned
  for (Index j = 0; j < pair_columns; j += 16) {
    const Index valid = columns - j < 16 ? columns - j : 16;
    for (Index p = 0; p < whole; p += 32) {
      alignas(64) float words[16][16] = {};
      for (Index i = 0; i < valid; ++i) __builtin_memcpy(words[i], b + (j + i) * column + p, 64);
      transpose_block<float, A>(words[0], 16, 16, reinterpret_cast<float*>(words), 16);
      for (Index i = 0; i < 16; ++i) __builtin_memcpy(to + (p / 2 + i) * pair_columns + j, words[i], 64);
    }
    for (Index p = whole; p < k; p += 2)
      for (Index i = 0; i < 16; ++i) to[p / 2 * pair_columns + j + i] = i < valid ? pair_of(b + p * row + (j + i) * column, row, p + 1 < k) : 0;
  }
}

/// C (rows of `columns`) = or += sums, rounded to nearest.
template <class A>
TAPER_KERNEL [[gnu::noinline]] void store_rounded(const float* sums, Index sums_row, Index rows, Index columns, bfloat16* c, Index c_row, bool accumulate) {
  typedef std::uint16_t Rounded __attribute__((vector_size(32)));
  for (Index i = 0; i < rows; ++i, sums += sums_row, c += c_row) {
    Index j = 0;
    for (; !accumulate && j + 16 <= columns; j += 16) {
      Rounded out;
      asm("vcvtneps2bf16 %1, %0" : "=v"(out) : "v"(load<FloatVector>(sums + j)));
      __builtin_memcpy(static_cast<void*>(c + j), &out, sizeof out);
    }
    for (; j < columns; ++j) c[j] = static_cast<bfloat16>(accumulate ? static_cast<float>(c[j]) + sums[j] : sums[j]);
  }
}

template <class A>
void pair_product(const Problem<bfloat16>& g) {
  const Index pairs = (g.k + 1) / 2, strips = (g.n + pair_columns - 1) / pair_columns;
  const Grid grid(g.m, g.n, g.k, 6, pair_columns, 24, pair_columns, false);
  const Scratch<Pair> left(g.m * pairs), right(strips * pairs * pair_columns);
  parallel_for(strips + grid.down, 1 + (Index{1} << 13) / (pairs * pair_columns), [&](Index begin, Index end) {
    for (Index u = begin; u < end; ++u) {
      const Index row = (u - strips) * grid.rows, column = u * pair_columns;
      if (u >= strips) pack_pairs_left<A>(g.a + row * g.a_row, g.a_row, g.a_column, at_most(grid.rows, g.m - row), g.k, left.data() + row * pairs);
      else pack_pairs_right<A>(g.b + column * g.b_column, g.b_row, g.b_column, g.k, at_most(pair_columns, g.n - column), right.data() + column * pairs);
    }
  });
  constexpr Index most_pairs = 256;
  for_tasks(grid, g.m, g.n, [&](const Area& area) {
    const Index width = (area.columns + pair_columns - 1) / pair_columns * pair_columns;
    const Scratch<float> sums(area.rows * width);
    const RowTiles tiles(area.rows);
    for (Index p = 0; p < pairs; p += most_pairs)
      for (Index j = 0; j < area.columns; j += pair_columns) {
        const Pair* b = right.data() + (area.column + j) * pairs + p * pair_columns;
        for (Index t = 0, i = 0; t < tiles.count; i += tiles.rows(t++))
          pair_tile<A>(tiles.rows(t), area.columns - j <= 16, at_most(most_pairs, pairs - p), left.data() + (area.row + i) * pairs + p * tiles.rows(t), b,
                       sums.data() + i * width + j, width, p > 0);
      }
    store_rounded<A>(sums.data(), width, area.rows, area.columns, g.c + area.row * g.c_row + area.column, g.c_row, g.accumulate);
  }, g.finish);
}

}  // namespace taper::inline TAPER_CODE::detail::tiles

#if TAPER_NVCC
#pragma nv_diagnostic pop
#endif

#endif  // TAPER_HAS_AVX512BF16
