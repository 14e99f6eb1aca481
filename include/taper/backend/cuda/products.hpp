// SPDX-License-Identifier: MIT
// Matrix products and what is built on them.
#pragma once

#include <taper/backend/cuda/map.hpp>

namespace taper::inline TAPER_CODE::detail {

template <class D>
struct DeviceProducts {
  using System = typename D::System;
};

}  // namespace taper::inline TAPER_CODE::detail
