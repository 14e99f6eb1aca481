// SPDX-License-Identifier: MIT
// Copies in another arrangement: repeat, tile, repeat_interleave, flip, roll and quarter turns.
#pragma once

#include <taper/ops/index_select.hpp>
#include <taper/ops/join.hpp>
#include <taper/ops/split.hpp>
#include <taper/ops/to.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

inline void grow_axis(std::string_view op, Shape& shape, int axis, std::int64_t count) {
  if (__builtin_mul_overflow(shape[axis], count, &shape[axis])) raise<ShapeError>(op, count, " copies have too many elements");
  check_shape(op, shape);
}

/// Each of x's runs count times, in memory of its own: as a view, copies of a single run would share theirs.
template <Scalar T, Device D>
Tensor<T, D> repeat_runs(const Tensor<T, D>& x, std::int64_t outer, std::int64_t count, std::int64_t run, const Shape& shape) {
  return view(copy_of(expand(reshape(x, {outer, 1, run}), {outer, count, run})), shape);
}

}  // namespace detail

/// x repeated along every axis; more counts than axes add axes in front. Shapes: (n, ..) -> (n * count, ..).
/// Gradient: summed over the copies. Throws: ShapeError for a negative count or fewer counts than axes.
template <TensorLike X>
tensor_t<X> repeat(X&& x, const Dims& counts) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  if (counts.size() < t.dim())
    detail::raise<ShapeError>("repeat", "the counts ", counts, " must be at least as many as the dimensions of ",
                              t.shape());
  for (const std::int64_t c : counts)
    if (c < 0) detail::raise<ShapeError>("repeat", "a count must not be negative: ", counts);
  Shape shape = t.shape();
  while (shape.size() < counts.size()) shape.insert(0, 1);
  Shape result = shape;
  for (int i = 0; i < counts.size(); ++i) detail::grow_axis("repeat", result, i, counts[i]);
  tensor_t<X> y = t;
  // From the last axis on, so that the small copies are made first. Everything behind an axis is one run that repeats.
  for (int i = counts.size() - 1; i >= 0; --i) {
    if (counts[i] == 1) continue;
    std::int64_t outer = 1, run = 1;
    for (int k = 0; k < shape.size(); ++k) (k < i ? outer : run) *= shape[k];
    shape[i] = result[i];
    y = detail::repeat_runs(y, outer, counts[i], run, shape);
  }
  return y.handle().get() == t.handle().get() ? clone(reshape(t, shape)) : y;
}
/// repeat, with counts of 1 in front where there are fewer than axes.
template <TensorLike X>
tensor_t<X> tile(X&& x, const Dims& counts) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  Dims all = counts;
  while (all.size() < t.dim()) all.insert(0, 1);
  return repeat(t, all);
}

/// Every slice along an axis `count` times, one copy behind the other. Gradient: summed over the copies.
template <TensorLike X>
tensor_t<X> repeat_interleave(X&& x, std::int64_t count, std::int64_t axis) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  if (t.dim() == 0) return repeat_interleave(view(t, {1}), count, axis);
  const int dim = detail::wrap_axis("repeat_interleave", axis, t.dim());
  if (count < 0) detail::raise<ShapeError>("repeat_interleave", "the count must not be negative: ", count);
  if (count == 1) return clone(t);
  const detail::AxisSplit parts(t.shape(), dim);
  Shape shape = t.shape();
  detail::grow_axis("repeat_interleave", shape, dim, count);
  return detail::repeat_runs(t, parts.outer * parts.size, count, parts.inner, shape);
}
/// Every slice along an axis as often as `counts` says; they are brought to the host. Shapes: counts (n) of the axis's size.
/// Gradient: summed over the copies.
template <TensorLike X, TensorLike C>
tensor_t<X> repeat_interleave(X&& x, const C& counts, std::int64_t axis) {
  TAPER_REQUIRE_INDEX(C);
  const tensor_t<X> t = eval(std::forward<X>(x));
  const int dim = detail::wrap_axis("repeat_interleave", axis, t.dim());
  const Tensor<std::int64_t> c = contiguous(to<Cpu>(counts));
  const std::int64_t n = t.dim() == 0 ? 1 : t.shape()[dim];
  if (c.dim() != 1 || c.numel() != n)
    detail::raise<ShapeError>("repeat_interleave", "the counts of shape ", c.shape(),
                              " must be a vector of the size of axis ", dim, ", ", n);
  std::int64_t total = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    if (c.data_ptr()[i] < 0)
      detail::raise<ShapeError>("repeat_interleave", "a count must not be negative: ", c.data_ptr()[i]);
    if (__builtin_add_overflow(total, c.data_ptr()[i], &total))
      detail::raise<ShapeError>("repeat_interleave", "the counts add up to too many elements");
  }
  detail::check_shape("repeat_interleave", {total});
  Tensor<std::int64_t> index = detail::empty_tensor<std::int64_t, Cpu>({total});
  std::int64_t* next = index.data_ptr();
  for (std::int64_t i = 0; i < n; ++i) next = std::fill_n(next, c.data_ptr()[i], i);
  return index_select(t.dim() == 0 ? view(t, {1}) : t, dim, to<device_t<X>>(index));
}
/// The same of the flattened x; count is a number or a vector.
template <TensorLike X, class C>
  requires(std::integral<C> || TensorLike<C>)
tensor_t<X> repeat_interleave(X&& x, const C& count) {
  return repeat_interleave(reshape(std::forward<X>(x), {-1}), count, 0);
}

/// x in reverse order along axes. Gradient: g in reverse order.
template <TensorLike X>
tensor_t<X> flip(X&& x, const Dims& axes) {
  using T = value_t<X>;
  const tensor_t<X> t = eval(std::forward<X>(x));
  const detail::ReducedAxes chosen = detail::reduced_axes("flip", t.shape(), axes, true);
  tensor_t<X> out = detail::empty_tensor<T, device_t<X>>(t.shape());
  detail::count_pass();
  if constexpr (detail::on_host<device_t<X>>) {
    Strides steps = t.strides();
    const std::byte* from = t.record().data;
    for (int i = 0; i < t.dim(); ++i) {
      if (axes.empty() || !(chosen.mask >> i & 1)) continue;
      if (t.numel() > 0) from += (t.shape()[i] - 1) * steps[i] * static_cast<std::int64_t>(sizeof(T));
      steps[i] = -steps[i];
    }
    detail::copy_strided(dtype_of<T>, t.shape(), out.record().data, out.strides(), from, steps);
  } else {
    detail::Accelerator<device_t<X>>::flip(t.record(), axes.empty() ? 0 : chosen.mask, out.record());
  }
  auto backward = [axes](const autograd::BackwardContext& ctx) {
    if (ctx.wants(0)) ctx.give(0, flip(ctx.grad<T, device_t<X>>(), axes));
  };
  return record_op("flip", std::move(out), false, std::move(backward), t);
}
template <TensorLike X, std::integral N>  // a template, so that {1} is a list
tensor_t<X> flip(X&& x, N axis) {
  return flip(std::forward<X>(x), Dims{static_cast<std::int64_t>(axis)});
}
/// flip along axis 1, along axis 0.
template <TensorLike X>
tensor_t<X> fliplr(X&& x) {
  return flip(std::forward<X>(x), Dims{1});
}
template <TensorLike X>
tensor_t<X> flipud(X&& x) {
  return flip(std::forward<X>(x), Dims{0});
}

/// x with elements moved on by shifts along axes; what leaves at one end enters at the other. Gradient: g moved back.
template <TensorLike X>
tensor_t<X> roll(X&& x, const Dims& shifts, const Dims& axes) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  if (shifts.size() != axes.size())
    detail::raise<ValueError>("roll", "there must be as many shifts as axes: ", shifts, ", ", axes);
  tensor_t<X> y = t;
  for (int i = 0; i < axes.size(); ++i) {
    const int axis = detail::split_axis("roll", t, axes[i]);
    const std::int64_t n = t.shape()[axis];
    const std::int64_t shift = n > 0 ? (shifts[i] % n + n) % n : 0;
    if (shift != 0) y = cat({narrow(y, axis, n - shift, shift), narrow(y, axis, 0, n - shift)}, axis);
  }
  return y.handle().get() == t.handle().get() ? clone(t) : y;
}
template <TensorLike X, std::integral N>
tensor_t<X> roll(X&& x, N shift, std::int64_t axis) {
  return roll(std::forward<X>(x), Dims{static_cast<std::int64_t>(shift)}, Dims{axis});
}
/// The same of the flattened x, in x's shape.
template <TensorLike X>
tensor_t<X> roll(X&& x, std::int64_t shift) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  return reshape(roll(reshape(t, {-1}), shift, 0), t.shape());
}

/// x turned by k quarters in the plane of two axes, from the first towards the second.
template <TensorLike X>
tensor_t<X> rot90(X&& x, std::int64_t k = 1, std::int64_t axis0 = 0, std::int64_t axis1 = 1) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  const int a = detail::wrap_axis("rot90", axis0, t.dim()), b = detail::wrap_axis("rot90", axis1, t.dim());
  if (a == b) detail::raise<ValueError>("rot90", "the two axes must differ: ", axis0, ", ", axis1);
  switch ((k % 4 + 4) % 4) {
    case 1: return transpose(flip(t, b), a, b);
    case 2: return flip(t, Dims{a, b});
    case 3: return flip(transpose(t, a, b), b);
    default: return clone(t);
  }
}

}  // namespace taper::inline TAPER_CODE
