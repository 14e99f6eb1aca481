// SPDX-License-Identifier: MIT
// PReLU, GLU and RReLU as modules.
#pragma once

#include <taper/nn/init.hpp>
#include <taper/nn/layers/input.hpp>
#include <taper/nn/repr.hpp>
#include <taper/ops/activation_gated.hpp>
#include <taper/ops/random.hpp>
#include <taper/ops/selection.hpp>

namespace taper::inline TAPER_CODE::nn {

/// x where x > 0, weight x elsewhere; one weight for all channels, or one for each (axis 1).
template <Scalar T = float, Device D = Cpu>
class PReLU {
 public:
  static_assert(ParameterScalar<T>, "a PReLU holds parameters, so its dtype must be floating");

  std::int64_t num_parameters = 1;
  double init = 0.25;
  Parameter<T, D> weight;

  explicit PReLU(Unset) {}
  explicit PReLU(std::int64_t parameters = 1, double initial = 0.25)
      : num_parameters(parameters), init(initial), weight(empty<T, D>({parameters})) {
    reset_parameters();
  }
  void reset_parameters() { init::constant_(weight, init); }

  template <class X>
    requires detail::MatchesLayerDTypeAndDevice<X, T, D>
  auto operator()(X&& x) const {
    auto y = taper::prelu(std::forward<X>(x), weight);
    detail::report(this, y);
    return y;
  }
  TAPER_REFUSE_FOREIGN_INPUT(T, D)

  std::string extra_repr() const { return detail::concat("num_parameters=", num_parameters); }

  using members = Members<&PReLU::num_parameters, &PReLU::init, &PReLU::weight>;
};

/// The first half of x along an axis times the sigmoid of the second half.
struct GLU {
  std::int64_t dim = -1;

  template <TensorLike X>
  auto operator()(X&& x) const {
    auto y = taper::glu(std::forward<X>(x), dim);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::concat("dim=", detail::repr(dim)); }
};

/// leaky_relu whose slope is drawn for each element from [lower, upper) in training, and is their mean otherwise.
struct RReLU {
  double lower = 1.0 / 8, upper = 1.0 / 3;
  Mode mode{};

  template <TensorLike X>
    requires Floating<value_t<X>>
  tensor_t<X> operator()(X&& x) const {
    tensor_t<X> y = mode.training ? drawn(tensor_t<X>(eval(std::forward<X>(x)))) : tensor_t<X>(rrelu(std::forward<X>(x), lower, upper));
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::concat("lower=", detail::repr(lower), ", upper=", detail::repr(upper)); }

 private:
  template <Scalar T, class D>
  Tensor<T, D> drawn(const Tensor<T, D>& x) const {
    const Tensor<T, D> slope = taper::uniform_(empty<T, D>(x.shape()), lower, upper);
    return where(x > T(0), x, x * slope);
  }
};

}  // namespace taper::inline TAPER_CODE::nn
