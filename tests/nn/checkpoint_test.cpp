// SPDX-License-Identifier: MIT
// Saving and loading modules: names, strictness, the same bits; a run that is resumed from files goes on as if it had not stopped.
// Build: -DTAPER_FIRST_ORDER_ONLY
#include <taper/taper.hpp>

#include "tests/support/catch.hpp"

using namespace taper;
using Catch::Matchers::Contains;

namespace {

struct Net {
  nn::Linear<float> first{4, 8};
  nn::BatchNorm1d<float> norm{8};
  nn::Linear<float> last{8, 1};
  Tensor<float> operator()(const Tensor<float>& x) const { return last(Tensor<float>(relu(norm(first(x))))); }
};

template <class Optimizer>
void steps(Net& net, Optimizer& optimizer, const Tensor<float>& x, const Tensor<float>& y, int n) {
  for (int i = 0; i < n; ++i) {
    optimizer.zero_grad();
    mse_loss(net(x), y).backward();
    optimizer.step();
  }
}

}  // namespace

TEST_CASE("a resumed run gives the same bits") {
  manual_seed(0);
  const Tensor<float> x = randn<float>({16, 4}), y = randn<float>({16, 1});
  Net net;
  optim::AdamW optimizer{parameters(net), {.lr = 1e-2}};
  steps(net, optimizer, x, y, 3);
  save(net, "net.safetensors");
  io::save(optimizer.state_dict(), "optimizer.safetensors");
  steps(net, optimizer, x, y, 3);

  Net fresh;
  optim::AdamW again{parameters(fresh), {.lr = 0.5}};
  load(fresh, "net.safetensors");
  again.load_state_dict(io::load("optimizer.safetensors"));
  steps(fresh, again, x, y, 3);
  CHECK(equal(net.first.weight, fresh.first.weight));
  CHECK(equal(net.last.bias, fresh.last.bias));
  CHECK(equal(net.norm.running_var, fresh.norm.running_var));
}

TEST_CASE("loading names everything that does not fit, and writes nothing") {
  struct Other {
    nn::Linear<float> first{4, 9};
    nn::Linear<float> extra{2, 2};
  };
  manual_seed(0);
  Net net;
  save(net, "strict.safetensors");
  Other other;
  const Tensor<float> before = clone(other.first.weight);
  CHECK_THROWS_WITH(load(other, "strict.safetensors"),
                    Contains("extra.weight") && Contains("norm.running_mean") && Contains("first.weight is (8, 4)"));
  CHECK(equal(before, other.first.weight));
  CHECK_THROWS_AS(load(net, "missing.safetensors"), IoError);
}

TEST_CASE("modules are values: a copy is deep, an assignment keeps handles valid") {
  Net net;
  Net copy = net;
  CHECK(equal(copy.first.weight, net.first.weight));
  const Tensor<float> handle = net.first.weight;
  {
    const NoGrad guard;
    copy.first.weight.fill_(1);
  }
  CHECK_FALSE(equal(copy.first.weight, net.first.weight));
  net = copy;
  CHECK(equal(handle, copy.first.weight));
  CHECK(net.first.weight.requires_grad());
}

TEST_CASE("a run saved in the middle of an epoch goes on with the same bits") {
  // Model, optimizer, scheduler, shuffling loader with random transforms, dropout from the default generator, a counter.
  struct Dropping {
    nn::Linear<float> first{4, 8};
    nn::Dropout drop{0.3};
    nn::Linear<float> last{8, 1};
    Tensor<float> operator()(const Tensor<float>& x) const { return last(Tensor<float>(drop(tanh(first(x))))); }
  };
  manual_seed(3);
  const Tensor<float> x = randn<float>({40, 4}), y = randn<float>({40, 1});
  struct Run {
    Dropping net;
    optim::AdamW<Tensor<float>> optimizer{parameters(net), {.lr = 1e-2, .amsgrad = true}};
    optim::OneCycleLR<optim::AdamW<Tensor<float>>> scheduler{optimizer, 1e-2, {.total_steps = 40}};
    data::DataLoader<data::TensorDataset<float, float>> loader;
    int steps = 0;
    Run(const Tensor<float>& x, const Tensor<float>& y) : loader(data::TensorDataset<float, float>(x, y), {.batch_size = 8, .shuffle = true, .num_workers = 1}) {}
    /// Trains until 20 steps have been made, and saves the run in the middle of the second epoch, after step 8.
    void finish(std::vector<float>& losses) {
      constexpr int end = 20;
      while (steps < end)
        for (const auto& [image, label] : loader) {
          optimizer.zero_grad();
          const Tensor<float> loss = mse_loss(net(image), label);
          loss.backward();
          optimizer.step();
          scheduler.step();
          losses.push_back(loss.item());
          if (++steps == end) return;
          if (steps == 8) save_checkpoint("run.ckpt", net, optimizer, scheduler, loader, default_generator(), steps);
        }
    }
  };
  Run run(x, y);
  std::vector<float> expected, resumed;
  run.finish(expected);
  expected.erase(expected.begin(), expected.begin() + 8);

  manual_seed(99);
  Run fresh(x, y);
  load_checkpoint("run.ckpt", fresh.net, fresh.optimizer, fresh.scheduler, fresh.loader, default_generator(), fresh.steps);
  CHECK(fresh.steps == 8);
  fresh.finish(resumed);
  CHECK(resumed == expected);
  CHECK(fresh.scheduler.get_last_lr() == run.scheduler.get_last_lr());
  CHECK(equal(run.net.first.weight, fresh.net.first.weight));
  CHECK(io::load("run.ckpt").contains("model.first.weight"));

  // What does not fit leaves everything as it was, also what came before it.
  Run other(x, y);
  const Tensor<float> weight = clone(other.net.first.weight);
  optim::SGD wrong{parameters(other.net), {.lr = 0.1, .momentum = 0.9}};
  CHECK_THROWS_AS(load_checkpoint("run.ckpt", other.net, wrong, other.scheduler, other.loader, default_generator(), other.steps), StateError);
  CHECK(equal(weight, other.net.first.weight));
  CHECK_THROWS_WITH(load_checkpoint("run.ckpt", other.net, other.optimizer), Contains("for which no part was given"));
  CHECK(equal(weight, other.net.first.weight));
}
