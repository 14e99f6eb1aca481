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

namespace detail {

/// x in the type that T computes in, cast where it is read: a chain of reductions then rounds 16-bit floats once, by rounded<T>.
template <Scalar T, Device D>
decltype(auto) computed(const Tensor<T, D>& x) {
  if constexpr (std::same_as<T, compute_t<T>>) return x;
  else return cast<compute_t<T>>(x);
}
template <Scalar T, class X>
decltype(auto) rounded(X&& x) {
  if constexpr (std::same_as<T, value_t<X>>) return std::forward<X>(x);
  else return cast<T>(std::forward<X>(x));
}

}  // namespace detail

/// x as elements of other's type.
template <class X, TensorLike Y>
  requires PointwiseOperands<X>
auto type_as(X&& x, const Y&) { return cast<value_t<Y>>(std::forward<X>(x)); }

}  // namespace taper::inline TAPER_CODE
