// SPDX-License-Identifier: MIT
// The single-argument functions of math::, each with its reference in wider precision and its largest error in ULP.
#pragma once

#include <taper/expr/math.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>

// TAPER_CASE(name, reference in x, ULP float, ULP double)
#define TAPER_MATH_CASES(TAPER_CASE)                                                                        \
  TAPER_CASE(exp, std::exp(x), 1.1, 1.1)                                                                    \
  TAPER_CASE(exp2, std::exp2(x), 1.1, 1.1)                                                                  \
  TAPER_CASE(expm1, std::expm1(x), 2, 2)                                                                    \
  TAPER_CASE(log, std::log(x), 1, 1)                                                                        \
  TAPER_CASE(log2, std::log2(x), 1.1, 1)                                                                    \
  TAPER_CASE(log10, std::log10(x), 1.1, 1)                                                                  \
  TAPER_CASE(log1p, std::log1p(x), 2, 2)                                                                    \
  TAPER_CASE(sigmoid, x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)), 2, 2)               \
  TAPER_CASE(log1p_exp, x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)), 2.5, 2.5)           \
  TAPER_CASE(log_sigmoid, x < 0 ? x - std::log1p(std::exp(x)) : -std::log1p(std::exp(-x)), 2.5, 2.5)        \
  TAPER_CASE(tanh, std::tanh(x), 2, 2)                                                                      \
  TAPER_CASE(sinh, std::sinh(x), 2.5, 2.5)                                                                  \
  TAPER_CASE(cosh, std::cosh(x), 1.5, 1.5)                                                                  \
  TAPER_CASE(asinh, std::asinh(x), 2.5, 2.5)                                                                \
  TAPER_CASE(acosh, std::acosh(x), 2.5, 2.5)                                                                \
  TAPER_CASE(atanh, std::atanh(x), 2.5, 2.5)                                                                \
  TAPER_CASE(sin, std::sin(x), 2, 1)                                                                        \
  TAPER_CASE(cos, std::cos(x), 2, 1)                                                                        \
  TAPER_CASE(tan, std::tan(x), 4, 3)                                                                        \
  TAPER_CASE(asin, std::asin(x), 1, 1)                                                                      \
  TAPER_CASE(acos, std::acos(x), 1, 1)                                                                      \
  TAPER_CASE(atan, std::atan(x), 2.5, 2.5)                                                                  \
  TAPER_CASE(erf, std::erf(x), 2.5, 2.5)                                                                    \
  TAPER_CASE(erfc, std::erfc(x), 5, 6)                                                                      \
  TAPER_CASE(sqrt, std::sqrt(x), 0.5, 0.5)                                                                  \
  TAPER_CASE(rsqrt, 1 / std::sqrt(x), 1.5, 1.5)                                                             \
  TAPER_CASE(reciprocal, 1 / x, 0.5, 0.5)                                                                   \
  TAPER_CASE(abs, std::fabs(x), 0, 0)                                                                       \
  TAPER_CASE(floor, std::floor(x), 0, 0)                                                                    \
  TAPER_CASE(ceil, std::ceil(x), 0, 0)                                                                      \
  TAPER_CASE(round, std::nearbyint(x), 0, 0)                                                                \
  TAPER_CASE(trunc, std::trunc(x), 0, 0)                                                                    \
  TAPER_CASE(frac, x - std::trunc(x), 0, 0)

namespace math_cases {

using namespace taper;

// References run one call at a time through pointers, so that -ffast-math cannot replace them by x87 instructions.
#define TAPER_CASE(name, reference, f, d)                                                                   \
  struct name##_case {                                                                                      \
    static constexpr const char* text = #name;                                                              \
    static constexpr double bound_float = f, bound_double = d;                                              \
    template <class V>                                                                                      \
    V operator()(V x) const {                                                                               \
      return math::name(x);                                                                                 \
    }                                                                                                       \
    template <class W>                                                                                      \
    static W expected(W x) {                                                                                \
      return reference;                                                                                     \
    }                                                                                                       \
  };
TAPER_MATH_CASES(TAPER_CASE)
#undef TAPER_CASE

template <class T>
bool is_nan(T x) {
  return math::isnan(x);
}
template <class T>
bool is_inf(T x) {
  return math::isinf(x);
}
/// Normal or zero.
template <class T>
bool ordinary(T x) {
  using I = typename detail::simd::IntOf<sizeof(T)>::type;
  const I m = std::bit_cast<I>(x) & std::numeric_limits<I>::max();
  return m == 0 || (math::isfinite(x) && m >= std::bit_cast<I>(std::numeric_limits<T>::min()));
}

template <class T>
bool same_bits(T a, T b) {
  using I = typename detail::simd::IntOf<sizeof(T)>::type;
  return std::bit_cast<I>(a) == std::bit_cast<I>(b);
}

/// |got - want| in units of the last place of want as a T; infinity where one of them is special and the other is not.
template <class T, class W>
double ulps(T got, W want) {
  const T w = static_cast<T>(want);
  constexpr double wrong = std::numeric_limits<double>::infinity();
  if (is_nan(w) || is_nan(got)) return is_nan(w) && is_nan(got) ? 0 : wrong;
  if (is_inf(w) || is_inf(got)) return same_bits(w, got) ? 0 : wrong;
  int e = 0;
  (void)std::frexp(w, &e);
  if (e < std::numeric_limits<T>::min_exponent) e = std::numeric_limits<T>::min_exponent;
  return static_cast<double>(std::fabs((static_cast<W>(got) - want) / std::ldexp(W(1), e - std::numeric_limits<T>::digits)));
}

}  // namespace math_cases
