// SPDX-License-Identifier: MIT
// Cuda: the device over CUDA's runtime and Taper's own kernels. Held and passed in any unit; computed with in a .cu file.
#pragma once

#include <taper/backend/cuda/device.hpp>
#include <taper/core/error.hpp>
#if TAPER_NVCC
#include <taper/backend/cuda/cublas.hpp>
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
inline constexpr int block_threads = 256;

/// The threads of a block, in a kernel.
struct CudaBlock {
  TAPER_HD std::int64_t thread() const {
#if defined(__CUDA_ARCH__)
    return threadIdx.x;
#else
    return 0;
#endif
  }
  TAPER_HD std::int64_t threads() const { return block_threads; }
  /// Of all threads' accumulators, at thread 0.
  template <class R>
  TAPER_HD typename R::Acc reduce(const typename R::Acc& acc) const {
#if defined(__CUDA_ARCH__)
    using Acc = typename R::Acc;
    __shared__ alignas(16) unsigned char memory[block_threads * sizeof(Acc)];
    Acc* all = reinterpret_cast<Acc*>(memory);
    all[threadIdx.x] = acc;
    for (unsigned half = block_threads / 2; half > 0; half /= 2) {
      __syncthreads();
      if (threadIdx.x < half) R::combine(all[threadIdx.x], all[threadIdx.x + half]);
    }
    __syncthreads();
    const Acc out = all[0];
    __syncthreads();
    return out;
#else
    return acc;
#endif
  }
};

template <class F>
__global__ void __launch_bounds__(block_threads) each_kernel(const __grid_constant__ F f, std::int64_t n) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * block_threads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x; i < n; i += step) f(i);
}
template <class F>
__global__ void __launch_bounds__(block_threads) each_block_kernel(const __grid_constant__ F f, std::int64_t n) {
  for (std::int64_t i = blockIdx.x; i < n; i += gridDim.x) f(CudaBlock(), i);
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
  template <base::OfCublas T>
  static void gemm(const base::GemmCall<T>& call, const base::BlasCall& blas) {
    base::cublas_gemm(call, blas, nullptr);
  }

 private:
  static unsigned blocks(std::int64_t n) { return static_cast<unsigned>(n < 1 << 20 ? n : 1 << 20); }
#endif
};

/// NVIDIA's GPUs.
using Cuda = BasicThrust<CudaSystem>;

}  // namespace taper::inline TAPER_ABI
