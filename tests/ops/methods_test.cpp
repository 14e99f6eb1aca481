// SPDX-License-Identifier: MIT
// Member functions are the free functions of the same name, for tensors and for expressions, which they fuse with.
// Devices: slow
#include <taper/core/factory.hpp>
#include <taper/core/stats.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/methods.hpp>

#include "tests/support/device.hpp"
#include "tests/support/golden.hpp"

using namespace taper;
using device::D;

TEST_CASE("members of tensors") {
  const Tensor<float, D> x = arange<float, D>(6).view({2, 3});
  check_equal(x.sum(), tensor(15.f));
  check_equal(x.sum(0), tensor<float, D>({3, 5, 7}));
  check_equal(x.sum({0, 1}, true), tensor<float, D>({{15}}));
  check_equal(x.mean(1, true), tensor<float, D>({{1}, {4}}));
  check_equal(x.t().reshape({-1}), tensor<float, D>({0, 3, 1, 4, 2, 5}));
  check_equal(x.max(1).indices, tensor({2, 2}));
  check_equal(x.flip({0, 1}), tensor<float, D>({{5, 4, 3}, {2, 1, 0}}));
  check_equal(x.repeat({1, 2}).select(0, 1), tensor<float, D>({3, 4, 5, 3, 4, 5}));
  check_equal(x.matmul(x.t()), tensor<float, D>({{5, 14}, {14, 50}}));
  check_equal(x.gather(1, tensor<std::int64_t, D>({{0}, {1}})), tensor<float, D>({{0}, {4}}));
  check_equal(x.chunk(3, 1)[2], tensor<float, D>({{2}, {5}}));
  check_equal(x.cumsum(1), tensor<float, D>({{0, 1, 3}, {3, 7, 12}}));
  check_equal(x.sort(1, true).values, tensor<float, D>({{2, 1, 0}, {5, 4, 3}}));
  check_equal(x.masked_fill(x > 2.f, -1), tensor<float, D>({{0, 1, 2}, {-1, -1, -1}}));
  check_equal(x.clamp(1, 4).square(), tensor<float, D>({{1, 1, 4}, {9, 16, 16}}));
  CHECK((x >= 0.f).all().item());
  CHECK(x.permute({1, 0}).contiguous().is_contiguous());
  CHECK(x.narrow(1, 1, 2).data_ptr() == x.data_ptr() + 1);
}

TEST_CASE("members of expressions fuse") {
  const Tensor<float, D> x = arange<float, D>(6);
  reset_stats();
  const Tensor<float, D> y = (x + 1.f).square().sum();
  CHECK(stats().passes == 1);
  CHECK(y.item() == 91);
  auto named = x * 2.f;
  CHECK(named.sum().item() == 30);
  CHECK(named.view({2, 3}).shape() == Shape{2, 3});
  CHECK((x * 2.f).split(4)[1].shape() == Shape{2});
}

TEST_CASE("backward through members") {
  Tensor<float, D> x = arange<float, D>(4).view({2, 2});
  x.requires_grad_();
  x.t().exp().mul(x).sum().backward();
  const Tensor<float, D> e = x.detach().exp();
  check_close(x.grad(), e.t() + (x.detach() * e.t()).t(), 1e-6, 0);
}
