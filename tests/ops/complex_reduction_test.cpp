// SPDX-License-Identifier: MIT
// Reductions, scans and products of complex numbers: PyTorch's goldens with their (conjugate) gradients.
// Devices: slow
#include <taper/ops/matmul.hpp>
#include <taper/ops/scan.hpp>
#include <taper/ops/variance.hpp>

#include "tests/support/device.hpp"
#include "tests/support/golden.hpp"

#include <taper/ops/eager.hpp>

using namespace taper;
using Z = std::complex<double>;

namespace {

const golden::File& file() {
  static const golden::File f("complex");
  return f;
}

/// f(x0) or f(x0, x1) and its gradients, plain and recorded.
template <class F>
void check(const std::string& name, const F& f) {
  INFO(name);
  constexpr bool binary = std::is_invocable_v<F, Tensor<Z>&, Tensor<Z>&>;
  Tensor<Z> x = file().tensor<Z>(name + "/x0").requires_grad_(), z;
  if constexpr (binary) z = file().tensor<Z>(name + "/x1").requires_grad_();
  const auto y = [&] {
    if constexpr (binary)
      return eval(device::run_copies(f)(x, z));
    else
      return eval(device::run_copies(f)(x));
  }();
  using Y = value_t<decltype(y)>;
  check_close(y, file().tensor<Y>(name + "/y"), 1e-12, 1e-13);
  for (const bool create_graph : {false, true}) {
    y.backward(file().tensor<Y>(name + "/gy"), {.retain_graph = true, .create_graph = create_graph});
    check_close(x.grad(), file().tensor<Z>(name + "/gx0"), 1e-11, 1e-12);
    if constexpr (binary) check_close(z.grad(), file().tensor<Z>(name + "/gx1"), 1e-11, 1e-12);
    x.set_grad({});
    if constexpr (binary) z.set_grad({});
  }
}

}  // namespace

TEST_CASE("complex reductions equal PyTorch's") {
  check("sum", [](auto& x) { return sum(x, 1); });
  check("mean", [](auto& x) { return mean(x, 1); });
  check("prod", [](auto& x) { return prod(x, 1); });
  check("cumsum", [](auto& x) { return cumsum(x, 1); });
  check("norm_2", [](auto& x) { return norm(x, 2, 1); });
  check("norm_1", [](auto& x) { return norm(x, 1, 1); });
  check("var", [](auto& x) { return var(x, 1); });
}

TEST_CASE("complex products equal PyTorch's") {
  check("matmul", [](auto& x, auto& y) { return matmul(x, y); });
  check("matmul.batched", [](auto& x, auto& y) { return matmul(x, y); });
  check("dot", [](auto& x, auto& y) { return dot(x, y); });
  check("outer", [](auto& x, auto& y) { return outer(x, y); });
}

TEST_CASE("a complex deviation is the root of the variance, without a gradient where it is zero") {
  const auto x = device::there(file().tensor<Z>("var/x0"));
  check_close(taper::std(x, 1), sqrt(var(x, 1)), 1e-14, 0);
  Tensor<Z, device::D> same = (x * 0.0 + Z(1, 2)).eval();
  same = detach(same).requires_grad_();
  taper::std(same).backward();
  check_equal(same.grad(), x * 0.0);
}
