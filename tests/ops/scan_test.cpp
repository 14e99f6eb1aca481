// SPDX-License-Identifier: MIT
// Running sums, products and extremes against PyTorch and by hand.
// Devices: slow
#include <taper/core/factory.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/reduction.hpp>
#include <taper/ops/scan.hpp>

#include "tests/ops/golden_case.hpp"

using namespace taper;
using golden::irregular;

TEST_CASE("cumsum and cumprod equal PyTorch's") {
  const golden::File file("reductions");
  int seen = 0;
  for (const std::string& name : file.cases()) {
    const bool sums = name.find("cumsum") != std::string::npos, products = name.find("cumprod") != std::string::npos;
    if (!sums && !products) continue;
    ++seen;
    const auto axes = file.values<std::int64_t>(name + "/arg/dim");
    const std::int64_t axis = axes.empty() ? 0 : axes[0];
    if (name.rfind("int.", 0) == 0) {
      const auto x = file.tensor<std::int64_t>(name + "/x");
      check_equal(sums ? cumsum(x, axis) : cumprod(x, axis), file.tensor<std::int64_t>(name + "/y"));
    } else {
      check_both(file, name, {"x"}, [&](const auto& x) { return sums ? cumsum(x[0], axis) : cumprod(x[0], axis); });
    }
  }
  CHECK(seen >= 10);
  const golden::File structural("structural");
  check_both(structural, "cumsum.d0", {"x"}, [](const auto& x) { return cumsum(x[0], 0); });
  check_both(structural, "cumsum.dm1", {"x"}, [](const auto& x) { return cumsum(x[0], -1); });
}

TEST_CASE("scans: dtypes, strides, empties, rank 0") {
  check_equal(cumsum(tensor({true, true, false, true}), 0), tensor({1, 2, 2, 3}));
  check_equal(cumsum(tensor<std::uint8_t>({200, 100}), 0), tensor({200, 300}));
  check_equal(cumprod(tensor<std::int32_t>({2, 3, -4}), 0), tensor({2, 6, -24}));
  CHECK(cumsum(tensor<std::int64_t>({std::numeric_limits<std::int64_t>::max(), 1}), 0)[1].item() ==
        std::numeric_limits<std::int64_t>::min());
  const Tensor<float> x = tensor<float>({{1, 2, 3}, {4, 5, 6}});
  check_equal(cumsum(t(x), 1), tensor<float>({{1, 5}, {2, 7}, {3, 9}}));
  CHECK(cumsum(zeros<float>({0, 3}), 0).shape() == Shape{0, 3});
  CHECK(cumsum(zeros<float>({3, 0}), 0).shape() == Shape{3, 0});
  CHECK(cumprod(tensor(3.f), 0).item() == 3);
  CHECK(static_cast<float>(cumsum(full<float16>({4096}, 1), 0)[4095].item()) == 4096);
  // Wider than a block of lines.
  const Tensor<double> wide = irregular({5, 150});
  const Tensor<double> sums = cumsum(wide, 0);
  for (std::int64_t c = 0; c < 150; ++c) {
    double total = 0;
    for (std::int64_t r = 0; r < 5; ++r) {
      total += wide.data_ptr()[r * 150 + c];
      if (sums.data_ptr()[r * 150 + c] != total) CHECK(sums.data_ptr()[r * 150 + c] == total);
    }
  }
}

TEST_CASE("cummax and cummin") {
  const Tensor<float> x = tensor<float>({1, 3, 3, 2, NAN, 5});
  const auto [most, where_most] = cummax(x, 0);
  check_equal(most, tensor<float>({1, 3, 3, 3, NAN, NAN}));
  check_equal(where_most, tensor({0, 1, 2, 2, 4, 4}));
  const auto [least, where_least] = cummin(tensor({{4, 2, 2}, {1, 0, 7}}), 1);
  check_equal(least, tensor({{4, 2, 2}, {1, 0, 0}}));
  check_equal(where_least, tensor({{0, 1, 2}, {0, 1, 1}}));
  CHECK(cummax(tensor(3.f), 0).values.item() == 3);
}

TEST_CASE("gradients meet central differences, also of second order") {
  const Tensor<double> x = irregular({3, 4});
  check_gradients({x}, [](const auto& v) { return square(cumsum(square(v[0]), 1)).eval(); });
  check_gradients({x}, [](const auto& v) { return square(cumprod(v[0], 0)).eval(); });
  Tensor<double> zeros_inside = irregular({4, 2});
  zeros_inside.data_ptr()[2] = zeros_inside.data_ptr()[4] = zeros_inside.data_ptr()[5] = 0;
  check_gradients({zeros_inside}, [](const auto& v) { return (cumprod(v[0], 0) + v[0]).eval(); });
  check_gradients({x}, [](const auto& v) { return square(cummax(v[0], 1).values).eval(); });
  check_gradients({x, irregular({3, 4}, 9)},
                  [](const auto& v) { return square(detail::recurrence(v[0], v[1], 1, false)).eval(); });
  check_gradients({x, irregular({3, 4}, 9)},
                  [](const auto& v) { return square(detail::recurrence(v[0], v[1], 0, true)).eval(); });
}

TEST_CASE("a wrong axis is an error") {
  CHECK_THROWS_AS(cumsum(zeros<float>({2}), 1), IndexError);
  CHECK_THROWS_AS(cummax(zeros<float>({2}), -2), IndexError);
}
