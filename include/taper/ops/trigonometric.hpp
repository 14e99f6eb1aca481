// SPDX-License-Identifier: MIT
// Sine, cosine, tangent, their inverses, and angles.
#pragma once

#include <taper/ops/operands.hpp>

namespace taper::inline TAPER_CODE {

/// sin x. Gradient: cos x.
struct Sin : FloatingOp {
  static constexpr std::string_view name = "sin";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::sin(x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V) const { return math::cos(x); }
};

/// cos x. Gradient: -sin x.
struct Cos : FloatingOp {
  static constexpr std::string_view name = "cos";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::cos(x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V) const { return -math::sin(x); }
};

/// tan x. Gradient: 1 + y^2.
struct Tan : FloatingOp {
  static constexpr std::string_view name = "tan";
  static constexpr std::uint8_t reads[] = {reads_output};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::tan(x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V, V y) const { return V(1) + y * y; }
};

/// The angle whose sine is x. Gradient: 1 / sqrt(1 - x^2).
struct Asin : FloatingOp {
  static constexpr std::string_view name = "asin";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::asin(x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V) const { return math::rsqrt(V(1) - x * x); }
};

/// The angle whose cosine is x. Gradient: -1 / sqrt(1 - x^2).
struct Acos : FloatingOp {
  static constexpr std::string_view name = "acos";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::acos(x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V) const { return -math::rsqrt(V(1) - x * x); }
};

/// The angle whose tangent is x. Gradient: 1 / (1 + x^2).
struct Atan : FloatingOp {
  static constexpr std::string_view name = "atan";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::atan(x); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V, V g) const { return g / math::conj(x * x + V(1)); }
};

/// The angle of the point (y, x). Gradient: x / (x^2 + y^2), -y / (x^2 + y^2).
struct Atan2 : FloatingOp {
  static constexpr std::string_view name = "atan2";
  static constexpr std::uint8_t reads[] = {reads_x0 | reads_x1, reads_x0 | reads_x1};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V y, V x) const { return math::atan2(y, x); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V y, V x, V, V g) const {
    const V square = y * y + x * x, none = V(0);
    const V over = select(square == none, none, g / square);
    if constexpr (I == 0) return over * x;
    else return over * -y;
  }
};

/// sin(pi x) / (pi x), 1 at 0. Gradient: (cos(pi x) - y) / x, 0 at 0.
struct Sinc : FloatingOp {
  static constexpr std::string_view name = "sinc";
  static constexpr std::uint8_t reads[] = {reads_x0 | reads_output};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const {
    const V t = x * V(pi);
    return select(x == V(0), V(1), math::sin(t) / t);
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V y, V g) const {
    return select(x == V(0), V(0), g * ((math::cos(x * V(pi)) - y) / x));
  }

 private:
  static constexpr double pi = 0x1.921fb54442d18p+1;
};

/// The sine of an angle in radians. Dtypes: integers give float. Gradient: g cos x.
template <class X>
  requires PointwiseOperands<X>
auto sin(X&& x) { return apply("sin", Sin{}, std::forward<X>(x)); }

/// The cosine of an angle in radians. Dtypes: integers give float. Gradient: -g sin x.
template <class X>
  requires PointwiseOperands<X>
auto cos(X&& x) { return apply("cos", Cos{}, std::forward<X>(x)); }

/// The tangent of an angle in radians. Dtypes: integers give float. Gradient: g (1 + y^2).
template <class X>
  requires PointwiseOperands<X>
auto tan(X&& x) { return apply("tan", Tan{}, std::forward<X>(x)); }

/// The angle in [-pi / 2, pi / 2] whose sine is x, NaN outside [-1, 1]. Dtypes: integers give float.
/// Gradient: g / sqrt(1 - x^2).
template <class X>
  requires PointwiseOperands<X>
auto asin(X&& x) { return apply("asin", Asin{}, std::forward<X>(x)); }

/// The angle in [0, pi] whose cosine is x, NaN outside [-1, 1]. Dtypes: integers give float.
/// Gradient: -g / sqrt(1 - x^2).
template <class X>
  requires PointwiseOperands<X>
auto acos(X&& x) { return apply("acos", Acos{}, std::forward<X>(x)); }

/// The angle in [-pi / 2, pi / 2] whose tangent is x. Dtypes: integers give float. Gradient: g / (1 + x^2).
template <class X>
  requires PointwiseOperands<X>
auto atan(X&& x) { return apply("atan", Atan{}, std::forward<X>(x)); }

/// The angle of the point (x, y) in [-pi, pi]: atan2(y, x). Shapes: broadcast. Dtypes: real; integers give float.
/// Gradient: g x / (x^2 + y^2), -g y / (x^2 + y^2); 0 where both are 0.
template <class Y, class X>
  requires RealOperands<Y, X>
auto atan2(Y&& y, X&& x) { return apply("atan2", Atan2{}, std::forward<Y>(y), std::forward<X>(x)); }

/// sin(pi x) / (pi x), 1 at 0. Dtypes: real; integers give float. Gradient: g (cos(pi x) - y) / x, 0 at 0.
template <class X>
  requires RealOperands<X>
auto sinc(X&& x) { return apply("sinc", Sinc{}, std::forward<X>(x)); }

/// Degrees to radians. Dtypes: real; integers give float. Gradient: g pi / 180.
template <class X>
  requires RealOperands<X>
auto deg2rad(X&& x) { return apply("deg2rad", Mul{}, std::forward<X>(x), 0x1.1df46a2529d39p-6); }

/// Radians to degrees. Dtypes: real; integers give float. Gradient: g 180 / pi.
template <class X>
  requires RealOperands<X>
auto rad2deg(X&& x) { return apply("rad2deg", Mul{}, std::forward<X>(x), 0x1.ca5dc1a63c1f8p+5); }

TAPER_REFUSE_TWO_DEVICES(atan2)

}  // namespace taper::inline TAPER_CODE
