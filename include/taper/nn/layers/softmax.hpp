// SPDX-License-Identifier: MIT
// Softmax and its kin as modules: see the functions of the same names.
#pragma once

#include <taper/nn/layers/input.hpp>
#include <taper/nn/repr.hpp>
#include <taper/ops/softmax.hpp>

namespace taper::inline TAPER_CODE::nn {

/// exp(x) / sum exp(x) along an axis.
struct Softmax {
  std::int64_t dim = -1;

  template <TensorLike X>
  tensor_t<X> operator()(X&& x) const {
    auto y = taper::softmax(std::forward<X>(x), dim);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::concat("dim=", detail::repr(dim)); }
};

/// The logarithm of Softmax.
struct LogSoftmax {
  std::int64_t dim = -1;

  template <TensorLike X>
  tensor_t<X> operator()(X&& x) const {
    auto y = taper::log_softmax(std::forward<X>(x), dim);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::concat("dim=", detail::repr(dim)); }
};

/// Softmax of -x.
struct Softmin {
  std::int64_t dim = -1;

  template <TensorLike X>
  tensor_t<X> operator()(X&& x) const {
    auto y = taper::softmin(std::forward<X>(x), dim);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::concat("dim=", detail::repr(dim)); }
};

/// Softmax over the channels of each pixel. Shapes: (n, c, h, w) or (c, h, w).
struct Softmax2d {
  template <TensorLike X>
  tensor_t<X> operator()(X&& x) const {
    if (x.dim() != 3 && x.dim() != 4)
      detail::raise<ShapeError>("Softmax2d", "x must have 4 dimensions (3 without a batch), not shape ", x.shape());
    auto y = taper::softmax(std::forward<X>(x), -3);
    detail::report(this, y);
    return y;
  }
};

}  // namespace taper::inline TAPER_CODE::nn
