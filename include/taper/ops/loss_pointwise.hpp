// SPDX-License-Identifier: MIT
// Losses between a prediction and a target of the same shape: squared, absolute, Huber's, binary cross entropy, KL.
#pragma once

#include <taper/backend/number_fault.hpp>
#include <taper/ops/logical.hpp>
#include <taper/ops/reduction.hpp>
#include <taper/ops/structural.hpp>

namespace taper::inline TAPER_CODE {

/// What becomes of the losses of single elements. batchmean is the sum over the first size, for kl_div.
enum class Reduction { none, mean, sum, batchmean };

/// Settings of mse_loss and l1_loss.
struct LossFuncOptions {
  Reduction reduction = Reduction::mean;
};
/// Settings of smooth_l1_loss.
struct SmoothL1LossFuncOptions {
  Reduction reduction = Reduction::mean;
  double beta = 1;  // where the square ends and the absolute value begins
};
/// Settings of huber_loss.
struct HuberLossFuncOptions {
  Reduction reduction = Reduction::mean;
  double delta = 1;  // where the square ends and the absolute value begins
};
/// Settings of kl_div.
struct KLDivFuncOptions {
  Reduction reduction = Reduction::mean;
  bool log_target = false;  // whether the target holds logarithms
};
/// Settings of binary_cross_entropy.
struct BinaryCrossEntropyFuncOptions {
  Reduction reduction = Reduction::mean;
};
/// Settings of binary_cross_entropy_with_logits.
template <class Tensor>
struct BinaryCrossEntropyWithLogitsFuncOptions {
  Reduction reduction = Reduction::mean;
  Tensor pos_weight{};  // weights the term of t = 1, undefined: 1
};

/// 0.5 d^2 / beta where |d| < beta, |d| - 0.5 beta elsewhere; |d| for beta 0. Gradient: d / beta within [-1, 1].
struct SmoothL1 : FloatingOp {
  static constexpr std::string_view name = "smooth_l1_loss";
  static constexpr std::uint8_t reads[] = {reads_x0};
  double beta;
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V d) const {
    const V size = math::abs(d);
    return select(size < V(beta), V(beta > 0 ? 0.5 / beta : 0) * d * d, size - V(0.5 * beta));
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V d, V, V g) const {
    return g * select(math::abs(d) < V(beta), V(beta > 0 ? 1 / beta : 0) * d, math::sign(d));
  }
};

/// 0.5 d^2 where |d| <= delta, delta (|d| - 0.5 delta) elsewhere. Gradient: d within [-delta, delta].
struct Huber : FloatingOp {
  static constexpr std::string_view name = "huber_loss";
  static constexpr std::uint8_t reads[] = {reads_x0};
  double delta;
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V d) const {
    const V size = math::abs(d);
    return select(size <= V(delta), V(0.5) * d * d, V(delta) * (size - V(0.5 * delta)));
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V d, V, V g) const {
    return g * select(math::abs(d) <= V(delta), d, V(delta) * math::sign(d));
  }
};

/// -(t log x + (1 - t) log(1 - x)), logarithms at least -100. Gradient: (x - t) / max(x (1 - x), 1e-12f); log(1 - x) - log x.
struct BinaryCrossEntropy : FloatingOp {
  static constexpr std::string_view name = "binary_cross_entropy";
  static constexpr std::uint8_t reads[] = {reads_x0 | reads_x1, reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V t) const {
    return (t - V(1)) * math::max(math::log1p(-x), V(-100)) - t * math::max(math::log(x), V(-100));
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V t, V, V g) const {
    if constexpr (I == 0) return g * (x - t) / math::max(x * (V(1) - x), V(9.999999960041972e-13));
    else return g * (math::max(math::log1p(-x), V(-100)) - math::max(math::log(x), V(-100)));
  }
};

/// Binary cross entropy of sigmoid(x), the term of t = 1 weighted by p: (1 - t) x + (1 + (p - 1) t) log(1 + exp(-x)).
struct BinaryCrossEntropyWithLogits : FloatingOp {
  static constexpr std::string_view name = "binary_cross_entropy_with_logits";
  static constexpr std::uint8_t reads[] = {reads_x0 | reads_x1 | reads_x2, reads_x0 | reads_x2, reads_x0 | reads_x1};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V t, V p) const {
    return (V(1) - t) * x + (V(1) + (p - V(1)) * t) * softplus_of_minus(x);
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V t, V p, V, V g) const {
    if constexpr (I == 0) return g * ((V(1) - t) - (V(1) + (p - V(1)) * t) * math::sigmoid(-x));
    else if constexpr (I == 1) return g * ((p - V(1)) * softplus_of_minus(x) - x);
    else return g * t * softplus_of_minus(x);
  }

 private:
  template <class V>
  TAPER_HD TAPER_INLINE static V softplus_of_minus(V x) { return math::log1p(math::exp(-math::abs(x))) + math::max(-x, V(0)); }
};

/// t (log t - x), 0 where t is 0. Gradient: -t; log t + 1 - x.
struct KlDiv : FloatingOp {
  static constexpr std::string_view name = "kl_div";
  static constexpr std::uint8_t reads[] = {reads_x1, reads_x0 | reads_x1};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V t) const {
    return select(t == V(0), V(0), t * math::log(t)) - t * x;
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V t, V, V g) const {
    if constexpr (I == 0) return -g * t;
    else return g * (select(t == V(0), V(0), math::log(t) + V(1)) - x);
  }
};

/// exp(t) (t - x). Gradient: -exp(t); exp(t) (t - x + 1).
struct KlDivLogTarget : FloatingOp {
  static constexpr std::string_view name = "kl_div";
  static constexpr std::uint8_t reads[] = {reads_x1, reads_x0 | reads_x1};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V t) const { return math::exp(t) * (t - x); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V t, V, V g) const {
    if constexpr (I == 0) return -g * math::exp(t);
    else return g * math::exp(t) * (t - x + V(1));
  }
};

namespace detail {

/// The losses of single elements, an expression, reduced in one pass with it.
template <ExprLike L>
tensor_t<L> reduce_loss(std::string_view op, L&& losses, Reduction reduction) {
  switch (reduction) {
    case Reduction::mean: return mean(std::forward<L>(losses));
    case Reduction::sum: return sum(std::forward<L>(losses));
    case Reduction::batchmean: {
      if (losses.dim() == 0) raise<ShapeError>(op, "batchmean needs at least one dimension");
      const double n = static_cast<double>(losses.shape()[0]);
      return sum(std::forward<L>(losses)) / n;
    }
    default: return tensor_t<L>(std::forward<L>(losses));
  }
}

template <TensorLike X, TensorLike Y>
void check_same_shape(std::string_view op, const X& x, const Y& target) {
  if (!(x.shape() == target.shape()))
    raise<ShapeError>(op, "the input ", x.shape(), " and the target ", target.shape(), " must have the same shape: reshape or expand one of them");
}

template <class X, class Y>
concept LossOperands = OfOneDType<X, Y> && Floating<value_t<X>>;

}  // namespace detail

/// (x - target)^2. Shapes: equal; () unless reduction is none. Dtypes: floating, equal.
template <TensorLike X, TensorLike Y>
  requires detail::LossOperands<X, Y>
tensor_t<X> mse_loss(X&& x, Y&& target, const LossFuncOptions& options = {}) {
  detail::check_same_shape("mse_loss", x, target);
  return detail::reduce_loss("mse_loss", square(sub(std::forward<X>(x), std::forward<Y>(target))), options.reduction);
}

/// |x - target|. Shapes and dtypes: as mse_loss.
template <TensorLike X, TensorLike Y>
  requires detail::LossOperands<X, Y>
tensor_t<X> l1_loss(X&& x, Y&& target, const LossFuncOptions& options = {}) {
  detail::check_same_shape("l1_loss", x, target);
  return detail::reduce_loss("l1_loss", abs(sub(std::forward<X>(x), std::forward<Y>(target))), options.reduction);
}

/// With d = x - target: 0.5 d^2 / beta where |d| < beta, |d| - 0.5 beta elsewhere. Shapes and dtypes: as mse_loss.
/// Throws: ValueError where beta is negative.
template <TensorLike X, TensorLike Y>
  requires detail::LossOperands<X, Y>
tensor_t<X> smooth_l1_loss(X&& x, Y&& target, const SmoothL1LossFuncOptions& options = {}) {
  constexpr std::string_view op = "smooth_l1_loss";
  detail::check_same_shape(op, x, target);
  if (!(options.beta >= 0)) detail::raise<ValueError>(op, "beta must not be negative: ", options.beta);
  return detail::reduce_loss(op, apply(op, SmoothL1{{}, options.beta}, sub(std::forward<X>(x), std::forward<Y>(target))), options.reduction);
}

/// With d = x - target: 0.5 d^2 where |d| <= delta, delta (|d| - 0.5 delta) elsewhere. Shapes and dtypes: as mse_loss.
/// Throws: ValueError where delta is not positive.
template <TensorLike X, TensorLike Y>
  requires detail::LossOperands<X, Y>
tensor_t<X> huber_loss(X&& x, Y&& target, const HuberLossFuncOptions& options = {}) {
  constexpr std::string_view op = "huber_loss";
  detail::check_same_shape(op, x, target);
  if (!(options.delta > 0)) detail::raise<ValueError>(op, "delta must be positive: ", options.delta);
  return detail::reduce_loss(op, apply(op, Huber{{}, options.delta}, sub(std::forward<X>(x), std::forward<Y>(target))), options.reduction);
}

/// -(t log x + (1 - t) log(1 - x)) for probabilities x, logarithms cut at -100; times weight where that is given.
/// Shapes: x and target equal, weight broadcasts to them. Dtypes: floating, equal. Throws: ValueError where x leaves [0, 1].
template <TensorLike X, TensorLike Y>
  requires detail::LossOperands<X, Y>
tensor_t<X> binary_cross_entropy(X&& x, Y&& target, const std::type_identity_t<tensor_t<X>>& weight,
                                 const BinaryCrossEntropyFuncOptions& options = {}) {
  constexpr std::string_view op = "binary_cross_entropy";
  detail::check_same_shape(op, x, target);
  const tensor_t<X> p = eval(std::forward<X>(x));
  const Tensor<bool, device_t<X>> good = all(logical_and(p >= 0.0, p <= 1.0));
  if constexpr (!detail::on_host<device_t<X>>) detail::Accelerator<device_t<X>>::expect_probabilities(op, good.record());
  else if (!good.item()) base::throw_fault(base::NumberFault::of_probability(op));
  auto losses = apply(op, BinaryCrossEntropy{}, p, std::forward<Y>(target));
  if (!weight.defined()) return detail::reduce_loss(op, std::move(losses), options.reduction);
  return detail::reduce_loss(op, mul(std::move(losses), weight), options.reduction);
}
/// binary_cross_entropy without a weight.
template <TensorLike X, TensorLike Y>
  requires detail::LossOperands<X, Y>
tensor_t<X> binary_cross_entropy(X&& x, Y&& target, const BinaryCrossEntropyFuncOptions& options = {}) {
  return binary_cross_entropy(std::forward<X>(x), std::forward<Y>(target), tensor_t<X>(), options);
}

/// Binary cross entropy of sigmoid(x), without overflow; pos_weight weights the term of t = 1, weight the whole.
/// Shapes: x and target equal, pos_weight and weight broadcast to them. Dtypes: floating, equal.
template <TensorLike X, TensorLike Y>
  requires detail::LossOperands<X, Y>
tensor_t<X> binary_cross_entropy_with_logits(X&& x, Y&& target, const std::type_identity_t<tensor_t<X>>& weight,
                                             const BinaryCrossEntropyWithLogitsFuncOptions<std::type_identity_t<tensor_t<X>>>& options = {}) {
  constexpr std::string_view op = "binary_cross_entropy_with_logits";
  detail::check_same_shape(op, x, target);
  tensor_t<X> positive = options.pos_weight;
  if (!positive.defined()) {
    positive = detail::empty_tensor<value_t<X>, device_t<X>>({});
    positive.fill_(value_t<X>(1.0f));
  }
  auto losses = apply(op, BinaryCrossEntropyWithLogits{}, std::forward<X>(x), std::forward<Y>(target), positive);
  if (!weight.defined()) return detail::reduce_loss(op, std::move(losses), options.reduction);
  return detail::reduce_loss(op, mul(std::move(losses), weight), options.reduction);
}
/// binary_cross_entropy_with_logits without a weight.
template <TensorLike X, TensorLike Y>
  requires detail::LossOperands<X, Y>
tensor_t<X> binary_cross_entropy_with_logits(X&& x, Y&& target,
                                             const BinaryCrossEntropyWithLogitsFuncOptions<std::type_identity_t<tensor_t<X>>>& options = {}) {
  return binary_cross_entropy_with_logits(std::forward<X>(x), std::forward<Y>(target), tensor_t<X>(), options);
}

/// The Kullback-Leibler divergence of target from exp(x): target (log target - x), where x is a logarithm; with log_target
/// the target is one too. Shapes and dtypes: as mse_loss.
template <TensorLike X, TensorLike Y>
  requires detail::LossOperands<X, Y>
tensor_t<X> kl_div(X&& x, Y&& target, const KLDivFuncOptions& options = {}) {
  constexpr std::string_view op = "kl_div";
  detail::check_same_shape(op, x, target);
  if (options.log_target) return detail::reduce_loss(op, apply(op, KlDivLogTarget{}, std::forward<X>(x), std::forward<Y>(target)), options.reduction);
  return detail::reduce_loss(op, apply(op, KlDiv{}, std::forward<X>(x), std::forward<Y>(target)), options.reduction);
}

TAPER_REFUSE_TWO_DTYPES(mse_loss)
TAPER_REFUSE_TWO_DTYPES(l1_loss)
TAPER_REFUSE_TWO_DTYPES(smooth_l1_loss)
TAPER_REFUSE_TWO_DTYPES(huber_loss)
TAPER_REFUSE_TWO_DTYPES(binary_cross_entropy)
TAPER_REFUSE_TWO_DTYPES(binary_cross_entropy_with_logits)
TAPER_REFUSE_TWO_DTYPES(kl_div)

}  // namespace taper::inline TAPER_CODE
