// SPDX-License-Identifier: MIT
// Dropout of elements and of whole channels as modules: active in training only.
#pragma once

#include <taper/nn/layers/input.hpp>
#include <taper/nn/repr.hpp>
#include <taper/ops/dropout.hpp>

namespace taper::inline TAPER_CODE::nn {

/// In training each element is 0 with probability p, and x / (1 - p) otherwise. The result fuses like any expression.
struct Dropout {
  double p = 0.5;
  Mode mode{};

  template <TensorLike X>
    requires Floating<value_t<X>>
  auto operator()(X&& x) const {
    auto y = dropout(std::forward<X>(x), p, mode.training);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::concat("p=", detail::repr(p), ", inplace=False"); }
};

/// Dropout of whole channels. Shapes: (n, c, l) or (c, l).
struct Dropout1d {
  double p = 0.5;
  Mode mode{};

  template <TensorLike X>
    requires Floating<value_t<X>>
  auto operator()(X&& x) const {
    auto y = dropout1d(std::forward<X>(x), p, mode.training);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::concat("p=", detail::repr(p), ", inplace=False"); }
};

/// Dropout of whole channels. Shapes: (n, c, h, w) or (c, h, w).
struct Dropout2d {
  double p = 0.5;
  Mode mode{};

  template <TensorLike X>
    requires Floating<value_t<X>>
  auto operator()(X&& x) const {
    auto y = dropout2d(std::forward<X>(x), p, mode.training);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::concat("p=", detail::repr(p), ", inplace=False"); }
};

}  // namespace taper::inline TAPER_CODE::nn
