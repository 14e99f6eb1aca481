// SPDX-License-Identifier: MIT
// autocast against the same casts written out, what it leaves in the model, and GradScaler's rules as PyTorch states them.
// Devices
#include <taper/amp.hpp>
#include <taper/nn.hpp>
#include <taper/ops.hpp>
#include <taper/optim.hpp>

#include <array>
#include <limits>

#include "tests/support/device.hpp"
#include "tests/support/golden.hpp"

using namespace taper;
using device::D;

namespace {

template <class T = float, Device E = D>
struct Net {
  nn::Linear<T, E> first{6, 8};
  nn::BatchNorm1d<T, E> norm{8};
  nn::Linear<T, E> last{8, 2};
  Tensor<T, E> operator()(const Tensor<T, E>& x) const { return last(relu(norm(first(x)))); }
};

/// Statistics of what it is given.
template <class T = float, Device E = D>
struct Moments {
  nn::BatchNorm1d<T, E> norm{2, {.momentum = 0.01}};
  Tensor<T, E> operator()(const Tensor<T, E>& x) const { return norm(x); }
};

/// Several results at once.
template <class T = float, Device E = D>
struct Several {
  nn::Linear<T, E> unused{1, 1};
  auto operator()(const Tensor<T, E>& x) const {
    return std::tuple(std::vector{x, x}, std::pair(x, Tensor<T, E>()), 2);
  }
};

/// One number that wants a gradient.
struct Weight {
  nn::Parameter<float, D> w{device::there(tensor<float>({2}))};
};

void check_same(const Tensor<float, D>& actual, const Tensor<float, D>& expected) { check_equal(device::back(actual), device::back(expected)); }

}  // namespace

TEST_CASE("autocast computes in the 16-bit type and trains the float parameters") {
  manual_seed(3);
  const Net<float> net;
  const Tensor<float, D> x = device::there(randn<float>({5, 6}));
  const Tensor<float, D> y = amp::autocast<bfloat16>(net)(x);
  CHECK(y.dtype() == DType::float32);
  sum(square(y)).backward();

  // The same casts by hand, on leaves of their own.
  const auto leaf = [](const Tensor<float, D>& p) { return clone(detach(p)).requires_grad_(); };
  const Tensor<float, D> w1 = leaf(net.first.weight), b1 = leaf(net.first.bias), g = leaf(net.norm.weight), b = leaf(net.norm.bias),
                      w2 = leaf(net.last.weight), b2 = leaf(net.last.bias);
  using Half = Tensor<bfloat16, D>;
  const auto half = [](const Tensor<float, D>& t) { return Half(cast<bfloat16>(t)); };
  Tensor<float, D> mean = zeros<float, D>({8}), var = ones<float, D>({8});
  const Half h = linear(half(x), half(w1), half(b1));
  const Half normed = batch_norm(h, mean, var, half(g), half(b), true, 0.1, 1e-5);
  const Tensor<float, D> expected = cast<float>(linear(Half(relu(normed)), half(w2), half(b2)));
  sum(square(expected)).backward();
  check_same(y, expected);
  check_same(net.first.weight.grad(), w1.grad());
  check_same(net.norm.weight.grad(), g.grad());
  check_same(net.norm.bias.grad(), b.grad());
  check_same(net.last.weight.grad(), w2.grad());
  check_same(net.last.bias.grad(), b2.grad());
  check_same(net.norm.running_mean, mean);
  check_same(net.norm.running_var, var);
  CHECK(net.norm.num_batches_tracked.item() == 1);
}

TEST_CASE("autocast gives structs, tuples and lists of tensors back in float") {
  manual_seed(4);
  const nn::LSTM<float, D> lstm(3, 4);
  const Tensor<float, D> x = device::there(randn<float>({5, 2, 3}));
  const auto [output, state] = amp::autocast<bfloat16>(lstm)(x);
  static_assert(std::same_as<decltype(output), const Tensor<float, D>> && std::same_as<decltype(state), const nn::LSTMState<float, D>>);
  const Tensor<bfloat16, D> rounded = cast<bfloat16>(x);
  const auto half = to<bfloat16>(lstm)(rounded);
  check_same(output, cast<float>(half.output));
  check_same(state.h, cast<float>(half.state.h));
  check_same(state.c, cast<float>(half.state.c));
  sum(square(output)).backward();
  CHECK(lstm.weights.begin()->second.grad().defined());

  const Several<float> several;
  const auto [parts, more, count] = amp::autocast<bfloat16>(several)(x);
  static_assert(std::same_as<decltype(parts), const std::vector<Tensor<float, D>>> && std::same_as<decltype(count), const int>);
  check_same(parts.at(1), cast<float>(rounded));
  check_same(more.first, cast<float>(rounded));
  CHECK_FALSE(more.second.defined());
  CHECK(count == 2);
}

TEST_CASE("running statistics keep their precision under autocast") {
  const Moments<float> net;
  const Tensor<float, D> x = device::there(tensor<float>({{1, -3}, {3, 5}}));
  for (int i = 0; i < 400; ++i) (void)amp::autocast<bfloat16>(net)(x).shape();
  // Towards means of 2 and 1 and unbiased variances of 2 and 32, from 0 and 1.
  const double left = std::pow(0.99, 400);
  check_close(device::back(net.norm.running_mean), tensor<float>({2 * (1 - left), 1 - left}), 1e-5, 0);
  check_close(device::back(net.norm.running_var), tensor<float>({2 - left, 32 - 31 * left}), 1e-5, 0);
  CHECK(net.norm.num_batches_tracked.item() == 400);

  const auto half = to<bfloat16>(net);  // a model of 16 bits has them too
  CHECK(half.norm.running_mean.dtype() == DType::float32);
  check_same(half.norm.running_mean, net.norm.running_mean);
  CHECK(half.norm.running_mean.handle().get() != net.norm.running_mean.handle().get());
}

TEST_CASE("a loss falls in bfloat16 and, scaled, in float16") {
  const auto train = [](auto half) {
    using Half = decltype(half);
    manual_seed(5);
    Net<float> net;
    optim::Adam optimizer{parameters(net), {.lr = 1e-2}};
    amp::GradScaler scaler{{.init_scale = 1024, .enabled = std::same_as<Half, float16>}};
    const Tensor<float, D> x = device::there(randn<float>({64, 6}));
    const Tensor<std::int64_t, D> label = cast<std::int64_t>(sum(x, 1) > 0.0f);
    float first = 0, last = 0;
    for (int i = 0; i < 60; ++i) {
      optimizer.zero_grad();
      const Tensor<float, D> loss = cross_entropy(amp::autocast<Half>(net)(x), label);
      scaler.scale(loss).backward();
      CHECK(scaler.step(optimizer));
      scaler.update();
      (i == 0 ? first : last) = loss.item();
    }
    CHECK(last < 0.3f * first);
  };
  train(bfloat16());
  train(float16());
}

TEST_CASE("GradScaler scales, skips overflows, and moves its scale") {
  Weight m;
  optim::SGD optimizer{parameters(m), {.lr = 0.5}};
  amp::GradScaler scaler{{.init_scale = 8, .growth_interval = 2}};
  const auto step = [&](float slope) {
    optimizer.zero_grad();
    const Tensor<float, D> loss = sum(m.w * slope);
    const Tensor<float, D> scaled = scaler.scale(loss);
    check_same(scaled, loss * scaler.get_scale());
    scaled.backward();
    const bool stepped = scaler.step(optimizer);
    scaler.update();
    return stepped;
  };
  CHECK(step(1));
  CHECK(m.w.item() == 1.5f);  // unscaled before the step
  CHECK(!step(std::numeric_limits<float>::infinity()));
  CHECK(m.w.item() == 1.5f);
  CHECK(scaler.get_scale() == 4);  // the good step before it counts no more
  CHECK(!step(std::numeric_limits<float>::quiet_NaN()));
  CHECK(scaler.get_scale() == 2);
  CHECK(step(1));
  CHECK(scaler.get_scale() == 2);
  CHECK(step(1));
  CHECK(scaler.get_scale() == 4);
  CHECK(m.w.item() == 0.5f);

  const StateDict state = scaler.state_dict();
  amp::GradScaler other;
  other.load_state_dict(state);
  CHECK(other.get_scale() == 4);
  CHECK_THROWS_AS(other.load_state_dict(StateDict()), StateError);
}

TEST_CASE("one scaler steps several optimizers, each as its own gradients allow") {
  const auto run = [](float slope, bool unscaled_before) {
    Weight m, n;
    optim::SGD first{parameters(m), {.lr = 1}}, second{parameters(n), {.lr = 1}};
    amp::GradScaler scaler;
    scaler.scale(sum(m.w * 0.25f + n.w * slope)).backward();
    if (unscaled_before) {
      scaler.unscale_(first);
      scaler.unscale_(second);
      CHECK(n.w.grad().item() == slope);
    }
    const bool stepped = scaler.step(first), other = scaler.step(second);
    scaler.update();
    return std::array<double, 5>{m.w.item(), n.w.item(), scaler.get_scale(), double(stepped), double(other)};
  };
  // Weights of 2 and what torch.amp.GradScaler("cpu") makes of them.
  CHECK(run(0.25f, false) == std::array<double, 5>{1.75, 1.75, 65536, 1, 1});
  CHECK(run(0.25f, true) == std::array<double, 5>{1.75, 1.75, 65536, 1, 1});
  CHECK(run(1e36f, false) == std::array<double, 5>{1.75, 2, 32768, 1, 0});  // 65536e36 is infinite
}

TEST_CASE("an optimizer is unscaled and stepped once before update()") {
  Weight m, n;
  optim::SGD optimizer{parameters(m), {.lr = 1}}, other{parameters(n), {.lr = 1}};
  amp::GradScaler scaler;
  for (int i = 0; i < 2; ++i) {  // the same rules after update()
    optimizer.zero_grad();
    scaler.scale(sum(m.w * 0.25f)).backward();
    CHECK(scaler.step(optimizer));
    CHECK_THROWS_AS(scaler.step(optimizer), ValueError);
    CHECK_THROWS_AS(scaler.unscale_(optimizer), ValueError);
    CHECK(m.w.item() == 1.75f - 0.25f * static_cast<float>(i));
    scaler.unscale_(other);
    CHECK_THROWS_AS(scaler.unscale_(other), ValueError);
    scaler.update();
  }
}

TEST_CASE("a scale grows although the state that was loaded counts more good steps than the interval") {
  amp::GradScaler many{{.init_scale = 2, .growth_interval = 100}}, few{{.init_scale = 2, .growth_interval = 10}};
  for (int i = 0; i < 50; ++i) many.update();
  few.load_state_dict(many.state_dict());
  few.update();
  CHECK(few.get_scale() == 4);
  for (int i = 0; i < 10; ++i) few.update();
  CHECK(few.get_scale() == 8);
}

TEST_CASE("gradients are unscaled once, before clipping") {
  Weight m;
  optim::SGD optimizer{parameters(m), {.lr = 1}};
  amp::GradScaler scaler{{.init_scale = 16}};
  scaler.scale(sum(m.w * 3.0f)).backward();
  scaler.unscale_(optimizer);
  CHECK(m.w.grad().item() == 3);
  CHECK_THROWS_AS(scaler.unscale_(optimizer), ValueError);
  nn::clip_grad_norm_(optimizer.parameters(), 1);
  CHECK(scaler.step(optimizer));
  CHECK(std::fabs(m.w.item() - 1) < 1e-5);

  amp::GradScaler off{{.enabled = false}};
  CHECK(off.get_scale() == 1);
  CHECK_THROWS_AS((amp::GradScaler{{.growth_factor = 1}}), ValueError);
}
