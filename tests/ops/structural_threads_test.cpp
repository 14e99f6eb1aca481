// SPDX-License-Identifier: MIT
// Structural ops give the same bits, values and gradients, for any number of threads.
#include <taper/ops/conv.hpp>
#include <taper/ops/embedding.hpp>
#include <taper/ops/linear.hpp>
#include <taper/ops/loss.hpp>
#include <taper/ops/layer_norm.hpp>
#include <taper/ops/pool.hpp>
#include <taper/ops/softmax.hpp>

#include "tests/ops/golden_case.hpp"

using namespace taper;
using golden::irregular;

namespace {

/// The value and all gradients of f for 1, 2 and 4 threads.
void check_bits(const std::vector<Shape>& shapes, const golden::Function<float>& f) {
  const int before = get_num_threads();
  std::vector<Tensor<float>> first;
  for (const int threads : {1, 2, 4}) {
    set_num_threads(threads);
    std::vector<Tensor<float>> x, results;
    for (const Shape& s : shapes) x.push_back(irregular<float>(s, static_cast<int>(x.size()) + 1).requires_grad_());
    const Tensor<float> y = f(x);
    y.backward(irregular<float>(y.shape(), 9));
    results.push_back(y);
    for (const auto& t : x) results.push_back(t.grad());
    if (threads == 1) first = results;
    else
      for (std::size_t i = 0; i < results.size(); ++i) check_equal(results[i], first[i]);
  }
  set_num_threads(before);
}

}  // namespace

TEST_CASE("structural ops give the same bits for 1, 2 and 4 threads") {
  check_bits({{120, 200}, {90, 200}, {90}}, [](const auto& x) { return linear(x[0], x[1], x[2]).eval(); });
  check_bits({{6, 40, 50}, {6, 50, 30}}, [](const auto& x) { return matmul(x[0], x[1]).eval(); });
  check_bits({{4, 8, 24, 24}, {16, 8, 3, 3}, {16}}, [](const auto& x) { return conv2d(x[0], x[1], x[2], {.padding = 1}).eval(); });
  check_bits({{4, 16, 30, 30}}, [](const auto& x) { return max_pool2d(x[0], 2); });
  check_bits({{4, 16, 30, 30}}, [](const auto& x) { return adaptive_avg_pool2d(x[0], 7); });
  check_bits({{300, 170}}, [](const auto& x) { return softmax(x[0], 1); });
  check_bits({{4, 100, 170}}, [](const auto& x) { return log_softmax(x[0], 1); });
  check_bits({{16, 40, 90}, {40}, {40}}, [](const auto& x) { return batch_norm(x[0], {}, {}, x[1], x[2], true).eval(); });
  check_bits({{900, 140}, {140}, {140}}, [](const auto& x) { return batch_norm(x[0], {}, {}, x[1], x[2], true).eval(); });
  check_bits({{500, 130}, {130}, {130}}, [](const auto& x) { return layer_norm(x[0], {130}, x[1], x[2]); });
  Tensor<std::int64_t> t(detail::make_dense<Cpu>(DType::int64, {2000}));
  for (int i = 0; i < 2000; ++i) t.data_ptr()[i] = i * 37 % 50;
  check_bits({{50, 60}}, [&](const auto& x) { return embedding(t, x[0], 3); });
  check_bits({{2000, 50}}, [&](const auto& x) { return cross_entropy(x[0], t, {.ignore_index = 7, .label_smoothing = 0.1}); });
}
