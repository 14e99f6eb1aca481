// SPDX-License-Identifier: MIT
// Logarithms and inverse functions of complex numbers.
// Table
// Devices: slow
#include "tests/ops/complex_cases.hpp"

using namespace complex_cases;

// A template, as nvcc needs where a lambda is a template's argument.
template <class = void>
void check_inverse_functions() {
  const golden::File file("complex");
  UNARY("rsqrt", rsqrt(x))
  UNARY("log2", log2(x))
  UNARY("log10", log10(x))
  UNARY("log1p", log1p(x))
  UNARY("expm1", expm1(x))
  UNARY("asin", asin(x))
  UNARY("acos", acos(x))
  UNARY("atan", atan(x))
  UNARY("asinh", asinh(x))
  UNARY("acosh", acosh(x))
  UNARY("atanh", atanh(x))
}
TEST_CASE("complex inverse functions") { check_inverse_functions(); }
