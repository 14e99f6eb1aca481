// SPDX-License-Identifier: MIT
// dropout: elements, or whole channels, set to zero at random while training.
#pragma once

#include <taper/core/random.hpp>
#include <taper/ops/operands.hpp>
#include <taper/ops/structural.hpp>

namespace taper::inline TAPER_CODE {

/// scale x where kept, 0 elsewhere. Gradient: scale g where kept.
struct Dropout {
  static constexpr std::string_view name = "dropout";
  template <class T, class M>
  using signature = detail::Signature<T, T, bool>;
  static constexpr std::uint8_t reads[] = {reads_x1, reads_nothing};
  double scale;
  template <class V, class M>
  TAPER_HD TAPER_INLINE V operator()(V x, M kept) const { return select(kept, x * V(scale), V(0)); }
  template <int I, class V, class M>
  TAPER_HD TAPER_INLINE V vjp(V, M kept, V, V g) const { return select(kept, g * V(scale), V(0)); }
};

namespace detail {

/// The mask has `shape`, which broadcasts to x's. Outside training it is a single true.
template <TensorLike X>
auto drop(std::string_view op, X&& x, double p, bool training, const Shape& shape, Generator& generator) {
  if (!(p >= 0 && p <= 1)) raise<ValueError>(op, "the probability p must lie between 0 and 1, not ", p);
  using D = device_t<X>;
  const bool active = training && p > 0;
  // Outside training nothing is drawn.
  const Tensor<bool, D> mask = active ? bernoulli<bool, D>(1 - p, shape, generator) : full<bool, D>({}, true);
  return apply(op, Dropout{active ? (p < 1 ? 1 / (1 - p) : 0) : 1}, std::forward<X>(x), mask);
}

/// Axes 0 and 1 of x, and 1 for the others.
inline Shape channel_mask(std::string_view op, const Shape& x, int rank) {
  if (x.size() != rank + 1 && x.size() != rank + 2)
    raise<ShapeError>(op, "x must have ", rank + 2, " dimensions (", rank + 1, " without a batch), not shape ", x);
  Shape out = x;
  for (int i = x.size() - rank; i < x.size(); ++i) out[i] = 1;
  return out;
}

}  // namespace detail

/// While training: 0 with probability p, x / (1 - p) otherwise. Otherwise x. The choice is made when the expression is
/// built; it fuses like any other.
/// Dtypes: floating. Gradient: g / (1 - p) where x was kept. Throws: ValueError where p is not in [0, 1].
template <TensorLike X>
  requires Floating<value_t<X>>
auto dropout(X&& x, double p = 0.5, bool training = true, Generator& generator = default_generator()) {
  const Shape shape = x.shape();
  return detail::drop("dropout", std::forward<X>(x), p, training, shape, generator);
}
/// dropout of whole channels. Shapes: x (n, c, l) or (c, l).
template <TensorLike X>
  requires Floating<value_t<X>>
auto dropout1d(X&& x, double p = 0.5, bool training = true, Generator& generator = default_generator()) {
  const Shape shape = detail::channel_mask("dropout1d", x.shape(), 1);
  return detail::drop("dropout1d", std::forward<X>(x), p, training, shape, generator);
}
/// dropout of whole channels. Shapes: x (n, c, h, w) or (c, h, w).
template <TensorLike X>
  requires Floating<value_t<X>>
auto dropout2d(X&& x, double p = 0.5, bool training = true, Generator& generator = default_generator()) {
  const Shape shape = detail::channel_mask("dropout2d", x.shape(), 2);
  return detail::drop("dropout2d", std::forward<X>(x), p, training, shape, generator);
}

TAPER_REFUSE_NOT_FLOATING(dropout)
TAPER_REFUSE_NOT_FLOATING(dropout1d)
TAPER_REFUSE_NOT_FLOATING(dropout2d)

}  // namespace taper::inline TAPER_CODE
