// SPDX-License-Identifier: MIT
// Smooth activations as modules: see the functions of the same names.
#pragma once

#include <taper/nn/layers/input.hpp>
#include <taper/nn/repr.hpp>
#include <taper/ops/activation_smooth.hpp>

namespace taper::inline TAPER_CODE::nn {

/// 1 / (1 + e^-x).
struct Sigmoid {
  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = taper::sigmoid(std::forward<X>(x));
    detail::report(this, y);
    return y;
  }
};

/// tanh(x).
struct Tanh {
  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = taper::tanh(std::forward<X>(x));
    detail::report(this, y);
    return y;
  }
};

/// ln sigmoid(x).
struct LogSigmoid {
  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = taper::logsigmoid(std::forward<X>(x));
    detail::report(this, y);
    return y;
  }
};

/// x above 0, alpha (e^x - 1) elsewhere.
struct ELU {
  double alpha = 1;

  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = taper::elu(std::forward<X>(x), alpha);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::concat("alpha=", detail::repr(alpha)); }
};

/// x above 0, alpha (e^(x / alpha) - 1) elsewhere.
struct CELU {
  double alpha = 1;

  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = taper::celu(std::forward<X>(x), alpha);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::concat("alpha=", detail::repr(alpha)); }
};

/// ELU with the two constants that keep mean 0 and variance 1.
struct SELU {
  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = taper::selu(std::forward<X>(x));
    detail::report(this, y);
    return y;
  }
};

/// x times the normal distribution function of x.
struct GELU {
  GeluApproximate approximate = GeluApproximate::none;

  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = taper::gelu(std::forward<X>(x), approximate);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return approximate == GeluApproximate::tanh ? "approximate='tanh'" : "approximate='none'"; }
};

/// x sigmoid(x).
struct SiLU {
  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = taper::silu(std::forward<X>(x));
    detail::report(this, y);
    return y;
  }
};

/// x tanh(softplus(x)).
struct Mish {
  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = taper::mish(std::forward<X>(x));
    detail::report(this, y);
    return y;
  }
};

/// ln(1 + e^(beta x)) / beta, x itself where beta x > threshold.
struct Softplus {
  double beta = 1;
  double threshold = 20;

  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = taper::softplus(std::forward<X>(x), beta, threshold);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::concat("beta=", detail::repr(beta), ", threshold=", detail::repr(threshold)); }
};

/// x / (1 + |x|).
struct Softsign {
  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = taper::softsign(std::forward<X>(x));
    detail::report(this, y);
    return y;
  }
};

/// x - tanh(x).
struct Tanhshrink {
  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = taper::tanhshrink(std::forward<X>(x));
    detail::report(this, y);
    return y;
  }
};

}  // namespace taper::inline TAPER_CODE::nn
