// SPDX-License-Identifier: MIT
// Order along an axis: sort, argsort, topk, kthvalue. NaN counts as the largest; equal elements keep their order.
#pragma once

#include <taper/backend/cpu/sort.hpp>
#include <taper/ops/gather.hpp>
#include <taper/ops/values_indices.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

/// The indices that a request chooses along an axis: x's shape with `results` along it.
template <Scalar T, Device D>
Tensor<std::int64_t, D> order_along(const Tensor<T, D>& x, int axis, const SortRequest& want, std::int64_t results) {
  static_assert(!Complex<T>, "complex numbers have no order");
  Shape shape = x.shape();
  if (!shape.empty()) shape[axis] = results;
  Tensor<std::int64_t, D> out = empty_tensor<std::int64_t, D>(shape);
  const AxisSplit s(at_least_1d(x.shape()), axis);
  const SortLines lines{s.outer, s.size, s.inner, results};
  const RecordPtr from = dense_record_on<D>(x.handle());
  const T* p = reinterpret_cast<const T*>(from->data);
  if constexpr (on_host<D>) sort_lines<T>(lines, want, p, out.data_ptr());
  else Accelerator<D>::sort_lines(lines, want, p, out.data_ptr());
  return out;
}
/// The elements that a request chooses, with their indices.
template <Scalar T, Device D>
ValuesIndices<Tensor<T, D>, D> ordered_along(std::string_view op, const Tensor<T, D>& x, int axis,
                                             const SortRequest& want, std::int64_t results) {
  Tensor<std::int64_t, D> indices = order_along(x, axis, want, results);
  return {gather_at(op, x, AxisIndex(op, x.shape(), axis, indices, true)), std::move(indices)};
}

inline std::int64_t axis_size(const Shape& shape, int axis) { return shape.empty() ? 1 : shape[axis]; }

}  // namespace detail

/// x in order along an axis, with the indices that put it so; stable. NaN counts as the largest.
/// Shapes: x's. Dtypes: real. Gradient: g moved back to where the elements were.
template <TensorLike X>
ValuesIndices<tensor_t<X>, device_t<X>> sort(X&& x, std::int64_t axis = -1, bool descending = false) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  const int dim = detail::wrap_axis("sort", axis, t.dim());
  return detail::ordered_along("sort", t, dim, {descending}, detail::axis_size(t.shape(), dim));
}
/// The indices that put x in order along an axis.
template <TensorLike X>
Tensor<std::int64_t, device_t<X>> argsort(X&& x, std::int64_t axis = -1, bool descending = false) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  const int dim = detail::wrap_axis("argsort", axis, t.dim());
  return detail::order_along(t, dim, {descending}, detail::axis_size(t.shape(), dim));
}
/// x in order along its first axis.
template <TensorLike X>
tensor_t<X> msort(X&& x) {
  return sort(std::forward<X>(x), 0).values;
}

/// The k largest (or smallest) elements along an axis, in order, with their indices; the first of equals.
/// Gradient: g to the chosen elements. Throws: ValueError where k is more than the axis has.
template <TensorLike X>
ValuesIndices<tensor_t<X>, device_t<X>> topk(X&& x, std::int64_t k, std::int64_t axis = -1, bool largest = true) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  const int dim = detail::wrap_axis("topk", axis, t.dim());
  const std::int64_t n = detail::axis_size(t.shape(), dim);
  if (k < 0 || k > n)
    detail::raise<ValueError>("topk", "k = ", k, " must lie between 0 and the size of axis ", dim, " of shape ",
                              t.shape(), ", ", n);
  return detail::ordered_along("topk", t, dim, {largest, k}, t.dim() == 0 ? 1 : k);
}

/// The k-th smallest element along an axis, k from 1 on, with its index. Gradient: g to that element.
/// Throws: ValueError for a k outside 1 and the axis's size.
template <TensorLike X>
ValuesIndices<tensor_t<X>, device_t<X>> kthvalue(X&& x, std::int64_t k, std::int64_t axis = -1, bool keepdim = false) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  const int dim = detail::wrap_axis("kthvalue", axis, t.dim());
  const std::int64_t n = detail::axis_size(t.shape(), dim);
  if (k < 1 || k > n)
    detail::raise<ValueError>("kthvalue", "k = ", k, " must lie between 1 and the size of axis ", dim, " of shape ",
                              t.shape(), ", ", n);
  auto found = detail::ordered_along("kthvalue", t, dim, {false, k - 1, true}, 1);
  if (!keepdim && t.dim() > 0) found = {squeeze(found.values, dim), squeeze(found.indices, dim)};
  return found;
}

}  // namespace taper::inline TAPER_CODE
