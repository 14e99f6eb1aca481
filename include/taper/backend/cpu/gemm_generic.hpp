// SPDX-License-Identifier: MIT
// The matrix product of dtypes without register tiles of their own: integers and complex numbers.
#pragma once

#include <taper/backend/cpu/gemm_kernel.hpp>
#include <taper/backend/cpu/gemm_pack.hpp>
#include <taper/core/parallel.hpp>
#include <taper/config.hpp>
#include <taper/core/half.hpp>

#include <complex>
#include <cstdint>
#include <type_traits>

namespace taper::inline TAPER_CODE::detail::tiles {

template <class T>
inline constexpr bool is_half = std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>;

/// What products of T are summed in: unsigned for integers, which wrap without overflow.
template <class T>
using Compute =
    std::conditional_t<!std::is_integral_v<T>, T, std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>>;

template <class C>
TAPER_INLINE void multiply_add(C& sum, const C& x, const C& y) {
  sum += x * y;
}
// The library's complex product tests every result for NaN.
template <class R>
TAPER_INLINE void multiply_add(std::complex<R>& sum, const std::complex<R>& x, const std::complex<R>& y) {
  sum = {sum.real() + x.real() * y.real() - x.imag() * y.imag(),
         sum.imag() + x.real() * y.imag() + x.imag() * y.real()};
}

/// One block of C: operands are converted to the compute type block by block along k, results once at the end.
template <class P, class T, class A>
TAPER_KERNEL void generic_block(const P& g, Index i0, Index m, Index j0, Index n, Compute<T>* left, Compute<T>* right,
                                Compute<T>* sum, Index most) {
  using C = Compute<T>;
  for (Index i = 0; i < m * n; ++i) sum[i] = C(0);
  for (Index p0 = 0; p0 < g.k; p0 += most) {
    const Index k = g.k - p0 < most ? g.k - p0 : most;
    for (Index i = 0; i < m; ++i)
      for (Index p = 0; p < k; ++p) left[i * k + p] = static_cast<C>(g.a[(i0 + i) * g.a_row + (p0 + p) * g.a_column]);
    for (Index p = 0; p < k; ++p)
      for (Index j = 0; j < n; ++j) right[p * n + j] = static_cast<C>(g.b[(p0 + p) * g.b_row + (j0 + j) * g.b_column]);
    for (Index i = 0; i < m; ++i)
      for (Index p = 0; p < k; ++p) {
        const C x = left[i * k + p];
        for (Index j = 0; j < n; ++j) multiply_add(sum[i * n + j], x, right[p * n + j]);
      }
  }
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < n; ++j) {
      T& to = g.c[(i0 + i) * g.c_row + j0 + j];
      to = static_cast<T>(g.accumulate ? static_cast<C>(to) + sum[i * n + j] : sum[i * n + j]);
    }
}

template <class T, class A, class P>
void generic_product(const P& g) {
  constexpr Index most_m = 96, most_n = 128, most_k = 256, on_stack = 256;
  using C = Compute<T>;
  const Index rows = g.m < most_m ? g.m : most_m, columns = g.n < most_n ? g.n : most_n,
              k = g.k < most_k ? g.k : most_k;
  const Index room = rows * k + k * columns + rows * columns;
  if (room <= on_stack && rows == g.m && columns == g.n && k == g.k) {
    C memory[on_stack];
    return generic_block<P, T, A>(g, 0, g.m, 0, g.n, memory, memory + g.m * g.k, memory + (g.m + g.n) * g.k, g.k);
  }
  const Index down = (g.m + rows - 1) / rows, across = (g.n + columns - 1) / columns;
  parallel_for(down * across, 1, [&](Index begin, Index end) {
    const Scratch<C> memory(room);
    for (Index t = begin; t < end; ++t) {
      const Index i = t % down * rows, j = t / down * columns;
      C *left = memory.data(), *right = left + rows * k, *sum = right + k * columns;
      generic_block<P, T, A>(g, i, g.m - i < rows ? g.m - i : rows, j, g.n - j < columns ? g.n - j : columns, left,
                             right, sum, k);
    }
  });
}

}  // namespace taper::inline TAPER_CODE::detail::tiles
