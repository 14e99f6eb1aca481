// SPDX-License-Identifier: MIT
// Devices, streams and memory of GPUs: the host code of cuda.md. Without a GPU it says so.
// Needs: cuda
#include <taper/core/factory.hpp>
#include <taper/cuda.hpp>

#include <cstdio>

using namespace taper;

int failed = 0;
void check(bool good, const char* what) {
  if (good) return;
  std::printf("wrong: %s\n", what);
  failed = 1;
}

void say_what_is_missing() {
  try {
    const auto x = empty<float, Cuda>({2, 3});
  } catch (const DeviceError& e) {
    std::puts(e.what());  // [current_device] there is no CUDA device: CUDA driver version is insufficient for ... (cudaErrorInsufficientDriver); ...
  }
}

void devices() {
  for (int i = 0; i < taper::cuda::device_count(); ++i) std::puts(taper::cuda::device_name(i).c_str());
  const taper::cuda::DeviceGuard guard(taper::cuda::device_count() - 1);  // new tensors and streams belong to the last one
  check(taper::cuda::current_device() == taper::cuda::device_count() - 1, "the current device");
}

void streams() {
  const taper::cuda::Stream side;
  taper::cuda::Event filled;
  Tensor<float, Cuda> x;
  {
    const taper::cuda::StreamGuard guard(side);  // what this thread does from here on goes through `side`
    x = empty<float, Cuda>({1000, 1000});
    cudaMemsetAsync(x.data_ptr(), 0, 4'000'000, side.handle());  // or to<Cuda>(y), a kernel, another library
    filled.record();
  }
  filled.wait();  // what the default stream does from here on comes behind that; the host goes on at once
  filled.synchronize();
  check(filled.query(), "the event");
}

void memory() {
  {
    const auto x = empty<float, Cuda>({1000, 1000});
    const taper::cuda::MemoryStats stats = taper::cuda::memory_stats();
    std::printf("%lld bytes in tensors, %lld taken from the device by %lld calls of cudaMalloc\n",
                static_cast<long long>(stats.allocated_bytes), static_cast<long long>(stats.reserved_bytes),
                static_cast<long long>(stats.system_allocations));
    check(stats.allocated_bytes >= 4'000'000, "what a tensor takes");
  }
  taper::cuda::empty_cache();  // for other programs on this device
  check(taper::cuda::memory_stats().allocated_bytes == 0, "what is left");
}

int main() {
  say_what_is_missing();
  if (!taper::cuda::available()) return 0;
  devices();
  streams();
  memory();
  return failed;
}
