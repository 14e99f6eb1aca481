// SPDX-License-Identifier: MIT
// What a loop written by hand works with: the widest packs, and the same approximations that Taper's functions use.
#pragma once

#include <taper/taper.hpp>

#include <cstdint>

namespace bench {

using taper::Tensor;

inline constexpr std::int64_t lanes = taper::pack_lanes;
template <class T>
using Pack = taper::Pack<T, taper::pack_lanes>;

/// f(i) at every pack's first element. The last pack runs over the end: memory of a loop by hand is padded to whole
/// packs.
template <class F>
void for_packs(std::int64_t n, F f) {
  for (std::int64_t i = 0; i < n; i += lanes) f(i);
}
inline std::size_t padded(std::int64_t n) { return static_cast<std::size_t>((n + lanes - 1) / lanes * lanes); }

/// Values that are neither special nor equal.
template <class T>
Tensor<T> values(std::int64_t n, std::uint64_t seed) {
  taper::manual_seed(seed);
  return taper::cast<T>(taper::rand<float>({n}) * 2 - 1);
}

}  // namespace bench
