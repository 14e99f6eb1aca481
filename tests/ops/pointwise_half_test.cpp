// SPDX-License-Identifier: MIT
// 16-bit floats: computed in float, rounded once at the store; gradients in the leaf's type.
// Devices: slow
#include <taper/ops/inplace.hpp>
#include <taper/ops/pointwise.hpp>

#include <cmath>
#include <random>

#include "tests/ops/harness.hpp"

using namespace taper;

namespace {

/// 96 values in [lo, hi] that are exact in H.
template <class H>
Tensor<H> values(float lo, float hi, unsigned seed) {
  Tensor<H> out(detail::make_dense<Cpu>(dtype_of<H>, {8, 12}));
  std::mt19937 rng(seed);
  for (int i = 0; i < 96; ++i) out.data_ptr()[i] = H(lo + (hi - lo) * static_cast<float>(rng() >> 8) * 0x1p-24f);
  return out;
}

/// f element by element in long double: at most the rounding away, and a little for float's own error.
template <class H, class F>
void check_unary(const char* name, const Tensor<H>& x, const Tensor<H>& y, F f) {
  INFO(name);
  Tensor<double> expected(detail::make_dense<Cpu>(DType::float64, x.shape()));
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    const auto v = static_cast<long double>(static_cast<float>(x.data_ptr()[i]));
    expected.data_ptr()[i] = static_cast<double>(f(v));
  }
  check_close(y, expected, 0.52 * static_cast<double>(static_cast<float>(std::numeric_limits<H>::epsilon())), 1e-7);
}

}  // namespace

TEMPLATE_TEST_CASE("halves round once", "", float16, bfloat16) {
  using H = TestType;
  const auto x = values<H>(-2.5f, 2.5f, 1), p = values<H>(0.25f, 4, 2), y = values<H>(0.5f, 3, 3);
  check_unary("exp", x, exp(x).eval(), [](long double v) { return std::exp(v); });
  check_unary("tanh", x, tanh(x).eval(), [](long double v) { return std::tanh(v); });
  check_unary("sigmoid", x, sigmoid(x).eval(), [](long double v) { return 1 / (1 + std::exp(-v)); });
  check_unary("log", p, log(p).eval(), [](long double v) { return std::log(v); });
  check_unary("sqrt", p, sqrt(p).eval(), [](long double v) { return std::sqrt(v); });
  check_unary("sin", x, sin(x).eval(), [](long double v) { return std::sin(v); });
  check_unary("erf", x, erf(x).eval(), [](long double v) { return std::erf(v); });
  check_unary("floor", x, floor(x).eval(), [](long double v) { return std::floor(v); });
  check_unary("abs", x, abs(x).eval(), [](long double v) { return std::fabs(v); });
  check_unary("relu", x, relu(x).eval(), [](long double v) { return v > 0 ? v : 0; });

  // A whole expression is rounded once: what float computes, stored.
  const Tensor<H> fused = x * y + p / y;
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    const auto a = static_cast<float>(x.data_ptr()[i]), b = static_cast<float>(y.data_ptr()[i]);
    const auto c = static_cast<float>(p.data_ptr()[i]);
    const float near = static_cast<float>(H(a * b + c / b)), fma = static_cast<float>(H(std::fma(a, b, c / b)));
    const auto got = static_cast<float>(fused.data_ptr()[i]);
    CHECK((got == near || got == fma));
  }
  check_equal(x > y, cast<float>(x) > cast<float>(y));
  check_equal(maximum(x, y), maximum(cast<float>(x), cast<float>(y)));
}

TEMPLATE_TEST_CASE("gradients of halves", "", float16, bfloat16) {
  using H = TestType;
  auto x = values<H>(-2.5f, 2.5f, 1), y = values<H>(0.5f, 3, 3);
  auto xf = cast<float>(x).eval(), yf = cast<float>(y).eval();
  x.requires_grad_(), y.requires_grad_(), xf.requires_grad_(), yf.requires_grad_();
  const auto ones = Tensor<H>(detail::GradOpsFor<H, Cpu>::full(x.shape(), 1));
  const auto ones_float = Tensor<float>(detail::GradOpsFor<float, Cpu>::full(x.shape(), 1));
  backward((tanh(x) * y + x).eval(), ones);
  backward((tanh(xf) * yf + xf).eval(), ones_float);
  const double unit = static_cast<double>(static_cast<float>(std::numeric_limits<H>::epsilon()));
  check_close(x.grad(), xf.grad(), 1.1 * unit, 1e-7);  // two places, each rounded on its own
  check_close(y.grad(), yf.grad(), 0.51 * unit, 1e-7);
}

TEST_CASE("halves promote") {
  const auto h = values<float16>(-2, 2, 1);
  const auto b = values<bfloat16>(-2, 2, 2);
  static_assert(std::same_as<value_t<decltype(h + b)>, float>);
  static_assert(std::same_as<value_t<decltype(h * 2.0)>, float16>);
  static_assert(std::same_as<value_t<decltype(b + 1)>, bfloat16>);
  static_assert(std::same_as<value_t<decltype(h > 0)>, bool>);
  check_equal(h + b, cast<float>(h) + cast<float>(b));
  check_equal(cast<float16>(b), cast<float>(b));
  check_equal(nan_to_num(h / (h - h)) <= 65504.0, h == h);
  auto target = clone(h);
  target += b;  // float32 into float16: one category
  check_close(target, cast<float>(h) + cast<float>(b), 0x1p-10, 1e-7);
}
