// SPDX-License-Identifier: MIT
// Pooling against the definition and against values of PyTorch 2.
#include <taper/backend/cpu/pool.hpp>

#include "../support/catch.hpp"
#include "tests/support/worse.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

using namespace taper;
using detail::Pool2dShape;

namespace {

std::uint64_t state = 3;
double uniform() {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return static_cast<double>(static_cast<std::int64_t>(state >> 20) % 41) / 20.0 - 1.0;  // ties happen
}
template <class T>
std::vector<T> random(std::int64_t n) {
  std::vector<T> out(static_cast<std::size_t>(n));
  for (T& x : out) x = static_cast<T>(uniform());
  return out;
}

// Maxima by the definition: the first of equal values, the last NaN.
template <class T>
bool same_as_definition(const Pool2dShape& s, const std::vector<T>& x) {
  const std::int64_t oh = s.oh(), ow = s.ow();
  std::vector<T> out(static_cast<std::size_t>(s.planes * oh * ow)), bare(out.size());
  std::vector<std::int64_t> at(out.size());
  detail::max_pool2d<T>(s, x.data(), out.data(), at.data());
  detail::max_pool2d<T>(s, x.data(), bare.data(), static_cast<std::int32_t*>(nullptr));
  std::size_t i = 0;
  for (std::int64_t p = 0; p < s.planes; ++p)
    for (std::int64_t oy = 0; oy < oh; ++oy)
      for (std::int64_t ox = 0; ox < ow; ++ox, ++i) {
        double best = 0;
        std::int64_t where = -1;
        for (std::int64_t ky = 0; ky < s.kh; ++ky)
          for (std::int64_t kx = 0; kx < s.kw; ++kx) {
            const std::int64_t y = oy * s.sh - s.ph + ky * s.dh, z = ox * s.sw - s.pw + kx * s.dw;
            if (y < 0 || y >= s.h || z < 0 || z >= s.w) continue;
            const double v = static_cast<double>(x[static_cast<std::size_t>((p * s.h + y) * s.w + z)]);
            if (where < 0 || v > best || std::isnan(v)) best = v, where = y * s.w + z;
          }
        if (where < 0) continue;
        const double got = static_cast<double>(out[i]), plain = static_cast<double>(bare[i]);
        if (at[i] != where) return false;
        if (std::isnan(best) ? !(std::isnan(got) && std::isnan(plain)) : !(got == best && plain == best)) return false;
      }
  return true;
}

}  // namespace

TEST_CASE("max_pool2d: every window, stride, padding, dilation; ties, NaN, infinity") {
  for (const std::int64_t h : {1, 6})
    for (const std::int64_t w : {5, 19, 40})
      for (const std::int64_t kh : {1, 2, 3})
        for (const std::int64_t kw : {1, 2, 3})
          for (const std::int64_t sh : {1, 2})
            for (const std::int64_t sw : {1, 2, 3})
              for (const std::int64_t pad : {0, 1})
                for (const std::int64_t dilation : {1, 2})
                  for (const bool ceil_mode : {false, true}) {
                    const Pool2dShape s{
                        2, h, w, kh, kw, sh, sw, kh > 1 ? pad : 0, kw > 1 ? pad : 0, dilation, dilation, ceil_mode};
                    auto x = random<float>(2 * h * w);
                    x[1] = std::numeric_limits<float>::quiet_NaN();
                    x[static_cast<std::size_t>(h * w - 1)] = -std::numeric_limits<float>::infinity();
                    x[static_cast<std::size_t>(h * w + 3)] = std::numeric_limits<float>::quiet_NaN();
                    CAPTURE(h, w, kh, kw, sh, sw, pad, dilation, ceil_mode);
                    REQUIRE(same_as_definition(s, x));
                  }
}

TEST_CASE("max_pool2d of other dtypes") {
  const Pool2dShape s{3, 7, 23, 3, 2, 2, 2, 1, 1, 1, 1, true};
  CHECK(same_as_definition(s, random<double>(3 * 7 * 23)));
  CHECK(same_as_definition(s, random<float16>(3 * 7 * 23)));
  CHECK(same_as_definition(s, random<bfloat16>(3 * 7 * 23)));
  std::vector<std::int64_t> whole(3 * 7 * 23);
  for (auto& v : whole) v = static_cast<std::int64_t>(uniform() * 100);
  CHECK(same_as_definition(s, whole));
}

TEST_CASE("max_pool2d_backward adds where the maxima lie") {
  const float dy[] = {1, 2, 4, 8};
  const std::int64_t at[] = {0, 0, 2, 1};
  float dx[6] = {9, 9, 9, 9, 9, 9};
  detail::max_pool2d_backward<float>(2, 3, 2, dy, at, dx);
  const float expected[] = {3, 0, 0, 0, 8, 4};
  for (int i = 0; i < 6; ++i) CHECK(dx[i] == expected[i]);
}

TEST_CASE("max_pool2d of every width") {
  for (std::int64_t w = 1; w <= 40; ++w)
    for (const std::int64_t k : {2, 3})
      for (const std::int64_t stride : {1, 2})
        for (const std::int64_t pad : {0, 1}) {
          const Pool2dShape s{2, 5, w, k, k, stride, stride, pad, pad};
          if (s.ow() < 1) continue;
          auto x = random<float>(2 * 5 * w);
          x.back() = x[static_cast<std::size_t>(w / 2)] = std::numeric_limits<float>::quiet_NaN();
          CAPTURE(w, k, stride, pad);
          REQUIRE(same_as_definition(s, x));
          REQUIRE(same_as_definition(s, random<double>(2 * 5 * w)));
        }
}

namespace {

// The largest difference of avg_pool2d and its gradient from the definition.
template <class T>
double average_error(const Pool2dShape& s, bool include, std::int64_t divisor) {
  const std::int64_t oh = s.oh(), ow = s.ow();
  const auto x = random<T>(s.planes * s.h * s.w), dy = random<T>(s.planes * oh * ow);
  std::vector<T> out(dy.size()), dx(x.size());
  std::vector<double> edx(x.size());
  detail::avg_pool2d<T>(s, include, divisor, x.data(), out.data());
  detail::avg_pool2d_backward<T>(s, include, divisor, dy.data(), dx.data());
  double worst = 0;
  for (std::int64_t p = 0; p < s.planes; ++p)
    for (std::int64_t oy = 0; oy < oh; ++oy)
      for (std::int64_t ox = 0; ox < ow; ++ox) {
        double sum = 0;
        std::int64_t padded = 0, inside = 0;
        const auto o = static_cast<std::size_t>((p * oh + oy) * ow + ox);
        for (int pass = 0; pass < 2; ++pass)
          for (std::int64_t y = oy * s.sh - s.ph; y < oy * s.sh - s.ph + s.kh; ++y)
            for (std::int64_t z = ox * s.sw - s.pw; z < ox * s.sw - s.pw + s.kw; ++z) {
              const bool in = y >= 0 && y < s.h && z >= 0 && z < s.w;
              const auto i = static_cast<std::size_t>((p * s.h + y) * s.w + z);
              if (pass == 0) {
                padded += y < s.h + s.ph && z < s.w + s.pw;
                inside += in;
                if (in) sum += static_cast<double>(x[i]);
              } else if (in) {
                edx[i] += static_cast<double>(dy[o]) / static_cast<double>(divisor ? divisor : include ? padded : inside);
              }
            }
        const auto d = static_cast<double>(divisor ? divisor : include ? padded : inside);
        worst = worse(worst, std::abs(static_cast<double>(out[o]) - (inside ? sum / d : 0)));
      }
  for (std::size_t i = 0; i < dx.size(); ++i) worst = worse(worst, std::abs(static_cast<double>(dx[i]) - edx[i]));
  return worst;
}

}  // namespace

TEST_CASE("avg_pool2d and its gradient against the definition") {
  for (const std::int64_t w : {5, 12})
    for (const std::int64_t k : {1, 2, 3, 5})
      for (const std::int64_t stride : {1, 2, 3})
        for (const std::int64_t pad : {0, 1})
          for (const bool ceil_mode : {false, true})
            for (const bool include : {false, true})
              for (const std::int64_t divisor : {0, 3}) {
                const Pool2dShape s{2, 6, w, k, k, stride, stride, k > 1 ? pad : 0, k > 1 ? pad : 0, 1, 1, ceil_mode};
                CAPTURE(w, k, stride, pad, ceil_mode, include, divisor);
                REQUIRE(average_error<double>(s, include, divisor) < 1e-14);
              }
}

TEST_CASE("avg_pool2d of every width") {
  for (std::int64_t w = 1; w <= 40; ++w)
    for (const std::int64_t k : {2, 3})
      for (const std::int64_t stride : {1, 2})
        for (const std::int64_t pad : {0, 1})
          for (const bool include : {false, true}) {
            const Pool2dShape s{2, 5, w, k, k, stride, stride, pad, pad};
            if (s.ow() < 1) continue;
            CAPTURE(w, k, stride, pad, include);
            REQUIRE(average_error<float>(s, include, 0) < 4e-6);
            REQUIRE(average_error<float16>(s, include, 0) < 2e-3);
            REQUIRE(average_error<double>(s, include, 0) < 1e-14);
          }
}

namespace {

// 0, 7, 14, ... modulo 35, as 5 x 7.
std::vector<double> multiples() {
  std::vector<double> x(35);
  for (int i = 0; i < 35; ++i) x[static_cast<std::size_t>(i)] = i * 7 % 35;
  return x;
}
void check_close(const std::vector<double>& got, const std::vector<double>& expected) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(std::abs(got[i] - expected[i]) < 1e-6);
}

}  // namespace

TEST_CASE("pooling equals PyTorch 2.15") {
  const auto x = multiples();
  std::vector<double> out(12);
  std::vector<std::int64_t> at(12);
  const Pool2dShape max{1, 5, 7, 3, 2, 2, 2, 1, 1, 1, 1, true};
  REQUIRE((max.oh() == 3 && max.ow() == 4));
  detail::max_pool2d<double>(max, x.data(), out.data(), at.data());
  check_close(out, {14, 28, 28, 21, 28, 28, 28, 28, 21, 28, 28, 28});
  CHECK(at == std::vector<std::int64_t>{7, 9, 4, 13, 14, 9, 24, 19, 28, 29, 24, 34});

  const Pool2dShape average{1, 5, 7, 3, 2, 2, 3, 1, 1, 1, 1, true};
  REQUIRE((average.oh() == 3 && average.ow() == 3));
  out.resize(9);
  detail::avg_pool2d<double>(average, true, 0, x.data(), out.data());
  check_close(out, {2.333333, 10.5, 7.0, 8.166667, 16.333333, 14.0, 4.666667, 9.333333, 11.666667});
  detail::avg_pool2d<double>(average, false, 0, x.data(), out.data());
  check_close(out, {7.0, 15.75, 10.5, 16.333333, 16.333333, 14.0, 14.0, 14.0, 17.5});
  const Pool2dShape divisor{1, 5, 7, 2, 2, 3, 3, 0, 0, 1, 1, true};
  REQUIRE((divisor.oh() == 2 && divisor.ow() == 3));
  out.resize(6);
  detail::avg_pool2d<double>(divisor, true, 3, x.data(), out.data());
  check_close(out, {14.0, 18.666667, 9.333333, 23.333333, 16.333333, 14.0});

  out.resize(12);
  detail::adaptive_avg_pool2d<double>(1, 5, 7, 3, 4, x.data(), out.data());
  check_close(out,
              {10.5, 15.166667, 11.666667, 10.5, 14.0, 14.777778, 13.222222, 14.0, 17.5, 16.333333, 12.833333, 17.5});
  std::vector<double> dy(12), dx(35);
  for (std::size_t i = 0; i < 12; ++i) dy[i] = static_cast<double>(i);
  detail::adaptive_avg_pool2d_backward<double>(1, 5, 7, 3, 4, dy.data(), dx.data());
  check_close(dx, {0.0,      0.166667, 0.166667, 0.5,      0.333333, 1.083333, 0.75,     0.666667, 1.388889,
                   0.722222, 1.722222, 1.0,      2.916667, 1.916667, 0.666667, 1.222222, 0.555556, 1.222222,
                   0.666667, 1.833333, 1.166667, 2.666667, 4.722222, 2.055556, 4.388889, 2.333333, 6.25,
                   3.916667, 2.0,      3.5,      1.5,      3.166667, 1.666667, 4.416667, 2.75});
  out.resize(6), at.resize(6);
  detail::adaptive_max_pool2d<double>(1, 5, 7, 2, 3, x.data(), out.data(), at.data());
  check_close(out, {28, 28, 28, 28, 28, 28});
  CHECK(at == std::vector<std::int64_t>{9, 4, 4, 14, 24, 19});
}

TEST_CASE("pooled sizes equal PyTorch 2.15") {
  // input, kernel, stride, padding, dilation, size, size with ceil_mode
  const std::int64_t rows[][7] = {{10, 3, 2, 1, 1, 5, 6}, {11, 3, 3, 1, 2, 3, 4}, {7, 2, 4, 1, 1, 2, 2},
                                  {6, 3, 4, 1, 1, 2, 2},  {5, 2, 3, 1, 1, 2, 2},  {4, 2, 5, 1, 1, 1, 1},
                                  {9, 4, 3, 2, 1, 4, 4}};
  for (const auto& r : rows)
    for (const bool ceil_mode : {false, true}) {
      const Pool2dShape s{1, 1, r[0], 1, r[1], 1, r[2], 0, r[3], 1, r[4], ceil_mode};
      CHECK(s.ow() == r[ceil_mode ? 6 : 5]);
    }
}

TEST_CASE("16-bit averages are summed in float") {
  std::vector<float16> x(4096, float16(1.0f)), dx(4096);
  float16 out(0.0f), dy(4096.0f);
  detail::adaptive_avg_pool2d<float16>(1, 64, 64, 1, 1, x.data(), &out);
  CHECK(static_cast<float>(out) == 1.0f);
  detail::adaptive_avg_pool2d_backward<float16>(1, 64, 64, 1, 1, &dy, dx.data());
  CHECK((static_cast<float>(dx[0]) == 1.0f && static_cast<float>(dx[4095]) == 1.0f));
}
