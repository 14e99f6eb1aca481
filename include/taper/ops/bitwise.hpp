// SPDX-License-Identifier: MIT
// Bits of integers, and the greatest common divisor.
#pragma once

#include <taper/ops/operands.hpp>

namespace taper::inline TAPER_CODE {

/// The bits set in both.
struct BitwiseAnd : PromotingOp {
  static constexpr std::string_view name = "bitwise_and";
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const {
    if constexpr (std::same_as<scalar_of<V>, bool>) return x && y;
    else return static_cast<V>(x & y);
  }
};

/// The bits set in either.
struct BitwiseOr : PromotingOp {
  static constexpr std::string_view name = "bitwise_or";
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const {
    if constexpr (std::same_as<scalar_of<V>, bool>) return x || y;
    else return static_cast<V>(x | y);
  }
};

/// The bits set in one alone.
struct BitwiseXor : PromotingOp {
  static constexpr std::string_view name = "bitwise_xor";
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const {
    if constexpr (std::same_as<scalar_of<V>, bool>) return x != y;
    else return static_cast<V>(x ^ y);
  }
};

/// The bits not set.
struct BitwiseNot : PromotingOp {
  static constexpr std::string_view name = "bitwise_not";
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const {
    if constexpr (std::same_as<scalar_of<V>, bool>) return !x;
    else return static_cast<V>(~x);
  }
};

/// x 2^n; it wraps.
struct LeftShift : PromotingOp {
  static constexpr std::string_view name = "left_shift";
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V n) const {
    if constexpr (std::integral<V>) return detail::simd::ShiftLeft()(x, n);
    else return x << n;
  }
};

/// floor(x / 2^n).
struct RightShift : PromotingOp {
  static constexpr std::string_view name = "right_shift";
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V n) const {
    if constexpr (std::integral<V>) return detail::simd::ShiftRight()(x, n);
    else return x >> n;
  }
};

/// The greatest common divisor of |x| and |y|; of 0 and 0 it is 0.
struct Gcd : PromotingOp {
  static constexpr std::string_view name = "gcd";
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const {
    while (any(y != V(0))) {
      const auto done = y == V(0);
      const V rest = static_cast<V>(x % select(done, V(1), y));
      x = select(done, x, y);
      y = select(done, V(0), rest);
    }
    return math::abs(x);
  }
};

/// The least common multiple of |x| and |y|; with a zero it is 0.
struct Lcm : PromotingOp {
  static constexpr std::string_view name = "lcm";
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const {
    const V g = Gcd()(x, y);
    return math::abs(static_cast<V>(x / select(g == V(0), V(1), g) * y));
  }
};

/// The bits set in both. Shapes: broadcast. Dtypes: integers and bool, promoted.
template <class X, class Y>
  requires IntegralOperands<X, Y>
auto bitwise_and(X&& x, Y&& y) { return apply("bitwise_and", BitwiseAnd{}, std::forward<X>(x), std::forward<Y>(y)); }

/// The bits set in either. Shapes, dtypes: as bitwise_and.
template <class X, class Y>
  requires IntegralOperands<X, Y>
auto bitwise_or(X&& x, Y&& y) { return apply("bitwise_or", BitwiseOr{}, std::forward<X>(x), std::forward<Y>(y)); }

/// The bits set in one alone. Shapes, dtypes: as bitwise_and.
template <class X, class Y>
  requires IntegralOperands<X, Y>
auto bitwise_xor(X&& x, Y&& y) { return apply("bitwise_xor", BitwiseXor{}, std::forward<X>(x), std::forward<Y>(y)); }

/// The bits not set; of bool the logical not. Dtypes: integers and bool.
template <class X>
  requires IntegralOperands<X>
auto bitwise_not(X&& x) { return apply("bitwise_not", BitwiseNot{}, std::forward<X>(x)); }

/// x 2^n: it wraps, and a shift by the width or more, or by a negative number, gives 0. Shapes: broadcast.
/// Dtypes: integers, promoted.
template <class X, class N>
  requires(IntegralOperands<X, N> && NumericOperands<X, N>)
auto bitwise_left_shift(X&& x, N&& n) {
  return apply("bitwise_left_shift", LeftShift{}, std::forward<X>(x), std::forward<N>(n));
}

/// floor(x / 2^n); a shift by the width or more, or by a negative number, leaves the sign alone: 0 or -1.
/// Shapes: broadcast. Dtypes: integers, promoted.
template <class X, class N>
  requires(IntegralOperands<X, N> && NumericOperands<X, N>)
auto bitwise_right_shift(X&& x, N&& n) {
  return apply("bitwise_right_shift", RightShift{}, std::forward<X>(x), std::forward<N>(n));
}

/// The greatest common divisor. Shapes: broadcast. Dtypes: integers, promoted.
template <class X, class Y>
  requires(IntegralOperands<X, Y> && NumericOperands<X, Y>)
auto gcd(X&& x, Y&& y) { return apply("gcd", Gcd{}, std::forward<X>(x), std::forward<Y>(y)); }

/// The least common multiple. Shapes: broadcast. Dtypes: integers, promoted; it wraps.
template <class X, class Y>
  requires(IntegralOperands<X, Y> && NumericOperands<X, Y>)
auto lcm(X&& x, Y&& y) { return apply("lcm", Lcm{}, std::forward<X>(x), std::forward<Y>(y)); }

template <class X, class Y>
  requires IntegralOperands<X, Y>
auto operator&(X&& x, Y&& y) { return bitwise_and(std::forward<X>(x), std::forward<Y>(y)); }
template <class X, class Y>
  requires IntegralOperands<X, Y>
auto operator|(X&& x, Y&& y) { return bitwise_or(std::forward<X>(x), std::forward<Y>(y)); }
template <class X, class Y>
  requires IntegralOperands<X, Y>
auto operator^(X&& x, Y&& y) { return bitwise_xor(std::forward<X>(x), std::forward<Y>(y)); }
template <class X>
  requires IntegralOperands<X>
auto operator~(X&& x) { return bitwise_not(std::forward<X>(x)); }
template <class X, class N>
  requires(IntegralOperands<X, N> && NumericOperands<X, N>)
auto operator<<(X&& x, N&& n) { return bitwise_left_shift(std::forward<X>(x), std::forward<N>(n)); }
template <class X, class N>
  requires(IntegralOperands<X, N> && NumericOperands<X, N>)
auto operator>>(X&& x, N&& n) { return bitwise_right_shift(std::forward<X>(x), std::forward<N>(n)); }

#define TAPER_REFUSE_FLOATING_BITS(function)                                                            \
  TAPER_REFUSE_TWO_DEVICES(function)                                                                    \
  template <class X, class Y,                                                                           \
            class Fault = detail::error_bitwise_operators_take_integers_or_bools_not<promoted_t<X, Y>>> \
    requires(PointwiseOperands<X, Y> && !IntegralOperands<X, Y>)                                        \
  Fault function(X&&, Y&&) = delete;
TAPER_REFUSE_FLOATING_BITS(operator&)
TAPER_REFUSE_FLOATING_BITS(operator|)
TAPER_REFUSE_FLOATING_BITS(operator^)
#undef TAPER_REFUSE_FLOATING_BITS

}  // namespace taper::inline TAPER_CODE
