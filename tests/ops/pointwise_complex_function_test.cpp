// SPDX-License-Identifier: MIT
// Powers, exponentials and trigonometric functions of complex numbers.
// Table
// Devices: slow
#include "tests/ops/complex_cases.hpp"

using namespace complex_cases;

// A template, as nvcc needs where a lambda is a template's argument.
template <class = void>
void check_functions() {
  const golden::File file("complex");
  UNARY("sqrt", sqrt(x))
  UNARY("exp", exp(x))
  UNARY_FLOAT("exp", exp(x))
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
TEST_CASE("complex functions") { check_functions(); }
