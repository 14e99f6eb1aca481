// SPDX-License-Identifier: MIT
// Tensors of a device whose backend this file has not: held and passed on, and nothing computed.
// CASE 1: evaluating a pointwise expression on this device needs its backend: compile this file as .cu
// CASE 2: copying to and from this device, and the gradient of it, need its backend: compile this file as .cu
// CASE 3: copying to and from this device, and the gradient of it, need its backend: compile this file as .cu
// CASE 4: error_operands_are_on_different_devices_move_one_with_to
#include <taper/backend/cuda/device.hpp>
#include <taper/core/factory.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/to.hpp>

#ifndef CASE
#define CASE 0
#endif

using namespace taper;

struct System {
  static constexpr std::string_view name = "far";
  static void* allocate(std::size_t bytes);
  static void deallocate(void* p, std::size_t bytes) noexcept;
  static void to_host(void* to, const void* from, std::size_t bytes);
  static void from_host(void* to, const void* from, std::size_t bytes);
};
using Far = BasicThrust<System>;

Tensor<float, Far> check(Tensor<float> x, Tensor<float, Far> far) {
#if CASE == 1
  far = far * far;
#endif
#if CASE == 2
  far = to<Far>(x);
#endif
#if CASE == 3
  x = to<Cpu>(far);
#endif
#if CASE == 4
  (void)(x + far);
#endif
  (void)x.shape();
  return empty<float, Far>(far.shape());
}
