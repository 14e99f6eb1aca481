// SPDX-License-Identifier: MIT
// LambdaLR and MultiplicativeLR: the user's own factors.
#pragma once

#include <taper/optim/lr_scheduler/scheduler.hpp>

namespace taper::inline TAPER_CODE::optim {

namespace internal {

template <class F>
concept FactorOfStep = requires(const F& f) {
  { f(std::int64_t{}) } -> std::convertible_to<double>;
};

/// One function for all parameter groups, or one for each.
template <class... F>
class Factors {
 public:
  explicit Factors(F... f) : functions_(std::move(f)...) {}
  void check(std::string_view op, std::size_t groups) const {
    if (sizeof...(F) != 1 && sizeof...(F) != groups)
      detail::raise<ValueError>(op, sizeof...(F), " functions for ", groups, " parameter groups: give one, or one for each");
  }
  double operator()(std::size_t group, std::int64_t epoch) const {
    double out = 0;
    const std::size_t wanted = sizeof...(F) == 1 ? 0 : group;
    std::apply(
        [&](const F&... f) {
          std::size_t i = 0;
          ((i++ == wanted ? void(out = static_cast<double>(f(epoch))) : void()), ...);
        },
        functions_);
    return out;
  }

 private:
  std::tuple<F...> functions_;
};

}  // namespace internal

inline namespace lr_scheduler {

/// The initial rate times f(step); one function, or one for each parameter group.
template <Optimizer O, internal::FactorOfStep... F>
class LambdaLR : public LRScheduler<LambdaLR<O, F...>, O> {
 public:
  LambdaLR(O& optimizer, F... f) : LRScheduler<LambdaLR, O>(optimizer), factors_(std::move(f)...) {
    factors_.check("LambdaLR", this->groups().size());
    this->start();
  }
  double next(double, double base, std::size_t group) const { return base * factors_(group, this->last_epoch_); }

 private:
  internal::Factors<F...> factors_;
};

/// The rate before times f(step), from the first step on; one function, or one for each parameter group.
template <Optimizer O, internal::FactorOfStep... F>
class MultiplicativeLR : public LRScheduler<MultiplicativeLR<O, F...>, O> {
 public:
  MultiplicativeLR(O& optimizer, F... f) : LRScheduler<MultiplicativeLR, O>(optimizer), factors_(std::move(f)...) {
    factors_.check("MultiplicativeLR", this->groups().size());
    this->start();
  }
  double next(double lr, double, std::size_t group) const { return this->initial() ? lr : lr * factors_(group, this->last_epoch_); }

 private:
  internal::Factors<F...> factors_;
};

}  // namespace lr_scheduler
}  // namespace taper::inline TAPER_CODE::optim
