// SPDX-License-Identifier: MIT
// ReduceLROnPlateau.
#pragma once

#include <taper/optim/lr_scheduler/scheduler.hpp>

#include <limits>

namespace taper::inline TAPER_CODE::optim::inline lr_scheduler {

/// Whether a smaller or a larger metric is the better one.
enum class PlateauMode { min, max };
/// Whether a metric must be better by a part of the best one, or by a number.
enum class ThresholdMode { rel, abs };

struct ReduceLROnPlateauOptions {
  PlateauMode mode = PlateauMode::min;
  double factor = 0.1;
  std::int64_t patience = 10;
  double threshold = 1e-4;
  ThresholdMode threshold_mode = ThresholdMode::rel;
  std::int64_t cooldown = 0;
  PerGroup min_lr = 0.0;
  double eps = 1e-8;
};

/// Multiplies the rate by factor when the metric has not become better for more than patience steps.
template <Optimizer O>
class ReduceLROnPlateau {
 public:
  using optimizer_type = O;

  /// Throws: ValueError for a factor of 1 or more.
  explicit ReduceLROnPlateau(O& optimizer, const ReduceLROnPlateauOptions& options = {}) : optimizer_(&optimizer), options_(options) {
    internal::require(options.factor < 1, "ReduceLROnPlateau", "factor must be below 1", options.factor);
    min_lr();
    const double infinity = std::numeric_limits<double>::infinity();
    best_ = options.mode == PlateauMode::min ? infinity : -infinity;
    remember();
  }

  /// Takes the metric of an epoch: a number, or a tensor with one element.
  template <class X>
  void step(const X& metric) {
    if constexpr (TensorLike<X>) update(static_cast<double>(eval(metric).item()));
    else update(static_cast<double>(metric));
  }
  const std::vector<double>& get_last_lr() const { return last_lr_; }
  std::int64_t last_epoch() const { return last_epoch_; }
  O& optimizer() const { return *optimizer_; }

  StateDict state_dict() const {
    StateDict out;
    internal::put(out, "last_epoch", last_epoch_);
    internal::put(out, "best", best_);
    internal::put(out, "num_bad_epochs", bad_epochs_);
    internal::put(out, "cooldown_counter", cooldown_);
    internal::put(out, "_last_lr", last_lr_);
    return out;
  }
  /// Throws: StateError, before anything is changed.
  void load_state_dict(const StateDict& state) {
    ReduceLROnPlateau loaded = *this;
    internal::get(state, "last_epoch", loaded.last_epoch_);
    internal::get(state, "best", loaded.best_);
    internal::get(state, "num_bad_epochs", loaded.bad_epochs_);
    internal::get(state, "cooldown_counter", loaded.cooldown_);
    internal::get(state, "_last_lr", loaded.last_lr_);
    *this = std::move(loaded);
  }

 private:
  auto& groups() const { return optimizer_->param_groups(); }
  std::vector<double> min_lr() const { return options_.min_lr.expand("ReduceLROnPlateau", "min_lr", groups().size()); }

  bool better(double metric) const {
    const bool relative = options_.threshold_mode == ThresholdMode::rel;
    if (options_.mode == PlateauMode::min)
      return metric < (relative ? best_ * (1 - options_.threshold) : best_ - options_.threshold);
    return metric > (relative ? best_ * (options_.threshold + 1) : best_ + options_.threshold);
  }
  void update(double metric) {
    ++last_epoch_;
    if (better(metric)) {
      best_ = metric;
      bad_epochs_ = 0;
    } else {
      ++bad_epochs_;
    }
    if (cooldown_ > 0) {
      --cooldown_;
      bad_epochs_ = 0;
    }
    if (bad_epochs_ > options_.patience) {
      reduce();
      cooldown_ = options_.cooldown;
      bad_epochs_ = 0;
    }
    remember();
  }
  void reduce() {
    const std::vector<double> least = min_lr();
    for (std::size_t g = 0; g < least.size(); ++g) {
      double& lr = groups()[g].lr;
      const double reduced = std::max(lr * options_.factor, least[g]);
      if (lr - reduced > options_.eps) lr = reduced;
    }
  }
  void remember() {
    last_lr_.resize(groups().size());
    for (std::size_t g = 0; g < last_lr_.size(); ++g) last_lr_[g] = groups()[g].lr;
  }

  O* optimizer_;
  ReduceLROnPlateauOptions options_;
  double best_;
  std::int64_t last_epoch_ = 0, bad_epochs_ = 0, cooldown_ = 0;
  std::vector<double> last_lr_;
};

}  // namespace taper::inline TAPER_CODE::optim::inline lr_scheduler
