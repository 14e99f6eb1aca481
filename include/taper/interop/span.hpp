// SPDX-License-Identifier: MIT
// Tensors as std::span and back, without a copy. A copy of a span is tensor(span).
#pragma once

#include <taper/core/from_blob.hpp>

#include <span>

namespace taper::inline TAPER_CODE {

namespace detail {

struct error_the_span_would_outlive_the_tensor_give_it_a_name;  // left incomplete: its name is the diagnostic

template <Scalar T, Device D>
std::size_t check_span(const Tensor<T, D>& x) {
  static_assert(std::same_as<D, Cpu>, "a span is host memory: write to<Cpu>(x)");
  if (!x.is_contiguous())
    raise<ShapeError>("as_span", "the tensor of shape ", x.shape(), " and strides ", x.strides(),
                      " is not dense: use contiguous()");
  return static_cast<std::size_t>(x.numel());
}

}  // namespace detail

/// The elements of a dense tensor, row-major, valid as long as its storage. Writing is not seen by the tape.
/// Throws: ShapeError where x is not contiguous.
template <Scalar T, Device D>
std::span<T> as_span(Tensor<T, D>& x) {
  return {x.data_ptr(), detail::check_span(x)};
}
template <Scalar T, Device D>
std::span<const T> as_span(const Tensor<T, D>& x) {
  return {x.data_ptr(), detail::check_span(x)};
}
template <Scalar T, Device D>
detail::error_the_span_would_outlive_the_tensor_give_it_a_name as_span(const Tensor<T, D>&&) = delete;

/// A tensor over a span's memory, which must outlive it.
/// Throws: ShapeError where the shape does not have the span's size.
template <Scalar T>
Tensor<T> from_span(std::span<T> values, const Shape& shape) {
  detail::check_shape("from_span", shape);
  if (shape.numel() != static_cast<std::int64_t>(values.size()))
    detail::raise<ShapeError>("from_span", values.size(), " values do not fill the shape ", shape, " of ",
                              shape.numel());
  return from_blob(values.data(), shape);
}
template <Scalar T>
Tensor<T> from_span(std::span<T> values) {
  return from_blob(values.data(), {static_cast<std::int64_t>(values.size())});
}

}  // namespace taper::inline TAPER_CODE
