// SPDX-License-Identifier: MIT
// Counts of what evaluation did on this thread: kernel launches and bytes moved. Tests hold fusion by them.
#pragma once

#include <taper/core/allocator.hpp>

namespace taper::inline TAPER_ABI {

/// What the calling thread has run since it started or since reset_stats().
struct Stats {
  std::int64_t launches = 0;     // kernels started: one per evaluated expression, one per fused backward
  std::int64_t passes = 0;       // walks over memory, reductions and structural kernels included
  std::int64_t bytes = 0;        // bytes read and written by pointwise kernels
  std::int64_t allocations = 0;  // blocks asked of the caching allocator, by all threads
};

namespace base {
inline thread_local Stats thread_stats;
inline thread_local std::int64_t allocations_at_reset = 0;

inline void count_launch(std::int64_t bytes) {
  ++thread_stats.launches;
  ++thread_stats.passes;
  thread_stats.bytes += bytes;
}
inline void count_pass() { ++thread_stats.passes; }
}  // namespace base

/// This thread's counts.
inline Stats stats() {
  Stats out = base::thread_stats;
  out.allocations = allocator_stats().allocations - base::allocations_at_reset;
  return out;
}
/// Sets this thread's counts to zero.
inline void reset_stats() {
  base::thread_stats = {};
  base::allocations_at_reset = allocator_stats().allocations;
}

}  // namespace taper::inline TAPER_ABI
