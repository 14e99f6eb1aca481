// SPDX-License-Identifier: MIT
// Grids of coordinates from vectors.
#pragma once

#include <taper/ops/tensor_list.hpp>
#include <taper/ops/view.hpp>

namespace taper::inline TAPER_CODE {

/// ij: axis k of every grid belongs to vector k; xy: the first two are swapped, as on paper.
enum class GridIndexing : std::uint8_t { ij, xy };

namespace detail {

template <Scalar T, Device D>
TensorList<T, D> meshgrid_of(std::span<const Tensor<T, D>> vectors, GridIndexing indexing) {
  if (vectors.empty()) raise<ValueError>("meshgrid", "there is no vector to make a grid of");
  const bool swap = indexing == GridIndexing::xy && vectors.size() >= 2;
  auto axis_of = [swap](std::size_t i) { return static_cast<int>(swap && i < 2 ? 1 - i : i); };
  Shape shape;
  for (std::size_t i = 0; i < vectors.size(); ++i) shape.push_back(0);
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    if (vectors[i].dim() > 1)
      raise<ShapeError>("meshgrid", "tensor ", i, " of shape ", vectors[i].shape(), " is no vector");
    shape[axis_of(i)] = vectors[i].numel();
  }
  TensorList<T, D> out;
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    Shape own = Dims::filled(shape.size(), 1);
    own[axis_of(i)] = vectors[i].numel();
    out.push_back(expand(reshape(vectors[i], own), shape));
  }
  return out;
}

}  // namespace detail

/// For vectors of sizes n0, n1, ... one grid (n0, n1, ..) each, that varies along its own axis: views, to be cloned
/// before they are written to. Gradient: summed over the other axes.
template <Scalar T, Device D>
TensorList<T, D> meshgrid(std::initializer_list<Tensor<T, D>> vectors, GridIndexing indexing = GridIndexing::ij) {
  return detail::meshgrid_of(std::span<const Tensor<T, D>>(vectors.begin(), vectors.size()), indexing);
}
template <detail::TensorRange R>
auto meshgrid(const R& vectors, GridIndexing indexing = GridIndexing::ij) {
  const auto list = detail::list_of(vectors);
  return detail::meshgrid_of(std::span(list.data(), list.size()), indexing);
}

}  // namespace taper::inline TAPER_CODE
