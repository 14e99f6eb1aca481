// SPDX-License-Identifier: MIT
// Sizes and axes that do not fit: each error names the operation, both shapes, and what would fit.
#include <taper/core/factory.hpp>
#include <taper/nn/layers/batch_norm.hpp>
#include <taper/nn/layers/conv.hpp>
#include <taper/nn/layers/linear.hpp>
#include <taper/nn/layers/norm.hpp>
#include <taper/nn/layers/rnn.hpp>
#include <taper/ops.hpp>

#include "tests/mistakes/mistakes.hpp"

using namespace taper;

namespace {
template <class... N>
Tensor<float> z(N... n) {
  return zeros<float>({static_cast<std::int64_t>(n)...});
}
}  // namespace

TEST_CASE("operands that do not broadcast, when the expression is written") {
  mistake<ShapeError>(
      "add", [] { (void)(z(2, 3) + z(2, 4)); }, "(2, 3)", "(2, 4)", "size 3 meets 4 in dimension -1",
      "must be equal or 1");
  mistake<ShapeError>(
      "+=", [] { z(2, 3) += z(4, 2, 3); }, "(4, 2, 3)", "(2, 3)", "keeps its shape");
  mistake<ShapeError>(
      "copy_", [] { z(2, 3).copy_(z(4)); }, "(4,)", "(2, 3)");
}

TEST_CASE("products") {
  mistake<ShapeError>(
      "matmul", [] { matmul(z(2, 3), z(4, 5)).eval(); }, "(2, 3)", "(4, 5)", "3 != 4");
  mistake<ShapeError>(
      "matmul", [] { matmul(z(2), z(3)).eval(); }, "(2,)", "(3,)", "2 != 3");
  mistake<ShapeError>(
      "matmul", [] { matmul(z(), z(3)).eval(); }, "()", "(3,)", "use *");
  mistake<ShapeError>(
      "einsum", [] { einsum("ij,jk->ik", z(2, 3), z(4, 5)); }, "'j'", "(2, 3)", "(4, 5)", "size 3", "size 4");
}

TEST_CASE("inputs that do not fit a layer") {
  mistake<ShapeError>(
      "linear", [] { nn::Linear<float>(4, 3)(z(2, 5)).eval(); }, "(2, 5)", "weight (3, 4)", "5 != 4");
  mistake<ShapeError>(
      "linear", [] { nn::Linear<float>(4, 3)(z()).eval(); }, "no dimension", "4 elements");
  const nn::Conv2d<float> conv(3, 8, {.kernel_size = 3});
  mistake<ShapeError>(
      "conv2d", [&] { conv(z(1, 1, 8, 8)).eval(); }, "(1, 1, 8, 8)", "1 channels", "takes 3");
  mistake<ShapeError>(
      "conv2d", [&] { conv(z(8, 8)).eval(); }, "4 dimensions", "(8, 8)");
  mistake<ShapeError>(
      "conv2d", [&] { conv(z(1, 3, 2, 2)).eval(); }, "(8, 3, 3, 3)", "(1, 3, 2, 2)", "does not fit");
  mistake<ValueError>(
      "Conv2d", [] { nn::Conv2d<float>(3, 8, {.kernel_size = 3, .groups = 2}); }, "3", "8", "multiples of groups 2");
  mistake<ShapeError>(
      "max_pool2d", [] { max_pool2d(z(1, 1, 2, 2), 3); }, "(3, 3)", "(1, 1, 2, 2)");
  mistake<ShapeError>(
      "BatchNorm1d", [] { nn::BatchNorm1d<float>(3)(z(2, 4)).eval(); }, "4 channels", "takes 3");
  mistake<ValueError>(
      "batch_norm", [] { nn::BatchNorm1d<float>(3)(z(1, 3)).eval(); }, "(1, 3)", "one value per channel", "eval(net)");
  mistake<ShapeError>(
      "layer_norm", [] { nn::LayerNorm<float>(4)(z(2, 3)); }, "(2, 3)", "(4,)");
  mistake<ShapeError>(
      "LSTM", [] { nn::LSTM<float>(4, 3)(z(2, 5)); }, "(2, 5)", "input_size 4");
}

TEST_CASE("another shape of the same elements") {
  mistake<ShapeError>(
      "reshape", [] { reshape(z(2, 3), {7}); }, "(2, 3)", "(7,)", "6 elements are not 7");
  mistake<ShapeError>(
      "view",
      [] {
        z(2, 3).view({-1, 4});
      },
      "(-1, 4)", "6 elements are no multiple of 4");
  mistake<ShapeError>(
      "view",
      [] {
        z(2, 3).view({-1, -1});
      },
      "only one size", "-1");
  mistake<ShapeError>(
      "view", [] { z(2, 3).t().view({6}); }, "strides (1, 3)", "(6,)", "use reshape");
  mistake<ShapeError>(
      "expand",
      [] {
        z(2, 3).expand({4, 3});
      },
      "(2, 3)", "(4, 3)", "1 in the tensor");
  mistake<ShapeError>(
      "expand", [] { z(2, 3).expand({3}); }, "(2, 3)", "(3,)", "new in front");
  mistake<ShapeError>(
      "expand", [] { z(1, 1).expand({std::int64_t{1} << 32, std::int64_t{1} << 32}); }, "(4294967296, 4294967296)", "too many elements");
  mistake<ShapeError>(
      "expand", [] { z(1, 1).expand({std::int64_t{3} << 61, 3}); }, "too many elements");
}

TEST_CASE("axes") {
  mistake<IndexError>(
      "sum", [] { sum(z(2, 3), 2); }, "axis 2", "2 dimensions", "use -2 to 1");
  mistake<IndexError>(
      "transpose", [] { z(2, 3).transpose(0, -3); }, "axis -3", "use -2 to 1");
  mistake<IndexError>(
      "softmax", [] { softmax(z(2, 3), 2); }, "axis 2", "use -2 to 1");
  mistake<IndexError>(
      "sum",
      [] {
        sum(z(2, 3), {0, -2});
      },
      "axis -2 appears twice");
  mistake<ShapeError>(
      "permute", [] { z(2, 3).permute({0}); }, "(0,)", "(2, 3)");
}

TEST_CASE("lists of tensors") {
  mistake<ShapeError>(
      "cat",
      [] {
        cat({z(2, 3), z(2, 4)});
      },
      "tensor 1", "(2, 4)", "(2, 3)", "along axis 0 only");
  mistake<ShapeError>(
      "stack",
      [] {
        stack({z(2, 3), z(2, 4)});
      },
      "tensor 1", "(2, 4)", "(2, 3)");
  mistake<ValueError>(
      "cat", [] { cat(std::vector<Tensor<float>>{}); }, "no tensor");
}

TEST_CASE("sizes and values that make no tensor") {
  mistake<ShapeError>(
      "zeros", [] { z(-1, 2); }, "(-1, 2)", "negative");
  mistake<ShapeError>(
      "zeros", [] { z(std::int64_t{1} << 40, std::int64_t{1} << 40); }, "too many elements");
  mistake<MemoryError>(
      "allocate", [] { z(std::int64_t{1} << 45); }, "the system refuses 140737488355", "smaller");
  mistake<ShapeError>(
      "tensor",
      [] {
        tensor<float>({{1, 2}, {3}});
      },
      "ragged", "1 stands where the first has 2");
  mistake<ValueError>(
      "arange", [] { arange(0, 10, 0); }, "step must not be 0");
  mistake<ShapeError>(
      "item", [] { z(2, 3).item(); }, "(2, 3)", "6 elements", "exactly one");
  mistake<ValueError>(
      "tensor", [] { (void)(Tensor<float>() + 1.f); }, "undefined", "default-constructed");
  mistake<ValueError>(
      "tensor", [] { sum(z(2).requires_grad_().grad()); }, "a gradient that does not exist yet");
}
