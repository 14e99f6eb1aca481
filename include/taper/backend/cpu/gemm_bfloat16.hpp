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
typedef std::uint16_t HalfVector __attribute__((vector_size(32)));
typedef float FloatVector __attribute__((vector_size(64)));

inline constexpr Index pair_columns = 64;

// Not by load and store, which convert where expressions are about.
TAPER_INLINE Pair load_pair(const bfloat16* from) {
  Pair pair;
  __builtin_memcpy(&pair, from, sizeof pair);
  return pair;
}
TAPER_INLINE PairVector widen(const bfloat16* from) {
  HalfVector halves;
  __builtin_memcpy(&halves, from, sizeof halves);
  return __builtin_convertvector(halves, PairVector);
}

/// Pairs of A: tile rows lie `row` elements apart, pairs that follow each other along k `step`.
struct PairsOfA {
  const bfloat16* data;
  Index row, step;
};

/// A tile of C (Rows x 16 Vectors, in float) = or += k pairs of A times those of B (k x pair_columns).
/// Denormal terms count as zero, as the instruction has it.
template <class A, int Rows, int Vectors>
TAPER_KERNEL [[gnu::noinline]] void pair_kernel(Index k, const PairsOfA& left, const Pair* b, float* c, bool accumulate) {
  FloatVector sum[Rows][Vectors];
  const bfloat16* a[Rows];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
    a[i] = left.data + i * left.row;
#pragma GCC unroll 16
    for (int j = 0; j < Vectors; ++j) sum[i][j] = accumulate ? load<FloatVector>(c + i * pair_columns + j * 16) : FloatVector{};
  }
  const Index step = left.step;
  for (Index p = 0, at = 0; p < k; ++p, at += step, b += pair_columns) {
    PairVector right[Vectors];
#pragma GCC unroll 16
    for (int j = 0; j < Vectors; ++j) right[j] = load<PairVector>(b + j * 16);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const PairVector pair = PairVector{} + load_pair(a[i] + at);
#pragma GCC unroll 16
      for (int j = 0; j < Vectors; ++j) asm("vdpbf16ps %2, %1, %0" : "+v"(sum[i][j]) : "v"(right[j]), "v"(pair));
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 16
    for (int j = 0; j < Vectors; ++j) store(c + i * pair_columns + j * 16, sum[i][j]);
}

template <class A>
void pair_tile(Index rows, bool narrow, Index k, const PairsOfA& a, const Pair* b, float* c, bool accumulate) {
  const auto run = [&]<int Rows> {
    if (narrow) pair_kernel<A, Rows, 1>(k, a, b, c, accumulate);
    else pair_kernel<A, Rows, 4>(k, a, b, c, accumulate);
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

/// A matrix (k x columns) as pairs along k, `width` apart: a multiple of 16. What fills up the last 16 is never used.
template <class A>
TAPER_KERNEL [[gnu::noinline]] void pack_pairs(const bfloat16* from, Index row, Index column, Index k, Index columns, Pair* to, Index width) {
  for (Index j = 0; j < columns; j += 16, to += 16) {
    const Index valid = at_most(16, columns - j), missing = 16 - valid;
    const bfloat16* first = from + j * column;
    Index p = 0;
    if (column == 1 && row > 0)  // 16 elements of all rows but those whose 16 would pass the end
      for (const Index whole = k - (missing + row - 1) / row; p + 1 < whole; p += 2)
        store(to + p / 2 * width, widen(first + p * row) | widen(first + (p + 1) * row) << 16);
    if (row == 1)  // pairs lie in memory as they are packed: blocks of 16 by 16 are turned
      for (; p + 32 <= k; p += 32) {
        alignas(64) float words[16][16];
        for (Index i = 0; i < valid; ++i) __builtin_memcpy(words[i], first + i * column + p, 64);
        transpose_block<float, A>(words[0], 16, valid, words[0], 16);
        for (Index i = 0; i < 16; ++i) __builtin_memcpy(to + (p / 2 + i) * width, words[i], 64);
      }
    for (; p < k; p += 2)
      for (Index i = 0; i < valid; ++i) {
        const bfloat16* x = first + p * row + i * column;
        to[p / 2 * width + i] = row == 1 && p + 1 < k ? load_pair(x) : pair_of(x, row, p + 1 < k);
      }
  }
}

/// C (rows of `columns`) = or += sums, rounded to nearest.
template <class A>
TAPER_KERNEL [[gnu::noinline]] void store_rounded(const float* sums, Index rows, Index columns, bfloat16* c, Index c_row, bool accumulate) {
  for (Index i = 0; i < rows; ++i, sums += pair_columns, c += c_row)
    for (Index j = 0; j < columns; j += 16) {
      const auto bytes = static_cast<std::size_t>(2 * (columns - j));
      FloatVector sum = load<FloatVector>(sums + j);
      bfloat16 before[16] = {};
      if (accumulate) {
        __builtin_memcpy(static_cast<void*>(before), c + j, bytes < 32 ? bytes : 32);
        sum += reinterpret_cast<FloatVector>(widen(before) << 16);
      }
      HalfVector out;
      asm("vcvtneps2bf16 %1, %0" : "=v"(out) : "v"(sum));
      if (bytes >= 32) __builtin_memcpy(static_cast<void*>(c + j), &out, sizeof out);
      else __builtin_memcpy(static_cast<void*>(c + j), &out, bytes);
    }
}

/// A is read where it lies, if its pairs do. B is packed for all, or by the task that alone needs it: what one thread
/// wrote comes slowly to another.
template <class A>
void pair_product(const Problem<bfloat16>& g) {
  constexpr Index most = 512, few = 120;  // of k at once; of rows for one task
  const Index pairs = (g.k + 1) / 2, strips = (g.n + pair_columns - 1) / pair_columns;
  const Index padded = (g.m + 15) / 16 * 16;
  const bool pairs_lie = g.a_column == 1 && g.k % 2 == 0, shared = g.m > few;
  const Grid grid(g.m, g.n, g.k, 6, pair_columns, 36, pair_columns, false);
  const Scratch<Pair> left(pairs_lie ? 0 : padded * pairs), right(shared ? strips * pairs * pair_columns : 0);
  const auto pack_right = [&](Index column, Index p, Index k, Pair* to) {
    pack_pairs<A>(g.b + p * g.b_row + column * g.b_column, g.b_row, g.b_column, k, at_most(pair_columns, g.n - column), to, pair_columns);
  };
  const Index packs_right = shared ? strips : 0, packs_left = pairs_lie ? 0 : (g.m + pair_columns - 1) / pair_columns;
  parallel_for(packs_right + packs_left, 1 + (Index{1} << 14) / (pairs * pair_columns), [&](Index begin, Index end) {
    for (Index u = begin; u < end; ++u)
      if (u < packs_right) {
        pack_right(u * pair_columns, 0, g.k, right.data() + u * pair_columns * pairs);
      } else {
        const Index row = (u - packs_right) * pair_columns;
        pack_pairs<A>(g.a + row * g.a_row, g.a_column, g.a_row, g.k, at_most(pair_columns, g.m - row), left.data() + row, padded);
      }
  });
  const PairsOfA a = pairs_lie ? PairsOfA{g.a, g.a_row, 2} : PairsOfA{reinterpret_cast<const bfloat16*>(left.data()), 2, 2 * padded};
  for_tasks(grid, g.m, g.n, [&](const Area& area) {
    const RowTiles tiles(area.rows);
    const Scratch<Pair> strip(shared ? 0 : (at_most(most, g.k) + 1) / 2 * pair_columns);
    const Scratch<float> sums(area.rows * pair_columns);
    for (Index j = area.column, last = j + area.columns; j < last; j += pair_columns) {
      const Index columns = at_most(pair_columns, last - j);
      for (Index p = 0; p < g.k; p += most) {
        const Index k = at_most(most, g.k - p);
        const Pair* b = shared ? right.data() + j * pairs + p / 2 * pair_columns : strip.data();
        if (!shared) pack_right(j, p, k, strip.data());
        for (Index t = 0, i = 0; t < tiles.count; i += tiles.rows(t++))
          pair_tile<A>(tiles.rows(t), columns <= 16, (k + 1) / 2, {a.data + (area.row + i) * a.row + p / 2 * a.step, a.row, a.step}, b,
                       sums.data() + i * pair_columns, p > 0);
      }
      store_rounded<A>(sums.data(), area.rows, columns, g.c + area.row * g.c_row + j, g.c_row, g.accumulate);
    }
  }, g.finish);
}

}  // namespace taper::inline TAPER_CODE::detail::tiles

#if TAPER_NVCC
#pragma nv_diagnostic pop
#endif

#endif  // TAPER_HAS_AVX512BF16
