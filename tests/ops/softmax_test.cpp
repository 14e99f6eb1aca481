// SPDX-License-Identifier: MIT
// softmax and its relatives against PyTorch's goldens, long rows against long double, central differences.
// Devices
#include <taper/ops/softmax.hpp>

#include "tests/ops/golden_case.hpp"

using namespace taper;
using golden::irregular;

TEST_CASE("softmax, log_softmax and softmin equal PyTorch's") {
  const golden::File file("structural");
  int cases = 0;
  for (const std::string& name : file.cases()) {
    const std::string kind = name.substr(0, name.find('.')), where = name.substr(name.rfind('.') + 1);
    if (kind != "softmax" && kind != "log_softmax" && kind != "softmin") continue;
    ++cases;
    const int axis = where == "dm1" ? -1 : where == "d1" || where == "empty" || where == "special" ? 1 : 0;
    check_both(file, name, {"x"}, [&](const auto& x) {
      return kind == "softmax" ? softmax(x[0], axis) : kind == "softmin" ? softmin(x[0], axis) : log_softmax(x[0], axis);
    });
  }
  CHECK(cases == 21);
}

TEST_CASE("softmax meets central differences, also of second order") {
  for (const int axis : {0, 1, 2}) {
    check_gradients({irregular({2, 3, 2})}, [axis](const auto& x) { return softmax(x[0], axis); });
    check_gradients({irregular({2, 3, 2})}, [axis](const auto& x) { return log_softmax(x[0], axis); });
  }
}

TEST_CASE("rows and columns of every length sum right") {
  for (const std::int64_t n : {1, 3, 16, 17, 31, 100, 1000})
    for (const std::int64_t inner : {1, 2, 17, 40}) {
      INFO(n << " x " << inner);
      const Tensor<float> x = irregular<float>({3, n, inner});
      const Tensor<float> y = softmax(x * 5.0, 1), l = log_softmax(x * 5.0, 1);
      double worst = 0, worst_log = 0;
      for (std::int64_t o = 0; o < 3; ++o)
        for (std::int64_t j = 0; j < inner; ++j) {
          const auto at = [&](std::int64_t k) { return (o * n + k) * inner + j; };
          long double sum = 0;
          for (std::int64_t k = 0; k < n; ++k) sum += std::exp(static_cast<long double>(x.data_ptr()[at(k)] * 5.0f));
          for (std::int64_t k = 0; k < n; ++k) {
            const long double p = std::exp(static_cast<long double>(x.data_ptr()[at(k)] * 5.0f)) / sum;
            worst = std::max(worst, static_cast<double>(std::fabs(y.data_ptr()[at(k)] - p) / p));
            worst_log = std::max(worst_log, static_cast<double>(std::fabs(l.data_ptr()[at(k)] - std::log(p))));
          }
        }
      CHECK(worst < 1e-6);
      CHECK(worst_log < 2e-6);
    }
}

TEST_CASE("16-bit softmax is rounded once, a strided one is the dense one") {
  const Tensor<bfloat16> x = irregular<bfloat16>({4, 20});
  check_close(softmax(x, 1), softmax(cast<float>(x).eval(), 1), 1.0 / 256, 0);
  const Tensor<double> t = irregular({5, 7});
  check_equal(softmax(transpose(t, 0, 1), 1), softmax(contiguous(transpose(t, 0, 1)), 1));
}

TEST_CASE("softmax refuses a bad axis and integers") {
  CHECK_THROWS_AS(softmax(irregular<float>({2, 3}), 2), IndexError);
}
template <class X>
concept Softens = requires(const X& x) { softmax(x, 0); };
static_assert(Softens<Tensor<float>> && !Softens<Tensor<std::int64_t>>);
