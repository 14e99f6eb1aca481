// SPDX-License-Identifier: MIT
// Powers, roots and reciprocals.
#pragma once

#include <taper/ops/operands.hpp>

#include <type_traits>

namespace taper::inline TAPER_CODE {

/// x x. Gradient: 2 x.
struct Square {
  static constexpr std::string_view name = "square";
  template <class T>
  using wide = std::conditional_t<std::same_as<T, bool>, std::int64_t, T>;
  template <class T>
  using signature = detail::Signature<wide<T>, wide<T>>;
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return Mul()(x, x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V) const { return x + x; }
};

/// The square root. Gradient: 1 / (2 y).
struct Sqrt : FloatingOp {
  static constexpr std::string_view name = "sqrt";
  static constexpr std::uint8_t reads[] = {reads_output};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::sqrt(x); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V, V y, V g) const { return g / math::conj(y + y); }
};

/// 1 / sqrt(x). Gradient: -y^3 / 2.
struct Rsqrt : FloatingOp {
  static constexpr std::string_view name = "rsqrt";
  static constexpr std::uint8_t reads[] = {reads_output};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::rsqrt(x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V, V y) const { return V(-0.5) * (y * y * y); }
};

/// 1 / x. Gradient: -y^2.
struct Reciprocal : FloatingOp {
  static constexpr std::string_view name = "reciprocal";
  static constexpr std::uint8_t reads[] = {reads_output};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return V(1) / x; }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V, V y) const { return -(y * y); }
};

/// x^y of floating numbers. Gradient: y x^(y - 1), 0 where y is 0; x^y log x, 0 where x is 0 and y is not negative.
struct Pow : FloatingOp {
  static constexpr std::string_view name = "pow";
  static constexpr std::uint8_t reads[] = {reads_x0 | reads_x1, reads_x0 | reads_x1 | reads_output};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const { return math::pow(x, y); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V y, V out, V g) const {
    if constexpr (I == 0) {
      return select(y == V(0), V(0), g * math::conj(y * math::pow(x, y - V(1))));
    } else {
      const V slope = g * math::conj(out * math::log(x));
      if constexpr (ComplexValue<V>) return select(x == V(0), V(0), slope);
      else return select(x == V(0) && y >= V(0), V(0), slope);
    }
  }
};

/// x^y of integers, by squaring; it wraps. A negative y gives 1 or -1 for such bases and 0 for all others.
struct IntegerPow : PromotingOp {
  static constexpr std::string_view name = "pow";
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const {
    constexpr bool has_sign = !std::is_unsigned_v<scalar_of<V>>;
    V result = V(1), factor = x, left = y;
    if constexpr (has_sign) left = select(y < V(0), V(0), y);
    while (any(left != V(0))) {
      result = select((left & V(1)) != V(0), Mul()(result, factor), result);
      factor = Mul()(factor, factor);
      left = static_cast<V>(left >> V(1));
    }
    if constexpr (has_sign) {
      const V odd = select((y & V(1)) != V(0), x, V(1));
      const V inverse = select(x == V(1), V(1), select(Add()(x, V(1)) == V(0), odd, V(0)));
      return select(y < V(0), inverse, result);
    } else {
      return result;
    }
  }
};

/// x^exponent for one number. The exponents with an exact or shorter form take it, as in PyTorch.
struct PowScalar : FloatingOp {
  static constexpr std::string_view name = "pow";
  static constexpr std::uint8_t reads[] = {reads_x0};
  double exponent;

  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return power(x, exponent); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V) const {
    if (exponent == 0) return V(0);
    if (exponent == 2) return x + x;
    return V(exponent) * power(x, exponent - 1);
  }

 private:
  template <class V>
  TAPER_HD TAPER_INLINE static V power(V x, double e) {
    if (e == 2) return x * x;
    if (e == 1) return x;
    if (e == 3) return x * x * x;
    if (e == 0.5) return math::sqrt(x);
    if (e == -0.5) return V(1) / math::sqrt(x);
    if (e == -1) return V(1) / x;
    if (e == -2) return V(1) / (x * x);
    if (e == 0) return V(1);
    return math::pow(x, V(e));
  }
};

/// sqrt(x^2 + y^2) without overflow on the way. Gradient: x / h, y / h.
struct Hypot : FloatingOp {
  static constexpr std::string_view name = "hypot";
  static constexpr std::uint8_t reads[] = {reads_x0 | reads_output, reads_x1 | reads_output};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const { return math::hypot(x, y); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V partial(V x, V y, V h) const {
    if constexpr (I == 0) return x / h;
    else return y / h;
  }
};

/// x x. Dtypes: bool gives int64. Gradient: 2 g x.
template <class X>
  requires PointwiseOperands<X>
auto square(X&& x) { return apply("square", Square{}, std::forward<X>(x)); }

/// The square root, NaN below zero. Dtypes: integers give float. Gradient: g / (2 y). Error: none.
template <class X>
  requires PointwiseOperands<X>
auto sqrt(X&& x) { return apply("sqrt", Sqrt{}, std::forward<X>(x)); }

/// 1 / sqrt(x). Dtypes: integers give float. Gradient: -g y^3 / 2.
template <class X>
  requires PointwiseOperands<X>
auto rsqrt(X&& x) { return apply("rsqrt", Rsqrt{}, std::forward<X>(x)); }

/// 1 / x. Dtypes: integers give float. Gradient: -g y^2.
template <class X>
  requires PointwiseOperands<X>
auto reciprocal(X&& x) { return apply("reciprocal", Reciprocal{}, std::forward<X>(x)); }

/// x^y. Shapes: broadcast. Dtypes: promoted; integers stay integers and wrap.
/// Gradient: g y x^(y - 1), 0 where y is 0; g x^y log x, 0 where x is 0 and y is not negative.
/// Throws: ValueError for integers to a negative number, which is no integer.
template <class X, class Y>
  requires NumericOperands<X, Y>
auto pow(X&& x, Y&& y) {
  using T = promoted_t<X, Y>;
  if constexpr (Integral<T>) {
    if constexpr (ScalarLike<std::remove_cvref_t<Y>>) {
      if (y < 0)
        detail::raise<ValueError>("pow", "integers to the power ", y, " are no integers: cast<float>(x) first");
    }
    return apply("pow", IntegerPow{}, std::forward<X>(x), std::forward<Y>(y));
  } else if constexpr (std::is_arithmetic_v<std::remove_cvref_t<Y>> && !Complex<T>) {
    return apply("pow", PowScalar{{}, static_cast<double>(y)}, std::forward<X>(x));
  } else {
    return apply("pow", Pow{}, std::forward<X>(x), std::forward<Y>(y));
  }
}

/// sqrt(x^2 + y^2). Shapes: broadcast. Dtypes: real; integers give float. Gradient: g x / h, g y / h.
template <class X, class Y>
  requires RealOperands<X, Y>
auto hypot(X&& x, Y&& y) { return apply("hypot", Hypot{}, std::forward<X>(x), std::forward<Y>(y)); }

TAPER_REFUSE_TWO_DEVICES(pow)
TAPER_REFUSE_TWO_DEVICES(hypot)

}  // namespace taper::inline TAPER_CODE
