// SPDX-License-Identifier: MIT
// The tape: gradients of a formula, a fit by gradient descent written out, and second derivatives.
#include <taper/taper.hpp>

#include <cmath>
#include <cstdio>

using namespace taper;

int main() {
  // d/dx of x^2 sin(x).
  auto x = tensor<double>(2.0).requires_grad_();
  const Tensor<double> y = x * x * sin(x);
  y.backward();
  std::printf("dy/dx = %.6f, by hand %.6f\n", x.grad().item(), 4 * std::sin(2.0) + 4 * std::cos(2.0));

  // A straight line through noisy points, by gradient descent.
  manual_seed(0);
  const Tensor<float> t = linspace<float>(0, 1, 100);
  const Tensor<float> seen = 3 * t + 0.5f + 0.1f * randn<float>({100});
  auto slope = zeros<float>({}).requires_grad_();
  auto start = zeros<float>({}).requires_grad_();
  for (int step = 0; step < 500; ++step) {
    const Tensor<float> loss = mean(square(slope * t + start - seen));
    loss.backward();
    const NoGrad guard;  // the update itself is not recorded
    for (Tensor<float>* p : {&slope, &start}) {
      *p -= 0.5f * p->grad();
      p->set_grad({});
    }
  }
  std::printf("slope %.2f, start %.2f\n", static_cast<double>(slope.item()), static_cast<double>(start.item()));

  // create_graph records the backward itself: grad() gives gradients as values, and they can be differentiated again.
  const auto first = grad(Tensor<double>(x * x * x), x, {.create_graph = true});
  const auto second = grad(first, x);
  std::printf("d2(x^3)/dx2 = %.1f\n", second.item());
  return std::abs(second.item() - 12) < 1e-9 && std::abs(slope.item() - 3) < 0.2f ? 0 : 1;
}
