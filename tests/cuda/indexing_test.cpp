// SPDX-License-Identifier: MIT
// gather, scatter and x(...) on a device give what they give on the host, faults included.
// Slow
// Needs: thrust
#include <taper/ops.hpp>

#include "tests/cuda/against_host.hpp"

using namespace taper;
using against_host::check;
using D = against_host::There;
using against_host::same;

namespace {

Tensor<double> values(const Shape& shape) { return against_host::irregular<double>(shape); }

}  // namespace

TEST_CASE("gather and scatter") {
  manual_seed(1);
  for (const Shape& shape : {Shape{5}, Shape{3, 7}, Shape{2, 3, 5}, Shape{1, 1}, Shape{0}, Shape{2, 0}}) {
    for (int axis = 0; axis < shape.size(); ++axis) {
      Shape smaller = shape;
      smaller[axis] = shape[axis] == 0 ? 0 : shape[axis] + 2;
      if (axis > 0 && smaller[0] > 1) --smaller[0];
      const auto index = randint(0, shape[axis] > 0 ? shape[axis] : 1, smaller);
      const auto source = values(smaller);
      check(values(shape), [&](auto on, const auto& x) { return gather(x, axis, on(index)); });
      check(values(shape), [&](auto on, const auto& x) { return scatter(x, axis, on(index), on(source)); });
      check(values(shape), [&](auto on, const auto& x) { return scatter(x, axis, on(index), 2.0); });
      check(values(shape), [&](auto on, const auto& x) { return scatter_add(x, axis, on(index), on(source)); });
      check(source, [&](auto on, const auto& s) { return scatter(on(values(shape)), axis, on(index), s); });
      check(source, [&](auto on, const auto& s) { return scatter_add(on(values(shape)), axis, on(index), s); });
      Shape larger = smaller;
      for (int i = 0; i < larger.size(); ++i) larger[i] += 1;
      check(values(larger), [&](auto on, const auto& s) { return scatter_add(on(values(shape)), axis, on(index), s); });
      check(values(larger), [&](auto on, const auto& s) { return scatter(on(values(shape)), axis, on(index), s); });
      check(values(shape), [&](auto on, const auto& x) {
        auto y = x * 2.0;
        auto t = eval(std::move(y));
        scatter_(t, axis, on(index), on(source));
        scatter_add_(t, axis, on(index), on(source));
        return t;
      });
    }
  }
  const auto index = randint(0, 4, {6, 5});
  check(values({5, 4}), [&](auto on, const auto& x) { return gather(transpose(x, 0, 1), 0, on(index)); });
  check(values({5, 4}), [&](auto on, const auto& x) { return gather(x, 1, transpose(on(index), 0, 1)); });
  check(values({6, 1, 4}), [&](auto on, const auto& x) { return take_along_dim(x, on(reshape(index, {1, 6, 5})), 2); });
  check(values({5, 4}), [&](auto on, const auto& x) { return take(x, on(index) - std::int64_t{3}); });
  check(values({}), [&](auto on, const auto& x) { return gather(x, 0, on(zeros<std::int64_t>({3}))); });
  check(values({}),
        [&](auto on, const auto& x) { return scatter_add(x, 0, on(zeros<std::int64_t>({})), on(values({}))); });
}

TEST_CASE("index tensors, masks, slices") {
  manual_seed(2);
  const auto i = randint(-4, 4, {3, 2}), j = randint(-5, 5, {2});
  const auto m4 = rand<float>({4}) > 0.5f, m45 = rand<float>({4, 5}) > 0.6f, m456 = rand<float>({4, 5, 6}) > 0.5f;
  const Tensor<bool> none4 = rand<float>({4}) > 2.f;
  const auto x = values({4, 5, 6});
  check(x, [&](auto on, const auto& x) { return eval(x(on(i))); });
  check(x, [&](auto on, const auto& x) { return eval(x(on(i), on(j))); });
  check(x, [&](auto on, const auto& x) { return eval(x(on(i), Slice{1, 4}, on(j))); });
  check(x, [&](auto on, const auto& x) { return eval(x(ellipsis, on(j))); });
  check(x, [&](auto on, const auto& x) { return eval(x(Slice{0, 4, 2}, on(j), none)); });
  check(x, [&](auto on, const auto& x) { return eval(x(1, on(j))); });
  check(x, [&](auto on, const auto& x) { return eval(x(on(m4))); });
  check(x, [&](auto on, const auto& x) { return eval(x(on(none4))); });
  check(x, [&](auto on, const auto& x) { return eval(x(on(m45))); });
  check(x, [&](auto on, const auto& x) { return eval(x(on(m456))); });
  check(x, [&](auto on, const auto& x) { return eval(x(ellipsis, on(j), 2)); });
  check(x, [&](auto on, const auto& x) { return eval(x(on(eval(i(0, 0))))); });
  check(x, [&](auto on, const auto& x) { return eval(permute(x, {2, 0, 1})(Slice{}, on(i), on(j))); });
  check(x, [&](auto on, const auto& x) { return index(x, {on(i), Slice{1, 3}, on(j)}); });
  check(x, [&](auto on, const auto& x) { return eval(x(on(tensor<bool>({true})(0)))); });
  check(x, [&](auto, const auto& x) { return eval(eval(x(2, Slice{1, 3})) * 2.0); });

  const auto v = values({3, 2, 6});
  for (const bool accumulate : {false, true}) {
    check(x, [&](auto on, const auto& x) { return index_put(x, {on(i), on(j)}, on(v), accumulate); });
    check(v, [&](auto on, const auto& v) { return index_put(on(x), {on(i), on(j)}, v, accumulate); });
    check(values({6}), [&](auto on, const auto& v) { return index_put(on(x), {on(i), on(j)}, v, accumulate); });
    check(values({1}), [&](auto on, const auto& v) { return index_put(on(x), {on(i), on(j)}, v, accumulate); });
    check(x, [&](auto on, const auto& x) { return index_put(x, {on(m45)}, 3.0, accumulate); });
    check(x, [&](auto on, const auto& x) {
      return index_put(x, {Slice{1, 3}, on(j), Slice{0, 6, 2}}, 3.0, accumulate);
    });
  }
  check(x, [&](auto on, const auto& x) {
    auto t = clone(x);
    t(on(m456)) = 0.0;
    t(on(i), on(j)) += on(v);
    t(0, Slice{1, 3}) = 4.0;
    t(ellipsis, 1) *= 3.0;
    return t;
  });
  check(x, [&](auto on, const auto& x) {
    auto t = transpose(clone(x), 0, 2);
    t(on(j), on(i)) = t(on(j), on(i)) * 2.0;
    return t;
  });
}

TEST_CASE("what is out of bounds is refused before anything is written") {
  const auto x = to<D>(values({4, 5}));
  const auto bad = to<D>(tensor<std::int64_t>({0, 4})), wide = to<D>(tensor<std::int64_t>({{0, 1, 2, 5, 0}}));
  const auto before = to<Cpu>(x);
  auto t = x;
  CHECK_THROWS_AS(index_select(x, 0, bad), IndexError);
  CHECK_THROWS_WITH(index_select(x, 0, bad), "[index_select] index 4 is out of range for axis 0 of size 4");
  CHECK_THROWS_AS(gather(x, 0, wide), IndexError);
  CHECK_THROWS_AS(scatter_(t, 0, wide, 1.0), IndexError);
  CHECK_THROWS_AS(index_put_(t, {bad}, 1.0), IndexError);
  CHECK_THROWS_AS(embedding(bad, x), IndexError);
  CHECK_THROWS_AS(one_hot(bad, 4), IndexError);
  CHECK_THROWS_AS(index(x, {tensor<std::int64_t>({0})}), DeviceError);
  CHECK(same(x, Tensor<double>(before)));
}
