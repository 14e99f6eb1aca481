// SPDX-License-Identifier: MIT
// Softmax and log-softmax along an axis on a device, and their gradients.
#pragma once

#include <taper/backend/cuda/lines.hpp>

namespace taper::inline TAPER_CODE::detail {

template <bool Log, class T>
struct SoftmaxKernel {
  Lines lines;
  const T* x;
  T* y;

  template <class Block>
  TAPER_HD void operator()(const Block& block, std::int64_t line) const {
    using C = compute_t<T>;
    const T* from = x + lines.first(line);
    T* to = y + lines.first(line);
    const C maximum = line_maximum(block, lines, from), sum = line_exponentials(block, lines, from, maximum);
    const C log_sum = Log ? math::log(sum) : C(0);
    for (std::int64_t k = block.thread(); k < lines.n; k += block.threads()) {
      const C v = static_cast<C>(from[k * lines.inner]) - maximum;
      to[k * lines.inner] = static_cast<T>(Log ? v - log_sum : math::exp(v) / sum);
    }
  }
};

/// y (g - sum g y), or g - exp(y) sum g.
template <bool Log, class T>
struct SoftmaxBackwardKernel {
  Lines lines;
  const T *y, *g;
  T* dx;

  template <class Block>
  TAPER_HD void operator()(const Block& block, std::int64_t line) const {
    using C = compute_t<T>;
    const std::int64_t first = lines.first(line);
    wide_t<C> part(0);
    for (std::int64_t k = block.thread(); k < lines.n; k += block.threads()) {
      const std::int64_t at = first + k * lines.inner;
      part += Log ? static_cast<C>(g[at]) : static_cast<C>(g[at]) * static_cast<C>(y[at]);
    }
    const C sum = static_cast<C>(block.template reduce<SumReducer<C>>(part));
    for (std::int64_t k = block.thread(); k < lines.n; k += block.threads()) {
      const std::int64_t at = first + k * lines.inner;
      const C up = static_cast<C>(g[at]), out = static_cast<C>(y[at]);
      dx[at] = static_cast<T>(Log ? up - math::exp(out) * sum : out * (up - sum));
    }
  }
};

template <class D>
struct DeviceSoftmax {
  /// As the host's functions of these names, over dense (outer, n, inner).
  template <bool Log, class T>
  static void softmax(std::int64_t outer, std::int64_t n, std::int64_t inner, const T* x, T* y) {
    const Lines lines{outer, n, inner};
    for_each_line<D>(lines, SoftmaxKernel<Log, T>{lines, x, y});
  }
  template <bool Log, class T>
  static void softmax_backward(std::int64_t outer, std::int64_t n, std::int64_t inner, const T* y, const T* g, T* dx) {
    const Lines lines{outer, n, inner};
    for_each_line<D>(lines, SoftmaxBackwardKernel<Log, T>{lines, y, g, dx});
  }
};

}  // namespace taper::inline TAPER_CODE::detail
