// SPDX-License-Identifier: MIT
// Adagrad.
#pragma once

#include <taper/optim/optimizer.hpp>

namespace taper::inline TAPER_CODE::optim {

struct AdagradOptions {
  double lr = 1e-2;
  double lr_decay = 0;
  double weight_decay = 0;
  double initial_accumulator_value = 0;
  double eps = 1e-10;
  bool maximize = false;
};

namespace internal {

struct AdagradRule {
  using Options = AdagradOptions;
  static constexpr std::string_view name = "Adagrad";
  static constexpr std::array<std::string_view, 1> states{"sum"};
  static constexpr std::array<std::string_view, 1> numbers{"step"};
  static bool keeps(const Options&, int) { return true; }
  static double initial(const Options& o, int) { return o.initial_accumulator_value; }
  static void check(const Options& o) {
    require(o.lr >= 0, name, "lr must not be negative", o.lr);
    require(o.lr_decay >= 0, name, "lr_decay must not be negative", o.lr_decay);
    require(o.weight_decay >= 0, name, "weight_decay must not be negative", o.weight_decay);
    require(o.initial_accumulator_value >= 0, name, "initial_accumulator_value must not be negative", o.initial_accumulator_value);
    require(o.eps >= 0, name, "eps must not be negative", o.eps);
  }

  struct Update : UpdateBase {
    double lr, eps, weight_decay;
    bool maximize;
    template <class V>
    TAPER_HD TAPER_INLINE void operator()(V& p, V g, V& sum) const {
      if (maximize) g = -g;
      if (weight_decay != 0) g = g + p * V(weight_decay);
      sum = sum + g * g;
      p = p - g * V(lr) / (math::sqrt(sum) + V(eps));
    }
  };
  static Update begin(const Options& o, double* numbers, bool) {
    const double lr = o.lr / (1 + numbers[0] * o.lr_decay);
    ++numbers[0];
    return {{}, lr, o.eps, o.weight_decay, o.maximize};
  }
};

}  // namespace internal

/// Adagrad: s += g^2, p -= lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps), s starting at initial_accumulator_value.
/// Weight decay adds weight_decay p to g.
/// Source: Duchi, Hazan and Singer, Adaptive Subgradient Methods, 2011.
template <class... P>
class Adagrad : public RuleOptimizer<internal::AdagradRule, P...> {
 public:
  using RuleOptimizer<internal::AdagradRule, P...>::RuleOptimizer;
};
TAPER_OPTIMIZER_GUIDES(Adagrad, AdagradOptions)

}  // namespace taper::inline TAPER_CODE::optim
