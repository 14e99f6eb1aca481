// SPDX-License-Identifier: MIT
// Rounding to integers or to decimals. Their gradients are zero but for frac's.
#pragma once

#include <taper/ops/operands.hpp>

namespace taper::inline TAPER_CODE {

/// The largest integer not above x. Gradient: 0.
struct Floor : PromotingOp, FlatOp {
  static constexpr std::string_view name = "floor";
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const {
    if constexpr (std::is_integral_v<scalar_of<V>>) return x;
    else return math::floor(x);
  }
};

/// The smallest integer not below x. Gradient: 0.
struct Ceil : PromotingOp, FlatOp {
  static constexpr std::string_view name = "ceil";
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const {
    if constexpr (std::is_integral_v<scalar_of<V>>) return x;
    else return math::ceil(x);
  }
};

/// The integer part of x. Gradient: 0.
struct Trunc : PromotingOp, FlatOp {
  static constexpr std::string_view name = "trunc";
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const {
    if constexpr (std::is_integral_v<scalar_of<V>>) return x;
    else return math::trunc(x);
  }
};

/// The nearest integer, the even one where two are equally near. Gradient: 0.
struct Round : PromotingOp, FlatOp {
  static constexpr std::string_view name = "round";
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const {
    if constexpr (std::is_integral_v<scalar_of<V>>) return x;
    else return math::round(x);
  }
};

/// x rounded to decimals, counted to the left of the point where negative. Gradient: 0.
struct RoundDecimals : PromotingOp, FlatOp {
  static constexpr std::string_view name = "round";
  double scale;  // 10^|decimals|
  bool left;

  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const {
    return left ? math::round(x / V(scale)) * V(scale) : math::round(x * V(scale)) / V(scale);
  }
};

/// x - trunc(x). Gradient: 1.
struct Frac : PromotingOp {
  static constexpr std::string_view name = "frac";
  static constexpr std::uint8_t reads[] = {reads_nothing};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return x - math::trunc(x); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V, V, V g) const { return g; }
};

/// The largest integer not above x. Dtypes: real, not bool. Gradient: 0.
template <class X>
  requires(RealOperands<X> && NumericOperands<X>)
auto floor(X&& x) { return apply("floor", Floor{}, std::forward<X>(x)); }

/// The smallest integer not below x. Dtypes: real, not bool. Gradient: 0.
template <class X>
  requires(RealOperands<X> && NumericOperands<X>)
auto ceil(X&& x) { return apply("ceil", Ceil{}, std::forward<X>(x)); }

/// The integer part of x. Dtypes: real, not bool. Gradient: 0.
template <class X>
  requires(RealOperands<X> && NumericOperands<X>)
auto trunc(X&& x) { return apply("trunc", Trunc{}, std::forward<X>(x)); }

/// The nearest integer, the even one where two are equally near. Dtypes: real, not bool. Gradient: 0.
template <class X>
  requires(RealOperands<X> && NumericOperands<X>)
auto round(X&& x) { return apply("round", Round{}, std::forward<X>(x)); }

/// x rounded to decimals, counted to the left of the point where negative. Dtypes: floating. Gradient: 0.
template <class X>
  requires FloatingOperands<X>
auto round(X&& x, int decimals) {
  double scale = 1;
  for (int i = decimals < 0 ? -decimals : decimals; i > 0; --i) scale *= 10;
  return apply("round", RoundDecimals{{}, {}, scale, decimals < 0}, std::forward<X>(x));
}

/// x - trunc(x). Dtypes: floating. Gradient: g.
template <class X>
  requires FloatingOperands<X>
auto frac(X&& x) { return apply("frac", Frac{}, std::forward<X>(x)); }

}  // namespace taper::inline TAPER_CODE
