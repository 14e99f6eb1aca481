// SPDX-License-Identifier: MIT
// Tensors put together along an axis: cat, stack and their kin.
#pragma once

#include <taper/backend/cpu/points.hpp>
#include <taper/ops/structural.hpp>
#include <taper/ops/tensor_list.hpp>
#include <taper/ops/view.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

/// Hands each joined tensor its part of the gradient: a view.
template <Scalar T, Device D>
struct CatBackward {
  int axis;
  PoolVector<std::int64_t> starts;  // and one more: the end of the last
  void operator()(const autograd::BackwardContext& ctx) const {
    const Tensor<T, D> g = ctx.grad<T, D>();
    for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
      const int input = static_cast<int>(i);
      if (!ctx.wants(input)) continue;
      if (ctx.input_shape(input).size() != g.dim())
        ctx.give(input, Tensor<T, D>(GradOpsFor<T, D>::full(ctx.input_shape(input), 0)));
      else ctx.give(input, narrow(g, axis, starts[i], starts[i + 1] - starts[i]));
    }
  }
};

template <Scalar T, Device D>
Tensor<T, D> cat_of(std::span<const Tensor<T, D>> tensors, std::int64_t given_axis) {
  if (tensors.empty()) raise<ValueError>("cat", "there is no tensor to join");
  // Tensors of shape (0,) fit everywhere, as in PyTorch.
  const Tensor<T, D>* first = &tensors[0];
  for (const auto& t : tensors)
    if (!(t.shape() == Shape{0})) {
      first = &t;
      break;
    }
  if (first->dim() == 0) raise<ShapeError>("cat", "a 0-dim tensor has no axis to be joined along: use stack");
  const int axis = wrap_axis("cat", given_axis, first->dim());
  Shape shape = first->shape();
  shape[axis] = 0;
  CatBackward<T, D> backward{axis, {}};
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Shape& s = tensors[i].shape();
    backward.starts.push_back(shape[axis]);
    if (s == Shape{0} && first->dim() != 1) continue;
    bool fits = s.size() == shape.size();
    for (int d = 0; d < s.size() && fits; ++d) fits = d == axis || s[d] == shape[d];
    if (!fits)
      raise<ShapeError>("cat", "tensor ", i, " of shape ", s, " does not fit the first of shape ", first->shape(),
                        ": sizes may differ along axis ", axis, " only");
    shape[axis] += s[axis];
  }
  backward.starts.push_back(shape[axis]);
  Tensor<T, D> out = empty_tensor<T, D>(shape);
  count_pass();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].numel() == 0) continue;
    copy_into(tensors[i], out, backward.starts[i] * out.strides()[axis], out.strides());
  }
  return record_op_list("cat", std::move(out), std::move(backward), tensors);
}

template <Scalar T, Device D>
Tensor<T, D> stack_of(std::span<const Tensor<T, D>> tensors, std::int64_t given_axis) {
  if (tensors.empty()) raise<ValueError>("stack", "there is no tensor to stack");
  const Shape& each = tensors[0].shape();
  const int axis = wrap_axis("stack", given_axis, each.size() + 1);
  for (std::size_t i = 1; i < tensors.size(); ++i)
    if (!(tensors[i].shape() == each))
      raise<ShapeError>("stack", "tensor ", i, " of shape ", tensors[i].shape(), " must have the shape of the first, ",
                        each);
  Shape shape = each;
  shape.insert(axis, static_cast<std::int64_t>(tensors.size()));
  Tensor<T, D> out = empty_tensor<T, D>(shape);
  Strides inside = out.strides();
  inside.erase(axis);
  count_pass();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    copy_into(tensors[i], out, static_cast<std::int64_t>(i) * out.strides()[axis], inside);
  }
  auto backward = [axis, n = static_cast<int>(tensors.size())](const autograd::BackwardContext& ctx) {
    const Tensor<T, D> g = ctx.grad<T, D>();
    for (int i = 0; i < n; ++i)
      if (ctx.wants(i)) ctx.give(i, select(g, axis, i));
  };
  return record_op_list("stack", std::move(out), std::move(backward), tensors);
}

/// Every tensor seen with at least `rank` dimensions, then joined.
template <Scalar T, Device D>
Tensor<T, D> cat_raised(std::span<const Tensor<T, D>> tensors, int rank, std::int64_t axis) {
  PoolVector<Tensor<T, D>> raised;
  for (const auto& t : tensors) {
    Shape shape = t.shape();
    while (shape.size() < rank) {  // PyTorch's order: a vector becomes a row (1, n), then (1, n, 1)
      if (shape.size() == 2) shape.push_back(1);
      else shape.insert(0, 1);
    }
    raised.push_back(shape == t.shape() ? t : reshape(t, shape));
  }
  return cat_of(std::span<const Tensor<T, D>>(raised), axis);
}
template <Scalar T, Device D>
Tensor<T, D> hstack_of(std::span<const Tensor<T, D>> tensors) {
  return cat_raised(tensors, 1, !tensors.empty() && tensors[0].dim() > 1 ? 1 : 0);
}
template <Scalar T, Device D>
Tensor<T, D> vstack_of(std::span<const Tensor<T, D>> tensors) {
  return cat_raised(tensors, 2, 0);
}
template <Scalar T, Device D>
Tensor<T, D> dstack_of(std::span<const Tensor<T, D>> tensors) {
  return cat_raised(tensors, 3, 2);
}
template <Scalar T, Device D>
Tensor<T, D> column_stack_of(std::span<const Tensor<T, D>> tensors) {
  PoolVector<Tensor<T, D>> columns;
  for (const auto& t : tensors) columns.push_back(t.dim() < 2 ? reshape(t, {-1, 1}) : t);
  return cat_of(std::span<const Tensor<T, D>>(columns), 1);
}

}  // namespace detail

// Each takes a braced list of tensors, cat({a, b}, 1), or a container of them. Dtypes are equal: write cast otherwise.
// A list with expressions in it says its dtype, cat<float>({relu(a), b}, 1), or is no list: cat<1>(relu(a), b).

/// Tensors one behind another along an axis. Shapes: equal but along the axis; (0,) fits everywhere.
/// Gradient: g's parts, as views. Throws: ShapeError, naming the tensor; ValueError for none.
TAPER_OF_TENSOR_LIST(cat, std::int64_t axis = 0)
/// Tensors of one shape side by side along a new axis. Gradient, throws: as cat.
TAPER_OF_TENSOR_LIST(stack, std::int64_t axis = 0)

/// cat<axis>(x...) and stack<axis>(x...) of tensors and expressions of one dtype; axis 0 where none is given.
template <std::int64_t Axis = 0, TensorLike X, TensorLike... Y>
  requires(detail::OfOneDType<X, Y> && ...)
tensor_t<X> cat(X&& x, Y&&... y) {
  const tensor_t<X> tensors[] = {eval(std::forward<X>(x)), eval(std::forward<Y>(y))...};
  return detail::cat_of(std::span<const tensor_t<X>>(tensors), Axis);
}
template <std::int64_t Axis = 0, TensorLike X, TensorLike... Y>
  requires(detail::OfOneDType<X, Y> && ...)
tensor_t<X> stack(X&& x, Y&&... y) {
  const tensor_t<X> tensors[] = {eval(std::forward<X>(x)), eval(std::forward<Y>(y))...};
  return detail::stack_of(std::span<const tensor_t<X>>(tensors), Axis);
}

/// cat along axis 1, of vectors along axis 0.
TAPER_OF_TENSOR_LIST(hstack)
/// cat of rows along axis 0.
TAPER_OF_TENSOR_LIST(vstack)
/// cat along axis 2.
TAPER_OF_TENSOR_LIST(dstack)
/// cat along axis 1, where vectors are columns.
TAPER_OF_TENSOR_LIST(column_stack)

}  // namespace taper::inline TAPER_CODE

#undef TAPER_OF_TENSOR_LIST
