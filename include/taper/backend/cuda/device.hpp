// SPDX-License-Identifier: MIT
// A device over a Thrust system: CUDA's, or one of those that run on the host, where the same backend is tested.
#pragma once

#include <taper/backend/cuda/fault.hpp>
#include <taper/core/device.hpp>

namespace taper::inline TAPER_ABI {

/// A device whose kernels and memory are System's:
///   name;  allocate(bytes), deallocate(p, bytes);  to_host, from_host, copy (to, from, bytes);  zero(p, bytes);
///   allocate_shared(bytes): memory that both sides reach, for good;  finished(): a kernel is over when its launch returns;
///   for_each(n, f): f(i) for every i below n, in any order, at once;
///   for_each_block(n, f): f(block, i) for every i below n, each by a block of threads that all call it (block.hpp).
/// f is copied to the device: a named functor of plain data, marked __host__ __device__ throughout.
template <class S>
struct BasicThrust {
  using System = S;
  static constexpr std::string_view name = S::name;
  /// Of several GPUs, the one that new tensors belong to.
  static int index()
    requires requires { S::index(); }
  {
    return S::index();
  }
  static void* allocate(std::size_t bytes) { return S::allocate(bytes); }
  static void deallocate(void* p, std::size_t bytes) noexcept { S::deallocate(p, bytes); }
  static void to_host(void* host, const void* device, std::size_t bytes) {
    S::to_host(host, device, bytes);
    base::raise_fault<S>(": a kernel found it after the call had returned");
  }
  static void from_host(void* device, const void* host, std::size_t bytes) { S::from_host(device, host, bytes); }
  static void copy(void* to, const void* from, std::size_t bytes) { S::copy(to, from, bytes); }
  static void zero(void* p, std::size_t bytes) { S::zero(p, bytes); }
};

}  // namespace taper::inline TAPER_ABI
