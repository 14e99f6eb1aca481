// SPDX-License-Identifier: MIT
// What schedulers that cycle momentum change: an optimizer's momentum, or the first of its betas.
#pragma once

#include <taper/optim/lr_scheduler/scheduler.hpp>

namespace taper::inline TAPER_CODE::optim::internal {

template <class Group>
inline constexpr bool has_momentum = requires(Group& g) { g.momentum; } || requires(Group& g) { g.betas[0]; };

template <class Group>
void set_momentum(Group& group, double value) {
  if constexpr (requires { group.betas[0]; }) group.betas[0] = value;
  else if constexpr (has_momentum<Group>) group.momentum = value;
}

/// The bounds between which momentum is cycled, per group; empty where it is not.
struct MomentumRange {
  std::vector<double> base, max;

  template <class Groups>
  void set(std::string_view op, const Groups& groups, const PerGroup& lower, const PerGroup& upper) {
    if constexpr (!has_momentum<typename Groups::value_type>)
      detail::raise<ValueError>(op, "this optimizer has neither momentum nor betas: pass {.cycle_momentum = false}");
    base = lower.expand(op, "base_momentum", groups.size());
    max = upper.expand(op, "max_momentum", groups.size());
  }
  explicit operator bool() const { return !base.empty(); }
};

}  // namespace taper::inline TAPER_CODE::optim::internal
