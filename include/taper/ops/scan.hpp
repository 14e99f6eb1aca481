// SPDX-License-Identifier: MIT
// Running sums, products and extremes along an axis.
#pragma once

#include <taper/backend/cpu/scan.hpp>
#include <taper/ops/arithmetic.hpp>
#include <taper/ops/gather.hpp>
#include <taper/ops/pad.hpp>
#include <taper/ops/values_indices.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

inline ScanLines scan_lines(const Shape& shape, int axis, bool reverse) {
  const AxisSplit s(at_least_1d(shape), axis);
  return {s.outer, s.size, s.inner, reverse};
}

/// Running sums or products of x along an axis.
template <class Op, Scalar T, Device D>
Tensor<sum_t<T>, D> running(const Tensor<T, D>& x, int axis, bool reverse) {
  const ScanLines lines = scan_lines(x.shape(), axis, reverse);
  Tensor<sum_t<T>, D> out = empty_tensor<sum_t<T>, D>(x.shape());
  count_pass();
  const RecordPtr from = dense_record_on<D>(x.handle());
  const T* p = reinterpret_cast<const T*>(from->data);
  if constexpr (on_host<D>) scan<Op>(lines, p, out.data_ptr());
  else Accelerator<D>::template scan<Op>(lines, p, out.data_ptr());
  return out;
}

template <Scalar T, Device D>
Tensor<sum_t<T>, D> cumsum_along(const Tensor<T, D>& x, int axis, bool reverse) {
  Tensor<sum_t<T>, D> out = running<RunningSum>(x, axis, reverse);
  if constexpr (!Differentiable<T>) {
    return out;
  } else {
    auto backward = [axis, reverse](const autograd::BackwardContext& ctx) {
      if (ctx.wants(0)) ctx.give(0, cumsum_along(ctx.grad<T, D>(), axis, !reverse));
    };
    return record_op("cumsum", std::move(out), false, std::move(backward), x);
  }
}

/// x moved on by one along an axis, `first` at the free end; in reverse moved back.
template <Scalar T, Device D>
Tensor<T, D> shifted(const Tensor<T, D>& x, int axis, T first, bool reverse) {
  if (x.dim() == 0) return value_tensor<T, D>(compute_t<T>(first));
  const std::int64_t n = x.shape()[axis];
  if (n == 0) return x;
  Dims before = Dims::filled(x.dim(), 0);
  before[axis] = reverse ? 0 : 1;
  return pad_constant(narrow(x, axis, reverse ? 1 : 0, n - 1), before, x.shape(), first);
}

/// y[k] = b[k] + a[k] y[k - 1]; in reverse y[k] = b[k] + a[k + 1] y[k + 1]. Each is the adjoint of the other in b.
template <Scalar T, Device D>
Tensor<T, D> recurrence(const Tensor<T, D>& a, const Tensor<T, D>& b, int axis, bool reverse) {
  Tensor<T, D> out = empty_tensor<T, D>(b.shape());
  const ScanLines lines = scan_lines(b.shape(), axis, reverse);
  count_pass();
  const RecordPtr factors = dense_record_on<D>(a.handle()), summands = dense_record_on<D>(b.handle());
  const T *p = reinterpret_cast<const T*>(factors->data), *q = reinterpret_cast<const T*>(summands->data);
  if constexpr (on_host<D>) scan_recurrence(lines, p, q, out.data_ptr());
  else Accelerator<D>::scan_recurrence(lines, p, q, out.data_ptr());
  auto backward = [a = Saved<T, D>(a), axis, reverse](const autograd::BackwardContext& ctx) {
    const Tensor<T, D> u = recurrence(a.get(), ctx.grad<T, D>(), axis, !reverse);
    const Tensor<T, D> y = ctx.output<T, D>();
    if (ctx.wants(0))
      ctx.give(0, reverse ? mul(shifted(u, axis, T(0), false), y) : mul(u, shifted(y, axis, T(0), false)));
    ctx.give(1, u);
  };
  return record_op("recurrence", std::move(out), true, std::move(backward), a, b);
}

template <bool Max, TensorLike X>
ValuesIndices<tensor_t<X>, device_t<X>> cumulative_extreme(std::string_view op, X&& x, std::int64_t given_axis) {
  using T = value_t<X>;
  using D = device_t<X>;
  static_assert(!Complex<T>, "complex numbers have no order");
  const Tensor<T, D> t = eval(std::forward<X>(x));
  const int axis = wrap_axis(op, given_axis, t.dim());
  Tensor<T, D> values = empty_tensor<T, D>(t.shape());
  Tensor<std::int64_t, D> indices = empty_tensor<std::int64_t, D>(t.shape());
  const ScanLines lines = scan_lines(t.shape(), axis, false);
  count_pass();
  const RecordPtr from = dense_record_on<D>(t.handle());
  const T* p = reinterpret_cast<const T*>(from->data);
  if constexpr (on_host<D>) scan_extreme<Max>(lines, p, values.data_ptr(), indices.data_ptr());
  else Accelerator<D>::template scan_extreme<Max>(lines, p, values.data_ptr(), indices.data_ptr());
  if constexpr (Differentiable<T>) {
    auto backward = [axis, indices = Saved<std::int64_t, D>(indices),
                     shape = t.shape()](const autograd::BackwardContext& ctx) {
      if (ctx.wants(0)) ctx.give(0, scatter_add(zero_tensor<T, D>(shape), axis, indices.get(), ctx.grad<T, D>()));
    };
    values = record_op(op, std::move(values), false, std::move(backward), t);
  }
  return {std::move(values), std::move(indices)};
}

}  // namespace detail

/// y[k] = x[0] + ... + x[k] along an axis. Dtypes: integers and bool give int64; float adds in double.
/// Gradient: the running sum of g from the other end.
template <TensorLike X>
Tensor<detail::sum_t<value_t<X>>, device_t<X>> cumsum(X&& x, std::int64_t axis) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  return detail::cumsum_along(t, detail::wrap_axis("cumsum", axis, t.dim()), false);
}

/// y[k] = x[0] ... x[k] along an axis. Dtypes: real; integers and bool give int64.
/// Gradient: s[k] y[k - 1] with s[k] = g[k] + x[k + 1] s[k + 1], also right where elements are zero.
template <TensorLike X>
  requires(!Complex<value_t<X>>)
Tensor<detail::sum_t<value_t<X>>, device_t<X>> cumprod(X&& x, std::int64_t given_axis) {
  using T = value_t<X>;
  using D = device_t<X>;
  const Tensor<T, D> t = eval(std::forward<X>(x));
  const int axis = detail::wrap_axis("cumprod", given_axis, t.dim());
  auto out = detail::running<detail::RunningProduct>(t, axis, false);
  if constexpr (!Differentiable<T>) {
    return out;
  } else {
    auto backward = [x = Saved<T, D>(t), axis](const autograd::BackwardContext& ctx) {
      if (!ctx.wants(0)) return;
      const Tensor<T, D> s = detail::recurrence(x.get(), ctx.grad<T, D>(), axis, true);
      ctx.give(0, mul(s, detail::shifted(ctx.output<T, D>(), axis, T(1), false)));
    };
    return record_op("cumprod", std::move(out), true, std::move(backward), t);
  }
}

/// The largest of x[0], ..., x[k] along an axis and where it is, the last of equals; NaN stays once met.
/// Gradient: to the chosen elements.
template <TensorLike X>
ValuesIndices<tensor_t<X>, device_t<X>> cummax(X&& x, std::int64_t axis) {
  return detail::cumulative_extreme<true>("cummax", std::forward<X>(x), axis);
}
/// The smallest of x[0], ..., x[k] along an axis and where it is, the last of equals; NaN stays once met.
/// Gradient: to the chosen elements.
template <TensorLike X>
ValuesIndices<tensor_t<X>, device_t<X>> cummin(X&& x, std::int64_t axis) {
  return detail::cumulative_extreme<false>("cummin", std::forward<X>(x), axis);
}

}  // namespace taper::inline TAPER_CODE
