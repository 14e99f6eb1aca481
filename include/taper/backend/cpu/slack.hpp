// SPDX-License-Identifier: MIT
// Whether the last pack of a tensor may run over its end, into the slack that the allocator leaves behind each block.
#pragma once

#include <taper/core/record.hpp>
#include <taper/expr/math/pack_type.hpp>

namespace taper::inline TAPER_CODE::detail {

/// True where a pack that runs over the end of a dense tensor of `size` bytes per element meets slack and nothing else.
/// Not under address sanitizer, which would report it.
inline bool pack_fits_behind(const TensorRecord& r, std::size_t size) {
  return !TAPER_ASAN && size * pack_lanes <= slack_bytes && r.storage->has_slack &&
         r.data + static_cast<std::size_t>(r.numel) * size == r.storage->data + r.storage->bytes;
}

}  // namespace taper::inline TAPER_CODE::detail
