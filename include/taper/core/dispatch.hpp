// SPDX-License-Identifier: MIT
// dispatch(name, f): a device chosen at run time, code written once for all of them.
#pragma once

#include <taper/core/device.hpp>
#include <taper/core/error.hpp>

namespace taper::inline TAPER_ABI {

namespace base {

/// Defined by <taper/cuda.hpp> where this unit can compute on such a device:
///   type: its tag;  static bool named(std::string_view);  and an object made of the name, which throws DeviceError where
///   there is none and otherwise keeps the device current while it lives.
template <class>
struct CudaChoice;

}  // namespace base

/// f.operator()<Cpu>() for "cpu", f.operator()<Cuda>() for "cuda" and "cuda:1" in .cu files that include <taper/cuda.hpp>:
///   dispatch(name, [&]<Device D>() { train<D>(settings); });
/// Both must return the same type. Throws: DeviceError for a name that this program has no code for, or a device that is not
/// there.
template <class F>
decltype(auto) dispatch(std::string_view device, F&& f) {
  if constexpr (requires { sizeof(base::CudaChoice<F>); })
    if (base::CudaChoice<F>::named(device)) {
      const base::CudaChoice<F> current(device);
      return f.template operator()<typename base::CudaChoice<F>::type>();
    }
  if (device == Cpu::name) return f.template operator()<Cpu>();
  base::raise<DeviceError>("dispatch", "this program has no code for a device '", device, "'",
                           device.starts_with("cuda") ? ": compile it as a .cu file that includes <taper/cuda.hpp>" : ": the host is 'cpu'");
}

}  // namespace taper::inline TAPER_ABI
