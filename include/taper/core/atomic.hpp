// SPDX-License-Identifier: MIT
// The counts and pointers that every operation touches.
#pragma once

#include <taper/config.hpp>

#include <atomic>

namespace taper::inline TAPER_ABI::base {

/// std::atomic for what every operation touches: its functions are inlined at -O0 as well, where calls of std::atomic's are a tenth of
/// the time of small work.
template <class T>
class Atomic {
 public:
  TAPER_INLINE constexpr Atomic(T value) noexcept : value_(value) {}
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  TAPER_INLINE T load(std::memory_order order) const noexcept { return __atomic_load_n(&value_, static_cast<int>(order)); }
  TAPER_INLINE void store(T value, std::memory_order order) noexcept { __atomic_store_n(&value_, value, static_cast<int>(order)); }
  TAPER_INLINE T exchange(T value, std::memory_order order) noexcept { return __atomic_exchange_n(&value_, value, static_cast<int>(order)); }
  TAPER_INLINE T fetch_add(T n, std::memory_order order) noexcept { return __atomic_fetch_add(&value_, n, static_cast<int>(order)); }
  TAPER_INLINE T fetch_sub(T n, std::memory_order order) noexcept { return __atomic_fetch_sub(&value_, n, static_cast<int>(order)); }
  /// Acquires, and releases where it exchanges.
  TAPER_INLINE bool compare_exchange(T& expected, T desired) noexcept {
    return __atomic_compare_exchange_n(&value_, &expected, desired, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
  }

 private:
  T value_;
};

}  // namespace taper::inline TAPER_ABI::base
