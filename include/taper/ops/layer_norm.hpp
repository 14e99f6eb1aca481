// SPDX-License-Identifier: MIT
// Normalisation within a sample: layer_norm over the last axes, group_norm, rms_norm.
#pragma once

#include <taper/ops/cast.hpp>
#include <taper/ops/norm.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

/// The rows of a layer norm; writes their statistics, or the same ones again.
template <Scalar T, Device D>
Tensor<T, D> layer_norm_of(const Tensor<T, D>& x, const Tensor<T, D>& weight, const Tensor<T, D>& bias, std::int64_t n, double eps,
                           const ChannelStats<T, D>& stats) {
  using C = compute_t<T>;
  Tensor<T, D> y = empty_tensor<T, D>(x.shape()), w, b;
  if (weight.defined()) w = dense(weight);
  if (bias.defined()) b = dense(bias);
  const T *wp = w.defined() ? w.data_ptr() : nullptr, *bp = b.defined() ? b.data_ptr() : nullptr;
  C *mean = reinterpret_cast<C*>(stats.mean.record().data), *inverse = reinterpret_cast<C*>(stats.inverse.record().data);
  count_pass();
  if constexpr (on_host<D>) layer_norm_rows<T>(stats.mean.numel(), n, eps, x.data_ptr(), wp, bp, mean, inverse, y.data_ptr());
  else Accelerator<D>::template layer_norm_rows<T>(stats.mean.numel(), n, eps, x.data_ptr(), wp, bp, mean, inverse, y.data_ptr());
  return y;
}

template <Scalar T, Device D>
struct LayerNormBackward {
  Saved<T, D> x, weight, bias;
  ChannelStats<T, D> stats;
  std::int64_t n;
  double eps;

  RecordPtr remake(const Epilogue* epilogue) const
    requires on_host<D>
  {
    Tensor<T, D> y = layer_norm_of(x.get(), weight.get(), bias.get(), n, eps, stats);
    Finish<T>{epilogue, y.data_ptr(), n}.all(stats.mean.numel());
    return y.handle();
  }

  void recorded(const autograd::BackwardContext& ctx) const {
    const Tensor<T, D> rows = reshape(x.get(), {-1, n}), g = reshape(ctx.grad<T, D>(), {-1, n});
    const Tensor<T, D> distance = rows - mean(rows, 1, true);
    const Tensor<T, D> inverse = rsqrt(mean(square(distance), 1, true) + eps);
    const Tensor<T, D> normal = distance * inverse;
    if (ctx.wants(0)) {
      Tensor<T, D> up = g;
      if (weight.defined()) up = g * reshape(weight.get(), {1, n});
      ctx.give(0, reshape(inverse * (up - mean(up, 1, true) - normal * mean(up * normal, 1, true)), x.get().shape()));
    }
    if (ctx.wants(1)) ctx.give(1, reshape(sum(g * normal, 0), ctx.input_shape(1)));
    if (ctx.wants(2)) ctx.give(2, reshape(sum(g, 0), ctx.input_shape(2)));
  }

  void operator()(const autograd::BackwardContext& ctx) const {
    using C [[maybe_unused]] = compute_t<T>;
    const Tensor<T, D>& input = x.get();
    if constexpr (!first_order_only)
      if (ctx.create_graph() && input.numel() > 0) return recorded(ctx);
    const Tensor<T, D> g = dense(ctx.grad<T, D>());
    const std::int64_t m = stats.mean.numel();
    Tensor<T, D> dense_weight, dx, dw, db;
    if (weight.defined()) dense_weight = dense(weight.get());
    if (ctx.wants(0)) dx = empty_tensor<T, D>(input.shape());
    if (ctx.wants(1)) dw = empty_tensor<T, D>(ctx.input_shape(1));
    if (ctx.wants(2)) db = empty_tensor<T, D>(ctx.input_shape(2));
    const auto at = [](Tensor<T, D>& t) { return t.defined() ? t.data_ptr() : nullptr; };
    count_pass();
    if constexpr (on_host<D>) {
      const Scratch memory(static_cast<std::size_t>(layer_norm_scratch(m, n)) * sizeof(C));
      layer_norm_rows_backward<T>(m, n, g.data_ptr(), input.data_ptr(), at(dense_weight), stats.mean.data_ptr(), stats.inverse.data_ptr(), at(dx),
                                  at(dw), at(db), reinterpret_cast<C*>(memory.data()));
    } else {
      Accelerator<D>::template layer_norm_rows_backward<T>(m, n, g.data_ptr(), input.data_ptr(), at(dense_weight), stats.mean.data_ptr(),
                                                           stats.inverse.data_ptr(), at(dx), at(dw), at(db));
    }
    if (dx.defined()) ctx.give(0, std::move(dx));
    if (dw.defined()) ctx.give(1, std::move(dw));
    if (db.defined()) ctx.give(2, std::move(db));
  }
};

}  // namespace detail

/// (x - mean) / sqrt(var + eps) weight + bias over the last axes, whose sizes are normalized_shape.
/// Shapes: x (.., normalized_shape); weight, bias (normalized_shape) or undefined. Dtypes: floating, equal.
/// Throws: ShapeError where x does not end in normalized_shape.
template <TensorLike X>
  requires Floating<value_t<X>>
tensor_t<X> layer_norm(X&& x, const Shape& normalized_shape, const std::type_identity_t<tensor_t<X>>& weight = {},
                       const std::type_identity_t<tensor_t<X>>& bias = {}, double eps = 1e-5) {
  using T = value_t<X>;
  using D = device_t<X>;
  using C = compute_t<T>;
  const Shape shape = x.shape();
  const int lead = shape.size() - normalized_shape.size();
  bool ends = lead >= 0 && !normalized_shape.empty();
  for (int i = 0; ends && i < normalized_shape.size(); ++i) ends = shape[lead + i] == normalized_shape[i];
  if (!ends) detail::raise<ShapeError>("layer_norm", "x ", shape, " must end in normalized_shape ", normalized_shape);
  for (const auto* t : {&weight, &bias})
    if (t->defined() && !(t->shape() == normalized_shape))
      detail::raise<ShapeError>("layer_norm", t == &weight ? "weight " : "bias ", t->shape(), " must have normalized_shape ", normalized_shape);
  const Tensor<T, D> input = contiguous(std::forward<X>(x));
  const std::int64_t n = normalized_shape.numel(), m = n > 0 ? input.numel() / n : 0;
  detail::ChannelStats<T, D> stats{detail::empty_tensor<C, D>({m}), detail::empty_tensor<C, D>({m})};
  Tensor<T, D> y = detail::layer_norm_of(input, weight, bias, n, eps, stats);
  return record_op("layer_norm", std::move(y), false,
                   detail::LayerNormBackward<T, D>{Saved<T, D>(input), Saved<T, D>(weight), Saved<T, D>(bias), std::move(stats), n, eps}, input,
                   weight, bias);
}

/// layer_norm over each of num_groups groups of channels (axis 1), then weight and bias per channel.
/// Shapes: x (n, c, ..); weight, bias (c) or undefined. Throws: ShapeError where c is no multiple of num_groups.
template <TensorLike X>
  requires Floating<value_t<X>>
tensor_t<X> group_norm(X&& x, std::int64_t num_groups, const std::type_identity_t<tensor_t<X>>& weight = {},
                       const std::type_identity_t<tensor_t<X>>& bias = {}, double eps = 1e-5) {
  const tensor_t<X> input = eval(std::forward<X>(x));
  const Shape& shape = input.shape();
  if (shape.size() < 2) detail::raise<ShapeError>("group_norm", "x must have at least 2 dimensions (n, c, ..), not shape ", shape);
  if (num_groups < 1 || shape[1] % num_groups != 0)
    detail::raise<ShapeError>("group_norm", "the ", shape[1], " channels of x ", shape, " cannot be cut into ", num_groups, " groups");
  detail::check_channels("group_norm", "weight", weight, shape);
  detail::check_channels("group_norm", "bias", bias, shape);
  const detail::AxisSplit s(shape, 1);
  const std::int64_t rows = s.outer * num_groups, n = s.size / num_groups * s.inner;
  const tensor_t<X> normal = reshape(layer_norm(reshape(input, {rows, n}), {n}, {}, {}, eps), shape);
  Shape kept = Dims::filled(shape.size(), 1);
  kept[1] = shape[1];
  if (weight.defined() && bias.defined()) return normal * reshape(weight, kept) + reshape(bias, kept);
  if (weight.defined()) return normal * reshape(weight, kept);
  if (bias.defined()) return normal + reshape(bias, kept);
  return normal;
}

/// x / sqrt(mean x^2 + eps) weight over the last axes, whose sizes are normalized_shape. eps is the epsilon of the type that T
/// computes in where none is given, as PyTorch's. Shapes: as layer_norm.
template <TensorLike X>
  requires Floating<value_t<X>>
tensor_t<X> rms_norm(X&& x, const Shape& normalized_shape, const std::type_identity_t<tensor_t<X>>& weight = {}, std::optional<double> eps = {}) {
  using T = value_t<X>;
  using C = compute_t<T>;
  const tensor_t<X> input = eval(std::forward<X>(x));
  const int lead = input.dim() - normalized_shape.size();
  bool ends = lead >= 0 && !normalized_shape.empty();
  Axes axes;
  for (int i = 0; ends && i < normalized_shape.size(); ++i) {
    ends = input.shape()[lead + i] == normalized_shape[i];
    axes.push_back(lead + i);
  }
  if (!ends) detail::raise<ShapeError>("rms_norm", "x ", input.shape(), " must end in normalized_shape ", normalized_shape);
  if (weight.defined() && !(weight.shape() == normalized_shape))
    detail::raise<ShapeError>("rms_norm", "weight ", weight.shape(), " must have normalized_shape ", normalized_shape);
  const double epsilon = eps ? *eps : static_cast<double>(std::numeric_limits<C>::epsilon());
  const Tensor<C, device_t<X>> scale = rsqrt(mean(square(detail::computed(input)), axes, true) + epsilon);
  if (weight.defined()) return detail::rounded<T>(input * scale * weight);
  return detail::rounded<T>(input * scale);
}

TAPER_REFUSE_NOT_FLOATING(layer_norm)
TAPER_REFUSE_NOT_FLOATING(group_norm)
TAPER_REFUSE_NOT_FLOATING(rms_norm)

}  // namespace taper::inline TAPER_CODE
