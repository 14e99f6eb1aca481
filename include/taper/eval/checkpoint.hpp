// SPDX-License-Identifier: MIT
// Checkpointing: a part of the model keeps its inputs only, and is computed again in backward.
#pragma once

#include <taper/core/generator.hpp>
#include <taper/eval/record.hpp>
#include <taper/eval/tensor.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

/// The default generator as it was before, in its scope.
class [[nodiscard]] RewoundGenerator {
 public:
  explicit RewoundGenerator(const GeneratorState& before) : now_(default_generator().state()) { default_generator().set_state(before); }
  RewoundGenerator(const RewoundGenerator&) = delete;
  RewoundGenerator& operator=(const RewoundGenerator&) = delete;
  ~RewoundGenerator() { default_generator().set_state(now_); }

 private:
  GeneratorState now_;
};

}  // namespace detail

/// f(inputs...) without keeping what happens inside; backward computes it again, with the default generator as it was.
/// Trades one more forward for memory. Gradients also reach the parameters that f uses.
/// Throws: AutogradError in backward under create_graph, and from grad(), which it cannot serve.
template <class F, TensorHandle... X>
auto checkpoint(F f, const X&... inputs) {
  using Out = tensor_t<decltype(f(inputs...))>;
  using T = value_t<Out>;
  using D = device_t<Out>;
  const GeneratorState before = default_generator().state();
  Out out;
  {
    const NoGrad guard;
    out = f(inputs...);
  }
  if constexpr (!inference_only) {
    // f may use parameters though none of its inputs wants a gradient: an input of its own makes sure of a node.
    Tensor<T, D> always(detail::GradOpsFor<T, D>::full(Shape(), 0));
    always.requires_grad_();
    auto backward = [f = std::move(f), before, saved = std::tuple<Saved<value_t<X>, device_t<X>>...>(Saved<value_t<X>, device_t<X>>(inputs)...)](
                        const autograd::BackwardContext& ctx) {
      if (ctx.create_graph() || ctx.pass().selective())
        detail::raise<AutogradError>("checkpoint", "a checkpointed part serves backward() only: not grad(), and not create_graph");
      const EnableGrad guard;
      [&]<std::size_t... I>(std::index_sequence<I...>) {
        std::tuple<tensor_t<X>...> again{detail::detached(std::get<I>(saved).get())...};
        (
            [&] {
              if constexpr (Differentiable<value_t<X>>)
                if (ctx.wants(static_cast<int>(I))) std::get<I>(again).requires_grad_();
            }(),
            ...);
        const Out y = [&] {
          const detail::RewoundGenerator rewound(before);  // also where f throws
          return std::apply(f, again);
        }();
        if (y.requires_grad()) taper::backward(y, ctx.template grad<T, D>());
        (
            [&] {
              if constexpr (Differentiable<value_t<X>>)
                if (ctx.wants(static_cast<int>(I)) && std::get<I>(again).grad().defined()) ctx.give(static_cast<int>(I), std::get<I>(again).grad());
            }(),
            ...);
      }(std::index_sequence_for<X...>{});
    };
    out = record_op("checkpoint", detail::detached(out), false, std::move(backward), inputs..., always);
  }
  return out;
}

}  // namespace taper::inline TAPER_CODE
