// SPDX-License-Identifier: MIT
// Tensors without elements, wherever a staged or strided copy of them is made.
#include <taper/taper.hpp>

#include <utility>

#include "tests/support/catch.hpp"

using namespace taper;

namespace {

struct Net {
  nn::Linear<float> fc{3, 2};
  nn::Buffer<float> extra{zeros<float>({0})};
};

/// Recorded, of the given shape: f runs on twice a leaf, whose gradient is then 2 where f touches nothing.
template <class F>
void check_recorded(const Shape& shape, F f) {
  auto x = ones<float>(shape).requires_grad_();
  Tensor<float> y = x * 2;
  f(y);
  sum(y).backward();
  CHECK(equal(x.grad(), full<float>(shape, 2)));
}

}  // namespace

TEST_CASE("an empty tensor is changed in place") {
  for (const Shape& shape : {Shape{0, 3}, Shape{3, 0}, Shape{0}}) {
    check_recorded(shape, [](auto& y) { y *= y; });
    check_recorded(shape, [](auto& y) { y /= std::as_const(y); });
    check_recorded(shape, [](auto& y) { sin_(y); });
    check_recorded(shape, [](auto& y) { pow_(y, 2); });
    check_recorded(shape, [](auto& y) { relu_(y); });
  }
  check_recorded({4, 3}, [](auto& y) { y[Slice{2, 2}] *= y[Slice{2, 2}]; });
  check_recorded({4, 3}, [](auto& y) { y(ellipsis, Slice{3, 3}) *= y(ellipsis, Slice{3, 3}); });

  auto i = zeros<std::int64_t>({0});
  i %= 2;
  floor_divide_(i, 3);
  i.copy_(remainder(ones<std::int64_t>({1}), 2));
  auto j = arange<std::int64_t>(4);
  j[Slice{4, 4}] %= 2;
  CHECK(equal(j, arange<std::int64_t>(4)));
  auto k = zeros<std::int64_t>({0, 3});
  k.copy_(remainder(ones<std::int64_t>({3}), 2));
  CHECK(k.numel() == 0);
}

TEST_CASE("an empty tensor is drawn, looked at for NaN and loaded") {
  CHECK(normal(zeros<float>({0}), ones<float>({1})).shape() == Shape{0});
  {
    const DetectAnomaly guard;
    auto x = zeros<float>({0, 3}).requires_grad_();
    sum(exp(x)).backward();
    CHECK(x.grad().shape() == Shape{0, 3});
  }
  Net from, to;
  nn::load_state_dict(to, nn::state_dict(from));
  CHECK(equal(to.fc.weight, from.fc.weight));
  CHECK(to.extra.numel() == 0);
}
