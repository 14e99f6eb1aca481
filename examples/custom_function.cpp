// SPDX-License-Identifier: MIT
// Functions of one's own: composed with let(), as a fused op with its mathematics written once, and with a free backward.
// Build: -DTAPER_FIRST_ORDER_ONLY
#include <taper/taper.hpp>

#include <cstdio>

using namespace taper;

// Composed: the argument is used twice and computed once, in registers.
template <TensorLike X>
auto swish_of(X&& x) {
  return let(std::forward<X>(x), [](auto v) { return v * sigmoid(v); });
}

/// A fused op: softplus with a sharpness, log(1 + exp(s x)) / s. Gradient: sigmoid(s x).
struct SharpSoftplus : FloatingOp {
  static constexpr std::string_view name = "sharp_softplus";
  static constexpr std::uint8_t reads[] = {reads_x0};
  double sharpness = 1;
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const {
    return math::log1p(math::exp(V(sharpness) * x)) / V(sharpness);
  }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V /*y*/) const {
    return math::sigmoid(V(sharpness) * x);
  }
};

/// A free backward: rounds to whole numbers, and lets the gradient through as if it had not.
struct StraightThrough {
  static constexpr std::string_view name = "straight_through";
  Tensor<float> forward(const Tensor<float>& x) { return round(x); }
  Tensor<float> backward(const Tensor<float>& gradient) const { return gradient; }
};

int main() {
  auto x = tensor<float>({-1.5f, 0.2f, 0.7f, 2.4f}).requires_grad_();

  reset_stats();
  const Tensor<float> y = swish_of(relu(x)) + apply("sharp_softplus", SharpSoftplus{{}, 3}, x);
  std::printf("y = %s, %lld kernel forward\n", to_string(y).c_str(), static_cast<long long>(stats().launches));
  reset_stats();
  y.backward(ones_like(y));
  const auto launches = stats().launches;
  std::printf("dy/dx = %s, %lld kernel backward\n", to_string(x.grad()).c_str(), static_cast<long long>(launches));

  x.set_grad({});
  sum(apply_function(StraightThrough{}, x) * 2).backward();
  std::printf("straight through: %s\n", to_string(x.grad()).c_str());
  return launches == 1 && equal(x.grad(), full<float>({4}, 2)) ? 0 : 1;
}
