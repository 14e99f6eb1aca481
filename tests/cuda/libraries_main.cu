// SPDX-License-Identifier: MIT
// What goes through cuBLASLt and cuDNN's recurrent layers compiles for a GPU and links; without one it says why.
// Needs: cuda
#include <taper/cuda.hpp>
#include <taper/nn.hpp>

#include <cstdio>

using namespace taper;

void run() {
  const nn::Linear<float, Cuda> linear(4, 5);
  const nn::LSTM<float, Cuda> lstm(5, 3, {.bidirectional = true});
  const auto x = zeros<float, Cuda>({6, 2, 4});
  const Tensor<float, Cuda> y = lstm(relu(linear(x))).output + lstm(gelu(linear(x), GeluApproximate::tanh)).output;
  sum(y).backward();
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
