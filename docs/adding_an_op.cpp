// SPDX-License-Identifier: MIT
// A pointwise op of one's own, in one's own namespace: the code of adding_an_op.md.
#include <taper/taper.hpp>
#include <taper/testing/gradcheck.hpp>

#include <cmath>
#include <cstdio>

namespace mine {

/// x / sqrt(a + x^2). Gradient: a / (a + x^2)^(3/2).
struct Isru : taper::FloatingOp {
  static constexpr std::string_view name = "isru";
  static constexpr std::uint8_t reads[] = {taper::reads_x0};
  double a = 1;
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const {
    return x * taper::math::rsqrt(x * x + V(a));
  }
  template <class V>
  TAPER_HD TAPER_INLINE V partial(V x, V /*y*/) const {
    const V r = taper::math::rsqrt(x * x + V(a));
    return r * r * r * V(a);
  }
};

template <class X>
requires taper::FloatingOperands<X>
auto isru(X&& x, double a = 1) { return taper::apply("isru", Isru{{}, a}, std::forward<X>(x)); }

}  // namespace mine

int main() {
  using namespace taper;
  const auto x = linspace<double>(-3, 3, 7).requires_grad_();
  const auto function = [](const auto& v) { return mine::isru(v, 2) * v; };
  testing::gradcheck(function, x);
  testing::gradgradcheck(function, x);

  reset_stats();
  const Tensor<double> y = exp(mine::isru(x, 2) + 1) * 3;  // fuses with what stands around it
  const bool fused = stats().launches == 1;
  const bool right = std::abs(y(6).item() - 3 * std::exp(3 / std::sqrt(11.0) + 1)) < 1e-12;
  std::printf("isru: %s, %s\n", fused ? "one kernel" : "more than one kernel", right ? "right" : "wrong");
  return fused && right ? 0 : 1;
}
