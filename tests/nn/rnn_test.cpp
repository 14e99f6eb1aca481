// SPDX-License-Identifier: MIT
// RNN, LSTM and GRU with all their options against PyTorch's goldens.
// Build: -DTAPER_FIRST_ORDER_ONLY
// Devices: slow
#include <taper/nn/layers/rnn.hpp>
#include <taper/ops/comparison.hpp>
#include <taper/ops/logical.hpp>
#include <taper/ops/reduction.hpp>

#include "tests/nn/layer_case.hpp"

using namespace taper;
using layer_case::absolute;
using layer_case::file;
using layer_case::input;
using layer_case::relative;
using RNN = nn::RNN<double>;
using LSTM = nn::LSTM<double>;
using GRU = nn::GRU<double>;

namespace {

template <Device D>
Tensor<double, D> hidden(const nn::RNNOutput<double, D>& y) {
  return y.h_n;
}
template <Device D>
Tensor<double, D> hidden(const nn::LSTMOutput<double, D>& y) {
  return y.state.h;
}

/// sum(y gy) + sum(hn ghn) + sum(cn gcn) on the device under test, whose gradients the goldens hold.
template <class M, class State>
void check(const std::string& name, M module, const State& make_state) {
  INFO(name);
  layer_case::load(name, module);
  if (name.find("dropout") != std::string::npos) nn::eval(module);
  const Tensor<double> x = input(name + "/x"), h0 = input(name + "/h0"), c0 = input(name + "/c0");
  const auto moved = to<device::D>(module);
  const auto result = moved(device::there(x), make_state(device::there(h0), device::there(c0)));
  const Tensor<double> y = device::back(result.output), h = device::back(hidden(result));
  check_close(y, file().tensor<double>(name + "/y"), relative, absolute);
  check_close(h, file().tensor<double>(name + "/hn"), relative, absolute);
  Tensor<double> loss = sum(y * file().tensor<double>(name + "/gy")) + sum(h * file().tensor<double>(name + "/ghn"));
  if constexpr (std::same_as<M, LSTM>) {
    const Tensor<double> c = device::back(result.state.c);
    check_close(c, file().tensor<double>(name + "/cn"), relative, absolute);
    loss = loss + sum(c * file().tensor<double>(name + "/gcn"));
  }
  loss.backward();
  layer_case::check_gradient(x, name + "/gx");
  layer_case::check_gradient(h0, name + "/gh0");
  layer_case::check_gradient(c0, name + "/gc0");
  layer_case::check_gradients(name, moved);
}

template <class M, class Options, class State>
void check_options(const std::string& kind, const State& state) {
  const auto run = [&](const std::string& label, const Options& options) { check(kind + "." + label, M{3, 4, options}, state); };
  const Options everything{.num_layers = 2, .bias = false, .batch_first = true, .bidirectional = true};
  run("plain", {});
  run("layers", {.num_layers = 2});
  run("bidirectional", {.bidirectional = true});
  run("batch_first", {.batch_first = true});
  run("no_bias", {.bias = false});
  run("layers_bidirectional", {.num_layers = 2, .bidirectional = true});
  run("everything", everything);
  run("dropout_eval", {.num_layers = 2, .dropout = 0.5});
  run("zero_state", {});
  run("unbatched", {.num_layers = 2, .bidirectional = true});
  run("one_step", {});
}

const auto plain_state = [](const auto& h, const auto&) { return h; };
const auto lstm_state = []<Device D>(const Tensor<double, D>& h, const Tensor<double, D>& c) { return nn::LSTMState<double, D>{h, c}; };

}  // namespace

TEST_CASE("RNN equals PyTorch's with every option") {
  check_options<RNN, nn::RNNOptions>("rnn", plain_state);
  check("rnn.relu", RNN{3, 4, {.nonlinearity = nn::RNNNonlinearity::relu}}, plain_state);
  check("rnn.relu_everything",
        RNN{3, 4, {.num_layers = 2, .nonlinearity = nn::RNNNonlinearity::relu, .bias = false, .batch_first = true, .bidirectional = true}},
        plain_state);
}

TEST_CASE("LSTM equals PyTorch's with every option") {
  check_options<LSTM, nn::LSTMOptions>("lstm", lstm_state);
  check("lstm.projection", LSTM{3, 4, {.proj_size = 2}}, lstm_state);
  check("lstm.projection_everything",
        LSTM{3, 4, {.num_layers = 2, .bias = false, .batch_first = true, .bidirectional = true, .proj_size = 2}}, lstm_state);
}

TEST_CASE("GRU equals PyTorch's with every option") { check_options<GRU, nn::GRUOptions>("gru", plain_state); }

TEST_CASE("dropout between layers acts in training only, and not behind the last layer") {
  manual_seed(5);
  GRU layer{3, 4, {.num_layers = 2, .dropout = 1}};
  const Tensor<double> x = randn<double>({5, 2, 3});
  // All that the second layer sees is dropped: its result does not depend on x.
  check_equal(layer(x).output, layer(randn<double>({5, 2, 3})).output);
  GRU single{3, 4, {.dropout = 1}};
  CHECK(any(single(x).output != 0.0).item());
  nn::eval(layer);
  CHECK(any(layer(x).output != layer(randn<double>({5, 2, 3})).output).item());
}

TEST_CASE("recurrent weights start uniform in +-1 / sqrt(hidden_size)") {
  LSTM layer{3, 16};
  nn::for_each_parameter(layer, [](const std::string&, const auto& p) {
    CHECK(amax(abs(p)).item() <= 0.25);
    CHECK(amax(abs(p)).item() > 0.15);
  });
}

TEST_CASE("what does not fit a recurrent layer is named") {
  const GRU layer{3, 4};
  CHECK_THROWS_WITH(layer(zeros<double>({5, 2, 4})), "[GRU] the last size of x (5, 2, 4) must be input_size 3");
  CHECK_THROWS_WITH(layer(zeros<double>({3})), "[GRU] x must have 3 dimensions (2 without a batch), not shape (3,)");
  CHECK_THROWS_AS(layer(zeros<double>({0, 2, 3})), ShapeError);
  CHECK_THROWS_WITH(layer(zeros<double>({5, 2, 3}), zeros<double>({1, 3, 4})),
                    "[GRU] h0 (1, 3, 4) must have shape (1, 2, 4): (layers times directions, batch, size)");
  CHECK_THROWS_AS((LSTM{3, 4, {.proj_size = 4}}), ValueError);
  CHECK_THROWS_AS((RNN{3, 4, {.dropout = 2}}), ValueError);
}
