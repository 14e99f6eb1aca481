// SPDX-License-Identifier: MIT
// Activations of straight lines, gated ones and softmax as modules, against PyTorch's goldens.
// Build: -DTAPER_FIRST_ORDER_ONLY
// Devices: slow
#include <taper/nn/layers/activation.hpp>
#include <taper/nn/layers/activation_gated.hpp>
#include <taper/nn/layers/softmax.hpp>
#include <taper/ops/variance.hpp>

#include "tests/nn/layer_case.hpp"

using namespace taper;
using layer_case::check;

TEST_CASE("straight activations equal PyTorch's") {
  check("activation.relu", nn::ReLU{});
  check("activation.relu6", nn::ReLU6{});
  check("activation.hardtanh__2_0__0_5", nn::Hardtanh{-2.0, 0.5});
  check("activation.leakyrelu_0_25", nn::LeakyReLU{0.25});
  check("activation.hardsigmoid", nn::Hardsigmoid{}, 1e-7);  // PyTorch's gradient has 1 / 6 in float
  check("activation.hardswish", nn::Hardswish{});
  check("activation.hardshrink", nn::Hardshrink{});
  check("activation.softshrink_0_75", nn::Softshrink{0.75});
  check("activation.threshold_0_5__20_0", nn::Threshold{0.5, 20.0});
}

TEST_CASE("gated activations equal PyTorch's") {
  check("activation.prelu", nn::PReLU<double>{});
  check("activation.prelu_3__init_0_125", nn::PReLU<double>{3, 0.125});
  check("activation.glu", nn::GLU{});
  const nn::PReLU<double> initial{3, 0.125};
  check_equal(initial.weight, full<double>({3}, 0.125));
}

TEST_CASE("softmax layers equal PyTorch's") {
  check("activation.softmin_dim_1", nn::Softmin{1});
  check("activation.softmax_dim_1", nn::Softmax{.dim = 1});
  check("activation.logsoftmax_dim_1", nn::LogSoftmax{1});
  check("activation.softmax2d", nn::Softmax2d{});
  check("activation.softmax2d.unbatched", nn::Softmax2d{});
  CHECK_THROWS_WITH(nn::Softmax2d{}(ones<double>({2, 3})), "[Softmax2d] x must have 4 dimensions (3 without a batch), not shape (2, 3)");
}

TEST_CASE("RReLU draws its slopes in training and uses their mean in evaluation") {
  manual_seed(1);
  nn::RReLU layer{.lower = 0.25, .upper = 0.75};
  const Tensor<double> x = full<double>({1000}, -1.0), y = layer(x);
  CHECK(all(y <= -0.25).item());
  CHECK(all(y >= -0.75).item());
  CHECK(var(y).item() == Approx(0.25 / 12).epsilon(0.2));
  check_equal(layer(ones<double>({3})), ones<double>({3}));
  nn::eval(layer);
  check_equal(layer(x), full<double>({1000}, -0.5));
}
