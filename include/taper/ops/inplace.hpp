// SPDX-License-Identifier: MIT
// Pointwise functions that write their result into their first operand: x += y, relu_(x), x[0] *= 2.
#pragma once

#include <taper/ops/pointwise.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

/// What can be written to: a tensor that is not const, or an unnamed view of one.
template <class X>
concept Writable = TensorHandle<X> && !std::is_const_v<std::remove_reference_t<X>>;

/// A result goes into a target of its own or a higher category, as in PyTorch: float64 into float32, no float into int.
template <class From, class To>
inline constexpr bool fits_into = category(dtype_of<From>) <= category(dtype_of<To>);

template <class E, class X>
concept FitsInto = TensorLike<E> && fits_into<value_t<E>, value_t<X>>;

// Left incomplete: their names are the diagnostics.
template <class Result, class Target>
struct error_the_result_does_not_fit_the_dtype_of_the_target_write_cast;
struct error_a_const_tensor_cannot_be_changed_in_place;
struct error_an_expression_cannot_be_changed_in_place_declare_a_Tensor;
template <class E, class X>
using NoFit = error_the_result_does_not_fit_the_dtype_of_the_target_write_cast<value_t<E>, value_t<X>>;

/// Evaluates an expression into the target, in place and recorded.
template <Writable X, ExprLike E>
void write(std::string_view name, X&& target, E&& value) {
  if (!(value.shape() == target.shape()))
    raise<ShapeError>(name, "the result of shape ", value.shape(), " does not fit the target of shape ", target.shape(),
                      ", which keeps its shape");
  using T = value_t<X>;
  if constexpr (std::same_as<value_t<E>, T>) evaluate_into(value.node(), value.shape(), target.record());
  else evaluate_into(apply(name, Cast<T>{}, std::forward<E>(value)).node(), target.shape(), target.record());
}

}  // namespace detail

// function_(x, y...) is x = function(x, y...), written into x's own elements by one kernel; it returns x.
// Throws: ShapeError where the result is larger than x; ValueError where x overlaps itself; AutogradError for a leaf
// that wants a gradient, outside NoGrad.
#define TAPER_IN_PLACE_AS(target_function, function, name)                                                          \
  template <detail::Writable X, class... Y>                                                                         \
    requires requires(const X& x, Y&&... y) {                                                                       \
      { function(x, std::forward<Y>(y)...) } -> detail::FitsInto<X>;                                                \
    }                                                                                                               \
  X target_function(X&& x, Y&&... y) {                                                                              \
    detail::write(name, x, function(std::as_const(x), std::forward<Y>(y)...));                                      \
    return std::forward<X>(x);                                                                                      \
  }                                                                                                                 \
  template <detail::Writable X, class... Y,                                                                         \
            class Fault = detail::NoFit<decltype(function(std::declval<const X&>(), std::declval<Y>()...)), X>>     \
    requires requires(const X& x, Y&&... y) {                                                                       \
      { function(x, std::forward<Y>(y)...) } -> TensorLike;                                                         \
      requires !detail::FitsInto<decltype(function(x, std::forward<Y>(y)...)), X>;                                  \
    }                                                                                                               \
  Fault target_function(X&&, Y&&...) = delete;
#define TAPER_IN_PLACE(function) TAPER_IN_PLACE_AS(function##_, function, #function "_")
#define TAPER_IN_PLACE_OPERATOR(op, function)                                                                       \
  TAPER_IN_PLACE_AS(operator op, function, #op)                                                                     \
  template <TensorHandle X, class Y, class Fault = detail::error_a_const_tensor_cannot_be_changed_in_place>         \
    requires(std::is_const_v<std::remove_reference_t<X>>)                                                           \
  Fault operator op(X&&, Y&&) = delete;                                                                             \
  template <ExprLike X, class Y,                                                                                    \
            class Fault = detail::error_an_expression_cannot_be_changed_in_place_declare_a_Tensor>                  \
  Fault operator op(X&&, Y&&) = delete;

TAPER_IN_PLACE_OPERATOR(+=, add)
TAPER_IN_PLACE_OPERATOR(-=, sub)
TAPER_IN_PLACE_OPERATOR(*=, mul)
TAPER_IN_PLACE_OPERATOR(/=, div)
TAPER_IN_PLACE_OPERATOR(%=, remainder)
TAPER_IN_PLACE_OPERATOR(&=, bitwise_and)
TAPER_IN_PLACE_OPERATOR(|=, bitwise_or)
TAPER_IN_PLACE_OPERATOR(^=, bitwise_xor)
TAPER_IN_PLACE_OPERATOR(<<=, bitwise_left_shift)
TAPER_IN_PLACE_OPERATOR(>>=, bitwise_right_shift)

TAPER_IN_PLACE(add)
TAPER_IN_PLACE(sub)
TAPER_IN_PLACE(mul)
TAPER_IN_PLACE(div)
TAPER_IN_PLACE(floor_divide)
TAPER_IN_PLACE(remainder)
TAPER_IN_PLACE(fmod)
TAPER_IN_PLACE(pow)
TAPER_IN_PLACE(lerp)
TAPER_IN_PLACE(addcmul)
TAPER_IN_PLACE(addcdiv)
TAPER_IN_PLACE(copysign)
TAPER_IN_PLACE(clamp)
TAPER_IN_PLACE(clamp_min)
TAPER_IN_PLACE(clamp_max)
TAPER_IN_PLACE(nan_to_num)
TAPER_IN_PLACE(abs)
TAPER_IN_PLACE(neg)
TAPER_IN_PLACE(sign)
TAPER_IN_PLACE(square)
TAPER_IN_PLACE(sqrt)
TAPER_IN_PLACE(rsqrt)
TAPER_IN_PLACE(reciprocal)
TAPER_IN_PLACE(exp)
TAPER_IN_PLACE(exp2)
TAPER_IN_PLACE(expm1)
TAPER_IN_PLACE(log)
TAPER_IN_PLACE(log2)
TAPER_IN_PLACE(log10)
TAPER_IN_PLACE(log1p)
TAPER_IN_PLACE(logit)
TAPER_IN_PLACE(sigmoid)
TAPER_IN_PLACE(sin)
TAPER_IN_PLACE(cos)
TAPER_IN_PLACE(tan)
TAPER_IN_PLACE(asin)
TAPER_IN_PLACE(acos)
TAPER_IN_PLACE(atan)
TAPER_IN_PLACE(atan2)
TAPER_IN_PLACE(sinh)
TAPER_IN_PLACE(cosh)
TAPER_IN_PLACE(tanh)
TAPER_IN_PLACE(erf)
TAPER_IN_PLACE(erfc)
TAPER_IN_PLACE(erfinv)
TAPER_IN_PLACE(floor)
TAPER_IN_PLACE(ceil)
TAPER_IN_PLACE(round)
TAPER_IN_PLACE(trunc)
TAPER_IN_PLACE(frac)
TAPER_IN_PLACE(relu)
TAPER_IN_PLACE(relu6)
TAPER_IN_PLACE(leaky_relu)
TAPER_IN_PLACE(rrelu)
TAPER_IN_PLACE(elu)
TAPER_IN_PLACE(selu)
TAPER_IN_PLACE(celu)
TAPER_IN_PLACE(silu)
TAPER_IN_PLACE(mish)
TAPER_IN_PLACE(hardtanh)
TAPER_IN_PLACE(hardsigmoid)
TAPER_IN_PLACE(hardswish)
TAPER_IN_PLACE(threshold)
TAPER_IN_PLACE(bitwise_and)
TAPER_IN_PLACE(bitwise_or)
TAPER_IN_PLACE(bitwise_xor)
TAPER_IN_PLACE(bitwise_not)
TAPER_IN_PLACE(logical_not)

#undef TAPER_IN_PLACE_OPERATOR
#undef TAPER_IN_PLACE
#undef TAPER_IN_PLACE_AS

}  // namespace taper::inline TAPER_CODE
