// SPDX-License-Identifier: MIT
// Smooth activations as modules against PyTorch's goldens.
// Build: -DTAPER_FIRST_ORDER_ONLY
// Devices: slow
#include <taper/nn/layers/activation_smooth.hpp>

#include "tests/nn/layer_case.hpp"

using namespace taper;
using layer_case::check;

TEST_CASE("smooth activations equal PyTorch's") {
  check("activation.elu", nn::ELU{});
  check("activation.elu_0_5", nn::ELU{0.5});
  check("activation.celu_0_5", nn::CELU{.alpha = 0.5});
  check("activation.selu", nn::SELU{});
  check("activation.gelu", nn::GELU{});
  check("activation.gelu_approximate__tanh", nn::GELU{.approximate = GeluApproximate::tanh});
  check("activation.logsigmoid", nn::LogSigmoid{});
  check("activation.sigmoid", nn::Sigmoid{});
  check("activation.silu", nn::SiLU{});
  check("activation.mish", nn::Mish{});
  check("activation.softplus_2_0__5_0", nn::Softplus{2.0, 5.0});
  check("activation.softsign", nn::Softsign{});
  check("activation.tanh", nn::Tanh{});
  check("activation.tanhshrink", nn::Tanhshrink{});
}
