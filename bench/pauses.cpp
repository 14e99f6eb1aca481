// SPDX-License-Identifier: MIT
// A parallel loop behind a pause, as in a program that works once per frame: the workers sleep, and must wake up in time.
#include "support/contest.hpp"

#include <taper/core/parallel.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

using namespace taper;
using bench::detail::Clock;

namespace {

double us_since(Clock::time_point start) { return std::chrono::duration<double, std::micro>(Clock::now() - start).count(); }

/// Chunks of 10 us, as many as the second argument says, behind as many us of sleep as the first says.
void loop_behind_pause(benchmark::State& state) {
  const auto caller = std::this_thread::get_id();
  std::vector<double> took, chunks_of_workers;
  for ([[maybe_unused]] auto _ : state) {
    std::this_thread::sleep_for(std::chrono::microseconds(state.range(0)));
    std::atomic<int> by_workers{0};
    const auto start = Clock::now();
    parallel_for(state.range(1), 1, [&](std::int64_t, std::int64_t) {
      const auto chunk = Clock::now();
      while (us_since(chunk) < 10) {}
      if (std::this_thread::get_id() != caller) ++by_workers;
    });
    took.push_back(us_since(start));
    chunks_of_workers.push_back(by_workers);
  }
  state.counters["1 us"] = bench::detail::median(took);
  state.counters["2 chunks of workers"] = bench::detail::median(chunks_of_workers);
}

}  // namespace

BENCHMARK(loop_behind_pause)->ArgsProduct({{1000, 5000, 16000}, {20, 64, 200}})->Iterations(200);

int main(int argc, char** argv) { return bench::run(argc, argv); }
