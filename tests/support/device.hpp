// SPDX-License-Identifier: MIT
// The device under test: the host, or what a build names in TAPER_TEST_DEVICE. Functions run there on copies of the host's
// tensors, and their results come back; gradients take the same way.
#pragma once

#include <taper/core/elements.hpp>
#include <taper/ops/to.hpp>

#include <tuple>
#include <vector>

#if defined(TAPER_TEST_DEVICE)
#include <taper/ops/eager.hpp>
#if TAPER_NVCC
#include <taper/backend/cuda/thrust.hpp>
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

/// The elements in row-major order, read on the host, and one of them.
template <taper::TensorLike X>
std::vector<taper::value_t<X>> values(const X& x) {
  return to_vector(back(x));
}
template <taper::TensorLike X>
taper::value_t<X> at(const X& x, std::int64_t i) {
  return values(x).at(static_cast<std::size_t>(i));
}

/// f as a function of host tensors, one by one, which runs on copies of them on the device under test.
template <class F>
auto run_copies(F f) {
  return [f](const auto&... x) {
    const auto moved = std::make_tuple(there(x)...);
    return back(std::apply(f, moved));
  };
}
/// f as a function of a list of host tensors, which runs on the device under test where it can be called with its tensors.
template <class T, class F>
auto run_there(const F& f) {
  return [&f](const std::vector<taper::Tensor<T>>& x) -> taper::Tensor<T> {
    if constexpr (requires { f(std::vector<taper::Tensor<T, D>>()); }) return back(f(there(x)));
    else return f(x);
  };
}

}  // namespace device
