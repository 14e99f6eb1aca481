// SPDX-License-Identifier: MIT
// The first tensors: making them, looking at them, views, broadcasting, and what an expression is.
// Build: -DTAPER_FIRST_ORDER_ONLY
#include <taper/taper.hpp>

#include <cstdio>

using namespace taper;

int main() {
  // A tensor's dtype is part of its type; its shape is not.
  const auto a = tensor<float>({{1, 2, 3}, {4, 5, 6}});
  const Tensor<float> b = full<float>({3}, 10);
  std::printf("a = %s\n", to_string(a).c_str());

  // An expression computes nothing until it is stored or asked for; then all of it is one kernel.
  reset_stats();
  const Tensor<float> c = sqrt(a * a + b) / 2;
  std::printf("sqrt(a * a + b) / 2 = %s\ncomputed in %lld kernel\n", to_string(c).c_str(), static_cast<long long>(stats().launches));

  // Views share memory. Assigning to an unnamed one writes into it.
  Tensor<float> d = zeros<float>({3, 4});
  d[0] = 1.0f;
  d(ellipsis, Slice{1, 3}) = 7.0f;
  std::printf("d = %s\nits transpose has shape %s\n", to_string(d).c_str(), to_string(d.t().shape()).c_str());

  // Reductions take the axes to reduce; masks and index tensors select.
  std::printf("sums of a's columns: %s\n", to_string(sum(a, 0)).c_str());
  std::printf("elements above 2: %s\n", to_string(masked_select(a, a > 2)).c_str());

  // What does not fit says so.
  try {
    const Tensor<float> wrong = a + zeros<float>({4});
  } catch (const ShapeError& error) {
    std::printf("%s\n", error.what());
  }
  return stats().launches > 0 ? 0 : 1;
}
