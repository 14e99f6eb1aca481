// SPDX-License-Identifier: MIT
// Numbers of further distributions as functions of a stream's: exponential, log-normal, Cauchy, geometric, Bernoulli.
#pragma once

#include <taper/core/random.hpp>

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
