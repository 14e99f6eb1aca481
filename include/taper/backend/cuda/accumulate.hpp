// SPDX-License-Identifier: MIT
// Values added at places. Those of one place are brought together by a stable sort and added in their order by one
// thread, in the type that the host adds them in: the same bits as there.
#pragma once

#include <taper/backend/cpu/index.hpp>
#include <taper/backend/cuda/places.hpp>

namespace taper::inline TAPER_CODE::detail {

/// Stable sorts of a system: backend/cuda/thrust.hpp.
template <class System>
struct DeviceSort;

template <class Places>
struct KeysKernel {
  Places places;
  std::int64_t *keys, *order;
  TAPER_HD void operator()(std::int64_t b) const {
    keys[b] = places.key(b);
    order[b] = b;
  }
};

template <class T, class Blocks>
struct AccumulateKernel {
  Blocks blocks;
  const std::int64_t *keys, *order;  // in order; null: no place occurs twice
  T* x;
  const T* values;
  bool one_value;
  std::int64_t skip;  // the key of a place that gets nothing, or -1

  TAPER_HD void operator()(std::int64_t e) const {
    auto at = blocks.at(e);
    std::int64_t s = static_cast<std::int64_t>(at.place), key = keys ? keys[s] : 0;
    if (keys && (key == skip || (s > 0 && keys[s - 1] == key))) return;
    if (keys) at.place = static_cast<decltype(at.place)>(order[s]);
    T* const to = x + blocks.offset(at);
    auto sum = static_cast<compute_t<T>>(*to);
    const std::int64_t count = static_cast<std::int64_t>(blocks.count.divisor);
    do {
      const std::int64_t b = keys ? order[s] : s;
      accumulate(sum, static_cast<compute_t<T>>(values[one_value ? 0 : blocks.element(at, b)]));
      ++s;
    } while (keys && s < count && keys[s] == key);
    *to = static_cast<T>(sum);
  }
};

}  // namespace taper::inline TAPER_CODE::detail
