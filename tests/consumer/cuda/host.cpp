// SPDX-License-Identifier: MIT
// Host code over the component cuda: it runs where there is a GPU and where there is none.
#include <taper/backend/cuda/cuda.hpp>

#include <cstdio>

int main() {
  using namespace taper;
  try {
    Cuda::deallocate(Cuda::allocate(100), 100);
    std::printf("%d devices\n", cuda::device_count());
    return !cuda::available();
  } catch (const DeviceError& e) {
    std::printf("%s\n", e.what());
    return cuda::available();
  }
}
