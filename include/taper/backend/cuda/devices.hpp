// SPDX-License-Identifier: MIT
// Which GPUs there are and which one a thread works on.
#pragma once

#include <taper/backend/cuda/errors.hpp>

namespace taper::inline TAPER_ABI::cuda {

/// How many GPUs this program may use; 0 where there is none, no driver, or one that is too old. Never throws.
inline int device_count() noexcept {
  int count = 0;  // left untouched where there is no driver
  return base::cuda_ok(cudaGetDeviceCount(&count)) ? count : 0;
}

/// Whether tensors can be made on Cuda here. Never throws.
inline bool available() noexcept { return device_count() > 0; }

/// The GPU that the calling thread's new tensors, streams and kernels belong to.
/// Throws: DeviceError where there is none.
inline int current_device() {
  int index = 0;
  base::check_cuda("current_device", cudaGetDevice(&index));
  return index;
}

}  // namespace taper::inline TAPER_ABI::cuda

namespace taper::inline TAPER_ABI::base {

inline void check_device(std::string_view op, int index) {
  int count = 0;
  check_cuda(op, cudaGetDeviceCount(&count));
  if (count == 0) cuda_failed(op, cudaErrorNoDevice);
  if (index < 0 || index >= count)
    raise<IndexError>(op, "there is no device ", index, ": this program sees ", count, ", counted from 0; CUDA_VISIBLE_DEVICES says which");
}

TAPER_COLD inline std::string device_name(int index) {
  cudaDeviceProp properties{};
  return cuda_ok(cudaGetDeviceProperties(&properties, index)) ? properties.name : "unknown";
}

}  // namespace taper::inline TAPER_ABI::base

namespace taper::inline TAPER_ABI::cuda {

/// What the maker calls a device, as "NVIDIA H100".
inline std::string device_name(int index) {
  base::check_device("device_name", index);
  return base::device_name(index);
}

/// From here on the calling thread works on this GPU.
/// Throws: IndexError where there are not as many, DeviceError where there is none.
inline void set_device(int index) {
  base::check_device("set_device", index);
  base::check_cuda("set_device", cudaSetDevice(index));
}

/// Waits until the current device has done all that was given to it.
inline void synchronize() { base::check_cuda("synchronize", cudaDeviceSynchronize()); }

/// The calling thread works on this GPU until the guard goes.
class DeviceGuard {
 public:
  explicit DeviceGuard(int index) : before_(current_device()) {
    if (index == before_) return;
    set_device(index);
    changed_ = true;
  }
  ~DeviceGuard() {
    if (changed_) (void)base::cuda_ok(cudaSetDevice(before_));
  }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  int before_;
  bool changed_ = false;
};

/// Waits until that device has done all that was given to it.
inline void synchronize(int index) {
  const DeviceGuard guard(index);
  synchronize();
}

}  // namespace taper::inline TAPER_ABI::cuda
