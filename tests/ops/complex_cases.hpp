// SPDX-License-Identifier: MIT
// What complex tests share: a function of complex leaves, its values and gradients, against the goldens.
#pragma once

#include <taper/ops/pointwise.hpp>

#include "tests/ops/harness.hpp"

#include <tuple>

namespace complex_cases {

using namespace taper;

/// F of leaves of type Z (those listed in `real` of its real type), compared with the goldens.
template <auto F, class... Z>
void check(const golden::File& file, const std::string& name) {
  INFO(name);
  constexpr bool wide = (std::same_as<real_t<Z>, double> && ...);
  const double tolerance = wide ? 1e-11 : 2e-5;
  int i = 0;
  auto load = [&]<class T>(std::type_identity<T>) { return file.tensor<T>(name + "/x" + std::to_string(i++)); };
  std::tuple<Tensor<Z>...> leaves{load(std::type_identity<Z>())...};
  std::apply([](auto&... x) { (x.requires_grad_(), ...); }, leaves);
  auto y = std::apply([](auto&... x) { return F(x...).eval(); }, leaves);
  using Y = value_t<decltype(y)>;
  check_close(y, file.tensor<Y>(name + "/y"), tolerance, tolerance);
  if constexpr (Differentiable<Y>) {
    backward(y, file.tensor<Y>(name + "/gy"));
    i = 0;
    std::apply(
        [&](auto&... x) {
          (
              [&] {
                using T = value_t<decltype(x)>;
                const std::string key = name + "/gx" + std::to_string(i++);
                INFO(key);
                REQUIRE(x.grad().defined());
                check_close(x.grad(), file.tensor<T>(key), tolerance, tolerance);
              }(),
              ...);
        },
        leaves);
  }
}

using C64 = std::complex<float>;
using C128 = std::complex<double>;

}  // namespace complex_cases

#define UNARY(name, value) complex_cases::check<[](auto& x) { return (value); }, complex_cases::C128>(file, name);
#define UNARY_FLOAT(name, value) complex_cases::check<[](auto& x) { return (value); }, complex_cases::C64>(file, name);
#define BINARY(name, A, B, value) complex_cases::check<[](auto& x, auto& y) { return (value); }, A, B>(file, name);
