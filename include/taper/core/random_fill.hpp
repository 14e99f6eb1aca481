// SPDX-License-Identifier: MIT
// Fills arrays with random numbers: output i depends on (seed, offset, i) alone, however the work is cut.
#pragma once

#include <taper/config.hpp>
#include <taper/core/box_muller.hpp>
#include <taper/core/dtype.hpp>
#include <taper/core/philox.hpp>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

namespace taper::inline TAPER_CODE::detail::random {

using base::random::lanes;

// Sixteen neighbouring blocks, word by word.
struct alignas(64) Blocks {
  std::uint32_t word[4][lanes];
};

// Vectors of 64-bit lanes of which the lower halves count: so a 32 by 32 bit product is one instruction, and its two
// halves are where the next round wants them.
using Wide = std::uint64_t __attribute__((vector_size(TAPER_VECTOR_BYTES < 32 ? 16 : 32)));
using Narrow = std::uint32_t __attribute__((vector_size(sizeof(Wide) / 2)));

TAPER_INLINE Wide multiply_low_halves(Wide a, std::uint32_t b) {
#if defined(__x86_64__) && TAPER_VECTOR_BYTES < 32
  using Signed = int __attribute__((vector_size(16)));
  return (Wide)__builtin_ia32_pmuludq128((Signed)a, (Signed)(Wide{} + b));
#elif defined(__x86_64__)
  using Signed = int __attribute__((vector_size(32)));
  return (Wide)__builtin_ia32_pmuludq256((Signed)a, (Signed)(Wide{} + b));
#else
  return (a & 0xffffffffu) * b;
#endif
}

TAPER_INLINE void store_low_halves(std::uint32_t* out, Wide a, Wide b) {
  const auto first = __builtin_convertvector(a, Narrow), second = __builtin_convertvector(b, Narrow);
  std::memcpy(out, &first, sizeof first);
  std::memcpy(out + sizeof first / sizeof *out, &second, sizeof second);
}

// A stream: the keys of its rounds and the upper half of its counter.
template <class A>
struct Stream {
  Wide key0[10], key1[10];
  std::uint64_t offset;

  Stream(std::uint64_t seed, std::uint64_t stream_offset) : offset(stream_offset) {
    auto k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round, k0 += 0x9e3779b9u, k1 += 0xbb67ae85u) {
      key0[round] = Wide{} + k0;
      key1[round] = Wide{} + k1;
    }
  }
};

template <class A>
TAPER_KERNEL void make_blocks(Blocks& out, const Stream<A>& stream, std::uint64_t group) {
  constexpr int width = sizeof(Wide) / sizeof(std::uint64_t);
  const PhiloxState start = philox_start(0, stream.offset, group * lanes);  // the lane's bits of the index are zero
  Wide lane{};
  for (int l = 0; l < width; ++l) lane[l] = static_cast<std::uint64_t>(l);
  for (int l = 0; l < lanes; l += 2 * width) {  // two at a time: one waits while the other multiplies
    Wide a0 = lane | start.c0, a1 = Wide{} + start.c1, a2 = Wide{} + start.c2, a3 = Wide{} + start.c3;
    lane += static_cast<std::uint64_t>(width);
    Wide b0 = lane | start.c0, b1 = a1, b2 = a2, b3 = a3;
    lane += static_cast<std::uint64_t>(width);
    for (int round = 0; round < 10; ++round) {
      const Wide pa = multiply_low_halves(a0, 0xd2511f53u), qa = multiply_low_halves(a2, 0xcd9e8d57u);
      const Wide pb = multiply_low_halves(b0, 0xd2511f53u), qb = multiply_low_halves(b2, 0xcd9e8d57u);
      a0 = (qa >> 32) ^ (a1 ^ stream.key0[round]);
      b0 = (qb >> 32) ^ (b1 ^ stream.key0[round]);
      a2 = (pa >> 32) ^ (a3 ^ stream.key1[round]);
      b2 = (pb >> 32) ^ (b3 ^ stream.key1[round]);
      a1 = qa;
      b1 = qb;
      a3 = pa;
      b3 = pb;
    }
    store_low_halves(out.word[0] + l, a0, b0);
    store_low_halves(out.word[1] + l, a1, b1);
    store_low_halves(out.word[2] + l, a2, b2);
    store_low_halves(out.word[3] + l, a3, b3);
  }
}

// What a distribution does with one group of blocks: `outputs` numbers, written to out. pick(s, k) is the k-th number of one
// block, as a device's thread computes it: the same, normals but for the compiler's choice of fused multiply-adds.

/// Uniform in [low, high): as many random bits as T has digits, and never `high` by rounding.
template <class T, bool Wide = std::is_same_v<T, double>>
struct Uniform;

template <class T>
struct Uniform<T, false> {
  static constexpr int outputs = 64;
  float low, range;
  T below_high;  // the largest value that may come out
  bool unit;

  Uniform(double lo, double hi)
      : low(static_cast<float>(lo)), range(static_cast<float>(hi - lo)), unit(lo == 0 && hi == 1) {
    const T top(static_cast<float>(hi));
    below_high = static_cast<float>(top) <= low ? T(low) : previous(top);
  }
  TAPER_INLINE void operator()(const Blocks& bits, T* out) const {
    for (int w = 0; w < 4; ++w) {
      if (unit)
        for (int l = 0; l < lanes; ++l) out[w * lanes + l] = plain(bits.word[w][l]);
      else
        for (int l = 0; l < lanes; ++l) out[w * lanes + l] = scaled(bits.word[w][l]);
    }
  }
  TAPER_HD T pick(const PhiloxState& s, std::uint32_t k) const { return unit ? plain(word(s, k)) : scaled(word(s, k)); }

 private:
  static constexpr int digits = std::numeric_limits<T>::digits;
  static constexpr float scale = 1.0f / static_cast<float>(1 << digits);
  TAPER_HD TAPER_INLINE static T plain(std::uint32_t bits) {
    return T(static_cast<float>(static_cast<std::int32_t>(bits >> (32 - digits))) * scale);
  }
  // The product is exact in double, so that fused and separate arithmetic agree.
  TAPER_HD TAPER_INLINE T scaled(std::uint32_t bits) const {
    const double u = static_cast<double>(static_cast<std::int32_t>(bits >> (32 - digits))) * scale;
    const T value(static_cast<float>(static_cast<double>(low) + u * static_cast<double>(range)));
    return static_cast<float>(value) > static_cast<float>(below_high) ? below_high : value;
  }
  // The neighbour towards minus infinity.
  static T previous(T x) {
    if constexpr (std::is_same_v<T, float>) {
      return std::nextafter(x, -std::numeric_limits<float>::infinity());
    } else {
      const float value = static_cast<float>(x);
      if (value == 0) return T::from_bits(0x8001);
      return T::from_bits(static_cast<std::uint16_t>(value > 0 ? x.bits - 1 : x.bits + 1));
    }
  }
};

// a * b, which no compiler fuses into the sum that follows.
TAPER_HD TAPER_INLINE double product(double a, double b) {
#if defined(__CUDA_ARCH__)
  return __dmul_rn(a, b);
#else
  double x = a * b;
#if defined(__SSE2__)
  asm("" : "+x"(x));
#elif defined(__aarch64__)
  asm("" : "+w"(x));
#else
  volatile double y = x;
  x = y;
#endif
  return x;
#endif
}

template <>
struct Uniform<double, true> {
  static constexpr int outputs = 32;
  double low, range, below_high;
  bool unit;

  Uniform(double lo, double hi)
      : low(lo), range(hi - lo), below_high(hi <= lo ? lo : std::nextafter(hi, lo)), unit(lo == 0 && hi == 1) {}
  TAPER_INLINE void operator()(const Blocks& bits, double* out) const {
    for (int h = 0; h < 2; ++h) {
      for (int l = 0; l < lanes; ++l) out[h * lanes + l] = unit_double(bits.word[2 * h][l], bits.word[2 * h + 1][l]);
      if (unit) continue;
      for (int l = 0; l < lanes; ++l) out[h * lanes + l] = scaled(out[h * lanes + l]);
    }
  }
  TAPER_HD double pick(const PhiloxState& s, std::uint32_t k) const {
    const double u = unit_double(word(s, 2 * k), word(s, 2 * k + 1));
    return unit ? u : scaled(u);
  }

 private:
  TAPER_HD TAPER_INLINE double scaled(double u) const {
    const double value = low + product(u, range);
    return value > below_high ? below_high : value;
  }
};

/// Normal: computed in float or double, rounded once.
template <class T>
struct Normal {
  using C = compute_t<T>;
  using Bits = typename NormalTraits<C>::Bits;
  static constexpr int outputs = sizeof(C) == 4 ? 64 : 32;
  C mean, deviation;

  TAPER_INLINE void operator()(const Blocks& bits, T* out) const {
    for (int pair = 0; pair < outputs / (2 * lanes); ++pair) {
      alignas(64) Bits a[lanes], b[lanes];
      alignas(64) C radius[lanes], even[lanes], odd[lanes];
      for (int l = 0; l < lanes; ++l) {
        if constexpr (sizeof(C) == 4) {
          a[l] = bits.word[2 * pair][l];
          b[l] = bits.word[2 * pair + 1][l];
        } else {
          a[l] = bits.word[0][l] | std::uint64_t{bits.word[1][l]} << 32;
          b[l] = bits.word[2][l] | std::uint64_t{bits.word[3][l]} << 32;
        }
      }
      for (int l = 0; l < lanes; ++l) radius[l] = C(2) * minus_log_unit<C>(a[l]);
      for (int l = 0; l < lanes; ++l) radius[l] = std::sqrt(radius[l]);
      for (int l = 0; l < lanes; ++l) {
        even[l] = turn<C>(b[l], false);
        odd[l] = turn<C>(b[l], true);
      }
      T* to = out + 2 * pair * lanes;
      for (int l = 0; l < lanes; ++l) {
        to[l] = T(radius[l] * even[l] * deviation + mean);
        to[lanes + l] = T(radius[l] * odd[l] * deviation + mean);
      }
    }
  }
  TAPER_HD T pick(const PhiloxState& s, std::uint32_t k) const {
    if constexpr (sizeof(C) == 4) return T(random::normal<C>(word(s, k & 2), word(s, k | 1), k & 1) * deviation + mean);
    else return T(random::normal<C>(half(s, 0), half(s, 1), k != 0) * deviation + mean);
  }
};

/// 1 with probability p, else 0.
template <class T>
struct Bernoulli {
  static constexpr int outputs = 64;
  std::uint32_t last;  // the largest word that gives 1
  bool never;

  explicit Bernoulli(double p)
      : last(static_cast<std::uint32_t>(bernoulli_threshold(p) - 1)), never(bernoulli_threshold(p) == 0) {}
  TAPER_INLINE void operator()(const Blocks& bits, T* out) const {
    const T zero = T(0.0f), one = never ? zero : T(1.0f);
    for (int w = 0; w < 4; ++w)
      for (int l = 0; l < lanes; ++l) out[w * lanes + l] = bits.word[w][l] <= last ? one : zero;
  }
  TAPER_HD T pick(const PhiloxState& s, std::uint32_t k) const {
    return !never && word(s, k) <= last ? T(1.0f) : T(0.0f);
  }
};

/// Integers in [low, high), converted to T.
template <class T>
struct Integers {
  static constexpr int outputs = 32;
  std::int64_t low, high;

  TAPER_INLINE void operator()(const Blocks& bits, T* out) const {
    const std::uint64_t range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
    for (int h = 0; h < 2; ++h) {
      alignas(64) std::uint64_t value[lanes];
      if (range >> 32 == 0) {  // the same product in narrow steps
        for (int l = 0; l < lanes; ++l) {
          const auto n = static_cast<std::uint32_t>(range);
          const std::uint64_t carry = std::uint64_t{bits.word[2 * h][l]} * n >> 32;
          value[l] = (std::uint64_t{bits.word[2 * h + 1][l]} * n + carry) >> 32;
        }
      } else {
        for (int l = 0; l < lanes; ++l)
          value[l] = multiply_high(bits.word[2 * h][l] | std::uint64_t{bits.word[2 * h + 1][l]} << 32, range);
      }
      for (int l = 0; l < lanes; ++l)
        out[h * lanes + l] = converted(static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + value[l]));
    }
  }
  TAPER_HD T pick(const PhiloxState& s, std::uint32_t k) const { return converted(bounded(half(s, k), low, high)); }

 private:
  TAPER_HD TAPER_INLINE static T converted(std::int64_t x) {
    if constexpr (sizeof(T) == 2 && Floating<T>) return T(static_cast<float>(x));
    else return static_cast<T>(x);
  }
};

// Outputs first .. first + n of a distribution. Groups that are cut are computed whole beside it.
template <class T, class Distribution, class A>
TAPER_KERNEL void fill(T* out, std::int64_t first, std::int64_t n, std::uint64_t seed, std::uint64_t offset,
                       Distribution distribution) {
  constexpr int outputs = Distribution::outputs;
  const Stream<A> stream(seed, offset);
  Blocks bits;
  for (std::int64_t i = first, last = first + n; i < last;) {
    const std::int64_t group = i / outputs;
    const auto skip = static_cast<int>(i % outputs);
    make_blocks<A>(bits, stream, static_cast<std::uint64_t>(group));
    const std::int64_t left = last - i;
    if (skip == 0 && left >= outputs) {
      distribution(bits, out);
      out += outputs;
      i += outputs;
    } else {
      alignas(64) unsigned char buffer[outputs * sizeof(T)];
      auto* whole = reinterpret_cast<T*>(buffer);
      distribution(bits, whole);
      const std::int64_t count = left < outputs - skip ? left : outputs - skip;
      std::memcpy(static_cast<void*>(out), static_cast<const void*>(whole + skip),
                  static_cast<std::size_t>(count) * sizeof(T));
      out += count;
      i += count;
    }
  }
}

}  // namespace taper::inline TAPER_CODE::detail::random

namespace taper::inline TAPER_CODE::detail {

/// Outputs first .. first + n of the stream (seed, offset), uniform in [low, high).
template <Floating T, class A = Abi>
void fill_uniform(T* out, std::int64_t first, std::int64_t n, std::uint64_t seed, std::uint64_t offset, double low = 0,
                  double high = 1) {
  random::fill<T, random::Uniform<T>, A>(out, first, n, seed, offset, random::Uniform<T>(low, high));
}

/// Outputs first .. first + n of the stream (seed, offset), normal.
template <Floating T, class A = Abi>
void fill_normal(T* out, std::int64_t first, std::int64_t n, std::uint64_t seed, std::uint64_t offset, double mean = 0,
                 double deviation = 1) {
  using C = compute_t<T>;
  random::fill<T, random::Normal<T>, A>(out, first, n, seed, offset, {static_cast<C>(mean), static_cast<C>(deviation)});
}

/// Outputs first .. first + n of the stream (seed, offset): 1 with probability p, else 0.
template <Scalar T, class A = Abi>
void fill_bernoulli(T* out, std::int64_t first, std::int64_t n, std::uint64_t seed, std::uint64_t offset, double p) {
  random::fill<T, random::Bernoulli<T>, A>(out, first, n, seed, offset, random::Bernoulli<T>(p));
}

/// Outputs first .. first + n of the stream (seed, offset), integers in [low, high).
template <Scalar T, class A = Abi>
void fill_integers(T* out, std::int64_t first, std::int64_t n, std::uint64_t seed, std::uint64_t offset,
                   std::int64_t low, std::int64_t high) {
  random::fill<T, random::Integers<T>, A>(out, first, n, seed, offset, {low, high});
}

/// The numbers 0 .. n in the order of stream (seed, offset): Fisher and Yates' shuffle.
template <class A = Abi>
void fill_permutation(std::int64_t* out, std::int64_t n, std::uint64_t seed, std::uint64_t offset) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = i;
  for (std::int64_t i = n - 1; i > 0; --i) {
    const std::int64_t j = random::bounded(random::bits64(seed, offset, static_cast<std::uint64_t>(i)), 0, i + 1);
    const std::int64_t kept = out[i];
    out[i] = out[j];
    out[j] = kept;
  }
}

}  // namespace taper::inline TAPER_CODE::detail
