// SPDX-License-Identifier: MIT
// What moves elements between places: gather, scatter, index, join, pad, embedding.
#pragma once

#include <taper/backend/cuda/map.hpp>

namespace taper::inline TAPER_CODE::detail {

template <class D>
struct DeviceIndexing {
  using System = typename D::System;
};

}  // namespace taper::inline TAPER_CODE::detail
