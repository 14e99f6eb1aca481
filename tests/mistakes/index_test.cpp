// SPDX-License-Identifier: MIT
// Indices, classes and masks out of range: each error names the index, its place, and the range.
#include <taper/core/factory.hpp>
#include <taper/core/random.hpp>
#include <taper/nn/layers/embedding.hpp>
#include <taper/ops.hpp>

#include "tests/mistakes/mistakes.hpp"

using namespace taper;

namespace {
const Tensor<float>& table() {
  static const Tensor<float> t = zeros<float>({2, 3});
  return t;
}
Tensor<std::int64_t> index(std::initializer_list<std::int64_t> values) { return tensor<std::int64_t>(values); }
}  // namespace

TEST_CASE("indexing") {
  mistake<IndexError>(
      "index", [] { table()[2]; }, "index 2", "axis 0 of size 2");
  mistake<IndexError>(
      "index", [] { table()(0, -4); }, "index -4", "axis 1 of size 3");
  mistake<IndexError>(
      "index", [] { table()(0, 0, 0); }, "3 axes", "(2, 3)");
  mistake<IndexError>(
      "index", [] { sum(table())[0]; }, "0-dim", "item()");
  mistake<IndexError>(
      "index",
      [] {
        table()(index({0, 2})).eval();
      },
      "index 2", "axis 0 of size 2");
  mistake<IndexError>(
      "index",
      [] {
        table()(tensor<bool>({true, false, true})).eval();
      },
      "(3,)", "(2, 3)", "3", "2");
  mistake<IndexError>(
      "narrow", [] { table().narrow(1, 2, 2); }, "start 2", "length 2", "size 3");
  mistake<IndexError>(
      "select", [] { table().select(1, 3); }, "index 3", "axis 1 of size 3");
}

TEST_CASE("functions of indices") {
  mistake<ShapeError>(
      "gather",
      [] {
        gather(table(), 1, index({0, 1}));
      },
      "(2,)", "(2, 3)", "1 != 2");
  mistake<IndexError>(
      "one_hot",
      [] {
        one_hot(index({0, 5}), 3);
      },
      "index 5", "size 3");
  mistake<ValueError>(
      "topk", [] { topk(table(), 5); }, "k = 5", "3");
  mistake<IndexError>(
      "embedding",
      [] {
        nn::Embedding<float>(10, 3)(index({1, 10}));
      },
      "index 10", "element 1", "use 0 to 9");
}

TEST_CASE("classes of a loss") {
  mistake<IndexError>(
      "cross_entropy",
      [] {
        cross_entropy(table(), index({0, 3}));
      },
      "class 3", "element 1", "3 classes");
  mistake<IndexError>(
      "cross_entropy",
      [] {
        cross_entropy(table(), index({0, -1}));
      },
      "class -1", "3 classes");
  mistake<ShapeError>(
      "cross_entropy",
      [] {
        cross_entropy(table(), index({0, 1, 2}));
      },
      "(2, 3)", "(2,)", "(3,)");
  mistake<ShapeError>(
      "cross_entropy", [] { cross_entropy(table(), zeros<float>({2})); }, "(2, 3)", "(2,)", "same shape");
  mistake<ShapeError>(
      "cross_entropy",
      [] {
        cross_entropy(table(), index({0, 1}), zeros<float>({4}));
      },
      "weight (4,)", "(3,)");
  mistake<ShapeError>(
      "mse_loss", [] { Tensor<float> y = mse_loss(table(), zeros<float>({2})); }, "(2, 3)", "(2,)",
      "reshape or expand");
}

TEST_CASE("values out of range") {
  mistake<ValueError>(
      "binary_cross_entropy", [] { Tensor<float> y = binary_cross_entropy(table() + 2.f, table()); }, "between 0 and 1",
      "binary_cross_entropy_with_logits");
  mistake<ValueError>(
      "cross_entropy",
      [] {
        cross_entropy(table(), index({0, 1}), {}, {.label_smoothing = 2});
      },
      "label_smoothing", "not 2");
  mistake<ValueError>(
      "dropout", [] { Tensor<float> y = dropout(table(), 1.5); }, "between 0 and 1", "1.5");
  mistake<ValueError>(
      "remainder",
      [] {
        Tensor<std::int64_t> y = index({1, 2}) % index({0, 1});
      },
      "divided by zero", "cast");
  mistake<ValueError>(
      "randint", [] { randint<std::int64_t>(3, 3, {2}); }, "3 >= 3");
  mistake<ValueError>(
      "multinomial",
      [] {
        multinomial(tensor<float>({-1, 2}), 1);
      },
      "not negative", "-1");
  mistake<ValueError>(
      "split", [] { split(table(), 0); }, "positive", "0");
}

TEST_CASE("numbers that do not fit the elements they are assigned to") {
  Tensor<std::int8_t> x = zeros<std::int8_t>({3});
  mistake<ValueError>(
      "assign", [&] { x[0] = 300; }, "300", "out of range", "int8", "wider dtype");
  mistake<ValueError>(
      "assign", [&] { x(index({0, 2})) = -129; }, "-129", "int8");
  mistake<ValueError>(
      "assign", [&] { index_put_(x, {index({1})}, 1e30); }, "int8");
  Tensor<std::int64_t> y = zeros<std::int64_t>({2});
  mistake<ValueError>(
      "assign", [&] { y[0] = 1e30; }, "int64");
  CHECK(sum(x).item() + sum(y).item() == 0);
  x[0] = -128, y[1] = 2.7;  // truncated, as in PyTorch
  CHECK(x[0].item() == -128);
  CHECK(y[1].item() == 2);
}
