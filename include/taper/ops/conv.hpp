// SPDX-License-Identifier: MIT
// Convolutions over one and two dimensions, and transposed ones.
#pragma once

#include <taper/backend/cpu/conv.hpp>
#include <taper/backend/cpu/rows.hpp>
#include <taper/eval/activation.hpp>
#include <taper/ops/pair.hpp>
#include <taper/ops/structural.hpp>
#include <taper/ops/view.hpp>

#include <algorithm>

namespace taper::inline TAPER_CODE {

/// How a 1-d convolution moves over its input.
struct Conv1dFuncOptions {
  std::int64_t stride = 1;
  Padding1d padding = 0;
  std::int64_t dilation = 1;
  std::int64_t groups = 1;
};
/// How a 2-d convolution moves over its input.
struct Conv2dFuncOptions {
  Pair stride = 1;
  Padding2d padding = 0;
  Pair dilation = 1;
  std::int64_t groups = 1;
};
/// How a transposed 1-d convolution moves over its result.
struct ConvTranspose1dFuncOptions {
  std::int64_t stride = 1, padding = 0, output_padding = 0, groups = 1, dilation = 1;
};
/// How a transposed 2-d convolution moves over its result.
struct ConvTranspose2dFuncOptions {
  Pair stride = 1, padding = 0, output_padding = 0;
  std::int64_t groups = 1;
  Pair dilation = 1;
};

namespace detail {

/// A convolution is linear in image, weight and result. Given two of the three it makes the third, and its gradients are
/// the other two ways around.
enum class ConvPart { result, image, weight };

/// The sizes of a convolution, and the shapes that its three tensors have outside (1-d, without a batch, ...).
struct ConvGeometry {
  Conv2dShape s;
  Shape image, weight, result;
};

template <ConvPart Part, bool Recorded = true, Scalar T, Device D>
Tensor<T, D> convolve(std::string_view op, const ConvGeometry& g, const Tensor<T, D>& a, const Tensor<T, D>& b, const Tensor<T, D>& bias = {},
                      const Epilogue* epilogue = nullptr);

/// The sum of a result's gradient per channel.
template <Scalar T, Device D>
Tensor<T, D> conv_bias_gradient(const ConvGeometry& geometry, ConvPart part, const Tensor<T, D>& g, [[maybe_unused]] bool recorded) {
  const Conv2dShape& s = geometry.s;
  const bool result = part == ConvPart::result;
  const std::int64_t channels = result ? s.oc : s.c, pixels = result ? s.oh() * s.ow() : s.h * s.w;
  if constexpr (!first_order_only || !on_host<D>)
    if (recorded || !on_host<D>) return reshape(sum_to(reshape(g, {s.n, channels, pixels}), {1, channels, 1}), {channels});
  Tensor<T, D> out = empty_tensor<T, D>({channels});
  count_pass();
  if (s.channels_last) sum_rows<T>(s.n * pixels, channels, g.data_ptr(), out.data_ptr(), false);
  else conv2d_bias_gradient<T>(s.n, channels, pixels, g.data_ptr(), out.data_ptr());
  return out;
}

/// Backward of one of the three: a and b are its operands in the order image, weight, result.
template <ConvPart Part, Scalar T, Device D>
struct ConvBackward {
  ConvGeometry geometry;
  Activation<T, D> a;
  Saved<T, D> b;

  void operator()(const autograd::BackwardContext& ctx) const {
    const Tensor<T, D> g = geometry.s.channels_last ? arranged(ctx.grad<T, D>(), true) : dense_gradient<T, D>(ctx);
    const auto first = [&] {
      Tensor<T, D> made;
      return conjugated(a.get(made));
    };
    const auto second = [&] { return conjugated(b.get()); };
    using P = ConvPart;
    constexpr bool again = !first_order_only;
    if constexpr (Part == P::result) {  // of image a and weight b
      if (ctx.wants(1)) ctx.give(1, convolve<P::weight, again>("conv", geometry, first(), g));  // an image made again goes here
      if (ctx.wants(0)) ctx.give(0, convolve<P::image, again>("conv", geometry, second(), g));
    } else if constexpr (Part == P::image) {  // of weight a and result b
      if (ctx.wants(0)) ctx.give(0, convolve<P::weight, again>("conv", geometry, g, second()));
      if (ctx.wants(1)) ctx.give(1, convolve<P::result, again>("conv", geometry, g, first()));
    } else {  // of image a and result b
      if (ctx.wants(0)) ctx.give(0, convolve<P::image, again>("conv", geometry, g, second()));
      if (ctx.wants(1)) ctx.give(1, convolve<P::result, again>("conv", geometry, first(), g));
    }
    if (Part != P::weight && ctx.wants(2)) ctx.give(2, conv_bias_gradient(geometry, Part, g, ctx.create_graph()));
  }

 private:
  static Tensor<T, D> conjugated(const Tensor<T, D>& x) {
    if constexpr (Complex<T>) return conj(x);
    else return x;
  }
};

template <ConvPart Part, bool Recorded, Scalar T, Device D>
Tensor<T, D> convolve(std::string_view op, const ConvGeometry& g, const Tensor<T, D>& a, const Tensor<T, D>& b, const Tensor<T, D>& bias,
                      [[maybe_unused]] const Epilogue* epilogue) {
  const Conv2dShape& s = g.s;
  // Images and results share an order; weights are row-major.
  const bool last = s.channels_last;
  const Tensor<T, D> x = arranged(a, last && Part != ConvPart::image), y = arranged(b, last && Part != ConvPart::result);
  const T* bias_data = nullptr;
  Tensor<T, D> dense_bias;
  if (bias.defined()) {
    dense_bias = dense(bias);
    bias_data = std::as_const(dense_bias).data_ptr();
  }
  Tensor<T, D> out = empty_tensor<T, D>(Part == ConvPart::result ? g.result : Part == ConvPart::image ? g.image : g.weight,
                                         last && Part != ConvPart::weight);
  count_pass();
  if constexpr (!on_host<D>) {
    const base::ConvCall<T> call{s, x.data_ptr(), y.data_ptr(), bias_data, out.data_ptr()};
    if constexpr (Part == ConvPart::result) Accelerator<D>::conv_forward(call);
    else if constexpr (Part == ConvPart::image) Accelerator<D>::conv_data_gradient(call);
    else Accelerator<D>::conv_weight_gradient(call);
  } else if constexpr (Part == ConvPart::result) {
    conv2d_forward<T>(s, x.data_ptr(), y.data_ptr(), bias_data, out.data_ptr(), epilogue);
  } else if constexpr (Part == ConvPart::image) {
    conv2d_data_gradient<T>(s, y.data_ptr(), x.data_ptr(), out.data_ptr());
    if constexpr (convolution::has_tiles<T>)
      if (bias_data && last) add_rows<T>(s.n * s.h * s.w, s.c, s.c, bias_data, out.data_ptr());
    if (bias_data && !last) add_channels<T>(s.n * s.c, s.c, s.h * s.w, bias_data, out.data_ptr());
  } else {
    conv2d_weight_gradient<T>(s, x.data_ptr(), y.data_ptr(), out.data_ptr());
  }
  if constexpr (!Recorded) return out;
  else return record_op(op, std::move(out), false, ConvBackward<Part, T, D>{g, Activation<T, D>(x), Saved<T, D>(y)}, x, y, bias);
}

/// Runs a convolution, or a transposed one. skip: rows and columns of what it makes to drop in front, where padding differs on the two
/// sides. A transposed one is then cut to the result, and what is missing behind is reached by nothing but the bias.
template <ConvPart Part, Scalar T, Device D>
struct ConvProducer : ProducerBase<T, D> {
  static constexpr bool finishes = Part == ConvPart::result && on_host<D>;  // what follows, part by part
  std::string_view op;
  ConvGeometry geometry;
  Pair skip;
  Held<T, D> x, weight, bias;
  bool last;  // x's channels are, and so are the result's

  ConvProducer(const Shape& shape, std::string_view name, const ConvGeometry& g, const Pair& front, const Tensor<T, D>& image,
               const Tensor<T, D>& w, const Tensor<T, D>& b)
      : ProducerBase<T, D>{shape}, op(name), geometry(g), skip(front), x(image), weight(w), bias(b), last(has_channels_last(image)) {
    if constexpr (on_host<D>) geometry.s.channels_last = last && convolution::runs_channels_last<T>();
  }
  Tensor<T, D> operator()() const
    requires(Part == ConvPart::image)
  {
    const GradMode mode(this->record != 0);
    Tensor<T, D> made = convolve<Part>(op, geometry, weight.get(), x.get(), bias.get());
    if (!skips() && made.shape() == this->result) return arranged(made, last);
    const int first = geometry.weight.size() == 4 ? -2 : -1;  // axis of the image
    for (int axis = first; axis < 0; ++axis) {
      const std::int64_t size = made.size(axis), front = std::min(axis == -1 ? skip.w : skip.h, size);
      made = narrow(made, axis, front, std::min(size - front, this->result.at(axis)));
    }
    if (made.shape() == this->result) return arranged(made, last);
    Shape channels{geometry.s.c};
    while (channels.size() + 1 < geometry.weight.size()) channels.push_back(1);
    Tensor<T, D> y = bias.get().defined() ? copy_of(expand(view(bias.get(), channels), this->result)) : Tensor<T, D>(full_record<T, D>(this->result, T{}));
    Tensor<T, D> reached = y;
    for (int axis = first; axis < 0; ++axis) reached = narrow(reached, axis, 0, made.size(axis));
    reached.copy_(made);
    return arranged(y, last);
  }
  std::int64_t columns() const
    requires finishes
  {
    if (last) return geometry.s.channels_last ? geometry.s.oc : -1;
    return skips() ? this->result.back() : geometry.s.oh() * geometry.s.ow();
  }
  AxisOrder order() const { return last ? channels_last_order : 0; }
  Tensor<T, D> operator()() const
    requires(Part == ConvPart::result && !finishes)
  {
    const GradMode mode(this->record != 0);
    return arranged(kept(convolve<Part>(op, geometry, x.get(), weight.get(), bias.get())), last);
  }
  Tensor<T, D> operator()(const Epilogue* epilogue = nullptr) const
    requires finishes
  {
    const GradMode mode(this->record != 0);
    Tensor<T, D> y = convolve<Part>(op, geometry, x.get(), weight.get(), bias.get(), skips() ? nullptr : epilogue);
    if (!skips()) return arranged(y, last);
    y = arranged(kept(std::move(y)), last);
    Finish<T>{epilogue, y.data_ptr(), columns()}.all(y.numel() / columns());
    return y;
  }

 private:
  Tensor<T, D> kept(Tensor<T, D> y) const {
    if (skip.h > 0) y = narrow(y, -2, skip.h, y.size(-2) - skip.h);
    if (skip.w > 0) y = narrow(y, -1, skip.w, y.size(-1) - skip.w);
    return y;
  }
  bool skips() const { return skip.h > 0 || skip.w > 0; }
};

/// What all convolutions check: ranks, groups and channels, strides. `channels` is the weight's size that x must match,
/// `outputs` the number of the bias's elements.
inline void check_conv(std::string_view op, int rank, const Shape& x, const Shape& weight, const Shape* bias, std::int64_t channels,
                       std::int64_t outputs, std::int64_t groups, const Pair& stride, const Pair& padding, const Pair& dilation) {
  if (weight.size() != rank + 2)
    raise<ShapeError>(op, "weight must have ", rank + 2, " dimensions, not shape ", weight);
  if (x.size() != rank + 2 && x.size() != rank + 1)
    raise<ShapeError>(op, "x must have ", rank + 2, " dimensions (", rank + 1, " without a batch), not shape ", x);
  if (groups < 1) raise<ValueError>(op, "groups must be at least 1, not ", groups);
  if (stride.h < 1 || stride.w < 1) raise<ValueError>(op, "stride must be at least 1, not ", stride);
  if (dilation.h < 1 || dilation.w < 1) raise<ValueError>(op, "dilation must be at least 1, not ", dilation);
  if (padding.h < 0 || padding.w < 0) raise<ValueError>(op, "padding must not be negative: ", padding);
  const std::int64_t found = x.at(-rank - 1);
  if (found != channels)
    raise<ShapeError>(op, "x ", x, " has ", found, " channels, weight ", weight, " with groups ", groups, " takes ", channels);
  if (weight[0] % groups != 0)
    raise<ShapeError>(op, "the first size of weight ", weight, " cannot be cut into ", groups, " groups: ", weight[0], " % ", groups, " != 0");
  if (bias && !(*bias == Shape{outputs}))
    raise<ShapeError>(op, "bias ", *bias, " must have shape (", outputs, ",), one element for each channel of the result");
  for (int i = 2; i < weight.size(); ++i)
    if (weight[i] < 1) raise<ShapeError>(op, "the kernel of weight ", weight, " is empty");
}

template <int Rank, TensorLike X, TensorLike W>
auto make_convolution(std::string_view op, X&& x, W&& weight, const tensor_t<X>& bias, Pair stride, const Padding2d& padding, Pair dilation,
                 std::int64_t groups) {
  const Shape xs = x.shape(), ws = weight.shape();
  check_conv(op, Rank, xs, ws, bias.defined() ? &bias.shape() : nullptr, ws.size() > 1 ? ws[1] * groups : 0, ws.empty() ? 0 : ws[0], groups, stride,
             padding.size, dilation);
  const bool two = Rank == 2;
  ConvGeometry g;
  Conv2dShape& s = g.s;
  s.n = xs.size() == Rank + 2 ? xs[0] : 1, s.c = ws[1] * groups, s.h = two ? xs.at(-2) : 1, s.w = xs.at(-1);
  s.oc = ws[0], s.kh = two ? ws[2] : 1, s.kw = ws.at(-1);
  s.sh = two ? stride.h : 1, s.sw = stride.w, s.dh = two ? dilation.h : 1, s.dw = dilation.w, s.groups = groups;
  Pair skip = 0;
  if (padding.same) {
    if (s.sh != 1 || s.sw != 1) raise<ValueError>(op, "padding \"same\" needs stride 1, not ", stride);
    // An odd total pads one more behind: pad both sides that much and drop the first of the result.
    const Pair total{s.dh * (s.kh - 1), s.dw * (s.kw - 1)};
    s.ph = (total.h + 1) / 2, s.pw = (total.w + 1) / 2;
    skip = {total.h % 2, total.w % 2};
  } else {
    s.ph = two ? padding.size.h : 0, s.pw = padding.size.w;
  }
  if (s.oh() < 1 || s.ow() < 1)
    raise<ShapeError>(op, "the kernel of weight ", ws, " with dilation ", dilation, " does not fit the input ", xs, " with padding ", Pair(s.ph, s.pw));
  g.image = xs, g.weight = ws;
  if (xs.size() == Rank + 2) g.result.push_back(s.n);
  g.result.push_back(s.oc);
  Shape shape = g.result;
  if (two) g.result.push_back(s.oh()), shape.push_back(s.oh() - skip.h);
  g.result.push_back(s.ow()), shape.push_back(s.ow() - skip.w);
  return produce(ConvProducer<ConvPart::result, value_t<X>, device_t<X>>(shape, op, g, skip, eval(std::forward<X>(x)),
                                                                         eval(std::forward<W>(weight)), bias));
}

template <int Rank, TensorLike X, TensorLike W>
auto make_transposed_convolution(std::string_view op, X&& x, W&& weight, const tensor_t<X>& bias, Pair stride, Pair padding, Pair output_padding,
                            std::int64_t groups, Pair dilation) {
  const Shape xs = x.shape(), ws = weight.shape();
  check_conv(op, Rank, xs, ws, bias.defined() ? &bias.shape() : nullptr, ws.empty() ? 0 : ws[0], ws.size() > 1 ? ws[1] * groups : 0, groups, stride,
             padding, dilation);
  const bool two = Rank == 2;
  ConvGeometry g;
  Conv2dShape& s = g.s;
  s.n = xs.size() == Rank + 2 ? xs[0] : 1, s.c = ws[1] * groups, s.oc = ws[0];
  s.kh = two ? ws[2] : 1, s.kw = ws.at(-1);
  s.sh = two ? stride.h : 1, s.sw = stride.w, s.dh = two ? dilation.h : 1, s.dw = dilation.w, s.groups = groups;
  s.ph = two ? padding.h : 0, s.pw = padding.w;
  if (!two) output_padding.h = 0;
  if (output_padding.h < 0 || output_padding.w < 0 || (output_padding.h >= s.sh && output_padding.h >= s.dh && two) ||
      (output_padding.w >= s.sw && output_padding.w >= s.dw))
    raise<ValueError>(op, "output_padding ", output_padding, " must be smaller than stride ", stride, " or dilation ", dilation);
  Shape shape;
  if (xs.size() == Rank + 2) shape.push_back(s.n);
  shape.push_back(s.c);
  // An image's size along an axis, and the result's. Output padding as large as a step makes room for another window: a convolution of
  // that size would give more than x. There the image is all that x reaches, and the result is cut from it behind the padding.
  Pair skip = 0;
  const auto size_along = [&](std::int64_t n, std::int64_t kernel, std::int64_t step, std::int64_t& pad, std::int64_t extra, std::int64_t gap,
                              std::int64_t& front) {
    const std::int64_t reached = (n - 1) * step + gap * (kernel - 1) + 1, size = reached - 2 * pad + extra;
    shape.push_back(size);
    if (extra < step) return size;
    front = pad, pad = 0;
    return std::max<std::int64_t>(reached, 0);
  };
  s.h = two ? size_along(xs.at(-2), s.kh, s.sh, s.ph, output_padding.h, s.dh, skip.h) : 1;
  s.w = size_along(xs.at(-1), s.kw, s.sw, s.pw, output_padding.w, s.dw, skip.w);
  for (int i = shape.size() - Rank; i < shape.size(); ++i)
    if (shape[i] < 1) raise<ShapeError>(op, "the result of input ", xs, " and weight ", ws, " with padding ", padding, " would be empty: ", shape);
  if (xs.size() == Rank + 2) g.image.push_back(s.n);
  g.image.push_back(s.c);
  if (two) g.image.push_back(s.h);
  g.image.push_back(s.w);
  g.weight = ws, g.result = xs;
  return produce(ConvProducer<ConvPart::image, value_t<X>, device_t<X>>(shape, op, g, skip, eval(std::forward<X>(x)),
                                                                        eval(std::forward<W>(weight)), bias));
}

}  // namespace detail

/// Convolution over one dimension: y[o, i] = bias[o] + sum_c,k weight[o, c, k] x[c, stride i + dilation k - padding].
/// Shapes: x (n, c, l) or (c, l), weight (o, c / groups, k), bias (o) or undefined -> (n, o, l'),
/// l' = (l + 2 padding - dilation (k - 1) - 1) / stride + 1. Dtypes: equal, not bool.
/// Gradient: a transposed convolution, a correlation, a sum per channel.
template <TensorLike X, TensorLike W>
  requires detail::OfOneDType<X, W>
auto conv1d(X&& x, W&& weight, const std::type_identity_t<tensor_t<X>>& bias = {}, const Conv1dFuncOptions& options = {}) {
  Padding2d padding(0, options.padding.size);
  padding.same = options.padding.same;
  return detail::make_convolution<1>("conv1d", std::forward<X>(x), std::forward<W>(weight), bias, {1, options.stride}, padding, {1, options.dilation},
                                options.groups);
}

/// Convolution over two dimensions, as conv1d in each. 3 x 3 kernels of stride 1 may run by Winograd's F(2 x 2, 3 x 3), which
/// rounds as much as the sums of the definition do, but may leave such a rounding where the definition gives an exact zero.
/// Shapes: x (n, c, h, w) or (c, h, w), weight (o, c / groups, kh, kw), bias (o) or undefined -> (n, o, h', w').
template <TensorLike X, TensorLike W>
  requires detail::OfOneDType<X, W>
auto conv2d(X&& x, W&& weight, const std::type_identity_t<tensor_t<X>>& bias = {}, const Conv2dFuncOptions& options = {}) {
  return detail::make_convolution<2>("conv2d", std::forward<X>(x), std::forward<W>(weight), bias, options.stride, options.padding, options.dilation,
                                options.groups);
}

/// Transposed convolution over one dimension: the gradient of conv1d for its input, as a function of its own.
/// Shapes: x (n, c, l) or (c, l), weight (c, o / groups, k), bias (o) or undefined -> (n, o, l'),
/// l' = (l - 1) stride - 2 padding + dilation (k - 1) + output_padding + 1.
template <TensorLike X, TensorLike W>
  requires detail::OfOneDType<X, W>
auto conv_transpose1d(X&& x, W&& weight, const std::type_identity_t<tensor_t<X>>& bias = {}, const ConvTranspose1dFuncOptions& options = {}) {
  return detail::make_transposed_convolution<1>("conv_transpose1d", std::forward<X>(x), std::forward<W>(weight), bias, {1, options.stride},
                                           {0, options.padding}, {0, options.output_padding}, options.groups, {1, options.dilation});
}

/// Transposed convolution over two dimensions, as conv_transpose1d in each.
/// Shapes: x (n, c, h, w) or (c, h, w), weight (c, o / groups, kh, kw), bias (o) or undefined -> (n, o, h', w').
template <TensorLike X, TensorLike W>
  requires detail::OfOneDType<X, W>
auto conv_transpose2d(X&& x, W&& weight, const std::type_identity_t<tensor_t<X>>& bias = {}, const ConvTranspose2dFuncOptions& options = {}) {
  return detail::make_transposed_convolution<2>("conv_transpose2d", std::forward<X>(x), std::forward<W>(weight), bias, options.stride, options.padding,
                                           options.output_padding, options.groups, options.dilation);
}

TAPER_REFUSE_TWO_DTYPES(conv1d)
TAPER_REFUSE_TWO_DTYPES(conv2d)
TAPER_REFUSE_TWO_DTYPES(conv_transpose1d)
TAPER_REFUSE_TWO_DTYPES(conv_transpose2d)

}  // namespace taper::inline TAPER_CODE
