// SPDX-License-Identifier: MIT
// A tensor taken apart along an axis, into views: split, chunk, tensor_split, unbind.
#pragma once

#include <taper/ops/tensor_list.hpp>
#include <taper/ops/view.hpp>

#include <array>

namespace taper::inline TAPER_CODE {

namespace detail {

template <Scalar T, Device D>
int split_axis(std::string_view op, const Tensor<T, D>& x, std::int64_t axis) {
  if (x.dim() == 0) raise<ShapeError>(op, "a 0-dim tensor has no axis to be taken apart along");
  return wrap_axis(op, axis, x.dim());
}

/// The list as an array that structured bindings take.
template <std::size_t N, class T>
std::array<T, N> array_of(std::string_view op, const PoolVector<T>& list, const Shape& shape, int axis) {
  if (list.size() != N)
    raise<ValueError>(op, "axis ", axis, " of a tensor of shape ", shape, " gives ", list.size(), " parts, not the ", N,
                      " asked for");
  std::array<T, N> out;
  for (std::size_t i = 0; i < N; ++i) out[i] = list[i];
  return out;
}

}  // namespace detail

/// Parts of `size` along an axis, the last one smaller where it does not divide. Gradient: each part's, in its place.
/// Throws: ShapeError for a 0-dim tensor; ValueError for a size that is not positive.
template <TensorLike X>
TensorList<value_t<X>, device_t<X>> split(X&& x, std::int64_t size, std::int64_t axis = 0) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  const int dim = detail::split_axis("split", t, axis);
  const std::int64_t n = t.shape()[dim];
  if (size < 0 || (size == 0 && n > 0))
    detail::raise<ValueError>("split", "the size of a part must be positive, not ", size);
  TensorList<value_t<X>, device_t<X>> out;
  for (std::int64_t at = 0; at == 0 || at < n; at += size) {
    out.push_back(narrow(t, dim, at, n - at < size ? n - at : size));
    if (size == 0) break;
  }
  return out;
}
/// Parts of the given sizes along an axis; they add up to its size.
template <TensorLike X>
TensorList<value_t<X>, device_t<X>> split(X&& x, std::span<const std::int64_t> sizes, std::int64_t axis = 0) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  const int dim = detail::split_axis("split", t, axis);
  std::int64_t total = 0;
  for (const std::int64_t s : sizes) {
    if (s < 0) detail::raise<ValueError>("split", "the size of a part must not be negative: ", s);
    total += s;
  }
  if (total != t.shape()[dim])
    detail::raise<ShapeError>("split", "the sizes of the parts add up to ", total, ", axis ", dim, " of shape ",
                              t.shape(), " has ", t.shape()[dim]);
  TensorList<value_t<X>, device_t<X>> out;
  std::int64_t at = 0;
  for (const std::int64_t s : sizes) {
    out.push_back(narrow(t, dim, at, s));
    at += s;
  }
  return out;
}
template <TensorLike X>
TensorList<value_t<X>, device_t<X>> split(X&& x, std::initializer_list<std::int64_t> sizes, std::int64_t axis = 0) {
  return split(std::forward<X>(x), std::span(sizes.begin(), sizes.size()), axis);
}

/// At most n parts of equal size along an axis, the last one smaller, as PyTorch: there may be fewer.
template <TensorLike X>
TensorList<value_t<X>, device_t<X>> chunk(X&& x, std::int64_t n, std::int64_t axis = 0) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  const int dim = detail::split_axis("chunk", t, axis);
  if (n <= 0) detail::raise<ValueError>("chunk", "the number of parts must be positive, not ", n);
  const std::int64_t size = t.shape()[dim];
  if (size > 0) return split(t, (size + n - 1) / n, dim);
  return TensorList<value_t<X>, device_t<X>>(static_cast<std::size_t>(n), narrow(t, dim, 0, 0));
}
/// Exactly N parts, for structured bindings: auto [i, f, g, o] = chunk<4>(gates, 1). Throws: ValueError where there are
/// fewer.
template <std::size_t N, TensorLike X>
std::array<tensor_t<X>, N> chunk(X&& x, std::int64_t axis = 0) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  return detail::array_of<N>("chunk", chunk(t, static_cast<std::int64_t>(N), axis), t.shape(),
                             detail::split_axis("chunk", t, axis));
}

/// Exactly n parts along an axis; the first ones are larger by one where n does not divide.
template <TensorLike X>
TensorList<value_t<X>, device_t<X>> tensor_split(X&& x, std::int64_t n, std::int64_t axis = 0) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  const int dim = detail::split_axis("tensor_split", t, axis);
  if (n <= 0) detail::raise<ValueError>("tensor_split", "the number of parts must be positive, not ", n);
  TensorList<value_t<X>, device_t<X>> out;
  std::int64_t at = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t size = t.shape()[dim] / n + (i < t.shape()[dim] % n);
    out.push_back(narrow(t, dim, at, size));
    at += size;
  }
  return out;
}

/// Every slice along an axis, without it. Gradient: each slice's, in its place.
template <TensorLike X>
TensorList<value_t<X>, device_t<X>> unbind(X&& x, std::int64_t axis = 0) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  const int dim = detail::split_axis("unbind", t, axis);
  TensorList<value_t<X>, device_t<X>> out;
  for (std::int64_t i = 0; i < t.shape()[dim]; ++i) out.push_back(select(t, dim, i));
  return out;
}
/// The same for structured bindings: auto [x, y] = unbind<2>(points, 1).
template <std::size_t N, TensorLike X>
std::array<tensor_t<X>, N> unbind(X&& x, std::int64_t axis = 0) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  return detail::array_of<N>("unbind", unbind(t, axis), t.shape(), detail::split_axis("unbind", t, axis));
}

}  // namespace taper::inline TAPER_CODE
