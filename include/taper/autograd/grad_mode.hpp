// SPDX-License-Identifier: MIT
// Guards that switch recording off and on for the current thread.
#pragma once

#include <taper/core/grad_mode.hpp>

namespace taper::inline TAPER_ABI {

/// True where operations on this thread are recorded.
inline bool is_grad_enabled() noexcept { return base::grad_mode(); }

/// Sets whether this thread records, until the end of the scope.
class [[nodiscard]] GradMode {
 public:
  explicit GradMode(bool on) noexcept : before_(base::grad_mode()) { base::set_grad_mode(on); }
  GradMode(const GradMode&) = delete;
  GradMode& operator=(const GradMode&) = delete;
  ~GradMode() { base::set_grad_mode(before_); }

 private:
  bool before_;
};

/// Nothing is recorded in its scope.
class [[nodiscard]] NoGrad : public GradMode {
 public:
  NoGrad() noexcept : GradMode(false) {}
};

/// Recording is on in its scope, also inside a NoGrad.
class [[nodiscard]] EnableGrad : public GradMode {
 public:
  EnableGrad() noexcept : GradMode(true) {}
};

}  // namespace taper::inline TAPER_ABI
