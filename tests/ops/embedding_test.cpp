// SPDX-License-Identifier: MIT
// embedding and dropout: PyTorch's goldens, central differences, statistics of the mask.
// Devices: slow
#include <taper/ops/dropout.hpp>
#include <taper/ops/embedding.hpp>
#include <taper/ops/power.hpp>

#include "tests/ops/golden_case.hpp"

using namespace taper;
using golden::irregular;

TEST_CASE("embedding equals PyTorch's") {
  const golden::File file("structural");
  int cases = 0;
  for (const std::string& name : file.cases()) {
    if (name.rfind("embedding.", 0) != 0) continue;
    ++cases;
    const auto index = device::there(file.tensor<std::int64_t>(name + "/index"));
    std::optional<std::int64_t> padding;
    if (name == "embedding.padding_idx") padding = 1;
    if (name == "embedding.negative_padding_idx") padding = -1;
    check_both(file, name, {"weight"}, [&](const auto& x) { return embedding(index, x[0], padding); });
    const auto narrow_index = device::there(file.tensor<std::int32_t>(name + "/index"));
    check_both(file, name, {"weight"}, [&](const auto& x) { return embedding(narrow_index, x[0], padding); });
  }
  CHECK(cases == 5);
}

TEST_CASE("a large table's gradient is zero but for the rows taken") {
  for (const std::int64_t rows : {3, 17, 2101}) {
    Tensor<float> table = irregular<float>({rows, 40}).requires_grad_();
    Tensor<std::int64_t> index(detail::make_dense<Cpu>(DType::int64, {3}));
    index.data_ptr()[0] = index.data_ptr()[2] = rows - 1, index.data_ptr()[1] = 1;
    const Tensor<float> g = irregular<float>({3, 40}, 5);
    embedding(index, table).backward(g);
    const Tensor<float> d = table.grad();
    std::int64_t wrong = 0;
    for (std::int64_t i = 0; i < rows; ++i)
      for (int k = 0; k < 40; ++k) {
        const float* from = std::as_const(g).data_ptr() + k;
        const float expected = i == rows - 1 ? from[0] + from[80] : i == 1 ? from[40] : 0.0f;
        if (std::as_const(d).data_ptr()[i * 40 + k] != expected) ++wrong;
      }
    CHECK(wrong == 0);
  }
}

TEST_CASE("embedding meets central differences, also of second order") {
  Tensor<std::int64_t> index(detail::make_dense<Cpu>(DType::int64, {4}));
  const std::int64_t values[] = {2, 0, 2, 1};
  std::copy(values, values + 4, index.data_ptr());
  check_gradients({irregular({3, 2})}, [&](const auto& x) { return square(embedding(device::there(index), x[0])).eval(); });

}

TEST_CASE("an index out of range is named before anything is read") {
  Tensor<std::int64_t> index(detail::make_dense<Cpu>(DType::int64, {2}));
  index.data_ptr()[0] = 1, index.data_ptr()[1] = 6;
  CHECK_THROWS_WITH(embedding(index, irregular<float>({6, 3})),
                    "[embedding] index 6 (element 1 of indices (2,)) is out of range for weight (6, 3): use 0 to 5");
  CHECK_THROWS_AS(embedding(index, irregular<float>({6})), ShapeError);
  CHECK_THROWS_AS(embedding(index, irregular<float>({7, 3}), 7), IndexError);
}

TEST_CASE("dropout keeps its share, scales it, and hands the gradient to what was kept") {
  Generator generator(7);
  Tensor<float> x(detail::GradOpsFor<float, Cpu>::full({100, 100}, 1));
  x.requires_grad_();
  const Tensor<float> y = dropout(x, 0.25, true, generator);
  int kept = 0;
  for (std::int64_t i = 0; i < y.numel(); ++i) {
    const float v = y.data_ptr()[i];
    const bool valid = v == 0 || golden::near(v, 1 / 0.75, 1e-6);
    if (!valid) FAIL("element " << i << " is " << v);
    kept += v != 0;
  }
  CHECK(std::abs(kept - 7500) < 200);
  y.backward(Tensor<float>(detail::GradOpsFor<float, Cpu>::full({100, 100}, 1)));
  check_equal(x.grad(), y);
  generator.manual_seed(7);
  check_equal(dropout(x, 0.25, true, generator), y);
}

TEST_CASE("dropout fuses, is the identity outside training, and knows its edges") {
  Generator generator(1);
  const Tensor<double> x = irregular({6, 5});
  check_equal(dropout(x, 0.5, false), x);
  check_equal(dropout(x, 0.0), x);
  check_equal(dropout(x, 1.0), x * 0.0);
  reset_stats();
  const Tensor<double> y = square(dropout(x + 1.0, 0.5, true, generator));
  CHECK(stats().launches == 1);
  const Tensor<double> planes = dropout2d(Tensor<double>(detail::GradOpsFor<double, Cpu>::full({4, 8, 3, 3}, 1)), 0.5, true, generator);
  for (int i = 0; i < 32; ++i)
    for (int k = 1; k < 9; ++k) CHECK(planes.data_ptr()[i * 9 + k] == planes.data_ptr()[i * 9]);
  const Tensor<double> lines = dropout1d(Tensor<double>(detail::GradOpsFor<double, Cpu>::full({16, 2, 5}, 1)), 0.5, true, generator);
  for (int i = 0; i < 32; ++i)
    for (int k = 1; k < 5; ++k) CHECK(lines.data_ptr()[i * 5 + k] == lines.data_ptr()[i * 5]);
  check_gradients({irregular({2, 3})}, [](const auto& in) {
    Generator same(3);
    return square(dropout(in[0], 0.4, true, same)).eval();
  });
  CHECK_THROWS_AS(dropout(x, 1.5), ValueError);
  CHECK_THROWS_AS(dropout2d(x), ShapeError);
}

template <class X>
concept Drops = requires(const X& x) { dropout(x); };
static_assert(Drops<Tensor<float>> && !Drops<Tensor<std::int64_t>>);
template <class I>
concept LooksUp = requires(const Tensor<I>& i, const Tensor<float>& w) { embedding(i, w); };
static_assert(LooksUp<std::int64_t> && !LooksUp<float>);
