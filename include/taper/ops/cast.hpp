// SPDX-License-Identifier: MIT
// Changing the element type.
#pragma once

#include <taper/ops/operands.hpp>

namespace taper::inline TAPER_CODE {

/// x as elements of U: cast<double>(x). To integers: truncated, out of range the nearest end of U, NaN gives 0; between
/// integers it wraps; to bool: x != 0; from complex to real: the real part. Gradient: g cast back.
template <Scalar U, class X>
  requires PointwiseOperands<X>
auto cast(X&& x) { return apply("cast", Cast<U>{}, std::forward<X>(x)); }

/// x as elements of other's type.
template <class X, TensorLike Y>
  requires PointwiseOperands<X>
auto type_as(X&& x, const Y&) { return cast<value_t<Y>>(std::forward<X>(x)); }

}  // namespace taper::inline TAPER_CODE
