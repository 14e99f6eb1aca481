// SPDX-License-Identifier: MIT
// What slides over images: convolution, pooling, resampling.
#pragma once

#include <taper/backend/cuda/map.hpp>

namespace taper::inline TAPER_CODE::detail {

template <class D>
struct DeviceWindows {
  using System = typename D::System;
};

}  // namespace taper::inline TAPER_CODE::detail
