// SPDX-License-Identifier: MIT
// exp and what is built from it: sigmoid, tanh.
#pragma once

#include <taper/expr/math/define.hpp>

namespace taper::inline TAPER_ABI {

namespace detail::simd {

/// x = n ln 2 + r with |r| <= ln 2 / 2, for |x| below the range of exp.
template <class X>
struct Reduced {
  X n, r;
  int_t<X> i;  // n
};
template <class X>
TAPER_PACK Reduced<X> reduce_ln2(X x) {
  // The high part of ln 2 has so few bits that its product with n is exact.
  constexpr double high = is_double<X> ? 0x1.62e42feep-1 : 0x1.62e4p-1, low = is_double<X> ? 0x1.a39ef35793c76p-33 : 0x1.7f7d1cf79abcap-20;
  const X z = barrier(fma(x, splat<X>(0x1.71547652b82fep0), splat<X>(magic<X>)));
  const X n = z - splat<X>(magic<X>);
  X r = barrier(fma(n, splat<X>(-high), x));
  r = fma(n, splat<X>(-low), r);
  return {n, r, bits(z) - bits(splat<X>(magic<X>))};
}

/// (e^r - 1 - r) / r^2.
template <class X>
TAPER_PACK X exp_tail(X r) {
  if constexpr (is_double<X>) {
    return horner(r, 0x1.0000000000000p-1, 0x1.555555555555cp-3, 0x1.5555555555556p-5, 0x1.111111110e97cp-7, 0x1.6c16c16c15f2ap-10,
                  0x1.a01a01b48f9aap-13, 0x1.a01a01a8feacep-16, 0x1.71dded9545402p-19, 0x1.27e4d3f825d0cp-22, 0x1.af7022d1dc851p-26,
                  0x1.1f837ccd12924p-29);
  } else {
    return horner(r, 0x1.0000000000000p-1, 0x1.55548a0000000p-3, 0x1.55552a0000000p-5, 0x1.123f300000000p-7, 0x1.6cedca0000000p-10);
  }
}

/// 2^i for i in the normal range.
template <class X>
TAPER_PACK X power_of_two(int_t<X> i) {
  return from_bits<X>((i + bias<X>) << fraction_bits<X>);
}

template <class X>
TAPER_PACK X exp_of(X x) {
  TAPER_CONTRACT
  // Beyond these the result is infinite or zero all the same, and 2^n can be had as a product of two normal numbers.
  const X top = splat<X>(is_double<X> ? 710.0 : 89.0), bottom = splat<X>(is_double<X> ? -746.0 : -104.0);
  x = choose<X>(x > top, top, x);
  x = choose<X>(x < bottom, bottom, x);
  const Reduced<X> t = reduce_ln2(x);
  const X p = fma(t.r * t.r, exp_tail(t.r), t.r) + splat<X>(1);
  const int_t<X> half = t.i >> 1;
  return barrier(p * power_of_two<X>(half)) * power_of_two<X>(t.i - half);
}

/// Of e = e^-|x|, which neither overflows nor loses its small values.
template <class X>
TAPER_PACK X sigmoid_of(X x) {
  TAPER_CONTRACT
  const X e = exp_of(-magnitude(x));
  return choose<X>(x < splat<X>(0), e, splat<X>(1)) / (splat<X>(1) + e);
}

/// t / (t + 2) with t = e^(2 |x|) - 1.
template <class X>
TAPER_PACK X tanh_of(X x) {
  TAPER_CONTRACT
  X y = magnitude(x);
  const X one_from = splat<X>(is_double<X> ? 19.1 : 9.02);
  y = choose<X>(y > one_from, one_from, y);
  const Reduced<X> u = reduce_ln2(y + y);
  const X q = fma(u.r * u.r, exp_tail(u.r), u.r), s = power_of_two<X>(u.i);
  const X t = fma(s, q, s - splat<X>(1));
  return with_sign(t / (t + splat<X>(2)), x);
}

}  // namespace detail::simd

TAPER_MATH_UNARY(exp, ::exp(x))
TAPER_MATH_UNARY(sigmoid, 1 / (1 + ::exp(-x)))
TAPER_MATH_UNARY(tanh, ::tanh(x))

}  // namespace taper::inline TAPER_ABI
