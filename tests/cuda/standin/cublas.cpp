// SPDX-License-Identifier: MIT
// A stand-in for libcublas.
#include "tests/cuda/standin/product.hpp"

#include <cublas_v2.h>

struct cublasContext : standin::Handle {};

namespace {

bool lives(cublasHandle_t handle, const char* call) {
  return standin::recorder()->lives(handle, standin::blas_handle, call);
}
cublasStatus_t status(bool good) { return good ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_INITIALIZED; }

}  // namespace

extern "C" {

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  standin::recorder()->made(*handle = new cublasContext, standin::blas_handle);
  return status(true);
}
cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {  // its address is not used again
  return status(standin::recorder()->destroyed(handle, standin::blas_handle));
}
cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  if (!lives(handle, "cublasSetStream")) return status(false);
  handle->stream = stream;
  return status(true);
}
cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t) {
  return status(lives(handle, "cublasSetMathMode"));
}
const char* cublasGetStatusString(cublasStatus_t) { return "an error of the stand-in"; }

cublasStatus_t cublasGemmStridedBatchedEx_64(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b,
                                             std::int64_t m, std::int64_t n, std::int64_t k, const void* alpha,
                                             const void* a, cudaDataType type_a, std::int64_t lda, long long stride_a,
                                             const void* b, cudaDataType type_b, std::int64_t ldb, long long stride_b,
                                             const void* beta, void* c, cudaDataType type_c, std::int64_t ldc,
                                             long long stride_c, std::int64_t batch, cublasComputeType_t compute,
                                             cublasGemmAlgo_t) {
  if (!lives(handle, "gemm")) return status(false);
  if (type_a != type_b || type_a != type_c) return standin::Product::unknown("types that differ");
  const bool ta = op_a != CUBLAS_OP_N, tb = op_b != CUBLAS_OP_N;
  const standin::Product product{*handle,
                                 type_a,
                                 compute,
                                 op_a,
                                 op_b,
                                 m,
                                 n,
                                 k,
                                 alpha,
                                 beta,
                                 {a, ta ? k : m, ta ? m : k, lda, stride_a},
                                 {b, tb ? n : k, tb ? k : n, ldb, stride_b},
                                 {c, m, n, ldc, stride_c},
                                 batch};
  return product.run([](const auto&...) {});
}
cublasStatus_t cublasGemmEx_64(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, std::int64_t m,
                               std::int64_t n, std::int64_t k, const void* alpha, const void* a, cudaDataType type_a,
                               std::int64_t lda, const void* b, cudaDataType type_b, std::int64_t ldb, const void* beta,
                               void* c, cudaDataType type_c, std::int64_t ldc, cublasComputeType_t compute,
                               cublasGemmAlgo_t algorithm) {
  return cublasGemmStridedBatchedEx_64(handle, op_a, op_b, m, n, k, alpha, a, type_a, lda, 0, b, type_b, ldb, 0, beta,
                                       c, type_c, ldc, 0, 1, compute, algorithm);
}

}  // extern "C"
