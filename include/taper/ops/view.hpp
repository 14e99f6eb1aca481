// SPDX-License-Identifier: MIT
// Views: other shapes over the same storage. They copy nothing; their gradients go back through the inverse view.
#pragma once

#include <taper/eval/record.hpp>
#include <taper/eval/tensor.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

template <Scalar T, Device D>
Tensor<T, D> view_of(const Tensor<T, D>& x, const ViewOp& op) {
  return Tensor<T, D>(make_view(&x.record(), op));
}

struct error_sizes_and_axes_are_written_in_braces;  // left incomplete: its name is the diagnostic

}  // namespace detail

// Beside a function of a list of sizes or axes: x.view(2, 3) is refused by name.
#define TAPER_REFUSE_LOOSE_SIZES_OF(function)                                                                       \
  template <TensorLike X, std::integral... N, class Fault = detail::error_sizes_and_axes_are_written_in_braces> \
    requires(sizeof...(N) > 0)                                                                                      \
  Fault function(X&&, N...) = delete;
TAPER_REFUSE_LOOSE_SIZES_OF(view)
TAPER_REFUSE_LOOSE_SIZES_OF(reshape)
TAPER_REFUSE_LOOSE_SIZES_OF(permute)
TAPER_REFUSE_LOOSE_SIZES_OF(expand)
#undef TAPER_REFUSE_LOOSE_SIZES_OF

/// x seen as another shape with the same elements in the same order; one size may be -1.
/// Gradient: the same elements back. Throws: ShapeError where the count differs or the strides would need a copy.
template <TensorLike X>
tensor_t<X> view(X&& x, const Shape& shape) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  detail::ViewOp op;
  op.kind = detail::ViewOp::view;
  op.dims = detail::infer_shape("view", shape, t.shape());
  return detail::view_of(t, op);
}

/// A copy with its own storage. Gradient: passed on.
template <TensorLike X>
tensor_t<X> clone(X&& x) {
  if constexpr (ExprLike<X> && !std::is_lvalue_reference_v<X>) return eval(std::forward<X>(x));
  else {
    const tensor_t<X> t = eval(std::forward<X>(x));
    return tensor_t<X>(detail::evaluate(detail::plain_leaf<value_t<X>, device_t<X>>(t.handle()), t.shape()));
  }
}

/// A copy in dense row-major order, or x itself where it is dense already.
template <TensorLike X>
tensor_t<X> contiguous(X&& x) {
  tensor_t<X> t = eval(std::forward<X>(x));
  if (t.is_contiguous()) return t;
  return clone(t);
}

/// x as another shape: a view where strides allow it, a copy otherwise; one size may be -1.
template <TensorLike X>
tensor_t<X> reshape(X&& x, const Shape& shape) {
  tensor_t<X> t = eval(std::forward<X>(x));
  detail::ViewOp op;
  op.kind = detail::ViewOp::view;
  op.dims = detail::infer_shape("reshape", shape, t.shape());
  Strides strides;
  if (!detail::view_strides(detail::geometry_of(t.record()), op.dims, strides)) t = clone(t);
  return detail::view_of(t, op);
}

/// The same storage outside the tape: no gradient flows back through it. In-place changes are still noticed.
template <TensorLike X>
tensor_t<X> detach(X&& x) {
  return detail::detached(tensor_t<X>(eval(std::forward<X>(x))));
}

/// Axes in another order: result axis i is x's axis order[i].
template <TensorLike X>
tensor_t<X> permute(X&& x, const Dims& order) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  if (order.size() != t.dim())
    detail::raise<ShapeError>("permute", "the order ", order, " has ", order.size(), " axes, the tensor of shape ", t.shape(), " has ", t.dim());
  detail::ViewOp op;
  op.kind = detail::ViewOp::permute;
  std::uint32_t seen = 0;
  for (const std::int64_t a : order) {
    const int axis = detail::wrap_axis("permute", a, t.dim());
    if (seen >> axis & 1) detail::raise<IndexError>("permute", "axis ", a, " appears twice in ", order);
    seen |= 1u << axis;
    op.dims.push_back(axis);
  }
  return detail::view_of(t, op);
}

/// Two axes swapped.
template <TensorLike X>
tensor_t<X> transpose(X&& x, std::int64_t axis0, std::int64_t axis1) {
  tensor_t<X> t = eval(std::forward<X>(x));
  const int a = detail::wrap_axis("transpose", axis0, t.dim()), b = detail::wrap_axis("transpose", axis1, t.dim());
  Dims order;
  for (int i = 0; i < t.dim(); ++i) order.push_back(i == a ? b : i == b ? a : i);
  return permute(t, order);
}

/// The transpose of a matrix; a vector or a 0-dim tensor is returned as it is.
template <TensorLike X>
tensor_t<X> t(X&& x) {
  tensor_t<X> m = eval(std::forward<X>(x));
  if (m.dim() > 2) detail::raise<ShapeError>("t", "a tensor of shape ", m.shape(), " has more than two dimensions: use transpose or permute");
  return m.dim() == 2 ? transpose(m, 0, 1) : m;
}

/// `length` elements along an axis from `start` on.
template <TensorLike X>
tensor_t<X> narrow(X&& x, std::int64_t axis, std::int64_t start, std::int64_t length) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  detail::ViewOp op;
  op.kind = detail::ViewOp::slice;
  op.dim = detail::wrap_axis("narrow", axis, t.dim());
  if (t.dim() == 0) detail::raise<ShapeError>("narrow", "a 0-dim tensor has no axis to narrow");
  const std::int64_t size = t.shape()[op.dim];
  if (start < 0) start += size;
  if (start < 0 || length < 0 || start + length > size)
    detail::raise<IndexError>("narrow", "start ", start, " and length ", length, " leave axis ", axis, " of size ", size);
  op.a = start, op.b = length, op.c = 1;
  return detail::view_of(t, op);
}

/// Every `step`-th element along an axis from `start` up to `stop`, as Python's slices.
template <TensorLike X>
tensor_t<X> slice(X&& x, std::int64_t axis, const Slice& s) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  const int dim = detail::wrap_axis("slice", axis, t.dim());
  if (t.dim() == 0) detail::raise<ShapeError>("slice", "a 0-dim tensor has no axis to slice");
  return detail::view_of(t, detail::resolve("slice", s, dim, t.shape()[dim]));
}

/// One index along an axis; the axis goes away.
template <TensorLike X>
tensor_t<X> select(X&& x, std::int64_t axis, std::int64_t index) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  const int dim = detail::wrap_axis("select", axis, t.dim());
  if (t.dim() == 0) detail::raise<ShapeError>("select", "a 0-dim tensor has no axis to select from");
  return detail::view_of(t, detail::resolve("select", index, dim, t.shape()[dim]));
}

/// A new axis of size 1 at `axis` (0 to dim, or negative from the back).
template <TensorLike X>
tensor_t<X> unsqueeze(X&& x, std::int64_t axis) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  const int rank = t.dim() + 1;
  if (axis < -rank || axis >= rank)
    detail::raise<IndexError>("unsqueeze", "axis ", axis, " is out of range for ", t.dim(), " dimensions: use ", -rank, " to ", rank - 1);
  detail::ViewOp op;
  op.kind = detail::ViewOp::unsqueeze;
  op.dim = static_cast<int>(axis < 0 ? axis + rank : axis);
  return detail::view_of(t, op);
}

/// Without the given axis where its size is 1; otherwise x unchanged.
template <TensorLike X>
tensor_t<X> squeeze(X&& x, std::int64_t axis) {
  tensor_t<X> t = eval(std::forward<X>(x));
  const int dim = detail::wrap_axis("squeeze", axis, t.dim());
  if (t.dim() == 0 || t.shape()[dim] != 1) return t;
  detail::ViewOp op;
  op.kind = detail::ViewOp::squeeze;
  op.dim = dim;
  return detail::view_of(t, op);
}

/// Without any axis of size 1.
template <TensorLike X>
tensor_t<X> squeeze(X&& x) {
  tensor_t<X> t = eval(std::forward<X>(x));
  for (int i = t.dim() - 1; i >= 0; --i) t = squeeze(t, i);
  return t;
}

/// Axes of size 1 (and new ones in front) repeated without copying; -1 keeps a size. Gradient: summed over them.
template <TensorLike X>
tensor_t<X> expand(X&& x, const Shape& shape) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  detail::ViewOp op;
  op.kind = detail::ViewOp::expand;
  op.dims = shape;
  const int lead = shape.size() - t.dim();
  for (int i = 0; i < shape.size(); ++i) {
    if (shape[i] == -1 && i >= lead) op.dims[i] = t.shape()[i - lead];
    if (lead < 0 || op.dims[i] < 0 || (i >= lead && t.shape()[i - lead] != op.dims[i] && t.shape()[i - lead] != 1))
      detail::raise<ShapeError>("expand", "a tensor of shape ", t.shape(), " does not expand to ", shape,
                                ": sizes must be equal, 1 in the tensor, or new in front");
  }
  if (lead < 0) detail::raise<ShapeError>("expand", "a tensor of shape ", t.shape(), " does not expand to ", shape);
  return detail::view_of(t, op);
}

/// x expanded to the shape of another tensor.
template <TensorLike X, TensorLike Y>
tensor_t<X> expand_as(X&& x, const Y& other) {
  return expand(std::forward<X>(x), other.shape());
}

/// All windows of `size` elements, `step` apart, along an axis, as a new last axis. Gradient: windows added up.
template <TensorLike X>
tensor_t<X> unfold(X&& x, std::int64_t axis, std::int64_t size, std::int64_t step) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  detail::ViewOp op;
  op.kind = detail::ViewOp::unfold;
  op.dim = detail::wrap_axis("unfold", axis, t.dim());
  if (t.dim() == 0 || size < 0 || size > t.shape()[op.dim] || step <= 0)
    detail::raise<ShapeError>("unfold", "windows of size ", size, " and step ", step, " do not fit axis ", axis, " of shape ", t.shape());
  op.a = size, op.b = step;
  return detail::view_of(t, op);
}

/// The diagonal of two axes as a new last axis; offset > 0 lies above the main one.
template <TensorLike X>
tensor_t<X> diagonal(X&& x, std::int64_t offset = 0, std::int64_t axis0 = 0, std::int64_t axis1 = 1) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  detail::ViewOp op;
  op.kind = detail::ViewOp::diagonal;
  op.dim = detail::wrap_axis("diagonal", axis0, t.dim());
  op.b = detail::wrap_axis("diagonal", axis1, t.dim());
  if (t.dim() < 2 || op.dim == op.b)
    detail::raise<ShapeError>("diagonal", "axes ", axis0, " and ", axis1, " of a tensor of shape ", t.shape(), " are not two different axes");
  op.a = offset;
  return detail::view_of(t, op);
}

/// Axes start to end made one.
template <TensorLike X>
tensor_t<X> flatten(X&& x, std::int64_t start = 0, std::int64_t end = -1) {
  tensor_t<X> t = eval(std::forward<X>(x));
  if (t.dim() == 0) return reshape(t, {1});
  const int first = detail::wrap_axis("flatten", start, t.dim()), last = detail::wrap_axis("flatten", end, t.dim());
  if (first > last) detail::raise<IndexError>("flatten", "start ", start, " comes after end ", end);
  Shape shape;
  std::int64_t merged = 1;
  for (int i = 0; i < t.dim(); ++i) {
    if (i >= first && i <= last) {
      merged *= t.shape()[i];
      if (i == last) shape.push_back(merged);
    } else {
      shape.push_back(t.shape()[i]);
    }
  }
  return reshape(t, shape);
}

/// One axis split into several; one of them may be -1.
template <TensorLike X>
tensor_t<X> unflatten(X&& x, std::int64_t axis, const Shape& sizes) {
  tensor_t<X> t = eval(std::forward<X>(x));
  const int dim = detail::wrap_axis("unflatten", axis, t.dim());
  const Shape inner = detail::infer_shape("unflatten", sizes, Shape{t.shape()[dim]});
  Shape shape;
  for (int i = 0; i < t.dim(); ++i) {
    if (i != dim) shape.push_back(t.shape()[i]);
    else
      for (const std::int64_t s : inner) shape.push_back(s);
  }
  return reshape(t, shape);
}

/// Axis `source` moved to place `destination`.
template <TensorLike X>
tensor_t<X> movedim(X&& x, std::int64_t source, std::int64_t destination) {
  tensor_t<X> t = eval(std::forward<X>(x));
  const int from = detail::wrap_axis("movedim", source, t.dim()), to = detail::wrap_axis("movedim", destination, t.dim());
  Dims order;
  for (int i = 0; i < t.dim(); ++i)
    if (i != from) order.push_back(i);
  order.insert(to, from);
  return permute(t, order);
}

}  // namespace taper::inline TAPER_CODE
