// SPDX-License-Identifier: MIT
// What the stand-ins for libraries share: each finds the one for the runtime in the same program.
#pragma once

#include "tests/cuda/standin/recorder.hpp"

#include <taper/core/error.hpp>

#include <cuda_runtime_api.h>

namespace standin {

inline int current_device() {
  int device = 0;
  return cudaGetDevice(&device) == cudaSuccess ? device : -1;
}
/// A library's handle: of the device on which it was made, for one stream at a time.
struct Handle {
  int device = current_device();
  cudaStream_t stream = nullptr;
};

/// One call of a library. The first thing that is wrong with it is a fault.
class Call {
 public:
  explicit Call(std::string name) : name_(std::move(name)) {}

  bool good() const { return good_; }
  template <class... Parts>
  Call& require(bool condition, const Parts&... parts) {
    if (good_ && !condition) recorder()->fault(name_ + ": " + taper::base::concat(parts...));
    good_ = good_ && condition;
    return *this;
  }
  Call& lives(const void* thing, const char* kind) {
    if (good_) good_ = recorder()->lives(thing, kind, name_);
    return *this;
  }
  /// Bytes of device memory, as the host may touch them.
  template <class T = void>
  T* reach(const void* p, std::int64_t bytes) {
    std::byte* const at = good_ ? recorder()->reach(p, static_cast<std::size_t>(bytes), name_) : nullptr;
    good_ = at;
    return reinterpret_cast<T*>(at);
  }
  /// Into the handle's stream, with what was asked for.
  template <class... Parts>
  bool submit(const Handle& handle, const Parts&... parts) {
    require(handle.device == current_device(), "the handle is another device's");
    if (good_) good_ = recorder()->submit(name_ + taper::base::concat(parts...), handle.stream);
    return good_;
  }

 private:
  std::string name_;
  bool good_ = true;
};

/// Whether two runs of bytes share some.
inline bool overlap(const void* a, std::int64_t bytes_a, const void* b, std::int64_t bytes_b) {
  const auto* const x = static_cast<const char*>(a);
  const auto* const y = static_cast<const char*>(b);
  return x < y + bytes_b && y < x + bytes_a;
}

}  // namespace standin
