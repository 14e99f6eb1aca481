// SPDX-License-Identifier: MIT
// Thrust's algorithms as the backend uses them: the only header that includes them.
#pragma once

#include <taper/config.hpp>

#include <cstdint>

#include <thrust/sort.h>

namespace taper::inline TAPER_CODE::detail {

/// Keys in order, each with its value; equal ones stay in theirs. Both lie in the memory of the system's device.
template <class System, class K, class V>
void sort_by_key(K* keys, V* values, std::int64_t n) {
  thrust::stable_sort_by_key(System::policy(), keys, keys + n, values);
}

}  // namespace taper::inline TAPER_CODE::detail
