// SPDX-License-Identifier: MIT
// Workers barred from their caller's processor: when, from which, and what of their affinity stays.
#include <taper/core/keep_apart.hpp>

#include "tests/support/catch.hpp"

#if defined(__linux__)
#include <sched.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

using namespace taper;
using base::threads::KeepApart;

namespace {

cpu_set_t affinity() {
  cpu_set_t set;
  REQUIRE(sched_getaffinity(0, sizeof set, &set) == 0);
  return set;
}
void set_affinity(const cpu_set_t& set) { REQUIRE(sched_setaffinity(0, sizeof set, &set) == 0); }
void go_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  set_affinity(set);
}
std::vector<int> processors(const cpu_set_t& set) {
  std::vector<int> out;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) out.push_back(cpu);
  return out;
}

/// A thread that does one thing after the other, while its caller waits.
class Thread {
 public:
  Thread() : thread_([this] { run(); }) {}
  ~Thread() {
    (*this)([this] { ends_ = true; });
    thread_.join();
  }
  void operator()(std::function<void()> f) {
    std::unique_lock lock(mutex_);
    next_ = std::move(f);
    changed_.notify_all();
    changed_.wait(lock, [this] { return !next_; });
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!ends_) {
      changed_.wait(lock, [this] { return !!next_; });
      next_();
      next_ = nullptr;
      changed_.notify_all();
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> next_;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace

TEST_CASE("workers are barred from their caller's processor once one has woken up there") {
  const cpu_set_t allowed = affinity();
  const std::vector<int> all = processors(allowed);
  if (all.size() < 2) return;
  const int here = all[0], there = all[1];
  KeepApart apart;
  KeepApart::Worker entry;
  Thread worker;
  const auto of_worker = [&] {
    cpu_set_t set;
    worker([&] { set = affinity(); });
    return processors(set);
  };
  const auto all_but = [&](int cpu) {
    std::vector<int> out = all;
    std::erase(out, cpu);
    return out;
  };
  worker([&] {
    entry = KeepApart::Worker();
    apart.add(entry);
  });

  go_to(here);
  apart.before_loop();
  CHECK(of_worker() == all);
  apart.waking();
  worker([&] {
    go_to(there);
    apart.woken();
    set_affinity(allowed);
  });
  apart.before_loop();
  CHECK(of_worker() == all);

  worker([&] {
    go_to(here);
    apart.woken();
    set_affinity(allowed);
  });
  CHECK(of_worker() == all);
  apart.before_loop();
  CHECK(of_worker() == all_but(here));
  go_to(there);
  apart.before_loop();
  CHECK(of_worker() == all_but(there));

  // Somebody else gives the worker an affinity: it is taken for what it may use from then on.
  worker([&] { go_to(there); });
  go_to(here);
  apart.before_loop();
  CHECK(of_worker() == std::vector{there});
  go_to(there);
  apart.before_loop();
  CHECK(of_worker() == std::vector{there});  // its only one
  worker([&] { set_affinity(allowed); });
  go_to(here);
  apart.before_loop();
  CHECK(of_worker() == all_but(here));
  set_affinity(allowed);
}
#endif
