// SPDX-License-Identifier: MIT
// Loops over the rows of a dense matrix that several structural ops share: a row repeated, a row added, rows summed.
#pragma once

#include <taper/core/parallel.hpp>
#include <taper/expr/math.hpp>

namespace taper::inline TAPER_CODE::detail {

/// Every row of y (m, n) set to `row`.
template <class T, class A = Abi>
TAPER_KERNEL void fill_rows(std::int64_t m, std::int64_t n, const T* row, T* y) {
  for (std::int64_t i = 0; i < m; ++i) __builtin_memcpy(static_cast<void*>(y + i * n), row, static_cast<std::size_t>(n) * sizeof(T));
}

/// Every row of y (m rows of n, `pitch` apart) += `row`.
template <class T, class A = Abi>
TAPER_KERNEL [[gnu::noinline]] void add_rows(std::int64_t m, std::int64_t n, std::int64_t pitch, const T* row, T* y) {
  using V = Pack<T, pack_lanes, A>;
  for (std::int64_t i = 0; i < m; ++i, y += pitch) {
    std::int64_t k = 0;
    for (; k + pack_lanes <= n; k += pack_lanes) store(y + k, load<V>(y + k) + load<V>(row + k));
    for (; k < n; ++k) y[k] += row[k];
  }
}

/// y[i] (of n elements) += x[i % c] for blocks i of a tensor of m blocks: a bias per channel. Not inlined into callers, which carry no ABI tag.
template <class T, class A = Abi>
TAPER_KERNEL [[gnu::noinline]] void add_channels(std::int64_t m, std::int64_t c, std::int64_t n, const T* x, T* y) {
  using C = compute_t<T>;
  for (std::int64_t i = 0; i < m; ++i, y += n) {
    const C value = static_cast<C>(x[i % c]);
    std::int64_t k = 0;
    if constexpr (Floating<T>) {
      using V = Pack<C, pack_lanes, A>;
      for (; k + pack_lanes <= n; k += pack_lanes) store(y + k, load<V>(y + k) + V(value));
    }
    for (; k < n; ++k) y[k] = static_cast<T>(static_cast<C>(y[k]) + value);
  }
}

/// sums (n) = or += the sum of the rows of x (m, n): blocks of 32 rows are summed apart, which is more exact.
template <class T, class A = Abi>
TAPER_KERNEL void sum_rows(std::int64_t m, std::int64_t n, const T* x, T* sums, bool accumulate) {
  using C = compute_t<T>;
  if (m == 1 && !accumulate) return fill_rows<T, A>(1, n, x, sums);
  constexpr std::int64_t block = 32;
  std::int64_t j = 0;
  if constexpr (Floating<T>) {
    using V = Pack<C, pack_lanes, A>;
    for (; j + pack_lanes <= n; j += pack_lanes) {
      V total(0);
      for (std::int64_t i0 = 0; i0 < m; i0 += block) {
        const std::int64_t end = i0 + block < m ? i0 + block : m;
        V part(0);
        for (std::int64_t i = i0; i < end; ++i) part = part + load<V>(x + i * n + j);
        total = total + part;
      }
      store(sums + j, accumulate ? load<V>(sums + j) + total : total);
    }
  }
  for (; j < n; ++j) {
    C total(0);
    for (std::int64_t i0 = 0; i0 < m; i0 += block) {
      const std::int64_t end = i0 + block < m ? i0 + block : m;
      C part(0);
      for (std::int64_t i = i0; i < end; ++i) part += static_cast<C>(x[i * n + j]);
      total += part;
    }
    sums[j] = static_cast<T>(accumulate ? static_cast<C>(sums[j]) + total : total);
  }
}

}  // namespace taper::inline TAPER_CODE::detail
