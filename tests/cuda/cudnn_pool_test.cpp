// SPDX-License-Identifier: MIT
// The host's half of poolings through cuDNN, without a GPU: what computes is defined here, over host memory, by what its
// documentation says of a window. Descriptors are cuDNN's own.
// Needs: thrust cudnn
#include <taper/backend/cuda/cudnn_pool.hpp>
#include <taper/backend/cuda/thrust_host.hpp>
#include <taper/ops/pool.hpp>

#include <algorithm>
#include <cmath>

#include "tests/cuda/against_host.hpp"
#include "tests/cuda/no_gpu_cudnn.hpp"

using namespace taper;
using against_host::few_values;
using against_host::irregular;

namespace {

struct PoolSystem : ThrustCppSystem {
  static auto poolings() { return base::CudnnPoolings{nullptr}; }
};
using D = BasicThrust<PoolSystem>;

/// What cuDNN was asked, and what it is to answer.
struct Asked {
  int forwards = 0, backwards = 0;
  cudnnStatus_t answer = CUDNN_STATUS_SUCCESS;
};
Asked asked;

/// A call by its descriptors, whose sizes must be those that cuDNN finds itself.
struct Described {
  cudnnPoolingMode_t mode{};
  cudnnDataType_t type{};
  int n = 0, c = 0, h = 0, w = 0, oh = 0, ow = 0, kh = 0, kw = 0, ph = 0, pw = 0, sh = 0, sw = 0;

  Described(cudnnPoolingDescriptor_t pool, cudnnTensorDescriptor_t planes, cudnnTensorDescriptor_t result) {
    cudnnNanPropagation_t nan{};
    REQUIRE(cudnnGetPooling2dDescriptor(pool, &mode, &nan, &kh, &kw, &ph, &pw, &sh, &sw) == CUDNN_STATUS_SUCCESS);
    CHECK(nan == CUDNN_PROPAGATE_NAN);
    dense(planes, n, c, h, w);
    int rn = 0, rc = 0, fn = 0, fc = 0, fh = 0, fw = 0;
    dense(result, rn, rc, oh, ow);
    REQUIRE(cudnnGetPooling2dForwardOutputDim(pool, planes, &fn, &fc, &fh, &fw) == CUDNN_STATUS_SUCCESS);
    CHECK(std::vector{rn, rc, oh, ow} == std::vector{fn, fc, fh, fw});
    CHECK(c <= 1024);
  }
  void dense(cudnnTensorDescriptor_t t, int& a, int& b, int& y, int& x) {
    int stride[4] = {};
    REQUIRE(cudnnGetTensor4dDescriptor(t, &type, &a, &b, &y, &x, stride, stride + 1, stride + 2, stride + 3) == CUDNN_STATUS_SUCCESS);
    CHECK(std::vector(stride, stride + 4) == std::vector{b * y * x, y * x, x, 1});
  }
  /// f(element of the result, element of the planes, what an average divides by) for each element in each window.
  template <class F>
  void each(const F& f) const {
    for (int p = 0; p < n * c; ++p)
      for (int y = 0; y < oh; ++y)
        for (int x = 0; x < ow; ++x) {
          const int top = std::max(y * sh - ph, 0), bottom = std::min(y * sh - ph + kh, h);
          const int left = std::max(x * sw - pw, 0), right = std::min(x * sw - pw + kw, w);
          const int count = mode == CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING ? kh * kw : (bottom - top) * (right - left);
          for (int i = top; i < bottom; ++i)
            for (int j = left; j < right; ++j) f((p * oh + y) * ow + x, (p * h + i) * w + j, count);
        }
  }
};

template <class F>
void with_type(cudnnDataType_t type, const F& f) {
  if (type == CUDNN_DATA_DOUBLE) f(double());
  else if (type == CUDNN_DATA_FLOAT) f(float());
  else if (type == CUDNN_DATA_HALF) f(float16());
  else f(bfloat16());
}
/// The type of cuDNN's factors, which are to be 1 and 0.
template <class T>
void check_factors(const void* alpha, const void* beta) {
  CHECK(*static_cast<const compute_t<T>*>(alpha) == 1);
  CHECK(*static_cast<const compute_t<T>*>(beta) == 0);
}

}  // namespace

extern "C" {

cudnnStatus_t cudnnPoolingForward(cudnnHandle_t, cudnnPoolingDescriptor_t pool, const void* alpha, cudnnTensorDescriptor_t planes,
                                  const void* px, const void* beta, cudnnTensorDescriptor_t result, void* py) {
  if (asked.answer != CUDNN_STATUS_SUCCESS) return asked.answer;
  ++asked.forwards;
  const Described d(pool, planes, result);
  with_type(d.type, [&]<class T>(T) {
    check_factors<T>(alpha, beta);
    std::vector<double> out(static_cast<std::size_t>(d.n * d.c * d.oh * d.ow), d.mode == CUDNN_POOLING_MAX ? -std::numeric_limits<double>::infinity() : 0);
    d.each([&](int o, int i, int count) {
      const double v = static_cast<double>(static_cast<compute_t<T>>(static_cast<const T*>(px)[i]));
      double& to = out[static_cast<std::size_t>(o)];
      if (d.mode != CUDNN_POOLING_MAX) to += v / count;
      else if (v > to || std::isnan(v)) to = v;
    });
    for (std::size_t o = 0; o < out.size(); ++o) static_cast<T*>(py)[o] = static_cast<T>(static_cast<compute_t<T>>(out[o]));
  });
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnPoolingBackward(cudnnHandle_t, cudnnPoolingDescriptor_t pool, const void* alpha, cudnnTensorDescriptor_t,
                                   const void* py, cudnnTensorDescriptor_t result, const void* pdy, cudnnTensorDescriptor_t,
                                   const void* px, const void* beta, cudnnTensorDescriptor_t planes, void* pdx) {
  if (asked.answer != CUDNN_STATUS_SUCCESS) return asked.answer;
  ++asked.backwards;
  const Described d(pool, planes, result);
  CHECK(d.mode != CUDNN_POOLING_MAX);
  CHECK((py && px));
  with_type(d.type, [&]<class T>(T) {
    check_factors<T>(alpha, beta);
    std::vector<double> out(static_cast<std::size_t>(d.n * d.c * d.h * d.w));
    d.each([&](int o, int i, int count) {
      out[static_cast<std::size_t>(i)] += static_cast<double>(static_cast<compute_t<T>>(static_cast<const T*>(pdy)[o])) / count;
    });
    for (std::size_t i = 0; i < out.size(); ++i) static_cast<T*>(pdx)[i] = static_cast<T>(static_cast<compute_t<T>>(out[i]));
  });
  return CUDNN_STATUS_SUCCESS;
}

}  // extern "C"

namespace {

/// Runs f and tells how often cuDNN computed.
template <class F>
std::pair<int, int> calls(const F& f) {
  const Asked before = asked;
  f();
  return {asked.forwards - before.forwards, asked.backwards - before.backwards};
}
using Calls = std::pair<int, int>;

template <Scalar T, class F>
void check_average(const Tensor<T>& x, const F& f, bool library = true) {
  CHECK(calls([&] { against_host::check<T, D>({x}, [&](const auto& t) { return f(t[0]); }, 1); }) == (library ? Calls(1, 1) : Calls(0, 0)));
}

}  // namespace

TEMPLATE_TEST_CASE("averages are cuDNN's, both ways, with every option that it has", "", float, double, float16, bfloat16) {
  using T = TestType;
  const Tensor<T> x = irregular<T>({2, 3, 9, 11}), line = irregular<T>({3, 11});
  for (const bool include_pad : {false, true})
    for (const std::int64_t kernel : {1, 2, 3})
      for (const std::int64_t stride : {1, 2, 4})
        for (std::int64_t padding = 0; 2 * padding <= kernel; ++padding) {
          INFO("kernel " << kernel << ", stride " << stride << ", padding " << padding << ", include_pad " << include_pad);
          check_average(x, [&](const auto& t) {
            return avg_pool2d(t, {kernel, 2}, {.stride = {stride, 3}, .padding = {padding, 1}, .count_include_pad = include_pad});
          });
          check_average(line, [&](const auto& t) {
            return avg_pool1d(t, kernel, {.stride = stride, .padding = padding, .count_include_pad = include_pad});
          });
        }
}

TEST_CASE("what cuDNN has not is left to Taper's own kernels") {
  const Tensor<float> x = irregular<float>({2, 3, 9, 12});
  check_average(x, [](const auto& t) { return avg_pool2d(t, 2, {.ceil_mode = true}); }, false);  // reaches beyond 9
  check_average(x, [](const auto& t) { return avg_pool2d(t, 3, {.ceil_mode = true}); });         // reaches nothing more
  check_average(x, [](const auto& t) { return avg_pool2d(t, 2, {.divisor_override = 3}); }, false);
  check_average(x, [](const auto& t) { return adaptive_avg_pool2d(t, {3, 4}); }, false);
  check_average(x, [](const auto& t) { return avg_pool2d(t, 2, {.stride = {std::int64_t{1} << 31, 1}}); }, false);
  check_average(irregular<float>({0, 3, 9, 12}), [](const auto& t) { return avg_pool2d(t, 2); }, false);

  asked.answer = CUDNN_STATUS_NOT_SUPPORTED;
  check_average(x, [](const auto& t) { return avg_pool2d(t, 2); }, false);
  asked.answer = CUDNN_STATUS_EXECUTION_FAILED;
  CHECK_THROWS_WITH(avg_pool2d(to<D>(x), 2), Catch::Contains("cuDNN says"));
  asked.answer = CUDNN_STATUS_SUCCESS;
}

TEMPLATE_TEST_CASE("maxima are cuDNN's where nobody asks for their places", "", float, double, float16, bfloat16) {
  using T = TestType;
  const Tensor<T> x = few_values<T>({2, 3, 9, 11});
  for (const std::int64_t kernel : {1, 2, 3})
    for (const std::int64_t stride : {1, 2, 4}) {
      INFO("kernel " << kernel << ", stride " << stride);
      const MaxPool2dFuncOptions options{.stride = {stride, 2}, .padding = {kernel / 2, 1}};
      Tensor<T, D> y;
      CHECK(calls([&] { y = max_pool2d(to<D>(x), {kernel, 3}, options); }) == Calls(1, 0));
      CHECK(against_host::same(y, max_pool2d(x, {kernel, 3}, options)));
    }
  CHECK(calls([&] { max_pool2d_with_indices(to<D>(x), 2); }) == Calls(0, 0));
  CHECK(calls([&] { max_pool2d(to<D>(x), 2, {.dilation = 2}); }) == Calls(0, 0));
  CHECK(calls([&] { max_pool2d(to<D>(x).requires_grad_(), 2); }) == Calls(0, 0));
  CHECK(calls([&] { max_pool2d(to<D>(cast<int>(x)), 2); }) == Calls(0, 0));
}

TEST_CASE("planes are told to cuDNN as images of at most 1024") {
  for (const std::int64_t planes : {1, 1023, 1024, 1025, 2039, 4096}) {  // 2039 is prime
    INFO(planes << " planes");
    const Tensor<float> x = irregular<float>({planes, 2, 2});
    CHECK(against_host::same(max_pool2d(to<D>(x), 2), max_pool2d(x, 2)));
  }
}
