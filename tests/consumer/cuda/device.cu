// SPDX-License-Identifier: MIT
// A kernel that calls a constexpr function of the standard library, in C++20: the flags came with the target.
#include <taper/backend/cuda/event.hpp>

#include <algorithm>
#include <concepts>

template <std::integral T>
__global__ void larger(T* out, T a, T b) {
  *out = std::max(a, b);
}

int main() {
  if (!taper::cuda::available()) return 0;
  int* out = nullptr;
  taper::base::check_cuda("main", cudaMallocHost(&out, sizeof(int)));
  larger<<<1, 1>>>(out, 2, 3);
  taper::cuda::synchronize();
  return *out != 3;
}
