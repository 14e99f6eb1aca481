// SPDX-License-Identifier: MIT
// From a tensor to its gradient slot: views fetch theirs, lazily, from the tensor they were made from.
#pragma once

#include <taper/autograd/engine.hpp>

#include <mutex>

namespace taper::inline TAPER_CODE::autograd {

using detail::RecordPtr;
using detail::TensorRecord;
using detail::ViewOp;

inline Slot* slot_of(const TensorRecord& r) noexcept { return static_cast<Slot*>(r.slot); }

/// Tells a record's views that their slots are stale.
TAPER_INLINE void next_epoch(TensorRecord& r) noexcept {
  const std::atomic_ref epoch(r.epoch);
  if (r.refs.load(std::memory_order_relaxed) == 1) epoch.store(r.epoch + 1, std::memory_order_relaxed);  // it has no view
  else epoch.fetch_add(1, std::memory_order_release);
}

/// Replaces a record's slot.
inline void set_slot(TensorRecord& r, SlotPtr slot) noexcept {
  if (r.slot) detail::release(r.slot);
  r.wants_grad = static_cast<bool>(slot);
  if (!r.contiguous && slot && slot->refs.load(std::memory_order_relaxed) == 1) slot->order = detail::order_of_strided(r);
  r.slot = slot.detach();
  next_epoch(r);
}

/// Whether a leaf that has been one before wants its gradient: its slot, with the gradient and the hooks, stays that of the graphs
/// that were recorded.
inline void set_frozen(TensorRecord& r, bool frozen) noexcept {
  slot_of(r)->frozen = frozen;
  r.wants_grad = !frozen;
  next_epoch(r);
}

/// Backward of a view: the gradient goes back through the inverse view, or into a region of a buffer of zeros.
class ViewNode final : public Node {
 public:
  ViewOp op;
  explicit ViewNode(const ViewOp& o) : op(o) { saves = false; }
  std::string_view name() const noexcept override { return "view"; }
  void release_saved() noexcept override {}
  inline void backward(Pass& pass) override;
};

inline void refresh_view(TensorRecord& r);

/// True where gradients flow into the record; brings a view's slot up to date first.
inline bool wants_gradient(TensorRecord& r) {
  if (r.link) {
    wants_gradient(*r.link->parent);
    if (std::atomic_ref(r.link->parent_epoch).load(std::memory_order_acquire) !=
        std::atomic_ref(r.link->parent->epoch).load(std::memory_order_acquire))
      refresh_view(r);
  }
  return r.wants_grad;
}

inline std::recursive_mutex& view_mutex() {
  static auto* mutex = new std::recursive_mutex;  // outlives every static
  return *mutex;
}

inline void refresh_view(TensorRecord& r) {
  const std::lock_guard lock(view_mutex());
  TensorRecord& parent = *r.link->parent;
  const bool parent_wants = wants_gradient(parent);
  const std::uint32_t epoch = std::atomic_ref(parent.epoch).load(std::memory_order_acquire);
  if (r.link->parent_epoch == epoch) return;
  if (parent_wants) {
    const NodePtr<ViewNode> node(make_node<ViewNode>(1, 1, 0, r.link->op));
    node->set_input(0, SlotPtr::share(slot_of(parent)));
    set_slot(r, make_output(node.get(), 0, slot_of(parent)->ops, r.shape));
  }
  std::atomic_ref(r.link->parent_epoch).store(epoch, std::memory_order_release);
}

/// Replaces one view by its inverse where that exists.
inline ViewOp inverse(const ViewOp& op, const Shape& input) {
  ViewOp out;
  out.kind = op.kind;
  switch (op.kind) {
    case ViewOp::view: out.dims = input; break;
    case ViewOp::permute:
      out.dims = op.dims;
      for (int i = 0; i < op.dims.size(); ++i) out.dims[static_cast<int>(op.dims[i])] = i;
      break;
    case ViewOp::squeeze:
      out.kind = ViewOp::unsqueeze;
      out.dim = op.dim;
      break;
    case ViewOp::unsqueeze:
      out.kind = ViewOp::squeeze;
      out.dim = op.dim;
      break;
    default: out.kind = ViewOp::alias;
  }
  return out;
}

/// A gradient put into zeros of the input's shape, recorded; its own backward is the view again.
class EmbedNode final : public Node {
 public:
  ViewOp op;
  explicit EmbedNode(const ViewOp& o) : op(o) { saves = false; }
  std::string_view name() const noexcept override { return "view backward"; }
  void release_saved() noexcept override {}
  void backward(Pass& pass) override {
    if (RecordPtr g = pass.gradient(*this)) pass.add(input(0), detail::make_view(g.get(), op));
  }
};

/// Adds `value` into the region of `target` that `op` selects.
inline void add_into_region(const GradOps& ops, TensorRecord& target, const ViewOp& op, TensorRecord& value) {
  if (op.kind == ViewOp::unfold) {
    // Windows overlap: one offset inside the window at a time is free of overlap.
    for (std::int64_t k = 0; k < op.a; ++k) {
      ViewOp part;
      part.kind = ViewOp::slice;
      part.dim = op.dim;
      part.a = k, part.b = (target.shape[op.dim] - op.a) / op.b + 1, part.c = op.b;
      ViewOp pick;
      pick.kind = ViewOp::select;
      pick.dim = value.shape.size() - 1;
      pick.a = k;
      const RecordPtr region = detail::make_alias(target, detail::apply(part, detail::geometry_of(target)));
      const RecordPtr window = detail::make_alias(value, detail::apply(pick, detail::geometry_of(value)));
      ops.add_into(*region, *window);
    }
    return;
  }
  const RecordPtr region = detail::make_alias(target, detail::apply(op, detail::geometry_of(target)));
  ops.add_into(*region, value);
}

inline RecordPtr embed(const GradOps& ops, const RecordPtr& g, const ViewOp& op, const Shape& input_shape) {
  RecordPtr out = ops.full(input_shape, 0);
  add_into_region(ops, *out, op, *g);
  if (detail::grad_mode() && wants_gradient(*g)) {
    const NodePtr<EmbedNode> node(make_node<EmbedNode>(1, 1, 0, op));
    node->set_input(0, SlotPtr::share(slot_of(*g)));
    set_slot(*out, make_output(node.get(), 0, &ops, input_shape));
  }
  return out;
}

inline void ViewNode::backward(Pass& pass) {
  RecordPtr g = pass.gradient(*this);
  if (!g) return;
  const SlotPtr& slot = input(0);
  if (op.kind == ViewOp::expand) {
    pass.add(slot, slot->ops->sum_to(g, slot->shape));
  } else if (op.bijective()) {
    const ViewOp back = inverse(op, slot->shape);
    Strides unused;
    if (back.kind == ViewOp::view && !detail::view_strides(detail::geometry_of(*g), back.dims, unused)) g = slot->ops->clone(g);
    pass.add(slot, detail::make_view(g.get(), back));
  } else if (pass.create_graph()) {
    pass.add(slot, embed(*slot->ops, g, op, slot->shape));
  } else if (pass.slot_wanted(*slot)) {
    bool fresh = false;
    TensorRecord& target = pass.buffer(slot, fresh, slot->order);
    if (fresh) slot->ops->set_zero(target);
    add_into_region(*slot->ops, target, op, *g);
  }
}

/// History of an in-place change through a view: the parent becomes itself with one region replaced.
class RegionNode final : public Node {
 public:
  ViewOp op;
  explicit RegionNode(const ViewOp& o) : op(o) { saves = false; }
  std::string_view name() const noexcept override { return "in-place change of a view"; }
  void release_saved() noexcept override {}
  /// input 0: the parent before; input 1: the new value of the region.
  void backward(Pass& pass) override {
    RecordPtr g = pass.gradient(*this);
    if (!g) return;
    const GradOps& ops = *Node::output(0)->ops;
    if (input(1) && pass.slot_wanted(*input(1))) {
      const RecordPtr region = detail::make_view(g.get(), op);
      pass.add(input(1), ops.clone(region));
    }
    if (input(0) && pass.slot_wanted(*input(0))) pass.add(input(0), ops.without_region(g, op));
  }
};

/// The source of values that no gradient flows through: what a tensor with history becomes when a constant overwrites it.
class ConstantNode final : public Node {
 public:
  ConstantNode() { saves = false; }
  std::string_view name() const noexcept override { return "in-place constant"; }
  void release_saved() noexcept override {}
  void backward(Pass&) override {}
};

inline SlotPtr make_slot_of_constant(const GradOps* ops, const Shape& shape) {
  const NodePtr<ConstantNode> node(make_node<ConstantNode>(0, 1, 0));
  return make_output(node.get(), 0, ops, shape);
}

/// After an in-place change: the record's value now comes from `slot`, and so, in part, does that of what it views.
inline void rebase(TensorRecord& r, const SlotPtr& slot) {
  if (r.link) {
    TensorRecord& parent = *r.link->parent;
    const bool parent_wanted = wants_gradient(parent);
    const NodePtr<RegionNode> node(make_node<RegionNode>(2, 1, 0, r.link->op));
    if (parent_wanted) node->set_input(0, SlotPtr::share(slot_of(parent)));
    node->set_input(1, slot);
    rebase(parent, make_output(node.get(), 0, slot->ops, parent.shape));
    r.link->parent_epoch = parent.epoch;
  }
  set_slot(r, slot);
}

}  // namespace taper::inline TAPER_CODE::autograd
