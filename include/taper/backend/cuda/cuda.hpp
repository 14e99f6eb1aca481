// SPDX-License-Identifier: MIT
// Cuda: the device over CUDA's runtime and Taper's own kernels. Held and passed in any unit; computed with in a .cu file.
#pragma once

#include <taper/backend/cuda/device.hpp>
#include <taper/core/error.hpp>
#if TAPER_NVCC
#include <taper/backend/cuda/system.hpp>
#endif

#include <cuda_runtime_api.h>

namespace taper::inline TAPER_ABI {

namespace base {

inline void check_cuda(std::string_view op, cudaError_t status) {
  if (status == cudaSuccess) return;
  (void)cudaGetLastError();
  raise<DeviceError>(op, cudaGetErrorString(status));
}

#if TAPER_NVCC
inline constexpr int block_threads = detail::CudaBlock::size;

template <class F>
__global__ void __launch_bounds__(block_threads) each_kernel(const __grid_constant__ F f, std::int64_t n) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * block_threads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x; i < n; i += step) f(i);
}
template <class F>
__global__ void __launch_bounds__(block_threads) each_block_kernel(const __grid_constant__ F f, std::int64_t n) {
  for (std::int64_t i = blockIdx.x; i < n; i += gridDim.x) {
    f(detail::CudaBlock(), i);
    __syncthreads();  // shared memory is the next item's
  }
}
#endif

}  // namespace base

/// The system under Cuda.
struct CudaSystem {
  static constexpr std::string_view name = "cuda";
  static void* allocate(std::size_t bytes) {
    void* p = nullptr;
    base::check_cuda("allocate", cudaMalloc(&p, bytes));
    return p;
  }
  static void deallocate(void* p, std::size_t) noexcept { (void)cudaFree(p); }
  static void to_host(void* to, const void* from, std::size_t bytes) { base::check_cuda("to", cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToHost)); }
  static void from_host(void* to, const void* from, std::size_t bytes) { base::check_cuda("to", cudaMemcpy(to, from, bytes, cudaMemcpyHostToDevice)); }
  static void copy(void* to, const void* from, std::size_t bytes) { base::check_cuda("copy", cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToDevice)); }
  static void zero(void* p, std::size_t bytes) { base::check_cuda("zero", cudaMemset(p, 0, bytes)); }
#if TAPER_NVCC
  template <class F>
  static void for_each(std::int64_t n, const F& f) {
    base::each_kernel<<<blocks((n + base::block_threads - 1) / base::block_threads), base::block_threads>>>(f, n);
    base::check_cuda("launch", cudaGetLastError());
  }
  template <class F>
  static void for_each_block(std::int64_t n, const F& f) {
    base::each_block_kernel<<<blocks(n), base::block_threads>>>(f, n);
    base::check_cuda("launch", cudaGetLastError());
  }

 private:
  static unsigned blocks(std::int64_t n) { return static_cast<unsigned>(n < 1 << 20 ? n : 1 << 20); }
#endif
};

/// NVIDIA's GPUs.
using Cuda = BasicThrust<CudaSystem>;

}  // namespace taper::inline TAPER_ABI
