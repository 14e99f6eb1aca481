// SPDX-License-Identifier: MIT
// no_gpu.hpp, and handles of cuDNN's.
#pragma once

#include <cudnn.h>

#include "tests/cuda/no_gpu.hpp"

extern "C" {

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  static char it;
  return *handle = reinterpret_cast<cudnnHandle_t>(&it), CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t) { return CUDNN_STATUS_SUCCESS; }
cudnnStatus_t cudnnSetStream(cudnnHandle_t, cudaStream_t) { return CUDNN_STATUS_SUCCESS; }

}  // extern "C"
