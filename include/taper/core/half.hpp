// SPDX-License-Identifier: MIT
// float16 (IEEE 754 binary16) and bfloat16: 16-bit storage types that convert to float and round to nearest even back.
#pragma once

#include <taper/config.hpp>

#include <cstdint>
#include <limits>
#include <type_traits>

namespace taper::inline TAPER_ABI {

/// The upper half of a float: 8 bits of exponent, 7 of fraction.
struct bfloat16 {
  std::uint16_t bits = 0;

  bfloat16() = default;
  template <class T>
    requires std::is_arithmetic_v<T>
  TAPER_HD constexpr explicit(!std::is_same_v<T, float>) bfloat16(T value) : bits(round(static_cast<float>(value))) {}
  TAPER_HD constexpr operator float() const { return __builtin_bit_cast(float, static_cast<std::uint32_t>(bits) << 16); }

  TAPER_HD static constexpr bfloat16 from_bits(std::uint16_t b) {
    bfloat16 out;
    out.bits = b;
    return out;
  }

 private:
  TAPER_HD static constexpr std::uint16_t round(float value) {
    const auto u = __builtin_bit_cast(std::uint32_t, value);
    if ((u & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((u >> 16) | 0x40u);  // keep NaN a NaN
    return static_cast<std::uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
  }
};

/// IEEE binary16: 5 bits of exponent, 10 of fraction; overflow rounds to infinity, small values to subnormals.
struct float16 {
  std::uint16_t bits = 0;

  float16() = default;
  template <class T>
    requires std::is_arithmetic_v<T>
  TAPER_HD constexpr explicit(!std::is_same_v<T, float>) float16(T value) : bits(round(static_cast<float>(value))) {}
  TAPER_HD constexpr operator float() const {
    // The 15 bits below the sign, moved to a float's place, are off by a factor of 2^112: one exact product mends it,
    // subnormals included. Infinity and NaN need the largest exponent.
    const std::uint32_t magnitude = static_cast<std::uint32_t>(bits & 0x7fffu) << 13;
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
    if (magnitude >= 0x0f800000u) return __builtin_bit_cast(float, sign | 0x70000000u | magnitude);
    const float scaled = __builtin_bit_cast(float, magnitude) * __builtin_bit_cast(float, 0x77800000u);
    return __builtin_bit_cast(float, sign | __builtin_bit_cast(std::uint32_t, scaled));
  }

  TAPER_HD static constexpr float16 from_bits(std::uint16_t b) {
    float16 out;
    out.bits = b;
    return out;
  }

 private:
  TAPER_HD static constexpr std::uint16_t round(float value) {
    const auto u = __builtin_bit_cast(std::uint32_t, value);
    const std::uint32_t magnitude = u & 0x7fffffffu;
    const auto sign = static_cast<std::uint16_t>((u >> 16) & 0x8000u);
    if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
    if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // 65520 and above
    if (magnitude < 0x38800000u) {
      // Subnormal results: adding 0.5 puts the half's last place at the float's last place, so the sum is rounded right.
      const float shifted = __builtin_bit_cast(float, magnitude) + 0.5f;
      return static_cast<std::uint16_t>(sign | (__builtin_bit_cast(std::uint32_t, shifted) - 0x3f000000u));
    }
    const std::uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
    return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
  }
};

}  // namespace taper::inline TAPER_ABI

template <>
struct std::numeric_limits<taper::bfloat16> {
  static constexpr bool is_specialized = true, is_signed = true, has_infinity = true, has_quiet_NaN = true;
  static constexpr int digits = 8;
  static constexpr taper::bfloat16 min() { return taper::bfloat16::from_bits(0x0080); }
  static constexpr taper::bfloat16 max() { return taper::bfloat16::from_bits(0x7f7f); }
  static constexpr taper::bfloat16 lowest() { return taper::bfloat16::from_bits(0xff7f); }
  static constexpr taper::bfloat16 epsilon() { return taper::bfloat16::from_bits(0x3c00); }
  static constexpr taper::bfloat16 infinity() { return taper::bfloat16::from_bits(0x7f80); }
  static constexpr taper::bfloat16 quiet_NaN() { return taper::bfloat16::from_bits(0x7fc0); }
};

template <>
struct std::numeric_limits<taper::float16> {
  static constexpr bool is_specialized = true, is_signed = true, has_infinity = true, has_quiet_NaN = true;
  static constexpr int digits = 11;
  static constexpr taper::float16 min() { return taper::float16::from_bits(0x0400); }
  static constexpr taper::float16 max() { return taper::float16::from_bits(0x7bff); }
  static constexpr taper::float16 lowest() { return taper::float16::from_bits(0xfbff); }
  static constexpr taper::float16 epsilon() { return taper::float16::from_bits(0x1400); }
  static constexpr taper::float16 infinity() { return taper::float16::from_bits(0x7c00); }
  static constexpr taper::float16 quiet_NaN() { return taper::float16::from_bits(0x7e00); }
};
