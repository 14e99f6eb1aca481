// SPDX-License-Identifier: MIT
// The losses as modules: see the functions of the same names. loss(x, target), both tensors or expressions.
#pragma once

#include <taper/nn/layers/input.hpp>
#include <taper/ops/loss.hpp>

namespace taper::inline TAPER_CODE::nn {

/// (x - target)^2.
struct MSELoss {
  Reduction reduction = Reduction::mean;

  template <TensorLike X, TensorLike Y>
  tensor_t<X> operator()(X&& x, Y&& target) const {
    return mse_loss(std::forward<X>(x), std::forward<Y>(target), {reduction});
  }
};

/// |x - target|.
struct L1Loss {
  Reduction reduction = Reduction::mean;

  template <TensorLike X, TensorLike Y>
  tensor_t<X> operator()(X&& x, Y&& target) const {
    return l1_loss(std::forward<X>(x), std::forward<Y>(target), {reduction});
  }
};

/// 0.5 d^2 / beta where |d| = |x - target| < beta, |d| - 0.5 beta elsewhere.
struct SmoothL1Loss {
  Reduction reduction = Reduction::mean;
  double beta = 1;

  template <TensorLike X, TensorLike Y>
  tensor_t<X> operator()(X&& x, Y&& target) const {
    return smooth_l1_loss(std::forward<X>(x), std::forward<Y>(target), {reduction, beta});
  }
};

/// 0.5 d^2 where |d| = |x - target| <= delta, delta (|d| - 0.5 delta) elsewhere.
struct HuberLoss {
  Reduction reduction = Reduction::mean;
  double delta = 1;

  template <TensorLike X, TensorLike Y>
  tensor_t<X> operator()(X&& x, Y&& target) const {
    return huber_loss(std::forward<X>(x), std::forward<Y>(target), {reduction, delta});
  }
};

/// The Kullback-Leibler divergence of target from exp(x).
struct KLDivLoss {
  Reduction reduction = Reduction::mean;
  bool log_target = false;

  template <TensorLike X, TensorLike Y>
  tensor_t<X> operator()(X&& x, Y&& target) const {
    return kl_div(std::forward<X>(x), std::forward<Y>(target), {reduction, log_target});
  }
};

// Below, weights are buffers: nn::NLLLoss<float>{.weight = nn::Buffer<float>(w)}. They are saved with the module.

/// Cross entropy of softmax(x) with class numbers or probabilities, weighted by class where a weight is given.
template <Scalar T = float, Device D = Cpu>
struct CrossEntropyLoss {
  Buffer<T, D> weight{};
  std::int64_t ignore_index = -100;
  Reduction reduction = Reduction::mean;
  double label_smoothing = 0;

  template <class X, TensorLike Y>
    requires detail::MatchesLayerDTypeAndDevice<X, T, D>
  Tensor<T, D> operator()(X&& x, Y&& target) const {
    return cross_entropy(std::forward<X>(x), std::forward<Y>(target), weight,
                         {.ignore_index = ignore_index, .reduction = reduction, .label_smoothing = label_smoothing});
  }
  TAPER_REFUSE_FOREIGN_INPUT(T, D)
};

/// -x[class] for logarithms x of probabilities, weighted by class where a weight is given.
template <Scalar T = float, Device D = Cpu>
struct NLLLoss {
  Buffer<T, D> weight{};
  std::int64_t ignore_index = -100;
  Reduction reduction = Reduction::mean;

  template <class X, TensorLike Y>
    requires detail::MatchesLayerDTypeAndDevice<X, T, D>
  Tensor<T, D> operator()(X&& x, Y&& target) const {
    return nll_loss(std::forward<X>(x), std::forward<Y>(target), weight, {.ignore_index = ignore_index, .reduction = reduction});
  }
  TAPER_REFUSE_FOREIGN_INPUT(T, D)
};

/// Cross entropy of probabilities x with targets in [0, 1].
template <Scalar T = float, Device D = Cpu>
struct BCELoss {
  Buffer<T, D> weight{};
  Reduction reduction = Reduction::mean;

  template <class X, TensorLike Y>
    requires detail::MatchesLayerDTypeAndDevice<X, T, D>
  Tensor<T, D> operator()(X&& x, Y&& target) const {
    return binary_cross_entropy(std::forward<X>(x), std::forward<Y>(target), weight, {reduction});
  }
  TAPER_REFUSE_FOREIGN_INPUT(T, D)
};

/// BCELoss of sigmoid(x), without overflow; pos_weight weights the targets of 1.
template <Scalar T = float, Device D = Cpu>
struct BCEWithLogitsLoss {
  Buffer<T, D> weight{};
  Reduction reduction = Reduction::mean;
  Buffer<T, D> pos_weight{};

  template <class X, TensorLike Y>
    requires detail::MatchesLayerDTypeAndDevice<X, T, D>
  Tensor<T, D> operator()(X&& x, Y&& target) const {
    return binary_cross_entropy_with_logits(std::forward<X>(x), std::forward<Y>(target), weight, {reduction, pos_weight});
  }
  TAPER_REFUSE_FOREIGN_INPUT(T, D)
};

}  // namespace taper::inline TAPER_CODE::nn
