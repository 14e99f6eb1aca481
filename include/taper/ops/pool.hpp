// SPDX-License-Identifier: MIT
// Max, average and adaptive pooling over one and two dimensions.
#pragma once

#include <taper/backend/cpu/pool.hpp>
#include <taper/ops/activation.hpp>
#include <taper/ops/pair.hpp>
#include <taper/ops/reduction.hpp>
#include <taper/ops/structural.hpp>
#include <taper/ops/view.hpp>

#include <limits>

namespace taper::inline TAPER_CODE {

/// How max_pool1d moves over its input. stride 0 stands for the kernel's size.
struct MaxPool1dFuncOptions {
  std::int64_t stride = 0, padding = 0, dilation = 1;
  bool ceil_mode = false;
};
/// How max_pool2d moves over its input. stride 0 stands for the kernel's size.
struct MaxPool2dFuncOptions {
  Pair stride = 0, padding = 0, dilation = 1;
  bool ceil_mode = false;
};
/// How avg_pool1d moves over its input. stride 0 stands for the kernel's size.
struct AvgPool1dFuncOptions {
  std::int64_t stride = 0, padding = 0;
  bool ceil_mode = false, count_include_pad = true;
};
/// How avg_pool2d moves over its input. stride 0 stands for the kernel's size, divisor_override 0 for the window's.
struct AvgPool2dFuncOptions {
  Pair stride = 0, padding = 0;
  bool ceil_mode = false, count_include_pad = true;
  std::int64_t divisor_override = 0;
};

/// The size of an adaptive pooling's result: a number, {height, width}; keep_size leaves one as it is.
inline constexpr std::int64_t keep_size = -1;

namespace detail {

/// The planes of a pooling: everything before the pooled dimensions.
struct PoolPlanes {
  Shape lead;
  std::int64_t planes = 1, h = 1, w = 1;

  PoolPlanes(std::string_view op, int rank, const Shape& x) {
    if (x.size() != rank + 1 && x.size() != rank + 2)
      raise<ShapeError>(op, "x must have ", rank + 2, " dimensions (", rank + 1, " without a batch), not shape ", x);
    for (int i = 0; i + rank < x.size(); ++i) lead.push_back(x[i]);
    planes = lead.numel();
    h = rank == 2 ? x.at(-2) : 1, w = x.at(-1);
    if (h < 1 || w < 1) raise<ShapeError>(op, "the planes of x ", x, " have no elements");
  }
  Shape shape(int rank, std::int64_t height, std::int64_t width) const {
    Shape out = lead;
    if (rank == 2) out.push_back(height);
    out.push_back(width);
    return out;
  }
};

inline Pool2dShape pool_shape(std::string_view op, int rank, const Shape& x, const Pair& kernel, const Pair& stride, const Pair& padding,
                              const Pair& dilation, bool ceil_mode) {
  const PoolPlanes p(op, rank, x);
  Pool2dShape s;
  s.planes = p.planes, s.h = p.h, s.w = p.w;
  s.kw = kernel.w, s.sw = stride.w == 0 ? kernel.w : stride.w, s.pw = padding.w, s.dw = dilation.w;
  if (rank == 2) s.kh = kernel.h, s.sh = stride.h == 0 ? kernel.h : stride.h, s.ph = padding.h, s.dh = dilation.h;
  s.ceil_mode = ceil_mode;
  if (s.kh < 1 || s.kw < 1) raise<ValueError>(op, "kernel_size must be at least 1, not ", kernel);
  if (s.sh < 1 || s.sw < 1) raise<ValueError>(op, "stride must be at least 1, not ", stride);
  if (s.dh < 1 || s.dw < 1) raise<ValueError>(op, "dilation must be at least 1, not ", dilation);
  if (s.ph < 0 || s.pw < 0 || 2 * s.ph > s.kh || 2 * s.pw > s.kw)
    raise<ValueError>(op, "padding ", padding, " must be between 0 and half of kernel_size ", kernel);
  if (s.oh() < 1 || s.ow() < 1)
    raise<ShapeError>(op, "the window ", kernel, " does not fit the planes of x ", x, " with padding ", padding, " and dilation ", dilation);
  return s;
}

/// Between planes of `in` elements and planes of `out` elements of which each names its place in a plane of the first.
struct PlanePicks {
  std::int64_t planes, in, out;
  Shape in_shape, out_shape;
  const LastPools* last = nullptr;  // of images whose channels are last, and what works on them
};

/// The same where a device other than the host works on them, which looks for an element among the windows around it.
struct WindowPicks : PlanePicks {
  PoolWindows windows;
};
template <class D>
using PicksOn = std::conditional_t<on_host<D>, PlanePicks, WindowPicks>;

/// y[p, i] = x[p, index[p, i]].
template <class T, class A = Abi>
TAPER_KERNEL void pick_in_planes(const PlanePicks& p, const T* x, const std::int32_t* index, T* y) {
  for (std::int64_t k = 0; k < p.planes; ++k)
    for (std::int64_t i = 0; i < p.out; ++i) y[k * p.out + i] = x[k * p.in + index[k * p.out + i]];
}

template <bool Gather, Scalar T, Device D>
Tensor<T, D> move_picks(const PicksOn<D>& picks, const Tensor<T, D>& x, const Tensor<std::int32_t, D>& index);

/// Gathering what the maxima's indices name and scattering to it are each other's gradients.
template <bool Gather, Scalar T, Device D>
struct PicksBackward {
  PicksOn<D> picks;
  Tensor<std::int32_t, D> index;
  void operator()(const autograd::BackwardContext& ctx) const {
    if (ctx.wants(0)) ctx.give(0, move_picks<!Gather>(picks, dense_gradient<T, D>(ctx), index));
  }
};

template <bool Gather, Scalar T, Device D>
Tensor<T, D> move_picks(const PicksOn<D>& picks, const Tensor<T, D>& x, const Tensor<std::int32_t, D>& index) {
  const Tensor<T, D> from = arranged(x, picks.last != nullptr);
  Tensor<T, D> out = empty_tensor<T, D>(Gather ? picks.out_shape : picks.in_shape, picks.last != nullptr);
  count_pass();
  if constexpr (std::same_as<T, float> && on_host<D>)
    if (picks.last) {
      const Shape& s = picks.in_shape;
      (Gather ? picks.last->gather : picks.last->scatter)(s[0], picks.in, picks.out, s[1], from.data_ptr(), std::as_const(index).data_ptr(), out.data_ptr());
      return record_op("max_pool", std::move(out), false, PicksBackward<Gather, T, D>{picks, index}, from);
    }
  const std::int32_t* at = std::as_const(index).data_ptr();
  if constexpr (on_host<D> && Gather) pick_in_planes<T>(picks, from.data_ptr(), at, out.data_ptr());
  else if constexpr (on_host<D>) max_pool2d_backward<T>(picks.planes, picks.in, picks.out, from.data_ptr(), at, out.data_ptr());
  else if constexpr (Gather) Accelerator<D>::max_pool_gather(picks.windows, from.data_ptr(), at, out.data_ptr());
  else Accelerator<D>::max_pool_scatter(picks.windows, from.data_ptr(), at, out.data_ptr());
  return arranged(record_op("max_pool", std::move(out), false, PicksBackward<Gather, T, D>{picks, index}, from), has_channels_last(x));
}

/// Runs a max pooling; `kernel(last, x, y, indices)` fills the results. Indices are made where somebody needs them: for the
/// caller in 64 bits, for backward in 32.
template <bool Indices, Scalar T, Device D, class Kernel>
ValuesIndices<Tensor<T, D>, D> max_pool(std::string_view op, const Tensor<T, D>& input, const PicksOn<D>& picks, const Kernel& kernel) {
  const bool last = has_channels_last(input);
  const Tensor<T, D> x = picks.last ? input : contiguous(input);
  bool recorded = false;
  if constexpr (Differentiable<T>) recorded = recording(x);
  if (recorded && picks.in > std::numeric_limits<std::int32_t>::max())
    raise<ShapeError>(op, "a plane of x ", x.shape(), " has ", picks.in, " elements: with a gradient it may have at most 2147483647");
  Tensor<T, D> y = empty_tensor<T, D>(picks.out_shape, picks.last != nullptr);
  Tensor<std::int64_t, D> index;
  Tensor<std::int32_t, D> kept;
  count_pass();
  if constexpr (Indices) {
    index = empty_tensor<std::int64_t, D>(picks.out_shape);
    kernel(nullptr, x.data_ptr(), y.data_ptr(), index.data_ptr());
    if (recorded) kept = cast<std::int32_t>(index);
  } else {
    if (recorded) kept = empty_tensor<std::int32_t, D>(picks.out_shape);
    kernel(picks.last, x.data_ptr(), y.data_ptr(), kept.defined() ? kept.data_ptr() : nullptr);
  }
  if (Indices) index = arranged(index, last);
  if (recorded) y = record_op(op, std::move(y), false, PicksBackward<true, T, D>{picks, kept}, x);
  return {arranged(y, last), std::move(index)};
}

template <Scalar T>
struct MaxPoolKernel {
  Pool2dShape s;
  std::int64_t n;  // of images
  template <class Index>
  void operator()(const LastPools* last, const T* x, T* y, Index* indices) const {
    if constexpr (std::same_as<T, float> && std::same_as<Index, std::int32_t>)
      if (last) {
        Pool2dShape images = s;
        images.planes = n;
        return last->max(images, s.planes / n, x, y, indices);
      }
    max_pool2d<T>(s, x, y, indices);
  }
};
template <Scalar T>
struct AdaptiveMaxPoolKernel {
  PoolPlanes p;
  std::int64_t oh, ow;
  template <class Index>
  void operator()(const LastPools*, const T* x, T* y, Index* indices) const { adaptive_max_pool2d<T>(p.planes, p.h, p.w, oh, ow, x, y, indices); }
};

template <Device D>
struct DeviceMaxPool {
  PoolWindows windows;
  template <class T, class Index>
  void operator()(const LastPools*, const T* x, T* y, Index* indices) const { Accelerator<D>::max_pool(windows, x, y, indices); }
};
template <bool Indices, Scalar T, Device D>
ValuesIndices<Tensor<T, D>, D> max_pool_on_device(std::string_view op, const Tensor<T, D>& x, const PlanePicks& picks, const PoolWindows& windows) {
  return max_pool<Indices>(op, x, WindowPicks{picks, windows}, DeviceMaxPool<D>{windows});
}

template <bool Indices, Scalar T, Device D>
ValuesIndices<Tensor<T, D>, D> max_pool_windows(std::string_view op, int rank, const Tensor<T, D>& x, const Pool2dShape& s) {
  PlanePicks picks{s.planes, s.h * s.w, s.oh() * s.ow(), x.shape(), PoolPlanes(op, rank, x.shape()).shape(rank, s.oh(), s.ow())};
  if constexpr (on_host<D> && !Indices && std::same_as<T, float>)
    if (has_channels_last(x)) picks.last = last_pools<Abi>.load(std::memory_order_acquire);
  if constexpr (on_host<D>) return max_pool<Indices>(op, x, picks, MaxPoolKernel<T>{s, x.shape()[0]});
  else return max_pool_on_device<Indices>(op, x, picks, {s, false, s.oh(), s.ow()});
}

inline Pair adaptive_size(std::string_view op, const PoolPlanes& p, Pair size) {
  if (size.h == keep_size) size.h = p.h;
  if (size.w == keep_size) size.w = p.w;
  if (size.h < 1 || size.w < 1) raise<ValueError>(op, "output_size must be at least 1 (keep_size leaves a size as it is), not ", size);
  return size;
}

template <bool Indices, Scalar T, Device D>
ValuesIndices<Tensor<T, D>, D> adaptive_max_pool(std::string_view op, int rank, const Tensor<T, D>& x, const Pair& output_size) {
  const PoolPlanes p(op, rank, x.shape());
  const Pair size = adaptive_size(op, p, output_size);
  const PlanePicks picks{p.planes, p.h * p.w, size.h * size.w, x.shape(), p.shape(rank, size.h, size.w)};
  if constexpr (on_host<D>) return max_pool<Indices>(op, x, picks, AdaptiveMaxPoolKernel<T>{p, size.h, size.w});
  else return max_pool_on_device<Indices>(op, x, picks, {{.planes = p.planes, .h = p.h, .w = p.w}, true, size.h, size.w});
}

/// An average pooling, plain or adaptive, as a linear map and its transpose.
struct AveragePool {
  bool adaptive = false;
  Pool2dShape s;  // of the adaptive one only the planes
  bool count_include_pad = true;
  std::int64_t divisor = 0;
  Pair size;
  Shape in_shape, out_shape;

  template <class T>
  void forward(const T* x, T* y) const {
    if (adaptive) adaptive_avg_pool2d<T>(s.planes, s.h, s.w, size.h, size.w, x, y);
    else avg_pool2d<T>(s, count_include_pad, divisor, x, y);
  }
  template <class T>
  void backward(const T* dy, T* dx) const {
    if (adaptive) adaptive_avg_pool2d_backward<T>(s.planes, s.h, s.w, size.h, size.w, dy, dx);
    else avg_pool2d_backward<T>(s, count_include_pad, divisor, dy, dx);
  }
  /// As a device runs it.
  PoolWindows windows() const { return {s, adaptive, adaptive ? size.h : s.oh(), adaptive ? size.w : s.ow()}; }
};

template <bool Forward, Scalar T, Device D>
Tensor<T, D> average_pool(std::string_view op, const AveragePool& pool, const Tensor<T, D>& x);

template <bool Forward, Scalar T, Device D>
struct AveragePoolBackward {
  AveragePool pool;
  void operator()(const autograd::BackwardContext& ctx) const {
    if (ctx.wants(0)) ctx.give(0, average_pool<!Forward>("avg_pool", pool, dense_gradient<T, D>(ctx)));
  }
};

template <bool Forward, Scalar T, Device D>
Tensor<T, D> average_pool(std::string_view op, const AveragePool& pool, const Tensor<T, D>& input) {
  const Tensor<T, D> x = contiguous(input);
  Tensor<T, D> y = empty_tensor<T, D>(Forward ? pool.out_shape : pool.in_shape);
  count_pass();
  if constexpr (on_host<D> && Forward) pool.forward(x.data_ptr(), y.data_ptr());
  else if constexpr (on_host<D>) pool.backward(x.data_ptr(), y.data_ptr());
  else if constexpr (Forward) Accelerator<D>::average_pool(pool.windows(), pool.count_include_pad, pool.divisor, x.data_ptr(), y.data_ptr());
  else Accelerator<D>::average_pool_backward(pool.windows(), pool.count_include_pad, pool.divisor, x.data_ptr(), y.data_ptr());
  return arranged(record_op(op, std::move(y), false, AveragePoolBackward<Forward, T, D>{pool}, x), has_channels_last(input));
}

template <Scalar T, Device D>
Tensor<T, D> average_windows(std::string_view op, int rank, const Tensor<T, D>& x, const Pool2dShape& s, bool count_include_pad,
                             std::int64_t divisor) {
  AveragePool pool;
  pool.s = s, pool.count_include_pad = count_include_pad, pool.divisor = divisor;
  pool.in_shape = x.shape(), pool.out_shape = PoolPlanes(op, rank, x.shape()).shape(rank, s.oh(), s.ow());
  return average_pool<true>(op, pool, x);
}

template <Scalar T, Device D>
Tensor<T, D> adaptive_average(std::string_view op, int rank, const Tensor<T, D>& x, const Pair& output_size) {
  const PoolPlanes p(op, rank, x.shape());
  AveragePool pool;
  pool.adaptive = true;
  pool.s.planes = p.planes, pool.s.h = p.h, pool.s.w = p.w;
  pool.size = adaptive_size(op, p, output_size);
  pool.in_shape = x.shape(), pool.out_shape = p.shape(rank, pool.size.h, pool.size.w);
  return average_pool<true>(op, pool, x);
}

/// True of relu(a producer's result), unnamed.
template <class X>
inline constexpr bool is_unnamed_relu = false;
template <class P>
inline constexpr bool is_unnamed_relu<Expr<Apply<Relu, Produced<P>>>> = true;

/// A max pooling of x. Of relu(x) the relu of the pooling: value and gradient are the same, bit for bit (where all of a window
/// is below 0 no gradient passes, whichever element was chosen), over fewer elements, and x's relu is never stored.
template <class X, class F>
tensor_t<X> pool_maxima(X&& x, const F& pool) {
  if constexpr (is_unnamed_relu<X>) {
    auto node = std::move(x).node().operands.a;
    return relu(pool(Expr(std::move(node), x.shape()).eval()));
  } else {
    return pool(tensor_t<X>(eval(std::forward<X>(x))));
  }
}

template <class X>
concept RealTensor = TensorLike<X> && !Complex<value_t<X>> && !std::same_as<value_t<X>, bool>;
template <class X>
concept FloatingTensor = TensorLike<X> && Floating<value_t<X>>;

}  // namespace detail

/// Maxima of windows of kernel_size elements, with the index of each in its plane; padding never wins, NaN always does.
/// Shapes: (n, c, l) or (c, l) -> (n, c, l'), l' = (l + 2 padding - dilation (k - 1) - 1) / stride + 1, rounded up with
/// ceil_mode. Gradient: to the element that was chosen. Throws: ShapeError where no window fits.
template <detail::RealTensor X>
ValuesIndices<tensor_t<X>, device_t<X>> max_pool1d_with_indices(X&& x, std::int64_t kernel_size, const MaxPool1dFuncOptions& options = {}) {
  const Pair stride(options.stride), padding(0, options.padding), dilation(1, options.dilation);
  const auto s = detail::pool_shape("max_pool1d", 1, x.shape(), kernel_size, stride, padding, dilation, options.ceil_mode);
  return detail::max_pool_windows<true>("max_pool1d", 1, tensor_t<X>(eval(std::forward<X>(x))), s);
}
/// Maxima of windows of kernel_size elements: see max_pool1d_with_indices.
template <detail::RealTensor X>
tensor_t<X> max_pool1d(X&& x, std::int64_t kernel_size, const MaxPool1dFuncOptions& options = {}) {
  const Pair stride(options.stride), padding(0, options.padding), dilation(1, options.dilation);
  const auto s = detail::pool_shape("max_pool1d", 1, x.shape(), kernel_size, stride, padding, dilation, options.ceil_mode);
  return detail::pool_maxima(std::forward<X>(x), [&](const tensor_t<X>& t) { return detail::max_pool_windows<false>("max_pool1d", 1, t, s).values; });
}

/// Maxima of windows of kernel_size pixels, with the index of each in its plane (row by row): see max_pool1d_with_indices.
/// Shapes: (n, c, h, w) or (c, h, w) -> (n, c, h', w').
template <detail::RealTensor X>
ValuesIndices<tensor_t<X>, device_t<X>> max_pool2d_with_indices(X&& x, Pair kernel_size, const MaxPool2dFuncOptions& options = {}) {
  const auto s =
      detail::pool_shape("max_pool2d", 2, x.shape(), kernel_size, options.stride, options.padding, options.dilation, options.ceil_mode);
  return detail::max_pool_windows<true>("max_pool2d", 2, tensor_t<X>(eval(std::forward<X>(x))), s);
}
/// Maxima of windows of kernel_size pixels: see max_pool2d_with_indices.
template <detail::RealTensor X>
tensor_t<X> max_pool2d(X&& x, Pair kernel_size, const MaxPool2dFuncOptions& options = {}) {
  const auto s =
      detail::pool_shape("max_pool2d", 2, x.shape(), kernel_size, options.stride, options.padding, options.dilation, options.ceil_mode);
  return detail::pool_maxima(std::forward<X>(x), [&](const tensor_t<X>& t) { return detail::max_pool_windows<false>("max_pool2d", 2, t, s).values; });
}

/// Means of windows of kernel_size elements. Padding counts as zeros, or not at all without count_include_pad.
/// Shapes: as max_pool1d. Gradient: spread evenly over each window.
template <detail::FloatingTensor X>
tensor_t<X> avg_pool1d(X&& x, std::int64_t kernel_size, const AvgPool1dFuncOptions& options = {}) {
  const Pair stride(options.stride), padding(0, options.padding);
  const auto s = detail::pool_shape("avg_pool1d", 1, x.shape(), kernel_size, stride, padding, 1, options.ceil_mode);
  return detail::average_windows("avg_pool1d", 1, tensor_t<X>(eval(std::forward<X>(x))), s, options.count_include_pad, 0);
}
/// Means of windows of kernel_size pixels; divisor_override replaces their number. Shapes: as max_pool2d.
template <detail::FloatingTensor X>
tensor_t<X> avg_pool2d(X&& x, Pair kernel_size, const AvgPool2dFuncOptions& options = {}) {
  const auto s = detail::pool_shape("avg_pool2d", 2, x.shape(), kernel_size, options.stride, options.padding, 1, options.ceil_mode);
  return detail::average_windows("avg_pool2d", 2, tensor_t<X>(eval(std::forward<X>(x))), s, options.count_include_pad, options.divisor_override);
}

/// Maxima of output_size windows that cover the input evenly: window i is floor(i l / l') up to ceil((i + 1) l / l').
template <detail::RealTensor X>
ValuesIndices<tensor_t<X>, device_t<X>> adaptive_max_pool1d_with_indices(X&& x, std::int64_t output_size) {
  return detail::adaptive_max_pool<true>("adaptive_max_pool1d", 1, tensor_t<X>(eval(std::forward<X>(x))), {1, output_size});
}
template <detail::RealTensor X>
tensor_t<X> adaptive_max_pool1d(X&& x, std::int64_t output_size) {
  return detail::pool_maxima(std::forward<X>(x), [&](const tensor_t<X>& t) { return detail::adaptive_max_pool<false>("adaptive_max_pool1d", 1, t, {1, output_size}).values; });
}
/// Maxima of output_size windows that cover the planes evenly; keep_size leaves a size as it is.
template <detail::RealTensor X>
ValuesIndices<tensor_t<X>, device_t<X>> adaptive_max_pool2d_with_indices(X&& x, Pair output_size) {
  return detail::adaptive_max_pool<true>("adaptive_max_pool2d", 2, tensor_t<X>(eval(std::forward<X>(x))), output_size);
}
template <detail::RealTensor X>
tensor_t<X> adaptive_max_pool2d(X&& x, Pair output_size) {
  return detail::pool_maxima(std::forward<X>(x), [&](const tensor_t<X>& t) { return detail::adaptive_max_pool<false>("adaptive_max_pool2d", 2, t, output_size).values; });
}

/// Means of output_size windows that cover the input evenly, as in adaptive_max_pool1d.
template <detail::FloatingTensor X>
tensor_t<X> adaptive_avg_pool1d(X&& x, std::int64_t output_size) {
  return detail::adaptive_average("adaptive_avg_pool1d", 1, tensor_t<X>(eval(std::forward<X>(x))), {1, output_size});
}
/// Means of output_size windows that cover the planes evenly; keep_size leaves a size as it is.
template <detail::FloatingTensor X>
tensor_t<X> adaptive_avg_pool2d(X&& x, Pair output_size) {
  return detail::adaptive_average("adaptive_avg_pool2d", 2, tensor_t<X>(eval(std::forward<X>(x))), output_size);
}

TAPER_REFUSE_NOT_FLOATING(avg_pool1d)
TAPER_REFUSE_NOT_FLOATING(avg_pool2d)
TAPER_REFUSE_NOT_FLOATING(adaptive_avg_pool1d)
TAPER_REFUSE_NOT_FLOATING(adaptive_avg_pool2d)

}  // namespace taper::inline TAPER_CODE
