// SPDX-License-Identifier: MIT
// softmax, log_softmax and softmin along an axis.
#pragma once

#include <taper/backend/cpu/softmax.hpp>
#include <taper/ops/reduction.hpp>
#include <taper/ops/structural.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

template <bool Log, Scalar T, Device D>
struct SoftmaxBackward {
  int axis;

  void operator()(const autograd::BackwardContext& ctx) const {
    const Tensor<T, D> g = dense_gradient<T, D>(ctx), y = ctx.output<T, D>();
    if (ctx.create_graph()) {
      if constexpr (first_order_only) return;
      else if constexpr (Log) ctx.give(0, g - exp(y) * sum(g, axis, true));
      else ctx.give(0, y * (g - sum(g * y, axis, true)));
      return;
    }
    if (!ctx.wants(0)) return;
    const AxisSplit s(y.shape(), axis);
    Tensor<T, D> dx = empty_tensor<T, D>(y.shape());
    count_pass();
    if constexpr (on_host<D>) softmax_backward<Log, T>(s.outer, s.size, s.inner, y.data_ptr(), g.data_ptr(), dx.data_ptr());
    else Accelerator<D>::template softmax_backward<Log, T>(s.outer, s.size, s.inner, y.data_ptr(), g.data_ptr(), dx.data_ptr());
    ctx.give(0, std::move(dx));
  }
};

template <bool Log, Scalar T, Device D>
Tensor<T, D> softmax_along(std::string_view op, const Tensor<T, D>& input, std::int64_t axis) {
  const int at = wrap_axis(op, axis, input.dim());
  const Tensor<T, D> x = contiguous(input);
  Tensor<T, D> y = empty_tensor<T, D>(x.shape());
  const AxisSplit s(x.shape(), at);
  count_pass();
  if (y.numel() > 0) {
    if constexpr (on_host<D>) softmax<Log, T>(s.outer, s.size, s.inner, x.data_ptr(), y.data_ptr());
    else Accelerator<D>::template softmax<Log, T>(s.outer, s.size, s.inner, x.data_ptr(), y.data_ptr());
  }
  return record_op(op, std::move(y), true, SoftmaxBackward<Log, T, D>{at}, x);
}

}  // namespace detail

/// exp(x) / sum exp(x) along an axis, without overflow.
/// Dtypes: floating. Gradient: y (g - sum g y). Throws: IndexError where the axis is out of range.
template <TensorLike X>
  requires Floating<value_t<X>>
tensor_t<X> softmax(X&& x, std::int64_t axis) {
  return detail::softmax_along<false>("softmax", tensor_t<X>(eval(std::forward<X>(x))), axis);
}

/// The logarithm of softmax: x - log sum exp(x) along an axis. Dtypes: floating. Gradient: g - exp(y) sum g.
template <TensorLike X>
  requires Floating<value_t<X>>
tensor_t<X> log_softmax(X&& x, std::int64_t axis) {
  return detail::softmax_along<true>("log_softmax", tensor_t<X>(eval(std::forward<X>(x))), axis);
}

/// softmax(-x) along an axis.
template <TensorLike X>
  requires Floating<value_t<X>>
tensor_t<X> softmin(X&& x, std::int64_t axis) {
  return detail::softmax_along<false>("softmin", tensor_t<X>(neg(std::forward<X>(x))), axis);
}

TAPER_REFUSE_NOT_FLOATING(softmax)
TAPER_REFUSE_NOT_FLOATING(log_softmax)
TAPER_REFUSE_NOT_FLOATING(softmin)

}  // namespace taper::inline TAPER_CODE
