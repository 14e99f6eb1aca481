// SPDX-License-Identifier: MIT
// What moves elements on a device gives what it gives on the host: values, gradients, gradients of gradients, faults.
// Needs: thrust
#include "tests/support/catch.hpp"

#include <taper/backend/cuda/thrust_host.hpp>
#include <taper/taper.hpp>

using namespace taper;

namespace {

using D = ThrustCpp;

template <class T>
bool same(const Tensor<T>& a, const Tensor<T>& b) {
  if (!(a.shape() == b.shape())) return false;
  const Tensor<T> x = contiguous(a), y = contiguous(b);
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    const T u = x.data_ptr()[i], v = y.data_ptr()[i];
    if constexpr (std::is_floating_point_v<T>) {
      if (u != u ? v == v : !(std::abs(u - v) <= 1e-5 * (1 + std::abs(v)))) return false;
    } else if (!(u == v)) {
      return false;
    }
  }
  return true;
}
template <class T>
bool same(const Tensor<T, D>& a, const Tensor<T>& b) {
  return same(Tensor<T>(to<Cpu>(a)), b);
}

/// Moves what a case was written with on the host to the device that it runs on.
template <class Device_>
struct Mover {
  template <class X>
  auto operator()(const X& x) const { return to<Device_>(x); }
};

/// f(mover, x) on both sides: its value, the gradient of a weighted sum of it, and the gradient of that.
template <class F>
void check(const Tensor<double>& x, const F& f) {
  auto host = x.detach().clone().requires_grad_();
  auto device = to<D>(x.detach()).clone().requires_grad_();
  const Tensor<double> y = f(Mover<Cpu>(), host);
  const Tensor<double, D> z = f(Mover<D>(), device);
  REQUIRE(same(z, y));
  if (!y.requires_grad()) return;
  const Tensor<double> weights = reshape(sin(arange<double>(0, y.numel(), 1)), y.shape());
  sum(y * weights).backward({.retain_graph = true});
  sum(z * to<D>(weights)).backward({.retain_graph = true});
  CHECK(same(device.grad(), host.grad()));
  const Tensor<double> first = grad(sum(square(y) * weights), host, {.create_graph = true});
  const Tensor<double, D> second = grad(sum(square(z) * to<D>(weights)), device, {.create_graph = true});
  REQUIRE(same(second.detach(), first.detach()));
  host.set_grad({}), device.set_grad({});
  sum(square(first)).backward();
  sum(square(second)).backward();
  CHECK(same(device.grad(), host.grad()));
}

Tensor<double> values(const Shape& shape) {
  const std::int64_t n = shape.numel();
  return reshape(sin(arange<double>(0, n, 1) * 1.7), shape);
}

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
  check(values({}), [&](auto on, const auto& x) { return scatter_add(x, 0, on(zeros<std::int64_t>({})), on(values({}))); });
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
    check(x, [&](auto on, const auto& x) { return index_put(x, {Slice{1, 3}, on(j), Slice{0, 6, 2}}, 3.0, accumulate); });
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

TEST_CASE("slices along an axis") {
  manual_seed(3);
  const auto x = values({4, 5, 6});
  for (int axis = 0; axis < 3; ++axis) {
    const auto index = randint(0, 4, {7});
    Shape shape = x.shape();
    shape[axis] = 7;
    const auto source = values(shape);
    check(x, [&](auto on, const auto& x) { return index_select(x, axis, on(index)); });
    check(x, [&](auto on, const auto& x) { return index_select(transpose(x, 0, 1), axis, on(index)); });
    check(x, [&](auto on, const auto& x) { return index_add(x, axis, on(index), on(source), 1.5); });
    check(source, [&](auto on, const auto& s) { return index_add(on(x), axis, on(index), s); });
    check(x, [&](auto on, const auto& x) { return index_copy(x, axis, on(index), on(source)); });
    check(source, [&](auto on, const auto& s) { return index_copy(on(x), axis, on(index), s); });
    check(x, [&](auto on, const auto& x) { return index_fill(x, axis, on(index), 0.5); });
  }
  check(values({}), [&](auto on, const auto& x) { return index_select(x, 0, on(zeros<std::int64_t>({1}))); });
}

TEST_CASE("masks") {
  manual_seed(4);
  const auto x = values({4, 5});
  const Tensor<bool> m = rand<float>({4, 5}) > 0.5f, row = rand<float>({5}) > 0.5f, more = rand<float>({3, 4, 5}) > 0.5f;
  const Tensor<bool> all = rand<float>({4, 5}) > -1.f, empty_mask = rand<float>({0, 5}) > 0.f;
  for (const auto& mask : {m, row, more, all}) {
    check(x, [&](auto on, const auto& x) { return eval(masked_fill(x, on(mask), 2.0)); });
    check(x, [&](auto on, const auto& x) { return masked_select(x, on(mask)); });
    check(x, [&](auto on, const auto& x) { return masked_scatter(x, on(mask), on(values({60}))); });
    check(values({60}), [&](auto on, const auto& s) { return masked_scatter(on(x), on(mask), s); });
    CHECK(same(nonzero(to<D>(mask)), nonzero(mask)));
  }
  CHECK(same(nonzero(to<D>(empty_mask)), nonzero(empty_mask)));
  CHECK(same(nonzero(to<D>(transpose(more, 0, 2))), nonzero(transpose(more, 0, 2))));
  CHECK(same(nonzero(to<D>(x)), nonzero(x)));
  const Tensor<bool> large = rand<float>({1 << 17}) > 0.9f;
  CHECK(same(nonzero(to<D>(large)), nonzero(large)));
  check(values({}), [&](auto on, const auto& x) { return masked_select(x, on(tensor<bool>({true})(0))); });
  check(x, [&](auto on, const auto& x) {
    auto t = clone(x);
    masked_fill_(t, on(m), 5.0);
    return t;
  });
}

TEST_CASE("joined and taken apart") {
  const auto x = values({4, 5, 6});
  check(x, [&](auto on, const auto& x) { return cat({x, on(values({4, 2, 6})), x}, 1); });
  check(x, [&](auto, const auto& x) { return cat({x, transpose(x, 0, 0), x(Slice{1, 3})}, 0); });
  check(x, [&](auto, const auto& x) { return stack({x, x}, 1); });
  check(x, [&](auto, const auto& x) { return stack({transpose(x, 0, 2), transpose(x, 0, 2)}, -1); });
  check(values({0}), [&](auto on, const auto& x) { return cat({x, on(values({2, 3}))}, 1); });
  check(values({3}), [&](auto, const auto& x) { return hstack({x, x}); });
  check(values({3}), [&](auto, const auto& x) { return vstack({x, x}); });
  check(values({3}), [&](auto, const auto& x) { return dstack({x, x}); });
  check(values({3}), [&](auto, const auto& x) { return column_stack({x, x}); });
  check(x, [&](auto, const auto& x) { return split(x, 2, 1)[2]; });
  check(x, [&](auto, const auto& x) { return unbind(x, 2)[3]; });
  check(x, [&](auto, const auto& x) {
    auto parts = tensor_split(x, 4, 1);
    return cat({parts[3], parts[0]}, 1);
  });
  check(values({3}), [&](auto, const auto& x) { return meshgrid({x, x})[1]; });
}

TEST_CASE("borders") {
  const auto x = values({2, 3, 4, 5});
  for (const auto mode : {PadMode::constant, PadMode::reflect, PadMode::replicate, PadMode::circular}) {
    check(x, [&](auto, const auto& x) { return pad(x, {2, 1}, {.mode = mode}); });
    check(x, [&](auto, const auto& x) { return pad(x, {2, 3, 0, 2}, {.mode = mode}); });
    check(x, [&](auto, const auto& x) { return pad(x, {4, 4, 3, 3, 2, 2}, {.mode = mode}); });
    check(x, [&](auto, const auto& x) { return pad(x, {-1, 1, 2, -2}, {.mode = mode}); });
    check(x, [&](auto, const auto& x) { return pad(transpose(x, 1, 3), {1, 1, 1, 0}, {.mode = mode}); });
  }
  check(x, [&](auto, const auto& x) { return pad(x, {-1, -1}); });
  check(x, [&](auto, const auto& x) { return pad(x, {1, 2}, {.value = 2.5}); });
  check(values({1, 3}), [&](auto, const auto& x) { return pad(x, {0, 0, 5, 6}, {.mode = PadMode::replicate}); });
  check(values({0, 3}), [&](auto, const auto& x) { return pad(x, {1, 1, 1, 2}); });
}

TEST_CASE("other arrangements") {
  const auto x = values({4, 5, 6});
  check(x, [&](auto, const auto& x) { return repeat(x, {2, 1, 3, 1}); });
  check(x, [&](auto, const auto& x) { return tile(x, {2, 2}); });
  check(x, [&](auto, const auto& x) { return repeat_interleave(x, 3, 1); });
  check(x, [&](auto on, const auto& x) { return repeat_interleave(x, on(tensor<std::int64_t>({1, 0, 3, 2})), 0); });
  check(x, [&](auto, const auto& x) { return flip(x, {0, 2}); });
  check(x, [&](auto, const auto& x) { return flip(transpose(x, 0, 2), {1}); });
  check(x, [&](auto, const auto& x) { return flip(expand(x(Slice{}, Slice{0, 1}), {4, 3, 6}), {0, 1}); });
  check(values({0, 3}), [&](auto, const auto& x) { return flip(x, {0, 1}); });
  check(x, [&](auto, const auto& x) { return roll(x, {1, -2}, {0, 2}); });
  check(x, [&](auto, const auto& x) { return roll(x, 7); });
  for (int k = 0; k < 4; ++k) check(x, [&](auto, const auto& x) { return rot90(x, k, 0, 2); });
  for (const int diagonal : {-7, -2, 0, 1, 4, 9}) {
    check(x, [&](auto, const auto& x) { return tril(x, diagonal); });
    check(x, [&](auto, const auto& x) { return triu(transpose(x, 1, 2), diagonal); });
    check(x, [&](auto, const auto& x) { return diag_embed(x, diagonal, 0, 2); });
    check(values({3}), [&](auto, const auto& x) { return diag(x, diagonal); });
  }
  check(values({3, 4}), [&](auto, const auto& x) { return diag(x, 1); });
  check(values({2, 2}), [&](auto, const auto& x) { return diagflat(x); });
  check(values({2, 8, 3, 2}), [&](auto, const auto& x) { return pixel_shuffle(x, 2); });
  check(values({2, 2, 4, 6}), [&](auto, const auto& x) { return pixel_unshuffle(x, 2); });
  check(values({2, 3, 4, 5}), [&](auto, const auto& x) { return contiguous(x, MemoryFormat::channels_last); });
  check(values({3, 8}), [&](auto, const auto& x) { return unfold(x, 1, 3, 2); });
  CHECK(same(tril_indices<D>(4, 5, 1), tril_indices(4, 5, 1)));
  CHECK(same(triu_indices<D>(4, 5, -1), triu_indices(4, 5, -1)));
  const auto index = tensor<std::int64_t>({{0, 3}, {2, 1}});
  CHECK(same(one_hot(to<D>(index)), one_hot(index)));
  CHECK(same(one_hot(to<D>(transpose(index, 0, 1)), 6), one_hot(transpose(index, 0, 1), 6)));
}

TEST_CASE("embedding") {
  manual_seed(5);
  const auto table = values({7, 5});
  const Tensor<std::int64_t> index = randint(0, 7, {4, 6});
  check(table, [&](auto on, const auto& w) { return embedding(on(index), w); });
  check(table, [&](auto on, const auto& w) { return embedding(on(index), w, 2); });
  check(table, [&](auto on, const auto& w) { return embedding(on(eval(cast<std::int32_t>(index))), w, -1); });
  check(values({5, 7}), [&](auto on, const auto& w) { return embedding(on(index), transpose(w, 0, 1)); });
  check(table, [&](auto on, const auto& w) { return embedding(on(zeros<std::int64_t>({0})), w); });
}

TEMPLATE_TEST_CASE("every dtype", "", float, double, bfloat16, float16, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t,
                   bool, std::complex<float>, std::complex<double>) {
  using T = TestType;
  manual_seed(6);
  const auto index = randint(0, 5, {40, 3});
  const Tensor<T> x = cast<T>(randint(0, 100, {5, 3})), source = cast<T>(randint(0, 100, {40, 3}));
  const auto bits = [](const Tensor<T>& a, const Tensor<T, D>& b) {
    const Tensor<T> c = to<Cpu>(b);
    REQUIRE(a.shape() == c.shape());
    CHECK(std::memcmp(a.data_ptr(), c.data_ptr(), static_cast<std::size_t>(a.numel()) * sizeof(T)) == 0);
  };
  const auto X = to<D>(x), S = to<D>(source);
  const auto I = to<D>(index);
  bits(gather(x, 0, index), gather(X, 0, I));
  bits(scatter(x, 0, index, source), scatter(X, 0, I, S));
  bits(scatter_add(x, 0, index, source), scatter_add(X, 0, I, S));
  const auto rows = index.select(1, 0);
  const auto Rows = to<D>(rows);
  bits(index_add(x, 0, rows, source), index_add(X, 0, Rows, S));
  bits(index_copy(x, 0, rows, source), index_copy(X, 0, Rows, S));
  bits(index_select(x, 0, rows), index_select(X, 0, Rows));
  bits(cat({x, source}, 0), cat({X, S}, 0));
  bits(pad(x, {1, 2, 3, 0}, {.value = 1}), pad(X, {1, 2, 3, 0}, {.value = 1}));
  bits(pad(x, {1, 2, 3, 0}, {.mode = PadMode::reflect}), pad(X, {1, 2, 3, 0}, {.mode = PadMode::reflect}));
  bits(flip(x, {0, 1}), flip(X, {0, 1}));
  bits(tril(x), tril(X));
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
