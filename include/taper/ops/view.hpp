// SPDX-License-Identifier: MIT
// Views: other shapes over the same storage. They copy nothing; their gradients go back through the inverse view.
#pragma once

#include <taper/eval/record.hpp>
#include <taper/eval/tensor.hpp>

#include <algorithm>

namespace taper::inline TAPER_CODE {

namespace detail {

template <Scalar T, Device D>
Tensor<T, D> view_of(const Tensor<T, D>& x, const ViewOp& op) {
  return Tensor<T, D>(make_view(&x.record(), op));
}

struct error_sizes_and_axes_are_written_in_braces;  // left incomplete: its name is the diagnostic

// The views' checks and arithmetic need shapes alone: compiled once for all types.

inline ViewOp reshape_op(std::string_view name, const Shape& from, const Shape& to) {
  ViewOp op;
  op.kind = ViewOp::view;
  op.dims = infer_shape(name, to, from);
  return op;
}
inline ViewOp permute_op(const Shape& shape, const Dims& order) {
  if (order.size() != shape.size())
    raise<ShapeError>("permute", "the order ", order, " has ", order.size(), " axes, the tensor of shape ", shape, " has ", shape.size());
  ViewOp op;
  op.kind = ViewOp::permute;
  std::uint32_t seen = 0;
  for (const std::int64_t a : order) {
    const int axis = wrap_axis("permute", a, shape.size());
    if (seen >> axis & 1) raise<IndexError>("permute", "axis ", a, " appears twice in ", order);
    seen |= 1u << axis;
    op.dims.push_back(axis);
  }
  return op;
}
inline ViewOp transpose_op(const Shape& shape, std::int64_t axis0, std::int64_t axis1) {
  const int n = shape.size(), a = wrap_axis("transpose", axis0, n), b = wrap_axis("transpose", axis1, n);
  ViewOp op;
  op.kind = ViewOp::permute;
  for (int i = 0; i < n; ++i) op.dims.push_back(i == a ? b : i == b ? a : i);
  return op;
}
inline ViewOp movedim_op(const Shape& shape, std::int64_t source, std::int64_t destination) {
  const int n = shape.size(), from = wrap_axis("movedim", source, n), to = wrap_axis("movedim", destination, n);
  ViewOp op;
  op.kind = ViewOp::permute;
  for (int i = 0; i < n; ++i)
    if (i != from) op.dims.push_back(i);
  op.dims.insert(to, from);
  return op;
}
inline ViewOp narrow_op(const Shape& shape, std::int64_t axis, std::int64_t start, std::int64_t length) {
  ViewOp op;
  op.kind = ViewOp::slice;
  op.dim = wrap_axis("narrow", axis, shape.size());
  if (shape.size() == 0) raise<ShapeError>("narrow", "a 0-dim tensor has no axis to narrow");
  const std::int64_t size = shape[op.dim];
  if (start < 0) start += size;
  if (start < 0 || length < 0 || start > size || length > size - start)
    raise<IndexError>("narrow", "start ", start, " and length ", length, " leave axis ", axis, " of size ", size);
  op.a = start, op.b = length, op.c = 1;
  return op;
}
inline ViewOp slice_op(const Shape& shape, std::int64_t axis, const Slice& s) {
  const int dim = wrap_axis("slice", axis, shape.size());
  if (shape.size() == 0) raise<ShapeError>("slice", "a 0-dim tensor has no axis to slice");
  return resolve("slice", s, dim, shape[dim]);
}
inline ViewOp select_op(const Shape& shape, std::int64_t axis, std::int64_t index) {
  const int dim = wrap_axis("select", axis, shape.size());
  if (shape.size() == 0) raise<ShapeError>("select", "a 0-dim tensor has no axis to select from");
  return resolve("select", index, dim, shape[dim]);
}
inline ViewOp unsqueeze_op(const Shape& shape, std::int64_t axis) {
  const int rank = shape.size() + 1;
  if (axis < -rank || axis >= rank)
    raise<IndexError>("unsqueeze", "axis ", axis, " is out of range for ", shape.size(), " dimensions: use ", -rank, " to ", rank - 1);
  ViewOp op;
  op.kind = ViewOp::unsqueeze;
  op.dim = static_cast<int>(axis < 0 ? axis + rank : axis);
  return op;
}
inline ViewOp expand_op(const Shape& from, const Shape& to) {
  ViewOp op;
  op.kind = ViewOp::expand;
  op.dims = to;
  const int lead = to.size() - from.size();
  bool fits = lead >= 0;
  for (int i = 0; fits && i < to.size(); ++i) {
    if (to[i] == -1 && i >= lead) op.dims[i] = from[i - lead];
    fits = op.dims[i] >= 0 && (i < lead || from[i - lead] == op.dims[i] || from[i - lead] == 1);
  }
  if (!fits)
    raise<ShapeError>("expand", "a tensor of shape ", from, " does not expand to ", to,
                      ": sizes must be equal, 1 in the tensor, or new in front");
  check_shape("expand", op.dims);
  return op;
}
inline ViewOp unfold_op(const Shape& shape, std::int64_t axis, std::int64_t size, std::int64_t step) {
  ViewOp op;
  op.kind = ViewOp::unfold;
  op.dim = wrap_axis("unfold", axis, shape.size());
  if (shape.size() == 0 || size < 0 || size > shape[op.dim] || step <= 0)
    raise<ShapeError>("unfold", "windows of size ", size, " and step ", step, " do not fit axis ", axis, " of shape ", shape);
  op.a = size, op.b = std::min(step, shape[op.dim] + 1);
  return op;
}
inline ViewOp diagonal_op(const Shape& shape, std::int64_t offset, std::int64_t axis0, std::int64_t axis1) {
  ViewOp op;
  op.kind = ViewOp::diagonal;
  op.dim = wrap_axis("diagonal", axis0, shape.size());
  op.b = wrap_axis("diagonal", axis1, shape.size());
  if (shape.size() < 2 || op.dim == op.b)
    raise<ShapeError>("diagonal", "axes ", axis0, " and ", axis1, " of a tensor of shape ", shape, " are not two different axes");
  op.a = offset;
  return op;
}
inline Shape flattened(const Shape& shape, std::int64_t start, std::int64_t end) {
  if (shape.size() == 0) return {1};
  const int first = wrap_axis("flatten", start, shape.size()), last = wrap_axis("flatten", end, shape.size());
  if (first > last) raise<IndexError>("flatten", "start ", start, " comes after end ", end);
  Shape out;
  std::int64_t merged = 1;
  for (int i = 0; i < shape.size(); ++i) {
    if (i < first || i > last) out.push_back(shape[i]);
    else if (merged *= shape[i]; i == last) out.push_back(merged);
  }
  return out;
}
inline Shape unflattened(const Shape& shape, std::int64_t axis, const Shape& sizes) {
  const int dim = wrap_axis("unflatten", axis, shape.size());
  const Shape inner = infer_shape("unflatten", sizes, Shape{shape[dim]});
  Shape out;
  for (int i = 0; i < shape.size(); ++i) {
    if (i != dim) out.push_back(shape[i]);
    else
      for (const std::int64_t s : inner) out.push_back(s);
  }
  return out;
}

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
  return detail::view_of(t, detail::reshape_op("view", t.shape(), shape));
}

namespace detail {

/// A copy whose axes lie in the given order.
template <Scalar T, Device D>
Tensor<T, D> copy_of(const Tensor<T, D>& x, AxisOrder order = 0) {
  return Tensor<T, D>(evaluate_copy<T, D>(x.handle(), order));
}

}  // namespace detail

/// A copy with its own storage. It lies in memory as x does where x is dense (in whatever order of its axes), and in row-major
/// order otherwise. Gradient: passed on.
template <TensorLike X>
tensor_t<X> clone(X&& x) {
  if constexpr (ExprLike<X> && !std::is_lvalue_reference_v<X>) return eval(std::forward<X>(x));
  else {
    const tensor_t<X> t = eval(std::forward<X>(x));
    return detail::copy_of(t, detail::order_of(t.record()));
  }
}

/// A copy in dense row-major order, or x itself where it is dense already.
template <TensorLike X>
tensor_t<X> contiguous(X&& x) {
  tensor_t<X> t = eval(std::forward<X>(x));
  if (t.is_contiguous()) return t;
  return detail::copy_of(t);
}

/// x as another shape: a view where strides allow it, a copy otherwise; one size may be -1.
template <TensorLike X>
tensor_t<X> reshape(X&& x, const Shape& shape) {
  tensor_t<X> t = eval(std::forward<X>(x));
  const detail::ViewOp op = detail::reshape_op("reshape", t.shape(), shape);
  if (Strides strides; !detail::view_strides(detail::geometry_of(t.record()), op.dims, strides)) t = detail::copy_of(t);
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
  return detail::view_of(t, detail::permute_op(t.shape(), order));
}

namespace detail {

/// Whether x's channels are last, and that is not row-major order as well.
template <Scalar T, Device D>
bool has_channels_last(const Tensor<T, D>& x) {
  return !x.is_contiguous() && x.is_contiguous(MemoryFormat::channels_last);
}
/// x with its channels last or in row-major order, x itself where it is.
template <Scalar T, Device D>
Tensor<T, D> arranged(const Tensor<T, D>& x, bool channels_last) {
  if (!channels_last) return contiguous(x);
  if (x.is_contiguous(MemoryFormat::channels_last)) return x;
  return permute(copy_of(permute(x, {0, 2, 3, 1})), {0, 3, 1, 2});
}

}  // namespace detail

/// Two axes swapped.
template <TensorLike X>
tensor_t<X> transpose(X&& x, std::int64_t axis0, std::int64_t axis1) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  return detail::view_of(t, detail::transpose_op(t.shape(), axis0, axis1));
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
  return detail::view_of(t, detail::narrow_op(t.shape(), axis, start, length));
}

/// Every `step`-th element along an axis from `start` up to `stop`, as Python's slices.
template <TensorLike X>
tensor_t<X> slice(X&& x, std::int64_t axis, const Slice& s) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  return detail::view_of(t, detail::slice_op(t.shape(), axis, s));
}

/// One index along an axis; the axis goes away.
template <TensorLike X>
tensor_t<X> select(X&& x, std::int64_t axis, std::int64_t index) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  return detail::view_of(t, detail::select_op(t.shape(), axis, index));
}

/// A new axis of size 1 at `axis` (0 to dim, or negative from the back).
template <TensorLike X>
tensor_t<X> unsqueeze(X&& x, std::int64_t axis) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  return detail::view_of(t, detail::unsqueeze_op(t.shape(), axis));
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
  return detail::view_of(t, detail::expand_op(t.shape(), shape));
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
  return detail::view_of(t, detail::unfold_op(t.shape(), axis, size, step));
}

/// The diagonal of two axes as a new last axis; offset > 0 lies above the main one.
template <TensorLike X>
tensor_t<X> diagonal(X&& x, std::int64_t offset = 0, std::int64_t axis0 = 0, std::int64_t axis1 = 1) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  return detail::view_of(t, detail::diagonal_op(t.shape(), offset, axis0, axis1));
}

/// Axes start to end made one.
template <TensorLike X>
tensor_t<X> flatten(X&& x, std::int64_t start = 0, std::int64_t end = -1) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  return reshape(t, detail::flattened(t.shape(), start, end));
}

/// One axis split into several; one of them may be -1.
template <TensorLike X>
tensor_t<X> unflatten(X&& x, std::int64_t axis, const Shape& sizes) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  return reshape(t, detail::unflattened(t.shape(), axis, sizes));
}

/// Axis `source` moved to place `destination`.
template <TensorLike X>
tensor_t<X> movedim(X&& x, std::int64_t source, std::int64_t destination) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  return detail::view_of(t, detail::movedim_op(t.shape(), source, destination));
}

}  // namespace taper::inline TAPER_CODE
