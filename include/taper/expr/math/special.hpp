// SPDX-License-Identifier: MIT
// erf, erfc and, lane by lane, erfinv, lgamma, digamma.
#pragma once

#include <taper/expr/math/basic.hpp>
#include <taper/expr/math/exponential.hpp>
#include <taper/expr/math/logarithm.hpp>
#include <taper/expr/math/trigonometric.hpp>

namespace taper::inline TAPER_CODE {

namespace detail::simd {

TAPER_PRECISE_BEGIN

/// erf(x) of |x| <= 1, z = x^2.
template <class X>
TAPER_PACK X erf_small(X x, X z) {
  X p;
  if constexpr (is_double<X>) {
    p = horner(z, 0x1.06eba8214db69p-3, -0x1.812746b0379e6p-2, 0x1.ce2f21a042b34p-4, -0x1.b82ce31284f38p-6,
               0x1.565bcd0dbd921p-8, -0x1.c02db3db49762p-11, 0x1.f9a321e4b84f9p-14, -0x1.f4d1e434bc0cfp-17,
               0x1.b9df305cad6f7p-20, -0x1.5f1f40faeea79p-23, 0x1.f7b99d7c8709ap-27, -0x1.38ac2290d3965p-30,
               0x1.062759c5be8ecp-34);
  } else {
    p = horner(z, 0x1.06eba8p-3, -0x1.81274p-2, 0x1.ce2d5p-4, -0x1.b7fe9p-6, 0x1.542e0ep-8, -0x1.a50ae8p-11,
               0x1.4c339cp-14);
  }
  return fma(x, p, x);
}

/// erfc(x) of x >= 0: e^(-x^2) / (1 + 2 x) times a polynomial in (x - k) / (x + k).
template <class X>
TAPER_PACK X erfc_positive(X x) {
  constexpr double k = is_double<X> ? 4 : 3;
  x = lesser(splat<X>(is_double<X> ? 27.5 : 10.3), x);
  const X t = divide(x - splat<X>(k), x + splat<X>(k));
  X p;
  if constexpr (is_double<X>) {
    p = horner(t, 0x1.3ba5916e9fd7fp+0, -0x1.1df1ad154a29bp-3, 0x1.f7f5df66fd80dp-7, 0x1.16ecefcfa5f47p-4,
               -0x1.9ddb23c3e90c5p-4, 0x1.7fee004df8808p-4, -0x1.0fb06dfe4fd5ap-4, 0x1.3079edf9ca794p-5,
               -0x1.0962388213e73p-6, 0x1.49c6719b330bcp-8, -0x1.8d4a9e95643d0p-11, -0x1.a1de879f9ecc8p-13,
               0x1.3be0bcbd560dfp-13, -0x1.9969ba06206a1p-16, -0x1.78a4f6f95127bp-17, 0x1.7fb023774b5aep-18,
               0x1.439406b08c415p-22, -0x1.c011f3122d6aep-21, 0x1.0de64ceddd7e7p-24, 0x1.edeabf257be29p-24,
               -0x1.0e14136b24b64p-27, -0x1.d2c7856739a07p-27, -0x1.e7d8988bb0002p-30);
  } else {
    p = horner(t, 0x1.40c522p+0, -0x1.15c08ap-3, -0x1.85a19cp-5, 0x1.098412p-3, -0x1.e88866p-4, 0x1.17bd6ep-4,
               -0x1.85ed04p-6, 0x1.5042a8p-9, 0x1.06b311p-9, -0x1.951bc2p-11, -0x1.16f784p-12);
  }
  // e^(-x^2) with the rounding error of the square put back.
  const Two<X> square = two_product(x, x);
  const Reduced<X> u = reduce_ln2(clamp_exp(-square.high));
  const X e = splat<X>(1) + exp_small(u.r - square.low);
  return scale(divide(e * p, fma(x, splat<X>(2), splat<X>(1))), u.i);
}

template <class X>
TAPER_PACK X erf_of(X x) {
  const X a = magnitude(x), one = splat<X>(1);
  X large;
  if constexpr (is_double<X>) {
    large = one - erfc_positive(a);
  } else {
    // log erfc(a) on [1, 4].
    const X y = lesser(splat<X>(4), a);
    large = one - exp_of(horner(y, -0x1.72e8p-12, -0x1.2085b2p+0, -0x1.46c584p-1, -0x1.a60a84p-4, 0x1.65421cp-6,
                                -0x1.814ca8p-9, 0x1.852c9p-13));
  }
  const X small = lesser(one, a);
  return with_sign(choose<X>(a > one, large, erf_small(small, small * small)), x);
}
template <class X>
TAPER_PACK X erfc_of(X x) {
  const X a = magnitude(x), one = splat<X>(1), half = splat<X>(0.5), small = lesser(half, a);
  const X e = erfc_positive(a);
  const X far = choose<X>(x < splat<X>(0), splat<X>(2) - e, e);
  const X near = one - with_sign(erf_small(small, small * small), x);
  return choose<X>(a < half, near, far);
}

TAPER_PRECISE_END

}  // namespace detail::simd

// Error: the largest in ULP, of floats over all of them, of doubles over samples: erf 2.5, erfc 5 (double 6).
TAPER_MATH_UNARY(erf, ::erf(x))
TAPER_MATH_UNARY(erfc, ::erfc(x))

namespace detail::simd {

// One double at a time, out of line: these are rare and long.

/// A first guess of the inverse from its asymptotic form, then Halley's steps on erf or, near the ends, on erfc.
template <class A>
TAPER_HD TAPER_COLD double erfinv_one(double x) {
  const double a = math::abs(x);
  if (!(a < 1)) return a == 1 ? x * inf<double> : nan<double>;
  if (a < 1e-9) return x * 0x1.c5bf891b4ef6bp-1;
  const double l = math::log((1 - a) * (1 + a)), b = 2 / (3.14159265358979323846 * 0.147) + l / 2;
  double y = math::sqrt(math::sqrt(b * b - l / 0.147) - b);
  for (int i = 0; i < 3; ++i) {
    const double error = a < 0.5 ? math::erf(y) - a : (1 - a) - math::erfc(y);
    const double step = error / (0x1.20dd750429b6dp+0 * math::exp(-y * y));
    y -= step / (1 + y * step);
  }
  return x < 0 ? -y : y;
}

/// psi(x) by its recurrence up to 10 and its asymptotic series; by reflection below 0.
template <class A>
TAPER_HD TAPER_COLD double digamma_one(double x) {
  constexpr double pi = 3.14159265358979323846;
  if (x == 0) return math::copysign(inf<double>, -x);
  double r = 0;
  if (x < 0) {
    const double f = math::frac(x);
    if (!(f != 0)) return nan<double>;
    r = -pi / math::tan(pi * f);
    x = 1 - x;
  }
  for (; x < 10; x += 1) r -= 1 / x;
  const double z = 1 / (x * x);
  double series = 1.0 / 12;
  constexpr double terms[] = {-691.0 / 32760, 1.0 / 132, -1.0 / 240, 1.0 / 252, -1.0 / 120, 1.0 / 12};
  for (const double c : terms) series = series * z + c;
  return r + (math::log(x) - 0.5 / x - series * z);
}

template <class A>
TAPER_HD TAPER_COLD double lgamma_one(double x) {
#if defined(__CUDA_ARCH__)
  return ::lgamma(x);
#else
  int sign = 0;
  return ::lgamma_r(x, &sign);  // std::lgamma writes a global
#endif
}

}  // namespace detail::simd

namespace math {

// Lane by lane, in double: float results are rounded once more than the double's. Error of doubles: erfinv 1e-15
// relative, digamma 1e-15 relative away from its roots, lgamma the library's.
#define TAPER_MATH_LANES(name)                                                                \
  template <std::floating_point T, int N, class A>                                            \
  TAPER_PACK Pack<T, N, A> name(const Pack<T, N, A>& x) {                                     \
    Pack<T, N, A> r;                                                                          \
    for (int i = 0; i < N; ++i) r.v[i] = static_cast<T>(detail::simd::name##_one<A>(x.v[i])); \
    return r;                                                                                 \
  }                                                                                           \
  template <std::floating_point T>                                                            \
  TAPER_INLINE TAPER_HD T name(T x) {                                                         \
    return static_cast<T>(detail::simd::name##_one<Abi>(x));                                  \
  }
TAPER_MATH_LANES(erfinv)
TAPER_MATH_LANES(digamma)
TAPER_MATH_LANES(lgamma)
#undef TAPER_MATH_LANES

}  // namespace math

}  // namespace taper::inline TAPER_CODE
