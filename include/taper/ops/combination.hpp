// SPDX-License-Identifier: MIT
// Functions of two and three tensors that fuse a product with a sum, or take a sign or a step from another tensor.
#pragma once

#include <taper/ops/exponential.hpp>

namespace taper::inline TAPER_CODE {

/// x + weight (y - x), from the nearer end. Gradient: 1 - weight, weight, y - x.
struct Lerp : FloatingOp {
  static constexpr std::string_view name = "lerp";
  static constexpr std::uint8_t reads[] = {reads_x2, reads_x2, reads_x0 | reads_x1};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y, V weight) const {
    const V way = y - x;
    return select(math::abs(weight) < V(0.5), x + weight * way, y - way * (V(1) - weight));
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V partial(V x, V y, V weight, V) const {
    if constexpr (I == 0) return V(1) - weight;
    else if constexpr (I == 1) return weight;
    else return y - x;
  }
};

/// x + value y z. Gradient: 1, value z, value y.
struct AddCmul : PromotingOp {
  static constexpr std::string_view name = "addcmul";
  static constexpr std::uint8_t reads[] = {reads_nothing, reads_x2, reads_x1};
  double value;
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y, V z) const { return x + V(value) * (y * z); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V, V y, V z, V, V g) const {
    if constexpr (I == 0) return g;
    else return g * math::conj(V(value) * (I == 1 ? z : y));
  }
};

/// x + value y / z. Gradient: 1, value / z, -value y / z^2.
struct AddCdiv : FloatingOp {
  static constexpr std::string_view name = "addcdiv";
  static constexpr std::uint8_t reads[] = {reads_nothing, reads_x2, reads_x1 | reads_x2};
  double value;
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y, V z) const { return x + V(value) * (y / z); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V, V y, V z, V, V g) const {
    if constexpr (I == 0) return g;
    else if constexpr (I == 1) return g * math::conj(V(value) / z);
    else return -g * math::conj(V(value) * (y / (z * z)));
  }
};

/// |x| with the sign of s. Gradient: 1 where the signs are equal, -1 elsewhere, 0 at x = 0; none to s.
struct Copysign : FloatingOp {
  static constexpr std::string_view name = "copysign";
  static constexpr std::uint8_t reads[] = {reads_x0 | reads_output, reads_nothing};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V s) const { return math::copysign(x, s); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V, V y, V g) const {
    if constexpr (I == 0) return select(x == V(0), V(0), g * (y / x));
    else return V(0);
  }
};

/// 0 below zero, 1 above, the second operand at zero. No gradient.
struct Heaviside : PromotingOp {
  static constexpr std::string_view name = "heaviside";
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V at_zero) const {
    return select(x == V(0), at_zero, select(x > V(0), V(1), V(0)));
  }
};

/// x + weight (y - x); the weight is a number or a tensor. Shapes: broadcast. Dtypes: promoted, floating.
/// Gradient: g (1 - weight), g weight, g (y - x).
template <class X, class Y, class W>
  requires FloatingOperands<X, Y, W>
auto lerp(X&& x, Y&& y, W&& weight) {
  return apply("lerp", Lerp{}, std::forward<X>(x), std::forward<Y>(y), std::forward<W>(weight));
}

/// x + value y z. Shapes: broadcast. Dtypes: promoted. Gradient: g, g value z, g value y.
template <class X, class Y, class Z>
  requires NumericOperands<X, Y, Z>
auto addcmul(X&& x, Y&& y, Z&& z, double value = 1) {
  return apply("addcmul", AddCmul{{}, value}, std::forward<X>(x), std::forward<Y>(y), std::forward<Z>(z));
}

/// x + value y / z. Shapes: broadcast. Dtypes: promoted; integers give float.
/// Gradient: g, g value / z, -g value y / z^2.
template <class X, class Y, class Z>
  requires NumericOperands<X, Y, Z>
auto addcdiv(X&& x, Y&& y, Z&& z, double value = 1) {
  return apply("addcdiv", AddCdiv{{}, value}, std::forward<X>(x), std::forward<Y>(y), std::forward<Z>(z));
}

/// |x| with the sign of s, also of -0. Shapes: broadcast. Dtypes: real; integers give float.
/// Gradient: g y / x, 0 at x = 0; to s 0.
template <class X, class S>
  requires RealOperands<X, S>
auto copysign(X&& x, S&& s) { return apply("copysign", Copysign{}, std::forward<X>(x), std::forward<S>(s)); }

/// 0 where x < 0, 1 where x > 0, `values` where x is 0. Shapes: broadcast. Dtypes: real, promoted. No gradient.
template <class X, class V>
  requires(RealOperands<X, V> && NumericOperands<X, V>)
auto heaviside(X&& x, V&& values) {
  return apply("heaviside", Heaviside{}, std::forward<X>(x), std::forward<V>(values));
}

/// x 2^y. Shapes: broadcast. Dtypes: real; integers give float. Gradient: g 2^y, g x 2^y ln 2.
template <class X, class Y>
  requires RealOperands<X, Y>
auto ldexp(X&& x, Y&& y) {
  if constexpr (TensorLike<Y>) return apply("ldexp", Mul{}, std::forward<X>(x), exp2(std::forward<Y>(y)));
  else return apply("ldexp", Mul{}, std::forward<X>(x), math::exp2(static_cast<double>(y)));
}

TAPER_REFUSE_TWO_DEVICES(copysign)
TAPER_REFUSE_TWO_DEVICES(heaviside)

}  // namespace taper::inline TAPER_CODE
