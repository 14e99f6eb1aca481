// SPDX-License-Identifier: MIT
// How a structural op records its backward: a functor over tensors, written in public differentiable functions.
#pragma once

#include <taper/eval/grad_ops.hpp>

#include <optional>

namespace taper::inline TAPER_CODE {

/// A tensor kept for backward. get() throws where it was changed in place since.
template <Scalar T, Device D = Cpu>
class Saved {
 public:
  Saved() = default;
  explicit Saved(Tensor<T, D> x) : tensor_(std::move(x)), version_(tensor_.defined() ? tensor_.version() : 0) {}
  bool defined() const { return tensor_.defined(); }
  const Tensor<T, D>& get() const {
    if (tensor_.defined() && tensor_.version() != version_)
      detail::raise<AutogradError>("backward", "a tensor of shape ", tensor_.shape(), " that was saved for backward was changed in place (version ",
                                   tensor_.version(), ", saved at ", version_, "): clone() it before the in-place operation");
    return tensor_;
  }

 private:
  Tensor<T, D> tensor_;
  std::uint32_t version_ = 0;
};

namespace autograd {

/// What a backward functor works with: the outputs' gradients, the inputs that want one, where to hand them.
class BackwardContext {
 public:
  BackwardContext(Node& node, Pass& pass, const RecordPtr* saved_output) : node_(node), pass_(pass), saved_output_(saved_output) {}

  /// The gradient that arrived at output i; undefined where none did.
  template <Scalar T, Device D = Cpu>
  Tensor<T, D> grad(int i = 0) const {
    return Tensor<T, D>(pass_.gradient(node_, i));
  }
  /// The same where it did arrive and lies densely, held by the pass alone; null otherwise.
  template <Scalar T>
  const T* dense_grad() const {
    const TensorRecord* g = pass_.arrived(node_);
    return g && g->contiguous ? reinterpret_cast<const T*>(g->data) : nullptr;
  }
  /// True where input i needs a gradient from this pass.
  bool wants(int i) const { return node_.input(i) && pass_.slot_wanted(*node_.input(i)); }
  /// Hands the gradient of input i on.
  template <TensorLike X>
  void give(int i, X&& gradient) const {
    if (wants(i)) add(i, eval(std::forward<X>(gradient)).record());
  }
  /// Output 0, where the op asked for it to be saved.
  template <Scalar T, Device D = Cpu>
  Tensor<T, D> output() const {
    const RecordPtr& y = *saved_output_;
    if (!pass_.create_graph()) return Tensor<T, D>(y);
    RecordPtr alias = detail::make_alias(*y, detail::geometry_of(*y));
    set_slot(*alias, share_output(node_, detail::grad_ops_of<T, D>(), alias->shape));
    return Tensor<T, D>(alias);
  }
  /// True where the gradients handed on must themselves be differentiable.
  bool create_graph() const { return pass_.create_graph(); }
  const Shape& input_shape(int i) const { return node_.input(i)->shape; }
  Pass& pass() const { return pass_; }
  const Node& node() const { return node_; }

 private:
  void add(int i, TensorRecord& gradient) const {
    if (!(gradient.shape == node_.input(i)->shape))
      detail::raise<ShapeError>(node_.name(), "backward gave a gradient of shape ", gradient.shape, " for input ", i, " of shape ",
                                node_.input(i)->shape);
    pass_.add(node_.input(i), RecordPtr::share(&gradient));
  }

  Node& node_;
  Pass& pass_;
  const RecordPtr* saved_output_;
};

/// What the nodes of all structural ops share.
class AnyOpNode : public Node {
 public:
  explicit AnyOpNode(std::string_view name) : name_(name) {}
  std::string_view name() const noexcept final { return name_; }
  void save_output(const TensorRecord& y) {
    output_ = detail::make_alias(y, detail::geometry_of(y));
    version_ = y.storage->version.load(std::memory_order_relaxed);
  }

 protected:
  /// Output 0, or null.
  const RecordPtr& saved_output() const {
    if (output_ && output_->storage->version.load(std::memory_order_relaxed) != version_)
      detail::raise<AutogradError>("backward", "the result of ", name_, " (shape ", output_->shape,
                                   ") is needed for its gradient and was changed in place: clone() it before the in-place operation");
    return output_;
  }
  void reset_output() noexcept {
    output_ = {};
    if (remake_users.load(std::memory_order_acquire) == 0) remade = {};
  }

 private:
  std::string_view name_;  // of a string literal
  RecordPtr output_;
  std::uint32_t version_ = 0;
};

/// A structural op on the tape: F is called with a BackwardContext.
template <class F>
class OpNode final : public AnyOpNode {
 public:
  OpNode(std::string_view name, F f) : AnyOpNode(name), f_(std::move(f)) {}
  void release_saved() noexcept override { reset(); }
  void backward(Pass& pass) override { (*f_)(BackwardContext(*this, pass, &saved_output())); }
  Remakes remakes() const noexcept override { return can_remake && f_ ? Remakes::with_epilogue : Remakes::no; }
  RecordPtr remake(const void* epilogue) override {
    if constexpr (can_remake) return f_->remake(static_cast<const detail::Epilogue*>(epilogue));
    else return {};
  }

 private:
  static constexpr bool can_remake = requires(const F& f, const detail::Epilogue* e) { f.remake(e); };

  void reset() noexcept {
    f_.reset();
    reset_output();
  }

  std::optional<F> f_;  // gone once the graph is freed
};

template <Scalar T, Device D>
SlotPtr edge_to(const Tensor<T, D>& x) {
  if constexpr (Differentiable<T>)
    if (x.defined() && wants_gradient(x.record())) return SlotPtr::share(slot_of(x.record()));
  return {};
}
/// The record of an input that may want a gradient, or null.
template <Scalar T, Device D>
TensorRecord* input_of(const Tensor<T, D>& x) {
  if constexpr (Differentiable<T>)
    if (x.defined()) return &x.record();
  return nullptr;
}
inline bool any_wants(std::span<TensorRecord* const> inputs) {
  for (TensorRecord* r : inputs)
    if (r && wants_gradient(*r)) return true;
  return false;
}
/// Makes a node over these inputs the source of `out`.
inline void record_node(NodePtr<Node> node, std::span<TensorRecord* const> inputs, TensorRecord& out, const GradOps* ops) {
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (TensorRecord* r = inputs[i]; r && wants_gradient(*r)) node->set_input(static_cast<int>(i), SlotPtr::share(slot_of(*r)));
  set_slot(out, make_only_output(std::move(node), ops, out.shape));
}
/// The same for edges that were taken before: the inputs may be gone.
inline void record_node(NodePtr<Node> node, std::span<SlotPtr> edges, TensorRecord& out, const GradOps* ops) {
  for (std::size_t i = 0; i < edges.size(); ++i)
    if (edges[i]) node->set_input(static_cast<int>(i), std::move(edges[i]));
  set_slot(out, make_only_output(std::move(node), ops, out.shape));
}

}  // namespace autograd

/// Records `out` as the result of an op over `inputs` (tensors of any dtype; those that want no gradient get no edge).
/// backward(context) must call context.give(i, gradient) for the inputs that context.wants(i). Where nothing wants a
/// gradient, or grad mode is off, nothing is recorded. With save_output, context.output<T>() returns `out`.
template <Scalar T, Device D, class F, class... In>
Tensor<T, D> record_op(std::string_view name, Tensor<T, D> out, bool save_output, F backward, const In&... inputs) {
  if constexpr (!inference_only && Differentiable<T>) {
    if (!detail::grad_mode()) return out;
    detail::TensorRecord* const from[] = {autograd::input_of(inputs)...};
    if (!autograd::any_wants(from)) return out;
    auto* node = autograd::make_node<autograd::OpNode<F>>(static_cast<int>(sizeof...(In)), 1, 0, name, std::move(backward));
    autograd::NodePtr<autograd::Node> owner(node);
    if (save_output) node->save_output(out.record());
    autograd::record_node(std::move(owner), from, out.record(), detail::grad_ops_of<T, D>());
  }
  return out;
}
/// As above, over a list of tensors of one type.
template <Scalar T, Device D, class F>
Tensor<T, D> record_op_list(std::string_view name, Tensor<T, D> out, F backward, std::span<const Tensor<T, D>> inputs) {
  if constexpr (!inference_only && Differentiable<T>) {
    if (!detail::grad_mode()) return out;
    detail::PoolVector<detail::TensorRecord*> from;
    for (const auto& x : inputs) from.push_back(autograd::input_of(x));
    if (!autograd::any_wants(from)) return out;
    autograd::NodePtr<autograd::Node> node(
        autograd::make_node<autograd::OpNode<F>>(static_cast<int>(inputs.size()), 1, 0, name, std::move(backward)));
    autograd::record_node(std::move(node), from, out.record(), detail::grad_ops_of<T, D>());
  }
  return out;
}

}  // namespace taper::inline TAPER_CODE
