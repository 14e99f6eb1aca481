// SPDX-License-Identifier: MIT
// Complex arithmetic and functions, one formula for std::complex and for packs of it.
#pragma once

#include <taper/expr/math/basic.hpp>
#include <taper/expr/math/exponential.hpp>
#include <taper/expr/math/logarithm.hpp>
#include <taper/expr/math/power.hpp>
#include <taper/expr/math/trigonometric.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {
template <class V>
concept RealValue = !ComplexValue<V> && (PackValue<V> || ScalarValue<V>);
}

namespace math {

template <ComplexValue Z>
TAPER_INLINE TAPER_HD real_of<Z> real(const Z& z) {
  if constexpr (PackValue<Z>)
    return z.re;
  else
    return z.real();
}
template <ComplexValue Z>
TAPER_INLINE TAPER_HD real_of<Z> imag(const Z& z) {
  if constexpr (PackValue<Z>)
    return z.im;
  else
    return z.imag();
}
template <detail::RealValue V>
TAPER_INLINE TAPER_HD V real(const V& x) {
  return x;
}
template <detail::RealValue V>
TAPER_INLINE TAPER_HD V imag(const V&) {
  return V(0);
}
/// re + i im.
template <detail::RealValue V>
TAPER_INLINE TAPER_HD rebind<V, std::complex<scalar_of<V>>> complex(const V& re, const V& im) {
  return {re, im};
}
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z conj(const Z& z) {
  return math::complex(math::real(z), real_of<Z>(-math::imag(z)));
}
template <detail::RealValue V>
TAPER_INLINE TAPER_HD V conj(const V& x) {
  return x;
}

template <ComplexValue Z>
TAPER_INLINE TAPER_HD real_of<Z> abs(const Z& z) {
  return math::hypot(math::real(z), math::imag(z));
}
template <ComplexValue Z>
TAPER_INLINE TAPER_HD real_of<Z> arg(const Z& z) {
  return math::atan2(math::imag(z), math::real(z));
}

/// a / b, scaled by b's larger part (Smith): no needless overflow.
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z divide(const Z& a, const Z& b) {
  using R = real_of<Z>;
  const R ar = math::real(a), ai = math::imag(a), br = math::real(b), bi = math::imag(b);
  const auto swap = math::abs(br) < math::abs(bi);
  const R big = select(swap, bi, br), small = select(swap, br, bi);
  // A zero divisor gives what real division gives, part by part.
  const R t = select(big == R(0), R(0), R(small / big)), den = math::fma(small, t, big);
  const R x = math::fma(select(swap, ar, ai), t, select(swap, ai, ar));
  const R y = math::fma(select(swap, ai, R(-ar)), t, select(swap, R(-ar), ai));
  return math::complex(R(x / den), R(y / den));
}
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z reciprocal(const Z& z) {
  return math::divide(Z(1), z);
}
/// z / |z|, 0 at 0.
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z sgn(const Z& z) {
  using R = real_of<Z>;
  const R a = math::abs(z), d = select(a == R(0), R(1), a);
  return math::complex(R(math::real(z) / d), R(math::imag(z) / d));
}

template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z exp(const Z& z) {
  using R = real_of<Z>;
  const R e = math::exp(math::real(z)), y = math::imag(z);
  // A real argument stays real, also where e is infinite.
  const auto flat = y == R(0);
  return math::complex(select(flat, e, R(e * math::cos(y))), select(flat, y, R(e * math::sin(y))));
}
/// Where |z| is near 1, log |z| comes from |z|^2 - 1.
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z log(const Z& z) {
  using R = real_of<Z>;
  const R x = math::abs(math::real(z)), y = math::abs(math::imag(z)), a = math::max(x, y), b = math::min(x, y);
  const auto near = (a > R(0.6)) && (a < R(1.7));
  const R c = select(near, a, R(1)), d = select(near, b, R(0));
  return math::complex(
      select(near, R(R(0.5) * math::log1p(math::fma(d, d, R((c - R(1)) * (c + R(1)))))), math::log(math::hypot(x, y))),
      math::arg(z));
}
/// The root with real part >= 0, cut along the negative axis.
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z sqrt(const Z& z) {
  using R = real_of<Z>;
  using T = scalar_of<R>;
  const R x = math::real(z), y = math::imag(z);
  // Halved where the modulus would overflow, doubled where it would lose bits.
  const R larger = math::max(math::abs(x), math::abs(y));
  const auto huge = larger > R(detail::simd::largest<T> / 4), tiny = larger < R(detail::simd::least_normal<T> * 16);
  const R down = select(huge, R(0.0625), select(tiny, R(sizeof(T) == 8 ? 0x1p100 : 0x1p40), R(1)));
  const R up = select(huge, R(4), select(tiny, R(sizeof(T) == 8 ? 0x1p-50 : 0x1p-20), R(1)));
  const R t = math::sqrt(R(R(0.5) * (math::hypot(R(x * down), R(y * down)) + math::abs(R(x * down))))) * up;
  const R other = select(t == R(0), R(0), R(R(0.5) * math::abs(y) / t));
  const auto left = x < R(0);
  const R re = select(left, other, t), im = select(left, t, other);
  const auto infinite = math::isinf(y);
  return math::complex(select(infinite, math::abs(y), re), select(infinite, y, math::copysign(im, y)));
}
/// exp(w log z); 0^w is 0 for Re w > 0, and z^0 is 1.
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z pow(const Z& z, const Z& w) {
  using R = real_of<Z>;
  const Z p = math::exp(Z(w * math::log(z)));
  const auto zero = (math::real(z) == R(0)) && (math::imag(z) == R(0)),
             one = (math::real(w) == R(0)) && (math::imag(w) == R(0));
  const auto gone = zero && (math::real(w) > R(0));
  const R re = select(one, R(1), select(gone, R(0), math::real(p))), im = select(one || gone, R(0), math::imag(p));
  return math::complex(re, im);
}

template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z sinh(const Z& z) {
  using R = real_of<Z>;
  const R x = math::real(z), y = math::imag(z);
  const auto flat = y == R(0);
  return math::complex(select(flat, math::sinh(x), R(math::sinh(x) * math::cos(y))),
                       select(flat, y, R(math::cosh(x) * math::sin(y))));
}
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z cosh(const Z& z) {
  using R = real_of<Z>;
  const R x = math::real(z), y = math::imag(z);
  const auto flat = y == R(0);
  return math::complex(select(flat, math::cosh(x), R(math::cosh(x) * math::cos(y))),
                       select(flat, R(y * math::copysign(R(1), x)), R(math::sinh(x) * math::sin(y))));
}
/// With t = tan y, s = sinh x: ((1 + t^2) s sqrt(1 + s^2) + i t) / (1 + (1 + t^2) s^2); +-1 where s^2 would overflow.
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z tanh(const Z& z) {
  using R = real_of<Z>;
  using T = scalar_of<R>;
  const R x = math::real(z), y = math::imag(z), limit = R(sizeof(T) == 8 ? 22 : 11);
  const auto far = math::abs(x) > limit;
  const R s = math::sinh(select(far, math::copysign(limit, x), x)), t = math::tan(y), b = math::fma(t, t, R(1));
  const R rho = math::sqrt(math::fma(s, s, R(1))), den = math::fma(R(b * s), s, R(1));
  const auto pole = math::isinf(t);
  const R re = select(pole, R(rho / s), R(b * rho * s / den)), im = select(pole, R(0), R(t / den));
  const R decay = R(4) * math::exp(R(R(-2) * math::abs(x))) * math::sin(y) * math::cos(y);
  return math::complex(select(far, math::copysign(R(1), x), re), select(far, decay, im));
}
// By rotation: sin z = -i sinh(i z), and so on.
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z sin(const Z& z) {
  const Z s = math::sinh(math::complex(real_of<Z>(-math::imag(z)), math::real(z)));
  return math::complex(math::imag(s), real_of<Z>(-math::real(s)));
}
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z cos(const Z& z) {
  return math::cosh(math::complex(real_of<Z>(-math::imag(z)), math::real(z)));
}
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z tan(const Z& z) {
  const Z t = math::tanh(math::complex(real_of<Z>(-math::imag(z)), math::real(z)));
  return math::complex(math::imag(t), real_of<Z>(-math::real(t)));
}

}  // namespace math

template <class R, int N, class A>
TAPER_PACK Pack<std::complex<R>, N, A> operator/(const Pack<std::complex<R>, N, A>& a,
                                                 const Pack<std::complex<R>, N, A>& b) {
  return math::divide(a, b);
}

}  // namespace taper::inline TAPER_CODE
