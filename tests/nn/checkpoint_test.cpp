// SPDX-License-Identifier: MIT
// Saving and loading modules: names, strictness, the same bits; a run that is resumed from files goes on as if it had not stopped.
// Build: -DTAPER_FIRST_ORDER_ONLY
// Devices: slow
#include <taper/taper.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/device.hpp"

using namespace taper;
using device::D;
using Catch::Matchers::Contains;

namespace {

struct Net {
  nn::Linear<float, D> first{4, 8};
  nn::BatchNorm1d<float, D> norm{8};
  nn::Linear<float, D> last{8, 1};
  Tensor<float, D> operator()(const Tensor<float, D>& x) const { return last(Tensor<float, D>(relu(norm(first(x))))); }
};

template <class Optimizer>
void steps(Net& net, Optimizer& optimizer, const Tensor<float, D>& x, const Tensor<float, D>& y, int n) {
  for (int i = 0; i < n; ++i) {
    optimizer.zero_grad();
    mse_loss(net(x), y).backward();
    optimizer.step();
  }
}

}  // namespace

TEST_CASE("a resumed run gives the same bits") {
  manual_seed(0);
  const Tensor<float, D> x = randn<float, D>({16, 4}), y = randn<float, D>({16, 1});
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
    nn::Linear<float, D> first{4, 9};
    nn::Linear<float, D> extra{2, 2};
  };
  manual_seed(0);
  Net net;
  save(net, "strict.safetensors");
  Other other;
  const Tensor<float, D> before = clone(other.first.weight);
  CHECK_THROWS_WITH(load(other, "strict.safetensors"),
                    Contains("extra.weight") && Contains("norm.running_mean") && Contains("first.weight is (8, 4)"));
  CHECK(equal(before, other.first.weight));
  CHECK_THROWS_AS(load(net, "missing.safetensors"), IoError);
}

TEST_CASE("modules are values: a copy is deep, an assignment keeps handles valid") {
  Net net;
  Net copy = net;
  CHECK(equal(copy.first.weight, net.first.weight));
  const Tensor<float, D> handle = net.first.weight;
  {
    const NoGrad guard;
    copy.first.weight.fill_(1);
  }
  CHECK_FALSE(equal(copy.first.weight, net.first.weight));
  net = copy;
  CHECK(equal(handle, copy.first.weight));
  CHECK(net.first.weight.requires_grad());
}
