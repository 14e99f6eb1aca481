// SPDX-License-Identifier: MIT
// Random bits to normal numbers, branch-free and from exact reductions: the same formula on every device.
#pragma once

#include <taper/config.hpp>

#include <cmath>
#include <cstdint>

namespace taper::inline TAPER_CODE::detail::random {

// What differs between float and double. The steps are such that they have vector instructions everywhere: integers of
// 64 bits become doubles by their bits, and no signed one is shifted.
template <class T>
struct NormalTraits;

template <>
struct NormalTraits<float> {
  using Bits = std::uint32_t;
  static constexpr int fraction = 23, bias = 127;
  static constexpr Bits one = 0x3f800000, sqrt_half = 0x3f3504f3;
  static constexpr float ln2_high = 0x1.62e4p-1f, ln2_low = 0x1.7f7d1cp-20f;
  static constexpr int log_terms = 6, trig_terms = 5;

  // In (0, 1]: 31 bits count.
  TAPER_HD TAPER_INLINE static float unit(Bits bits) {
    return (static_cast<float>(static_cast<std::int32_t>(bits >> 1)) + 1.0f) * 0x1p-31f;
  }
  // In [-1/2, 1/2): the bits as a fraction around zero.
  TAPER_HD TAPER_INLINE static float centred(Bits bits) {
    return static_cast<float>(static_cast<std::int32_t>(bits)) * 0x1p-32f;
  }
  TAPER_HD TAPER_INLINE static float small(Bits k) { return static_cast<float>(static_cast<std::int32_t>(k)); }
};

template <>
struct NormalTraits<double> {
  using Bits = std::uint64_t;
  static constexpr int fraction = 52, bias = 1023;
  static constexpr Bits one = 0x3ff0000000000000, sqrt_half = 0x3fe6a09e667f3bcd;
  static constexpr double ln2_high = 0x1.62e42fefa0000p-1, ln2_low = 0x1.cf79abc9e3b3ap-40;
  static constexpr int log_terms = 11, trig_terms = 8;

  TAPER_HD TAPER_INLINE static double unit(Bits bits) { return 2.0 - __builtin_bit_cast(double, one | bits >> 12); }
  TAPER_HD TAPER_INLINE static double centred(Bits bits) {
    return __builtin_bit_cast(double, one | (bits ^ Bits{1} << 63) >> 12) - 1.5;
  }
  TAPER_HD TAPER_INLINE static double small(Bits k) {
    return __builtin_bit_cast(double, Bits{0x4330000000000000} | k) - 0x1p52;
  }
};

// 1/(2K+1) + x/(2K+3) + ... up to the N-th term.
template <int K, int N, class T>
TAPER_HD TAPER_INLINE constexpr T odd_reciprocals(T x) {
  if constexpr (K == N - 1)
    return T(1) / T(2 * K + 1);
  else
    return T(1) / T(2 * K + 1) + x * odd_reciprocals<K + 1, N>(x);
}
// The power series of cos (First = 0) and sin (First = 1) as nested quotients: 1 - x/(1*2) (1 - x/(3*4) (1 - ...)).
template <int First, int K, int N, class T>
TAPER_HD TAPER_INLINE constexpr T alternating_factorials(T x) {
  constexpr T step = T(1) / T((First + 2 * K - 1) * (First + 2 * K));
  if constexpr (K == N)
    return T(1) - x * step;
  else
    return T(1) - x * step * alternating_factorials<First, K + 1, N>(x);
}

/// -ln(u) for the uniform u in (0, 1] that the bits stand for.
template <class T>
TAPER_HD TAPER_INLINE T minus_log_unit(typename NormalTraits<T>::Bits bits) {
  using Traits = NormalTraits<T>;
  using Bits = typename Traits::Bits;
  // u = 2^e m with m around 1; ln m = 2 atanh(s) with s = (m - 1) / (m + 1).
  const auto raw = __builtin_bit_cast(Bits, Traits::unit(bits));
  const Bits biased = (raw + (Traits::one - Traits::sqrt_half)) >> Traits::fraction;
  const T e = Traits::small(biased) - T(Traits::bias);
  const T m = __builtin_bit_cast(T, raw - (biased << Traits::fraction) + Traits::one);
  const T s = (m - T(1)) / (m + T(1));
  const T square = s * s;
  const T tail = s * square * odd_reciprocals<1, Traits::log_terms>(square);
  return -(e * Traits::ln2_high + (T(2) * s + (T(2) * tail + e * Traits::ln2_low)));
}

/// cos(2 pi t), or sin(2 pi t) if odd, for the fraction t of a turn that the bits stand for.
template <class T>
TAPER_HD TAPER_INLINE T turn(typename NormalTraits<T>::Bits bits, bool odd) {
  using Traits = NormalTraits<T>;
  using Bits = typename Traits::Bits;
  // The two upper bits of t + 1/8 name the quadrant; the rest is a quarter turn around zero.
  constexpr int width = static_cast<int>(8 * sizeof(Bits));
  const Bits quadrant = ((bits + (Bits{1} << (width - 3))) >> (width - 2)) + (odd ? Bits{3} : Bits{0});
  const T x = Traits::centred(bits << 2) * T(1.57079632679489661923);
  const T square = x * x;
  const T sine = x * alternating_factorials<1, 1, Traits::trig_terms>(square);
  const T cosine = alternating_factorials<0, 1, Traits::trig_terms>(square);
  const T value = quadrant & 1 ? sine : cosine;
  // cos(x + q pi/2) is c, -s, -c, s for q = 0 .. 3.
  return (quadrant + 1) & 2 ? -value : value;
}

/// Normal number from two independent sets of bits; even and odd ones of the same two are independent.
/// Error: 5 ULP.
/// Source: Box, Muller, "A note on the generation of random normal deviates", 1958.
template <class T>
TAPER_HD TAPER_INLINE T normal(typename NormalTraits<T>::Bits a, typename NormalTraits<T>::Bits b, bool odd) {
  return std::sqrt(T(2) * minus_log_unit<T>(a)) * turn<T>(b, odd);
}

}  // namespace taper::inline TAPER_CODE::detail::random
