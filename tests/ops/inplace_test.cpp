// SPDX-License-Identifier: MIT
// Every function that writes in place: the values, the gradient and the history of the function without the underscore.
// Devices: slow
#include <taper/core/factory.hpp>
#include <taper/core/from_blob.hpp>
#include <taper/core/literal.hpp>
#include <taper/ops/activation_gated.hpp>
#include <taper/ops/gather.hpp>
#include <taper/ops/index.hpp>
#include <taper/ops/inplace.hpp>
#include <taper/ops/methods.hpp>

#include "tests/ops/golden_case.hpp"

using namespace taper;
using device::D;

namespace {

Tensor<double, D> irregular(const Shape& shape, int seed = 1) { return device::there(golden::irregular(shape, seed)); }

/// f_(a copy of x, ...) is f(x, ...), in x's own memory, and hands the same gradient on.
template <class InPlace, class Plain>
void check(const char* name, const Tensor<double, D>& start, const InPlace& in_place, const Plain& plain) {
  INFO(name);
  Tensor<double, D> x = clone(start), z = clone(start);
  x.requires_grad_();
  z.requires_grad_();
  Tensor<double, D> y = x * 1.0;
  const double* memory = std::as_const(y).data_ptr();
  in_place(y);
  const Tensor<double, D> expected = plain(z);
  CHECK(std::as_const(y).data_ptr() == memory);
  check_equal(y, expected);
  const Tensor<double, D> g = irregular(start.shape(), 9);
  y.backward(g);
  expected.backward(g);
  check_equal(x.grad(), z.grad());
}

}  // namespace

#define CHECK_UNARY(f, start) \
  check(                      \
      #f, start, [](auto& x) { f##_(x); }, [](const auto& x) { return Tensor<double, D>(f(x)); });
#define CHECK_WITH(f, start, ...)                        \
  check(                                                 \
      #f, start, [&](auto& x) { f##_(x, __VA_ARGS__); }, \
      [&](const auto& x) { return Tensor<double, D>(f(x, __VA_ARGS__)); });

TEST_CASE("functions of one operand, in place") {
  const Tensor<double, D> any = irregular({3, 4}) * 2.0, unit = irregular({3, 4}) * 0.9, positive = any * any + 0.25;
  CHECK_UNARY(abs, any)
  CHECK_UNARY(neg, any)
  CHECK_UNARY(sign, any)
  CHECK_UNARY(square, any)
  CHECK_UNARY(sqrt, positive)
  CHECK_UNARY(rsqrt, positive)
  CHECK_UNARY(reciprocal, positive)
  CHECK_UNARY(exp, any)
  CHECK_UNARY(exp2, any)
  CHECK_UNARY(expm1, any)
  CHECK_UNARY(log, positive)
  CHECK_UNARY(log2, positive)
  CHECK_UNARY(log10, positive)
  CHECK_UNARY(log1p, positive)
  CHECK_UNARY(logit, (unit + 1.0) * 0.5)
  CHECK_UNARY(sigmoid, any)
  CHECK_UNARY(sin, any)
  CHECK_UNARY(cos, any)
  CHECK_UNARY(tan, unit)
  CHECK_UNARY(asin, unit)
  CHECK_UNARY(acos, unit)
  CHECK_UNARY(atan, any)
  CHECK_UNARY(sinh, any)
  CHECK_UNARY(cosh, any)
  CHECK_UNARY(tanh, any)
  CHECK_UNARY(erf, any)
  CHECK_UNARY(erfc, any)
  CHECK_UNARY(erfinv, unit)
  CHECK_UNARY(floor, any)
  CHECK_UNARY(ceil, any)
  CHECK_UNARY(round, any)
  CHECK_UNARY(trunc, any)
  CHECK_UNARY(frac, any)
  CHECK_UNARY(nan_to_num, any)
}

TEST_CASE("activations, in place") {
  const Tensor<double, D> any = irregular({3, 4}) * 4.0;
  CHECK_UNARY(relu, any)
  CHECK_UNARY(relu6, any)
  CHECK_UNARY(leaky_relu, any)
  CHECK_WITH(leaky_relu, any, 0.2)
  CHECK_UNARY(rrelu, any)
  CHECK_UNARY(elu, any)
  CHECK_WITH(elu, any, 0.5)
  CHECK_UNARY(selu, any)
  CHECK_UNARY(celu, any)
  CHECK_UNARY(silu, any)
  CHECK_UNARY(mish, any)
  CHECK_UNARY(hardtanh, any)
  CHECK_WITH(hardtanh, any, -2.0, 0.5)
  CHECK_UNARY(hardsigmoid, any)
  CHECK_UNARY(hardswish, any)
  CHECK_WITH(threshold, any, 0.5, 20.0)
}

TEST_CASE("functions of more operands, in place, broadcast to the first") {
  const Tensor<double, D> any = irregular({3, 4}) * 2.0, positive = any * any + 0.25, row = irregular({4}, 5) + 1.5,
                       column = irregular({3, 1}, 2);
  CHECK_WITH(add, any, row)
  CHECK_WITH(add, any, row, 2.0)
  CHECK_WITH(sub, any, column)
  CHECK_WITH(mul, any, row)
  CHECK_WITH(div, any, row)
  CHECK_WITH(div, any, row, rounding_mode::floor)
  CHECK_WITH(floor_divide, any, row)
  CHECK_WITH(remainder, any, row)
  CHECK_WITH(fmod, any, row)
  CHECK_WITH(pow, positive, row)
  CHECK_WITH(pow, any, 2.0)
  CHECK_WITH(lerp, any, row, 0.25)
  CHECK_WITH(addcmul, any, row, column, 0.5)
  CHECK_WITH(addcdiv, any, column, row, 0.5)
  CHECK_WITH(copysign, any, column)
  CHECK_WITH(clamp, any, -0.5, 0.75)
  CHECK_WITH(clamp_min, any, 0.25)
  CHECK_WITH(clamp_max, any, 0.25)
  CHECK_WITH(atan2, any, row)
}

TEST_CASE("bits, logic and operators, in place") {
  Tensor<std::int32_t, D> x = tensor<std::int32_t, D>({12, 10, -7});
  const Tensor<std::int32_t, D> y = tensor<std::int32_t, D>({10, 6, 3});
  check_equal(bitwise_and_(clone(x), y), x & y);
  check_equal(bitwise_or_(clone(x), y), x | y);
  check_equal(bitwise_xor_(clone(x), y), x ^ y);
  check_equal(bitwise_not_(clone(x)), ~x);
  check_equal(logical_not_(clone(x > 0)), x <= 0);
  const auto after = [&](auto change) {
    Tensor<std::int32_t, D> z = clone(x);
    change(z);
    return z;
  };
  check_equal(after([&](auto& z) { z += y; }), tensor<std::int32_t, D>({22, 16, -4}));
  check_equal(after([&](auto& z) { z -= y; }), tensor<std::int32_t, D>({2, 4, -10}));
  check_equal(after([&](auto& z) { z *= y; }), tensor<std::int32_t, D>({120, 60, -21}));
  check_equal(after([&](auto& z) { z %= y; }), tensor<std::int32_t, D>({2, 4, 2}));
  check_equal(after([&](auto& z) { z &= y; }), tensor<std::int32_t, D>({8, 2, 1}));
  check_equal(after([&](auto& z) { z |= y; }), tensor<std::int32_t, D>({14, 14, -5}));
  check_equal(after([&](auto& z) { z ^= y; }), tensor<std::int32_t, D>({6, 12, -6}));
  check_equal(after([&](auto& z) { z <<= 2; }), tensor<std::int32_t, D>({48, 40, -28}));
  check_equal(after([&](auto& z) { z >>= 1; }), tensor<std::int32_t, D>({6, 5, -4}));
  Tensor<float, D> f = tensor<float, D>({1, 2, 4});
  f /= 2;
  check_equal(f, tensor<float, D>({0.5, 1, 2}));
  f += tensor<double, D>({1, 1, 1});  // a wider dtype of the same category is cast to the target's
  check_equal(f, tensor<float, D>({1.5, 2, 3}));
}

TEST_CASE("in place through views, and onto what overlaps") {
  Tensor<double, D> x = arange<double, D>(6).view({2, 3});
  relu_(x(Slice{}, 1) -= 3.0);
  check_equal(x, tensor<double, D>({{0, 0, 2}, {3, 1, 5}}));
  x(Slice{}, Slice{1, 3}) += x(Slice{}, Slice{0, 2});
  check_equal(x, tensor<double, D>({{0, 0, 2}, {3, 4, 6}}));
  x += x.t().reshape({2, 3});
  check_equal(x, tensor<double, D>({{0, 3, 2}, {7, 6, 12}}));
  Tensor<double, D> wide = expand(zeros<double, D>({1, 3}), {2, 3});
  CHECK_THROWS_AS(wide += 1.0, ValueError);
  Tensor<double, D> row = zeros<double, D>({3});
  CHECK_THROWS_AS(row += x, ShapeError);
}

TEST_CASE("in place onto what another tensor over the same foreign memory reads") {
  const std::int64_t n = 300;  // large enough for blocks
  Tensor<double, D> memory = arange<double, D>(n * n).view({n, n});
  const auto adopted = [](Tensor<double, D>& x) { return from_blob<double, D>(static_cast<void*>(x.record().data), x.shape()); };
  Tensor<double, D> x = adopted(memory);
  x += adopted(memory).t();  // n i + j + n j + i
  const Tensor<double, D> i = arange<double, D>(n);
  check_equal(x, (i.view({n, 1}) + i) * static_cast<double>(n + 1));

  Tensor<double, D> a = arange<double, D>(6), b = arange<double, D>(6), c = arange<double, D>(6);
  const auto backwards = tensor<std::int64_t, D>({5, 4, 3, 2, 1, 0});
  index_put_(a, {backwards}, adopted(a));
  scatter_(b, 0, backwards, adopted(b));
  scatter_add_(c, 0, backwards, adopted(c));
  check_equal(a, arange<double, D>(6) * -1.0 + 5.0);
  check_equal(b, a);
  check_equal(c, full<double, D>({6}, 5));

  // What backward reads is kept before it is overwritten: y = 2w times the constant 2w.
  Tensor<double, D> w = irregular({3});
  w.requires_grad_();
  Tensor<double, D> y = w * 2.0;
  y *= adopted(y);
  sum(y).backward();
  check_equal(w.grad(), Tensor<double, D>(w.detach() * 4.0));
}
