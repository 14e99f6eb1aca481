// SPDX-License-Identifier: MIT
// The rows of family smooth_activation of the table of op cases; the digits of gelu.
// Table
// Devices: slow
#include <taper/core/factory.hpp>
#include <taper/ops/reduction.hpp>

#include "tests/ops/cases.hpp"

using namespace taper;

TEST_CASE("smooth activation") { pointwise::check_cases(pointwise::smooth_activation_cases()); }

TEST_CASE("gelu of floats keeps its digits, also in the tail, forward and backward") {
  double worst_value = 0, worst_slope = 0, at_value = 0, at_slope = 0;
  const Tensor<float> x = (arange(40001.0f) * 0.0007f - 14.0f).eval().requires_grad_();
  const Tensor<float> y = gelu(x);
  sum(y).backward();
  const Tensor<float> dx = x.grad();
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    const double v = static_cast<double>(x.data_ptr()[i]);
    const double phi = 0.5 * std::erfc(-v / std::sqrt(2.0)), bell = std::exp(-0.5 * v * v) / std::sqrt(2 * 3.14159265358979323846);
    // What rounding x^2 does to e^(-x^2 / 2), and a few roundings more; below the normal numbers nothing is left.
    const double allowed = (v * v / 2 + 6) * 0x1p-23, least = 1e-37;
    const double value = std::abs(static_cast<double>(y.data_ptr()[i]) - v * phi) / (std::abs(v * phi) * allowed + least);
    const double slope = std::abs(static_cast<double>(dx.data_ptr()[i]) - (phi + v * bell)) /
                         ((phi + std::abs(v) * bell) * allowed + least);
    if (!(value <= worst_value)) worst_value = value, at_value = v;
    if (!(slope <= worst_slope)) worst_slope = slope, at_slope = v;
  }
  CAPTURE(at_value, at_slope);
  CHECK(worst_value < 1);
  CHECK(worst_slope < 1);
  const float inf = std::numeric_limits<float>::infinity(), none = std::numeric_limits<float>::quiet_NaN();
  const Tensor<float> special = gelu(tensor<float>({inf, none, -30.0f, -0.0f, 30.0f}));
  const float* got = special.data_ptr();
  CHECK((got[0] == inf && std::isnan(got[1]) && got[2] == 0 && got[3] == 0 && got[4] == 30.0f));
}
