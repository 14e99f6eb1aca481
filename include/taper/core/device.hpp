// SPDX-License-Identifier: MIT
// Devices are tag types: part of a tensor's type, so that mixing them does not compile.
#pragma once

#include <taper/core/allocator.hpp>

#include <concepts>
#include <cstddef>
#include <string_view>

namespace taper::inline TAPER_ABI {

/// The host.
struct Cpu {
  static constexpr std::string_view name = "cpu";
  static void* allocate(std::size_t bytes) { return base::allocate(bytes); }
  static void deallocate(void* p, std::size_t bytes) noexcept { base::deallocate(p, bytes); }
};

/// A tag that names a device and says where its memory comes from. One whose memory the host cannot touch also moves it:
/// to_host(host, device, bytes), from_host(device, host, bytes), which return when the bytes have arrived; copy(to, from, bytes)
/// and zero(p, bytes) on the device.
template <class D>
concept Device = requires(void* p, std::size_t n) {
  { D::name } -> std::convertible_to<std::string_view>;
  { D::allocate(n) } -> std::same_as<void*>;
  D::deallocate(p, n);
};

namespace base {
/// The host, where kernels are functions and memory is memory.
template <class D>
inline constexpr bool on_host = std::same_as<D, Cpu>;
}  // namespace base

}  // namespace taper::inline TAPER_ABI
