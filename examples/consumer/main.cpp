// SPDX-License-Identifier: MIT
// A program of a project of its own: a linear layer learns y = 2 x + 1.
#include <taper/taper.hpp>

#include <cstdio>

using namespace taper;

int main() {
  manual_seed(0);
  const auto x = tensor<float>({{0, 1}, {1, 0}, {1, 1}, {2, 1}});
  const Tensor<float> y = 2 * x + 1;
  nn::Linear<float> line{2, 2};
  optim::SGD optimizer{parameters(line), {.lr = 0.3}};
  for (int step = 0; step < 400; ++step) {
    optimizer.zero_grad();
    mse_loss(line(x), y).backward();
    optimizer.step();
  }
  const float loss = mse_loss(line(x), y).item();
  std::printf("loss after 400 steps: %g\n", static_cast<double>(loss));
  return loss < 1e-3f ? 0 : 1;
}
