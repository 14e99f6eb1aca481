// SPDX-License-Identifier: MIT
// Contenders measured in turn, so that a busy moment of the machine meets them all; medians, ratios, Markdown rows.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

namespace bench {

/// Keeps the compiler from leaving out what made a value, or from moving it out of the loop.
template <class T>
void keep(T&& value) {
  benchmark::DoNotOptimize(value);
}

/// A way to do the work, and its column's title.
template <class F>
struct Contender {
  const char* title;
  F run;
};
template <class F>
Contender(const char*, F) -> Contender<F>;

namespace detail {

using Clock = std::chrono::steady_clock;

/// Nanoseconds per call over `calls` calls.
template <class F>
double sample(F& run, int calls) {
  const auto start = Clock::now();
  for (int i = 0; i < calls; ++i) run();
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count() / calls;
}

/// As many calls as last 30 us, at least one: then reading the clock does not count.
template <class F>
int calls_per_sample(F& run) {
  int calls = 1;
  while (sample(run, calls) * calls < 30e3 && calls < (1 << 20)) calls *= 2;
  return calls;
}

inline double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace detail

/// Takes one sample of every contender per iteration. Columns: each one's median in ns per call, and the median of the
/// ratio of the first to the second where there are two or more. `scale` divides times: elements, for ns per element.
template <class... F>
void contest(benchmark::State& state, double scale, Contender<F>... contenders) {
  constexpr std::size_t count = sizeof...(F);
  std::vector<double> samples[count], ratios;
  const int calls[] = {detail::calls_per_sample(contenders.run)...};
  for ([[maybe_unused]] auto _ : state) {
    std::size_t i = 0;
    ((samples[i].push_back(detail::sample(contenders.run, calls[i])), ++i), ...);
    if constexpr (count > 1) ratios.push_back(samples[0].back() / samples[1].back());
  }
  std::size_t i = 0;
  ((state.counters[std::string(1, static_cast<char>('1' + i)) + " " + contenders.title] =
        detail::median(samples[i]) / scale,
    ++i),
   ...);
  if constexpr (count > 1) state.counters["ratio"] = detail::median(ratios);
}

/// Prints one Markdown table per family of benchmarks with equal columns.
class MarkdownReporter : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.error_occurred) {
        std::printf("| %s | %s |\n", run.benchmark_name().c_str(), run.error_message.c_str());
        continue;
      }
      std::string head = "| case |", rule = "| --- |",
                  row = "| " + run.run_name.function_name + " " + run.run_name.args + " |";
      for (const auto& [name, counter] : run.counters) {
        const bool numbered = name.size() > 2 && name[1] == ' ';
        head += " " + (numbered ? name.substr(2) : name) + " |";
        rule += " --: |";
        char text[32];
        std::snprintf(text, sizeof text,
                      counter.value < 10    ? " %.2f |"
                      : counter.value < 100 ? " %.1f |"
                                            : " %.0f |",
                      counter.value);
        row += text;
      }
      if (head != head_) std::printf("%s%s\n%s\n", head_.empty() ? "" : "\n", head.c_str(), rule.c_str());
      head_ = head;
      std::printf("%s\n", row.c_str());
      std::fflush(stdout);
    }
  }

 private:
  std::string head_;
};

/// What every program's main does: Google Benchmark's options, a Markdown table.
inline int run(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  MarkdownReporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::Shutdown();
  return 0;
}

}  // namespace bench
