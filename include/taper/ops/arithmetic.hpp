// SPDX-License-Identifier: MIT
// Sums, differences, products, quotients, and the sign of a number.
#pragma once

#include <taper/ops/operands.hpp>

namespace taper::inline TAPER_CODE {

/// x / y. Gradient: g / y, -g (x / y) / y.
struct Div : FloatingOp {
  static constexpr std::string_view name = "div";
  static constexpr std::uint8_t reads[] = {reads_x1, reads_x0 | reads_x1};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const { return x / y; }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V y, V, V g) const {
    if constexpr (I == 0) return g / math::conj(y);
    else return -g * math::conj((x / y) / y);
  }
};

/// |x|; of a complex number the real modulus. Gradient: sgn(x), 0 at 0.
struct Abs {
  static constexpr std::string_view name = "abs";
  template <class T>
  using signature = detail::Signature<real_t<T>, T>;
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE real_of<V> operator()(V x) const { return math::abs(x); }
  template <int I, class V, class R>
  TAPER_HD TAPER_INLINE V vjp(V x, R, R g) const {
    if constexpr (ComplexValue<V>) return convert<scalar_of<V>>(g) * math::sgn(x);
    else return g * math::sign(x);
  }
};

/// -1, 0 or 1 with the sign of x. Gradient: 0.
struct Sign : PromotingOp, FlatOp {
  static constexpr std::string_view name = "sign";
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const {
    if constexpr (std::same_as<scalar_of<V>, bool>) return x;
    else return math::sign(x);
  }
};

/// x / |x|, 0 at 0. Gradient: what is left of g across the direction of x, over |x|; 0 at 0 and for real numbers.
struct Sgn : PromotingOp {
  static constexpr std::string_view name = "sgn";
  static constexpr std::uint8_t reads[] = {reads_x0 | reads_output};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const {
    if constexpr (ComplexValue<V>) return math::sgn(x);
    else return Sign()(x);
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V y, V g) const {
    if constexpr (ComplexValue<V>) {
      const V across = (g - math::conj(g) * y * y) / convert<scalar_of<V>>(math::abs(x) + math::abs(x));
      return select(x == V(0), V(0), across);
    } else {
      return V(0);
    }
  }
};

/// x + y. Shapes: broadcast. Dtypes: promoted; of bools the logical or. Gradient: g to both.
template <class X, class Y>
  requires PointwiseOperands<X, Y>
auto add(X&& x, Y&& y) { return apply("add", Add{}, std::forward<X>(x), std::forward<Y>(y)); }

/// x - y. Shapes: broadcast. Dtypes: promoted, not bool. Gradient: g, -g.
template <class X, class Y>
  requires NumericOperands<X, Y>
auto sub(X&& x, Y&& y) { return apply("sub", Sub{}, std::forward<X>(x), std::forward<Y>(y)); }

/// x y. Shapes: broadcast. Dtypes: promoted; of bools the logical and. Gradient: g y, g x.
template <class X, class Y>
  requires PointwiseOperands<X, Y>
auto mul(X&& x, Y&& y) { return apply("mul", Mul{}, std::forward<X>(x), std::forward<Y>(y)); }

/// x / y. Shapes: broadcast. Dtypes: promoted; integers give float. Gradient: g / y, -g x / y^2.
template <class X, class Y>
  requires PointwiseOperands<X, Y>
auto div(X&& x, Y&& y) { return apply("div", Div{}, std::forward<X>(x), std::forward<Y>(y)); }

/// -x. Dtypes: not bool. Gradient: -g.
template <class X>
  requires NumericOperands<X>
auto neg(X&& x) { return apply("neg", Neg{}, std::forward<X>(x)); }

/// x + alpha y. Shapes, dtypes: as add. Gradient: g, alpha g.
template <class X, class Y, ScalarLike S>
  requires PointwiseOperands<X, Y>
auto add(X&& x, Y&& y, S alpha) { return add(std::forward<X>(x), mul(std::forward<Y>(y), alpha)); }

/// x - alpha y. Shapes, dtypes: as sub. Gradient: g, -alpha g.
template <class X, class Y, ScalarLike S>
  requires NumericOperands<X, Y>
auto sub(X&& x, Y&& y, S alpha) { return sub(std::forward<X>(x), mul(std::forward<Y>(y), alpha)); }

/// |x|. Dtypes: complex gives its real type; not bool. Gradient: g sgn(x), 0 at 0.
template <class X>
  requires NumericOperands<X>
auto abs(X&& x) { return apply("abs", Abs{}, std::forward<X>(x)); }

/// -1, 0 or 1 with the sign of x. Dtypes: real. Gradient: 0.
template <class X>
  requires RealOperands<X>
auto sign(X&& x) { return apply("sign", Sign{}, std::forward<X>(x)); }

/// x / |x|, 0 at 0. Gradient: of real numbers 0.
template <class X>
  requires PointwiseOperands<X>
auto sgn(X&& x) { return apply("sgn", Sgn{}, std::forward<X>(x)); }

template <class X, class Y>
  requires PointwiseOperands<X, Y>
auto operator+(X&& x, Y&& y) { return add(std::forward<X>(x), std::forward<Y>(y)); }
template <class X, class Y>
  requires NumericOperands<X, Y>
auto operator-(X&& x, Y&& y) { return sub(std::forward<X>(x), std::forward<Y>(y)); }
template <class X, class Y>
  requires PointwiseOperands<X, Y>
auto operator*(X&& x, Y&& y) { return mul(std::forward<X>(x), std::forward<Y>(y)); }
template <class X, class Y>
  requires PointwiseOperands<X, Y>
auto operator/(X&& x, Y&& y) { return div(std::forward<X>(x), std::forward<Y>(y)); }
template <class X>
  requires NumericOperands<X>
auto operator-(X&& x) { return neg(std::forward<X>(x)); }

TAPER_REFUSE_TWO_DEVICES(add)
TAPER_REFUSE_TWO_DEVICES(sub)
TAPER_REFUSE_TWO_DEVICES(mul)
TAPER_REFUSE_TWO_DEVICES(div)
TAPER_REFUSE_TWO_DEVICES(operator+)
TAPER_REFUSE_TWO_DEVICES(operator-)
TAPER_REFUSE_TWO_DEVICES(operator*)
TAPER_REFUSE_TWO_DEVICES(operator/)
template <class X, class Y, class Fault = detail::error_bool_tensors_cannot_be_subtracted_use_logical_xor_or_cast>
  requires(PointwiseOperands<X, Y> && !NumericOperands<X, Y>)
Fault operator-(X&&, Y&&) = delete;
template <class X, class Fault = detail::error_a_bool_tensor_cannot_be_negated_use_logical_not>
  requires(PointwiseOperands<X> && !NumericOperands<X>)
Fault operator-(X&&) = delete;

}  // namespace taper::inline TAPER_CODE
