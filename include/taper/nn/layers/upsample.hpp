// SPDX-License-Identifier: MIT
// Upsampling as modules: see the functions interpolate, pixel_shuffle and pixel_unshuffle.
#pragma once

#include <taper/nn/layers/input.hpp>
#include <taper/nn/repr.hpp>
#include <taper/ops/interpolate.hpp>
#include <taper/ops/pixel_shuffle.hpp>

namespace taper::inline TAPER_CODE::nn {

/// x at another size: Upsample{.scale_factor = 2, .mode = InterpolateMode::bilinear}. Shapes: as interpolate.
struct Upsample {
  PerAxis<std::int64_t> size = {};
  PerAxis<double> scale_factor = {};
  InterpolateMode mode = InterpolateMode::nearest;
  bool align_corners = false, recompute_scale_factor = false;

  template <TensorLike X>
  tensor_t<X> operator()(X&& x) const {
    auto y = interpolate(std::forward<X>(x), {size, scale_factor, mode, align_corners, recompute_scale_factor});
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const {
    const auto list = [](const auto& given) {
      std::string out = given.count == 1 ? "" : "(";
      for (int i = 0; i < given.count; ++i) out += (i > 0 ? ", " : "") + detail::repr(given[i]);
      return given.count == 1 ? out : out + ")";
    };
    return (scale_factor.given() ? "scale_factor=" + list(scale_factor) : "size=" + list(size)) +
           detail::concat(", mode='", detail::interpolate_name(mode), "'");
  }
};

/// Channels laid out as pixels. Shapes: (.., c r^2, h, w) -> (.., c, h r, w r).
struct PixelShuffle {
  std::int64_t upscale_factor;

  template <TensorLike X>
  tensor_t<X> operator()(X&& x) const {
    auto y = pixel_shuffle(std::forward<X>(x), upscale_factor);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::concat("upscale_factor=", upscale_factor); }
};

/// Pixels laid out as channels. Shapes: (.., c, h r, w r) -> (.., c r^2, h, w).
struct PixelUnshuffle {
  std::int64_t downscale_factor;

  template <TensorLike X>
  tensor_t<X> operator()(X&& x) const {
    auto y = pixel_unshuffle(std::forward<X>(x), downscale_factor);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::concat("downscale_factor=", downscale_factor); }
};

}  // namespace taper::inline TAPER_CODE::nn
