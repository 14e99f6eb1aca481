// SPDX-License-Identifier: MIT
// What all optimizers share: references to parameters, groups, skipping, state, errors, threads, memory, layouts.
// Build: -DTAPER_FIRST_ORDER_ONLY
// Devices: slow
#include <taper/core/factory.hpp>
#include <taper/ops/eager.hpp>
#include <taper/optim/adagrad.hpp>
#include <taper/optim/adam.hpp>
#include <taper/optim/rmsprop.hpp>
#include <taper/optim/sgd.hpp>

#include <cstring>

#include "tests/support/device.hpp"
#include "tests/support/golden.hpp"

using namespace taper;
using device::at;
using device::D;
using Catch::Contains;

namespace {

struct Inner {
  nn::Parameter<double, D> scale{ones<double, D>({3})};
  nn::Buffer<std::int64_t, D> count{zeros<std::int64_t, D>({})};
};
struct Net {
  nn::Parameter<float, D> weight{zeros<float, D>({2, 3})};
  nn::Parameter<float, D> no_bias;
  std::vector<Inner> blocks = std::vector<Inner>(2);
  nn::Parameter<float, D> bias{zeros<float, D>({2})};
  nn::Mode mode;
};

template <Scalar T = float>
Tensor<T, D> wave(const Shape& shape, double seed) {
  auto out = empty<T>(shape);
  for (std::int64_t i = 0; i < out.numel(); ++i) out.data_ptr()[i] = static_cast<T>(static_cast<real_t<compute_t<T>>>(std::sin(static_cast<double>(i) * 1.7 + seed)));
  return device::there(out);
}
template <class T>
bool same_bits(const Tensor<T, D>& a, const Tensor<T, D>& b) {
  const Tensor<T> x = device::back(a), y = device::back(b);
  return x.shape() == y.shape() && std::memcmp(x.data_ptr(), y.data_ptr(), static_cast<std::size_t>(x.numel()) * sizeof(T)) == 0;
}

}  // namespace

TEST_CASE("parameters(net) knows the types that occur") {
  Net net;
  const auto refs = parameters(net);
  static_assert(std::is_same_v<decltype(refs), const ParameterRefs<Tensor<float, D>, Tensor<double, D>>>);
  std::vector<std::string> names;
  for (const ParameterRef& p : refs) names.push_back(p.name);
  CHECK(names == std::vector<std::string>{"weight", "blocks.0.scale", "blocks.1.scale", "bias"});
  CHECK(refs[3].record.get() == net.bias.handle().get());
  int doubles = 0;
  refs.for_each([&](const std::string&, const auto& p) { doubles += std::is_same_v<value_t<decltype(p)>, double>; });
  CHECK(doubles == 2);
  struct Empty {
    nn::Mode mode;
  } empty;
  static_assert(std::is_same_v<decltype(parameters(empty)), ParameterRefs<>>);
  static_assert(std::is_same_v<decltype(nn::parameters(net)), decltype(parameters(net))>);
}

TEST_CASE("references from tensors, and joined") {
  const auto a = zeros<float, D>({2}), b = zeros<float, D>({3});
  const auto c = zeros<double, D>({1});
  CHECK(ParameterRefs{a, b}.size() == 2);
  CHECK(ParameterRefs(a).size() == 1);
  CHECK(ParameterRefs(std::vector{a, b})[1].name == "1");
  CHECK(parameters(std::vector{a, b}).size() == 2);
  static_assert(std::is_same_v<decltype(parameters(a, c, b)), ParameterRefs<Tensor<float, D>, Tensor<double, D>>>);
  const auto joined = parameters(a) + parameters(c, b);
  static_assert(std::is_same_v<decltype(joined), const ParameterRefs<Tensor<float, D>, Tensor<double, D>>>);
  REQUIRE(joined.size() == 3);
  CHECK(joined[1].record.get() == c.handle().get());
  CHECK(joined[2].type == 0);
  CHECK_THROWS_AS(parameters(Tensor<float, D>()), ValueError);
}

TEST_CASE("a step runs once per group and dtype, and asks for no memory") {
  Net net;
  optim::AdamW optimizer{parameters(net), {.lr = 1e-2}};
  static_assert(optim::Optimizer<decltype(optimizer)>);
  const auto extra = zeros<float, D>({5}).requires_grad_();
  optimizer.add_param_group(parameters(extra), {.lr = 1e-3});
  extra.set_grad(ones<float, D>({5}));
  net.weight.set_grad(wave({2, 3}, 1));
  net.bias.set_grad(wave({2}, 2));
  for (auto& block : net.blocks) block.scale.set_grad(wave<double>({3}, 3));
  optimizer.step();
  optimizer.step();
  reset_stats();
  optimizer.step();
  CHECK(stats().launches == 3);
  CHECK(stats().passes == 3);
  CHECK(stats().allocations == 0);
  // read: p g m v, written: p m v
  CHECK(stats().bytes == 7 * (4 * (6 + 2 + 5) + 8 * 6));
}

TEST_CASE("parameters without a gradient are left alone") {
  const auto a = ones<float, D>({3}).requires_grad_(), b = ones<float, D>({3}).requires_grad_(), frozen = ones<float, D>({3});
  optim::Adam optimizer{{a, b, frozen}, {.lr = 0.5, .weight_decay = 0.5}};
  a.set_grad(ones<float, D>({3}));
  optimizer.step();
  CHECK(at(a, 0) != 1);
  CHECK(at(b, 0) == 1);
  CHECK(at(frozen, 0) == 1);
  b.set_grad(ones<float, D>({3}));
  optimizer.step();  // b's first step, a's second: each with its own bias correction
  CHECK(at(b, 0) == Approx(0.5).epsilon(1e-6));
  const StateDict state = optimizer.state_dict();
  CHECK(state.at("state.0.step").as<double>().item() == 2);
  CHECK(state.at("state.1.step").as<double>().item() == 1);
  CHECK_FALSE(state.contains("state.2.step"));
}

TEST_CASE("zero_grad") {
  const auto a = ones<float, D>({3}).requires_grad_();
  optim::SGD optimizer{{a}, {.lr = 0.5}};
  a.set_grad(ones<float, D>({3}));
  optimizer.zero_grad(false);
  REQUIRE(a.grad().defined());
  CHECK(at(a.grad(), 1) == 0);
  optimizer.zero_grad();
  CHECK_FALSE(a.grad().defined());

  // A gradient with a history loses it, as in PyTorch, or the next one would add to it and their gradients would grow.
  const auto b = ones<float, D>({3}).requires_grad_();
  for (const Tensor<float, D>& g : {Tensor<float, D>(b * 2.0f), ones<float, D>({3}).requires_grad_()}) {
    a.set_grad(g);
    optimizer.zero_grad(false);
    CHECK_FALSE(a.grad().requires_grad());
    CHECK(at(a.grad(), 1) == 0);
    CHECK(a.grad().data_ptr() == g.data_ptr());
  }
}

TEST_CASE("a closure computes the loss with gradients on") {
  const auto a = ones<float, D>({3}).requires_grad_();
  optim::SGD optimizer{{a}, {.lr = 0.5}};
  const NoGrad guard;
  const float loss = optimizer.step([&] {
    CHECK(is_grad_enabled());
    a.set_grad(ones<float, D>({3}));
    return 4.0f;
  });
  CHECK(loss == 4);
  CHECK(at(a, 2) == 0.5f);
}

TEST_CASE("a step is an in-place change that backward notices") {
  auto w = ones<float, D>({3}).requires_grad_();
  optim::SGD optimizer{{w}, {.lr = 0.5}};
  const Tensor<float, D> y = w * w;
  w.set_grad(ones<float, D>({3}));
  const auto before = w.version();
  optimizer.step();
  CHECK(w.version() == before + 1);
  CHECK_THROWS_AS(y.backward(ones<float, D>({3})), AutogradError);
}

TEST_CASE("options may change between steps") {
  const auto a = zeros<double, D>({1}).requires_grad_();
  a.set_grad(ones<double, D>({1}));
  optim::SGD optimizer{{a}, {.lr = 1}};
  optimizer.step();
  optimizer.param_groups()[0].lr = 0.25;
  optimizer.step();
  CHECK(a.item() == -1.25);
  optimizer.param_groups()[0].momentum = 0.5;  // the buffer starts now, as the gradient
  optimizer.step();
  optimizer.step();
  CHECK(a.item() == -1.25 - 0.25 - 0.25 * 1.5);
}

namespace {

/// 7 steps at once and 3 + 4 with the state saved in between, into an optimizer with other options: the same bits.
template <template <class...> class O, Scalar T, class Options>
void resumes(const Options& options) {
  const auto gradient = [](int step, double seed) { return wave<T>({33}, step * 0.3 + seed); };
  const auto run = [&](auto& optimizer, const Tensor<T, D>& a, const Tensor<T, D>& b, int from, int to) {
    for (int step = from; step < to; ++step) {
      a.set_grad(gradient(step, 0));
      if (step % 2 == 0) b.set_grad(gradient(step, 1));
      else b.set_grad({});
      optimizer.step();
    }
  };
  const auto a = wave<T>({33}, 5).requires_grad_(), b = wave<T>({33}, 6).requires_grad_();
  O<Tensor<T, D>> whole({a, b}, options);
  whole.param_groups()[0].initial_lr = 0.125;
  run(whole, a, b, 0, 3);
  const StateDict state = whole.state_dict();
  const auto c = clone(detach(a)).requires_grad_(), d = clone(detach(b)).requires_grad_();
  O<Tensor<T, D>> resumed({c, d}, Options{});
  resumed.load_state_dict(state);
  CHECK(resumed.param_groups()[0].initial_lr == 0.125);
  run(whole, a, b, 3, 7);
  run(resumed, c, d, 3, 7);
  CHECK(same_bits(a, c));
  CHECK(same_bits(b, d));
}

}  // namespace

TEST_CASE("a state saved and loaded goes on with the same bits") {
  resumes<optim::SGD, float>(optim::SGDOptions{.lr = 0.1, .momentum = 0.9, .dampening = 0.1});
  resumes<optim::Adam, float>(optim::AdamOptions{.lr = 0.1, .betas = {0.7, 0.8}, .amsgrad = true});
  resumes<optim::AdamW, bfloat16>(optim::AdamWOptions{.lr = 0.1, .maximize = true});
  resumes<optim::RMSprop, double>(optim::RMSpropOptions{.lr = 0.1, .momentum = 0.5, .centered = true});
  resumes<optim::Adagrad, std::complex<float>>(optim::AdagradOptions{.lr = 0.1, .lr_decay = 0.1, .initial_accumulator_value = 0.5});
}

TEST_CASE("a state that does not fit is refused whole") {
  const auto a = ones<float, D>({3}).requires_grad_(), b = ones<float, D>({4}).requires_grad_();
  a.set_grad(ones<float, D>({3}));
  optim::Adam one{{a}, {.lr = 0.5}};
  one.step();
  const StateDict state = one.state_dict();
  optim::Adam two{{b}, {.lr = 0.25}};
  CHECK_THROWS_WITH(two.load_state_dict(state), Contains("state.0.exp_avg") && Contains("(3,)") && Contains("(4,)"));
  CHECK(two.param_groups()[0].lr == 0.25);
  optim::Adam three{{a, b}, {}};
  CHECK_THROWS_WITH(three.load_state_dict(state), Contains("params"));
  optim::RMSprop four{{a}, {}};
  CHECK_THROWS_AS(four.load_state_dict(state), StateError);
  optim::Adam five{{b}, {}};
  five.add_param_group({a});
  CHECK_THROWS_AS(five.load_state_dict(state), StateError);
  CHECK_THROWS_WITH(one.load_state_dict(five.state_dict()), Contains("more parameter groups"));
  optim::Adam wide{{ones<double, D>({3}).requires_grad_()}};
  wide.load_state_dict(state);  // floats widen
  CHECK(wide.state_dict().at("state.0.exp_avg").dtype() == DType::float64);
}

TEST_CASE("a state with options out of range or without its averages is refused whole") {
  const auto a = ones<float, D>({3}).requires_grad_();
  a.set_grad(ones<float, D>({3}));
  optim::Adam from{{a}, {.lr = 0.5}}, to{{a}, {.lr = 0.25}};
  from.step();
  to.step();
  to.step();
  const auto kept = [&] { return to.param_groups()[0].lr == 0.25 && to.state_dict().at("state.0.step").as<double>().item() == 2; };
  StateDict negative = from.state_dict();
  negative.set("param_groups.0.lr", tensor<double>(-1));
  CHECK_THROWS_WITH(to.load_state_dict(negative), Contains("[Adam] lr must not be negative, got -1"));
  CHECK(kept());
  for (const std::string missing : {"state.0.exp_avg", "state.0.exp_avg_sq", "state.0.step"}) {
    StateDict part;
    for (const auto& [key, value] : from.state_dict())
      if (key != missing) part.add(key, value);
    CHECK_THROWS_WITH(to.load_state_dict(part), Contains("'" + missing + "'"));
    CHECK(kept());
  }
  // What an option that was switched on after the last step will keep is not there yet.
  optim::RMSprop early{{a}, {.lr = 0.5}}, late{{a}};
  early.step();
  early.param_groups()[0].momentum = 0.5;
  late.load_state_dict(early.state_dict());
  CHECK(late.param_groups()[0].momentum == 0.5);
}

TEST_CASE("options out of range") {
  const auto a = ones<float, D>({3}).requires_grad_();
  const ParameterRefs p{a};
  using namespace optim;
  CHECK_THROWS_WITH(SGD(p, {.lr = -1}), Contains("[SGD] lr must not be negative, got -1"));
  CHECK_THROWS_AS(SGD(p, {.momentum = -1}), ValueError);
  CHECK_THROWS_AS(SGD(p, {.weight_decay = -1}), ValueError);
  CHECK_THROWS_AS(SGD(p, {.nesterov = true}), ValueError);
  CHECK_THROWS_AS(SGD(p, {.momentum = 0.5, .dampening = 0.5, .nesterov = true}), ValueError);
  CHECK_THROWS_AS(Adam(p, {.lr = -1}), ValueError);
  CHECK_THROWS_AS(Adam(p, {.betas = {1, 0.9}}), ValueError);
  CHECK_THROWS_AS(Adam(p, {.betas = {0.9, -0.1}}), ValueError);
  CHECK_THROWS_WITH(AdamW(p, {.eps = -1}), Contains("[AdamW] eps"));
  CHECK_THROWS_AS(AdamW(p, {.weight_decay = -1}), ValueError);
  CHECK_THROWS_AS(RMSprop(p, {.lr = -1}), ValueError);
  CHECK_THROWS_AS(RMSprop(p, {.alpha = -1}), ValueError);
  CHECK_THROWS_AS(RMSprop(p, {.momentum = -1}), ValueError);
  CHECK_THROWS_AS(Adagrad(p, {.lr_decay = -1}), ValueError);
  CHECK_THROWS_AS(Adagrad(p, {.initial_accumulator_value = -1}), ValueError);
  CHECK_THROWS_AS(Adagrad(p, {.lr = std::numeric_limits<double>::quiet_NaN()}), ValueError);
}

TEST_CASE("parameters that cannot be optimized") {
  auto a = ones<float, D>({3}).requires_grad_();
  CHECK_THROWS_WITH(optim::SGD(ParameterRefs<Tensor<float, D>>()), Contains("no parameters"));
  CHECK_THROWS_WITH(optim::SGD(ParameterRefs{a, a}), Contains("twice"));
  optim::SGD optimizer{{a}, {.lr = 1}};
  CHECK_THROWS_WITH(optimizer.add_param_group({a}), Contains("twice"));
  CHECK_THROWS_WITH(optim::SGD(parameters(Tensor<float, D>(a * a))), Contains("no leaf"));
  CHECK_THROWS_WITH(optim::SGD(parameters(expand(ones<float, D>({1}), {4}))), Contains("share memory"));
}

TEST_CASE("the same bits for any number of threads") {
  const int before = get_num_threads();
  std::vector<Tensor<float, D>> results;
  for (const int threads : {1, 2, 4}) {
    set_num_threads(threads);
    const auto a = wave({100003}, 1).requires_grad_(), b = wave({7}, 2).requires_grad_(), c = wave({40000}, 3).requires_grad_();
    optim::AdamW optimizer{{a, b, c}, {.lr = 0.1}};
    for (int step = 0; step < 3; ++step) {
      a.set_grad(wave({100003}, step));
      b.set_grad(wave({7}, step));
      c.set_grad(wave({40000}, step));
      optimizer.step();
    }
    results.push_back(nn::Parameter<float, D>(a));
    results.push_back(nn::Parameter<float, D>(c));
  }
  set_num_threads(before);
  for (std::size_t i = 2; i < 6; ++i) CHECK(same_bits(results[i], results[i % 2]));
}

TEST_CASE("strided, zero-dim and empty parameters, and strided gradients") {
  const auto base = wave({37, 50}, 1), gradient = wave({50, 37}, 2);
  auto strided = transpose(clone(base), 0, 1).requires_grad_();  // (50, 37)
  auto dense = clone(transpose(base, 0, 1)).requires_grad_();
  auto scalar = tensor<float, D>(2).requires_grad_();
  auto none = zeros<float, D>({0, 3}).requires_grad_();
  optim::Adam one{{strided, scalar, none}, {.lr = 0.1}}, two{{dense}, {.lr = 0.1}};
  for (int step = 0; step < 3; ++step) {
    strided.set_grad(gradient);
    dense.set_grad(transpose(clone(transpose(gradient, 0, 1)), 0, 1));
    scalar.set_grad(tensor<float, D>(1));
    none.set_grad(zeros<float, D>({0, 3}));
    one.step();
    two.step();
  }
  CHECK_FALSE(strided.is_contiguous());
  CHECK(same_bits(clone(detach(strided)), detach(dense)));
  CHECK(scalar.item() == Approx(1.7));
}

TEMPLATE_TEST_CASE("16-bit parameters are updated in float and rounded once", "", float16, bfloat16) {
  const auto half = wave<TestType>({45}, 1).requires_grad_();
  const auto full = cast<float>(detach(half)).eval().requires_grad_();
  optim::SGD a{{half}, {.lr = 0.3, .weight_decay = 0.1}};
  optim::SGD b{{full}, {.lr = 0.3, .weight_decay = 0.1}};
  const auto g = wave<TestType>({45}, 2);
  half.set_grad(g);
  full.set_grad(cast<float>(g));
  a.step();
  b.step();
  for (int i = 0; i < 45; ++i) CHECK(at(half, i).bits == TestType(at(full, i)).bits);
}

TEST_CASE("complex parameters are pairs of real ones") {
  using C = std::complex<double>;
  const std::vector<double> slopes = device::values(wave<double>({42}, 3));
  std::vector<C> start(21), slope(21);
  std::vector<double> pairs;
  for (int i = 0; i < 21; ++i) {
    const auto k = static_cast<std::size_t>(i);
    start[k] = C(std::sin(i), std::cos(i));
    pairs.push_back(std::sin(i)), pairs.push_back(std::cos(i));
    slope[k] = C(slopes[2 * k], slopes[2 * k + 1]);
  }
  const auto z = tensor<C, D>(start).requires_grad_(), zg = tensor<C, D>(slope);
  const auto parts = tensor<double, D>(pairs).requires_grad_(), g = tensor<double, D>(slopes);
  optim::Adam a{{z}, {.lr = 0.1}};
  optim::Adam b{{parts}, {.lr = 0.1}};
  for (int step = 0; step < 3; ++step) {
    z.set_grad(zg);
    parts.set_grad(g);
    a.step();
    b.step();
  }
  const std::vector<C> there = device::values(z);
  CHECK(std::memcmp(there.data(), device::values(parts).data(), 21 * sizeof(C)) == 0);
}
