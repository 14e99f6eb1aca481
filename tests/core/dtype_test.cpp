// SPDX-License-Identifier: MIT
// Dtypes: names, sizes, and the promotion table against PyTorch's, tests/golden/promotion.csv.

#include <taper/core/dtype.hpp>

#include <fstream>
#include <sstream>
#include <vector>

#include "tests/support/catch.hpp"

#ifndef TAPER_SOURCE_DIR
#define TAPER_SOURCE_DIR "."
#endif

using namespace taper;

namespace {

struct Row {
  std::string kind, left, right, result;
};

std::vector<Row> rows() {
  std::ifstream file(TAPER_SOURCE_DIR "/tests/golden/promotion.csv");
  REQUIRE(file);
  std::vector<Row> out;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream in(line);
    Row row;
    std::getline(in, row.kind, ',');
    std::getline(in, row.left, ',');
    std::getline(in, row.right, ',');
    std::getline(in, row.result, ',');
    // bcomplex32 and complex32, complex numbers of halves, are no dtypes here: complex64 takes their place.
    if (row.result == "complex32" || row.result == "bcomplex32") row.result = "complex64";
    out.push_back(row);
  }
  return out;
}

DType dtype(const std::string& text) {
  for (int d = 0; d <= static_cast<int>(DType::complex128); ++d)
    if (name(static_cast<DType>(d)) == text) return static_cast<DType>(d);
  FAIL("no dtype " << text);
  return {};
}

template <class F>
void for_each_dtype(F&& f) {
  for (int d = 0; d <= static_cast<int>(DType::complex128); ++d) dispatch_dtype(static_cast<DType>(d), f);
}

}  // namespace

TEST_CASE("pairs of dtypes promote as in PyTorch") {
  int seen = 0;
  for (const Row& row : rows()) {
    if (row.kind != "tensor_tensor") continue;
    INFO(row.left << " with " << row.right);
    CHECK(name(detail::promote(dtype(row.left), dtype(row.right))) == row.result);
    ++seen;
  }
  CHECK(seen == 144);
}

TEST_CASE("the compile-time table is the run-time one") {
  for_each_dtype([]<class T>() {
    for_each_dtype([]<class U>() {
      STATIC_REQUIRE(dtype_of<promote_t<T, U>> == detail::promote(dtype_of<T>, dtype_of<U>));
      STATIC_REQUIRE(std::same_as<promote_t<T, U>, promote_t<U, T>>);
    });
  });
  STATIC_REQUIRE(std::same_as<promote_t<bool, std::int32_t, float>, float>);
}

TEST_CASE("C++ scalars promote as Python's") {
  int seen = 0;
  for (const Row& row : rows()) {
    if (row.kind != "tensor_scalar") continue;
    INFO(row.left << " with " << row.right);
    dispatch_dtype(dtype(row.left), [&]<class T>() {
      if (row.right == "bool") CHECK(name(dtype_of<promote_scalar_t<T, bool>>) == row.result);
      else if (row.right == "int") CHECK(name(dtype_of<promote_scalar_t<T, int>>) == row.result);
      else if (row.right == "float") CHECK(name(dtype_of<promote_scalar_t<T, double>>) == row.result);
      else CHECK(name(dtype_of<promote_scalar_t<T, std::complex<double>>>) == row.result);
    });
    ++seen;
  }
  CHECK(seen == 48);
}

TEST_CASE("quotients and functions of integers are float") {
  for (const Row& row : rows()) {
    INFO(row.kind << ' ' << row.left << ' ' << row.right);
    if (row.kind == "div")
      dispatch_dtype(detail::promote(dtype(row.left), dtype(row.right)),
                     [&]<class T>() { CHECK(name(dtype_of<floating_t<T>>) == row.result); });
    if (row.kind == "exp" || row.kind == "sqrt" || row.kind == "sigmoid")
      dispatch_dtype(dtype(row.left), [&]<class T>() { CHECK(name(dtype_of<floating_t<T>>) == row.result); });
  }
}

TEST_CASE("names, sizes and categories") {
  for_each_dtype([]<class T>() {
    CHECK(size_of(dtype_of<T>) == sizeof(T));
    STATIC_REQUIRE(std::same_as<type_of<dtype_of<T>>, T>);
    STATIC_REQUIRE(detail::is_integral(dtype_of<T>) == Integral<T>);
    STATIC_REQUIRE(detail::is_floating(dtype_of<T>) == Floating<T>);
    STATIC_REQUIRE(detail::is_complex(dtype_of<T>) == Complex<T>);
    STATIC_REQUIRE(Differentiable<T> == (Floating<T> || Complex<T>));
  });
  CHECK(to_string(DType::boolean) == "bool");
  CHECK(to_string(DType::bfloat16) == "bfloat16");
  STATIC_REQUIRE(Scalar<float> && !Scalar<int*> && !Scalar<std::uint32_t> && !Scalar<long double> && !Scalar<char>);
  STATIC_REQUIRE(std::same_as<compute_t<float16>, float> && std::same_as<compute_t<double>, double>);
  STATIC_REQUIRE(std::same_as<real_t<std::complex<double>>, double> && std::same_as<real_t<float>, float>);
}
