// SPDX-License-Identifier: MIT
// Choosing between values: where, extremes of two tensors, clamping, replacing NaN and infinity.
#pragma once

#include <taper/ops/operands.hpp>

#include <limits>

namespace taper::inline TAPER_CODE {

/// x where the condition holds, y elsewhere. Gradient: g there, 0 elsewhere.
struct Where {
  static constexpr std::string_view name = "where";
  template <class C, class T, class U>
  using signature = detail::Signature<promote_t<T, U>, bool, promote_t<T, U>, promote_t<T, U>>;
  static constexpr std::uint8_t reads[] = {reads_nothing, reads_x0, reads_x0};
  template <class M, class V>
  TAPER_HD TAPER_INLINE V operator()(M condition, V x, V y) const { return select(condition, x, y); }
  template <int I, class M, class V>
  TAPER_HD TAPER_INLINE V vjp(M condition, V, V, V, V g) const {
    if constexpr (I == 1) return select(condition, g, V(0));
    else if constexpr (I == 2) return select(condition, V(0), g);
    else return V(0);
  }
};

/// The greater of x and y, NaN where one is NaN. Gradient: g to the greater, half to each of equal ones.
struct Maximum : PromotingOp {
  static constexpr std::string_view name = "maximum";
  static constexpr std::uint8_t reads[] = {reads_x0 | reads_x1, reads_x0 | reads_x1};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const {
    if constexpr (std::same_as<scalar_of<V>, bool>) return x || y;
    else return math::max(x, y);
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V y, V, V g) const {
    const V shared = select(x == y, g * V(0.5), g);
    if constexpr (I == 0) return select(x < y, V(0), shared);
    else return select(x > y, V(0), shared);
  }
};

/// The lesser of x and y, NaN where one is NaN. Gradient: g to the lesser, half to each of equal ones.
struct Minimum : PromotingOp {
  static constexpr std::string_view name = "minimum";
  static constexpr std::uint8_t reads[] = {reads_x0 | reads_x1, reads_x0 | reads_x1};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const {
    if constexpr (std::same_as<scalar_of<V>, bool>) return x && y;
    else return math::min(x, y);
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V y, V, V g) const {
    const V shared = select(x == y, g * V(0.5), g);
    if constexpr (I == 0) return select(x > y, V(0), shared);
    else return select(x < y, V(0), shared);
  }
};

/// The greater of x and y, the other one where one is NaN. Gradient: g to the one taken, halved between equal ones.
struct Fmax : PromotingOp {
  static constexpr std::string_view name = "fmax";
  static constexpr std::uint8_t reads[] = {reads_x0 | reads_x1, reads_x0 | reads_x1};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const {
    if constexpr (std::is_integral_v<scalar_of<V>>) return Maximum()(x, y);
    else return math::fmax(x, y);
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V y, V, V g) const {
    const auto first = x > y || math::isnan(y);
    return select(x == y, g * V(0.5), I == 0 ? select(first, g, V(0)) : select(first, V(0), g));
  }
};

/// The lesser of x and y, the other one where one is NaN. Gradient: g to the one taken, halved between equal ones.
struct Fmin : PromotingOp {
  static constexpr std::string_view name = "fmin";
  static constexpr std::uint8_t reads[] = {reads_x0 | reads_x1, reads_x0 | reads_x1};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const {
    if constexpr (std::is_integral_v<scalar_of<V>>) return Minimum()(x, y);
    else return math::fmin(x, y);
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V y, V, V g) const {
    const auto first = x < y || math::isnan(y);
    return select(x == y, g * V(0.5), I == 0 ? select(first, g, V(0)) : select(first, V(0), g));
  }
};

/// min(max(x, lo), hi) with numbers as bounds. Gradient: g strictly inside them, from the output alone.
struct Clamp : PromotingOp {
  static constexpr std::string_view name = "clamp";
  static constexpr std::uint8_t reads[] = {reads_output | reads_x1 | reads_x2, 0, 0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V lo, V hi) const { return math::min(math::max(x, lo), hi); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V, V lo, V hi, V y, V g) const {
    return I == 0 ? select(y > lo && y < hi, g, V(0)) : V(0);
  }
};

/// max(x, lo) with a number as bound. Gradient: g above it, from the output alone.
struct ClampMin : PromotingOp {
  static constexpr std::string_view name = "clamp_min";
  static constexpr std::uint8_t reads[] = {reads_output | reads_x1, 0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V lo) const { return math::max(x, lo); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V, V lo, V y, V g) const { return I == 0 ? select(y > lo, g, V(0)) : V(0); }
};

/// min(x, hi) with a number as bound. Gradient: g below it, from the output alone.
struct ClampMax : PromotingOp {
  static constexpr std::string_view name = "clamp_max";
  static constexpr std::uint8_t reads[] = {reads_output | reads_x1, 0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V hi) const { return math::min(x, hi); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V, V hi, V y, V g) const { return I == 0 ? select(y < hi, g, V(0)) : V(0); }
};

/// min(max(x, lo), hi) with tensors as bounds. Gradient: g to the one taken; x shares it with a bound that it equals.
struct ClampBetween : PromotingOp {
  static constexpr std::string_view name = "clamp";
  static constexpr std::uint8_t all = reads_x0 | reads_x1 | reads_x2;
  static constexpr std::uint8_t reads[] = {all, all, all};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V lo, V hi) const { return Clamp()(x, lo, hi); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V lo, V hi, V, V g) const {
    const V none = V(0), half = g * V(0.5);
    if constexpr (I == 0) return select(x < lo || x > hi, none, select(lo < hi && (x == lo || x == hi), half, g));
    else if constexpr (I == 1) return select(x < lo && lo <= hi, g, select(lo < hi && x == lo, half, none));
    // Not lo > hi || (x > hi && lo <= hi): of numbers g++ 12 makes lo > hi || x > hi of it, which differs where lo is NaN.
    else return select(lo > hi, g, select(x > hi && lo <= hi, g, select(lo < hi && x == hi, half, none)));
  }
};

/// x with NaN and infinities replaced. Gradient: g where x is finite, 0 elsewhere.
struct NanToNum : PromotingOp {
  static constexpr std::string_view name = "nan_to_num";
  static constexpr std::uint8_t reads[] = {reads_x0};
  double nan, posinf, neginf;

  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const {
    if constexpr (std::is_integral_v<scalar_of<V>>) return x;
    else return select(math::isnan(x), V(nan), select(math::isinf(x), select(x > V(0), V(posinf), V(neginf)), x));
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V, V g) const { return select(math::isfinite(x), g, V(0)); }
};

/// Stands for a bound or a replacement that is not given.
inline constexpr struct NotGiven {} not_given;

/// x where the condition holds, y elsewhere. Shapes: broadcast. Dtypes: condition bool; x and y promoted.
/// Gradient: g to the one chosen.
template <class C, class X, class Y>
  requires(PointwiseOperands<C, X, Y> && TensorLike<C> && std::same_as<value_t<C>, bool>)
auto where(C&& condition, X&& x, Y&& y) {
  return apply("where", Where{}, std::forward<C>(condition), std::forward<X>(x), std::forward<Y>(y));
}
template <class C, class X, class Y>
  requires(PointwiseOperands<C, X, Y> && TensorLike<C> && !std::same_as<value_t<C>, bool>)
detail::error_the_condition_must_be_a_bool_tensor_write_a_comparison_or_cast_to_bool<value_t<C>>
where(C&&, X&&, Y&&) = delete;

/// The greater of x and y, NaN where one is NaN. Shapes: broadcast. Dtypes: real, promoted.
/// Gradient: g to the greater, half of it to each of equal ones.
template <class X, class Y>
  requires RealOperands<X, Y>
auto maximum(X&& x, Y&& y) { return apply("maximum", Maximum{}, std::forward<X>(x), std::forward<Y>(y)); }

/// The lesser of x and y, NaN where one is NaN. Shapes, dtypes, gradient: as maximum.
template <class X, class Y>
  requires RealOperands<X, Y>
auto minimum(X&& x, Y&& y) { return apply("minimum", Minimum{}, std::forward<X>(x), std::forward<Y>(y)); }

/// maximum and minimum under PyTorch's other names.
template <TensorLike X, TensorLike Y>
  requires RealOperands<X, Y>
auto max(X&& x, Y&& y) { return maximum(std::forward<X>(x), std::forward<Y>(y)); }
template <TensorLike X, TensorLike Y>
  requires RealOperands<X, Y>
auto min(X&& x, Y&& y) { return minimum(std::forward<X>(x), std::forward<Y>(y)); }

/// The greater of x and y, the other one where one is NaN. Shapes: broadcast. Dtypes: real, promoted.
/// Gradient: g to the one taken, half of it to each of equal ones.
template <class X, class Y>
  requires RealOperands<X, Y>
auto fmax(X&& x, Y&& y) { return apply("fmax", Fmax{}, std::forward<X>(x), std::forward<Y>(y)); }

/// The lesser of x and y, the other one where one is NaN. Shapes, dtypes, gradient: as fmax.
template <class X, class Y>
  requires RealOperands<X, Y>
auto fmin(X&& x, Y&& y) { return apply("fmin", Fmin{}, std::forward<X>(x), std::forward<Y>(y)); }

/// max(x, lo). Shapes: broadcast. Dtypes: real, promoted.
/// Gradient: g where x > lo; where lo is a tensor, as maximum.
template <class X, class L>
  requires(RealOperands<X, L> && NumericOperands<X, L>)
auto clamp_min(X&& x, L&& lo) {
  if constexpr (TensorLike<L>) return apply("clamp_min", Maximum{}, std::forward<X>(x), std::forward<L>(lo));
  else return apply("clamp_min", ClampMin{}, std::forward<X>(x), lo);
}

/// min(x, hi). Shapes: broadcast. Dtypes: real, promoted.
/// Gradient: g where x < hi; where hi is a tensor, as minimum.
template <class X, class H>
  requires(RealOperands<X, H> && NumericOperands<X, H>)
auto clamp_max(X&& x, H&& hi) {
  if constexpr (TensorLike<H>) return apply("clamp_max", Minimum{}, std::forward<X>(x), std::forward<H>(hi));
  else return apply("clamp_max", ClampMax{}, std::forward<X>(x), hi);
}

/// min(max(x, lo), hi); the bounds are numbers or tensors. A bound that is left out is written not_given.
/// Shapes: broadcast. Dtypes: real, promoted.
/// Gradient: g strictly inside the bounds; where a bound is a tensor, to the one taken, halved between equal ones.
template <class X, class L, class H>
  requires(RealOperands<X, L, H> && NumericOperands<X, L, H>)
auto clamp(X&& x, L&& lo, H&& hi) {
  if constexpr (TensorLike<L> || TensorLike<H>)
    return apply("clamp", ClampBetween{}, std::forward<X>(x), std::forward<L>(lo), std::forward<H>(hi));
  else return apply("clamp", Clamp{}, std::forward<X>(x), lo, hi);
}
template <class X, class L>
  requires(RealOperands<X, L> && NumericOperands<X, L>)
auto clamp(X&& x, L&& lo, NotGiven = not_given) { return clamp_min(std::forward<X>(x), std::forward<L>(lo)); }
template <class X, class H>
  requires(RealOperands<X, H> && NumericOperands<X, H>)
auto clamp(X&& x, NotGiven, H&& hi) { return clamp_max(std::forward<X>(x), std::forward<H>(hi)); }

/// What nan_to_num writes; NaN stands for the largest and the lowest number of the dtype.
struct NanToNumOptions {
  double nan = 0;
  double posinf = std::numeric_limits<double>::quiet_NaN();
  double neginf = std::numeric_limits<double>::quiet_NaN();
};

/// x with NaN and the infinities replaced by numbers. Dtypes: real. Gradient: g where x is finite, 0 elsewhere.
template <class X>
  requires RealOperands<X>
auto nan_to_num(X&& x, const NanToNumOptions& options = {}) {
  using Limits = std::numeric_limits<value_t<X>>;
  NanToNum op{{}, options.nan, options.posinf, options.neginf};
  if (math::isnan(op.posinf)) op.posinf = static_cast<double>(Limits::max());
  if (math::isnan(op.neginf)) op.neginf = static_cast<double>(Limits::lowest());
  return apply("nan_to_num", op, std::forward<X>(x));
}

TAPER_REFUSE_TWO_DEVICES(maximum)
TAPER_REFUSE_TWO_DEVICES(minimum)
TAPER_REFUSE_TWO_DEVICES(fmax)
TAPER_REFUSE_TWO_DEVICES(fmin)
TAPER_REFUSE_TWO_DEVICES(clamp_min)
TAPER_REFUSE_TWO_DEVICES(clamp_max)

}  // namespace taper::inline TAPER_CODE
