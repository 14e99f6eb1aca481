// SPDX-License-Identifier: MIT
// A device whose kernels run in the emulator of simt_block.hpp.
#pragma once

#include <taper/backend/cuda/thrust_host.hpp>

#include <cstdlib>
#include <cstring>
#include <numeric>

#include "tests/support/catch.hpp"
#include "tests/support/simt_block.hpp"

namespace simt {

/// How kernels run. TAPER_SIMT=forward|reverse|shuffled[:threads] in the environment says how at the start.
struct Settings {
  Schedule schedule = Schedule::shuffled;
  int threads = 64;

  Settings() {
    const char* text = std::getenv("TAPER_SIMT");
    if (!text) return;
    schedule = *text == 'f' ? Schedule::forward : *text == 'r' ? Schedule::reverse : Schedule::shuffled;
    if (const char* colon = std::strchr(text, ':')) threads = std::atoi(colon + 1);
  }
};
inline Settings settings;

/// f(i) for all i below n, in a schedule's order: shuffled is i * step + start modulo n.
template <class F>
void each(std::int64_t n, const F& f) {
  std::int64_t step = 1, at = 0;
  if (settings.schedule == Schedule::reverse) {
    step = n - 1;
    at = n - 1;
  } else if (settings.schedule == Schedule::shuffled) {
    step = n / 3 * 2 + 1;
    while (std::gcd(step, n) != 1) ++step;
    at = n / 2;
  }
  for (std::int64_t i = 0; i < n; ++i) {
    f(at);
    at = (at + step) % n;
  }
}

/// f(threads) under every schedule, with two warps and with as many threads as on a device.
template <class F>
void under_every_schedule(const F& f) {
  const Settings before = settings;
  for (const Schedule schedule : {Schedule::forward, Schedule::reverse, Schedule::shuffled})
    for (const int threads : {64, 256}) {
      settings.schedule = schedule;
      settings.threads = threads;
      CAPTURE(static_cast<int>(schedule), threads);
      f(threads);
    }
  settings = before;
}

struct System : taper::base::ThrustHostMemory {
  static constexpr std::string_view name = "simt";
  static auto policy() { return thrust::cpp::par; }
  /// What nobody writes reads as NaN, -1 and true.
  static void* allocate(std::size_t bytes) {
    void* p = ThrustHostMemory::allocate(bytes);
    std::memset(p, 0xFF, bytes);
    return p;
  }
  template <class F>
  static void for_each(std::int64_t n, const F& f) {
    each(n, f);
  }
  template <class F>
  static void in_every_way(const F& f) {
    under_every_schedule([&f](int) { f(); });
  }
  template <class F>
  static void for_each_block(std::int64_t n, const F& f) {
    each(n, [&f](std::int64_t item) {
      Machine::here().run_block(
          settings.threads, settings.schedule,
          [](const void* kernel, const Block& block, std::int64_t i) { (*static_cast<const F*>(kernel))(block, i); },
          &f, item);
    });
  }
};

}  // namespace simt

using Simt = taper::BasicThrust<simt::System>;
