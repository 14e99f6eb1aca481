// SPDX-License-Identifier: MIT
// What complex tests share: a function of complex leaves, its values and gradients, against the goldens.
#pragma once

#include <taper/ops/pointwise.hpp>

#include "tests/ops/harness.hpp"

#include <tuple>

namespace complex_cases {

using namespace taper;

/// Re(conj(w) g) with w = 1 + 0.5 i, or g where it is real: what second derivatives are taken of.
template <class T>
double projection(T g) {
  if constexpr (Complex<T>) return g.real() + 0.5 * g.imag();
  else return g;
}
template <class T>
Tensor<T> projector(const Shape& shape) {
  Tensor<T> w(taper::detail::make_dense<Cpu>(dtype_of<T>, shape));
  for (std::int64_t i = 0; i < w.numel(); ++i) {
    if constexpr (Complex<T>) w.data_ptr()[i] = T(1, 0.5);
    else w.data_ptr()[i] = 1;
  }
  return w;
}

/// The recorded backward gives the plain one's gradients, and the gradients of these meet central differences: elements
/// do not depend on each other, so all of a leaf move at once.
template <auto F, class... Z>
void check_second(const std::tuple<Tensor<Z>...>& start, const Tensor<value_t<decltype(F(std::declval<Tensor<Z>&>()...))>>& gy) {
  const auto gradients = [&](std::tuple<Tensor<Z>...>& leaves, bool create_graph) {
    return std::apply(
        [&](auto&... x) {
          (x.requires_grad_(), ...);
          auto y = eval(device::run_copies(F)(x...));
          if (y.requires_grad()) backward(y, gy, {.create_graph = create_graph});
          return std::tuple(x.grad()...);
        },
        leaves);
  };
  const auto moved = [&](int k, std::complex<double> step) {
    int i = 0;
    auto leaves = std::apply(
        [&](const auto&... x) {
          return std::tuple<Tensor<Z>...>{[&] {
            auto at = clone(detach(x));
            using T = value_t<decltype(at)>;
            if (i++ == k)
              for (std::int64_t j = 0; j < at.numel(); ++j) {
                if constexpr (Complex<T>) at.data_ptr()[j] += step;
                else at.data_ptr()[j] += step.real();
              }
            return at;
          }()...};  // braces: in order
        },
        start);
    const auto g = gradients(leaves, false);
    std::vector<double> out;
    for (std::int64_t j = 0; j < gy.numel(); ++j)
      out.push_back(std::apply([&](const auto&... t) { return ((t.defined() ? projection(t.data_ptr()[j]) : 0.0) + ...); }, g));
    return out;
  };
  auto leaves = std::apply([](const auto&... x) { return std::tuple(clone(detach(x))...); }, start);
  auto plain = std::apply([](const auto&... x) { return std::tuple(clone(detach(x))...); }, start);
  auto recorded = gradients(leaves, true);
  const auto expected = gradients(plain, false);
  std::apply([](auto&... x) { (x.set_grad({}), ...); }, leaves);
  [&]<std::size_t... I>(std::index_sequence<I...>) { (check_close(std::get<I>(recorded), std::get<I>(expected), 1e-10, 1e-11), ...); }(std::index_sequence_for<Z...>{});
  std::apply([](auto&... g) { ((g.requires_grad() ? backward(g, projector<value_t<decltype(g)>>(g.shape()), {.retain_graph = true}) : void()), ...); }, recorded);
  const double h = 1e-5;
  int k = 0;
  std::apply(
      [&](auto&... x) {
        (
            [&] {
              using T = value_t<decltype(x)>;
              const auto along = [&](std::complex<double> d) {
                const auto above = moved(k, h * d), below = moved(k, -h * d);
                std::vector<double> out;
                for (std::size_t j = 0; j < above.size(); ++j) out.push_back((above[j] - below[j]) / (2 * h));
                return out;
              };
              const auto re = along(1), im = Complex<T> ? along({0, 1}) : re;
              std::string wrong;
              for (std::int64_t j = 0; j < x.numel(); ++j) {
                const auto at = static_cast<std::size_t>(j);
                std::complex<double> actual = 0, slope = re[at];
                if (x.grad().defined()) actual = x.grad().data_ptr()[j];
                if constexpr (Complex<T>) slope = {re[at], im[at]};
                if (!(std::abs(actual - slope) <= 1e-5 * (1 + std::abs(slope))))
                  wrong += " at " + std::to_string(j) + ": (" + std::to_string(actual.real()) + ", " + std::to_string(actual.imag()) + "), slope (" +
                           std::to_string(slope.real()) + ", " + std::to_string(slope.imag()) + ")\n";
              }
              INFO("second derivatives for operand " << k << ":\n" << wrong);
              CHECK(wrong.empty());
              ++k;
            }(),
            ...);
      },
      leaves);
}

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
  auto y = std::apply([](auto&... x) { return eval(device::run_copies(F)(x...)); }, leaves);
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
    const bool same_shapes = std::apply([&](const auto&... x) { return ((x.shape() == y.shape()) && ...); }, leaves);
    if constexpr (wide)
      if (same_shapes) check_second<F, Z...>(leaves, file.tensor<Y>(name + "/gy"));
  }
}

using C64 = std::complex<float>;
using C128 = std::complex<double>;

}  // namespace complex_cases

#define UNARY(name, value) complex_cases::check<[](auto& x) { return (value); }, complex_cases::C128>(file, name);
#define UNARY_FLOAT(name, value) complex_cases::check<[](auto& x) { return (value); }, complex_cases::C64>(file, name);
#define BINARY(name, A, B, value) complex_cases::check<[](auto& x, auto& y) { return (value); }, A, B>(file, name);
