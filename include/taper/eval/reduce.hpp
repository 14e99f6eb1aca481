// SPDX-License-Identifier: MIT
// Sums of expressions in one pass each way, and the other reductions that fold values without storing them.
#pragma once

#include <taper/eval/evaluate.hpp>

namespace taper::inline TAPER_ABI::detail {

/// What reductions of T give: int64 for sums and products of integers, T itself otherwise.
template <class T>
using sum_t = std::conditional_t<Integral<T>, std::int64_t, T>;

/// A wide accumulator rounded once to T.
template <class T, class Acc>
T narrow_result(const Acc& acc, double factor) {
  using C = compute_t<T>;
  if constexpr (Complex<T>) return T(static_cast<real_t<T>>(acc.real() * factor), static_cast<real_t<T>>(acc.imag() * factor));
  else if constexpr (Integral<T>) return static_cast<T>(acc);
  else return static_cast<T>(static_cast<C>(factor == 1 ? acc : acc * factor));
}

template <class X>
decltype(auto) node_of(X&& x) {
  return as_node<value_t<X>>(std::forward<X>(x));
}

/// factor * sum of x over axes, recorded as one node.
template <TensorLike X>
RecordPtr sum_scaled(std::string_view op, X&& x, const Dims& axes, bool keepdim, bool mean) {
  using T = value_t<X>;
  using D = device_t<X>;
  using Out = sum_t<T>;
  const Shape shape = x.shape();
  const ReducedAxes reduced = reduced_axes(op, shape, axes, keepdim);
  const std::int64_t out_count = reduced.kept.numel();
  const double factor = mean ? static_cast<double>(out_count) / static_cast<double>(shape.numel()) : 1.0;
  auto node = node_of(std::forward<X>(x));
  using N = decltype(node);
  const Lowering<N> low(node);
  constexpr const ProgramInfo& info = ReducedInfoFor<typename Lowering<N>::P>::info;
  RecordPtr out = make_dense<D>(dtype_of<Out>, reduced.result);
  run_reduce<SumReducer<compute_t<T>>, compute_t<T>>(info, low.leaves, low.settings(), shape, reduced, [&](const auto* acc, std::int64_t n) {
    Out* p = reinterpret_cast<Out*>(out->data);
    for (std::int64_t i = 0; i < n; ++i) p[i] = narrow_result<Out>(acc[i], factor);
  });
  if constexpr (any_gradient<typename Lowering<N>::P>()) {
    if (wants_node(info, low.leaves)) {
      autograd::NodePtr<autograd::FusedNode> recorded(record_program(info, low.leaves, low.settings(), shape, nullptr));
      recorded->mask = reduced.mask;
      recorded->reduced = true;
      recorded->factor = factor;
      autograd::set_slot(*out, autograd::make_only_output(std::move(recorded), grad_ops_of<T, D>(), reduced.result));
    }
  }
  return out;
}

/// Folds with R, not recorded.
template <template <class> class R, class Out, TensorLike X>
RecordPtr fold(std::string_view op, X&& x, const Dims& axes, bool keepdim) {
  using C = compute_t<value_t<X>>;
  const Shape shape = x.shape();
  const ReducedAxes reduced = reduced_axes(op, shape, axes, keepdim);
  auto node = node_of(std::forward<X>(x));
  using N = decltype(node);
  const Lowering<N> low(node);
  constexpr const ProgramInfo& info = ReducedInfoFor<typename Lowering<N>::P>::info;
  RecordPtr out = make_dense<device_t<X>>(dtype_of<Out>, reduced.result);
  run_reduce<R<C>, C>(info, low.leaves, low.settings(), shape, reduced, [&](const auto* acc, std::int64_t n) {
    Out* p = reinterpret_cast<Out*>(out->data);
    for (std::int64_t i = 0; i < n; ++i) p[i] = narrow_result<Out>(acc[i], 1.0);
  });
  return out;
}

}  // namespace taper::inline TAPER_ABI::detail
