// SPDX-License-Identifier: MIT
// Products, convolutions and poolings through the stand-ins for cuBLAS and cuDNN, and what these find wrong with calls.
// Needs: cuda cudnn
#include "tests/cuda/standin/recorder.hpp"
#include "tests/support/catch.hpp"

#include <taper/backend/cuda/cublas.hpp>
#include <taper/backend/cuda/cuda.hpp>
#include <taper/backend/cpu/pool_shape.hpp>
#include <taper/backend/cuda/cudnn_conv.hpp>
#include <taper/backend/cuda/cudnn_pool.hpp>

#include <cublasLt.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace taper;

namespace {

/// Device memory of floats.
struct Floats {
  std::size_t n;
  float* p;
  explicit Floats(std::size_t count) : n(count), p(static_cast<float*>(Cuda::allocate(4 * count))) {}
  explicit Floats(const std::vector<float>& values) : Floats(values.size()) {
    CudaSystem::from_host(p, values.data(), 4 * n);
  }
  Floats(const Floats&) = delete;
  Floats& operator=(const Floats&) = delete;
  ~Floats() { give_back(); }
  void give_back() { Cuda::deallocate(std::exchange(p, nullptr), 4 * n); }
  std::vector<float> values() const {
    std::vector<float> out(n);
    CudaSystem::to_host(out.data(), p, 4 * n);
    return out;
  }
};

/// What the stand-ins see of a test, which ends with all that it took given back and with the faults that it spoke of.
struct Watch {
  standin::Recorder& r = *standin::recorder();
  std::size_t things = 0, spoken = 0;
  Watch() {
    (void)base::cublas_handle("test", nullptr);  // this thread's handles live longer
    (void)base::cudnn_handle("test", nullptr);
    things = r.live().things;
    r.allocator([](const void* p, std::size_t bytes) { return base::DeviceMemory::get().contains(p, bytes); });
    r.forget();
  }
  ~Watch() {
    CHECK(r.seen().faults.size() == spoken);
    CHECK(cuda::memory_stats().allocated_bytes == 0);
    CHECK(r.live().things == things);
  }
  /// The last call that was recorded.
  std::string last() const { return r.seen().order.back().what; }
  /// Whether the call failed, with this as the only new fault.
  template <class Status>
  bool refused(Status status, std::string_view text) {
    const auto& faults = r.seen().faults;
    INFO((faults.empty() ? std::string("nothing was found") : faults.back()));
    CHECK(faults.size() == ++spoken);
    return static_cast<int>(status) != 0 && !faults.empty() && faults.back().find(text) != std::string::npos;
  }
};

struct Product {
  cublasHandle_t handle = base::cublas_handle("test", nullptr);
  cublasOperation_t op_a = CUBLAS_OP_N;
  std::int64_t m = 2, n = 3, k = 4, lda = 2, ldb = 4, ldc = 2;
  long long stride_c = 0;
  std::int64_t batch = 1;
  cublasComputeType_t compute = CUBLAS_COMPUTE_32F;

  cublasStatus_t operator()(const float* a, const float* b, float* c) const {
    const float one = 1, zero = 0;
    return cublasGemmStridedBatchedEx_64(handle, op_a, CUBLAS_OP_N, m, n, k, &one, a, CUDA_R_32F, lda, 0, b, CUDA_R_32F,
                                         ldb, 0, &zero, c, CUDA_R_32F, ldc, stride_c, batch, compute,
                                         CUBLAS_GEMM_DEFAULT);
  }
};

/// C = relu(A B + bias) of cuBLASLt, 2 x 2 by 2 x 3, column by column.
struct LtProduct {
  cublasLtHandle_t handle = reinterpret_cast<cublasLtHandle_t>(base::cublas_handle("test", nullptr));
  cublasLtMatmulDescOpaque_t what;
  cublasLtMatrixLayoutOpaque_t a, b, c;
  std::size_t workspace = 0;
  cublasLtMatmulAlgo_t algorithm{};

  explicit LtProduct(const float* bias) {
    const std::int32_t epilogue = CUBLASLT_EPILOGUE_RELU_BIAS;
    REQUIRE(cublasLtMatmulDescInit(&what, CUBLAS_COMPUTE_32F, CUDA_R_32F) == CUBLAS_STATUS_SUCCESS);
    REQUIRE(cublasLtMatmulDescSetAttribute(&what, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue) ==
            CUBLAS_STATUS_SUCCESS);
    REQUIRE(cublasLtMatmulDescSetAttribute(&what, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias) ==
            CUBLAS_STATUS_SUCCESS);
    REQUIRE(cublasLtMatrixLayoutInit(&a, CUDA_R_32F, 2, 2, 2) == CUBLAS_STATUS_SUCCESS);
    REQUIRE(cublasLtMatrixLayoutInit(&b, CUDA_R_32F, 2, 3, 2) == CUBLAS_STATUS_SUCCESS);
    REQUIRE(cublasLtMatrixLayoutInit(&c, CUDA_R_32F, 2, 3, 2) == CUBLAS_STATUS_SUCCESS);
    cublasLtMatmulPreferenceOpaque_t wish;
    const std::size_t most = 1 << 20;
    REQUIRE(cublasLtMatmulPreferenceInit(&wish) == CUBLAS_STATUS_SUCCESS);
    REQUIRE(cublasLtMatmulPreferenceSetAttribute(&wish, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &most, sizeof most) ==
            CUBLAS_STATUS_SUCCESS);
    cublasLtMatmulHeuristicResult_t found{};
    int count = 0;
    REQUIRE(cublasLtMatmulAlgoGetHeuristic(handle, &what, &a, &b, &c, &c, &wish, 1, &found, &count) ==
            CUBLAS_STATUS_SUCCESS);
    REQUIRE(count == 1);
    workspace = found.workspaceSize, algorithm = found.algo;
  }
  cublasStatus_t operator()(const Floats& x, const Floats& y, const Floats& z, const Floats& space) {
    const float one = 1, zero = 0;
    return cublasLtMatmul(handle, &what, &one, x.p, &a, y.p, &b, &zero, z.p, &c, z.p, &c, &algorithm, space.p,
                          workspace, nullptr);
  }
};

base::Conv2dShape small_conv() {
  base::Conv2dShape s;
  s.n = 2, s.c = 4, s.h = 5, s.w = 6, s.oc = 8, s.kh = 3, s.kw = 3, s.ph = 1, s.groups = 2;
  return s;
}

/// A convolution's descriptors and memory, to be called in wrong ways.
struct Convolution {
  base::Conv2dShape s = small_conv();
  base::CudnnConv c{s, CUDNN_DATA_FLOAT, true, s.oc};
  cudnnHandle_t handle = base::cudnn_handle("test", nullptr);
  Floats x{240}, w{144}, y{320}, space{1000};
  std::size_t bytes = 4000;

  cudnnStatus_t operator()(const float* from, float* to) const {
    const float one = 1, zero = 0;
    return cudnnConvolutionForward(handle, &one, c.image, from, c.weight, w.p, c.conv,
                                   CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, space.p, bytes, &zero, c.result,
                                   to);
  }
};

}  // namespace

TEST_CASE("products") {
  Watch watch;
  // Row by row: (1 2 3; 4 5 6) times (1 0; 2 1; 0 3), by hand.
  const Floats a({1, 2, 3, 4, 5, 6}), b({1, 0, 2, 1, 0, 3}), c(4);
  const base::GemmCall<float> call{"test", 2, 2, 3, {a.p, 3, 1, 0}, {b.p, 2, 1, 0}, {c.p, 2, 1, 0}};
  const cuda::Stream side;
  base::cublas_gemm<float>(call, base::BlasCall(call), side.handle());
  CHECK(watch.last() == "gemm float32 NN 2x2x3 ld 2 3 2 alpha 1 beta 0");
  CHECK(watch.r.seen().order.back().stream == side.handle());
  CHECK(c.values() == std::vector<float>{5, 11, 14, 23});

  const Floats b2({1, 2, 0, 0, 1, 3});  // the same factor, column by column
  base::GemmCall<float> other{"test", 2, 2, 3, {a.p, 3, 1, 0}, {b2.p, 1, 3, 0}, {c.p, 2, 1, 0}};
  other.alpha = 2, other.beta = 1;
  base::cublas_gemm<float>(other, base::BlasCall(other), nullptr);
  CHECK(watch.last() == "gemm float32 TN 2x2x3 ld 3 3 2 alpha 2 beta 1");
  CHECK(c.values() == std::vector<float>{15, 33, 42, 69});
}

TEST_CASE("products that are wrong") {
  Watch watch;
  Floats a(8), b(12), c(6);
  CHECK(Product()(a.p, b.p, c.p) == CUBLAS_STATUS_SUCCESS);
  CHECK(watch.refused(Product{.lda = 1}(a.p, b.p, c.p), "a leading dimension is too small: 1 < 2"));
  CHECK(
      watch.refused(Product{.op_a = CUBLAS_OP_T, .lda = 3}(a.p, b.p, c.p), "a leading dimension is too small: 3 < 4"));
  CHECK(watch.refused(Product{.ldb = 3}(a.p, b.p, c.p), "a leading dimension is too small: 3 < 4"));
  CHECK(watch.refused(Product{.ldc = 1}(a.p, b.p, c.p), "a leading dimension is too small: 1 < 2"));
  CHECK(watch.refused(Product{.m = 0}(a.p, b.p, c.p), "a size is not positive"));
  CHECK(watch.refused(Product{.stride_c = 5, .batch = 2}(a.p, b.p, c.p), "the matrices of C overlap"));
  CHECK(watch.refused(Product{.compute = CUBLAS_COMPUTE_64F}(a.p, b.p, c.p), "a compute type that is not for these"));
  CHECK(watch.refused(Product()(a.p, b.p, a.p + 4), "C overlaps a factor"));
  CHECK(watch.refused(Product{.lda = 1 << 20}(a.p, b.p, c.p), "more than there is"));
  CHECK(watch.refused(Product()(std::vector<float>(8).data(), b.p, c.p), "not device memory"));

  const float* const gone = a.p;
  a.give_back();  // to the allocator's cache
  CHECK(watch.refused(Product()(gone, b.p, c.p), "device memory that the allocator has not given out, or has back"));
  watch.r.allocator(nullptr);
  b.give_back(), c.give_back();
  cuda::empty_cache();
  const Floats b2(12), c2(6);
  CHECK(watch.refused(Product()(gone, b2.p, c2.p), "device memory that was freed"));

  cublasHandle_t handle = nullptr;
  REQUIRE(cublasCreate(&handle) == CUBLAS_STATUS_SUCCESS);
  const Floats a2(8);
  CHECK(cublasSetStream(handle, reinterpret_cast<cudaStream_t>(&watch)) == CUBLAS_STATUS_SUCCESS);
  CHECK(watch.refused(Product{.handle = handle}(a2.p, b2.p, c2.p), "no such stream"));
  CHECK(cublasSetStream(handle, nullptr) == CUBLAS_STATUS_SUCCESS);
  {
    const cuda::DeviceGuard guard(1);
    CHECK(watch.refused(Product{.handle = handle}(a2.p, b2.p, c2.p), "the handle is another device's"));
  }
  REQUIRE(cublasDestroy(handle) == CUBLAS_STATUS_SUCCESS);
  CHECK(watch.refused(Product{.handle = handle}(a2.p, b2.p, c2.p), "no such cuBLAS handle"));
  CHECK(watch.refused(cublasDestroy(handle), "no such cuBLAS handle"));
}

TEST_CASE("products with a bias and an activation") {
  Watch watch;
  const Floats a({1, 2, -1, 3}), b({1, 1, 2, 0, 0, 1}), bias({-4, 1}), c(6), space(1024);
  LtProduct run(bias.p);
  REQUIRE(run.workspace <= 4 * space.n);
  REQUIRE(run(a, b, c, space) == CUBLAS_STATUS_SUCCESS);
  CHECK(watch.last() == "gemm float32 NN 2x3x2 ld 2 2 2 alpha 1 beta 0 bias relu");
  CHECK(c.values() == std::vector<float>{0, 6, 0, 5, 0, 4});

  CHECK(watch.refused(LtProduct(bias.p + (1 << 18))(a, b, c, space), "device memory that the allocator has not given out"));
  CHECK(watch.refused(run(a, b, c, Floats(256)), "gemm's workspace"));
  run.workspace = 100;
  CHECK(watch.refused(run(a, b, c, space), "a workspace that is too small"));
  run.workspace = 4096;
  REQUIRE(cublasLtMatrixLayoutInit(&run.a, CUDA_R_32F, 2, 2, 1) == CUBLAS_STATUS_SUCCESS);
  CHECK(watch.refused(run(a, b, c, space), "a leading dimension is too small: 1 < 2"));
  REQUIRE(cublasLtMatrixLayoutInit(&run.a, CUDA_R_32F, 2, 3, 2) == CUBLAS_STATUS_SUCCESS);
  CHECK(watch.refused(run(a, b, c, space), "another product's algorithm"));
  run.algorithm = {};
  CHECK(watch.refused(run(a, b, c, space), "another product's algorithm"));
}

TEST_CASE("convolutions") {
  Watch watch;
  const base::Conv2dShape s = small_conv();
  const Floats x(240), w(144), bias(8), y(2 * 8 * 5 * 4);
  const cuda::Stream side;
  const cuda::StreamGuard guard(side);
  const base::CudnnConvolutions<CudaSystem> run{CudaSystem::stream(), true};
  REQUIRE(run.forward<float>({s, x.p, w.p, bias.p, y.p}));
  const auto& order = watch.r.seen().order;
  REQUIRE(order.size() >= 2);
  CHECK(order[order.size() - 2].what ==
        "conv 2x4x5x6 by 8x2x3x3 to 2x8x5x4 pad 1x0 groups 2 algorithm 1 alpha 1 beta 0");
  CHECK(watch.last() == "add 1x8x1x1 to 2x8x5x4 alpha 1 beta 1");
  REQUIRE(run.data_gradient<float>({s, w.p, y.p, nullptr, x.p}));
  CHECK(watch.last() == "conv data gradient 2x4x5x6 by 8x2x3x3 to 2x8x5x4 pad 1x0 groups 2 algorithm 1 alpha 1 beta 0");
  REQUIRE(run.weight_gradient<float>({s, x.p, y.p, nullptr, w.p}));
  CHECK(watch.last() ==
        "conv weight gradient 2x4x5x6 by 8x2x3x3 to 2x8x5x4 pad 1x0 groups 2 algorithm 1 alpha 1 beta 0");
  CHECK(order.back().stream == side.handle());

  cuda::allow_nondeterministic(true);  // then what cuDNN finds fastest, of those that compute as precisely
  REQUIRE(run.data_gradient<float>({s, w.p, y.p, nullptr, x.p}));
  CHECK(watch.last() == "conv data gradient 2x4x5x6 by 8x2x3x3 to 2x8x5x4 pad 1x0 groups 2 algorithm 3 alpha 1 beta 0");
  REQUIRE(run.weight_gradient<float>({s, x.p, y.p, nullptr, w.p}));
  CHECK(watch.last() ==
        "conv weight gradient 2x4x5x6 by 8x2x3x3 to 2x8x5x4 pad 1x0 groups 2 algorithm 6 alpha 1 beta 0");
  cuda::allow_nondeterministic(false);
}

TEST_CASE("convolutions that are wrong") {
  Watch watch;
  Convolution run;
  CHECK(run(run.x.p, run.y.p) == CUDNN_STATUS_SUCCESS);
  run.bytes = 2000;
  CHECK(watch.refused(run(run.x.p, run.y.p), "a workspace of 2000 bytes for 2280"));
  run.bytes = 4000;
  CHECK(watch.refused(run(run.y.p, run.y.p), "the result overlaps an operand"));
  CHECK(watch.refused(run(run.x.p, run.space.p), "the workspace overlaps a tensor"));
  CHECK(watch.refused(run(run.x.p + (1 << 20), run.y.p), "not device memory"));
  REQUIRE(cudnnSetConvolutionGroupCount(run.c.conv, 1) == CUDNN_STATUS_SUCCESS);
  CHECK(watch.refused(run(run.x.p, run.y.p), "channels and groups do not fit"));
  REQUIRE(cudnnSetConvolutionGroupCount(run.c.conv, 2) == CUDNN_STATUS_SUCCESS);
  REQUIRE(cudnnSetTensor4dDescriptor(run.c.result, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 2, 8, 5, 5) ==
          CUDNN_STATUS_SUCCESS);
  CHECK(watch.refused(run(run.x.p, run.y.p), "the result of 2x4x5x6 by 8x2x3x3 is not 2x8x5x5"));
  REQUIRE(cudnnSetTensor4dDescriptor(run.c.result, CUDNN_TENSOR_NCHW, CUDNN_DATA_DOUBLE, 2, 8, 5, 4) ==
          CUDNN_STATUS_SUCCESS);
  CHECK(watch.refused(run(run.x.p, run.y.p), "types that differ"));
  const float one = 1, zero = 0;
  CHECK(watch.refused(cudnnConvolutionBackwardFilter(run.handle, &one, run.c.image, run.x.p, run.c.result, run.y.p,
                                                     run.c.conv, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0, run.space.p,
                                                     run.bytes, &zero, run.c.weight, run.w.p),
                      "types that differ"));
  REQUIRE(cudnnSetTensor4dDescriptor(run.c.result, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 2, 8, 5, 4) ==
          CUDNN_STATUS_SUCCESS);
  CHECK(watch.refused(cudnnConvolutionBackwardFilter(run.handle, &one, run.c.image, run.x.p, run.c.result, run.y.p,
                                                     run.c.conv, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0, run.space.p,
                                                     run.bytes, &zero, run.c.weight, run.w.p),
                      "an algorithm that gives other bits every time"));
  CHECK(watch.refused(cudnnAddTensor(run.handle, &one, run.c.image, run.x.p, &one, run.c.result, run.y.p),
                      "2x4x5x6 is not added to 2x8x5x4"));

  cudnnTensorDescriptor_t image = nullptr;
  REQUIRE(cudnnCreateTensorDescriptor(&image) == CUDNN_STATUS_SUCCESS);
  CHECK(watch.refused(
      cudnnConvolutionForward(run.handle, &one, image, run.x.p, run.c.weight, run.w.p, run.c.conv,
                              CUDNN_CONVOLUTION_FWD_ALGO_GEMM, run.space.p, run.bytes, &zero, run.c.result, run.y.p),
      "a descriptor that was not set"));
  REQUIRE(cudnnDestroyTensorDescriptor(image) == CUDNN_STATUS_SUCCESS);
  CHECK(watch.refused(cudnnSetTensor4dDescriptor(image, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 1, 1, 1, 1),
                      "no such cuDNN tensor descriptor"));
}

TEST_CASE("poolings") {
  Watch watch;
  const Floats x(180), y(54);
  const detail::PoolWindows p{{.planes = 6, .h = 5, .w = 6, .kh = 3, .kw = 2, .sh = 2, .sw = 2, .ph = 1}, false, 3, 3};
  const cuda::Stream side;
  const base::CudnnPoolings run{side.handle()};
  REQUIRE(run.maxima(p, x.p, y.p));
  CHECK(watch.last() == "pool max 1x6x5x6 to 1x6x3x3 kernel 3x2 pad 1x0 stride 2 alpha 1 beta 0");
  REQUIRE(run.average(p, true, x.p, y.p));
  CHECK(watch.last() == "pool average 1x6x5x6 to 1x6x3x3 kernel 3x2 pad 1x0 stride 2 alpha 1 beta 0");
  REQUIRE(run.average_backward(p, false, y.p, x.p));
  CHECK(watch.last() == "pool gradient average of what is inside 1x6x5x6 to 1x6x3x3 kernel 3x2 pad 1x0 stride 2 alpha 1 beta 0");
  CHECK(watch.r.seen().order.back().stream == side.handle());

  const auto failed = [&](const float* from, float* to) {
    try {
      return !run.maxima(p, from, to);
    } catch (const DeviceError&) {
      return true;
    }
  };
  CHECK(watch.refused(failed(x.p, x.p), "the result overlaps an operand"));
  CHECK(watch.refused(failed(x.p, x.p + (1 << 20)), "not device memory"));
}

TEST_CASE("a program that leaves handles or descriptors behind fails at its end") {
  const auto status = [](bool leave) {
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
      cudnnFilterDescriptor_t filter = nullptr;
      if (leave) (void)cudnnCreateFilterDescriptor(&filter);
      (void)!std::freopen("/dev/null", "w", stderr);
      std::exit(0);
    }
    int out = 0;
    waitpid(child, &out, 0);
    return WIFEXITED(out) ? WEXITSTATUS(out) : -1;
  };
  CHECK(status(false) == 0);
  CHECK(status(true) == 1);
}
