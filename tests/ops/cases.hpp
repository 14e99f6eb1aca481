// SPDX-License-Identifier: MIT
// The table of op cases: for every case of tests/golden/ops the function that must reproduce it. Each family is a template,
// so that a test compiles what it calls and nothing else.
#pragma once

#include "tests/ops/harness.hpp"

namespace pointwise {

template <class = void>
std::vector<Case> arithmetic_cases() {
  using namespace taper;
  return {
      unary<[](auto& x) { return abs(x); }>("abs", {.kinks = {0}}),
      unary<[](auto& x) { return -x; }>("neg"),
      unary<[](auto& x) { return x + 1.5; }>("add_scalar"),
      unary<[](auto& x) { return 1.5 - x; }>("rsub_scalar"),
      unary<[](auto& x) { return x * -2.5; }>("mul_scalar"),
      unary<[](auto& x) { return x / 2.5; }>("div_scalar"),
      unary<[](auto& x) { return 2.5 / x; }>("rdiv_scalar"),
      binary<[](auto& x, auto& y) { return x + y; }>("add"),
      binary<[](auto& x, auto& y) { return add(x, y, 2.5); }>("add.alpha"),
      binary<[](auto& x, auto& y) { return x - y; }>("sub"),
      binary<[](auto& x, auto& y) { return sub(x, y, 2.5); }>("sub.alpha"),
      binary<[](auto& x, auto& y) { return x * y; }>("mul"),
      binary<[](auto& x, auto& y) { return x / y; }>("div"),
      unary<[](auto& x) { return sign(x); }>("sign", {.kinks = {0}}),
      unary<[](auto& x) { return sgn(x); }>("sgn", {.kinks = {0}}),
  };
}

}  // namespace pointwise
