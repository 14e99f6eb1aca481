// SPDX-License-Identifier: MIT
// Norms, dropout and embedding against PyTorch's goldens; what changes between training and evaluation.
// Build: -DTAPER_FIRST_ORDER_ONLY
// Devices: slow
#include <taper/nn/layers/batch_norm.hpp>
#include <taper/nn/layers/dropout.hpp>
#include <taper/nn/layers/embedding.hpp>
#include <taper/nn/layers/norm.hpp>
#include <taper/ops/comparison.hpp>
#include <taper/ops/logical.hpp>
#include <taper/ops/reduction.hpp>

#include "tests/nn/layer_case.hpp"

using namespace taper;
using layer_case::absolute;
using layer_case::check;
using layer_case::check_gradient;
using layer_case::check_gradients;
using layer_case::file;
using layer_case::input;
using layer_case::relative;
using BatchNorm1d = nn::BatchNorm1d<double>;
using BatchNorm2d = nn::BatchNorm2d<double>;
using LayerNorm = nn::LayerNorm<double>;

namespace {

/// Three batches in training, then evaluation: values, gradients and the state in between.
template <class M>
void check_batch_norm(const std::string& name, M module) {
  INFO(name);
  check(name, M(module));
  layer_case::load(name, module);
  const M& layer = module;
  (void)Tensor<double>(layer(input(name + "/x")));
  const Tensor<double> next = file().tensor<double>(name + "/x_next"), expected = file().tensor<double>(name + "/y_next");
  for (int i = 0; i < 2; ++i) check_close(layer(next[i]), expected[i], relative, absolute);
  const StateDict after = layer_case::state_of(name, "after");
  nn::for_each_state(layer, [&](const std::string& key, const auto& tensor) {
    INFO(key);
    if constexpr (std::same_as<value_t<decltype(tensor)>, double>) check_close(tensor, after.at(key).template as<double>(), relative, absolute);
    else check_equal(tensor, after.at(key).template as<std::int64_t>());
  });
  nn::eval(module);
  const Tensor<double> x = input(name + "/eval_x"), y = module(x);
  check_close(y, file().tensor<double>(name + "/eval_y"), relative, absolute);
  y.backward(file().tensor<double>(name + "/eval_gy"));
  check_gradient(x, name + "/eval_gx");
  check_gradients(name, module, "eval_grad");
}

}  // namespace

TEST_CASE("batch norms equal PyTorch's in training and in evaluation") {
  check_batch_norm("batch_norm1d", BatchNorm1d{3});
  check_batch_norm("batch_norm1d.3d", BatchNorm1d{3, {.momentum = 0.25}});
  check_batch_norm("batch_norm2d", BatchNorm2d{3});
  check_batch_norm("batch_norm2d.cumulative", BatchNorm2d{3, {.momentum = {}}});
  check_batch_norm("batch_norm2d.plain", BatchNorm2d{3, {.affine = false}});
  check_batch_norm("batch_norm2d.no_stats", BatchNorm2d{3, {.track_running_stats = false}});
  check_batch_norm("batch_norm2d.eps", BatchNorm2d{3, {.eps = 0.125}});
}

TEST_CASE("a batch norm starts as PyTorch's and leaves its statistics alone in evaluation") {
  BatchNorm2d layer{3};
  check_equal(layer.weight, ones<double>({3}));
  check_equal(layer.bias, zeros<double>({3}));
  nn::eval(layer);
  (void)Tensor<double>(layer(randn<double>({2, 3, 4, 4})));
  check_equal(layer.running_mean, zeros<double>({3}));
  check_equal(layer.running_var, ones<double>({3}));
  CHECK(layer.num_batches_tracked.item() == 0);
  CHECK_THROWS_WITH(layer(randn<double>({2, 4, 4, 4})), "[BatchNorm2d] x (2, 4, 4, 4) has 4 channels (axis 1), this layer takes 3");
  CHECK_THROWS_WITH(layer(randn<double>({2, 3})), "[BatchNorm2d] x must have 4 dimensions, not shape (2, 3)");
  CHECK_THROWS_WITH(BatchNorm1d{3}(randn<double>({3})), "[BatchNorm1d] x must have 2 or 3 dimensions, not shape (3,)");
}

TEST_CASE("layer norms equal PyTorch's") {
  check("layer_norm", LayerNorm{5});
  check("layer_norm.two", LayerNorm{{3, 5}, {.eps = 0.125}});
  check("layer_norm.plain", LayerNorm{5, {.elementwise_affine = false}});
  check("layer_norm.no_bias", LayerNorm{5, {.bias = false}});
}

// clang 16 warned of the braces around a single size.
TEST_CASE("a norm's shape in braces, of one size or several") {
  const std::int64_t n = 3;
  const LayerNorm one({4}), twice{{4}}, options({4}, {.bias = false}), variables({n, n + 1}), ints{{3, 4}, {.eps = 0.5}};
  for (const LayerNorm* norm : {&one, &twice, &options}) CHECK(norm->normalized_shape == Shape{4});
  for (const LayerNorm* norm : {&variables, &ints}) CHECK(norm->normalized_shape == Shape{3, 4});
  CHECK(LayerNorm{n}.normalized_shape == Shape{3});
  CHECK((options.weight.defined() && !options.bias.defined() && ints.eps == 0.5));
  CHECK((nn::RMSNorm<double>({4}).normalized_shape == Shape{4} && nn::RMSNorm<double>{{3, 4}}.normalized_shape == Shape{3, 4}));
}

TEST_CASE("group norm of one group is layer norm of everything, rms norm divides by the root mean square") {
  const Tensor<double> x = randn<double>({2, 4, 3});
  check_close(nn::GroupNorm<double>{1, 4}(x), nn::LayerNorm<double>{{4, 3}}(x), 1e-12, 1e-14);
  const Tensor<double> expected = x / sqrt(mean(square(x), {-1}, true) + 0.5);
  check_close(nn::RMSNorm<double>{3, {.eps = 0.5}}(x), expected, 1e-12, 1e-14);
  CHECK_THROWS_AS((nn::GroupNorm<double>{3, 4}), ValueError);
}

TEST_CASE("dropout is active in training only") {
  manual_seed(3);
  nn::Dropout layer{0.5};
  nn::eval(layer);
  check("dropout.eval", layer);
  check("dropout.p_0", nn::Dropout{0.0});
  nn::train(layer);
  const Tensor<double> y = layer(ones<double>({10000}));
  CHECK(all(logical_or(y == 0.0, y == 2.0)).item());
  CHECK(mean(y).item() == Approx(1).epsilon(0.05));
  const Tensor<double> channels = nn::Dropout2d{0.5}(ones<double>({4, 8, 3, 3}));
  check_equal(amax(channels, {2, 3}), amin(channels, {2, 3}));
}

TEST_CASE("embeddings equal PyTorch's") {
  const auto check_embedding = [](const std::string& name, nn::Embedding<double> layer) {
    INFO(name);
    layer_case::load(name, layer);
    const Tensor<double> y = layer(file().tensor<std::int64_t>(name + "/x"));
    check_equal(y, file().tensor<double>(name + "/y"));
    y.backward(file().tensor<double>(name + "/gy"));
    check_gradients(name, layer);
  };
  check_embedding("embedding", nn::Embedding<double>{6, 3});
  check_embedding("embedding.padding_idx", nn::Embedding<double>{6, 3, {.padding_idx = 1}});
  check_embedding("embedding.padding_idx", nn::Embedding<double>{6, 3, {.padding_idx = -5}});
}

TEST_CASE("an embedding's padding row starts as zeros; given rows are copied and frozen") {
  const nn::Embedding<double> layer{6, 3, {.padding_idx = -1}};
  CHECK(*layer.padding_idx == 5);
  check_equal(layer.weight[5], zeros<double>({3}));
  CHECK(any(layer.weight[4] != 0.0).item());
  CHECK_THROWS_AS((nn::Embedding<double>{6, 3, {.padding_idx = 6}}), IndexError);

  Tensor<double> rows = randn<double>({4, 2});
  const Tensor<double> before = clone(rows);
  auto given = nn::Embedding<double>::from_pretrained(rows);
  rows.zero_();
  check_equal(given.weight, before);
  CHECK(given.num_embeddings == 4);
  CHECK(given.embedding_dim == 2);
  CHECK(!given.weight.requires_grad());
  CHECK(nn::Embedding<double>::from_pretrained(rows, {.freeze = false}).weight.requires_grad());

  // What is frozen stays so where it is put, and what is not is trained there.
  for (const std::int64_t size : {4, 6}) {
    nn::Embedding<double> moved{size, 2}, copied{size, 2};
    const Tensor<double> handle = moved.weight;
    moved = nn::Embedding<double>::from_pretrained(rows);
    copied = given;
    CHECK(!moved.weight.requires_grad());
    CHECK(!copied.weight.requires_grad());
    CHECK(handle.requires_grad() == (size != 4));
    moved = nn::Embedding<double>{4, 2};
    CHECK(moved.weight.requires_grad());
    copied.weight = rows;  // a tensor says nothing of training
    CHECK(!copied.weight.requires_grad());
  }
}

TEST_CASE("max_norm shortens the rows that are looked up") {
  nn::Embedding<double> layer{3, 2, {.max_norm = 1.0}};
  layer.weight = tensor<double>({{3, 4}, {0.3, 0.4}, {30, 40}});
  const Tensor<double> y = layer(tensor<std::int64_t>({0, 1}));
  check_close(y, tensor<double>({{0.6, 0.8}, {0.3, 0.4}}), 1e-6, 0);
  check_close(layer.weight, tensor<double>({{0.6, 0.8}, {0.3, 0.4}, {30, 40}}), 1e-6, 0);
}
