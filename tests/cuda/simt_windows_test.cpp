// SPDX-License-Identifier: MIT
// Convolutions, poolings and resampling on emulated GPU threads: the host's, whatever the schedule.
// Needs: thrust
#include <taper/ops/conv.hpp>
#include <taper/ops/interpolate.hpp>
#include <taper/ops/pool.hpp>

#include "tests/cuda/against_host.hpp"
#include "tests/support/simt_system.hpp"

using namespace taper;
using against_host::irregular;

namespace {

template <class T = float, class F>
void check(const std::vector<Tensor<T>>& inputs, const F& f) {
  against_host::check<T, Simt>(inputs, f, 1);
}
Tensor<float> r(const Shape& shape, int seed = 1) { return irregular<float>(shape, seed); }

}  // namespace

TEST_CASE("convolutions by tiles") {
  // Channels and places that fill no tile, one, and more than one.
  check({r({2, 3, 7, 9}), r({5, 3, 3, 2}), r({5})},
        [](const auto& v) { return conv2d(v[0], v[1], v[2], {.padding = 1}).eval(); });
  check({r({1, 67, 5, 7}), r({66, 67, 1, 2})}, [](const auto& v) { return conv2d(v[0], v[1]).eval(); });
  check({r({2, 8, 9, 8}), r({6, 4, 3, 3}), r({6})}, [](const auto& v) {
    return conv2d(v[0], v[1], v[2], {.stride = {2, 3}, .padding = {2, 1}, .dilation = {1, 2}, .groups = 2}).eval();
  });
  check({r({2, 6, 4, 5}), r({6, 3, 4, 3}), r({6})}, [](const auto& v) {
    return conv_transpose2d(
               v[0], v[1], v[2],
               {.stride = {4, 2}, .padding = {1, 0}, .output_padding = {0, 1}, .groups = 2, .dilation = {2, 1}})
        .eval();
  });
  check({r({2, 3, 131}), r({4, 3, 5})},
        [](const auto& v) { return conv1d(v[0], v[1], {}, {.stride = 7, .padding = 3}).eval(); });
  check<bfloat16>({irregular<bfloat16>({1, 3, 5, 6}), irregular<bfloat16>({4, 3, 3, 3})},
                  [](const auto& v) { return conv2d(v[0], v[1]).eval(); });
}

TEST_CASE("convolutions of few channels, and weights' sums in parts") {
  check({r({2, 4, 7, 9}), r({4, 1, 3, 3})},
        [](const auto& v) { return conv2d(v[0], v[1], {}, {.stride = 2, .padding = 1, .groups = 4}).eval(); });
  check<double>({irregular<double>({3, 3, 21, 23}), irregular<double>({3, 3, 2, 2})},
                [](const auto& v) { return conv2d(v[0], v[1]).eval(); });
}

TEST_CASE("poolings and resampling") {
  const auto x = r({2, 3, 9, 11});
  check({x}, [](const auto& v) { return max_pool2d(v[0], {3, 2}, {.stride = 2, .padding = 1}); });
  check({x}, [](const auto& v) { return avg_pool2d(v[0], {3, 2}, {.stride = 2, .padding = 1}); });
  check({transpose(x, 1, 3)}, [](const auto& v) { return adaptive_max_pool2d(v[0], {4, 5}); });
  check({x}, [](const auto& v) { return adaptive_avg_pool2d(v[0], {4, 5}); });
  check({x}, [](const auto& v) { return interpolate(v[0], {.size = {14, 5}, .mode = InterpolateMode::bicubic}); });
  check({x}, [](const auto& v) { return interpolate(v[0], {.size = {4, 23}, .mode = InterpolateMode::nearest}); });
}
