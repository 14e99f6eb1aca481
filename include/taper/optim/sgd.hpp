// SPDX-License-Identifier: MIT
// Stochastic gradient descent, with momentum.
#pragma once

#include <taper/optim/optimizer.hpp>

namespace taper::inline TAPER_CODE::optim {

struct SGDOptions {
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;
  bool maximize = false;
};

namespace internal {

struct SGDRule {
  using Options = SGDOptions;
  static constexpr std::string_view name = "SGD";
  static constexpr std::array<std::string_view, 1> states{"momentum_buffer"};
  static constexpr std::array<std::string_view, 0> numbers{};
  static bool keeps(const Options& o, int) { return o.momentum != 0; }
  static void check(const Options& o) {
    require(o.lr >= 0, name, "lr must not be negative", o.lr);
    require(o.momentum >= 0, name, "momentum must not be negative", o.momentum);
    require(o.weight_decay >= 0, name, "weight_decay must not be negative", o.weight_decay);
    if (o.nesterov && (o.momentum <= 0 || o.dampening != 0))
      detail::raise<ValueError>(name, "nesterov needs a momentum and no dampening, got momentum ", o.momentum, " and dampening ", o.dampening);
  }

  struct Update : UpdateBase {
    double lr, momentum, rest, weight_decay;
    bool nesterov, maximize, first;
    template <class V>
    TAPER_HD TAPER_INLINE void operator()(V& p, V g, V& buffer) const {
      if (maximize) g = -g;
      if (weight_decay != 0) g = g + p * V(weight_decay);
      if (momentum != 0) {
        if (first) buffer = g;
        else buffer = buffer * V(momentum) + g * V(rest);
        if (nesterov) g = g + buffer * V(momentum);
        else g = buffer;
      }
      p = p - g * V(lr);
    }
  };
  static Update begin(const Options& o, double*, bool fresh) {
    return {{}, o.lr, o.momentum, 1 - o.dampening, o.weight_decay, o.nesterov, o.maximize, fresh};
  }
};

}  // namespace internal

/// Stochastic gradient descent: p -= lr g; with momentum, b = momentum b + (1 - dampening) g (g itself at the first
/// step) and p -= lr b; with nesterov, p -= lr (g + momentum b). Weight decay adds weight_decay p to g.
/// Source: Sutskever et al., On the importance of initialization and momentum in deep learning, 2013.
template <class... P>
class SGD : public RuleOptimizer<internal::SGDRule, P...> {
 public:
  using RuleOptimizer<internal::SGDRule, P...>::RuleOptimizer;
};
TAPER_OPTIMIZER_GUIDES(SGD, SGDOptions)

}  // namespace taper::inline TAPER_CODE::optim
