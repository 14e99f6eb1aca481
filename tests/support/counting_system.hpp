// SPDX-License-Identifier: MIT
// Thrust's system on the host, with its kernels counted.
#pragma once

#include <taper/backend/cuda/thrust_host.hpp>

#include <cstdint>

struct CountingSystem : taper::ThrustCppSystem {
  static inline int launches = 0;
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
