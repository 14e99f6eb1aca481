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

namespace {

/// All containers of the library, their parameters as an optimizer knows them.
struct Held {
  nn::LSTM<float, D> lstm{3, 4, {.num_layers = 2}};
  nn::ModuleList<nn::Linear<float, D>> list = nn::ModuleList<nn::Linear<float, D>>::make(2, 4, 4);
  nn::ModuleDict<nn::Linear<float, D>> dictionary;
  nn::ParameterList<float, D> scales;
  std::vector<nn::Linear<float, D>> own = {nn::Linear<float, D>{4, 4}};

  Tensor<float, D> operator()(const Tensor<float, D>& x) const {
    Tensor<float, D> h = own[0](lstm(x).output);
    for (const auto& layer : list) h = tanh(layer(h));
    return dictionary["last"](h) * scales[0];
  }
};

Held make_held() {
  Held net;
  net.dictionary.emplace("last", 4, 1);
  net.scales.push_back(nn::Parameter<float, D>(ones<float, D>({1})));
  return net;
}

/// The optimizer still trains every parameter of the net.
template <class Optimizer>
void check_trained(const Held& net, Optimizer& optimizer, const Tensor<float, D>& x) {
  const Held before = net;
  optimizer.zero_grad();
  sum(square(net(x) - 1.0f)).backward();
  optimizer.step();
  optimizer.zero_grad();
  std::vector<Tensor<float, D>> old;
  nn::for_each_parameter(before, [&](const std::string&, const auto& p) { old.push_back(p); });
  std::size_t i = 0;
  nn::for_each_parameter(net, [&](const std::string& name, const auto& p) {
    INFO(name);
    CHECK(!equal(p, old[i++]));
    CHECK(!p.grad().defined());
  });
}

}  // namespace

TEST_CASE("an optimizer goes on training what a net's containers are assigned") {
  manual_seed(0);
  const Tensor<float, D> x = randn<float, D>({5, 2, 3});
  Held net = make_held();
  optim::SGD optimizer{parameters(net), {.lr = 0.1}};
  Held best = net;
  check_trained(net, optimizer, x);
  net = best;
  CHECK(equal(net.lstm.weights.at("weight_hh_l1"), best.lstm.weights.at("weight_hh_l1")));
  check_trained(net, optimizer, x);
  net.lstm = std::move(best.lstm);
  net.list = std::move(best.list);
  net.dictionary = std::move(best.dictionary);
  net.scales = std::move(best.scales);
  check_trained(net, optimizer, x);
  net.lstm = nn::LSTM<float, D>{3, 4};  // other keys: another layer
  CHECK(net.lstm.weights.size() == 4);
  net.list = nn::ModuleList<nn::Linear<float, D>>::make(3, 4, 4);
  CHECK(net.list.size() == 3);
}
