// SPDX-License-Identifier: MIT
// RNN, LSTM and GRU over sequences.
#pragma once

#include <taper/nn/layers/recurrent.hpp>

namespace taper::inline TAPER_CODE::nn {

struct RNNOptions {
  std::int64_t num_layers = 1;
  RNNNonlinearity nonlinearity = RNNNonlinearity::tanh;
  bool bias = true, batch_first = false;
  double dropout = 0;
  bool bidirectional = false;
};
struct LSTMOptions {
  std::int64_t num_layers = 1;
  bool bias = true, batch_first = false;
  double dropout = 0;
  bool bidirectional = false;
  std::int64_t proj_size = 0;
};
struct GRUOptions {
  std::int64_t num_layers = 1;
  bool bias = true, batch_first = false;
  double dropout = 0;
  bool bidirectional = false;
};

/// What RNN and GRU return: auto [output, h_n] = rnn(x).
template <Scalar T = float, Device D = Cpu>
struct RNNOutput {
  Tensor<T, D> output, h_n;
};
/// What an LSTM returns: auto [output, state] = lstm(x), with state.h and state.c.
template <Scalar T = float, Device D = Cpu>
struct LSTMOutput {
  Tensor<T, D> output;
  LSTMState<T, D> state;
};

// Shapes of all three: x (steps, n, input_size), (n, steps, input_size) with batch_first, or (steps, input_size);
// h0 (layers directions, n, hidden_size), without n for an x without a batch, zeros where it is not given -> output as x
// with directions hidden_size elements, h_n as h0. Throws: ShapeError.

/// Elman's network: h = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu of it.
template <Scalar T = float, Device D = Cpu>
class RNN : public detail::Recurrent<T, D> {
 public:
  RNNNonlinearity nonlinearity = RNNNonlinearity::tanh;

  explicit RNN(Unset unset) : detail::Recurrent<T, D>(unset) {}
  RNN(std::int64_t input, std::int64_t hidden, const RNNOptions& o = {})
      : detail::Recurrent<T, D>("RNN", 1, input, hidden, {o.num_layers, o.bias, o.batch_first, o.dropout, o.bidirectional}),
        nonlinearity(o.nonlinearity) {}

  template <class X>
    requires detail::MatchesLayerDTypeAndDevice<X, T, D>
  RNNOutput<T, D> operator()(X&& x, const Tensor<T, D>& h0 = {}) const {
    auto y = this->run("RNN", eval(std::forward<X>(x)), h0, {}, detail::RNNStep{nonlinearity});
    detail::report(this, y.output);
    return {std::move(y.output), std::move(y.h)};
  }
  TAPER_REFUSE_FOREIGN_INPUT(T, D)

  using members = Members<&RNN::input_size, &RNN::hidden_size, &RNN::num_layers, &RNN::bias, &RNN::batch_first, &RNN::dropout,
                          &RNN::bidirectional, &RNN::mode, &RNN::nonlinearity, &RNN::weights>;
};

/// Long short-term memory. Shapes: c0 and c_n have hidden_size elements where h has proj_size.
template <Scalar T = float, Device D = Cpu>
class LSTM : public detail::Recurrent<T, D> {
 public:
  explicit LSTM(Unset unset) : detail::Recurrent<T, D>(unset) {}
  LSTM(std::int64_t input, std::int64_t hidden, const LSTMOptions& o = {})
      : detail::Recurrent<T, D>("LSTM", 4, input, hidden,
                                {o.num_layers, o.bias, o.batch_first, o.dropout, o.bidirectional, o.proj_size}) {}

  template <class X>
    requires detail::MatchesLayerDTypeAndDevice<X, T, D>
  LSTMOutput<T, D> operator()(X&& x, const LSTMState<T, D>& initial = {}) const {
    auto y = this->run("LSTM", eval(std::forward<X>(x)), initial.h, initial.c, detail::LSTMStep{});
    detail::report(this, y.output);
    return {std::move(y.output), {std::move(y.h), std::move(y.c)}};
  }
  TAPER_REFUSE_FOREIGN_INPUT(T, D)

  using members = Members<&LSTM::input_size, &LSTM::hidden_size, &LSTM::num_layers, &LSTM::bias, &LSTM::batch_first, &LSTM::dropout,
                          &LSTM::bidirectional, &LSTM::proj_size, &LSTM::mode, &LSTM::weights>;
};

/// Gated recurrent unit.
template <Scalar T = float, Device D = Cpu>
class GRU : public detail::Recurrent<T, D> {
 public:
  explicit GRU(Unset unset) : detail::Recurrent<T, D>(unset) {}
  GRU(std::int64_t input, std::int64_t hidden, const GRUOptions& o = {})
      : detail::Recurrent<T, D>("GRU", 3, input, hidden, {o.num_layers, o.bias, o.batch_first, o.dropout, o.bidirectional}) {}

  template <class X>
    requires detail::MatchesLayerDTypeAndDevice<X, T, D>
  RNNOutput<T, D> operator()(X&& x, const Tensor<T, D>& h0 = {}) const {
    auto y = this->run("GRU", eval(std::forward<X>(x)), h0, {}, detail::GRUStep{});
    detail::report(this, y.output);
    return {std::move(y.output), std::move(y.h)};
  }
  TAPER_REFUSE_FOREIGN_INPUT(T, D)

  using members = Members<&GRU::input_size, &GRU::hidden_size, &GRU::num_layers, &GRU::bias, &GRU::batch_first, &GRU::dropout,
                          &GRU::bidirectional, &GRU::mode, &GRU::weights>;
};

}  // namespace taper::inline TAPER_CODE::nn
