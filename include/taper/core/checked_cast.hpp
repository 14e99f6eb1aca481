// SPDX-License-Identifier: MIT
// C++ values as elements of a tensor: what a dtype cannot hold is an error, never a wrapped or undefined number.
#pragma once

#include <taper/core/dtype.hpp>
#include <taper/core/error.hpp>

#include <cmath>
#include <limits>
#include <utility>

namespace taper::inline TAPER_ABI::base {

/// Whether a C++ value of type S may become an element of T: all but a complex one in a real tensor.
template <class S, class T>
concept FitsIn = Scalar<T> && ScalarLike<S> && (Complex<T> || !Complex<S>);

/// The dtype of a C++ literal, as PyTorch takes a Python one: int64 for integers, float for floating values.
template <ScalarLike S>
using literal_t = type_of<scalar_dtype<S>()>;

template <class T, class S>
[[noreturn]] TAPER_COLD void raise_overflow(std::string_view op, S value) {
  raise<ValueError>(op, "the value ", value, " is out of range for ", name(dtype_of<T>), ": use a wider dtype");
}

/// The value as a T; a floating one is truncated to an integer. Throws: ValueError where an integer T cannot hold it.
template <Scalar T, ScalarLike S>
  requires FitsIn<S, T>
T checked_cast(std::string_view op, S value) {
  if constexpr (Complex<T>) {
    using R = real_t<T>;
    if constexpr (Complex<S>) return T(static_cast<R>(value.real()), static_cast<R>(value.imag()));
    else return T(checked_cast<R>(op, value));
  } else if constexpr (Floating<T>) {
    return static_cast<T>(static_cast<compute_t<T>>(value));
  } else if constexpr (std::is_same_v<T, bool>) {
    return value != S(0);
  } else if constexpr (std::is_same_v<S, bool>) {
    return static_cast<T>(value);
  } else if constexpr (std::is_integral_v<S>) {
    using Wide = std::conditional_t<std::is_signed_v<S>, std::int64_t, std::uint64_t>;
    if (!std::in_range<T>(static_cast<Wide>(value))) raise_overflow<T>(op, static_cast<Wide>(value));
    return static_cast<T>(value);
  } else {
    // Both bounds are powers of two or zero, so exact; NaN fails.
    using C = compute_t<S>;
    const C whole = std::trunc(static_cast<C>(value));
    constexpr C low = static_cast<C>(std::numeric_limits<T>::lowest());
    constexpr C above = static_cast<C>(std::uint64_t{1} << (std::numeric_limits<T>::digits - 1)) * C(2);
    if (!(whole >= low && whole < above)) raise_overflow<T>(op, static_cast<C>(value));
    return static_cast<T>(whole);
  }
}

}  // namespace taper::inline TAPER_ABI::base
