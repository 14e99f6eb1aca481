// SPDX-License-Identifier: MIT
// Philox 4x32-10, the counter-based generator, and how its bits become uniforms, integers, masks and normals.
#pragma once

#include <taper/config.hpp>

#include <array>
#include <cmath>
#include <cstdint>

namespace taper::inline TAPER_ABI {

/// 128 random bits as four words.
using PhiloxBlock = std::array<std::uint32_t, 4>;

namespace base {

struct PhiloxState {
  std::uint32_t c0, c1, c2, c3, k0, k1;
};

TAPER_HD TAPER_INLINE constexpr PhiloxState philox_round(PhiloxState s) {
  const std::uint64_t p0 = std::uint64_t{s.c0} * 0xd2511f53u;
  const std::uint64_t p1 = std::uint64_t{s.c2} * 0xcd9e8d57u;
  return {static_cast<std::uint32_t>(p1 >> 32) ^ s.c1 ^ s.k0,
          static_cast<std::uint32_t>(p1),
          static_cast<std::uint32_t>(p0 >> 32) ^ s.c3 ^ s.k1,
          static_cast<std::uint32_t>(p0),
          s.k0 + 0x9e3779b9u,
          s.k1 + 0xbb67ae85u};
}

// Ten rounds written out: a loop over them would keep the loop over counters from being vectorised.
TAPER_HD TAPER_INLINE constexpr PhiloxState philox_rounds(PhiloxState s) {
  s = philox_round(philox_round(philox_round(philox_round(philox_round(s)))));
  return philox_round(philox_round(philox_round(philox_round(philox_round(s)))));
}

TAPER_HD TAPER_INLINE constexpr PhiloxState philox_start(std::uint64_t seed, std::uint64_t offset,
                                                         std::uint64_t index) {
  return {static_cast<std::uint32_t>(index),  static_cast<std::uint32_t>(index >> 32),
          static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(offset >> 32),
          static_cast<std::uint32_t>(seed),   static_cast<std::uint32_t>(seed >> 32)};
}

}  // namespace base

/// Block `index` of the stream (seed, offset): the key is the seed, the counter is (index, offset).
/// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
TAPER_HD constexpr PhiloxBlock philox(std::uint64_t seed, std::uint64_t offset, std::uint64_t index) {
  const base::PhiloxState s = base::philox_rounds(base::philox_start(seed, offset, index));
  return {s.c0, s.c1, s.c2, s.c3};
}

namespace base::random {

// Which bits belong to output i. Sixteen blocks stand side by side, so that a vector of neighbours in the output is a
// vector of neighbours in the counter and nothing is shuffled: of 64 outputs of 32 bits, l + 16 w has word w of block
// l; of 32 outputs of 64 bits, l + 16 h has words 2h (low) and 2h + 1 (high) of block l.
inline constexpr int lanes = 16;

TAPER_HD constexpr std::uint64_t block_of_32(std::uint64_t i) { return i / 64 * lanes + i % lanes; }
TAPER_HD constexpr std::uint32_t word_of_32(std::uint64_t i) { return static_cast<std::uint32_t>(i / lanes % 4); }
TAPER_HD constexpr std::uint64_t block_of_64(std::uint64_t i) { return i / 32 * lanes + i % lanes; }
TAPER_HD constexpr std::uint32_t half_of_64(std::uint64_t i) { return static_cast<std::uint32_t>(i / lanes % 2); }

TAPER_HD TAPER_INLINE constexpr std::uint32_t word(const PhiloxState& s, std::uint32_t w) {
  return w == 0 ? s.c0 : w == 1 ? s.c1 : w == 2 ? s.c2 : s.c3;
}
TAPER_HD TAPER_INLINE constexpr std::uint64_t half(const PhiloxState& s, std::uint32_t h) {
  return h ? s.c2 | std::uint64_t{s.c3} << 32 : s.c0 | std::uint64_t{s.c1} << 32;
}
/// The 32 bits of output i.
TAPER_HD constexpr std::uint32_t bits32(std::uint64_t seed, std::uint64_t offset, std::uint64_t i) {
  return word(philox_rounds(philox_start(seed, offset, block_of_32(i))), word_of_32(i));
}
/// The 64 bits of output i.
TAPER_HD constexpr std::uint64_t bits64(std::uint64_t seed, std::uint64_t offset, std::uint64_t i) {
  return half(philox_rounds(philox_start(seed, offset, block_of_64(i))), half_of_64(i));
}

/// In [0, 1), with 24 bits.
TAPER_HD TAPER_INLINE constexpr float unit_float(std::uint32_t bits) {
  return static_cast<float>(static_cast<std::int32_t>(bits >> 8)) * 0x1p-24f;
}
/// In [0, 1), with 53 bits: 27 of the high word and 26 of the low one. Every step is exact.
TAPER_HD TAPER_INLINE constexpr double unit_double(std::uint32_t low, std::uint32_t high) {
  return (static_cast<double>(static_cast<std::int32_t>(high >> 5)) * 0x1p26 +
          static_cast<double>(static_cast<std::int32_t>(low >> 6))) *
         0x1p-53;
}

/// The upper half of a 64 by 64 bit product. bits -> [0, n): the bias is below n / 2^64.
TAPER_HD TAPER_INLINE constexpr std::uint64_t multiply_high(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t al = a & 0xffffffffu, ah = a >> 32, bl = b & 0xffffffffu, bh = b >> 32;
  const std::uint64_t middle = ah * bl + (al * bl >> 32);
  return ah * bh + (middle >> 32) + ((al * bh + (middle & 0xffffffffu)) >> 32);
}
/// In [low, high), where low < high; any two 64-bit integers will do.
TAPER_HD TAPER_INLINE constexpr std::int64_t bounded(std::uint64_t bits, std::int64_t low, std::int64_t high) {
  const std::uint64_t range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + multiply_high(bits, range));
}

/// An output is 1 where its 32 bits are below this: exact at p = 0 and p = 1.
TAPER_HD constexpr std::uint64_t bernoulli_threshold(double p) {
  return p <= 0 ? 0 : p >= 1 ? std::uint64_t{1} << 32 : static_cast<std::uint64_t>(p * 0x1p32);
}
TAPER_HD TAPER_INLINE constexpr bool bernoulli(std::uint32_t bits, std::uint64_t threshold) { return bits < threshold; }

}  // namespace base::random

}  // namespace taper::inline TAPER_ABI
