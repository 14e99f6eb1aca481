// SPDX-License-Identifier: MIT
// CosineAnnealingLR and CosineAnnealingWarmRestarts.
#pragma once

#include <taper/optim/lr_scheduler/scheduler.hpp>

#include <numbers>

namespace taper::inline TAPER_CODE::optim::inline lr_scheduler {

struct CosineAnnealingLROptions {
  double eta_min = 0;
};

/// The rate falls along half a cosine from the initial one to eta_min in T_max steps, and climbs back in as many.
/// Source: Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017.
template <Optimizer O>
class CosineAnnealingLR : public LRScheduler<CosineAnnealingLR<O>, O> {
 public:
  /// Throws: ValueError where T_max is not positive.
  CosineAnnealingLR(O& optimizer, std::int64_t T_max, const CosineAnnealingLROptions& options = {})
      : LRScheduler<CosineAnnealingLR, O>(optimizer), steps_(T_max), eta_min_(options.eta_min) {
    internal::require(T_max > 0, "CosineAnnealingLR", "T_max must be positive", T_max);
    this->start();
  }
  /// Follows changes that others make to the rate, as PyTorch's does.
  double next(double lr, double base, std::size_t) const {
    if (this->initial()) return lr;
    // Behind a minimum the quotient below would be 0 / 0.
    if ((this->last_epoch_ - 1 - steps_) % (2 * steps_) == 0) return lr + (base - eta_min_) * (1 - cosine(1)) / 2;
    return (1 + cosine(this->epoch())) / (1 + cosine(this->epoch() - 1)) * (lr - eta_min_) + eta_min_;
  }
  double closed(double base, std::size_t) const { return eta_min_ + (base - eta_min_) * (1 + cosine(this->epoch())) / 2; }

 private:
  double cosine(double epoch) const { return std::cos(std::numbers::pi * epoch / static_cast<double>(steps_)); }

  std::int64_t steps_;
  double eta_min_;
};

struct CosineAnnealingWarmRestartsOptions {
  std::int64_t T_mult = 1;
  double eta_min = 0;
};

/// The rate falls along half a cosine from the initial one to eta_min in T_0 steps, then starts anew; each fall takes
/// T_mult times as long as the one before.
/// Source: Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017.
template <Optimizer O>
class CosineAnnealingWarmRestarts : public LRScheduler<CosineAnnealingWarmRestarts<O>, O> {
  using Base = LRScheduler<CosineAnnealingWarmRestarts, O>;

 public:
  /// Throws: ValueError where T_0 or T_mult is below 1.
  CosineAnnealingWarmRestarts(O& optimizer, std::int64_t T_0, const CosineAnnealingWarmRestartsOptions& options = {})
      : Base(optimizer), length_(T_0), factor_(options.T_mult), eta_min_(options.eta_min) {
    internal::require(T_0 > 0, "CosineAnnealingWarmRestarts", "T_0 must be positive", T_0);
    internal::require(factor_ > 0, "CosineAnnealingWarmRestarts", "T_mult must be at least 1", factor_);
    this->start();
  }
  void step() {
    if (this->last_epoch_ < 0) {
      position_ = 0;
    } else if (++position_ >= length_) {
      position_ = 0;
      length_ *= factor_;
    }
    Base::step();
  }
  double next(double, double base, std::size_t) const {
    return eta_min_ + (base - eta_min_) * (1 + std::cos(std::numbers::pi * static_cast<double>(position_) / static_cast<double>(length_))) / 2;
  }
  void save(StateDict& out) const {
    internal::put(out, "T_cur", position_);
    internal::put(out, "T_i", length_);
  }
  void load(const StateDict& state) {
    std::int64_t position = 0, length = 1;
    internal::get(state, "T_cur", position);
    internal::get(state, "T_i", length);
    position_ = position, length_ = length;
  }

 private:
  std::int64_t position_ = 0, length_, factor_;
  double eta_min_;
};

}  // namespace taper::inline TAPER_CODE::optim::inline lr_scheduler
