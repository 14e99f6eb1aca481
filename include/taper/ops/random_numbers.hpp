// SPDX-License-Identifier: MIT
// Numbers of further distributions as functions of a stream's: exponential, log-normal, Cauchy, geometric, Bernoulli, truncated normal.
#pragma once

#include <taper/core/random.hpp>
#include <taper/expr/math/special.hpp>

#include <utility>

namespace taper::inline TAPER_CODE::detail {

/// Bits of a stream as they are.
struct Words {
  static constexpr int outputs = 64;
  TAPER_HD std::uint32_t pick(const PhiloxState& s, std::uint32_t k) const { return random::word(s, k); }
  TAPER_INLINE void operator()(const random::Blocks& bits, std::uint32_t* out) const {
    std::memcpy(out, bits.word, sizeof bits.word);
  }
};

/// -ln(u) for uniform u in (0, 1]: exponential numbers of rate 1.
template <class C>
struct StandardExponential {
  using Bits = typename random::NormalTraits<C>::Bits;
  static constexpr int outputs = sizeof(C) == 4 ? 64 : 32;
  TAPER_INLINE void operator()(const random::Blocks& bits, C* out) const {
    constexpr int lanes = random::lanes;
    for (int w = 0; w < outputs / lanes; ++w)
      for (int l = 0; l < lanes; ++l) {
        Bits b;
        if constexpr (sizeof(C) == 4) b = bits.word[w][l];
        else b = bits.word[2 * w][l] | Bits{bits.word[2 * w + 1][l]} << 32;
        out[w * lanes + l] = random::minus_log_unit<C>(b);
      }
  }
  TAPER_HD C pick(const PhiloxState& s, std::uint32_t k) const {
    if constexpr (sizeof(C) == 4) return random::minus_log_unit<C>(random::word(s, k));
    else return random::minus_log_unit<C>(random::half(s, k));
  }
};

/// f of a number that Base makes, and of its index.
template <class Base, class F>
struct MappedNumbers {
  static constexpr int outputs = Base::outputs;
  Base base;
  F f;
  TAPER_HD auto pick(const PhiloxState& s, std::uint32_t k, std::uint64_t i) const {
    return f(base.pick(s, k), static_cast<std::int64_t>(i));
  }
};
/// f of the numbers that Base makes, one by one, rounded once to T.
template <Scalar T, class C, class Base, class F, class A = Abi>
struct MappedFill {
  GeneratorState s;
  Base base;
  F f;
  MappedNumbers<Base, F> numbers() const { return {base, f}; }
  void operator()(T* p, std::int64_t first, std::int64_t n) const {
    constexpr std::int64_t block = 256;
    alignas(64) C buffer[block];
    for (std::int64_t i = 0; i < n; i += block) {
      const std::int64_t count = n - i < block ? n - i : block;
      random::fill<C, Base, A>(buffer, first + i, count, s.seed, s.offset, base);
      for (std::int64_t k = 0; k < count; ++k) p[i + k] = f(buffer[k], first + i + k);
    }
  }
};
template <Scalar T, class C, class Base, class F>
MappedFill<T, C, Base, F> mapped_fill(GeneratorState s, Base base, F f) {
  return {s, base, f};
}

// What is done to each number; the second argument is its index.
template <class T, class A = Abi>
struct ScaleExponential {
  compute_t<T> rate;
  TAPER_HD T operator()(compute_t<T> e, std::int64_t) const {
    const T out = static_cast<T>(e / rate);
    return static_cast<compute_t<T>>(out) > 0 ? out : std::numeric_limits<T>::min();  // 0 is no exponential number
  }
};
template <class T, class A = Abi>
struct ToLogNormal {
  TAPER_HD T operator()(compute_t<T> x, std::int64_t) const { return static_cast<T>(std::exp(x)); }
};
template <class T, class A = Abi>
struct ToCauchy {
  double median, sigma;
  TAPER_HD T operator()(double u, std::int64_t) const {
    return static_cast<T>(static_cast<compute_t<T>>(median + sigma * std::tan(3.14159265358979323846 * (u - 0.5))));
  }
};
template <class T, class A = Abi>
struct ToGeometric {
  double scale;  // -ln(1 - p)
  TAPER_HD T operator()(double e, std::int64_t) const {
    const double trials = std::ceil(e / scale);
    if constexpr (std::is_integral_v<T>) {
      constexpr auto most = static_cast<double>(std::numeric_limits<T>::max());
      if (trials >= most) return std::numeric_limits<T>::max();
    }
    return static_cast<T>(static_cast<compute_t<T>>(trials < 1 ? 1 : trials));
  }
};
/// ln of the normal distribution function, whose digits last in any tail, and its derivative.
struct LogNormalDistribution {
  double value, slope;
};
template <class A = Abi>
TAPER_HD TAPER_COLD LogNormalDistribution log_normal_distribution(double x) {
  constexpr double log_root = 0.91893853320467274178;  // ln sqrt(2 pi)
  if (x > -30) {
    const double p = std::erfc(-0x1.6a09e667f3bcdp-1 * x) / 2;
    return {std::log(p), std::exp(-x * x / 2 - log_root) / p};
  }
  const double z = 1 / (x * x), series = 1 - z * (1 - 3 * z * (1 - 5 * z * (1 - 7 * z)));  // the asymptotic one
  return {-x * x / 2 - std::log(-x) - log_root + std::log(series), -x / series};
}
/// The distribution function, uniform between its values at the bounds, turned around: in double, whatever T, and mirrored
/// where that brings the bounds to the side on which it is small.
template <class T, class A = Abi>
struct ToTruncatedNormal {
  double mean, scale, low, high;
  double most, log_most, share;  // the upper bound of the standard normal, ln F there, F(lower) / F(upper)

  ToTruncatedNormal(double m, double deviation, double a, double b) : mean(m), scale(deviation), low(a), high(b) {
    double least = (a - m) / deviation;
    most = (b - m) / deviation;
    if (least + most > 0) scale = -deviation, most = -std::exchange(least, -most);
    log_most = log_normal_distribution<A>(most).value;
    share = std::exp(log_normal_distribution<A>(least).value - log_most);
  }
  TAPER_HD T operator()(double u, std::int64_t) const {
    const double q = share + (1 - share) * (u > 0 ? u : 0x1p-54), log_p = log_most + std::log(q), p = std::exp(log_p);
    double z;
    if (p > 0.01) {
      z = 0x1.6a09e667f3bcdp+0 * math::erfinv(2 * p - 1);
    } else {  // F(-y) <= exp(-y^2 / 2) / 2, and ln F is concave: Newton's steps go up to the root
      z = -std::sqrt(-2 * (log_p + 0.69314718055994530942));
      for (int i = 0; i < 4; ++i) {
        const LogNormalDistribution f = log_normal_distribution<A>(z);
        z += (log_p - f.value) / f.slope;
      }
    }
    const double x = mean + scale * (z < most ? z : most);
    return static_cast<T>(static_cast<compute_t<T>>(x < low ? low : x > high ? high : x));
  }
};
template <class T, class P, class A = Abi>
struct BelowProbability {
  const P* p;
  TAPER_HD T operator()(std::uint32_t bits, std::int64_t i) const {
    return random::bernoulli(bits, random::bernoulli_threshold(static_cast<double>(static_cast<compute_t<P>>(p[i]))))
               ? T(1.0f)
               : T(0.0f);
  }
};

}  // namespace taper::inline TAPER_CODE::detail
