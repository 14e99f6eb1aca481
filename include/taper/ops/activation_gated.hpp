// SPDX-License-Identifier: MIT
// Activations that know a tensor's axes: prelu with a weight per channel, glu with its halves.
#pragma once

#include <taper/ops/activation.hpp>
#include <taper/ops/arithmetic.hpp>
#include <taper/ops/exponential.hpp>
#include <taper/ops/view.hpp>

namespace taper::inline TAPER_CODE {

/// x where x > 0, weight x elsewhere.
/// Shapes: x any; weight one element, or one for each channel, axis 1 of x. Dtypes: floating.
/// Gradient: g or g weight; to the weight the sum of g x where x <= 0.
/// Throws: ShapeError where the weight does not fit.
template <class X, TensorLike W>
  requires FloatingOperands<X, W>
auto prelu(X&& x, W&& weight) {
  tensor_t<W> w = eval(std::forward<W>(weight));
  const std::int64_t channels = x.dim() > 1 ? x.shape()[1] : 1;
  if (w.dim() > 1 || (w.numel() != 1 && w.numel() != channels))
    detail::raise<ShapeError>("prelu", "the weight of shape ", w.shape(), " must have one element, or one for each of",
                              " the ", channels, " channels (axis 1) of x of shape ", x.shape());
  if (w.numel() != 1 && x.dim() > 2) {
    Shape shape = Dims::filled(x.dim() - 1, 1);
    shape[0] = channels;
    w = view(w, shape);
  } else if (w.numel() == 1 && x.dim() == 0) {
    w = view(w, {});
  }
  return apply("prelu", Prelu{}, std::forward<X>(x), std::move(w));
}

/// The first half of x along an axis times the sigmoid of the second half. Dtypes: floating.
/// Shapes: (..., 2 n, ...) -> (..., n, ...). Throws: ShapeError for an odd size.
template <TensorLike X>
  requires FloatingOperands<X>
auto glu(X&& x, std::int64_t dim = -1) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  const std::int64_t size = t.size(dim);
  if (t.dim() == 0 || size % 2 != 0)
    detail::raise<ShapeError>("glu", "axis ", dim, " of x of shape ", t.shape(), " must have an even size");
  return narrow(t, dim, 0, size / 2) * sigmoid(narrow(t, dim, size / 2, size / 2));
}

}  // namespace taper::inline TAPER_CODE
