// SPDX-License-Identifier: MIT
// ConstantLR, LinearLR, PolynomialLR: a factor that reaches its end after total_iters steps.
#pragma once

#include <taper/optim/lr_scheduler/scheduler.hpp>

namespace taper::inline TAPER_CODE::optim::inline lr_scheduler {

struct ConstantLROptions {
  double factor = 1.0 / 3;
  std::int64_t total_iters = 5;
};

/// Multiplies the rate by factor for the first total_iters steps; behind a factor of 0 stands the initial rate.
template <Optimizer O>
class ConstantLR : public LRScheduler<ConstantLR<O>, O> {
 public:
  /// Throws: ValueError for a factor outside [0, 1].
  ConstantLR(O& optimizer, const ConstantLROptions& options = {}) : LRScheduler<ConstantLR, O>(optimizer), options_(options) {
    internal::require(options.factor >= 0 && options.factor <= 1, "ConstantLR", "factor must be between 0 and 1", options.factor);
    this->start();
  }
  double next(double lr, double base, std::size_t) const {
    if (this->last_epoch_ == 0) return lr * options_.factor;
    if (this->last_epoch_ != options_.total_iters) return lr;
    return options_.factor == 0 ? base : lr * (1 / options_.factor);
  }
  double closed(double base, std::size_t) const { return this->last_epoch_ >= options_.total_iters ? base : base * options_.factor; }

 private:
  ConstantLROptions options_;
};

struct LinearLROptions {
  double start_factor = 1.0 / 3;
  double end_factor = 1;
  std::int64_t total_iters = 5;
};

/// Multiplies the rate by a factor that goes from start_factor to end_factor in total_iters steps.
template <Optimizer O>
class LinearLR : public LRScheduler<LinearLR<O>, O> {
 public:
  /// Throws: ValueError for a start_factor outside (0, 1] or an end_factor outside [0, 1].
  LinearLR(O& optimizer, const LinearLROptions& options = {})
      : LRScheduler<LinearLR, O>(optimizer), start_(options.start_factor), slope_(options.end_factor - options.start_factor),
        total_(static_cast<double>(options.total_iters)) {
    internal::require(start_ > 0 && start_ <= 1, "LinearLR", "start_factor must be above 0 and at most 1", start_);
    internal::require(options.end_factor >= 0 && options.end_factor <= 1, "LinearLR", "end_factor must be between 0 and 1", options.end_factor);
    this->start();
  }
  double next(double lr, double, std::size_t) const {
    if (this->last_epoch_ == 0) return lr * start_;
    if (this->initial() || this->epoch() > total_) return lr;
    const double factor = 1 + slope_ / (total_ * start_ + (this->epoch() - 1) * slope_);
    return factor > 0 ? lr * factor : 0;  // the last step to 0 may be rounded past it
  }
  double closed(double base, std::size_t) const {
    return base * (start_ + (this->epoch() < total_ ? slope_ * this->epoch() / total_ : slope_));
  }

 private:
  double start_, slope_, total_;
};

struct PolynomialLROptions {
  std::int64_t total_iters = 5;
  double power = 1;
};

/// Multiplies the rate by (1 - step / total_iters)^power, 0 from step total_iters on.
template <Optimizer O>
class PolynomialLR : public LRScheduler<PolynomialLR<O>, O> {
 public:
  PolynomialLR(O& optimizer, const PolynomialLROptions& options = {})
      : LRScheduler<PolynomialLR, O>(optimizer), total_(static_cast<double>(options.total_iters)), power_(options.power) {
    this->start();
  }
  double next(double lr, double, std::size_t) const {
    if (this->initial() || this->epoch() > total_) return lr;
    return lr * std::pow((1 - this->epoch() / total_) / (1 - (this->epoch() - 1) / total_), power_);
  }
  double closed(double base, std::size_t) const {
    return base * std::pow(this->epoch() < total_ ? 1 - this->epoch() / total_ : 0, power_);
  }

 private:
  double total_, power_;
};

}  // namespace taper::inline TAPER_CODE::optim::inline lr_scheduler
