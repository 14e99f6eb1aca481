// SPDX-License-Identifier: MIT
// Philox against the published vectors, its distributions against closed forms, and the generator.
#include <taper/core/generator.hpp>

#include "tests/support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <thread>
#include <vector>

using namespace taper;
using namespace taper::detail;

namespace {

template <class T, class F>
std::vector<T> filled(std::int64_t first, std::int64_t n, F fill) {
  std::vector<T> out(static_cast<std::size_t>(n));
  fill(out.data(), first, n);
  return out;
}

// The same outputs whether asked for whole, one by one, or in uneven parts.
template <class T, class F>
void check_parts(F fill) {
  constexpr std::int64_t n = 1000;
  const std::vector<T> whole = filled<T>(0, n, fill);
  std::vector<T> parts(static_cast<std::size_t>(n));
  for (std::int64_t i = 0, step = 1; i < n; i += step, step = step % 97 + 13) {
    step = std::min(step, n - i);
    fill(parts.data() + i, i, step);
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    REQUIRE(whole[i] == parts[i]);
    T one;
    fill(&one, static_cast<std::int64_t>(i), 1);
    REQUIRE(one == whole[i]);
  }
}

double ulp(float x) { return std::nextafter(std::fabs(x), INFINITY) - std::fabs(x); }
double ulp(double x) { return std::nextafter(std::fabs(x), INFINITY) - std::fabs(x); }

// cos or sin of the fraction t / 2^64 of a turn, reduced in integers so that its zeros are exact.
long double exact_turn(std::uint64_t t, bool odd) {
  if (odd) t -= std::uint64_t{1} << 62;
  const std::uint64_t quadrant = (t + (std::uint64_t{1} << 61)) >> 62;
  const long double rest = static_cast<long double>(static_cast<std::int64_t>(t - (quadrant << 62)));
  const long double x = rest * (2 * 3.141592653589793238462643383279502884L) / 18446744073709551616.0L;
  const long double value = quadrant % 2 ? std::sin(x) : std::cos(x);
  return quadrant == 1 || quadrant == 2 ? -value : value;
}

}  // namespace

TEST_CASE("Philox 4x32-10 gives the known answers") {
  STATIC_REQUIRE(philox(0, 0, 0) == PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  const std::uint64_t ones = ~std::uint64_t{0};
  REQUIRE(philox(ones, ones, ones) == PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  REQUIRE(philox(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88) ==
          PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("outputs use the words of their blocks") {
  // The first word of block 0 of stream (0, 0) is 6627e8d5; the second of it stands sixteen outputs on.
  const auto u = filled<float>(0, 64, [](auto* p, auto first, auto n) { fill_uniform(p, first, n, 0, 0); });
  REQUIRE(u[0] == static_cast<float>(0x6627e8) / 16777216.0f);
  REQUIRE(u[16] == static_cast<float>(0xe169c5) / 16777216.0f);
  REQUIRE(u[32] == static_cast<float>(0xbc57ac) / 16777216.0f);
  REQUIRE(u[48] == static_cast<float>(0x9b00db) / 16777216.0f);
  const auto d = filled<double>(0, 32, [](auto* p, auto first, auto n) { fill_uniform(p, first, n, 0, 0); });
  REQUIRE(d[0] == std::ldexp(std::ldexp(0xe169c58d >> 5, 26) + (0x6627e8d5 >> 6), -53));
  const std::uint64_t seed = 0x123456789abcdef0, offset = 0xfedcba9876543210;
  for (const std::int64_t first : {std::int64_t{0}, std::int64_t{1} << 33, (std::int64_t{1} << 40) + 5}) {
    const auto f = filled<float>(first, 300, [&](auto* p, auto b, auto n) { fill_uniform(p, b, n, seed, offset); });
    const auto m =
        filled<std::uint8_t>(first, 300, [&](auto* p, auto b, auto n) { fill_bernoulli(p, b, n, seed, offset, 0.3); });
    const auto k = filled<std::int64_t>(first, 300,
                                        [&](auto* p, auto b, auto n) { fill_integers(p, b, n, seed, offset, -5, 95); });
    for (std::uint64_t i = 0; i < 300; ++i) {
      const std::uint64_t at = static_cast<std::uint64_t>(first) + i;
      const PhiloxBlock block = philox(seed, offset, at / 64 * 16 + at % 16);
      const std::uint32_t word = block[at / 16 % 4];
      REQUIRE(taper::detail::random::bits32(seed, offset, at) == word);
      REQUIRE(f[i] == static_cast<float>(word >> 8) / 16777216.0f);
      REQUIRE(m[i] == (word < static_cast<std::uint64_t>(0.3 * 4294967296.0)));
      const PhiloxBlock pair = philox(seed, offset, at / 32 * 16 + at % 16);
      const std::uint64_t wide = pair[at / 16 % 2 * 2] | std::uint64_t{pair[at / 16 % 2 * 2 + 1]} << 32;
      REQUIRE(taper::detail::random::bits64(seed, offset, at) == wide);
      REQUIRE(k[i] == -5 + static_cast<std::int64_t>(static_cast<long double>(wide) * 100 / 18446744073709551616.0L));
    }
  }
}

TEST_CASE("outputs do not depend on how the work is cut") {
  check_parts<float>([](auto* p, auto i, auto n) { fill_uniform(p, i, n, 3, 4); });
  check_parts<float>([](auto* p, auto i, auto n) { fill_uniform(p, i, n, 3, 4, -0.3, 0.7); });
  check_parts<double>([](auto* p, auto i, auto n) { fill_uniform(p, i, n, 3, 4, -0.3, 0.7); });
  check_parts<bfloat16>([](auto* p, auto i, auto n) { fill_uniform(p, i, n, 3, 4); });
  check_parts<float16>([](auto* p, auto i, auto n) { fill_normal(p, i, n, 3, 4); });
  check_parts<float>([](auto* p, auto i, auto n) { fill_normal(p, i, n, 3, 4, 1, 2); });
  check_parts<double>([](auto* p, auto i, auto n) { fill_normal(p, i, n, 3, 4, 1, 2); });
  check_parts<std::uint8_t>([](auto* p, auto i, auto n) { fill_bernoulli(p, i, n, 3, 4, 0.5); });
  check_parts<float>([](auto* p, auto i, auto n) { fill_bernoulli(p, i, n, 3, 4, 0.5); });
  check_parts<std::int64_t>([](auto* p, auto i, auto n) { fill_integers(p, i, n, 3, 4, 0, std::int64_t{1} << 40); });
  check_parts<float>([](auto* p, auto i, auto n) { fill_integers(p, i, n, 3, 4, 0, 10); });
}

TEST_CASE("uniforms lie in the half-open interval, in every type") {
  const auto check = [](auto zero, double low, double high) {
    using T = decltype(zero);
    const auto x = filled<T>(0, 100000, [&](auto* p, auto i, auto n) { fill_uniform(p, i, n, 11, 0, low, high); });
    const T bottom(static_cast<compute_t<T>>(low)), top(static_cast<compute_t<T>>(high));
    double sum = 0;
    for (const T v : x) {
      REQUIRE(v >= bottom);
      REQUIRE(v < top);
      sum += static_cast<double>(v);
    }
    const double sigma = (high - low) / std::sqrt(12.0 * 100000);
    const double rounding = 0.01 * (high - low);
    REQUIRE(std::fabs(sum / 100000 - (low + high) / 2) < 5 * sigma + rounding);
  };
  for (const auto& [low, high] : {std::pair{0.0, 1.0}, {1.0, 2.0}, {-3.0, -1.0}, {-1.0, 0.0}, {-0.25, 0.5}}) {
    check(float{}, low, high);
    check(double{}, low, high);
    check(float16{}, low, high);
    check(bfloat16{}, low, high);
  }
  // An empty interval gives its end.
  REQUIRE(filled<float>(0, 1, [](auto* p, auto i, auto n) { fill_uniform(p, i, n, 1, 1, 2, 2); })[0] == 2);
}

TEST_CASE("normals equal Box and Muller's formula") {
  double worst_float = 0, worst_double = 0;
  for (std::uint64_t i = 0; i < 300000; ++i) {
    const PhiloxBlock b = philox(99, 0, i);
    const bool odd = i % 2 != 0;
    const std::uint32_t a32 = i % 7 == 0 ? b[0] >> (i % 32) : b[0], t32 = b[1];
    const long double u32 = (static_cast<float>(a32 >> 1) + 1.0f) * 0x1p-31f;
    const long double exact32 = std::sqrt(-2 * std::log(u32)) * exact_turn(std::uint64_t{t32} << 32, odd);
    const float got32 = taper::detail::random::normal<float>(a32, t32, odd);
    if (exact32 != 0)
      worst_float =
          std::max(worst_float, static_cast<double>(std::fabs(got32 - exact32)) / ulp(static_cast<float>(exact32)));
    REQUIRE(std::fabs(got32 - exact32) < 1e-5L);

    const std::uint64_t a64 = b[0] | std::uint64_t{b[1]} << 32, t64 = b[2] | std::uint64_t{b[3]} << 32;
    const long double u64 = 1 - static_cast<long double>(a64 >> 12) / 4503599627370496.0L;
    // Fifty-four bits of the angle count.
    const long double exact64 = std::sqrt(-2 * std::log(u64)) * exact_turn(t64 >> 10 << 10, odd);
    const double got64 = taper::detail::random::normal<double>(a64, t64, odd);
    if (exact64 != 0)
      worst_double =
          std::max(worst_double, static_cast<double>(std::fabs(got64 - exact64)) / ulp(static_cast<double>(exact64)));
    REQUIRE(std::fabs(got64 - exact64) < 1e-13L);
  }
  INFO("worst error in ULP: float " << worst_float << ", double " << worst_double);
  CHECK(worst_float < 5);
  CHECK(worst_double < 5);
  // The ends of the uniform: no infinity and no NaN.
  for (const std::uint32_t a : {0u, 1u, 0x7fffffffu, 0xffffffffu})
    for (const std::uint32_t t : {0u, 0x20000000u, 0x40000000u, 0x80000000u, 0xc0000000u, 0xffffffffu}) {
      REQUIRE(std::isfinite(taper::detail::random::normal<float>(a, t, false)));
      const std::uint64_t wide = std::uint64_t{a} << 32 | a;
      REQUIRE(std::isfinite(taper::detail::random::normal<double>(wide, std::uint64_t{t} << 32, true)));
    }
}

TEST_CASE("normals have the moments and tails of normals") {
  const auto check = [](auto zero) {
    using T = decltype(zero);
    constexpr int n = 1000000;
    const auto x = filled<T>(0, n, [](auto* p, auto i, auto count) { fill_normal(p, i, count, 5, 6, 2, 3); });
    double m1 = 0, m2 = 0, m3 = 0, m4 = 0, lag = 0, last = 0;
    int beyond2 = 0;
    for (const T v : x) {
      const double z = (static_cast<double>(v) - 2) / 3;
      m1 += z;
      m2 += z * z;
      m3 += z * z * z;
      m4 += z * z * z * z;
      lag += z * last;
      last = z;
      beyond2 += std::fabs(z) > 2;
    }
    REQUIRE(std::fabs(m1 / n) < 5e-3);
    REQUIRE(std::fabs(m2 / n - 1) < 7.1e-3);
    REQUIRE(std::fabs(m3 / n) < 2e-2);
    REQUIRE(std::fabs(m4 / n - 3) < 5e-2);
    REQUIRE(std::fabs(lag / n) < 5e-3);
    REQUIRE(std::fabs(beyond2 / static_cast<double>(n) - 0.0455002638963584) < 1.1e-3);
  };
  check(float{});
  check(double{});
}

TEST_CASE("integers are even over their range, at any range") {
  std::vector<int> count(10);
  for (const auto v :
       filled<std::int32_t>(0, 100000, [](auto*p, auto i, auto n) { fill_integers(p, i, n, 1, 2, -3, 7); }))
    ++count.at(static_cast<std::size_t>(v + 3));
  double chi2 = 0;
  for (const int c : count) chi2 += (c - 10000.0) * (c - 10000.0) / 10000.0;
  REQUIRE(chi2 < 33.7);  // nine degrees of freedom, one in ten thousand
  const std::int64_t least = std::numeric_limits<std::int64_t>::min(), most = std::numeric_limits<std::int64_t>::max();
  bool low = false, high = false;
  for (const auto v :
       filled<std::int64_t>(0, 1000, [&](auto*p, auto i, auto n) { fill_integers(p, i, n, 1, 2, least, most); }))
    (v < 0 ? low : high) = true;
  REQUIRE((low && high));
  for (const std::int64_t range : {std::int64_t{1}, std::int64_t{1} << 32, (std::int64_t{1} << 32) + 1, most}) {
    for (const auto v :
         filled<std::int64_t>(0, 1000, [&](auto*p, auto i, auto n) { fill_integers(p, i, n, 1, 2, 0, range); })) {
      REQUIRE(v >= 0);
      REQUIRE(v < range);
    }
  }
  REQUIRE(taper::detail::random::multiply_high(~0ull, ~0ull) == ~0ull - 1);
  REQUIRE(taper::detail::random::multiply_high(0x123456789abcdef0, 0xfedcba9876543210) == 0x121fa00ad77d7422);
}

TEST_CASE("Bernoulli masks have their probability, and are certain at 0 and 1") {
  const auto share = [](double p) {
    double sum = 0;
    for (const auto v : filled<float>(0, 100000, [&](auto*q, auto i, auto n) { fill_bernoulli(q, i, n, 8, 9, p); }))
      sum += v;
    return sum / 100000;
  };
  REQUIRE(share(0) == 0);
  REQUIRE(share(1) == 1);
  for (const double p : {0.001, 0.1, 0.5, 0.9}) REQUIRE(std::fabs(share(p) - p) < 5 * std::sqrt(p * (1 - p) / 100000));
}

TEST_CASE("permutations contain every number once and favour none") {
  Generator generator(1);
  for (const std::int64_t n : {0, 1, 2, 3, 100, 10000}) {
    std::vector<std::int64_t> x = permutation(n, generator);
    REQUIRE(static_cast<std::int64_t>(x.size()) == n);
    if (n == 10000) REQUIRE(!std::is_sorted(x.begin(), x.end()));
    std::sort(x.begin(), x.end());
    for (std::int64_t i = 0; i < n; ++i) REQUIRE(x[static_cast<std::size_t>(i)] == i);
  }
  int count[6] = {};
  for (int i = 0; i < 60000; ++i) {
    const std::vector<std::int64_t> x = permutation(3, generator);
    ++count[x[0] * 2 + (x[1] > x[2])];
  }
  for (const int c : count) REQUIRE(std::abs(c - 10000) < 460);
}

TEST_CASE("a generator repeats itself from its seed and from its state") {
  Generator a(42), b(42);
  std::vector<std::uint64_t> first;
  for (int i = 0; i < 10; ++i) first.push_back(a());
  for (int i = 0; i < 10; ++i) REQUIRE(b() == first[static_cast<std::size_t>(i)]);
  const GeneratorState state = a.state();
  REQUIRE(state == GeneratorState{42, 10});
  const double u = a.uniform(), z = a.normal();
  const std::int64_t k = a.integer(-10, 10);
  REQUIRE((u >= 0 && u < 1));
  REQUIRE((k >= -10 && k < 10));
  Generator c;
  c.set_state(state);
  REQUIRE(c.uniform() == u);
  REQUIRE(c.normal() == z);
  REQUIRE(c.integer(-10, 10) == k);
  a.manual_seed(42);
  REQUIRE(a() == first[0]);
  REQUIRE(a.reserve(100) == 1);
  REQUIRE(a.reserve() == 101);
  const std::uint64_t fresh = a.seed();
  REQUIRE(a.state() == GeneratorState{fresh, 0});
  REQUIRE(a.seed() != a.seed());
  std::vector<int> deck(52);
  std::iota(deck.begin(), deck.end(), 0);
  std::shuffle(deck.begin(), deck.end(), a);  // as a generator of the standard library
  REQUIRE(std::accumulate(deck.begin(), deck.end(), 0) == 51 * 26);
}

TEST_CASE("the default generator is seeded by manual_seed and shared safely") {
  manual_seed(3);
  REQUIRE(initial_seed() == 3);
  REQUIRE(default_generator().state() == GeneratorState{3, 0});
  std::vector<std::thread> threads;
  std::vector<std::vector<std::uint64_t>> taken(4);
  for (auto& mine : taken)
    threads.emplace_back([&mine] {
      for (int i = 0; i < 1000; ++i) mine.push_back(default_generator().reserve(3));
    });
  for (std::thread& t : threads) t.join();
  std::vector<std::uint64_t> all;
  for (const auto& mine : taken) all.insert(all.end(), mine.begin(), mine.end());
  std::sort(all.begin(), all.end());
  for (std::size_t i = 0; i < all.size(); ++i) REQUIRE(all[i] == 3 * i);
}

TEST_CASE("seeds mixed from a seed and two numbers differ") {
  std::vector<std::uint64_t> seeds;
  for (std::uint64_t a = 0; a < 50; ++a)
    for (std::uint64_t b = 0; b < 50; ++b) seeds.push_back(mix_seed(1, a, b));
  std::sort(seeds.begin(), seeds.end());
  REQUIRE(std::adjacent_find(seeds.begin(), seeds.end()) == seeds.end());
}
