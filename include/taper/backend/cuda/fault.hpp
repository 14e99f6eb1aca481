// SPDX-License-Identifier: MIT
// What a device finds wrong with numbers that it was given: the host does not wait for it, and hears of it when it next does.
#pragma once

#include <taper/core/error.hpp>
#include <taper/core/shape.hpp>

#include <mutex>
#include <string_view>
#include <vector>

namespace taper::inline TAPER_ABI::base {

/// A number out of range: which, and what for.
struct DeviceFault {
  enum class Kind : int { none, index, row, class_number, probability };
  Kind kind = Kind::none;
  const char* op = nullptr;  // a literal, of the host's
  std::size_t op_length = 0;
  Shape numbers, indexed;  // of the tensor that holds the number, of the tensor that it indexes
  std::int64_t axis = 0, size = 0;
  std::int64_t element = 0, value = 0;

  DeviceFault() = default;
  DeviceFault(Kind k, std::string_view o, const Shape& of = {}) : kind(k), op(o.data()), op_length(o.size()), numbers(of) {}
};

[[noreturn]] TAPER_COLD inline void throw_fault(const DeviceFault& f, std::string_view when) {
  const std::string_view op(f.op, f.op_length);
  switch (f.kind) {
    case DeviceFault::Kind::row:
      raise<IndexError>(op, "index ", f.value, " (element ", f.element, " of indices ", f.numbers, ") is out of range for weight ", f.indexed,
                        ": use 0 to ", f.size - 1, when);
    case DeviceFault::Kind::class_number:
      raise<IndexError>(op, "class ", f.value, " (element ", f.element, " of the target ", f.numbers, ") is out of range for ", f.size, " classes", when);
    case DeviceFault::Kind::probability:
      raise<ValueError>(op, "all elements of the input must be between 0 and 1: use ", op, "_with_logits for others", when);
    default:
      raise<IndexError>(op, "index ", f.value, " is out of range for axis ", f.axis, " of size ", f.size, when);
  }
}

/// Where a thread's kernels leave what they find: memory of the system's that host and device both reach. It outlives the
/// thread, whose kernels may still run, and serves another then.
template <class S>
class FaultBox {
 public:
  static DeviceFault& get() {
    static thread_local FaultBox box;
    return *box.fault_;
  }

 private:
  struct Free {
    std::mutex lock;
    std::vector<DeviceFault*> boxes;
  };
  static Free& free() {
    static Free* const all = new Free;  // outlives all threads
    return *all;
  }
  FaultBox() {
    const std::lock_guard guard(free().lock);
    if (free().boxes.empty()) {
      fault_ = ::new (S::allocate_shared(sizeof(DeviceFault))) DeviceFault;
    } else {
      fault_ = free().boxes.back();
      free().boxes.pop_back();
    }
  }
  ~FaultBox() {
    const std::lock_guard guard(free().lock);
    free().boxes.push_back(fault_);
  }
  DeviceFault* fault_;
};

/// Throws what the device found, where the host has waited for it.
template <class S>
void raise_fault(std::string_view when) {
  DeviceFault& box = FaultBox<S>::get();
  if (box.kind == DeviceFault::Kind::none) return;
  const DeviceFault found = box;
  box.kind = DeviceFault::Kind::none;
  throw_fault(found, when);
}

}  // namespace taper::inline TAPER_ABI::base
