// SPDX-License-Identifier: MIT
// A trained network in use, for builds with and without the tape. PART 1 makes tensors for PART 2, in another unit.
#include <taper/nn.hpp>
#include <taper/ops.hpp>

#include <cstdio>

using namespace taper;

Tensor<float> images();

#if PART == 1
Tensor<float> images() { return ones<float>({2, 1, 8, 8}); }
#else
namespace {

struct Net {
  nn::Conv2d<float> conv{1, 4, {.kernel_size = 3, .padding = 1}};
  nn::BatchNorm2d<float> norm{4};
  nn::LayerNorm<float> layer_norm{4 * 16};
  nn::Dropout dropout{0.3};
  nn::Linear<float> fc{4 * 16, 10};
  Tensor<float> operator()(const Tensor<float>& image) const {
    const Tensor<float> x = max_pool2d(relu(norm(conv(image))), 2);
    return softmax(fc(dropout(layer_norm(flatten(x, 1)))), 1);
  }
};

}  // namespace

int main() {
  Net net;
  nn::eval(net);
  const Tensor<float> total = sum(net(images()), {1});
  std::printf("%.4f\n", static_cast<double>(total[0].item()));
}
#endif
