// SPDX-License-Identifier: MIT
// A set of pointers: open addressing over memory of the caching allocator.
#pragma once

#include <taper/core/pool_vector.hpp>

namespace taper::inline TAPER_ABI::base {

class PointerSet {
 public:
  bool contains(const void* p) const noexcept { return !slots_.empty() && slots_[find(p)] == p; }
  /// False where it was there already.
  bool insert(const void* p) {
    if (2 * (count_ + 1) > slots_.size()) grow();
    const std::size_t i = find(p);
    if (slots_[i] == p) return false;
    slots_[i] = p;
    ++count_;
    return true;
  }

 private:
  std::size_t find(const void* p) const noexcept {
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = (reinterpret_cast<std::uintptr_t>(p) >> 4) * 0x9e3779b97f4a7c15ull >> 20 & mask;
    while (slots_[i] && slots_[i] != p) i = (i + 1) & mask;
    return i;
  }
  void grow() {
    PoolVector<const void*> old(slots_.empty() ? 64 : 2 * slots_.size(), nullptr);
    old.swap(slots_);
    for (const void* p : old)
      if (p) slots_[find(p)] = p;
  }

  PoolVector<const void*> slots_;  // a power of two
  std::size_t count_ = 0;
};

}  // namespace taper::inline TAPER_ABI::base
