// SPDX-License-Identifier: MIT
// Softmax and log-softmax of dense (outer, n, inner) along n, and their gradients: exponentials are taken once.
#pragma once

#include <taper/backend/cpu/lanes.hpp>
#include <taper/core/parallel.hpp>

#include <limits>

namespace taper::inline TAPER_CODE::detail {
namespace softmaxing {

using namespace lanes;

/// The maximum of a row, and the sum of exp(x - maximum); with Store the exponentials go to e.
template <bool Store, class T, class A>
TAPER_KERNEL void row_exponentials(const T* x, std::int64_t n, T* e, compute_t<T>& maximum, compute_t<T>& sum) {
  using V = PackFor<T, A>;
  constexpr auto low = -std::numeric_limits<compute_t<T>>::infinity();
  V top(low);
  for (std::int64_t i = 0; i < n; i += pack_lanes) top = math::max(top, load_some<V>(x + i, n - i, low));
  maximum = max_of_lanes(top);
  V total(0);
  const V shift(maximum);
  for (std::int64_t i = 0; i < n;) {
    const std::int64_t end = i + block * pack_lanes < n ? i + block * pack_lanes : n;
    V part(0);
    for (; i < end; i += pack_lanes) {
      const V v = math::exp(load_some<V>(x + i, n - i, low) - shift);
      if constexpr (Store) store_some(e + i, n - i, v);
      part = part + v;
    }
    total = total + part;
  }
  sum = sum_of_lanes(total);
}

template <bool Log, class T, class A>
TAPER_KERNEL void rows(std::int64_t m, std::int64_t n, const T* x, T* y) {
  using V = PackFor<T, A>;
  for (std::int64_t r = 0; r < m; ++r, x += n, y += n) {
    compute_t<T> maximum, sum;
    // 16-bit floats keep no exponentials: they would be rounded twice.
    constexpr bool keep = !Log && sizeof(T) == sizeof(compute_t<T>);
    row_exponentials<keep, T, A>(x, n, y, maximum, sum);
    const V shift(maximum), log_sum(math::log(sum)), divisor(sum);
    for (std::int64_t i = 0; i < n; i += pack_lanes) {
      if constexpr (Log) store_some(y + i, n - i, (load_some<V>(x + i, n - i, 0) - shift) - log_sum);
      else if constexpr (keep) store_some(y + i, n - i, load_some<V>(y + i, n - i, 0) / divisor);
      else store_some(y + i, n - i, math::exp(load_some<V>(x + i, n - i, 0) - shift) / divisor);
    }
  }
}

/// The same down the columns of (n, inner), a pack of columns at once.
template <bool Log, class T, class A>
TAPER_KERNEL void columns(std::int64_t n, std::int64_t inner, const T* x, T* y) {
  using V = PackFor<T, A>;
  for (std::int64_t j = 0; j < inner; j += pack_lanes) {
    const std::int64_t left = inner - j;
    V top(-std::numeric_limits<compute_t<T>>::infinity()), sum(0);
    for (std::int64_t k = 0; k < n; ++k) top = math::max(top, load_some<V>(x + k * inner + j, left, 0));
    for (std::int64_t k = 0; k < n;) {
      const std::int64_t end = k + block < n ? k + block : n;
      V part(0);
      for (; k < end; ++k) part = part + math::exp(load_some<V>(x + k * inner + j, left, 0) - top);
      sum = sum + part;
    }
    if constexpr (Log) sum = math::log(sum);
    for (std::int64_t k = 0; k < n; ++k) {
      const V v = load_some<V>(x + k * inner + j, left, 0) - top;
      if constexpr (Log) store_some(y + k * inner + j, left, v - sum);
      else store_some(y + k * inner + j, left, math::exp(v) / sum);
    }
  }
}

/// Gradients: y (g - sum g y), or g - exp(y) sum g.
template <bool Log, class T, class A>
TAPER_KERNEL void rows_backward(std::int64_t m, std::int64_t n, const T* y, const T* g, T* dx) {
  using V = PackFor<T, A>;
  for (std::int64_t r = 0; r < m; ++r, y += n, g += n, dx += n) {
    V total(0);
    for (std::int64_t i = 0; i < n; i += pack_lanes) {
      const V v = load_some<V>(g + i, n - i, 0);
      if constexpr (Log) total = total + v;
      else total = total + v * load_some<V>(y + i, n - i, 0);
    }
    const V sum(sum_of_lanes(total));
    for (std::int64_t i = 0; i < n; i += pack_lanes) {
      const V v = load_some<V>(g + i, n - i, 0), out = load_some<V>(y + i, n - i, 0);
      if constexpr (Log) store_some(dx + i, n - i, v - math::exp(out) * sum);
      else store_some(dx + i, n - i, out * (v - sum));
    }
  }
}
template <bool Log, class T, class A>
TAPER_KERNEL void columns_backward(std::int64_t n, std::int64_t inner, const T* y, const T* g, T* dx) {
  using V = PackFor<T, A>;
  for (std::int64_t j = 0; j < inner; j += pack_lanes) {
    const std::int64_t left = inner - j;
    V sum(0);
    for (std::int64_t k = 0; k < n; ++k) {
      const V v = load_some<V>(g + k * inner + j, left, 0);
      if constexpr (Log) sum = sum + v;
      else sum = sum + v * load_some<V>(y + k * inner + j, left, 0);
    }
    for (std::int64_t k = 0; k < n; ++k) {
      const V v = load_some<V>(g + k * inner + j, left, 0), out = load_some<V>(y + k * inner + j, left, 0);
      if constexpr (Log) store_some(dx + k * inner + j, left, v - math::exp(out) * sum);
      else store_some(dx + k * inner + j, left, out * (v - sum));
    }
  }
}

}  // namespace softmaxing

/// y = softmax(x), or its logarithm, along the middle of (outer, n, inner).
template <bool Log, class T, class A = Abi>
void softmax(std::int64_t outer, std::int64_t n, std::int64_t inner, const T* x, T* y) {
  parallel_for(outer, 1 + (1 << 13) / (n * inner + 1), [&](std::int64_t first, std::int64_t last) {
    if (inner == 1) return softmaxing::rows<Log, T, A>(last - first, n, x + first * n, y + first * n);
    for (std::int64_t o = first; o < last; ++o) softmaxing::columns<Log, T, A>(n, inner, x + o * n * inner, y + o * n * inner);
  });
}

/// dx from the result y and its gradient g.
template <bool Log, class T, class A = Abi>
void softmax_backward(std::int64_t outer, std::int64_t n, std::int64_t inner, const T* y, const T* g, T* dx) {
  parallel_for(outer, 1 + (1 << 14) / (n * inner + 1), [&](std::int64_t first, std::int64_t last) {
    const std::int64_t at = first * n * inner;
    if (inner == 1) return softmaxing::rows_backward<Log, T, A>(last - first, n, y + at, g + at, dx + at);
    for (std::int64_t o = first; o < last; ++o)
      softmaxing::columns_backward<Log, T, A>(n, inner, y + o * n * inner, g + o * n * inner, dx + o * n * inner);
  });
}

}  // namespace taper::inline TAPER_CODE::detail
