// SPDX-License-Identifier: MIT
// Optimizers, data and state dictionaries given what they cannot take: each error names it, and nothing is changed.
#include <taper/core/factory.hpp>
#include <taper/data.hpp>
#include <taper/nn.hpp>
#include <taper/ops.hpp>
#include <taper/optim.hpp>

#include "tests/mistakes/mistakes.hpp"

using namespace taper;

namespace {

struct Net {
  nn::Linear<float> fc{4, 3};
};
struct Other {
  nn::Linear<float> fc{5, 3};
  nn::Linear<float> head{3, 2};
};
struct Longer {
  nn::Linear<float> fc{4, 3};
  nn::Linear<float> head{3, 2};
};

}  // namespace

TEST_CASE("options of an optimizer") {
  Net net;
  mistake<ValueError>(
      "SGD",
      [&] {
        optim::SGD{parameters(net), {.lr = -1}};
      },
      "lr", "negative", "-1");
  mistake<ValueError>(
      "SGD",
      [&] {
        optim::SGD{parameters(net), {.nesterov = true}};
      },
      "nesterov needs a momentum");
  mistake<ValueError>(
      "Adam",
      [&] {
        optim::Adam{parameters(net), {.betas = {1.5, 0.9}}};
      },
      "betas", "below 1", "1.5");
}

TEST_CASE("what an optimizer is given") {
  Net net;
  mistake<ValueError>(
      "SGD",
      [&] {
        optim::SGD{parameters(net) + parameters(net), {.lr = 1}};
      },
      "'fc.weight'", "twice");
  const Tensor<float> y = net.fc.weight * 2.f;
  mistake<ValueError>(
      "SGD",
      [&] {
        optim::SGD{{y}, {.lr = 1}};
      },
      "'0'", "no leaf", "inputs");
  mistake<ValueError>(
      "SGD",
      [] {
        optim::SGD{ParameterRefs<Tensor<float>>{}, {.lr = 1}};
      },
      "no parameters");
}

TEST_CASE("a state that does not fit is named whole, and nothing is loaded") {
  Net net;
  const Other other;
  const Tensor<float> before = net.fc.weight.clone();
  mistake<StateError>(
      "load_state_dict", [&] { nn::load_state_dict(net, nn::state_dict(other)); }, "unexpected: head.weight",
      "head.bias", "not fitting: fc.weight is (3, 5) here and (3, 4) in the module");
  Longer longer;
  mistake<StateError>(
      "load_state_dict", [&] { nn::load_state_dict(longer, nn::state_dict(net)); }, "missing: head.weight, head.bias");
  CHECK(equal(net.fc.weight, before));
}

TEST_CASE("data") {
  const Tensor<float> four = zeros<float>({4}), three = zeros<float>({3});
  mistake<ShapeError>(
      "TensorDataset",
      [&] {
        data::TensorDataset{four, three};
      },
      "first size", "4", "(3,)");
  const data::TensorDataset pairs{four, four};
  mistake<IndexError>(
      "TensorDataset", [&] { pairs.get(9); }, "sample 9", "dataset of 4");
  mistake<ValueError>(
      "DataLoader",
      [&] {
        data::DataLoader{pairs, {.batch_size = 0}};
      },
      "batch_size", "positive", "0");
  mistake<ValueError>(
      "DataLoader",
      [&] {
        data::DataLoader{pairs, {.num_workers = -1}};
      },
      "num_workers", "-1");
}
