// SPDX-License-Identifier: MIT
// Complex numbers in kernels: nvcc compiles libstdc++'s operators and conversions, which use a built-in complex type, to nothing.
#pragma once

#include <taper/config.hpp>

#include <complex>

namespace taper::inline TAPER_CODE::detail {

/// static_cast, of complex numbers by their parts.
template <class To, class From>
TAPER_INLINE TAPER_HD constexpr To cast_number(const From& x) {
  return static_cast<To>(x);
}
template <class To, class R>
  requires requires { typename To::value_type; }
TAPER_INLINE TAPER_HD constexpr To cast_number(const std::complex<R>& x) {
  using S = typename To::value_type;
  return To(static_cast<S>(x.real()), static_cast<S>(x.imag()));
}

}  // namespace taper::inline TAPER_CODE::detail

#if TAPER_NVCC
// No templates: better matches than the library's. `x += y` is a member and stays nothing: kernels write x = x + y.
// NOLINTNEXTLINE(cert-dcl58-cpp)
namespace std {

#define TAPER_COMPLEX_OPERATORS(R)                                                                                            \
  TAPER_INLINE TAPER_HD complex<R> operator+(const complex<R>& x, const complex<R>& y) {                                      \
    return {x.real() + y.real(), x.imag() + y.imag()};                                                                        \
  }                                                                                                                           \
  TAPER_INLINE TAPER_HD complex<R> operator-(const complex<R>& x, const complex<R>& y) {                                      \
    return {x.real() - y.real(), x.imag() - y.imag()};                                                                        \
  }                                                                                                                           \
  TAPER_INLINE TAPER_HD complex<R> operator*(const complex<R>& x, const complex<R>& y) {                                      \
    return {x.real() * y.real() - x.imag() * y.imag(), x.real() * y.imag() + x.imag() * y.real()};                            \
  }                                                                                                                           \
  TAPER_INLINE TAPER_HD complex<R> operator+(const complex<R>& x, R y) { return {x.real() + y, x.imag()}; }                   \
  TAPER_INLINE TAPER_HD complex<R> operator-(const complex<R>& x, R y) { return {x.real() - y, x.imag()}; }                   \
  TAPER_INLINE TAPER_HD complex<R> operator*(const complex<R>& x, R y) { return {x.real() * y, x.imag() * y}; }               \
  TAPER_INLINE TAPER_HD complex<R> operator/(const complex<R>& x, R y) { return {x.real() / y, x.imag() / y}; }
TAPER_COMPLEX_OPERATORS(float)
TAPER_COMPLEX_OPERATORS(double)
#undef TAPER_COMPLEX_OPERATORS

}  // namespace std
#endif
