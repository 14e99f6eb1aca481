// SPDX-License-Identifier: MIT
// What stands around a matrix product, a convolution or a batch norm runs over each part of its result: the same bits, one
// pass, whatever the operands' shapes, the sizes and the threads.
// Devices: slow
#include <taper/taper.hpp>

#include <cstring>

#include "tests/support/catch.hpp"
#include "tests/support/device.hpp"

using namespace taper;
using device::D;

namespace {

template <class X, class Y>
bool equal_bits(const X& x, const Y& y) {
  return x.shape() == y.shape() && x.dtype() == y.dtype() && equal(x, y);
}

/// f(producer) against f(tensor), forward and the gradients of the leaves; `passes` walks over memory in forward.
template <class Make, class F, class... Leaf>
void compare(Make make, F f, Leaf... leaf) {
  Tensor<float, D> fused;
  {
    const NoGrad guard;
    reset_stats();
    Tensor<float, D> y = f(make());
    if (device::is_host) CHECK((stats().passes == 1 && stats().launches == 1));
    fused = y;
  }
  const Tensor<float, D> apart = make(), expected = f(apart);
  CHECK(equal_bits(fused, expected));
  (leaf.requires_grad_(), ...);
  const auto gradients = [&](const Tensor<float, D>& y) {
    (leaf.set_grad({}), ...);
    sum(y * y).backward();
    return std::vector<Tensor<float, D>>{leaf.grad()...};
  };
  const auto got = gradients(Tensor<float, D>(f(make())));
  const Tensor<float, D> recorded = make();
  const auto wanted = gradients(Tensor<float, D>(f(recorded)));
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(equal_bits(got[i], wanted[i]));
}

}  // namespace

TEST_CASE("linear with a pointwise epilogue is one pass over the result") {
  manual_seed(3);
  const int before = get_num_threads();
  for (const int threads : {1, 2})
    for (const auto& [m, k, n] : {std::tuple{64, 100, 300}, std::tuple{257, 33, 129}, std::tuple{1, 40, 9001}, std::tuple{9000, 3, 1},
                                  std::tuple{40, 600, 250}, std::tuple{300, 7, 40}}) {
      set_num_threads(threads);
      CAPTURE(threads, m, k, n);
      const auto x = randn<float, D>({m, k}), w = randn<float, D>({n, k}), b = randn<float, D>({n});
      const auto along = randn<float, D>({n}), rows = randn<float, D>({m, 1}), all = randn<float, D>({m, n}), one = randn<float, D>({1}),
                 turned = randn<float, D>({n, m});
      const auto with = [&](auto&& y) { return gelu(std::forward<decltype(y)>(y) * along + rows) * one + all; };
      compare([&] { return linear(x, w, b); }, with, x, w, b, along, rows, all, one);
      compare([&] { return linear(x, w); }, [](auto&& y) { return relu(std::forward<decltype(y)>(y)); }, x, w);
      compare([&] { return matmul(x, t(w)); }, [&](auto&& y) { return tanh(std::forward<decltype(y)>(y)); }, x, w);
      // An operand that runs along neither rows nor columns of memory, and a program that changes the dtype.
      const Tensor<float, D> h = linear(x, w, b);
      CHECK(equal_bits(Tensor<float, D>(relu(linear(x, w, b)) + t(turned)), Tensor<float, D>(relu(h) + t(turned))));
      CHECK(equal_bits(Tensor<double, D>(cast<double>(linear(x, w, b)) * 3.0), Tensor<double, D>(cast<double>(h) * 3.0)));
      CHECK(equal_bits(Tensor<bool, D>(linear(x, w, b) > 0.0f), Tensor<bool, D>(h > 0.0f)));
    }
  set_num_threads(before);
}

TEST_CASE("more than two dimensions, two products, other dtypes") {
  const auto x = randn<float, D>({6, 50, 40}), w = randn<float, D>({70, 40}), v = randn<float, D>({70, 40});
  const auto middle = randn<float, D>({50, 1}), outer = randn<float, D>({6, 1, 70});
  compare([&] { return linear(x, w); }, [&](auto&& y) { return relu(std::forward<decltype(y)>(y) + middle) * outer; }, x, w, middle, outer);
  const Tensor<float, D> a = linear(x, w), b = linear(x, v);
  CHECK(equal_bits(Tensor<float, D>(sigmoid(linear(x, w)) * linear(x, v)), Tensor<float, D>(sigmoid(a) * b)));
  // The product is smaller than the expression.
  const auto wide = randn<float, D>({3, 1, 1, 1});
  CHECK(equal_bits(Tensor<float, D>(relu(linear(x, w)) + wide), Tensor<float, D>(relu(a) + wide)));
  const auto d = randn<double, D>({100, 90}), e = randn<double, D>({110, 90}), f = randn<double, D>({110});
  const Tensor<double, D> g = linear(d, e, f);
  CHECK(equal_bits(Tensor<double, D>(exp(-square(linear(d, e, f)))), Tensor<double, D>(exp(-square(g)))));
  const auto h = cast<bfloat16>(d), i = cast<bfloat16>(e), j = cast<bfloat16>(f);
  const Tensor<bfloat16, D> l = linear(h, i, j);
  CHECK(equal_bits(Tensor<bfloat16, D>(relu(linear(h, i, j))), Tensor<bfloat16, D>(relu(l))));
}

TEST_CASE("an expression with a product may be evaluated again, and its parts") {
  const auto x = randn<float, D>({90, 30}), w = randn<float, D>({120, 30});
  const Tensor<float, D> h = linear(x, w);
  auto product = linear(x, w);
  auto y = relu(product);
  const Tensor<float, D> first = y, second = y, alone = product;
  CHECK(equal_bits(first, Tensor<float, D>(relu(h))));
  CHECK(equal_bits(second, first));
  CHECK(equal_bits(alone, h));
  Tensor<float, D> changed = clone(x);
  auto late = relu(linear(x, w) + sum(changed));
  auto stale = relu(linear(changed, w));
  changed += 1.0f;
  CHECK_THROWS_AS((Tensor<float, D>(std::move(stale))), ValueError);
}

TEST_CASE("convolutions with an epilogue: every path") {
  manual_seed(5);
  const int before = get_num_threads();
  struct Case {
    Shape x, w;
    Conv2dFuncOptions options;
  };
  const Case cases[] = {
      {{3, 40, 30, 31}, {44, 40, 3, 3}, {.padding = 1}},           // Winograd's tiles
      {{9, 5, 31, 30}, {6, 5, 5, 3}, {.stride = 2}},               // shifted copies
      {{2, 48, 20, 20}, {60, 48, 1, 1}, {}},                       // a plain product
      {{2, 24, 20, 21}, {24, 1, 3, 3}, {.padding = 1, .groups = 24}},  // depthwise
      {{20, 8, 8, 8}, {48, 4, 3, 3}, {.stride = 2, .groups = 2}},  // grouped, few pixels
      {{130, 70, 1, 1}, {90, 70, 1, 1}, {}}};
  for (const int threads : {1, 2})
    for (const Case& c : cases) {
      set_num_threads(threads);
      CAPTURE(threads, c.x, c.w);
      const auto x = randn<float, D>(c.x), w = randn<float, D>(c.w), b = randn<float, D>({c.w[0]});
      const Shape y = conv2d(x, w, b, c.options).shape();
      const auto channel = randn<float, D>({y[1], 1, 1}), all = randn<float, D>(y), columns = randn<float, D>({y[3]});
      compare([&] { return conv2d(x, w, b, c.options); }, [](auto&& v) { return relu(std::forward<decltype(v)>(v)); }, x, w, b);
      compare([&] { return conv2d(x, w, {}, c.options); }, [&](auto&& v) { return silu(std::forward<decltype(v)>(v) * channel) + all; }, x, w, channel, all);
      const Tensor<float, D> h = conv2d(x, w, b, c.options);
      CHECK(equal_bits(Tensor<float, D>(relu(conv2d(x, w, b, c.options) + columns)), Tensor<float, D>(relu(h + columns))));
    }
  set_num_threads(before);
  // Padding that differs on the two sides.
  const auto x = randn<float, D>({2, 5, 40, 40}), w = randn<float, D>({6, 5, 4, 2});
  const Tensor<float, D> h = conv2d(x, w, {}, {.padding = "same"});
  CHECK(equal_bits(Tensor<float, D>(relu(conv2d(x, w, {}, {.padding = "same"}))), Tensor<float, D>(relu(h))));
}

TEST_CASE("a producer alone is its own value, named or as an argument") {
  const auto x = randn<float>({2, 3, 6, 6}), w = randn<float>({4, 3, 3, 3});
  const auto passes = [](auto&& f) {
    reset_stats();
    f();
    return stats().passes;
  };
  CHECK(passes([&] { (void)reshape(conv2d(x, w), {2, 64}); }) == 1);
  CHECK(passes([&] { (void)max_pool2d(conv2d(x, w), 2); }) == 2);
  CHECK(passes([&] {
          const auto y = conv2d(x, w);
          const Tensor<float> z = relu(y);
        }) == 2);
}

TEST_CASE("an infinite result sends a convolution another way, and the epilogue runs once over what counts") {
  auto x = randn<float, D>({1, 32, 40, 40});
  const auto w = randn<float, D>({32, 32, 3, 3});
  x(0, 0, 17, 20) = std::numeric_limits<float>::infinity();
  const Tensor<float, D> h = conv2d(x, w, {}, {.padding = 1}), y = conv2d(x, w, {}, {.padding = 1}) * 2.0f + 1.0f;
  const Tensor<float, D> expected = h * 2.0f + 1.0f;
  const std::vector<float> got = device::values(y), wanted = device::values(expected);
  for (std::size_t i = 0; i < got.size(); ++i) REQUIRE((got[i] == wanted[i] || (got[i] != got[i] && wanted[i] != wanted[i])));
}

TEST_CASE("batch norm and what follows: one pass behind its moments; behind a convolution in eval mode none") {
  manual_seed(7);
  const auto x = randn<float, D>({4, 12, 21, 20}), w = randn<float, D>({18, 12, 3, 3}), all = randn<float, D>({4, 18, 19, 18});
  nn::BatchNorm2d<float, D> norm(18);
  nn::init::uniform_(norm.weight);
  nn::init::uniform_(norm.bias);
  const auto count = [&](auto&& run) {
    reset_stats();
    const Tensor<float, D> y = run();
    return stats().passes;
  };
  const auto on_host = [](std::int64_t passes, std::int64_t count) { return !device::is_host || passes == count; };
  {
    const NoGrad guard;
    CHECK(on_host(count([&] { return Tensor<float, D>(relu(norm(conv2d(x, w)) + all)); }), 3));
    nn::eval(norm);
    CHECK(on_host(count([&] { return Tensor<float, D>(relu(norm(conv2d(x, w)) + all)); }), 1));
    const Tensor<float, D> h = conv2d(x, w), n = norm(h);
    CHECK(equal_bits(Tensor<float, D>(relu(norm(conv2d(x, w)) + all)), Tensor<float, D>(relu(n + all))));
    CHECK(equal_bits(Tensor<float, D>(norm(conv2d(x, w))), n));
    nn::BatchNorm1d<float, D> flat(300);
    nn::init::uniform_(flat.weight);
    const auto rows = randn<float, D>({100, 40}), weight = randn<float, D>({300, 40});
    const Tensor<float, D> moved = flat(rows.matmul(t(weight)));
    nn::eval(flat);
    const Tensor<float, D> p = linear(rows, weight), q = flat(p);
    CHECK(on_host(count([&] { return Tensor<float, D>(relu(flat(linear(rows, weight)))); }), 1));
    CHECK(equal_bits(Tensor<float, D>(relu(flat(linear(rows, weight)))), Tensor<float, D>(relu(q))));
  }
  for (const bool training : {true, false}) {
    nn::train(norm, training);
    nn::Buffer<float, D> mean = norm.running_mean;
    const Tensor<float, D> kept = clone(mean);
    auto weight = clone(w).requires_grad_();
    const auto gradients = [&](auto&& run) {
      weight.set_grad({}), norm.weight.set_grad({}), norm.bias.set_grad({});
      mean.copy_(kept);
      const Tensor<float, D> y = run();
      sum(y * y).backward();
      return std::vector<Tensor<float, D>>{detach(y), weight.grad(), norm.weight.grad(), norm.bias.grad(), clone(mean)};
    };
    const auto fused = gradients([&] { return Tensor<float, D>(relu(norm(conv2d(x, weight)) + all)); });
    const auto apart = gradients([&] {
      const Tensor<float, D> h = conv2d(x, weight), n = norm(h);
      return Tensor<float, D>(relu(n + all));
    });
    for (std::size_t i = 0; i < fused.size(); ++i) CHECK(equal_bits(fused[i], apart[i]));
  }
}

TEST_CASE("the pooling of an unnamed relu equals that of a named one, values and gradients, and never stores the relu") {
  const auto same_bits = [](const Tensor<float, D>& a, const Tensor<float, D>& b) {
    const std::vector<float> x = device::values(a), y = device::values(b);
    return a.shape() == b.shape() && std::memcmp(x.data(), y.data(), x.size() * sizeof(float)) == 0;
  };
  manual_seed(3);
  Tensor<float, D> image = randn<float, D>({2, 3, 9, 11}), weight = randn<float, D>({4, 3, 3, 3});
  image(0, 1, 4, 5) = std::numeric_limits<float>::quiet_NaN();
  image(1, 2, 0, 0) = std::numeric_limits<float>::infinity();
  const auto run = [&](bool named, auto pool) {
    Tensor<float, D> x = clone(image), w = clone(weight);
    x.requires_grad_(), w.requires_grad_();
    Tensor<float, D> y;
    if (named) {
      const Tensor<float, D> h = relu(conv2d(x, w));
      y = pool(h);
    } else {
      y = pool(relu(conv2d(x, w)));
    }
    y.backward(reshape(arange<float, D>(y.numel()), y.shape()));
    return std::array{Tensor<float, D>(y.detach()), x.grad(), w.grad()};
  };
  const auto compare = [&](auto pool) {
    const auto expected = run(true, pool), got = run(false, pool);
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(same_bits(got[i], expected[i]));
  };
  compare([](auto&& h) { return max_pool2d(std::forward<decltype(h)>(h), 2); });
  compare([](auto&& h) { return max_pool2d(std::forward<decltype(h)>(h), 3, {.stride = 2, .padding = 1, .ceil_mode = true}); });
  compare([](auto&& h) { return adaptive_max_pool2d(std::forward<decltype(h)>(h), Pair(3, 2)); });

  const Tensor<float, D> signs = -1 - rand<float, D>({1, 3, 9, 11});  // no window holds anything above 0
  CHECK(same_bits(max_pool2d(relu(conv2d(signs, ones<float, D>({1, 3, 3, 3}))), 2), zeros<float, D>({1, 1, 3, 4})));

  if (!device::is_host) return;
  Tensor<float, D> w = clone(weight);
  w.requires_grad_();
  const auto kept_bytes = [&](auto&& pooled) {
    const std::int64_t before = allocator_stats().allocated_bytes;
    const Tensor<float, D> y = pooled(zeros<float, D>({1, 3, 66, 66}));
    return allocator_stats().allocated_bytes - before;
  };
  const std::int64_t named = kept_bytes([&](const Tensor<float, D>& x) {
    const Tensor<float, D> h = relu(conv2d(x, w));
    return max_pool2d(h, 2);
  });
  CHECK(named - kept_bytes([&](const Tensor<float, D>& x) { return max_pool2d(relu(conv2d(x, w)), 2); }) >= (4 * 64 * 64 - 4 * 32 * 32) * 4);
}
