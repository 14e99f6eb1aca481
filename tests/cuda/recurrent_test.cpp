// SPDX-License-Identifier: MIT
// Recurrent layers on a device give what they give on the host: values, gradients, gradients of gradients.
// Slow
// Needs: thrust
#include <taper/nn/convert.hpp>
#include <taper/nn/layers/rnn.hpp>
#include <taper/nn/layers/rnn_cell.hpp>

#include "tests/cuda/against_host.hpp"

using namespace taper;
using against_host::check;
using D = against_host::There;
using against_host::irregular;

namespace {

template <class T, class Step>
void check_sequence(const Step& step, std::int64_t gates, bool cell, std::int64_t n, int order = 1) {
  constexpr std::int64_t size = 5;
  const auto r = [](const Shape& shape, int seed) { return irregular<T>(shape, seed); };
  for (const std::int64_t steps : {1, 4})
    for (const bool reverse : {false, true})
      for (const bool bias : {false, true}) {
        INFO("steps " << steps << ", n " << n << ", reverse " << reverse << ", bias " << bias);
        std::vector<Tensor<T>> x{r({steps, n, gates * size}, 1), r({gates * size, size}, 2), r({n, size}, 4)};
        x.push_back(bias ? r({gates * size}, 3) : Tensor<T>());
        x.push_back(cell ? r({n, size}, 6) : Tensor<T>());
        check<T>(x, [&](const auto& v) {
          return detail::whole_sequence("step", step, detail::RecurrentInputs<T, device_t<decltype(v[0])>>{v[0], v[1], v[3], v[2], v[4]}, reverse);
        }, order);
        // Without a gradient the gates' values are kept for one step only.
        const auto walk = [&](auto in, auto hh, auto h0, auto c0) {
          using W = device_t<decltype(in)>;
          return detail::whole_sequence("step", step, detail::RecurrentInputs<T, W>{in, hh, {}, h0, c0}, reverse);
        };
        const Tensor<T> kept = to<Cpu>(walk(to<D>(x[0]), to<D>(x[1]), to<D>(x[2]), cell ? to<D>(x[4]) : Tensor<T, D>()));
        check_close(kept, walk(x[0], x[1], x[2], x[4]), against_host::tolerance<T>, against_host::tolerance<T>);
      }
}

}  // namespace

TEMPLATE_TEST_CASE("a recurrent layer's walk over a sequence is the host's", "", float, double) {
  using T = TestType;
  for (const std::int64_t n : {0, 1, 3}) {
    check_sequence<T>(detail::LSTMStep{}, 4, true, n);
    check_sequence<T>(detail::GRUStep{}, 3, false, n);
    check_sequence<T>(detail::RNNStep{}, 1, false, n);
    check_sequence<T>(detail::RNNStep{nn::RNNNonlinearity::relu}, 1, false, n);
  }
}

TEST_CASE("a walk's gradients have gradients on a device") {
  check_sequence<double>(detail::LSTMStep{}, 4, true, 2, 2);
  check_sequence<double>(detail::GRUStep{}, 3, false, 2, 2);
  check_sequence<double>(detail::RNNStep{}, 1, false, 2, 2);
}

namespace {

/// A layer and its copy on the device: results, and the gradients of all parameters.
template <class M, class F>
void check_layer(const M& module, const F& f) {
  auto copy = to<D>(module);
  f(module).backward();
  f(copy).backward();
  std::vector<Tensor<float>> expected;
  nn::for_each_parameter(module, [&](const std::string&, const auto& p) { expected.push_back(p.grad()); });
  std::size_t i = 0;
  nn::for_each_parameter(copy, [&](const std::string& name, const auto& p) {
    INFO(name);
    check_close(to<Cpu>(p.grad()), expected[i++], 1e-5, 1e-5);
  });
  CHECK(i == expected.size());
  check_close(to<Cpu>(f(copy)), f(module), 1e-5, 1e-5);
}
template <class M>
auto input_of(const M&, const Shape& shape) {
  return to<device_t<std::remove_cvref_t<decltype(std::declval<M>().weights.begin()->second)>>>(irregular<float>(shape));
}

}  // namespace

TEST_CASE("LSTM, GRU and RNN run on a device as on the host") {
  manual_seed(1);
  const auto states = [](const auto& layer) { return sum(square(layer(input_of(layer, {4, 3, 6})).output)); };
  check_layer(nn::LSTM<float>(6, 5), states);
  check_layer(nn::LSTM<float>(6, 5, {.num_layers = 2, .bidirectional = true}), states);
  check_layer(nn::LSTM<float>(6, 5, {.proj_size = 2}), states);
  check_layer(nn::GRU<float>(6, 5, {.num_layers = 2, .batch_first = true}), states);
  check_layer(nn::RNN<float>(6, 5, {.nonlinearity = nn::RNNNonlinearity::relu, .bias = false}), states);
}

TEST_CASE("recurrent cells run on a device as on the host") {
  manual_seed(2);
  const auto x = irregular<float>({3, 6});
  const auto on = [&](const auto& cell) { return to<device_t<std::remove_cvref_t<decltype(cell.weight_ih)>>>(x); };
  check_layer(nn::LSTMCell<float>(6, 5), [&](const auto& cell) {
    const auto state = cell(on(cell), cell(on(cell)));
    return (sum(square(state.h)) + sum(state.c)).eval();
  });
  check_layer(nn::GRUCell<float>(6, 5), [&](const auto& cell) { return sum(square(cell(on(cell), cell(on(cell))))); });
  check_layer(nn::RNNCell<float>(6, 5, {.bias = false}), [&](const auto& cell) { return sum(square(cell(on(cell), cell(on(cell))))); });
}
