// SPDX-License-Identifier: MIT
// Ten steps of every optimizer, with every option, against PyTorch.
// Build: -DTAPER_FIRST_ORDER_ONLY
// Devices
#include <taper/ops/eager.hpp>
#include <taper/optim/adagrad.hpp>
#include <taper/optim/adam.hpp>
#include <taper/optim/rmsprop.hpp>
#include <taper/optim/sgd.hpp>

#include "tests/optim/golden_run.hpp"

using namespace taper;
using optim_test::check_both;

namespace {

const golden::File& file() {
  static const golden::File f("optim");
  return f;
}

template <template <class...> class O, class Options>
void run(const std::string& name, const Options& options) {
  check_both(file(), name, [&]<class X>(const X& a, const X& b) { return O<X>({a, b}, options); });
}

}  // namespace

TEST_CASE("SGD equals PyTorch's") {
  const auto sgd = [](const char* label, const optim::SGDOptions& o) { run<optim::SGD>(std::string("sgd.") + label, o); };
  sgd("plain", {.lr = 0.0625});
  sgd("momentum", {.lr = 0.0625, .momentum = 0.875});
  sgd("dampening", {.lr = 0.0625, .momentum = 0.875, .dampening = 0.25});
  sgd("nesterov", {.lr = 0.0625, .momentum = 0.875, .nesterov = true});
  sgd("weight_decay", {.lr = 0.0625, .weight_decay = 0.125});
  sgd("maximize", {.lr = 0.0625, .maximize = true});
  sgd("momentum_weight_decay", {.lr = 0.0625, .momentum = 0.875, .weight_decay = 0.125});
  sgd("dampening_weight_decay_maximize", {.lr = 0.0625, .momentum = 0.875, .dampening = 0.25, .weight_decay = 0.125, .maximize = true});
  sgd("nesterov_weight_decay_maximize", {.lr = 0.0625, .momentum = 0.875, .weight_decay = 0.125, .nesterov = true, .maximize = true});
}

TEMPLATE_TEST_CASE("Adam and AdamW equal PyTorch's", "", optim::AdamOptions, optim::AdamWOptions) {
  constexpr bool decoupled = std::is_same_v<TestType, optim::AdamWOptions>;
  const auto adam = [](const char* label, const TestType& o) {
    if constexpr (decoupled) run<optim::AdamW>(std::string("adamw.") + label, o);
    else run<optim::Adam>(std::string("adam.") + label, o);
  };
  adam("defaults", {});
  adam("plain", {.lr = 0.0625});
  adam("amsgrad", {.lr = 0.0625, .amsgrad = true});
  adam("weight_decay", {.lr = 0.0625, .weight_decay = 0.125});
  adam("maximize", {.lr = 0.0625, .maximize = true});
  adam("betas_eps", {.lr = 0.0625, .betas = {0.75, 0.875}, .eps = 0.125});
  adam("everything", {.lr = 0.0625, .betas = {0.75, 0.875}, .eps = 0.125, .weight_decay = 0.125, .amsgrad = true, .maximize = true});
}

TEST_CASE("RMSprop equals PyTorch's") {
  const auto rmsprop = [](const char* label, const optim::RMSpropOptions& o) { run<optim::RMSprop>(std::string("rmsprop.") + label, o); };
  rmsprop("defaults", {});
  rmsprop("plain", {.lr = 0.0625});
  rmsprop("alpha_eps", {.lr = 0.0625, .alpha = 0.75, .eps = 0.125});
  rmsprop("centered", {.lr = 0.0625, .centered = true});
  rmsprop("momentum", {.lr = 0.0625, .momentum = 0.875});
  rmsprop("weight_decay", {.lr = 0.0625, .weight_decay = 0.125});
  rmsprop("maximize", {.lr = 0.0625, .maximize = true});
  rmsprop("centered_momentum", {.lr = 0.0625, .momentum = 0.875, .centered = true});
  rmsprop("everything", {.lr = 0.0625, .alpha = 0.75, .eps = 0.125, .weight_decay = 0.125, .momentum = 0.875, .centered = true, .maximize = true});
}

TEST_CASE("Adagrad equals PyTorch's") {
  const auto adagrad = [](const char* label, const optim::AdagradOptions& o) { run<optim::Adagrad>(std::string("adagrad.") + label, o); };
  adagrad("defaults", {});
  adagrad("plain", {.lr = 0.0625});
  adagrad("lr_decay", {.lr = 0.0625, .lr_decay = 0.25});
  adagrad("weight_decay", {.lr = 0.0625, .weight_decay = 0.125});
  adagrad("maximize", {.lr = 0.0625, .maximize = true});
  adagrad("initial_accumulator_value", {.lr = 0.0625, .initial_accumulator_value = 0.5});
  adagrad("eps", {.lr = 0.0625, .eps = 0.125});
  adagrad("everything", {.lr = 0.0625, .lr_decay = 0.25, .weight_decay = 0.125, .initial_accumulator_value = 0.5, .eps = 0.125, .maximize = true});
}

TEST_CASE("parameter groups with options of their own equal PyTorch's") {
  struct Sgd : optim::SGD<Tensor<double, device::D>> {
    Sgd(const Tensor<double, device::D>& a, const Tensor<double, device::D>& b) : SGD({a}, {.lr = 0.0625, .momentum = 0.875}) {
      add_param_group({b}, {.lr = 0.25, .momentum = 0.875, .weight_decay = 0.125});
    }
  };
  optim_test::check<double>(file(), "groups.sgd", [](const auto& a, const auto& b) { return Sgd(a, b); });
  struct AdamW : optim::AdamW<Tensor<double, device::D>> {
    AdamW(const Tensor<double, device::D>& a, const Tensor<double, device::D>& b) : optim::AdamW<Tensor<double, device::D>>({a}, {.lr = 0.0625}) {
      add_param_group({b}, {.lr = 0.25, .weight_decay = 0.5});
    }
  };
  optim_test::check<double>(file(), "groups.adamw", [](const auto& a, const auto& b) { return AdamW(a, b); });
  struct Adagrad : optim::Adagrad<Tensor<double, device::D>> {
    Adagrad(const Tensor<double, device::D>& a, const Tensor<double, device::D>& b) : optim::Adagrad<Tensor<double, device::D>>({a}, {.lr = 0.0625}) {
      add_param_group({b}, {.lr = 0.0625, .lr_decay = 0.25});
    }
  };
  optim_test::check<double>(file(), "groups.adagrad", [](const auto& a, const auto& b) { return Adagrad(a, b); });
}
