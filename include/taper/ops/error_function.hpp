// SPDX-License-Identifier: MIT
// Error functions and the gamma family.
#pragma once

#include <taper/ops/operands.hpp>

#include <limits>

namespace taper::inline TAPER_CODE {

template <class X>
  requires RealOperands<X>
auto polygamma(int n, X&& x);

namespace detail {

template <class A = Abi>
TAPER_HD double inverse_power(double t, int n) {
  double out = 1;
  for (int i = 0; i < n; ++i) out /= t;
  return out;
}

/// The n-th derivative of digamma, n >= 1: (-1)^(n+1) n! times the sum of 1 / (x + k)^(n+1), its terms from x + k >= 12
/// on by the Euler-Maclaurin formula. Below 0 the terms reach back to x; n = 1 is reflected there.
template <class A = Abi>
TAPER_HD TAPER_COLD double polygamma_one(int n, double x) {
  constexpr double infinity = std::numeric_limits<double>::infinity(), pi = 3.14159265358979323846;
  if (x != x || x == infinity) return x != x ? x : 0;
  if (x == -infinity) return std::numeric_limits<double>::quiet_NaN();
  if (x <= 0 && x == ::floor(x)) return n % 2 == 1 ? infinity : std::numeric_limits<double>::quiet_NaN();
  if (n == 1 && x < 0.5) {
    const double s = ::sin(pi * (x - ::rint(x)));
    return pi * pi / (s * s) - polygamma_one<A>(1, 1 - x);
  }
  if (x < -1e6) return std::numeric_limits<double>::quiet_NaN();
  double factorial = 1;
  for (int i = 2; i <= n; ++i) factorial *= i;
  const int power = n + 1;
  double sum = 0, t = x;
  for (; t < 12; t += 1) sum += inverse_power<A>(t, power);
  const double first = inverse_power<A>(t, power);
  double tail = t * first / n + first / 2;
  // The Bernoulli numbers B2, B4, ... over (2 j)!.
  constexpr double bernoulli[] = {1.0 / 12,       -1.0 / 720,  1.0 / 30240, -1.0 / 1209600,
                                  1.0 / 47900160, -691.0 / 1307674368000, 1.0 / 74724249600};
  double factor = power * first / t;
  for (int j = 0; j < 7; ++j) {
    tail += bernoulli[j] * factor;
    factor *= (power + 2 * j + 1) * (power + 2 * j + 2) / (t * t);
  }
  return (n % 2 == 1 ? factorial : -factorial) * (sum + tail);
}

TAPER_HOST_CALLS template <class V>
TAPER_HD TAPER_INLINE V polygamma_value(int n, V x) {
  if constexpr (EagerValue<V>) {
    return V(tensor_t<decltype(x.tensor)>(polygamma(n, x.tensor)));
  } else if constexpr (PackValue<V>) {
    V out;
    for (int i = 0; i < V::lanes; ++i)
      out.v[i] = static_cast<scalar_of<V>>(polygamma_one(n, static_cast<double>(x.v[i])));
    return out;
  } else {
    return static_cast<V>(polygamma_one(n, static_cast<double>(x)));
  }
}

}  // namespace detail

/// The error function. Gradient: 2 / sqrt(pi) e^(-x^2).
struct Erf : FloatingOp {
  static constexpr std::string_view name = "erf";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::erf(x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V) const { return V(0x1.20dd750429b6dp+0) * math::exp(-(x * x)); }
};

/// 1 - erf x. Gradient: -2 / sqrt(pi) e^(-x^2).
struct Erfc : FloatingOp {
  static constexpr std::string_view name = "erfc";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::erfc(x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V) const { return V(-0x1.20dd750429b6dp+0) * math::exp(-(x * x)); }
};

/// The inverse of erf. Gradient: sqrt(pi) / 2 e^(y^2).
struct Erfinv : FloatingOp {
  static constexpr std::string_view name = "erfinv";
  static constexpr std::uint8_t reads[] = {reads_output};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::erfinv(x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V, V y) const { return V(0x1.c5bf891b4ef6ap-1) * math::exp(y * y); }
};

/// ln |gamma(x)|. Gradient: digamma(x).
struct Lgamma : FloatingOp {
  static constexpr std::string_view name = "lgamma";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::lgamma(x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V) const { return math::digamma(x); }
};

/// The derivative of lgamma. Gradient: trigamma(x).
struct Digamma : FloatingOp {
  static constexpr std::string_view name = "digamma";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::digamma(x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V) const { return detail::polygamma_value(1, x); }
};

/// The n-th derivative of digamma, n >= 1. Gradient: the (n + 1)-th.
struct Polygamma : FloatingOp {
  static constexpr std::string_view name = "polygamma";
  static constexpr std::uint8_t reads[] = {reads_x0};
  int n;
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return detail::polygamma_value(n, x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V) const { return detail::polygamma_value(n + 1, x); }
};

/// -x ln x, 0 at 0, -infinity below. Gradient: -1 - ln x.
struct Entr : FloatingOp {
  static constexpr std::string_view name = "entr";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const {
    const V below = V(-std::numeric_limits<double>::infinity());
    return select(math::isnan(x), x, select(x > V(0), -x * math::log(x), select(x == V(0), V(0), below)));
  }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V) const { return V(-1) - math::log(x); }
};

/// The error function. Dtypes: real; integers give float. Gradient: 2 / sqrt(pi) g e^(-x^2).
template <class X>
  requires RealOperands<X>
auto erf(X&& x) { return apply("erf", Erf{}, std::forward<X>(x)); }

/// 1 - erf x, exact where erf x is close to 1. Dtypes: real; integers give float. Gradient: -2 / sqrt(pi) g e^(-x^2).
template <class X>
  requires RealOperands<X>
auto erfc(X&& x) { return apply("erfc", Erfc{}, std::forward<X>(x)); }

/// The inverse of erf, NaN outside [-1, 1]. Dtypes: real; integers give float. Gradient: sqrt(pi) / 2 g e^(y^2).
template <class X>
  requires RealOperands<X>
auto erfinv(X&& x) { return apply("erfinv", Erfinv{}, std::forward<X>(x)); }

/// ln |gamma(x)|. Dtypes: real; integers give float. Gradient: g digamma(x).
template <class X>
  requires RealOperands<X>
auto lgamma(X&& x) { return apply("lgamma", Lgamma{}, std::forward<X>(x)); }

/// The logarithmic derivative of the gamma function. Dtypes: real; integers give float. Gradient: g trigamma(x).
template <class X>
  requires RealOperands<X>
auto digamma(X&& x) { return apply("digamma", Digamma{}, std::forward<X>(x)); }

/// The n-th derivative of digamma, n >= 1. Dtypes: real; integers give float. Gradient: g polygamma(n + 1, x).
/// Throws: ValueError for n < 1.
template <class X>
  requires RealOperands<X>
auto polygamma(int n, X&& x) {
  if (n < 1) detail::raise<ValueError>("polygamma", "n must be at least 1, not ", n, "; polygamma(0, x) is digamma(x)");
  return apply("polygamma", Polygamma{{}, n}, std::forward<X>(x));
}

/// The derivative of digamma. Dtypes: real; integers give float. Gradient: g polygamma(2, x).
template <class X>
  requires RealOperands<X>
auto trigamma(X&& x) { return polygamma(1, std::forward<X>(x)); }

/// The normal distribution function. Dtypes: floating. Gradient: g e^(-x^2 / 2) / sqrt(2 pi).
template <class X>
  requires FloatingOperands<X>
auto ndtr(X&& x) {
  return apply("ndtr", Mul{}, erfc(apply("ndtr", Mul{}, std::forward<X>(x), -0x1.6a09e667f3bcdp-1)), 0.5);
}

/// -x ln x, 0 at 0, -infinity below. Dtypes: floating. Gradient: -g (1 + ln x).
template <class X>
  requires FloatingOperands<X>
auto entr(X&& x) { return apply("entr", Entr{}, std::forward<X>(x)); }

}  // namespace taper::inline TAPER_CODE
