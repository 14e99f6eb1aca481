// SPDX-License-Identifier: MIT
// Reduction of angles modulo pi / 2: fast for ordinary ones, exact to the largest numbers lane by lane.
#pragma once

#include <taper/expr/math/define.hpp>

namespace taper::inline TAPER_CODE::detail::simd {

TAPER_PRECISE_BEGIN

/// x = q pi / 2 + r + low with |r| <= pi / 4, q modulo 4.
template <class X>
struct Angle {
  X r, low;
  int_t<X> q;
};

/// Beyond these the fast reduction is not accurate enough.
template <class X>
inline constexpr double fast_angles = is_double<X> ? 0x1p20 : 0x1p17;

// 2 / pi, 64 bits a word, behind 128 zero bits.
template <class A>
inline constexpr std::uint64_t two_over_pi[22] = {0,
                                                  0,
                                                  0xa2f9836e4e441529,
                                                  0xfc2757d1f534ddc0,
                                                  0xdb6295993c439041,
                                                  0xfe5163abdebbc561,
                                                  0xb7246e3a424dd2e0,
                                                  0x06492eea09d1921c,
                                                  0xfe1deb1cb129a73e,
                                                  0xe88235f52ebb4484,
                                                  0xe99c7026b45f7e41,
                                                  0x3991d639835339f4,
                                                  0x9c845f8bbdf9283b,
                                                  0x1ff897ffde05980f,
                                                  0xef2f118b5a0a6d1f,
                                                  0x6d367ecf27cb09b7,
                                                  0x4f463f669e5fea2d,
                                                  0x7527bac7ebe5f17b,
                                                  0x3d0739f78a5292ea,
                                                  0x6bfb5fb11f8d5d08,
                                                  0x56033046fc7b6bab,
                                                  0xf0cfbc209af4361d};

/// The product of the fraction of x >= 2^-60 with the 192 bits of 2 / pi that matter modulo 4 (Payne and Hanek).
template <class A>
TAPER_COLD Angle<double> reduce_exactly(double x) {
  const auto u = std::bit_cast<std::uint64_t>(x);
  const int exponent = static_cast<int>((u >> 52) & 0x7ff);
  if (exponent == 0x7ff) return {nan<double>, 0, 0};
  const std::uint64_t m = (u & 0xfffffffffffff) | 0x10000000000000;
  // x = m 2^(exponent - 1075). The bits of 2 / pi above weight 2^(2 - that) only add multiples of four.
  const int start = exponent - 1075 - 2 + 128, word = start / 64, shift = start % 64;
  std::uint64_t w[3], product[3] = {0, 0, 0};
  for (int i = 0; i < 3; ++i) {
    const std::uint64_t high = two_over_pi<A>[word + i], low = two_over_pi<A>[word + i + 1];
    w[i] = shift == 0 ? high : (high << shift) | (low >> (64 - shift));
  }
  __extension__ using Wide = unsigned __int128;
  Wide sum = 0;
  for (int i = 2; i >= 0; --i) {
    sum += static_cast<Wide>(m) * w[i];
    product[i] = static_cast<std::uint64_t>(sum);
    sum >>= 64;
  }
  // Two bits of quadrant, then the fraction, taken as signed: rounded to the nearest quadrant.
  std::int64_t q = static_cast<std::int64_t>(product[0] >> 62);
  const std::uint64_t high = (product[0] << 2) | (product[1] >> 62), low = (product[1] << 2) | (product[2] >> 62);
  q += static_cast<std::int64_t>(high >> 63);
  const double parts[] = {static_cast<double>(static_cast<std::int32_t>(high >> 32)) * 0x1p-32,
                          static_cast<double>(high & 0xffffffff) * 0x1p-64, static_cast<double>(low >> 32) * 0x1p-96,
                          static_cast<double>(low & 0xffffffff) * 0x1p-128,
                          static_cast<double>((product[2] << 2) >> 32) * 0x1p-160};
  Two<double> f{parts[0], 0};
  for (int i = 1; i < 5; ++i) {
    const Two<double> t = two_sum(f.high, parts[i]);
    f = two_sum(t.high, f.low + t.low);
  }
  Two<double> r = two_product(f.high, 0x1.921fb54442d18p+0);
  r.low += f.high * 0x1.1a62633145c07p-54 + f.low * 0x1.921fb54442d18p+0;
  r = fast_two_sum(r.high, r.low);
  return {r.high, r.low, q & 3};
}

template <class A, class E, class I>
TAPER_COLD void reduce_lanes(const E* x, E* r, E* low, I* q, int lanes) {
  for (int i = 0; i < lanes; ++i) {
    if (x[i] <= E(fast_angles<E>)) continue;
    const Angle<double> a = reduce_exactly<A>(static_cast<double>(x[i]));
    r[i] = static_cast<E>(a.r);
    low[i] = static_cast<E>((a.r - static_cast<double>(r[i])) + a.low);
    q[i] = static_cast<I>(a.q);
  }
}

#if !TAPER_HAS_FMA
// Floats reduced in double, natives split in two.
template <class D>
TAPER_PACK Two<D> reduce_in_double(D x) {
  const D n = without_magic(x * splat<D>(0x1.45f306dc9c883p-1) + splat<D>(magic<D>));
  return {barrier(x - n * splat<D>(0x1.921fb544p+0)) - n * splat<D>(0x1.0b4611a626331p-34), n};
}
#endif

/// x >= 0.
template <class X>
TAPER_PACK Angle<X> reduce_pio2(X x) {
  using I = int_t<X>;
  Angle<X> a;
  const X m = splat<X>(magic<X>);
  if constexpr (is_double<X>) {
    // pi / 2 in three parts of 33 bits and a rest; the sums keep what they lose.
    const X z = barrier(fma(x, splat<X>(0x1.45f306dc9c883p-1), m)), n = without_magic(z);
    const X r0 = barrier(x - barrier(n * splat<X>(0x1.921fb544p+0)));
    const Two<X> r1 = two_sum(r0, barrier(n * splat<X>(-0x1.0b4611a6p-34)));
    const Two<X> r2 = two_sum(r1.high, barrier(n * splat<X>(-0x1.3198a2ep-69)));
    const X rest = (r1.low + r2.low) - n * splat<X>(0x1.b839a252049c1p-104);
    const Two<X> r = fast_two_sum(r2.high, rest);
    a = {r.high, r.low, magic_integer(z)};
  } else {
#if TAPER_HAS_FMA
    const X z = barrier(fma(x, splat<X>(0x1.45f306dc9c883p-1), m)), n = without_magic(z);
    X r = barrier(fma(n, splat<X>(-0x1.921fb6p+0), x));
    r = barrier(fma(n, splat<X>(0x1.777a5cp-25), r));
    a = {fma(n, splat<X>(0x1.ee59dap-50), r), splat<X>(0), magic_integer(z)};
#else
    X n;
    if constexpr (std::is_same_v<X, float>) {
      const Two<double> d = reduce_in_double(static_cast<double>(x));
      a.r = static_cast<float>(d.high);
      n = static_cast<float>(d.low);
    } else {
      constexpr int H = Lanes<X>::count / 2;
      const auto d0 = reduce_in_double(widen<double, H, 0>(x)), d1 = reduce_in_double(widen<double, H, 1>(x));
      a.r = narrow<float, true>(d0.high, d1.high);
      n = narrow<float, true>(d0.low, d1.low);
    }
    a.low = splat<X>(0);
    a.q = magic_integer(barrier(n + m));
#endif
  }
#if !TAPER_DEVICE_PASS
  const auto large = (mask_t<X>)(x > splat<X>(fast_angles<X>));
  if (any_lane(large)) [[unlikely]] {
    constexpr int L = Lanes<X>::count;
    using E = element_t<X>;
    using J = element_t<I>;
    alignas(X) E xs[L], r[L], low[L];
    alignas(X) J q[L];
    __builtin_memcpy(xs, &x, sizeof x);
    __builtin_memcpy(r, &a.r, sizeof x);
    __builtin_memcpy(low, &a.low, sizeof x);
    __builtin_memcpy(q, &a.q, sizeof x);
    reduce_lanes<Abi>(xs, r, low, q, L);
    __builtin_memcpy(&a.r, r, sizeof x);
    __builtin_memcpy(&a.low, low, sizeof x);
    __builtin_memcpy(&a.q, q, sizeof x);
  }
#endif
  return a;
}

TAPER_PRECISE_END

}  // namespace taper::inline TAPER_CODE::detail::simd
