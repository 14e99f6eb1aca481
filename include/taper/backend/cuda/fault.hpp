// SPDX-License-Identifier: MIT
// What a device finds wrong with numbers that it was given: the host does not wait for it, and hears of it when it next does.
#pragma once

#include <taper/backend/number_fault.hpp>

#include <mutex>
#include <string_view>
#include <vector>

namespace taper::inline TAPER_ABI::base {

/// Where a thread's kernels leave what they find: memory of the system's that host and device both reach. It outlives the
/// thread, whose kernels may still run, and serves another then.
template <class S>
class FaultBox {
 public:
  static NumberFault& get() {
    static thread_local FaultBox box;
    return *box.fault_;
  }

 private:
  struct Free {
    std::mutex lock;
    std::vector<NumberFault*> boxes;
  };
  static Free& free() {
    static Free* const all = new Free;  // outlives all threads
    return *all;
  }
  FaultBox() {
    const std::lock_guard guard(free().lock);
    if (free().boxes.empty()) {
      fault_ = ::new (S::allocate_shared(sizeof(NumberFault))) NumberFault;
    } else {
      fault_ = free().boxes.back();
      free().boxes.pop_back();
    }
  }
  ~FaultBox() {
    const std::lock_guard guard(free().lock);
    free().boxes.push_back(fault_);
  }
  NumberFault* fault_;
};

/// Throws what the device found, where the host has waited for it.
template <class S>
void raise_fault(std::string_view when) {
  NumberFault& box = FaultBox<S>::get();
  if (box.kind == NumberFault::Kind::none) return;
  const NumberFault found = box;
  box.kind = NumberFault::Kind::none;
  throw_fault(found, when);
}

}  // namespace taper::inline TAPER_ABI::base
