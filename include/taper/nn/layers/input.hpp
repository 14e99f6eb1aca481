// SPDX-License-Identifier: MIT
// What layers with parameters share: which inputs they take, how wrong ones are refused, and construction without values.
#pragma once

#include <taper/eval/replay.hpp>
#include <taper/nn/module.hpp>
#include <taper/nn/observe.hpp>
#include <taper/ops/eager.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

// Left incomplete: its name is the diagnostic.
template <class Input, class Layer>
struct error_this_layer_holds_another_dtype_or_device_write_cast_or_to;

/// An input of a layer's own dtype and device.
template <class X, class T, class D>
concept MatchesLayerDTypeAndDevice = TensorLike<X> && std::same_as<value_t<X>, T> && std::same_as<device_t<X>, D>;
template <class X, class T, class D>
concept ForeignInput = TensorLike<X> && !MatchesLayerDTypeAndDevice<X, T, D>;

}  // namespace detail

// Beside a layer's call operator: inputs of another dtype or device are refused by name.
#define TAPER_REFUSE_FOREIGN_INPUT(T, D)                                                                         \
  template <class X, class... Rest>                                                                              \
    requires detail::ForeignInput<X, T, D>                                                                       \
  detail::error_this_layer_holds_another_dtype_or_device_write_cast_or_to<tensor_t<X>, Tensor<T, D>> operator()( \
      X&&, const Rest&...) const = delete;

namespace nn {

/// Asks a layer's constructor for a layer without values, to be filled field by field.
struct Unset {};

/// A dtype that a layer's parameters may have.
template <class T>
concept ParameterScalar = Differentiable<T>;

}  // namespace nn
}  // namespace taper::inline TAPER_CODE
