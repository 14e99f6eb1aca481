// SPDX-License-Identifier: MIT
// A model that is a global object trains before main, in it, and while the program ends, to the same bits.
// Build: -O1 -DTAPER_FIRST_ORDER_ONLY
#include <taper/taper.hpp>

#include <cstdio>

#include <unistd.h>

using namespace taper;

namespace {

float train() {
  set_num_threads(3);
  manual_seed(4);
  nn::Linear<float> net{40, 30};
  optim::SGD optimizer{parameters(net), {.lr = 0.1, .momentum = 0.9}};
  const Tensor<float> x = randn<float>({300, 40}), y = randn<float>({300, 30});
  float loss = 0;
  for (int i = 0; i < 5; ++i) {
    optimizer.zero_grad();
    auto l = mse_loss(net(x), y);
    l.backward();
    optimizer.step();
    loss = l.item();
  }
  return loss;
}

struct Global {
  nn::Linear<float> net{4, 4};  // outlives main with its memory
  float loss = train();
  ~Global() {
    if (train() == loss && net(ones<float>({1, 4})).eval().numel() == 4) return;
    std::fprintf(stderr, "training after main gives another loss\n");
    _exit(1);
  }
};

thread_local Global per_thread;
Global global;

}  // namespace

int main() {
  const float loss = train();
  if (loss == global.loss && loss == per_thread.loss && loss < 2) return 0;
  std::fprintf(stderr, "before main %g, in main %g\n", static_cast<double>(global.loss), static_cast<double>(loss));
  return 1;
}
