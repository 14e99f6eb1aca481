// SPDX-License-Identifier: MIT
// cross_entropy and nll_loss: losses of classes, computed together with their gradients.
#pragma once

#include <taper/backend/cpu/cross_entropy.hpp>
#include <taper/backend/number_fault.hpp>
#include <taper/ops/cast.hpp>
#include <taper/ops/loss_pointwise.hpp>
#include <taper/ops/softmax.hpp>

namespace taper::inline TAPER_CODE {

/// Settings of nll_loss.
struct NLLLossFuncOptions {
  std::int64_t ignore_index = -100;  // samples of this class count for nothing
  Reduction reduction = Reduction::mean;
};
/// Settings of cross_entropy.
struct CrossEntropyFuncOptions {
  std::int64_t ignore_index = -100;  // samples of this class count for nothing
  Reduction reduction = Reduction::mean;
  double label_smoothing = 0;  // this share of each target is spread over all classes
};

namespace detail {

template <class Target>
struct error_the_target_must_be_int64_classes_or_probabilities_of_the_dtype_of_the_input_write_cast;
template <class Target>
struct error_the_target_must_be_int64_classes_write_cast;

/// Backward of a loss of classes: its gradient for an upstream one of 1 was made with it.
template <bool Logits, Scalar T, Device D>
struct ClassLossBackward {
  Tensor<T, D> base;
  Saved<T, D> x;
  Tensor<T, D> mass;  // what a sample's probabilities are multiplied by; only kept where x's graph may go on
  int axis;
  bool reduced;

  void operator()(const autograd::BackwardContext& ctx) const {
    const Tensor<T, D> g = ctx.grad<T, D>();
    if (!ctx.create_graph()) {
      if (!reduced) return ctx.give(0, base * unsqueeze(g, axis));
      if constexpr (on_host<D>)  // a device would be waited for
        if (g.item() == T(1.0f)) return ctx.give(0, base);
      return ctx.give(0, base * g);
    }
    if constexpr (!first_order_only) {
      Tensor<T, D> gradient = base;
      if constexpr (Logits)  // the same values, with a history
        gradient = base + mass * (softmax(x.get(), axis) - softmax(detach(x.get()), axis));
      if (reduced) ctx.give(0, gradient * g);
      else ctx.give(0, gradient * unsqueeze(g, axis));
    }
  }
};

/// Losses of class numbers. Logits: of softmax(x), otherwise x holds logarithms of probabilities.
template <bool Logits, Scalar T, Device D>
Tensor<T, D> class_loss(std::string_view op, const Tensor<T, D>& input, const Tensor<std::int64_t, D>& classes, const Tensor<T, D>& weight,
                        const CrossEntropyFuncOptions& o) {
  using C = compute_t<T>;
  const Shape shape = input.shape();
  if (shape.empty()) raise<ShapeError>(op, "the input must have at least one dimension, (c) or (n, c, ..)");
  const int axis = shape.size() == 1 ? 0 : 1;
  Shape samples = shape;
  samples.erase(axis);
  const AxisSplit s(shape, axis);
  if (!(classes.shape() == samples))
    raise<ShapeError>(op, "class numbers for the input ", shape, " must have shape ", samples, ", not ", classes.shape());
  if (weight.defined() && !(weight.shape() == Shape{s.size}))
    raise<ShapeError>(op, "weight ", weight.shape(), " must have shape (", s.size, ",), one element for each class of the input ", shape);
  if (o.reduction == Reduction::batchmean) raise<ValueError>(op, "the reduction batchmean is for kl_div: use none, mean or sum");
  const Tensor<std::int64_t, D> target = contiguous(classes);
  const Tensor<T, D> x = contiguous(input);
  Tensor<T, D> w;
  if (weight.defined()) w = dense(weight);
  const std::int64_t* t = target.data_ptr();
  const T* wp = w.defined() ? std::as_const(w).data_ptr() : nullptr;
  [[maybe_unused]] double total = 0;
  if constexpr (on_host<D>) {
    for (std::int64_t i = 0; i < target.numel(); ++i) {
      if (t[i] == o.ignore_index) continue;
      if (t[i] < 0 || t[i] >= s.size) base::throw_fault(base::NumberFault::of_class(op, samples, s.size).at(i, t[i]));
      total += wp ? static_cast<double>(static_cast<C>(wp[t[i]])) : 1.0;
    }
  }
  const bool mean = o.reduction == Reduction::mean, reduced = o.reduction != Reduction::none;
  Tensor<T, D> out = empty_tensor<T, D>(reduced ? Shape() : samples), base, mass;
  const bool recorded = recording(input);
  if (recorded) base = empty_tensor<T, D>(shape);
  [[maybe_unused]] Shape kept = shape;
  kept[axis] = 1;
  if constexpr (on_host<D>) {
    const Scratch losses(static_cast<std::size_t>(target.numel()) * sizeof(C));
    C* loss = reinterpret_cast<C*>(losses.data());
    const CrossEntropyArgs<T> args{s.outer, s.size, s.inner, x.data_ptr(), t, wp, o.ignore_index, o.label_smoothing, mean ? 1 / total : 1, loss,
                                   recorded ? base.data_ptr() : nullptr};
    count_pass();
    if constexpr (Logits) cross_entropy<T>(args);
    else negative_log_likelihood<T>(args);
    if (reduced) {
      double sum = 0;
      for (std::int64_t i = 0; i < target.numel(); ++i) sum += static_cast<double>(loss[i]);
      *out.data_ptr() = static_cast<T>(static_cast<C>(mean ? sum / total : sum));
    } else {
      for (std::int64_t i = 0; i < target.numel(); ++i) out.data_ptr()[i] = static_cast<T>(loss[i]);
    }
    if (!recorded) return out;
    if constexpr (Logits && !first_order_only) {
      mass = empty_tensor<T, D>(kept);
      double all = static_cast<double>(s.size);
      if (wp) {
        all = 0;
        for (std::int64_t c = 0; c < s.size; ++c) all += static_cast<double>(static_cast<C>(wp[c]));
      }
      for (std::int64_t i = 0; i < target.numel(); ++i) {
        const double own = t[i] == o.ignore_index ? 0 : (wp ? static_cast<double>(static_cast<C>(wp[t[i]])) : 1.0) * (1 - o.label_smoothing);
        const double spread = t[i] == o.ignore_index ? 0 : o.label_smoothing / static_cast<double>(s.size) * all;
        mass.data_ptr()[i] = static_cast<T>(static_cast<C>((own + spread) * (t[i] == o.ignore_index ? 0 : args.scale)));
      }
    }
  } else {
    Tensor<C, D> losses = empty_tensor<C, D>(samples);
    if constexpr (Logits && !first_order_only)
      if (recorded) mass = empty_tensor<T, D>(kept);
    const CrossEntropyArgs<T> args{s.outer, s.size, s.inner, x.data_ptr(), t, wp, o.ignore_index, o.label_smoothing, 1,
                                   losses.data_ptr(), recorded ? base.data_ptr() : nullptr};
    count_pass();
    Accelerator<D>::template class_loss<Logits>(op, args, mass.defined() ? mass.data_ptr() : nullptr, samples, mean,
                                                reduced ? out.data_ptr() : nullptr);
    if (!reduced) {
      if constexpr (std::same_as<C, T>) out = std::move(losses);
      else out = cast<T>(losses);
    }
  }
  return record_op(op, std::move(out), false, ClassLossBackward<Logits, T, D>{std::move(base), Saved<T, D>(x), std::move(mass), axis, reduced}, x);
}

/// Cross entropy with probabilities, as one expression.
template <Scalar T, Device D>
Tensor<T, D> probability_loss(const Tensor<T, D>& x, const Tensor<T, D>& target, const Tensor<T, D>& weight, const CrossEntropyFuncOptions& o) {
  constexpr std::string_view op = "cross_entropy";
  check_same_shape(op, x, target);
  if (x.dim() == 0) raise<ShapeError>(op, "the input must have at least one dimension, (c) or (n, c, ..)");
  if (o.reduction == Reduction::batchmean) raise<ValueError>(op, "the reduction batchmean is for kl_div: use none, mean or sum");
  const int axis = x.dim() == 1 ? 0 : 1;
  const std::int64_t classes = x.shape()[axis];
  Shape kept = Dims::filled(x.dim(), 1);
  kept[axis] = classes;
  Tensor<T, D> w = weight;
  if (!w.defined()) {
    w = empty_tensor<T, D>({});
    w.fill_(T(-1.0f));
  } else if (!(w.shape() == Shape{classes})) {
    raise<ShapeError>(op, "weight ", w.shape(), " must have shape (", classes, ",), one element for each class of the input ", x.shape());
  } else {
    w = -reshape(w, kept);
  }
  const Tensor<T, D> logs = log_softmax(x, axis);
  const double samples = static_cast<double>(x.numel()) / static_cast<double>(classes);
  auto losses = logs * (target * (1 - o.label_smoothing) + o.label_smoothing / static_cast<double>(classes)) * w;
  switch (o.reduction) {
    case Reduction::none: return sum(std::move(losses), axis);
    case Reduction::sum: return sum(std::move(losses));
    default: return sum(std::move(losses)) / samples;
  }
}

}  // namespace detail

/// -log softmax(x)[class], times the class's weight; mean divides by the sum of these weights. Or with a target of x's
/// shape, which holds probabilities: -sum target weight log softmax(x); mean divides by the number of samples.
/// Shapes: x (n, c, ..) or (c); classes (n, ..) or (); weight (c) or undefined; () unless reduction is none.
/// Dtypes: x and weight floating; the target int64, or as x. Gradient: softmax(x) - target, made together with the value.
/// Throws: ShapeError; IndexError where a class is out of range (a GPU reports it when it is next waited for: such a sample counts
/// for nothing).
template <TensorLike X, TensorLike Y>
  requires(Floating<value_t<X>> && (std::same_as<value_t<Y>, std::int64_t> || std::same_as<value_t<Y>, value_t<X>>))
tensor_t<X> cross_entropy(X&& x, Y&& target, const std::type_identity_t<tensor_t<X>>& weight, const CrossEntropyFuncOptions& options = {}) {
  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1))
    detail::raise<ValueError>("cross_entropy", "label_smoothing must lie between 0 and 1, not ", options.label_smoothing);
  const tensor_t<X> input = eval(std::forward<X>(x));
  const tensor_t<Y> y = eval(std::forward<Y>(target));
  if constexpr (std::same_as<value_t<Y>, std::int64_t>) return detail::class_loss<true>("cross_entropy", input, y, weight, options);
  else return detail::probability_loss(input, y, weight, options);
}
/// cross_entropy without class weights.
template <TensorLike X, TensorLike Y>
  requires(Floating<value_t<X>> && (std::same_as<value_t<Y>, std::int64_t> || std::same_as<value_t<Y>, value_t<X>>))
tensor_t<X> cross_entropy(X&& x, Y&& target, const CrossEntropyFuncOptions& options = {}) {
  return cross_entropy(std::forward<X>(x), std::forward<Y>(target), tensor_t<X>(), options);
}

/// -x[class], times the class's weight, for logarithms x of probabilities; mean divides by the sum of these weights.
/// Shapes, dtypes, throws: as cross_entropy with classes.
template <TensorLike X, TensorLike Y>
  requires(Floating<value_t<X>> && std::same_as<value_t<Y>, std::int64_t>)
tensor_t<X> nll_loss(X&& x, Y&& target, const std::type_identity_t<tensor_t<X>>& weight, const NLLLossFuncOptions& options = {}) {
  return detail::class_loss<false>("nll_loss", tensor_t<X>(eval(std::forward<X>(x))), tensor_t<Y>(eval(std::forward<Y>(target))), weight,
                                   {options.ignore_index, options.reduction, 0});
}
/// nll_loss without class weights.
template <TensorLike X, TensorLike Y>
  requires(Floating<value_t<X>> && std::same_as<value_t<Y>, std::int64_t>)
tensor_t<X> nll_loss(X&& x, Y&& target, const NLLLossFuncOptions& options = {}) {
  return nll_loss(std::forward<X>(x), std::forward<Y>(target), tensor_t<X>(), options);
}

template <TensorLike X, TensorLike Y, class... Rest>
  requires(!std::same_as<value_t<Y>, std::int64_t> && !std::same_as<value_t<Y>, value_t<X>>)
detail::error_the_target_must_be_int64_classes_or_probabilities_of_the_dtype_of_the_input_write_cast<value_t<Y>> cross_entropy(X&&, Y&&, const Rest&...) = delete;
template <TensorLike X, TensorLike Y, class... Rest>
  requires(!std::same_as<value_t<Y>, std::int64_t>)
detail::error_the_target_must_be_int64_classes_write_cast<value_t<Y>> nll_loss(X&&, Y&&, const Rest&...) = delete;

}  // namespace taper::inline TAPER_CODE
