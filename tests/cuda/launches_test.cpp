// SPDX-License-Identifier: MIT
// Kernels that a device is given: a fold over a list of tensors, sums at places by the ways there are, few of an order.
// Needs: thrust
// Build: -fno-sanitize=null
#include <taper/core/factory.hpp>
#include <taper/nn/clip.hpp>
#include <taper/ops.hpp>
#include <taper/ops/to.hpp>

#include "tests/support/counting_system.hpp"
#include "tests/support/golden.hpp"

using namespace taper;

namespace {

int& launches = CountingSystem::launches;
using Counting = BasicThrust<CountingSystem>;

}  // namespace

TEST_CASE("a norm over many tensors of a device") {
  std::vector<Tensor<float, Counting>> tensors;
  double squares = 0;
  for (int i = 0; i < 500; ++i) {
    const std::int64_t n = i % 7 == 0 ? 0 : i % 50 == 1 ? 40000 + i : i;  // none, several parts, one
    const float value = static_cast<float>(1 + i % 3);
    squares += static_cast<double>(n) * value * value;
    auto p = to<Counting>(zeros<float>({n})).requires_grad_();
    p.set_grad(to<Counting>(full<float>({n}, value)));
    tensors.push_back(p);
  }
  const ParameterRefs refs(tensors);
  launches = 0;
  const double norm = nn::clip_grad_norm_(refs, 1e9).item();
  CHECK(launches == 3);  // 428 tensors that hold something, 192 a launch
  CHECK(norm == Approx(std::sqrt(squares)).epsilon(1e-6));
  launches = 0;
  nn::clip_grad_norm_(refs, 1);
  CHECK(launches == 6);
  CHECK(nn::clip_grad_norm_(refs, 1).item() == Approx(1).epsilon(1e-6));
}

TEST_CASE("a fault that is heard of where the host waits for a norm leaves no memory behind") {
  auto p = to<Counting>(ones<float>({100})).requires_grad_();
  p.set_grad(to<Counting>(ones<float>({100})));
  const int held = CountingSystem::held;
  base::FaultBox<CountingSystem>::get() = base::NumberFault::of_axis("gather", 0, 3).at(0, 7);
  CHECK_THROWS_AS(nn::clip_grad_norm_(ParameterRefs(p), 1), IndexError);
  CHECK(CountingSystem::held == held);
}

TEST_CASE("a class out of range leaves no memory behind") {
  const auto x = to<Counting>(ones<float>({2, 3}));
  const auto target = to<Counting>(tensor<std::int64_t>({1, 5}));
  const int held = CountingSystem::held;
  CHECK_THROWS_AS(eval(cross_entropy(x, target)), IndexError);
  CHECK(CountingSystem::held == held);
}

TEST_CASE("sums at places that repeat") {
  const auto launched = [](const auto& f) {
    const auto x = to<Counting>(zeros<std::remove_cvref_t<decltype(f)>>({5}));
    const auto index = to<Counting>(tensor<std::int64_t>({3, 1, 3}));
    const auto values = to<Counting>(cast<std::remove_cvref_t<decltype(f)>>(tensor<int>({1, 2, 4})));
    launches = 0;
    const auto sums = eval(scatter_add(x, 0, index, values));
    const int n = launches;
    check_equal(cast<float>(to<Cpu>(sums)), tensor<float>({0, 2, 0, 5, 0}));
    return n;
  };
  const int sorted = launched(float());
  CHECK(launched(double()) == sorted);
  CHECK(launched(std::int64_t()) < sorted);  // the order of integers does not matter
  taper::cuda::allow_nondeterministic(true);
  CHECK(launched(float()) == launched(std::int64_t()));
  CHECK(launched(double()) == launched(std::int64_t()));
  CHECK(launched(bfloat16()) == sorted);  // is summed in float and rounded once
  taper::cuda::allow_nondeterministic(false);
  CHECK(launched(float()) == sorted);
}

TEST_CASE("the first few of an order are found without a sort") {
  const auto x = to<Counting>(reshape(arange<float>(100), {2, 50}));
  launches = 0;
  const auto top = topk(x, 3).indices;
  const int selected = launches;
  check_equal(to<Cpu>(top), tensor<std::int64_t>({{49, 48, 47}, {49, 48, 47}}));
  launches = 0;
  (void)sort(x);
  CHECK(selected < launches);
  launches = 0;
  check_equal(to<Cpu>(kthvalue(x, 7).indices), tensor<std::int64_t>({6, 6}));
  CHECK(launches == selected);
}

TEST_CASE("what is copied into a tensor is computed where it goes") {
  auto x = to<Counting>(zeros<float>({2, 3, 4}));
  const auto a = to<Counting>(ones<float>({3, 4})), b = to<Counting>(ones<float>({4}));
  launches = 0;
  x.copy_(a + b * 2.0f);
  CHECK(launches == 1);
  x[1] = x[0] * a;
  CHECK(launches == 2);
  transpose(x, 0, 2).copy_(transpose(x, 0, 2) + 1.0f);
  CHECK(launches == 3);
  check_equal(to<Cpu>(x), full<float>({2, 3, 4}, 4));
}
