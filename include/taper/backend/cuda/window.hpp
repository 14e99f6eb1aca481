// SPDX-License-Identifier: MIT
// What kernels over windows share: places split into coordinates, the taps of a window that lie inside, 32 or 64 bits.
#pragma once

#include <taper/backend/cuda/offsets.hpp>

#include <type_traits>

namespace taper::inline TAPER_CODE::detail::windows {

/// n / d and n % d of a fixed d, for n from 0 on.
template <class Index>
struct Divider {
  FastDivide<std::make_unsigned_t<Index>> by;
  Index d = 1;
  Divider() = default;
  explicit Divider(std::int64_t divisor)
      : by(divisor > 0 ? divisor : 1), d(static_cast<Index>(divisor > 0 ? divisor : 1)) {}
  TAPER_INLINE TAPER_HD Index operator()(Index n, Index& rest) const {
    const Index q = static_cast<Index>(by(static_cast<std::make_unsigned_t<Index>>(n)));
    rest = n - q * d;
    return q;
  }
  /// Rounded up.
  TAPER_INLINE TAPER_HD Index up(Index n) const {
    return static_cast<Index>(by(static_cast<std::make_unsigned_t<Index>>(n + d - 1)));
  }
};

/// Numbers from first up to last.
template <class Index>
struct Span {
  Index first, last;
};

/// The taps k of `count`, `step` apart, whose place start + k step lies in [0, size).
template <class Index>
TAPER_INLINE TAPER_HD Span<Index> taps_inside(Index start, Index count, const Divider<Index>& step, Index size) {
  const Index first = start < 0 ? step.up(-start) : 0, last = start < size ? step.up(size - start) : 0;
  return {first, last < count ? last : count};
}

/// Whether 32 bits hold what kernels compute from these numbers, none of them negative.
template <class... N>
bool fit_32_bits(N... n) {
  return ((n < std::int64_t{1} << 31) && ...);
}

}  // namespace taper::inline TAPER_CODE::detail::windows
