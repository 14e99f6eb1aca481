// SPDX-License-Identifier: MIT
// The losses as modules: every golden case of PyTorch's, built from settings and weights; then their state and names.
// Devices: slow
#include <taper/core/factory.hpp>
#include <taper/core/literal.hpp>
#include <taper/nn/convert.hpp>
#include <taper/nn/layers/loss.hpp>
#include <taper/nn/print.hpp>
#include <taper/nn/state_dict.hpp>
#include <taper/ops/eager.hpp>

#include "tests/support/device.hpp"
#include "tests/support/golden.hpp"

using namespace taper;

namespace {

const golden::File& file() {
  static const golden::File f("losses");
  return f;
}

/// A case is <loss>[.<variant>].<reduction>.
struct Name {
  std::string loss, variant, reduction;
  explicit Name(const std::string& name)
      : loss(name.substr(0, name.find('.'))), reduction(name.substr(name.rfind('.') + 1)) {
    if (loss.size() + reduction.size() + 1 < name.size())
      variant = name.substr(loss.size() + 1, name.rfind('.') - loss.size() - 1);
  }
  bool is(std::initializer_list<const char*> list) const {
    return std::find(list.begin(), list.end(), variant) != list.end();
  }
  Reduction how() const {
    if (reduction == "none") return Reduction::none;
    if (reduction == "batchmean") return Reduction::batchmean;
    return reduction == "sum" ? Reduction::sum : Reduction::mean;
  }
};

template <class T>
nn::Buffer<T> buffer(const std::string& key) {
  return file().has(key) ? nn::Buffer<T>(file().tensor<T>(key)) : nn::Buffer<T>();
}

/// loss(x, target) and the gradients of x and, where PyTorch has one, of the target.
template <class T, class Target, class Loss>
void check(const std::string& name, const Loss& loss) {
  constexpr bool wide = std::is_same_v<T, double>;
  const double rtol = wide ? 1e-12 : 2e-5, atol = wide ? 2e-13 : 4e-6;
  Tensor<T> x = file().tensor<T>(name + "/x").requires_grad_();
  Tensor<Target> target = file().tensor<Target>(name + "/target");
  if constexpr (std::is_same_v<Target, T>) target.requires_grad_(file().has(name + "/gtarget"));
  const auto moved = to<device::D>(loss);
  const Tensor<T> y = device::back(moved(device::there(x), device::there(target)));
  check_close(y, file().tensor<T>(name + "/y"), rtol, atol);
  y.backward(file().tensor<T>(name + "/gy"));
  check_close(x.grad(), file().tensor<T>(name + "/gx"), rtol, atol);
  if constexpr (std::is_same_v<Target, T>)
    if (target.requires_grad()) check_close(target.grad(), file().tensor<T>(name + "/gtarget"), rtol, atol);
}

template <class T>
void check_classes(const std::string& name) {
  const Name n(name);
  const bool everything = n.is({"everything", "3d_everything"});
  const double smoothing = everything ? 0.25 : n.is({"smoothing", "smoothing_weight", "soft_everything"}) ? 0.125 : 0;
  const std::int64_t ignored = everything || n.is({"ignore_index", "weight_ignore"}) ? 1
                               : n.is({"ignore_all"})                                ? 2
                                                                                     : -100;
  const nn::Buffer<T> weight = buffer<T>(name + "/weight");
  const bool classes = file().dtype(name + "/target") == DType::int64;
  if (n.loss == "nll") {
    check<T, std::int64_t>(name, nn::NLLLoss<T>{.weight = weight, .ignore_index = ignored, .reduction = n.how()});
    return;
  }
  const nn::CrossEntropyLoss<T> loss{
      .weight = weight, .ignore_index = ignored, .reduction = n.how(), .label_smoothing = smoothing};
  if (classes)
    check<T, std::int64_t>(name, loss);
  else
    check<T, T>(name, loss);
}

template <class T>
void check_pairs(const std::string& name) {
  const Name n(name);
  const Reduction r = n.how();
  if (n.loss == "mse")
    check<T, T>(name, nn::MSELoss{r});
  else if (n.loss == "l1")
    check<T, T>(name, nn::L1Loss{r});
  else if (n.loss == "smooth_l1")
    check<T, T>(name, nn::SmoothL1Loss{.reduction = r, .beta = n.is({"beta"}) ? 2.5 : n.is({"beta_0"}) ? 0 : 1.0});
  else if (n.loss == "huber")
    check<T, T>(name, nn::HuberLoss{.reduction = r, .delta = n.is({"delta"}) ? 2.5 : 1.0});
  else if (n.loss == "kl_div")
    check<T, T>(name, nn::KLDivLoss{.reduction = r, .log_target = n.is({"log_target"})});
  else if (n.loss == "bce")
    check<T, T>(name, nn::BCELoss<T>{.weight = buffer<T>(name + "/weight"), .reduction = r});
  else if (n.loss == "bce_with_logits")
    check<T, T>(name, nn::BCEWithLogitsLoss<T>{.weight = buffer<T>(name + "/weight"),
                                               .reduction = r,
                                               .pos_weight = buffer<T>(name + "/pos_weight")});
  else
    FAIL("no module for " << name);
}

}  // namespace

TEST_CASE("every loss module equals PyTorch's with every option and reduction") {
  int cases = 0;
  for (const std::string& name : file().cases()) {
    INFO(name);
    const bool classes = name.rfind("cross_entropy", 0) == 0 || name.rfind("nll", 0) == 0;
    ++cases;
    if (classes)
      check_classes<double>(name), check_classes<float>(name);
    else
      check_pairs<double>(name);
    // Logarithms of the smallest doubles are no floats'.
    if (!classes && name.rfind("bce.edge", 0) != 0) check_pairs<float>(name);
  }
  CHECK(cases > 130);
}

TEST_CASE("a loss's weights are buffers, saved and loaded with it, and it prints as PyTorch's") {
  nn::BCEWithLogitsLoss<double> loss{.weight = nn::Buffer<double>(ones<double>({3})),
                                     .pos_weight = nn::Buffer<double>(tensor<double>({1, 2, 3}))};
  const StateDict state = nn::state_dict(loss);
  CHECK(state.size() == 2);
  nn::BCEWithLogitsLoss<double> other{.weight = nn::Buffer<double>(zeros<double>({3})),
                                      .pos_weight = nn::Buffer<double>(zeros<double>({3}))};
  nn::load_state_dict(other, state);
  check_equal(other.pos_weight, loss.pos_weight);
  CHECK(nn::parameter_count(loss) == 0);
  CHECK(nn::to_string(loss) == "BCEWithLogitsLoss()");
  CHECK(nn::to_string(nn::MSELoss{}) == "MSELoss()");
}
