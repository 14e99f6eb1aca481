// SPDX-License-Identifier: MIT
// What slides over images: convolution, pooling, resampling.
#pragma once

#include <taper/backend/cuda/conv.hpp>
#include <taper/backend/cuda/pool.hpp>
#include <taper/backend/cuda/resample.hpp>

namespace taper::inline TAPER_CODE::detail {

template <class D>
struct DeviceWindows : DeviceConv<D>, DevicePool<D>, DeviceResample<D> {};

}  // namespace taper::inline TAPER_CODE::detail
