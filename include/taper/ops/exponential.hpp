// SPDX-License-Identifier: MIT
// Exponentials, logarithms and the logistic function.
#pragma once

#include <taper/ops/operands.hpp>

namespace taper::inline TAPER_CODE {

/// e^x. Gradient: y.
struct Exp : FloatingOp {
  static constexpr std::string_view name = "exp";
  static constexpr std::uint8_t reads[] = {reads_output};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::exp(x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V, V y) const { return y; }
};

/// 2^x. Gradient: y ln 2.
struct Exp2 : FloatingOp {
  static constexpr std::string_view name = "exp2";
  static constexpr std::uint8_t reads[] = {reads_output};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::exp2(x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V, V y) const { return y * V(0x1.62e42fefa39efp-1); }
};

/// e^x - 1. Gradient: y + 1.
struct Expm1 : FloatingOp {
  static constexpr std::string_view name = "expm1";
  static constexpr std::uint8_t reads[] = {reads_output};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::expm1(x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V, V y) const { return y + V(1); }
};

/// ln x. Gradient: 1 / x.
struct Log : FloatingOp {
  static constexpr std::string_view name = "log";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::log(x); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V, V g) const { return g / math::conj(x); }
};

/// The logarithm to base 2. Gradient: 1 / (x ln 2).
struct Log2 : FloatingOp {
  static constexpr std::string_view name = "log2";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::log2(x); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V, V g) const { return g / (math::conj(x) * V(0x1.62e42fefa39efp-1)); }
};

/// The logarithm to base 10. Gradient: 1 / (x ln 10).
struct Log10 : FloatingOp {
  static constexpr std::string_view name = "log10";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::log10(x); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V, V g) const { return g / (math::conj(x) * V(0x1.26bb1bbb55516p+1)); }
};

/// ln(1 + x). Gradient: 1 / (1 + x).
struct Log1p : FloatingOp {
  static constexpr std::string_view name = "log1p";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::log1p(x); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V, V g) const { return g / math::conj(x + V(1)); }
};

/// 1 / (1 + e^-x). Gradient: y (1 - y).
struct Sigmoid : FloatingOp {
  static constexpr std::string_view name = "sigmoid";
  static constexpr std::uint8_t reads[] = {reads_output};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const {
    if constexpr (ComplexValue<V>) return V(1) / (V(1) + math::exp(-x));
    else return math::sigmoid(x);
  }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V, V y) const { return y * (V(1) - y); }
};

/// ln(x / (1 - x)). Gradient: 1 / (x (1 - x)), NaN outside [0, 1]. With eps x is first clamped to [eps, 1 - eps], and
/// outside of it the gradient is 0.
struct Logit : FloatingOp {
  static constexpr std::string_view name = "logit";
  static constexpr std::uint8_t reads[] = {reads_x0};
  double eps = -1;  // negative: none

  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const {
    if (eps >= 0) x = select(x < V(eps), V(eps), select(x > V(1) - V(eps), V(1) - V(eps), x));
    return math::log(x / (V(1) - x));
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V, V g) const {
    const V slope = g / (x * (V(1) - x));
    if (eps >= 0) return select(x >= V(eps) && x <= V(1) - V(eps), slope, V(0));
    return select(x < V(0) || x > V(1), V(std::numeric_limits<double>::quiet_NaN()), slope);
  }
};

/// ln(e^x + e^y). Gradient: 1 / (1 + e^(y - x)), 1 / (1 + e^(x - y)).
struct LogAddExp : FloatingOp {
  static constexpr std::string_view name = "logaddexp";
  static constexpr std::uint8_t reads[] = {reads_x0 | reads_x1, reads_x0 | reads_x1};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const {
    const V sum = math::max(x, y) + math::log1p(math::exp(-math::abs(x - y)));
    return select(math::isinf(x) && x == y, x, sum);
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V y, V, V g) const {
    if constexpr (I == 0) return g / (V(1) + math::exp(y - x));
    else return g / (V(1) + math::exp(x - y));
  }
};

/// log2(2^x + 2^y). Gradient: 1 / (1 + 2^(y - x)), 1 / (1 + 2^(x - y)).
struct LogAddExp2 : FloatingOp {
  static constexpr std::string_view name = "logaddexp2";
  static constexpr std::uint8_t reads[] = {reads_x0 | reads_x1, reads_x0 | reads_x1};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const {
    const V sum = math::max(x, y) + math::log1p(math::exp2(-math::abs(x - y))) * V(0x1.71547652b82fep+0);
    return select(math::isinf(x) && x == y, x, sum);
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V y, V, V g) const {
    if constexpr (I == 0) return g / (V(1) + math::exp2(y - x));
    else return g / (V(1) + math::exp2(x - y));
  }
};

/// x ln y, 0 where x is 0. Gradient: ln y (0 where x is 0 and y <= 0); x / y.
struct Xlogy : FloatingOp {
  static constexpr std::string_view name = "xlogy";
  static constexpr std::uint8_t reads[] = {reads_x0 | reads_x1, reads_x0 | reads_x1};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const {
    const V product = x * math::log(y);
    return select(math::isnan(y), y, select(x == V(0), V(0), product));
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V y, V, V g) const {
    if constexpr (I == 0) return select(x == V(0) && y <= V(0), V(0), g * math::log(y));
    else return g * x / y;
  }
};

/// x ln(1 + y), 0 where x is 0. Gradient: ln(1 + y) (0 where x is 0 and y <= -1); x / (1 + y).
struct Xlog1py : FloatingOp {
  static constexpr std::string_view name = "xlog1py";
  static constexpr std::uint8_t reads[] = {reads_x0 | reads_x1, reads_x0 | reads_x1};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const {
    const V product = x * math::log1p(y);
    return select(math::isnan(y), y, select(x == V(0), V(0), product));
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V y, V, V g) const {
    if constexpr (I == 0) return select(x == V(0) && y <= V(-1), V(0), g * math::log1p(y));
    else return g * x / (y + V(1));
  }
};

/// e^x. Dtypes: integers give float. Gradient: g y.
template <class X>
  requires PointwiseOperands<X>
auto exp(X&& x) { return apply("exp", Exp{}, std::forward<X>(x)); }

/// 2^x. Dtypes: real; integers give float. Gradient: g y ln 2.
template <class X>
  requires RealOperands<X>
auto exp2(X&& x) { return apply("exp2", Exp2{}, std::forward<X>(x)); }

/// e^x - 1, exact near 0. Dtypes: integers give float. Gradient: g (y + 1).
template <class X>
  requires PointwiseOperands<X>
auto expm1(X&& x) { return apply("expm1", Expm1{}, std::forward<X>(x)); }

/// The natural logarithm, NaN below 0. Dtypes: integers give float. Gradient: g / x.
template <class X>
  requires PointwiseOperands<X>
auto log(X&& x) { return apply("log", Log{}, std::forward<X>(x)); }

/// The logarithm to base 2. Dtypes: integers give float. Gradient: g / (x ln 2).
template <class X>
  requires PointwiseOperands<X>
auto log2(X&& x) { return apply("log2", Log2{}, std::forward<X>(x)); }

/// The logarithm to base 10. Dtypes: integers give float. Gradient: g / (x ln 10).
template <class X>
  requires PointwiseOperands<X>
auto log10(X&& x) { return apply("log10", Log10{}, std::forward<X>(x)); }

/// ln(1 + x), exact near 0. Dtypes: integers give float. Gradient: g / (1 + x).
template <class X>
  requires PointwiseOperands<X>
auto log1p(X&& x) { return apply("log1p", Log1p{}, std::forward<X>(x)); }

/// 1 / (1 + e^-x). Dtypes: integers give float. Gradient: g y (1 - y).
template <class X>
  requires PointwiseOperands<X>
auto sigmoid(X&& x) { return apply("sigmoid", Sigmoid{}, std::forward<X>(x)); }

/// ln(x / (1 - x)); with eps >= 0 of x clamped to [eps, 1 - eps]. Dtypes: real; integers give float.
/// Gradient: g / (x (1 - x)), NaN outside [0, 1]; with eps 0 where x was clamped.
template <class X>
  requires RealOperands<X>
auto logit(X&& x, double eps = -1) { return apply("logit", Logit{{}, eps}, std::forward<X>(x)); }

/// ln(e^x + e^y) without overflow on the way. Shapes: broadcast. Dtypes: real; integers give float.
/// Gradient: g / (1 + e^(y - x)), g / (1 + e^(x - y)).
template <class X, class Y>
  requires RealOperands<X, Y>
auto logaddexp(X&& x, Y&& y) { return apply("logaddexp", LogAddExp{}, std::forward<X>(x), std::forward<Y>(y)); }

/// log2(2^x + 2^y) without overflow on the way. Shapes: broadcast. Dtypes: real; integers give float.
/// Gradient: g / (1 + 2^(y - x)), g / (1 + 2^(x - y)).
template <class X, class Y>
  requires RealOperands<X, Y>
auto logaddexp2(X&& x, Y&& y) { return apply("logaddexp2", LogAddExp2{}, std::forward<X>(x), std::forward<Y>(y)); }

/// x ln y, 0 where x is 0. Shapes: broadcast. Dtypes: real; integers give float. Gradient: g ln y, g x / y.
template <class X, class Y>
  requires RealOperands<X, Y>
auto xlogy(X&& x, Y&& y) { return apply("xlogy", Xlogy{}, std::forward<X>(x), std::forward<Y>(y)); }

/// x ln(1 + y), 0 where x is 0. Shapes: broadcast. Dtypes: real; integers give float.
/// Gradient: g ln(1 + y), g x / (1 + y).
template <class X, class Y>
  requires RealOperands<X, Y>
auto xlog1py(X&& x, Y&& y) { return apply("xlog1py", Xlog1py{}, std::forward<X>(x), std::forward<Y>(y)); }

TAPER_REFUSE_TWO_DEVICES(logaddexp)
TAPER_REFUSE_TWO_DEVICES(logaddexp2)
TAPER_REFUSE_TWO_DEVICES(xlogy)
TAPER_REFUSE_TWO_DEVICES(xlog1py)

}  // namespace taper::inline TAPER_CODE
