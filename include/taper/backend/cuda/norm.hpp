// SPDX-License-Identifier: MIT
// The passes of a batch norm on a device: moments and sums per channel, and the affine map.
#pragma once

#include <taper/backend/cpu/norm.hpp>
#include <taper/backend/cuda/lines.hpp>
#include <taper/backend/cuda/map.hpp>

namespace taper::inline TAPER_CODE::detail {

/// A vector of one number per channel; without data `otherwise` stands for each.
template <class T>
struct PerChannel {
  T* data = nullptr;
  std::int64_t stride = 1;

  PerChannel() = default;
  explicit PerChannel(const TensorRecord* r) {
    if (r) data = reinterpret_cast<T*>(r->data), stride = r->strides[0];
  }
  TAPER_INLINE TAPER_HD compute_t<T> at(std::int64_t c, compute_t<T> otherwise) const {
    return data ? static_cast<compute_t<T>>(data[c * stride]) : otherwise;
  }
};

/// (x - mean)^2. Operands: elements, channels.
template <class T>
struct ChannelDistance {
  static constexpr int operands = 2;
  using C = compute_t<T>;
  const T* x;
  const C* mean;
  template <class Index>
  TAPER_INLINE TAPER_HD C operator()(const Index* at) const {
    const C d = static_cast<C>(x[at[0]]) - mean[at[1]];
    return d * d;
  }
};
template <class T>
struct ChannelElement {
  static constexpr int operands = 2;
  const T* x;
  template <class Index>
  TAPER_INLINE TAPER_HD compute_t<T> operator()(const Index* at) const {
    return static_cast<compute_t<T>>(x[at[0]]);
  }
};
/// g and g (x - mean).
template <class T>
struct ChannelCovariance {
  static constexpr int operands = 2;
  using C = compute_t<T>;
  const T *g, *x;
  const C* mean;
  template <class Index>
  TAPER_INLINE TAPER_HD TwoSums operator()(const Index* at) const {
    const C up = static_cast<C>(g[at[0]]);
    return {up, up * (static_cast<C>(x[at[0]]) - mean[at[1]])};
  }
};

/// A moment of a channel; the running one, where there is one, moves towards factor times it.
template <class T>
struct StoreMoment {
  using C = compute_t<T>;
  C* out;
  double count;
  bool inverse;  // 1 / sqrt(moment + eps) is kept
  double eps;
  PerChannel<C> running;
  double momentum, factor;

  TAPER_INLINE TAPER_HD void operator()(std::int64_t c, double sum) const {
    const C now = static_cast<C>(sum / count);
    if (running.data) {
      C& r = running.data[c * running.stride];
      r = static_cast<C>((1 - momentum) * static_cast<double>(r) + momentum * factor * static_cast<double>(now));
    }
    out[c] = inverse ? static_cast<C>(1 / math::sqrt(static_cast<double>(now) + eps)) : now;
  }
};

/// The statistics of a batch norm outside training.
template <class T>
struct RunningStatsKernel {
  using C = compute_t<T>;
  PerChannel<C> running_mean, running_var;
  double eps;
  C *mean, *inverse;
  TAPER_HD void operator()(std::int64_t c) const {
    mean[c] = running_mean.at(c, C(0));
    inverse[c] = static_cast<C>(1 / math::sqrt(static_cast<double>(running_var.at(c, C(1))) + eps));
  }
};

/// y = a (x - mean) + c of a batch norm.
template <class T>
struct NormMapKernel {
  using C = compute_t<T>;
  PerChannel<T> weight, bias;
  const C* inverse;
  C *a, *c;
  TAPER_HD void operator()(std::int64_t k) const {
    a[k] = inverse[k] * weight.at(k, C(1));
    c[k] = bias.at(k, C(0));
  }
};
/// dx = a (x - mean) + b g + c, and the gradients of weight and bias, from a channel's sums.
template <class T>
struct StoreNormGradient {
  using C = compute_t<T>;
  PerChannel<T> weight;
  const C* inverse;
  double count;
  bool training;
  C *a, *b, *c;
  T *dw, *db;

  TAPER_INLINE TAPER_HD void operator()(std::int64_t k, const TwoSums& sums) const {
    const C sum = static_cast<C>(sums.a), covariance = static_cast<C>(sums.b), share = C(1) / static_cast<C>(count);
    b[k] = inverse[k] * weight.at(k, C(1));
    a[k] = training ? -b[k] * inverse[k] * inverse[k] * covariance * share : C(0);
    c[k] = training ? -b[k] * sum * share : C(0);
    if (dw) dw[k] = static_cast<T>(covariance * inverse[k]);
    if (db) db[k] = static_cast<T>(sum);
  }
};

/// y = (x - mean) a + c, + b g where there is one. Operands: x, y, mean, a, c, then g, b.
template <class T, bool Gradient, int N, class Index>
struct AffineKernel {
  static constexpr int operands = Gradient ? 7 : 5;
  using C = compute_t<T>;
  KernelOperands<operands, Index> at;

  template <class U>
  TAPER_INLINE TAPER_HD Packet<U, N> operand(int k, const Index* offset, int n) const {
    return load_packet<U, N>(at.data[k], offset[k], at.side_by_side(k), n);
  }
  TAPER_HD void operator()(std::int64_t packet) const {
    const Index first = static_cast<Index>(packet) * N;
    Index offset[operands] = {};
    at.offsets.add(first, offset);
    const int n = at.elements - first < Index(N) ? static_cast<int>(at.elements - first) : N;
    const auto x = operand<T>(0, offset, n);
    const auto mean = operand<C>(2, offset, n), a = operand<C>(3, offset, n), c = operand<C>(4, offset, n);
    Packet<T, N> g{};
    Packet<C, N> b{};
    if constexpr (Gradient) g = operand<T>(5, offset, n), b = operand<C>(6, offset, n);
    Packet<T, N> y;
    for (int i = 0; i < N; ++i) {
      C v = (static_cast<C>(x.lane[i]) - mean.lane[i]) * a.lane[i] + c.lane[i];
      if constexpr (Gradient) v += static_cast<C>(g.lane[i]) * b.lane[i];
      y.lane[i] = static_cast<T>(v);
    }
    store_packet(at.data[1], offset[1], y, n);
  }
};
template <class T, bool Gradient>
struct MakeAffine {
  template <int N, class Index>
  AffineKernel<T, Gradient, N, Index> operator()(const KernelOperands<Gradient ? 7 : 5, Index>& at) const {
    return {at};
  }
};

template <class D>
struct DeviceNorms {
  using System = typename D::System;

  /// mean[c] and 1 / sqrt(var[c] + eps) of the channels of x (n, c, inner), moved into the running ones (null where
  /// there are none).
  template <class T>
  static void channel_moments(const Channels& s, const T* x, double eps, compute_t<T>* mean, compute_t<T>* inverse,
                              const TensorRecord* running_mean, const TensorRecord* running_var, double momentum) {
    using C = compute_t<T>;
    const double count = static_cast<double>(s.count());
    DeviceOperand operands[] = {elements(s, x), channels(mean)};
    const DeviceJob job = job_of(s, operands);
    device_reduce<D, SumReducer<C>>(job, reduced, ChannelElement<T>{x},
                                    StoreMoment<T>{mean, count, false, 0, PerChannel<C>(running_mean), momentum, 1});
    // The running variance is the unbiased one.
    device_reduce<D, SumReducer<C>>(
        job, reduced, ChannelDistance<T>{x, mean},
        StoreMoment<T>{inverse, count, true, eps, PerChannel<C>(running_var), momentum, count / (count - 1)});
  }
  template <class T>
  static void running_stats(std::int64_t channels, const TensorRecord* mean, const TensorRecord* var, double eps,
                            compute_t<T>* out_mean, compute_t<T>* inverse) {
    if (channels > 0)
      System::for_each(channels,
                       RunningStatsKernel<T>{PerChannel<compute_t<T>>(mean), PerChannel<compute_t<T>>(var), eps, out_mean, inverse});
  }
  /// y = (x - mean[c]) inverse[c] weight[c] + bias[c]; weight and bias may be null.
  template <class T>
  static void batch_norm(const Channels& s, const T* x, const compute_t<T>* mean, const compute_t<T>* inverse,
                         const TensorRecord* weight, const TensorRecord* bias, T* y) {
    using C = compute_t<T>;
    if (s.c == 0) return;
    const std::size_t bytes = static_cast<std::size_t>(2 * s.c) * sizeof(C);
    C *a = static_cast<C*>(D::allocate(bytes)), *c = a + s.c;
    System::for_each(s.c, NormMapKernel<T>{PerChannel<T>(weight), PerChannel<T>(bias), inverse, a, c});
    DeviceOperand operands[] = {elements(s, x), elements(s, y), channels(mean), channels(a), channels(c)};
    constexpr std::size_t sizes[] = {sizeof(T), sizeof(T), sizeof(C), sizeof(C), sizeof(C)};
    launch_map<System, 5, 16 / sizeof(C)>(job_of(s, operands), sizes, MakeAffine<T, false>());
    D::deallocate(a, bytes);
  }
  /// Its gradients; dx, dw and db may be null.
  template <class T>
  static void batch_norm_backward(const Channels& s, const T* g, const T* x, const compute_t<T>* mean,
                                  const compute_t<T>* inverse, const TensorRecord* weight, bool training, T* dx, T* dw,
                                  T* db) {
    using C = compute_t<T>;
    if (s.c == 0) return;
    const std::size_t bytes = static_cast<std::size_t>(3 * s.c) * sizeof(C);
    C *a = static_cast<C*>(D::allocate(bytes)), *b = a + s.c, *c = b + s.c;
    DeviceOperand sums[] = {elements(s, x), channels(mean)};
    device_reduce<D, TwoSumsReducer>(job_of(s, sums), reduced, ChannelCovariance<T>{g, x, mean},
                                     StoreNormGradient<T>{PerChannel<T>(weight), inverse,
                                                          static_cast<double>(s.count()), training, a, b, c, dw, db});
    if (dx) {
      DeviceOperand operands[] = {elements(s, x), elements(s, dx), channels(mean), channels(a),
                                  channels(c),    elements(s, g),  channels(b)};
      constexpr std::size_t sizes[] = {sizeof(T), sizeof(T), sizeof(C), sizeof(C), sizeof(C), sizeof(T), sizeof(C)};
      launch_map<System, 7, 16 / sizeof(C)>(job_of(s, operands), sizes, MakeAffine<T, true>());
    }
    D::deallocate(a, bytes);
  }

 private:
  static constexpr std::uint32_t reduced = 0b101;  // of (n, c, inner)

  static DeviceJob job_of(const Channels& s, DeviceOperand* operands) {
    return {nullptr, Shape{s.n, s.c, s.inner}, operands};
  }
  template <class T>
  static DeviceOperand elements(const Channels& s, const T* x) {
    return {bytes_of(x), Strides{s.c * s.inner, s.inner, 1}};
  }
  template <class C>
  static DeviceOperand channels(const C* x) {
    return {bytes_of(x), Strides{0, 1, 0}};
  }
  template <class T>
  static std::byte* bytes_of(const T* x) {
    return reinterpret_cast<std::byte*>(const_cast<T*>(x));
  }
};

}  // namespace taper::inline TAPER_CODE::detail
