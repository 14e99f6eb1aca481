// SPDX-License-Identifier: MIT
// Softmax, losses, norms and attention on emulated GPU threads: the host's, whatever the schedule.
// Needs: thrust
#include <taper/ops/attention.hpp>
#include <taper/ops/cross_entropy.hpp>
#include <taper/ops/layer_norm.hpp>

#include "tests/cuda/against_host.hpp"
#include "tests/support/simt_system.hpp"

using namespace taper;
using against_host::beside;

namespace {

template <class F>
void check(const std::vector<Tensor<float>>& inputs, const F& f) {
  against_host::check<float, Simt>(inputs, f, 1);
}

}  // namespace

TEST_CASE("kernels along lines are the host's under every schedule") {
  manual_seed(1);
  const auto classes = randint<std::int64_t>(0, 70, {5});
  const auto weight = abs(randn<float>({70})).eval();
  check({randn<float>({3, 300})}, [](const auto& v) { return softmax(v[0], 1); });
  check({randn<float>({2, 70, 3})}, [](const auto& v) { return log_softmax(v[0], 1); });
  check({randn<float>({5, 70})}, [&](const auto& v) {
    return cross_entropy(v[0], beside(v[0], classes), beside(v[0], weight), {.label_smoothing = 0.2});
  });
  check({randn<float>({5, 70}), randn<float>({70}), randn<float>({70})},
        [](const auto& v) { return layer_norm(v[0], {70}, v[1], v[2]); });
  check({randn<float>({5, 3, 21}), randn<float>({3})},
        [](const auto& v) { return batch_norm(v[0], {}, {}, v[1], {}, true).eval(); });
  check({randn<float>({70, 8}), randn<float>({8})},
        [](const auto& v) { return batch_norm(v[0], {}, {}, v[1], {}, true).eval(); });
}

TEST_CASE("attention's tiles are the host's under every schedule") {
  manual_seed(2);
  const Tensor<bool> keep = randn<float>({67, 70}) > 0.0f;
  check({randn<float>({2, 67, 18}), randn<float>({2, 70, 18}), randn<float>({2, 70, 5})},
        [&](const auto& v) { return scaled_dot_product_attention(v[0], v[1], v[2], beside(v[0], keep)); });
  check({randn<float>({130, 5}), randn<float>({130, 5}), randn<float>({130, 66})},
        [&](const auto& v) { return scaled_dot_product_attention(v[0], v[1], v[2], {.is_causal = true}); });
}
