// SPDX-License-Identifier: MIT
// Adam and AdamW.
#pragma once

#include <taper/optim/optimizer.hpp>

#include <cmath>

namespace taper::inline TAPER_CODE::optim {

struct AdamOptions {
  double lr = 1e-3;
  std::array<double, 2> betas{0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0;
  bool amsgrad = false;
  bool maximize = false;
};

struct AdamWOptions {
  double lr = 1e-3;
  std::array<double, 2> betas{0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 1e-2;
  bool amsgrad = false;
  bool maximize = false;
};

namespace internal {

inline void check_betas(std::string_view op, const std::array<double, 2>& betas) {
  for (const double beta : betas) require(beta >= 0 && beta < 1, op, "both betas must be at least 0 and below 1", beta);
}

/// Adam's formula. Weight decay is added to the gradient, or shrinks the parameter (decoupled).
template <class AdamLikeOptions, bool Decoupled>
struct AdamRule {
  using Options = AdamLikeOptions;
  static constexpr std::string_view name = Decoupled ? "AdamW" : "Adam";
  static constexpr std::array<std::string_view, 3> states{"exp_avg", "exp_avg_sq", "max_exp_avg_sq"};
  static constexpr std::array<std::string_view, 1> numbers{"step"};
  static bool keeps(const Options& o, int state) { return state < 2 || o.amsgrad; }
  static void check(const Options& o) {
    require(o.lr >= 0, name, "lr must not be negative", o.lr);
    require(o.eps >= 0, name, "eps must not be negative", o.eps);
    check_betas(name, o.betas);
    require(o.weight_decay >= 0, name, "weight_decay must not be negative", o.weight_decay);
  }

  struct Update : UpdateBase {
    double step_size, rest1, beta2, rest2, scale2, eps, decay;
    bool amsgrad, maximize, decays;
    template <class V>
    TAPER_HD TAPER_INLINE void operator()(V& p, V g, V& exp_avg, V& exp_avg_sq, V& max_exp_avg_sq) const {
      if (maximize) g = -g;
      if (decays) {
        if constexpr (Decoupled) p = p * V(decay);
        else g = g + p * V(decay);
      }
      exp_avg = exp_avg + (g - exp_avg) * V(rest1);
      exp_avg_sq = exp_avg_sq * V(beta2) + g * g * V(rest2);
      V square = exp_avg_sq;
      if (amsgrad) square = max_exp_avg_sq = math::max(max_exp_avg_sq, exp_avg_sq);
      p = p - exp_avg * V(step_size) / (math::sqrt(square) * V(scale2) + V(eps));
    }
  };
  static Update begin(const Options& o, double* numbers, bool) {
    const double step = ++numbers[0];
    Update u;
    u.step_size = o.lr / (1 - std::pow(o.betas[0], step));
    u.rest1 = 1 - o.betas[0];
    u.beta2 = o.betas[1];
    u.rest2 = 1 - o.betas[1];
    u.scale2 = 1 / std::sqrt(1 - std::pow(o.betas[1], step));
    u.eps = o.eps;
    u.decay = Decoupled ? 1 - o.lr * o.weight_decay : o.weight_decay;
    u.amsgrad = o.amsgrad;
    u.maximize = o.maximize;
    u.decays = o.weight_decay != 0;
    return u;
  }
};

}  // namespace internal

/// Adam: m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, p -= lr m^ / (sqrt(v^) + eps), with m^ = m / (1 - b1^t) and
/// v^ = v / (1 - b2^t). Weight decay adds weight_decay p to g; amsgrad uses the largest v so far.
/// Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015; Reddi et al., 2018 (amsgrad).
template <class... P>
class Adam : public RuleOptimizer<internal::AdamRule<AdamOptions, false>, P...> {
 public:
  using RuleOptimizer<internal::AdamRule<AdamOptions, false>, P...>::RuleOptimizer;
};
TAPER_OPTIMIZER_GUIDES(Adam, AdamOptions)

/// Adam with decoupled weight decay: p *= 1 - lr weight_decay before the step.
/// Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019.
template <class... P>
class AdamW : public RuleOptimizer<internal::AdamRule<AdamWOptions, true>, P...> {
 public:
  using RuleOptimizer<internal::AdamRule<AdamWOptions, true>, P...>::RuleOptimizer;
};
TAPER_OPTIMIZER_GUIDES(AdamW, AdamWOptions)

}  // namespace taper::inline TAPER_CODE::optim
