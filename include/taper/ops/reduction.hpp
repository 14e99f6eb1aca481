// SPDX-License-Identifier: MIT
// Reductions over all axes, one axis or several: sum, mean, prod, extremes, any, all, norm, logsumexp.
#pragma once

#include <taper/ops/arithmetic.hpp>
#include <taper/ops/comparison.hpp>
#include <taper/ops/complex.hpp>
#include <taper/ops/exponential.hpp>
#include <taper/ops/cast.hpp>
#include <taper/ops/gather.hpp>
#include <taper/ops/logical.hpp>
#include <taper/ops/power.hpp>
#include <taper/ops/scan.hpp>
#include <taper/ops/selection.hpp>
#include <taper/ops/values_indices.hpp>
#include <taper/ops/view.hpp>

namespace taper::inline TAPER_CODE {

/// The axes of a reduction: one number, a list, or nothing for all of them.
struct Axes : Dims {
  Axes() = default;
  Axes(std::int64_t axis) : Dims{axis} {}
  Axes(std::initializer_list<std::int64_t> axes) : Dims(axes) {}
  Axes(const Dims& axes) : Dims(axes) {}
};

namespace detail {

/// A reduced tensor brought back to the rank it was reduced from, with size 1 along the reduced axes.
template <Scalar T, Device D>
Tensor<T, D> keep_axes(const Tensor<T, D>& y, const ReducedAxes& reduced) {
  return reshape(y, reduced.kept);
}

}  // namespace detail

/// Sum of x over axes (all by default). Computed in double (int64 for integers) and rounded once, in one pass with the
/// expression it is given.
/// Dtypes: integers and bool give int64. Gradient: the output's, expanded.
template <TensorLike X>
Tensor<detail::sum_t<value_t<X>>, device_t<X>> sum(X&& x, const Axes& axes = {}, bool keepdim = false) {
  return Tensor<detail::sum_t<value_t<X>>, device_t<X>>(detail::sum_scaled("sum", std::forward<X>(x), axes, keepdim, false));
}

/// Mean of x over axes. Dtypes: floating and complex; cast integers first.
template <TensorLike X>
  requires Differentiable<value_t<X>>
tensor_t<X> mean(X&& x, const Axes& axes = {}, bool keepdim = false) {
  return tensor_t<X>(detail::sum_scaled("mean", std::forward<X>(x), axes, keepdim, true));
}

namespace detail {

/// For each element the product of the others along the axes of a mask, also where some are zero or not finite.
template <Scalar T, Device D>
Tensor<T, D> product_of_others(const Tensor<T, D>& x, std::uint32_t mask) {
  Dims order, back = Dims::filled(x.dim(), 0);
  Shape lines, permuted;
  std::int64_t n = 1;
  for (const bool reduced : {false, true})
    for (int i = 0; i < x.dim(); ++i) {
      if (static_cast<bool>(mask >> i & 1) != reduced) continue;
      back[i] = order.size();
      order.push_back(i);
      permuted.push_back(x.shape()[i]);
      if (reduced) n *= x.shape()[i];
      else lines.push_back(x.shape()[i]);
    }
  lines.push_back(n);
  const int axis = lines.size() - 1;
  const Tensor<T, D> line = reshape(permute(x, order), lines);
  Tensor<T, D> others;
  if constexpr (Complex<T>) {
    const Tensor<bool, D> zero = line == T(0);
    const Tensor<std::int64_t, D> zeros = sum(zero, axis, true);
    const Tensor<T, D> rest = where(zero, T(1), line), product = prod(rest, axis, true);
    others = where(zeros == 0, product / rest, where(logical_and(zeros == 1, zero), product, T(0)));
  } else if (n == 0) {
    others = line;
  } else {
    // What comes before times what comes behind: the last places of the recurrence y[k] = x[k + 1] y[k + 1] start at 1.
    Shape ends = lines;
    ends[axis] = 1;
    Dims before = Dims::filled(lines.size(), 0);
    before[axis] = n - 1;
    const Tensor<T, D> last = pad_constant(Tensor<T, D>(GradOpsFor<T, D>::full(ends, 1)), before, lines, T(0));
    others = shifted(cumprod(line, axis), axis, T(1), false) * recurrence(line, last, axis, true);
  }
  return permute(reshape(others, permuted), back);
}

}  // namespace detail

/// Product of x over axes. Gradient: g times the product of the other elements, also where some are zero (conjugated).
template <TensorLike X>
Tensor<detail::sum_t<value_t<X>>, device_t<X>> prod(X&& x, const Axes& axes = {}, bool keepdim = false) {
  using T = value_t<X>;
  using Out = detail::sum_t<T>;
  using D = device_t<X>;
  if constexpr (!Differentiable<T>) {
    return Tensor<Out, D>(detail::fold<detail::ProdReducer, Out>("prod", std::forward<X>(x), axes, keepdim));
  } else {
    const Tensor<T, D> t = eval(std::forward<X>(x));
    const detail::ReducedAxes reduced = detail::reduced_axes("prod", t.shape(), axes, keepdim);
    Tensor<T, D> out(detail::fold<detail::ProdReducer, T>("prod", t, axes, keepdim));
    auto backward = [t = Saved<T, D>(t), reduced](const autograd::BackwardContext& ctx) {
      const Tensor<T, D> g = detail::keep_axes(ctx.grad<T, D>(), reduced), x = t.get();
      if constexpr (Complex<T>) {
        ctx.give(0, g * conj(detail::product_of_others(x, reduced.mask)));
        return;
      }
      const bool plain = all(logical_and(x != T(0), isfinite(x))).item();
      if (plain && !ctx.create_graph()) ctx.give(0, g * detail::keep_axes(ctx.output<T, D>(), reduced) / x);
      else ctx.give(0, g * detail::product_of_others(x, reduced.mask));
    };
    return record_op("prod", std::move(out), true, std::move(backward), t);
  }
}

namespace detail {

template <bool Max>
struct ExtremeOf {
  template <class T>
  using Reducer = ExtremeReducer<T, Max>;
};

template <bool Max, TensorLike X>
tensor_t<X> extreme(std::string_view op, X&& x, const Axes& axes, bool keepdim) {
  using T = value_t<X>;
  using D = device_t<X>;
  static_assert(!Complex<T>, "complex numbers have no order");
  const ReducedAxes reduced = reduced_axes(op, x.shape(), axes, keepdim);
  if (x.shape().numel() == 0 && reduced.kept.numel() > 0)
    raise<ShapeError>(op, "a tensor of shape ", x.shape(), " has no elements to choose from along the reduced axes");
  if constexpr (!Differentiable<T>) {
    return Tensor<T, D>(fold<ExtremeOf<Max>::template Reducer, T>(op, std::forward<X>(x), axes, keepdim));
  } else {
    const Tensor<T, D> t = eval(std::forward<X>(x));
    Tensor<T, D> out(fold<ExtremeOf<Max>::template Reducer, T>(op, t, axes, keepdim));
    auto backward = [t = Saved<T, D>(t), reduced, axes](const autograd::BackwardContext& ctx) {
      const Tensor<T, D> g = keep_axes(ctx.grad<T, D>(), reduced), y = keep_axes(ctx.output<T, D>(), reduced);
      const Tensor<bool, D> hit = t.get() == y;
      const Tensor<T, D> count = cast<T>(sum(hit, axes, true));
      ctx.give(0, where(hit, g, T(0)) / count);  // NaN where NaN won: it equals nothing
    };
    return record_op(op, std::move(out), true, std::move(backward), t);
  }
}

/// Index of the largest (or smallest) element along the middle of (outer, n, inner); NaN wins; the first of equals.
template <bool Max, class T, class A = Abi>
TAPER_KERNEL void arg_extreme(const T* x, std::int64_t outer, std::int64_t n, std::int64_t inner, T* value, std::int64_t* index) {
  using C = compute_t<T>;
  parallel_for(outer * inner, 1 + 32768 / (n + 1), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      const T* p = x + (i / inner) * n * inner + i % inner;
      C best = static_cast<C>(p[0]);
      std::int64_t at = 0;
      for (std::int64_t k = 1; k < n; ++k) {
        const C v = static_cast<C>(p[k * inner]);
        bool better = Max ? v > best : v < best;
        if constexpr (std::is_floating_point_v<C>) better = !math::isnan(best) && (better || math::isnan(v));
        if (better) best = v, at = k;
      }
      if (value) value[i] = static_cast<T>(best);
      index[i] = at;
    }
  });
}

/// Values (where wanted) and indices of the extremes along an axis, with that axis kept as size 1. Not recorded.
template <bool Max, Scalar T, Device D>
ValuesIndices<Tensor<T, D>, D> find_extremes(std::string_view op, const Tensor<T, D>& input, std::int64_t axis, bool want_values) {
  static_assert(!Complex<T>, "complex numbers have no order");
  const int dim = wrap_axis(op, axis, input.dim());
  RecordPtr dense;  // the input's own elements, or a copy in row-major order
  const TensorRecord* r = &input.record();
  check_here<D>(op, {r});
  if constexpr (on_host<D>) {
    if (!r->contiguous) {
      dense = make_dense<D>(r->dtype, r->shape);
      gather(dense->data, r->data, sizeof(T), Walk(r->shape, r->strides), 0, r->numel);
      r = dense.get();
    }
  }
  Shape kept = r->shape;
  std::int64_t outer = 1, inner = 1;
  const std::int64_t n = kept.empty() ? 1 : kept[dim];
  for (int i = 0; i < kept.size(); ++i) (i < dim ? outer : inner) *= i == dim ? 1 : kept[i];
  if (!kept.empty()) kept[dim] = 1;
  if (n == 0) raise<ShapeError>(op, "axis ", axis, " of a tensor of shape ", input.shape(), " has no elements to choose from");
  ValuesIndices<Tensor<T, D>, D> out;
  if (want_values) out.values = Tensor<T, D>(make_dense<D>(dtype_of<T>, kept));
  out.indices = Tensor<std::int64_t, D>(make_dense<D>(DType::int64, kept));
  T* const values = want_values ? out.values.data_ptr() : nullptr;
  if constexpr (on_host<D>) {
    count_pass();
    arg_extreme<Max>(reinterpret_cast<const T*>(r->data), outer, n, inner, values, out.indices.data_ptr());
  } else {
    Accelerator<D>::template extremes<Max>(*r, dim, values, out.indices.data_ptr());
  }
  return out;
}

template <bool Max, Scalar T, Device D>
ValuesIndices<Tensor<T, D>, D> extreme_along(std::string_view op, const Tensor<T, D>& input, std::int64_t axis, bool keepdim) {
  ValuesIndices<Tensor<T, D>, D> out = find_extremes<Max>(op, input, axis, true);
  const int dim = wrap_axis(op, axis, input.dim());
  if constexpr (Differentiable<T>) {
    auto backward = [saved = Saved<std::int64_t, D>(out.indices), shape = input.shape(), dim](const autograd::BackwardContext& ctx) {
      const Tensor<std::int64_t, D>& indices = saved.get();
      ctx.give(0, scatter(Tensor<T, D>(GradOpsFor<T, D>::full(shape, 0)), dim, indices, reshape(ctx.grad<T, D>(), indices.shape())));
    };
    out.values = record_op(op, std::move(out.values), false, std::move(backward), input);
  }
  if (keepdim || input.dim() == 0) return out;
  return {squeeze(out.values, dim), squeeze(out.indices, dim)};
}

template <bool Max, TensorLike X>
Tensor<std::int64_t, device_t<X>> arg_along(std::string_view op, X&& x, std::int64_t axis, bool keepdim) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  const Tensor<std::int64_t, device_t<X>> indices = find_extremes<Max>(op, t, axis, false).indices;
  return keepdim || t.dim() == 0 ? indices : squeeze(indices, axis);
}

template <bool Max, TensorLike X>
Tensor<std::int64_t, device_t<X>> arg_of(std::string_view op, X&& x) {
  return arg_along<Max>(op, detach(reshape(std::forward<X>(x), {-1})), 0, false);
}

}  // namespace detail

/// Largest element over axes; NaN wins. Gradient: shared equally among equal elements; NaN where NaN won, as PyTorch.
template <TensorLike X>
tensor_t<X> amax(X&& x, const Axes& axes = {}, bool keepdim = false) {
  return detail::extreme<true>("amax", std::forward<X>(x), axes, keepdim);
}
/// Smallest element over axes; NaN wins. Gradient: shared equally among equal elements.
template <TensorLike X>
tensor_t<X> amin(X&& x, const Axes& axes = {}, bool keepdim = false) {
  return detail::extreme<false>("amin", std::forward<X>(x), axes, keepdim);
}
/// Largest of all elements. Gradient: shared equally among equal elements.
template <TensorLike X>
tensor_t<X> max(X&& x) {
  return detail::extreme<true>("max", std::forward<X>(x), {}, false);
}
/// Smallest of all elements. Gradient: shared equally among equal elements.
template <TensorLike X>
tensor_t<X> min(X&& x) {
  return detail::extreme<false>("min", std::forward<X>(x), {}, false);
}
/// Largest elements along an axis with their indices, the first of equals. Gradient: to the chosen elements.
template <TensorLike X>
ValuesIndices<tensor_t<X>, device_t<X>> max(X&& x, std::int64_t axis, bool keepdim = false) {
  return detail::extreme_along<true>("max", tensor_t<X>(eval(std::forward<X>(x))), axis, keepdim);
}
/// Smallest elements along an axis with their indices, the first of equals. Gradient: to the chosen elements.
template <TensorLike X>
ValuesIndices<tensor_t<X>, device_t<X>> min(X&& x, std::int64_t axis, bool keepdim = false) {
  return detail::extreme_along<false>("min", tensor_t<X>(eval(std::forward<X>(x))), axis, keepdim);
}
/// Index of the largest element of the flattened tensor; NaN counts as largest.
template <TensorLike X>
Tensor<std::int64_t, device_t<X>> argmax(X&& x) {
  return detail::arg_of<true>("argmax", std::forward<X>(x));
}
/// Index of the smallest element of the flattened tensor; NaN counts as smallest.
template <TensorLike X>
Tensor<std::int64_t, device_t<X>> argmin(X&& x) {
  return detail::arg_of<false>("argmin", std::forward<X>(x));
}
/// Indices of the largest elements along an axis.
template <TensorLike X>
Tensor<std::int64_t, device_t<X>> argmax(X&& x, std::int64_t axis, bool keepdim = false) {
  return detail::arg_along<true>("argmax", std::forward<X>(x), axis, keepdim);
}
/// Indices of the smallest elements along an axis.
template <TensorLike X>
Tensor<std::int64_t, device_t<X>> argmin(X&& x, std::int64_t axis, bool keepdim = false) {
  return detail::arg_along<false>("argmin", std::forward<X>(x), axis, keepdim);
}

/// True where any element over the axes is not zero.
template <TensorLike X>
Tensor<bool, device_t<X>> any(X&& x, const Axes& axes = {}, bool keepdim = false) {
  if constexpr (std::same_as<value_t<X>, bool>)
    return Tensor<bool, device_t<X>>(detail::fold<detail::ExtremeOf<true>::Reducer, bool>("any", std::forward<X>(x), axes, keepdim));
  else return any(std::forward<X>(x) != value_t<X>(0), axes, keepdim);
}
/// True where all elements over the axes are not zero.
template <TensorLike X>
Tensor<bool, device_t<X>> all(X&& x, const Axes& axes = {}, bool keepdim = false) {
  if constexpr (std::same_as<value_t<X>, bool>)
    return Tensor<bool, device_t<X>>(detail::fold<detail::ExtremeOf<false>::Reducer, bool>("all", std::forward<X>(x), axes, keepdim));
  else return all(std::forward<X>(x) != value_t<X>(0), axes, keepdim);
}
/// How many elements over the axes are not zero.
template <TensorLike X>
Tensor<std::int64_t, device_t<X>> count_nonzero(X&& x, const Axes& axes = {}) {
  return sum(std::forward<X>(x) != value_t<X>(0), axes);
}
/// True where both have the same shape and the same elements.
template <TensorLike X, TensorLike Y>
bool equal(const X& x, const Y& y) {
  return x.shape() == y.shape() && all(x == y).item();
}

/// True where all of |x - y| <= atol + rtol |y| (or x == y), of shapes that broadcast.
template <class X, class Y>
  requires PointwiseOperands<X, Y>
bool allclose(X&& x, Y&& y, const IsCloseOptions& options = {}) {
  return all(isclose(std::forward<X>(x), std::forward<Y>(y), options)).item();
}

/// p-norm: (sum |x|^p)^(1/p); p = infinity gives max |x|, p = 0 counts what is not zero.
/// Gradient: g sign(x) (|x| / y)^(p - 1), zero where y is zero; shared among equals for infinite p.
template <TensorLike X>
  requires Floating<value_t<X>>
tensor_t<X> norm(X&& x, double p = 2, const Axes& axes = {}, bool keepdim = false) {
  using T = value_t<X>;
  using D = device_t<X>;
  const Tensor<T, D> t = eval(std::forward<X>(x));
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (p == 1) return sum(abs(t), axes, keepdim);
  const detail::ReducedAxes reduced = detail::reduced_axes("norm", t.shape(), axes, keepdim);
  Tensor<T, D> out;
  {
    const NoGrad guard;
    if (p == 0) out = cast<T>(sum(t != T(0), axes, keepdim));
    else if (p == infinity) out = amax(abs(t), axes, keepdim);
    else if (p == -infinity) out = amin(abs(t), axes, keepdim);
    else if (p == 2) out = detail::rounded<T>(sqrt(sum(square(detail::computed(t)), axes, keepdim)));
    else out = detail::rounded<T>(pow(sum(pow(abs(detail::computed(t)), p), axes, keepdim), 1 / p));
  }
  auto backward = [t = Saved<T, D>(t), reduced, axes, p](const autograd::BackwardContext& ctx) {
    if (p == 0) return;  // a count: nothing flows
    const Tensor<T, D> g = detail::keep_axes(ctx.grad<T, D>(), reduced), y = detail::keep_axes(ctx.output<T, D>(), reduced);
    if (std::isinf(p)) {
      const Tensor<bool, D> hit = abs(t.get()) == y;
      ctx.give(0, where(hit, g * sign(t.get()) / cast<T>(sum(hit, axes, true)), T(0)));
      return;
    }
    const Tensor<bool, D> zero = y == T(0);
    const Tensor<T, D> safe = where(zero, T(1), y);
    if (p == 2) ctx.give(0, where(zero, T(0), g / safe) * t.get());
    else if (p < 2) ctx.give(0, where(logical_or(zero, t.get() == T(0)), T(0), g * sign(t.get()) * pow(abs(where(t.get() == T(0), T(1), t.get())) / safe, p - 1)));
    else ctx.give(0, where(zero, T(0), g * t.get() * pow(abs(t.get()), p - 2) / pow(safe, p - 1)));
  };
  return record_op("norm", std::move(out), true, std::move(backward), t);
}

/// log sum exp(x), without overflow. Gradient: g exp(x - y).
template <TensorLike X>
  requires Floating<value_t<X>>
tensor_t<X> logsumexp(X&& x, const Axes& axes = {}, bool keepdim = false) {
  using T = value_t<X>;
  using D = device_t<X>;
  const Tensor<T, D> t = eval(std::forward<X>(x));
  const detail::ReducedAxes reduced = detail::reduced_axes("logsumexp", t.shape(), axes, keepdim);
  Tensor<T, D> out;
  {
    const NoGrad guard;
    if (t.numel() == 0) {
      out = log(sum(t, axes, keepdim));
    } else {
      const Tensor<T, D> top = amax(t, axes, true);
      const Tensor<T, D> shift = where(isinf(top), T(0), top);
      out = detail::rounded<T>(log(sum(exp(detail::computed(t) - shift), axes, keepdim)) + reshape(shift, reduced.result));
    }
  }
  auto backward = [t = Saved<T, D>(t), reduced](const autograd::BackwardContext& ctx) {
    const Tensor<T, D> y = detail::keep_axes(ctx.output<T, D>(), reduced);
    ctx.give(0, detail::keep_axes(ctx.grad<T, D>(), reduced) * exp(t.get() - y));
  };
  return record_op("logsumexp", std::move(out), true, std::move(backward), t);
}

}  // namespace taper::inline TAPER_CODE
