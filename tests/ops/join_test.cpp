// SPDX-License-Identifier: MIT
// Joining, taking apart, repeating, turning: against PyTorch and by hand.
// Devices: slow
#include <taper/core/factory.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/index.hpp>
#include <taper/ops/meshgrid.hpp>
#include <taper/ops/reduction.hpp>
#include <taper/ops/repeat.hpp>
#include <taper/ops/triangular.hpp>

#include <limits>
#include <type_traits>

#include "tests/ops/golden_case.hpp"

using namespace taper;
using golden::irregular;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

const golden::File& file() {
  static const golden::File f("structural");
  return f;
}
Tensor<float> counted(const Shape& shape) { return view(arange<float>(shape.numel()), shape); }

/// f(x) gives parts y0, y1, ...; each with its own upstream gradient.
template <class T, class F>
void check_parts(const std::string& name, const F& f) {
  Tensor<T> x = file().tensor<T>(name + "/x");
  x.requires_grad_();
  const auto parts = f(x);
  std::size_t n = 0;
  while (file().has(name + "/y" + std::to_string(n))) ++n;
  REQUIRE(parts.size() == n);
  for (std::size_t i = 0; i < n; ++i) {
    check_equal(parts[i], file().tensor<T>(name + "/y" + std::to_string(i)));
    parts[i].backward(file().tensor<T>(name + "/gy" + std::to_string(i)));
  }
  check_equal(x.grad(), file().tensor<T>(name + "/gx"));
}
template <class F>
void check_parts(const std::string& name, const F& f) {
  check_parts<double>(name, f);
  check_parts<float>(name, f);
}

template <class F>
void check_one(const std::string& name, const F& f) {
  check_both(file(), name, {"x"}, [&](const auto& x) { return f(x[0]); });
}

}  // namespace

TEST_CASE("cat and stack equal PyTorch's") {
  check_both(file(), "cat.d0", {"a", "b", "c"}, [](const auto& x) { return cat(x, 0); });
  check_both(file(), "cat.d1", {"a", "b"}, [](const auto& x) { return cat({x[0], x[1]}, 1); });
  check_both(file(), "cat.dm1", {"a", "b"}, [](const auto& x) { return cat({x[0], x[1]}, -1); });
  check_both(file(), "cat.empty", {"a", "b"}, [](const auto& x) { return cat({x[0], x[1]}); });
  check_both(file(), "cat.repeated", {"a", "b"}, [](const auto& x) { return cat({x[0], x[0], x[1]}); });
  check_both(file(), "stack.d0", {"a", "b", "c"}, [](const auto& x) { return stack(x); });
  check_both(file(), "stack.d1", {"a", "b", "c"}, [](const auto& x) { return stack({x[0], x[1], x[2]}, 1); });
  check_both(file(), "stack.dm1", {"a", "b", "c"}, [](const auto& x) { return stack({x[0], x[1], x[2]}, -1); });
}

TEST_CASE("split and chunk equal PyTorch's") {
  check_parts("split.size", [](const auto& x) { return split(x, 2, 0); });
  check_parts("split.sizes", [](const auto& x) { return split(x, {1, 3, 2}, 1); });
  check_parts("chunk.even", [](const auto& x) { return chunk(x, 3, 1); });
  check_parts("chunk.even", [](const auto& x) { return chunk<3>(x, 1); });
  check_parts("chunk.uneven", [](const auto& x) { return chunk(x, 4, 0); });
  check_parts("chunk.fewer", [](const auto& x) { return chunk(x, 4, 0); });
}

TEST_CASE("repeat, flip, roll and triangles equal PyTorch's") {
  check_one("flip", [](const auto& x) { return flip(x, {0, 2}); });
  check_one("roll", [](const auto& x) { return roll(x, {1, -2}, {0, 2}); });
  check_one("repeat", [](const auto& x) { return repeat(x, {2, 1, 3}); });
  check_one("tril", [](const auto& x) { return tril(x, 1); });
  check_one("triu", [](const auto& x) { return triu(x, -1); });
  check_one("repeat_interleave", [](const auto& x) { return repeat_interleave(x, 3, 1); });
  check_one("repeat_interleave", [](const auto& x) { return repeat_interleave(x, full<std::int64_t>({4}, 3), 1); });
}

TEST_CASE("views equal PyTorch's") {
  check_one("unfold", [](const auto& x) { return unfold(x, 2, 3, 2); });
  check_one("expand", [](const auto& x) { return expand(narrow(x, 1, 0, 1), {3, 4, 5}); });
  check_one("permute", [](const auto& x) { return contiguous(permute(x, {2, 0, 1})); });
  check_one("flatten", [](const auto& x) { return flatten(transpose(x, 0, 2), 1); });
  check_one("movedim", [](const auto& x) { return movedim(x, 0, -1); });
}

TEST_CASE("joining: shapes, strides and lists") {
  const Tensor<float> a = counted({2, 3}), b = counted({3, 2});
  check_equal(cat({a, t(b)}, 0), tensor<float>({{0, 1, 2}, {3, 4, 5}, {0, 2, 4}, {1, 3, 5}}));
  check_equal(cat({t(a), b}, 1), tensor<float>({{0, 3, 0, 1}, {1, 4, 2, 3}, {2, 5, 4, 5}}));
  check_equal(cat({a, zeros<float>({0})}, 1), a);
  check_equal(cat<float>({a * 2.f, a}, 0)(0), tensor<float>({0, 2, 4}));
  check_equal(cat(std::array{a, a}, 1)(1), tensor<float>({3, 4, 5, 3, 4, 5}));
  CHECK(cat({zeros<float>({2, 0}), zeros<float>({2, 0})}, 1).shape() == Shape{2, 0});
  check_equal(stack({tensor(1.f), tensor(2.f)}), tensor<float>({1, 2}));
  CHECK(stack({zeros<float>({0, 2})}).shape() == Shape{1, 0, 2});
  const Tensor<float> v = tensor<float>({1, 2});
  check_equal(hstack({v, v}), tensor<float>({1, 2, 1, 2}));
  check_equal(hstack({a, a})(0), tensor<float>({0, 1, 2, 0, 1, 2}));
  check_equal(vstack({v, v}), tensor<float>({{1, 2}, {1, 2}}));
  check_equal(dstack({v, v}), tensor<float>({{{1, 1}, {2, 2}}}));
  check_equal(column_stack({v, v}), tensor<float>({{1, 1}, {2, 2}}));
  // Long enough for threads.
  const Tensor<float> wide = counted({700, 400});
  const auto parts = split(wide, {150, 250}, 1);
  check_equal(cat(parts, 1), wide);
}

TEST_CASE("taking apart: structured bindings, empty axes") {
  const auto [i, f, g] = chunk<3>(counted({2, 6}), 1);
  check_equal(g, tensor<float>({{4, 5}, {10, 11}}));
  const auto [x, y] = unbind<2>(counted({3, 2}), 1);
  check_equal(y, tensor<float>({1, 3, 5}));
  CHECK(unbind(counted({3, 2})).size() == 3);
  CHECK(split(zeros<float>({0, 2}), 3).size() == 1);
  CHECK(split(zeros<float>({0, 2}), 0).size() == 1);
  CHECK(chunk(zeros<float>({0, 2}), 3).size() == 3);
  CHECK(tensor_split(counted({7}), 3)[0].shape() == Shape{3});
  CHECK(tensor_split(counted({7}), 3)[2].shape() == Shape{2});
}

TEST_CASE("repeating and turning: ranks, empties, views") {
  const Tensor<float> x = counted({2, 2});
  check_equal(repeat(x, {2, 1, 2}), tensor<float>({{{0, 1, 0, 1}, {2, 3, 2, 3}}, {{0, 1, 0, 1}, {2, 3, 2, 3}}}));
  check_equal(tile(x, {2}), tensor<float>({{0, 1, 0, 1}, {2, 3, 2, 3}}));
  CHECK(repeat(x, {1, 1}).data_ptr() != x.data_ptr());
  CHECK(repeat(x, {0, 1}).shape() == Shape{0, 2});
  CHECK(repeat(tensor(3.f), {2}).shape() == Shape{2});
  CHECK(repeat(ones<float>({1, 1, 1, 1, 1, 1, 1, 1}), {1, 2, 1, 1, 1, 1, 1, 3}).shape() ==
        Shape{1, 2, 1, 1, 1, 1, 1, 3});
  check_equal(repeat_interleave(x, 2), tensor<float>({0, 0, 1, 1, 2, 2, 3, 3}));
  check_equal(repeat_interleave(x, tensor({0, 2}), 0), tensor<float>({{2, 3}, {2, 3}}));
  check_equal(flip(x, 0), tensor<float>({{2, 3}, {0, 1}}));
  check_equal(flip(t(x), {0, 1}), tensor<float>({{3, 1}, {2, 0}}));
  check_equal(fliplr(x), tensor<float>({{1, 0}, {3, 2}}));
  check_equal(flipud(x), tensor<float>({{2, 3}, {0, 1}}));
  check_equal(expand_as(x[1], zeros<double>({3, 2})), tensor<float>({{2, 3}, {2, 3}, {2, 3}}));
  CHECK(unflatten(counted({2, 6}), 1, {3, -1}).shape() == Shape{2, 3, 2});
  check_equal(flip(x, Dims{}), x);
  CHECK(flip(zeros<float>({0, 2}), 0).shape() == Shape{0, 2});
  check_equal(roll(x, 1), tensor<float>({{3, 0}, {1, 2}}));
  check_equal(roll(x, -3, 1), tensor<float>({{1, 0}, {3, 2}}));
  CHECK(roll(x, 2, 0).data_ptr() != x.data_ptr());
  check_equal(rot90(x), tensor<float>({{1, 3}, {0, 2}}));
  check_equal(rot90(x, -1), tensor<float>({{2, 0}, {3, 1}}));
  check_equal(rot90(x, 2), tensor<float>({{3, 2}, {1, 0}}));
}

// PyTorch's always copy, also along axes of size 1, where the copies could be a view.
TEST_CASE("repeating an axis of size 1 copies it") {
  const Tensor<float> row = tensor<float>({{1, 2, 3}}), one = tensor<float>({7});
  Tensor<float> y = tile(row, {2, 1}), z = repeat_interleave(one, 3, 0), both = repeat(row, {2, 3, 1});
  CHECK(y.strides() == Strides{3, 1});
  y(0, 0) = 9.f, z(1) = 9.f, both(1, 2, 0) = 9.f;
  check_equal(y, tensor<float>({{9, 2, 3}, {1, 2, 3}}));
  check_equal(z, tensor<float>({7, 9, 7}));
  check_equal(both, tensor<float>({{{1, 2, 3}, {1, 2, 3}, {1, 2, 3}}, {{1, 2, 3}, {1, 2, 3}, {9, 2, 3}}}));
  check_equal(row, tensor<float>({{1, 2, 3}}));
  check_equal(one, tensor<float>({7}));
  const std::int64_t before = stats().passes;
  tile(row, {2, 1}), repeat_interleave(one, 3, 0);
  CHECK(stats().passes == before + 2);
}

// By the definitions: one element is taken, or none.
TEST_CASE("views and triangles take numbers of any size") {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max(), least = std::numeric_limits<std::int64_t>::min() + 1;
  const Tensor<float> x = counted({2, 3});
  CHECK_THROWS_AS(narrow(x, 1, 1, most), IndexError);
  CHECK_THROWS_AS(narrow(x, 1, most, most), IndexError);
  CHECK_THROWS_AS(narrow(x, 1, least, 1), IndexError);
  CHECK_THROWS_AS(select(x, 1, least), IndexError);
  check_equal(slice(x, 1, {1, most, most}), tensor<float>({{1}, {4}}));
  check_equal(slice(x, 1, {least, most, 2}), tensor<float>({{0, 2}, {3, 5}}));
  check_equal(unfold(x, 1, 2, most), tensor<float>({{{0, 1}}, {{3, 4}}}));
  CHECK(unfold(x, 1, 0, 3).shape() == Shape{2, 2, 0});
  CHECK(diagonal(x, most).shape() == Shape{0});
  CHECK(diagonal(x, least).shape() == Shape{0});
  check_equal(tril(x, most), x);
  check_equal(tril(x, least), zeros<float>({2, 3}));
  check_equal(triu(x, most), zeros<float>({2, 3}));
  check_equal(triu(x, least), x);
  CHECK(tril_indices(2, 3, most).shape() == Shape{2, 6});
  CHECK(triu_indices(2, 3, least).shape() == Shape{2, 6});
}

TEST_CASE("more elements than can be counted are refused") {
  const std::int64_t many = std::int64_t{1} << 40;
  const Tensor<float> none = zeros<float>({0}), one = zeros<float>({1});
  CHECK_THROWS_WITH(reshape(none, {many, many}), StartsWith("[reshape]") && Contains("too many elements"));
  CHECK_THROWS_AS(view(none, {0, many, many}), ShapeError);
  CHECK_THROWS_AS(view(none, {many, 0, many}), ShapeError);
  CHECK_THROWS_AS(reshape(one, {many, many, -1}), ShapeError);
  CHECK_THROWS_AS(expand(one, {many, many}), ShapeError);
  CHECK_THROWS_AS(repeat(zeros<float>({4}), {std::int64_t{1} << 62}), ShapeError);
  CHECK_THROWS_AS(repeat(zeros<float>({1, 1}), {many, many}), ShapeError);
  CHECK_THROWS_AS(repeat_interleave(zeros<float>({4}), std::int64_t{1} << 62, 0), ShapeError);
  const std::int64_t half = std::int64_t{1} << 62;
  CHECK_THROWS_WITH(repeat_interleave(zeros<float>({2}), tensor({half, half}), 0), StartsWith("[repeat_interleave]") && Contains("too many"));
  CHECK_THROWS_AS(repeat_interleave(zeros<float>({2}), tensor({half, half}), 0), ShapeError);
  const Tensor<float> wide = expand(one, {1, many}), high = expand(one, {many, 1});
  CHECK_THROWS_AS((wide + high).eval(), ShapeError);
}

TEST_CASE("triangles and diagonals") {
  const Tensor<float> x = counted({3, 3});
  check_equal(tril(t(x), -1), tensor<float>({{0, 0, 0}, {1, 0, 0}, {2, 5, 0}}));
  check_equal(triu(x, 5), zeros<float>({3, 3}));
  check_equal(tril(x, 5), x);
  CHECK(tril(zeros<float>({2, 0, 3})).shape() == Shape{2, 0, 3});
  check_equal(diag(tensor<float>({1, 2}), 1), tensor<float>({{0, 1, 0}, {0, 0, 2}, {0, 0, 0}}));
  check_equal(diag(x, -1), tensor<float>({3, 7}));
  check_equal(diag_embed(tensor<float>({{1, 2}, {3, 4}}), 0, 0, 2),
              tensor<float>({{{1, 0}, {3, 0}}, {{0, 2}, {0, 4}}}));
  check_equal(diagflat(tensor<float>({{1}, {2}})), tensor<float>({{1, 0}, {0, 2}}));
  check_equal(tril_indices(3, 2), tensor({{0, 1, 1, 2, 2}, {0, 0, 1, 0, 1}}));
  check_equal(triu_indices(2, 3, 1), tensor({{0, 0, 1}, {1, 2, 2}}));
}

TEST_CASE("meshgrid") {
  const Tensor<float> x = tensor<float>({1, 2, 3}), y = tensor<float>({4, 5});
  const auto ij = meshgrid({x, y}), xy = meshgrid({x, y}, GridIndexing::xy);
  check_equal(ij[0], tensor<float>({{1, 1}, {2, 2}, {3, 3}}));
  check_equal(ij[1], tensor<float>({{4, 5}, {4, 5}, {4, 5}}));
  check_equal(xy[0], tensor<float>({{1, 2, 3}, {1, 2, 3}}));
  check_equal(xy[1], tensor<float>({{4, 4, 4}, {5, 5, 5}}));
}

TEST_CASE("gradients meet central differences, also of second order") {
  check_gradients({irregular({2, 2}), irregular({2, 1})},
                  [](const auto& x) { return square(cat<1>(square(x[0]), x[1], x[0])).eval(); });
  check_gradients({irregular({2}), irregular({2})},
                  [](const auto& x) { return square(stack<1>(x[0], square(x[1]), x[0])).eval(); });
  check_gradients({irregular({2, 3})}, [](const auto& x) { return (square(flip(x[0], {0, 1})) * x[0]).eval(); });
  check_gradients({irregular({2, 3})}, [](const auto& x) { return (square(roll(x[0], 1, 1)) * x[0]).eval(); });
  check_gradients({irregular({2, 3})}, [](const auto& x) { return square(repeat(square(x[0]), {2, 2})).eval(); });
  check_gradients({irregular({3, 3})}, [](const auto& x) { return square(tril(square(x[0])) + triu(x[0], 1)).eval(); });
  check_gradients({irregular({2, 2})}, [](const auto& x) { return square(diag_embed(square(x[0]), 1)).eval(); });
  check_gradients({irregular({2, 4})}, [](const auto& x) {
    const auto [a, b] = chunk<2>(square(x[0]).eval(), 1);
    return (a * b).eval();
  });
}

TEST_CASE("parts of one tensor that are joined again meet in one gradient") {
  Tensor<float> x = counted({4, 2});
  x.requires_grad_();
  const auto parts = unbind(x);
  sum(square(stack(parts))).backward();
  check_equal(x.grad(), 2.f * x);
}

TEST_CASE("wrong operands are named") {
  const Tensor<float> a = counted({2, 3}), b = counted({3, 2});
  CHECK_THROWS_WITH(cat({a, a, b}),
                    StartsWith("[cat] tensor 2 of shape (3, 2) does not fit the first of shape (2, 3)"));
  CHECK_THROWS_AS(cat({a, a}, 2), IndexError);
  CHECK_THROWS_WITH(cat({tensor(1.f), tensor(2.f)}), Contains("use stack"));
  CHECK_THROWS_AS(cat(std::vector<Tensor<float>>{}), ValueError);
  CHECK_THROWS_WITH(stack({a, b}), StartsWith("[stack] tensor 1 of shape (3, 2)"));
  CHECK_THROWS_AS(split(a, 0), ValueError);
  CHECK_THROWS_WITH(split(a, {1, 1}, 1), Contains("add up to 2"));
  CHECK_THROWS_AS(split(tensor(1.f), 1), ShapeError);
  CHECK_THROWS_AS(chunk(a, 0), ValueError);
  CHECK_THROWS_WITH(chunk<3>(a, 0), Contains("gives 2 parts, not the 3 asked for"));
  CHECK_THROWS_AS(repeat(a, {2}), ShapeError);
  CHECK_THROWS_AS(repeat(a, {2, -1}), ShapeError);
  CHECK_THROWS_AS(flip(a, {0, 0}), IndexError);
  CHECK_THROWS_AS(flip(a, 2), IndexError);
  CHECK_THROWS_AS(roll(a, {1}, {0, 1}), ValueError);
  CHECK_THROWS_AS(tril(tensor<float>({1})), ShapeError);
  CHECK_THROWS_AS(diag(counted({1, 1, 1})), ShapeError);
  CHECK_THROWS_AS(meshgrid({a}), ShapeError);
}
