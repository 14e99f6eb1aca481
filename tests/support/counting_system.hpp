// SPDX-License-Identifier: MIT
// Thrust's system on the host, with its kernels and what it has given out counted.
#pragma once

#include <taper/backend/cuda/thrust_host.hpp>

#include <cstddef>
#include <cstdint>

struct CountingSystem : taper::ThrustCppSystem {
  static inline int launches = 0, held = 0;
  static void* allocate(std::size_t bytes) {
    ++held;
    return ThrustCppSystem::allocate(bytes);
  }
  static void deallocate(void* p, std::size_t bytes) noexcept {
    --held;
    ThrustCppSystem::deallocate(p, bytes);
  }
  template <class F>
  static void for_each(std::int64_t n, const F& f) {
    ++launches;
    ThrustCppSystem::for_each(n, f);
  }
  template <class F>
  static void for_each_block(std::int64_t n, const F& f) {
    ++launches;
    ThrustCppSystem::for_each_block(n, f);
  }
};
