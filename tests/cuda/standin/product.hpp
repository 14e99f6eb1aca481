// SPDX-License-Identifier: MIT
// A product as cuBLAS and cuBLASLt are asked for it: checked, recorded, and computed in the memory of the runtime's
// stand-in.
#pragma once

#include "tests/cuda/standin/library.hpp"
#include "tests/support/column_major.hpp"

#include <taper/core/dtype.hpp>

#include <cublas_api.h>

namespace standin {

/// Of a handle that cuBLAS made; cuBLASLt takes it too.
constexpr const char* blas_handle = "cuBLAS handle";

/// Matrices of a batch as they lie: columns of `rows` elements, `lead` apart.
struct Matrices {
  const void* data;
  std::int64_t rows, columns, lead, stride;
  std::int64_t elements(std::int64_t batch) const { return (batch - 1) * stride + (columns - 1) * lead + rows; }
};

struct Product {
  Handle handle;
  cudaDataType type;
  cublasComputeType_t compute;
  cublasOperation_t op_a, op_b;
  std::int64_t m, n, k;
  const void *alpha, *beta;
  Matrices a, b, c;
  std::int64_t batch = 1;
  std::string also = {};  // what else is asked for

  /// finish(call, c, S()) works on the result. S: the type that it was summed in.
  template <class Finish>
  cublasStatus_t run(const Finish& finish) const {
    const bool tf32 = compute == CUBLAS_COMPUTE_32F_FAST_TF32, wide = type == CUDA_R_64F || type == CUDA_C_64F;
    if ((compute == CUBLAS_COMPUTE_64F) != wide || (!wide && !tf32 && compute != CUBLAS_COMPUTE_32F))
      return unknown("a compute type that is not for these");
    switch (type) {
      case CUDA_R_32F:
        return run<float, float>(tf32 ? "float32 tf32" : "float32", finish);
      case CUDA_R_64F:
        return run<double, double>("float64", finish);
      case CUDA_R_16F:
        return run<taper::float16, float>("float16", finish);
      case CUDA_R_16BF:
        return run<taper::bfloat16, float>("bfloat16", finish);
      case CUDA_C_32F:
        return run<std::complex<float>, std::complex<float>>("complex64", finish);
      case CUDA_C_64F:
        return run<std::complex<double>, std::complex<double>>("complex128", finish);
      default:
        return unknown("a type that the stand-in has not");
    }
  }
  static cublasStatus_t unknown(const char* what) {
    recorder()->fault(std::string("gemm: ") + what);
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }

 private:
  template <class T, class S, class Finish>
  cublasStatus_t run(const char* name, const Finish& finish) const {
    Call call("gemm");
    call.require(op_a <= CUBLAS_OP_T && op_b <= CUBLAS_OP_T, "an operation that the stand-in has not")
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
    for (const Matrices& x : {a, b}) call.require(!overlap(x.data, bytes(x), c.data, bytes(c)), "C overlaps a factor");
    const S by = *static_cast<const S*>(alpha), add = *static_cast<const S*>(beta);
    std::string of_batch;
    if (batch > 1)
      of_batch = taper::base::concat(" batch ", batch, " strides ", a.stride, " ", b.stride, " ", c.stride);
    call.submit(handle, " ", name, " ", "NT"[op_a], "NT"[op_b], " ", m, "x", n, "x", k, " ld ", a.lead, " ", b.lead,
                " ", c.lead, of_batch, " alpha ", std::real(by), " beta ", std::real(add), also);
    if (call.good()) {
      const std::string wrong =
          column_major::gemm<T, S>({op_a == CUBLAS_OP_T, op_b == CUBLAS_OP_T, m, n, k, by, from_a, a.lead, a.stride,
                                    from_b, b.lead, b.stride, add, to, c.lead, c.stride, batch});
      call.require(wrong.empty(), wrong);
    }
    if (call.good()) finish(call, to, S());
    return call.good() ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
  }
};

}  // namespace standin
