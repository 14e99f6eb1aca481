// SPDX-License-Identifier: MIT
// pixel_shuffle and pixel_unshuffle: channels become pixels and back.
#pragma once

#include <taper/ops/view.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

/// x (.., a, h, b, w, c) of the sizes given, with its last five axes in another order, as `shape`.
template <Scalar T, Device D>
Tensor<T, D> regrouped(const Tensor<T, D>& x, const Dims& sizes, const Dims& order, const Dims& merged) {
  Shape split, shape;
  Dims axes;
  const int lead = x.dim() - 3;
  for (int i = 0; i < lead; ++i) split.push_back(x.shape()[i]), shape.push_back(x.shape()[i]), axes.push_back(i);
  for (const std::int64_t n : sizes) split.push_back(n);
  for (const std::int64_t axis : order) axes.push_back(lead + axis);
  for (const std::int64_t n : merged) shape.push_back(n);
  return reshape(permute(reshape(x, split), axes), shape);
}

inline void check_pixels(std::string_view op, const Shape& x, std::int64_t factor) {
  if (x.size() < 3 || x.size() > 6) raise<ShapeError>(op, "x must have 3 to 6 dimensions (.., c, h, w), not shape ", x);
  if (factor < 1) raise<ValueError>(op, "the factor must be at least 1, not ", factor);
}

}  // namespace detail

/// Each pixel's channels c r^2 laid out as squares of r x r pixels of c channels.
/// Shapes: (.., c r^2, h, w) -> (.., c, h r, w r). Gradient: pixel_unshuffle.
/// Throws: ShapeError where the channels are no multiple of r^2.
template <TensorLike X>
tensor_t<X> pixel_shuffle(X&& x, std::int64_t upscale_factor) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  const std::int64_t r = upscale_factor;
  detail::check_pixels("pixel_shuffle", t.shape(), r);
  const std::int64_t c = t.shape().at(-3), h = t.shape().at(-2), w = t.shape().at(-1);
  if (c % (r * r) != 0)
    detail::raise<ShapeError>("pixel_shuffle", "the ", c, " channels of x ", t.shape(), " are no multiple of ", r,
                              " x ", r);
  return detail::regrouped(t, {c / (r * r), r, r, h, w}, {0, 3, 1, 4, 2}, {c / (r * r), h * r, w * r});
}

/// Squares of r x r pixels as r^2 times the channels of one pixel: the inverse of pixel_shuffle.
/// Shapes: (.., c, h r, w r) -> (.., c r^2, h, w). Gradient: pixel_shuffle.
/// Throws: ShapeError where height or width is no multiple of r.
template <TensorLike X>
tensor_t<X> pixel_unshuffle(X&& x, std::int64_t downscale_factor) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  const std::int64_t r = downscale_factor;
  detail::check_pixels("pixel_unshuffle", t.shape(), r);
  const std::int64_t c = t.shape().at(-3), h = t.shape().at(-2), w = t.shape().at(-1);
  if (h % r != 0 || w % r != 0)
    detail::raise<ShapeError>("pixel_unshuffle", "the planes of x ", t.shape(), " are no multiple of ", r, " x ", r);
  return detail::regrouped(t, {c, h / r, r, w / r, r}, {0, 2, 4, 1, 3}, {c * r * r, h / r, w / r});
}

}  // namespace taper::inline TAPER_CODE
