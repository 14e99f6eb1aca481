// SPDX-License-Identifier: MIT
// What goes through cuBLASLt and cuDNN's recurrent layers compiles for a GPU and links with both; without one it says why.
// Needs: cuda
#include <taper/cuda.hpp>
#include <taper/nn.hpp>

#include <cstdio>

using namespace taper;

template <class T>
void run() {
  const nn::Linear<T, Cuda> linear(4, 5);
  const nn::LSTM<T, Cuda> lstm(5, 3, {.bidirectional = true});
  const Tensor<T, Cuda> x = zeros<T, Cuda>({6, 2, 4});
  const Tensor<T, Cuda> y = lstm(relu(linear(x))).output + lstm(gelu(linear(x), GeluApproximate::tanh)).output;
  sum(y).backward();
  NoGrad guard;
  if (any(isnan(linear(x) + gelu(linear(x), GeluApproximate::tanh))).item()) std::puts("NaN");
}

int main() {
  if (!cuda::available()) {
    try {
      run<float>();
    } catch (const DeviceError& e) {
      return std::puts(e.what()), 0;
    }
    return 1;
  }
  run<float>();
  run<bfloat16>();
}
