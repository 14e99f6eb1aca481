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

// What a training step is made of: these, as often as the step needs them.
void part_tensor(benchmark::State& state) {
  const Shape shape{1, 8};
  time(state, [&] { bench::keep(detail::make_dense<Cpu>(dtype_of<float>, shape).get()); });
}
void part_linear_without_grad(benchmark::State& state) {
  const NoGrad guard;
  Training t;
  time(state, [&] {
    const Tensor<float> y = t.net.fc1(t.x);
    bench::keep(y.data_ptr());
  });
}
void part_linear(benchmark::State& state) {
  Training t;
  time(state, [&] {
    const Tensor<float> y = t.net.fc1(t.x);
    bench::keep(y.data_ptr());
  });
}
/// Three of the step's products and its sums of rows, on memory that is there.
void part_products_of_backward(benchmark::State& state) {
  std::vector<float> g(64, 1), x(64, 1), out(64);
  const auto product = [&](std::int64_t m, std::int64_t n, std::int64_t k) {
    detail::gemm<float>(m, n, k, g.data(), 1, m, x.data(), n, 1, out.data(), n, false);
    bench::keep(out.data());
  };
  time(state, [&] {
    product(2, 8, 1);
    product(1, 8, 2);
    product(8, 4, 1);
    detail::sum_rows<float>(1, 2, g.data(), out.data(), false);
    detail::sum_rows<float>(1, 8, g.data(), out.data(), false);
    bench::keep(out.data());
  });
}
void part_products_of_forward(benchmark::State& state) {
  std::vector<float> x(64, 1), w(64, 1), y(64);
  time(state, [&] {
    detail::gemm<float>(1, 8, 4, x.data(), 4, 1, w.data(), 1, 4, y.data(), 8, true);
    detail::gemm<float>(1, 2, 8, x.data(), 8, 1, w.data(), 1, 8, y.data(), 2, true);
    bench::keep(y.data());
  });
}
/// A gradient is made, then dropped by zero_grad: subtract what four tensors take.
void part_zero_grad(benchmark::State& state) {
  Training t;
  const auto list = parameters(t.net);
  time(state, [&] {
    for (const auto& p : list) autograd::slot_of(*p.record)->grad = detail::make_dense<Cpu>(dtype_of<float>, p.record->shape);
    t.optimizer.zero_grad();
  });
}
/// A pass over nothing but a leaf: the engine's own start and end.
void part_empty_backward(benchmark::State& state) {
  const Tensor<float> leaf = ones<float>({}).requires_grad_();
  time(state, [&] {
    leaf.backward();
    leaf.set_grad({});
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
BENCHMARK(part_tensor);
BENCHMARK(part_linear_without_grad);
BENCHMARK(part_linear);
BENCHMARK(part_products_of_forward);
BENCHMARK(part_products_of_backward);
BENCHMARK(part_zero_grad);
BENCHMARK(part_empty_backward);

}  // namespace

int main(int argc, char** argv) {
  set_num_threads(1);
  return bench::run(argc, argv);
}
