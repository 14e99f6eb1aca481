// SPDX-License-Identifier: MIT
// Memory of a device that goes back where a function ends, also by an error.
#pragma once

#include <taper/config.hpp>

#include <cstddef>
#include <cstdint>

namespace taper::inline TAPER_CODE::detail {

/// Memory of a device for the length of a function.
template <class D, class T>
class DeviceScratch {
 public:
  explicit DeviceScratch(std::int64_t n)
      : bytes_(static_cast<std::size_t>(n) * sizeof(T)), p_(static_cast<T*>(D::allocate(bytes_))) {}
  DeviceScratch(const DeviceScratch&) = delete;
  DeviceScratch& operator=(const DeviceScratch&) = delete;
  ~DeviceScratch() { D::deallocate(p_, bytes_); }
  T* get() const { return p_; }

 private:
  std::size_t bytes_;
  T* p_;
};

}  // namespace taper::inline TAPER_CODE::detail
