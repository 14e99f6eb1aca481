// SPDX-License-Identifier: MIT
// A training step as a case: a network with the parameters of the file, an optimizer and a loss.
#pragma once

#include "case.hpp"

#include <taper/nn.hpp>
#include <taper/optim.hpp>

#include <memory>
#include <string>

namespace compare {

// What makes the results visible is a large rate, what keeps a network as it is for thousands of steps is a small one.
inline constexpr double rate_of_results = 1e-3, rate_of_samples = 1e-6;
inline constexpr int steps_of_results = 3;

/// A network, its optimizer and its loss, with the parameters of the file where it has them.
template <class Net, template <class...> class Optimizer, class Loss>
struct Training {
  Net net;
  Loss loss;
  Optimizer<Tensor<float>> optimizer;

  Training(const Inputs& in, Loss l) : loss(std::move(l)), optimizer(parameters(net), {.lr = rate_of_results}) {
    const StateDict given = in.under("net.");
    if (given.size() > 0) nn::load_state_dict(net, given);
  }
  Tensor<float> step() {
    optimizer.zero_grad();
    const Tensor<float> value = loss(net);
    value.backward();
    optimizer.step();
    return value;
  }
};

template <class Net, template <class...> class Optimizer, class Loss>
Case training(const Inputs& in, Loss loss) {
  const auto t = std::make_shared<Training<Net, Optimizer, Loss>>(in, std::move(loss));
  return {[t] { t->step(); },
          [t] {
            StateDict out;
            for (int i = 0; i < steps_of_results; ++i) out.add("loss" + std::to_string(i), detach(t->step()));
            for (const auto& [name, tensor] : nn::state_dict(t->net)) out.add("net." + name, tensor);
            t->optimizer.param_groups()[0].lr = rate_of_samples;
            return out;
          }};
}

/// Cross entropy with the file's labels.
inline auto classified(const Inputs& in) {
  return [x = in["x"], target = in.operator[]<std::int64_t>("target")](const auto& net) {
    return cross_entropy(net(x), target);
  };
}
/// The mean squared distance from the file's target.
inline auto fitted(const Inputs& in) {
  return [x = in["x"], target = in["target"]](const auto& net) { return mse_loss(net(x), target); };
}

}  // namespace compare
