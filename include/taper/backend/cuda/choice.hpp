// SPDX-License-Identifier: MIT
// "cuda" and "cuda:1" as names of devices for dispatch().
#pragma once

#include <taper/backend/cuda/cuda.hpp>
#include <taper/core/dispatch.hpp>

#include <charconv>

namespace taper::inline TAPER_ABI::base {

#if TAPER_NVCC
template <class>
struct CudaChoice {
  using type = Cuda;
  static bool named(std::string_view device) { return device == Cuda::name || device.starts_with("cuda:"); }
  explicit CudaChoice(std::string_view device) : current_(index_in(device)) {}

 private:
  static int index_in(std::string_view device) {
    if (device == Cuda::name) return cuda::current_device();
    const std::string_view digits = device.substr(5);
    int index = -1;
    const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (status != std::errc() || end != digits.data() + digits.size())
      raise<DeviceError>("dispatch", "'", device, "' names no device: write cuda, or cuda: and a number");
    check_device("dispatch", index);
    return index;
  }
  cuda::DeviceGuard current_;
};
#endif

}  // namespace taper::inline TAPER_ABI::base
