// SPDX-License-Identifier: MIT
// Pointwise comparisons. They give bool tensors and have no gradient.
#pragma once

#include <taper/ops/operands.hpp>

namespace taper::inline TAPER_CODE {

/// x == y.
struct Eq : ComparisonOp {
  static constexpr std::string_view name = "eq";
  template <class V>
  TAPER_HD TAPER_INLINE mask_of<V> operator()(V x, V y) const { return x == y; }
};

/// x != y.
struct Ne : ComparisonOp {
  static constexpr std::string_view name = "ne";
  template <class V>
  TAPER_HD TAPER_INLINE mask_of<V> operator()(V x, V y) const { return x != y; }
};

/// x < y, with false < true.
struct Lt : ComparisonOp {
  static constexpr std::string_view name = "lt";
  template <class V>
  TAPER_HD TAPER_INLINE mask_of<V> operator()(V x, V y) const {
    if constexpr (std::same_as<scalar_of<V>, bool>) return !x && y;
    else return x < y;
  }
};

/// x <= y.
struct Le : ComparisonOp {
  static constexpr std::string_view name = "le";
  template <class V>
  TAPER_HD TAPER_INLINE mask_of<V> operator()(V x, V y) const {
    if constexpr (std::same_as<scalar_of<V>, bool>) return !x || y;
    else return x <= y;
  }
};

/// x > y.
struct Gt : ComparisonOp {
  static constexpr std::string_view name = "gt";
  template <class V>
  TAPER_HD TAPER_INLINE mask_of<V> operator()(V x, V y) const { return Lt()(y, x); }
};

/// x >= y.
struct Ge : ComparisonOp {
  static constexpr std::string_view name = "ge";
  template <class V>
  TAPER_HD TAPER_INLINE mask_of<V> operator()(V x, V y) const { return Le()(y, x); }
};

/// x == y, element by element. Shapes: broadcast. Dtypes: compared in the promoted type.
template <class X, class Y>
  requires PointwiseOperands<X, Y>
auto eq(X&& x, Y&& y) { return apply("eq", Eq{}, std::forward<X>(x), std::forward<Y>(y)); }

/// x != y, element by element. Shapes, dtypes: as eq.
template <class X, class Y>
  requires PointwiseOperands<X, Y>
auto ne(X&& x, Y&& y) { return apply("ne", Ne{}, std::forward<X>(x), std::forward<Y>(y)); }

/// x < y, element by element. Shapes: broadcast. Dtypes: real.
template <class X, class Y>
  requires RealOperands<X, Y>
auto lt(X&& x, Y&& y) { return apply("lt", Lt{}, std::forward<X>(x), std::forward<Y>(y)); }

/// x <= y, element by element. Shapes, dtypes: as lt.
template <class X, class Y>
  requires RealOperands<X, Y>
auto le(X&& x, Y&& y) { return apply("le", Le{}, std::forward<X>(x), std::forward<Y>(y)); }

/// x > y, element by element. Shapes, dtypes: as lt.
template <class X, class Y>
  requires RealOperands<X, Y>
auto gt(X&& x, Y&& y) { return apply("gt", Gt{}, std::forward<X>(x), std::forward<Y>(y)); }

/// x >= y, element by element. Shapes, dtypes: as lt.
template <class X, class Y>
  requires RealOperands<X, Y>
auto ge(X&& x, Y&& y) { return apply("ge", Ge{}, std::forward<X>(x), std::forward<Y>(y)); }

template <class X, class Y>
  requires PointwiseOperands<X, Y>
auto operator==(X&& x, Y&& y) { return eq(std::forward<X>(x), std::forward<Y>(y)); }
template <class X, class Y>
  requires PointwiseOperands<X, Y>
auto operator!=(X&& x, Y&& y) { return ne(std::forward<X>(x), std::forward<Y>(y)); }
template <class X, class Y>
  requires RealOperands<X, Y>
auto operator<(X&& x, Y&& y) { return lt(std::forward<X>(x), std::forward<Y>(y)); }
template <class X, class Y>
  requires RealOperands<X, Y>
auto operator<=(X&& x, Y&& y) { return le(std::forward<X>(x), std::forward<Y>(y)); }
template <class X, class Y>
  requires RealOperands<X, Y>
auto operator>(X&& x, Y&& y) { return gt(std::forward<X>(x), std::forward<Y>(y)); }
template <class X, class Y>
  requires RealOperands<X, Y>
auto operator>=(X&& x, Y&& y) { return ge(std::forward<X>(x), std::forward<Y>(y)); }

#define TAPER_REFUSE_COMPLEX_ORDER(function)                                                                      \
  TAPER_REFUSE_TWO_DEVICES(function)                                                                              \
  template <class X, class Y,                                                                                     \
            class Fault = detail::error_complex_numbers_have_no_order_compare_real_imag_or_abs<promoted_t<X, Y>>> \
    requires(PointwiseOperands<X, Y> && !RealOperands<X, Y>)                                                      \
  Fault function(X&&, Y&&) = delete;
TAPER_REFUSE_COMPLEX_ORDER(lt)
TAPER_REFUSE_COMPLEX_ORDER(le)
TAPER_REFUSE_COMPLEX_ORDER(gt)
TAPER_REFUSE_COMPLEX_ORDER(ge)
TAPER_REFUSE_COMPLEX_ORDER(operator<)
TAPER_REFUSE_COMPLEX_ORDER(operator<=)
TAPER_REFUSE_COMPLEX_ORDER(operator>)
TAPER_REFUSE_COMPLEX_ORDER(operator>=)
#undef TAPER_REFUSE_COMPLEX_ORDER
TAPER_REFUSE_TWO_DEVICES(eq)
TAPER_REFUSE_TWO_DEVICES(ne)
TAPER_REFUSE_TWO_DEVICES(operator==)
TAPER_REFUSE_TWO_DEVICES(operator!=)

}  // namespace taper::inline TAPER_CODE
