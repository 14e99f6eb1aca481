// SPDX-License-Identifier: MIT
// The losses as modules: each hands its settings and weights on, against PyTorch's goldens.
#include <taper/nn/layers/loss.hpp>
#include <taper/nn/sequential.hpp>

#include "tests/support/golden.hpp"

using namespace taper;

namespace {

const golden::File& file() {
  static const golden::File f("losses");
  return f;
}
nn::Buffer<double> buffer(const std::string& key) { return nn::Buffer<double>(file().tensor<double>(key)); }

/// The loss of a case and its gradient for x.
template <class Loss>
void check(const std::string& name, const Loss& loss) {
  INFO(name);
  const Tensor<double> x = file().tensor<double>(name + "/x").requires_grad_();
  Tensor<double> y;
  if constexpr (requires(Tensor<std::int64_t> t) { loss(x, t); }) {
    if (file().dtype(name + "/target") == DType::int64) y = loss(x, file().tensor<std::int64_t>(name + "/target"));
    else y = loss(x, file().tensor<double>(name + "/target"));
  } else {
    y = loss(x, file().tensor<double>(name + "/target"));
  }
  check_close(y, file().tensor<double>(name + "/y"), 1e-12, 1e-13);
  y.backward(file().tensor<double>(name + "/gy"));
  check_close(x.grad(), file().tensor<double>(name + "/gx"), 1e-11, 1e-12);
}

}  // namespace

TEST_CASE("losses of pairs equal PyTorch's") {
  check("mse.mean", nn::MSELoss{});
  check("mse.none", nn::MSELoss{Reduction::none});
  check("l1.sum", nn::L1Loss{.reduction = Reduction::sum});
  check("smooth_l1.beta.mean", nn::SmoothL1Loss{.beta = 2.5});
  check("huber.delta.sum", nn::HuberLoss{Reduction::sum, 0.5});
  check("kl_div.log_target.batchmean", nn::KLDivLoss{Reduction::batchmean, true});
  check("kl_div.mean", nn::KLDivLoss{});
}

TEST_CASE("losses of classes equal PyTorch's") {
  const std::string everything = "cross_entropy.everything.mean";
  check("cross_entropy.mean", nn::CrossEntropyLoss<double>{});
  check("cross_entropy.soft.sum", nn::CrossEntropyLoss<double>{.reduction = Reduction::sum});
  check(everything, nn::CrossEntropyLoss<double>{.weight = buffer(everything + "/weight"), .ignore_index = 1, .label_smoothing = 0.25});
  check("nll.weight_ignore.none",
        nn::NLLLoss<double>{.weight = buffer("nll.weight_ignore.none/weight"), .ignore_index = 1, .reduction = Reduction::none});
}

TEST_CASE("binary losses equal PyTorch's") {
  check("bce.weight.mean", nn::BCELoss<double>{.weight = buffer("bce.weight.mean/weight")});
  check("bce_with_logits.sum", nn::BCEWithLogitsLoss<double>{.reduction = Reduction::sum});
  check("bce_with_logits.both.mean", nn::BCEWithLogitsLoss<double>{.weight = buffer("bce_with_logits.both.mean/weight"),
                                                                   .pos_weight = buffer("bce_with_logits.both.mean/pos_weight")});
}

TEST_CASE("a loss's weights are buffers, saved with it") {
  nn::CrossEntropyLoss<double> loss{.weight = nn::Buffer<double>(ones<double>({3}))};
  int buffers = 0;
  nn::for_each_buffer(loss, [&](const std::string& name, const auto&) { buffers += name == "weight"; });
  CHECK(buffers == 1);
  CHECK(nn::parameter_count(loss) == 0);
}
