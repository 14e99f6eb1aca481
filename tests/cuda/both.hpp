// SPDX-License-Identifier: MIT
// Runs a function of a tensor on the host and on a device: values, gradients and gradients of gradients must agree.
#pragma once

#include "tests/support/catch.hpp"

#include <taper/backend/cuda/thrust_host.hpp>
#include <taper/taper.hpp>

namespace both {

using namespace taper;

using D = ThrustCpp;

template <class T>
bool same(const Tensor<T>& a, const Tensor<T>& b) {
  if (!(a.shape() == b.shape())) return false;
  const Tensor<T> x = contiguous(a), y = contiguous(b);
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    const T u = x.data_ptr()[i], v = y.data_ptr()[i];
    if constexpr (std::is_floating_point_v<T>) {
      if (u != u ? v == v : !(std::abs(u - v) <= 1e-5 * (1 + std::abs(v)))) return false;
    } else if (!(u == v)) {
      return false;
    }
  }
  return true;
}
template <class T>
bool same(const Tensor<T, D>& a, const Tensor<T>& b) {
  return same(Tensor<T>(to<Cpu>(a)), b);
}

/// Moves what a case was written with on the host to the device that it runs on.
template <class Device_>
struct Mover {
  template <class X>
  auto operator()(const X& x) const { return to<Device_>(x); }
};

/// f(mover, x) on both sides: its value, the gradient of a weighted sum of it, and the gradient of that.
template <class F>
void check(const Tensor<double>& x, const F& f) {
  auto host = x.detach().clone().requires_grad_();
  auto device = to<D>(x.detach()).clone().requires_grad_();
  const Tensor<double> y = f(Mover<Cpu>(), host);
  const Tensor<double, D> z = f(Mover<D>(), device);
  REQUIRE(same(z, y));
  if (!y.requires_grad()) return;
  const Tensor<double> weights = reshape(sin(arange<double>(0, y.numel(), 1)), y.shape());
  sum(y * weights).backward({.retain_graph = true});
  sum(z * to<D>(weights)).backward({.retain_graph = true});
  CHECK(same(device.grad(), host.grad()));
  const Tensor<double> first = grad(sum(square(y) * weights), host, {.create_graph = true});
  const Tensor<double, D> second = grad(sum(square(z) * to<D>(weights)), device, {.create_graph = true});
  REQUIRE(same(second.detach(), first.detach()));
  REQUIRE(second.requires_grad() == first.requires_grad());
  if (!first.requires_grad()) return;
  host.set_grad({}), device.set_grad({});
  sum(square(first)).backward();
  sum(square(second)).backward();
  CHECK(same(device.grad(), host.grad()));
}

Tensor<double> values(const Shape& shape) {
  const std::int64_t n = shape.numel();
  return reshape(sin(arange<double>(0, n, 1) * 1.7), shape);
}

}  // namespace both
