// SPDX-License-Identifier: MIT
// CyclicLR.
#pragma once

#include <taper/optim/lr_scheduler/momentum.hpp>

namespace taper::inline TAPER_CODE::optim::inline lr_scheduler {

/// How CyclicLR's height changes: not at all, halved with every cycle, or by gamma with every step.
enum class CyclicMode { triangular, triangular2, exp_range };

struct CyclicLROptions {
  std::int64_t step_size_up = 2000;
  std::optional<std::int64_t> step_size_down = {};  // step_size_up where not given
  CyclicMode mode = CyclicMode::triangular;
  double gamma = 1;
  bool cycle_momentum = true;
  PerGroup base_momentum = 0.8;
  PerGroup max_momentum = 0.9;
};

/// The rate climbs from base_lr to max_lr in step_size_up steps and falls back in step_size_down, again and again;
/// momentum (the first beta of Adam's kin) moves the other way.
/// Source: Smith, Cyclical Learning Rates for Training Neural Networks, 2017.
template <Optimizer O>
class CyclicLR : public LRScheduler<CyclicLR<O>, O> {
 public:
  /// Throws: ValueError for step sizes that are not positive, or where momentum is to be cycled and the optimizer has none.
  CyclicLR(O& optimizer, const PerGroup& base_lr, const PerGroup& max_lr, const CyclicLROptions& options = {})
      : LRScheduler<CyclicLR, O>(optimizer), mode_(options.mode), gamma_(options.gamma) {
    constexpr std::string_view name = "CyclicLR";
    const std::int64_t up = options.step_size_up, down = options.step_size_down.value_or(up);
    internal::require(up > 0, name, "step_size_up must be positive", up);
    internal::require(down > 0, name, "step_size_down must be positive", down);
    length_ = static_cast<double>(up + down);
    rising_ = static_cast<double>(up) / length_;
    auto& groups = this->groups();
    const std::vector<double> base = base_lr.expand(name, "base_lr", groups.size());
    max_ = max_lr.expand(name, "max_lr", groups.size());
    if (options.cycle_momentum) momentum_.set(name, groups, options.base_momentum, options.max_momentum);
    for (std::size_t g = 0; g < groups.size(); ++g) groups[g].lr = base[g];
    this->start();
    this->base_lrs_ = base;
  }

  double next(double, double base, std::size_t group) const {
    const double cycle = std::floor(1 + this->epoch() / length_), x = 1 + this->epoch() / length_ - cycle;
    const double height = (x <= rising_ ? x / rising_ : (x - 1) / (rising_ - 1)) * scale(cycle);
    if (momentum_)
      internal::set_momentum(this->groups()[group], momentum_.max[group] - (momentum_.max[group] - momentum_.base[group]) * height);
    return base + (max_[group] - base) * height;
  }

 private:
  double scale(double cycle) const {
    if (mode_ == CyclicMode::triangular2) return 1 / std::pow(2.0, cycle - 1);
    return mode_ == CyclicMode::exp_range ? std::pow(gamma_, this->epoch()) : 1;
  }

  CyclicMode mode_;
  double gamma_, length_ = 0, rising_ = 0;
  std::vector<double> max_;
  internal::MomentumRange momentum_;
};

}  // namespace taper::inline TAPER_CODE::optim::inline lr_scheduler
