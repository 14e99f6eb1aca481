// SPDX-License-Identifier: MIT
// Every case of the pointwise goldens is in some test.
#include <taper/io/file.hpp>

#include "tests/support/golden.hpp"

namespace {

std::string text(const char* path) {
  const auto bytes = taper::io::read_file(std::string(TAPER_SOURCE_DIR) + path);
  return std::string(taper::io::text_of(bytes));
}

/// Cases of functions that do not exist yet.
constexpr std::string_view without[] = {"i0", "erfcx", "log_ndtr", "ndtri"};

}  // namespace

TEST_CASE("the table of op cases covers the goldens") {
  const std::string tests = text("/tests/ops/cases.hpp") + text("/tests/ops/pointwise_integer_test.cpp");
  int rows = 0;
  for (const std::string& name : golden::File("ops").cases()) {
    INFO(name);
    if (std::find(std::begin(without), std::end(without), name) != std::end(without)) continue;
    const auto base = name.ends_with("_bcast") ? name.substr(0, name.size() - 6) : name;
    CHECK(tests.find('"' + base + '"') != tests.npos);
    ++rows;
  }
  CHECK(rows > 250);
}

TEST_CASE("complex cases are covered") {
  std::string tests;
  for (const char* path : {"/tests/ops/pointwise_complex_test.cpp", "/tests/ops/pointwise_complex_function_test.cpp",
                           "/tests/ops/pointwise_complex_inverse_test.cpp"})
    tests += text(path);
  // Reductions and products have tests of their own.
  constexpr std::string_view elsewhere[] = {"sum",    "mean", "prod",   "cumsum",         "norm_2", "norm_1",
                                            "var",    "dot",  "matmul", "matmul.batched", "outer"};
  for (std::string name : golden::File("complex").cases()) {
    INFO(name);
    if (std::find(std::begin(elsewhere), std::end(elsewhere), name) != std::end(elsewhere)) continue;
    if (name.ends_with(".bcast")) name.resize(name.size() - 6);
    CHECK(tests.find('"' + name + '"') != tests.npos);
  }
}
