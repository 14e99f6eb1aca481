// SPDX-License-Identifier: MIT
// Sizes of two dimensions, given as one number or as two, and paddings, which may also be "same" or "valid".
#pragma once

#include <taper/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace taper::inline TAPER_CODE {

/// Height and width: 3 stands for {3, 3}.
struct Pair {
  std::int64_t h = 0, w = 0;
  constexpr Pair() = default;
  constexpr Pair(std::int64_t both) : h(both), w(both) {}
  constexpr Pair(std::int64_t height, std::int64_t width) : h(height), w(width) {}
  friend constexpr bool operator==(const Pair&, const Pair&) = default;
};
inline std::string to_string(const Pair& p) { return detail::concat('(', p.h, ", ", p.w, ')'); }

namespace detail {
constexpr bool padding_is_same(std::string_view name) {
  if (name != "same" && name != "valid") raise<ValueError>("padding", "the padding '", name, "' is neither \"same\" nor \"valid\": use one of them or a number");
  return name == "same";
}
}  // namespace detail

/// The padding of a 1-d convolution: a number, "valid" (none) or "same" (the result is as long as the input).
struct Padding1d {
  std::int64_t size = 0;
  bool same = false;
  constexpr Padding1d() = default;
  constexpr Padding1d(std::int64_t n) : size(n) {}
  template <std::size_t N>
  constexpr Padding1d(const char (&name)[N]) : same(detail::padding_is_same(name)) {}
};

/// The padding of a 2-d convolution: a number, {height, width}, "valid" (none) or "same" (the result is as large as the
/// input).
struct Padding2d {
  Pair size;
  bool same = false;
  constexpr Padding2d() = default;
  constexpr Padding2d(std::int64_t both) : size(both) {}
  constexpr Padding2d(std::int64_t height, std::int64_t width) : size(height, width) {}
  constexpr Padding2d(const Pair& pair) : size(pair) {}
  template <std::size_t N>
  constexpr Padding2d(const char (&name)[N]) : same(detail::padding_is_same(name)) {}
};

}  // namespace taper::inline TAPER_CODE
