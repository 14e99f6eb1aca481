// SPDX-License-Identifier: MIT
// sin, cos, tan and their inverses.
#pragma once

#include <taper/expr/math/reduction.hpp>

namespace taper::inline TAPER_CODE {

namespace detail::simd {

TAPER_PRECISE_BEGIN

template <class X>
struct SinCos {
  X sin, cos;
};
/// Of r + low, |r| <= pi / 4.
template <class X>
TAPER_PACK SinCos<X> sin_cos_small(X r, X low) {
  const X z = r * r, half = splat<X>(0.5) * z, one = splat<X>(1);
  const X h = barrier(one - half), lost = barrier(barrier(one - h) - half);
  if constexpr (is_double<X>) {
    const X s = horner(z, -0x1.5555555555549p-3, 0x1.111111110f899p-7, -0x1.a01a019c1312fp-13, 0x1.71de357789649p-19,
                       -0x1.ae5e6538f7adcp-26, 0x1.5d9282dfb4a5fp-33);
    const X c = horner(z, 0x1.555555555554ep-5, -0x1.6c16c16c154dep-10, 0x1.a01a019cfa1b5p-16, -0x1.27e4f837cd4d6p-22,
                       0x1.1eea07b794c6ep-29, -0x1.8fbb9d2faf63dp-37);
    return {r + fma(z * r, s, fma(-half, low, low)), h + (lost + fma(z * z, c, -(r * low)))};
  } else {
    const X s = horner(z, -0x1.555546p-3, 0x1.11077ap-7, -0x1.9954ap-13);
    const X c = horner(z, 0x1.55554ap-5, -0x1.6c0c16p-10, 0x1.99df14p-16);
    return {fma(z * r, s, r), h + fma(z * z, c, lost)};
  }
}

template <class X>
TAPER_PACK mask_t<X> odd(int_t<X> q) {
  return (mask_t<X>)((q & splat<int_t<X>>(1)) != splat<int_t<X>>(0));
}
/// The sign bit where bit 1 of q is set.
template <class X>
TAPER_PACK int_t<X> second_half(int_t<X> q) {
  return (q & splat<int_t<X>>(2)) << (8 * static_cast<int>(sizeof(element_t<X>)) - 2);
}

template <class X>
TAPER_PACK X sin_of(X x) {
  const Angle<X> a = reduce_pio2(magnitude(x));
  const SinCos<X> t = sin_cos_small(a.r, a.low);
  return from_bits<X>(bits(choose<X>(odd<X>(a.q), t.cos, t.sin)) ^ second_half<X>(a.q) ^ sign_bits(x));
}
template <class X>
TAPER_PACK X cos_of(X x) {
  const Angle<X> a = reduce_pio2(magnitude(x));
  const SinCos<X> t = sin_cos_small(a.r, a.low);
  return from_bits<X>(bits(choose<X>(odd<X>(a.q), t.sin, t.cos)) ^ second_half<X>(plus(a.q, splat<int_t<X>>(1))));
}
template <class X>
TAPER_PACK X tan_of(X x) {
  const Angle<X> a = reduce_pio2(magnitude(x));
  const SinCos<X> t = sin_cos_small(a.r, a.low);
  const auto swap = odd<X>(a.q);
  const X y = divide(choose<X>(swap, t.cos, t.sin), choose<X>(swap, -t.sin, t.cos));
  return from_bits<X>(bits(y) ^ sign_bits(x));
}

/// atan(y / x) of x, y >= 0: the quotient is taken where it is below tan(pi / 8), from pi / 4 or from pi / 2.
template <class X>
TAPER_PACK X atan_quotient(X y, X x) {
  const X zero = splat<X>(0);
  const auto steep = (mask_t<X>)(y > x * splat<X>(0x1.3504f333f9de6p+1)),
             middle = (mask_t<X>)(y > x * splat<X>(0x1.a827999fcef32p-2));
  const X num = choose<X>(steep, -x, choose<X>(middle, y - x, y));
  const X den = choose<X>(steep, y, choose<X>(middle, y + x, x));
  const X t = divide(num, den), z = t * t;
  constexpr double pio2 = 0x1.921fb54442d18p+0, pio2_low = is_double<X> ? 0x1.1a62633145c07p-54 : -0x1.777a5c1p-25;
  const X base = choose<X>(steep, splat<X>(pio2), choose<X>(middle, splat<X>(pio2 / 2), zero));
  const X base_low = choose<X>(steep, splat<X>(pio2_low), choose<X>(middle, splat<X>(pio2_low / 2), zero));
  X p;
  if constexpr (is_double<X>) {
    p = horner(z, -0x1.5555555555543p-2, 0x1.99999999962b1p-3, -0x1.24924922e2706p-3, 0x1.c71c70f7a9b9fp-4,
               -0x1.745cfa940043fp-4, 0x1.3b11340cf54c4p-4, -0x1.10ecc970c7e4dp-4, 0x1.df1d436c8564fp-5,
               -0x1.9d0bbc312f249p-5, 0x1.385970bba1870p-5, -0x1.26721edbfe9e6p-6);
  } else {
    p = horner(z, -0x1.55554ap-2, 0x1.9991e6p-3, -0x1.23b9f6p-3, 0x1.b2286cp-4, -0x1.f2f426p-5);
  }
  return base + barrier(fma(t * z, p, base_low) + t);
}
template <class X>
TAPER_PACK X atan_of(X x) {
  return with_sign(atan_quotient(magnitude(x), splat<X>(1)), x);
}
// Where both are infinite or both zero their signs alone decide; large ones are scaled so that their sum is finite.
template <class X>
TAPER_PACK X atan2_of(X y, X x) {
  const X infinity = splat<X>(inf<X>), zero = splat<X>(0), one = splat<X>(1);
  X ay = magnitude(y), ax = magnitude(x);
  const auto both_infinite = both<mask_t<X>>(ay == infinity, ax == infinity);
  ay = choose<X>(both_infinite, one, ay);
  ax = choose<X>(both_infinite, one, ax);
  ax = choose<X>(both<mask_t<X>>(ax == zero, ay == zero), one, ax);
  const X large = splat<X>(largest<X> / 8), small = splat<X>(least_normal<X> * 64);
  const X factor =
      choose<X>(either<mask_t<X>>(ay > large, ax > large), splat<X>(0.0625),
                choose<X>(both<mask_t<X>>(ay < small, ax < small), splat<X>(is_double<X> ? 0x1p60 : 0x1p30), one));
  const X r = atan_quotient(ay * factor, ax * factor);
  constexpr double pi = 0x1.921fb54442d18p+1, pi_low = is_double<X> ? 0x1.1a62633145c07p-53 : -0x1.777a5c1p-24;
  const X turned = splat<X>(pi) - barrier(r - splat<X>(pi_low));
  const X s = choose<X>((mask_t<X>)(bits(x) < splat<int_t<X>>(0)), turned, r);
  return choose<X>(either<mask_t<X>>(nan_mask(x), nan_mask(y)), x + y, with_sign(magnitude(s), y));
}

/// (asin(t) - t) / t^3 with z = t^2 <= 1 / 4.
template <class X>
TAPER_PACK X asin_tail(X z) {
  if constexpr (is_double<X>) {
    return horner(z, 0x1.5555555555570p-3, 0x1.333333332ecf1p-4, 0x1.6db6db71a2368p-5, 0x1.f1c71ab81a4a9p-6,
                  0x1.6e8bdb8ceeb54p-6, 0x1.1c4a24b7e7aefp-6, 0x1.ca1b312cdfc03p-7, 0x1.75a59f6b83c21p-7,
                  0x1.60995b43da4fbp-7, 0x1.eec3958b753ebp-9, 0x1.6125e21ce060fp-6, -0x1.54c47476ef010p-6,
                  0x1.0a572e4174a41p-5);
  } else {
    return horner(z, 0x1.5555c6p-3, 0x1.330262p-4, 0x1.74762ep-5, 0x1.8c5dd8p-6, 0x1.594f5ap-5);
  }
}
/// asin(t) = t + tail with t = |x| or, from 1 / 2 on, of sqrt((1 - |x|) / 2) whose rounding error is in the tail too.
template <class X>
struct AsinParts {
  mask_t<X> far;
  X t, tail;
};
template <class X>
TAPER_PACK AsinParts<X> asin_parts(X x) {
  const X a = magnitude(x), half = splat<X>(0.5);
  const auto far = (mask_t<X>)(a > half);
  const X z = choose<X>(far, fma(a, -half, half), a * a);
  const X root = simd::sqrt(z), t = choose<X>(far, root, a);
  const Two<X> square = two_product(root, root);
  const X lost = divide(barrier(z - square.high) - square.low, choose<X>(z == splat<X>(0), splat<X>(1), root + root));
  return {far, t, fma(t * z, asin_tail(z), choose<X>(far, lost, splat<X>(0)))};
}
template <class X>
TAPER_PACK X asin_of(X x) {
  constexpr double pio2 = 0x1.921fb54442d18p+0, pio2_low = is_double<X> ? 0x1.1a62633145c07p-54 : -0x1.777a5c1p-25;
  const AsinParts<X> p = asin_parts(x);
  const X near = p.t + p.tail;
  const Two<X> d = fast_two_sum(splat<X>(pio2), -(p.t + p.t));
  const X far = d.high + barrier(d.low + barrier(splat<X>(pio2_low) - (p.tail + p.tail)));
  return from_bits<X>(bits(choose<X>(p.far, far, near)) ^ sign_bits(x));
}
template <class X>
TAPER_PACK X acos_of(X x) {
  constexpr double pio2 = 0x1.921fb54442d18p+0, pio2_low = is_double<X> ? 0x1.1a62633145c07p-54 : -0x1.777a5c1p-25;
  const AsinParts<X> p = asin_parts(x);
  const auto negative = (mask_t<X>)(bits(x) < splat<int_t<X>>(0));
  const X zero = splat<X>(0);
  // pi / 2 - asin(x) near zero, 2 asin(root) or pi - 2 asin(root) beyond.
  const X base = choose<X>(p.far, choose<X>(negative, splat<X>(2 * pio2), zero), splat<X>(pio2));
  const X base_low = choose<X>(p.far, choose<X>(negative, splat<X>(2 * pio2_low), zero), splat<X>(pio2_low));
  const X factor = choose<X>(p.far, splat<X>(2), splat<X>(1));
  const X sign = choose<X>((mask_t<X>)(bits(choose<X>(p.far, -x, x)) < splat<int_t<X>>(0)), factor, -factor);
  const X t = sign * p.t, tail = sign * p.tail;
  const Two<X> d = two_sum(base, t);
  return d.high + barrier(d.low + barrier(base_low + tail));
}

TAPER_PRECISE_END

}  // namespace detail::simd

// Error: the largest in ULP, of floats over all of them, of doubles over samples up to the largest numbers.
//   sin 2 (double 1), cos 2 (double 1), tan 4 (double 3), asin 1, acos 1, atan 2.5, atan2 2.5
TAPER_MATH_UNARY(sin, ::sin(x))
TAPER_MATH_UNARY(cos, ::cos(x))
TAPER_MATH_UNARY(tan, ::tan(x))
TAPER_MATH_UNARY(asin, ::asin(x))
TAPER_MATH_UNARY(acos, ::acos(x))
TAPER_MATH_UNARY(atan, ::atan(x))
/// The angle of (y, x): atan2(y, x).
TAPER_MATH_BINARY(atan2, ::atan2(x, y))

}  // namespace taper::inline TAPER_CODE
