// SPDX-License-Identifier: MIT
// The table of op cases: for every case of tests/golden/ops the function that must reproduce it. Each family is a template,
// so that a test compiles what it calls and nothing else.
#pragma once

#include <taper/ops/activation_gated.hpp>
#include <taper/ops/pointwise.hpp>

#include "tests/ops/harness.hpp"

// One row: its golden case, the function of x (and y, z), and what differs from the defaults. (The parentheses: g++ 12 ends
// the template arguments at a bare > in the lambda.)
#define ROW1(name, value, ...) unary<[](auto& x) { return (value); }>(name __VA_OPT__(, ) __VA_ARGS__)
#define ROW2(name, value, ...) binary<[](auto& x, auto& y) { return (value); }>(name __VA_OPT__(, ) __VA_ARGS__)
#define ROW3(name, value, ...) ternary<[](auto& x, auto& y, auto& z) { return (value); }>(name __VA_OPT__(, ) __VA_ARGS__)

namespace pointwise {

using namespace taper;

template <class = void>
std::vector<Case> arithmetic_cases() {
  return {
      ROW1("abs", abs(x), {.kinks = {0}}),
      ROW1("neg", -x),
      ROW1("neg", neg(x)),
      ROW1("add_scalar", x + 1.5),
      ROW1("rsub_scalar", 1.5 - x),
      ROW1("mul_scalar", x * -2.5),
      ROW1("div_scalar", x / 2.5),
      ROW1("rdiv_scalar", 2.5 / x),
      ROW1("deg2rad", deg2rad(x)),
      ROW1("rad2deg", rad2deg(x)),
      ROW2("add", x + y),
      ROW2("add.alpha", add(x, y, 2.5)),
      ROW2("sub", x - y),
      ROW2("sub.alpha", sub(x, y, 2.5)),
      ROW2("mul", x * y),
      ROW2("mul", mul(x, y)),
      ROW2("div", x / y),
      ROW1("sign", sign(x), {.kinks = {0}}),
      ROW1("sgn", sgn(x), {.kinks = {0}}),
      ROW1("signbit", signbit(x)),
  };
}

template <class = void>
std::vector<Case> division_cases() {
  return {
      ROW2("div.trunc", div(x, y, rounding_mode::trunc)),
      ROW2("div.floor", div(x, y, rounding_mode::floor)),
      ROW2("floor_divide", floor_divide(x, y)),
      ROW2("remainder", x % y),
      ROW2("remainder.negative", remainder(x, y)),
      ROW2("fmod", fmod(x, y)),
      ROW2("fmod.negative", fmod(x, y)),
  };
}

template <class = void>
std::vector<Case> combination_cases() {
  return {
      ROW2("copysign", copysign(x, y)),
      ROW2("hypot", hypot(x, y)),
      ROW3("lerp", lerp(x, y, z)),
      ROW2("lerp.scalar_low", lerp(x, y, 0.25)),
      ROW2("lerp.scalar_high", lerp(x, y, 0.75)),
      ROW3("addcmul", addcmul(x, y, z)),
      ROW3("addcmul.value", addcmul(x, y, z, -0.5)),
      ROW3("addcdiv", addcdiv(x, y, z)),
      ROW3("addcdiv.value", addcdiv(x, y, z, -0.5)),
      ROW2("heaviside", heaviside(x, y)),
  };
}

template <class = void>
std::vector<Case> selection_cases() {
  return {
      ROW2("maximum", maximum(x, y)),
      ROW2("minimum", minimum(x, y)),
      ROW2("fmax", fmax(x, y)),
      ROW2("fmin", fmin(x, y)),
      ROW1("clamp", clamp(x, -1.0, 1.5), {.kinks = {-1, 1.5}}),
      ROW1("clamp.min", clamp(x, -0.5), {.kinks = {-0.5}}),
      ROW1("clamp.max", clamp(x, not_given, 0.5), {.kinks = {0.5}}),
      ROW1("clamp.min", clamp_min(x, -0.5), {.kinks = {-0.5}}),
      ROW1("clamp.max", clamp_max(x, 0.5), {.kinks = {0.5}}),
      ROW2("maximum", max(x, y)),
      ROW2("minimum", min(x, y)),
      ROW1("clamp.min_above_max", clamp(x, 1.0, -1.0)),
      ROW3("clamp.tensor", clamp(x, y, z)),
      ROW2("clamp.tensor_min", clamp(x, y, not_given)),
      ROW1("nan_to_num", nan_to_num(x)),
      ROW1("nan_to_num.values", nan_to_num(x, {.nan = 0.5, .posinf = 10, .neginf = -20})),
      ROW3("where", where(x > 0.25, y, z)),
      ROW2("where.self", where(x > y, x * 2.0, y)),
      ROW2("where.scalar", where(x > y, x, -1.5)),
  };
}

template <class = void>
std::vector<Case> power_cases() {
  return {
      ROW1("square", square(x)),
      ROW1("reciprocal", reciprocal(x)),
      ROW1("sqrt", sqrt(x)),
      ROW1("rsqrt", rsqrt(x)),
      ROW2("pow", pow(x, y)),
      ROW1("pow.scalar_0", pow(x, 0.0)),
      ROW1("pow.scalar_1", pow(x, 1.0)),
      ROW1("pow.scalar_2", pow(x, 2.0)),
      ROW1("pow.scalar_3", pow(x, 3.0)),
      ROW1("pow.scalar_4", pow(x, 4.0)),
      ROW1("pow.scalar_7", pow(x, 7.0)),
      ROW1("pow.scalar_m1", pow(x, -1.0), {.tolerance = {.slope = 1e-5}}),
      ROW1("pow.scalar_m2", pow(x, -2.0)),
      ROW1("pow.scalar_m3", pow(x, -3.0)),
      ROW1("pow.scalar_half", pow(x, 0.5)),
      ROW1("pow.scalar_mhalf", pow(x, -0.5)),
      ROW1("pow.scalar_2_5", pow(x, 2.5)),
      ROW1("pow.scalar_third", pow(x, 0.25)),
      ROW1("pow.base_2", pow(2.0, x)),
      ROW1("pow.base_0", pow(0.0, x)),
  };
}

template <class = void>
std::vector<Case> exponential_cases() {
  return {
      ROW1("exp", exp(x)),
      ROW1("exp2", exp2(x)),
      ROW1("expm1", expm1(x)),
      ROW1("expm1.small", expm1(x)),
      ROW1("log", log(x)),
      ROW1("log2", log2(x)),
      ROW1("log10", log10(x)),
      ROW1("log1p", log1p(x)),
      ROW1("log1p.small", log1p(x)),
      ROW1("sigmoid", sigmoid(x)),
      ROW1("logit", logit(x)),
      ROW1("logit.eps", logit(x, 0.125), {.kinks = {0.125, 0.875}}),
      ROW2("logaddexp", logaddexp(x, y)),
      ROW2("logaddexp2", logaddexp2(x, y)),
      ROW2("xlogy", xlogy(x, y)),
      ROW2("xlog1py", xlog1py(x, y)),
      ROW2("ldexp", ldexp(x, y)),
  };
}

template <class = void>
std::vector<Case> trigonometric_cases() {
  return {
      ROW1("sin", sin(x)),
      ROW1("cos", cos(x)),
      ROW1("tan", tan(x)),
      ROW1("asin", asin(x)),
      ROW1("acos", acos(x)),
      ROW1("atan", atan(x)),
      ROW1("sinc", sinc(x)),
      ROW2("atan2", atan2(x, y)),
  };
}

template <class = void>
std::vector<Case> hyperbolic_cases() {
  return {
      ROW1("sinh", sinh(x)),
      ROW1("cosh", cosh(x)),
      ROW1("tanh", tanh(x)),
      ROW1("asinh", asinh(x)),
      ROW1("acosh", acosh(x)),
      ROW1("atanh", atanh(x)),
  };
}

template <class = void>
std::vector<Case> rounding_cases() {
  return {
      ROW1("ceil", ceil(x)),
      ROW1("floor", floor(x)),
      ROW1("round", round(x)),
      ROW1("trunc", trunc(x)),
      ROW1("frac", frac(x)),
      ROW1("round.decimals_2", round(x, 2)),
      ROW1("round.decimals_m1", round(x, -1)),
  };
}

template <class = void>
std::vector<Case> logical_cases() {
  return {
      ROW2("eq", x == y),
      ROW2("eq", eq(x, y)),
      ROW2("ne", x != y),
      ROW2("ne", ne(x, y)),
      ROW2("lt", x < y),
      ROW2("lt", lt(x, y)),
      ROW2("le", x <= y),
      ROW2("le", le(x, y)),
      ROW2("gt", x > y),
      ROW2("gt", gt(x, y)),
      ROW2("ge", x >= y),
      ROW2("ge", ge(x, y)),
      ROW2("logical_and", logical_and(x, y)),
      ROW2("logical_or", logical_or(x, y)),
      ROW2("logical_xor", logical_xor(x, y)),
      ROW1("logical_not", !x),
      ROW1("logical_not", logical_not(x)),
      ROW1("isnan", isnan(x)),
      ROW1("isinf", isinf(x)),
      ROW1("isfinite", isfinite(x)),
      ROW1("isposinf", isposinf(x)),
      ROW1("isneginf", isneginf(x)),
      ROW2("isclose", isclose(x, y, {.rtol = 0.25, .atol = 0.125})),
      ROW2("isclose.equal_nan", isclose(x, y, {.equal_nan = true})),
  };
}

template <class = void>
std::vector<Case> error_function_cases() {
  return {
      ROW1("erf", erf(x)),
      ROW1("erfc", erfc(x)),
      ROW1("erfc.tail", erfc(x)),
      ROW1("erfinv", erfinv(x)),
      ROW1("lgamma", lgamma(x)),
      ROW1("lgamma.negative", lgamma(x)),
      // In float PyTorch loses the poles of trigamma at large negative integers.
      ROW1("digamma", digamma(x), {.special_gradient_float = false}),
      ROW1("digamma.negative", digamma(x), {.tolerance = {.slope = 1e-5}}),
      ROW1("ndtr", ndtr(x)),
      ROW1("entr", entr(x)),
      ROW1("polygamma.1", polygamma(1, x)),
      ROW1("polygamma.1", trigamma(x)),
      ROW1("polygamma.2", polygamma(2, x)),
  };
}

template <class = void>
std::vector<Case> activation_cases() {
  return {
      ROW1("hardshrink", hardshrink(x)),
      // PyTorch's double gradient has 1 / 6 rounded to float.
      ROW1("hardsigmoid", hardsigmoid(x), {.tolerance = {.rtol = 4e-8}}),
      ROW1("hardtanh", hardtanh(x)),
      ROW1("hardswish", hardswish(x)),
      ROW1("leaky_relu", leaky_relu(x)),
      ROW1("relu", relu(x)),
      ROW1("relu6", relu6(x)),
      ROW1("softshrink", softshrink(x)),
      ROW1("hardshrink.lambd", hardshrink(x, 1.5)),
      ROW1("hardtanh.range", hardtanh(x, -2.0, 0.5)),
      ROW1("leaky_relu.slope", leaky_relu(x, 0.25)),
      ROW1("rrelu.eval", rrelu(x, 0.125, 0.375)),
      ROW1("softshrink.lambd", softshrink(x, 1.5)),
      ROW1("threshold", threshold(x, 0.5, 20.0)),
      ROW1("glu", glu(x), {.backward_launches = 3}),
      ROW1("glu.dim_1", glu(x, 1), {.backward_launches = 3}),
      ROW2("prelu", prelu(x, y)),
      ROW2("prelu.channels", prelu(x, y)),
      ROW2("prelu.channels_2d", prelu(x, y)),
  };
}

template <class = void>
std::vector<Case> smooth_activation_cases() {
  return {
      ROW1("elu", elu(x)),
      ROW1("celu", celu(x)),
      ROW1("selu", selu(x)),
      ROW1("gelu", gelu(x)),
      ROW1("logsigmoid", logsigmoid(x)),
      ROW1("logsigmoid", log_sigmoid(x)),
      ROW1("silu", silu(x)),
      ROW1("mish", mish(x)),
      ROW1("softplus", softplus(x)),
      // At infinity PyTorch's gradient is NaN, ours its limit 0.
      ROW1("softsign", softsign(x), {.special_gradient = false}),
      ROW1("tanhshrink", tanhshrink(x)),
      ROW1("elu.alpha", elu(x, 0.5)),
      ROW1("celu.alpha", celu(x, 0.5)),
      ROW1("gelu.tanh", gelu(x, GeluApproximate::tanh)),
      ROW1("softplus.beta_threshold", softplus(x, 2.0, 5.0)),
  };
}

template <class = void>
std::vector<Case> chain_cases() {
  return {
      ROW1("chain.silu_relu", silu(relu(x)), {.kinks = {0}}),
      ROW3("chain.mul_add_tanh", tanh(x * y + z) * x),
      ROW2("chain.repeated", x * x + x * y - y / (x * x + 1)),
      ROW3("chain.gaussian", exp(-pow(x - y, 2) / (2 * pow(z, 2))) / z),
  };
}

}  // namespace pointwise

#undef ROW1
#undef ROW2
#undef ROW3
