// SPDX-License-Identifier: MIT
// A training step's host half on a stand-in for CUDA's runtime: what it launches, allocates, copies and waits for.
// Needs: cuda
#include "tests/cuda/standin/recorder.hpp"

#include <taper/amp/grad_scaler.hpp>
#include <taper/backend/cuda/cuda.hpp>
#if __has_include(<dlpack/dlpack.h>)
#include <taper/interop/dlpack.hpp>
#endif
#include <taper/nn/layers/batch_norm.hpp>
#include <taper/ops.hpp>
#include <taper/ops/pin_memory.hpp>
#include <taper/ops/to.hpp>
#include <taper/optim/sgd.hpp>

#include <cstdio>

using namespace taper;

static int failures = 0;
#define CHECK_EQUAL(a, b)                                                                                           \
  if (const long long x = static_cast<long long>(a), y = static_cast<long long>(b); x != y) {                      \
    std::printf("%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #a, x, y);                                     \
    ++failures;                                                                                                     \
  }

static long long launches(const standin::Seen& seen, const char* part) {
  long long n = 0;
  for (const standin::Launch& l : seen.launches) n += l.kernel.find(part) != l.kernel.npos;
  return n;
}

static bool says(const char* text, std::string_view part) {
  const bool found = std::string_view(text).find(part) != std::string_view::npos;
  if (!found) std::printf("no \"%.*s\" in: %s\n", static_cast<int>(part.size()), part.data(), text);
  return found;
}

/// A launch that fails is named by what it would have computed.
template <class F>
static void check_failed_launch(standin::Recorder& recorder, cudaError_t status, bool fault, std::string_view part, F f) {
  recorder.fail_launch(status, fault);
  try {
    f();
    CHECK_EQUAL(0, 1);
  } catch (const DeviceError& e) {
    CHECK_EQUAL(says(e.what(), part), true);
  }
  recorder.fail_launch(cudaSuccess);
  (void)cudaGetLastError();
}

struct Net {
  Tensor<float, Cuda> w1, b1, w2, b2;
  Tensor<float, Cuda> operator()(const Tensor<float, Cuda>& x) const {
    const Tensor<float, Cuda> h = tanh(x * w1 + b1);
    return relu(h * w2 + b2);
  }
};
static Tensor<float, Cuda> parameter(const Shape& shape, float value) { return to<Cuda>(full<float>(shape, value)).requires_grad_(); }

int main() {
  standin::Recorder* const recorder = standin::recorder();
  if (!recorder) {
    std::printf("this runs on a real CUDA runtime: LD_LIBRARY_PATH does not lead to the stand-in\n");
    return 1;
  }
  const standin::Seen& seen = recorder->seen();
  recorder->allocator([](const void* p, std::size_t bytes) { return base::DeviceMemory::get().contains(p, bytes); });
  {
    const Net net{parameter({1000}, 0.5f), parameter({1000}, 0.25f), parameter({64, 1000}, 2), parameter({64, 1}, 1)};
    const Tensor<float> host_x = full<float>({64, 1000}, 1.5f), host_y = full<float>({64, 1000}, 0.5f);
    const cuda::Stream side;
    for (int step = 0; step < 4; ++step) {
      const bool first = step == 0;
      recorder->forget();
      const cuda::StreamGuard guard(step < 3 ? cuda::default_stream() : side);
      const Tensor<float, Cuda> x = to<Cuda>(host_x), y = to<Cuda>(host_y);
      CHECK_EQUAL(seen.launches.size(), 0);
      const Tensor<float, Cuda> loss = mean(square(net(x) - y));
      CHECK_EQUAL(launches(seen, "ForwardKernel"), 2);
      CHECK_EQUAL(launches(seen, "VjpKernel"), 0);
      loss.backward();
      CHECK_EQUAL(launches(seen, "VjpKernel"), 2);
      {
        const NoGrad no_grad;
        for (Tensor<float, Cuda> p : {net.w1, net.b1, net.w2, net.b2}) {
          p -= 0.1f * p.grad();
          p.set_grad({});
        }
      }
      CHECK_EQUAL(launches(seen, "ForwardKernel"), 6);
      CHECK_EQUAL(seen.synchronisations, 0);
      CHECK_EQUAL(seen.copies.size(), 2);
      (void)loss.item();
      CHECK_EQUAL(seen.copies.size(), 3);
      CHECK_EQUAL(seen.synchronisations, 1);
      if (!first && step < 3) {
        CHECK_EQUAL(seen.mallocs, 0);
        CHECK_EQUAL(seen.host_mallocs, 0);
      }
      CHECK_EQUAL(seen.frees, 0);
      CHECK_EQUAL(seen.faults.size(), 0);
      for (const standin::Launch& l : seen.launches)
        if (l.stream != (step < 3 ? cudaStreamLegacy : side.handle())) {
          std::printf("%s went to another stream than the current one\n", l.kernel.c_str());
          ++failures;
        }
      CHECK_EQUAL(seen.launches.size(), 14);  // beside those: 2 of the loss, 1 that fills its gradient, 3 sums over broadcast axes
    }
  }
  {
    const Tensor<float> pinned = pin_memory(arange<float>(1000).view({10, 100}).t());
    recorder->forget();
    const auto there = to<Cuda>(pinned, {.non_blocking = true});
    CHECK_EQUAL(seen.copies.size(), 1);
    CHECK_EQUAL(seen.copies[0].from == pinned.data_ptr(), true);
    CHECK_EQUAL(seen.synchronisations, 0);
    CHECK_EQUAL(equal(to<Cpu>(there), pinned), true);
#if __has_include(<dlpack/dlpack.h>)
    CHECK_EQUAL(equal(to<Cpu>(from_dlpack<float, Cuda>(to_dlpack(there))), pinned), true);
#endif
  }
  {  // A scaled step waits once, to learn whether it is taken (kernels do not run here: by chance); statistics wait for nothing.
    nn::BatchNorm1d<float, Cuda> norm(8);
    optim::SGD optimizer{parameters(norm), {.lr = 0.1}};
    amp::GradScaler scaler;
    const auto x = to<Cuda>(full<float>({16, 8}, 1.5f));
    for (int step = 0; step < 2; ++step) {
      recorder->forget();
      optimizer.zero_grad();
      scaler.scale(mean(square(norm(x)))).backward();
      CHECK_EQUAL(seen.synchronisations, 0);
      scaler.step(optimizer);
      scaler.update();
      CHECK_EQUAL(seen.synchronisations, 1);
      CHECK_EQUAL(launches(seen, "ListFold"), 1);
    }
  }
  {
    const Net net{parameter({1000}, 0.5f), parameter({1000}, 0.25f), parameter({64, 1000}, 2), parameter({64, 1}, 1)};
    float* const gone = empty<float, Cuda>({10'000'000}).data_ptr();  // larger than what the results share
    recorder->forget();
    (void)net(from_blob<float, Cuda>(gone, {64, 1000}));
    CHECK_EQUAL(seen.faults.size() > 0 && seen.faults[0].find("a pointer to memory that is not in use") != std::string::npos, true);
    recorder->forget();
  }
  {
    const auto x = parameter({100}, 2);
    const Tensor<float, Cuda> y = tanh(x) * 2.0f + x, g = ones_like(y);
    check_failed_launch(*recorder, cudaErrorInvalidConfiguration, false,
                        "[ForwardKernel: Tanh, Mul, Add] CUDA: cudaErrorInvalidConfiguration (cudaErrorInvalidConfiguration)",
                        [&] { (void)eval(tanh(x) * 2.0f + x); });
    check_failed_launch(*recorder, cudaErrorInvalidConfiguration, false, "[VjpKernel: Tanh, Mul, Add] CUDA", [&] { y.backward(g); });
    check_failed_launch(*recorder, cudaErrorInvalidConfiguration, false, "[ReduceKernel<ProgramValue<", [&] { (void)eval(sum(x)); });
    check_failed_launch(*recorder, cudaErrorIllegalAddress, true, "; an earlier kernel may be the cause", [&] { (void)eval(exp(x)); });
  }
  CHECK_EQUAL(cuda::memory_stats().allocated_bytes, 0);
  cuda::empty_cache();
  CHECK_EQUAL(recorder->live().blocks, 0);
  CHECK_EQUAL(recorder->live().host_blocks, 1);  // where kernels leave what they find wrong
  CHECK_EQUAL(seen.faults.size(), 0);
  return failures != 0;
}
