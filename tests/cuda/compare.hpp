// SPDX-License-Identifier: MIT
// What a device gives, whose memory the host cannot touch, against what the host gives: values, gradients, gradients of
// gradients.
#pragma once

#include <taper/ops.hpp>

#include <cmath>
#include <functional>
#include <limits>

#include "tests/support/catch.hpp"
#include "tests/support/guarded_system.hpp"

namespace device_test {

using namespace taper;
using D = Guarded;

/// The same shape, and elements within `ulp` of the host's or of `least`, whichever is more; NaN where it has NaN.
template <Scalar T>
bool same(const Tensor<T, D>& device, const Tensor<T>& host, double ulp = 0, double least = 0) {
  if (!(device.shape() == host.shape())) return false;
  const Tensor<T> a = contiguous(to<Cpu>(device)), b = contiguous(host);
  for (std::int64_t i = 0; i < a.numel(); ++i) {
    const T x = std::as_const(a).data_ptr()[i], y = std::as_const(b).data_ptr()[i];
    if constexpr (Floating<T>) {
      const auto u = static_cast<double>(static_cast<compute_t<T>>(x)),
                 v = static_cast<double>(static_cast<compute_t<T>>(y));
      const auto epsilon = static_cast<double>(static_cast<compute_t<T>>(std::numeric_limits<T>::epsilon()));
      if (std::isnan(u) && std::isnan(v)) continue;
      if (u == v) continue;
      if (!(std::abs(u - v) <= ulp * epsilon * std::max(std::abs(v), least))) return false;
    } else if (!(x == y)) {
      return false;
    }
  }
  return true;
}

/// A function of a tensor on both sides: its value, the gradient of a weighted sum of squares, and the gradient of
/// that.
inline void check_gradients_of(const Tensor<double>& x,
                               const std::function<Tensor<double>(const Tensor<double>&)>& here,
                               const std::function<Tensor<double, D>(const Tensor<double, D>&)>& there) {
  constexpr double ulp = 64;
  auto host = x.detach().clone().requires_grad_();
  auto device = to<D>(x.detach()).clone().requires_grad_();
  const Tensor<double> y = here(host);
  const Tensor<double, D> z = there(device);
  REQUIRE(same(z.detach(), y.detach(), ulp, 1));
  const Tensor<double> weights = reshape(sin(arange<double>(0, y.numel(), 1)), y.shape());
  sum(square(y) * weights).backward({.retain_graph = true});
  sum(square(z) * to<D>(weights)).backward({.retain_graph = true});
  CHECK(same(device.grad(), host.grad(), ulp, 1));
  const Tensor<double> first = grad(sum(square(y) * weights), host, {.create_graph = true});
  const Tensor<double, D> second = grad(sum(square(z) * to<D>(weights)), device, {.create_graph = true});
  REQUIRE(same(second.detach(), first.detach(), ulp, 1));
  host.set_grad({}), device.set_grad({});
  sum(square(first)).backward();
  sum(square(second)).backward();
  CHECK(same(device.grad(), host.grad(), ulp * 16, 1));
}

template <class F>
void check_gradients(const Tensor<double>& x, const F& f) {
  check_gradients_of(x, f, f);
}

}  // namespace device_test
