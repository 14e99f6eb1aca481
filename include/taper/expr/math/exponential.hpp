// SPDX-License-Identifier: MIT
// exp, exp2, expm1, sigmoid and the hyperbolic functions built on one reduction.
#pragma once

#include <taper/expr/math/define.hpp>

namespace taper::inline TAPER_CODE {

namespace detail::simd {

TAPER_PRECISE_BEGIN

/// x = n ln 2 + r with |r| <= ln 2 / 2; i is n as an integer.
template <class X>
struct Reduced {
  X r;
  int_t<X> i;
};
template <class X>
TAPER_PACK Reduced<X> reduce_ln2(X x) {
  const X z = barrier(fma(x, splat<X>(0x1.71547652b82fep0), splat<X>(magic<X>)));
  const X n = without_magic(z);
  const X r = barrier(fma(n, splat<X>(-ln2_high<X>), x));
  return {fma(n, splat<X>(-ln2_low<X>), r), magic_integer(z)};
}

/// e^r - 1 for |r| <= ln 2 / 2.
template <class X>
TAPER_PACK X exp_small(X r) {
  X q;
  if constexpr (is_double<X>) {
    q = horner(r, 0x1.0000000000000p-1, 0x1.555555555555cp-3, 0x1.5555555555556p-5, 0x1.111111110e97cp-7,
               0x1.6c16c16c15f2ap-10, 0x1.a01a01b48f9aap-13, 0x1.a01a01a8feacep-16, 0x1.71dded9545402p-19,
               0x1.27e4d3f825d0cp-22, 0x1.af7022d1dc851p-26, 0x1.1f837ccd12924p-29);
  } else {
    q = horner(r, 0x1p-1, 0x1.55548ap-3, 0x1.55552ap-5, 0x1.123f3p-7, 0x1.6cedcap-10);
  }
  return barrier(fma(r * r, q, r));
}

/// p 2^i, rounded once also where it is subnormal: two factors are normal where one is not.
template <class X>
TAPER_PACK X scale(X p, int_t<X> i) {
  const int_t<X> half = i >> 1;
  return barrier(p * power_of_two<X>(half)) * power_of_two<X>(minus(i, half));
}

/// Beyond its ends exp is infinite or zero all the same.
template <class X>
TAPER_PACK X clamp_exp(X x) {
  return greater(splat<X>(is_double<X> ? -746.0 : -104.0), lesser(splat<X>(is_double<X> ? 710.0 : 89.0), x));
}

template <class X>
TAPER_PACK X exp_of(X x) {
  const Reduced<X> t = reduce_ln2(clamp_exp(x));
  return scale(splat<X>(1) + exp_small(t.r), t.i);
}

/// e^x of x <= 0, and 0 where that is not a normal number.
template <class X>
TAPER_PACK X exp_decay_of(X x) {
  const Reduced<X> t = reduce_ln2(x);
  const X y = (splat<X>(1) + exp_small(t.r)) * power_of_two<X>(t.i);
  return choose<X>(x < splat<X>(is_double<X> ? -708.0 : -87.0), splat<X>(0), y);
}

template <class X>
TAPER_PACK X exp2_of(X x) {
  x = greater(splat<X>(is_double<X> ? -1076.0 : -151.0), lesser(splat<X>(is_double<X> ? 1025.0 : 129.0), x));
  const X z = barrier(x + splat<X>(magic<X>));
  const X r = barrier(x - without_magic(z));
  // r ln 2 with ln 2 in two parts.
  const X high = splat<X>(0x1.62e42fefa39efp-1),
          low = splat<X>(is_double<X> ? 0x1.abc9e3b39803fp-56 : -0x1.05c610ca86c39p-29);
  return scale(splat<X>(1) + exp_small(fma(r, low, r * high)), magic_integer(z));
}

/// e^x - 1 of reduced x, over 2^shift.
template <class X>
TAPER_PACK X expm1_reduced(const Reduced<X>& t, int shift) {
  const X s = power_of_two<X>(minus(t.i, splat<int_t<X>>(shift)));
  return fma(s, exp_small(t.r), s - power_of_two<X>(splat<int_t<X>>(-shift)));
}

template <class X>
TAPER_PACK X expm1_of(X x) {
  const Reduced<X> t =
      reduce_ln2(greater(splat<X>(is_double<X> ? -40.0 : -20.0), lesser(splat<X>(is_double<X> ? 710.0 : 89.0), x)));
  const X y = expm1_reduced(t, 1);
  return choose<X>(magnitude(x) < splat<X>(is_double<X> ? 0x1p-54 : 0x1p-25), x, y + y);
}

/// 1 / d for d in [a, 2 a], to 6 %: a line through it.
template <class X>
TAPER_PACK X rough_reciprocal(X d, double a) {
  return fma(d, splat<X>(-0.4857 / (a * a)), splat<X>(1.4571 / a));
}

// With e = e^-|x|, which neither overflows nor loses its small values: 1 / (1 + e) or e / (1 + e). What the sum 1 + e
// lost is given back to the quotient.
template <class X>
TAPER_PACK X sigmoid_of(X x) {
  const X e = exp_of(-magnitude(x));
  const Two<X> d = fast_two_sum(splat<X>(1), e);
  const X q = divide(choose<X>(x < splat<X>(0), e, splat<X>(1)), d.high);
  return fma(-q, d.low * rough_reciprocal(d.high, 1), q);
}

// Doubles: t / (t + 2) with t = e^(2 |x|) - 1, corrected as in sigmoid where t is small.
// Floats: 1 - 2 / (e^(2 |x|) + 1), and a polynomial where that would lose bits.
template <class X>
TAPER_PACK X tanh_of(X x) {
  const X a = magnitude(x), y = lesser(splat<X>(is_double<X> ? 19.1 : 9.02), a), two = splat<X>(2);
  if constexpr (is_double<X>) {
    const X t = expm1_reduced(reduce_ln2(y + y), 0);
    const X d = barrier(t + two);
    const X lost = choose<X>(t < two, barrier(t - barrier(d - two)), splat<X>(0));
    const X q = divide(t, d);
    return with_sign(fma(-q, lost * rough_reciprocal(d, 2), q), x);
  } else {
    const Reduced<X> t = reduce_ln2(y + y);
    const X s = power_of_two<X>(t.i);
    const X d = fma(s, exp_small(t.r), s + splat<X>(1));
    const X large = splat<X>(1) - divide(two, d), z = y * y;
    const X small =
        fma(y * z, horner(z, -0x1.55554ap-2, 0x1.110cd8p-3, -0x1.b91878p-5, 0x1.58a49ap-6, -0x1.977226p-8), y);
    return with_sign(choose<X>(a < splat<X>(0.55), small, large), x);
  }
}

// With t = (e^|x| - 1) / 8: sinh |x| = 4 (t + t / (8 t + 1)), which overflows before t does.
template <class X>
TAPER_PACK X sinh_of(X x) {
  const X y = lesser(splat<X>(is_double<X> ? 711.0 : 90.0), magnitude(x));
  const X t = expm1_reduced(reduce_ln2(y), 3);
  const X r = (t + divide(t, fma(t, splat<X>(8), splat<X>(1)))) * splat<X>(4);
  return with_sign(choose<X>(y < splat<X>(is_double<X> ? 0x1p-28 : 0x1p-13), y, r), x);
}

template <class X>
TAPER_PACK X cosh_of(X x) {
  const X y = lesser(splat<X>(is_double<X> ? 711.0 : 90.0), magnitude(x));
  const Reduced<X> t = reduce_ln2(y);
  const X e = (splat<X>(1) + exp_small(t.r)) * power_of_two<X>(minus(t.i, splat<int_t<X>>(2)));
  const X r = e + divide(splat<X>(0.0625), e);
  return r + r;
}

TAPER_PRECISE_END

}  // namespace detail::simd

// Error: the largest in ULP, of floats over all of them, of doubles over samples.
//   exp 1.1, exp2 1.1, expm1 2, sigmoid 2, tanh 2 (float 1.4), sinh 2.5, cosh 1.5
TAPER_MATH_UNARY(exp, ::exp(x))
TAPER_MATH_UNARY(exp2, ::exp2(x))
TAPER_MATH_UNARY(expm1, ::expm1(x))
/// exp(x) of x <= 0 to the same error, and 0 below -87 (double: -708).
TAPER_MATH_UNARY(exp_decay, x < (sizeof(x) == 8 ? -708 : -87) ? 0 : ::exp(x))
/// 1 / (1 + e^-x).
TAPER_MATH_UNARY(sigmoid, 1 / (1 + ::exp(-x)))
TAPER_MATH_UNARY(tanh, ::tanh(x))
TAPER_MATH_UNARY(sinh, ::sinh(x))
TAPER_MATH_UNARY(cosh, ::cosh(x))

}  // namespace taper::inline TAPER_CODE
