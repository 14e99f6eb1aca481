// SPDX-License-Identifier: MIT
// Convolution and its gradients against the definition in double: every kernel, stride, padding, dilation and grouping.
#include <taper/backend/cpu/conv.hpp>

#include "../support/catch.hpp"

#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

using namespace taper;
using detail::Conv2dShape;

namespace {

std::uint64_t state = 7;
double uniform() {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return static_cast<double>(static_cast<std::int64_t>(state >> 20) % 2001) / 1000.0 - 1.0;
}

template <class T>
std::vector<T> random(std::int64_t n) {
  std::vector<T> out(static_cast<std::size_t>(n));
  for (T& x : out) x = static_cast<T>(std::is_integral_v<T> ? uniform() * 10 : uniform());
  return out;
}

// f(x index, w index, y index) for every term of the convolution.
template <class F>
void for_terms(const Conv2dShape& s, F f) {
  const std::int64_t in = s.c / s.groups, out = s.oc / s.groups;
  for (std::int64_t n = 0; n < s.n; ++n)
    for (std::int64_t o = 0; o < s.oc; ++o)
      for (std::int64_t y = 0; y < s.oh(); ++y)
        for (std::int64_t x = 0; x < s.ow(); ++x)
          for (std::int64_t c = 0; c < in; ++c)
            for (std::int64_t ky = 0; ky < s.kh; ++ky)
              for (std::int64_t kx = 0; kx < s.kw; ++kx) {
                const std::int64_t iy = y * s.sh - s.ph + ky * s.dh, ix = x * s.sw - s.pw + kx * s.dw;
                if (iy < 0 || iy >= s.h || ix < 0 || ix >= s.w) continue;
                f(static_cast<std::size_t>(((n * s.c + o / out * in + c) * s.h + iy) * s.w + ix),
                  static_cast<std::size_t>(((o * in + c) * s.kh + ky) * s.kw + kx),
                  static_cast<std::size_t>(((n * s.oc + o) * s.oh() + y) * s.ow() + x));
              }
}

template <class T>
double worst_error(const std::vector<T>& got, const std::vector<double>& expected, const std::vector<double>& size) {
  double worst = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double error = std::abs(static_cast<double>(got[i]) - expected[i]);
    worst = error <= 1e300 ? std::fmax(worst, error / (size[i] + 1e-30)) : 1e300;
    if (error > 0 && size[i] == 0) worst = 1e300;
  }
  return worst;
}

// The largest error of all three passes, relative to the sum of the terms' sizes.
template <class T>
double check(const Conv2dShape& s) {
  const std::int64_t y_size = s.n * s.oc * s.oh() * s.ow(), w_size = s.oc * s.c / s.groups * s.kh * s.kw;
  const auto x = random<T>(s.n * s.c * s.h * s.w), w = random<T>(w_size), dy = random<T>(y_size),
             bias = random<T>(s.oc);
  std::vector<T> y(dy.size(), T(99.0f)), y0(dy.size(), T(99.0f)), dx(x.size(), T(99.0f)), dw(w.size(), T(99.0f)),
      db(bias.size(), T(99.0f));
  detail::conv2d_forward<T>(s, x.data(), w.data(), bias.data(), y.data());
  detail::conv2d_forward<T>(s, x.data(), w.data(), nullptr, y0.data());
  detail::conv2d_data_gradient<T>(s, dy.data(), w.data(), dx.data());
  detail::conv2d_weight_gradient<T>(s, x.data(), dy.data(), dw.data());
  detail::conv2d_bias_gradient<T>(s.n, s.oc, s.oh() * s.ow(), dy.data(), db.data());
  std::vector<double> ey(y.size()), ey0(y.size()), edx(x.size()), edw(w.size()), edb(bias.size());
  auto sy = ey, sy0 = ey, sdx = edx, sdw = edw, sdb = edb;
  const auto pixels = static_cast<std::size_t>(s.oh() * s.ow()), oc = static_cast<std::size_t>(s.oc);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t o = i / pixels % oc;
    ey[i] = static_cast<double>(bias[o]);
    edb[o] += static_cast<double>(dy[i]);
    sdb[o] += std::abs(static_cast<double>(dy[i]));
    sy[i] = std::abs(ey[i]);
  }
  for_terms(s, [&](std::size_t i, std::size_t k, std::size_t o) {
    const double a = static_cast<double>(x[i]), b = static_cast<double>(w[k]), g = static_cast<double>(dy[o]);
    ey0[o] += a * b, ey[o] += a * b, edx[i] += b * g, edw[k] += a * g;
    sy0[o] += std::abs(a * b), sy[o] += std::abs(a * b), sdx[i] += std::abs(b * g), sdw[k] += std::abs(a * g);
  });
  return std::fmax(std::fmax(std::fmax(worst_error(y, ey, sy), worst_error(y0, ey0, sy0)), worst_error(db, edb, sdb)),
                   std::fmax(worst_error(dx, edx, sdx), worst_error(dw, edw, sdw)));
}

#define REQUIRE_CASE(s, worst, bound)                                                            \
  {                                                                                              \
    CAPTURE(s.n, s.c, s.h, s.w, s.oc, s.kh, s.kw, s.sh, s.sw, s.ph, s.pw, s.dh, s.dw, s.groups); \
    REQUIRE((worst) <= (bound));                                                                 \
  }

}  // namespace

TEST_CASE("convolution of float: every kernel, stride, padding and dilation on small images") {
  for (const std::int64_t h : {1, 5, 9})
    for (const std::int64_t w : {4, 10})
      for (const std::int64_t kh : {1, 2, 3})
        for (const std::int64_t kw : {1, 3, 4})
          for (const std::int64_t sh : {1, 2, 3})
            for (const std::int64_t sw : {1, 2})
              for (const std::int64_t ph : {0, 1, 3})
                for (const std::int64_t pw : {0, 2})
                  for (const std::int64_t dh : {1, 2})
                    for (const std::int64_t dw : {1, 3}) {
                      const Conv2dShape s{2, 2, h, w, 3, kh, kw, sh, sw, ph, pw, dh, dw, 1};
                      if (s.oh() <= 0 || s.ow() <= 0) continue;
                      const double worst = check<float>(s);
                      REQUIRE_CASE(s, worst, 1e-5);
                    }
}

TEST_CASE("convolution of double: groups, depthwise, channel counts around the register tiles") {
  for (const std::int64_t groups : {1, 2, 4})
    for (const std::int64_t in : {1, 3, 5})
      for (const std::int64_t out : {1, 2, 7, 17})
        for (const std::int64_t kernel : {1, 3})
          for (const std::int64_t stride : {1, 2})
            for (const std::int64_t size : {3, 8}) {
              const Conv2dShape s{3,          in * groups, size, size + 1, out * groups, kernel, kernel, stride, stride,
                                  kernel / 2, kernel / 2,  1,    1,        groups};
              const double worst = check<double>(s);
              REQUIRE_CASE(s, worst, 1e-14);
            }
}

TEST_CASE("convolution of larger images: several blocks of channels, rows and columns") {
  const Conv2dShape shapes[] = {
      {1, 130, 9, 11, 20, 3, 3, 1, 1, 1, 1, 1, 1, 1},  {2, 3, 40, 60, 8, 7, 7, 2, 2, 3, 3, 1, 1, 1},
      {1, 2, 1, 9000, 3, 1, 5, 1, 1, 0, 2, 1, 2, 1},   {1, 40, 1, 3000, 50, 1, 3, 1, 2, 0, 1, 1, 1, 1},
      {20, 1, 8, 8, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1},    {20, 16, 8, 8, 32, 3, 3, 1, 1, 0, 0, 1, 1, 1},
      {1, 24, 30, 30, 24, 3, 3, 1, 1, 1, 1, 1, 1, 24}, {18, 4, 14, 14, 6, 5, 5, 3, 1, 4, 2, 1, 2, 2},
      {1, 70, 12, 12, 100, 1, 1, 1, 1, 0, 0, 1, 1, 1}, {5, 9, 1, 1, 12, 1, 1, 1, 1, 0, 0, 1, 1, 1},
      {1, 600, 4, 4, 3, 1, 1, 2, 2, 0, 0, 1, 1, 1},    {2, 3, 70, 3, 4, 40, 3, 1, 1, 5, 4, 1, 1, 1},
      // 1 x 1: many small images, several blocks of channels, of rows and of columns, groups
      {25, 40, 7, 8, 30, 1, 1},                        {3, 450, 5, 9, 33, 1, 1},
      {2, 33, 40, 41, 70, 1, 1},                       {2, 12, 3, 600, 10, 1, 1},
      {9, 36, 6, 6, 50, 1, 1, 1, 1, 0, 0, 1, 1, 2}};
  for (const Conv2dShape& s : shapes) {
    const double worst = check<float>(s);
    REQUIRE_CASE(s, worst, 1e-5);
  }
}

// Of these, tiles of 2 x 2 results make each pass: few and many blocks, odd sizes, short rows, every padding.
TEST_CASE("convolution of 3 x 3 in Winograd's tiles") {
  const Conv2dShape shapes[] = {
      {4, 20, 31, 32, 24, 3, 3, 1, 1, 1, 1}, {3, 34, 18, 37, 33, 3, 3, 1, 1, 0, 2}, {2, 44, 33, 15, 40, 3, 3, 1, 1, 2, 1},
      {1, 28, 90, 70, 30, 3, 3, 1, 1, 1, 1}, {12, 130, 8, 8, 65, 3, 3, 1, 1, 1, 1}, {1, 24, 12, 300, 24, 3, 3, 1, 1, 2, 0}};
  for (const Conv2dShape& s : shapes) {
    REQUIRE(detail::convolution::prefer_winograd(s, 16));
    REQUIRE_CASE(s, check<float>(s), 2e-6);
    REQUIRE_CASE(s, check<double>(s), 4e-15);
  }
}

TEST_CASE("infinity and NaN reach the results that see them in Winograd's tiles too") {
  constexpr std::int64_t c = 32, size = 20, pixels = size * size;
  const Conv2dShape s{1, c, size, size, c, 3, 3, 1, 1, 1, 1};
  REQUIRE(detail::convolution::prefer_winograd(s, 16));
  const auto w = random<float>(c * c * 9), clean = random<float>(c * pixels);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    auto x = clean, dy = clean;
    const std::int64_t at = 5 * size + 8;
    x[static_cast<std::size_t>(2 * pixels + at)] = bad;
    dy[static_cast<std::size_t>(3 * pixels + at)] = bad;
    std::vector<float> y(x.size()), dx(x.size()), dw(w.size());
    detail::conv2d_forward<float>(s, x.data(), w.data(), nullptr, y.data());
    detail::conv2d_data_gradient<float>(s, dy.data(), w.data(), dx.data());
    for (std::int64_t i = 0; i < c * pixels; ++i) {
      const bool near = std::abs(i % pixels / size - 5) <= 1 && std::abs(i % size - 8) <= 1;
      CHECK(std::isfinite(y[static_cast<std::size_t>(i)]) != near);
      CHECK(std::isfinite(dx[static_cast<std::size_t>(i)]) != near);
    }
    detail::conv2d_weight_gradient<float>(s, x.data(), clean.data(), dw.data());
    for (std::int64_t i = 0; i < c * c * 9; ++i) CHECK(std::isfinite(dw[static_cast<std::size_t>(i)]) != (i / 9 % c == 2));
  }
}

// Rows around a vector, few rows, single rows in pieces, channels around the lanes, strides beyond 2.
TEST_CASE("depthwise convolution: every width, kernel, stride, padding, dilation and multiple of channels") {
  for (const std::int64_t w : {1, 3, 7, 15, 16, 17, 31, 70})
    for (const std::int64_t h : {1, 2, 5, 9})
      for (const std::int64_t k : {1, 2, 3, 5})
        for (const std::int64_t stride : {1, 2, 3})
          for (const std::int64_t pad : {0, 1, 4})
            for (const std::int64_t dilation : {1, 2})
              for (const std::int64_t out : {1, 2}) {
                const std::int64_t groups = w == 7 ? 17 : 3, across = w % 2 ? stride : 1;
                const Conv2dShape s{2, groups, h, w, out * groups, h == 1 ? 1 : k, k, stride, across, h == 1 ? 0 : pad, pad, dilation, dilation, groups};
                if (s.oh() <= 0 || s.ow() <= 0) continue;
                REQUIRE_CASE(s, check<float>(s), 1e-5);
                if (pad == 1) REQUIRE_CASE(s, check<double>(s), 1e-14);
              }
}

TEST_CASE("weights of one input channel and many results") {
  for (const std::int64_t out : {3, 6, 20}) {
    const Conv2dShape s{5, 1, 28, 27, out, 5, 5, 1, 1, 2, 2}, narrow{40, 1, 9, 9, out, 3, 3, 2, 2, 1, 1};
    REQUIRE_CASE(s, check<float>(s), 1e-5);
    REQUIRE_CASE(narrow, check<float>(narrow), 1e-5);
  }
}

TEST_CASE("infinity and NaN reach what sees them in depthwise convolutions, and nothing else") {
  for (const std::int64_t size : {9, 20, 37})
    for (const std::int64_t k : {3, 5})
      for (const std::int64_t stride : {1, 2, 3})
        for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
          for (const std::int64_t row : {std::int64_t{3}, size}) {  // the last is beside rows that fill a step up
            const std::int64_t c = 18;
            const Conv2dShape s{1, c, size, size, c, k, k, stride, stride, 1, 1, 1, 1, c};
            auto w = random<float>(c * k * k), x = random<float>(c * size * size),
                 dy = random<float>(c * s.oh() * s.ow());
            for (auto* v : {&w, &x, &dy})
              for (float& one : *v) one = one == 0 ? 0.5f : one;  // zero times infinity is another matter
            auto clean = dy;
            x[static_cast<std::size_t>((2 * size + row) * size - 1)] =
                bad;  // the end of a row, which vectors overlap and read past
            dy[static_cast<std::size_t>((3 * s.oh() + 2) * s.ow() - 1)] = bad;
            std::vector<float> y(dy.size()), dx(x.size()), dw(w.size());
            detail::conv2d_forward<float>(s, x.data(), w.data(), nullptr, y.data());
            detail::conv2d_data_gradient<float>(s, dy.data(), w.data(), dx.data());
            detail::conv2d_weight_gradient<float>(s, x.data(), clean.data(), dw.data());
            std::vector<bool> ey(y.size()), edx(x.size()), edw(w.size());
            for_terms(s, [&](std::size_t i, std::size_t t, std::size_t o) {
              if (!std::isfinite(x[i])) ey[o] = edw[t] = true;
              if (!std::isfinite(dy[o])) edx[i] = true;
            });
            CAPTURE(size, k, stride, row);
            const auto as_seen = [](const std::vector<float>& got, const std::vector<bool>& expected) {
              for (std::size_t i = 0; i < got.size(); ++i)
                if (std::isfinite(got[i]) == expected[i]) return false;
              return true;
            };
            CHECK(as_seen(y, ey));
            CHECK(as_seen(dx, edx));
            CHECK(as_seen(dw, edw));
          }
}

TEST_CASE("an infinity in one long row reaches the taps that see it") {
  const Conv2dShape s{1, 1, 1, 45, 1, 1, 3};  // 43 results, in pieces
  auto x = random<float>(45);
  for (float& one : x) one = one == 0 ? 0.5f : one;
  x[43] = std::numeric_limits<float>::infinity();
  const std::vector<float> dy(43, 1.0f);
  std::vector<float> dw(3);
  detail::conv2d_weight_gradient<float>(s, x.data(), dy.data(), dw.data());
  CHECK(std::isfinite(dw[0]));
  CHECK(std::isinf(dw[1]));
  CHECK(std::isinf(dw[2]));
}

TEST_CASE("convolution of 16-bit floats and integers") {
  for (const Conv2dShape& s :
       {Conv2dShape{2, 4, 7, 6, 6, 3, 2, 1, 2, 1, 0, 1, 1, 2}, Conv2dShape{3, 5, 4, 4, 2, 1, 1}}) {
    CHECK(check<float16>(s) < 0x1p-11 + 1e-5);
    CHECK(check<bfloat16>(s) < 0x1p-8 + 1e-5);
    CHECK(check<std::int64_t>(s) == 0);
    CHECK(check<std::int32_t>(s) == 0);
  }
}

TEST_CASE("convolution without images, without results") {
  float y[4] = {5, 5, 5, 5}, one = 1;
  detail::conv2d_forward<float>({0, 1, 2, 2, 1, 1, 1}, y, y, nullptr, nullptr);
  detail::conv2d_data_gradient<float>({1, 1, 2, 2, 1, 3, 3}, nullptr, nullptr, y);
  CHECK((y[0] == 0 && y[3] == 0));
  detail::conv2d_weight_gradient<float>({0, 1, 2, 2, 1, 1, 1}, nullptr, nullptr, &one);
  CHECK(one == 0);
}

TEST_CASE("NaN in one pixel reaches the results that see it, and no others") {
  const Conv2dShape s{1, 2, 8, 8, 3, 3, 3, 1, 1, 1, 1, 1, 1, 1};
  auto x = random<float>(128);
  const auto w = random<float>(54), dy = random<float>(192);
  x[64 + 7 * 8 + 7] = std::numeric_limits<float>::quiet_NaN();  // the last pixel: tiles read past it
  std::vector<float> y(192), dw(54);
  detail::conv2d_forward<float>(s, x.data(), w.data(), nullptr, y.data());
  for (std::size_t i = 0; i < 192; ++i) CHECK(std::isnan(y[i]) == (i % 8 >= 6 && i / 8 % 8 >= 6));
  detail::conv2d_weight_gradient<float>(s, x.data(), dy.data(), dw.data());
  for (std::size_t i = 0; i < 54; ++i) CHECK(std::isnan(dw[i]) == (i / 9 % 2 == 1 && i % 9 / 3 >= 1 && i % 3 >= 1));
}

TEST_CASE("convolution gives the same bits for any number of threads") {
  const int before = get_num_threads();
  for (const Conv2dShape& s :
       {Conv2dShape{20, 3, 12, 12, 8, 3, 3, 1, 1, 1, 1}, Conv2dShape{2, 64, 20, 20, 48, 3, 3, 2, 2, 1, 1},
        Conv2dShape{9, 8, 4, 4, 8, 3, 3}, Conv2dShape{9, 24, 30, 30, 40, 3, 3, 1, 1, 1, 1},
        Conv2dShape{8, 300, 8, 8, 310, 3, 3, 1, 1, 1, 1}, Conv2dShape{4, 16, 20, 20, 16, 3, 3, 1, 1, 1, 1, 1, 1, 16},
        Conv2dShape{9, 40, 14, 14, 40, 3, 3, 2, 2, 1, 1, 1, 1, 40}, Conv2dShape{30, 1, 28, 28, 6, 3, 3, 1, 1, 1, 1}}) {
    const auto x = random<float>(s.n * s.c * s.h * s.w), w = random<float>(s.oc * s.c / s.groups * 9);
    const auto dy = random<float>(s.n * s.oc * s.oh() * s.ow());
    std::vector<float> y[3], dx[3], dw[3];
    for (const int threads : {1, 2, 4}) {
      set_num_threads(threads);
      const auto i = static_cast<std::size_t>(threads / 2);
      y[i].resize(dy.size()), dx[i].resize(x.size()), dw[i].resize(w.size());
      detail::conv2d_forward<float>(s, x.data(), w.data(), nullptr, y[i].data());
      detail::conv2d_data_gradient<float>(s, dy.data(), w.data(), dx[i].data());
      detail::conv2d_weight_gradient<float>(s, x.data(), dy.data(), dw[i].data());
    }
    CHECK((y[0] == y[1] && y[0] == y[2]));
    CHECK((dx[0] == dx[1] && dx[0] == dx[2]));
    CHECK((dw[0] == dw[1] && dw[0] == dw[2]));
  }
  set_num_threads(before);
}
