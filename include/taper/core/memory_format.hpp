// SPDX-License-Identifier: MIT
// In which order a dense tensor's axes lie in memory: row-major, channels last, or any other permutation.
#pragma once

#include <taper/core/record.hpp>

namespace taper::inline TAPER_ABI {

/// How a dense tensor lies in memory, whatever its shape says: contiguous is row-major; channels_last, for images
/// (n, c, h, w), has the channels of a pixel side by side, in the order n, h, w, c.
enum class MemoryFormat : std::uint8_t { contiguous, channels_last };

namespace base {

/// Axes from the outermost in memory to the innermost, four bits each from the lowest on. 0: row-major.
using AxisOrder = std::uint32_t;
inline constexpr AxisOrder channels_last_order = 0x1320;

/// Values per axis in the order of memory.
inline Dims in_order(const Dims& dims, AxisOrder order) {
  if (order == 0) return dims;
  Dims out = dims;
  for (int i = 0; i < dims.size(); ++i) out[i] = dims[static_cast<int>(order >> 4 * i & 15)];
  return out;
}
/// The strides of a dense tensor whose axes lie in that order.
inline Strides ordered_strides(const Shape& shape, AxisOrder order) {
  const Strides dense = contiguous_strides(in_order(shape, order));
  if (order == 0) return dense;
  Strides out = dense;
  for (int i = 0; i < shape.size(); ++i) out[static_cast<int>(order >> 4 * i & 15)] = dense[i];
  return out;
}
/// Whether elements lie densely in that order. The stride of an axis of size 1 does not count.
inline bool has_order(const Shape& shape, const Strides& strides, AxisOrder order) {
  return is_contiguous(in_order(shape, order), in_order(strides, order));
}
inline bool has_order(const TensorRecord& r, AxisOrder order) {
  return order == 0 ? r.contiguous : has_order(r.shape, r.strides, order);
}

/// The order of a tensor that is not row-major; 0 where its elements do not lie densely in any order.
[[gnu::noinline]] inline AxisOrder order_of_strided(const TensorRecord& r) {
  const int n = r.shape.size();
  if (n == 4 && has_order(r, channels_last_order)) return channels_last_order;
  AxisOrder out = 0;
  std::uint32_t left = (1u << n) - 1;
  for (int i = 0; i < n; ++i) {
    int next = -1;  // axes of size 1 first, then the longest stride
    for (int k = 0; k < n; ++k)
      if (left >> k & 1 && (next < 0 || (r.shape[next] != 1 && (r.shape[k] == 1 || r.strides[k] > r.strides[next]))))
        next = k;
    left &= ~(1u << next);
    out |= static_cast<AxisOrder>(next) << 4 * i;
  }
  return has_order(r, out) ? out : 0;
}
inline AxisOrder order_of(const TensorRecord& r) { return r.contiguous ? 0 : order_of_strided(r); }

/// Lets a fresh dense record's axes lie in another order.
inline void set_order(TensorRecord& r, AxisOrder order) {
  if (order == 0) return;
  r.strides = ordered_strides(r.shape, order);
  r.contiguous = is_contiguous(r.shape, r.strides);
}
/// The same memory with the axes in the order of memory: row-major where r has that order.
inline Geometry ordered_geometry(const TensorRecord& r, AxisOrder order) {
  return {in_order(r.shape, order), in_order(r.strides, order), geometry_of(r).offset};
}

}  // namespace base
}  // namespace taper::inline TAPER_ABI
