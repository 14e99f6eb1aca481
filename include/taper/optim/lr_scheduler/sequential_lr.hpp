// SPDX-License-Identifier: MIT
// SequentialLR and ChainedScheduler: schedulers made of schedulers.
#pragma once

#include <taper/optim/lr_scheduler/scheduler.hpp>

#include <algorithm>
#include <vector>

namespace taper::inline TAPER_CODE::optim {

namespace internal {

/// Several schedulers of one optimizer, held by value.
template <Optimizer O, class... S>
class SchedulerList {
 public:
  SchedulerList(std::string_view op, const O& optimizer, std::tuple<S...> schedulers) : schedulers_(std::move(schedulers)) {
    each([&](const auto& s) {
      if (&s.optimizer() != &optimizer) detail::raise<ValueError>(op, "all schedulers must belong to the same optimizer");
    });
  }
  /// f(scheduler) for each.
  template <class F>
  void each(F&& f) {
    std::apply([&f](S&... s) { (f(s), ...); }, schedulers_);
  }
  template <class F>
  void each(F&& f) const {
    std::apply([&f](const S&... s) { (f(s), ...); }, schedulers_);
  }
  /// f(scheduler i).
  template <class F>
  void at(std::size_t i, F&& f) {
    std::size_t k = 0;
    each([&](auto& s) {
      if (k++ == i) f(s);
    });
  }
  void save(StateDict& out) const {
    std::size_t k = 0;
    each([&](const auto& s) { put_all(out, detail::concat("_schedulers.", k++, "."), s.state_dict()); });
  }
  /// All or nothing. In place: a scheduler with a function that captures cannot be assigned.
  void load(const StateDict& state) {
#if TAPER_EXCEPTIONS
    StateDict before;
    save(before);
    try {
      load_each(state);
    } catch (...) {
      load_each(before);
      throw;
    }
#else
    load_each(state);
#endif
  }

 private:
  void load_each(const StateDict& state) {
    std::size_t k = 0;
    each([&](auto& s) { s.load_state_dict(part_of(state, detail::concat("_schedulers.", k++, "."))); });
  }

  std::tuple<S...> schedulers_;
};

inline void reset_rates(auto& groups) {
  for (auto& group : groups)
    if (group.initial_lr) group.lr = *group.initial_lr;
}

}  // namespace internal

inline namespace lr_scheduler {

/// One scheduler after another: scheduler i takes over, from its beginning, at step milestones[i - 1].
template <Optimizer O, Scheduler... S>
class SequentialLR {
 public:
  using optimizer_type = O;

  /// Throws: ValueError unless there is one milestone less than schedulers, in rising order, and all have this optimizer.
  SequentialLR(O& optimizer, std::tuple<S...> schedulers, std::vector<std::int64_t> milestones)
      : optimizer_(&optimizer), list_("SequentialLR", optimizer, std::move(schedulers)), milestones_(std::move(milestones)) {
    if (milestones_.size() + 1 != sizeof...(S))
      detail::raise<ValueError>("SequentialLR", sizeof...(S), " schedulers need ", sizeof...(S) - 1, " milestones, got ", milestones_.size());
    if (!std::is_sorted(milestones_.begin(), milestones_.end()))
      detail::raise<ValueError>("SequentialLR", "the milestones must rise");
    restart();
  }

  void step() {
    const std::size_t now = index(last_epoch_ + 1);
    ++last_epoch_;
    list_.at(now, [&](auto& s) {
      if (now > 0 && milestones_[now - 1] == last_epoch_) s.restart();
      else s.step();
      last_lr_ = s.get_last_lr();
    });
  }
  const std::vector<double>& get_last_lr() const { return last_lr_; }
  std::int64_t last_epoch() const { return last_epoch_; }
  O& optimizer() const { return *optimizer_; }

  StateDict state_dict() const {
    StateDict out;
    internal::put(out, "last_epoch", last_epoch_);
    internal::put(out, "_last_lr", last_lr_);
    list_.save(out);
    return out;
  }
  void load_state_dict(const StateDict& state) {
    std::int64_t last_epoch = 0;
    std::vector<double> last_lr = last_lr_;
    internal::get(state, "last_epoch", last_epoch);
    internal::get(state, "_last_lr", last_lr);
    list_.load(state);
    last_epoch_ = last_epoch;
    last_lr_ = std::move(last_lr);
  }

  void rewind() {
    last_epoch_ = -1;
    list_.each([](auto& s) { s.rewind(); });
  }
  void begin() {
    last_epoch_ = 0;
    list_.at(index(0), [&](auto& s) {
      s.begin();
      last_lr_ = s.get_last_lr();
    });
  }
  /// Undoes what the constructors of the schedulers did to the rates; only the first one's step counts.
  void restart() {
    internal::reset_rates(optimizer_->param_groups());
    rewind();
    begin();
  }

 private:
  std::size_t index(std::int64_t epoch) const {
    return static_cast<std::size_t>(std::upper_bound(milestones_.begin(), milestones_.end(), epoch) - milestones_.begin());
  }

  O* optimizer_;
  internal::SchedulerList<O, S...> list_;
  std::vector<std::int64_t> milestones_;
  std::int64_t last_epoch_ = -1;
  std::vector<double> last_lr_;
};

/// Several schedulers at once: each changes the rate that the one before it left.
template <Scheduler First, Scheduler... S>
class ChainedScheduler {
 public:
  using optimizer_type = typename First::optimizer_type;

  /// Throws: ValueError unless all belong to the same optimizer.
  explicit ChainedScheduler(First first, S... rest)
      : optimizer_(&first.optimizer()), list_("ChainedScheduler", *optimizer_, std::tuple<First, S...>(std::move(first), std::move(rest)...)) {
    remember();
  }

  void step() {
    list_.each([](auto& s) { s.step(); });
    remember();
  }
  const std::vector<double>& get_last_lr() const { return last_lr_; }
  optimizer_type& optimizer() const { return *optimizer_; }

  StateDict state_dict() const {
    StateDict out;
    internal::put(out, "_last_lr", last_lr_);
    list_.save(out);
    return out;
  }
  void load_state_dict(const StateDict& state) {
    std::vector<double> last_lr = last_lr_;
    internal::get(state, "_last_lr", last_lr);
    list_.load(state);
    last_lr_ = std::move(last_lr);
  }

  void rewind() {
    list_.each([](auto& s) { s.rewind(); });
  }
  void begin() {
    list_.each([](auto& s) { s.begin(); });
    remember();
  }
  void restart() {
    internal::reset_rates(optimizer_->param_groups());
    rewind();
    begin();
  }

 private:
  void remember() {
    last_lr_.clear();
    for (const auto& group : optimizer_->param_groups()) last_lr_.push_back(group.lr);
  }

  optimizer_type* optimizer_;
  internal::SchedulerList<optimizer_type, First, S...> list_;
  std::vector<double> last_lr_;
};

}  // namespace lr_scheduler
}  // namespace taper::inline TAPER_CODE::optim
