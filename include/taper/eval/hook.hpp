// SPDX-License-Identifier: MIT
// Hooks: user functions that see, and may replace, a gradient on its way.
#pragma once

#include <taper/eval/tensor.hpp>

namespace taper::inline TAPER_CODE {

/// Takes a hook off again, also while it runs. The hook stays where the handle is dropped.
class HookHandle {
 public:
  HookHandle() = default;
  HookHandle(autograd::SlotPtr slot, std::uint64_t id) : slot_(std::move(slot)), id_(id) {}
  void remove() {
    if (!slot_) return;
    remove_from(slot_->hooks);
    if (slot_->producer) remove_from(slot_->producer->hooks);
    slot_ = {};
  }

 private:
  void remove_from(autograd::Hook*& list) {
    for (autograd::Hook** h = &list; *h; h = &(*h)->next)
      if ((*h)->id == id_) {
        autograd::Hook* dead = *h;
        *h = dead->next;
        release(dead);
        return;
      }
  }
  autograd::SlotPtr slot_;
  std::uint64_t id_ = 0;
};

namespace detail {

template <class F, Scalar T, Device D>
struct TensorHook final : autograd::Hook {
  F f;
  explicit TensorHook(F fn) : f(std::move(fn)) {}
  RecordPtr call(const RecordPtr& gradient) override {
    const Tensor<T, D> g(gradient);
    if constexpr (std::is_void_v<std::invoke_result_t<F&, const Tensor<T, D>&>>) {
      f(g);
      return {};
    } else {
      const Tensor<T, D> replaced = f(g);
      if (!replaced.defined()) return {};
      if (!(replaced.shape() == g.shape()))
        raise<ShapeError>("hook", "a hook gave a gradient of shape ", replaced.shape(), " for one of shape ", g.shape());
      return replaced.handle();
    }
  }
};

inline std::uint64_t next_hook_id() {
  static std::atomic<std::uint64_t> id{0};
  return ++id;
}

/// Hooks run in the order in which they were registered.
inline void append_hook(autograd::Hook*& list, autograd::Hook* hook) {
  autograd::Hook** end = &list;
  while (*end) end = &(*end)->next;
  *end = hook;
}

template <Scalar T, Device D>
autograd::SlotPtr hook_slot(std::string_view op, const Tensor<T, D>& x) {
  if (!x.requires_grad()) raise<AutogradError>(op, "a hook needs a tensor that wants a gradient (shape ", x.shape(), ")");
  return autograd::SlotPtr::share(autograd::slot_of(x.record()));
}

template <class F, Scalar T, Device D>
HookHandle add_hook(std::string_view op, const Tensor<T, D>& x, F f, bool after, bool node) {
  autograd::SlotPtr slot = hook_slot(op, x);
  auto* hook = new TensorHook<F, T, D>(std::move(f));
  hook->id = next_hook_id();
  hook->after_accumulation = after;
  append_hook(node ? slot->producer->hooks : slot->hooks, hook);
  return HookHandle(slot, hook->id);
}

}  // namespace detail

}  // namespace taper::inline TAPER_CODE

namespace taper::inline TAPER_ABI {

/// f(gradient) is called with the whole gradient of this tensor in each backward; it may return another in its place.
template <Scalar T, Device D>
template <class Hook>
auto Tensor<T, D>::register_hook(Hook hook) const
  requires Differentiable<T>
{
  return detail::add_hook("register_hook", *this, std::move(hook), false, false);
}

}  // namespace taper::inline TAPER_ABI

namespace taper::inline TAPER_CODE {

/// f(grad) is called after a leaf's gradient was added to its .grad.
template <class F, Differentiable T, Device D>
HookHandle register_post_accumulate_grad_hook(const Tensor<T, D>& leaf, F f) {
  if (!leaf.is_leaf()) detail::raise<AutogradError>("register_post_accumulate_grad_hook", "only a leaf accumulates a gradient");
  return detail::add_hook("register_post_accumulate_grad_hook", leaf, [f = std::move(f)](const Tensor<T, D>& g) mutable { f(g); }, true, false);
}

/// f(gradient) is called before the node that made x runs in backward.
template <class F, Differentiable T, Device D>
HookHandle register_node_hook(const Tensor<T, D>& x, F f) {
  if (x.is_leaf()) detail::raise<AutogradError>("register_node_hook", "a leaf was not made by a node: use register_hook");
  return detail::add_hook("register_node_hook", x, std::move(f), false, true);
}

/// The name of the operation that made x; empty for a leaf.
template <Differentiable T, Device D>
std::string_view grad_fn(const Tensor<T, D>& x) {
  return x.is_leaf() ? std::string_view() : autograd::slot_of(x.record())->producer->name();
}

}  // namespace taper::inline TAPER_CODE
