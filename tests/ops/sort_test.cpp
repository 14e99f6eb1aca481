// SPDX-License-Identifier: MIT
// Order against PyTorch, and against plain loops over every dtype.
// Devices: slow
#include <taper/core/factory.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/reduction.hpp>
#include <taper/ops/sort.hpp>
#include <taper/ops/unique.hpp>

#include <limits>

#include "tests/ops/golden_case.hpp"

using namespace taper;
using golden::irregular;
using Catch::Matchers::Contains;

namespace {

const golden::File& file() {
  static const golden::File f("structural");
  return f;
}
/// Values, gradients and indices of a case.
template <class F>
void check_ordered(const std::string& name, const F& f) {
  check_both(file(), name, {"x"}, [&](const auto& x) { return f(x[0]).values; });
  check_equal(f(file().tensor<double>(name + "/x")).indices, file().tensor<std::int64_t>(name + "/index"));
}

}  // namespace

TEST_CASE("sort, argsort and topk equal PyTorch's") {
  check_ordered("sort.d0", [](const auto& x) { return sort(x, 0); });
  check_ordered("sort.d0.descending", [](const auto& x) { return sort(x, 0, true); });
  check_ordered("sort.dm1", [](const auto& x) { return sort(x); });
  check_ordered("sort.dm1.descending", [](const auto& x) { return sort(x, -1, true); });
  check_ordered("sort.special", [](const auto& x) { return sort(x, 1); });
  check_ordered("sort.special_descending", [](const auto& x) { return sort(x, 1, true); });
  check_equal(argsort(file().tensor<double>("argsort/x"), 1), file().tensor<std::int64_t>("argsort/y"));
  check_ordered("topk.d0", [](const auto& x) { return topk(x, 3, 0); });
  check_ordered("topk.d0.smallest", [](const auto& x) { return topk(x, 3, 0, false); });
  check_ordered("topk.dm1", [](const auto& x) { return topk(x, 3); });
  check_ordered("topk.dm1.smallest", [](const auto& x) { return topk(x, 3, -1, false); });
  check_ordered("topk.nan", [](const auto& x) { return topk(x, 2, 1); });
}

TEMPLATE_TEST_CASE("every dtype sorts by value, stably", "", bool, std::uint8_t, std::int8_t, std::int16_t,
                   std::int32_t, std::int64_t, float16, bfloat16, float, double) {
  using T = TestType;
  using C = compute_t<T>;
  const std::int64_t n = 500;
  Tensor<T> x(detail::make_dense<Cpu>(dtype_of<T>, {n}));
  for (std::int64_t i = 0; i < n; ++i) {
    const double v = std::sin(static_cast<double>(i)) * 1e4;
    // Many values repeat; both signs, both ends.
    if constexpr (std::is_same_v<T, bool>) x.data_ptr()[i] = v > 0;
    else if constexpr (std::is_unsigned_v<T>) x.data_ptr()[i] = static_cast<T>(std::abs(v) / 50);
    else x.data_ptr()[i] = static_cast<T>(static_cast<C>(static_cast<std::int64_t>(v) % 100));
  }
  if constexpr (Floating<T>) {
    x.data_ptr()[7] = static_cast<T>(-std::numeric_limits<float>::infinity());
    x.data_ptr()[9] = static_cast<T>(std::numeric_limits<float>::infinity());
    x.data_ptr()[11] = static_cast<T>(-0.f);
  } else {
    x.data_ptr()[7] = std::numeric_limits<T>::lowest();
    x.data_ptr()[9] = std::numeric_limits<T>::max();
  }
  std::vector<std::int64_t> up(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < up.size(); ++i) up[i] = static_cast<std::int64_t>(i);
  std::vector<std::int64_t> down = up;
  const auto at = [&](std::int64_t i) { return static_cast<C>(x.data_ptr()[i]); };
  std::stable_sort(up.begin(), up.end(), [&](auto a, auto b) { return at(a) < at(b); });
  std::stable_sort(down.begin(), down.end(), [&](auto a, auto b) { return at(a) > at(b); });
  check_equal(argsort(x), tensor(up));
  check_equal(argsort(x, 0, true), tensor(down));
  const auto [values, indices] = topk(x, 17);
  check_equal(indices, tensor(std::vector<std::int64_t>(down.begin(), down.begin() + 17)));
  CHECK(kthvalue(x, 200).indices.item() == up[199]);
}

TEST_CASE("shapes: strides, empties, rank 0, many lines") {
  const Tensor<float> x = tensor<float>({{3, 1, 2}, {4, 6, 5}});
  check_equal(sort(t(x), 0).values, tensor<float>({{1, 4}, {2, 5}, {3, 6}}));
  CHECK(sort(tensor(5.f)).values.shape() == Shape{});
  CHECK(sort(tensor(5.f)).indices.item() == 0);
  CHECK(topk(tensor(5.f), 1).values.item() == 5);
  CHECK(sort(zeros<float>({0, 3})).values.shape() == Shape{0, 3});
  CHECK(sort(zeros<float>({3, 0})).indices.shape() == Shape{3, 0});
  CHECK(topk(x, 0).values.shape() == Shape{2, 0});
  CHECK(kthvalue(x, 2, 1, true).values.shape() == Shape{2, 1});
  check_equal(kthvalue(x, 2, 1).values, tensor<float>({2, 5}));
  check_equal(msort(x), tensor<float>({{3, 1, 2}, {4, 6, 5}}));
  const Tensor<float> many = golden::irregular<float>({3000, 20});
  const Tensor<float> sorted = sort(many).values;
  const float* p = sorted.data_ptr();
  bool ordered = true;
  for (int r = 0; r < 3000; ++r)
    for (int c = 1; c < 20; ++c) ordered = ordered && p[r * 20 + c - 1] <= p[r * 20 + c];
  CHECK(ordered);
}

TEST_CASE("unique") {
  const Tensor<std::int64_t> x = tensor({{3, 1, 3}, {1, 1, -2}});
  const auto [values, inverse, counts] = unique(x);
  check_equal(values, tensor({-2, 1, 3}));
  check_equal(inverse, tensor({{2, 1, 2}, {1, 1, 0}}));
  check_equal(counts, tensor({1, 3, 2}));
  check_equal(unique_consecutive(x).values, tensor({3, 1, 3, 1, -2}));
  check_equal(unique_consecutive(x).counts, tensor({1, 1, 1, 2, 1}));
  CHECK(unique(zeros<float>({0})).values.shape() == Shape{0});
  CHECK(unique(tensor(2.f)).inverse.shape() == Shape{});
  CHECK(unique(tensor<float>({NAN, 1, NAN})).values.shape() == Shape{3});
}

TEST_CASE("gradients meet central differences, also of second order") {
  check_gradients({irregular({3, 4})}, [](const auto& x) { return square(sort(square(x[0]), 0).values).eval(); });
  check_gradients({irregular({3, 4})}, [](const auto& x) { return square(topk(x[0], 2).values).eval(); });
  check_gradients({irregular({3, 4})}, [](const auto& x) { return square(kthvalue(x[0], 2).values).eval(); });
}

TEST_CASE("wrong axes and counts are errors") {
  const Tensor<float> x = zeros<float>({2, 3});
  CHECK_THROWS_AS(sort(x, 2), IndexError);
  CHECK_THROWS_WITH(topk(x, 4), Contains("[topk] k = 4 must lie between 0 and the size of axis 1 of shape (2, 3), 3"));
  CHECK_THROWS_AS(kthvalue(x, 0), ValueError);
}
