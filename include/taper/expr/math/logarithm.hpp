// SPDX-License-Identifier: MIT
// log and its relatives.
#pragma once

#include <taper/expr/math/define.hpp>

namespace taper::inline TAPER_ABI {

namespace detail::simd {

/// Integer lanes, |i| < 2^22 (2^51), as floating ones.
template <class X>
TAPER_PACK X small_to_float(int_t<X> i) {
  return barrier(from_bits<X>(i + bits(splat<X>(magic<X>)))) - splat<X>(magic<X>);
}

/// x = 2^e (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), for positive finite x.
template <class X>
struct Decomposed {
  X e, f;
};
template <class X>
TAPER_PACK Decomposed<X> decompose(X x) {
  using I = int_t<X>;
  const auto tiny = x < splat<X>(std::numeric_limits<element_t<X>>::min());
  x = choose<X>(tiny, x * splat<X>(is_double<X> ? 0x1p54 : 0x1p25), x);
  const I root = bits(splat<X>(0x1.6a09e667f3bcdp-1));
  const I i = bits(x) - root;
  const I e = i >> fraction_bits<X>;
  const X m = from_bits<X>((i & splat<I>((std::int64_t(1) << fraction_bits<X>)-1)) + root);
  const X shift = choose<X>(tiny, splat<X>(is_double<X> ? -54 : -25), splat<X>(0));
  return {small_to_float<X>(e) + shift, m - splat<X>(1)};
}

/// log(1 + f) - f for 1 + f in [sqrt(1/2), sqrt(2)).
template <class X>
TAPER_PACK X log_tail(X f) {
  if constexpr (is_double<X>) {
    const X s = f / (f + splat<X>(2)), z = s * s, h = splat<X>(0.5) * f * f;
    const X r = z * horner(z, 0x1.5555555555555p-1, 0x1.9999999999dfep-2, 0x1.249249242b5aap-2, 0x1.c71c7258e1b35p-3, 0x1.745cde3df6598p-3,
                           0x1.3b20aa2f71c0dp-3, 0x1.0f5ce7357a979p-3, 0x1.0f620516d93cfp-3);
    return fma(s, h + r, -h);
  } else {
    const X p = horner(f, 0x1.5555460000000p-2, -0x1.0000c80000000p-2, 0x1.99a6b00000000p-3, -0x1.550a7e0000000p-3, 0x1.22c9aa0000000p-3,
                       -0x1.03582e0000000p-3, 0x1.f7cd6c0000000p-4, -0x1.a7186c0000000p-4, 0x1.598f340000000p-5);
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
  TAPER_CONTRACT
  constexpr double high = is_double<X> ? 0x1.62e42feep-1 : 0x1.62e4p-1, low = is_double<X> ? 0x1.a39ef35793c76p-33 : 0x1.7f7d1cf79abcap-20;
  const Decomposed<X> d = decompose(x);
  const X tail = fma(d.e, splat<X>(low), log_tail(d.f));
  return log_edges(x, fma(d.e, splat<X>(high), d.f + tail));
}

}  // namespace detail::simd

TAPER_MATH_UNARY(log, ::log(x))

}  // namespace taper::inline TAPER_ABI
