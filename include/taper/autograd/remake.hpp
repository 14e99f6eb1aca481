// SPDX-License-Identifier: MIT
// Large results that are cheap to make again are not kept for backward: who needs one asks the node that made it.
#pragma once

#include <taper/autograd/node.hpp>

#include <mutex>

namespace taper::inline TAPER_ABI {

namespace tape {

inline thread_local bool keep_results = false;

/// The fewest elements of a result that is made again: 128 KiB of float.
inline constexpr std::int64_t least_remade = std::int64_t{1} << 15;

inline std::recursive_mutex& remake_mutex() {
  static auto* mutex = new std::recursive_mutex;  // outlives every static
  return *mutex;
}

/// Output 0 of a node that remakes, without history; kept where it will be asked for again.
inline base::RecordPtr remade_output(Node& node, bool keep) {
  const std::lock_guard lock(remake_mutex());
  if (node.remade) return node.remade;
  base::RecordPtr made = node.remake(nullptr);
  if (keep || node.reads_output || node.remake_users.load(std::memory_order_acquire) > 1) node.remade = made;
  return made;
}

/// True of a tensor that is, untouched, the output of a node that makes it again.
inline Remakes remakes(const base::TensorRecord& r) noexcept {
  const auto* slot = static_cast<const Slot*>(r.slot);
  if (keep_results || !slot || r.link || r.numel < least_remade || !r.contiguous || !slot->producer || slot->producer->output_count() != 1 ||
      r.storage->version.load(std::memory_order_relaxed) != 0)
    return Remakes::no;
  return slot->producer->remakes();
}

/// The right to ask a slot's producer for its output again.
class RemakeUse {
 public:
  RemakeUse() = default;
  explicit RemakeUse(SlotPtr slot) noexcept : slot_(std::move(slot)) { slot_->producer->remake_users.fetch_add(1, std::memory_order_acq_rel); }
  RemakeUse(RemakeUse&&) = default;
  RemakeUse& operator=(RemakeUse&& other) noexcept {
    RemakeUse before(std::move(*this));
    slot_ = std::move(other.slot_);
    return *this;
  }
  ~RemakeUse() {
    if (!slot_) return;
    Node& node = *slot_->producer;
    if (node.remake_users.fetch_sub(1, std::memory_order_acq_rel) != 1 || (node.reads_output && !node.freed)) return;
    const std::lock_guard lock(remake_mutex());
    if (node.remake_users.load(std::memory_order_acquire) == 0) node.remade = {};
  }
  explicit operator bool() const noexcept { return static_cast<bool>(slot_); }
  const SlotPtr& slot() const noexcept { return slot_; }
  base::RecordPtr get() const { return remade_output(*slot_->producer, false); }
  /// Whether nobody else will ask, so that the whole need never be there.
  bool alone() const {
    const Node& node = *slot_->producer;
    const std::lock_guard lock(remake_mutex());
    return !node.remade && !node.reads_output && node.remake_users.load(std::memory_order_acquire) == 1;
  }
  /// Rows of it as a matrix; null where they cannot be made without the others.
  base::RecordPtr rows(std::int64_t first, std::int64_t count) const {
    const std::lock_guard lock(remake_mutex());
    return slot_->producer->remake_rows(first, count);
  }

 private:
  SlotPtr slot_;
};

}  // namespace tape

/// In its scope backward keeps every result that it needs. Outside, a batch or layer norm's result and what one pass makes of it
/// or of a kept value (relu(norm(x)), gelu(h)) is not kept where it is large and a convolution or linear layer reads it: backward
/// makes it again, by one pass over memory. Values and gradients are the same bits, but where such a result is written to unseen (through
/// data_ptr(), as_span, eigen_map, DLPack) before a layer reads it: backward makes it as it was. Guard such code.
class [[nodiscard]] KeepActivations {
 public:
  KeepActivations() noexcept : before_(tape::keep_results) { tape::keep_results = true; }
  KeepActivations(const KeepActivations&) = delete;
  KeepActivations& operator=(const KeepActivations&) = delete;
  ~KeepActivations() { tape::keep_results = before_; }

 private:
  bool before_;
};

}  // namespace taper::inline TAPER_ABI
