// SPDX-License-Identifier: MIT
// Complex arithmetic and the parts of complex numbers.
// Devices: slow
#include "tests/ops/complex_cases.hpp"

using namespace complex_cases;

// A template, as nvcc needs where a lambda is a template's argument.
template <class = void>
void check_arithmetic() {
  const golden::File file("complex");
  UNARY("neg", -x)
  UNARY("abs", abs(x))
  UNARY("angle", angle(x))
  UNARY("reciprocal", reciprocal(x))
  UNARY("square", square(x))
  UNARY_FLOAT("abs", abs(x))
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
TEST_CASE("complex arithmetic") { check_arithmetic(); }

TEST_CASE("a complex number is made of its parts, and its gradient falls apart into them") {
  Tensor<double> re = golden::File("complex").tensor<double>("add.real_left/x0").requires_grad_();
  Tensor<double> im = detach(re) * 2.0;
  im.requires_grad_();
  const Tensor<C128> z = device::run_copies([](auto& x, auto& y) { return complex(x, y); })(re, im);
  check_equal(real(z), re);
  check_equal(imag(z), im);
  const Tensor<C128> g = complex(detach(re) + 1.0, detach(im) - 1.0);
  backward(z, g);
  check_equal(re.grad(), real(g));
  check_equal(im.grad(), imag(g));
}
