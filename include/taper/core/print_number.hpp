// SPDX-License-Identifier: MIT
// How the numbers of a printed tensor look: one format for all of them, chosen as PyTorch does.
#pragma once

#include <taper/core/dtype.hpp>

#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

namespace taper::inline TAPER_CODE {

/// How tensors are printed; PyTorch's names and defaults.
struct PrintOptions {
  int precision = 4;                ///< digits behind the point
  std::int64_t threshold = 1000;    ///< with more elements than this only the edges are shown
  std::int64_t edgeitems = 3;       ///< how many at each edge
  int linewidth = 80;               ///< where lines are broken
  std::optional<bool> sci_mode = {};  ///< 1.0000e+00 always or never; unset: where the numbers ask for it
};

namespace detail {

/// The format of a set of floating numbers: whole ones as "1.", others with the precision or, when they are of very
/// different sizes, in scientific notation; all as wide as the widest finite one.
class NumberFormat {
 public:
  NumberFormat(const std::vector<double>& values, const PrintOptions& options) : precision_(options.precision) {
    double smallest = 0, largest = 0;
    for (const double v : values) {
      if (v == 0 || !std::isfinite(v)) continue;
      const double size = std::fabs(v);
      smallest = smallest == 0 || size < smallest ? size : smallest;
      largest = size > largest ? size : largest;
      whole_ = whole_ && v == std::ceil(v);
    }
    if (largest == 0) return;
    scientific_ = options.sci_mode.value_or(largest / smallest > 1000 || largest > 1e8 || smallest < 1e-4);
    for (const double v : values)
      if (v != 0 && std::isfinite(v)) width_ = std::max(width_, text(v).size());
  }

  std::size_t width() const { return width_; }
  /// The number, padded on the left.
  std::string operator()(double v) const {
    std::string out = text(v);
    if (out.size() < width_) out.insert(0, width_ - out.size(), ' ');
    return out;
  }

 private:
  std::string text(double v) const {
    if (std::isnan(v)) return "nan";
    if (std::isinf(v)) return v < 0 ? "-inf" : "inf";
    const bool plain = whole_ && !scientific_;
    std::string out(static_cast<std::size_t>(330 + precision_), '\0');  // 309 digits before the point at most
    const auto style = scientific_ ? std::chars_format::scientific : std::chars_format::fixed;
    out.resize(static_cast<std::size_t>(
        std::to_chars(out.data(), out.data() + out.size(), v, style, plain ? 0 : precision_).ptr - out.data()));
    if (plain) out += '.';
    return out;
  }

  int precision_;
  bool whole_ = true, scientific_ = false;
  std::size_t width_ = 1;
};

/// A complex number: the real part padded, the imaginary part not.
inline std::string complex_text(const NumberFormat& real, const NumberFormat& imag, double re, double im) {
  std::string tail = imag(im);
  tail.erase(0, tail.find_first_not_of(' '));
  return real(re) + (tail[0] == '-' ? "" : "+") + tail + "j";
}

}  // namespace detail

}  // namespace taper::inline TAPER_CODE
