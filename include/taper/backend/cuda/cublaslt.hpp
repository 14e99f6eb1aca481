// SPDX-License-Identifier: MIT
// A product with its bias and activation in one call of cuBLASLt, which chooses an algorithm once for each shape.
#pragma once

#include <taper/backend/cuda/cublas.hpp>

#include <cublasLt.h>
#include <array>

namespace taper::inline TAPER_ABI::base {

template <class T>
concept OfCublasLt = OfCublas<T> && std::same_as<T, real_t<T>>;

/// A product as cuBLASLt is told of it, all dtypes alike.
struct LtProduct {
  cublasLtMatmulDescOpaque_t what;
  cublasLtMatrixLayoutOpaque_t a, b, c;
  const void *from_a, *from_b, *bias;
  void* to;
  std::array<std::int64_t, 15> key;  // what an algorithm depends on

  LtProduct(cudaDataType_t data, cublasComputeType_t compute, const BlasCall& blas, GemmActivation activation,
            const void* first, const void* second, const void* added, void* result)
      : from_a(first), from_b(second), bias(added), to(result) {
    const std::int32_t op_a = blas.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N,
                       op_b = blas.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N;
    const std::int32_t epilogue = (activation == GemmActivation::relu        ? CUBLASLT_EPILOGUE_RELU
                                   : activation == GemmActivation::gelu_tanh ? CUBLASLT_EPILOGUE_GELU
                                   : bias                                    ? 0
                                                                             : CUBLASLT_EPILOGUE_DEFAULT) |
                                  (bias ? CUBLASLT_EPILOGUE_BIAS : 0);
    check(cublasLtMatmulDescInit(&what, compute, compute == CUBLAS_COMPUTE_64F ? CUDA_R_64F : CUDA_R_32F));
    set(CUBLASLT_MATMUL_DESC_TRANSA, op_a);
    set(CUBLASLT_MATMUL_DESC_TRANSB, op_b);
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
    if (bias) set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
    layout(a, data, blas.transpose_a, blas.m, blas.k, blas.lead_a);
    layout(b, data, blas.transpose_b, blas.k, blas.n, blas.lead_b);
    layout(c, data, false, blas.m, blas.n, blas.lead_c);
    key = {data,
           compute,
           op_a,
           op_b,
           epilogue,
           blas.m,
           blas.n,
           blas.k,
           blas.lead_a,
           blas.lead_b,
           blas.lead_c,
           alignment(from_a),
           alignment(from_b),
           alignment(to),
           alignment(bias)};
  }

  static void check(cublasStatus_t status) { check_cublas("gemm", status); }
  /// In bytes, as far as an algorithm may want it.
  static std::uint32_t alignment(const void* p) {
    std::uint32_t bytes = 256;
    while (reinterpret_cast<std::uintptr_t>(p) % bytes != 0) bytes /= 2;
    return bytes;
  }

 private:
  template <class X>
  void set(cublasLtMatmulDescAttributes_t attribute, const X& x) {
    check(cublasLtMatmulDescSetAttribute(&what, attribute, &x, sizeof(x)));
  }
  static void layout(cublasLtMatrixLayoutOpaque_t& at, cudaDataType_t data, bool transposed, std::int64_t rows,
                     std::int64_t columns, std::int64_t lead) {
    check(cublasLtMatrixLayoutInit(&at, data, static_cast<std::uint64_t>(transposed ? columns : rows),
                                   static_cast<std::uint64_t>(transposed ? rows : columns), lead));
  }
};

/// How a product of some shape is computed; not at all where cuBLASLt has no way.
struct LtChoice {
  bool possible = false;
  std::size_t workspace = 0;
  cublasLtMatmulAlgo_t algorithm{};

  static constexpr std::size_t most_workspace = std::size_t{32} << 20;  // what NVIDIA recommends for Hopper

  LtChoice() = default;
  /// Parts of a sum are joined in the type that it is summed in, in an order of their own: the same bits every time.
  LtChoice(cublasLtHandle_t handle, LtProduct& product) {
    cublasLtMatmulPreferenceOpaque_t wanted;
    LtProduct::check(cublasLtMatmulPreferenceInit(&wanted));
    const auto want = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& x) {
      LtProduct::check(cublasLtMatmulPreferenceSetAttribute(&wanted, attribute, &x, sizeof(x)));
    };
    want(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, most_workspace);
    want(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, std::uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
    want(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, LtProduct::alignment(product.from_a));
    want(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, LtProduct::alignment(product.from_b));
    want(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, LtProduct::alignment(product.to));
    want(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, LtProduct::alignment(product.to));
    cublasLtMatmulHeuristicResult_t found{};
    int count = 0;
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(handle, &product.what, &product.a, &product.b,
                                                                 &product.c, &product.c, &wanted, 1, &found, &count);
    if (!refuses(status)) LtProduct::check(status), possible = count > 0 && found.state == CUBLAS_STATUS_SUCCESS;
    workspace = found.workspaceSize, algorithm = found.algo;
  }
  /// What cuBLASLt answers where it cannot do something, which is no fault.
  static bool refuses(cublasStatus_t status) {
    return status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE;
  }

  /// The calling thread's, made at the first product of a shape on the current device.
  static LtChoice of(cublasLtHandle_t handle, LtProduct& product) {
    struct Known {
      cublasLtHandle_t handle;
      std::array<std::int64_t, 15> key;
      LtChoice choice;
    };
    static thread_local std::vector<Known> known;  // a model has a few tens of shapes
    for (const Known& k : known)
      if (k.handle == handle && k.key == product.key) return k.choice;
    if (known.size() >= 256) known.clear();
    known.push_back({handle, product.key, LtChoice(handle, product)});
    return known.back().choice;
  }
};

/// Algorithms are known to read biases in runs of 16 bytes whatever their pointer's alignment, which no preference limits.
inline bool cublaslt_reads(const void* bias) { return !bias || LtProduct::alignment(bias) >= 16; }

/// C = activation(A B + bias), with Memory's allocate and deallocate for what the algorithm needs beside its operands.
/// False, with nothing done, where cuBLASLt does not do such a product.
template <class Memory, OfCublasLt T>
bool cublaslt_gemm(const GemmCall<T>& call, const BlasCall& blas, const GemmFinish<T>& finish, cudaStream_t stream) {
  if (!blas.swapped || call.batch != 1) return false;  // a bias runs along BLAS's columns
  if (!cublaslt_reads(finish.bias)) return false;
  using Sum = typename CublasType<T>::Sum;
  LtProduct product(CublasType<T>::data, cublas_compute<T>(), blas, finish.activation, call.b.data, call.a.data,
                    finish.bias, call.c.data);
  const auto handle =
      reinterpret_cast<cublasLtHandle_t>(cublas_handle(call.op, stream));  // which it may be, by its documentation
  const LtChoice choice = LtChoice::of(handle, product);
  if (!choice.possible) return false;
  const Sum alpha(static_cast<Sum>(call.alpha)), beta(static_cast<Sum>(call.beta));
  void* space = choice.workspace > 0 ? Memory::allocate(choice.workspace) : nullptr;
  const cublasStatus_t status = cublasLtMatmul(handle, &product.what, &alpha, product.from_a, &product.a,
                                               product.from_b, &product.b, &beta, product.to, &product.c, product.to,
                                               &product.c, &choice.algorithm, space, choice.workspace, stream);
  if (space) Memory::deallocate(space, choice.workspace);
  if (LtChoice::refuses(status)) return false;
  if (status != CUBLAS_STATUS_SUCCESS) raise_not_multiplied(call, status);
  return true;
}

}  // namespace taper::inline TAPER_ABI::base
