// SPDX-License-Identifier: MIT
// The tape: accumulation, views, in-place changes, hooks, custom functions, checkpoints, long chains, errors.
// Devices: slow
#include <taper/taper.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/device.hpp"

#include <cmath>

using namespace taper;
using Catch::Matchers::Contains;
using device::at;
using device::D;

namespace {

/// 0.1, 0.2, ..., on the host; and on the device under test.
Tensor<double> numbers(const Shape& shape, double step = 0.1) {
  Tensor<double> x = zeros<double>(shape);
  for (std::int64_t i = 0; i < x.numel(); ++i) x.data_ptr()[i] = step * static_cast<double>(i + 1);
  return x;
}
Tensor<double, D> counted(const Shape& shape, double step = 0.1) { return device::there(numbers(shape, step)); }

struct Cube {
  static constexpr std::string_view name = "cube";
  Saved<double, D> x;
  Tensor<double, D> forward(const Tensor<double, D>& in) {
    x = Saved(in);
    return in * in * in;
  }
  Tensor<double, D> backward(const Tensor<double, D>& g) const { return g * 3 * x.get() * x.get(); }
};

struct SumAndDifference {
  std::tuple<Tensor<double, D>, Tensor<double, D>> forward(const Tensor<double, D>& a, const Tensor<double, D>& b) {
    return {Tensor<double, D>(a + b), Tensor<double, D>(a - b)};
  }
  std::tuple<Tensor<double, D>, Tensor<double, D>> backward(const Tensor<double, D>& s, const Tensor<double, D>& d) const {
    return {Tensor<double, D>(s + d), Tensor<double, D>(s - d)};
  }
};

/// The identity, and minus the gradient: forward returns its argument.
struct Reversal {
  Tensor<double, D> forward(const Tensor<double, D>& x) { return x; }
  Tensor<double, D> backward(const Tensor<double, D>& g) const { return -g; }
};
/// Returns its arguments, the second twice.
struct Swap {
  std::tuple<Tensor<double, D>, Tensor<double, D>, Tensor<double, D>> forward(const Tensor<double, D>& a, const Tensor<double, D>& b) {
    return {b, a, b};
  }
  std::tuple<Tensor<double, D>, Tensor<double, D>> backward(const Tensor<double, D>& b, const Tensor<double, D>& a,
                                                            const Tensor<double, D>& c) const {
    return {Tensor<double, D>(a * 2), Tensor<double, D>(b * 3 + c * 5)};
  }
};
/// Keeps its result as a member, which stays outside the tape.
struct Remembering {
  Tensor<double, D>* kept;
  Tensor<double, D> forward(const Tensor<double, D>& x) { return *kept = x * 2; }
  Tensor<double, D> backward(const Tensor<double, D>& g) const { return g * 2; }
};

struct Doubled {
  Tensor<double, D> forward(const Tensor<double, D>& x) { return x * 2; }
  Tensor<double, D> backward(const Tensor<double, D>& g) const { return g * 2; }
};
struct Exponential {
  Tensor<double, D> forward(const Tensor<double, D>& x) { return exp(x); }
  Tensor<double, D> backward(const Tensor<double, D>& g, const Tensor<double, D>& y) const { return g * y; }
};
/// exp(x) and exp(2 x) / 2: backward reads the first output for both gradients.
struct Exponentials {
  std::tuple<Tensor<double, D>, Tensor<double, D>> forward(const Tensor<double, D>& x) {
    return {Tensor<double, D>(exp(x)), Tensor<double, D>(exp(x * 2) / 2)};
  }
  Tensor<double, D> backward(const Tensor<double, D>& g, const Tensor<double, D>& h, const Tensor<double, D>& y) const { return g * y + h * y * y; }
};

}  // namespace

TEST_CASE("gradients accumulate until they are dropped") {
  auto x = counted({3}).requires_grad_();
  sum(x * x).backward();
  sum(x * x).backward();
  CHECK(at(x.grad(), 2) == Approx(4 * 0.3));
  x.set_grad({});
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("a first gradient is stored as it is, a zero's sign included") {
  for (const std::int64_t n : {3, 5000}) {
    auto x = counted({n}).requires_grad_();
    (-x).backward(zeros<double, D>({n}));
    CHECK(std::signbit(at(x.grad(), n - 1)));
  }
}

TEST_CASE("a gradient that nobody else needs lends its memory to the next one") {
  for (const std::int64_t n : {3, 5000}) {
    auto x = counted({n}).requires_grad_();
    const Tensor<double, D> h = x * 2, y = h * 3;
    const double* of_h = nullptr;
    const auto hook = h.register_hook([&](const Tensor<double, D>& g) {
      of_h = g.data_ptr();
      return Tensor<double, D>();
    });
    y.backward(ones<double, D>({n}));
    if (device::is_host) CHECK(std::as_const(x).grad().data_ptr() == of_h);
    CHECK(at(x.grad(), n - 1) == 6);
  }
}

TEST_CASE("one kernel forward and one backward, repeated and broadcast leaves included") {
  auto x = counted({4, 5}).requires_grad_(), b = counted({5}).requires_grad_(), c = counted({4, 1}).requires_grad_();
  reset_stats();
  const Tensor<double, D> y = tanh(x * x + b) * c + relu(x);
  CHECK(stats().launches == 1);
  const auto seed = ones_like(y);
  reset_stats();
  y.backward(seed);
  CHECK(stats().launches == 1);
  CHECK(b.grad().shape() == Shape{5});
  CHECK(c.grad().shape() == Shape{4, 1});
  CHECK(testing::gradcheck(device::run_copies([](auto& u, auto& v, auto& w) { return tanh(u * u + v) * w; }), std::tuple(numbers({4, 5}), numbers({5}), numbers({4, 1}))));
}

TEST_CASE("what is named is stored once, what is not is fused") {
  auto x = counted({3}).requires_grad_();
  auto h = exp(x);
  reset_stats();
  const Tensor<double, D> y = h * h + h;
  CHECK(stats().launches == 2);
  reset_stats();
  const Tensor<double, D> z = silu(relu(x));
  CHECK(stats().launches == 1);
  reset_stats();
  const Tensor<double, D> w = let(x * 2.0, [](auto v) { return v * sigmoid(v) + v; });
  CHECK(stats().launches == 1);
  y.backward(ones_like(y));
  const double e = std::exp(0.3);
  CHECK(at(x.grad(), 2) == Approx(2 * e * e + e));
}

TEST_CASE("second derivatives") {
  CHECK(testing::gradgradcheck(device::run_copies([](auto& x) { return tanh(x) * x; }), numbers({2, 3})));
  CHECK(testing::gradgradcheck(device::run_copies([](auto& x, auto& y) { return sum(exp(x) * y, 0); }), std::tuple(numbers({2, 3}), numbers({3}))));
  CHECK(testing::gradgradcheck(device::run_copies([](auto& x) { return apply_function(Cube{}, x); }), numbers({3})));
  CHECK(testing::gradgradcheck(device::run_copies([](auto& x) { return transpose(narrow(x, 1, 1, 2), 0, 1) * x(Slice{0, 1}, 0); }), numbers({2, 3})));
  auto x = counted({1}).requires_grad_();
  const auto g1 = grad(sum(x * x * x), x, {.create_graph = true});
  const auto g2 = grad(sum(g1), x, {.create_graph = true});
  const auto g3 = grad(sum(g2), x);
  CHECK(g3.item() == Approx(6));
}

TEST_CASE("gradcheck finds a wrong derivative") {
  struct Wrong {
    Tensor<double, D> forward(const Tensor<double, D>& x) { return x * x; }
    Tensor<double, D> backward(const Tensor<double, D>& g) const { return g * 3; }
  };
  CHECK_THROWS_WITH(testing::gradcheck(device::run_copies([](auto& x) { return apply_function(Wrong{}, x); }), numbers({2})), Contains("central differences"));
}

TEST_CASE("gradients flow through views and sum over overlaps") {
  auto x = counted({6}).requires_grad_();
  sum(unfold(x, 0, 3, 1)).backward();
  const double expected[] = {1, 2, 3, 3, 2, 1};
  for (int i = 0; i < 6; ++i) CHECK(at(x.grad(), i) == expected[i]);
  CHECK(testing::gradcheck(device::run_copies([](auto& u) { return expand(u, {4, 3}) * u; }), numbers({3})));
  CHECK(testing::gradcheck(device::run_copies([](auto& u) { return diagonal(u) * 2; }), numbers({3, 3})));
  CHECK(testing::gradcheck(device::run_copies([](auto& u) { return u * transpose(u, 0, 1); }), numbers({3, 3})));
}

TEST_CASE("in-place changes are recorded, through views too") {
  auto x = counted({3, 2}).requires_grad_();
  Tensor<double, D> y = clone(x);
  y[1] = 7.0;
  y[2] = x[0] * 2;
  y *= 3.0;
  sum(y).backward();
  const double expected[] = {9, 9, 0, 0, 0, 0};
  for (int i = 0; i < 6; ++i) CHECK(at(x.grad(), i) == expected[i]);

  Tensor<double, D> base = zeros<double, D>({2, 2});
  auto w = counted({2}).requires_grad_();
  base[0] = w * w;
  CHECK(base.requires_grad());
  sum(base * base).backward();
  CHECK(at(w.grad(), 1) == Approx(4 * 0.2 * 0.2 * 0.2));
}

TEST_CASE("a write through a view of an overlapping view, whose gradient would be wrong, throws before it writes") {
  const auto w = counted({3}).requires_grad_();
  const auto refused = [&](auto write) {
    Tensor<double, D> x = w * 1;
    CHECK_THROWS_WITH(write(x), Contains("overlaps itself"));
    CHECK(equal(x, w));
    w.set_grad({});
    sum(x).backward();
    CHECK(at(w.grad(), 0) == 1);
  };
  refused([](auto& x) { x.expand({2, 3})[0] *= 3; });
  refused([](auto& x) { x.unfold(0, 2, 1)[0] *= 3; });
  refused([&](auto& x) { x.expand({4, 3})[2] = w * 5; });
  refused([](auto& x) { x.expand({2, 3})[0].fill_(2); });
  refused([](auto& x) { x.expand({2, 3}).fill_(2); });
  refused([](auto& x) { x.expand({2, 3})[1].view({3, 1})[0] = 2.0; });
  refused([](auto& x) { index_put_(x.expand({2, 3})[0], {tensor<std::int64_t, D>({0, 2})}, 7.0); });
  refused([](auto& x) { uniform_(x.expand({2, 3})[0]); });
  // What is not recorded writes as it lies, and windows that do not overlap are as good as any view.
  Tensor<double, D> plain = counted({3});
  plain.expand({2, 3})[0] *= 2;
  plain.expand({2, 3}).fill_(4);
  CHECK(at(plain, 2) == 4);
  Tensor<double, D> x = w * 1;
  {
    const NoGrad guard;
    x.expand({2, 3})[0] *= 2;
  }
  Tensor<double, D> y = w * 1;
  y[Slice{0, 2}].unfold(0, 1, 1)[0] *= 3;
  y.expand({1, 3})[0][1] *= 5;
  w.set_grad({});
  sum(y).backward();
  CHECK(at(w.grad(), 0) == 3);
  CHECK(at(w.grad(), 1) == 5);
}

TEST_CASE("a saved tensor that was changed in place is noticed") {
  auto x = counted({3}).requires_grad_();
  Tensor<double, D> y = x * 2;
  const Tensor<double, D> z = y * y;
  y += 1.0;
  CHECK_THROWS_AS(sum(z).backward(), AutogradError);
  CHECK_THROWS_WITH(x += 1.0, Contains("leaf"));
  {
    const NoGrad guard;
    x += 1.0;
  }
  CHECK(at(x, 0) == Approx(1.1));
  auto e = x * 3;
  {
    const NoGrad guard;
    x += 1.0;
  }
  CHECK_THROWS_WITH(e.eval(), Contains("changed in place"));
}

TEST_CASE("a graph is walked once unless it is kept") {
  auto x = counted({3}).requires_grad_();
  const Tensor<double, D> y = sum(x * x);
  y.backward({.retain_graph = true});
  y.backward();
  CHECK_THROWS_WITH(y.backward(), Contains("freed"));
  CHECK_THROWS_AS(counted({1}).backward(), AutogradError);
  CHECK_THROWS_AS((x * 2).backward(), ShapeError);
}

TEST_CASE("views are walked by several backward passes") {
  auto w = counted({2, 3}).requires_grad_();
  const Tensor<double, D> wt = w.t(), row = w[0];
  sum(wt * 2).backward();
  (sum(wt * 3) + sum(row)).eval().backward();
  sum(row).backward();
  CHECK(at(w.grad(), 0) == 7);
  CHECK(at(w.grad(), 5) == 5);
}

TEST_CASE("grad gives values, runs what it needs, and names what is not reached") {
  auto x = counted({3}).requires_grad_(), w = counted({3}).requires_grad_(), other = counted({3}).requires_grad_();
  const Tensor<double, D> y = sum(x * w);
  const auto [gx, gw] = grad(y, std::tie(x, w), {.retain_graph = true});
  CHECK(equal(gx, w));
  CHECK(equal(gw, x));
  CHECK_FALSE(x.grad().defined());
  CHECK_THROWS_WITH(grad(y, other, {.retain_graph = true}), Contains("does not depend"));
  CHECK_FALSE(grad(y, other, {.allow_unused = true}).defined());
}

TEST_CASE("grad takes expressions, named or not") {
  auto x = counted({1}).requires_grad_();
  auto y = x * x * 3.0;
  const auto g = grad(y, x, {.create_graph = true});
  CHECK(grad(g * g, x).item() == Approx(2 * 36 * 0.1));
  CHECK(grad(y, x, Tensor<double, D>(x * 2), {.retain_graph = true}).item() == Approx(0.6 * 0.2));
  CHECK(std::get<0>(grad(exp(y), std::tie(x))).item() == Approx(std::exp(0.03) * 0.6));
}

TEST_CASE("hooks see and replace gradients") {
  auto x = counted({3}).requires_grad_();
  int calls = 0;
  auto handle = x.register_hook([&](const Tensor<double, D>& g) {
    ++calls;
    return Tensor<double, D>(g * 2);
  });
  int after = 0;
  register_post_accumulate_grad_hook(x, [&](const Tensor<double, D>&) { ++after; });
  sum(x * x).backward();
  CHECK(calls == 1);
  CHECK(after == 1);
  CHECK(at(x.grad(), 0) == Approx(0.4));
  handle.remove();
  x.set_grad({});
  sum(x * x).backward();
  CHECK(calls == 1);
  CHECK(at(x.grad(), 0) == Approx(0.2));
}

TEST_CASE("hooks that take themselves or each other off while they run") {
  using T = Tensor<double, D>;
  auto x = counted({2}).requires_grad_();
  std::vector<HookHandle> handles(4);
  std::string calls;
  handles[0] = x.register_hook([&](const T&) { calls += 'a', handles[0].remove(); });
  handles[1] = x.register_hook([&](const T&) { calls += 'b', handles[2].remove(); });
  handles[2] = x.register_hook([&](const T&) { calls += 'c'; });
  handles[3] = x.register_hook([&](const T&) { calls += 'd', handles[1].remove(); });
  sum(x * 2).backward();
  CHECK(calls == "abcd");
  calls.clear();
  sum(x * 2).backward();
  CHECK(calls == "d");
  CHECK(at(x.grad(), 0) == 4);

  calls.clear();
  handles[0] = register_post_accumulate_grad_hook(x, [&](const T&) { calls += 'p', handles[0].remove(); });
  register_post_accumulate_grad_hook(x, [&](const T&) { calls += 'q'; });
  const T y = x * 2;
  handles[1] = register_node_hook(y, [&](const T&) { calls += 'n', handles[1].remove(); });
  register_node_hook(y, [&](const T&) { calls += 'm'; });
  sum(y).backward({.retain_graph = true});
  CHECK(calls == "nmdpq");
  calls.clear();
  sum(y).backward();
  CHECK(calls == "mdq");
}

TEST_CASE("hooks that register a hook or run a pass of their own") {
  using T = Tensor<double, D>;
  auto x = counted({2}).requires_grad_();
  int calls = 0;
  HookHandle handle;
  handle = x.register_hook([&](const T&) {
    handle.remove();
    x.register_hook([&](const T&) { ++calls; });
  });
  sum(x * 2).backward();
  CHECK(calls == 0);
  sum(x * 2).backward();
  CHECK(calls == 1);
  auto w = counted({2}).requires_grad_();
  int depth = 0;
  HookHandle inner;
  inner = w.register_hook([&](const T&) {
    if (++depth > 1) return inner.remove();  // inside the call below, which goes on
    const EnableGrad guard;
    sum(w * 3).backward();
  });
  sum(w * 2).backward();
  CHECK(depth == 2);
  CHECK(at(w.grad(), 0) == 5);
}

TEST_CASE("a leaf that wants its gradient again has what it had") {
  using T = Tensor<double, D>;
  auto w = counted({3}).requires_grad_();
  int calls = 0;
  w.register_hook([&](const T&) { ++calls; });
  const T before = sum(w * w);
  sum(w * 2).backward();
  w.requires_grad_(false);
  CHECK_FALSE(w.requires_grad());
  CHECK(w.is_leaf());
  CHECK(at(w.grad(), 0) == 2);
  CHECK_FALSE((w * 2).eval().requires_grad());
  w += 0.0;  // no leaf that wants a gradient
  w.requires_grad_();
  CHECK(at(w.grad(), 0) == 2);
  sum(w * 3).backward();
  CHECK(at(w.grad(), 0) == 5);
  CHECK(calls == 2);

  auto v = counted({3}).requires_grad_();
  const T y = sum(v * 2), z = sum(v * 4);
  v.requires_grad_(false);
  z.backward();
  CHECK_FALSE(v.grad().defined());
  v.requires_grad_();
  y.backward();
  CHECK(at(v.grad(), 0) == 2);

  auto u = counted({3}).requires_grad_();
  const T head = u[Slice{0, 2}];
  sum(head).backward();
  u.requires_grad_(false);
  u *= 2.0;
  u.requires_grad_();
  sum(head * u[2]).backward();
  CHECK(at(u.grad(), 0) == Approx(1 + 0.6));
  CHECK(at(u.grad(), 2) == Approx(0.2 + 0.4));
}

TEST_CASE("custom functions with several inputs and outputs") {
  auto a = counted({2}).requires_grad_(), b = counted({2}, 0.5).requires_grad_();
  const auto [s, d] = apply_function(SumAndDifference{}, a, b);
  sum(s * 2.0 + d * 3.0).backward();
  CHECK(at(a.grad(), 0) == Approx(5));
  CHECK(at(b.grad(), 0) == Approx(-1));
}

TEST_CASE("a custom function that returns its argument leaves that as it was") {
  auto w = counted({2}).requires_grad_();
  const Tensor<double, D> y = apply_function(Reversal{}, w);
  CHECK(w.is_leaf());
  CHECK_FALSE(y.is_leaf());
  sum(y * 3).backward();
  CHECK(at(w.grad(), 0) == -3);

  w.set_grad({});
  const Tensor<double, D> x = w * 2, r = apply_function(Reversal{}, x), z = x * 3;
  sum(r + z).backward();
  CHECK(at(w.grad(), 0) == 4);

  auto a = counted({2}).requires_grad_(), b = counted({2}).requires_grad_();
  const auto [first, second, third] = apply_function(Swap{}, a, b);
  sum(first + second * 10 + third * 100).backward();
  CHECK(a.is_leaf());
  CHECK(at(a.grad(), 0) == 20);
  CHECK(at(b.grad(), 0) == 3 + 500);

  Tensor<double, D> kept;
  CHECK(apply_function(Remembering{&kept}, a).requires_grad());
  CHECK_FALSE(kept.requires_grad());
}

TEST_CASE("the result of a custom function may be changed in place where its gradient does not read it") {
  auto w = counted({2}).requires_grad_();
  Tensor<double, D> y = apply_function(Doubled{}, w);
  y += 1.0;
  sum(y).backward();
  CHECK(at(w.grad(), 0) == 2);
  Tensor<double, D> z = apply_function(Exponential{}, w);
  z += 1.0;
  CHECK_THROWS_WITH(sum(z).backward(), Contains("changed in place"));
}

TEST_CASE("the first output is differentiated through where only the second is left") {
  auto w = counted({2}).requires_grad_();
  const auto second = std::get<1>(apply_function(Exponentials{}, w));
  const auto g = grad(sum(second), w, {.create_graph = true});
  CHECK(at(g, 1) == Approx(std::exp(0.4)));
  CHECK(at(grad(sum(g), w), 1) == Approx(2 * std::exp(0.4)));
}

TEST_CASE("a checkpoint computes again with the same random numbers") {
  auto w = counted({64}).requires_grad_(), v = counted({64}).requires_grad_();
  auto part = [](const Tensor<double, D>& x, const Tensor<double, D>& p) { return Tensor<double, D>(dropout(x * p, 0.5, true)); };
  manual_seed(3);
  sum(part(v, w)).backward();
  const Tensor<double, D> gv = clone(v.grad()), gw = clone(w.grad());
  v.set_grad({}), w.set_grad({});
  manual_seed(3);
  sum(checkpoint([&](const Tensor<double, D>& x) { return part(x, w); }, v)).backward();
  CHECK(equal(gv, v.grad()));
  CHECK(equal(gw, w.grad()));
}

TEST_CASE("a checkpoint that throws in backward leaves the generator where it was") {
  auto w = counted({2}).requires_grad_();
  int calls = 0;
  manual_seed(1);
  const auto f = [&](const Tensor<double, D>& x) -> Tensor<double, D> {
    if (calls++) throw ValueError("again");
    return dropout(x, 0.5, true);
  };
  const Tensor<double, D> y = checkpoint(f, w);
  rand<float>({1});
  const GeneratorState before = default_generator().state();
  CHECK_THROWS_AS(sum(y).backward(), ValueError);
  CHECK(default_generator().state() == before);
}

TEST_CASE("anomaly mode names the op inside a fused expression") {
  const DetectAnomaly guard;
  auto x = zeros<double, D>({2}).requires_grad_();
  CHECK_THROWS_WITH(sum(sqrt(x) * x).backward(), Contains("sqrt"));
}

TEST_CASE("a chain of a million nodes is built, run and destroyed") {
  const int nodes = device::is_host ? 1'000'000 : 100'000;  // guarding memory takes its time
  auto x = counted({1}).requires_grad_();
  Tensor<double, D> y = x;
  for (int i = 0; i < nodes; ++i) y = y + 1.0;
  y.backward();
  CHECK(x.grad().item() == 1);
}

TEST_CASE("mixed dtypes cast the gradient back") {
  auto f = ones<float, D>({3}).requires_grad_();
  auto d = counted({3}).requires_grad_();
  const auto i = tensor<std::int64_t, D>({1, 2, 3});
  const Tensor<double, D> y = f * d * i;
  y.backward(ones_like(y));
  CHECK(at(f.grad(), 2) == Approx(0.9f));
  CHECK(at(d.grad(), 2) == Approx(3));
}
