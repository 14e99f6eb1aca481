// SPDX-License-Identifier: MIT
// RNNCell, LSTMCell and GRUCell against PyTorch's goldens.
// Build: -DTAPER_FIRST_ORDER_ONLY
// Devices
#include <taper/nn/layers/rnn_cell.hpp>
#include <taper/ops/reduction.hpp>

#include "tests/nn/layer_case.hpp"

using namespace taper;
using layer_case::absolute;
using layer_case::file;
using layer_case::input;
using layer_case::relative;
using RNNCell = nn::RNNCell<double>;
using LSTMCell = nn::LSTMCell<double>;
using GRUCell = nn::GRUCell<double>;

namespace {

template <class M>
void check(const std::string& name, M module) {
  INFO(name);
  layer_case::load(name, module);
  const Tensor<double> x = input(name + "/x"), h0 = input(name + "/h0"), c0 = input(name + "/c0");
  const auto moved = to<device::D>(module);
  Tensor<double> loss, h;
  if constexpr (std::same_as<M, LSTMCell>) {
    const auto state = moved(device::there(x), {device::there(h0), device::there(c0)});
    h = device::back(state.h);
    const Tensor<double> c = device::back(state.c);
    check_close(c, file().tensor<double>(name + "/cn"), relative, absolute);
    loss = sum(h * file().tensor<double>(name + "/ghn")) + sum(c * file().tensor<double>(name + "/gcn"));
  } else {
    h = device::back(moved(device::there(x), device::there(h0)));
    loss = sum(h * file().tensor<double>(name + "/ghn"));
  }
  check_close(h, file().tensor<double>(name + "/hn"), relative, absolute);
  loss.backward();
  layer_case::check_gradient(x, name + "/gx");
  layer_case::check_gradient(h0, name + "/gh0");
  layer_case::check_gradient(c0, name + "/gc0");
  layer_case::check_gradients(name, moved);
}

}  // namespace

TEST_CASE("recurrent cells equal PyTorch's") {
  for (const std::string label : {"plain", "unbatched", "zero_state"}) {
    check("rnn_cell." + label, RNNCell{3, 4});
    check("lstm_cell." + label, LSTMCell{3, 4});
    check("gru_cell." + label, GRUCell{3, 4});
  }
  check("rnn_cell.relu", RNNCell{3, 4, {.nonlinearity = nn::RNNNonlinearity::relu}});
  check("rnn_cell.no_bias", RNNCell{3, 4, {.bias = false}});
  check("lstm_cell.no_bias", LSTMCell{3, 4, {.bias = false}});
  check("gru_cell.no_bias", GRUCell{3, 4, {.bias = false}});
}

TEST_CASE("what does not fit a recurrent cell is named") {
  CHECK_THROWS_WITH((GRUCell{3, 4}(zeros<double>({2, 4}))), "[GRUCell] x (2, 4) must have shape (n, 3) or (3,)");
  CHECK_THROWS_WITH((RNNCell{3, 4}(zeros<double>({2, 3}), zeros<double>({3, 4}))),
                    "[RNNCell] a state of shape (3, 4) must have shape (2, 4) for x (2, 3)");
}
