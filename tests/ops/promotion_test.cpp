// SPDX-License-Identifier: MIT
// Result dtypes against PyTorch's table, row by row.
#include <taper/core/dtype.hpp>
#include <taper/ops/pointwise.hpp>
#include <taper/ops/reduction.hpp>

#include <fstream>
#include <sstream>
#include <string>

#include "tests/support/catch.hpp"

#ifndef TAPER_SOURCE_DIR
#define TAPER_SOURCE_DIR "."
#endif

using namespace taper;

namespace {

bool parse(const std::string& text, DType& out) {
  for (int i = 0; i <= static_cast<int>(DType::complex128); ++i)
    if (text == name(static_cast<DType>(i))) {
      out = static_cast<DType>(i);
      return true;
    }
  return false;
}

/// The result dtype of a unary function of a tensor of T as PyTorch writes it, "error" where it does not compile.
#define RESULT_OF(function)                                                                                    \
  if (op == #function) {                                                                                       \
    return dispatch_dtype(dtype, []<class T>() -> std::string {                                                \
      if constexpr (requires(const Tensor<T>& x) { function(x); })                                             \
        return to_string(dtype_of<value_t<decltype(function(std::declval<const Tensor<T>&>()))>>);             \
      else return "error";                                                                                     \
    });                                                                                                        \
  }
std::string unary_result(const std::string& op, DType dtype) {
  RESULT_OF(exp)
  RESULT_OF(sum)
  RESULT_OF(prod)
  RESULT_OF(mean)
  RESULT_OF(abs)
  RESULT_OF(neg)
  RESULT_OF(floor)
  RESULT_OF(sqrt)
  RESULT_OF(square)
  RESULT_OF(reciprocal)
  RESULT_OF(sigmoid)
  return "?";
}

std::string quotient(DType a, DType b) {
  return dispatch_dtype(a, [b]<class A>() {
    return dispatch_dtype(b, []<class B>() {
      return to_string(dtype_of<value_t<decltype(std::declval<const Tensor<A>&>() / std::declval<const Tensor<B>&>())>>);
    });
  });
}

template <class S>
std::string with_scalar(DType a) {
  return dispatch_dtype(a, []<class A>() { return to_string(dtype_of<promote_scalar_t<A, S>>); });
}

}  // namespace

TEST_CASE("promotion is PyTorch's") {
  std::ifstream file(TAPER_SOURCE_DIR "/tests/golden/promotion.csv");
  REQUIRE(file.good());
  std::string line;
  std::getline(file, line);
  int rows = 0;
  while (std::getline(file, line)) {
    INFO(line);
    std::istringstream parts(line);
    std::string kind, left, right, expected;
    std::getline(parts, kind, ',');
    std::getline(parts, left, ',');
    std::getline(parts, right, ',');
    std::getline(parts, expected, ',');
    // Complex numbers of halves: ours are complex64.
    if (expected == "complex32" || expected == "bcomplex32") expected = "complex64";
    DType a{}, b{};
    REQUIRE(parse(left, a));
    ++rows;
    if (kind == "tensor_tensor") {
      REQUIRE(parse(right, b));
      CHECK(to_string(detail::promote(a, b)) == expected);
      CHECK(to_string(detail::promote(b, a)) == expected);
    } else if (kind == "tensor_scalar") {
      CHECK((right == "bool"    ? with_scalar<bool>(a)
             : right == "int"   ? with_scalar<int>(a)
             : right == "float" ? with_scalar<double>(a)
                                : with_scalar<std::complex<double>>(a)) == expected);
    } else if (kind == "div") {
      REQUIRE(parse(right, b));
      CHECK(quotient(a, b) == expected);
    } else if (kind != "cumsum") {  // tests/ops/scan_test.cpp
      CHECK(unary_result(kind, a) == expected);
    }
  }
  CHECK(rows > 400);
}

TEST_CASE("type_as takes the dtype of another") {
  const Tensor<double> x(detail::GradOpsFor<double, Cpu>::full({2}, -2.75));
  const Tensor<std::int32_t> y = type_as(x, Tensor<std::int32_t>(detail::make_dense<Cpu>(DType::int32, {1})));
  CHECK(y.data_ptr()[1] == -2);
}
