// SPDX-License-Identifier: MIT
// Sums at places that repeat, in any order, against the host's in order.
// Devices
#include <taper/backend/cuda/nondeterministic.hpp>
#include <taper/core/factory.hpp>
#include <taper/ops.hpp>

#include "tests/support/device.hpp"
#include "tests/support/golden.hpp"

using namespace taper;
using device::D;

namespace {

struct Allowed {
  Allowed() { taper::cuda::allow_nondeterministic(true); }
  ~Allowed() { taper::cuda::allow_nondeterministic(false); }
};

/// f(move, gradient's leaf) on both sides.
template <class T, class F>
void check_sums(const Tensor<T>& leaf, double rtol, const F& f) {
  const Allowed guard;
  auto host = leaf.detach().clone();
  auto there = device::there(leaf.detach());
  if constexpr (Differentiable<T>) host.requires_grad_(), there.requires_grad_();
  const Tensor<T> y = f([](const auto& x) { return x; }, host);
  const Tensor<T, D> z = f([](const auto& x) { return device::there(x); }, there);
  check_close(device::back(z.detach()), y.detach(), rtol, rtol);
  if constexpr (Differentiable<T>) {
    const Tensor<T> up = cos(arange<T>(y.numel())).reshape(y.shape());
    y.backward(up);
    z.backward(device::there(up));
    check_close(device::back(there.grad()), host.grad(), rtol, rtol);
  }
}

template <class T>
void check_all(double rtol) {
  const Tensor<std::int64_t> many = randint(0, 7, {4000}), one = full<std::int64_t>({3000}, 5), rows = randint(0, 9, {60, 7});
  const auto numbers = [](const Shape& shape) {
    Tensor<T> out = cast<T>(randint(-1000, 1000, shape));
    if constexpr (Differentiable<T>) out *= T(1) / 64;
    return out;
  };
  const Tensor<T> source = numbers({4000}), flat = numbers({3000});
  check_sums<T>(numbers({7}), rtol, [&](auto on, const auto& x) { return scatter_add(x, 0, on(many), on(source)); });
  check_sums<T>(numbers({7}), rtol, [&](auto on, const auto& x) { return scatter_add(x, 0, on(one), on(flat)); });
  const Tensor<std::int64_t> square = randint(0, 5, {40, 30});
  const Tensor<T> values = numbers({40, 30});
  check_sums<T>(numbers({5, 30}), rtol, [&](auto on, const auto& x) { return scatter_add(x, 0, on(square), on(values)); });
  check_sums<T>(numbers({30, 40}), rtol, [&](auto on, const auto& x) { return scatter_add(transpose(x, 0, 1), 1, on(square), on(values)); });
  if constexpr (Differentiable<T>) {
    check_sums<T>(numbers({7, 3}), rtol, [&](auto on, const auto& x) { return eval(x(on(many))); });
    check_sums<T>(numbers({9, 33}), rtol, [&](auto on, const auto& x) { return embedding(on(rows), x); });
    check_sums<T>(numbers({9, 33}), rtol, [&](auto on, const auto& x) { return embedding(on(rows), x, 4); });
  }
}

}  // namespace

TEST_CASE("sums in any order are the sums in order up to rounding") {
  manual_seed(1);
  check_all<float>(1e-5);
  check_all<double>(1e-13);
  check_all<std::int64_t>(0);
  check_all<std::int32_t>(0);
  CHECK_FALSE(taper::cuda::nondeterministic_allowed());
}
