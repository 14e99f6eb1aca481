// SPDX-License-Identifier: MIT
// What learning rate schedulers share: the count of steps, the rates they started from, and their state.
#pragma once

#include <taper/optim/optimizer.hpp>

#include <cmath>
#include <vector>

namespace taper::inline TAPER_CODE::optim::inline lr_scheduler {

/// A scheduler that needs nothing but step().
template <class S>
concept Scheduler = requires(S& s, const S& c, const StateDict& state) {
  typename S::optimizer_type;
  s.step();
  { c.get_last_lr() } -> std::same_as<const std::vector<double>&>;
  { c.state_dict() } -> std::same_as<StateDict>;
  s.load_state_dict(state);
};

/// One number for all parameter groups, or one for each.
struct PerGroup {
  std::vector<double> values;
  PerGroup(double value) : values{value} {}
  PerGroup(std::initializer_list<double> list) : values(list) {}
  PerGroup(std::vector<double> list) : values(std::move(list)) {}

  /// Throws: ValueError unless there is one value or one for each of n groups.
  std::vector<double> expand(std::string_view op, std::string_view name, std::size_t n) const {
    if (values.size() == 1) return std::vector<double>(n, values[0]);
    if (values.size() != n)
      detail::raise<ValueError>(op, name, " has ", values.size(), " values for ", n, " parameter groups: give one value, or one for each");
    return values;
  }
};

/// Base of the schedulers (S derives from it). S says how a rate moves on:
/// - double next(lr, base, group): the rate after last_epoch() steps, from the one before and the initial one;
/// - double closed(base, group), where there is one: the same from the initial rate alone;
/// - save(StateDict&), load(const StateDict&): state of its own, if any.
/// The optimizer must outlive the scheduler and stay where it is.
template <class S, Optimizer O>
class LRScheduler {
 public:
  using optimizer_type = O;

  /// Sets the next rates. Call it after the optimizer's step.
  void step() {
    check_groups();
    self().before_step(last_epoch_ + 1);
    ++step_count_;
    ++last_epoch_;
    update([this](double lr, double base, std::size_t g) { return self().next(lr, base, g); });
  }
  /// The rates in use, one per parameter group.
  const std::vector<double>& get_last_lr() const { return last_lr_; }
  std::int64_t last_epoch() const { return last_epoch_; }
  O& optimizer() const { return *optimizer_; }

  StateDict state_dict() const {
    StateDict out;
    internal::put(out, "last_epoch", last_epoch_);
    internal::put(out, "_step_count", step_count_);
    internal::put(out, "base_lrs", base_lrs_);
    internal::put(out, "_last_lr", last_lr_);
    self().save(out);
    return out;
  }
  /// Restores the counts; the rates themselves are part of the optimizer's state.
  /// Throws: StateError, before anything is changed.
  void load_state_dict(const StateDict& state) {
    std::int64_t last_epoch = 0, step_count = 0;
    std::vector<double> base_lrs = base_lrs_, last_lr = last_lr_;
    internal::get(state, "last_epoch", last_epoch);
    internal::get(state, "_step_count", step_count);
    internal::get(state, "base_lrs", base_lrs);
    internal::get(state, "_last_lr", last_lr);
    self().load(state);
    last_epoch_ = last_epoch, step_count_ = step_count;
    base_lrs_ = std::move(base_lrs), last_lr_ = std::move(last_lr);
  }

  // For schedulers made of schedulers.
  /// Back to before the constructor's step; the rates stay.
  void rewind() { last_epoch_ = -1; }
  /// The constructor's step: the rates for the first update.
  void begin() {
    step_count_ = 0;
    initial_ = true;
    self().step();
    initial_ = false;
  }
  /// Starts anew from the initial rates.
  void restart() {
    check_groups();
    last_epoch_ = 0;
    update([this](double lr, double base, std::size_t g) {
      if constexpr (requires { self().closed(base, g); }) return self().closed(base, g);
      else return self().next(lr, base, g);
    });
  }

 protected:
  explicit LRScheduler(O& optimizer) : optimizer_(&optimizer) {}

  /// The last act of every constructor.
  void start() {
    for (auto& group : optimizer_->param_groups()) {
      if (!group.initial_lr) group.initial_lr = group.lr;
      base_lrs_.push_back(*group.initial_lr);
    }
    begin();
  }
  /// True in the constructor's step.
  bool initial() const { return initial_; }
  double epoch() const { return static_cast<double>(last_epoch_); }
  auto& groups() const { return optimizer_->param_groups(); }

  void before_step(std::int64_t) const {}
  void save(StateDict&) const {}
  void load(const StateDict&) {}

  /// Sets every group's rate to f(rate, initial rate, group).
  template <class F>
  void update(F&& f) {
    auto& all = groups();
    last_lr_.resize(all.size());
    for (std::size_t g = 0; g < all.size(); ++g) last_lr_[g] = all[g].lr = f(all[g].lr, base_lrs_[g], g);
  }

  std::int64_t last_epoch_ = -1, step_count_ = 0;
  std::vector<double> base_lrs_, last_lr_;

 private:
  void check_groups() const {
    if (groups().size() != base_lrs_.size())
      detail::raise<ValueError>("lr_scheduler", "the optimizer has ", groups().size(), " parameter groups and had ", base_lrs_.size(),
                                " when the scheduler was made: make the scheduler after the last group");
  }
  S& self() { return static_cast<S&>(*this); }
  const S& self() const { return static_cast<const S&>(*this); }

  O* optimizer_;
  bool initial_ = false;
};

}  // namespace taper::inline TAPER_CODE::optim::inline lr_scheduler
