// SPDX-License-Identifier: MIT
// What may stand inside x(...): integers, slices, the ellipsis, new axes; index tensors and masks join in ops/index.hpp.
#pragma once

#include <taper/core/view.hpp>

#include <cstdint>
#include <limits>

namespace taper::inline TAPER_ABI {

/// Marks an end of a slice that is left open, as in Python's x[2:].
inline constexpr std::int64_t open_end = std::numeric_limits<std::int64_t>::min();

/// Elements start, start + step, ... below stop, as Python's slice; negative ends count from the back; step > 0.
struct Slice {
  std::int64_t start = open_end;
  std::int64_t stop = open_end;
  std::int64_t step = 1;
};

struct EllipsisTag {};
/// All the axes that the other indices leave over.
inline constexpr EllipsisTag ellipsis{};

struct NoneTag {};
/// A new axis of size 1.
inline constexpr NoneTag none{};

namespace base {

/// A slice resolved against a size: start, length and step, clamped as Python does.
inline ViewOp resolve(std::string_view op, const Slice& s, int dim, std::int64_t size) {
  if (s.step <= 0) raise<ValueError>(op, "the step of a slice must be positive, not ", s.step, ": use flip to reverse");
  auto clamp = [size](std::int64_t v) {
    if (v < 0) v += size;
    return v < 0 ? 0 : v > size ? size : v;
  };
  const std::int64_t start = s.start == open_end ? 0 : clamp(s.start);
  const std::int64_t stop = s.stop == open_end ? size : clamp(s.stop);
  const std::int64_t step = s.step > size ? size + 1 : s.step;  // past the end: so that strides fit
  const std::int64_t length = stop > start ? (stop - start + step - 1) / step : 0;
  ViewOp out;
  out.kind = ViewOp::slice;
  out.dim = dim;
  out.a = start, out.b = length, out.c = step;
  return out;
}

/// An integer index resolved against a size; throws IndexError where it is out of range.
inline ViewOp resolve(std::string_view op, std::int64_t index, int dim, std::int64_t size) {
  if (index < -size || index >= size)
    raise<IndexError>(op, "index ", index, " is out of range for axis ", dim, " of size ", size);
  ViewOp out;
  out.kind = ViewOp::select;
  out.dim = dim;
  out.a = index < 0 ? index + size : index;
  return out;
}

}  // namespace base

}  // namespace taper::inline TAPER_ABI
