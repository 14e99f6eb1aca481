// SPDX-License-Identifier: MIT
// One layer at a time, forward and backward.
#include "case.hpp"

namespace compare {

namespace {

Case batch_norm_relu(const Inputs& in) {
  const Tensor<float> x = in["x"], weight = in["weight"], bias = in["bias"], mean = in["mean"], var = in["var"];
  return with_backward([=] { return Tensor<float>(relu(batch_norm(x, mean, var, weight, bias, true))); },
                       {{"x", x}, {"weight", weight}, {"bias", bias}}, in["g"]);
}

Case softmax_cross_entropy(const Inputs& in) {
  const Tensor<float> x = in["x"];
  const Tensor<std::int64_t> target = in.operator[]<std::int64_t>("target");
  return with_backward([=] { return cross_entropy(x, target); }, {{"x", x}});
}

Case layer_norm_rows(const Inputs& in) {
  const Tensor<float> x = in["x"], weight = in["weight"], bias = in["bias"];
  return with_backward([=] { return layer_norm(x, weight.shape(), weight, bias); },
                       {{"x", x}, {"weight", weight}, {"bias", bias}}, in["g"]);
}

Case embedding_rows(const Inputs& in) {
  const Tensor<float> weight = in["weight"];
  const Tensor<std::int64_t> index = in.operator[]<std::int64_t>("index");
  return with_backward([=] { return embedding(index, weight); }, {{"weight", weight}}, in["g"]);
}

Case linear_rows(const Inputs& in) {
  const Tensor<float> x = in["x"], weight = in["weight"], bias = in["bias"];
  return with_backward([=] { return Tensor<float>(linear(x, weight, bias)); },
                       {{"x", x}, {"weight", weight}, {"bias", bias}}, in["g"]);
}

Case max_pool(const Inputs& in) {
  const Tensor<float> x = in["x"];
  return with_backward([=] { return max_pool2d(x, 2); }, {{"x", x}}, in["g"]);
}

Case gelu_of(const Inputs& in) {
  const Tensor<float> x = in["x"];
  return with_backward([=] { return Tensor<float>(gelu(x)); }, {{"x", x}}, in["g"]);
}

Case dropout_of(const Inputs& in) {
  const Tensor<float> x = in["x"];
  return with_backward([=] { return Tensor<float>(dropout(x, 0.5)); }, {{"x", x}}, in["g"]);
}

}  // namespace

std::vector<Kind> layers() {
  return {{"batch_norm_relu", batch_norm_relu},
          {"softmax_cross_entropy", softmax_cross_entropy},
          {"layer_norm", layer_norm_rows},
          {"embedding", embedding_rows},
          {"linear", linear_rows},
          {"max_pool", max_pool},
          {"gelu", gelu_of},
          {"dropout", dropout_of}};
}

}  // namespace compare
