// SPDX-License-Identifier: MIT
// Parallel loops: chunks, nesting, exceptions, context, several users, forks.
#include <taper/core/parallel.hpp>

#include "tests/support/catch.hpp"

#if defined(__linux__)
#include <sched.h>
#endif
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

using namespace taper;

namespace {

using Chunks = std::vector<std::pair<std::int64_t, std::int64_t>>;

Chunks chunks_of(std::int64_t n, std::int64_t grain) {
  std::mutex mutex;
  Chunks out;
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end) {
    const std::lock_guard lock(mutex);
    out.emplace_back(begin, end);
  });
  std::sort(out.begin(), out.end());
  return out;
}

struct Threads {
  explicit Threads(int n) : before(get_num_threads()) { set_num_threads(n); }
  ~Threads() { set_num_threads(before); }
  int before;
};

}  // namespace

TEST_CASE("chunks depend on n and grain only") {
  for (const int threads : {1, 2, 3, 8}) {
    const Threads guard(threads);
    for (const std::int64_t n : {1, 2, 7, 64, 65, 1000})
      for (const std::int64_t grain : {1, 2, 7, 64, 2000}) {
        Chunks expected;
        for (std::int64_t k = 0; k * grain < n; ++k) expected.emplace_back(k * grain, std::min(n, (k + 1) * grain));
        REQUIRE(chunks_of(n, grain) == expected);
      }
    REQUIRE(chunks_of(0, 4).empty());
    REQUIRE(chunks_of(-3, 4).empty());
    REQUIRE(chunks_of(3, 0) == Chunks{{0, 1}, {1, 2}, {2, 3}});
    const std::int64_t most = std::numeric_limits<std::int64_t>::max();
    REQUIRE(chunks_of(most, most / 2) == Chunks{{0, most / 2}, {most / 2, most - 1}, {most - 1, most}});
  }
}

TEST_CASE("results reach the caller, at any number of threads, also after the workers went to sleep") {
  for (const int threads : {1, 2, 4, 16, 3, 1, 2}) {
    const Threads guard(threads);
    REQUIRE(get_num_threads() == threads);
    for (int repeat = 0; repeat < 200; ++repeat) {
      if (repeat % 50 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
      std::vector<int> out(300, 0);
      parallel_for(300, 7, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) out[static_cast<std::size_t>(i)] += static_cast<int>(i);
      });
      for (int i = 0; i < 300; ++i) REQUIRE(out[static_cast<std::size_t>(i)] == i);
    }
  }
}

TEST_CASE("two chunks run at the same time on two threads") {
  const Threads guard(2);
  std::atomic<int> arrived{0};
  std::atomic<bool> met{true};
  parallel_for(2, 1, [&](std::int64_t, std::int64_t) {
    ++arrived;
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (arrived < 2)
      if (std::chrono::steady_clock::now() > limit) {
        met = false;
        break;
      }
  });
  REQUIRE(met);
}

TEST_CASE("a function object is neither copied nor moved, and may be const") {
  struct Body {
    std::atomic<std::int64_t> sum{0};
    void operator()(std::int64_t begin, std::int64_t end) { sum += end - begin; }
  };
  const Threads guard(2);
  Body body;
  parallel_for(100, 3, body);
  REQUIRE(body.sum == 100);
  std::atomic<std::int64_t> sum{0};
  const auto constant = [&sum](std::int64_t begin, std::int64_t end) { sum += end - begin; };
  parallel_for(100, 3, constant);
  REQUIRE(sum == 100);
}

TEST_CASE("a loop inside a loop runs serially") {
  const Threads guard(4);
  REQUIRE(!in_parallel_region());
  std::atomic<int> inner{0}, strays{0};
  parallel_for(8, 1, [&](std::int64_t, std::int64_t) {
    if (!in_parallel_region()) ++strays;
    const auto self = std::this_thread::get_id();
    parallel_for(10, 1, [&](std::int64_t, std::int64_t) {
      ++inner;
      if (std::this_thread::get_id() != self) ++strays;
    });
  });
  REQUIRE(inner == 80);
  REQUIRE(strays == 0);
  REQUIRE(!in_parallel_region());
}

TEST_CASE("a serial region keeps loops on its thread") {
  const Threads guard(4);
  const auto self = std::this_thread::get_id();
  int count = 0;
  {
    const detail::SerialRegion region;
    REQUIRE(in_parallel_region());
    parallel_for(100, 1, [&](std::int64_t, std::int64_t) { count += std::this_thread::get_id() == self; });
  }
  REQUIRE(count == 100);
  REQUIRE(!in_parallel_region());
}

TEST_CASE("the first exception cancels the rest and reaches the caller") {
  for (const int threads : {1, 2, 4}) {
    const Threads guard(threads);
    int cancelled = 0;
    for (int repeat = 0; repeat < 100; ++repeat) {
      std::atomic<int> ran{0};
      REQUIRE_THROWS_AS(parallel_for(100000, 1,
                                     [&](std::int64_t begin, std::int64_t) {
                                       ++ran;
                                       if (begin == 5) throw std::out_of_range("five");
                                     }),
                        std::out_of_range);
      cancelled += ran < 100000;
      REQUIRE(!in_parallel_region());
    }
    REQUIRE(cancelled > 50);  // the thread that throws may be off its core while the others do all the rest
    // every chunk throws, on whatever thread
    REQUIRE_THROWS_AS(parallel_for(50, 1, [](std::int64_t, std::int64_t) { throw std::runtime_error("all"); }),
                      std::runtime_error);
    REQUIRE(chunks_of(10, 5) == Chunks{{0, 5}, {5, 10}});
  }
}

TEST_CASE("the caller's context travels with the task and no further") {
  const Threads guard(4);
  std::atomic<int> wrong{0};
  for (std::uint32_t flags = 1; flags < 100; ++flags) {
    detail::task_context.flags = flags;
    parallel_for(16, 1, [&](std::int64_t, std::int64_t) {
      if (detail::task_context.flags != flags) ++wrong;
    });
    REQUIRE(detail::task_context.flags == flags);
  }
  detail::task_context.flags = 0;
  REQUIRE(wrong == 0);
}

TEST_CASE("several user threads share the pool") {
  const Threads guard(3);
  std::atomic<std::int64_t> total{0};
  std::vector<std::thread> users;
  for (int u = 0; u < 4; ++u)
    users.emplace_back([&total] {
      for (int repeat = 0; repeat < 500; ++repeat) {
        std::atomic<std::int64_t> sum{0};
        parallel_for(100, 9, [&](std::int64_t begin, std::int64_t end) { sum += end - begin; });
        total += sum;
      }
    });
  for (std::thread& u : users) u.join();
  REQUIRE(total == 4 * 500 * 100);
}

#if defined(__linux__)
TEST_CASE("a worker does not stay on its waker's processor, and loses no other one") {
  cpu_set_t allowed;
  REQUIRE(sched_getaffinity(0, sizeof allowed, &allowed) == 0);
  if (CPU_COUNT(&allowed) < 2) return;
  const Threads guard(2);
  int together = 0, apart = 0;
  for (int round = 0; round < 100; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // the worker sleeps as well
    std::atomic<int> inside{0}, cpus[2] = {-1, -1};
    std::atomic<bool> kept{true};
    std::thread::id threads[2];
    parallel_for(2, 1, [&](std::int64_t k, std::int64_t) {
      threads[k] = std::this_thread::get_id(), cpus[k] = sched_getcpu();
      cpu_set_t own;
      if (sched_getaffinity(0, sizeof own, &own) != 0 || CPU_COUNT(&own) < CPU_COUNT(&allowed) - 1) kept = false;
      CPU_OR(&own, &own, &allowed);
      if (!CPU_EQUAL(&own, &allowed)) kept = false;
      ++inside;
      const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
      while (inside < 2 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    });
    CHECK(kept);
    if (threads[0] != threads[1]) ++(cpus[0] == cpus[1] ? together : apart);
  }
  CHECK(together <= apart);
}
#endif

TEST_CASE("a forked child starts anew") {
  const Threads guard(3);
  REQUIRE(chunks_of(10, 1).size() == 10);  // the parent's workers exist
  std::atomic<bool> stop{false};
  std::thread other([&stop] {  // and its pool may be in use by another thread
    while (!stop) parallel_for(4, 1, [](std::int64_t, std::int64_t) {});
  });
  int failures = 0;
  for (int i = 0; i < 10; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      std::atomic<int> arrived{0};
      std::atomic<std::int64_t> sum{0};
      parallel_for(2, 1, [&](std::int64_t, std::int64_t) {  // ends only if the child has a worker of its own
        ++arrived;
        while (arrived < 2) std::this_thread::yield();
      });
      for (int repeat = 0; repeat < 50; ++repeat)
        parallel_for(100, 9, [&](std::int64_t begin, std::int64_t end) { sum += end - begin; });
      _exit(sum == 50 * 100 ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) ++failures;
    if (chunks_of(10, 1).size() != 10) ++failures;
  }
  stop = true;
  other.join();
  REQUIRE(failures == 0);
}

TEST_CASE("the number of threads is at least one and follows the affinity mask") {
  REQUIRE(get_num_threads() >= 1);
  REQUIRE_THROWS_AS(set_num_threads(0), ValueError);
  REQUIRE_THROWS_AS(set_num_threads(-2), ValueError);
#if defined(__linux__)
  std::thread([] {
    cpu_set_t mask;
    REQUIRE(sched_getaffinity(0, sizeof mask, &mask) == 0);
    int first = 0;
    while (!CPU_ISSET(first, &mask)) ++first;
    CPU_ZERO(&mask);
    CPU_SET(first, &mask);
    REQUIRE(sched_setaffinity(0, sizeof mask, &mask) == 0);
    REQUIRE(detail::cpu_count() == 1);
  }).join();
#endif
}
