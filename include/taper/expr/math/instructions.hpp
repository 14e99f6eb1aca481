// SPDX-License-Identifier: MIT
// Fused products, extrema, rounding, division and square roots of natives: instructions that have no operator.
#pragma once

#include <taper/expr/math/native.hpp>

namespace taper::inline TAPER_CODE::detail::simd {

TAPER_PRECISE_BEGIN

// The AVX-512 builtins' mask of all lanes, as each compiler declares it.
#if TAPER_CLANG
#define TAPER_ALL_LANES(X) (sizeof(element_t<X>) == 8 ? 0xff : 0xffff)
#else
#define TAPER_ALL_LANES(X) -1
#endif

/// a * b + c, rounded once where the target has the instruction.
template <class X>
TAPER_PACK X fma(X a, X b, X c) {
  TAPER_CONTRACT
#if TAPER_HAS_FMA && !TAPER_DEVICE_PASS
  if constexpr (std::is_same_v<X, float>)
    return __builtin_fmaf(a, b, c);
  else if constexpr (std::is_same_v<X, double>)
    return __builtin_fma(a, b, c);
#if defined(__x86_64__)
  else if constexpr (sizeof(X) == 16 && !is_double<X>)
    return __builtin_ia32_vfmaddps(a, b, c);
  else if constexpr (sizeof(X) == 16)
    return __builtin_ia32_vfmaddpd(a, b, c);
  else if constexpr (sizeof(X) == 32 && !is_double<X>)
    return __builtin_ia32_vfmaddps256(a, b, c);
  else if constexpr (sizeof(X) == 32)
    return __builtin_ia32_vfmaddpd256(a, b, c);
#if TAPER_HAS_AVX512F
  else if constexpr (!is_double<X>)
    return __builtin_ia32_vfmaddps512_mask(a, b, c, TAPER_ALL_LANES(X), 4);
  else
    return __builtin_ia32_vfmaddpd512_mask(a, b, c, TAPER_ALL_LANES(X), 4);
#endif
#else
#if defined(__aarch64__) && !TAPER_CLANG  // without g++'s optimisations a * b + c are two roundings
  else if constexpr (sizeof(X) == 16 && !is_double<X>)
    return __builtin_aarch64_fmav4sf(a, b, c);
  else if constexpr (sizeof(X) == 16)
    return __builtin_aarch64_fmav2df(a, b, c);
#endif
  else
    return a * b + c;
#endif
#else
  return a * b + c;
#endif
}

/// a < b ? a : b and a > b ? a : b, where a NaN gives b.
template <class X>
TAPER_PACK X lesser(X a, X b) {
#if defined(__x86_64__) && !TAPER_CLANG && !TAPER_DEVICE_PASS  // g++ takes two instructions
  if constexpr (std::is_arithmetic_v<X> || std::is_integral_v<element_t<X>>)
    return a < b ? a : b;
  else if constexpr (sizeof(X) == 16 && !is_double<X>)
    return __builtin_ia32_minps(a, b);
  else if constexpr (sizeof(X) == 16)
    return __builtin_ia32_minpd(a, b);
#if TAPER_HAS_AVX
  else if constexpr (sizeof(X) == 32 && !is_double<X>)
    return __builtin_ia32_minps256(a, b);
  else if constexpr (sizeof(X) == 32)
    return __builtin_ia32_minpd256(a, b);
#endif
  else
    return a < b ? a : b;
#else
  return choose<X>(a < b, a, b);
#endif
}
template <class X>
TAPER_PACK X greater(X a, X b) {
#if defined(__x86_64__) && !TAPER_CLANG && !TAPER_DEVICE_PASS
  if constexpr (std::is_arithmetic_v<X> || std::is_integral_v<element_t<X>>)
    return a > b ? a : b;
  else if constexpr (sizeof(X) == 16 && !is_double<X>)
    return __builtin_ia32_maxps(a, b);
  else if constexpr (sizeof(X) == 16)
    return __builtin_ia32_maxpd(a, b);
#if TAPER_HAS_AVX
  else if constexpr (sizeof(X) == 32 && !is_double<X>)
    return __builtin_ia32_maxps256(a, b);
  else if constexpr (sizeof(X) == 32)
    return __builtin_ia32_maxpd256(a, b);
#endif
  else
    return a > b ? a : b;
#else
  return choose<X>(a > b, a, b);
#endif
}

#if TAPER_HAS_SSE4_1 && !TAPER_DEVICE_PASS
/// Rounded by the instruction's mode: 0 to even, 1 down, 2 up, 3 to zero.
template <int mode, class X>
TAPER_PACK X round_by(X x) {
  constexpr int imm = mode | 8;
  if constexpr (std::is_same_v<X, float>)
    return mode == 0   ? __builtin_rintf(x)
           : mode == 1 ? __builtin_floorf(x)
           : mode == 2 ? __builtin_ceilf(x)
                       : __builtin_truncf(x);
  else if constexpr (std::is_same_v<X, double>)
    return mode == 0   ? __builtin_rint(x)
           : mode == 1 ? __builtin_floor(x)
           : mode == 2 ? __builtin_ceil(x)
                       : __builtin_trunc(x);
  else if constexpr (sizeof(X) == 16 && !is_double<X>)
    return __builtin_ia32_roundps(x, imm);
  else if constexpr (sizeof(X) == 16)
    return __builtin_ia32_roundpd(x, imm);
#if TAPER_HAS_AVX
  else if constexpr (sizeof(X) == 32 && !is_double<X>)
    return __builtin_ia32_roundps256(x, imm);
  else if constexpr (sizeof(X) == 32)
    return __builtin_ia32_roundpd256(x, imm);
#endif
#if TAPER_HAS_AVX512F
  else if constexpr (!is_double<X>)
    return __builtin_ia32_rndscaleps_mask(x, imm, x, TAPER_ALL_LANES(X), 4);
  else
    return __builtin_ia32_rndscalepd_mask(x, imm, x, TAPER_ALL_LANES(X), 4);
#endif
}
#else
/// The same without an instruction: adding 2^23 (2^52) to the magnitude rounds to even, then one step where that went
/// the wrong way. Larger values, infinities and NaN are what they were.
template <int mode, class X>
TAPER_PACK X round_by(X x) {
  const X big = splat<X>(is_double<X> ? 0x1p52 : 0x1p23), one = splat<X>(1), zero = splat<X>(0);
  const int_t<X> sign = bits(x) & bits(splat<X>(-0.0));
  const X a = from_bits<X>(bits(x) ^ sign);
  X r = barrier(a + big) - big;
  if constexpr (mode == 3) r = r - choose<X>(r > a, one, zero);
  r = from_bits<X>(bits(choose<X>(a < big, r, a)) | sign);
  if constexpr (mode == 1) r = r - choose<X>(r > x, one, zero);
  if constexpr (mode == 2) r = from_bits<X>(bits(r + choose<X>(r < x, one, zero)) | sign);
  return r;
}
#endif

// Under -ffast-math g++ would divide by an approximate reciprocal; the instructions by name stay exact.
#if defined(__x86_64__) && !TAPER_CLANG && TAPER_FAST_MATH && !TAPER_DEVICE_PASS
#define TAPER_NAME_DIVISIONS 1
#else
#define TAPER_NAME_DIVISIONS 0
#endif
template <class X>
TAPER_PACK X divide(X a, X b) {
#if TAPER_NAME_DIVISIONS
  a = barrier(a), b = barrier(b);
  if constexpr (std::is_arithmetic_v<X>)
    return barrier(a / b);
  else if constexpr (sizeof(X) == 16 && !is_double<X>)
    return __builtin_ia32_divps(a, b);
  else if constexpr (sizeof(X) == 16)
    return __builtin_ia32_divpd(a, b);
#if TAPER_HAS_AVX
  else if constexpr (sizeof(X) == 32 && !is_double<X>)
    return __builtin_ia32_divps256(a, b);
  else if constexpr (sizeof(X) == 32)
    return __builtin_ia32_divpd256(a, b);
#endif
#if TAPER_HAS_AVX512F
  else if constexpr (!is_double<X>)
    return __builtin_ia32_divps512_mask(a, b, a, TAPER_ALL_LANES(X), 4);
  else
    return __builtin_ia32_divpd512_mask(a, b, a, TAPER_ALL_LANES(X), 4);
#endif
#else
  return a / b;
#endif
}

template <class X, int... I>
TAPER_PACK X sqrt_lanes(X x, seq<I...>) {
  ((x[I] = static_cast<std::remove_cvref_t<decltype(x[I])>>(__builtin_sqrt(x[I]))), ...);
  return x;
}
template <class X>
TAPER_PACK X sqrt(X x) {
#if TAPER_DEVICE_PASS
  return x;
#else
  if constexpr (std::is_same_v<X, float>)
    return __builtin_sqrtf(x);
  else if constexpr (std::is_same_v<X, double>)
    return __builtin_sqrt(x);
#if defined(__x86_64__)
#if TAPER_CLANG && TAPER_FAST_MATH  // clang approximates the builtin
#if TAPER_HAS_AVX
#define TAPER_V "v"
#else
#define TAPER_V ""
#endif
  else if constexpr (!is_double<X>) {
    __asm__(TAPER_V "sqrtps %1, %0" : "=x"(x) : "x"(x));
    return x;
  } else {
    __asm__(TAPER_V "sqrtpd %1, %0" : "=x"(x) : "x"(x));
    return x;
  }
#undef TAPER_V
#else
  else if constexpr (sizeof(X) == 16 && !is_double<X>)
    return __builtin_ia32_sqrtps(x);
  else if constexpr (sizeof(X) == 16)
    return __builtin_ia32_sqrtpd(x);
#if TAPER_HAS_AVX
  else if constexpr (sizeof(X) == 32 && !is_double<X>)
    return __builtin_ia32_sqrtps256(x);
  else if constexpr (sizeof(X) == 32)
    return __builtin_ia32_sqrtpd256(x);
#endif
#if TAPER_HAS_AVX512F && !TAPER_CLANG
  else if constexpr (!is_double<X>)
    return __builtin_ia32_sqrtps512_mask(x, x, TAPER_ALL_LANES(X), 4);
  else
    return __builtin_ia32_sqrtpd512_mask(x, x, TAPER_ALL_LANES(X), 4);
#elif TAPER_HAS_AVX512F
  else if constexpr (!is_double<X>)
    return __builtin_ia32_sqrtps512(x, 4);
  else
    return __builtin_ia32_sqrtpd512(x, 4);
#endif
#endif
#elif defined(__aarch64__)
  else if constexpr (!is_double<X>) {
    __asm__("fsqrt %0.4s, %1.4s" : "=w"(x) : "w"(x));
    return x;
  } else {
    __asm__("fsqrt %0.2d, %1.2d" : "=w"(x) : "w"(x));
    return x;
  }
#else
  else
    return sqrt_lanes(x, iota<Lanes<X>::count>());
#endif
#endif
}

TAPER_PRECISE_END

}  // namespace taper::inline TAPER_CODE::detail::simd
