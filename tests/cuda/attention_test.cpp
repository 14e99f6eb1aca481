// SPDX-License-Identifier: MIT
// Attention on a device whose memory the host cannot touch: the host's own, with every mask, grouping and layout.
// Slow
// Needs: thrust
#include <taper/ops/attention.hpp>

#include "tests/cuda/against_host.hpp"

using namespace taper;
using against_host::beside;

namespace {

template <Scalar T, class M = bool>
void check(const Shape& q, const Shape& k, const Shape& v, const ScaledDotProductAttentionFuncOptions& options = {},
           const Tensor<M>& mask = {}, bool recorded = false) {
  INFO(detail::concat("q ", q, ", k ", k, ", v ", v, options.is_causal ? ", causal" : ""));
  against_host::check<T>(
      {cast<T>(randn<float>(q)), cast<T>(randn<float>(k)), cast<T>(randn<float>(v))},
      [&](const auto& x) { return scaled_dot_product_attention(x[0], x[1], x[2], beside(x[0], mask), options); },
      recorded ? 2 : 1);
}

}  // namespace

TEST_CASE("attention on a device") {
  manual_seed(1);
  check<float>({2, 3, 70, 20}, {2, 3, 133, 20}, {2, 3, 133, 75});
  check<double>({3, 40, 9}, {3, 70, 9}, {3, 70, 9});
  check<float>({5, 3}, {4, 3}, {4, 2}, {}, Tensor<bool>(), true);
  check<bfloat16>({2, 9, 8}, {2, 70, 8}, {2, 70, 8});
  for (const std::int64_t keys : {64, 65, 130})
    check<float>({2, 130, 8}, {2, keys, 8}, {2, keys, 8}, {.is_causal = true, .scale = 0.3});
  check<float>({2, 4, 7, 6}, {2, 2, 33, 6}, {2, 1, 33, 5}, {.enable_gqa = true});
  check<float>({2, 4, 7, 6}, {4, 33, 6}, {2, 1, 33, 5});
  check<float>({2, 3, 0}, {2, 5, 0}, {2, 5, 4});
  check<float>({2, 3, 4}, {2, 0, 4}, {2, 0, 4});
  check<float>({2, 0, 4}, {2, 3, 4}, {2, 3, 4});
}

TEST_CASE("attention on a device with a mask") {
  manual_seed(2);
  const Shape q{2, 3, 70, 6}, k{2, 3, 133, 6};
  Tensor<bool> keep = randn<float>({70, 133}) > 0.5f;
  for (std::int64_t j = 0; j < 133; ++j) keep.data_ptr()[5 * 133 + j] = false;  // a query without keys
  check<float>(q, k, k, {}, keep);
  check<float>(q, k, k, {}, Tensor<bool>(randn<float>({2, 1, 1, 133}) > 0.5f));
  check<float>(q, k, k, {}, randn<float>({3, 70, 133}));
  check<float>(q, k, k, {}, randn<float>({133}));
}

TEST_CASE("attention on a device over strided heads") {
  manual_seed(3);
  against_host::check<float>(
      {randn<float>({2, 70, 4, 20}), randn<float>({2, 9, 4, 20}), randn<float>({2, 9, 4, 20})}, [](const auto& x) {
        return scaled_dot_product_attention(transpose(x[0], 1, 2), transpose(x[1], 1, 2), transpose(x[2], 1, 2));
      });
}
