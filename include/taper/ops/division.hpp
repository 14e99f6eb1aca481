// SPDX-License-Identifier: MIT
// Whole quotients and remainders.
#pragma once

#include <taper/ops/arithmetic.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

/// Integers have no infinity to give back. Kernels of devices, which work on single numbers, cannot throw.
template <class V>
TAPER_HD TAPER_INLINE void refuse_zero_divisor([[maybe_unused]] std::string_view op, [[maybe_unused]] const V& y) {
#if !TAPER_DEVICE_PASS
  if constexpr (PackValue<V> && std::is_integral_v<scalar_of<V>>) {
    if (any(y == V(0)))
      raise<ValueError>(op, "an integer was divided by zero: cast to a floating type, or replace the zeros");
  }
#endif
}

}  // namespace detail

/// The quotient rounded to zero. Gradient: 0.
struct DivTrunc : PromotingOp {
  static constexpr std::string_view name = "div";
  static constexpr bool may_throw = true;
  static constexpr std::uint8_t reads[] = {reads_nothing, reads_nothing};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const {
    detail::refuse_zero_divisor(name, y);
    if constexpr (std::integral<V>) return detail::simd::IntDivide()(x, y);
    else if constexpr (std::is_integral_v<scalar_of<V>>) return x / y;
    else return math::trunc(x / y);
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V, V, V, V) const { return V(0); }
};

/// The quotient rounded down. Gradient: 0.
struct FloorDivide : PromotingOp {
  static constexpr std::string_view name = "floor_divide";
  static constexpr bool may_throw = true;
  static constexpr std::uint8_t reads[] = {reads_nothing, reads_nothing};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const {
    detail::refuse_zero_divisor(name, y);
    return math::floor_divide(x, y);
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V, V, V, V) const { return V(0); }
};

/// x - floor(x / y) y: the sign of y. Gradient: 1, -floor(x / y).
struct Remainder : PromotingOp {
  static constexpr std::string_view name = "remainder";
  static constexpr bool may_throw = true;
  static constexpr std::uint8_t reads[] = {reads_nothing, reads_x0 | reads_x1};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const {
    detail::refuse_zero_divisor(name, y);
    return math::remainder(x, y);
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V y, V, V g) const {
    if constexpr (I == 0) return g;
    else return -g * math::floor_divide(x, y);
  }
};

/// x - trunc(x / y) y: the sign of x. Gradient: 1, -trunc(x / y).
struct Fmod : PromotingOp {
  static constexpr std::string_view name = "fmod";
  static constexpr bool may_throw = true;
  static constexpr std::uint8_t reads[] = {reads_nothing, reads_x0 | reads_x1};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const {
    detail::refuse_zero_divisor(name, y);
    return math::fmod(x, y);
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V y, V, V g) const {
    if constexpr (I == 0) return g;
    else return -g * math::trunc(x / y);
  }
};

/// How div rounds: div(x, y, rounding_mode::trunc). It is a type, since it decides the result's dtype.
namespace rounding_mode {
inline constexpr struct Trunc {} trunc;
inline constexpr struct Floor {} floor;
}  // namespace rounding_mode

/// The quotient rounded down. Shapes: broadcast. Dtypes: real, promoted; integers stay integers. Gradient: 0.
/// Throws: ValueError where an integer is divided by zero; on other devices the result is then any number.
template <class X, class Y>
  requires(RealOperands<X, Y> && NumericOperands<X, Y>)
auto floor_divide(X&& x, Y&& y) { return apply("floor_divide", FloorDivide{}, std::forward<X>(x), std::forward<Y>(y)); }

/// The quotient rounded to zero. Shapes, dtypes, gradient, throws: as floor_divide.
template <class X, class Y>
  requires(RealOperands<X, Y> && NumericOperands<X, Y>)
auto div(X&& x, Y&& y, rounding_mode::Trunc) {
  return apply("div", DivTrunc{}, std::forward<X>(x), std::forward<Y>(y));
}
/// floor_divide under PyTorch's other name.
template <class X, class Y>
  requires(RealOperands<X, Y> && NumericOperands<X, Y>)
auto div(X&& x, Y&& y, rounding_mode::Floor) { return floor_divide(std::forward<X>(x), std::forward<Y>(y)); }

/// x - floor(x / y) y, with the sign of y, as Python's %. Shapes: broadcast. Dtypes: real, promoted.
/// Gradient: g, -g floor(x / y). Throws: ValueError where an integer is divided by zero; on other devices the result is then any number.
template <class X, class Y>
  requires(RealOperands<X, Y> && NumericOperands<X, Y>)
auto remainder(X&& x, Y&& y) { return apply("remainder", Remainder{}, std::forward<X>(x), std::forward<Y>(y)); }

/// x - trunc(x / y) y, with the sign of x, as C's fmod. Shapes: broadcast. Dtypes: real, promoted.
/// Gradient: g, -g trunc(x / y). Throws: ValueError where an integer is divided by zero; on other devices the result is then any number.
template <class X, class Y>
  requires(RealOperands<X, Y> && NumericOperands<X, Y>)
auto fmod(X&& x, Y&& y) { return apply("fmod", Fmod{}, std::forward<X>(x), std::forward<Y>(y)); }

/// remainder, as PyTorch's %: the sign of y, other than C++'s % of integers.
template <class X, class Y>
  requires(RealOperands<X, Y> && NumericOperands<X, Y>)
auto operator%(X&& x, Y&& y) { return remainder(std::forward<X>(x), std::forward<Y>(y)); }

TAPER_REFUSE_TWO_DEVICES(floor_divide)
TAPER_REFUSE_TWO_DEVICES(remainder)
TAPER_REFUSE_TWO_DEVICES(fmod)
TAPER_REFUSE_TWO_DEVICES(operator%)

}  // namespace taper::inline TAPER_CODE
