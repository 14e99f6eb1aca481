// SPDX-License-Identifier: MIT
// pow.
#pragma once

#include <taper/expr/math/define.hpp>

namespace taper::inline TAPER_ABI::math {

template <std::floating_point T>
TAPER_INLINE TAPER_HD T pow(T x, T y) {
  return static_cast<T>(::pow(x, y));
}
template <std::floating_point T, int N, class A>
TAPER_PACK Pack<T, N, A> pow(const Pack<T, N, A>& x, const Pack<T, N, A>& y) {
  Pack<T, N, A> r;
  for (int i = 0; i < N; ++i) r.v[i] = math::pow(x.v[i], y.v[i]);
  return r;
}

}  // namespace taper::inline TAPER_ABI::math
