// SPDX-License-Identifier: MIT
// Tensor's members that compute or touch the tape.
#pragma once

#include <taper/core/checked_cast.hpp>
#include <taper/eval/grad_ops.hpp>

namespace taper::inline TAPER_CODE {

template <Differentiable T, Device D>
void backward(const Tensor<T, D>& output, const Tensor<T, D>& gradient, const BackwardOptions& options = {});
template <Differentiable T, Device D>
void backward(const Tensor<T, D>& output, const BackwardOptions& options = {});

}  // namespace taper::inline TAPER_CODE

namespace taper::inline TAPER_ABI {

template <Scalar T, Device D>
T Tensor<T, D>::item() const {
  if (numel() != 1) detail::raise<ShapeError>("item", "a tensor of shape ", shape(), " has ", numel(), " elements: item() needs exactly one");
  if constexpr (detail::on_host<D>) {
    return *data_ptr();
  } else {
    T out;
    D::to_host(&out, record().data, sizeof out);
    return out;
  }
}

template <Scalar T, Device D>
bool Tensor<T, D>::requires_grad() const
  requires Differentiable<T>
{
  if constexpr (inference_only) return false;
  else return autograd::wants_gradient(record());
}

template <Scalar T, Device D>
Tensor<T, D>& Tensor<T, D>::requires_grad_(bool value) &
  requires Differentiable<T>
{
  if constexpr (!inference_only) {
    detail::TensorRecord& r = record();
    if (autograd::wants_gradient(r) == value) return *this;
    if (!value && !autograd::slot_of(r)->is_leaf())
      detail::raise<AutogradError>("requires_grad_", "only a leaf can stop wanting a gradient: use detach() for the result of an operation");
    if (r.slot) autograd::set_frozen(r, !value);
    else autograd::set_slot(r, autograd::make_slot(detail::grad_ops_of<T, D>(), r.shape));
  } else if (value) {
    detail::raise<AutogradError>("requires_grad_", "this program was compiled with TAPER_INFERENCE_ONLY: there are no gradients");
  }
  return *this;
}
template <Scalar T, Device D>
Tensor<T, D> Tensor<T, D>::requires_grad_(bool value) &&
  requires Differentiable<T>
{
  return static_cast<Tensor&>(*this).requires_grad_(value);
}

template <Scalar T, Device D>
bool Tensor<T, D>::is_leaf() const {
  if constexpr (inference_only || !Differentiable<T>) return true;
  else return !autograd::wants_gradient(record()) || autograd::slot_of(record())->is_leaf();
}

template <Scalar T, Device D>
Tensor<T, D> Tensor<T, D>::grad() const
  requires Differentiable<T>
{
  if constexpr (inference_only) return {};
  else {
    autograd::Slot* s = autograd::slot_of(record());
    return s ? Tensor(s->grad) : Tensor();
  }
}

template <Scalar T, Device D>
void Tensor<T, D>::set_grad(const Tensor& gradient) const
  requires Differentiable<T>
{
  if constexpr (!inference_only) {
    autograd::Slot* s = autograd::slot_of(record());
    if (!s) detail::raise<AutogradError>("set_grad", "a tensor that wants no gradient has no place for one: call requires_grad_() first");
    if (gradient.defined() && !(gradient.shape() == shape()))
      detail::raise<ShapeError>("set_grad", "a gradient of shape ", gradient.shape(), " does not fit a tensor of shape ", shape());
    s->grad = gradient.handle();
  }
}

template <Scalar T, Device D>
Tensor<T, D>& Tensor<T, D>::retain_grad()
  requires Differentiable<T>
{
  if constexpr (!inference_only) {
    if (!requires_grad()) detail::raise<AutogradError>("retain_grad", "this tensor wants no gradient");
    autograd::slot_of(record())->retains = !is_leaf();
  }
  return *this;
}

template <Scalar T, Device D>
void Tensor<T, D>::backward(const BackwardOptions& options) const
  requires Differentiable<T>
{
  taper::backward(*this, options);
}
template <Scalar T, Device D>
void Tensor<T, D>::backward(const Tensor& gradient, const BackwardOptions& options) const
  requires Differentiable<T>
{
  taper::backward(*this, gradient, options);
}

}  // namespace taper::inline TAPER_ABI

namespace taper::inline TAPER_CODE {

namespace detail {

/// The same storage outside the tape.
template <Scalar T, Device D>
Tensor<T, D> detached(const Tensor<T, D>& x) {
  return Tensor<T, D>(make_alias(x.record(), geometry_of(x.record())));
}

template <Scalar T, Device D>
RecordPtr seed_for(std::string_view op, const Tensor<T, D>& output, const Tensor<T, D>& gradient) {
  if (gradient.defined()) {
    if constexpr (!on_host<D>) check_here<D>(op, {&gradient.record()});
    if (!(gradient.shape() == output.shape()))
      raise<ShapeError>(op, "the gradient's shape ", gradient.shape(), " is not the output's shape ", output.shape());
    return gradient.handle();
  }
  if (output.numel() != 1)
    raise<ShapeError>(op, "only a one-element tensor can start without a gradient: this one has shape ", output.shape(),
                      "; reduce it or pass a gradient of its shape");
  return GradOpsFor<T, D>::full(output.shape(), 1);
}

template <Scalar T, Device D>
autograd::SlotPtr root_slot(std::string_view op, const Tensor<T, D>& output) {
  if (!output.requires_grad())
    raise<AutogradError>(op, "this tensor does not depend on any tensor that wants a gradient: call requires_grad_() on an input, "
                             "and compute outside NoGrad");
  if constexpr (!on_host<D>) check_here<D>(op, {&output.record()});
  return autograd::SlotPtr::share(autograd::slot_of(output.record()));
}

}  // namespace detail

/// Runs the tape from `output` (one element, or with a gradient of its shape) and adds to the .grad of every leaf.
/// Throws: AutogradError where nothing wants a gradient, the graph was freed, or a saved tensor was changed in place.
template <Differentiable T, Device D>
void backward(const Tensor<T, D>& output, const Tensor<T, D>& gradient, const BackwardOptions& options) {
  if constexpr (inference_only) {
    detail::raise<AutogradError>("backward", "this program was compiled with TAPER_INFERENCE_ONLY: there are no gradients");
  } else {
    const autograd::SlotPtr root = detail::root_slot("backward", output);
    detail::RecordPtr seed = detail::seed_for("backward", output, gradient);
    const autograd::PassOptions pass_options{options.retain_graph, options.create_graph, true, {}};
    autograd::Pass pass(pass_options);
    pass.run({&root, 1}, {&seed, 1});
  }
}
template <Differentiable T, Device D>
void backward(const Tensor<T, D>& output, const BackwardOptions& options) {
  backward(output, Tensor<T, D>(), options);
}

}  // namespace taper::inline TAPER_CODE

namespace taper::inline TAPER_ABI {

template <Scalar T, Device D>
template <class X>
void Tensor<T, D>::assign(X&& value) {
  if constexpr (ScalarLike<std::remove_cvref_t<X>>) fill_(base::checked_cast<T>("assign", value));
  else copy_(std::forward<X>(value));
}

/// Copies `source` into this tensor's elements, broadcasting; another dtype is cast. In place, and recorded.
template <Scalar T, Device D>
template <class X>
Tensor<T, D>& Tensor<T, D>::copy_(X&& source) {
  static_assert(TensorLike<X>, "copy_ takes a tensor or an expression");
  if constexpr (std::same_as<value_t<X>, T>) {
    const Shape shape = source.shape();
    const auto node = detail::as_node<T>(std::forward<X>(source));
    detail::evaluate_into(node, shape, record());
  } else {
    auto cast = apply("copy_", Cast<T>{}, std::forward<X>(source));
    detail::evaluate_into(cast.node(), cast.shape(), record());
  }
  return *this;
}

template <Scalar T, Device D>
Tensor<T, D>& Tensor<T, D>::fill_(T value) {
  detail::TensorRecord& r = record();
  if constexpr (Differentiable<T> && !inference_only) {
    const bool recorded = autograd::wants_gradient(r) && detail::grad_mode();
    detail::check_in_place(r);
    if (recorded) detail::check_recorded_target(r);
    detail::write_constant<T, D>(r, value);
    if (recorded) autograd::rebase(r, autograd::make_slot_of_constant(detail::grad_ops_of<T, D>(), r.shape));
  } else {
    detail::write_constant<T, D>(r, value);
  }
  return *this;
}

}  // namespace taper::inline TAPER_ABI

