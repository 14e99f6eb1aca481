// SPDX-License-Identifier: MIT
// Activations made of exponentials: the elu family, gelu, silu, mish, softplus and their like.
#pragma once

#include <taper/backend/gemm_call.hpp>
#include <taper/ops/error_function.hpp>
#include <taper/ops/exponential.hpp>
#include <taper/ops/hyperbolic.hpp>

namespace taper::inline TAPER_CODE {

/// positive x above 0, negative (e^(rate x) - 1) elsewhere: elu, selu and celu.
/// Gradient: positive, negative rate e^(rate x).
struct Elu : FloatingOp {
  static constexpr std::string_view name = "elu";
  static constexpr std::uint8_t reads[] = {reads_x0};
  double positive, negative, rate;
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const {
    return select(x > V(0), x * V(positive), V(negative) * math::expm1(x * V(rate)));
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V, V g) const {
    return g * select(x > V(0), V(positive), V(negative * rate) * math::exp(x * V(rate)));
  }
};

/// How gelu finds the normal distribution function: by erf, or approximately by tanh.
enum class GeluApproximate { none, tanh };

/// x Phi(x) with the normal distribution function Phi, or with (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 for it.
/// Gradient: Phi(x) + x Phi'(x).
struct Gelu : FloatingOp {
  static constexpr std::string_view name = "gelu";
  static constexpr std::uint8_t reads[] = {reads_x0};
  GeluApproximate approximate;
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const {
    return x * (approximate == GeluApproximate::none ? distribution(x, bell(x)) : V(0.5) * (V(1) + math::tanh(inner(x))));
  }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V) const {
    if (approximate == GeluApproximate::none) {
      const V e = bell(x);
      return distribution(x, e) + x * (V(0x1.9884533d43651p-2) * e);
    }
    const V t = math::tanh(inner(x));
    return V(0.5) * (V(1) + t) + V(0.5) * x * ((V(1) - t * t) * (V(slope) * (V(1) + V(3 * cubic) * (x * x))));
  }
  detail::GemmActivation in_product() const {
    return approximate == GeluApproximate::tanh ? detail::GemmActivation::gelu_tanh : detail::GemmActivation::none;
  }

 private:
  static constexpr double slope = 0x1.9884533d43651p-1, cubic = 0.044715;
  template <class V>
  TAPER_HD TAPER_INLINE static V inner(V x) { return V(slope) * (x + V(cubic) * (x * x * x)); }
  template <class V>
  TAPER_HD TAPER_INLINE static V bell(V x) {
    if constexpr (PackValue<V> || ScalarValue<V>) return math::exp_decay(V(-0.5) * (x * x));
    else return math::exp(V(-0.5) * (x * x));
  }
  /// Phi(x), e = e^(-x^2 / 2). Floats: e times a polynomial in 1 / (1 + 0.3 |x|), which is what Phi(-|x|) looks like far
  /// out (relative error 6e-8 before rounding up to 13, where it ends), so that the derivative shares the exponential.
  /// Whole tensors, in gradients of gradients, take erf, whose own gradient is exact.
  template <class V>
  TAPER_HD TAPER_INLINE static V distribution(V x, V e) {
    if constexpr (std::is_same_v<scalar_of<V>, double> || !(PackValue<V> || ScalarValue<V>)) {
      return V(0.5) * (V(1) + math::erf(x * V(0x1.6a09e667f3bcdp-1)));
    } else {
      constexpr double c[] = {-0.16865008911516244, 0.22759136618789064, -0.0752802826678692, 0.14168525832524836,
                              0.09504743808261557,  0.12182669941609171, 0.11950090318719178, 6.387398283625293e-06};
      const V t = V(1) / (V(1) + V(0.3) * math::abs(x));
      V p = V(0.038272347625570975);
      for (const double k : c) p = p * t + V(k);
      const V tail = e * p;
      return select(x > V(0), V(1) - tail, tail);
    }
  }
};

/// x sigmoid(x). Gradient: s (1 + x (1 - s)) with s = sigmoid(x).
struct Silu : FloatingOp {
  static constexpr std::string_view name = "silu";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return x * math::sigmoid(x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V) const {
    const V s = math::sigmoid(x);
    return s * (V(1) + x * (V(1) - s));
  }
};

/// x tanh(softplus(x)). Gradient: t + x s (1 - t^2) with t = tanh(softplus(x)), s = sigmoid(x).
struct Mish : FloatingOp {
  static constexpr std::string_view name = "mish";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return x * math::tanh(-math::log_sigmoid(-x)); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V) const {
    const V t = math::tanh(-math::log_sigmoid(-x));
    return t + x * math::sigmoid(x) * (V(1) - t * t);
  }
};

/// ln(1 + e^(beta x)) / beta, x itself where beta x > threshold. Gradient: sigmoid(beta x), 1.
struct Softplus : FloatingOp {
  static constexpr std::string_view name = "softplus";
  static constexpr std::uint8_t reads[] = {reads_x0};
  double beta, threshold;
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const {
    const V t = x * V(beta);
    return select(t > V(threshold), x, -math::log_sigmoid(-t) / V(beta));
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V x, V, V g) const {
    const V t = x * V(beta);
    return select(t > V(threshold), g, g * math::sigmoid(t));
  }
};

/// ln sigmoid(x). Gradient: sigmoid(-x).
struct LogSigmoid : FloatingOp {
  static constexpr std::string_view name = "logsigmoid";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::log_sigmoid(x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V) const { return math::sigmoid(-x); }
};

/// x / (1 + |x|). Gradient: 1 / (1 + |x|)^2.
struct Softsign : FloatingOp {
  static constexpr std::string_view name = "softsign";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return x / (V(1) + math::abs(x)); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V) const {
    const V d = V(1) + math::abs(x);
    return V(1) / (d * d);
  }
};

/// x - tanh(x). Gradient: tanh(x)^2.
struct Tanhshrink : FloatingOp {
  static constexpr std::string_view name = "tanhshrink";
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return x - math::tanh(x); }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V) const {
    const V t = math::tanh(x);
    return t * t;
  }
};

/// x above 0, alpha (e^x - 1) elsewhere. Dtypes: floating. Gradient: g, g alpha e^x.
template <class X>
  requires FloatingOperands<X>
auto elu(X&& x, double alpha = 1) { return apply("elu", Elu{{}, 1, alpha, 1}, std::forward<X>(x)); }

/// elu with the two constants that keep mean 0 and variance 1. Dtypes: floating.
template <class X>
  requires FloatingOperands<X>
auto selu(X&& x) {
  constexpr double alpha = 1.6732632423543772848170429916717, scale = 1.0507009873554804934193349852946;
  return apply("selu", Elu{{}, scale, alpha * scale, 1}, std::forward<X>(x));
}

/// x above 0, alpha (e^(x / alpha) - 1) elsewhere. Dtypes: floating. Gradient: g, g e^(x / alpha).
/// Throws: ValueError for alpha = 0.
template <class X>
  requires FloatingOperands<X>
auto celu(X&& x, double alpha = 1) {
  if (alpha == 0) detail::raise<ValueError>("celu", "alpha must not be 0");
  return apply("celu", Elu{{}, 1, alpha, 1 / alpha}, std::forward<X>(x));
}

/// x Phi(x) with the normal distribution function Phi, or with gelu(x, GeluApproximate::tanh) an approximation of it.
/// Dtypes: floating. Gradient: g (Phi(x) + x Phi'(x)), the approximation's own where it is used.
template <class X>
  requires FloatingOperands<X>
auto gelu(X&& x, GeluApproximate approximate = GeluApproximate::none) {
  return apply("gelu", Gelu{{}, approximate}, std::forward<X>(x));
}

/// x sigmoid(x). Dtypes: floating. Gradient: g s (1 + x (1 - s)) with s = sigmoid(x).
template <class X>
  requires FloatingOperands<X>
auto silu(X&& x) { return apply("silu", Silu{}, std::forward<X>(x)); }

/// x tanh(softplus(x)). Dtypes: floating. Gradient: g (t + x s (1 - t^2)), t = tanh(softplus(x)), s = sigmoid(x).
template <class X>
  requires FloatingOperands<X>
auto mish(X&& x) { return apply("mish", Mish{}, std::forward<X>(x)); }

/// ln(1 + e^(beta x)) / beta, x itself where beta x > threshold. Dtypes: floating. Gradient: g sigmoid(beta x).
template <class X>
  requires FloatingOperands<X>
auto softplus(X&& x, double beta = 1, double threshold = 20) {
  return apply("softplus", Softplus{{}, beta, threshold}, std::forward<X>(x));
}

/// ln sigmoid(x) = -softplus(-x). Dtypes: floating. Gradient: g sigmoid(-x).
template <class X>
  requires FloatingOperands<X>
auto logsigmoid(X&& x) { return apply("logsigmoid", LogSigmoid{}, std::forward<X>(x)); }
/// logsigmoid.
template <class X>
  requires FloatingOperands<X>
auto log_sigmoid(X&& x) { return logsigmoid(std::forward<X>(x)); }

/// x / (1 + |x|). Dtypes: floating. Gradient: g / (1 + |x|)^2.
template <class X>
  requires FloatingOperands<X>
auto softsign(X&& x) { return apply("softsign", Softsign{}, std::forward<X>(x)); }

/// x - tanh(x). Dtypes: floating. Gradient: g tanh(x)^2.
template <class X>
  requires FloatingOperands<X>
auto tanhshrink(X&& x) { return apply("tanhshrink", Tanhshrink{}, std::forward<X>(x)); }

}  // namespace taper::inline TAPER_CODE
