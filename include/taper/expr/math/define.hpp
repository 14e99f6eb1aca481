// SPDX-License-Identifier: MIT
// How a formula over natives becomes a math:: function of scalars and packs, and the pieces that formulas share.
#pragma once

#include <taper/expr/pack.hpp>

#include <cmath>
#include <limits>

// A scalar runs the formula that a pack runs, so results do not depend on the lane; a CUDA device runs its own library.
#if TAPER_DEVICE_PASS
#define TAPER_SCALAR_MATH(host, device) return device;
#else
#define TAPER_SCALAR_MATH(host, device) return host;
#endif

namespace taper::inline TAPER_CODE::detail {
template <class T>
concept RealScalar = std::is_arithmetic_v<T> && !std::is_same_v<T, bool>;
}

// math::name(x) for the scalars of Domain and packs of them, from simd::name_of(native).
#define TAPER_MATH_UNARY_OF(Domain, name, device)                               \
  namespace detail::simd {                                                      \
  struct name##_functor {                                                       \
    template <class X>                                                          \
    TAPER_PACK auto operator()(X x) const {                                     \
      return name##_of(x);                                                      \
    }                                                                           \
  };                                                                            \
  }                                                                             \
  namespace math {                                                              \
  template <Domain T, int N, class A>                                           \
  TAPER_PACK Pack<T, N, A> name(const Pack<T, N, A>& x) {                       \
    return detail::simd::map<Pack<T, N, A>>(detail::simd::name##_functor(), x); \
  }                                                                             \
  template <Domain T>                                                           \
  TAPER_INLINE TAPER_HD T name(T x) {                                           \
    TAPER_SCALAR_MATH(detail::simd::name##_of(x), device)                       \
  }                                                                             \
  }
#define TAPER_MATH_BINARY_OF(Domain, name, device)                                 \
  namespace detail::simd {                                                         \
  struct name##_functor {                                                          \
    template <class X>                                                             \
    TAPER_PACK auto operator()(X x, X y) const {                                   \
      return name##_of(x, y);                                                      \
    }                                                                              \
  };                                                                               \
  }                                                                                \
  namespace math {                                                                 \
  template <Domain T, int N, class A>                                              \
  TAPER_PACK Pack<T, N, A> name(const Pack<T, N, A>& x, const Pack<T, N, A>& y) {  \
    return detail::simd::map<Pack<T, N, A>>(detail::simd::name##_functor(), x, y); \
  }                                                                                \
  template <Domain T>                                                              \
  TAPER_INLINE TAPER_HD T name(T x, T y) {                                         \
    TAPER_SCALAR_MATH(detail::simd::name##_of(x, y), device)                       \
  }                                                                                \
  }
#define TAPER_MATH_UNARY(name, device) TAPER_MATH_UNARY_OF(std::floating_point, name, device)
#define TAPER_MATH_BINARY(name, device) TAPER_MATH_BINARY_OF(std::floating_point, name, device)

namespace taper::inline TAPER_CODE::detail::simd {

TAPER_PRECISE_BEGIN

/// c0 + x c1 + x^2 c2 + ...
template <class X>
TAPER_PACK X horner(X, double c0) {
  return splat<X>(c0);
}
template <class X, class... C>
TAPER_PACK X horner(X x, double c0, C... c) {
  return fma(x, horner(x, c...), splat<X>(c0));
}

template <class X>
inline constexpr auto sign_bit = std::numeric_limits<typename IntOf<sizeof(element_t<X>)>::type>::min();

template <class X>
TAPER_PACK X magnitude(X x) {
  return from_bits<X>(bits(x) & splat<int_t<X>>(~sign_bit<X>));
}
template <class X>
TAPER_PACK int_t<X> sign_bits(X x) {
  return bits(x) & splat<int_t<X>>(sign_bit<X>);
}
/// x with the sign of s added (x >= 0).
template <class X>
TAPER_PACK X with_sign(X x, X s) {
  return from_bits<X>(bits(x) | sign_bits(s));
}
/// NaN by its bits, which -ffast-math leaves alone.
template <class X>
TAPER_PACK mask_t<X> nan_mask(X x) {
#if !TAPER_FAST_MATH
  return (mask_t<X>)(x != x);
#else
  return (mask_t<X>)((bits(x) & splat<int_t<X>>(~sign_bit<X>)) > bits(splat<X>(inf<X>)));
#endif
}

template <class M>
TAPER_PACK M either(M a, M b) {
  if constexpr (std::is_same_v<M, bool>)
    return a || b;
  else
    return a | b;
}
template <class M>
TAPER_PACK M both(M a, M b) {
  if constexpr (std::is_same_v<M, bool>)
    return a && b;
  else
    return a & b;
}

// Sums of bits wrap: of NaN they are anything.
template <class I>
TAPER_PACK I plus(I a, I b) {
  return Add()(a, b);
}
template <class I>
TAPER_PACK I minus(I a, I b) {
  return Subtract()(a, b);
}

/// Adding and subtracting it rounds |x| < 2^22 (2^51) to an integer; the sum's low bits hold that integer.
template <class X>
inline constexpr double magic = is_double<X> ? 0x1.8p52 : 0x1.8p23;
/// The integer in z = x + magic.
template <class X>
TAPER_PACK int_t<X> magic_integer(X z) {
  return minus(bits(z), bits(splat<X>(magic<X>)));
}
template <class X>
inline constexpr int fraction_bits = is_double<X> ? 52 : 23;
template <class X>
inline constexpr int bias = is_double<X> ? 1023 : 127;
template <class X>
TAPER_PACK X without_magic(X z) {
  return barrier(barrier(z) - splat<X>(magic<X>));
}
/// 2^i for i in the normal range.
template <class X>
TAPER_PACK X power_of_two(int_t<X> i) {
  return from_bits<X>(plus(i, splat<int_t<X>>(bias<X>)) << fraction_bits<X>);
}
/// Integer lanes, |i| < 2^22 (2^51), as floating ones.
template <class X>
TAPER_PACK X small_to_float(int_t<X> i) {
  return without_magic(barrier(from_bits<X>(plus(i, bits(splat<X>(magic<X>))))));
}

// ln 2 and pi / 2 in parts: products of a high part with a small integer are exact.
template <class X>
inline constexpr double ln2_high = is_double<X> ? 0x1.62e42feep-1 : 0x1.62e4p-1;
template <class X>
inline constexpr double ln2_low = is_double<X> ? 0x1.a39ef35793c76p-33 : 0x1.7f7d1cf79abcap-20;

/// A value and what its rounding lost.
template <class X>
struct Two {
  X high, low;
};
/// a + b for |a| >= |b|.
template <class X>
TAPER_PACK Two<X> fast_two_sum(X a, X b) {
  a = barrier(a), b = barrier(b);
  const X s = barrier(a + b);
  return {s, barrier(b - barrier(s - a))};
}
template <class X>
TAPER_PACK Two<X> two_sum(X a, X b) {
  a = barrier(a), b = barrier(b);
  const X s = barrier(a + b), t = barrier(s - a);
  return {s, barrier(barrier(a - barrier(s - t)) + barrier(b - t))};
}
/// The upper half of x's fraction: products of two such are exact.
template <class X>
TAPER_PACK X upper_half(X x) {
  constexpr int low_bits = is_double<X> ? 27 : 12;
  return from_bits<X>(bits(x) & splat<int_t<X>>(-(std::int64_t(1) << low_bits)));
}
template <class X>
TAPER_PACK Two<X> two_product(X a, X b) {
  const X p = barrier(a * b);
#if TAPER_HAS_FMA
  return {p, simd::fma(a, b, -p)};
#else
  const X ah = upper_half(a), bh = upper_half(b), al = a - ah, bl = b - bh;
  return {p, barrier(barrier(barrier(barrier(ah * bh) - p) + ah * bl) + al * bh) + al * bl};
#endif
}

TAPER_PRECISE_END

}  // namespace taper::inline TAPER_CODE::detail::simd
