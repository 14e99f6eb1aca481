// SPDX-License-Identifier: MIT
// Whole slices along one axis by an index vector: read, add, copy and fill.
#pragma once

#include <taper/ops/gather.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

/// The plan of an index vector (or one 0-dim index) along an axis; a 0-dim tensor is seen as one element.
template <TensorLike I>
IndexPlan vector_plan(std::string_view op, const Shape& shape, std::int64_t axis, const I& index) {
  TAPER_REQUIRE_INDEX(I);
  const Tensor<std::int64_t, device_t<I>> i = eval(index);
  if (i.dim() > 1) raise<ShapeError>(op, "the index must have one dimension, not the shape ", i.shape());
  return plan_along<device_t<I>>(op, at_least_1d(shape), wrap_axis(op, axis, shape.size()), reshape(i, {-1}).handle(), false);
}

/// Writes or adds slices, in x itself.
template <Scalar T, Device D, class V>
void write_slices(std::string_view op, const Tensor<T, D>& x, const IndexPlan& plan, const V& source, bool accumulate) {
  const Tensor<T, D> view = x.dim() == 0 ? taper::view(x, {1}) : x;
  if constexpr (TensorLike<V>) {
    Tensor<T, D> v = eval(source);
    if (!(at_least_1d(v.shape()) == plan.result))
      raise<ShapeError>(op, "the source of shape ", v.shape(), " must have the indexed slices' shape ", plan.result);
    index_write_at(op, view, plan, v.dim() == 0 ? taper::view(v, {1}) : v, accumulate);
  } else {
    index_write_at(op, view, plan, value_tensor<T, D>(source), accumulate);
  }
}

}  // namespace detail

/// Slices of x along an axis, in the order of the index. Shapes: index (n) -> x's with n along the axis.
/// Gradient: g's slices added up. Throws: IndexError for an index below 0 or beyond the axis.
template <TensorLike X, TensorLike I>
tensor_t<X> index_select(X&& x, std::int64_t axis, const I& index) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  const detail::IndexPlan plan = detail::vector_plan("index_select", t.shape(), axis, index);
  if (t.dim() > 0) return detail::index_at("index_select", t, plan);
  if (plan.places() != 1)
    detail::raise<IndexError>("index_select", "of a 0-dim tensor one element can be selected, not ", plan.places());
  return reshape(detail::index_at("index_select", view(t, {1}), plan), {});
}

/// alpha * source added to x's slices at index along an axis, in place. Shapes: source as index_select would give.
/// Gradient: g to x, alpha times g's slices to source. Throws: ShapeError, IndexError; AutogradError for a leaf that
/// wants a gradient.
template <Scalar T, Device D, TensorLike I, TensorLike S>
  requires detail::OfOneDType<Tensor<T, D>, S>
void index_add_(const Tensor<T, D>& x, std::int64_t axis, const I& index, const S& source,
                std::type_identity_t<compute_t<T>> alpha = 1) {
  const detail::IndexPlan plan = detail::vector_plan("index_add", x.shape(), axis, index);
  if (alpha == compute_t<T>(1)) detail::write_slices("index_add", x, plan, source, true);
  else detail::write_slices("index_add", x, plan, Tensor<T, D>(apply("mul", Mul{}, source, alpha)), true);
}
/// x's slices at index along an axis replaced by source's, in place; the last wins where they repeat.
template <Scalar T, Device D, TensorLike I, TensorLike S>
  requires detail::OfOneDType<Tensor<T, D>, S>
void index_copy_(const Tensor<T, D>& x, std::int64_t axis, const I& index, const S& source) {
  detail::write_slices("index_copy", x, detail::vector_plan("index_copy", x.shape(), axis, index), source, false);
}
/// x's slices at index along an axis filled with a number, in place.
template <Scalar T, Device D, TensorLike I, ScalarLike S>
void index_fill_(const Tensor<T, D>& x, std::int64_t axis, const I& index, S value) {
  detail::write_slices("index_fill", x, detail::vector_plan("index_fill", x.shape(), axis, index), value, false);
}

/// The three on a copy of x.
template <TensorLike X, TensorLike I, TensorLike S>
  requires detail::OfOneDType<X, S>
tensor_t<X> index_add(X&& x, std::int64_t axis, const I& index, const S& source,
                      std::type_identity_t<compute_t<value_t<X>>> alpha = 1) {
  tensor_t<X> out = clone(std::forward<X>(x));
  index_add_(out, axis, index, source, alpha);
  return out;
}
template <TensorLike X, TensorLike I, TensorLike S>
  requires detail::OfOneDType<X, S>
tensor_t<X> index_copy(X&& x, std::int64_t axis, const I& index, const S& source) {
  tensor_t<X> out = clone(std::forward<X>(x));
  index_copy_(out, axis, index, source);
  return out;
}
template <TensorLike X, TensorLike I, ScalarLike S>
tensor_t<X> index_fill(X&& x, std::int64_t axis, const I& index, S value) {
  tensor_t<X> out = clone(std::forward<X>(x));
  index_fill_(out, axis, index, value);
  return out;
}

TAPER_REFUSE_SOURCE(index_add)
TAPER_REFUSE_SOURCE(index_add_)
TAPER_REFUSE_SOURCE(index_copy)
TAPER_REFUSE_SOURCE(index_copy_)

}  // namespace taper::inline TAPER_CODE
