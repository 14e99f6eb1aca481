// SPDX-License-Identifier: MIT
// float16 and bfloat16 against their definitions: every value, and rounding at and beside every midpoint.

#include <taper/core/half.hpp>

#include <cmath>

#include "tests/support/catch.hpp"

using namespace taper;

namespace {

// The value that a format of `exponent` and `fraction` bits gives to these bits.
double value_of(unsigned bits, int exponent, int fraction) {
  const int bias = (1 << (exponent - 1)) - 1, all = (1 << exponent) - 1;
  const int e = static_cast<int>(bits >> fraction) & all;
  const double m = static_cast<double>(bits & ((1u << fraction) - 1)), sign = bits >> (exponent + fraction) & 1 ? -1 : 1;
  if (e == all) return m == 0 ? sign * std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  const double scale = std::ldexp(1.0, fraction);
  return sign * (e == 0 ? std::ldexp(m / scale, 1 - bias) : std::ldexp(1 + m / scale, e - bias));
}

template <class H>
void check_all(int exponent, int fraction) {
  const unsigned infinity = ((1u << exponent) - 1) << fraction;
  unsigned wrong = 0;
  const auto expect = [&](float x, unsigned bits) {
    wrong += H(x).bits != bits;
    wrong += H(-x).bits != (bits | 0x8000u);
  };
  for (unsigned b = 0; b < 0x10000; ++b) {
    const H h = H::from_bits(static_cast<std::uint16_t>(b));
    const float f = static_cast<float>(h);
    const double value = value_of(b, exponent, fraction);
    if (std::isnan(value)) {
      wrong += !std::isnan(f) || !std::isnan(static_cast<float>(H(f)));
    } else {
      wrong += static_cast<double>(f) != value || std::signbit(f) != std::signbit(value);
      wrong += H(f).bits != b;
    }
  }
  // Rounding is monotonic; with every midpoint and both its neighbours right, all of it is. Beyond the largest value
  // the next step would be twice the largest power of two.
  for (unsigned b = 0; b < infinity; ++b) {
    const double low = value_of(b, exponent, fraction);
    const double high = b + 1 < infinity ? value_of(b + 1, exponent, fraction) : std::ldexp(1.0, 1 << (exponent - 1));
    const auto middle = static_cast<float>((low + high) / 2);
    expect(middle, b + (b & 1));  // ties to even
    expect(std::nextafter(middle, 0.0f), b);
    expect(std::nextafter(middle, std::numeric_limits<float>::infinity()), b + 1);
  }
  expect(std::numeric_limits<float>::infinity(), infinity);
  wrong += !std::isnan(static_cast<float>(H(std::numeric_limits<float>::quiet_NaN())));
  wrong += !std::isnan(static_cast<float>(H(__builtin_bit_cast(float, 0x7f800001u))));  // a NaN of low bits alone
  CHECK(wrong == 0);
}

template <class H>
void check_limits(double min, double max, double epsilon) {
  using L = std::numeric_limits<H>;
  CHECK(static_cast<double>(static_cast<float>(L::min())) == min);
  CHECK(static_cast<double>(static_cast<float>(L::max())) == max);
  CHECK(static_cast<double>(static_cast<float>(L::lowest())) == -max);
  CHECK(static_cast<double>(static_cast<float>(L::epsilon())) == epsilon);
  CHECK(std::isinf(static_cast<float>(L::infinity())));
  CHECK(std::isnan(static_cast<float>(L::quiet_NaN())));
}

}  // namespace

TEST_CASE("float16: every value, and rounding everywhere") { check_all<float16>(5, 10); }
TEST_CASE("bfloat16: every value, and rounding everywhere") { check_all<bfloat16>(8, 7); }

TEST_CASE("known values") {
  CHECK(float16(1.0f).bits == 0x3c00);
  CHECK(float16(-2.0f).bits == 0xc000);
  CHECK(float16(65504.0f).bits == 0x7bff);
  CHECK(float16(65519.996f).bits == 0x7bff);
  CHECK(float16(65520.0f).bits == 0x7c00);
  CHECK(float16(0x1p-24f).bits == 0x0001);
  CHECK(float16(0x1p-25f).bits == 0x0000);
  CHECK(float16(1.0f / 3).bits == 0x3555);
  CHECK(bfloat16(1.0f).bits == 0x3f80);
  CHECK(bfloat16(1.0f / 3).bits == 0x3eab);
  CHECK(bfloat16(3.3895314e38f).bits == 0x7f7f);
}

TEST_CASE("limits") {
  check_limits<float16>(0x1p-14, 65504, 0x1p-10);
  check_limits<bfloat16>(0x1p-126, 0x1.fep127, 0x1p-7);
}

TEST_CASE("conversions: float silently, others asked for; usable in constants") {
  static_assert(std::is_convertible_v<float, float16> && !std::is_convertible_v<double, float16> && !std::is_convertible_v<int, bfloat16>);
  static_assert(std::is_constructible_v<float16, double> && std::is_constructible_v<bfloat16, int>);
  static_assert(std::is_trivially_copyable_v<float16> && sizeof(float16) == 2 && sizeof(bfloat16) == 2);
  static_assert(float16(1.5f).bits == 0x3e00 && static_cast<float>(float16::from_bits(0x3e00)) == 1.5f);
  static_assert(static_cast<float>(bfloat16(2)) == 2.0f);
  CHECK(float16(0.5f) + float16(0.25f) == 0.75f);  // arithmetic is float's
}
