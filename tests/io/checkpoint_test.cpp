// SPDX-License-Identifier: MIT
// Checkpoint: what each kind of part becomes in the file, and that a file that does not fit changes nothing.
// Build: -DTAPER_FIRST_ORDER_ONLY
// Devices
#include <taper/data.hpp>
#include <taper/io/checkpoint.hpp>
#include <taper/nn/layers/linear.hpp>
#include <taper/ops/loss.hpp>
#include <taper/optim/adam.hpp>
#include <taper/optim/lr_scheduler/step_lr.hpp>

#include <limits>

#include "tests/io/support.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/device.hpp"

using namespace taper;
using device::D;
using Catch::Matchers::Contains;

namespace {

struct Run {
  explicit Run(std::int64_t width = 3) : net(2, width) {}
  nn::Linear<float, D> net;
  optim::Adam<Tensor<float, D>> optimizer{parameters(net), {.lr = 0.5}};
  optim::StepLR<optim::Adam<Tensor<float, D>>> scheduler{optimizer, 2};
  Generator generator{5};
  std::int64_t epoch = 0;
  double best = 0;

  void step() {
    optimizer.zero_grad();
    mse_loss(net(ones<float, D>({4, 2})), zeros<float, D>({4, net.out_features})).backward();
    optimizer.step();
    scheduler.step();
    generator.uniform();
  }
  Checkpoint checkpoint() {
    Checkpoint out;
    out.add("model", net).add("optimizer", optimizer).add("scheduler", scheduler).add("generator", generator);
    out.add("epoch", epoch).add("best", best);
    return out;
  }
};

}  // namespace

TEST_CASE("a checkpoint is a safetensors file with the parts' names, and restores every kind of part") {
  manual_seed(0);
  Run run;
  run.step();
  run.step();
  run.epoch = 7;
  run.best = -std::numeric_limits<double>::infinity();
  run.generator.set_state({~std::uint64_t{0} - 3, std::uint64_t{1} << 63});
  run.checkpoint().save("all.safetensors", {{"made by", "a test"}});
  io::Metadata metadata;
  const StateDict file = io::load("all.safetensors", &metadata);
  CHECK(metadata == io::Metadata{{"made by", "a test"}});
  CHECK(equal(device::there(file.at("model.weight").as<float>()), run.net.weight));
  CHECK(file.contains("optimizer.state.0.exp_avg"));
  CHECK(file.at("epoch.value").as<std::int64_t>().item() == 7);

  Run again;
  again.checkpoint().load("all.safetensors");
  CHECK(equal(again.net.weight, run.net.weight));
  CHECK(again.optimizer.param_groups()[0].lr == run.optimizer.param_groups()[0].lr);
  CHECK(again.scheduler.last_epoch() == 2);
  CHECK(again.generator.state() == run.generator.state());
  CHECK(again.epoch == 7);
  CHECK(again.best == run.best);
  run.step();
  again.step();
  CHECK(equal(again.net.weight, run.net.weight));
}

TEST_CASE("a checkpoint that does not fit leaves a data loader where it stood") {
  const data::TensorDataset numbers(arange<float>(8));
  data::DataLoader loader{numbers, {.batch_size = 2}}, other{numbers, {.batch_size = 2}};
  double best = 0;
  Checkpoint checkpoint;
  checkpoint.add("loader", loader).add("best", best);
  StateDict bad = checkpoint.state_dict();
  bad.set("best.value", tensor<float>(1));
  const auto rest = [](auto& batches) {
    std::int64_t count = 0;
    for ([[maybe_unused]] const auto& batch : batches) ++count;
    return count;
  };
  std::int64_t count = 0;
  for ([[maybe_unused]] const auto& batch : loader)  // in a loop
    if (++count == 2) CHECK_THROWS_AS(checkpoint.load_state_dict(bad), StateError);
  CHECK(count == 4);
  CHECK(rest(loader) == 4);
  CHECK(loader.state().epoch == 2);

  for ([[maybe_unused]] const auto& batch : loader) break;  // behind one left early
  CHECK_THROWS_AS(checkpoint.load_state_dict(bad), StateError);
  CHECK(loader.state().batch == 1);
  CHECK(rest(loader) == 4);
  CHECK(loader.state().epoch == 4);

  for ([[maybe_unused]] const auto& batch : other) break;  // with a state that no loop has taken up yet
  loader.load_state(other.state());
  CHECK_THROWS_AS(checkpoint.load_state_dict(bad), StateError);
  CHECK(rest(loader) == 3);
  CHECK(loader.state().epoch == 1);
}

TEST_CASE("what does not fit is named, and nothing is changed") {
  manual_seed(0);
  Run run;
  run.step();
  run.checkpoint().save("good.safetensors");
  run.step();
  const Tensor<float, D> weight = clone(run.net.weight);
  const auto refuses = [&](const StateDict& state, const char* text) {
    CHECK_THROWS_WITH(run.checkpoint().load_state_dict(state), Contains(text));
    CHECK(equal(run.net.weight, weight));
    CHECK(run.scheduler.last_epoch() == 2);
  };
  const StateDict good = io::load("good.safetensors");
  const auto without = [&](std::string_view prefix) {
    StateDict out;
    for (const auto& [key, value] : good)
      if (!key.starts_with(prefix)) out.add(key, value);
    return out;
  };
  refuses(without("scheduler."), "the part 'scheduler' is missing");
  refuses(without("optimizer.param_groups.0.lr"), "there is no tensor named 'param_groups.0.lr'");
  refuses(without("model.bias"), "missing: bias");
  StateDict more = good;
  more.add("discriminator.weight", tensor<float>({1, 2}));
  refuses(more, "'discriminator.weight' belongs to no part");
  StateDict last = good;  // all parts before the one that does not fit are put back
  last.set("best.value", tensor<float>(1));
  refuses(last, "'value' is float32() and should be 1 of float64");
  Run wide(4);
  CHECK_THROWS_AS(wide.checkpoint().load("good.safetensors"), StateError);
  CHECK_THROWS_AS(run.checkpoint().load("missing.safetensors"), IoError);

  Checkpoint twice;
  twice.add("model", run.net);
  CHECK_THROWS_AS(twice.add("model", run.epoch), ValueError);
  CHECK_THROWS_AS(twice.add("a.b", run.epoch), ValueError);
  CHECK_THROWS_AS(twice.add("", run.epoch), ValueError);
}
