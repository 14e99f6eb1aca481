// SPDX-License-Identifier: MIT
// Random numbers: the same Philox as on the host, by element.
#pragma once

#include <taper/backend/cuda/map.hpp>

namespace taper::inline TAPER_CODE::detail {

template <class D>
struct DeviceRandom {
  using System = typename D::System;
};

}  // namespace taper::inline TAPER_CODE::detail
