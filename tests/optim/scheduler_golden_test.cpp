// SPDX-License-Identifier: MIT
// Fifty steps of every scheduler, with every option, against PyTorch.
// Build: -DTAPER_FIRST_ORDER_ONLY
#include <taper/core/factory.hpp>
#include <taper/ops/eager.hpp>
#include <taper/optim/adam.hpp>
#include <taper/optim/lr_scheduler.hpp>
#include <taper/optim/sgd.hpp>

#include <limits>
#include <set>

#include "tests/support/golden.hpp"

using namespace taper;

namespace {

const golden::File& file() {
  static const golden::File f("schedulers");
  return f;
}
std::set<std::string>& seen() {
  static std::set<std::string> names;
  return names;
}

using FloatSGD = optim::SGD<Tensor<float>>;
using FloatAdam = optim::Adam<Tensor<float>>;

bool same(double a, double b) { return std::fabs(a - b) <= 1e-12 * std::fabs(b) + 1e-15; }

template <class O>
double momentum(O& optimizer) {
  if constexpr (requires { optimizer.param_groups()[0].betas; }) return optimizer.param_groups()[0].betas[0];
  else return optimizer.param_groups()[0].momentum;
}

/// make(optimizer) builds the scheduler. The state of the first 20 steps is loaded into a second one, which must go on alike.
template <class O = FloatSGD, class Make>
void check(const std::string& name, const Make& make) {
  INFO(name);
  seen().insert(name);
  const bool two = file().has(name + "/lr1"), cycles = file().has(name + "/momentum"), metric = file().has(name + "/metrics");
  const auto build = [&](O& optimizer, const Tensor<float>& b) {
    if constexpr (requires { optimizer.param_groups()[0].momentum; })
      if (cycles) optimizer.param_groups()[0].momentum = 0.5;
    if (two) {
      auto options = optimizer.defaults();
      options.lr = 0.5;
      optimizer.add_param_group({b}, options);
    }
  };
  const auto a = zeros<float>({1}), b = zeros<float>({1});
  O optimizer({a}, {.lr = 0.25}), other({a}, {.lr = 0.25});
  build(optimizer, b);
  build(other, b);
  auto scheduler = make(optimizer);
  auto resumed = make(other);
  const auto lr = file().values(name + "/lr");
  const auto lr1 = two ? file().values(name + "/lr1") : lr;
  const auto cycled = cycles ? file().values(name + "/momentum") : lr;
  const auto metrics = metric ? file().values(name + "/metrics") : lr;
  const auto step = [&](auto& s, std::size_t k) {
    if constexpr (requires { s.step(); }) s.step();
    else s.step(metrics[k]);
  };
  for (std::size_t k = 0;; ++k) {
    INFO("step " << k << ": " << optimizer.param_groups()[0].lr << ", expected " << lr[k]);
    CHECK(same(optimizer.param_groups()[0].lr, lr[k]));
    CHECK(scheduler.get_last_lr()[0] == optimizer.param_groups()[0].lr);
    if (two) CHECK(same(optimizer.param_groups()[1].lr, lr1[k]));
    if (cycles) CHECK(same(momentum(optimizer), cycled[k]));
    if (k == 20) {
      resumed.load_state_dict(scheduler.state_dict());
      other.load_state_dict(optimizer.state_dict());
    }
    if (k >= 20) CHECK(other.param_groups()[0].lr == optimizer.param_groups()[0].lr);
    if (k == 50) break;
    step(scheduler, k);
    if (k >= 20) step(resumed, k);
  }
}

}  // namespace

using namespace taper::optim;

TEST_CASE("rates that fall by a factor") {
  check("step", [](auto& o) { return StepLR(o, 7); });
  check("step.gamma", [](auto& o) { return StepLR(o, 3, {.gamma = 0.75}); });
  check("step.groups", [](auto& o) { return StepLR(o, 7, {.gamma = 0.5}); });
  check("multi_step", [](auto& o) { return MultiStepLR(o, {5, 20, 21, 40}); });
  check("multi_step.repeated", [](auto& o) { return MultiStepLR(o, {30, 10, 10}, {.gamma = 0.5}); });
  check("exponential", [](auto& o) { return ExponentialLR(o, 0.875); });
  check("linear", [](auto& o) { return LinearLR(o); });
  check("linear.options", [](auto& o) { return LinearLR(o, {.start_factor = 0.25, .end_factor = 0.75, .total_iters = 30}); });
  check("constant", [](auto& o) { return ConstantLR(o); });
  check("constant.options", [](auto& o) { return ConstantLR(o, {.factor = 0.25, .total_iters = 20}); });
  check("polynomial", [](auto& o) { return PolynomialLR(o, {.total_iters = 40}); });
  check("polynomial.power", [](auto& o) { return PolynomialLR(o, {.total_iters = 40, .power = 2}); });
}

TEST_CASE("rates of the user's own") {
  const auto power = [](auto k) { return std::pow(0.9375, static_cast<double>(k)); };
  check("lambda", [&](auto& o) { return LambdaLR(o, power); });
  check("lambda.groups", [&](auto& o) { return LambdaLR(o, power, [](std::int64_t k) { return 1.0 / (1 + static_cast<double>(k / 10)); }); });
  check("multiplicative", [](auto& o) { return MultiplicativeLR(o, [](std::int64_t) { return 0.9375; }); });
  check("multiplicative.varying", [](auto& o) { return MultiplicativeLR(o, [](std::int64_t k) { return k % 10 == 0 ? 0.5 : 1.0; }); });
}

TEST_CASE("cosines") {
  check("cosine_annealing", [](auto& o) { return CosineAnnealingLR(o, 50); });
  check("cosine_annealing.eta_min", [](auto& o) { return CosineAnnealingLR(o, 50, {.eta_min = 0.0625}); });
  check("cosine_annealing.beyond", [](auto& o) { return CosineAnnealingLR(o, 20, {.eta_min = 0.0625}); });
  check("cosine_annealing.groups", [](auto& o) { return CosineAnnealingLR(o, 30); });
  check("cosine_restarts", [](auto& o) { return CosineAnnealingWarmRestarts(o, 10); });
  check("cosine_restarts.t_mult", [](auto& o) { return CosineAnnealingWarmRestarts(o, 5, {.T_mult = 2, .eta_min = 0.0625}); });
}

TEST_CASE("one cycle") {
  const auto one_cycle = [](const char* label, const OneCycleLROptions& options) {
    check(std::string("one_cycle.") + label, [&](auto& o) { return OneCycleLR(o, 1.0, options); });
  };
  one_cycle("cos", {.total_steps = 51});
  one_cycle("linear", {.total_steps = 51, .anneal_strategy = AnnealStrategy::linear});
  one_cycle("three_phase", {.total_steps = 51, .three_phase = true});
  one_cycle("three_phase_linear", {.total_steps = 51, .anneal_strategy = AnnealStrategy::linear, .three_phase = true});
  one_cycle("epochs", {.epochs = 3, .steps_per_epoch = 17});
  one_cycle("options", {.total_steps = 51, .pct_start = 0.5, .base_momentum = 0.75, .max_momentum = 0.875, .div_factor = 10, .final_div_factor = 100});
  one_cycle("no_momentum", {.total_steps = 51, .cycle_momentum = false});
  one_cycle("longer", {.total_steps = 80});
  check<FloatAdam>("one_cycle.adam", [](auto& o) { return OneCycleLR(o, 1.0, {.total_steps = 51}); });
  check("one_cycle.groups", [](auto& o) { return OneCycleLR(o, {1.0, 2.0}, {.total_steps = 51}); });
}

TEST_CASE("cycles") {
  const auto cyclic = [](const char* label, const CyclicLROptions& options) {
    check(std::string("cyclic.") + label, [&](auto& o) { return CyclicLR(o, 0.25, 1.0, options); });
  };
  cyclic("triangular", {.step_size_up = 8});
  cyclic("uneven", {.step_size_up = 8, .step_size_down = 4});
  cyclic("triangular2", {.step_size_up = 8, .mode = CyclicMode::triangular2});
  cyclic("exp_range", {.step_size_up = 8, .mode = CyclicMode::exp_range, .gamma = 0.9375});
  cyclic("momentum", {.step_size_up = 8, .base_momentum = 0.75, .max_momentum = 0.875});
}

TEST_CASE("plateaus") {
  const auto plateau = [](const char* label, const ReduceLROnPlateauOptions& options) {
    check(std::string("plateau.") + label, [&](auto& o) { return ReduceLROnPlateau(o, options); });
  };
  constexpr auto max = PlateauMode::max;
  constexpr auto abs = ThresholdMode::abs;
  plateau("default", {});
  plateau("flat", {});
  plateau("patience", {.patience = 2});
  plateau("patience_0", {.patience = 0});
  plateau("factor", {.factor = 0.5, .patience = 2});
  plateau("max", {.mode = max, .patience = 2});
  plateau("abs", {.patience = 2, .threshold = 0.0625, .threshold_mode = abs});
  plateau("rel", {.patience = 2, .threshold = 0.0625});
  plateau("max_abs", {.mode = max, .patience = 2, .threshold = 0.0625, .threshold_mode = abs});
  plateau("max_rel", {.mode = max, .patience = 2, .threshold = 0.0625});
  plateau("cooldown", {.factor = 0.5, .patience = 1, .cooldown = 4});
  plateau("min_lr", {.factor = 0.5, .patience = 0, .min_lr = 0.03125});
  plateau("eps", {.factor = 0.5, .patience = 0, .eps = 0.0625});
  plateau("nan", {.factor = 0.5, .patience = 2});
  plateau("everything", {.mode = max, .factor = 0.75, .patience = 3, .threshold = 0.03125, .threshold_mode = abs, .cooldown = 2, .min_lr = 0.0625, .eps = 1e-3});
  plateau("groups", {.factor = 0.5, .patience = 1, .min_lr = {0.03125, 0.125}});
}

TEST_CASE("schedulers of schedulers") {
  check("sequential", [](auto& o) {
    return SequentialLR(o, std::tuple{LinearLR(o, {.start_factor = 0.125, .total_iters = 10}), CosineAnnealingLR(o, 40)}, {10});
  });
  check("sequential.three", [](auto& o) {
    return SequentialLR(o, std::tuple{ConstantLR(o, {.factor = 0.5, .total_iters = 4}), ExponentialLR(o, 0.875), StepLR(o, 5)}, {8, 20});
  });
  check("sequential.groups", [](auto& o) {
    return SequentialLR(o, std::tuple{ConstantLR(o, {.factor = 0.5, .total_iters = 20}), ExponentialLR(o, 0.875)}, {20});
  });
  check("chained", [](auto& o) { return ChainedScheduler(ConstantLR(o, {.factor = 0.5, .total_iters = 10}), ExponentialLR(o, 0.9375)); });
}

TEST_CASE("schedulers of functions that capture go on from a state, or keep theirs") {
  const auto a = zeros<float>({1});
  FloatSGD optimizer({a}, {.lr = 0.25}), other({a}, {.lr = 0.25});
  const double k = 0.5;
  const auto rate = [k](std::int64_t epoch) { return 1 + k * static_cast<double>(epoch); };
  const auto round_trip = [&](auto scheduler, auto resumed) {
    static_assert(!std::is_copy_assignable_v<decltype(LambdaLR(optimizer, rate))>);
    for (int i = 0; i < 4; ++i) scheduler.step();
    const StateDict state = scheduler.state_dict();

    StateDict broken, before = resumed.state_dict();
    for (const auto& [key, value] : state)
      if (key != "_schedulers.1.last_epoch") broken.add(key, value);
    CHECK_THROWS_AS(resumed.load_state_dict(broken), StateError);
    for (const auto& [key, value] : resumed.state_dict()) {
      INFO(key);
      CHECK(internal::numbers<double>(before, key, -1) == internal::numbers<double>(resumed.state_dict(), key, -1));
    }

    resumed.load_state_dict(state);
    other.load_state_dict(optimizer.state_dict());
    for (int i = 0; i < 3; ++i) {
      scheduler.step(), resumed.step();
      CHECK(other.param_groups()[0].lr == optimizer.param_groups()[0].lr);
    }
  };
  const auto sequential = [&](auto& o) { return SequentialLR(o, std::tuple{LambdaLR(o, rate), ExponentialLR(o, 0.875)}, {2}); };
  round_trip(sequential(optimizer), sequential(other));
  const auto chained = [&](auto& o) { return ChainedScheduler(LambdaLR(o, rate), ExponentialLR(o, 0.875)); };
  round_trip(chained(optimizer), chained(other));
}

TEST_CASE("rates at the edges of what their options allow") {
  const auto a = zeros<float>({1});
  const auto rates = [&](const auto& make, int n) {
    FloatSGD optimizer({a}, {.lr = 1});
    auto scheduler = make(optimizer);
    std::vector<double> out;
    for (; n > 0; --n) {
      out.push_back(optimizer.param_groups()[0].lr);
      scheduler.step();
    }
    return out;
  };
  using Rates = std::vector<double>;
  // PyTorch divides by zero in these; what is expected is the end that the schedule describes.
  CHECK(rates([](auto& o) { return ConstantLR(o, {.factor = 0, .total_iters = 2}); }, 4) == Rates{0, 0, 1, 1});
  const auto behind = [](auto& o, auto last) { return SequentialLR(o, std::tuple{ConstantLR(o, {.factor = 0.5, .total_iters = 2}), last}, {2}); };
  CHECK(rates([&](auto& o) { return behind(o, LinearLR(o, {.end_factor = 0.75, .total_iters = 0})); }, 4) == Rates{0.5, 0.5, 0.75, 0.75});
  // Three, since g++ 12.2 makes {0.5, 0.5, 0, 0} four halves where it has AVX-512: see docs/building.md.
  CHECK(rates([&](auto& o) { return behind(o, PolynomialLR(o, {.total_iters = 0})); }, 3) == Rates{0.5, 0.5, 0});
  // PyTorch's rounding ends at -2.2e-17, which is no rate.
  CHECK(rates([](auto& o) { return LinearLR(o, {.start_factor = 0.3, .end_factor = 0, .total_iters = 3}); }, 5)[4] == 0);
}

TEST_CASE("every case of the golden file is tested") {
  for (const std::string& name : file().cases()) {
    INFO(name);
    CHECK(seen().contains(name));
  }
}
