// SPDX-License-Identifier: MIT
// OneCycleLR.
#pragma once

#include <taper/optim/lr_scheduler/momentum.hpp>

#include <numbers>

namespace taper::inline TAPER_CODE::optim::inline lr_scheduler {

/// How OneCycleLR goes from one rate to the next.
enum class AnnealStrategy { cos, linear };

struct OneCycleLROptions {
  std::optional<std::int64_t> total_steps = {};  // or epochs and steps_per_epoch
  std::optional<std::int64_t> epochs = {}, steps_per_epoch = {};
  double pct_start = 0.3;
  AnnealStrategy anneal_strategy = AnnealStrategy::cos;
  bool cycle_momentum = true;
  PerGroup base_momentum = 0.85;
  PerGroup max_momentum = 0.95;
  double div_factor = 25;
  double final_div_factor = 1e4;
  bool three_phase = false;
};

/// One cycle: from max_lr / div_factor up to max_lr in the first pct_start of all steps, then down to that start divided
/// by final_div_factor; three_phase goes down to the start first, in as many steps as up. Momentum (the first beta of
/// Adam's kin) moves the other way, between max_momentum and base_momentum.
/// Source: Smith and Topin, Super-Convergence, 2018.
template <Optimizer O>
class OneCycleLR : public LRScheduler<OneCycleLR<O>, O> {
 public:
  /// Throws: ValueError for options out of range, or where momentum is to be cycled and the optimizer has none.
  TAPER_RARE OneCycleLR(O& optimizer, const PerGroup& max_lr, const OneCycleLROptions& options)
      : LRScheduler<OneCycleLR, O>(optimizer), anneal_(options.anneal_strategy) {
    constexpr std::string_view name = "OneCycleLR";
    if (!options.total_steps && !(options.epochs && options.steps_per_epoch))
      detail::raise<ValueError>(name, "give total_steps, or epochs and steps_per_epoch");
    total_ = options.total_steps ? *options.total_steps : *options.epochs * *options.steps_per_epoch;
    internal::require(total_ > 0, name, "the number of steps must be positive", total_);
    internal::require(options.pct_start >= 0 && options.pct_start <= 1, name, "pct_start must be between 0 and 1", options.pct_start);
    const std::vector<double> max = max_lr.expand(name, "max_lr", this->groups().size());
    if (options.cycle_momentum) momentum_.set(name, this->groups(), options.base_momentum, options.max_momentum);

    const double up = options.pct_start * static_cast<double>(total_), last = static_cast<double>(total_ - 1);
    if (options.three_phase) phases_ = {{up - 1, low, high, true}, {2 * up - 2, high, low, false}, {last, low, lowest, false}};
    else phases_ = {{up - 1, low, high, true}, {last, high, lowest, false}};
    for (std::size_t g = 0; g < max.size(); ++g) {
      const double first = max[g] / options.div_factor;
      rates_.push_back({first, max[g], first / options.final_div_factor});
      this->groups()[g].initial_lr = first;
      if (momentum_) internal::set_momentum(this->groups()[g], momentum_.max[g]);
    }
    this->start();
  }

  void before_step(std::int64_t epoch) const {
    if (epoch > total_) detail::raise<ValueError>("OneCycleLR", "step ", epoch, " is beyond the cycle of ", total_, " steps");
  }
  double next(double, double, std::size_t group) const {
    double from = 0;
    std::size_t i = 0;
    while (this->epoch() > phases_[i].end && i + 1 < phases_.size()) from = phases_[i++].end;
    const Phase& phase = phases_[i];
    const double part = phase.end != from ? (this->epoch() - from) / (phase.end - from) : 1;
    if (momentum_) {
      const double most = momentum_.max[group], least = momentum_.base[group];
      // The last of three phases keeps the momentum high.
      const double begin = i == 1 ? least : most, end = phase.rises ? least : most;
      internal::set_momentum(this->groups()[group], between(begin, end, part));
    }
    return between(rates_[group][phase.from], rates_[group][phase.to], part);
  }

 private:
  enum Rate : std::size_t { low, high, lowest };
  struct Phase {
    double end;
    Rate from, to;
    bool rises;
  };

  double between(double a, double b, double part) const {
    if (anneal_ == AnnealStrategy::linear) return (b - a) * part + a;
    return b + (a - b) / 2 * (std::cos(std::numbers::pi * part) + 1);
  }

  std::int64_t total_ = 0;
  AnnealStrategy anneal_;
  detail::PoolVector<Phase> phases_;
  detail::PoolVector<std::array<double, 3>> rates_;
  internal::MomentumRange momentum_;
};

}  // namespace taper::inline TAPER_CODE::optim::inline lr_scheduler
