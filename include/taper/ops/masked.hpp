// SPDX-License-Identifier: MIT
// Elements by a bool mask: filled, selected, replaced; and where a tensor is not zero.
#pragma once

#include <taper/ops/comparison.hpp>
#include <taper/ops/index_at.hpp>
#include <taper/ops/view.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

template <class M>
concept Mask = TensorLike<M> && std::same_as<value_t<M>, bool>;
template <class T, class V>
concept FillFor = (ScalarLike<V> && std::same_as<promote_scalar_t<T, V>, T>) ||
                  (TensorLike<V> && std::same_as<value_t<V>, T>);

// Left incomplete: their names are the diagnostics.
template <class M>
struct error_a_mask_must_be_a_bool_tensor_write_a_comparison_or_cast_to_bool;
template <class T, class V>
struct error_the_value_does_not_fit_the_dtype_of_the_tensor_write_cast;

template <class V>
void check_fill(const V& value) {
  if constexpr (TensorLike<V>)
    if (value.dim() != 0)
      raise<ShapeError>("masked_fill", "the value must be a number or a 0-dim tensor, not of shape ", value.shape(),
                        ": use where");
}

/// x and mask at their common shape, and the places of the mask in it.
template <Scalar T, Device D>
struct MaskedPlaces {
  Tensor<T, D> x;
  IndexPlan plan;
  MaskedPlaces(std::string_view op, const Tensor<T, D>& given, const Tensor<bool, D>& mask) {
    Shape both = broadcast_shapes(op, given.shape(), mask.shape());
    x = both == given.shape() ? given : expand(given, both);
    if (both.empty()) both = {1}, x = taper::view(x, both);
    plan = plan_of_mask<D>(op, expand(mask, both).handle());
  }
};

}  // namespace detail

/// value where the mask is true, x elsewhere; fused with the expression it stands in. Shapes: broadcast.
/// Gradient: g where the mask is false; to a tensor value the sum of g where it is true.
template <TensorLike X, detail::Mask M, class V>
  requires detail::FillFor<value_t<X>, std::remove_cvref_t<V>>
auto masked_fill(X&& x, M&& mask, V&& value) {
  detail::check_fill(value);
  return where(std::forward<M>(mask), std::forward<V>(value), std::forward<X>(x));
}
template <TensorLike X, TensorLike M, class V>
  requires(!detail::Mask<M>)
detail::error_a_mask_must_be_a_bool_tensor_write_a_comparison_or_cast_to_bool<value_t<M>> masked_fill(
    X&&, M&&, V&&) = delete;
template <TensorLike X, detail::Mask M, class V>
  requires(!detail::FillFor<value_t<X>, std::remove_cvref_t<V>>)
detail::error_the_value_does_not_fit_the_dtype_of_the_tensor_write_cast<value_t<X>, std::remove_cvref_t<V>> masked_fill(
    X&&, M&&, V&&) = delete;

/// The same in x itself, recorded.
template <Scalar T, Device D, detail::Mask M, class V>
  requires detail::FillFor<T, V>
void masked_fill_(Tensor<T, D> x, const M& mask, const V& value) {
  x.copy_(masked_fill(x, mask, value));
}

/// The elements of x where the mask is true, in row-major order. Shapes: broadcast -> (count).
/// Gradient: back to their places.
template <TensorLike X, detail::Mask M>
tensor_t<X> masked_select(X&& x, const M& mask) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  const Tensor<bool, device_t<X>> m = eval(mask);
  const detail::MaskedPlaces places("masked_select", t, m);
  return detail::index_at("masked_select", places.x, places.plan);
}

/// x with the elements of source, one after another, where the mask is true. Shapes: the mask broadcasts to x.
/// Gradient: g where the mask is false; to source those of the elements used. Throws: ShapeError for too few elements.
template <TensorLike X, detail::Mask M, TensorLike S>
  requires detail::OfOneDType<X, S>
tensor_t<X> masked_scatter(X&& x, const M& mask, const S& source) {
  const tensor_t<X> t = eval(std::forward<X>(x)), s = eval(source);
  const Tensor<bool, device_t<X>> m = eval(mask);
  const detail::MaskedPlaces places("masked_scatter", t, m);
  const std::int64_t n = places.plan.places();
  if (s.numel() < n)
    detail::raise<ShapeError>("masked_scatter", "the source of shape ", s.shape(), " has ", s.numel(), " elements for ",
                              n, " places of the mask");
  const tensor_t<X> values = narrow(reshape(s, {-1}), 0, 0, n);
  return reshape(detail::index_put_at("masked_scatter", places.x, places.plan, values),
                 detail::broadcast_shapes("masked_scatter", t.shape(), m.shape()));
}

/// The coordinates of the elements that are not zero, in row-major order. Shapes: (..) -> (count, dimensions).
template <TensorLike X>
Tensor<std::int64_t, device_t<X>> nonzero(X&& x) {
  using D = device_t<X>;
  Tensor<bool, D> mask;
  if constexpr (std::same_as<value_t<X>, bool>) mask = eval(std::forward<X>(x));
  else mask = ne(std::forward<X>(x), value_t<X>(0));
  return Tensor<std::int64_t, D>(detail::mask_positions_on<D>(mask.handle(), false));
}
/// As nonzero.
template <TensorLike X>
Tensor<std::int64_t, device_t<X>> argwhere(X&& x) {
  return nonzero(std::forward<X>(x));
}

}  // namespace taper::inline TAPER_CODE
