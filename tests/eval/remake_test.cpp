// SPDX-License-Identifier: MIT
// What is not kept for backward is made again: the same bits as kept, less memory, whatever order graphs are walked in.
#include <taper/taper.hpp>

#include <optional>
#include <thread>

#include "../support/catch.hpp"

using namespace taper;

namespace {

using Tensors = std::vector<Tensor<float>>;

/// Activations large enough to be made again: norm and relu between convolutions, two norms in a sum, one result read twice.
struct ConvBlock {
  nn::Conv2d<float> first{4, 8, {.kernel_size = 3, .padding = 1, .bias = false}}, second{8, 8, {.kernel_size = 3, .padding = 1, .bias = false}},
      side{4, 8, {.kernel_size = 1, .bias = false}}, last{8, 2, {.kernel_size = 1}};
  nn::BatchNorm2d<float> norm1{8}, norm2{8}, norm3{8};
  Tensor<float> operator()(const Tensor<float>& x) const {
    const Tensor<float> a = relu(norm1(first(x)));
    const Tensor<float> b = relu(norm2(second(a)) + norm3(side(x)));
    return last(b) + last(b * 2);
  }
  Tensors leaves() const { return {first.weight, second.weight, side.weight, last.weight, last.bias, norm1.weight, norm1.bias, norm2.weight, norm3.bias}; }
  static Tensor<float> input() { return randn<float>({4, 4, 40, 33}); }
};
/// The feed-forward half of a transformer block.
struct FeedForward {
  nn::LayerNorm<float> norm{64};
  nn::Linear<float> up{64, 256}, down{256, 64};
  Tensor<float> operator()(const Tensor<float>& x) const { return x + down(gelu(up(norm(x)))); }
  Tensors leaves() const { return {norm.weight, norm.bias, up.weight, up.bias, down.weight, down.bias}; }
  static Tensor<float> input() { return randn<float>({520, 64}); }
};

Tensors gradients(const Tensors& leaves) {
  Tensors out;
  for (const Tensor<float>& p : leaves) out.push_back(clone(p.grad()));
  return out;
}
void clear(const Tensors& leaves) {
  for (Tensor<float> p : leaves) p.set_grad({});
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
  const Tensor<float> x = Net::input().requires_grad_();
  Tensors leaves = net.leaves();
  leaves.push_back(x);
  const auto run = [&](bool keep) {
    clear(leaves);
    std::optional<KeepActivations> guard;
    if (keep) guard.emplace();
    const Tensor<float> y = net(x);
    return f(sum(square(y)), leaves);
  };
  check_same(run(false), run(true));
}

/// A norm between two convolutions.
struct Chain {
  Tensor<float> x = ConvBlock::input();
  nn::Conv2d<float> before{4, 8, {.kernel_size = 1}}, after{8, 2, {.kernel_size = 1}};
  nn::BatchNorm2d<float> norm{8};
};
/// f with results made again and with results kept gives the same.
template <class F>
void check_kept_or_not(F f) {
  const Tensor<float> made_again = f();
  const KeepActivations guard;
  CHECK(equal(made_again, f()));
}

template <class Net>
std::int64_t recorded_bytes(bool keep) {
  const Net net;
  const Tensor<float> x = Net::input();
  std::optional<KeepActivations> guard;
  if (keep) guard.emplace();
  const std::int64_t before = allocator_stats().allocated_bytes;
  const Tensor<float> loss = sum(net(x));
  return allocator_stats().allocated_bytes - before;
}

}  // namespace

TEMPLATE_TEST_CASE("results that are made again give the same gradients", "", ConvBlock, FeedForward) {
  compare<TestType>([](const Tensor<float>& loss, const Tensors& leaves) {
    loss.backward();
    return gradients(leaves);
  });
  SECTION("twice over one graph") {
    compare<TestType>([](const Tensor<float>& loss, const Tensors& leaves) {
      loss.backward({.retain_graph = true});
      loss.backward();
      return gradients(leaves);
    });
  }
  SECTION("in a recorded backward and in the backward of that") {
    compare<TestType>([](const Tensor<float>& loss, const Tensors& leaves) {
      const Tensors first = grad(loss, leaves, {.create_graph = true});
      Tensor<float> norm = sum(square(first[0]));
      for (std::size_t i = 1; i < first.size(); ++i) norm = norm + sum(square(first[i]));
      Tensors out = grad(norm, leaves, {.allow_unused = true});
      for (const Tensor<float>& g : first) out.push_back(detach(g));
      return out;
    });
  }
  SECTION("for one parameter alone") {
    compare<TestType>([](const Tensor<float>& loss, const Tensors& leaves) { return Tensors{grad(loss, leaves[1], {.retain_graph = true}), grad(loss, leaves[2])}; });
  }
}

TEMPLATE_TEST_CASE("what can be made again is not held", "", ConvBlock, FeedForward) {
  const std::int64_t made_again = recorded_bytes<TestType>(false), kept = recorded_bytes<TestType>(true);
  CHECK(made_again < kept * 7 / 10);
}

TEST_CASE("a result that a second graph needs outlives the graph that made it") {
  manual_seed(5);
  const Chain c;
  check_kept_or_not([&] {
    const Tensor<float> h = relu(c.norm(c.before(c.x)));
    const Tensor<float> one = sum(h), other = sum(square(c.after(h)));
    one.backward();
    return grad(other, Tensor<float>(c.after.weight));
  });
}

TEST_CASE("a result changed in place is not made again, a norm that was changed under it says so") {
  manual_seed(5);
  Chain c;
  check_kept_or_not([&] {
    Tensor<float> h = c.norm(c.before(c.x));
    {
      const NoGrad no_grad;
      h *= 2;
    }
    return grad(sum(square(c.after(h))), Tensor<float>(c.after.weight));
  });
  const Tensor<float> loss = sum(square(c.after(relu(c.norm(c.before(c.x))))));
  {
    const NoGrad no_grad;
    c.norm.weight *= 2;
  }
  CHECK_THROWS_AS(loss.backward(), AutogradError);
}

TEST_CASE("several threads may ask for a result again") {
  manual_seed(5);
  const FeedForward net;
  const Tensor<float> x = FeedForward::input();
  const Tensor<float> loss = sum(square(net(x)));
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
