// SPDX-License-Identifier: MIT
// Reductions of programs, and gradients of leaves that were broadcast, on emulated GPU threads: the host's, whatever
// the schedule.
// Needs: thrust

#include <taper/core/random.hpp>
#include <taper/ops/arithmetic.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/methods.hpp>
#include <taper/ops/reduction.hpp>
#include <taper/ops/to.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/simt_system.hpp"

using namespace taper;

TEST_CASE("reductions and gradients are the host's under every schedule") {
  manual_seed(3);
  const std::vector<std::pair<Shape, Axes>> cases = {
      {{1}, {0}},          {{63}, {0}},           {{65}, {0}},      {{9001}, {0}},
      {{3, 257}, {1}},     {{257, 3}, {0}},       {{5, 7, 9}, {1}}, {{5, 7, 9}, {0, 2}},
      {{5, 7, 9}, {1, 2}}, {{2, 70, 33}, {0, 1}}, {{0, 4}, {0}},    {{130, 1}, {1}},
  };
  simt::under_every_schedule([&](int) {
    for (const auto& [shape, axes] : cases) {
      CAPTURE(shape.numel(), axes.size());
      // Whole numbers: sums are exact in any order.
      const Tensor<float> x = cast<float>(randint(-8, 9, shape));
      const auto X = to<Simt>(x);
      CHECK(equal(to<Cpu>(sum(X * X + 1.f, axes)), sum(x * x + 1.f, axes)));
      if (x.numel() > 0) {
        CHECK(equal(to<Cpu>(amax(X * 2.f, axes)), amax(x * 2.f, axes)));
        CHECK(equal(to<Cpu>(amin(X, axes)), amin(x, axes)));
      }
      CHECK(sum(X).item() == sum(x).item());

      // A leaf that was broadcast along the axes.
      Shape small = shape;
      for (int i = 0; i < axes.size(); ++i) small[static_cast<int>(axes[i])] = 1;
      const Tensor<float> b = cast<float>(randint(-8, 9, small));
      auto a = x.clone().requires_grad_(), w = b.clone().requires_grad_();
      auto A = to<Simt>(x).requires_grad_(), W = to<Simt>(b).requires_grad_();
      sum((a + w) * w * a).backward();
      sum((A + W) * W * A).backward();
      CHECK(equal(to<Cpu>(W.grad()), w.grad()));
      CHECK(equal(to<Cpu>(A.grad()), a.grad()));
    }
  });
}
