// SPDX-License-Identifier: MIT
// What works along rows: softmax, cross entropy, norms, attention.
#pragma once

#include <taper/backend/cuda/attention_backward.hpp>
#include <taper/backend/cuda/cross_entropy.hpp>
#include <taper/backend/cuda/layer_norm.hpp>
#include <taper/backend/cuda/norm.hpp>
#include <taper/backend/cuda/softmax.hpp>

namespace taper::inline TAPER_CODE::detail {

template <class D>
struct DeviceRows : DeviceSoftmax<D>, DeviceClassLosses<D>, DeviceNorms<D>, DeviceLayerNorm<D>, DeviceAttention<D> {};

}  // namespace taper::inline TAPER_CODE::detail
