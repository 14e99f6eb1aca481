// SPDX-License-Identifier: MIT
// pow and hypot.
#pragma once

#include <taper/expr/math/logarithm.hpp>

namespace taper::inline TAPER_CODE {

namespace detail::simd {

TAPER_PRECISE_BEGIN

/// f of float lanes in double precision.
template <class F, class X>
TAPER_PACK X in_double(F f, X x, X y) {
  if constexpr (std::is_same_v<X, float>) {
    return static_cast<float>(f(static_cast<double>(x), static_cast<double>(y)));
  } else {
#if TAPER_DEVICE_PASS
    return x;
#else
    constexpr int H = Lanes<X>::count / 2;
    return narrow<float, true>(f(widen<double, H, 0>(x), widen<double, H, 0>(y)),
                               f(widen<double, H, 1>(x), widen<double, H, 1>(y)));
#endif
  }
}

/// x^y of x > 0 that are floats, to 2^-34.
struct PowFloat {
  template <class D>
  TAPER_PACK D operator()(D x, D y) const {
    const Decomposed<D> d = decompose(x);
    const D s = divide(d.f, d.f + splat<D>(2)), z = s * s;
    const D p = horner(z, 0x1.71547652b82fep+1, 0x1.ec709dc4bbce5p-1, 0x1.2776c2f5d6b75p-1, 0x1.a619f2990ae18p-2,
                       0x1.479d498cabdc2p-2, 0x1.214fb931bd412p-2);
    D t = y * fma(s, p, d.e);
    t = greater(splat<D>(-1000), lesser(splat<D>(1000), t));
    const D m = barrier(t + splat<D>(magic<D>));
    const D r = barrier(t - without_magic(m));
    const D e = horner(r, 0x1.ffffffffa64d1p-1, 0x1.62e42fef6c636p-1, 0x1.ebfbe0ab272ffp-3, 0x1.c6b08e07dc5f9p-5,
                       0x1.3b29d7cb61789p-7, 0x1.5d8714c0648cfp-10, 0x1.446d37f4771acp-13, 0x1.00f8400f64008p-16);
    return e * power_of_two<D>(magic_integer(m));
  }
};

/// log(x) of positive finite x to about 2^-64: the series of s = f / (2 + f) with its first terms in two parts.
template <class X>
TAPER_PACK Two<X> log_two(X x) {
  const Decomposed<X> d = decompose(x);
  const Two<X> den = fast_two_sum(splat<X>(2), d.f);
  const X inverse = divide(splat<X>(1), den.high), sh = barrier(d.f * inverse);
  const Two<X> p = two_product(sh, den.high);
  const X sl = barrier(barrier(barrier(barrier(d.f - p.high) - p.low) - sh * den.low) * inverse);
  Two<X> z = two_product(sh, sh);
  z.low += splat<X>(2) * sh * sl;
  const X q = z.high * horner(z.high, 0x1.999999999999ap-2, 0x1.2492492492492p-2, 0x1.c71c71c71c71cp-3,
                              0x1.745d1745d1746p-3, 0x1.3b13b13b13b14p-3, 0x1.1111111111111p-3, 0x1.e1e1e1e1e1e1ep-4,
                              0x1.af286bca1af28p-4, 0x1.8618618618618p-4);
  Two<X> a = fast_two_sum(splat<X>(0x1.5555555555555p-1), q);
  a.low += splat<X>(0x1.5555555555555p-55);
  Two<X> b = two_product(z.high, a.high);
  b.low += fma(z.high, a.low, z.low * a.high);
  Two<X> c = two_product(sh, b.high);
  c.low += fma(sh, b.low, sl * b.high);
  const Two<X> log_m = fast_two_sum(sh + sh, c.high);
  const Two<X> sum = two_sum(d.e * splat<X>(0x1.62e42fefa38p-1), log_m.high);
  return fast_two_sum(sum.high, barrier(sum.low + barrier(barrier(log_m.low + c.low) +
                                                          fma(d.e, splat<X>(0x1.ef35793c7673p-45), sl + sl))));
}

/// |x|^y for doubles: exp of y log |x|, both in two parts.
template <class X>
TAPER_PACK X pow_double(X x, X y) {
  Two<X> l = log_two(x);
  l.high = choose<X>(x == splat<X>(0), splat<X>(-inf<X>), choose<X>(x == splat<X>(inf<X>), x, l.high));
  const Two<X> p = two_product(y, l.high);
  const X low = choose<X>(magnitude(p.high) < splat<X>(800), fma(y, l.low, p.low), splat<X>(0));
  const Reduced<X> t = reduce_ln2(clamp_exp(p.high));
  return scale(splat<X>(1) + exp_small(t.r + low), t.i);
}

template <class X>
TAPER_PACK X pow_of(X x, X y) {
  using M = mask_t<X>;
  const X a = magnitude(x), one = splat<X>(1), zero = splat<X>(0);
  X r;
  if constexpr (is_double<X>) {
    r = pow_double(a, y);
  } else {
    r = in_double(PowFloat(), a, y);
    // log 0 and log inf, times y.
    const auto edge = either<M>(a == zero, a == splat<X>(inf<X>));
    const X at_edge = choose<X>((M)((a == zero) == (y > zero)), zero, splat<X>(inf<X>));
    r = choose<X>(both<M>(edge, !nan_mask(y)), at_edge, r);
  }
  const auto whole = (M)(round_by<3>(y) == y);
  const X half = splat<X>(0.5) * y;
  const auto odd = both<M>(whole, round_by<3>(half) != half);
  r = choose<X>(a == one, choose<X>(nan_mask(y), y, one), r);
  const auto no_root = both<M>(both<M>(x<zero, x> splat<X>(-inf<X>)), !whole);
  r = choose<X>(no_root, splat<X>(nan<X>), r);
  r = choose<X>(odd, with_sign(r, x), r);
  r = choose<X>(nan_mask(x), x, r);
  return choose<X>(either<M>(y == zero, x == one), one, r);
}

/// sqrt(x^2 + y^2) where the squares do not overflow.
struct HypotDouble {
  template <class D>
  TAPER_PACK D operator()(D x, D y) const {
    return simd::sqrt(fma(x, x, y * y));
  }
};
template <class X>
TAPER_PACK X hypot_of(X x, X y) {
  using M = mask_t<X>;
  X r;
  if constexpr (is_double<X>) {
    const X a = magnitude(x), b = magnitude(y);
    const X big = choose<X>(a > b, a, b), small = choose<X>(a > b, b, a);
    const auto huge = (M)(big > splat<X>(0x1p500)), tiny = (M)(big < splat<X>(0x1p-459));
    const X down = choose<X>(huge, splat<X>(0x1p-600), choose<X>(tiny, splat<X>(0x1p600), splat<X>(1)));
    const X up = choose<X>(huge, splat<X>(0x1p600), choose<X>(tiny, splat<X>(0x1p-600), splat<X>(1)));
    r = HypotDouble()(big * down, small * down) * up;
  } else {
    r = in_double(HypotDouble(), x, y);
  }
  const X infinity = splat<X>(inf<X>);
  return choose<X>(either<M>(magnitude(x) == infinity, magnitude(y) == infinity), infinity, r);
}

TAPER_PRECISE_END

}  // namespace detail::simd

/// x^y with IEEE 754's special cases. Error: float 0.51 ULP, double 1.5.
TAPER_MATH_BINARY(pow, ::pow(x, y))
/// sqrt(x^2 + y^2) without overflow. Error: float 0.51 ULP, double 1.5.
TAPER_MATH_BINARY(hypot, ::hypot(x, y))

}  // namespace taper::inline TAPER_CODE
