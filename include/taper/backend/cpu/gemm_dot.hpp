// SPDX-License-Identifier: MIT
// Matrix product of rows with rows (A times the transpose of a row-major B): dot products along k, nothing is packed.
#pragma once

#include <taper/backend/cpu/gemm_kernel.hpp>
#include <taper/backend/cpu/gemm_pack.hpp>
#include <taper/config.hpp>

#if TAPER_NVCC
#pragma nv_diagnostic push
#pragma nv_diag_suppress 1675  // the unroll pragmas are for the host compiler, and reach it
#endif

namespace taper::inline TAPER_CODE::detail::tiles {

/// Rows of A and of B, both with unit stride along k.
template <class T>
struct DotArgs {
  Index k;  // at least one vector
  const T* a;
  Index a_row;
  const T* b;
  Index b_row;
  T* c;
  Index c_row, c_column;
  bool accumulate;
};

// The even or the odd ones of every four lanes of x, then of y.
template <int Lanes, int Odd>
struct FoursOf {
  static constexpr int at(int lane) { return (lane & ~3) + (lane & 1) * 2 + Odd + (lane & 2 ? Lanes : 0); }
};
// {x0+x1, x2+x3, y0+y1, y2+y3, ...}.
template <class T, class V>
TAPER_INLINE V add_neighbours(const V& x, const V& y) {
  constexpr int lanes = sizeof(V) / sizeof(T);
  return shuffle<FoursOf<lanes, 0>, T>(x, y) + shuffle<FoursOf<lanes, 1>, T>(x, y);
}

// out[i] = the sum of the lanes of v[i], for four vectors.
template <class T, class V>
TAPER_INLINE void sum_lanes(const V& v0, const V& v1, const V& v2, const V& v3, T* out) {
  constexpr int lanes = sizeof(V) / sizeof(T);
  if constexpr (lanes == 2) {
    const T sums[4] = {v0[0] + v0[1], v1[0] + v1[1], v2[0] + v2[1], v3[0] + v3[1]};
    __builtin_memcpy(out, sums, sizeof sums);
  } else {
    const V s = add_neighbours<T>(add_neighbours<T>(v0, v1), add_neighbours<T>(v2, v3));
    if constexpr (lanes == 4)
      store(out, s);
    else if constexpr (lanes == 8)
      store(out, __builtin_shufflevector(s, s, 0, 1, 2, 3) + __builtin_shufflevector(s, s, 4, 5, 6, 7));
    else
      store(out, (__builtin_shufflevector(s, s, 0, 1, 2, 3) + __builtin_shufflevector(s, s, 4, 5, 6, 7)) +
                     (__builtin_shufflevector(s, s, 8, 9, 10, 11) + __builtin_shufflevector(s, s, 12, 13, 14, 15)));
  }
}

template <class T, class A, int Rows, int Columns>
TAPER_KERNEL [[gnu::noinline]] void dot_kernel(const DotArgs<T>& args) {
  using V = typename Native<T, A::vector_bytes>::type;
  constexpr int lanes = Tile<T, A>::lanes;
  V sum[Rows][Columns];
  const T *a[Rows], *b[Columns];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
    a[i] = args.a + i * args.a_row;
#pragma GCC unroll 16
    for (int j = 0; j < Columns; ++j) sum[i][j] = V{};
  }
#pragma GCC unroll 16
  for (int j = 0; j < Columns; ++j) b[j] = args.b + j * args.b_row;
  const Index whole = args.k / lanes * lanes;
#pragma GCC unroll 2
  for (Index p = 0; p < whole; p += lanes) {
    V left[Rows];
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) left[i] = load<V>(a[i] + p);
#pragma GCC unroll 16
    for (int j = 0; j < Columns; ++j) {
      const V right = load<V>(b[j] + p);
#pragma GCC unroll 16
      for (int i = 0; i < Rows; ++i) sum[i][j] += left[i] * right;
    }
  }
  if (whole != args.k) {
    // The last vector overlaps the one before it. Lanes already summed become zero on both sides: zero times infinity
    // would be NaN.
    using Mask = decltype(V{} == V{});
    Mask keep;
#pragma GCC unroll 64
    for (int l = 0; l < lanes; ++l) keep[l] = l >= lanes - static_cast<int>(args.k - whole) ? -1 : 0;
    const Index p = args.k - lanes;
    V left[Rows];
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) left[i] = keep ? load<V>(a[i] + p) : V{};
#pragma GCC unroll 16
    for (int j = 0; j < Columns; ++j) {
      const V right = keep ? load<V>(b[j] + p) : V{};
#pragma GCC unroll 16
      for (int i = 0; i < Rows; ++i) sum[i][j] += left[i] * right;
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < Columns; j += 4) {
      constexpr int last = Columns - 1, count = Columns < 4 ? Columns : 4;
      T four[4];
      sum_lanes<T>(sum[i][j], sum[i][j < last ? j + 1 : last], sum[i][j + 1 < last ? j + 2 : last],
                   sum[i][j + 2 < last ? j + 3 : last], four);
      T* c = args.c + i * args.c_row + j * args.c_column;
      if (count == 4 && args.c_column == 1 && !args.accumulate) {
        __builtin_memcpy(c, four, sizeof four);
        continue;
      }
#pragma GCC unroll 4
      for (int q = 0; q < count; ++q) c[q * args.c_column] = args.accumulate ? c[q * args.c_column] + four[q] : four[q];
    }
  }
}

/// C (m x n) = or += A B^T for k of at least one vector.
template <class T, class A>
TAPER_KERNEL [[gnu::noinline]] void dot_product(Index m, Index n, const DotArgs<T>& whole) {
  DotArgs<T> args = whole;
  for (Index i = 0; i < m;) {
    const Index rows = m - i >= 3 ? 3 : 1;
    args.a = whole.a + i * whole.a_row;
    for (Index j = 0; j < n;) {
      const Index columns = rows == 1 && n - j >= 8 ? 8 : n - j >= 4 ? 4 : 1;
      args.b = whole.b + j * whole.b_row;
      args.c = whole.c + i * whole.c_row + j * whole.c_column;
      if (rows == 3)
        columns == 4 ? dot_kernel<T, A, 3, 4>(args) : dot_kernel<T, A, 3, 1>(args);
      else
        columns == 8   ? dot_kernel<T, A, 1, 8>(args)
        : columns == 4 ? dot_kernel<T, A, 1, 4>(args)
                       : dot_kernel<T, A, 1, 1>(args);
      j += columns;
    }
    i += rows;
  }
}

}  // namespace taper::inline TAPER_CODE::detail::tiles

#if TAPER_NVCC
#pragma nv_diagnostic pop
#endif
