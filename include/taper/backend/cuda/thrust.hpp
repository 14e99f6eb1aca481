// SPDX-License-Identifier: MIT
// Thrust's algorithms as the backend uses them: the only header that includes them. They are a quarter of a .cu's
// compile time.
#pragma once

#include <taper/backend/cuda/accumulate.hpp>
#include <taper/backend/cuda/sort.hpp>

#include <cstddef>
#include <cstdint>

#include <thrust/sort.h>
#if TAPER_NVCC
#include <thrust/system/cuda/execution_policy.h>
#endif

namespace taper::inline TAPER_CODE::detail {

/// Temporary memory of Thrust's algorithms, from the device's allocator.
template <class System>
struct ThrustMemory {
  using value_type = char;
  char* allocate(std::ptrdiff_t n) { return static_cast<char*>(System::allocate(static_cast<std::size_t>(n))); }
  void deallocate(char* p, std::size_t n) { System::deallocate(p, n); }
};

/// Keys in order, each with its value; equal ones stay in theirs. Both lie in the memory of the system's device.
template <class System, class K, class V>
void sort_by_key(K* keys, V* values, std::int64_t n) {
  // A policy is made in the call: it may open the system's memory for as long as it lives.
  if constexpr (requires { System::policy(); }) {
    thrust::stable_sort_by_key(System::policy(), keys, keys + n, values);
  } else {
#if TAPER_NVCC
    ThrustMemory<System> memory;
    thrust::stable_sort_by_key(thrust::cuda::par_nosync(memory).on(System::stream()), keys, keys + n, values);
#endif
  }
}

template <class System>
struct DeviceSort {
  template <class K, class V>
  static void by_key(K* keys, V* values, std::int64_t n) {
    sort_by_key<System>(keys, values, n);
  }
};

}  // namespace taper::inline TAPER_CODE::detail
