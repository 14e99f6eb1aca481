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

// math::name(x) for float, double and packs of them, from simd::name_of(native).
#define TAPER_MATH_UNARY(name, device)                                              \
  namespace detail::simd {                                                          \
  struct name##_functor {                                                           \
    template <class X>                                                              \
    TAPER_PACK auto operator()(X x) const {                                         \
      return name##_of(x);                                                          \
    }                                                                               \
  };                                                                                \
  }                                                                                 \
  namespace math {                                                                  \
  template <std::floating_point T, int N, class A>                                  \
  TAPER_PACK Pack<T, N, A> name(const Pack<T, N, A>& x) {                           \
    return detail::simd::map<Pack<T, N, A>>(detail::simd::name##_functor(), x);     \
  }                                                                                 \
  template <std::floating_point T>                                                  \
  TAPER_INLINE TAPER_HD T name(T x) {                                               \
    TAPER_SCALAR_MATH(detail::simd::name##_of(x), device)                           \
  }                                                                                 \
  }

#define TAPER_MATH_BINARY(name, device)                                             \
  namespace detail::simd {                                                          \
  struct name##_functor {                                                           \
    template <class X>                                                              \
    TAPER_PACK auto operator()(X x, X y) const {                                    \
      return name##_of(x, y);                                                       \
    }                                                                               \
  };                                                                                \
  }                                                                                 \
  namespace math {                                                                  \
  template <std::floating_point T, int N, class A>                                  \
  TAPER_PACK Pack<T, N, A> name(const Pack<T, N, A>& x, const Pack<T, N, A>& y) {   \
    return detail::simd::map<Pack<T, N, A>>(detail::simd::name##_functor(), x, y);  \
  }                                                                                 \
  template <std::floating_point T>                                                  \
  TAPER_INLINE TAPER_HD T name(T x, T y) {                                          \
    TAPER_SCALAR_MATH(detail::simd::name##_of(x, y), device)                        \
  }                                                                                 \
  }

namespace taper::inline TAPER_ABI::detail::simd {

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
inline constexpr element_t<X> inf = std::numeric_limits<element_t<X>>::infinity();
template <class X>
inline constexpr element_t<X> nan = std::numeric_limits<element_t<X>>::quiet_NaN();
template <class X>
inline constexpr auto sign_bit = std::numeric_limits<typename IntOf<sizeof(element_t<X>)>::type>::min();

template <class X>
TAPER_PACK X magnitude(X x) {
  return from_bits<X>(bits(x) & splat<int_t<X>>(~sign_bit<X>));
}
template <class X>
TAPER_PACK int_t<X> sign_of(X x) {
  return bits(x) & splat<int_t<X>>(sign_bit<X>);
}
/// x with the sign of s added (x >= 0).
template <class X>
TAPER_PACK X with_sign(X x, X s) {
  return from_bits<X>(bits(x) | sign_of(s));
}
/// NaN by its bits, which -ffast-math leaves alone.
template <class X>
TAPER_PACK mask_t<X> nan_mask(X x) {
  return (mask_t<X>)((bits(x) & splat<int_t<X>>(~sign_bit<X>)) > bits(splat<X>(inf<X>)));
}

template <class M>
TAPER_PACK M either(M a, M b) {
  if constexpr (std::is_same_v<M, bool>) return a || b;
  else return a | b;
}
template <class M>
TAPER_PACK M both(M a, M b) {
  if constexpr (std::is_same_v<M, bool>) return a && b;
  else return a & b;
}

/// Adding and subtracting it rounds |x| < 2^22 (2^51) to an integer; the sum's low bits hold that integer.
template <class X>
inline constexpr double magic = is_double<X> ? 0x1.8p52 : 0x1.8p23;
template <class X>
inline constexpr int fraction_bits = is_double<X> ? 52 : 23;
template <class X>
inline constexpr int bias = is_double<X> ? 1023 : 127;

}  // namespace taper::inline TAPER_ABI::detail::simd
