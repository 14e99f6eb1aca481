// SPDX-License-Identifier: MIT
// Tells tuples and pairs, whose elements std::apply gives, from other types.
#pragma once

#include <taper/config.hpp>

#include <tuple>
#include <utility>

namespace taper::inline TAPER_ABI::base {

template <class X>
inline constexpr bool is_tuple = false;
template <class... T>
inline constexpr bool is_tuple<std::tuple<T...>> = true;
template <class A, class B>
inline constexpr bool is_tuple<std::pair<A, B>> = true;

}  // namespace taper::inline TAPER_ABI::base
