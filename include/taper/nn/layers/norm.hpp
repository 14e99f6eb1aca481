// SPDX-License-Identifier: MIT
// LayerNorm, GroupNorm and RMSNorm.
#pragma once

#include <taper/nn/init.hpp>
#include <taper/nn/layers/input.hpp>
#include <taper/nn/repr.hpp>
#include <taper/ops/layer_norm.hpp>

#include <concepts>
#include <initializer_list>
#include <optional>

namespace taper::inline TAPER_CODE::nn {

namespace internal {

template <std::integral I>
Shape sizes_of(std::initializer_list<I> sizes) {
  Shape out;
  for (const I n : sizes) out.push_back(static_cast<std::int64_t>(n));
  return out;
}

}  // namespace internal

struct LayerNormOptions {
  double eps = 1e-5;
  bool elementwise_affine = true, bias = true;
};

/// Norm over the last axes: see layer_norm. LayerNorm{5}, LayerNorm{{3, 5}, {.eps = 1e-6}}.
template <Scalar T = float, Device D = Cpu>
class LayerNorm {
 public:
  static_assert(Floating<T>, "a LayerNorm divides by deviations, so its dtype must be floating");

  Shape normalized_shape;
  double eps = 1e-5;
  bool elementwise_affine = true;
  Parameter<T, D> weight, bias;

  explicit LayerNorm(Unset) {}
  explicit LayerNorm(const Shape& shape, const LayerNormOptions& o = {})
      : normalized_shape(shape), eps(o.eps), elementwise_affine(o.elementwise_affine) {
    if (elementwise_affine) weight = Parameter<T, D>(empty<T, D>(shape));
    if (elementwise_affine && o.bias) bias = Parameter<T, D>(empty<T, D>(shape));
    reset_parameters();
  }
  // The options by value: g++ 12 takes a default one behind a reference for dangling where it inlines this.
  explicit LayerNorm(std::int64_t size, LayerNormOptions o = {}) : LayerNorm(Shape{size}, o) {}
  // {5} would also be a number in braces, of which clang warns.
  template <std::integral I>
  explicit LayerNorm(std::initializer_list<I> shape, LayerNormOptions o = {}) : LayerNorm(internal::sizes_of(shape), o) {}

  void reset_parameters() {
    if (weight.defined()) init::ones_(weight);
    if (bias.defined()) init::zeros_(bias);
  }

  template <class X>
    requires detail::MatchesLayerDTypeAndDevice<X, T, D>
  Tensor<T, D> operator()(X&& x) const {
    Tensor<T, D> y = layer_norm(std::forward<X>(x), normalized_shape, weight, bias, eps);
    detail::report(this, y);
    return y;
  }
  TAPER_REFUSE_FOREIGN_INPUT(T, D)

  std::string extra_repr() const {
    return detail::concat(normalized_shape, ", eps=", detail::repr(eps), ", elementwise_affine=", detail::repr(elementwise_affine),
                          ", bias=", detail::repr(bias.defined()));
  }

  using members =
      Members<&LayerNorm::normalized_shape, &LayerNorm::eps, &LayerNorm::elementwise_affine, &LayerNorm::weight, &LayerNorm::bias>;
};

struct GroupNormOptions {
  double eps = 1e-5;
  bool affine = true, bias = true;
};

/// Norm over groups of channels: see group_norm. Shapes: (n, num_channels, ..).
template <Scalar T = float, Device D = Cpu>
class GroupNorm {
 public:
  static_assert(Floating<T>, "a GroupNorm divides by deviations, so its dtype must be floating");

  std::int64_t num_groups = 0, num_channels = 0;
  double eps = 1e-5;
  bool affine = true;
  Parameter<T, D> weight, bias;

  explicit GroupNorm(Unset) {}
  GroupNorm(std::int64_t groups, std::int64_t channels, const GroupNormOptions& o = {})
      : num_groups(groups), num_channels(channels), eps(o.eps), affine(o.affine) {
    if (groups < 1 || channels % groups != 0)
      detail::raise<ValueError>("GroupNorm", "num_channels ", channels, " must be a multiple of num_groups ", groups);
    if (affine) weight = Parameter<T, D>(empty<T, D>({channels}));
    if (affine && o.bias) bias = Parameter<T, D>(empty<T, D>({channels}));
    reset_parameters();
  }

  void reset_parameters() {
    if (weight.defined()) init::ones_(weight);
    if (bias.defined()) init::zeros_(bias);
  }

  template <class X>
    requires detail::MatchesLayerDTypeAndDevice<X, T, D>
  Tensor<T, D> operator()(X&& x) const {
    Tensor<T, D> y = group_norm(std::forward<X>(x), num_groups, weight, bias, eps);
    detail::report(this, y);
    return y;
  }
  TAPER_REFUSE_FOREIGN_INPUT(T, D)

  std::string extra_repr() const {
    return detail::concat(num_groups, ", ", num_channels, ", eps=", detail::repr(eps), ", affine=", detail::repr(affine),
                          ", bias=", detail::repr(bias.defined()));
  }

  using members =
      Members<&GroupNorm::num_groups, &GroupNorm::num_channels, &GroupNorm::eps, &GroupNorm::affine, &GroupNorm::weight, &GroupNorm::bias>;
};

/// eps: none stands for the dtype's epsilon.
struct RMSNormOptions {
  std::optional<double> eps = {};
  bool elementwise_affine = true;
};

/// Division by the root mean square over the last axes: see rms_norm.
template <Scalar T = float, Device D = Cpu>
class RMSNorm {
 public:
  static_assert(Floating<T>, "an RMSNorm divides by deviations, so its dtype must be floating");

  Shape normalized_shape;
  std::optional<double> eps;
  bool elementwise_affine = true;
  Parameter<T, D> weight;

  explicit RMSNorm(Unset) {}
  explicit RMSNorm(const Shape& shape, const RMSNormOptions& o = {})
      : normalized_shape(shape), eps(o.eps), elementwise_affine(o.elementwise_affine) {
    if (elementwise_affine) weight = Parameter<T, D>(empty<T, D>(shape));
    reset_parameters();
  }
  explicit RMSNorm(std::int64_t size, RMSNormOptions o = {}) : RMSNorm(Shape{size}, o) {}
  // {5} would also be a number in braces, of which clang warns.
  template <std::integral I>
  explicit RMSNorm(std::initializer_list<I> shape, RMSNormOptions o = {}) : RMSNorm(internal::sizes_of(shape), o) {}

  void reset_parameters() {
    if (weight.defined()) init::ones_(weight);
  }

  template <class X>
    requires detail::MatchesLayerDTypeAndDevice<X, T, D>
  Tensor<T, D> operator()(X&& x) const {
    Tensor<T, D> y = rms_norm(std::forward<X>(x), normalized_shape, weight, eps);
    detail::report(this, y);
    return y;
  }
  TAPER_REFUSE_FOREIGN_INPUT(T, D)

  std::string extra_repr() const {
    return detail::concat(normalized_shape, ", eps=", detail::repr(eps), ", elementwise_affine=", detail::repr(elementwise_affine));
  }

  using members = Members<&RMSNorm::normalized_shape, &RMSNorm::eps, &RMSNorm::elementwise_affine, &RMSNorm::weight>;
};

}  // namespace taper::inline TAPER_CODE::nn
