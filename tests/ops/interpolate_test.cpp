// SPDX-License-Identifier: MIT
// interpolate in every mode, pixel_shuffle and the modules over them: PyTorch's goldens, the transpose, widths, dtypes.
// Devices: slow
#include <taper/core/factory.hpp>
#include <taper/nn/layers/upsample.hpp>
#include <taper/nn/module.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/pool.hpp>

#include <limits>

#include "tests/ops/golden_case.hpp"

using namespace taper;
using Catch::Matchers::StartsWith;
using golden::irregular;
using M = InterpolateMode;

namespace {

const std::pair<const char*, M> modes[] = {{"nearest-exact", M::nearest_exact},
                                           {"nearest", M::nearest},
                                           {"bilinear", M::bilinear},
                                           {"trilinear", M::trilinear},
                                           {"linear", M::linear},
                                           {"bicubic", M::bicubic},
                                           {"area", M::area}};

/// The options of make_interpolate.py by the case's name.
InterpolateFuncOptions options_of(const std::string& name, int rank) {
  const auto label = name.substr(name.find('.') + 1);
  const auto is = [&](const char* text) { return label.rfind(text, 0) == 0; };
  InterpolateFuncOptions o;
  for (const auto& [text, mode] : modes)
    if (name.rfind(std::string(text) + "_", 0) == 0) o.mode = mode;
  o.align_corners = name.find(".aligned") != std::string::npos;
  const auto sizes = [&](std::int64_t a, std::int64_t b, std::int64_t c) {
    o.size = {a, b, c};
    o.size.count = rank;
  };
  if (is("twice"))
    o.scale_factor = 2;
  else if (is("half"))
    o.scale_factor = 0.5;
  else if (is("larger"))
    sizes(8, 3, 6);
  else if (is("smaller"))
    sizes(3, 2, 2);
  else if (is("fraction"))
    o.scale_factor = 1.45;
  else if (is("recomputed"))
    o.scale_factor = 1.45, o.recompute_scale_factor = true;
  else if (is("same"))
    rank == 1 ? sizes(7, 0, 0) : rank == 2 ? sizes(5, 6, 0) : sizes(3, 4, 5);
  else if (is("uneven"))
    o.scale_factor = {2.5, 0.6, 1.7}, o.scale_factor.count = rank;
  else if (is("one"))
    o.size = 1;
  else if (name == "bilinear_2d.wide")
    o.scale_factor = 2;
  else if (name == "bicubic_2d.wide")
    o.size = {20, 21};
  else
    FAIL("unknown case " << name);
  return o;
}

}  // namespace

TEST_CASE("resizing equals PyTorch's in every mode") {
  const golden::File file("interpolate");
  int cases = 0;
  for (const std::string& name : file.cases()) {
    if (name.rfind("pixel", 0) == 0) continue;
    ++cases;
    check_both(file, name, {"x"}, [&](const auto& x) { return interpolate(x[0], options_of(name, x[0].dim() - 2)); });
  }
  CHECK(cases > 140);
  for (const char* name : {"pixel_shuffle.batch", "pixel_shuffle.unbatched"})
    check_both(file, name, {"x"}, [&](const auto& x) { return pixel_shuffle(x[0], x[0].dim() == 4 ? 2 : 3); });
  check_both(file, "pixel_unshuffle.batch", {"x"}, [](const auto& x) { return pixel_unshuffle(x[0], 2); });
}

TEST_CASE("resizing is linear: gradients of first and second order") {
  for (const M mode : {M::nearest, M::nearest_exact, M::bilinear, M::bicubic, M::area})
    check_gradients({irregular({1, 2, 3, 4})}, [&](const auto& x) {
      return square(interpolate(square(x[0]), {.size = {5, 3}, .mode = mode})).eval();
    });
  check_gradients({irregular({1, 1, 2, 3, 2})}, [](const auto& x) {
    return square(interpolate(square(x[0]), {.size = {3, 2, 5}, .mode = M::trilinear, .align_corners = true})).eval();
  });
  check_gradients({irregular({1, 4, 2, 2})},
                  [](const auto& x) { return square(pixel_shuffle(square(x[0]), 2)).eval(); });
}

// The definition of bilinear, element by element.
TEST_CASE("every width, and blocks of many rows") {
  for (const std::int64_t h : {1, 2, 33})
    for (std::int64_t w = 1; w <= 40; ++w)
      for (const bool down : {false, true}) {
        CAPTURE(h, w, down);
        const Tensor<double> x = irregular({1, 2, h, w});
        const std::int64_t oh = down ? (h + 1) / 2 : 2 * h + 1, ow = down ? (w + 2) / 3 : w + w / 2 + 1;
        const Tensor<double> y = interpolate(x, {.size = {oh, ow}, .mode = M::bilinear});
        double worst = 0;
        const auto at = [&](std::int64_t p, std::int64_t i, std::int64_t j) {
          return x.data_ptr()[(p * h + i) * w + j];
        };
        for (std::int64_t p = 0; p < 2; ++p)
          for (std::int64_t i = 0; i < oh; ++i)
            for (std::int64_t j = 0; j < ow; ++j) {
              const auto place = [](std::int64_t k, std::int64_t in, std::int64_t out) {
                return std::max(
                    0.0, (static_cast<double>(k) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5);
              };
              const double a = place(i, h, oh), b = place(j, w, ow);
              const auto i0 = static_cast<std::int64_t>(a), j0 = static_cast<std::int64_t>(b);
              const std::int64_t i1 = std::min(i0 + 1, h - 1), j1 = std::min(j0 + 1, w - 1);
              const double s = a - static_cast<double>(i0), t = b - static_cast<double>(j0);
              const double expected = (1 - s) * ((1 - t) * at(p, i0, j0) + t * at(p, i0, j1)) +
                                      s * ((1 - t) * at(p, i1, j0) + t * at(p, i1, j1));
              worst = std::max(worst, std::fabs(expected - y.data_ptr()[(p * oh + i) * ow + j]));
            }
        CHECK(worst < 1e-13);
      }
  // Rows in several blocks; the map and its gradient are transposes: <Ax, g> = <x, A'g>.
  for (const double factor : {2.0, 0.4}) {
    Tensor<double> x = irregular({1, 1, 90, 2600}).requires_grad_();
    const Tensor<double> y = interpolate(x, {.scale_factor = factor, .mode = M::bilinear});
    const Tensor<double> g = irregular(y.shape(), 2);
    y.backward(g);
    CHECK(golden::near(golden::detail::dot(detach(y), g), golden::detail::dot(detach(x), x.grad()), 1e-10));
    check_close(cast<double>(interpolate(cast<float>(x), {.scale_factor = factor, .mode = M::bilinear})), y, 1e-5,
                1e-5);
  }
}

TEST_CASE("strides, 16-bit floats, infinities") {
  const Tensor<double> x = irregular({2, 3, 6, 5});
  const InterpolateFuncOptions twice{.scale_factor = 2, .mode = M::bilinear};
  check_equal(interpolate(permute(x, {0, 3, 2, 1}), twice), interpolate(contiguous(permute(x, {0, 3, 2, 1})), twice));
  // Mixed in float, rounded once.
  const Tensor<bfloat16> b = cast<bfloat16>(x);
  check_equal(interpolate(b, twice), cast<bfloat16>(interpolate(cast<float>(b), twice)));
  check_equal(interpolate(b, {.size = 4}), cast<bfloat16>(interpolate(cast<float>(b), {.size = 4})));
  const Tensor<float16> volume = cast<float16>(irregular({1, 2, 3, 4, 5}));
  for (const std::int64_t size : {2, 7}) {
    const InterpolateFuncOptions o{.size = size, .mode = M::trilinear};
    check_equal(interpolate(volume, o), cast<float16>(interpolate(cast<float>(volume), o)));
  }
  constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  check_equal(interpolate(tensor<float>({{{1, inf, nan}}}), {.scale_factor = 2}),
              tensor<float>({{{1, 1, inf, inf, nan, nan}}}));
  check_equal(interpolate(tensor<float>({{{1, inf}}}), {.scale_factor = 2, .mode = M::linear}),
              tensor<float>({{{1, inf, inf, inf}}}));
  check_equal(interpolate(tensor<float>({{{1, nan, 3}}}), {.size = 5, .mode = M::linear, .align_corners = true}),
              tensor<float>({{{1, nan, nan, nan, 3}}}));
  CHECK(interpolate(zeros<float>({0, 3, 4}), {.size = 2}).shape() == Shape{0, 3, 2});
  check_close(interpolate(x, {.size = {4, 3}, .mode = M::area}), adaptive_avg_pool2d(x, {4, 3}), 1e-13, 1e-13);
}

// PyTorch 2.15: F.interpolate(x, scale_factor=1.3) and 2.3 of arange(3) as (1, 1, 3) and as (1, 1, 1, 3).
TEST_CASE("nearest where rounding leaves or doubles a size") {
  Tensor<float> x = tensor<float>({{{0, 1, 2}}}).requires_grad_();
  const Tensor<float> y = interpolate(x, {.scale_factor = 1.3});
  check_equal(detach(y), tensor<float>({{{0, 0, 1}}}));
  y.backward(tensor<float>({{{1, 10, 100}}}));
  check_equal(x.grad(), tensor<float>({{{11, 100, 0}}}));
  const Tensor<float> plane = tensor<float>({{{{0, 1, 2}}}});
  check_equal(interpolate(detach(x), {.scale_factor = 2.3}), tensor<float>({{{0, 0, 0, 1, 1, 2}}}));
  check_equal(interpolate(plane, {.scale_factor = {1, 1.3}}), plane);
  check_equal(interpolate(plane, {.scale_factor = {1, 2.3}}), tensor<float>({{{{0, 0, 1, 1, 2, 2}}}}));
}

TEST_CASE("modules") {
  const Tensor<double> x = irregular({1, 4, 3, 2});
  check_equal(nn::Upsample{.scale_factor = 2, .mode = M::bicubic}(x),
              interpolate(x, {.scale_factor = 2, .mode = M::bicubic}));
  check_equal(nn::Upsample{7}(x), interpolate(x, {.size = 7}));
  check_equal(nn::PixelUnshuffle{2}(nn::PixelShuffle{2}(x)), x);
  static_assert(nn::Module<nn::Upsample> && nn::Module<nn::PixelShuffle>);
}

TEST_CASE("what does not fit is named") {
  const Tensor<float> x = zeros<float>({1, 2, 4, 4});
  CHECK_THROWS_WITH(
      interpolate(x, {.size = 3, .mode = M::linear}),
      StartsWith(
          "[interpolate] mode linear needs x of 3 dimensions, not of shape (1, 2, 4, 4): bilinear or bicubic fits it"));
  CHECK_THROWS_AS(interpolate(x, {}), ValueError);
  CHECK_THROWS_AS(interpolate(x, {.size = 3, .scale_factor = 2}), ValueError);
  CHECK_THROWS_AS(interpolate(x, {.size = 3, .align_corners = true}), ValueError);
  CHECK_THROWS_AS(interpolate(x, {.size = 3, .recompute_scale_factor = true}), ValueError);
  CHECK_THROWS_AS(interpolate(x, {.size = {3, 3, 3}}), ShapeError);
  CHECK_THROWS_AS(interpolate(x, {.size = 0}), ShapeError);
  CHECK_THROWS_AS(interpolate(x, {.scale_factor = 0.1}), ShapeError);
  CHECK_THROWS_AS(interpolate(x, {.scale_factor = -1}), ValueError);
  CHECK_THROWS_AS(interpolate(zeros<float>({4, 4}), {.size = 3}), ShapeError);
  CHECK_THROWS_AS(interpolate(zeros<float>({1, 1, 0}), {.size = 3}), ShapeError);
  CHECK_THROWS_AS(pixel_shuffle(x, 2), ShapeError);
  CHECK_THROWS_AS(pixel_unshuffle(x, 3), ShapeError);
  CHECK_THROWS_AS(pixel_shuffle(x, 0), ValueError);
}

template <class X>
concept Resizes = requires(const X& x, const InterpolateFuncOptions& options) {
  interpolate(x, options);
};
static_assert(Resizes<Tensor<float>> && !Resizes<Tensor<std::int64_t>>);
