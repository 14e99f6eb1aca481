// SPDX-License-Identifier: MIT
// abs, sqrt, min, max: exact functions.
#pragma once

#include <taper/expr/math/define.hpp>

namespace taper::inline TAPER_ABI {

namespace detail::simd {

template <class X>
TAPER_PACK X max_of(X a, X b) {
  const X m = choose<X>(a > b, a, b);
  return choose<X>(nan_mask(a), a, m);
}
template <class X>
TAPER_PACK X min_of(X a, X b) {
  const X m = choose<X>(a < b, a, b);
  return choose<X>(nan_mask(a), a, m);
}
template <class X>
TAPER_PACK X sqrt_of(X x) {
  return simd::sqrt(x);
}
template <class X>
TAPER_PACK X abs_of(X x) {
  return magnitude(x);
}

}  // namespace detail::simd

TAPER_MATH_UNARY(abs, ::fabs(x))
TAPER_MATH_UNARY(sqrt, ::sqrt(x))
TAPER_MATH_BINARY(max, x != x || x > y ? x : y)
TAPER_MATH_BINARY(min, x != x || x < y ? x : y)

}  // namespace taper::inline TAPER_ABI
