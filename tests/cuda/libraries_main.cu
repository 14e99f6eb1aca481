// SPDX-License-Identifier: MIT
// What goes through cuBLASLt and cuDNN's recurrent layers compiles for a GPU and links, and so does a custom function of
// several arguments; without a GPU it says why.
// Needs: cuda
#include <taper/cuda.hpp>
#include <taper/eval/function.hpp>
#include <taper/nn.hpp>

#include <cstdio>
#include <tuple>

using namespace taper;

struct Product {
  Saved<float, Cuda> x, y;
  Tensor<float, Cuda> forward(const Tensor<float, Cuda>& a, const Tensor<float, Cuda>& b) {
    x = Saved<float, Cuda>(a), y = Saved<float, Cuda>(b);
    return Tensor<float, Cuda>(a * b);
  }
  std::tuple<Tensor<float, Cuda>, Tensor<float, Cuda>> backward(const Tensor<float, Cuda>& g) const {
    return {Tensor<float, Cuda>(g * y.get()), Tensor<float, Cuda>(g * x.get())};
  }
};

void run() {
  const nn::Linear<float, Cuda> linear(4, 5);
  const nn::LSTM<float, Cuda> lstm(5, 3, {.bidirectional = true});
  const auto x = zeros<float, Cuda>({6, 2, 4});
  const Tensor<float, Cuda> y = lstm(relu(linear(x))).output + lstm(gelu(linear(x), GeluApproximate::tanh)).output;
  sum(apply_function(Product{}, y, y)).backward();
  NoGrad guard;
  if (any(isnan(linear(x) + gelu(linear(x), GeluApproximate::tanh))).item()) std::puts("NaN");
}

int main() {
  try {
    run();
  } catch (const DeviceError& e) {
    std::puts(e.what());
    return cuda::available() ? 1 : 0;
  }
}
