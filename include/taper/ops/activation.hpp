// SPDX-License-Identifier: MIT
// Activations that are straight lines between kinks: the relu family, the hard ones, the shrinks, threshold.
#pragma once

#include <taper/backend/gemm_call.hpp>
#include <taper/ops/operands.hpp>

namespace taper::inline TAPER_CODE {

/// max(x, 0). Gradient: 1 where y > 0, 0 elsewhere, from the output alone.
struct Relu : PromotingOp {
  static constexpr std::string_view name = "relu";
  static constexpr std::uint8_t reads[] = {reads_output};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::max(x, V(0)); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V, V y, V g) const { return select(y <= V(0), V(0), g); }
  static detail::GemmActivation in_product() { return detail::GemmActivation::relu; }
};

/// x clamped to [lo, hi]. Gradient: 1 between them, 0 elsewhere and at the ends.
struct Hardtanh : PromotingOp {
  static constexpr std::string_view name = "hardtanh";
  static constexpr std::uint8_t reads[] = {reads_output};
  double min_val, max_val;
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::min(math::max(x, V(min_val)), V(max_val)); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V, V y, V g) const { return select(y > V(min_val) && y < V(max_val), g, V(0)); }
};

/// x where x > 0, slope x elsewhere. Gradient: 1, slope.
struct LeakyRelu : FloatingOp {
  static constexpr std::string_view name = "leaky_relu";
  static constexpr std::uint8_t reads[] = {reads_x0};
  double negative_slope;
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return select(x > V(0), x, x * V(negative_slope)); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V, V g) const { return select(x > V(0), g, g * V(negative_slope)); }
};

/// x where x > 0, weight x elsewhere. Gradient: 1 or weight; to the weight 0 or x.
struct Prelu : FloatingOp {
  static constexpr std::string_view name = "prelu";
  static constexpr std::uint8_t reads[] = {reads_x0 | reads_x1, reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V weight) const { return select(x > V(0), x, weight * x); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V weight, V, V g) const {
    if constexpr (I == 0) return select(x > V(0), g, weight * g);
    else return select(x > V(0), V(0), x * g);
  }
};

/// clamp(x + 3, 0, 6) / 6. Gradient: 1 / 6 in (-3, 3), 0 elsewhere.
struct Hardsigmoid : FloatingOp {
  static constexpr std::string_view name = "hardsigmoid";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::min(math::max(x + V(3), V(0)), V(6)) / V(6); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V, V g) const { return select(x > V(-3) && x < V(3), g / V(6), V(0)); }
};

/// x hardsigmoid(x). Gradient: 0 up to -3, x / 3 + 1 / 2, 1 from 3.
struct Hardswish : FloatingOp {
  static constexpr std::string_view name = "hardswish";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return x * math::min(math::max(x + V(3), V(0)), V(6)) / V(6); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V, V g) const {
    return select(x <= V(-3), V(0), select(x >= V(3), g, g * (x / V(3) + V(0.5))));
  }
};

/// x where |x| > lambd, 0 elsewhere. Gradient: 1, 0.
struct Hardshrink : FloatingOp {
  static constexpr std::string_view name = "hardshrink";
  static constexpr std::uint8_t reads[] = {reads_x0};
  double lambd;
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return select(x >= V(-lambd) && x <= V(lambd), V(0), x); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V, V g) const { return select(x > V(lambd) || x < V(-lambd), g, V(0)); }
};

/// x moved towards 0 by lambd, 0 where |x| <= lambd. Gradient: 1, 0.
struct Softshrink : FloatingOp {
  static constexpr std::string_view name = "softshrink";
  static constexpr std::uint8_t reads[] = {reads_x0};
  double lambd;
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const {
    return select(x > V(lambd), x - V(lambd), select(x < V(-lambd), x + V(lambd), select(math::isnan(x), x, V(0))));
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V, V g) const { return select(x > V(lambd) || x < V(-lambd), g, V(0)); }
};

/// x where x > threshold, value elsewhere. Gradient: 1, 0.
struct Threshold : PromotingOp {
  static constexpr std::string_view name = "threshold";
  static constexpr std::uint8_t reads[] = {reads_x0};
  double threshold, value;
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return select(x <= V(threshold), V(value), x); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V, V g) const { return select(x <= V(threshold), V(0), g); }
};

/// max(x, 0). Dtypes: real. Gradient: g where y > 0, 0 elsewhere, from the output alone.
template <class X>
  requires(RealOperands<X> && NumericOperands<X>)
auto relu(X&& x) { return apply("relu", Relu{}, std::forward<X>(x)); }

/// x clamped to [min_val, max_val]. Dtypes: real. Gradient: g between them, 0 elsewhere and at the ends.
template <class X>
  requires(RealOperands<X> && NumericOperands<X>)
auto hardtanh(X&& x, double min_val = -1, double max_val = 1) {
  return apply("hardtanh", Hardtanh{{}, min_val, max_val}, std::forward<X>(x));
}

/// min(max(x, 0), 6). Dtypes: real. Gradient: g where 0 < y < 6, 0 elsewhere.
template <class X>
  requires(RealOperands<X> && NumericOperands<X>)
auto relu6(X&& x) { return apply("relu6", Hardtanh{{}, 0, 6}, std::forward<X>(x)); }

/// x where x > 0, negative_slope x elsewhere. Dtypes: floating. Gradient: g, g negative_slope.
template <class X>
  requires FloatingOperands<X>
auto leaky_relu(X&& x, double negative_slope = 0.01) {
  return apply("leaky_relu", LeakyRelu{{}, negative_slope}, std::forward<X>(x));
}

/// leaky_relu with the mean of a random slope's bounds: what RReLU is outside training. Dtypes: floating.
template <class X>
  requires FloatingOperands<X>
auto rrelu(X&& x, double lower = 1.0 / 8, double upper = 1.0 / 3) {
  return apply("rrelu", LeakyRelu{{}, (lower + upper) / 2}, std::forward<X>(x));
}

/// clamp(x + 3, 0, 6) / 6. Dtypes: floating. Gradient: g / 6 in (-3, 3), 0 elsewhere.
template <class X>
  requires FloatingOperands<X>
auto hardsigmoid(X&& x) { return apply("hardsigmoid", Hardsigmoid{}, std::forward<X>(x)); }

/// x clamp(x + 3, 0, 6) / 6. Dtypes: floating. Gradient: 0 up to -3, g (x / 3 + 1 / 2), g from 3.
template <class X>
  requires FloatingOperands<X>
auto hardswish(X&& x) { return apply("hardswish", Hardswish{}, std::forward<X>(x)); }

/// x where |x| > lambd, 0 elsewhere. Dtypes: floating. Gradient: g, 0.
template <class X>
  requires FloatingOperands<X>
auto hardshrink(X&& x, double lambd = 0.5) { return apply("hardshrink", Hardshrink{{}, lambd}, std::forward<X>(x)); }

/// x - lambd above lambd, x + lambd below -lambd, 0 between. Dtypes: floating. Gradient: g, 0 between.
/// Throws: ValueError for a negative lambd.
template <class X>
  requires FloatingOperands<X>
auto softshrink(X&& x, double lambd = 0.5) {
  if (!(lambd >= 0)) detail::raise<ValueError>("softshrink", "lambd must not be negative: it is ", lambd);
  return apply("softshrink", Softshrink{{}, lambd}, std::forward<X>(x));
}

/// x where x > threshold, value elsewhere. Dtypes: real. Gradient: g, 0.
template <class X>
  requires(RealOperands<X> && NumericOperands<X>)
auto threshold(X&& x, double threshold, double value) {
  return apply("threshold", Threshold{{}, threshold, value}, std::forward<X>(x));
}

}  // namespace taper::inline TAPER_CODE
