// SPDX-License-Identifier: MIT
// What CUDA's calls answer, as errors: the operation, the cause, CUDA's name of it.
#pragma once

#include <taper/core/error.hpp>

#include <cuda_runtime_api.h>

namespace taper::inline TAPER_ABI::base {

[[noreturn]] TAPER_COLD inline void cuda_failed(std::string_view op, cudaError_t status) {
  (void)cudaGetLastError();  // what is not sticky is over with this report
  const char* const cause = cudaGetErrorString(status);
  const char* const name = cudaGetErrorName(status);
  if (status == cudaErrorNoDevice || status == cudaErrorInsufficientDriver || status == cudaErrorStubLibrary)
    raise<DeviceError>(op, "there is no CUDA device: ", cause, " (", name, "); compute on Cpu, or run this where NVIDIA's driver and a GPU are");
  raise<DeviceError>(op, "CUDA: ", cause, " (", name, ")");
}

/// Throws: DeviceError with the operation and the cause, unless the call went well.
inline void check_cuda(std::string_view op, cudaError_t status) {
  if (status != cudaSuccess) [[unlikely]]
    cuda_failed(op, status);
}

/// For where nothing may be thrown: true where the call went well; otherwise nobody finds its error later.
inline bool cuda_ok(cudaError_t status) noexcept {
  if (status == cudaSuccess) return true;
  (void)cudaGetLastError();
  return false;
}

}  // namespace taper::inline TAPER_ABI::base
