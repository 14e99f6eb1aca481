// SPDX-License-Identifier: MIT
// Random bits to normal numbers, branch-free and from exact reductions: the same formula on every device.
#pragma once

#include <taper/config.hpp>

#include <bit>
#include <cmath>
#include <cstdint>

namespace taper::inline TAPER_ABI::detail::random {

// What differs between float and double.
template <class T>
struct NormalTraits;
template <>
struct NormalTraits<float> {
  using Bits = std::uint32_t;
  using Int = std::int32_t;
  static constexpr int width = 32, fraction = 23, unit_bits = 31;  // bits of the uniform under the logarithm
  static constexpr Int sqrt_half = 0x3f3504f3;
  static constexpr float ln2_high = 0x1.62e4p-1f, ln2_low = 0x1.7f7d1cp-20f;
  static constexpr int log_terms = 6, trig_terms = 5;
};
template <>
struct NormalTraits<double> {
  using Bits = std::uint64_t;
  using Int = std::int64_t;
  static constexpr int width = 64, fraction = 52, unit_bits = 53;
  static constexpr Int sqrt_half = 0x3fe6a09e667f3bcc;
  static constexpr double ln2_high = 0x1.62e42fefa0000p-1, ln2_low = 0x1.cf79abc9e3b3ap-40;
  static constexpr int log_terms = 11, trig_terms = 8;
};

// 1/(2K+1) + x/(2K+3) + ... up to the N-th term.
template <int K, int N, class T>
TAPER_HD TAPER_INLINE constexpr T odd_reciprocals(T x) {
  if constexpr (K == N - 1) return T(1) / T(2 * K + 1);
  else return T(1) / T(2 * K + 1) + x * odd_reciprocals<K + 1, N>(x);
}
// The power series of cos (First = 0) and sin (First = 1) as nested quotients: 1 - x/(1*2) (1 - x/(3*4) (1 - ...)).
template <int First, int K, int N, class T>
TAPER_HD TAPER_INLINE constexpr T alternating_factorials(T x) {
  constexpr T step = T(1) / T((First + 2 * K - 1) * (First + 2 * K));
  if constexpr (K == N) return T(1) - x * step;
  else return T(1) - x * step * alternating_factorials<First, K + 1, N>(x);
}

/// -ln(u) for the uniform u in (0, 1] that the bits stand for.
template <class T>
TAPER_HD TAPER_INLINE T minus_log_unit(typename NormalTraits<T>::Bits bits) {
  using Traits = NormalTraits<T>;
  using Int = typename Traits::Int;
  constexpr T scale = T(1) / static_cast<T>(std::uint64_t{1} << Traits::unit_bits);
  const T u = (static_cast<T>(static_cast<Int>(bits >> (Traits::width - Traits::unit_bits))) + T(1)) * scale;
  // u = 2^e m with m around 1; ln m = 2 atanh(s) with s = (m - 1) / (m + 1).
  const Int raw = std::bit_cast<Int>(u);
  const Int e = (raw - Traits::sqrt_half) >> Traits::fraction;
  const T m = std::bit_cast<T>(raw - static_cast<Int>(static_cast<typename Traits::Bits>(e) << Traits::fraction));
  const T s = (m - T(1)) / (m + T(1));
  const T square = s * s;
  const T tail = s * square * odd_reciprocals<1, Traits::log_terms>(square);
  const T exponent = static_cast<T>(e);
  return -(exponent * Traits::ln2_high + (T(2) * s + (T(2) * tail + exponent * Traits::ln2_low)));
}

/// cos(2 pi t) (even) or sin(2 pi t) (odd) for the fraction t of a turn that the bits stand for.
template <class T>
TAPER_HD TAPER_INLINE T turn(typename NormalTraits<T>::Bits bits, bool odd) {
  using Traits = NormalTraits<T>;
  using Bits = typename Traits::Bits;
  using Int = typename Traits::Int;
  // The two upper bits of t + 1/8 name the quadrant; the signed rest lies in [-1/8, 1/8) turns.
  const Bits shifted = bits + (Bits{1} << (Traits::width - 3));
  const Bits quadrant = (shifted >> (Traits::width - 2)) + (odd ? Bits{3} : Bits{0});
  const Int rest = static_cast<Int>(bits << 2) >> 2;
  constexpr T to_radians = static_cast<T>(6.283185307179586476925 / (Traits::width == 32 ? 0x1p32 : 0x1p64));
  const T x = static_cast<T>(rest) * to_radians;
  const T square = x * x;
  const T sine = x * alternating_factorials<1, 1, Traits::trig_terms>(square);
  const T cosine = alternating_factorials<0, 1, Traits::trig_terms>(square);
  const T value = quadrant & 1 ? sine : cosine;
  // cos(x + q pi/2) is c, -s, -c, s for q = 0 .. 3.
  return (quadrant + 1) & 2 ? -value : value;
}

/// Normal number from two independent sets of bits; even and odd ones of the same two are independent.
/// Source: Box, Muller, "A note on the generation of random normal deviates", 1958.
template <class T>
TAPER_HD TAPER_INLINE T normal(typename NormalTraits<T>::Bits a, typename NormalTraits<T>::Bits b, bool odd) {
  return std::sqrt(T(2) * minus_log_unit<T>(a)) * turn<T>(b, odd);
}

}  // namespace taper::inline TAPER_ABI::detail::random
