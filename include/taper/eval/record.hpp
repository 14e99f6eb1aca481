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
  BackwardContext(const Node& node, Pass& pass, const RecordPtr* saved_output) : node_(node), pass_(pass), saved_output_(saved_output) {}

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
    if (!wants(i)) return;
    auto value = eval(std::forward<X>(gradient));
    if (!(value.shape() == node_.input(i)->shape))
      detail::raise<ShapeError>(node_.name(), "backward gave a gradient of shape ", value.shape(), " for input ", i, " of shape ",
                                node_.input(i)->shape);
    pass_.add(node_.input(i), value.handle());
  }
  /// Output 0, where the op asked for it to be saved.
  template <Scalar T, Device D = Cpu>
  Tensor<T, D> output() const {
    const RecordPtr& y = *saved_output_;
    if (!pass_.create_graph()) return Tensor<T, D>(y);
    RecordPtr alias = detail::make_alias(*y, detail::geometry_of(*y));
    set_slot(*alias, SlotPtr::share(node_.output(0)));
    return Tensor<T, D>(alias);
  }
  /// True where the gradients handed on must themselves be differentiable.
  bool create_graph() const { return pass_.create_graph(); }
  const Shape& input_shape(int i) const { return node_.input(i)->shape; }
  Pass& pass() const { return pass_; }
  const Node& node() const { return node_; }

 private:
  const Node& node_;
  Pass& pass_;
  const RecordPtr* saved_output_;
};

/// A structural op on the tape: F is called with a BackwardContext.
template <class F>
class OpNode final : public Node {
 public:
  OpNode(std::string_view name, F f) : name_(name), f_(std::move(f)) {}
  std::string_view name() const noexcept override { return name_; }
  void release_saved() noexcept override { reset(); }
  void backward(Pass& pass) override {
    if (output_ && output_->storage->version.load(std::memory_order_relaxed) != version_)
      detail::raise<AutogradError>("backward", "the result of ", name_, " (shape ", output_->shape,
                                   ") is needed for its gradient and was changed in place: clone() it before the in-place operation");
    (*f_)(BackwardContext(*this, pass, &output_));
  }
  Remakes remakes() const noexcept override { return can_remake && f_ ? Remakes::with_epilogue : Remakes::no; }
  RecordPtr remake(const void* epilogue) override {
    if constexpr (can_remake) return f_->remake(static_cast<const detail::Epilogue*>(epilogue));
    else return {};
  }
  void save_output(const TensorRecord& y) {
    output_ = detail::make_alias(y, detail::geometry_of(y));
    version_ = y.storage->version.load(std::memory_order_relaxed);
  }

 private:
  static constexpr bool can_remake = requires(const F& f, const detail::Epilogue* e) { f.remake(e); };

  void reset() noexcept {
    f_.reset();
    output_ = {};
    if (remake_users.load(std::memory_order_acquire) == 0) remade = {};
  }

  std::string_view name_;  // of a string literal
  std::optional<F> f_;  // gone once the graph is freed
  RecordPtr output_;
  std::uint32_t version_ = 0;
};

template <Scalar T, Device D>
SlotPtr edge_to(const Tensor<T, D>& x) {
  if constexpr (Differentiable<T>)
    if (x.defined() && wants_gradient(x.record())) return SlotPtr::share(slot_of(x.record()));
  return {};
}

}  // namespace autograd

namespace autograd {

/// Makes a node the source of `out`.
inline void record_node(NodePtr<Node> node, std::span<SlotPtr> edges, detail::TensorRecord& out, const GradOps* ops) {
  for (std::size_t i = 0; i < edges.size(); ++i) node->set_input(static_cast<int>(i), std::move(edges[i]));
  set_slot(out, make_only_output(std::move(node), ops, out.shape));
}
inline bool any_edge(std::span<const SlotPtr> edges) {
  for (const SlotPtr& e : edges)
    if (e) return true;
  return false;
}

}  // namespace autograd

/// Records `out` as the result of an op whose inputs have these edges; as record_op does.
template <Scalar T, Device D, class F>
Tensor<T, D> record_edges(std::string_view name, Tensor<T, D> out, bool save_output, std::span<autograd::SlotPtr> edges, F backward) {
  if (!autograd::any_edge(edges)) return out;
  auto* node = autograd::make_node<autograd::OpNode<F>>(static_cast<int>(edges.size()), 1, 0, name, std::move(backward));
  autograd::NodePtr<autograd::Node> owner(node);
  if (save_output) node->save_output(out.record());
  autograd::record_node(std::move(owner), edges, out.record(), detail::grad_ops_of<T, D>());
  return out;
}
/// Records `out` as the result of an op over `inputs` (tensors of any dtype; those that want no gradient get no edge).
/// backward(context) must call context.give(i, gradient) for the inputs that context.wants(i). Where nothing wants a
/// gradient, or grad mode is off, nothing is recorded. With save_output, context.output<T>() returns `out`.
template <Scalar T, Device D, class F, class... In>
Tensor<T, D> record_op(std::string_view name, Tensor<T, D> out, bool save_output, F backward, const In&... inputs) {
  if constexpr (!inference_only && Differentiable<T>) {
    if (!detail::grad_mode()) return out;
    autograd::SlotPtr edges[] = {autograd::edge_to(inputs)...};
    return record_edges(name, std::move(out), save_output, edges, std::move(backward));
  }
  return out;
}
/// As above, over a list of tensors of one type.
template <Scalar T, Device D, class F>
Tensor<T, D> record_op_list(std::string_view name, Tensor<T, D> out, F backward, std::span<const Tensor<T, D>> inputs) {
  if constexpr (!inference_only && Differentiable<T>) {
    if (!detail::grad_mode()) return out;
    detail::PoolVector<autograd::SlotPtr> edges;
    for (const auto& x : inputs) edges.push_back(autograd::edge_to(x));
    if (!autograd::any_edge(edges)) return out;
    autograd::NodePtr<autograd::Node> node(
        autograd::make_node<autograd::OpNode<F>>(static_cast<int>(inputs.size()), 1, 0, name, std::move(backward)));
    autograd::record_node(std::move(node), edges, out.record(), detail::grad_ops_of<T, D>());
  }
  return out;
}

}  // namespace taper::inline TAPER_CODE
