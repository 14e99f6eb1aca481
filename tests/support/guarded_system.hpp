// SPDX-License-Identifier: MIT
// A device whose memory the host cannot touch, as a GPU's, although it is the host's: its pages allow no access but
// while the backend moves bytes, runs kernels, or has Thrust work under its policy. What reaches for it in between ends
// by SIGSEGV.
#pragma once

#include <taper/backend/cuda/thrust_host.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace guarded {

/// All memory of such devices. Open while anybody holds an Access, to all threads.
class Arena {
 public:
  static Arena& get() {
    static Arena* const arena = new Arena;  // outlives all statics
    return *arena;
  }

  void* allocate(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const std::size_t size = rounded(bytes);
    if (size > largest_) largest_ = size;
    std::vector<std::byte*>& free = free_[size];
    std::byte* out = nullptr;
    if (!free.empty()) {
      out = free.back();
      free.pop_back();
    } else {
      if (size > capacity - used_) throw std::bad_alloc();
      out = base_ + used_;
      used_ += size;
      if (holders_ > 0) protect(PROT_READ | PROT_WRITE);
    }
    return out;
  }
  void deallocate(void* p, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    free_[rounded(bytes)].push_back(static_cast<std::byte*>(p));
  }
  /// The most that was asked for at once since the last call.
  std::size_t largest() {
    const std::lock_guard lock(mutex_);
    return std::exchange(largest_, 0);
  }
  void hold() {
    const std::lock_guard lock(mutex_);
    if (holders_++ == 0) protect(PROT_READ | PROT_WRITE);
  }
  void release() {
    const std::lock_guard lock(mutex_);
    if (--holders_ == 0) protect(PROT_NONE);
  }

 private:
  static constexpr std::size_t capacity = std::size_t{16} << 30;  // addresses, not memory

  Arena() {
    void* p = mmap(nullptr, capacity, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    base_ = static_cast<std::byte*>(p);
  }
  static std::size_t rounded(std::size_t bytes) { return (bytes > 0 ? bytes + 63 : 64) / 64 * 64; }
  void protect(int access) const {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    if (used_ > 0 && mprotect(base_, (used_ + page - 1) / page * page, access) != 0) throw std::bad_alloc();
  }

  std::mutex mutex_;
  std::map<std::size_t, std::vector<std::byte*>> free_;
  std::byte* base_ = nullptr;
  std::size_t used_ = 0, largest_ = 0;
  int holders_ = 0;
};

/// While one lives, the memory can be touched.
struct Access {
  Access() { Arena::get().hold(); }
  Access(const Access&) : Access() {}
  Access& operator=(const Access&) = default;
  ~Access() { Arena::get().release(); }
};

/// A Thrust policy that gives access for as long as it lives: to the end of the call that it is made for.
template <class P>
struct OpenPolicy : P {
  explicit OpenPolicy(const P& policy) : P(policy) {}
  Access access;
};

/// A system of the host's, guarded.
template <class Base>
struct System {
  static constexpr std::string_view name = "guarded";
  static constexpr int dlpack_type = 12;  // kDLExtDev
  static int dlpack_index(const void*) { return 0; }
  static auto policy() { return OpenPolicy<decltype(Base::policy())>(Base::policy()); }

  /// What nobody writes reads as NaN, -1 and true.
  static void* allocate(std::size_t bytes) {
    void* p = Arena::get().allocate(bytes);
    const Access access;
    std::memset(p, 0xFF, bytes);
    return p;
  }
  static void* allocate_shared(std::size_t bytes) { return Base::allocate_shared(bytes); }
  static bool finished() { return true; }
  static void deallocate(void* p, std::size_t bytes) noexcept { Arena::get().deallocate(p, bytes); }
  static void to_host(void* host, const void* device, std::size_t bytes) {
    const Access access;
    Base::to_host(host, device, bytes);
  }
  static void from_host(void* device, const void* host, std::size_t bytes) {
    const Access access;
    Base::from_host(device, host, bytes);
  }
  static void copy(void* to, const void* from, std::size_t bytes) {
    const Access access;
    Base::copy(to, from, bytes);
  }
  static void zero(void* p, std::size_t bytes) {
    const Access access;
    Base::zero(p, bytes);
  }
  template <class F>
  static void for_each(std::int64_t n, const F& f) {
    const Access access;
    Base::for_each(n, f);
  }
  template <class F>
  static void for_each_block(std::int64_t n, const F& f) {
    const Access access;
    Base::for_each_block(n, f);
  }
};

}  // namespace guarded

using Guarded = taper::BasicThrust<guarded::System<taper::ThrustCppSystem>>;
