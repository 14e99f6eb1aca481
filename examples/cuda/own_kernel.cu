// SPDX-License-Identifier: MIT
// Code of one's own on the GPU: a functor that fuses with Taper's, and a __global__ kernel as a differentiable function.
// Needs: cuda
#include <taper/cuda.hpp>
#include <taper/taper.hpp>

#include <cstdio>

using namespace taper;

/// A fused op: its mathematics once, for the host and for the device. min(max(x, -limit), limit) with slope 1 everywhere.
struct SoftLimit : FloatingOp {
  static constexpr std::string_view name = "soft_limit";
  static constexpr std::uint8_t reads[] = {reads_x0};
  double limit = 1;
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const {
    return V(limit) * math::tanh(x / V(limit));
  }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V /*y*/) const {
    const V t = math::tanh(x / V(limit));
    return V(1) - t * t;
  }
};

/// Every second element changes its sign.
__global__ void alternate(const float* x, float* y, std::int64_t n) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < n) y[i] = i % 2 == 0 ? x[i] : -x[i];
}

/// The kernel as a function with a gradient: it is its own inverse, and its own backward.
struct Alternate {
  static constexpr std::string_view name = "alternate";
  static Tensor<float, Cuda> run(const Tensor<float, Cuda>& x) {
    const Tensor<float, Cuda> in = contiguous(x);
    Tensor<float, Cuda> out = empty<float, Cuda>(in.shape());
    const std::int64_t n = in.numel();
    if (n > 0) alternate<<<static_cast<unsigned>((n + 255) / 256), 256, 0, cuda::current_stream().handle()>>>(in.data_ptr(), out.data_ptr(), n);
    return out;
  }
  Tensor<float, Cuda> forward(const Tensor<float, Cuda>& x) { return run(x); }
  Tensor<float, Cuda> backward(const Tensor<float, Cuda>& gradient) const { return run(gradient); }
};

int main() {
  if (!cuda::available()) {
    std::printf("there is no GPU here: nothing was run\n");
    return 0;
  }
  const auto x = to<Cuda>(tensor<float>({-1.5f, 0.2f, 0.7f, 2.4f})).requires_grad_();
  reset_stats();
  const Tensor<float, Cuda> y = apply("soft_limit", SoftLimit{{}, 2}, x * 3.0f) + 1.0f;
  std::printf("y = %s, %lld kernel\n", to_string(to<Cpu>(y)).c_str(), static_cast<long long>(stats().launches));
  sum(apply_function(Alternate{}, y)).backward();
  std::printf("dy/dx = %s\n", to_string(to<Cpu>(x.grad())).c_str());
  return 0;
}
