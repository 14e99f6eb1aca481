// SPDX-License-Identifier: MIT
// Packs at the end of a row: fewer elements than lanes, and a pack folded into one number.
#pragma once

#include <taper/expr/math.hpp>

namespace taper::inline TAPER_CODE::detail::lanes {

/// Terms that are summed apart before they join the total: long sums stay exact.
inline constexpr std::int64_t block = 32;

template <class T, class A>
using PackFor = Pack<compute_t<T>, pack_lanes, A>;

/// Up to a pack of elements; lanes that are left over hold `fill`.
template <class V, class T>
TAPER_INLINE V load_some(const T* p, std::int64_t count, scalar_of<V> fill) {
  if (count >= pack_lanes) return load<V>(p);
  alignas(64) scalar_of<V> lanes[pack_lanes];
  for (int i = 0; i < pack_lanes; ++i) lanes[i] = fill;
  for (int i = 0; i < count; ++i) lanes[i] = static_cast<scalar_of<V>>(p[i]);
  return load<V>(lanes);
}
template <class T, class V>
TAPER_INLINE void store_some(T* p, std::int64_t count, const V& x) {
  if (count >= pack_lanes) return store(p, x);
  alignas(64) scalar_of<V> lanes[pack_lanes];
  store(lanes, x);
  for (int i = 0; i < count; ++i) p[i] = static_cast<T>(lanes[i]);
}
/// f(i, count) over the packs of a row. The full ones have a loop of their own: with the last one's calls in it, sums would
/// not stay in registers.
template <class F>
TAPER_INLINE void for_packs(std::int64_t n, const F& f) {
  std::int64_t i = 0;
  for (; i + pack_lanes <= n; i += pack_lanes) f(i, std::int64_t{pack_lanes});
  if (i < n) f(i, n - i);
}
// Lanes are folded in halves, as vectors while these have four lanes.
template <class S, int N, class A>
TAPER_INLINE S sum_of_lanes(const Pack<S, N, A>& x) {
  alignas(64) S lanes[N];
  store(lanes, x);
  if constexpr (N > 4)
    return sum_of_lanes(load<Pack<S, N / 2, A>>(lanes) + load<Pack<S, N / 2, A>>(lanes + N / 2));
  else {
    for (int step = N / 2; step > 0; step /= 2)
      for (int i = 0; i < step; ++i) lanes[i] += lanes[i + step];
    return lanes[0];
  }
}
template <class S, int N, class A>
TAPER_INLINE S max_of_lanes(const Pack<S, N, A>& x) {
  alignas(64) S lanes[N];
  store(lanes, x);
  if constexpr (N > 4)
    return max_of_lanes(math::max(load<Pack<S, N / 2, A>>(lanes), load<Pack<S, N / 2, A>>(lanes + N / 2)));
  else {
    for (int step = N / 2; step > 0; step /= 2)
      for (int i = 0; i < step; ++i) lanes[i] = math::max(lanes[i], lanes[i + step]);
    return lanes[0];
  }
}

}  // namespace taper::inline TAPER_CODE::detail::lanes
