// SPDX-License-Identifier: MIT
// einsum and tensordot against PyTorch's goldens, matmul and central differences.
// Devices: slow
#include <taper/ops/einsum.hpp>
#include <taper/ops/power.hpp>

#include <algorithm>

#include "tests/ops/golden_case.hpp"

using namespace taper;
using Catch::Matchers::StartsWith;
using golden::irregular;

TEST_CASE("einsum of two operands equals PyTorch's") {
  const golden::File file("structural");
  int cases = 0;
  for (const std::string& name : file.cases()) {
    if (name.rfind("einsum.", 0) != 0) continue;
    ++cases;
    std::string equation = name.substr(7);
    for (std::size_t at; (at = equation.find("_to_")) != std::string::npos;) equation.replace(at, 4, "->");
    std::replace(equation.begin(), equation.end(), '_', ',');
    for (std::size_t at; (at = equation.find('E')) != std::string::npos;) equation.replace(at, 1, "...");
    check_both(file, name, {"a", "b"}, [&](const auto& x) { return einsum(equation, x[0], x[1]); });
  }
  CHECK(cases == 21);
}

TEST_CASE("einsum of one operand, implicit results, broadcasting") {
  const Tensor<double> a = irregular({3, 4}), s = irregular({3, 3});
  check_equal(einsum("ij->ji", a), t(a));
  check_equal(einsum("ba", a), t(a));
  check_close(einsum("ij->j", a), sum(a, 0), 1e-15, 1e-15);
  check_close(einsum("ii", s), sum(diagonal(s)), 1e-15, 1e-15);
  check_equal(einsum("ii->i", s), diagonal(s));
  check_close(einsum("i j, j k", a, t(a)), matmul(a, t(a)), 1e-15, 1e-15);
  check_close(einsum("ij,ij->ij", a, irregular({1, 4}, 3)), a * irregular({1, 4}, 3), 1e-15, 1e-15);
  check_close(einsum("ij,kj->ik", a, irregular({2, 1}, 3)), matmul(a, t(expand(irregular({2, 1}, 3), {2, 4}))), 1e-14, 1e-14);
}

TEST_CASE("tensordot contracts the axes it is given") {
  const Tensor<double> a = irregular({2, 3, 4}), b = irregular({3, 4, 5}), c = irregular({4, 5, 3});
  check_close(tensordot(a, b), matmul(reshape(a, {2, 12}), reshape(b, {12, 5})), 1e-14, 1e-14);
  check_close(tensordot(a, c, {1, 2}, {2, 0}), einsum("ijk,klj->il", a, c), 1e-15, 1e-15);
  CHECK(tensordot(a, b, 0).shape() == Shape{2, 3, 4, 3, 4, 5});
}

TEST_CASE("contractions meet central differences, also of second order") {
  check_gradients({irregular({2, 3}), irregular({3, 2})}, [](const auto& x) { return einsum("ij,jk->ki", x[0], x[1]); });
  check_gradients({irregular({2, 2}), irregular({2, 3})}, [](const auto& x) { return square(einsum("ii,ij->ij", x[0], x[1])).eval(); });
  check_gradients({irregular({2, 3, 2}), irregular({2, 2})}, [](const auto& x) { return tensordot(x[0], x[1], 1); });
}

TEST_CASE("a bad equation is named") {
  const Tensor<float> a = irregular<float>({2, 3});
  CHECK_THROWS_WITH(einsum("ij,jk", a, a), StartsWith("[einsum] the subscript 'j' names size 3 of an operand of shape (2, 3) and size 2"));
  CHECK_THROWS_WITH(einsum("i1,jk", a, a), StartsWith("[einsum] the equation \"i1,jk\" has a '1'"));
  CHECK_THROWS_AS(einsum("ij", a, a), ValueError);
  CHECK_THROWS_AS(einsum("i,ij", a, a), ShapeError);
  CHECK_THROWS_AS(einsum("ij,jk->il", a, a), ValueError);
  CHECK_THROWS_AS(einsum("ij,kj->ii", a, a), ValueError);
  CHECK_THROWS_AS(einsum("...i...,jk", a, a), ValueError);
  CHECK_THROWS_AS(einsum("ii", a), ShapeError);
  CHECK_THROWS_AS(tensordot(a, a, 1), ShapeError);
  CHECK_THROWS_AS(tensordot(a, a, {0, 0}, {0, 1}), IndexError);
}
