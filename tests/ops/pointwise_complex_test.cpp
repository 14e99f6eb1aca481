// SPDX-License-Identifier: MIT
// Complex pointwise functions: values and gradients against the goldens, in complex128 and complex64.
#include <taper/ops/pointwise.hpp>

#include "tests/ops/harness.hpp"

#include <tuple>

using namespace taper;

namespace {

/// F of leaves of type Z (those listed in `real` of its real type), compared with the goldens.
template <auto F, class... Z>
void check(const golden::File& file, const std::string& name) {
  INFO(name);
  constexpr bool wide = (std::same_as<real_t<Z>, double> && ...);
  const double tolerance = wide ? 1e-11 : 2e-5;
  int i = 0;
  auto load = [&]<class T>(std::type_identity<T>) { return file.tensor<T>(name + "/x" + std::to_string(i++)); };
  std::tuple<Tensor<Z>...> leaves{load(std::type_identity<Z>())...};
  std::apply([](auto&... x) { (x.requires_grad_(), ...); }, leaves);
  auto y = std::apply([](auto&... x) { return F(x...).eval(); }, leaves);
  using Y = value_t<decltype(y)>;
  check_close(y, file.tensor<Y>(name + "/y"), tolerance, tolerance);
  if constexpr (Differentiable<Y>) {
    backward(y, file.tensor<Y>(name + "/gy"));
    i = 0;
    std::apply(
        [&](auto&... x) {
          (
              [&] {
                using T = value_t<decltype(x)>;
                const std::string key = name + "/gx" + std::to_string(i++);
                INFO(key);
                REQUIRE(x.grad().defined());
                check_close(x.grad(), file.tensor<T>(key), tolerance, tolerance);
              }(),
              ...);
        },
        leaves);
  }
}

using C64 = std::complex<float>;
using C128 = std::complex<double>;

}  // namespace

#define UNARY(name, value)                                       \
  check<[](auto& x) { return (value); }, C128>(file, name);      \
  check<[](auto& x) { return (value); }, C64>(file, name);
#define BINARY(name, A, B, value) check<[](auto& x, auto& y) { return (value); }, A, B>(file, name);

TEST_CASE("complex arithmetic") {
  const golden::File file("complex");
  UNARY("neg", -x)
  UNARY("abs", abs(x))
  UNARY("angle", angle(x))
  UNARY("reciprocal", reciprocal(x))
  UNARY("square", square(x))
  UNARY("sgn", sgn(x))
  UNARY("conj", conj(x))
  UNARY("real", real(x))
  UNARY("imag", imag(x))
  for (const char* suffix : {"", ".bcast"}) {
    const std::string s = suffix;
    BINARY("add" + s, C128, C128, x + y)
    BINARY("sub" + s, C128, C128, x - y)
    BINARY("mul" + s, C128, C128, x * y)
    BINARY("div" + s, C128, C128, x / y)
  }
  BINARY("add.real_right", C128, double, x + y)
  BINARY("sub.real_right", C128, double, x - y)
  BINARY("mul.real_right", C128, double, x * y)
  BINARY("div.real_right", C128, double, x / y)
  BINARY("add.real_left", double, C128, x + y)
  BINARY("sub.real_left", double, C128, x - y)
  BINARY("mul.real_left", double, C128, x * y)
  BINARY("div.real_left", double, C128, x / y)
  BINARY("mul", C64, C64, x * y)
  BINARY("div", C64, C64, x / y)
  BINARY("eq", C128, C128, x == y)
  BINARY("ne", C128, C128, x != y)
  BINARY("chain", C128, C128, abs(exp(x) * y + conj(x)))
}

TEST_CASE("complex functions") {
  const golden::File file("complex");
  UNARY("sqrt", sqrt(x))
  UNARY("exp", exp(x))
  UNARY("log", log(x))
  UNARY("sin", sin(x))
  UNARY("cos", cos(x))
  UNARY("tan", tan(x))
  UNARY("sinh", sinh(x))
  UNARY("cosh", cosh(x))
  UNARY("tanh", tanh(x))
  UNARY("sigmoid", sigmoid(x))
  UNARY("pow_2", pow(x, 2))
  UNARY("pow_half", pow(x, 0.5))
  BINARY("pow", C128, C128, pow(x, y))
}
