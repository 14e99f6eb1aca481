// SPDX-License-Identifier: MIT
// gradcheck and gradgradcheck: derivatives against central differences, in double.
#pragma once

#include <taper/eval/grad.hpp>

#include <cmath>
#include <tuple>
#include <vector>

namespace taper::inline TAPER_CODE::testing {

/// eps is the step of the central difference; a derivative passes where |a - n| <= atol + rtol |n|.
struct GradcheckOptions {
  double eps = 1e-6;
  double atol = 1e-5;
  double rtol = 1e-3;
};

namespace internal {

inline double element(const Tensor<double>& x, std::int64_t i) {
  std::int64_t offset = 0;
  for (int d = x.dim() - 1; d >= 0; --d) {
    offset += i % x.shape()[d] * x.strides()[d];
    i /= x.shape()[d];
  }
  return x.data_ptr()[offset];
}

inline Tensor<double> copy_of(const Tensor<double>& x) {
  const NoGrad guard;
  Tensor<double> out(detail::make_dense<Cpu>(DType::float64, x.shape()));
  for (std::int64_t i = 0; i < x.numel(); ++i) out.data_ptr()[i] = element(x, i);
  return out;
}

template <class F>
void check(F& f, std::span<const Tensor<double>> inputs, const GradcheckOptions& options, std::string_view name) {
  std::vector<Tensor<double>> x;
  for (const auto& in : inputs) x.push_back(copy_of(in).requires_grad_());
  const Tensor<double> y = f(x);
  for (std::size_t k = 0; k < x.size(); ++k) {
    // One row of the Jacobian per output element, by backward; one column per input element, by differences.
    std::vector<double> analytic(static_cast<std::size_t>(y.numel() * x[k].numel()), 0.0);
    for (std::int64_t o = 0; o < y.numel(); ++o) {
      Tensor<double> seed(detail::GradOpsFor<double, Cpu>::full(y.shape(), 0));
      seed.data_ptr()[o] = 1;
      if (!y.requires_grad()) continue;
      const Tensor<double> g = grad(y, x[k], seed, {.retain_graph = true, .allow_unused = true});
      for (std::int64_t i = 0; g.defined() && i < x[k].numel(); ++i)
        analytic[static_cast<std::size_t>(o * x[k].numel() + i)] = element(g, i);
    }
    for (std::int64_t i = 0; i < x[k].numel(); ++i) {
      auto moved = [&](double step) {
        std::vector<Tensor<double>> at;
        for (const auto& in : x) at.push_back(copy_of(in));
        at[k].data_ptr()[i] += step;
        for (auto& in : at) in.requires_grad_();  // f may itself ask for gradients
        return copy_of(f(at));
      };
      const Tensor<double> up = moved(options.eps), down = moved(-options.eps);
      for (std::int64_t o = 0; o < y.numel(); ++o) {
        const double numeric = (up.data_ptr()[o] - down.data_ptr()[o]) / (2 * options.eps);
        const double a = analytic[static_cast<std::size_t>(o * x[k].numel() + i)];
        if (!(std::abs(a - numeric) <= options.atol + options.rtol * std::abs(numeric)))
          detail::raise<AutogradError>(name, "d output[", o, "] / d input ", k, "[", i, "]: backward gives ", a, ", central differences give ", numeric);
      }
    }
  }
}

template <class F, std::size_t... I>
auto spread(F& f, std::index_sequence<I...>) {
  return [&f](const std::vector<Tensor<double>>& x) -> Tensor<double> { return f(x[I]...); };
}

}  // namespace internal

/// Compares the gradient of f(inputs...) with central differences, element by element. The inputs are copied.
/// Throws: AutogradError that names the first element that differs.
template <class F, class... X>
bool gradcheck(F f, const std::tuple<X...>& inputs, const GradcheckOptions& options = {}) {
  const std::vector<Tensor<double>> x = std::apply([](const auto&... in) { return std::vector<Tensor<double>>{in...}; }, inputs);
  auto spread = internal::spread(f, std::index_sequence_for<X...>{});
  internal::check(spread, std::span<const Tensor<double>>(x), options, "gradcheck");
  return true;
}
template <class F>
bool gradcheck(F f, const Tensor<double>& input, const GradcheckOptions& options = {}) {
  return gradcheck(std::move(f), std::tuple(input), options);
}

/// gradcheck of the gradient itself: second derivatives, by create_graph.
template <class F, class... X>
bool gradgradcheck(F f, const std::tuple<X...>& inputs, const GradcheckOptions& options = {}) {
  std::vector<Tensor<double>> x = std::apply([](const auto&... in) { return std::vector<Tensor<double>>{in...}; }, inputs);
  const std::size_t n = x.size();
  auto spread = internal::spread(f, std::index_sequence_for<X...>{});
  // The upstream gradient is an input as well: the gradient must also depend on it rightly.
  {
    const NoGrad guard;
    Tensor<double> seed = internal::copy_of(spread(x));
    for (std::int64_t i = 0; i < seed.numel(); ++i) seed.data_ptr()[i] = 0.5 + 0.1 * static_cast<double>(i % 7);
    x.push_back(seed);
  }
  for (std::size_t k = 0; k < n; ++k) {
    auto gradient = [&](const std::vector<Tensor<double>>& in) -> Tensor<double> {
      const Tensor<double> y = spread(in);
      const Tensor<double> g = grad(y, in[k], in[n], {.create_graph = true, .allow_unused = true});
      return g.defined() ? g : Tensor<double>(detail::GradOpsFor<double, Cpu>::full(in[k].shape(), 0));
    };
    internal::check(gradient, std::span<const Tensor<double>>(x), options, "gradgradcheck");
  }
  return true;
}
template <class F>
bool gradgradcheck(F f, const Tensor<double>& input, const GradcheckOptions& options = {}) {
  return gradgradcheck(std::move(f), std::tuple(input), options);
}

}  // namespace taper::inline TAPER_CODE::testing
