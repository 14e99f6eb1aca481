// SPDX-License-Identifier: MIT
// A function of tensors on the host and on a device: values, gradients, gradients of gradients must agree.
#pragma once

#include <taper/backend/cuda/thrust_host.hpp>
#include <taper/ops.hpp>
#include <taper/ops/to.hpp>

#include <vector>

#include "tests/support/golden.hpp"

namespace both_sides {

using namespace taper;
using D = ThrustCpp;

/// Fixed, irregular values between -1 and 1; whole ones up to 100 where T is an integer.
template <class T>
Tensor<T> irregular(const Shape& shape, int seed = 1) {
  Tensor<T> out(detail::make_dense<Cpu>(dtype_of<T>, shape));
  for (std::int64_t i = 0; i < out.numel(); ++i) {
    const double x = std::sin(static_cast<double>(i * 7 + seed) * 1.7 + 0.3);
    if constexpr (Complex<T>) out.data_ptr()[i] = T(static_cast<real_t<T>>(x), static_cast<real_t<T>>(std::cos(x * 3)));
    else if constexpr (Integral<T>) out.data_ptr()[i] = static_cast<T>(static_cast<std::int64_t>(x * 100));
    else out.data_ptr()[i] = static_cast<T>(x);
  }
  return out;
}
template <class T>
constexpr double tolerance = Integral<T> ? 0 : sizeof(real_t<T>) == 8 ? 1e-13 : sizeof(real_t<T>) == 2 ? 1e-2 : 1e-5;

template <class T>
void check_same(const Tensor<T, D>& on_device, const Tensor<T>& expected) {
  check_close(to<Cpu>(on_device), expected, tolerance<T>, tolerance<T>);
}

/// f of the inputs on both sides, and its gradients; those of an undefined input are left out.
template <class T, class F>
void check(const std::vector<Tensor<T>>& inputs, const F& f, bool create_graph = false) {
  std::vector<Tensor<T>> x;
  std::vector<Tensor<T, D>> y;
  for (const auto& t : inputs) {
    x.push_back(t.defined() ? clone(t) : t);
    y.push_back(t.defined() ? to<D>(t) : Tensor<T, D>());
    if constexpr (Differentiable<T>)
      if (t.defined()) x.back().requires_grad_(), y.back().requires_grad_();
  }
  const Tensor<T> expected = f(x);
  const Tensor<T, D> result = f(y);
  check_same(result, expected);
  if constexpr (Differentiable<T>) {
    const Tensor<T> g = irregular<T>(expected.shape(), 9);
    expected.backward(g, {.retain_graph = create_graph, .create_graph = create_graph});
    result.backward(to<D>(g), {.retain_graph = create_graph, .create_graph = create_graph});
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (!x[i].defined()) continue;
      INFO("gradient of input " << i);
      REQUIRE(x[i].grad().defined());
      check_same(y[i].grad(), x[i].grad());
    }
    if constexpr (!Complex<T>) {
      if (!create_graph) return;
      // The gradient of the sum of all gradients' squares.
      const auto second = [](auto& leaves) {
        auto total = sum(square(leaves[0].grad()));
        for (std::size_t i = 1; i < leaves.size(); ++i)
          if (leaves[i].defined()) total = total + sum(square(leaves[i].grad()));
        for (auto& leaf : leaves)
          if (leaf.defined()) leaf.set_grad({});
        total.backward();
      };
      second(x), second(y);
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (!x[i].defined() || !x[i].grad().defined()) continue;
        INFO("second gradient of input " << i);
        check_close(to<Cpu>(y[i].grad()), x[i].grad(), 100 * tolerance<T>, 100 * tolerance<T>);
      }
    }
  }
}

}  // namespace both_sides
