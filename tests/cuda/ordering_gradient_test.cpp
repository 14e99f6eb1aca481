// SPDX-License-Identifier: MIT
// Gradients of sorts, extremes, scans and reductions on a device are the host's, and so are their gradients.
// Slow
// Needs: thrust
#include <taper/ops.hpp>

#include "tests/cuda/against_host.hpp"

using namespace taper;

namespace {

template <class F>
void check_gradients(const Tensor<double>& x, const F& f) {
  against_host::check(x, [&](auto, const auto& v) { return f(v); });
}

}  // namespace

TEST_CASE("gradients of order, extremes and scans") {
  manual_seed(7);
  for (const Shape& shape : {Shape{}, Shape{9}, Shape{3, 5}, Shape{2, 140, 3}}) {
    Tensor<double> x = randn<double>(shape);
    if (x.numel() > 9) x.data_ptr()[2] = x.data_ptr()[7] = 0;
    for (int axis = 0; axis < std::max(1, x.dim()); ++axis) {
      const std::int64_t n = x.dim() == 0 ? 1 : x.shape()[axis];
      check_gradients(x, [&](const auto& v) { return sort(v, axis, true).values; });
      if (x.dim() > 0) check_gradients(x, [&](const auto& v) { return topk(v, n / 2, axis).values; });
      check_gradients(x, [&](const auto& v) { return kthvalue(v, 1 + n / 2, axis).values; });
      check_gradients(x, [&](const auto& v) { return max(v, axis).values; });
      check_gradients(x, [&](const auto& v) { return min(v, axis, true).values; });
      check_gradients(x, [&](const auto& v) { return cumsum(v, axis); });
      check_gradients(x, [&](const auto& v) { return cumprod(v, axis); });
      check_gradients(x, [&](const auto& v) { return cummax(v, axis).values; });
      check_gradients(x, [&](const auto& v) { return cummin(v, axis).values; });
      const Axes axes = x.dim() == 0 ? Axes() : Axes(axis);
      check_gradients(x, [&](const auto& v) { return prod(v, axes); });
      check_gradients(x, [&](const auto& v) { return amax(v, axes, true); });
      check_gradients(x, [&](const auto& v) { return logsumexp(v, axes); });
      check_gradients(x, [&](const auto& v) { return norm(v, 3, axes); });
      if (n > 1) check_gradients(x, [&](const auto& v) { return var(v, axes); });
      if (n > 1) check_gradients(x, [&](const auto& v) { return taper::std(v, axes); });
    }
    check_gradients(x, [&](const auto& v) { return prod(v); });
    check_gradients(x, [&](const auto& v) { return amin(v); });
  }
}
