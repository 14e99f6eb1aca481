// SPDX-License-Identifier: MIT
// Hyperbolic functions and their inverses.
#pragma once

#include <taper/ops/operands.hpp>

namespace taper::inline TAPER_CODE {

/// sinh x. Gradient: cosh x.
struct Sinh : FloatingOp {
  static constexpr std::string_view name = "sinh";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::sinh(x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V) const { return math::cosh(x); }
};

/// cosh x. Gradient: sinh x.
struct Cosh : FloatingOp {
  static constexpr std::string_view name = "cosh";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::cosh(x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V) const { return math::sinh(x); }
};

/// tanh x. Gradient: 1 - y^2.
struct Tanh : FloatingOp {
  static constexpr std::string_view name = "tanh";
  static constexpr std::uint8_t reads[] = {reads_output};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::tanh(x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V, V y) const { return V(1) - y * y; }
};

/// The inverse of sinh. Gradient: 1 / sqrt(x^2 + 1).
struct Asinh : FloatingOp {
  static constexpr std::string_view name = "asinh";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::asinh(x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V) const { return math::rsqrt(x * x + V(1)); }
};

/// The inverse of cosh. Gradient: 1 / sqrt(x^2 - 1).
struct Acosh : FloatingOp {
  static constexpr std::string_view name = "acosh";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::acosh(x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V) const {
    if constexpr (ComplexValue<V>) return math::rsqrt(x - V(1)) * math::rsqrt(x + V(1));  // the right branch
    else return math::rsqrt(x * x - V(1));
  }
};

/// The inverse of tanh. Gradient: 1 / (1 - x^2).
struct Atanh : FloatingOp {
  static constexpr std::string_view name = "atanh";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::atanh(x); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V, V g) const { return g / math::conj(V(1) - x * x); }
};

/// The hyperbolic sine. Dtypes: integers give float. Gradient: g cosh x.
template <class X>
  requires PointwiseOperands<X>
auto sinh(X&& x) { return apply("sinh", Sinh{}, std::forward<X>(x)); }

/// The hyperbolic cosine. Dtypes: integers give float. Gradient: g sinh x.
template <class X>
  requires PointwiseOperands<X>
auto cosh(X&& x) { return apply("cosh", Cosh{}, std::forward<X>(x)); }

/// The hyperbolic tangent. Dtypes: integers give float. Gradient: g (1 - y^2), from the output alone.
template <class X>
  requires PointwiseOperands<X>
auto tanh(X&& x) { return apply("tanh", Tanh{}, std::forward<X>(x)); }

/// The inverse of sinh. Dtypes: integers give float. Gradient: g / sqrt(x^2 + 1).
template <class X>
  requires PointwiseOperands<X>
auto asinh(X&& x) { return apply("asinh", Asinh{}, std::forward<X>(x)); }

/// The inverse of cosh, NaN below 1. Dtypes: integers give float. Gradient: g / sqrt(x^2 - 1).
template <class X>
  requires PointwiseOperands<X>
auto acosh(X&& x) { return apply("acosh", Acosh{}, std::forward<X>(x)); }

/// The inverse of tanh, NaN outside [-1, 1]. Dtypes: integers give float. Gradient: g / (1 - x^2).
template <class X>
  requires PointwiseOperands<X>
auto atanh(X&& x) { return apply("atanh", Atanh{}, std::forward<X>(x)); }

}  // namespace taper::inline TAPER_CODE
