// SPDX-License-Identifier: MIT
// grad(outputs, inputs): gradients as values, without touching any .grad.
#pragma once

#include <taper/eval/tensor.hpp>

#include <tuple>
#include <vector>

namespace taper::inline TAPER_CODE {

/// What grad() may be told.
struct GradOptions {
  bool retain_graph = false;
  bool create_graph = false;
  bool allow_unused = false;  // an input that the output does not depend on gives an undefined tensor instead of an error
};

namespace detail {

template <Scalar T, Device D, class... In>
std::tuple<In...> grad_of(const Tensor<T, D>& output, const Tensor<T, D>& gradient, const GradOptions& options, const In&... inputs) {
  if constexpr (inference_only) {
    raise<AutogradError>("grad", "this program was compiled with TAPER_INFERENCE_ONLY: there are no gradients");
  } else {
    const autograd::SlotPtr root = root_slot("grad", output);
    RecordPtr seed = seed_for("grad", output, gradient);
    (
        [&] {
          if (!inputs.requires_grad())
            raise<AutogradError>("grad", "an input of shape ", inputs.shape(), " does not want a gradient: call requires_grad_() before using it");
        }(),
        ...);
    autograd::Slot* const wanted[] = {autograd::slot_of(inputs.record())...};
    const autograd::PassOptions pass_options{options.retain_graph, options.create_graph, false, wanted};
    autograd::Pass pass(pass_options);
    pass.run({&root, 1}, {&seed, 1});
    auto result = [&]<class I>(const I& input) -> I {
      RecordPtr r = pass.result(*autograd::slot_of(input.record()));
      if (!r && !options.allow_unused)
        raise<AutogradError>("grad", "the output does not depend on an input of shape ", input.shape(),
                             ": pass {.allow_unused = true} to get an undefined tensor for it");
      return r ? I(std::move(r)) : I();
    };
    return std::tuple<In...>{result(inputs)...};
  }
}

}  // namespace detail

/// d output / d input, of input's shape; output has one element.
/// Throws: AutogradError where the output does not depend on the input (see GradOptions).
template <Differentiable T, Differentiable U, Device D>
Tensor<U, D> grad(const Tensor<T, D>& output, const Tensor<U, D>& input, const GradOptions& options = {}) {
  return std::get<0>(detail::grad_of(output, Tensor<T, D>(), options, input));
}
/// The product of `gradient` (of output's shape) with the Jacobian d output / d input.
template <Differentiable T, Differentiable U, Device D>
Tensor<U, D> grad(const Tensor<T, D>& output, const Tensor<U, D>& input, const Tensor<T, D>& gradient, const GradOptions& options = {}) {
  return std::get<0>(detail::grad_of(output, gradient, options, input));
}
/// Gradients of several inputs: auto [gx, gw] = grad(loss, std::tie(x, w)).
template <Differentiable T, Device D, class... In>
auto grad(const Tensor<T, D>& output, const std::tuple<In...>& inputs, const Tensor<T, D>& gradient, const GradOptions& options = {}) {
  return std::apply([&](const auto&... in) { return detail::grad_of(output, gradient, options, tensor_t<decltype(in)>(in)...); }, inputs);
}
template <Differentiable T, Device D, class... In>
auto grad(const Tensor<T, D>& output, const std::tuple<In...>& inputs, const GradOptions& options = {}) {
  return grad(output, inputs, Tensor<T, D>(), options);
}
/// Gradients of a list of inputs.
template <Differentiable T, Differentiable U, Device D>
std::vector<Tensor<U, D>> grad(const Tensor<T, D>& output, const std::vector<Tensor<U, D>>& inputs, const Tensor<T, D>& gradient,
                               const GradOptions& options = {}) {
  std::vector<Tensor<U, D>> out;
  if constexpr (!inference_only) {
    const autograd::SlotPtr root = detail::root_slot("grad", output);
    detail::RecordPtr seed = detail::seed_for("grad", output, gradient);
    std::vector<autograd::Slot*> wanted;
    for (const auto& x : inputs) {
      if (!x.requires_grad()) detail::raise<AutogradError>("grad", "an input of shape ", x.shape(), " does not want a gradient");
      wanted.push_back(autograd::slot_of(x.record()));
    }
    const autograd::PassOptions pass_options{options.retain_graph, options.create_graph, false, wanted};
    autograd::Pass pass(pass_options);
    pass.run({&root, 1}, {&seed, 1});
    for (const auto& x : inputs) {
      detail::RecordPtr r = pass.result(*autograd::slot_of(x.record()));
      if (!r && !options.allow_unused)
        detail::raise<AutogradError>("grad", "the output does not depend on an input of shape ", x.shape(),
                                     ": pass {.allow_unused = true} to get an undefined tensor for it");
      out.push_back(r ? Tensor<U, D>(std::move(r)) : Tensor<U, D>());
    }
  }
  return out;
}
template <Differentiable T, Differentiable U, Device D>
std::vector<Tensor<U, D>> grad(const Tensor<T, D>& output, const std::vector<Tensor<U, D>>& inputs, const GradOptions& options = {}) {
  return grad(output, inputs, Tensor<T, D>(), options);
}
/// The same of an expression; a named one is evaluated once, as everywhere.
template <ExprLike E, class In>
  requires Differentiable<value_t<E>>
auto grad(E&& output, const In& inputs, const GradOptions& options = {}) {
  return grad(tensor_t<E>(std::forward<E>(output)), inputs, options);
}
template <ExprLike E, class In>
  requires Differentiable<value_t<E>>
auto grad(E&& output, const In& inputs, const std::type_identity_t<tensor_t<E>>& gradient, const GradOptions& options = {}) {
  return grad(tensor_t<E>(std::forward<E>(output)), inputs, gradient, options);
}

}  // namespace taper::inline TAPER_CODE
