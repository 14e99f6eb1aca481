// SPDX-License-Identifier: MIT
// Where a tensor's gradient arrives: the slot, and what the engine must be able to do with gradients of its dtype.
#pragma once

#include <taper/core/pool_vector.hpp>
#include <taper/core/memory_format.hpp>

namespace taper::inline TAPER_ABI::tape {

class Node;
class Pass;

/// What the engine does with gradients without knowing their type; eval/ provides one table per dtype and device.
struct GradOps {
  // Not recorded.
  base::RecordPtr (*empty)(const Shape& shape);
  base::RecordPtr (*full)(const Shape& shape, double value);
  void (*set_zero)(base::TensorRecord& target);
  void (*add_into)(base::TensorRecord& target, base::TensorRecord& value);
  bool (*has_nan)(base::TensorRecord& a);
  // Recorded where grad mode is on.
  base::RecordPtr (*add)(const base::RecordPtr& a, const base::RecordPtr& b);
  base::RecordPtr (*scale)(const base::RecordPtr& a, double factor);
  base::RecordPtr (*clone)(const base::RecordPtr& a);
  base::RecordPtr (*sum_to)(const base::RecordPtr& a, const Shape& shape);
  base::RecordPtr (*without_region)(const base::RecordPtr& a, const base::ViewOp& op);  // zero where op selects
};

/// A function called with a gradient; it may return another in its place. Its memory is the allocator's: an activation
/// may be given a new one in every step. Counted: it may be taken off while it runs.
struct Hook {
  base::Atomic<std::int32_t> refs{1};
  static void* operator new(std::size_t bytes) { return base::allocate_object(bytes); }
  static void operator delete(void* p, std::size_t bytes) noexcept { base::deallocate_object(p, bytes); }
  Hook* next = nullptr;
  std::uint64_t id = 0;
  bool after_accumulation = false;
  virtual base::RecordPtr call(const base::RecordPtr& gradient) = 0;
  virtual ~Hook() = default;
};
inline void retain(Hook* h) noexcept { h->refs.fetch_add(1, std::memory_order_relaxed); }
[[gnu::noinline]] inline void release(Hook* h) noexcept {
  if (h->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) delete h;
}
/// Takes all hooks off a list.
TAPER_INLINE void release_hooks(Hook*& list) noexcept {
  while (list) release(std::exchange(list, list->next));
}

/// The gradient side of a tensor that wants a gradient. Leaves keep their accumulated gradient here; for other tensors it
/// passes through on the way to the node that made them.
struct Slot : base::SlotBase {
  Node* producer = nullptr;  // owned; null for a leaf
  const GradOps* ops = nullptr;
  Shape shape;
  base::Atomic<Pass*> pass{nullptr};  // the backward pass whose gradient is in flight here
  base::RecordPtr flight;
  base::RecordPtr grad;
  base::Atomic<bool> grad_busy{false};  // a pass is adding to grad
  Hook* hooks = nullptr;
  bool retains = false;
  bool frozen = false;  // a leaf that wants no gradient for now: what arrives is dropped
  base::AxisOrder order = 0;  // of the tensor, and of the gradients that are made for it

  bool is_leaf() const noexcept { return producer == nullptr; }
};

/// A counted handle to a slot.
using SlotPtr = base::CountedPtr<Slot>;

}  // namespace taper::inline TAPER_ABI::tape
