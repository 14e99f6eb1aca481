// SPDX-License-Identifier: MIT
// Where random numbers come from: a seed and a count of what was taken, and the default generator of the process.
#pragma once

#include <taper/config.hpp>
#include <taper/core/box_muller.hpp>
#include <taper/core/philox.hpp>
#include <taper/core/random_fill.hpp>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <vector>

#include <unistd.h>
#if defined(__linux__)
#include <sys/random.h>
#endif

namespace taper::inline TAPER_ABI {

/// All that a generator remembers; save it with a checkpoint.
struct GeneratorState {
  std::uint64_t seed = 0, offset = 0;
  friend bool operator==(const GeneratorState&, const GeneratorState&) = default;
};

/// A source of random numbers. Filling a tensor takes one stream (seed, offset), in which every element has its own
/// number. Several threads may take streams from one generator at once. It also draws single numbers, and serves as a
/// generator for the standard library's algorithms.
class Generator {
 public:
  static constexpr std::uint64_t default_seed = 67280421310721;

  constexpr explicit Generator(std::uint64_t seed = default_seed) noexcept : seed_(seed), offset_(0) {}
  Generator(const Generator& other) noexcept : seed_(other.seed_.load()), offset_(other.offset_.load()) {}
  Generator& operator=(const Generator& other) noexcept {
    set_state(other.state());
    return *this;
  }

  /// Begins anew with this seed.
  void manual_seed(std::uint64_t seed) noexcept { set_state({seed, 0}); }
  /// Begins anew with a seed from the system, and returns it.
  std::uint64_t seed();
  std::uint64_t initial_seed() const noexcept { return seed_.load(std::memory_order_relaxed); }

  GeneratorState state() const noexcept { return {initial_seed(), offset_.load(std::memory_order_relaxed)}; }
  void set_state(const GeneratorState& state) noexcept {
    seed_.store(state.seed, std::memory_order_relaxed);
    offset_.store(state.offset, std::memory_order_relaxed);
  }

  /// Takes n streams; returns the offset of the first.
  std::uint64_t reserve(std::uint64_t n = 1) noexcept { return offset_.fetch_add(n, std::memory_order_relaxed); }
  /// Takes one stream: its seed and offset.
  GeneratorState take() noexcept { return {initial_seed(), reserve()}; }

  /// One number uniform in [low, high).
  TAPER_COMPUTES double uniform(double low = 0, double high = 1) noexcept {
    const std::uint64_t bits = (*this)();
    const double u =
        detail::random::unit_double(static_cast<std::uint32_t>(bits), static_cast<std::uint32_t>(bits >> 32));
    const double value = low + u * (high - low);
    return value < high ? value : low;
  }
  /// One normal number.
  TAPER_COMPUTES double normal(double mean = 0, double deviation = 1) noexcept {
    const PhiloxBlock b = philox(initial_seed(), reserve(), 0);
    return mean + deviation * detail::random::normal<double>(b[0] | std::uint64_t{b[1]} << 32,
                                                             b[2] | std::uint64_t{b[3]} << 32, false);
  }
  /// One integer in [low, high).
  TAPER_COMPUTES std::int64_t integer(std::int64_t low, std::int64_t high) noexcept {
    return detail::random::bounded((*this)(), low, high);
  }
  /// True with probability p.
  TAPER_COMPUTES bool bernoulli(double p) noexcept {
    return detail::random::bernoulli(static_cast<std::uint32_t>((*this)()), detail::random::bernoulli_threshold(p));
  }

  using result_type = std::uint64_t;
  static constexpr result_type min() noexcept { return 0; }
  static constexpr result_type max() noexcept { return ~result_type{0}; }
  result_type operator()() noexcept { return base::random::bits64(initial_seed(), reserve(), 0); }

 private:
  friend Generator& default_generator() noexcept;
  std::atomic<std::uint64_t> seed_, offset_;
};

namespace base {

/// A seed that no other run has.
inline std::uint64_t system_seed() noexcept {
  std::uint64_t seed = 0;
#if defined(__linux__)
  if (getrandom(&seed, sizeof seed, 0) == static_cast<ssize_t>(sizeof seed)) return seed;
#endif
  const auto now = static_cast<std::uint64_t>(std::time(nullptr));
  const PhiloxBlock b = philox(now, static_cast<std::uint64_t>(std::clock()), static_cast<std::uint64_t>(getpid()));
  return b[0] | std::uint64_t{b[1]} << 32;
}

/// A seed of its own for each (a, b) under one seed, such as (epoch, index) of a sample.
constexpr std::uint64_t mix_seed(std::uint64_t seed, std::uint64_t a, std::uint64_t b) noexcept {
  const PhiloxBlock block = philox(seed, a, b);
  return block[2] | std::uint64_t{block[3]} << 32;
}

inline constinit Generator shared_generator;  // never destroyed
inline constinit std::atomic<bool> shared_generator_seeded{false};

}  // namespace base

inline std::uint64_t Generator::seed() {
  const std::uint64_t seed = base::system_seed();
  manual_seed(seed);
  return seed;
}

/// The generator that functions use when none is given. Until manual_seed is called every run of a program differs.
inline Generator& default_generator() noexcept {
  if (!base::shared_generator_seeded.load(std::memory_order_acquire)) [[unlikely]] {
    std::uint64_t unseeded = Generator::default_seed;
    base::shared_generator.seed_.compare_exchange_strong(unseeded, base::system_seed());
    base::shared_generator_seeded.store(true, std::memory_order_release);
  }
  return base::shared_generator;
}

/// Begins the default generator anew with this seed, and returns it.
inline Generator& manual_seed(std::uint64_t seed) {
  Generator& generator = default_generator();
  generator.manual_seed(seed);
  return generator;
}

/// Begins the default generator anew with a seed from the system, and returns that seed.
inline std::uint64_t seed() { return default_generator().seed(); }

/// The seed that the default generator began with.
inline std::uint64_t initial_seed() { return default_generator().initial_seed(); }

}  // namespace taper::inline TAPER_ABI

namespace taper::inline TAPER_CODE {

/// The numbers 0 .. n in random order.
inline std::vector<std::int64_t> permutation(std::int64_t n, Generator& generator = default_generator()) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(n > 0 ? n : 0));
  const GeneratorState stream = generator.take();
  detail::fill_permutation(out.data(), n, stream.seed, stream.offset);
  return out;
}

}  // namespace taper::inline TAPER_CODE
