// SPDX-License-Identifier: MIT
// Sums of expressions in one pass each way, and the other reductions that fold values without storing them.
#pragma once

#include <taper/eval/evaluate.hpp>

namespace taper::inline TAPER_CODE::detail {

/// What reductions of T give: int64 for sums and products of integers, T itself otherwise.
template <class T>
using sum_t = std::conditional_t<Integral<T>, std::int64_t, T>;

/// Folds the values of a program with R into a fresh tensor of Out, each result multiplied by factor.
template <class R, class P, class Out, Device D, class A = Abi>
RecordPtr reduce_program(const ProgramInfo& info, const LeafRef* leaves, const void* data, const Shape& shape, const ReducedAxes& axes,
                         double factor) {
  RecordPtr out = make_dense<D>(dtype_of<Out>, axes.result);
  Out* results = reinterpret_cast<Out*>(out->data);
  if constexpr (on_host<D>) {
    run_reduce<R, compute_t<typename P::result>, Out, A>(info, leaves, data, shape, axes, results, factor);
  } else {
    check_unchanged(leaves, info.leaves);
    DeviceOperands operands(info, 1, *out);
    for (int i = 0; i < info.leaves; ++i) operands.set(i, *leaves[i].record, shape);
    Accelerator<D>::template reduce<P, R, Out>(operands.job(data, shape, 0), axes.mask, results, factor);
  }
  return out;
}

/// Records a sum over the values of a program.
inline void record_sum(TensorRecord& out, const ProgramInfo& info, const LeafRef* leaves, const void* data, const Shape& shape,
                       const ReducedAxes& axes, double factor, const autograd::GradOps* ops) {
  if (!wants_node(info, leaves)) return;
  autograd::NodePtr<autograd::FusedNode> recorded(record_program(info, leaves, data, shape, nullptr));
  recorded->mask = axes.mask;
  recorded->reduced = true;
  recorded->factor = factor;
  autograd::set_slot(out, autograd::make_only_output(std::move(recorded), ops, axes.result));
}

/// factor * sum of a node's values over axes, recorded as one node of the tape.
template <class N>
RecordPtr sum_values(std::string_view op, const N& node, const Shape& shape, const Dims& axes, bool keepdim, bool mean) {
  using T = typename N::value_type;
  using D = typename N::device_type;
  using P = typename Lowering<N>::P;
  const ReducedAxes reduced = reduced_axes(op, shape, axes, keepdim);
  const double factor = mean ? static_cast<double>(reduced.kept.numel()) / static_cast<double>(shape.numel()) : 1.0;
  const Lowering<N> low(node);
  constexpr const ProgramInfo& info = ReducedInfoFor<P, D>::info;
  RecordPtr out = reduce_program<SumReducer<compute_t<T>>, P, sum_t<T>, D>(info, low.leaves, low.settings(), shape, reduced, factor);
  if constexpr (any_gradient<P>()) record_sum(*out, info, low.leaves, low.settings(), shape, reduced, factor, grad_ops_of<T, D>());
  return out;
}
template <TensorLike X>
RecordPtr sum_scaled(std::string_view op, X&& x, const Dims& axes, bool keepdim, bool mean) {
  const Shape shape = x.shape();
  return sum_values(op, as_node<value_t<X>>(std::forward<X>(x)), shape, axes, keepdim, mean);
}

/// Folds with R, not recorded.
template <template <class> class R, class Out, TensorLike X>
RecordPtr fold(std::string_view op, X&& x, const Dims& axes, bool keepdim) {
  using C = compute_t<value_t<X>>;
  const Shape shape = x.shape();
  const ReducedAxes reduced = reduced_axes(op, shape, axes, keepdim);
  const auto node = as_node<value_t<X>>(std::forward<X>(x));
  const Lowering<std::remove_const_t<decltype(node)>> low(node);
  using P = typename decltype(low)::P;
  return reduce_program<R<C>, P, Out, device_t<X>>(ReducedInfoFor<P, device_t<X>>::info, low.leaves, low.settings(), shape, reduced, 1.0);
}

}  // namespace taper::inline TAPER_CODE::detail
