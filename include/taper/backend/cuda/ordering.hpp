// SPDX-License-Identifier: MIT
// Sorts, searches, scans and arg-reductions.
#pragma once

#include <taper/backend/cuda/map.hpp>

namespace taper::inline TAPER_CODE::detail {

template <class D>
struct DeviceOrdering {
  using System = typename D::System;
};

}  // namespace taper::inline TAPER_CODE::detail
