// SPDX-License-Identifier: MIT
// fmod, remainder and floor_divide of floats and integers, as PyTorch and Python define them.
#pragma once

#include <taper/expr/math/basic.hpp>

namespace taper::inline TAPER_CODE {

namespace detail::simd {

template <class A, class T>
struct Fmod {
  TAPER_PACK T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>)
      return IntModulo()(a, b);
    else if constexpr (sizeof(T) == 4)
      return __builtin_fmodf(a, b);
    else
      return __builtin_fmod(a, b);
  }
};

}  // namespace detail::simd

namespace math {

/// a - trunc(a / b) b, exactly: the sign is a's. Integers: x fmod 0 is x (look for zeros first).
template <detail::RealScalar T, int N, class A>
TAPER_PACK Pack<T, N, A> fmod(const Pack<T, N, A>& a, const Pack<T, N, A>& b) {
  return detail::simd::map_lanes<Pack<T, N, A>>(detail::simd::Fmod<A, T>(), a, b);
}
template <detail::RealScalar T>
TAPER_INLINE TAPER_HD T fmod(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    if (b == 0) return a;
    if constexpr (std::is_signed_v<T>)
      return b == T(-1) ? T(0) : static_cast<T>(a % b);
    else
      return static_cast<T>(a % b);
  } else {
    TAPER_SCALAR_MATH((detail::simd::Fmod<Abi, T>()(a, b)), ::fmod(a, b))
  }
}

/// a - floor(a / b) b: the sign is b's.
template <class V>
requires(PackValue<V> || detail::RealScalar<V>) TAPER_INLINE TAPER_HD V remainder(const V& a, const V& b) {
  const V m = math::fmod(a, b), zero = V(0);
  if constexpr (std::is_unsigned_v<scalar_of<V>>)
    return m;
  else
    return select((m != zero) && ((m < zero) != (b < zero)), V(m + b), m);
}

// Truncated quotient of b != 0; of the least number and -1 the least number.
template <PackValue V>
TAPER_PACK V quotient(const V& a, const V& b) {
  return a / b;
}
template <std::integral T>
TAPER_INLINE TAPER_HD T quotient(T a, T b) {
  using U = std::make_unsigned_t<T>;
  if (b == static_cast<T>(-1) && std::is_signed_v<T>) return static_cast<T>(U(0) - static_cast<U>(a));
  return static_cast<T>(a / b);
}

/// floor(a / b), from the exact remainder; b = 0 gives a / b.
template <class V>
requires(PackValue<V> || detail::RealScalar<V>) TAPER_INLINE TAPER_HD V floor_divide(const V& a, const V& b) {
  using T = scalar_of<V>;
  const V m = math::fmod(a, b), zero = V(0), one = V(1);
  if constexpr (std::is_integral_v<T>) {
    const V safe = select(b == zero, one, b), q = quotient(V(a - m), safe);
    if constexpr (std::is_unsigned_v<T>)
      return q;
    else
      return V(q - select((m != zero) && ((m < zero) != (b < zero)), one, zero));  // q may be the least number
  } else {
    V q = (a - m) / b;
    q = select((m != zero) && ((m < zero) != (b < zero)), V(q - one), q);
    // The quotient is within rounding of an integer.
    const V f = math::floor(q), nearest = select(q - f > V(0.5), V(f + one), f), exact = a / b;
    return select(b == zero, exact, select(q == zero, math::copysign(zero, exact), nearest));
  }
}

}  // namespace math

}  // namespace taper::inline TAPER_CODE
