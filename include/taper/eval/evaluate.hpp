// SPDX-License-Identifier: MIT
// Evaluation: an expression becomes a tensor by one kernel, and, where a leaf wants a gradient, one node of the tape.
#pragma once

#include <taper/backend/gemm_call.hpp>
#include <taper/eval/finish.hpp>
#include <taper/eval/program_info.hpp>
#include <taper/eval/slot_of.hpp>
#include <taper/expr/basic_ops.hpp>

namespace taper::inline TAPER_CODE {

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
  if (!info.differentiable) return false;
  for (int i = 0; i < info.leaves; ++i)
    if (leaves[i].wants_grad && info.reached[i]) return true;
  return false;
}

/// True where a node need not keep its large result: it can be made again from the leaves that the node saves, from results of
/// norms, which are made again themselves, and from small leaves, which are copied.
inline bool keep_sources(autograd::FusedNode& node, const LeafRef* leaves, const TensorRecord& result) {
  const ProgramInfo& info = node.info;
  if (info.device || autograd::keep_results || result.numel < autograd::least_remade || info.may_throw ||
      result.storage->version.load(std::memory_order_relaxed) != 0)
    return false;
  using Sources = autograd::FusedNode::Sources;
  std::unique_ptr<Sources> sources;
  for (int i = 0; i < info.leaves; ++i) {
    const TensorRecord& r = *leaves[i].record;
    if (node.saved()[i] || r.numel <= result.numel / 16) continue;
    if (autograd::remakes(r) != autograd::Remakes::with_epilogue || (sources && sources->count == Sources::most)) return false;
    if (!sources) sources.reset(new Sources);
    const int k = sources->count++;
    sources->leaf[k] = i;
    sources->columns[k] = leaves[i].columns;
    sources->use[k] = autograd::RemakeUse(autograd::SlotPtr::share(autograd::slot_of(r)));
  }
  if (node.reads_output && !sources) return false;
  for (int i = 0; i < info.leaves; ++i) {
    if (node.saved()[i] || (sources && sources->has(i))) continue;
    const TensorRecord& r = *leaves[i].record;
    node.saved()[i] = make_dense<Cpu>(r.dtype, r.shape);
    gather(node.saved()[i]->data, r.data, size_of(r.dtype), Walk(r.shape, r.strides), 0, r.numel);
    node.versions()[i] = 0;
  }
  node.sources = std::move(sources);
  return node.from_kept = true;
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
  std::memcpy(node->data(), data, info.data_bytes);
  node->reads_output = needs.output;
  if (output && keep_sources(*node, leaves, *output)) return node;
  if (needs.output && output) {
    // An alias without history: the output itself would hold the node that holds it.
    node->output = make_alias(*output, geometry_of(*output));
    node->output_version = output->storage->version.load(std::memory_order_relaxed);
  }
  return node;
}

/// Makes a program that has run the source of its result's gradient. `ops` is null where no gradient can flow.
TAPER_INLINE void record_result(const ProgramInfo& info, const LeafRef* leaves, const void* data, const Shape& shape, const autograd::GradOps* ops,
                                TensorRecord& out) {
  if (!ops || !wants_node(info, leaves)) return;
  autograd::NodePtr<autograd::FusedNode> recorded(record_program(info, leaves, data, shape, &out));
  autograd::set_slot(out, autograd::make_only_output(std::move(recorded), ops, shape));
}

/// Runs a program and records it.
template <Device D>
RecordPtr evaluate_program(const ProgramInfo& info, LeafRef* leaves, const void* data, const Shape& shape, const autograd::GradOps* ops) {
  RecordPtr held;
  RecordPtr out = run_program<D>(info, leaves, data, shape, held);
  record_result(info, leaves, data, shape, ops, *out);
  return out;
}
template <class P, Scalar T, Device D>
const autograd::GradOps* grad_ops_for() {
  if constexpr (any_gradient<P>()) return grad_ops_of<T, D>();
  else return nullptr;
}

/// An op over a product that its device's library may do as it stores the product.
template <class N>
concept InProduct = requires(const N& node, GemmActivation activation) {
  activation = node.op.in_product();
  node.operands.a.producer.activated(activation);
};

/// Such an op in the product's own call. Null where that is not done, as where the op's gradient reads the product, which would be
/// stored nowhere.
template <class N>
RecordPtr evaluate_in_product(const N& node, const Shape& shape) {
  using T = typename N::value_type;
  using D = typename N::device_type;
  using P = typename Lowering<N>::P;
  constexpr const ProgramInfo& info = InfoFor<P, D>::info;
  const auto& product = node.operands.a;
  GemmActivation activation = node.op.in_product();
  if (product.made.defined() || activation == GemmActivation::none || (product.producer.record && gradient_reads(info, 0))) return {};
  Tensor<T, D> y = product.producer.activated(activation);
  if (activation != GemmActivation::none) {
    product.made = std::move(y);
    return {};
  }
  Lowering<N> low(node, true);
  low.leaves[0].set(ask_gradient(y).record());
  RecordPtr out = make_alias(y.record(), geometry_of(y.record()));
  if constexpr (!inference_only) record_result(info, low.leaves, low.settings(), shape, grad_ops_for<P, T, D>(), *out);
  return out;
}

template <class N>
RecordPtr evaluate(const N& node, const Shape& shape) {
  static_assert(!N::open, "the variable of a let() has no value outside the function given to let()");
  using D = typename N::device_type;
  using P = typename Lowering<N>::P;
  static_assert(on_host<D> || Accelerated<D>, "evaluating a pointwise expression on this device needs its backend: compile this file as .cu");
  if constexpr (Accelerated<D> && InProduct<N>)
    if (RecordPtr out = evaluate_in_product(node, shape)) return out;
  Lowering<N> low(node, on_host<D> && shape.numel() >= least_finished);
  RecordPtr held;
  if constexpr (!on_host<D> && !Accelerated<D>) return held;
  else if constexpr (inference_only) return run_program<D>(InfoFor<P, D>::info, low.leaves, low.settings(), shape, held);
  else return evaluate_program<D>(InfoFor<P, D>::info, low.leaves, low.settings(), shape, grad_ops_for<P, typename N::value_type, D>());
}
/// A producer alone is its own value.
template <class P>
RecordPtr evaluate(const Produced<P>& node, const Shape&) {
  if (!node.made.defined()) node.made = std::move(node.producer)();
  return node.made.handle();
}

/// A leaf that wants a gradient, and any view of it, may be changed only where nothing is recorded.
inline void check_in_place(const TensorRecord& target) {
  if (!grad_mode()) return;
  for (const TensorRecord* r = &target; r; r = r->link ? r->link->parent : nullptr)
    if (const autograd::Slot* s = autograd::slot_of(*r); s && r->wants_grad && s->is_leaf())
      raise<AutogradError>("in-place", "a leaf that wants a gradient (shape ", r->shape,
                           ") was changed in place: do it inside a NoGrad, or on a clone()");
}

/// A write that is recorded, to a tensor that overlaps itself or to a view of one: elements outside the view may change with it, and
/// gradients would not know.
inline void check_recorded_target(const TensorRecord& target) {
  for (const TensorRecord* r = &target; r; r = r->link ? r->link->parent : nullptr)
    if (overlaps_itself(*r))
      raise<ValueError>("in-place", "the target of shape ", target.shape, " is seen through one of shape ", r->shape, " and strides ", r->strides,
                        " that overlaps itself (expand, unfold): write to what that was made from, or clone() it before writing");
}

/// Copies, with their history, of the saved leaves that a write to `target` destroys, in their place.
template <Device D>
void keep_overwritten(autograd::FusedNode& node, const TensorRecord& target) {
  for (int i = 0; i < node.info.leaves; ++i) {
    RecordPtr& saved = node.saved()[i];
    if (!saved || !share_memory(*saved, target)) continue;
    RecordPtr copy = make_dense<D>(saved->dtype, saved->shape);
    if constexpr (on_host<D>) gather(copy->data, saved->data, size_of(saved->dtype), Walk(saved->shape, saved->strides), 0, saved->numel);
    else Accelerator<D>::copy(*saved, *copy);
    if (saved->wants_grad) autograd::set_slot(*copy, autograd::SlotPtr::share(autograd::slot_of(*saved)));
    node.versions()[i] = copy->storage->version.load(std::memory_order_relaxed);
    saved = std::move(copy);
  }
}

inline void check_fits(const Shape& value, const Shape& target) {
  if (!(value == target) && !(broadcast_shapes("copy_", value, target) == target))
    raise<ShapeError>("copy_", "a value of shape ", value, " does not fit a target of shape ", target);
}

/// Runs a program into `target`, in place: recorded where gradients are wanted. `ops` is null where T has no gradient.
template <Device D>
void evaluate_program_into(const ProgramInfo& info, const LeafRef* leaves, const void* data, TensorRecord& target, const autograd::GradOps* ops) {
  const bool target_wants = ops && autograd::wants_gradient(target);
  if (ops) check_in_place(target);
  if (!ops || !grad_mode()) return run_into(info, leaves, data, target);
  const bool wants = wants_node(info, leaves);
  if (wants || target_wants) check_recorded_target(target);
  if (wants) {
    const autograd::NodePtr<autograd::FusedNode> made(record_program(info, leaves, data, target.shape, &target));
    keep_overwritten<D>(*made.get(), target);
    run_into(info, leaves, data, target);
    made->output_version = target.storage->version.load(std::memory_order_relaxed);
    autograd::rebase(target, autograd::make_output(made.get(), 0, ops, target.shape));
  } else {
    run_into(info, leaves, data, target);
    // Overwritten by a constant: nothing flows to what was there before.
    if (target_wants) autograd::rebase(target, autograd::make_slot_of_constant(ops, target.shape));
  }
}

/// Writes the value of an expression into `target`, in place.
template <class N>
void evaluate_into(const N& node, const Shape& shape, TensorRecord& target) {
  using D = typename N::device_type;
  const Lowering<N> low(node);
  constexpr const ProgramInfo& info = InfoFor<typename Lowering<N>::P, D>::info;
  check_fits(shape, target.shape);
  if constexpr (inference_only) run_into(info, low.leaves, low.settings(), target);
  else evaluate_program_into<D>(info, low.leaves, low.settings(), target, grad_ops_of<typename N::value_type, D>());
}

template <Scalar T, Device D>
Leaf<T, D> plain_leaf(const RecordPtr& r) {
  return Leaf<T, D>(Tensor<T, D>(r));
}

/// A copy whose axes lie in the given order.
template <Scalar T, Device D>
RecordPtr evaluate_copy(const RecordPtr& r, AxisOrder order) {
  using P = typename Lowering<Leaf<T, D>>::P;
  Lowering<Leaf<T, D>> low(plain_leaf<T, D>(r));
  low.leaves[0].order = order;
  RecordPtr held;
  if constexpr (inference_only) return run_program<D>(InfoFor<P, D>::info, low.leaves, low.settings(), r->shape, held);
  else return evaluate_program<D>(InfoFor<P, D>::info, low.leaves, low.settings(), r->shape, grad_ops_for<P, T, D>());
}

}  // namespace detail

}  // namespace taper::inline TAPER_CODE

namespace taper::inline TAPER_ABI {

template <Scalar T, Device D>
template <ExprLike E>
  requires std::same_as<value_t<E>, T> && std::same_as<device_t<E>, D>
Tensor<T, D>::Tensor(E&& expr) {
  if constexpr (std::is_lvalue_reference_v<E> || std::is_const_v<std::remove_reference_t<E>>) record_ = expr.value().handle();
  else record_ = detail::evaluate(expr.node(), expr.shape());
}

}  // namespace taper::inline TAPER_ABI

