// SPDX-License-Identifier: MIT
// What a test of calls to NVIDIA's libraries defines of the runtime, to run without a GPU: one device, no errors. To be included once
// in a program.
#pragma once

#include <cuda_runtime_api.h>

extern "C" {

cudaError_t cudaGetDevice(int* device) { return *device = 0, cudaSuccess; }
cudaError_t cudaGetLastError() { return cudaSuccess; }
cudaError_t cudaPeekAtLastError() { return cudaSuccess; }
const char* cudaGetErrorString(cudaError_t) { return "an error"; }
const char* cudaGetErrorName(cudaError_t) { return "an error"; }

}  // extern "C"
