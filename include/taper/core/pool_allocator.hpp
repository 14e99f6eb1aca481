// SPDX-License-Identifier: MIT
// The caching allocator in the shape that standard containers ask for.
#pragma once

#include <taper/core/allocator.hpp>

#include <vector>

namespace taper::inline TAPER_ABI::base {

template <class T>
struct PoolAllocator {
  using value_type = T;
  PoolAllocator() = default;
  template <class U>
  PoolAllocator(const PoolAllocator<U>&) noexcept {}
  T* allocate(std::size_t n) { return static_cast<T*>(base::allocate_object(n * sizeof(T))); }
  void deallocate(T* p, std::size_t n) noexcept { base::deallocate_object(p, n * sizeof(T)); }
  friend bool operator==(const PoolAllocator&, const PoolAllocator&) noexcept { return true; }
};

/// A vector whose memory comes back to the caching allocator, so that a training loop's bookkeeping asks the system for none.
template <class T>
using PoolVector = std::vector<T, PoolAllocator<T>>;

}  // namespace taper::inline TAPER_ABI::base
