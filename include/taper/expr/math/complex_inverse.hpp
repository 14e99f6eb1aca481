// SPDX-License-Identifier: MIT
// Inverse trigonometric and hyperbolic functions of complex numbers, and logarithms and exponentials derived from others.
#pragma once

#include <taper/expr/math/complex.hpp>

namespace taper::inline TAPER_CODE::math {

template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z rsqrt(const Z& z) {
  return math::reciprocal(Z(math::sqrt(z)));
}
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z log2(const Z& z) {
  using R = real_of<Z>;
  const Z l = math::log(z);
  const R scale = R(0x1.71547652b82fep+0);
  return complex(R(real(l) * scale), R(imag(l) * scale));
}
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z log10(const Z& z) {
  using R = real_of<Z>;
  const Z l = math::log(z);
  const R scale = R(0x1.bcb7b1526e50ep-2);
  return complex(R(real(l) * scale), R(imag(l) * scale));
}
/// The modulus from |1 + z|^2 - 1, which is exact near 0.
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z log1p(const Z& z) {
  using R = real_of<Z>;
  const R x = real(z), y = imag(z);
  const auto near = (abs(x) < R(0.5)) && (abs(y) < R(0.5));
  const R a = select(near, x, R(0)), b = select(near, y, R(0));
  const R small = R(0.5) * log1p(R(a * (R(2) + a) + b * b));
  return complex(select(near, small, log(hypot(R(x + R(1)), y))), atan2(y, R(x + R(1))));
}
/// e^x cos y - 1 = (e^x - 1) cos y - 2 sin^2(y / 2).
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z expm1(const Z& z) {
  using R = real_of<Z>;
  const R x = real(z), y = imag(z), s = sin(R(R(0.5) * y));
  return complex(R(expm1(x) * cos(y) - R(2) * s * s), R(exp(x) * sin(y)));
}

// Source: W. Kahan, "Branch cuts for complex elementary functions", 1987.
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z asin(const Z& z) {
  using R = real_of<Z>;
  const Z below = math::sqrt(Z(Z(1) - z)), above = math::sqrt(Z(Z(1) + z));
  return complex(atan2(real(z), real(Z(below * above))), asinh(R(imag(Z(math::conj(below) * above)))));
}
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z acos(const Z& z) {
  using R = real_of<Z>;
  const Z below = math::sqrt(Z(Z(1) - z)), above = math::sqrt(Z(Z(1) + z));
  return complex(R(R(2) * atan2(real(below), real(above))), asinh(R(imag(Z(math::conj(above) * below)))));
}
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z acosh(const Z& z) {
  using R = real_of<Z>;
  const Z below = math::sqrt(Z(z - Z(1))), above = math::sqrt(Z(z + Z(1)));
  return complex(asinh(R(real(Z(math::conj(below) * above)))), R(R(2) * atan2(imag(below), real(above))));
}
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z atanh(const Z& z) {
  using R = real_of<Z>;
  const R x = real(z), y = imag(z), left = R(1) - x, square = y * y;
  const R re = R(0.25) * log1p(R(R(4) * x / (left * left + square)));
  return complex(re, R(R(0.5) * atan2(R(R(2) * y), R(left * (R(1) + x) - square))));
}
// By rotation: asinh z = -i asin(i z), and so on.
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z asinh(const Z& z) {
  const Z a = math::asin(Z(complex(real_of<Z>(-imag(z)), real(z))));
  return complex(imag(a), real_of<Z>(-real(a)));
}
template <ComplexValue Z>
TAPER_INLINE TAPER_HD Z atan(const Z& z) {
  const Z a = math::atanh(Z(complex(real_of<Z>(-imag(z)), real(z))));
  return complex(imag(a), real_of<Z>(-real(a)));
}

}  // namespace taper::inline TAPER_CODE::math
