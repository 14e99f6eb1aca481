// SPDX-License-Identifier: MIT
// Linear, convolutions, pools and reshaping layers against PyTorch's goldens.
// Build: -DTAPER_FIRST_ORDER_ONLY
// Devices
#include <taper/nn/layers/conv.hpp>
#include <taper/nn/layers/conv_transpose.hpp>
#include <taper/nn/layers/flatten.hpp>
#include <taper/nn/layers/linear.hpp>
#include <taper/nn/layers/pool.hpp>

#include "tests/nn/layer_case.hpp"

using namespace taper;
using layer_case::check;
using Linear = nn::Linear<double>;
using Conv1d = nn::Conv1d<double>;
using Conv2d = nn::Conv2d<double>;
using ConvTranspose2d = nn::ConvTranspose2d<double>;

TEST_CASE("Linear equals PyTorch's") {
  check("linear", Linear{4, 5});
  check("linear.no_bias", Linear{4, 5, {.bias = false}});
  check("linear.3d", Linear{4, 5});
  check("linear.1d", Linear{4, 5});
}

TEST_CASE("convolutions equal PyTorch's") {
  check("conv1d", Conv1d{3, 4, 3});
  check("conv1d.options", Conv1d{4, 6, {.kernel_size = 3, .stride = 2, .padding = 2, .dilation = 2, .groups = 2, .bias = false}});
  check("conv2d", Conv2d{3, 4, {.kernel_size = 3}});
  check("conv2d.options",
        Conv2d{4, 6, {.kernel_size = {3, 2}, .stride = {2, 1}, .padding = {1, 2}, .dilation = {1, 2}, .groups = 2}});
  check("conv2d.no_bias", Conv2d{2, 3, 3, {.padding = 1, .bias = false}});
  check("conv2d.same", Conv2d{2, 3, 3, {.padding = "same"}});
  check("conv2d.reflect", Conv2d{2, 3, 3, {.padding = {1, 2}, .padding_mode = PadMode::reflect}});
  check("conv2d.replicate", Conv2d{2, 3, 3, {.padding = {1, 2}, .padding_mode = PadMode::replicate}});
  check("conv2d.circular", Conv2d{2, 3, 3, {.padding = {1, 2}, .padding_mode = PadMode::circular}});
  check("conv_transpose2d", ConvTranspose2d{3, 2, 3});
  check("conv_transpose2d.options",
        ConvTranspose2d{4, 6, {.kernel_size = 3, .stride = 2, .padding = 1, .output_padding = 1, .groups = 2, .bias = false, .dilation = 2}});
}

TEST_CASE("ConvTranspose1d is ConvTranspose2d over one row") {
  nn::ConvTranspose1d<double> one{2, 3, 3, {.stride = 2, .padding = 1, .output_padding = 1}};
  ConvTranspose2d two{2, 3, {1, 3}, {.stride = {1, 2}, .padding = {0, 1}, .output_padding = {0, 1}}};
  two.weight = reshape(one.weight, {2, 3, 1, 3});
  two.bias = one.bias;
  const Tensor<double> x = randn<double>({2, 2, 5});
  check_close(one(x), squeeze(two(unsqueeze(x, 2)), 2), 1e-13, 1e-14);
}

TEST_CASE("pools equal PyTorch's") {
  check("max_pool1d", nn::MaxPool1d{2});
  check("max_pool2d", nn::MaxPool2d{2});
  check("max_pool2d.options", nn::MaxPool2d{.kernel_size = 3, .stride = 2, .padding = 1, .dilation = 1, .ceil_mode = true});
  check("avg_pool1d", nn::AvgPool1d{2});
  check("avg_pool2d", nn::AvgPool2d{2});
  check("avg_pool2d.options", nn::AvgPool2d{.kernel_size = 3, .stride = 2, .padding = 1, .ceil_mode = true, .count_include_pad = false});
  check("adaptive_avg_pool1d", nn::AdaptiveAvgPool1d{3});
  check("adaptive_avg_pool2d", nn::AdaptiveAvgPool2d{{3, 2}});
  check("adaptive_max_pool1d", nn::AdaptiveMaxPool1d{3});
  check("adaptive_max_pool2d", nn::AdaptiveMaxPool2d{{3, 2}});
}

TEST_CASE("reshaping layers equal PyTorch's") {
  check("flatten", nn::Flatten{});
  check("flatten.dims", nn::Flatten{0, 1});
  check("unflatten", nn::Unflatten{1, {2, 3}});
  check("identity", nn::Identity{});
}

TEST_CASE("Bilinear is x1' W x2 + b") {
  nn::Bilinear<double> layer{2, 3, 2};
  const Tensor<double> x = randn<double>({4, 2}), z = randn<double>({4, 3}), y = layer(x, z);
  REQUIRE(y.shape() == Shape{4, 2});
  for (int n = 0; n < 4; ++n)
    for (int k = 0; k < 2; ++k) {
      double expected = layer.bias[k].item();
      for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 3; ++j) expected += x[n][i].item() * layer.weight[k][i][j].item() * z[n][j].item();
      CHECK(y[n][k].item() == Approx(expected).epsilon(1e-12));
    }
  CHECK_THROWS_WITH(layer(z, x), "[Bilinear] the last sizes of inputs (4, 3) and (4, 2) must be 2 and 3");
  CHECK(layer(x[0], z[0]).shape() == Shape{2});
  // PyTorch does not broadcast here.
  CHECK_THROWS_WITH(layer(narrow(x, 0, 0, 1), z), "[Bilinear] inputs (1, 2) and (4, 3) must have the same sizes but for the last: expand one of them");
  CHECK_THROWS_WITH(layer(x, z[0]), "[Bilinear] inputs (4, 2) and (3,) must have the same sizes but for the last: expand one of them");
}

TEST_CASE("what a layer cannot be made of or fed with is named") {
  CHECK_THROWS_AS((Conv2d{3, 4, {.kernel_size = 3, .groups = 2}}), ValueError);
  CHECK_THROWS_AS((Conv2d{3, 4, {.stride = 1}}), ValueError);
  for (const PadMode mode : {PadMode::constant, PadMode::reflect, PadMode::replicate, PadMode::circular}) {
    CHECK_THROWS_WITH((Conv1d{1, 1, 3, {.stride = 2, .padding = "same", .padding_mode = mode}}),
                      "[Conv1d] padding \"same\" needs stride 1, not 2");
    CHECK_THROWS_WITH((Conv2d{1, 1, 3, {.stride = {1, 2}, .padding = "same", .padding_mode = mode}}),
                      "[Conv2d] padding \"same\" needs stride 1, not (1, 2)");
  }
  CHECK_THROWS_AS((Linear{4, 5}(zeros<double>({2, 3}))), ShapeError);
}

// Inputs of another dtype do not compile.
static_assert(std::is_invocable_v<const Linear&, Tensor<double>>);
static_assert(!std::is_invocable_v<const Linear&, Tensor<float>>);
static_assert(!std::is_invocable_v<const Conv2d&, Tensor<float>>);
static_assert(nn::ModuleFor<Linear, Tensor<double>> && !nn::ModuleFor<Linear, Tensor<float>>);
