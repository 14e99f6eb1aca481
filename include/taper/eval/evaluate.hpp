// SPDX-License-Identifier: MIT
// Evaluation: an expression becomes a tensor by one kernel, and, where a leaf wants a gradient, one node of the tape.
#pragma once

#include <taper/eval/program_info.hpp>
#include <taper/eval/slot_of.hpp>
#include <taper/expr/basic_ops.hpp>

namespace taper::inline TAPER_ABI {

namespace detail {

/// The gradient operations of a dtype: see eval/grad_ops.hpp.
template <Scalar T, Device D>
struct GradOpsFor;
template <Scalar T, Device D>
const autograd::GradOps* grad_ops_of() {
  if constexpr (Differentiable<T> && !inference_only) return &GradOpsFor<T, D>::ops;
  else return nullptr;
}

inline bool wants_node(const ProgramInfo& info, const LeafRef* leaves) {
  if (!info.vjp) return false;
  for (int i = 0; i < info.leaves; ++i)
    if (leaves[i].wants_grad && info.reached[i]) return true;
  return false;
}

/// The node of a program: edges to the leaves that want a gradient, and what their partials read.
inline autograd::FusedNode* record_program(const ProgramInfo& info, const LeafRef* leaves, const void* data, const Shape& shape,
                                           TensorRecord* output) {
  using autograd::FusedNode;
  FusedNode* node = autograd::make_node<FusedNode>(info.leaves, 1, FusedNode::extra_bytes(info), info);
  node->shape = shape;
  LeafNeeds needs;
  for (int i = 0; i < info.leaves; ++i) {
    ::new (node->saved() + i) RecordPtr;
    if (!leaves[i].wants_grad || !info.reached[i]) continue;
    needs.leaves |= info.needs[i].leaves;
    needs.output |= info.needs[i].output;
    node->set_input(i, autograd::SlotPtr::share(autograd::slot_of(*leaves[i].record)));
  }
  for (int i = 0; i < info.leaves; ++i) {
    if (!(needs.leaves >> i & 1)) continue;
    node->saved()[i] = RecordPtr::share(leaves[i].record);
    node->versions()[i] = leaves[i].version;
  }
  if (needs.output && output) {
    // An alias without history: the output itself would hold the node that holds it.
    node->output = make_alias(*output, geometry_of(*output));
    node->output_version = output->storage->version.load(std::memory_order_relaxed);
  }
  std::memcpy(node->data(), data, info.data_bytes);
  return node;
}

template <class N>
RecordPtr evaluate(const N& node, const Shape& shape) {
  static_assert(!N::open, "the variable of a let() has no value outside the function given to let()");
  using D = typename N::device_type;
  using T = typename N::value_type;
  const Lowering<N> low(node);
  constexpr const ProgramInfo& info = InfoFor<typename Lowering<N>::P>::info;
  RecordPtr out = run_forward<D>(info, low.leaves, low.settings(), shape);
  if constexpr (any_gradient<typename Lowering<N>::P>()) {
    if (wants_node(info, low.leaves)) {
      const autograd::NodePtr<autograd::FusedNode> recorded(record_program(info, low.leaves, low.settings(), shape, out.get()));
      autograd::set_slot(*out, autograd::make_output(recorded.get(), 0, grad_ops_of<T, D>(), shape));
    }
  }
  return out;
}
/// A producer alone is its own value.
template <class P>
RecordPtr evaluate(const Produced<P>& node, const Shape&) {
  if (!node.made.defined()) node.made = node.producer();
  return node.made.handle();
}

/// A leaf that wants a gradient, and any view of it, may be changed only where nothing is recorded.
inline void check_in_place(const TensorRecord& target) {
  if (!grad_mode()) return;
  for (const TensorRecord* r = &target; r; r = r->link ? r->link->parent : nullptr)
    if (const autograd::Slot* s = autograd::slot_of(*r); s && s->is_leaf())
      raise<AutogradError>("in-place", "a leaf that wants a gradient (shape ", r->shape,
                           ") was changed in place: do it inside a NoGrad, or on a clone()");
}

/// Copies, with their history, of the leaves that a write to `target` destroys and a partial reads. The slots of `kept`
/// for all others stay empty.
template <Device D>
void keep_overwritten(const ProgramInfo& info, const LeafRef* leaves, const TensorRecord& target, RecordPtr* kept) {
  std::uint64_t needed = 0;
  for (int i = 0; i < info.leaves; ++i)
    if (leaves[i].wants_grad && info.reached[i]) needed |= info.needs[i].leaves;
  for (int i = 0; i < info.leaves; ++i) {
    const TensorRecord& leaf = *leaves[i].record;
    if (!(needed >> i & 1) || leaf.storage != target.storage) continue;
    kept[i] = make_dense<D>(leaf.dtype, leaf.shape);
    gather(kept[i]->data, leaf.data, size_of(leaf.dtype), Walk(leaf.shape, leaf.strides), 0, leaf.numel);
    if (autograd::Slot* slot = autograd::slot_of(leaf)) autograd::set_slot(*kept[i], autograd::SlotPtr::share(slot));
  }
}

/// Writes the value of an expression into `target`, in place: recorded where gradients are wanted.
template <class N>
void evaluate_into(const N& node, const Shape& shape, TensorRecord& target) {
  using D = typename N::device_type;
  using T = typename N::value_type;
  const Lowering<N> low(node);
  constexpr const ProgramInfo& info = InfoFor<typename Lowering<N>::P>::info;
  if (!(shape == target.shape) && !(broadcast_shapes("copy_", shape, target.shape) == target.shape))
    raise<ShapeError>("copy_", "a value of shape ", shape, " does not fit a target of shape ", target.shape);
  const bool recorded = info.vjp != nullptr && wants_node(info, low.leaves);
  bool target_wants = false;
  if constexpr (Differentiable<T> && !inference_only) {
    target_wants = autograd::wants_gradient(target);
    check_in_place(target);
  }
  RecordPtr kept[Lowering<N>::P::leaves + 1];
  if constexpr (Differentiable<T> && !inference_only)
    if (recorded && grad_mode()) keep_overwritten<D>(info, low.leaves, target, kept);
  run_into(info, low.leaves, low.settings(), target);
  if constexpr (Differentiable<T> && !inference_only) {
    if (!grad_mode() || !(recorded || target_wants)) return;
    if (recorded) {
      const autograd::NodePtr<autograd::FusedNode> made(record_program(info, low.leaves, low.settings(), target.shape, &target));
      for (int i = 0; i < info.leaves; ++i) {
        if (!kept[i]) continue;
        made->versions()[i] = kept[i]->storage->version.load(std::memory_order_relaxed);
        made->saved()[i] = std::move(kept[i]);
      }
      autograd::rebase(target, autograd::make_output(made.get(), 0, grad_ops_of<T, D>(), target.shape));
    } else {
      // Overwritten by a constant: nothing flows to what was there before.
      autograd::rebase(target, autograd::make_slot_of_constant(grad_ops_of<T, D>(), target.shape));
    }
  }
}

template <Scalar T, Device D>
Leaf<T, D> plain_leaf(const RecordPtr& r) {
  return Leaf<T, D>(Tensor<T, D>(r));
}

}  // namespace detail

template <Scalar T, Device D>
template <ExprLike E>
  requires std::same_as<value_t<E>, T> && std::same_as<device_t<E>, D>
Tensor<T, D>::Tensor(E&& expr) {
  if constexpr (std::is_lvalue_reference_v<E> || std::is_const_v<std::remove_reference_t<E>>) record_ = expr.value().handle();
  else record_ = detail::evaluate(expr.node(), expr.shape());
}

}  // namespace taper::inline TAPER_ABI
