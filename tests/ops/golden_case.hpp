// SPDX-License-Identifier: MIT
// Runs an op on the inputs of a golden case and compares its value and all its gradients with PyTorch's; checks gradients
// of first and second order against central differences.
#pragma once

#include <taper/eval/tensor.hpp>
#include <taper/ops/eager.hpp>

#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "tests/support/device.hpp"
#include "tests/support/golden.hpp"

namespace golden {

template <class T>
inline constexpr double rtol = std::is_same_v<T, double> ? 1e-12 : 2e-5;
template <class T>
inline constexpr double atol = std::is_same_v<T, double> ? 2e-13 : 4e-6;

template <class T>
using Function = std::function<taper::Tensor<T>(const std::vector<taper::Tensor<T>>&)>;

/// f(inputs) against <case>/y, and its gradients for <case>/gy against <case>/g<input>.
template <class T>
void check_case(const File& file, const std::string& name, const std::vector<std::string>& inputs, const Function<T>& f) {
  INFO(name << (std::is_same_v<T, double> ? " in double" : " in float"));
  std::vector<taper::Tensor<T>> x;
  for (const std::string& key : inputs) {
    x.push_back(file.tensor<T>(name + "/" + key));
    if (file.has(name + "/g" + key)) x.back().requires_grad_();
  }
  const taper::Tensor<T> y = f(x);
  check_close(y, file.tensor<T>(name + "/y"), rtol<T>, atol<T>);
  if (!file.has(name + "/gy")) return;
  if (!y.requires_grad()) {
    CHECK(y.requires_grad());
    return;
  }
  // Once as it runs in training, once recording the backward itself: both must give the same.
  for (const bool create_graph : {false, true}) {
    INFO((create_graph ? "recorded backward" : "plain backward"));
    y.backward(file.tensor<T>(name + "/gy"), {.retain_graph = true, .create_graph = create_graph});
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!x[i].requires_grad()) continue;
      INFO("gradient of " << inputs[i]);
      REQUIRE(x[i].grad().defined());
      check_close(x[i].grad(), file.tensor<T>(name + "/g" + inputs[i]), rtol<T>, atol<T>);
      x[i].set_grad({});
    }
  }
}

/// The same in double and in float. F is a generic function of the inputs, which runs on the device under test.
template <class F>
void check_both(const File& file, const std::string& name, const std::vector<std::string>& inputs, const F& f) {
  check_case<double>(file, name, inputs, device::run_there<double>(f));
  check_case<float>(file, name, inputs, device::run_there<float>(f));
}

/// A tensor with fixed, irregular values between -1 and 1.
template <class T = double>
taper::Tensor<T> irregular(const taper::Shape& shape, int seed = 1) {
  taper::Tensor<T> out(taper::detail::make_dense<taper::Cpu>(taper::dtype_of<T>, shape));
  for (std::int64_t i = 0; i < out.numel(); ++i) out.data_ptr()[i] = static_cast<T>(std::sin(static_cast<double>(i * 7 + seed) * 1.7 + 0.3));
  return out;
}

namespace detail {

inline double dot(const taper::Tensor<double>& a, const taper::Tensor<double>& b) {
  const auto x = numbers(a.record()), y = numbers(b.record());
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += static_cast<double>(x[i] * y[i]);
  return sum;
}

}  // namespace detail

inline bool near(double actual, double expected, double tolerance) {
  return std::fabs(actual - expected) <= tolerance + tolerance * std::fabs(expected);
}

/// Gradients of sum(f(x) * v) for fixed v against central differences, and, with second, those of sum(gradient * w).
inline void check_gradients_of(const std::vector<taper::Tensor<double>>& start, const Function<double>& f, bool second, double tolerance) {
  using taper::Tensor;
  const double h = 1e-5;
  const auto fresh = [&] {
    std::vector<Tensor<double>> x;
    for (const auto& s : start) {
      Tensor<double> copy(taper::detail::make_dense<taper::Cpu>(taper::DType::float64, s.shape()));
      std::copy(s.data_ptr(), s.data_ptr() + s.numel(), copy.data_ptr());
      x.push_back(std::move(copy));
      x.back().requires_grad_();
    }
    return x;
  };
  const Tensor<double> v = irregular(f(fresh()).shape(), 3);
  // The gradients at x, recorded; `value` is what they are gradients of.
  const auto gradients = [&](std::vector<Tensor<double>>& x, bool create_graph) {
    f(x).backward(v, {.create_graph = create_graph});
    std::vector<Tensor<double>> g;
    for (auto& t : x) g.push_back(t.grad());
    return g;
  };
  const auto value = [&](const std::vector<Tensor<double>>& x) { return detail::dot(f(x), v); };
  auto x = fresh();
  const auto g = gradients(x, false);
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::int64_t k = 0; k < x[i].numel(); ++k) {
      auto up = fresh(), down = fresh();
      up[i].data_ptr()[k] += h;
      down[i].data_ptr()[k] -= h;
      INFO("input " << i << ", element " << k);
      CHECK(near(g[i].data_ptr()[k], (value(up) - value(down)) / (2 * h), tolerance));
    }
  if (!second) return;
  std::vector<Tensor<double>> w;
  for (std::size_t i = 0; i < x.size(); ++i) w.push_back(irregular(x[i].shape(), 5 + static_cast<int>(i)));
  const auto slope = [&](std::vector<Tensor<double>> at) {
    double sum = 0;
    const auto first = gradients(at, false);
    for (std::size_t i = 0; i < at.size(); ++i) sum += detail::dot(first[i], w[i]);
    return sum;
  };
  auto y = fresh();
  const auto recorded = gradients(y, true);
  for (auto& t : y) t.set_grad({});
  for (std::size_t i = 0; i < y.size(); ++i)
    if (recorded[i].requires_grad()) recorded[i].backward(w[i], {.retain_graph = true});
  for (std::size_t i = 0; i < y.size(); ++i)
    for (std::int64_t k = 0; k < y[i].numel(); ++k) {
      auto up = fresh(), down = fresh();
      up[i].data_ptr()[k] += h;
      down[i].data_ptr()[k] -= h;
      INFO("second order, input " << i << ", element " << k);
      const double expected = (slope(up) - slope(down)) / (2 * h), actual = y[i].grad().defined() ? y[i].grad().data_ptr()[k] : 0;
      CHECK(near(actual, expected, tolerance));
    }
}

template <class F>
void check_gradients(const std::vector<taper::Tensor<double>>& start, const F& f, bool second = true, double tolerance = 1e-6) {
  check_gradients_of(start, device::run_there<double>(f), second, tolerance);
}

}  // namespace golden

using golden::check_both;
using golden::check_gradients;
