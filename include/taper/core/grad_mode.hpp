// SPDX-License-Identifier: MIT
// Whether the current thread records. The bit travels with tasks to the pool's workers.
#pragma once

#include <taper/core/parallel.hpp>

namespace taper::inline TAPER_ABI::base {

inline constexpr std::uint32_t no_grad_flag = 1;

inline bool grad_mode() noexcept { return !inference_only && (task_context.flags & no_grad_flag) == 0; }
inline void set_grad_mode(bool on) noexcept {
  if (on) task_context.flags &= ~no_grad_flag;
  else task_context.flags |= no_grad_flag;
}

}  // namespace taper::inline TAPER_ABI::base
