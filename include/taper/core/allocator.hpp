// SPDX-License-Identifier: MIT
// The caching allocator of host memory: per-thread lists by size class over a central store, usable before and after
// main.
#pragma once

#include <taper/config.hpp>
#include <taper/core/central_store.hpp>
#include <taper/core/error.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

namespace taper::inline TAPER_ABI {

/// What the allocator of host memory has done so far, over all threads.
struct AllocatorStats {
  std::int64_t system_allocations = 0;  // requests that reached the system
  std::int64_t cached_bytes = 0;        // free, and kept for the next request
  std::int64_t allocated_bytes = 0;     // in use, slack and rounding included
  std::int64_t peak_bytes = 0;          // the largest allocated_bytes, to within what thread caches hold
  std::int64_t allocations = 0;         // requests served
};

namespace base::heap {

// A counter with one writer: other threads may read it, and it costs what a plain one costs.
template <class T>
class OwnCounter {
 public:
  TAPER_INLINE T get() const noexcept { return __atomic_load_n(&value_, __ATOMIC_RELAXED); }
  TAPER_INLINE void add(T n) noexcept { __atomic_store_n(&value_, static_cast<T>(get() + n), __ATOMIC_RELAXED); }

 private:
  T value_ = 0;  // not std::atomic, whose functions are not inlined at -O0
};

// A thread's free blocks of one class. It keeps as many as it has shown to need: `room` grows when it runs out, so that a
// thread that only gives back what others allocate (batches from data workers) passes it on soon.
struct Bin {
  void* head = nullptr;
  OwnCounter<std::uint32_t> count;
  std::uint32_t room = 4;
};

struct ThreadCache {
  Bin bins[cached_classes];
  OwnCounter<std::int64_t> allocations;
  OwnCounter<std::int64_t> net;  // bytes allocated minus bytes freed by this thread
  std::int64_t published = 0;    // the part of net that the central store has seen
  ThreadCache* next = nullptr;   // all caches ever made
  ThreadCache* idle = nullptr;   // those whose thread has ended, for the next thread
};

// Null before a thread's first request and after its last thread_local object; both lead to the slow path.
inline constinit thread_local ThreadCache* thread_cache = nullptr;
inline constinit thread_local bool thread_cache_gone = false;

// These two: with the central lock held.

inline void publish(ThreadCache& cache) noexcept {
  publish(cache.net.get() - cache.published);
  cache.published = cache.net.get();
}

inline void spill(ThreadCache& cache, unsigned c, std::uint32_t keep) noexcept {
  Bin& bin = cache.bins[c];
  while (bin.count.get() > keep) {
    void* p = bin.head;
    bin.head = next_block(p, c);
    bin.count.add(static_cast<std::uint32_t>(-1));
    give(p, c);
  }
  trim_to_limit();
}

// Lock taken by the functions below.

inline void flush(ThreadCache& cache) noexcept {
  const CentralLock lock;
  for (unsigned c = 0; c < cached_classes; ++c) spill(cache, c, 0);
  publish(cache);
}

// At a thread's end its blocks go home and its record waits for another thread.
struct ThreadExit {
  ~ThreadExit() {
    ThreadCache* cache = thread_cache;
    thread_cache = nullptr;
    thread_cache_gone = true;
    flush(*cache);
    const CentralLock lock;
    cache->idle = central.idle_caches;
    central.idle_caches = cache;
  }
};

TAPER_COLD inline ThreadCache* attach_thread() noexcept {
  if (thread_cache_gone) return nullptr;
  ThreadCache* cache = nullptr;
  bool prepared;
  {
    const CentralLock lock;
    prepared = central.prepared;
    central.prepared = true;
    cache = central.idle_caches;
    if (cache) {
      central.idle_caches = cache->idle;
    } else {
      void* p = take_from_system(alignment, (sizeof(ThreadCache) + alignment - 1) / alignment * alignment);
      if (!p) return nullptr;
      cache = ::new (p) ThreadCache;
      cache->next = central.caches;
      central.caches = cache;
    }
  }
  if (!prepared) install_fork_handlers();
  thread_cache = cache;
  static thread_local ThreadExit at_thread_exit;
  (void)&at_thread_exit;
  return cache;
}

[[gnu::noinline]] inline void* allocate_slow(unsigned c) noexcept {
  ThreadCache* cache = thread_cache ? thread_cache : attach_thread();
  const auto bytes = static_cast<std::int64_t>(class_bytes(c));
  const CentralLock lock;
  void* p = take(c);
  if (!p) return nullptr;
  if (!cache) {
    central.late_net += bytes;
    ++central.late_allocations;
    publish(bytes);
    return p;
  }
  cache->net.add(bytes);
  cache->allocations.add(1);
  publish(*cache);
  if (c >= cached_classes) return p;
  Bin& bin = cache->bins[c];
  const std::uint32_t wanted = c < slab_classes ? 2 * bin.room : bin.room + 1;
  bin.room = wanted < bin_limit(c) ? wanted : bin_limit(c);
  if (c < slab_classes) {  // single allocations are fetched one by one: what is not needed is not asked of the system
    for (std::uint32_t i = bin.room / 2; i > 1; --i) {
      void* q = take(c);
      if (!q) break;
      next_block(q, c) = bin.head;
      bin.head = q;
      bin.count.add(1);
    }
  }
  return p;
}

[[gnu::noinline]] inline void deallocate_slow(void* p, unsigned c) noexcept {
  ThreadCache* cache = thread_cache ? thread_cache : attach_thread();
  const auto bytes = static_cast<std::int64_t>(class_bytes(c));
  const CentralLock lock;
  if (cache) {
    cache->net.add(-bytes);
    publish(*cache);
    if (c < cached_classes) spill(*cache, c, cache->bins[c].room / 2);
  } else {
    central.late_net -= bytes;
    publish(-bytes);
  }
  give(p, c);
  trim_to_limit();
}

inline std::int64_t live_bytes() noexcept {
  const CentralLock lock;
  return central.live;
}

[[noreturn]] TAPER_COLD inline void out_of_memory(std::size_t bytes) {
  raise<MemoryError>("allocate", "the system refuses ", bytes, " bytes beside the ", live_bytes(),
                     " in use; use smaller tensors or batches");
}

}  // namespace base::heap

namespace base {

using heap::slack_bytes;

/// A 64-byte aligned block for `bytes` bytes of an object of Taper's own, without slack behind it.
inline void* allocate_object(std::size_t bytes) {
  using namespace heap;
  if (bytes > max_block_bytes) out_of_memory(bytes);
  const unsigned c = size_class(bytes);
  void* p = nullptr;
  ThreadCache* cache = thread_cache;
  if (cache && c < cached_classes && cache->bins[c].head) [[likely]] {
    Bin& bin = cache->bins[c];
    p = bin.head;
    bin.head = next_block(p, c);
    bin.count.add(static_cast<std::uint32_t>(-1));
    cache->net.add(static_cast<std::int64_t>(class_bytes(c)));
    cache->allocations.add(1);
  } else {
    p = allocate_slow(c);
    if (!p) [[unlikely]]
      out_of_memory(bytes);
  }
  poison(&next_block(p, c), sizeof(void*));
  unpoison(p, bytes);
  return p;
}

/// Gives back a block of allocate_object, from any thread; `bytes` as it was asked for.
inline void deallocate_object(void* p, std::size_t bytes) noexcept {
  using namespace heap;
  const unsigned c = size_class(bytes);
  poison(p, class_bytes(c));
  unpoison(&next_block(p, c), sizeof(void*));
  ThreadCache* cache = thread_cache;
  if (cache && c < cached_classes && cache->bins[c].count.get() < cache->bins[c].room) [[likely]] {
    Bin& bin = cache->bins[c];
    next_block(p, c) = bin.head;
    bin.head = p;
    bin.count.add(1);
    cache->net.add(-static_cast<std::int64_t>(class_bytes(c)));
  } else {
    deallocate_slow(p, c);
  }
}

/// The bytes that allocate(bytes) really gives, slack included.
constexpr std::size_t capacity(std::size_t bytes) noexcept {
  return heap::class_bytes(heap::size_class(bytes + slack_bytes));
}

/// A 64-byte aligned block for the data of a tensor: `bytes` bytes, and at least 256 more that may be read and written.
/// Throws: MemoryError when the system has no more.
inline void* allocate(std::size_t bytes) {
  if (bytes > heap::max_block_bytes - slack_bytes) heap::out_of_memory(bytes);
  void* p = allocate_object(bytes + slack_bytes);
  heap::poison(static_cast<char*>(p) + bytes, slack_bytes);
  return p;
}

/// Gives back a block of allocate, from any thread; `bytes` as it was asked for.
inline void deallocate(void* p, std::size_t bytes) noexcept { deallocate_object(p, bytes + slack_bytes); }

}  // namespace base

/// Counts of the allocator of host memory, over all threads; exact when no other thread is allocating.
inline AllocatorStats allocator_stats() {
  using namespace base::heap;
  AllocatorStats out;
  const CentralLock lock;
  out.system_allocations = central.system_allocations;
  out.cached_bytes = static_cast<std::int64_t>(central.cached) + central.small_free;
  out.allocated_bytes = central.late_net;
  out.allocations = central.late_allocations;
  for (const ThreadCache* cache = central.caches; cache; cache = cache->next) {
    out.allocated_bytes += cache->net.get();
    out.allocations += cache->allocations.get();
    for (unsigned c = 0; c < cached_classes; ++c)
      out.cached_bytes += static_cast<std::int64_t>(cache->bins[c].count.get() * class_bytes(c));
  }
  out.peak_bytes = out.allocated_bytes > central.peak ? out.allocated_bytes : central.peak;
  return out;
}

/// From here on peak_bytes is the largest allocated_bytes since this call.
inline void reset_peak_memory_stats() {
  const std::int64_t now = allocator_stats().allocated_bytes;
  const base::heap::CentralLock lock;
  base::heap::central.peak = now;
}

/// Gives the free memory of the calling thread and of the central store back to the system. Other threads keep the few
/// MiB of their own lists.
inline void empty_cache() {
  if (base::heap::thread_cache) base::heap::flush(*base::heap::thread_cache);
  const base::heap::CentralLock lock;
  base::heap::trim(0);
}

/// How many bytes of free memory the central store keeps before it gives some back to the system; by default a quarter
/// of the machine's memory. 0 keeps nothing.
inline void set_cache_limit(std::size_t bytes) {
  const base::heap::CentralLock lock;
  base::heap::central.limit = bytes == 0 ? 1 : bytes;
  base::heap::trim(base::heap::central.limit);
}

}  // namespace taper::inline TAPER_ABI
