// SPDX-License-Identifier: MIT
// The host's half of products through cuBLAS, without a GPU: cuBLAS's functions are defined here, by its headers, over host memory.
// Needs: thrust cuda
#include <taper/backend/cuda/cublas.hpp>
#include <taper/backend/cuda/thrust_host.hpp>
#include <taper/core/random.hpp>
#include <taper/ops.hpp>
#include <taper/ops/to.hpp>

#include <array>
#include <map>
#include <thread>

#include "tests/cuda/no_gpu.hpp"
#include "tests/support/column_major.hpp"
#include "tests/support/golden.hpp"

using namespace taper;

namespace {

/// What the stand-in was asked.
struct Asked {
  int products = 0, batched = 0, handles = 0, alive = 0;
  cudaStream_t stream = nullptr;
  int streams = 0, math_mode = -1;
  cublasComputeType_t compute{};
  cublasStatus_t answer = CUBLAS_STATUS_SUCCESS;
};
Asked asked;

template <class T, class S>
cublasStatus_t multiply(cublasOperation_t ta, cublasOperation_t tb, std::int64_t m, std::int64_t n, std::int64_t k, const void* alpha, const void* a,
                        std::int64_t lda, std::int64_t stride_a, const void* b, std::int64_t ldb, std::int64_t stride_b, const void* beta, void* c,
                        std::int64_t ldc, std::int64_t stride_c, std::int64_t batch) {
  const column_major::Arguments<T, S> call{ta == CUBLAS_OP_T, tb == CUBLAS_OP_T, m, n, k, *static_cast<const S*>(alpha), static_cast<const T*>(a), lda,
                                           stride_a, static_cast<const T*>(b), ldb, stride_b, *static_cast<const S*>(beta), static_cast<T*>(c), ldc,
                                           stride_c, batch};
  return column_major::gemm(call).empty() ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

/// The host, with cuBLAS.
struct BlasSystem : ThrustCppSystem {
  static constexpr std::string_view name = "thrust::cpp and cuBLAS";
  static inline cudaStream_t stream = nullptr;
  template <base::OfCublas T>
  static void gemm(const base::GemmCall<T>& call, const base::BlasCall& blas) {
    base::cublas_gemm(call, blas, stream);
  }
};
using D = BasicThrust<BlasSystem>;

template <class T>
Tensor<T> irregular(const Shape& shape, int seed = 1) {
  Tensor<T> out(detail::make_dense<Cpu>(dtype_of<T>, shape));
  for (std::int64_t i = 0; i < out.numel(); ++i) {
    const double x = std::sin(static_cast<double>(i * 7 + seed) * 1.7 + 0.3);
    if constexpr (Complex<T>) out.data_ptr()[i] = T(static_cast<real_t<T>>(x), static_cast<real_t<T>>(std::cos(x * 3)));
    else out.data_ptr()[i] = static_cast<T>(x);
  }
  return out;
}
template <class T>
constexpr double tolerance = sizeof(real_t<T>) == 8 ? 1e-13 : sizeof(real_t<T>) == 2 ? 1e-2 : 1e-5;

}  // namespace

// cuBLAS.
extern "C" {

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  ++asked.handles, ++asked.alive;
  *handle = reinterpret_cast<cublasHandle_t>(new int);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  --asked.alive;
  delete reinterpret_cast<int*>(handle);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetStream_v2(cublasHandle_t, cudaStream_t stream) {
  asked.stream = stream, ++asked.streams;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetMathMode(cublasHandle_t, cublasMath_t mode) {
  asked.math_mode = static_cast<int>(mode);
  return CUBLAS_STATUS_SUCCESS;
}
const char* cublasGetStatusString(cublasStatus_t status) { return status == CUBLAS_STATUS_ALLOC_FAILED ? "no memory" : "an error"; }
cublasStatus_t cublasGemmStridedBatchedEx_64(cublasHandle_t, cublasOperation_t ta, cublasOperation_t tb, std::int64_t m, std::int64_t n, std::int64_t k,
                                             const void* alpha, const void* a, cudaDataType type_a, std::int64_t lda, long long stride_a,
                                             const void* b, cudaDataType type_b, std::int64_t ldb, long long stride_b, const void* beta, void* c,
                                             cudaDataType type_c, std::int64_t ldc, long long stride_c, std::int64_t batch,
                                             cublasComputeType_t compute, cublasGemmAlgo_t) {
  ++asked.products;
  if (batch > 1) ++asked.batched;
  asked.compute = compute;
  if (asked.answer != CUBLAS_STATUS_SUCCESS) return asked.answer;
  if (type_a != type_b || type_a != type_c) return CUBLAS_STATUS_NOT_SUPPORTED;
  const bool wide = compute == CUBLAS_COMPUTE_64F;
  if (wide != (type_a == CUDA_R_64F || type_a == CUDA_C_64F)) return CUBLAS_STATUS_NOT_SUPPORTED;
  const auto run = [&](auto element, auto sum) {
    return multiply<decltype(element), decltype(sum)>(ta, tb, m, n, k, alpha, a, lda, stride_a, b, ldb, stride_b, beta, c, ldc, stride_c, batch);
  };
  switch (type_a) {
    case CUDA_R_32F: return run(float(), float());
    case CUDA_R_64F: return run(double(), double());
    case CUDA_R_16F: return run(float16(), float());
    case CUDA_R_16BF: return run(bfloat16(), float());
    case CUDA_C_32F: return run(std::complex<float>(), std::complex<float>());
    case CUDA_C_64F: return run(std::complex<double>(), std::complex<double>());
    default: return CUBLAS_STATUS_NOT_SUPPORTED;
  }
}
cublasStatus_t cublasGemmEx_64(cublasHandle_t handle, cublasOperation_t ta, cublasOperation_t tb, std::int64_t m, std::int64_t n, std::int64_t k,
                               const void* alpha, const void* a, cudaDataType type_a, std::int64_t lda, const void* b, cudaDataType type_b,
                               std::int64_t ldb, const void* beta, void* c, cudaDataType type_c, std::int64_t ldc, cublasComputeType_t compute,
                               cublasGemmAlgo_t algorithm) {
  return cublasGemmStridedBatchedEx_64(handle, ta, tb, m, n, k, alpha, a, type_a, lda, 0, b, type_b, ldb, 0, beta, c, type_c, ldc, 0, 1, compute,
                                       algorithm);
}

}  // extern "C"

TEMPLATE_TEST_CASE("products through cuBLAS are the host's in every dtype that it has", "", float, double, float16, bfloat16, std::complex<float>,
                   std::complex<double>) {
  using T = TestType;
  const auto run = [](Tensor<T> a, Tensor<T> b, const auto& f) {
    Tensor<T, D> x = to<D>(a).requires_grad_(), y = to<D>(b).requires_grad_();
    a.requires_grad_(), b.requires_grad_();
    const Tensor<T> expected = f(a, b);
    const Tensor<T, D> z = f(x, y);
    check_close(to<Cpu>(z), expected, tolerance<T>, tolerance<T>);
    const Tensor<T> g = irregular<T>(expected.shape(), 5);
    expected.backward(g);
    z.backward(to<D>(g));
    check_close(to<Cpu>(x.grad()), a.grad(), tolerance<T>, tolerance<T>);
    check_close(to<Cpu>(y.grad()), b.grad(), tolerance<T>, tolerance<T>);
  };
  const auto product = [](const auto& a, const auto& b) { return matmul(a, b).eval(); };
  asked.products = 0;
  run(irregular<T>({5, 7}), irregular<T>({7, 3}), product);
  CHECK(asked.products == 3);
  run(irregular<T>({7}), irregular<T>({7, 3}), product);
  run(irregular<T>({5, 7}), irregular<T>({7}), product);
  run(irregular<T>({2, 5, 7}), irregular<T>({2, 7, 3}), product);
  run(irregular<T>({2, 5, 7}), irregular<T>({7, 3}), product);
  run(irregular<T>({3, 1, 5, 2}), irregular<T>({4, 2, 3}), product);
  run(irregular<T>({6, 1, 5, 2}), irregular<T>({4, 2, 3}), product);
  run(irregular<T>({7, 5}), irregular<T>({3, 7}), [](const auto& a, const auto& b) { return matmul(t(a), t(b)).eval(); });
  run(irregular<T>({4, 6, 3}), irregular<T>({4, 6, 5}), [](const auto& a, const auto& b) { return matmul(transpose(a, 1, 2), b).eval(); });
  // Heads behind each other: batches that do not lie evenly.
  run(irregular<T>({6, 3, 2, 4}), irregular<T>({6, 3, 2, 4}),
      [](const auto& a, const auto& b) { return matmul(transpose(a, 1, 2), transpose(transpose(b, 1, 2), 2, 3)).eval(); });
  // No unit stride, and strides of 0: copies.
  run(irregular<T>({6, 8}), irregular<T>({8, 4}), [](const auto& a, const auto& b) { return matmul(slice(slice(a, 0, {0, 6, 2}), 1, {0, 8, 2}), slice(b, 0, {0, 8, 2})).eval(); });
  run(irregular<T>({1, 8}), irregular<T>({8, 4}), [](const auto& a, const auto& b) { return matmul(expand(a, {3, 8}), b).eval(); });
  run(irregular<T>({2, 5, 7}), irregular<T>({3, 7}), [](const auto& x, const auto& w) { return linear(x, w).eval(); });
}

TEST_CASE("a linear layer's bias is in C before its product is added") {
  const auto x = irregular<float>({4, 6}), w = irregular<float>({3, 6}), b = irregular<float>({3});
  const Tensor<float> expected = relu(linear(x, w, b));
  const Tensor<float, D> y = relu(linear(to<D>(x), to<D>(w), to<D>(b)));
  check_close(to<Cpu>(y), expected, 1e-5, 1e-5);
}

TEST_CASE("integers and empty sums go without cuBLAS") {
  asked.products = 0;
  const Tensor<std::int64_t> a = cast<std::int64_t>(irregular<double>({3, 4}) * 10.0);
  check_equal(to<Cpu>(matmul(to<D>(a), t(to<D>(a))).eval()), matmul(a, t(a)).eval());
  const Tensor<float> none = irregular<float>({3, 0});
  check_equal(to<Cpu>(matmul(to<D>(none), t(to<D>(none))).eval()), matmul(none, t(none)).eval());
  CHECK(asked.products == 0);
}

TEST_CASE("TF32 is off until it is allowed, and for float alone") {
  const auto a = to<D>(irregular<float>({2, 2}));
  const auto h = to<D>(irregular<bfloat16>({2, 2}));
  const auto compute = [](const auto& x) { return (void)matmul(x, x).eval(), asked.compute; };
  CHECK(!taper::cuda::tf32_allowed());
  CHECK(compute(a) == CUBLAS_COMPUTE_32F);
  taper::cuda::allow_tf32(true);
  CHECK(compute(a) == CUBLAS_COMPUTE_32F_FAST_TF32);
  CHECK(compute(h) == CUBLAS_COMPUTE_32F);
  CHECK(compute(to<D>(irregular<double>({2, 2}))) == CUBLAS_COMPUTE_64F);
  taper::cuda::allow_tf32(false);
  CHECK(compute(a) == CUBLAS_COMPUTE_32F);
  CHECK((asked.math_mode & CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION) != 0);
}

TEST_CASE("a thread keeps its handle, which goes with it, and is told of another stream once") {
  const auto a = to<D>(irregular<float>({2, 2}));
  (void)matmul(a, a).eval();
  const Asked before = asked;
  (void)matmul(a, a).eval();
  CHECK(asked.handles == before.handles);
  CHECK(asked.streams == before.streams);
  int place = 0;
  BlasSystem::stream = reinterpret_cast<cudaStream_t>(&place);
  (void)matmul(a, a).eval();
  (void)matmul(a, a).eval();
  CHECK(asked.stream == BlasSystem::stream);
  CHECK(asked.streams == before.streams + 1);
  BlasSystem::stream = nullptr;
  std::thread([&] { (void)matmul(a, a).eval(); }).join();
  CHECK(asked.handles == before.handles + 1);
  CHECK(asked.alive == before.alive);
}

TEST_CASE("what cuBLAS refuses is an error that names the product") {
  const auto a = to<D>(irregular<bfloat16>({2, 3, 4})), b = to<D>(irregular<bfloat16>({2, 4, 5}));
  asked.answer = CUBLAS_STATUS_ALLOC_FAILED;
  CHECK_THROWS_WITH(bmm(a, b).eval(), "[bmm] cuBLAS could not multiply 2 times (3, 4) by (4, 5) of bfloat16: no memory");
  CHECK_THROWS_AS(bmm(a, b).eval(), DeviceError);
  asked.answer = CUBLAS_STATUS_SUCCESS;
}
