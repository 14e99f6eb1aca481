// SPDX-License-Identifier: MIT
// What a program that includes <taper/taper.hpp> alone can write: names whose lookup depends on the order of headers.
// Build: -O0
#include <taper/taper.hpp>

#include "tests/support/catch.hpp"

using namespace taper;

TEST_CASE("second derivatives of division's remainders compile from the umbrella") {
  Tensor<double> x = tensor<double>({5.5, -3.0}).requires_grad_(), y = tensor<double>({2.0, 1.25}).requires_grad_();
  const auto [gx, gy] = grad(sum(x % y * x), std::tie(x, y), {.create_graph = true});
  // d/dx (r x) = x + r; d/dy = -floor(x / y) x, whose derivative in x is -floor(x / y).
  CHECK(gx.data_ptr()[0] == Approx(5.5 + 1.5));
  CHECK(gy.data_ptr()[1] == Approx(-3.0 * 3.0));
  CHECK(grad(sum(gy), x).data_ptr()[1] == Approx(3.0));
}

TEST_CASE("indexing in brackets reads and writes") {
  Tensor<float> x = arange<float>(6).view({2, 3});
  CHECK(equal(x[x > 2.f], tensor<float>({3, 4, 5})));
  CHECK(equal(x[tensor({1, 0})], flip(x, 0)));
  CHECK(equal(x[Slice{1, 2}], x(Slice{1, 2})));
  CHECK(equal((x * 2.f)[tensor({true, false})], tensor<float>({{0, 2, 4}})));
  x[x > 3.f] = -1.f;
  x[tensor({0})] += tensor<float>({10, 20, 30});
  x[Slice{1, open_end}] *= 2.f;
  CHECK(equal(x, tensor<float>({{10, 21, 32}, {6, -2, -2}})));
}

TEST_CASE("max and min of two tensors are maximum and minimum") {
  const Tensor<float> x = tensor<float>({1, 5}), y = tensor<float>({2, 3});
  CHECK(equal(max(x, y), tensor<float>({2, 5})));
  CHECK(equal(x.min(y), tensor<float>({1, 3})));
}
