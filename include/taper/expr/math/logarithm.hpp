// SPDX-License-Identifier: MIT
// log, log2, log10, log1p, and what needs them: softplus, log_sigmoid, the inverse hyperbolic functions.
#pragma once

#include <taper/expr/math/exponential.hpp>

namespace taper::inline TAPER_CODE {

namespace detail::simd {

TAPER_PRECISE_BEGIN

/// x = 2^e (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), for positive finite x.
template <class X>
struct Decomposed {
  X e, f;
};
template <class X>
TAPER_PACK Decomposed<X> decompose(X x) {
  using I = int_t<X>;
  const auto tiny = (mask_t<X>)(x < splat<X>(least_normal<X>));
  x = choose<X>(tiny, x * splat<X>(is_double<X> ? 0x1p54 : 0x1p25), x);
  const I root = bits(splat<X>(0x1.6a09e667f3bcdp-1));
  const I i = minus(bits(x), root);
  const X m = from_bits<X>(plus(i & splat<I>((std::int64_t(1) << fraction_bits<X>)-1), root));
  const X shift = choose<X>(tiny, splat<X>(is_double<X> ? -54 : -25), splat<X>(0));
  return {small_to_float<X>(i >> fraction_bits<X>) + shift, barrier(m - splat<X>(1))};
}

/// log(1 + f) - f for 1 + f in [sqrt(1/2), sqrt(2)).
template <class X>
TAPER_PACK X log_tail(X f) {
  if constexpr (is_double<X>) {
    const X s = divide(f, f + splat<X>(2)), z = s * s, h = splat<X>(0.5) * f * f;
    const X r = z * horner(z, 0x1.5555555555555p-1, 0x1.9999999999dfep-2, 0x1.249249242b5aap-2, 0x1.c71c7258e1b35p-3,
                           0x1.745cde3df6598p-3, 0x1.3b20aa2f71c0dp-3, 0x1.0f5ce7357a979p-3, 0x1.0f620516d93cfp-3);
    return fma(s, h + r, -h);
  } else {
    const X p = horner(f, 0x1.555546p-2, -0x1.0000c8p-2, 0x1.99a6b0p-3, -0x1.550a7ep-3, 0x1.22c9aap-3, -0x1.03582ep-3,
                       0x1.f7cd6cp-4, -0x1.a7186cp-4, 0x1.598f34p-5);
    const X z = f * f;
    return fma(z * f, p, splat<X>(-0.5) * z);
  }
}

/// The logarithm's infinities and NaN over the finite result r.
template <class X>
TAPER_PACK X log_edges(X x, X r) {
  r = choose<X>(x == splat<X>(inf<X>), x, r);
  r = choose<X>(x == splat<X>(0), splat<X>(-inf<X>), r);
  return choose<X>(either<mask_t<X>>(nan_mask(x), x < splat<X>(0)), splat<X>(nan<X>), r);
}

template <class X>
TAPER_PACK X log_of(X x) {
  const Decomposed<X> d = decompose(x);
  const X tail = fma(d.e, splat<X>(ln2_low<X>), log_tail(d.f));
  return log_edges(x, fma(d.e, splat<X>(ln2_high<X>), barrier(d.f + tail)));
}

/// log in base b: (f + tail) / ln b + e log_b 2. Both factors are split so that the leading products are exact.
template <class X>
TAPER_PACK X log_base(X x, double high, double low, double e_high, double e_low) {
  const Decomposed<X> d = decompose(x);
  const X fh = upper_half(d.f), fl = barrier(d.f - fh) + log_tail(d.f);
  const Two<X> sum = fast_two_sum(d.e * splat<X>(e_high), fh * splat<X>(high));
  const X rest = fma(fh + fl, splat<X>(low), fma(fl, splat<X>(high), d.e * splat<X>(e_low)));
  return log_edges(x, sum.high + barrier(sum.low + rest));
}
template <class X>
TAPER_PACK X log2_of(X x) {
  if constexpr (is_double<X>)
    return log_base(x, 0x1.715476p0, 0x1.4ae0bf85ddf44p-26, 1, 0);
  else
    return log_base(x, 0x1.714p0, 0x1.47652b82fe177p-12, 1, 0);
}
template <class X>
TAPER_PACK X log10_of(X x) {
  if constexpr (is_double<X>)
    return log_base(x, 0x1.bcb7b1p-2, 0x1.49b9438ca9aaep-28, 0x1.34413509f6p-2, 0x1.9fef311f12b36p-42);
  else
    return log_base(x, 0x1.bcap-2, 0x1.7b1526e50e32ap-14, 0x1.344p-2, 0x1.3509f79fef312p-18);
}

// log(u) of u = 1 + x, with what the sum lost added to the fraction.
template <class X>
TAPER_PACK X log1p_of(X x) {
  const X one = splat<X>(1);
  const X u = barrier(one + x);
  const Decomposed<X> d = decompose(u);
  X lost = choose<X>(x < one, barrier(x - barrier(u - one)), barrier(one - barrier(u - x)));
  // 2^-e, from u's exponent; where that is too small there is nothing to add.
  const X scaled = lost * from_bits<X>(minus(bits(one), minus(bits(u), bits(one + d.f))));
  const X f = choose<X>(magnitude(u) < splat<X>(is_double<X> ? 0x1p60 : 0x1p30), d.f + scaled, d.f);
  const X tail = fma(d.e, splat<X>(ln2_low<X>), log_tail(f));
  const X r = fma(d.e, splat<X>(ln2_high<X>), barrier(f + tail));
  return choose<X>(magnitude(x) < splat<X>(is_double<X> ? 0x1p-54 : 0x1p-25), x, log_edges(u, r));
}

/// log(1 + e) of 0 <= e <= 1: either 1 + e or half of it is near 1.
template <class X>
TAPER_PACK X log1p_unit(X e) {
  const X zero = splat<X>(0);
  const auto upper = (mask_t<X>)(e > splat<X>(0.4142));
  const X f = choose<X>(upper, splat<X>(0.5) * (e - splat<X>(1)), e);
  const X tail = log_tail(f) + choose<X>(upper, splat<X>(ln2_low<X>), zero);
  return choose<X>(upper, splat<X>(ln2_high<X>), zero) + barrier(f + tail);
}
/// log(1 + e^x).
template <class X>
TAPER_PACK X log1p_exp_of(X x) {
  return greater(splat<X>(0), x) + log1p_unit(exp_of(-magnitude(x)));
}
template <class X>
TAPER_PACK X log_sigmoid_of(X x) {
  return lesser(splat<X>(0), x) - log1p_unit(exp_of(-magnitude(x)));
}

// Above `far` the argument is so large that sqrt(x^2 +- 1) is x.
template <class X>
TAPER_PACK X asinh_of(X x) {
  const X a = magnitude(x), one = splat<X>(1), zero = splat<X>(0);
  const auto far = (mask_t<X>)(a > splat<X>(is_double<X> ? 0x1p28 : 0x1p13));
  const X s = choose<X>(far, one, a);
  const X u = choose<X>(far, a - one, a + divide(s * s, one + simd::sqrt(fma(s, s, one))));
  return with_sign(log1p_of(u) + choose<X>(far, splat<X>(0x1.62e42fefa39efp-1), zero), x);
}
template <class X>
TAPER_PACK X acosh_of(X x) {
  const X one = splat<X>(1);
  const auto far = (mask_t<X>)(x > splat<X>(is_double<X> ? 0x1p28 : 0x1p13));
  const X t = choose<X>(far, one, x - one);
  const X u = choose<X>(far, x - one, t + simd::sqrt(fma(t, t, t + t)));
  const X r = log1p_of(u) + choose<X>(far, splat<X>(0x1.62e42fefa39efp-1), splat<X>(0));
  return choose<X>(x < one, splat<X>(nan<X>), r);
}
template <class X>
TAPER_PACK X atanh_of(X x) {
  const X a = magnitude(x);
  return with_sign(splat<X>(0.5) * log1p_of(divide(a + a, splat<X>(1) - a)), x);
}

TAPER_PRECISE_END

}  // namespace detail::simd

// Error: the largest in ULP, of floats over all of them, of doubles over samples.
//   log 1, log2 1.1, log10 1.1, log1p 2, log1p_exp 2.5, log_sigmoid 2.5, asinh 2.5, acosh 2.5, atanh 2.5
TAPER_MATH_UNARY(log, ::log(x))
TAPER_MATH_UNARY(log2, ::log2(x))
TAPER_MATH_UNARY(log10, ::log10(x))
TAPER_MATH_UNARY(log1p, ::log1p(x))
/// log(1 + e^x), softplus.
TAPER_MATH_UNARY(log1p_exp, (x > 0 ? x : T(0)) + ::log1p(::exp(-::fabs(x))))
/// -log(1 + e^-x).
TAPER_MATH_UNARY(log_sigmoid, (x < 0 ? x : T(0)) - ::log1p(::exp(-::fabs(x))))
TAPER_MATH_UNARY(asinh, ::asinh(x))
TAPER_MATH_UNARY(acosh, ::acosh(x))
TAPER_MATH_UNARY(atanh, ::atanh(x))

}  // namespace taper::inline TAPER_CODE
