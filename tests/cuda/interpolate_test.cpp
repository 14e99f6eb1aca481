// SPDX-License-Identifier: MIT
// Interpolation, and what moves pixels, on a device against the host.
// Slow
// Needs: thrust
#include <taper/ops/interpolate.hpp>
#include <taper/ops/pixel_shuffle.hpp>

#include "tests/cuda/against_host.hpp"

using namespace taper;
using against_host::check;
using against_host::irregular;
using M = InterpolateMode;

TEMPLATE_TEST_CASE("a device interpolates as the host does, in every mode", "", float, double, float16) {
  using T = TestType;
  const Tensor<T> line = irregular<T>({2, 3, 7}), plane = irregular<T>({2, 3, 7, 8}),
                  block = irregular<T>({2, 1, 4, 7, 5});
  for (const std::int64_t n : {3, 7, 9, 14})
    for (const M mode : {M::nearest, M::nearest_exact, M::area, M::linear, M::bilinear, M::bicubic, M::trilinear}) {
      INFO("size " << n << ", mode " << detail::interpolate_name(mode));
      const bool any = mode == M::nearest || mode == M::nearest_exact || mode == M::area;
      if (any || mode == M::linear)
        check<T>({line}, [&](const auto& t) { return interpolate(t[0], {.size = n, .mode = mode}); });
      if (any || mode == M::bilinear || mode == M::bicubic)
        check<T>({plane}, [&](const auto& t) { return interpolate(t[0], {.size = {n, n - 1}, .mode = mode}); });
      if (any || mode == M::trilinear)
        check<T>({block}, [&](const auto& t) { return interpolate(t[0], {.size = {n, n - 1, 5}, .mode = mode}); });
    }
  for (const bool corners : {false, true})
    check<T>({plane}, [&](const auto& t) {
      return interpolate(t[0], {.scale_factor = {1.7, 0.6}, .mode = M::bicubic, .align_corners = corners});
    });
}

TEST_CASE("a device interpolates tensors of any layout, and no planes") {
  check<float>({irregular<float>({8, 7, 2, 3})}, [](const auto& t) {
    return interpolate(permute(t[0], {2, 3, 1, 0}), {.scale_factor = 2, .mode = M::bilinear});
  });
  check<float>({irregular<float>({0, 3, 7, 8})},
               [](const auto& t) { return interpolate(t[0], {.scale_factor = 2, .mode = M::bilinear}); });
}

TEST_CASE("pixels become channels and back on a device") {
  check<float>({irregular<float>({2, 12, 5, 7})}, [](const auto& t) { return pixel_shuffle(t[0], 2); });
  check<float>({irregular<float>({2, 3, 6, 8})}, [](const auto& t) { return pixel_unshuffle(t[0], 2); });
}

TEST_CASE("windows of an axis are viewed on a device") {
  check<float>({irregular<float>({2, 3, 9})}, [](const auto& t) { return contiguous(unfold(t[0], 2, 3, 2)); });
}
