// SPDX-License-Identifier: MIT
// A function of tensors on a device, whose memory the host cannot touch, against the same on the host: values, gradients, gradients
// of gradients.
#pragma once

#include <taper/ops/arithmetic.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/methods.hpp>
#include <taper/ops/to.hpp>

#include <functional>
#include <vector>

#include "tests/ops/golden_case.hpp"
#include "tests/support/guarded_system.hpp"

namespace against_host {

using namespace taper;
using There = Guarded;

using golden::irregular;

template <class T>
inline constexpr double tolerance = std::is_same_v<T, double>     ? 1e-12
                                    : std::is_same_v<T, bfloat16> ? 2e-2
                                    : std::is_same_v<T, float16>  ? 3e-3
                                    : std::is_floating_point_v<T> ? 1e-5
                                                                  : 0;

template <class T, class D>
using Function = std::function<Tensor<T, D>(const std::vector<Tensor<T, D>>&)>;

/// What f gives: its value, the gradients of all inputs for a fixed upstream gradient, and the gradients of a fixed
/// combination of these.
template <class T, class D>
std::vector<Tensor<T>> run(const std::vector<Tensor<T>>& inputs, const Function<T, D>& f) {
  std::vector<Tensor<T, D>> x;
  for (const auto& input : inputs) x.push_back(detach(to<D>(input)).requires_grad_());
  const Tensor<T, D> y = f(x);
  std::vector<Tensor<T>> out{to<Cpu>(detach(y))};
  const auto take = [&] {
    for (auto& t : x) {
      out.push_back(t.grad().defined() ? to<Cpu>(detach(t.grad())) : Tensor<T>());
      t.set_grad({});
    }
  };
  Tensor<T, D> g = to<D>(irregular<T>(y.shape(), 3));
  y.backward(g, {.retain_graph = true});
  take();
  g.requires_grad_();
  x.push_back(g);
  y.backward(g, {.create_graph = true});
  Tensor<T, D> total;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Tensor<T, D> part = sum(x[i].grad() * to<D>(irregular<T>(x[i].shape(), static_cast<int>(i))));
    total = total.defined() ? Tensor<T, D>(total + part) : part;
  }
  for (auto& t : x) t.set_grad({});
  if (total.requires_grad()) total.backward();
  take();
  return out;
}

template <class T, class F>
void check(const std::vector<Tensor<T>>& inputs, const F& f) {
  const std::vector<Tensor<T>> expected = run<T, Cpu>(inputs, Function<T, Cpu>(f)),
                               found = run<T, There>(inputs, Function<T, There>(f));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    INFO("value, gradients, second gradients: number " << i);
    REQUIRE(found[i].defined() == expected[i].defined());
    if (expected[i].defined()) check_close(found[i], expected[i], tolerance<T>, tolerance<T>);
  }
}

}  // namespace against_host
