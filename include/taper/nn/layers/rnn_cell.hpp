// SPDX-License-Identifier: MIT
// RNNCell, LSTMCell and GRUCell: one step of a recurrent layer.
#pragma once

#include <taper/nn/layers/recurrent.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

template <Scalar T, Device D>
class RecurrentCell {
 public:
  static_assert(Floating<T>, "a recurrent cell holds parameters, so its dtype must be floating");

  std::int64_t input_size = 0, hidden_size = 0;
  bool bias = true;
  nn::Parameter<T, D> weight_ih, weight_hh, bias_ih, bias_hh;

  void reset_parameters(Generator& generator = default_generator()) {
    const double bound = hidden_size > 0 ? 1 / std::sqrt(static_cast<double>(hidden_size)) : 0;
    for (auto* w : {&weight_ih, &weight_hh, &bias_ih, &bias_hh})
      if (w->defined()) nn::init::uniform_(*w, -bound, bound, generator);
  }

  std::string extra_repr() const { return concat(input_size, ", ", hidden_size, bias ? "" : ", bias=False"); }

 protected:
  explicit RecurrentCell(nn::Unset) {}
  RecurrentCell(std::int64_t gates, std::int64_t in, std::int64_t hidden, bool with_bias)
      : input_size(in), hidden_size(hidden), bias(with_bias), weight_ih(empty<T, D>({gates * hidden, in})),
        weight_hh(empty<T, D>({gates * hidden, hidden})) {
    if (bias) {
      bias_ih = nn::Parameter<T, D>(empty<T, D>({gates * hidden}));
      bias_hh = nn::Parameter<T, D>(empty<T, D>({gates * hidden}));
    }
    reset_parameters();
  }

  template <class Step>
  void run(std::string_view name, const Tensor<T, D>& x, Tensor<T, D>& h, Tensor<T, D>& c, const Step& step) const {
    if ((x.dim() != 1 && x.dim() != 2) || x.size(-1) != input_size)
      raise<ShapeError>(name, "x ", x.shape(), " must have shape (n, ", input_size, ") or (", input_size, ",)");
    Shape expected = x.shape();
    expected[expected.size() - 1] = hidden_size;
    for (Tensor<T, D>* state : {&h, &c}) {
      if (!state->defined()) *state = zeros<T, D>(expected);
      if (!(state->shape() == expected))
        raise<ShapeError>(name, "a state of shape ", state->shape(), " must have shape ", expected, " for x ", x.shape());
    }
    const Tensor<T, D> input = linear(x, weight_ih, bias_ih);
    step(input, RecurrentWeights<T, D>{weight_ih, weight_hh, bias_ih, bias_hh, {}}, h, c);
  }
};

}  // namespace detail

namespace nn {

struct RNNCellOptions {
  bool bias = true;
  RNNNonlinearity nonlinearity = RNNNonlinearity::tanh;
};
struct LSTMCellOptions {
  bool bias = true;
};
struct GRUCellOptions {
  bool bias = true;
};

/// One step of an RNN. Shapes: x (n, input_size), h (n, hidden_size) or none for zeros -> (n, hidden_size); all without n.
template <Scalar T = float, Device D = Cpu>
class RNNCell : public detail::RecurrentCell<T, D> {
 public:
  RNNNonlinearity nonlinearity = RNNNonlinearity::tanh;

  explicit RNNCell(Unset unset) : detail::RecurrentCell<T, D>(unset) {}
  RNNCell(std::int64_t input, std::int64_t hidden, const RNNCellOptions& o = {})
      : detail::RecurrentCell<T, D>(1, input, hidden, o.bias), nonlinearity(o.nonlinearity) {}

  template <class X>
    requires detail::MatchesLayerDTypeAndDevice<X, T, D>
  Tensor<T, D> operator()(X&& x, Tensor<T, D> h = {}) const {
    Tensor<T, D> unused = h;
    this->run("RNNCell", eval(std::forward<X>(x)), h, unused, detail::RNNStep{nonlinearity});
    detail::report(this, h);
    return h;
  }
  TAPER_REFUSE_FOREIGN_INPUT(T, D)

  std::string extra_repr() const {
    return detail::RecurrentCell<T, D>::extra_repr() + (nonlinearity == RNNNonlinearity::relu ? ", nonlinearity=relu" : "");
  }

  using members = Members<&RNNCell::input_size, &RNNCell::hidden_size, &RNNCell::bias, &RNNCell::nonlinearity, &RNNCell::weight_ih,
                          &RNNCell::weight_hh, &RNNCell::bias_ih, &RNNCell::bias_hh>;
};

/// One step of an LSTM: auto [h, c] = cell(x, {h, c}). Shapes: as RNNCell.
template <Scalar T = float, Device D = Cpu>
class LSTMCell : public detail::RecurrentCell<T, D> {
 public:
  explicit LSTMCell(Unset unset) : detail::RecurrentCell<T, D>(unset) {}
  LSTMCell(std::int64_t input, std::int64_t hidden, const LSTMCellOptions& o = {})
      : detail::RecurrentCell<T, D>(4, input, hidden, o.bias) {}

  template <class X>
    requires detail::MatchesLayerDTypeAndDevice<X, T, D>
  LSTMState<T, D> operator()(X&& x, LSTMState<T, D> state = {}) const {
    this->run("LSTMCell", eval(std::forward<X>(x)), state.h, state.c, detail::LSTMStep{});
    detail::report(this, state.h);
    return state;
  }
  TAPER_REFUSE_FOREIGN_INPUT(T, D)

  using members = Members<&LSTMCell::input_size, &LSTMCell::hidden_size, &LSTMCell::bias, &LSTMCell::weight_ih, &LSTMCell::weight_hh,
                          &LSTMCell::bias_ih, &LSTMCell::bias_hh>;
};

/// One step of a GRU. Shapes: as RNNCell.
template <Scalar T = float, Device D = Cpu>
class GRUCell : public detail::RecurrentCell<T, D> {
 public:
  explicit GRUCell(Unset unset) : detail::RecurrentCell<T, D>(unset) {}
  GRUCell(std::int64_t input, std::int64_t hidden, const GRUCellOptions& o = {})
      : detail::RecurrentCell<T, D>(3, input, hidden, o.bias) {}

  template <class X>
    requires detail::MatchesLayerDTypeAndDevice<X, T, D>
  Tensor<T, D> operator()(X&& x, Tensor<T, D> h = {}) const {
    Tensor<T, D> unused = h;
    this->run("GRUCell", eval(std::forward<X>(x)), h, unused, detail::GRUStep{});
    detail::report(this, h);
    return h;
  }
  TAPER_REFUSE_FOREIGN_INPUT(T, D)

  using members = Members<&GRUCell::input_size, &GRUCell::hidden_size, &GRUCell::bias, &GRUCell::weight_ih, &GRUCell::weight_hh,
                          &GRUCell::bias_ih, &GRUCell::bias_hh>;
};

}  // namespace nn
}  // namespace taper::inline TAPER_CODE
