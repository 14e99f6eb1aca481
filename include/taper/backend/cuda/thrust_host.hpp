// SPDX-License-Identifier: MIT
// Devices over the Thrust systems that need no GPU: one thread, or OpenMP's. They run the backend that CUDA runs.
#pragma once

#include <taper/backend/cuda/system.hpp>
#include <taper/backend/cuda/thrust.hpp>

#include <thrust/for_each.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/system/cpp/execution_policy.h>
#if defined(_OPENMP)
#include <thrust/system/omp/execution_policy.h>
#endif

#include <cstring>

namespace taper::inline TAPER_ABI {

namespace base {

/// What the systems of the host share: their memory is the host's.
struct ThrustHostMemory {
  static constexpr int dlpack_type = 1;  // kDLCPU
  static int dlpack_index(const void*) { return 0; }
  static void* allocate(std::size_t bytes) { return base::allocate(bytes); }
  static void deallocate(void* p, std::size_t bytes) noexcept { base::deallocate(p, bytes); }
  static void* allocate_shared(std::size_t bytes) { return base::allocate(bytes); }
  static bool finished() { return true; }
  static void to_host(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }
  static void from_host(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }
  static void copy(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }
  static void zero(void* p, std::size_t bytes) { std::memset(p, 0, bytes); }
};

template <class F>
struct OneThreadBlocks {
  F f;
  void operator()(std::int64_t i) const { f(detail::OneThread(), i); }
};

/// S: the system, which names its policy.
template <class S>
struct ThrustHostSystem : ThrustHostMemory {
  template <class F>
  static void for_each(std::int64_t n, const F& f) {
    thrust::for_each_n(S::policy(), thrust::counting_iterator<std::int64_t>(0), n, f);
  }
  template <class F>
  static void for_each_block(std::int64_t n, const F& f) {
    for_each(n, OneThreadBlocks<F>{f});
  }
};

}  // namespace base

struct ThrustCppSystem : base::ThrustHostSystem<ThrustCppSystem> {
  static constexpr std::string_view name = "thrust::cpp";
  static auto policy() { return thrust::cpp::par; }
};
/// The host through thrust::cpp.
using ThrustCpp = BasicThrust<ThrustCppSystem>;

#if defined(_OPENMP)
struct ThrustOmpSystem : base::ThrustHostSystem<ThrustOmpSystem> {
  static constexpr std::string_view name = "thrust::omp";
  static auto policy() { return thrust::omp::par; }
};
/// The host through thrust::omp.
using ThrustOmp = BasicThrust<ThrustOmpSystem>;
#endif

}  // namespace taper::inline TAPER_ABI
