// SPDX-License-Identifier: MIT
// Custom functions: a struct with forward and backward becomes a differentiable function.
#pragma once

#include <taper/eval/record.hpp>
#include <taper/eval/tensor.hpp>

#include <tuple>

namespace taper::inline TAPER_CODE {

namespace detail {

template <class X>
inline constexpr bool is_tensor_tuple = false;
template <class... X>
inline constexpr bool is_tensor_tuple<std::tuple<X...>> = (TensorHandle<X> && ...);

template <class X>
decltype(auto) function_argument(X&& x) {
  if constexpr (TensorLike<X>) return tensor_t<X>(eval(std::forward<X>(x)));
  else return std::forward<X>(x);
}

template <Scalar T, Device D>
Tensor<T, D> defined_gradient(const autograd::BackwardContext& ctx, int i, const Shape& shape) {
  Tensor<T, D> g = ctx.grad<T, D>(i);
  return g.defined() ? g : Tensor<T, D>(GradOpsFor<T, D>::full(shape, 0));
}

/// Hands the gradients that a user's backward returned to the inputs, in order.
template <class Result>
void give_all(const autograd::BackwardContext& ctx, const Result& result, int inputs) {
  if constexpr (TensorLike<Result>) {
    if (inputs != 1) raise<AutogradError>(ctx.node().name(), "backward returned one gradient for ", inputs, " tensors: return a std::tuple");
    if (ctx.wants(0)) ctx.give(0, result);
  } else {
    static_assert(is_tensor_tuple<Result>, "backward must return a Tensor, or a std::tuple with one Tensor for each tensor given to forward");
    if (inputs != static_cast<int>(std::tuple_size_v<Result>))
      raise<AutogradError>(ctx.node().name(), "backward returned ", std::tuple_size_v<Result>, " gradients for ", inputs, " tensors");
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (
          [&] {
            const auto& g = std::get<I>(result);
            if (g.defined() && ctx.wants(static_cast<int>(I))) ctx.give(static_cast<int>(I), g);
          }(),
          ...);
    }(std::make_index_sequence<std::tuple_size_v<Result>>{});
  }
}

/// A backward that asks for the first output behind the gradients.
template <class F, class First, class... Out>
concept BackwardTakesOutput = requires(const F& f, const First& y, const Out&... g) { f.backward(g..., y); };

template <class F, class... Out>
struct FunctionBackward {
  F f;
  int inputs;
  std::tuple<std::pair<Shape, std::type_identity<Out>>...> outputs;
  void operator()(const autograd::BackwardContext& ctx) const {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      using First = std::tuple_element_t<0, std::tuple<Out...>>;
      if constexpr (BackwardTakesOutput<F, First, Out...>)
        give_all(ctx, f.backward(defined_gradient<value_t<Out>, device_t<Out>>(ctx, static_cast<int>(I), std::get<I>(outputs).first)...,
                                 ctx.template output<value_t<First>, device_t<First>>()), inputs);
      else
        give_all(ctx, f.backward(defined_gradient<value_t<Out>, device_t<Out>>(ctx, static_cast<int>(I), std::get<I>(outputs).first)...), inputs);
    }(std::index_sequence_for<Out...>{});
  }
};

template <class X>
void set_edge(autograd::Node& node, int& i, const X& x) {
  if constexpr (TensorHandle<X>) node.set_input(i++, autograd::edge_to(x));
}
template <class X>
bool argument_wants_grad(const X& x) {
  if constexpr (TensorHandle<X>)
    if constexpr (Differentiable<value_t<X>>) return x.defined() && x.requires_grad();
  return false;
}

/// A result that is to get a history of its own: where forward returned an argument, a view, or what somebody else holds too, an
/// alias of it.
template <Scalar T, Device D>
void own_record(Tensor<T, D>& out) {
  const TensorRecord& r = out.record();
  if (r.link || r.refs.load(std::memory_order_acquire) != 1) out = detached(out);
}

template <class F, class... Out, class... X>
void record_function(F f, std::tuple<Out...>& outputs, const X&... x) {
  if constexpr (!inference_only) {
    if (!grad_mode() || !(argument_wants_grad(x) || ...)) return;
    using B = FunctionBackward<F, Out...>;
    using N = autograd::OpNode<B>;
    constexpr int tensors = (static_cast<int>(TensorHandle<X>) + ... + 0);
    std::string_view name = "custom function";
    if constexpr (requires { F::name; }) name = F::name;
    const autograd::NodePtr<N> node(autograd::make_node<N>(
        tensors, static_cast<int>(sizeof...(Out)), 0, name,
        std::apply([&](const auto&... out) { return B{std::move(f), tensors, {std::pair(out.shape(), std::type_identity<Out>{})...}}; }, outputs)));
    int i = 0;
    (set_edge(*node.get(), i, x), ...);
    if constexpr (BackwardTakesOutput<F, std::tuple_element_t<0, std::tuple<Out...>>, Out...>) node->save_output(std::get<0>(outputs).record());
    int k = 0;
    std::apply(
        [&](auto&... out) {
          (
              [&] {
                using T = value_t<decltype(out)>;
                if constexpr (Differentiable<T>) {
                  own_record(out);
                  autograd::set_slot(out.record(), autograd::make_output(node.get(), k, grad_ops_of<T, device_t<decltype(out)>>(), out.shape()));
                }
                ++k;
              }(),
              ...);
        },
        outputs);
  }
}

}  // namespace detail

/// A struct whose forward(arguments...) returns a tensor or a std::tuple of them, and whose backward(gradients...) returns
/// the gradient of each tensor argument. What backward needs is kept in the struct's own members, as Saved<T>.
template <class F, class... X>
concept CustomFunction = requires(F f, X... x) { f.forward(x...); };

namespace detail {

// A function of its own: nvcc loses the arguments in a lambda within a lambda.
template <class F, class... X>
auto forward_unrecorded(F& f, X&&... x) {
  const NoGrad guard;
  return f.forward(x...);
}

template <class F, class... X>
auto apply_to_tensors(F f, X&&... x) {
  static_assert(CustomFunction<F, X...>, "forward does not take these arguments");
  auto result = forward_unrecorded(f, x...);
  using R = decltype(result);
  if constexpr (TensorLike<R>) {
    std::tuple<tensor_t<R>> outputs{eval(std::move(result))};
    record_function(std::move(f), outputs, x...);
    return std::get<0>(outputs);
  } else {
    static_assert(is_tensor_tuple<R>, "forward must return a Tensor or a std::tuple of Tensors");
    record_function(std::move(f), result, x...);
    return result;
  }
}

}  // namespace detail

/// f.forward(x...) as one recorded operation. Nothing inside forward is recorded. backward is called with the gradient of
/// each output (zeros where none arrived), and, where it takes one argument more, with the first output; it may return
/// undefined tensors for inputs without gradient. For higher-order gradients backward must use differentiable functions.
/// Where forward returns an argument, the result shares its elements and the argument keeps its own history.
template <class F, class... X>
auto apply_function(F f, X&&... x) {
  return detail::apply_to_tensors(std::move(f), detail::function_argument(std::forward<X>(x))...);
}

}  // namespace taper::inline TAPER_CODE
