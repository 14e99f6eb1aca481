// SPDX-License-Identifier: MIT
// A stand-in for libcublasLt: products with a bias and an activation, by algorithms that it has been asked for.
#include "tests/cuda/standin/product.hpp"

#include <cublasLt.h>

#include <cmath>

namespace {

// What stands in the library's opaque structures.
struct Layout {
  cudaDataType type;
  std::int64_t rows, columns, lead;
};
struct What {
  cublasComputeType_t compute;
  std::int32_t op_a, op_b, epilogue;
  const void* bias;
};
struct Wish {
  std::uint64_t workspace;
};
struct Algorithm {  // for products of these sizes alone
  std::int64_t m, n, k;
  std::uint64_t workspace;
};

template <class T, class Opaque>
T read(const Opaque* from) {
  static_assert(sizeof(T) <= sizeof(*from));
  T out;
  std::memcpy(&out, from, sizeof out);
  return out;
}
template <class T, class Opaque>
cublasStatus_t write(Opaque* to, const T& x) {
  static_assert(sizeof(T) <= sizeof(*to));
  std::memcpy(to, &x, sizeof x);
  return CUBLAS_STATUS_SUCCESS;
}
template <class T>
bool take(T& to, const void* from, std::size_t bytes) {
  if (bytes == sizeof(T)) std::memcpy(&to, from, bytes);
  return bytes == sizeof(T);
}
cublasStatus_t refused(const std::string& text) {
  standin::recorder()->fault("cublasLt: " + text);
  return CUBLAS_STATUS_INVALID_VALUE;
}

constexpr std::uint64_t workspace = 4096;

Algorithm algorithm_for(const What& what, const Layout& a, const Layout& c) {
  return {c.rows, c.columns, what.op_a == CUBLAS_OP_N ? a.columns : a.rows, workspace};
}

}  // namespace

extern "C" {

cublasStatus_t cublasLtMatrixLayoutInit_internal(cublasLtMatrixLayout_t at, std::size_t, cudaDataType type,
                                                 std::uint64_t rows, std::uint64_t columns, std::int64_t lead) {
  return write(at, Layout{type, static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns), lead});
}
cublasStatus_t cublasLtMatmulDescInit_internal(cublasLtMatmulDesc_t at, std::size_t, cublasComputeType_t compute,
                                               cudaDataType_t) {
  return write(at, What{compute, CUBLAS_OP_N, CUBLAS_OP_N, CUBLASLT_EPILOGUE_DEFAULT, nullptr});
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t at, cublasLtMatmulDescAttributes_t attribute,
                                              const void* from, std::size_t bytes) {
  What what = read<What>(at);
  const bool good = attribute == CUBLASLT_MATMUL_DESC_TRANSA         ? take(what.op_a, from, bytes)
                    : attribute == CUBLASLT_MATMUL_DESC_TRANSB       ? take(what.op_b, from, bytes)
                    : attribute == CUBLASLT_MATMUL_DESC_EPILOGUE     ? take(what.epilogue, from, bytes)
                    : attribute == CUBLASLT_MATMUL_DESC_BIAS_POINTER ? take(what.bias, from, bytes)
                                                                     : false;
  return good ? write(at, what) : refused("an attribute that the stand-in has not, or of another size");
}
cublasStatus_t cublasLtMatmulPreferenceInit_internal(cublasLtMatmulPreference_t at, std::size_t) {
  return write(at, Wish{0});
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t at,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void* from,
                                                    std::size_t bytes) {
  Wish wish = read<Wish>(at);
  if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES && !take(wish.workspace, from, bytes))
    return refused("a preference of another size");
  return write(at, wish);
}
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t what,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t wish, int wanted,
                                              cublasLtMatmulHeuristicResult_t* results, int* found) {
  *found = 0;
  if (!standin::recorder()->lives(handle, standin::blas_handle, "cublasLtMatmulAlgoGetHeuristic") || wanted < 1)
    return CUBLAS_STATUS_INVALID_VALUE;
  if (read<Wish>(wish).workspace < workspace) return CUBLAS_STATUS_NOT_SUPPORTED;
  results[0] = {};
  results[0].state = CUBLAS_STATUS_SUCCESS;
  results[0].workspaceSize = workspace;
  *found = 1;
  return write(&results[0].algo, algorithm_for(read<What>(what), read<Layout>(a), read<Layout>(d)));
}
cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t description, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t layout_a, const void* b,
                              cublasLtMatrixLayout_t layout_b, const void* beta, const void* c,
                              cublasLtMatrixLayout_t layout_c, void* d, cublasLtMatrixLayout_t layout_d,
                              const cublasLtMatmulAlgo_t* algorithm, void* space, std::size_t bytes,
                              cudaStream_t stream) {
  if (!standin::recorder()->lives(handle, standin::blas_handle, "gemm")) return CUBLAS_STATUS_NOT_INITIALIZED;
  const What what = read<What>(description);
  const auto x = read<Layout>(layout_a), y = read<Layout>(layout_b), z = read<Layout>(layout_d);
  if (x.type != y.type || x.type != z.type) return refused("types that differ");
  if (c != d || std::memcmp(layout_c, layout_d, sizeof *layout_c) != 0) return refused("a C that is not D");
  const Algorithm own = algorithm_for(what, x, z), given = read<Algorithm>(algorithm);
  if (own.m != given.m || own.n != given.n || own.k != given.k) return refused("another product's algorithm");
  const bool ta = what.op_a != CUBLAS_OP_N, tb = what.op_b != CUBLAS_OP_N;
  if ((ta ? x.columns : x.rows) != own.m || (tb ? y.columns : y.rows) != own.k || (tb ? y.rows : y.columns) != own.n)
    return refused("matrices that do not fit");
  if (bytes < workspace) return refused("a workspace that is too small");
  if (!standin::recorder()->reach(space, bytes, "gemm's workspace")) return CUBLAS_STATUS_INVALID_VALUE;

  const bool bias = what.epilogue & CUBLASLT_EPILOGUE_BIAS;
  const int activation = what.epilogue & ~CUBLASLT_EPILOGUE_BIAS;
  const bool relu = activation == CUBLASLT_EPILOGUE_RELU, gelu = activation == CUBLASLT_EPILOGUE_GELU;
  if (!relu && !gelu && activation > CUBLASLT_EPILOGUE_DEFAULT) return refused("an epilogue that the stand-in has not");
  standin::Handle here = *reinterpret_cast<const standin::Handle*>(handle);
  here.stream = stream;
  const standin::Product product{here,
                                 x.type,
                                 what.compute,
                                 static_cast<cublasOperation_t>(what.op_a),
                                 static_cast<cublasOperation_t>(what.op_b),
                                 own.m,
                                 own.n,
                                 own.k,
                                 alpha,
                                 beta,
                                 {a, x.rows, x.columns, x.lead, 0},
                                 {b, y.rows, y.columns, y.lead, 0},
                                 {d, z.rows, z.columns, z.lead, 0},
                                 1,
                                 std::string(bias ? " bias" : "") + (relu   ? " relu"
                                                                     : gelu ? " gelu"
                                                                            : "")};
  return product.run([&]<class T, class S>(standin::Call& call, T* to, S) {
    const T* added = bias ? call.reach<T>(what.bias, own.m * static_cast<std::int64_t>(sizeof(T))) : nullptr;
    if constexpr (std::is_floating_point_v<S>)
      for (std::int64_t i = 0; call.good() && i < own.m * own.n; ++i) {
        T& out = to[i % own.m + i / own.m * z.lead];
        S v = static_cast<S>(out) + (added ? static_cast<S>(added[i % own.m]) : S(0));
        if (relu && v < 0) v = 0;
        if (gelu) v *= (1 + std::tanh(S(0.7978845608028654) * (v + S(0.044715) * v * v * v))) / 2;
        out = static_cast<T>(v);
      }
  });
}

}  // extern "C"
