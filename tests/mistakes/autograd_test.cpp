// SPDX-License-Identifier: MIT
// Misuse of the tape: each error says what happened to which tensor, and what to write instead.
#include <taper/core/factory.hpp>
#include <taper/ops.hpp>

#include "tests/mistakes/mistakes.hpp"

using namespace taper;

namespace {
Tensor<float> leaf() { return ones<float>({2}).requires_grad_(); }
}  // namespace

TEST_CASE("backward where there is no way back") {
  const Tensor<float> x = leaf();
  const Tensor<float> y = sum(x * x);
  y.backward();
  mistake<AutogradError>(
      "backward", [&] { y.backward(); }, "graph", "freed", "retain_graph");
  mistake<ShapeError>(
      "backward", [&] { (x * x).backward(); }, "one-element", "(2,)", "reduce it or pass a gradient");
  mistake<AutogradError>(
      "backward", [] { sum(ones<float>({2})).backward(); }, "does not depend", "requires_grad_()", "NoGrad");
  mistake<ShapeError>(
      "backward", [&] { sum(x * 2.f).backward(zeros<float>({3})); }, "(3,)", "()");
}

TEST_CASE("a leaf that wants a gradient, changed in place") {
  mistake<AutogradError>(
      "in-place", [] { leaf() += 1.f; }, "leaf", "(2,)", "NoGrad", "clone()");
  mistake<AutogradError>(
      "in-place", [] { leaf()[0] = 1.f; }, "leaf", "(2,)", "NoGrad", "clone()");
  mistake<AutogradError>(
      "in-place", [] { leaf().fill_(0); }, "leaf", "(2,)", "NoGrad", "clone()");
}

TEST_CASE("a tensor that backward needs, changed in place") {
  const Tensor<float> x = leaf();
  mistake<AutogradError>(
      "backward",
      [&] {
        Tensor<float> y = exp(x);
        y += 1.f;
        sum(y).backward();
      },
      "(2,)", "exp", "changed in place", "version 1, saved at 0", "clone()");
  mistake<AutogradError>(
      "backward",
      [&] {
        Tensor<float> h = x * 2.f;
        const Tensor<float> y = h * h;
        h += 1.f;
        sum(y).backward();
      },
      "(2,)", "mul", "changed in place", "clone()");
}

TEST_CASE("an operand changed before its expression ran") {
  Tensor<float> x = ones<float>({2});
  const auto lazy = x * 2.f;
  x += 1.f;
  mistake<ValueError>(
      "evaluate", [&] { Tensor<float> y = lazy; }, "(2,)", "changed in place", "evaluate it first");
}

TEST_CASE("a target that overlaps itself, and a gradient that cannot be switched off") {
  mistake<ValueError>(
      "copy_",
      [] {
        ones<float>({1, 3}).expand({2, 3}) += 1.f;
      },
      "(2, 3)", "(0, 1)", "clone()");
  mistake<AutogradError>(
      "requires_grad_",
      [] {
        Tensor<float> y = leaf() * 2.f;
        y.requires_grad_(false);
      },
      "only a leaf", "detach()");
}
