// SPDX-License-Identifier: MIT
// Settings of layers as PyTorch prints them.
#pragma once

#include <taper/core/shape.hpp>
#include <taper/ops/pair.hpp>

#include <cmath>
#include <optional>

namespace taper::inline TAPER_CODE::detail {

inline std::string repr(bool value) { return value ? "True" : "False"; }
inline std::string repr(std::int64_t value) { return concat(value); }

/// A number as Python writes it: the fewest digits that read back the same, 1.0 with a point, 1e-05 outside 1e-4 to 1e16.
inline std::string repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  const double size = std::fabs(value);
  const bool plain = value == 0 || (size >= 1e-4 && size < 1e16);
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, plain ? std::chars_format::fixed : std::chars_format::scientific).ptr;
  std::string out(buffer, end);
  if (plain && out.find('.') == std::string::npos) out += ".0";
  return out;
}

/// (h, w).
inline std::string repr(const Pair& pair) { return to_string(pair); }
/// A pair that may have been given as one number: 2, or (3, 2).
inline std::string repr_short(const Pair& pair) { return pair.h == pair.w ? repr(pair.h) : repr(pair); }
inline std::string repr(const Dims& dims) { return to_string(dims); }

template <class T>
std::string repr(const std::optional<T>& value) {
  return value ? repr(*value) : "None";
}

}  // namespace taper::inline TAPER_CODE::detail
