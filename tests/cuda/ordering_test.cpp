// SPDX-License-Identifier: MIT
// Sorts, scans, extremes and distinct elements on a device are the host's.
// Slow
// Needs: thrust
#include <taper/ops.hpp>

#include "tests/cuda/against_host.hpp"

using namespace taper;
using D = against_host::There;
using against_host::few_values;
using against_host::same;

namespace {

template <class F>
void for_shapes(const F& f) {
  manual_seed(3);
  for (const Shape& shape :
       {Shape{}, Shape{0}, Shape{1}, Shape{129}, Shape{7, 53}, Shape{3, 0}, Shape{0, 3}, Shape{2, 150, 3}})
    f(shape);
}

/// f(host, device) for dense and for strided tensors.
template <Scalar T, class F>
void for_layouts(const F& f) {
  for_shapes([&](const Shape& shape) {
    const Tensor<T> x = few_values<T>(shape);
    const Tensor<T, D> y = to<D>(x);
    f(x, y);
    if (shape.size() == 2) f(x.t(), y.t());
    if (shape.size() == 3) f(narrow(permute(x, {2, 0, 1}), 2, 3, 140), narrow(permute(y, {2, 0, 1}), 2, 3, 140));
  });
}
/// f(axis, its size) for every axis.
template <class X, class F>
void for_axes(const X& x, const F& f) {
  for (int axis = 0; axis < std::max(1, x.dim()); ++axis) f(axis, x.dim() == 0 ? std::int64_t{1} : x.shape()[axis]);
}

template <class A, class B>
void check_found(const A& device, const B& host) {
  CHECK(same(device.values, host.values));
  CHECK(same(device.indices, host.indices));
}

}  // namespace

TEMPLATE_TEST_CASE("order along an axis", "", float, double, bfloat16, std::int32_t, bool) {
  for_layouts<TestType>([](const auto& x, const auto& y) {
    for_axes(x, [&](int axis, std::int64_t n) {
      for (const bool descending : {false, true}) {
        check_found(sort(y, axis, descending), sort(x, axis, descending));
        CHECK(same(argsort(y, axis, descending), argsort(x, axis, descending)));
        if (x.dim() > 0)
          for (const std::int64_t k : {std::int64_t{0}, n / 2, n})
            check_found(topk(y, k, axis, descending), topk(x, k, axis, descending));
      }
      if (n > 0) check_found(kthvalue(y, 1 + n / 2, axis), kthvalue(x, 1 + n / 2, axis));
    });
  });
}

TEMPLATE_TEST_CASE("extremes and where they are", "", float, float16, std::int64_t, bool) {
  for_layouts<TestType>([](const auto& x, const auto& y) {
    if (x.numel() > 0) {
      CHECK(same(argmax(y), argmax(x)));
      CHECK(same(argmin(y), argmin(x)));
    }
    for_axes(x, [&](int axis, std::int64_t n) {
      if (n == 0) {
        CHECK_THROWS_AS(argmax(y, axis), ShapeError);
        return;
      }
      check_found(max(y, axis), max(x, axis));
      check_found(min(y, axis, true), min(x, axis, true));
      CHECK(same(argmax(y, axis, true), argmax(x, axis, true)));
    });
  });
  // Long enough for several parts.
  manual_seed(4);
  const Tensor<TestType> x = few_values<TestType>({3, 40000});
  const Tensor<TestType, D> y = to<D>(x);
  check_found(max(y, 1), max(x, 1));
  CHECK(same(argmin(y), argmin(x)));
}

TEMPLATE_TEST_CASE("running sums, products and extremes", "", float, bfloat16, std::int32_t, bool) {
  for_layouts<TestType>([](const auto& x, const auto& y) {
    for_axes(x, [&](int axis, std::int64_t) {
      CHECK(same(cumsum(y, axis), cumsum(x, axis), 2));
      CHECK(same(cumprod(y, axis), cumprod(x, axis), 2));
      check_found(cummax(y, axis), cummax(x, axis));
      check_found(cummin(y, axis), cummin(x, axis));
    });
  });
}

TEST_CASE("scans of lines so long that the scan of their parts has parts") {
  manual_seed(5);
  for (const Shape& shape : {Shape{20000}, Shape{2, 9000}, Shape{9000, 2}, Shape{2, 8257, 3}}) {
    const Tensor<float> x = rand<float>(shape) + 0.5f;
    const Tensor<float, D> y = to<D>(x);
    const int axis = shape.size() == 1 || shape[0] > 2 ? 0 : 1;
    CHECK(same(cumsum(y, axis), cumsum(x, axis), 2));
    CHECK(same(cumsum(cast<std::int64_t>(y * 100.0f), axis), cumsum(cast<std::int64_t>(x * 100.0f), axis)));
    check_found(cummax(y, axis), cummax(x, axis));
    const Tensor<float> factor = x * 0.9f;
    for (const bool reverse : {false, true})
      CHECK(same(detail::recurrence(to<D>(factor), y, axis, reverse), detail::recurrence(factor, x, axis, reverse), 4));
  }
}

TEST_CASE("running sums of complex numbers") {
  manual_seed(6);
  const auto x = randn<std::complex<double>>({5, 200});
  const Tensor<double> off = abs(cumsum(x, 1) - to<Cpu>(cumsum(to<D>(x), 1)));
  CHECK(max(off).item() < 1e-12);
}

TEMPLATE_TEST_CASE("distinct elements", "", float, bool) {
  for_layouts<TestType>([](const auto& x, const auto& y) {
    const auto a = unique(x), b = unique_consecutive(x);
    const auto c = unique(y), d = unique_consecutive(y);
    CHECK(same(c.values, a.values));
    CHECK(same(c.inverse, a.inverse));
    CHECK(same(c.counts, a.counts));
    CHECK(same(d.values, b.values));
    CHECK(same(d.inverse, b.inverse));
    CHECK(same(d.counts, b.counts));
  });
}
