// SPDX-License-Identifier: MIT
// Products through cuBLAS: a handle per thread and device, and the call.
#pragma once

#include <taper/backend/cuda/blas_call.hpp>
#include <taper/core/dtype.hpp>
#include <taper/core/error.hpp>

#include <atomic>
#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <vector>

namespace taper::inline TAPER_ABI {

namespace base {
inline std::atomic<bool> tf32{false};
}

namespace cuda {

/// Whether products of float may round their factors to TensorFloat-32, which has 10 bits of fraction: several times faster, with a
/// relative error of about 1e-3 in place of 1e-6. Off until it is switched on; counts for all threads.
inline void allow_tf32(bool allowed) { base::tf32 = allowed; }
inline bool tf32_allowed() { return base::tf32; }

}  // namespace cuda

namespace base {

/// What cuBLAS calls a dtype. Sums are of the compute type.
template <class T>
struct CublasType;
template <> struct CublasType<float> { static constexpr cudaDataType_t data = CUDA_R_32F; using Sum = float; };
template <> struct CublasType<double> { static constexpr cudaDataType_t data = CUDA_R_64F; using Sum = double; };
template <> struct CublasType<float16> { static constexpr cudaDataType_t data = CUDA_R_16F; using Sum = float; };
template <> struct CublasType<bfloat16> { static constexpr cudaDataType_t data = CUDA_R_16BF; using Sum = float; };
template <> struct CublasType<std::complex<float>> { static constexpr cudaDataType_t data = CUDA_C_32F; using Sum = std::complex<float>; };
template <> struct CublasType<std::complex<double>> { static constexpr cudaDataType_t data = CUDA_C_64F; using Sum = std::complex<double>; };

template <class T>
concept OfCublas = requires { CublasType<T>::data; };

/// The handles of a thread, one per device, each with the stream that it was told last.
struct CublasHandles {
  struct Handle {
    cublasHandle_t handle = nullptr;
    cudaStream_t stream = nullptr;
  };
  std::vector<Handle> of_device;

  CublasHandles() = default;
  CublasHandles(const CublasHandles&) = delete;
  CublasHandles& operator=(const CublasHandles&) = delete;
  ~CublasHandles() {
    for (const Handle& h : of_device)
      if (h.handle) (void)cublasDestroy(h.handle);
  }
};

inline void check_cublas(std::string_view op, cublasStatus_t status) {
  if (status != CUBLAS_STATUS_SUCCESS) raise<DeviceError>(op, "cuBLAS says ", cublasGetStatusString(status));
}

/// The calling thread's handle for the current device. Sums of 16-bit floats stay in float throughout.
inline cublasHandle_t cublas_handle(std::string_view op, cudaStream_t stream) {
  static thread_local CublasHandles handles;
  int device = 0;
  if (const cudaError_t status = cudaGetDevice(&device); status != cudaSuccess) raise<DeviceError>(op, cudaGetErrorString(status));
  if (handles.of_device.size() <= static_cast<std::size_t>(device)) handles.of_device.resize(static_cast<std::size_t>(device) + 1);
  auto& [handle, last] = handles.of_device[static_cast<std::size_t>(device)];
  if (!handle) {
    cublasHandle_t made = nullptr;
    check_cublas(op, cublasCreate(&made));
    handle = made;
    check_cublas(op, cublasSetMathMode(handle, static_cast<cublasMath_t>(CUBLAS_DEFAULT_MATH | CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION)));
  }
  if (last != stream) {
    check_cublas(op, cublasSetStream(handle, stream));
    last = stream;
  }
  return handle;
}

/// What products of T are summed in. TF32 is for those of float: 16-bit floats have their own units.
template <OfCublas T>
cublasComputeType_t cublas_compute() {
  return sizeof(real_t<typename CublasType<T>::Sum>) == 8      ? CUBLAS_COMPUTE_64F
         : sizeof(T) >= sizeof(float) && cuda::tf32_allowed() ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                              : CUBLAS_COMPUTE_32F;
}

template <class T>
[[noreturn]] void raise_not_multiplied(const GemmCall<T>& call, cublasStatus_t status) {
  raise<DeviceError>(call.op, "cuBLAS could not multiply ", call.batch, " times (", call.m, ", ", call.k, ") by (", call.k, ", ", call.n, ") of ",
                     dtype_of<T>, ": ", cublasGetStatusString(status));
}

/// Runs a call whose operands BLAS can reach.
template <OfCublas T>
void cublas_gemm(const GemmCall<T>& call, const BlasCall& blas, cudaStream_t stream) {
  using Sum = typename CublasType<T>::Sum;
  constexpr cudaDataType_t data = CublasType<T>::data;
  const cublasComputeType_t compute = cublas_compute<T>();
  const Sum alpha(static_cast<real_t<Sum>>(call.alpha)), beta(static_cast<real_t<Sum>>(call.beta));
  const cublasOperation_t op_a = blas.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N, op_b = blas.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N;
  const T *a = blas.swapped ? call.b.data : call.a.data, *b = blas.swapped ? call.a.data : call.b.data;
  const cublasHandle_t handle = cublas_handle(call.op, stream);
  const cublasStatus_t status =
      call.batch == 1
          ? cublasGemmEx_64(handle, op_a, op_b, blas.m, blas.n, blas.k, &alpha, a, data, blas.lead_a, b, data, blas.lead_b, &beta, call.c.data,
                            data, blas.lead_c, compute, CUBLAS_GEMM_DEFAULT)
          : cublasGemmStridedBatchedEx_64(handle, op_a, op_b, blas.m, blas.n, blas.k, &alpha, a, data, blas.lead_a, blas.batch_a, b, data,
                                          blas.lead_b, blas.batch_b, &beta, call.c.data, data, blas.lead_c, blas.batch_c, call.batch, compute,
                                          CUBLAS_GEMM_DEFAULT);
  if (status != CUBLAS_STATUS_SUCCESS) raise_not_multiplied(call, status);
}

}  // namespace base
}  // namespace taper::inline TAPER_ABI
