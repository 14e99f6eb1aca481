// SPDX-License-Identifier: MIT
// The rows of a layer norm on a device, and their gradients.
#pragma once

#include <taper/backend/cuda/lines.hpp>

namespace taper::inline TAPER_CODE::detail {

/// Keeps each row's mean and 1 / sqrt(var + eps). weight and bias may be null.
template <class T>
struct LayerNormKernel {
  using C = compute_t<T>;
  std::int64_t n;
  double eps;
  const T *x, *weight, *bias;
  C *mean, *inverse;
  T* y;

  template <class Block>
  TAPER_HD void operator()(const Block& block, std::int64_t row) const {
    using R = SumReducer<C>;
    const T* from = x + row * n;
    wide_t<C> sum(0), squares(0);
    for (std::int64_t k = block.thread(); k < n; k += block.threads()) sum += static_cast<C>(from[k]);
    const C m = static_cast<C>(block.template reduce<R>(sum) / static_cast<double>(n));
    for (std::int64_t k = block.thread(); k < n; k += block.threads()) {
      const C d = static_cast<C>(from[k]) - m;
      squares += d * d;
    }
    const C var = static_cast<C>(block.template reduce<R>(squares) / static_cast<double>(n));
    const C scale = C(1) / math::sqrt(var + static_cast<C>(eps));
    if (block.thread() == 0) mean[row] = m, inverse[row] = scale;
    for (std::int64_t k = block.thread(); k < n; k += block.threads()) {
      C v = (static_cast<C>(from[k]) - m) * scale;
      if (weight) v *= static_cast<C>(weight[k]);
      if (bias) v += static_cast<C>(bias[k]);
      y[row * n + k] = static_cast<T>(v);
    }
  }
};

/// dx of a row.
template <class T>
struct LayerNormBackwardKernel {
  using C = compute_t<T>;
  std::int64_t n;
  const T *g, *x, *weight;
  const C *mean, *inverse;
  T* dx;

  TAPER_INLINE TAPER_HD C up(std::int64_t row, std::int64_t k) const {
    const C v = static_cast<C>(g[row * n + k]);
    return weight ? v * static_cast<C>(weight[k]) : v;
  }
  template <class Block>
  TAPER_HD void operator()(const Block& block, std::int64_t row) const {
    const C m = mean[row], scale = inverse[row];
    TwoSums sums;
    for (std::int64_t k = block.thread(); k < n; k += block.threads()) {
      const C v = up(row, k);
      sums.a += v;
      sums.b += v * ((static_cast<C>(x[row * n + k]) - m) * scale);
    }
    sums = block.template reduce<TwoSumsReducer>(sums);
    const C plain = static_cast<C>(sums.a / static_cast<double>(n)),
            along = static_cast<C>(sums.b / static_cast<double>(n));
    for (std::int64_t k = block.thread(); k < n; k += block.threads()) {
      const C normal = (static_cast<C>(x[row * n + k]) - m) * scale;
      dx[row * n + k] = static_cast<T>((up(row, k) - plain - normal * along) * scale);
    }
  }
};

/// What the gradients of weight and bias sum down the columns. Operands: elements, rows.
template <class T>
struct LayerNormColumn {
  static constexpr int operands = 2;
  using C = compute_t<T>;
  const T *g, *x;
  const C *mean, *inverse;
  template <class Index>
  TAPER_INLINE TAPER_HD TwoSums operator()(const Index* at) const {
    const C up = static_cast<C>(g[at[0]]);
    return {up, up * ((static_cast<C>(x[at[0]]) - mean[at[1]]) * inverse[at[1]])};
  }
};
template <class T>
struct StoreLayerNormColumn {
  T *dw, *db;
  TAPER_INLINE TAPER_HD void operator()(std::int64_t k, const TwoSums& sums) const {
    if (db) db[k] = static_cast<T>(static_cast<compute_t<T>>(sums.a));
    if (dw) dw[k] = static_cast<T>(static_cast<compute_t<T>>(sums.b));
  }
};

template <class D>
struct DeviceLayerNorm {
  /// As the host's functions of these names, over the rows of dense (m, n).
  template <class T>
  static void layer_norm_rows(std::int64_t m, std::int64_t n, double eps, const T* x, const T* weight, const T* bias,
                              compute_t<T>* mean, compute_t<T>* inverse, T* y) {
    for_each_line<D>({m, n, 1}, LayerNormKernel<T>{n, eps, x, weight, bias, mean, inverse, y});
  }
  template <class T>
  static void layer_norm_rows_backward(std::int64_t m, std::int64_t n, const T* g, const T* x, const T* weight,
                                       const compute_t<T>* mean, const compute_t<T>* inverse, T* dx, T* dw, T* db) {
    if (dx) for_each_line<D>({m, n, 1}, LayerNormBackwardKernel<T>{n, g, x, weight, mean, inverse, dx});
    if (!dw && !db) return;
    auto* any = reinterpret_cast<std::byte*>(dw ? dw : db);  // operands are there; the kernel knows where
    DeviceOperand operands[] = {{any, Strides{n, 1}}, {any, Strides{1, 0}}};
    device_reduce<D, TwoSumsReducer>({nullptr, Shape{m, n}, operands}, 1, LayerNormColumn<T>{g, x, mean, inverse},
                                     StoreLayerNormColumn<T>{dw, db});
  }
};

}  // namespace taper::inline TAPER_CODE::detail
