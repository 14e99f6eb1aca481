// SPDX-License-Identifier: MIT
// Flatten and Unflatten.
#pragma once

#include <taper/nn/layers/input.hpp>
#include <taper/nn/repr.hpp>
#include <taper/ops/view.hpp>

namespace taper::inline TAPER_CODE::nn {

/// Axes start_dim to end_dim made one. Shapes: by default (n, a, b, ..) -> (n, a b ..).
struct Flatten {
  std::int64_t start_dim = 1, end_dim = -1;

  template <TensorLike X>
  tensor_t<X> operator()(X&& x) const {
    tensor_t<X> y = flatten(std::forward<X>(x), start_dim, end_dim);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::concat("start_dim=", start_dim, ", end_dim=", end_dim); }
};

/// One axis split into several; one of the sizes may be -1.
struct Unflatten {
  std::int64_t dim;
  Shape unflattened_size;

  template <TensorLike X>
  tensor_t<X> operator()(X&& x) const {
    tensor_t<X> y = unflatten(std::forward<X>(x), dim, unflattened_size);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::concat("dim=", dim, ", unflattened_size=", unflattened_size); }
};

}  // namespace taper::inline TAPER_CODE::nn
