// SPDX-License-Identifier: MIT
// StepLR, MultiStepLR, ExponentialLR: rates that fall by a factor.
#pragma once

#include <taper/optim/lr_scheduler/scheduler.hpp>

#include <algorithm>

namespace taper::inline TAPER_CODE::optim::inline lr_scheduler {

struct StepLROptions {
  double gamma = 0.1;
};

/// Multiplies the rate by gamma every step_size steps.
template <Optimizer O>
class StepLR : public LRScheduler<StepLR<O>, O> {
 public:
  /// Throws: ValueError where step_size is not positive.
  StepLR(O& optimizer, std::int64_t step_size, const StepLROptions& options = {})
      : LRScheduler<StepLR, O>(optimizer), step_size_(step_size), gamma_(options.gamma) {
    internal::require(step_size > 0, "StepLR", "step_size must be positive", step_size);
    this->start();
  }
  double next(double lr, double, std::size_t) const {
    return this->last_epoch_ == 0 || this->last_epoch_ % step_size_ != 0 ? lr : lr * gamma_;
  }
  double closed(double base, std::size_t) const {
    return base * std::pow(gamma_, static_cast<double>(this->last_epoch_ / step_size_));
  }

 private:
  std::int64_t step_size_;
  double gamma_;
};

struct MultiStepLROptions {
  double gamma = 0.1;
};

/// Multiplies the rate by gamma at each milestone, once for every time it is listed.
template <Optimizer O>
class MultiStepLR : public LRScheduler<MultiStepLR<O>, O> {
 public:
  MultiStepLR(O& optimizer, std::vector<std::int64_t> milestones, const MultiStepLROptions& options = {})
      : LRScheduler<MultiStepLR, O>(optimizer), milestones_(std::move(milestones)), gamma_(options.gamma) {
    std::sort(milestones_.begin(), milestones_.end());
    this->start();
  }
  double next(double lr, double, std::size_t) const {
    const auto [first, last] = std::equal_range(milestones_.begin(), milestones_.end(), this->last_epoch_);
    return first == last ? lr : lr * std::pow(gamma_, static_cast<double>(last - first));
  }
  double closed(double base, std::size_t) const {
    const auto last = std::upper_bound(milestones_.begin(), milestones_.end(), this->last_epoch_);
    return base * std::pow(gamma_, static_cast<double>(last - milestones_.begin()));
  }

 private:
  std::vector<std::int64_t> milestones_;
  double gamma_;
};

/// Multiplies the rate by gamma at every step.
template <Optimizer O>
class ExponentialLR : public LRScheduler<ExponentialLR<O>, O> {
 public:
  ExponentialLR(O& optimizer, double gamma) : LRScheduler<ExponentialLR, O>(optimizer), gamma_(gamma) { this->start(); }
  double next(double lr, double, std::size_t) const { return this->initial() ? lr : lr * gamma_; }
  double closed(double base, std::size_t) const { return base * std::pow(gamma_, this->epoch()); }

 private:
  double gamma_;
};

}  // namespace taper::inline TAPER_CODE::optim::inline lr_scheduler
