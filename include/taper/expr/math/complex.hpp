// SPDX-License-Identifier: MIT
// Complex arithmetic and functions, one formula for std::complex and for packs of it.
#pragma once

#include <taper/expr/math/exponential.hpp>
#include <taper/expr/math/logarithm.hpp>
#include <taper/expr/math/power.hpp>
#include <taper/expr/math/trigonometric.hpp>

namespace taper::inline TAPER_ABI {

namespace detail {
template <class V>
concept RealValue = !ComplexValue<V> && (PackValue<V> || ScalarValue<V>);
}

namespace math {

template <ComplexValue Z>
TAPER_INLINE TAPER_HD real_of<Z> real(const Z& z) {
  if constexpr (PackValue<Z>) return z.re;
  else return z.real();
}
template <ComplexValue Z>
TAPER_INLINE TAPER_HD real_of<Z> imag(const Z& z) {
  if constexpr (PackValue<Z>) return z.im;
  else return z.imag();
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
  return complex(real(z), real_of<Z>(-imag(z)));
}
template <detail::RealValue V>
TAPER_INLINE TAPER_HD V conj(const V& x) {
  return x;
}

template <ComplexValue Z>
TAPER_INLINE TAPER_HD real_of<Z> abs(const Z& z) {
  return hypot(real(z), imag(z));
}
template <ComplexValue Z>
TAPER_INLINE TAPER_HD real_of<Z> arg(const Z& z) {
  return atan2(imag(z), real(z));
}

/// a / b, scaled by b's larger part (Smith): no needless overflow.
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z divide(const Z& a, const Z& b) {
  using R = real_of<Z>;
  const R ar = real(a), ai = imag(a), br = real(b), bi = imag(b);
  const auto swap = abs(br) < abs(bi);
  const R big = select(swap, bi, br), small = select(swap, br, bi);
  // A zero divisor gives what real division gives, part by part.
  const R t = select(big == R(0), R(0), R(small / big)), den = big + small * t;
  const R x = select(swap, R(ar * t + ai), R(ar + ai * t)), y = select(swap, R(ai * t - ar), R(ai - ar * t));
  return complex(R(x / den), R(y / den));
}
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z reciprocal(const Z& z) {
  return math::divide(Z(1), z);
}
/// z / |z|, 0 at 0.
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z sgn(const Z& z) {
  using R = real_of<Z>;
  const R a = abs(z), d = select(a == R(0), R(1), a);
  return complex(R(real(z) / d), R(imag(z) / d));
}

template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z exp(const Z& z) {
  using R = real_of<Z>;
  const R e = exp(real(z)), y = imag(z);
  // A real argument stays real, also where e is infinite.
  const auto flat = y == R(0);
  return complex(select(flat, e, R(e * cos(y))), select(flat, y, R(e * sin(y))));
}
/// Where |z| is near 1, log |z| comes from |z|^2 - 1.
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z log(const Z& z) {
  using R = real_of<Z>;
  const R x = abs(real(z)), y = abs(imag(z)), a = max(x, y), b = min(x, y);
  const auto near = (a > R(0.6)) && (a < R(1.7));
  const R c = select(near, a, R(1)), d = select(near, b, R(0));
  return complex(select(near, R(R(0.5) * log1p(R((c - R(1)) * (c + R(1)) + d * d))), log(hypot(x, y))), arg(z));
}
/// The root with real part >= 0, cut along the negative axis.
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z sqrt(const Z& z) {
  using R = real_of<Z>;
  using T = scalar_of<R>;
  const R x = real(z), y = imag(z);
  // Halved where the modulus would overflow, doubled where it would lose bits.
  const R larger = max(abs(x), abs(y));
  const auto huge = larger > R(detail::simd::largest<T> / 4), tiny = larger < R(detail::simd::least_normal<T> * 16);
  const R down = select(huge, R(0.0625), select(tiny, R(sizeof(T) == 8 ? 0x1p100 : 0x1p40), R(1)));
  const R up = select(huge, R(4), select(tiny, R(sizeof(T) == 8 ? 0x1p-50 : 0x1p-20), R(1)));
  const R t = sqrt(R(R(0.5) * (hypot(R(x * down), R(y * down)) + abs(R(x * down))))) * up;
  const R other = select(t == R(0), R(0), R(R(0.5) * abs(y) / t));
  const auto left = x < R(0);
  const R re = select(left, other, t), im = select(left, t, other);
  const auto infinite = isinf(y);
  return complex(select(infinite, abs(y), re), select(infinite, y, copysign(im, y)));
}
/// exp(w log z); 0^w is 0 for Re w > 0, and z^0 is 1.
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z pow(const Z& z, const Z& w) {
  using R = real_of<Z>;
  const Z p = math::exp(Z(w * math::log(z)));
  const auto zero = (real(z) == R(0)) && (imag(z) == R(0)), one = (real(w) == R(0)) && (imag(w) == R(0));
  const auto gone = zero && (real(w) > R(0));
  const R re = select(one, R(1), select(gone, R(0), real(p))), im = select(one || gone, R(0), imag(p));
  return complex(re, im);
}

template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z sinh(const Z& z) {
  using R = real_of<Z>;
  const R x = real(z), y = imag(z);
  const auto flat = y == R(0);
  return complex(select(flat, sinh(x), R(sinh(x) * cos(y))), select(flat, y, R(cosh(x) * sin(y))));
}
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z cosh(const Z& z) {
  using R = real_of<Z>;
  const R x = real(z), y = imag(z);
  const auto flat = y == R(0);
  return complex(select(flat, cosh(x), R(cosh(x) * cos(y))), select(flat, R(y * copysign(R(1), x)), R(sinh(x) * sin(y))));
}
/// With t = tan y, s = sinh x: ((1 + t^2) s sqrt(1 + s^2) + i t) / (1 + (1 + t^2) s^2); +-1 where s^2 would overflow.
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z tanh(const Z& z) {
  using R = real_of<Z>;
  using T = scalar_of<R>;
  const R x = real(z), y = imag(z), limit = R(sizeof(T) == 8 ? 22 : 11);
  const auto far = abs(x) > limit;
  const R s = sinh(select(far, copysign(limit, x), x)), t = tan(y), b = R(1) + t * t;
  const R rho = sqrt(R(R(1) + s * s)), den = R(1) + b * s * s;
  const auto pole = isinf(t);
  const R re = select(pole, R(rho / s), R(b * rho * s / den)), im = select(pole, R(0), R(t / den));
  const R decay = R(4) * exp(R(R(-2) * abs(x))) * sin(y) * cos(y);
  return complex(select(far, copysign(R(1), x), re), select(far, decay, im));
}
// By rotation: sin z = -i sinh(i z), and so on.
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z sin(const Z& z) {
  const Z s = math::sinh(complex(real_of<Z>(-imag(z)), real(z)));
  return complex(imag(s), real_of<Z>(-real(s)));
}
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z cos(const Z& z) {
  return math::cosh(complex(real_of<Z>(-imag(z)), real(z)));
}
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z tan(const Z& z) {
  const Z t = math::tanh(complex(real_of<Z>(-imag(z)), real(z)));
  return complex(imag(t), real_of<Z>(-real(t)));
}

}  // namespace math

template <class R, int N, class A>
TAPER_PACK Pack<std::complex<R>, N, A> operator/(const Pack<std::complex<R>, N, A>& a, const Pack<std::complex<R>, N, A>& b) {
  return math::divide(a, b);
}

}  // namespace taper::inline TAPER_ABI
