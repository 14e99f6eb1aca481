// SPDX-License-Identifier: MIT
// What is not kept for backward is made again: the same bits as kept, less memory, whatever order graphs are walked in.
// Devices: slow
#include <taper/taper.hpp>

#include <optional>
#include <thread>

#include "tests/support/catch.hpp"
#include "tests/support/device.hpp"

using namespace taper;
using device::D;

namespace {

using Tensors = std::vector<Tensor<float, D>>;

/// Activations large enough to be made again: norm and relu between convolutions, two norms in a sum, one result read twice.
struct ConvBlock {
  nn::Conv2d<float, D> first{4, 8, {.kernel_size = 3, .padding = 1, .bias = false}}, second{8, 8, {.kernel_size = 3, .padding = 1, .bias = false}},
      side{4, 8, {.kernel_size = 1, .bias = false}}, last{8, 2, {.kernel_size = 1}};
  nn::BatchNorm2d<float, D> norm1{8}, norm2{8}, norm3{8};
  Tensor<float, D> operator()(const Tensor<float, D>& x) const {
    const Tensor<float, D> a = relu(norm1(first(x)));
    const Tensor<float, D> b = relu(norm2(second(a)) + norm3(side(x)));
    return last(b) + last(b * 2);
  }
  Tensors leaves() const { return {first.weight, second.weight, side.weight, last.weight, last.bias, norm1.weight, norm1.bias, norm2.weight, norm3.bias}; }
  static Tensor<float, D> input() { return randn<float, D>({4, 4, 40, 33}); }
};
/// The feed-forward half of a transformer block.
struct FeedForward {
  nn::LayerNorm<float, D> norm{64};
  nn::Linear<float, D> up{64, 256}, down{256, 64};
  Tensor<float, D> operator()(const Tensor<float, D>& x) const { return x + down(gelu(up(norm(x)))); }
  Tensors leaves() const { return {norm.weight, norm.bias, up.weight, up.bias, down.weight, down.bias}; }
  static Tensor<float, D> input() { return randn<float, D>({520, 64}); }
};
/// The same where the last product's gradient makes its input in three parts of 367 rows, the last one shorter.
struct WideFeedForward {
  nn::Linear<float, D> up{16, 301}, down{301, 7};
  Tensor<float, D> operator()(const Tensor<float, D>& x) const { return down(gelu(up(x))); }
  Tensors leaves() const { return {up.weight, down.weight, up.bias, down.bias}; }
  static Tensor<float, D> input() { return randn<float, D>({11, 100, 16}); }
};

Tensors gradients(const Tensors& leaves) {
  Tensors out;
  for (const Tensor<float, D>& p : leaves) out.push_back(clone(p.grad()));
  return out;
}
void clear(const Tensors& leaves) {
  for (Tensor<float, D> p : leaves) p.set_grad({});
}
void check_same(const Tensors& a, const Tensors& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(equal(a[i], b[i]));
}

/// f(loss) with results kept and with results made again.
template <class Net, class F>
void compare(F f) {
  manual_seed(5);
  const Net net;
  const Tensor<float, D> x = Net::input().requires_grad_();
  Tensors leaves = net.leaves();
  leaves.push_back(x);
  const auto run = [&](bool keep) {
    clear(leaves);
    std::optional<KeepActivations> guard;
    if (keep) guard.emplace();
    const Tensor<float, D> y = net(x);
    return f(sum(square(y)), leaves);
  };
  check_same(run(false), run(true));
}

/// A norm between two convolutions.
struct Chain {
  Tensor<float, D> x = ConvBlock::input();
  nn::Conv2d<float, D> before{4, 8, {.kernel_size = 1}}, after{8, 2, {.kernel_size = 1}};
  nn::BatchNorm2d<float, D> norm{8};
};
/// f with results made again and with results kept gives the same.
template <class F>
void check_kept_or_not(F f) {
  const Tensor<float, D> made_again = f();
  const KeepActivations guard;
  CHECK(equal(made_again, f()));
}

template <class Net>
std::int64_t recorded_bytes(bool keep) {
  const Net net;
  const Tensor<float, D> x = Net::input();
  std::optional<KeepActivations> guard;
  if (keep) guard.emplace();
  const std::int64_t before = allocator_stats().allocated_bytes;
  const Tensor<float, D> loss = sum(net(x));
  return allocator_stats().allocated_bytes - before;
}

}  // namespace

TEMPLATE_TEST_CASE("results that are made again give the same gradients", "", ConvBlock, FeedForward, WideFeedForward) {
  compare<TestType>([](const Tensor<float, D>& loss, const Tensors& leaves) {
    loss.backward();
    return gradients(leaves);
  });
  SECTION("twice over one graph") {
    compare<TestType>([](const Tensor<float, D>& loss, const Tensors& leaves) {
      loss.backward({.retain_graph = true});
      loss.backward();
      return gradients(leaves);
    });
  }
  SECTION("in a recorded backward and in the backward of that") {
    compare<TestType>([](const Tensor<float, D>& loss, const Tensors& leaves) {
      const Tensors first = grad(loss, leaves, {.create_graph = true});
      Tensor<float, D> norm = sum(square(first[0]));
      for (std::size_t i = 1; i < first.size(); ++i) norm = norm + sum(square(first[i]));
      Tensors out = grad(norm, leaves, {.allow_unused = true});
      for (const Tensor<float, D>& g : first) out.push_back(detach(g));
      return out;
    });
  }
  SECTION("for one parameter alone") {
    compare<TestType>([](const Tensor<float, D>& loss, const Tensors& leaves) { return Tensors{grad(loss, leaves[1], {.retain_graph = true}), grad(loss, leaves[2])}; });
  }
}

TEMPLATE_TEST_CASE("what can be made again is not held", "", ConvBlock, FeedForward) {
  const std::int64_t made_again = recorded_bytes<TestType>(false), kept = recorded_bytes<TestType>(true);
  if constexpr (device::is_host) CHECK(made_again < kept * 7 / 10);  // devices keep what they have made
  else CHECK(made_again <= kept);
}

TEST_CASE("what is made again for one product alone is made in parts") {
  const Tensor<float, D> h = randn<float, D>({10, 100, 64}).requires_grad_(), b = randn<float, D>({64});
  Tensor<float, D> x = gelu(h * 2 + b);
  const Tensor<float, D> expected = reshape(detach(clone(x)), {1000, 64});
  const auto parts = [&](const Activation<float, D>& activation) {
    std::vector<std::int64_t> sizes;
    activation.for_rows(1000, 300, [&](const Tensor<float, D>& part, std::int64_t first, std::int64_t rows) {
      CHECK(equal(reshape(part, {rows, 64}), slice(expected, 0, Slice{first, first + rows})));
      sizes.push_back(rows);
    });
    return sizes;
  };
  const std::vector<std::int64_t> whole{1000}, apart{300, 300, 300, 100};
  const Activation<float, D> one(x);
  CHECK(parts(one) == (device::is_host ? apart : whole));
  {
    const Activation<float, D> other(x);
    CHECK(parts(one) == whole);  // then the whole is kept for both
  }
  const KeepActivations guard;
  CHECK(parts(Activation<float, D>(x)) == whole);
}

TEST_CASE("a result that a second graph needs outlives the graph that made it") {
  manual_seed(5);
  const Chain c;
  check_kept_or_not([&] {
    const Tensor<float, D> h = relu(c.norm(c.before(c.x)));
    const Tensor<float, D> one = sum(h), other = sum(square(c.after(h)));
    one.backward();
    return grad(other, Tensor<float, D>(c.after.weight));
  });
}

TEST_CASE("a result changed in place is not made again, a norm that was changed under it says so") {
  manual_seed(5);
  Chain c;
  check_kept_or_not([&] {
    Tensor<float, D> h = c.norm(c.before(c.x));
    {
      const NoGrad no_grad;
      h *= 2;
    }
    return grad(sum(square(c.after(h))), Tensor<float, D>(c.after.weight));
  });
  const Tensor<float, D> loss = sum(square(c.after(relu(c.norm(c.before(c.x))))));
  {
    const NoGrad no_grad;
    c.norm.weight *= 2;
  }
  CHECK_THROWS_AS(loss.backward(), AutogradError);
}

TEST_CASE("several threads may ask for a result again") {
  manual_seed(5);
  const FeedForward net;
  const Tensor<float, D> x = FeedForward::input();
  const Tensor<float, D> loss = sum(square(net(x)));
  const Tensors expected = [&] {
    const KeepActivations guard;
    return grad(sum(square(net(x))), net.leaves());
  }();
  Tensors got[2];
  std::thread other([&] { got[1] = grad(loss, net.leaves(), {.retain_graph = true}); });
  got[0] = grad(loss, net.leaves(), {.retain_graph = true});
  other.join();
  check_same(got[0], expected);
  check_same(got[1], expected);
}

TEST_CASE("several threads may go through what is made again for its own gradient") {
  manual_seed(6);
  const nn::Linear<float, D> trunk{64, 128}, head{128, 3};
  const Tensor<float, D> y = relu(layer_norm(trunk(randn<float, D>({300, 64})), {128})), first = sum(head(y)), second = sum(square(head(y)));
  const auto run = [&](const Tensor<float, D>& loss) { return grad(loss, Tensors{trunk.weight, head.weight}, {.retain_graph = true}); };
  Tensors got[2];
  std::thread other([&] { got[1] = run(second); });
  got[0] = run(first);
  other.join();
  check_same(got[0], run(first));
  check_same(got[1], run(second));
}
