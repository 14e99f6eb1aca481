// SPDX-License-Identifier: MIT
// gather, scatter, index_select, masks and their kin against PyTorch, by hand and against central differences.
// Devices: slow
#include <taper/core/factory.hpp>
#include <taper/ops/cast.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/index.hpp>
#include <taper/ops/index_select.hpp>
#include <taper/ops/masked.hpp>
#include <taper/ops/one_hot.hpp>
#include <taper/ops/reduction.hpp>

#include "tests/ops/golden_case.hpp"

using namespace taper;
using golden::irregular;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

using Index = Tensor<std::int64_t>;

const golden::File& file() {
  static const golden::File f("structural");
  return f;
}
auto index_of(const std::string& name) { return device::there(file().tensor<std::int64_t>(name + "/index")); }
auto given_mask(const std::string& name) { return device::there(file().tensor<bool>(name + "/mask")); }

/// Runs f(x, index) on a case whose only differentiable input is x.
template <class F>
void check_indexed(const std::string& name, const F& f) {
  const auto index = index_of(name);
  check_both(file(), name, {"x"}, [&](const auto& x) { return f(x[0], index); });
}

}  // namespace

TEST_CASE("gather and scatter equal PyTorch's") {
  check_indexed("gather.d0", [](const auto& x, const auto& i) { return gather(x, 0, i); });
  check_indexed("gather.d1", [](const auto& x, const auto& i) { return gather(x, 1, i); });
  check_indexed("gather.3d", [](const auto& x, const auto& i) { return gather(x, -1, i); });
  check_indexed("gather.smaller_index", [](const auto& x, const auto& i) { return gather(x, 1, i); });
  check_indexed("scatter.value", [](const auto& x, const auto& i) { return scatter(x, 1, i, 1.5); });
  for (const char* name : {"scatter.d0", "scatter.d1"}) {
    const std::string key = name;
    const int axis = key.back() - '0';
    check_both(file(), key, {"x", "source"}, [&](const auto& x) { return scatter(x[0], axis, index_of(key), x[1]); });
  }
  for (const char* name : {"scatter_add.d0", "scatter_add.d1", "scatter_add.larger_source"}) {
    const std::string key = name;
    const int axis = key == "scatter_add.d0" ? 0 : 1;
    check_both(file(), key, {"x", "source"},
               [&](const auto& x) { return scatter_add(x[0], axis, index_of(key), x[1]); });
    check_both(file(), key, {"x", "source"}, [&](const auto& x) {
      auto y = clone(x[0]);
      scatter_add_(y, axis, index_of(key), x[1]);
      return y;
    });
  }
}

TEST_CASE("index_select and index_add equal PyTorch's") {
  check_indexed("index_select.d0", [](const auto& x, const auto& i) { return index_select(x, 0, i); });
  check_indexed("index_select.d1", [](const auto& x, const auto& i) { return index_select(x, 1, i); });
  check_indexed("index_select.dm1", [](const auto& x, const auto& i) { return index_select(x, -1, i); });
  check_indexed("index_select.empty", [](const auto& x, const auto& i) { return index_select(x, 0, i); });
  check_both(file(), "index_add", {"x", "source"},
             [&](const auto& x) { return index_add(x[0], 0, index_of("index_add"), x[1]); });
}

TEST_CASE("masks equal PyTorch's") {
  check_both(file(), "masked_fill.plain", {"x"},
             [](const auto& x) { return masked_fill(x[0], given_mask("masked_fill.plain"), 1.5).eval(); });
  check_both(file(), "masked_fill.broadcast", {"x"},
             [](const auto& x) { return masked_fill(x[0], given_mask("masked_fill.broadcast"), -1.0).eval(); });
  check_both(file(), "masked_fill.infinite", {"x"},
             [](const auto& x) { return masked_fill(x[0], given_mask("masked_fill.infinite"), -INFINITY).eval(); });
  check_both(file(), "masked_select", {"x"},
             [](const auto& x) { return masked_select(x[0], given_mask("masked_select")); });
}

TEST_CASE("one_hot equals PyTorch's") {
  const auto x = [](const char* key) { return file().tensor<std::int64_t>(key); };
  check_equal(one_hot(x("one_hot.given/x"), 5), x("one_hot.given/y"));
  check_equal(one_hot(x("one_hot.inferred/x")), x("one_hot.inferred/y"));
  check_equal(one_hot(x("one_hot.rank_0/x"), 3), x("one_hot.rank_0/y"));
  CHECK(one_hot(zeros<std::int64_t>({0}), 3).shape() == Shape{0, 3});
  CHECK_THROWS_AS(one_hot(zeros<std::int64_t>({0})), ValueError);
  CHECK_THROWS_AS(one_hot(tensor({3}), 3), IndexError);
  CHECK_THROWS_AS(one_hot(tensor({-1})), IndexError);
}

TEST_CASE("any strides, all element sizes, size 0 and rank 0") {
  const Tensor<float> x = view(arange<float>(12), {3, 4});
  const Index i = tensor({{2, 0, 1}, {0, 0, 2}});
  check_equal(gather(t(x), 0, transpose(i, 0, 1)), tensor<float>({{2, 4}, {0, 4}, {1, 6}}));
  check_equal(gather(x, 0, expand(tensor({{1}}), {1, 4})), tensor<float>({{4, 5, 6, 7}}));
  check_equal(scatter(zeros<float>({4, 3}), 0, transpose(i, 0, 1), slice(x, 1, {0, 2, 1})),
              tensor<float>({{4, 5, 0}, {8, 0, 0}, {0, 9, 0}, {0, 0, 0}}));
  CHECK(gather(x, 1, zeros<std::int64_t>({3, 0})).shape() == Shape{3, 0});
  CHECK(gather(x, 0, zeros<std::int64_t>({0, 4})).shape() == Shape{0, 4});
  CHECK(gather(tensor(5.f), 0, tensor(0)).item() == 5);
  CHECK(gather(tensor(5.f), 0, tensor({0, 0})).shape() == Shape{2});
  CHECK(scatter_add(tensor(5.f), 0, tensor({0, 0}), tensor<float>({1, 2})).item() == 8);
  CHECK(index_select(tensor(5.f), 0, tensor({0})).shape() == Shape{});
  CHECK(index_select(x, 1, tensor(2)).shape() == Shape{3, 1});
  check_equal(index_select(t(x), 1, tensor({2, 0})), tensor<float>({{8, 0}, {9, 1}, {10, 2}, {11, 3}}));
  CHECK(masked_select(tensor(5.f), tensor(true)).shape() == Shape{1});
  CHECK(masked_select(tensor(5.f), tensor(false)).shape() == Shape{0});
  check_equal(masked_select(x, tensor({true, false, false, true})), tensor<float>({0, 3, 4, 7, 8, 11}));
  check_equal(take(x, tensor({{0, -1}, {5, 5}})), tensor<float>({{0, 11}, {5, 5}}));
  check_equal(gather(tensor<std::int8_t>({1, 2, 3}), 0, tensor({2, 2})), tensor<std::int8_t>({3, 3}));
  check_equal(gather(tensor<std::int16_t>({1, 2, 3}), 0, tensor({2, 0})), tensor<std::int16_t>({3, 1}));
  check_equal(gather(tensor<double>({1, 2, 3}), 0, tensor({2, 0})), tensor<double>({3, 1}));
  using C = std::complex<double>;
  const Tensor<C> c = gather(tensor<C>({C(1, 2), C(3, 4)}), 0, tensor({1}));
  CHECK(c.item() == C(3, 4));
  check_equal(scatter_add(tensor<std::uint8_t>({250}), 0, tensor({0, 0}), tensor<std::uint8_t>({5, 3})),
              tensor<std::uint8_t>({2}));
  check_equal(scatter_add(tensor({true, false, false}), 0, tensor({1, 1}), tensor({false, true})),
              tensor({true, true, false}));
}

// As with the index in memory of its own; PyTorch refuses the overlap.
TEST_CASE("an index may be the target of its own scatter") {
  Index x = tensor({1, 0, 3, 2}), y = clone(x), z = clone(x), back = tensor({0, 1, 2, 3, 3, 2, 1, 0});
  scatter_(x, 0, x, 100'000'000);
  check_equal(x, full<std::int64_t>({4}, 100'000'000));
  scatter_add_(y, 0, y, full<std::int64_t>({4}, 100'000'000));
  check_equal(y, tensor({100'000'001, 100'000'000, 100'000'003, 100'000'002}));
  scatter_(z, 0, z, z);
  check_equal(z, tensor({0, 1, 2, 3}));
  scatter_(narrow(back, 0, 0, 5), 0, narrow(back, 0, 3, 5), 100'000'000);
  check_equal(narrow(back, 0, 0, 4), full<std::int64_t>({4}, 100'000'000));
  Index added = tensor({1, 0, 1}), copied = clone(added), filled = clone(added), put = clone(added);
  index_add_(added, 0, added, full<std::int64_t>({3}, 100'000'000));
  check_equal(added, tensor({100'000'001, 200'000'000, 1}));
  index_copy_(copied, 0, copied, full<std::int64_t>({3}, 100'000'000));
  check_equal(copied, tensor({100'000'000, 100'000'000, 1}));
  index_fill_(filled, 0, filled, 100'000'000);
  check_equal(filled, copied);
  index_put_(put, {put}, 100'000'000);
  check_equal(put, copied);
  Tensor<bool> mask = tensor({true, false, true});
  masked_fill_(mask, mask, false);
  check_equal(mask, tensor({false, false, false}));
}

TEST_CASE("sums of halves are rounded once") {
  const Index zero = zeros<std::int64_t>({4096});
  const Tensor<float16> one = full<float16>({4096}, 1);
  CHECK(static_cast<float>(scatter_add(zeros<float16>({1}), 0, zero, one).item()) == 4096);
  CHECK(static_cast<float>(index_add(zeros<float16>({1}), 0, zero, one).item()) == 4096);
  Tensor<bfloat16> x = zeros<bfloat16>({2});
  x.requires_grad_();
  sum(gather(x, 0, zero)).backward();
  CHECK(static_cast<float>(x.grad()[0].item()) == 4096);
}

TEST_CASE("large scatters do not depend on the number of threads") {
  const std::int64_t n = 300, m = 500;
  const Tensor<float> source = golden::irregular<float>({n, m});
  Index index = zeros<std::int64_t>({n, m});
  for (std::int64_t k = 0; k < n * m; ++k) index.data_ptr()[k] = k * 7919 % 13;
  const int before = get_num_threads();
  Tensor<float> results[2][3];
  for (const int threads : {1, 4}) {
    set_num_threads(threads);
    auto& r = results[threads == 4];
    r[0] = scatter_add(zeros<float>({13, m}), 0, index, source);
    r[1] = scatter_add(zeros<float>({n, 13}), 1, index, source);
    r[2] = index_add(zeros<float>({13, m}), 0, index(Slice{}, 0), source);
  }
  set_num_threads(before);
  for (int k = 0; k < 3; ++k) check_equal(results[0][k], results[1][k]);
  // Against a plain loop in the same order.
  Tensor<float> expected = zeros<float>({13, m});
  for (std::int64_t r = 0; r < n; ++r)
    for (std::int64_t c = 0; c < m; ++c)
      expected.data_ptr()[index.data_ptr()[r * m + c] * m + c] += source.data_ptr()[r * m + c];
  check_equal(results[0][0], expected);
}

TEST_CASE("take_along_dim, index_copy, index_fill, masked_scatter, nonzero") {
  const Tensor<float> x = tensor<float>({{3, 1, 2}, {6, 4, 5}});
  check_equal(take_along_dim(x, tensor({{1}, {2}}), 1), tensor<float>({{1}, {5}}));
  check_equal(take_along_dim(x, tensor({{0, 2}}), 1), tensor<float>({{3, 2}, {6, 5}}));
  check_equal(take_along_dim(x, tensor({5, 0})), tensor<float>({5, 3}));
  check_equal(index_copy(x, 1, tensor({2, 0}), tensor<float>({{1, 2}, {3, 4}})), tensor<float>({{2, 1, 1}, {4, 4, 3}}));
  check_equal(index_fill(x, 1, tensor({2, 0}), 9), tensor<float>({{9, 1, 9}, {9, 4, 9}}));
  check_equal(index_add(x, 0, tensor({1, 1}), x, 2.f), tensor<float>({{3, 1, 2}, {24, 14, 19}}));
  check_equal(masked_scatter(x, x > 3.f, tensor<float>({7, 8, 9, 10})), tensor<float>({{3, 1, 2}, {7, 8, 9}}));
  check_equal(nonzero(x > 3.f), tensor({{1, 0}, {1, 1}, {1, 2}}));
  check_equal(nonzero(tensor({0, 2, 0, 3})), tensor({{1}, {3}}));
  check_equal(argwhere(x > 4.f), tensor({{1, 0}, {1, 2}}));
  CHECK(nonzero(zeros<float>({2, 3})).shape() == Shape{0, 2});
  CHECK(nonzero(tensor(1.f)).shape() == Shape{1, 0});
  Tensor<float> y = clone(x);
  masked_fill_(y, y > 3.f, 0);
  scatter_(y, 1, tensor({{0}, {1}}), -1.f);
  check_equal(y, tensor<float>({{-1, 1, 2}, {0, -1, 0}}));
  index_fill_(y, 1, tensor({2}), 7);
  index_copy_(y, 0, tensor({1}), tensor<float>({{1, 2, 3}}));
  index_add_(y, 1, tensor({0, 0}), tensor<float>({{1, 2}, {3, 4}}), 10.f);
  check_equal(y, tensor<float>({{29, 1, 7}, {71, 2, 3}}));
}

TEST_CASE("gradients meet central differences, also of second order") {
  const auto i = device::there(tensor({{2, 0, 2}, {1, 1, 0}})), v = device::there(tensor({2, 0, 2}));
  check_gradients({irregular({3, 3})}, [&](const auto& x) { return square(gather(x[0], 0, i)).eval(); });
  check_gradients({irregular({3, 3}), irregular({2, 3})},
                  [&](const auto& x) { return square(scatter_add(x[0], 1, i, square(x[1]))).eval(); });
  // Places written twice: only the last value counts, and only it gets a gradient.
  check_gradients({irregular({3, 3}), irregular({3, 4})},
                  [&](const auto& x) { return square(scatter(square(x[0]), 1, i, square(x[1]))).eval(); });
  check_gradients({irregular({3, 3}), irregular({2, 3})}, [&](const auto& x) {
    Tensor<double, device::D> y = square(x[0]);
    scatter_(y, 1, i, x[1]);
    scatter_add_(y, 0, i, square(x[1]));
    return square(y).eval();
  });
  // Sources larger than the index, and of another rank than it.
  check_gradients({irregular({3}), irregular({4})},
                  [&](const auto& x) { return square(scatter_add(x[0], 0, device::there(tensor(1)), square(x[1]))).eval(); });
  check_gradients({irregular({}), irregular({})},
                  [&](const auto& x) { return square(scatter_add(x[0], 0, device::there(tensor({0})), square(x[1]))).eval(); });
  check_gradients({irregular({3, 2})}, [&](const auto& x) { return square(index_select(x[0], 0, v)).eval(); });
  check_gradients({irregular({3, 2}), irregular({3, 2})},
                  [&](const auto& x) { return square(index_add(x[0], 0, v, x[1], 2.0)).eval(); });
  check_gradients({irregular({3, 2}), irregular({3, 2})},
                  [&](const auto& x) { return square(index_copy(x[0], 0, v, x[1])).eval(); });
  const auto mask = device::there(tensor({true, false, true}));
  check_gradients({irregular({2, 3}), irregular({5})},
                  [&](const auto& x) { return square(masked_scatter(x[0], mask, x[1])).eval(); });
  check_gradients({irregular({3})}, [&](const auto& x) {
    return square(masked_select(expand(x[0], {2, 3}), mask)).eval();
  });
  check_gradients({irregular({3}), irregular({})},
                  [&](const auto& x) { return square(masked_fill(x[0], mask, x[1])).eval(); });
}

TEST_CASE("wrong operands are errors before anything is written") {
  const Tensor<float> x = view(arange<float>(12), {3, 4});
  CHECK_THROWS_WITH(gather(x, 1, tensor({{4}})),
                    StartsWith("[gather]") && Contains("index 4 is out of range for axis 1 of size 4"));
  CHECK_THROWS_AS(gather(x, 1, tensor({{-1}})), IndexError);
  CHECK_THROWS_AS(gather(x, 2, tensor({{0}})), IndexError);
  CHECK_THROWS_WITH(gather(x, 1, tensor({0})), Contains("the same number of dimensions"));
  CHECK_THROWS_WITH(gather(x, 1, zeros<std::int64_t>({4, 1})), Contains("must not be larger"));
  CHECK_THROWS_WITH(scatter(x, 1, zeros<std::int64_t>({2, 2}), zeros<float>({2, 1})),
                    StartsWith("[scatter] the source (2, 1)"));
  CHECK_THROWS_AS(index_select(x, 0, tensor({-1})), IndexError);
  CHECK_THROWS_AS(index_select(x, 0, tensor({{0}})), ShapeError);
  CHECK_THROWS_AS(index_add(x, 0, tensor({0, 1}), x), ShapeError);
  CHECK_THROWS_AS(masked_select(x, tensor({true, false})), ShapeError);
  CHECK_THROWS_AS(masked_scatter(x, x > 0.f, tensor<float>({1})), ShapeError);
  CHECK_THROWS_AS(masked_fill(x, x > 0.f, tensor<float>({1})), ShapeError);
  Tensor<float> leaf = clone(x);
  leaf.requires_grad_();
  CHECK_THROWS_AS(scatter_(leaf, 1, tensor({{0}}), 1.f), AutogradError);
  CHECK_THROWS_AS(scatter_add_(expand(tensor<float>({{1}}), {2, 1}), 0, tensor({{0}}), tensor<float>({{1}})),
                  ValueError);
  Tensor<float> y = clone(x);
  CHECK_THROWS_AS(scatter_(y, 0, tensor({{0, 1, 3}}), 1.f), IndexError);
  check_equal(y, x);
  // The index is needed for backward.
  Index i = tensor({{0}});
  const Tensor<float> g = gather(leaf, 1, i);
  i.fill_(1);
  CHECK_THROWS_AS(sum(g).backward(), AutogradError);
}
