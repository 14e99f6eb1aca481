// SPDX-License-Identifier: MIT
// Exact functions: absolute value and sign, roots, extrema, rounding, tests on bits, remainders of integers.
#pragma once

#include <taper/expr/math/define.hpp>

namespace taper::inline TAPER_CODE {

namespace detail::simd {

template <class X>
TAPER_PACK X abs_of(X x) {
  if constexpr (std::is_unsigned_v<element_t<X>>)
    return x;
  else if constexpr (std::is_integral_v<element_t<X>>)
    return choose<X>(x < splat<X>(0), Negate()(x), x);
  else
    return magnitude(x);
}
template <class X>
TAPER_PACK X sign_of(X x) {
  const X one = splat<X>(1), zero = splat<X>(0);
  const X positive = choose<X>(x > zero, one, zero);
  if constexpr (std::is_unsigned_v<element_t<X>>)
    return positive;
  else
    return choose<X>(x < zero, splat<X>(-1), positive);
}
template <class X>
TAPER_PACK X max_of(X a, X b) {
  if constexpr (std::is_integral_v<element_t<X>>)
    return choose<X>(a > b, a, b);
  else
    return choose<X>(nan_mask(a), a, greater(a, b));
}
template <class X>
TAPER_PACK X min_of(X a, X b) {
  if constexpr (std::is_integral_v<element_t<X>>)
    return choose<X>(a < b, a, b);
  else
    return choose<X>(nan_mask(a), a, lesser(a, b));
}
template <class X>
TAPER_PACK X fmax_of(X a, X b) {
  return choose<X>(nan_mask(b), a, greater(a, b));
}
template <class X>
TAPER_PACK X fmin_of(X a, X b) {
  return choose<X>(nan_mask(b), a, lesser(a, b));
}
template <class X>
TAPER_PACK X sqrt_of(X x) {
  return simd::sqrt(x);
}
template <class X>
TAPER_PACK X rsqrt_of(X x) {
  return divide(splat<X>(1), simd::sqrt(x));
}
template <class X>
TAPER_PACK X reciprocal_of(X x) {
  return divide(splat<X>(1), x);
}
template <class X>
TAPER_PACK X copysign_of(X x, X s) {
  return with_sign(magnitude(x), s);
}
template <class X>
TAPER_PACK X round_of(X x) {
  return round_by<0>(x);
}
template <class X>
TAPER_PACK X floor_of(X x) {
  return round_by<1>(x);
}
template <class X>
TAPER_PACK X ceil_of(X x) {
  return round_by<2>(x);
}
template <class X>
TAPER_PACK X trunc_of(X x) {
  return round_by<3>(x);
}
template <class X>
TAPER_PACK X frac_of(X x) {
  return x - round_by<3>(x);
}
template <class X>
TAPER_PACK X nextafter_of(X x, X y) {
  using I = int_t<X>;
  const auto zero = (mask_t<X>)(x == splat<X>(0));
  // Away from zero the bits of a magnitude count up.
  const auto outward = (mask_t<X>)((x < y) == (x > splat<X>(0)));
  const I step = choose<I>(outward, splat<I>(1), splat<I>(-1));
  const X next = choose<X>(zero, from_bits<X>(sign_bits(y) | splat<I>(1)), from_bits<X>(plus(bits(x), step)));
  const X r = choose<X>(x == y, y, next);
  return choose<X>(either<mask_t<X>>(nan_mask(x), nan_mask(y)), x + y, r);
}

struct FmaFunctor {
  template <class X>
  TAPER_PACK X operator()(X a, X b, X c) const {
    return simd::fma(a, b, c);
  }
};

// Masks as integers of the value's width: -1 or 0.
#define TAPER_MASK_FUNCTOR(Name, test)                                                 \
  struct Name {                                                                        \
    template <class X>                                                                 \
    TAPER_PACK auto operator()(X x) const {                                            \
      using I = int_t<X>;                                                              \
      const I infinity = bits(splat<X>(inf<X>)), m = bits(x) & splat<I>(~sign_bit<X>); \
      (void)infinity, (void)m;                                                         \
      return test;                                                                     \
    }                                                                                  \
  };
TAPER_MASK_FUNCTOR(IsNan, m > infinity)
TAPER_MASK_FUNCTOR(IsInf, m == infinity)
TAPER_MASK_FUNCTOR(IsFinite, m < infinity)
TAPER_MASK_FUNCTOR(SignBit, bits(x) < splat<I>(0))
#undef TAPER_MASK_FUNCTOR

template <class F, class T, int N, class A>
TAPER_PACK Pack<bool, N, A> test_bits(F f, const Pack<T, N, A>& x) {
  return to_mask(map<Pack<typename IntOf<sizeof(T)>::type, N, A>>(f, x));
}
template <class T>
TAPER_HD auto scalar_bits(T x) {
  return __builtin_bit_cast(typename IntOf<sizeof(T)>::type, x);
}
// Nothing unsigned is compared with 0, which nvcc warns of.
template <class T>
TAPER_HD bool below_zero(T x) {
  if constexpr (std::is_unsigned_v<T>) return false;
  else return x < T(0);
}
template <class T>
inline constexpr auto infinity_bits =
    std::bit_cast<typename IntOf<sizeof(T)>::type>(std::numeric_limits<T>::infinity());

}  // namespace detail::simd

// Error of each: none, except rsqrt (at most 1 ULP).
TAPER_MATH_UNARY(sqrt, ::sqrt(x))
TAPER_MATH_UNARY(rsqrt, ::rsqrt(x))
TAPER_MATH_UNARY(reciprocal, 1 / x)
TAPER_MATH_UNARY(floor, ::floor(x))
TAPER_MATH_UNARY(ceil, ::ceil(x))
TAPER_MATH_UNARY(round, ::rint(x))
TAPER_MATH_UNARY(trunc, ::trunc(x))
TAPER_MATH_UNARY(frac, x - ::trunc(x))
TAPER_MATH_BINARY(fmax, ::fmax(x, y))
TAPER_MATH_BINARY(fmin, ::fmin(x, y))
TAPER_MATH_BINARY(copysign, ::copysign(x, y))
TAPER_MATH_BINARY(nextafter, ::nextafter(x, y))
TAPER_MATH_UNARY_OF(detail::RealScalar, abs, detail::simd::below_zero(x) ? T(-x) : x)
/// -1, 0 or 1; of NaN 0.
TAPER_MATH_UNARY_OF(detail::RealScalar, sign, T((x > T(0)) - detail::simd::below_zero(x)))
TAPER_MATH_BINARY_OF(detail::RealScalar, max, x != x || x > y ? x : y)
TAPER_MATH_BINARY_OF(detail::RealScalar, min, x != x || x < y ? x : y)

namespace math {

/// a * b + c, rounded once where the target has the instruction.
template <std::floating_point T, int N, class A>
TAPER_PACK Pack<T, N, A> fma(const Pack<T, N, A>& a, const Pack<T, N, A>& b, const Pack<T, N, A>& c) {
  return detail::simd::map<Pack<T, N, A>>(detail::simd::FmaFunctor(), a, b, c);
}
template <std::floating_point T>
TAPER_INLINE TAPER_HD T fma(T a, T b, T c){TAPER_SCALAR_MATH(detail::simd::fma(a, b, c), ::fma(a, b, c))}

// Tests of the bits: right under -ffast-math too.
#define TAPER_MATH_TEST(name, Functor, scalar)                                 \
  template <std::floating_point T, int N, class A>                             \
  TAPER_PACK Pack<bool, N, A> name(const Pack<T, N, A>& x) {                   \
    return detail::simd::test_bits(detail::simd::Functor(), x);                \
  }                                                                            \
  template <std::floating_point T>                                             \
  TAPER_INLINE TAPER_HD bool name(T x) {                                       \
    [[maybe_unused]] constexpr auto infinity = detail::simd::infinity_bits<T>; \
    const auto b = detail::simd::scalar_bits(x);                               \
    [[maybe_unused]] const auto m = b & detail::simd::largest<decltype(b)>;    \
    return scalar;                                                             \
  }
TAPER_MATH_TEST(isnan, IsNan, m > infinity) TAPER_MATH_TEST(isinf, IsInf, m == infinity)
    TAPER_MATH_TEST(isfinite, IsFinite, m < infinity) TAPER_MATH_TEST(signbit, SignBit, b < 0)
#undef TAPER_MATH_TEST

}  // namespace math

}  // namespace taper::inline TAPER_CODE
