// SPDX-License-Identifier: MIT
// What a few numbers cost: an add, a recorded add, chains of them, and a whole training step of a tiny network.
#include "support/contest.hpp"

#include <taper/taper.hpp>

using namespace taper;

namespace {

struct Net {
  nn::Linear<float> fc1{4, 8}, fc2{8, 2};
  auto operator()(const Tensor<float>& x) const { return fc2(relu(fc1(x))); }
};

template <class F>
void time(benchmark::State& state, F f) {
  bench::contest(state, 1, bench::Contender{"ns", f});
}

void add_of_four(benchmark::State& state) {
  const Tensor<float> a = ones<float>({4}), b = ones<float>({4});
  time(state, [&] {
    const Tensor<float> c = a + b;
    bench::keep(c.data_ptr());
  });
}
void recorded_add_of_four(benchmark::State& state) {
  const Tensor<float> a = ones<float>({4}).requires_grad_(), b = ones<float>({4});
  time(state, [&] {
    const Tensor<float> c = a + b;
    bench::keep(c.data_ptr());
  });
}
void add_sum_backward(benchmark::State& state) {
  const Tensor<float> a = ones<float>({4}).requires_grad_(), b = ones<float>({4});
  time(state, [&] {
    sum(a + b).backward();
    a.set_grad({});
  });
}
void ten_adds_backward(benchmark::State& state) {
  const Tensor<float> a = ones<float>({4}).requires_grad_(), b = ones<float>({4});
  time(state, [&] {
    Tensor<float> c = a + b;
    for (int i = 1; i < 10; ++i) c = c + b;
    sum(c).backward();
    a.set_grad({});
  });
}

/// A 4-8-2 network on a batch of one, and the parts of its training step.
struct Training {
  Net net;
  optim::SGD<Tensor<float>> optimizer{parameters(net), {.lr = 1e-6}};
  Tensor<float> x = ones<float>({1, 4}), target = zeros<float>({1, 2});
};

void mlp_forward(benchmark::State& state) {
  Training t;
  time(state, [&] {
    const Tensor<float> y = t.net(t.x);
    bench::keep(y.data_ptr());
  });
}
void mlp_forward_without_grad(benchmark::State& state) {
  const NoGrad guard;
  Training t;
  time(state, [&] {
    const Tensor<float> y = t.net(t.x);
    bench::keep(y.data_ptr());
  });
}
void mlp_forward_loss(benchmark::State& state) {
  Training t;
  time(state, [&] {
    const Tensor<float> loss = mse_loss(t.net(t.x), t.target);
    bench::keep(loss.data_ptr());
  });
}
void mlp_forward_loss_backward(benchmark::State& state) {
  Training t;
  time(state, [&] {
    t.optimizer.zero_grad();
    mse_loss(t.net(t.x), t.target).backward();
  });
}
void mlp_optimizer_step(benchmark::State& state) {
  Training t;
  mse_loss(t.net(t.x), t.target).backward();
  time(state, [&] { t.optimizer.step(); });
}
void mlp_training_step(benchmark::State& state) {
  Training t;
  time(state, [&] {
    t.optimizer.zero_grad();
    mse_loss(t.net(t.x), t.target).backward();
    t.optimizer.step();
  });
}

BENCHMARK(add_of_four);
BENCHMARK(recorded_add_of_four);
BENCHMARK(add_sum_backward);
BENCHMARK(ten_adds_backward);
BENCHMARK(mlp_forward);
BENCHMARK(mlp_forward_without_grad);
BENCHMARK(mlp_forward_loss);
BENCHMARK(mlp_forward_loss_backward);
BENCHMARK(mlp_optimizer_step);
BENCHMARK(mlp_training_step);

}  // namespace

int main(int argc, char** argv) {
  set_num_threads(1);
  return bench::run(argc, argv);
}
