// SPDX-License-Identifier: MIT
// What works along rows: softmax, cross entropy, norms, attention.
#pragma once

#include <taper/backend/cuda/map.hpp>

namespace taper::inline TAPER_CODE::detail {

template <class D>
struct DeviceRows {
  using System = typename D::System;
};

}  // namespace taper::inline TAPER_CODE::detail
