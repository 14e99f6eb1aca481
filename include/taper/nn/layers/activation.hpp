// SPDX-License-Identifier: MIT
// Activations of straight lines as modules: see the functions of the same names.
#pragma once

#include <taper/nn/layers/input.hpp>
#include <taper/nn/repr.hpp>
#include <taper/ops/activation.hpp>

namespace taper::inline TAPER_CODE::nn {

/// max(x, 0).
struct ReLU {
  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = taper::relu(std::forward<X>(x));
    detail::report(this, y);
    return y;
  }
};

/// min(max(x, 0), 6).
struct ReLU6 {
  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = taper::relu6(std::forward<X>(x));
    detail::report(this, y);
    return y;
  }
};

/// x clamped to [min_val, max_val].
struct Hardtanh {
  double min_val = -1;
  double max_val = 1;

  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = taper::hardtanh(std::forward<X>(x), min_val, max_val);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::concat("min_val=", detail::repr(min_val), ", max_val=", detail::repr(max_val)); }
};

/// x where x > 0, negative_slope x elsewhere.
struct LeakyReLU {
  double negative_slope = 0.01;

  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = taper::leaky_relu(std::forward<X>(x), negative_slope);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::concat("negative_slope=", detail::repr(negative_slope)); }
};

/// clamp(x + 3, 0, 6) / 6.
struct Hardsigmoid {
  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = taper::hardsigmoid(std::forward<X>(x));
    detail::report(this, y);
    return y;
  }
};

/// x hardsigmoid(x).
struct Hardswish {
  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = taper::hardswish(std::forward<X>(x));
    detail::report(this, y);
    return y;
  }
};

/// x where |x| > lambd, 0 elsewhere.
struct Hardshrink {
  double lambd = 0.5;

  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = taper::hardshrink(std::forward<X>(x), lambd);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::repr(lambd); }
};

/// x moved towards 0 by lambd.
struct Softshrink {
  double lambd = 0.5;

  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = taper::softshrink(std::forward<X>(x), lambd);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::repr(lambd); }
};

/// x where x > threshold, value elsewhere.
struct Threshold {
  double threshold, value;

  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = taper::threshold(std::forward<X>(x), threshold, value);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::concat("threshold=", detail::repr(threshold), ", value=", detail::repr(value)); }
};

}  // namespace taper::inline TAPER_CODE::nn
