// SPDX-License-Identifier: MIT
// Anomaly mode: backward stops at the first operation that turns clean gradients into NaN, and names it.
#pragma once

#include <taper/autograd/engine.hpp>

namespace taper::inline TAPER_CODE {

/// Checks every gradient of the backward passes that this thread runs in its scope. Slow.
class [[nodiscard]] DetectAnomaly {
 public:
  DetectAnomaly() noexcept : before_(autograd::anomaly_mode) { autograd::anomaly_mode = true; }
  DetectAnomaly(const DetectAnomaly&) = delete;
  DetectAnomaly& operator=(const DetectAnomaly&) = delete;
  ~DetectAnomaly() { autograd::anomaly_mode = before_; }

 private:
  bool before_;
};

}  // namespace taper::inline TAPER_CODE
