// SPDX-License-Identifier: MIT
// Linear, Bilinear and Identity.
#pragma once

#include <taper/nn/init.hpp>
#include <taper/nn/layers/input.hpp>
#include <taper/nn/repr.hpp>
#include <taper/ops/arithmetic.hpp>
#include <taper/ops/linear.hpp>
#include <taper/ops/reduction.hpp>

namespace taper::inline TAPER_CODE::nn {

struct LinearOptions {
  bool bias = true;
};

/// y = x W^T + b. Shapes: (.., in_features) -> (.., out_features).
template <Scalar T = float, Device D = Cpu>
class Linear {
 public:
  static_assert(ParameterScalar<T>, "a Linear holds parameters, so its dtype must be floating or complex");

  std::int64_t in_features = 0, out_features = 0;
  Parameter<T, D> weight, bias;

  explicit Linear(Unset) {}
  TAPER_RARE Linear(std::int64_t in, std::int64_t out, const LinearOptions& options = {})
      : in_features(in), out_features(out), weight(empty<T, D>({out, in})), bias(options.bias ? empty<T, D>({out}) : Tensor<T, D>()) {
    reset_parameters();
  }

  void reset_parameters(Generator& generator = default_generator()) { init::affine_(weight, bias, generator); }

  template <class X>
    requires detail::MatchesLayerDTypeAndDevice<X, T, D>
  auto operator()(X&& x) const {
    auto y = taper::linear(std::forward<X>(x), weight, bias);
    detail::report(this, y);
    return y;
  }
  TAPER_REFUSE_FOREIGN_INPUT(T, D)

  std::string extra_repr() const {
    return detail::concat("in_features=", in_features, ", out_features=", out_features, ", bias=", detail::repr(bias.defined()));
  }

  using members = Members<&Linear::in_features, &Linear::out_features, &Linear::weight, &Linear::bias>;
};

/// y_k = x1^T W_k x2 + b_k. Shapes: (.., in1_features), (.., in2_features) -> (.., out_features), the dots alike: as in
/// PyTorch nothing is broadcast.
template <Scalar T = float, Device D = Cpu>
class Bilinear {
 public:
  static_assert(ParameterScalar<T>, "a Bilinear holds parameters, so its dtype must be floating or complex");

  std::int64_t in1_features = 0, in2_features = 0, out_features = 0;
  Parameter<T, D> weight, bias;

  explicit Bilinear(Unset) {}
  Bilinear(std::int64_t in1, std::int64_t in2, std::int64_t out, const LinearOptions& options = {})
      : in1_features(in1), in2_features(in2), out_features(out), weight(empty<T, D>({out, in1, in2})),
        bias(options.bias ? empty<T, D>({out}) : Tensor<T, D>()) {
    reset_parameters();
  }

  void reset_parameters(Generator& generator = default_generator()) {
    const double bound = in1_features > 0 ? 1 / std::sqrt(static_cast<double>(in1_features)) : 0;
    init::uniform_(weight, -bound, bound, generator);
    if (bias.defined()) init::uniform_(bias, -bound, bound, generator);
  }

  template <class X, class Y>
    requires(detail::MatchesLayerDTypeAndDevice<X, T, D> && detail::MatchesLayerDTypeAndDevice<Y, T, D>)
  Tensor<T, D> operator()(X&& x1, Y&& x2) const {
    if (x1.dim() == 0 || x2.dim() == 0 || x1.size(-1) != in1_features || x2.size(-1) != in2_features)
      detail::raise<ShapeError>("Bilinear", "the last sizes of inputs ", x1.shape(), " and ", x2.shape(), " must be ", in1_features,
                                " and ", in2_features);
    Shape fitting = x1.shape();
    fitting[fitting.size() - 1] = in2_features;
    if (!(x2.shape() == fitting))
      detail::raise<ShapeError>("Bilinear", "inputs ", x1.shape(), " and ", x2.shape(),
                                " must have the same sizes but for the last: expand one of them");
    // W x2 for every pair (k, i) by one product, then the sum over i.
    const Tensor<T, D> rows = reshape(weight, {out_features * in1_features, in2_features});
    const Tensor<T, D> product = unflatten(taper::linear(std::forward<Y>(x2), rows), -1, {out_features, in1_features});
    Tensor<T, D> y = sum(product * unsqueeze(std::forward<X>(x1), -2), {-1});
    if (bias.defined()) y = y + bias;
    detail::report(this, y);
    return y;
  }
  TAPER_REFUSE_FOREIGN_INPUT(T, D)

  std::string extra_repr() const {
    return detail::concat("in1_features=", in1_features, ", in2_features=", in2_features, ", out_features=", out_features,
                          ", bias=", detail::repr(bias.defined()));
  }

  using members = Members<&Bilinear::in1_features, &Bilinear::in2_features, &Bilinear::out_features, &Bilinear::weight, &Bilinear::bias>;
};

/// Its input, unchanged.
struct Identity {
  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = pass(std::forward<X>(x));
    detail::report(this, y);
    return y;
  }

 private:
  // A named expression is passed on as its value: it must not be computed again.
  template <TensorLike X>
  static auto pass(X&& x) {
    if constexpr (std::is_lvalue_reference_v<X>) return tensor_t<X>(eval(x));
    else return std::remove_cvref_t<X>(std::forward<X>(x));
  }
};

}  // namespace taper::inline TAPER_CODE::nn
