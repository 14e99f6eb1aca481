// SPDX-License-Identifier: MIT
// Taper on a GPU: fused pointwise forward and backward against the bandwidth of a copy, and training steps.
// Build: -DTAPER_FIRST_ORDER_ONLY
// Needs: cuda
#include <taper/cuda.hpp>
#include <taper/taper.hpp>

#include <algorithm>
#include <cstdio>
#include <vector>

using namespace taper;

namespace {

/// Median seconds of f() over the samples, by events around it.
template <class F>
double seconds(F&& f, int samples = 20, int repeats = 10) {
  std::vector<double> times;
  taper::cuda::Event begin({.enable_timing = true}), end({.enable_timing = true});
  for (int i = 0; i < samples + 3; ++i) {
    begin.record();
    for (int k = 0; k < repeats; ++k) f();
    end.record();
    end.synchronize();
    if (i >= 3) times.push_back(begin.elapsed_time(end) * 1e-3 / repeats);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

double copy_bandwidth(std::int64_t n) {
  const Tensor<float, Cuda> from = zeros<float, Cuda>({n});
  Tensor<float, Cuda> to = empty<float, Cuda>({n});
  return 8.0 * static_cast<double>(n) / seconds([&] { Cuda::copy(to.data_ptr(), from.data_ptr(), 4 * static_cast<std::size_t>(n)); });
}

/// tanh(a x + b) c + relu(d): five tensors in, one out; backward reads them and the gradient and writes five.
void pointwise(std::int64_t n, double copy) {
  const auto leaf = [n](float value) { return full<float, Cuda>({n}, value).requires_grad_(); };
  const auto a = leaf(0.5f), x = leaf(0.3f), b = leaf(0.1f), c = leaf(1.5f), d = leaf(-0.2f);
  const auto g = full<float, Cuda>({n}, 1);
  const auto forget = [&] {
    for (const auto* t : {&a, &x, &b, &c, &d}) t->set_grad({});
  };
  const double forward = seconds([&] {
    const NoGrad guard;
    const Tensor<float, Cuda> y = tanh(a * x + b) * c + relu(d);
  });
  const double both = seconds([&] {
    const Tensor<float, Cuda> y = tanh(a * x + b) * c + relu(d);
    y.backward(g);
    forget();
  });
  const double bytes = 4.0 * static_cast<double>(n);
  std::printf("pointwise %.0e   forward %8.1f us (%3.0f %% of a copy's bandwidth)   with backward %8.1f us (%3.0f %%)\n", static_cast<double>(n),
              forward * 1e6, 100 * 6 * bytes / forward / copy, both * 1e6, 100 * (6 + 11) * bytes / both / copy);
}

template <Device D>
struct Mlp {
  nn::Linear<float, D> first{784, 512}, second{512, 512}, last{512, 10};
  Tensor<float, D> operator()(const Tensor<float, D>& x) const { return last(relu(second(relu(first(x))))); }
};
template <Device D>
struct LeNet {
  nn::Conv2d<float, D> conv1{1, 6, {.kernel_size = 5, .padding = 2}}, conv2{6, 16, {.kernel_size = 5}};
  nn::Linear<float, D> fc1{400, 120}, fc2{120, 84}, fc3{84, 10};
  Tensor<float, D> operator()(const Tensor<float, D>& x) const {
    const Tensor<float, D> h = max_pool2d(relu(conv2(max_pool2d(relu(conv1(x)), 2))), 2);
    return fc3(relu(fc2(relu(fc1(flatten(h, 1))))));
  }
};

template <class Net>
void training(const char* name, Net net, const Tensor<float, Cuda>& x, const Tensor<std::int64_t, Cuda>& label) {
  optim::Adam optimizer{parameters(net), {.lr = 1e-3}};
  const double step = seconds([&] {
    optimizer.zero_grad();
    cross_entropy(net(x), label).backward();
    optimizer.step();
  });
  std::printf("training step %-8s %8.1f us\n", name, step * 1e6);
}

}  // namespace

int main() {
  if (!taper::cuda::available()) {
    std::printf("there is no GPU here: nothing was measured\n");
    return 77;
  }
  manual_seed(0);
  const double copy = copy_bandwidth(std::int64_t{1} << 26);
  std::printf("Taper on %s: a copy moves %.0f GB/s\n", taper::cuda::device_name(taper::cuda::current_device()).c_str(), copy * 1e-9);
  for (const std::int64_t n : {1'000, 100'000, 10'000'000, 100'000'000}) pointwise(n, copy);
  const auto label = to<Cuda>(randint<std::int64_t>(0, 10, {64}));
  training("MLP", Mlp<Cuda>{}, to<Cuda>(randn<float>({64, 784})), label);
  training("LeNet-5", LeNet<Cuda>{}, to<Cuda>(randn<float>({64, 1, 28, 28})), label);
  return 0;
}
