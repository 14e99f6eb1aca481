// SPDX-License-Identifier: MIT
// What structural ops that change a tensor in place share: the checks before, the tape after.
#pragma once

#include <taper/eval/record.hpp>

namespace taper::inline TAPER_CODE::detail {

/// To be called before the first write of `inputs`: a target that overlaps itself or is another GPU's, a leaf that wants a gradient, or
/// a view whose history cannot be recorded is refused.
template <Scalar T, Device D, class... In>
void check_target(std::string_view op, const Tensor<T, D>& target, const In&... inputs) {
  const TensorRecord& r = target.record();
  check_here<D>(op, {&r});
  if (overlaps_itself(r))
    raise<ValueError>(op, "the target of shape ", r.shape, " and strides ", r.strides,
                      " overlaps itself (expand): clone() it before writing");
  if constexpr (Differentiable<T> && !inference_only) {
    check_in_place(r);
    TensorRecord* const all[] = {&target.record(), autograd::input_of(inputs)...};
    if (grad_mode() && autograd::any_wants(all)) check_recorded_target(r);
  }
}

/// To be called after the last write. The tensor's history becomes this op over its old self (input 0) and `inputs`;
/// the backward functor is called as record_op calls it.
template <Scalar T, Device D, class F, class... In>
void record_in_place(std::string_view name, Tensor<T, D>& target, F backward, const In&... inputs) {
  target.record().storage->version.fetch_add(1, std::memory_order_relaxed);
  if constexpr (!inference_only && Differentiable<T>) {
    if (!grad_mode()) return;
    autograd::SlotPtr edges[] = {autograd::edge_to(target), autograd::edge_to(inputs)...};
    bool any = false;
    for (const auto& e : edges) any = any || e;
    if (!any) return;
    using N = autograd::OpNode<F>;
    constexpr int count = 1 + static_cast<int>(sizeof...(In));
    const autograd::NodePtr<N> node(autograd::make_node<N>(count, 1, 0, name, std::move(backward)));
    for (int i = 0; i < count; ++i) node->set_input(i, std::move(edges[i]));
    autograd::rebase(target.record(), autograd::make_output(node.get(), 0, grad_ops_of<T, D>(), target.shape()));
  }
}

}  // namespace taper::inline TAPER_CODE::detail
