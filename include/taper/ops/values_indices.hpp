// SPDX-License-Identifier: MIT
// What functions give that find elements: the elements, and where they were.
#pragma once

#include <taper/core/tensor.hpp>

namespace taper::inline TAPER_CODE {

/// Values and where they were found: auto [values, indices] = sort(x).
template <class Values, Device D = Cpu>
struct ValuesIndices {
  Values values;
  Tensor<std::int64_t, D> indices;
};

}  // namespace taper::inline TAPER_CODE
