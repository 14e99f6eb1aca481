// SPDX-License-Identifier: MIT
// The summary table, and models rebuilt with another dtype.
// Devices: slow
#include <taper/nn/convert.hpp>
#include <taper/nn/layers/activation.hpp>
#include <taper/nn/layers/batch_norm.hpp>
#include <taper/nn/layers/conv.hpp>
#include <taper/nn/layers/dropout.hpp>
#include <taper/nn/layers/flatten.hpp>
#include <taper/nn/layers/linear.hpp>
#include <taper/nn/layers/rnn.hpp>
#include <taper/nn/summary.hpp>

#include <memory>

#include "tests/support/device.hpp"
#include "tests/support/golden.hpp"

using namespace taper;
using device::D;

namespace {

template <class T, class D = device::D>
struct Net {
  nn::Sequential<nn::Conv2d<T, D>, nn::BatchNorm2d<T, D>, nn::ReLU> features{nn::Conv2d<T, D>{1, 4, 3}, nn::BatchNorm2d<T, D>{4}, nn::ReLU{}};
  nn::Dropout dropout{0.5};
  nn::Linear<T, D> fc{4 * 6 * 6, 10};
  std::vector<nn::Linear<T, D>> unused{nn::Linear<T, D>{1, 2}};

  auto operator()(const Tensor<T, D>& x) const { return fc(dropout(flatten(features(x), 1))); }
};

template <class T, class D = device::D>
struct Everything {
  nn::Linear<T, D> a{2, 3};
  nn::RNN<T, D> rnn{2, 3, {.nonlinearity = nn::RNNNonlinearity::relu, .bidirectional = true}};
  std::optional<nn::Linear<T, D>> none;
  std::unique_ptr<nn::Linear<T, D>> held = std::make_unique<nn::Linear<T, D>>(2, 2);
  std::array<nn::Linear<T, D>, 2> pair{nn::Linear<T, D>{1, 1}, nn::Linear<T, D>{1, 1}};
  nn::ModuleList<nn::Linear<T, D>> list = nn::ModuleList<nn::Linear<T, D>>::make(2, 2, 2);
  nn::ModuleDict<nn::Linear<T, D>> dictionary;
  nn::Buffer<std::int64_t, D> counts{zeros<std::int64_t, D>({2})};
  double rate = 0.5;
};

}  // namespace

TEST_CASE("a summary shows every module with its shape and parameters, and changes nothing") {
  Net<float> net;
  nn::eval(net.dropout);
  const Tensor<float, D> mean = clone(net.features.get<1>().running_mean);
  const nn::Summary s = nn::summary(net, zeros<float, D>({2, 1, 8, 8}));
  CHECK(to_string(s) == R"(Layer       Type         Output shape  Parameters
-------------------------------------------------
(model)     Net          (2, 10)            1,502
features    Sequential   -                     48
features.0  Conv2d       (2, 4, 6, 6)          40
features.1  BatchNorm2d  (2, 4, 6, 6)           8
features.2  ReLU         (2, 4, 6, 6)           0
dropout     Dropout      (2, 144)               0
fc          Linear       (2, 10)            1,450
unused.0    Linear       -                      4
-------------------------------------------------
parameters: 1,502 (trainable: 1,502), buffers: 9, bytes: 6,048
)");
  CHECK(net.features.get<1>().mode.training);
  CHECK(!net.dropout.mode.training);
  check_equal(net.features.get<1>().running_mean, mean);
  CHECK(nn::summary(std::as_const(net)).parameters == 1502);
}

TEST_CASE("large counts are grouped") {
  CHECK(detail::with_commas(0) == "0");
  CHECK(detail::with_commas(999) == "999");
  CHECK(detail::with_commas(1000) == "1,000");
  CHECK(detail::with_commas(1234567) == "1,234,567");
}

TEST_CASE("a model becomes one of another dtype, running no initialiser") {
  Everything<float> net;
  net.dictionary.insert("x", nn::Linear<float, D>{1, 2});
  net.rate = 0.25;
  net.counts.fill_(7);
  nn::requires_grad_(net.a, false);
  nn::eval(net.rnn);
  const GeneratorState before = default_generator().state();
  const auto wide = to<double>(net);
  CHECK(default_generator().state() == before);
  STATIC_REQUIRE(std::same_as<decltype(wide), const Everything<double>>);
  std::vector<std::string> names;
  nn::for_each_state(net, [&](const std::string& name, const auto& tensor) {
    names.push_back(name);
    nn::for_each_state(wide, [&](const std::string& other, const auto& converted) {
      if (other == name) check_equal(converted, tensor);
    });
  });
  std::vector<std::string> converted_names;
  nn::for_each_state(wide, [&](const std::string& name, const auto&) { converted_names.push_back(name); });
  CHECK(names == converted_names);
  CHECK(wide.rate == 0.25);
  CHECK(wide.rnn.nonlinearity == nn::RNNNonlinearity::relu);
  CHECK(!wide.rnn.mode.training);
  CHECK(!wide.a.weight.requires_grad());
  CHECK(wide.held->weight.requires_grad());
  CHECK(!wide.none);

  Net<float> classifier;
  nn::eval(classifier);
  const Tensor<float, D> x = randn<float, D>({2, 1, 8, 8});
  check_close(to<double>(classifier)(cast<double>(x).eval()), classifier(x), 1e-4, 1e-5);
}
