// SPDX-License-Identifier: MIT
// Thrust's algorithms as the backend uses them: the only header that includes them. They are a quarter of a .cu's compile time.
#pragma once

#include <taper/backend/cuda/accumulate.hpp>

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

/// The system's policy; CUDA's, whose kernels are Taper's own, has none but here.
template <class System>
auto thrust_policy(ThrustMemory<System>& memory) {
  if constexpr (requires { System::policy(); }) return System::policy()(memory);
#if TAPER_NVCC
  else if constexpr (requires { System::stream(); }) return thrust::cuda::par_nosync(memory).on(System::stream());
  else return thrust::cuda::par_nosync(memory);
#endif
}

/// Keys in order, each with its value; equal ones stay in theirs. Both lie in the memory of the system's device.
template <class System, class K, class V>
void sort_by_key(K* keys, V* values, std::int64_t n) {
  ThrustMemory<System> memory;
  thrust::stable_sort_by_key(thrust_policy<System>(memory), keys, keys + n, values);
}

template <class System>
struct DeviceSort {
  template <class K, class V>
  static void by_key(K* keys, V* values, std::int64_t n) {
    sort_by_key<System>(keys, values, n);
  }
};

}  // namespace taper::inline TAPER_CODE::detail
