// SPDX-License-Identifier: MIT
// Logic on tensors (what is not zero is true) and tests of single values. They give bool and have no gradient.
#pragma once

#include <taper/ops/operands.hpp>

#include <limits>

namespace taper::inline TAPER_CODE {

/// x and y.
struct LogicalAnd : LogicalOp {
  static constexpr std::string_view name = "logical_and";
  template <class M>
  TAPER_HD TAPER_INLINE M operator()(M x, M y) const { return x && y; }
};

/// x or y.
struct LogicalOr : LogicalOp {
  static constexpr std::string_view name = "logical_or";
  template <class M>
  TAPER_HD TAPER_INLINE M operator()(M x, M y) const { return x || y; }
};

/// Either x or y, not both.
struct LogicalXor : LogicalOp {
  static constexpr std::string_view name = "logical_xor";
  template <class M>
  TAPER_HD TAPER_INLINE M operator()(M x, M y) const { return x != y; }
};

/// Not x.
struct LogicalNot : LogicalOp {
  static constexpr std::string_view name = "logical_not";
  template <class M>
  TAPER_HD TAPER_INLINE M operator()(M x) const { return !x; }
};

/// A test of one value in its own type.
struct TestOp {
  template <class T>
  using signature = detail::Signature<bool, T>;
};

/// Whether x is NaN.
struct IsNan : TestOp {
  static constexpr std::string_view name = "isnan";
  template <class V>
  TAPER_HD TAPER_INLINE mask_of<V> operator()(V x) const {
    if constexpr (std::is_integral_v<scalar_of<V>>) return mask_of<V>(false);
    else if constexpr (!ComplexValue<V>) return math::isnan(x);
    else if constexpr (PackValue<V>) return math::isnan(x.re) || math::isnan(x.im);
    else return math::isnan(x.real()) || math::isnan(x.imag());
  }
};

/// Whether x is infinite.
struct IsInf : TestOp {
  static constexpr std::string_view name = "isinf";
  template <class V>
  TAPER_HD TAPER_INLINE mask_of<V> operator()(V x) const {
    if constexpr (std::is_integral_v<scalar_of<V>>) return mask_of<V>(false);
    else if constexpr (!ComplexValue<V>) return math::isinf(x);
    else if constexpr (PackValue<V>) return math::isinf(x.re) || math::isinf(x.im);
    else return math::isinf(x.real()) || math::isinf(x.imag());
  }
};

/// Whether x is neither infinite nor NaN.
struct IsFinite : TestOp {
  static constexpr std::string_view name = "isfinite";
  template <class V>
  TAPER_HD TAPER_INLINE mask_of<V> operator()(V x) const { return !(IsNan()(x) || IsInf()(x)); }
};

/// Whether x is the infinity of one sign.
template <bool Positive>
struct IsSignedInf : TestOp {
  static constexpr std::string_view name = Positive ? "isposinf" : "isneginf";
  template <class V>
  TAPER_HD TAPER_INLINE mask_of<V> operator()(V x) const {
    if constexpr (std::is_integral_v<scalar_of<V>>) return mask_of<V>(false);
    else return math::isinf(x) && (Positive ? x > V(0) : x < V(0));
  }
};

/// Whether x has a minus sign, -0 and NaN included.
struct SignBit : TestOp {
  static constexpr std::string_view name = "signbit";
  template <class V>
  TAPER_HD TAPER_INLINE mask_of<V> operator()(V x) const {
    if constexpr (std::is_unsigned_v<scalar_of<V>>) return mask_of<V>(false);
    else if constexpr (std::is_integral_v<scalar_of<V>>) return x < V(0);
    else return math::signbit(x);
  }
};

/// |x - y| <= atol + rtol |y|, or both equal.
struct IsClose : ComparisonOp {
  static constexpr std::string_view name = "isclose";
  double rtol, atol;
  bool equal_nan;

  template <class V>
  TAPER_HD TAPER_INLINE mask_of<V> operator()(V x, V y) const {
    if constexpr (std::is_integral_v<scalar_of<V>>) {
      return x == y || near(convert<double>(x), convert<double>(y));  // through double: rtol is a fraction
    } else {
      return x == y || near(x, y) || (mask_of<V>(equal_nan) && IsNan()(x) && IsNan()(y));
    }
  }

 private:
  template <class V>
  TAPER_HD TAPER_INLINE mask_of<V> near(V x, V y) const {
    using R = real_of<V>;
    const R error = math::abs(x - y);
    return math::isfinite(error) && error <= R(atol) + R(rtol) * math::abs(y);
  }
};

/// x and y, element by element. Shapes: broadcast. Dtypes: any; what is not zero is true.
template <class X, class Y>
  requires PointwiseOperands<X, Y>
auto logical_and(X&& x, Y&& y) { return apply("logical_and", LogicalAnd{}, std::forward<X>(x), std::forward<Y>(y)); }

/// x or y, element by element. Shapes, dtypes: as logical_and.
template <class X, class Y>
  requires PointwiseOperands<X, Y>
auto logical_or(X&& x, Y&& y) { return apply("logical_or", LogicalOr{}, std::forward<X>(x), std::forward<Y>(y)); }

/// Either x or y, element by element. Shapes, dtypes: as logical_and.
template <class X, class Y>
  requires PointwiseOperands<X, Y>
auto logical_xor(X&& x, Y&& y) { return apply("logical_xor", LogicalXor{}, std::forward<X>(x), std::forward<Y>(y)); }

/// Not x, element by element. Dtypes: any; zero is false.
template <class X>
  requires PointwiseOperands<X>
auto logical_not(X&& x) { return apply("logical_not", LogicalNot{}, std::forward<X>(x)); }

/// Where x is NaN. Dtypes: any; of integers never.
template <class X>
  requires PointwiseOperands<X>
auto isnan(X&& x) { return apply("isnan", IsNan{}, std::forward<X>(x)); }

/// Where x is infinite. Dtypes: any; of integers never.
template <class X>
  requires PointwiseOperands<X>
auto isinf(X&& x) { return apply("isinf", IsInf{}, std::forward<X>(x)); }

/// Where x is neither infinite nor NaN. Dtypes: any; of integers always.
template <class X>
  requires PointwiseOperands<X>
auto isfinite(X&& x) { return apply("isfinite", IsFinite{}, std::forward<X>(x)); }

/// Where x is +infinity. Dtypes: real.
template <class X>
  requires RealOperands<X>
auto isposinf(X&& x) { return apply("isposinf", IsSignedInf<true>{}, std::forward<X>(x)); }

/// Where x is -infinity. Dtypes: real.
template <class X>
  requires RealOperands<X>
auto isneginf(X&& x) { return apply("isneginf", IsSignedInf<false>{}, std::forward<X>(x)); }

/// Where x has a minus sign, -0 included. Dtypes: real.
template <class X>
  requires RealOperands<X>
auto signbit(X&& x) { return apply("signbit", SignBit{}, std::forward<X>(x)); }

/// How far apart values may be and still count as close.
struct IsCloseOptions {
  double rtol = 1e-5;
  double atol = 1e-8;
  bool equal_nan = false;
};

/// Where |x - y| <= atol + rtol |y|, or x == y. Shapes: broadcast. Dtypes: compared in the promoted type.
template <class X, class Y>
  requires PointwiseOperands<X, Y>
auto isclose(X&& x, Y&& y, const IsCloseOptions& options = {}) {
  const IsClose op{{}, options.rtol, options.atol, options.equal_nan};
  return apply("isclose", op, std::forward<X>(x), std::forward<Y>(y));
}

template <class X>
  requires PointwiseOperands<X>
auto operator!(X&& x) { return logical_not(std::forward<X>(x)); }
template <class X, class Y, class Fault = detail::error_use_logical_and_of_tensors_in_place_of_this_operator>
  requires(TensorLike<X> || TensorLike<Y>)
Fault operator&&(X&&, Y&&) = delete;
template <class X, class Y, class Fault = detail::error_use_logical_or_of_tensors_in_place_of_this_operator>
  requires(TensorLike<X> || TensorLike<Y>)
Fault operator||(X&&, Y&&) = delete;
TAPER_REFUSE_TWO_DEVICES(logical_and)
TAPER_REFUSE_TWO_DEVICES(logical_or)
TAPER_REFUSE_TWO_DEVICES(logical_xor)
TAPER_REFUSE_TWO_DEVICES(isclose)

}  // namespace taper::inline TAPER_CODE
