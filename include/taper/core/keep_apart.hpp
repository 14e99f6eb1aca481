// SPDX-License-Identifier: MIT
// Keeps the pool's workers off their caller's processor, where the system would put them there.
#pragma once

#include <taper/config.hpp>

#include <atomic>

#if defined(__linux__)
#include <sched.h>
#include <unistd.h>
#endif

namespace taper::inline TAPER_ABI::base::threads {

inline int current_cpu() noexcept {
#if defined(__linux__)
  return sched_getcpu();
#else
  return -1;
#endif
}

// Virtual machines may run a woken thread on its waker's processor while others are idle. It then stands behind its waker
// until that has used up its slice, some milliseconds later, and a loop of one millisecond is over by then. Where a worker
// has seen this happen, workers are barred from the processor that their caller runs on, by their affinity.
class KeepApart {
 public:
  // A worker's entry, on its stack. All but `next` belongs to who has the pool.
  struct Worker {
#if defined(__linux__)
    pid_t id = gettid();
    cpu_set_t mask{};  // as it was set here, without `barred`
#endif
    int barred = -1;
    Worker* next = nullptr;
  };

  void add(Worker& worker) noexcept {
    worker.next = workers_.load();
    while (!workers_.compare_exchange_weak(worker.next, &worker)) {}
  }
  void forget_workers() noexcept {
    workers_ = nullptr;
    barred_ = unneeded;
  }

  // By who is about to wake workers, and by one that has just woken up.
  void waking() noexcept { waker_.store(current_cpu(), std::memory_order_relaxed); }
  void woken() noexcept {
    if (const int cpu = current_cpu(); cpu >= 0 && cpu == waker_.load(std::memory_order_relaxed)) barred_ = nobody;
  }

  // By who has the pool, before its workers are wanted.
  void before_loop() noexcept {
    const int barred = barred_.load(std::memory_order_relaxed);
    if (barred == unneeded) return;
    if (const int cpu = current_cpu(); cpu >= 0 && cpu != barred) {
      barred_ = cpu;
      for (Worker* worker = workers_; worker; worker = worker->next) bar(*worker, cpu);
    }
  }

 private:
  static constexpr int nobody = -1, unneeded = -2;

  static void bar([[maybe_unused]] Worker& worker, [[maybe_unused]] int cpu) noexcept {
#if defined(__linux__)
    cpu_set_t mask;
    if (sched_getaffinity(worker.id, sizeof mask, &mask) != 0) return;
    // What was taken away comes back, unless somebody else has set the affinity since.
    if (worker.barred >= 0 && CPU_EQUAL(&mask, &worker.mask)) CPU_SET(worker.barred, &mask);
    worker.barred = CPU_ISSET(cpu, &mask) && CPU_COUNT(&mask) > 1 ? cpu : -1;
    if (worker.barred >= 0) CPU_CLR(cpu, &mask);
    sched_setaffinity(worker.id, sizeof mask, &mask);
    worker.mask = mask;
#endif
  }

  std::atomic<Worker*> workers_{nullptr};
  std::atomic<int> waker_{-1};
  std::atomic<int> barred_{unneeded};
};

}  // namespace taper::inline TAPER_ABI::base::threads
