// SPDX-License-Identifier: MIT
// Variance and standard deviation over axes, of real and complex numbers; the norm of complex ones.
#pragma once

#include <taper/ops/complex.hpp>
#include <taper/ops/reduction.hpp>

namespace taper::inline TAPER_CODE {

/// What var and std divide by: n - correction.
struct VarOptions {
  double correction = 1;
  bool keepdim = false;
};

namespace detail {

/// var in the type that T computes in.
template <Floating T, Device D>
Tensor<compute_t<T>, D> computed_var(const Tensor<T, D>& t, const Axes& axes, const VarOptions& options) {
  using C = compute_t<T>;
  const ReducedAxes reduced = reduced_axes("var", t.shape(), axes, options.keepdim);
  const double n = static_cast<double>(t.numel()) / static_cast<double>(reduced.kept.numel());
  const double freedom = n - options.correction > 0 ? n - options.correction : 0;
  Tensor<C, D> out;
  {
    const NoGrad guard;
    out = sum(square(computed(t) - mean(computed(t), axes, true)), axes, options.keepdim) / freedom;
  }
  auto backward = [t = Saved<T, D>(t), reduced, axes, freedom](const autograd::BackwardContext& ctx) {
    const auto& x = t.get();
    ctx.give(0, rounded<T>(keep_axes(ctx.grad<C, D>(), reduced) * (computed(x) - mean(computed(x), axes, true)) * (2 / freedom)));
  };
  return record_op("var", std::move(out), false, std::move(backward), t);
}

}  // namespace detail

/// Variance: sum (x - mean)^2 / (n - correction). NaN where n <= correction, as PyTorch.
template <TensorLike X>
requires Floating<value_t<X>> tensor_t<X> var(X&& x, const Axes& axes = {}, const VarOptions& options = {}) {
  return detail::rounded<value_t<X>>(detail::computed_var(tensor_t<X>(eval(std::forward<X>(x))), axes, options));
}
/// Standard deviation: the square root of var. Behind `using namespace taper` the bare name is ambiguous, as ::std is a namespace:
/// taper::std(x) or x.std(). Gradient: 0 where the deviation is 0, as PyTorch.
template <TensorLike X>
requires Floating<value_t<X>> tensor_t<X> std(X&& x, const Axes& axes = {}, const VarOptions& options = {}) {
  using C = compute_t<value_t<X>>;
  const Tensor<C, device_t<X>> variance = detail::computed_var(tensor_t<X>(eval(std::forward<X>(x))), axes, options);
  return detail::rounded<value_t<X>>(where(variance == C(0), C(0), sqrt(where(variance == C(0), C(1), variance))));
}

/// p-norm of the absolute values: see norm. Dtypes: complex, giving its real type. Gradient: that of abs behind it.
template <TensorLike X>
requires Complex<value_t<X>>
auto norm(X&& x, double p = 2, const Axes& axes = {}, bool keepdim = false) {
  return norm(abs(std::forward<X>(x)), p, axes, keepdim);
}

/// Variance: sum |x - mean|^2 / (n - correction). Dtypes: complex, giving its real type. Gradient: 2 (x - mean) g / (n
/// - correction).
template <TensorLike X>
requires Complex<value_t<X>> Tensor<real_t<value_t<X>>, device_t<X>> var(X&& x, const Axes& axes = {},
                                                                         const VarOptions& options = {}) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  const detail::ReducedAxes reduced = detail::reduced_axes("var", t.shape(), axes, options.keepdim);
  const double n = static_cast<double>(t.numel()) / static_cast<double>(reduced.kept.numel());
  const tensor_t<X> d = t - mean(t, axes, true);
  const double freedom = n - options.correction > 0 ? n - options.correction : 0;
  return sum(square(real(d)) + square(imag(d)), axes, options.keepdim) / freedom;
}
/// Standard deviation: the square root of var. Gradient: 0 where the deviation is 0.
template <TensorLike X>
requires Complex<value_t<X>> Tensor<real_t<value_t<X>>, device_t<X>> std(X&& x, const Axes& axes = {},
                                                                         const VarOptions& options = {}) {
  using R = real_t<value_t<X>>;
  const Tensor<R, device_t<X>> variance = var(std::forward<X>(x), axes, options);
  return where(variance == R(0), R(0), sqrt(where(variance == R(0), R(1), variance)));
}

}  // namespace taper::inline TAPER_CODE
