// SPDX-License-Identifier: MIT
// A stand-in for libcublas: products are checked, recorded, and computed in the memory of the one for the runtime.
#include "tests/cuda/standin/library.hpp"
#include "tests/support/column_major.hpp"

#include <taper/core/dtype.hpp>

#include <cublas_v2.h>

struct cublasContext : standin::Handle {};

namespace {

constexpr const char* handle_kind = "cuBLAS handle";

/// Matrices of a batch as they lie: columns of `rows` elements, `lead` apart.
struct Matrices {
  const void* data;
  std::int64_t rows, columns, lead, stride;
  std::int64_t elements(std::int64_t batch) const { return (batch - 1) * stride + (columns - 1) * lead + rows; }
};

struct Product {
  cublasHandle_t handle;
  cublasOperation_t op_a, op_b;
  std::int64_t m, n, k;
  const void *alpha, *beta;
  Matrices a, b, c;
  std::int64_t batch;

  template <class T, class S>
  cublasStatus_t run(const char* type, bool tf32) const {
    standin::Call call("gemm");
    call.lives(handle, handle_kind)
        .require(op_a <= CUBLAS_OP_T && op_b <= CUBLAS_OP_T, "an operation that the stand-in has not")
        .require(m > 0 && n > 0 && k > 0 && batch > 0, "a size is not positive: ", m, " x ", n, " x ", k, ", batch ",
                 batch);
    for (const Matrices& x : {a, b, c})
      call.require(x.lead >= x.rows, "a leading dimension is too small: ", x.lead, " < ", x.rows)
          .require(x.stride >= 0, "a batch stride is negative");
    call.require(batch == 1 || c.stride >= (n - 1) * c.lead + m || (c.stride >= m && batch * c.stride <= c.lead),
                 "the matrices of C overlap");
    if (!call.good()) return CUBLAS_STATUS_INVALID_VALUE;
    const auto bytes = [&](const Matrices& x) { return x.elements(batch) * static_cast<std::int64_t>(sizeof(T)); };
    const T *from_a = call.reach<T>(a.data, bytes(a)), *from_b = call.reach<T>(b.data, bytes(b));
    T* const to = call.reach<T>(c.data, bytes(c));
    for (const Matrices& x : {a, b})
      call.require(!standin::overlap(x.data, bytes(x), c.data, bytes(c)), "C overlaps a factor");
    const S by = *static_cast<const S*>(alpha), add = *static_cast<const S*>(beta);
    std::string of_batch;
    if (batch > 1)
      of_batch = taper::base::concat(" batch ", batch, " strides ", a.stride, " ", b.stride, " ", c.stride);
    if (!call.submit(*handle, " ", type, tf32 ? " tf32 " : " ", "NT"[op_a], "NT"[op_b], " ", m, "x", n, "x", k, " ld ",
                     a.lead, " ", b.lead, " ", c.lead, of_batch, " alpha ", std::real(by), " beta ", std::real(add)))
      return CUBLAS_STATUS_INVALID_VALUE;
    const std::string wrong =
        column_major::gemm<T, S>({op_a == CUBLAS_OP_T, op_b == CUBLAS_OP_T, m, n, k, by, from_a, a.lead, a.stride,
                                  from_b, b.lead, b.stride, add, to, c.lead, c.stride, batch});
    return call.require(wrong.empty(), wrong).good() ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
  }
};

cublasStatus_t unknown(const char* what) {
  standin::recorder()->fault(std::string("gemm: ") + what);
  return CUBLAS_STATUS_NOT_SUPPORTED;
}

}  // namespace

extern "C" {

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  standin::recorder()->made(*handle = new cublasContext, handle_kind);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {  // its address is not used again
  return standin::recorder()->destroyed(handle, handle_kind) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_INITIALIZED;
}
cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  if (!standin::recorder()->lives(handle, handle_kind, "cublasSetStream")) return CUBLAS_STATUS_NOT_INITIALIZED;
  handle->stream = stream;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t) {
  return standin::recorder()->lives(handle, handle_kind, "cublasSetMathMode") ? CUBLAS_STATUS_SUCCESS
                                                                              : CUBLAS_STATUS_NOT_INITIALIZED;
}
const char* cublasGetStatusString(cublasStatus_t) { return "an error of the stand-in"; }

cublasStatus_t cublasGemmStridedBatchedEx_64(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b,
                                             std::int64_t m, std::int64_t n, std::int64_t k, const void* alpha,
                                             const void* a, cudaDataType type_a, std::int64_t lda, long long stride_a,
                                             const void* b, cudaDataType type_b, std::int64_t ldb, long long stride_b,
                                             const void* beta, void* c, cudaDataType type_c, std::int64_t ldc,
                                             long long stride_c, std::int64_t batch, cublasComputeType_t compute,
                                             cublasGemmAlgo_t) {
  const bool ta = op_a != CUBLAS_OP_N, tb = op_b != CUBLAS_OP_N, tf32 = compute == CUBLAS_COMPUTE_32F_FAST_TF32;
  if (type_a != type_b || type_a != type_c) return unknown("types that differ");
  if ((compute == CUBLAS_COMPUTE_64F) != (type_a == CUDA_R_64F || type_a == CUDA_C_64F) ||
      (!tf32 && compute != CUBLAS_COMPUTE_32F && compute != CUBLAS_COMPUTE_64F))
    return unknown("a compute type that is not for these");
  const Product p{handle,
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
  switch (type_a) {
    case CUDA_R_32F:
      return p.run<float, float>("float32", tf32);
    case CUDA_R_64F:
      return p.run<double, double>("float64", false);
    case CUDA_R_16F:
      return p.run<taper::float16, float>("float16", false);
    case CUDA_R_16BF:
      return p.run<taper::bfloat16, float>("bfloat16", false);
    case CUDA_C_32F:
      return p.run<std::complex<float>, std::complex<float>>("complex64", tf32);
    case CUDA_C_64F:
      return p.run<std::complex<double>, std::complex<double>>("complex128", false);
    default:
      return unknown("a type that the stand-in has not");
  }
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
