// SPDX-License-Identifier: MIT
// Cuda: the device over CUDA's runtime and Taper's own kernels. Held and passed in any unit; computed with in a .cu file.
#pragma once

#include <taper/backend/cuda/device.hpp>
#include <taper/backend/cuda/event.hpp>
#include <taper/backend/cuda/memory.hpp>
#if TAPER_NVCC
#include <taper/backend/cuda/cublaslt.hpp>
#include <taper/backend/cuda/cudnn_conv.hpp>
#include <taper/backend/cuda/cudnn_pool.hpp>
#include <taper/backend/cuda/cudnn_recurrent.hpp>
#include <taper/backend/cuda/system.hpp>
#endif

#include <cstdlib>

namespace taper::inline TAPER_ABI {

namespace base {

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

/// Copies beside the current stream's work, through a stream of their own.
class BesideStream {
 public:
  template <class F>
  auto run(F&& f) {
    const cuda::StreamGuard guard(side_);
    auto out = f();
    arrived_.record(side_);
    return out;
  }
  /// What the current stream does from here on comes behind the copies.
  void join() { cuda::current_stream().wait_event(arrived_); }

 private:
  cuda::Stream side_;
  cuda::Event arrived_;
};

/// The system under Cuda: everything goes through the calling thread's current stream.
struct CudaSystem {
  using Beside = BesideStream;
  static constexpr std::string_view name = "cuda";
  static constexpr int dlpack_type = 2;  // kDLCUDA
  /// The GPU that memory belongs to; the current one for null.
  static int dlpack_index(const void* p) {
    cudaPointerAttributes at{};
    const bool known = p && base::cuda_ok(cudaPointerGetAttributes(&at, p)) && (at.type == cudaMemoryTypeDevice || at.type == cudaMemoryTypeManaged);
    return known ? at.device : cuda::current_device();
  }
  static int index() { return cuda::current_device(); }
  static void* allocate(std::size_t bytes) { return base::DeviceMemory::get().allocate(bytes); }
  static void deallocate(void* p, std::size_t) noexcept { base::DeviceMemory::get().deallocate(p); }
  static void* allocate_shared(std::size_t bytes) { return base::PinnedMemory::get().allocate(bytes); }
  /// Not unless CUDA's own environment variable asks for it.
  static bool finished() {
    static const bool blocking = [] {
      const char* const value = std::getenv("CUDA_LAUNCH_BLOCKING");
      return value && *value != '\0' && *value != '0';
    }();
    return blocking;
  }
  static cudaStream_t stream() { return base::current_handle(); }

  /// The bytes have arrived when this returns, behind what the thread's stream on the GPU that holds them was still to do with them.
  static void to_host(void* to, const void* from, std::size_t bytes) {
    const cuda::DeviceGuard guard(dlpack_index(from));
    base::check_cuda("to", cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream()));
    base::check_cuda("to", cudaStreamSynchronize(stream()));
  }
  /// The source may be changed when this returns; what the stream runs from here on sees the bytes. Through page-locked memory,
  /// without waiting, unless that would take too much of it.
  static void from_host(void* to, const void* from, std::size_t bytes) {
    if (bytes > most_staged) {
      base::check_cuda("to", cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream()));
      base::check_cuda("to", cudaStreamSynchronize(stream()));
      return;
    }
    for (std::size_t done = 0; done < bytes; done += stage) {
      const std::size_t n = bytes - done < stage ? bytes - done : stage;
      base::upload_staged(static_cast<std::byte*>(to) + done, static_cast<const std::byte*>(from) + done, n);
    }
  }
  /// The same without a copy on the way, where the source is page-locked memory of Taper's: it must stay as it is until the stream
  /// has come this far, and may go at once.
  static void from_host_later(void* to, const void* from, std::size_t bytes) {
    if (!base::PinnedMemory::get().contains(from)) return from_host(to, from, bytes);
    base::check_cuda("to", cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream()));
    base::PinnedMemory::get().record(from, cuda::current_stream());
  }
  static void copy(void* to, const void* from, std::size_t bytes) {
    base::check_cuda("copy", cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream()));
  }
  static void zero(void* p, std::size_t bytes) { base::check_cuda("zero", cudaMemsetAsync(p, 0, bytes, stream())); }
#if TAPER_NVCC
  template <class F>
  static void for_each(std::int64_t n, const F& f) {
    if (n == 0) return;  // CUDA refuses an empty grid
    base::each_kernel<<<blocks((n + base::block_threads - 1) / base::block_threads), base::block_threads, 0, stream()>>>(f, n);
    check_launch<&base::each_kernel<F>>();
  }
  template <class F>
  static void for_each_block(std::int64_t n, const F& f) {
    if (n == 0) return;
    base::each_block_kernel<<<blocks(n), base::block_threads, 0, stream()>>>(f, n);
    check_launch<&base::each_block_kernel<F>>();
  }
  template <base::OfCublas T>
  static void gemm(const base::GemmCall<T>& call, const base::BlasCall& blas) {
    base::cublas_gemm(call, blas, stream());
  }
  template <base::OfCublasLt T>
  static bool gemm(const base::GemmCall<T>& call, const base::BlasCall& blas, const base::GemmFinish<T>& finish) {
    return base::cublaslt_gemm<CudaSystem>(call, blas, finish, stream());
  }
#if TAPER_CUDNN
  static auto convolutions() { return base::CudnnConvolutions<CudaSystem>{stream(), !cuda::tf32_allowed()}; }
  static auto poolings() { return base::CudnnPoolings{stream()}; }
  static auto recurrent_layers() { return base::CudnnRecurrent<CudaSystem>{stream(), !cuda::tf32_allowed()}; }
#endif
#endif

 private:
  static constexpr std::size_t stage = std::size_t{4} << 20, most_staged = 16 * stage;
#if TAPER_NVCC
  template <auto Kernel>
  static void check_launch() {
    if (const cudaError_t status = cudaGetLastError(); status != cudaSuccess) [[unlikely]]
      base::launch_failed(reinterpret_cast<const void*>(Kernel), status);
  }
  static unsigned blocks(std::int64_t n) { return static_cast<unsigned>(n < 1 << 20 ? n : 1 << 20); }
#endif
};

/// NVIDIA's GPUs.
using Cuda = BasicThrust<CudaSystem>;

}  // namespace taper::inline TAPER_ABI
