// SPDX-License-Identifier: MIT
// RMSprop.
#pragma once

#include <taper/optim/optimizer.hpp>

namespace taper::inline TAPER_CODE::optim {

struct RMSpropOptions {
  double lr = 1e-2;
  double alpha = 0.99;
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum = 0;
  bool centered = false;
  bool maximize = false;
};

namespace internal {

struct RMSpropRule {
  using Options = RMSpropOptions;
  static constexpr std::string_view name = "RMSprop";
  static constexpr std::array<std::string_view, 3> states{"square_avg", "grad_avg", "momentum_buffer"};
  static constexpr std::array<std::string_view, 1> numbers{"step"};
  static bool keeps(const Options& o, int state) { return state == 0 || (state == 1 ? o.centered : o.momentum > 0); }
  static void check(const Options& o) {
    require(o.lr >= 0, name, "lr must not be negative", o.lr);
    require(o.eps >= 0, name, "eps must not be negative", o.eps);
    require(o.momentum >= 0, name, "momentum must not be negative", o.momentum);
    require(o.weight_decay >= 0, name, "weight_decay must not be negative", o.weight_decay);
    require(o.alpha >= 0, name, "alpha must not be negative", o.alpha);
  }

  struct Update : UpdateBase {
    double lr, alpha, rest, eps, weight_decay, momentum;
    bool centered, maximize;
    template <class V>
    TAPER_HD TAPER_INLINE void operator()(V& p, V g, V& square_avg, V& grad_avg, V& buffer) const {
      if (maximize) g = -g;
      if (weight_decay != 0) g = g + p * V(weight_decay);
      square_avg = square_avg * V(alpha) + g * g * V(rest);
      V variance = square_avg;
      if (centered) {
        grad_avg = grad_avg + (g - grad_avg) * V(rest);
        variance = variance - grad_avg * grad_avg;
      }
      V step = g / (math::sqrt(variance) + V(eps));
      if (momentum > 0) step = buffer = buffer * V(momentum) + step;
      p = p - step * V(lr);
    }
  };
  static Update begin(const Options& o, double* numbers, bool) {
    ++numbers[0];
    return {{}, o.lr, o.alpha, 1 - o.alpha, o.eps, o.weight_decay, o.momentum, o.centered, o.maximize};
  }
};

}  // namespace internal

/// RMSprop: v = alpha v + (1 - alpha) g^2, p -= lr g / (sqrt(v) + eps); centered subtracts the square of the gradient's
/// own running mean from v; with momentum, b = momentum b + g / (sqrt(v) + eps) and p -= lr b. Weight decay adds
/// weight_decay p to g.
/// Source: Tieleman and Hinton, Lecture 6.5, 2012; Graves, Generating Sequences With Recurrent Neural Networks, 2013.
template <class... P>
class RMSprop : public RuleOptimizer<internal::RMSpropRule, P...> {
 public:
  using RuleOptimizer<internal::RMSpropRule, P...>::RuleOptimizer;
};
TAPER_OPTIMIZER_GUIDES(RMSprop, RMSpropOptions)

}  // namespace taper::inline TAPER_CODE::optim
