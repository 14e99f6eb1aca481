// SPDX-License-Identifier: MIT
// What a program that includes <taper/taper.hpp> alone can write: names whose lookup depends on the order of headers.
// Build: -O0
// Devices: slow
#include <taper/taper.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/device.hpp"

using namespace taper;
using device::at;
using device::D;

TEST_CASE("second derivatives of division's remainders compile from the umbrella") {
  Tensor<double, D> x = tensor<double, D>({5.5, -3.0}).requires_grad_(), y = tensor<double, D>({2.0, 1.25}).requires_grad_();
  const auto [gx, gy] = grad(sum(x % y * x), std::tie(x, y), {.create_graph = true});
  // d/dx (r x) = x + r; d/dy = -floor(x / y) x, whose derivative in x is -floor(x / y).
  CHECK(at(gx, 0) == Approx(5.5 + 1.5));
  CHECK(at(gy, 1) == Approx(-3.0 * 3.0));
  CHECK(at(grad(sum(gy), x), 1) == Approx(3.0));
}

TEST_CASE("indexing in brackets reads and writes") {
  Tensor<float, D> x = arange<float, D>(6).view({2, 3});
  CHECK(equal(x[x > 2.f], tensor<float, D>({3, 4, 5})));
  CHECK(equal(x[tensor<std::int64_t, D>({1, 0})], flip(x, 0)));
  CHECK(equal(x[Slice{1, 2}], x(Slice{1, 2})));
  CHECK(equal((x * 2.f)[tensor<bool, D>({true, false})], tensor<float, D>({{0, 2, 4}})));
  x[x > 3.f] = -1.f;
  x[tensor<std::int64_t, D>({0})] += tensor<float, D>({10, 20, 30});
  x[Slice{1, open_end}] *= 2.f;
  CHECK(equal(x, tensor<float, D>({{10, 21, 32}, {6, -2, -2}})));
}

TEST_CASE("max and min of two tensors are maximum and minimum") {
  const Tensor<float, D> x = tensor<float, D>({1, 5}), y = tensor<float, D>({2, 3});
  CHECK(equal(max(x, y), tensor<float, D>({2, 5})));
  CHECK(equal(x.min(y), tensor<float, D>({1, 3})));
}
