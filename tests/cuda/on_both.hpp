// SPDX-License-Identifier: MIT
// One function of tensors on the host and on a device that keeps to itself: values and gradients must agree.
#pragma once

#include <taper/core/random.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/methods.hpp>
#include <taper/ops/to.hpp>

#include <vector>

#include "tests/support/golden.hpp"

namespace on_both {

using namespace taper;

template <class T>
inline constexpr double tolerance = std::is_same_v<T, double> ? 1e-12
                                    : sizeof(T) == 2          ? 1e-2
                                                              : 1e-5;

/// x where the tensors of type Like are.
template <class Like, Scalar T>
auto beside(const Like&, const Tensor<T>& x) {
  if (!x.defined()) return Tensor<T, device_t<Like>>();
  return to<device_t<Like>>(x);
}

/// f(tensors) on both, then the gradients that each gets for one upstream gradient: as training makes them and, where
/// asked for, recorded.
template <class D, Scalar T, class F>
void check(const std::vector<Tensor<T>>& inputs, const F& f, bool recorded = false) {
  std::vector<Tensor<T>> x;
  std::vector<Tensor<T, D>> z;
  for (const auto& input : inputs) {
    x.push_back(detach(input).requires_grad_());
    z.push_back(to<D>(detach(input)).requires_grad_());
  }
  const Tensor<T> y = f(x);
  const Tensor<T, D> w = f(z);
  check_close(to<Cpu>(detach(w)), detach(y), tolerance<T>, tolerance<T>);
  const Tensor<T> g = cast<T>(randn<float>(y.shape()));
  for (int graph = 0; graph <= (recorded ? 1 : 0); ++graph) {
    INFO((graph ? "recorded backward" : "plain backward"));
    y.backward(g, {.retain_graph = true, .create_graph = graph == 1});
    w.backward(to<D>(g), {.retain_graph = true, .create_graph = graph == 1});
    for (std::size_t i = 0; i < x.size(); ++i) {
      INFO("gradient of input " << i);
      REQUIRE(x[i].grad().defined());
      REQUIRE(z[i].grad().defined());
      check_close(to<Cpu>(detach(z[i].grad())), detach(x[i].grad()), tolerance<T>, 2 * tolerance<T>);
      x[i].set_grad({}), z[i].set_grad({});
    }
  }
}

}  // namespace on_both
