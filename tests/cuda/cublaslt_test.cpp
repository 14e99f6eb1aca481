// SPDX-License-Identifier: MIT
// The host's half of a linear layer through cuBLASLt, without a GPU: the functions that need one are defined here, by
// its headers, over host memory. Descriptors are cuBLASLt's own.
// Needs: thrust cuda
#include <taper/backend/cuda/cublaslt.hpp>
#include <taper/backend/cuda/thrust_host.hpp>
#include <taper/ops.hpp>
#include <taper/ops/to.hpp>

#include <cmath>

#include "tests/cuda/against_host.hpp"
#include "tests/cuda/no_gpu.hpp"
#include "tests/support/column_major.hpp"
#include "tests/support/golden.hpp"

using namespace taper;
using against_host::irregular;

namespace {

/// What cuBLASLt was asked.
struct Asked {
  int products = 0, choices = 0, epilogue = 0;
  cublasComputeType_t compute{};
  std::uint32_t reduction = 0, alignment_a = 0;
  cublasStatus_t choice = CUBLAS_STATUS_SUCCESS, answer = CUBLAS_STATUS_SUCCESS;
  std::size_t workspace = 0;
};
Asked asked;

/// The host, with cuBLASLt, and memory that is counted.
struct LtSystem : ThrustCppSystem {
  static constexpr std::string_view name = "thrust::cpp and cuBLASLt";
  static inline std::int64_t held = 0;
  static void* allocate(std::size_t bytes) {
    return held += static_cast<std::int64_t>(bytes), ThrustCppSystem::allocate(bytes);
  }
  static void deallocate(void* p, std::size_t bytes) noexcept {
    held -= static_cast<std::int64_t>(bytes), ThrustCppSystem::deallocate(p, bytes);
  }
  template <base::OfCublasLt T>
  static bool gemm(const base::GemmCall<T>& call, const base::BlasCall& blas, const base::GemmFinish<T>& finish) {
    return base::cublaslt_gemm<LtSystem>(call, blas, finish, nullptr);
  }
};
using D = BasicThrust<LtSystem>;

template <class T>
constexpr double tolerance = sizeof(T) == 8   ? 1e-13
                             : sizeof(T) == 2 ? 1e-2
                                              : 1e-5;

template <class X, class What, class Which>
X read_attribute(cublasStatus_t (*get)(What, Which, void*, std::size_t, std::size_t*), What what, Which which) {
  X x{};
  std::size_t written = 0;
  REQUIRE(get(what, which, &x, sizeof(x), &written) == CUBLAS_STATUS_SUCCESS);
  REQUIRE(written == sizeof(x));
  return x;
}
template <class X>
X attribute(cublasLtMatmulDesc_t what, cublasLtMatmulDescAttributes_t which) {
  return read_attribute<X>(&cublasLtMatmulDescGetAttribute, what, which);
}
template <class X>
X attribute(cublasLtMatrixLayout_t what, cublasLtMatrixLayoutAttribute_t which) {
  return read_attribute<X>(&cublasLtMatrixLayoutGetAttribute, what, which);
}
template <class X>
X attribute(cublasLtMatmulPreference_t what, cublasLtMatmulPreferenceAttributes_t which) {
  return read_attribute<X>(&cublasLtMatmulPreferenceGetAttribute, what, which);
}

template <class T, class S>
cublasStatus_t multiply(cublasLtMatmulDesc_t what, const void* alpha, const void* a, cublasLtMatrixLayout_t at_a,
                        const void* b, cublasLtMatrixLayout_t at_b, const void* beta, void* c,
                        cublasLtMatrixLayout_t at_c) {
  const auto rows = [](cublasLtMatrixLayout_t m) {
    return static_cast<std::int64_t>(attribute<std::uint64_t>(m, CUBLASLT_MATRIX_LAYOUT_ROWS));
  };
  const auto columns = [](cublasLtMatrixLayout_t m) {
    return static_cast<std::int64_t>(attribute<std::uint64_t>(m, CUBLASLT_MATRIX_LAYOUT_COLS));
  };
  const auto lead = [](cublasLtMatrixLayout_t m) { return attribute<std::int64_t>(m, CUBLASLT_MATRIX_LAYOUT_LD); };
  const bool ta = attribute<std::int32_t>(what, CUBLASLT_MATMUL_DESC_TRANSA) == CUBLAS_OP_T;
  const bool tb = attribute<std::int32_t>(what, CUBLASLT_MATMUL_DESC_TRANSB) == CUBLAS_OP_T;
  const std::int64_t m = rows(at_c), n = columns(at_c), k = ta ? rows(at_a) : columns(at_a);
  if ((ta ? columns(at_a) : rows(at_a)) != m || (tb ? rows(at_b) : columns(at_b)) != n ||
      (tb ? columns(at_b) : rows(at_b)) != k)
    return CUBLAS_STATUS_INVALID_VALUE;
  // The epilogue works on what is not rounded yet.
  std::vector<S> sums(static_cast<std::size_t>(m * n)), wide_a(static_cast<std::size_t>(lead(at_a) * columns(at_a))),
      wide_b(static_cast<std::size_t>(lead(at_b) * columns(at_b)));
  const auto widen = [](std::vector<S>& to, const void* from, cublasLtMatrixLayout_t at, std::int64_t height,
                        std::int64_t width) {
    const std::int64_t step = attribute<std::int64_t>(at, CUBLASLT_MATRIX_LAYOUT_LD);
    for (std::int64_t j = 0; j < width; ++j)
      for (std::int64_t i = 0; i < height; ++i)
        to[static_cast<std::size_t>(i + j * step)] = static_cast<S>(static_cast<const T*>(from)[i + j * step]);
  };
  widen(wide_a, a, at_a, rows(at_a), columns(at_a));
  widen(wide_b, b, at_b, rows(at_b), columns(at_b));
  if (*static_cast<const S*>(beta) != S(0)) return CUBLAS_STATUS_INVALID_VALUE;
  const std::string fault =
      column_major::gemm<S>({ta, tb, m, n, k, *static_cast<const S*>(alpha), wide_a.data(), lead(at_a), 0,
                             wide_b.data(), lead(at_b), 0, S(0), sums.data(), m, 0, 1});
  if (!fault.empty()) return CUBLAS_STATUS_INVALID_VALUE;
  const auto epilogue = attribute<std::uint32_t>(what, CUBLASLT_MATMUL_DESC_EPILOGUE);
  const bool added = epilogue & CUBLASLT_EPILOGUE_BIAS, relu = epilogue & CUBLASLT_EPILOGUE_RELU,
             gelu = epilogue & CUBLASLT_EPILOGUE_GELU;
  const T* bias =
      added ? static_cast<const T*>(attribute<const void*>(what, CUBLASLT_MATMUL_DESC_BIAS_POINTER)) : nullptr;
  for (std::int64_t j = 0; j < n; ++j)
    for (std::int64_t i = 0; i < m; ++i) {
      S x = sums[static_cast<std::size_t>(i + j * m)] + (bias ? static_cast<S>(bias[i]) : S(0));
      if (relu) x = x > S(0) ? x : S(0);
      if (gelu) x = S(0.5) * x * (S(1) + std::tanh(S(0.7978845608028654) * (x + S(0.044715) * x * x * x)));
      static_cast<T*>(c)[i + j * lead(at_c)] = static_cast<T>(x);
    }
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

extern "C" {

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  *handle = reinterpret_cast<cublasHandle_t>(&asked);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDestroy_v2(cublasHandle_t) { return CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasSetStream_v2(cublasHandle_t, cudaStream_t) { return CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasSetMathMode(cublasHandle_t, cublasMath_t) { return CUBLAS_STATUS_SUCCESS; }
const char* cublasGetStatusString(cublasStatus_t) { return "an error"; }

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                              cublasLtMatmulPreference_t wanted, int most,
                                              cublasLtMatmulHeuristicResult_t found[], int* count) {
  ++asked.choices;
  REQUIRE(handle == reinterpret_cast<cublasLtHandle_t>(&asked));
  REQUIRE(most == 1);
  asked.reduction = attribute<std::uint32_t>(wanted, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK);
  asked.alignment_a = attribute<std::uint32_t>(wanted, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES);
  if (asked.choice != CUBLAS_STATUS_SUCCESS) return asked.choice;
  found[0].workspaceSize = asked.workspace;
  found[0].state = CUBLAS_STATUS_SUCCESS;
  found[0].algo.data[0] = 77;
  *count = 1;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t what, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t at_a, const void* b, cublasLtMatrixLayout_t at_b, const void* beta,
                              const void* c, cublasLtMatrixLayout_t at_c, void* d, cublasLtMatrixLayout_t at_d,
                              const cublasLtMatmulAlgo_t* algorithm, void* workspace, size_t bytes, cudaStream_t) {
  ++asked.products;
  asked.epilogue = static_cast<int>(attribute<std::uint32_t>(what, CUBLASLT_MATMUL_DESC_EPILOGUE));
  asked.compute = static_cast<cublasComputeType_t>(attribute<std::int32_t>(what, CUBLASLT_MATMUL_DESC_COMPUTE_TYPE));
  if (asked.answer != CUBLAS_STATUS_SUCCESS) return asked.answer;
  if (c != d || at_c != at_d || algorithm->data[0] != 77 || bytes != asked.workspace || !workspace != (bytes == 0))
    return CUBLAS_STATUS_INVALID_VALUE;
  const auto data = attribute<std::uint32_t>(at_d, CUBLASLT_MATRIX_LAYOUT_TYPE),
             scale = attribute<std::uint32_t>(what, CUBLASLT_MATMUL_DESC_SCALE_TYPE);
  const bool wide = data == CUDA_R_64F;
  if (scale != (wide ? CUDA_R_64F : CUDA_R_32F) || (asked.compute == CUBLAS_COMPUTE_64F) != wide)
    return CUBLAS_STATUS_INVALID_VALUE;
  const auto run = [&](auto element, auto sum) {
    return multiply<decltype(element), decltype(sum)>(what, alpha, a, at_a, b, at_b, beta, d, at_d);
  };
  switch (data) {
    case CUDA_R_32F:
      return run(float(), float());
    case CUDA_R_64F:
      return run(double(), double());
    case CUDA_R_16F:
      return run(float16(), float());
    case CUDA_R_16BF:
      return run(bfloat16(), float());
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
}

}  // extern "C"

namespace {

/// f(x, w, b) on the host and through cuBLASLt, with the gradients of all three.
template <class T, class F>
void check_both(const F& f, const Shape& shape = {4, 6}) {
  Tensor<T> x = irregular<T>(shape), w = irregular<T>({3, 6}, 2), b = irregular<T>({3}, 3);
  const Tensor<T, D> dx = to<D>(x).requires_grad_(), dw = to<D>(w).requires_grad_(), db = to<D>(b).requires_grad_();
  x.requires_grad_(), w.requires_grad_(), b.requires_grad_();
  const Tensor<T> expected = f(x, w, b), g = irregular<T>(expected.shape(), 5);
  const Tensor<T, D> y = f(dx, dw, db);
  check_close(to<Cpu>(y), expected, tolerance<T>, tolerance<T>);
  expected.backward(g);
  y.backward(to<D>(g));
  check_close(to<Cpu>(dx.grad()), x.grad(), tolerance<T>, tolerance<T>);
  check_close(to<Cpu>(dw.grad()), w.grad(), tolerance<T>, tolerance<T>);
  check_close(to<Cpu>(db.grad()), b.grad(), tolerance<T>, tolerance<T>);
}

}  // namespace

TEMPLATE_TEST_CASE("a linear layer with bias and activation is one call, and the host's in values and gradients", "",
                   float, double, float16, bfloat16) {
  using T = TestType;
  const auto calls = [](const auto& run) {
    const int before = asked.products;
    run();
    return asked.products - before;
  };
  for (const Shape& shape : {Shape{4, 6}, Shape{6}, Shape{2, 1, 6}}) {
    CHECK(calls([&] {
            check_both<T>([](const auto& x, const auto& w, const auto& b) { return linear(x, w, b).eval(); }, shape);
          }) == 1);
    CHECK(asked.epilogue == CUBLASLT_EPILOGUE_BIAS);
    CHECK(calls([&] {
            check_both<T>([](const auto& x, const auto& w, const auto& b) { return relu(linear(x, w, b)).eval(); },
                          shape);
          }) == 1);
    CHECK(asked.epilogue == CUBLASLT_EPILOGUE_RELU_BIAS);
  }
  // gelu's gradient reads the product: one call, and a kernel.
  CHECK(calls([&] {
          check_both<T>([](const auto& x, const auto& w, const auto& b) {
            return gelu(linear(x, w, b), GeluApproximate::tanh).eval();
          });
        }) == 1);
  CHECK(asked.epilogue == CUBLASLT_EPILOGUE_BIAS);
}

TEMPLATE_TEST_CASE("where no gradient is wanted gelu by tanh is done as the product is stored, by erf never", "", float,
                   double, bfloat16) {
  using T = TestType;
  const NoGrad guard;
  const auto x = irregular<T>({4, 6}), w = irregular<T>({3, 6}, 2), b = irregular<T>({3}, 3);
  const auto dx = to<D>(x), dw = to<D>(w), db = to<D>(b);
  const auto check_one = [&](int epilogue, const auto& f) {
    const Tensor<T> expected = f(x, w, b);
    const std::int64_t launches = detail::thread_stats.launches;
    const int products = asked.products;
    const Tensor<T, D> y = f(dx, dw, db);
    CHECK(detail::thread_stats.launches - launches == (epilogue == CUBLASLT_EPILOGUE_BIAS ? 1 : 0));
    CHECK(asked.products == products + 1);
    CHECK(asked.epilogue == epilogue);
    check_close(to<Cpu>(y), expected, tolerance<T>, tolerance<T>);
  };
  check_one(CUBLASLT_EPILOGUE_GELU_BIAS, [](const auto& v, const auto& u, const auto& c) {
    return gelu(linear(v, u, c), GeluApproximate::tanh).eval();
  });
  check_one(CUBLASLT_EPILOGUE_GELU,
            [](const auto& v, const auto& u, const auto&) { return gelu(linear(v, u), GeluApproximate::tanh).eval(); });
  check_one(CUBLASLT_EPILOGUE_RELU,
            [](const auto& v, const auto& u, const auto&) { return relu(linear(v, u)).eval(); });
  check_one(CUBLASLT_EPILOGUE_BIAS,
            [](const auto& v, const auto& u, const auto& c) { return gelu(linear(v, u, c)).eval(); });
  check_one(CUBLASLT_EPILOGUE_BIAS,
            [](const auto& v, const auto& u, const auto& c) { return relu(linear(v, u, c) + 1.0).eval(); });
}

TEST_CASE("a second order gradient of a layer done in one call is the host's") {
  const auto run = [](auto x, auto w, auto b) {
    x.requires_grad_(), w.requires_grad_();
    const auto first = grad(sum(square(relu(linear(x, w, b)))), x, {.create_graph = true});
    return to<Cpu>(grad(sum(square(first)), w));
  };
  const auto x = irregular<double>({4, 6}), w = irregular<double>({3, 6}, 2), b = irregular<double>({3}, 3);
  check_close(run(to<D>(x), to<D>(w), to<D>(b)), run(x, w, b), 1e-12, 1e-12);
}

TEST_CASE("an expression over a product that is kept runs it once") {
  const auto x = to<D>(irregular<float>({4, 6})), w = to<D>(irregular<float>({3, 6})), b = to<D>(irregular<float>({3}));
  const int before = asked.products;
  auto y = relu(linear(x, w, b));
  const Tensor<float, D> first = y, second = y * 2.0f;
  CHECK(asked.products == before + 1);
  check_close(to<Cpu>(second), (to<Cpu>(first) * 2.0f).eval(), 1e-6, 1e-6);
}

TEST_CASE("an algorithm is chosen once for each shape, alignment and epilogue, and joins sums in their own type") {
  const NoGrad guard;
  const auto x = to<D>(irregular<float>({5, 6})), w = to<D>(irregular<float>({7, 6})), b = to<D>(irregular<float>({7}));
  const auto choices = [](const auto& run) {
    const int before = asked.choices;
    (void)run().eval();
    return asked.choices - before;
  };
  CHECK(choices([&] { return linear(x, w, b); }) == 1);
  CHECK((asked.reduction & CUBLASLT_REDUCTION_SCHEME_MASK) == CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE);
  CHECK(choices([&] { return linear(x, w, b); }) == 0);
  CHECK(choices([&] { return relu(linear(x, w, b)); }) == 1);
  CHECK(choices([&] { return relu(linear(x, w, b)); }) == 0);
  CHECK(choices([&] { return linear(slice(x, 0, {0, 4}), w, b); }) == 1);
  CHECK(choices([&] { return linear(x, slice(w, 0, {1, 7}), slice(b, 0, {0, 6})); }) == 1);
  CHECK(asked.alignment_a == 8);  // A is w here, six floats in
  taper::cuda::allow_tf32(true);
  CHECK(choices([&] { return linear(x, w, b); }) == 1);
  CHECK(asked.compute == CUBLAS_COMPUTE_32F_FAST_TF32);
  taper::cuda::allow_tf32(false);
  CHECK(choices([&] { return linear(x, w, b); }) == 0);
  CHECK(asked.compute == CUBLAS_COMPUTE_32F);
}

TEST_CASE("a bias that begins inside a run of 16 bytes is added by a kernel of Taper's") {
  const NoGrad guard;
  const auto x = irregular<float>({4, 6}), w = irregular<float>({3, 6}), b = irregular<float>({7});
  for (const std::int64_t from : {0, 1, 4}) {
    const int before = asked.products;
    const Tensor<float, D> y = relu(linear(to<D>(x), to<D>(w), slice(to<D>(b), 0, {from, from + 3})));
    CHECK(asked.products - before == (from == 1 ? 0 : 1));
    check_close(to<Cpu>(y), relu(linear(x, w, slice(b, 0, {from, from + 3}))).eval(), 1e-6, 1e-6);
  }
}

TEST_CASE("an algorithm's workspace comes from the device's memory and goes back") {
  asked.workspace = 1 << 20;
  const auto x = to<D>(irregular<float>({9, 6})), w = to<D>(irregular<float>({3, 6})), b = to<D>(irregular<float>({3}));
  const std::int64_t before = LtSystem::held;
  (void)linear(x, w, b).eval();
  CHECK(LtSystem::held == before);
  asked.workspace = 0;
}

TEST_CASE("what cuBLASLt has no way for, Taper does itself; a fault is an error") {
  for (const cublasStatus_t refusal : {CUBLAS_STATUS_NOT_SUPPORTED, CUBLAS_STATUS_INVALID_VALUE}) {
    asked.choice = refusal;
    const std::int64_t rows = refusal == CUBLAS_STATUS_NOT_SUPPORTED ? 11 : 12;
    const int before = asked.products;
    check_both<float>([](const auto& x, const auto& w, const auto& b) { return relu(linear(x, w, b)).eval(); },
                      {rows, 6});
    CHECK(asked.products == before);
    asked.choice = CUBLAS_STATUS_SUCCESS;
    asked.answer = refusal;
    check_both<float>([](const auto& x, const auto& w, const auto& b) { return relu(linear(x, w, b)).eval(); },
                      {rows + 2, 6});
    asked.answer = CUBLAS_STATUS_SUCCESS;
  }
  const auto x = to<D>(irregular<float>({15, 6})), w = to<D>(irregular<float>({3, 6})),
             b = to<D>(irregular<float>({3}));
  asked.answer = CUBLAS_STATUS_EXECUTION_FAILED;
  CHECK_THROWS_WITH(linear(x, w, b).eval(),
                    "[linear] cuBLAS could not multiply 1 times (15, 6) by (6, 3) of float32: an error");
  asked.answer = CUBLAS_STATUS_SUCCESS;
}

TEST_CASE("what cuBLASLt cannot reach goes another way") {
  const int before = asked.products;
  // A bias that does not lie side by side, no product at all, and integers.
  check_both<float>([](const auto& x, const auto& w, const auto& b) {
    return relu(linear(x, w, expand(slice(b, 0, {0, 1}), {3}))).eval();
  });
  CHECK(asked.products == before);
  const auto none = irregular<float>({3, 0}), b = irregular<float>({3});
  check_close(to<Cpu>(relu(linear(to<D>(none), to<D>(none), to<D>(b))).eval()), relu(linear(none, none, b)).eval(), 0,
              0);
  const Tensor<std::int64_t> i = cast<std::int64_t>(irregular<double>({3, 4}) * 10.0);
  check_equal(to<Cpu>(relu(linear(to<D>(i), to<D>(i))).eval()), relu(linear(i, i)).eval());
  CHECK(asked.products == before);
}
