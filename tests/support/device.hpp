// SPDX-License-Identifier: MIT
// The device under test: the host, or what a build names in TAPER_TEST_DEVICE. Functions run there on copies of the host's
// tensors, and their results come back; gradients take the same way.
#pragma once

#include <taper/ops/to.hpp>

#include <vector>

#if defined(TAPER_TEST_DEVICE)
#if TAPER_NVCC
#include <taper/cuda.hpp>
#else
#include "tests/support/guarded_system.hpp"
#include "tests/support/simt_system.hpp"
#endif
#endif

namespace device {

#if defined(TAPER_TEST_DEVICE)
using D = TAPER_TEST_DEVICE;
#else
using D = taper::Cpu;
#endif
inline constexpr bool is_host = std::same_as<D, taper::Cpu>;

template <class T>
taper::Tensor<T, D> there(const taper::Tensor<T>& x) {
  if (!x.defined()) return {};
  return taper::to<D>(x);
}
template <class T>
std::vector<taper::Tensor<T, D>> there(const std::vector<taper::Tensor<T>>& x) {
  std::vector<taper::Tensor<T, D>> out;
  for (const auto& t : x) out.push_back(there(t));
  return out;
}
/// A result on the host; what is no tensor stays as it is.
template <class X>
decltype(auto) back(X&& x) {
  if constexpr (is_host) return std::forward<X>(x);
  else return taper::to<taper::Cpu>(std::forward<X>(x));
}

/// f as a function of host tensors, which runs on the device under test where it can be called with its tensors.
template <class T, class F>
auto run_there(const F& f) {
  return [&f](const std::vector<taper::Tensor<T>>& x) -> taper::Tensor<T> {
    if constexpr (requires { f(std::vector<taper::Tensor<T, D>>()); }) return back(f(there(x)));
    else return f(x);
  };
}

}  // namespace device
