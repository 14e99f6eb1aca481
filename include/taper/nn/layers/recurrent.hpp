// SPDX-License-Identifier: MIT
// What RNN, LSTM and GRU share: their steps, their weights by PyTorch's names, and the walk over layers and directions.
#pragma once

#include <taper/nn/init.hpp>
#include <taper/nn/layers/input.hpp>
#include <taper/nn/repr.hpp>
#include <taper/ops/dropout.hpp>
#include <taper/ops/hyperbolic.hpp>
#include <taper/ops/join.hpp>
#include <taper/ops/linear.hpp>
#include <taper/ops/recurrent_layer.hpp>

#include <map>
#include <string>
#include <vector>

namespace taper::inline TAPER_CODE {

namespace nn {

/// The function that a plain RNN applies at each step.
enum class RNNNonlinearity { tanh, relu };

/// The hidden and the cell state of an LSTM.
template <Scalar T = float, Device D = Cpu>
struct LSTMState {
  Tensor<T, D> h, c;
};

}  // namespace nn

namespace detail {

/// PyTorch's order of a recurrent layer's weights: layer, direction, then weight_ih, weight_hh, bias_ih, bias_hh, weight_hr.
struct RecurrentOrder {
  static std::int64_t rank(const std::string& name) {
    constexpr std::string_view kinds[] = {"weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l", "weight_hr_l"};
    std::int64_t kind = 0, layer = 0;
    while (kind < 5 && name.compare(0, kinds[kind].size(), kinds[kind]) != 0) ++kind;
    if (kind == 5) return -1;
    std::size_t i = kinds[kind].size();
    for (; i < name.size() && name[i] >= '0' && name[i] <= '9'; ++i) layer = layer * 10 + (name[i] - '0');
    return (layer * 2 + (i < name.size() ? 1 : 0)) * 5 + kind;
  }
  bool operator()(const std::string& a, const std::string& b) const {
    const std::int64_t x = rank(a), y = rank(b);
    return x != y ? x < y : x < 0 && a < b;
  }
};

/// The weights of one layer in one direction. The biases and hr may be undefined.
template <Scalar T, Device D>
struct RecurrentWeights {
  Tensor<T, D> ih, hh, bias_ih, bias_hh, hr;
};

// A step takes `input`, the input's part of the gates with its bias, and moves the state (h, c).

/// h = tanh(input + W h + b), or relu of it.
struct RNNStep {
  static constexpr std::int64_t gates = 1;
  nn::RNNNonlinearity nonlinearity = nn::RNNNonlinearity::tanh;
  RecurrentKind kind() const { return nonlinearity == nn::RNNNonlinearity::tanh ? RecurrentKind::tanh : RecurrentKind::relu; }

  template <Scalar T, Device D>
  void operator()(const Tensor<T, D>& input, const RecurrentWeights<T, D>& w, Tensor<T, D>& h, Tensor<T, D>& /*c*/) const {
    if (nonlinearity == nn::RNNNonlinearity::tanh) h = tanh(input + linear(h, w.hh, w.bias_hh));
    else h = relu(input + linear(h, w.hh, w.bias_hh));
  }
};

template <Scalar T, Device D>
Tensor<T, D> gate(const Tensor<T, D>& gates, std::int64_t index, std::int64_t size) {
  return narrow(gates, -1, index * size, size);
}

/// Gates i, f, g, o: c = sigmoid(f) c + sigmoid(i) tanh(g), h = sigmoid(o) tanh(c), projected where hr is defined.
struct LSTMStep {
  static constexpr std::int64_t gates = 4;
  static RecurrentKind kind() { return RecurrentKind::lstm; }

  template <Scalar T, Device D>
  void operator()(const Tensor<T, D>& input, const RecurrentWeights<T, D>& w, Tensor<T, D>& h, Tensor<T, D>& c) const {
    const Tensor<T, D> all = input + linear(h, w.hh, w.bias_hh);
    const std::int64_t size = c.size(-1);
    c = sigmoid(gate(all, 1, size)) * c + sigmoid(gate(all, 0, size)) * tanh(gate(all, 2, size));
    h = sigmoid(gate(all, 3, size)) * tanh(c);
    if (w.hr.defined()) h = linear(h, w.hr);
  }
};

/// Gates r, z, n: n = tanh(input_n + sigmoid(r) hidden_n), h = (1 - sigmoid(z)) n + sigmoid(z) h.
struct GRUStep {
  static constexpr std::int64_t gates = 3;
  static RecurrentKind kind() { return RecurrentKind::gru; }

  template <Scalar T, Device D>
  void operator()(const Tensor<T, D>& input, const RecurrentWeights<T, D>& w, Tensor<T, D>& h, Tensor<T, D>& /*c*/) const {
    const Tensor<T, D> hidden = linear(h, w.hh, w.bias_hh);
    const std::int64_t size = h.size(-1);
    auto fresh = [&] {
      return tanh(gate(input, 2, size) + sigmoid(gate(input, 0, size) + gate(hidden, 0, size)) * gate(hidden, 2, size));
    };
    h = let(fresh(), [&](auto n) { return n + sigmoid(gate(input, 1, size) + gate(hidden, 1, size)) * (h - n); });
  }
};

/// A sequence step by step, as recurrent_sequence gives it.
template <class Step>
struct RecurrentReplay {
  Step step;

  template <Scalar T, Device D>
  Tensor<T, D> operator()(const RecurrentInputs<T, D>& x, bool reverse) const {
    RecurrentWeights<T, D> w;
    w.hh = x.hh, w.bias_hh = x.bias;
    Tensor<T, D> h = x.h0, c = x.c0;
    const std::int64_t steps = x.in.size(0);
    std::vector<Tensor<T, D>> outputs(static_cast<std::size_t>(steps));
    for (std::int64_t i = 0; i < steps; ++i) {
      const std::int64_t at = reverse ? steps - 1 - i : i;
      step(select(x.in, 0, at), w, h, c);
      outputs[static_cast<std::size_t>(at)] = h;
    }
    if (c.defined()) outputs.push_back(c);
    return stack(outputs, 0);
  }
};

/// A layer step by step, as recurrent_layer gives it.
template <class Step>
struct RecurrentLayerReplay {
  Step step;

  template <Scalar T, Device D>
  Tensor<T, D> operator()(const Tensor<T, D>* in, std::int64_t directions) const {
    const std::int64_t steps = in[0].size(0);
    std::vector<Tensor<T, D>> sides, h, c;
    for (std::int64_t k = 0; k < directions; ++k) {
      const Tensor<T, D>* w = in + 3 + 4 * k;  // weight_ih, weight_hh, bias_ih, bias_hh
      const Tensor<T, D> input = linear(in[0], w[0], w[2]), c0 = in[2].defined() ? select(in[2], 0, k) : Tensor<T, D>();
      const Tensor<T, D> all =
          RecurrentReplay<Step>{step}(RecurrentInputs<T, D>{input, w[1], w[3], select(in[1], 0, k), c0}, k == 1);
      sides.push_back(narrow(all, 0, 0, steps));
      h.push_back(select(all, 0, k == 1 ? 0 : steps - 1));
      if (in[2].defined()) c.push_back(select(all, 0, steps));
    }
    std::vector<Tensor<T, D>> parts{cat(sides, -1)};
    const Shape one{1, parts[0].size(1), parts[0].size(2)};
    parts.push_back(reshape(stack(h), one));
    if (!c.empty()) parts.push_back(reshape(stack(c), one));
    return cat(parts, 0);
  }
};

template <class Step, Scalar T, Device D>
Tensor<T, D> whole_sequence(std::string_view name, const Step& step, const RecurrentInputs<T, D>& x, bool reverse) {
  const RecurrentReplay<Step> replay{step};
  if constexpr (std::same_as<Step, LSTMStep>) return recurrent_sequence<recurring::LstmCell>(name, x, reverse, replay);
  else if constexpr (std::same_as<Step, GRUStep>) return recurrent_sequence<recurring::GruCell>(name, x, reverse, replay);
  else if (step.nonlinearity == nn::RNNNonlinearity::tanh)
    return recurrent_sequence<recurring::PlainCell<true>>(name, x, reverse, replay);
  else return recurrent_sequence<recurring::PlainCell<false>>(name, x, reverse, replay);
}

/// What a walk over a sequence gives.
template <Scalar T, Device D>
struct RecurrentResult {
  Tensor<T, D> output, h, c;
};

/// The settings of all recurrent layers; each has an options struct of its own with those that it takes.
struct RecurrentOptions {
  std::int64_t num_layers = 1;
  bool bias = true, batch_first = false;
  double dropout = 0;
  bool bidirectional = false;
  std::int64_t proj_size = 0;
};

template <Scalar T, Device D>
class Recurrent {
 public:
  static_assert(Floating<T>, "a recurrent layer holds parameters, so its dtype must be floating");

  std::int64_t input_size = 0, hidden_size = 0, num_layers = 1;
  bool bias = true, batch_first = false;
  double dropout = 0;
  bool bidirectional = false;
  std::int64_t proj_size = 0;
  nn::Mode mode;  // in training, dropout between layers
  /// By PyTorch's names: weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, weight_hr_l0, weight_ih_l0_reverse, ...
  InPlace<std::map<std::string, nn::Parameter<T, D>, RecurrentOrder>> weights;

  using hides_field_names = void;  // the weights' names are those of the layer's own parameters

  void reset_parameters(Generator& generator = default_generator()) {
    const double bound = hidden_size > 0 ? 1 / std::sqrt(static_cast<double>(hidden_size)) : 0;
    for (auto& [name, w] : weights) nn::init::uniform_(w, -bound, bound, generator);
  }

  std::string extra_repr() const {
    std::string out = concat(input_size, ", ", hidden_size);
    if (proj_size != 0) out += concat(", proj_size=", proj_size);
    if (num_layers != 1) out += concat(", num_layers=", num_layers);
    if (!bias) out += ", bias=False";
    if (batch_first) out += ", batch_first=True";
    if (dropout != 0) out += concat(", dropout=", repr(dropout));
    if (bidirectional) out += ", bidirectional=True";
    return out;
  }

 protected:
  explicit Recurrent(nn::Unset) {}
  Recurrent(std::string_view name, std::int64_t gates, std::int64_t in, std::int64_t hidden, const RecurrentOptions& o)
      : input_size(in), hidden_size(hidden), num_layers(o.num_layers), bias(o.bias), batch_first(o.batch_first), dropout(o.dropout),
        bidirectional(o.bidirectional), proj_size(o.proj_size) {
    if (hidden < 1 || num_layers < 1)
      raise<ValueError>(name, "hidden_size and num_layers must be positive, not ", hidden, " and ", num_layers);
    if (!(dropout >= 0 && dropout <= 1)) raise<ValueError>(name, "dropout must lie between 0 and 1, not ", dropout);
    if (proj_size < 0 || proj_size >= hidden)
      raise<ValueError>(name, "proj_size must lie between 0 (none) and hidden_size ", hidden, ", not ", proj_size);
    const auto add = [&](std::string_view kind, std::int64_t layer, std::int64_t direction, const Shape& shape) {
      weights.emplace(concat(kind, "_l", layer, direction == 1 ? "_reverse" : ""), empty<T, D>(shape));
    };
    for (std::int64_t layer = 0; layer < num_layers; ++layer)
      for (std::int64_t direction = 0; direction < directions(); ++direction) {
        add("weight_ih", layer, direction, {gates * hidden, layer == 0 ? in : directions() * output_size()});
        add("weight_hh", layer, direction, {gates * hidden, output_size()});
        if (bias) add("bias_ih", layer, direction, {gates * hidden}), add("bias_hh", layer, direction, {gates * hidden});
        if (proj_size > 0) add("weight_hr", layer, direction, {proj_size, hidden});
      }
    reset_parameters();
  }

  /// All steps of all layers. x (steps, n, in), (n, steps, in) with batch_first, or (steps, in); h0 and c0 may be undefined.
  template <class Step>
  RecurrentResult<T, D> run(std::string_view name, Tensor<T, D> x, Tensor<T, D> h0, Tensor<T, D> c0, const Step& step) const {
    const bool batched = x.dim() == 3, cell = std::same_as<Step, LSTMStep>;
    if (!batched && x.dim() != 2) raise<ShapeError>(name, "x must have 3 dimensions (2 without a batch), not shape ", x.shape());
    if (x.size(-1) != input_size) raise<ShapeError>(name, "the last size of x ", x.shape(), " must be input_size ", input_size);
    const int time = batched && batch_first ? 1 : 0;
    if (!batched) x = unsqueeze(x, 1);
    const std::int64_t steps = x.size(time), n = x.size(1 - time);
    if (steps == 0) raise<ShapeError>(name, "x ", x.shape(), " has no step: a sequence must not be empty");
    h0 = initial(name, "h0", std::move(h0), batched, n, output_size());
    if (cell) c0 = initial(name, "c0", std::move(c0), batched, n, hidden_size);

    std::vector<Tensor<T, D>> outputs(static_cast<std::size_t>(steps)), last_h, last_c;
    auto weight = weights.begin();
    for (std::int64_t layer = 0; layer < num_layers; ++layer) {
      Tensor<T, D> sides[2];
      const bool by_library = run_by_library(name, x, time, layer, h0, c0, step, weight, last_h, last_c);
      for (std::int64_t direction = 0; direction < directions() && !by_library; ++direction) {
        const RecurrentWeights<T, D> w = next(weight);
        const Tensor<T, D> input = linear(x, w.ih, w.bias_ih);  // one product for all steps
        const std::int64_t row = layer * directions() + direction;
        Tensor<T, D> h = select(h0, 0, row), c = cell ? select(c0, 0, row) : Tensor<T, D>();
        if constexpr (sizeof(T) == sizeof(compute_t<T>)) {
          if (proj_size == 0) {  // one op
            const Tensor<T, D> steps_first = time == 1 ? transpose(input, 0, 1) : input;
            const Tensor<T, D> all = whole_sequence(name, step, RecurrentInputs<T, D>{steps_first, w.hh, w.bias_hh, h, c}, direction == 1);
            const Tensor<T, D> states = narrow(all, 0, 0, steps);
            sides[direction] = time == 1 ? transpose(states, 0, 1) : states;
            last_h.push_back(select(all, 0, direction == 1 ? 0 : steps - 1));
            if (cell) last_c.push_back(select(all, 0, steps));
            continue;
          }
        }
        for (std::int64_t i = 0; i < steps; ++i) {
          const std::int64_t at = direction == 1 ? steps - 1 - i : i;
          step(select(input, time, at), w, h, c);
          outputs[static_cast<std::size_t>(at)] = h;
        }
        sides[direction] = stack(outputs, time);
        last_h.push_back(h);
        if (cell) last_c.push_back(c);
      }
      if (!by_library) x = bidirectional ? cat({sides[0], sides[1]}, -1) : sides[0];
      if (dropout > 0 && mode.training && layer + 1 < num_layers) x = taper::dropout(x, dropout);
    }
    RecurrentResult<T, D> out{x, stack(last_h), cell ? stack(last_c) : Tensor<T, D>()};
    if (!batched) {
      out.output = squeeze(out.output, 1), out.h = squeeze(out.h, 1);
      if (cell) out.c = squeeze(out.c, 1);
    }
    return out;
  }

 private:
  std::int64_t directions() const { return bidirectional ? 2 : 1; }
  std::int64_t output_size() const { return proj_size > 0 ? proj_size : hidden_size; }

  /// Moves x through a layer by the device's library. False, with nothing done, where there is none that runs it.
  template <class Step, class Iterator>
  bool run_by_library([[maybe_unused]] std::string_view name, [[maybe_unused]] Tensor<T, D>& x, [[maybe_unused]] int time,
                      [[maybe_unused]] std::int64_t layer, [[maybe_unused]] const Tensor<T, D>& h0, [[maybe_unused]] const Tensor<T, D>& c0,
                      [[maybe_unused]] const Step& step, [[maybe_unused]] Iterator& weight, [[maybe_unused]] std::vector<Tensor<T, D>>& last_h,
                      [[maybe_unused]] std::vector<Tensor<T, D>>& last_c) const {
    if constexpr (RunsRecurrentLayers<T, D>) {
      if (proj_size > 0) return false;
      const std::int64_t n = directions(), steps = x.size(time);
      RecurrentLayerInputs<T, D> in;
      in[0] = time == 1 ? transpose(x, 0, 1) : x;
      in[1] = narrow(h0, 0, layer * n, n);
      if (c0.defined()) in[2] = narrow(c0, 0, layer * n, n);
      Iterator after = weight;
      for (std::size_t i = 3; i < 3 + 4 * static_cast<std::size_t>(n); i += 4) {
        const RecurrentWeights<T, D> w = next(after);
        in[i] = w.ih, in[i + 1] = w.hh, in[i + 2] = w.bias_ih, in[i + 3] = w.bias_hh;
      }
      const Tensor<T, D> all = recurrent_layer(name, step.kind(), in, n, RecurrentLayerReplay<Step>{step});
      if (!all.defined()) return false;
      weight = after;
      const auto last = [&](std::int64_t row, std::vector<Tensor<T, D>>& to) {
        const Tensor<T, D> both = reshape(select(all, 0, row), in[1].shape());
        for (std::int64_t k = 0; k < n; ++k) to.push_back(select(both, 0, k));
      };
      last(steps, last_h);
      if (c0.defined()) last(steps + 1, last_c);
      x = narrow(all, 0, 0, steps);
      if (time == 1) x = transpose(x, 0, 1);
      return true;
    } else {
      return false;
    }
  }

  /// The next layer's or direction's weights, in the order of their names.
  template <class Iterator>
  RecurrentWeights<T, D> next(Iterator& it) const {
    RecurrentWeights<T, D> w;
    w.ih = (it++)->second, w.hh = (it++)->second;
    if (bias) w.bias_ih = (it++)->second, w.bias_hh = (it++)->second;
    if (proj_size > 0) w.hr = (it++)->second;
    return w;
  }

  /// A checked initial state with a batch, zeros where none is given.
  Tensor<T, D> initial(std::string_view name, std::string_view what, Tensor<T, D> state, bool batched, std::int64_t n, std::int64_t size) const {
    const std::int64_t rows = num_layers * directions();
    if (!state.defined()) return zeros<T, D>({rows, n, size});
    const Shape expected = batched ? Shape{rows, n, size} : Shape{rows, size};
    if (!(state.shape() == expected))
      raise<ShapeError>(name, what, " ", state.shape(), " must have shape ", expected, ": (layers times directions, ", batched ? "batch, " : "",
                        "size)");
    return batched ? state : unsqueeze(state, 1);
  }
};

}  // namespace detail
}  // namespace taper::inline TAPER_CODE
