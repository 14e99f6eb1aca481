// SPDX-License-Identifier: MIT
// The central store of the caching allocator: size classes, slabs, free blocks of all threads, and the way to the
// system.
#pragma once

#include <taper/config.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <pthread.h>
#include <unistd.h>

#if TAPER_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace taper::inline TAPER_ABI::base::heap {

// Every block is one of these sizes: multiples of 64 up to 1 KiB, then four sizes per power of two; from 16 KiB on with
// room for a tensor's headers and slack beside, so that a power of two of bytes wastes nothing. Small blocks are cut from
// slabs, the others are single allocations. Blocks up to 64 KiB are cached per thread; above that a lock is
// nothing beside the work done on the block.
inline constexpr std::size_t slack_bytes = 256;
inline constexpr std::size_t alignment = 64;
inline constexpr std::size_t roomy_bytes = std::size_t{1} << 14, room_beside = 1024;
inline constexpr unsigned small_classes = 16;
inline constexpr unsigned slab_classes = TAPER_ASAN ? 0 : small_classes;  // the leak checker sees single blocks
inline constexpr unsigned cached_classes = small_classes + 4 * 6;
inline constexpr unsigned size_classes = small_classes + 4 * 37;
inline constexpr std::size_t max_block_bytes = std::size_t{1} << 47;
inline constexpr std::size_t slab_bytes = std::size_t{1} << 18;

// The system lets all large blocks begin at one place of their pages. A kernel that walks more of them side by side
// than the first-level cache has ways (8 to 12) then pushes its own lines out. So blocks above the cached classes begin
// at lines of their pages spread by the golden section; the word in front of a block says where its memory begins.
inline constexpr std::size_t page_bytes = 4096, color_step = 25 * alignment;

TAPER_INLINE constexpr unsigned size_class(std::size_t block) noexcept {
  if (block <= small_classes * alignment) return block == 0 ? 0u : static_cast<unsigned>((block - 1) / alignment);
  if (block > roomy_bytes) block = block > roomy_bytes + room_beside ? block - room_beside : roomy_bytes + 1;
  const auto exponent = static_cast<unsigned>(std::bit_width(block - 1)) - 1;  // 10 or more
  return small_classes + 4 * (exponent - 10) + static_cast<unsigned>(((block - 1) >> (exponent - 2)) & 3);
}
TAPER_INLINE constexpr std::size_t class_bytes(unsigned c) noexcept {
  if (c < small_classes) return (c + 1) * alignment;
  const unsigned step = c - small_classes;
  const std::size_t bytes = std::size_t{5 + step % 4} << (step / 4 + 8);
  return bytes > roomy_bytes ? bytes + room_beside : bytes;
}
// How many free blocks of one class a thread keeps at most.
constexpr std::uint32_t bin_limit(unsigned c) noexcept {
  const std::size_t n = (std::size_t{128} << 10) / class_bytes(c);
  return static_cast<std::uint32_t>(n < 4 ? 4 : n > 256 ? 256 : n);
}

// The link to the next free block lies in the block: in its first word, which is touched next anyway; under address
// sanitizer in its last, so that all that a user could see is poisoned while the leak checker can follow the chain.
TAPER_INLINE void*& next_block(void* p, unsigned c) noexcept {
  return *reinterpret_cast<void**>(static_cast<char*>(p) + (TAPER_ASAN ? class_bytes(c) - sizeof(void*) : 0));
}
inline void poison([[maybe_unused]] const void* p, [[maybe_unused]] std::size_t bytes) noexcept {
#if TAPER_ASAN
  __asan_poison_memory_region(p, bytes);
#endif
}
inline void unpoison([[maybe_unused]] const void* p, [[maybe_unused]] std::size_t bytes) noexcept {
#if TAPER_ASAN
  __asan_unpoison_memory_region(p, bytes);
#endif
}

// Free blocks of one class in the central store.
struct FreeList {
  void* head = nullptr;
  std::uint64_t last_use = 0;
};

struct ThreadCache;

struct Slab {
  Slab* next;
  Slab* previous;
  void* free;
  std::uint32_t used;  // blocks handed out
  std::uint32_t end;   // where untouched memory begins
};
static_assert(sizeof(Slab) <= alignment);

// All of it is initialised at compile time and never destroyed: usable before, during and after main.
struct Central {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  bool prepared = false;  // the fork handlers are installed
  Slab* partial[small_classes] = {};
  Slab* empty_slabs = nullptr;
  FreeList single[size_classes];
  std::uint64_t clock = 0;
  std::size_t color = 0;   // of the next large block
  std::size_t cached = 0;  // bytes of empty slabs and single blocks
  std::size_t limit = 0;   // 0: not yet decided
  ThreadCache* caches = nullptr;
  ThreadCache* idle_caches = nullptr;
  std::int64_t system_allocations = 0;
  std::int64_t small_free = 0;  // bytes of free blocks in slabs that are partly in use
  std::int64_t late_net = 0;    // what threads did after their cache was gone
  std::int64_t late_allocations = 0;
  std::int64_t live = 0;  // the published parts of all threads
  std::int64_t peak = 0;
};
inline constinit Central central;

struct CentralLock {
  CentralLock() noexcept { pthread_mutex_lock(&central.mutex); }
  ~CentralLock() { pthread_mutex_unlock(&central.mutex); }
  CentralLock(const CentralLock&) = delete;
  CentralLock& operator=(const CentralLock&) = delete;
};

// A forked child has the forking thread alone: it must not find the lock held by one that is gone.
inline void install_fork_handlers() noexcept {
  pthread_atfork([] { pthread_mutex_lock(&central.mutex); }, [] { pthread_mutex_unlock(&central.mutex); },
                 [] { pthread_mutex_unlock(&central.mutex); });
}

// The functions below are called with the central lock held.

inline std::size_t physical_memory() noexcept {
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  return pages > 0 && page > 0 ? static_cast<std::size_t>(pages) * static_cast<std::size_t>(page)
                               : std::size_t{1} << 32;
}

inline void give_to_system(void* p, std::size_t bytes, void* begin) noexcept {
  unpoison(p, bytes);
  std::free(begin);
}
inline void*& begin_of_colored(void* p) noexcept { return static_cast<void**>(p)[-1]; }

// Gives memory back until no more than `limit` bytes are cached: of the size class used longest ago first.
inline void trim(std::size_t limit) noexcept {
  while (central.cached > limit) {
    FreeList* oldest = nullptr;
    for (FreeList& list : central.single)
      if (list.head && (!oldest || list.last_use < oldest->last_use)) oldest = &list;
    if (oldest) {
      const auto c = static_cast<unsigned>(oldest - central.single);
      void* p = oldest->head;
      oldest->head = next_block(p, c);
      central.cached -= class_bytes(c);
      give_to_system(p, class_bytes(c), c < cached_classes ? p : begin_of_colored(p));
    } else {
      Slab* slab = central.empty_slabs;
      central.empty_slabs = slab->next;
      central.cached -= slab_bytes;
      give_to_system(slab, slab_bytes, slab);
    }
  }
}

inline void trim_to_limit() noexcept {
  if (central.limit == 0) central.limit = physical_memory() / 4;
  if (central.cached > central.limit) trim(central.limit);
}

// Null when even an emptied cache leaves the system without memory. What no machine could mean is not asked for: the
// sanitizers abort where the system would refuse.
inline void* take_from_system(std::size_t align, std::size_t bytes) noexcept {
  if (bytes >> 32 != 0 && bytes / 4 > physical_memory()) return nullptr;
  ++central.system_allocations;
  void* p = std::aligned_alloc(align, bytes);
  if (!p && central.cached > 0) {
    trim(0);
    p = std::aligned_alloc(align, bytes);
  }
  return p;
}

inline void unlink(Slab* slab, unsigned c) noexcept {
  (slab->previous ? slab->previous->next : central.partial[c]) = slab->next;
  if (slab->next) slab->next->previous = slab->previous;
}
inline void link(Slab* slab, unsigned c) noexcept {
  slab->previous = nullptr;
  slab->next = central.partial[c];
  if (slab->next) slab->next->previous = slab;
  central.partial[c] = slab;
}
inline bool exhausted(const Slab* slab, unsigned c) noexcept {
  return !slab->free && slab->end + class_bytes(c) > slab_bytes;
}

inline Slab* new_slab(unsigned c) noexcept {
  Slab* slab = central.empty_slabs;
  if (slab) {
    central.empty_slabs = slab->next;
    central.cached -= slab_bytes;
  } else {
    slab = static_cast<Slab*>(take_from_system(slab_bytes, slab_bytes));
    if (!slab) return nullptr;
    poison(reinterpret_cast<char*>(slab) + alignment, slab_bytes - alignment);
  }
  slab->free = nullptr;
  slab->used = 0;
  slab->end = alignment;
  link(slab, c);
  return slab;
}

inline void* take_small(unsigned c) noexcept {
  Slab* slab = central.partial[c] ? central.partial[c] : new_slab(c);
  if (!slab) return nullptr;
  void* p = slab->free;
  if (p) {
    slab->free = next_block(p, c);
    central.small_free -= static_cast<std::int64_t>(class_bytes(c));
  } else {
    p = reinterpret_cast<char*>(slab) + slab->end;
    slab->end += static_cast<std::uint32_t>(class_bytes(c));
    unpoison(&next_block(p, c), sizeof(void*));
  }
  ++slab->used;
  if (exhausted(slab, c)) unlink(slab, c);
  return p;
}

inline void give_small(void* p, unsigned c) noexcept {
  auto* slab = reinterpret_cast<Slab*>(reinterpret_cast<std::uintptr_t>(p) & ~(std::uintptr_t{slab_bytes} - 1));
  if (exhausted(slab, c)) link(slab, c);
  next_block(p, c) = slab->free;
  slab->free = p;
  central.small_free += static_cast<std::int64_t>(class_bytes(c));
  if (--slab->used == 0) {
    unlink(slab, c);
    central.small_free -= static_cast<std::int64_t>((slab->end - alignment) / class_bytes(c) * class_bytes(c));
    poison(reinterpret_cast<char*>(slab) + alignment, slab_bytes - alignment);
    slab->next = central.empty_slabs;
    central.empty_slabs = slab;
    central.cached += slab_bytes;
    trim_to_limit();
  }
}

inline void* take_colored(unsigned c) noexcept {
  void* begin = take_from_system(alignment, class_bytes(c) + page_bytes);
  if (!begin) return nullptr;
  central.color = (central.color + color_step) % page_bytes;
  void* p = static_cast<char*>(begin) + (central.color == 0 ? page_bytes : central.color);
  begin_of_colored(p) = begin;
  return p;
}

inline void* take_single(unsigned c) noexcept {
  FreeList& list = central.single[c];
  list.last_use = ++central.clock;
  if (void* p = list.head) {
    list.head = next_block(p, c);
    central.cached -= class_bytes(c);
    return p;
  }
  void* p = c < cached_classes ? take_from_system(alignment, class_bytes(c)) : take_colored(c);
  if (p) poison(p, class_bytes(c) - sizeof(void*));
  return p;
}

inline void give_single(void* p, unsigned c) noexcept {
  FreeList& list = central.single[c];
  list.last_use = ++central.clock;
  next_block(p, c) = list.head;
  list.head = p;
  central.cached += class_bytes(c);
}

inline void* take(unsigned c) noexcept { return c < slab_classes ? take_small(c) : take_single(c); }
inline void give(void* p, unsigned c) noexcept { c < slab_classes ? give_small(p, c) : give_single(p, c); }

inline void publish(std::int64_t bytes) noexcept {
  central.live += bytes;
  if (central.live > central.peak) central.peak = central.live;
}
}  // namespace taper::inline TAPER_ABI::base::heap
