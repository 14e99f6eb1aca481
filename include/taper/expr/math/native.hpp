// SPDX-License-Identifier: MIT
// Native vectors (the compiler's vector extensions) and the few primitives that need more than an operator. Host only.
#pragma once

#include <taper/config.hpp>

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

// Functions on packs and natives. nvcc refuses native vectors in device code and warns when a __host__ __device__ op
// calls a host function, so its device pass sees the same functions over a one-lane stand-in; it never emits them.
#if defined(__CUDA_ARCH__)
#define TAPER_DEVICE_PASS 1
#define TAPER_PACK TAPER_INLINE __host__ __device__
#else
#define TAPER_DEVICE_PASS 0
#define TAPER_PACK TAPER_INLINE
#endif

// Asks clang to fuse a * b + c; g++ does so by default. Stands first in a function's body.
#if defined(__clang__)
#define TAPER_CONTRACT _Pragma("clang fp contract(fast)")
#else
#define TAPER_CONTRACT
#endif

// Formulas that are written for one order of operations keep it under clang's -ffast-math. (g++ has barriers.)
#if defined(__clang__)
#define TAPER_PRECISE_BEGIN _Pragma("float_control(precise, on, push)")
#define TAPER_PRECISE_END _Pragma("float_control(pop)")
#else
#define TAPER_PRECISE_BEGIN
#define TAPER_PRECISE_END
#endif

namespace taper::inline TAPER_ABI::detail::simd {

#if TAPER_DEVICE_PASS
template <class T, int L>
using vec = T;
#else
template <class T, int L>
struct VecOf {
  typedef T type __attribute__((vector_size(sizeof(T) * L)));
};
template <class T, int L>
using vec = typename VecOf<T, L>::type;
#endif

template <class T, int L, bool aligned>
struct __attribute__((may_alias)) Cell {
  vec<T, L> x;
};
template <class T, int L>
struct __attribute__((may_alias, packed)) Cell<T, L, false> {
  vec<T, L> x;
};

template <int... I>
using seq = std::integer_sequence<int, I...>;
template <int N>
using iota = std::make_integer_sequence<int, N>;

template <int Bytes>
struct IntOf;
template <>
struct IntOf<1> { using type = std::int8_t; };
template <>
struct IntOf<2> { using type = std::int16_t; };
template <>
struct IntOf<4> { using type = std::int32_t; };
template <>
struct IntOf<8> { using type = std::int64_t; };

/// Element type, lane count and matching integer of X: a native vector or a scalar.
template <class X, bool = std::is_arithmetic_v<X>>
struct Lanes {
  using element = X;
  static constexpr int count = 1;
  using integer = typename IntOf<sizeof(X)>::type;
  using mask = bool;
};
template <class X>
struct Lanes<X, false> {
  using element = std::remove_cvref_t<decltype(std::declval<X&>()[0])>;
  static constexpr int count = static_cast<int>(sizeof(X) / sizeof(element));
  using integer = vec<typename IntOf<sizeof(element)>::type, count>;
  using mask = integer;
};
template <class X>
using element_t = typename Lanes<X>::element;
template <class X>
using int_t = typename Lanes<X>::integer;
template <class X>
using mask_t = typename Lanes<X>::mask;
template <class X>
inline constexpr bool is_double = sizeof(element_t<X>) == 8;

// Constants, so that device code needs no call for them.
template <class X>
inline constexpr element_t<X> inf = std::numeric_limits<element_t<X>>::infinity();
template <class X>
inline constexpr element_t<X> nan = std::numeric_limits<element_t<X>>::quiet_NaN();
template <class X>
inline constexpr element_t<X> largest = std::numeric_limits<element_t<X>>::max();
template <class X>
inline constexpr element_t<X> lowest = std::numeric_limits<element_t<X>>::lowest();
template <class X>
inline constexpr element_t<X> least_normal = std::numeric_limits<element_t<X>>::min();

/// All lanes s. The difference (not the sum) keeps the sign of -0.0.
template <class X, class S>
TAPER_PACK X splat(S s) {
  if constexpr (std::is_arithmetic_v<X>) return static_cast<X>(s);
  else return static_cast<element_t<X>>(s) - X{};
}

template <class X>
TAPER_PACK int_t<X> bits(X x) {
  return __builtin_bit_cast(int_t<X>, x);
}
template <class X>
TAPER_PACK X from_bits(int_t<X> i) {
  return __builtin_bit_cast(X, i);
}

template <class X>
TAPER_PACK X choose(mask_t<X> m, X a, X b) {
#if TAPER_DEVICE_PASS
  return a;
#else
  return m ? a : b;
#endif
}

/// x, opaque to the optimiser: keeps (z + m) - m and error-free sums intact under -ffast-math.
template <class X>
TAPER_PACK X barrier(X x) {
#if TAPER_DEVICE_PASS
#elif defined(__x86_64__) && defined(__AVX512F__)
  __asm__("" : "+v"(x));
#elif defined(__x86_64__)
  __asm__("" : "+x"(x));
#elif defined(__aarch64__)
  __asm__("" : "+w"(x));
#else
  __asm__("" : "+m"(x));
#endif
  return x;
}

TAPER_PRECISE_BEGIN

/// a * b + c, rounded once where the target has the instruction.
template <class X>
TAPER_PACK X fma(X a, X b, X c) {
  TAPER_CONTRACT
#if TAPER_HAS_FMA && !TAPER_DEVICE_PASS
  if constexpr (std::is_same_v<X, float>) return __builtin_fmaf(a, b, c);
  else if constexpr (std::is_same_v<X, double>) return __builtin_fma(a, b, c);
#if defined(__x86_64__)
  else if constexpr (sizeof(X) == 16 && !is_double<X>) return __builtin_ia32_vfmaddps(a, b, c);
  else if constexpr (sizeof(X) == 16) return __builtin_ia32_vfmaddpd(a, b, c);
  else if constexpr (sizeof(X) == 32 && !is_double<X>) return __builtin_ia32_vfmaddps256(a, b, c);
  else if constexpr (sizeof(X) == 32) return __builtin_ia32_vfmaddpd256(a, b, c);
#endif
  else return a * b + c;
#else
  return a * b + c;
#endif
}

/// a < b ? a : b and a > b ? a : b, where a NaN gives b.
template <class X>
TAPER_PACK X lesser(X a, X b) {
#if defined(__x86_64__) && !defined(__clang__) && !TAPER_DEVICE_PASS  // g++ takes two instructions
  if constexpr (std::is_arithmetic_v<X> || std::is_integral_v<element_t<X>>) return a < b ? a : b;
  else if constexpr (sizeof(X) == 16 && !is_double<X>) return __builtin_ia32_minps(a, b);
  else if constexpr (sizeof(X) == 16) return __builtin_ia32_minpd(a, b);
#if defined(__AVX__)
  else if constexpr (sizeof(X) == 32 && !is_double<X>) return __builtin_ia32_minps256(a, b);
  else if constexpr (sizeof(X) == 32) return __builtin_ia32_minpd256(a, b);
#endif
  else return a < b ? a : b;
#else
  return choose<X>(a < b, a, b);
#endif
}
template <class X>
TAPER_PACK X greater(X a, X b) {
#if defined(__x86_64__) && !defined(__clang__) && !TAPER_DEVICE_PASS
  if constexpr (std::is_arithmetic_v<X> || std::is_integral_v<element_t<X>>) return a > b ? a : b;
  else if constexpr (sizeof(X) == 16 && !is_double<X>) return __builtin_ia32_maxps(a, b);
  else if constexpr (sizeof(X) == 16) return __builtin_ia32_maxpd(a, b);
#if defined(__AVX__)
  else if constexpr (sizeof(X) == 32 && !is_double<X>) return __builtin_ia32_maxps256(a, b);
  else if constexpr (sizeof(X) == 32) return __builtin_ia32_maxpd256(a, b);
#endif
  else return a > b ? a : b;
#else
  return choose<X>(a > b, a, b);
#endif
}

#if defined(__SSE4_1__) && !TAPER_DEVICE_PASS
/// Rounded by the instruction's mode: 0 to even, 1 down, 2 up, 3 to zero.
template <int mode, class X>
TAPER_PACK X round_by(X x) {
  constexpr int imm = mode | 8;
  if constexpr (std::is_same_v<X, float>) return mode == 0 ? __builtin_rintf(x) : mode == 1 ? __builtin_floorf(x) : mode == 2 ? __builtin_ceilf(x) : __builtin_truncf(x);
  else if constexpr (std::is_same_v<X, double>) return mode == 0 ? __builtin_rint(x) : mode == 1 ? __builtin_floor(x) : mode == 2 ? __builtin_ceil(x) : __builtin_trunc(x);
  else if constexpr (sizeof(X) == 16 && !is_double<X>) return __builtin_ia32_roundps(x, imm);
  else if constexpr (sizeof(X) == 16) return __builtin_ia32_roundpd(x, imm);
#if defined(__AVX__)
  else if constexpr (sizeof(X) == 32 && !is_double<X>) return __builtin_ia32_roundps256(x, imm);
  else if constexpr (sizeof(X) == 32) return __builtin_ia32_roundpd256(x, imm);
#endif
#if defined(__AVX512F__)
  else if constexpr (!is_double<X>) return __builtin_ia32_rndscaleps_mask(x, imm, x, -1, 4);
  else return __builtin_ia32_rndscalepd_mask(x, imm, x, -1, 4);
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

// f(i), f(i + 1), ...: cudafe++ loses a pack expansion among the arguments of __builtin_shufflevector.
#define TAPER_LANES2(f, i) f(i), f((i) + 1)
#define TAPER_LANES4(f, i) TAPER_LANES2(f, i), TAPER_LANES2(f, (i) + 2)
#define TAPER_LANES8(f, i) TAPER_LANES4(f, i), TAPER_LANES4(f, (i) + 4)
#define TAPER_LANES16(f, i) TAPER_LANES8(f, i), TAPER_LANES8(f, (i) + 8)
#define TAPER_LANES32(f, i) TAPER_LANES16(f, i), TAPER_LANES16(f, (i) + 16)
#define TAPER_LANES64(f, i) TAPER_LANES32(f, i), TAPER_LANES32(f, (i) + 32)

/// Lanes [J * L, J * L + L) of x.
template <int J, int L, class X>
TAPER_PACK auto part(X x) {
#if TAPER_DEVICE_PASS
  return x;
#else
#define TAPER_AT(i) J * L + (i)
  if constexpr (L == Lanes<X>::count) return x;
  else if constexpr (L == 1) return vec<element_t<X>, 1>{x[J]};
  else if constexpr (L == 2) return __builtin_shufflevector(x, x, TAPER_LANES2(TAPER_AT, 0));
  else if constexpr (L == 4) return __builtin_shufflevector(x, x, TAPER_LANES4(TAPER_AT, 0));
  else if constexpr (L == 8) return __builtin_shufflevector(x, x, TAPER_LANES8(TAPER_AT, 0));
  else if constexpr (L == 16) return __builtin_shufflevector(x, x, TAPER_LANES16(TAPER_AT, 0));
  else return __builtin_shufflevector(x, x, TAPER_LANES32(TAPER_AT, 0));
#undef TAPER_AT
#endif
}

/// The lanes of a, then those of b.
template <class X>
TAPER_PACK auto join(X a, X b) {
#if TAPER_DEVICE_PASS
  return a;
#else
#define TAPER_AT(i) i
  constexpr int L = Lanes<X>::count;
  if constexpr (L == 1) return vec<element_t<X>, 2>{a[0], b[0]};
  else if constexpr (L == 2) return __builtin_shufflevector(a, b, TAPER_LANES4(TAPER_AT, 0));
  else if constexpr (L == 4) return __builtin_shufflevector(a, b, TAPER_LANES8(TAPER_AT, 0));
  else if constexpr (L == 8) return __builtin_shufflevector(a, b, TAPER_LANES16(TAPER_AT, 0));
  else if constexpr (L == 16) return __builtin_shufflevector(a, b, TAPER_LANES32(TAPER_AT, 0));
  else return __builtin_shufflevector(a, b, TAPER_LANES64(TAPER_AT, 0));
#undef TAPER_AT
#endif
}
template <class X>
TAPER_PACK auto join(X a, X b, X c, X d) {
  return join(join(a, b), join(c, d));
}

template <class M>
TAPER_PACK bool any_lane(M m) {
#if TAPER_DEVICE_PASS
  return false;
#else
  if constexpr (std::is_same_v<M, bool>) return m;
#if defined(__x86_64__)
  else if constexpr (sizeof(M) == 16) return __builtin_ia32_movmskps(__builtin_bit_cast(vec<float, 4>, m)) != 0;
#if defined(__AVX__)
  else if constexpr (sizeof(M) == 32) return __builtin_ia32_movmskps256(__builtin_bit_cast(vec<float, 8>, m)) != 0;
#endif
#else
  else if constexpr (sizeof(M) == 16) {
    const auto words = __builtin_bit_cast(vec<std::int64_t, 2>, m);
    return (words[0] | words[1]) != 0;
  }
#endif
  else return any_lane(part<0, Lanes<M>::count / 2>(m) | part<1, Lanes<M>::count / 2>(m));
#endif
}

// Under -ffast-math g++ would divide by an approximate reciprocal; the instructions by name stay exact.
#if defined(__x86_64__) && !defined(__clang__) && TAPER_FAST_MATH && !TAPER_DEVICE_PASS
#define TAPER_NAME_DIVISIONS 1
#else
#define TAPER_NAME_DIVISIONS 0
#endif
template <class X>
TAPER_PACK X divide(X a, X b) {
#if TAPER_NAME_DIVISIONS
  a = barrier(a), b = barrier(b);
  if constexpr (std::is_arithmetic_v<X>) return barrier(a / b);
  else if constexpr (sizeof(X) == 16 && !is_double<X>) return __builtin_ia32_divps(a, b);
  else if constexpr (sizeof(X) == 16) return __builtin_ia32_divpd(a, b);
#if defined(__AVX__)
  else if constexpr (sizeof(X) == 32 && !is_double<X>) return __builtin_ia32_divps256(a, b);
  else if constexpr (sizeof(X) == 32) return __builtin_ia32_divpd256(a, b);
#endif
#if defined(__AVX512F__)
  else if constexpr (!is_double<X>) return __builtin_ia32_divps512_mask(a, b, a, -1, 4);
  else return __builtin_ia32_divpd512_mask(a, b, a, -1, 4);
#endif
#else
  return a / b;
#endif
}

template <class X, int... I>
TAPER_PACK X sqrt_lanes(X x, seq<I...>) {
  ((x[I] = __builtin_sqrt(x[I])), ...);
  return x;
}
template <class X>
TAPER_PACK X sqrt(X x) {
#if TAPER_DEVICE_PASS
  return x;
#else
  if constexpr (std::is_same_v<X, float>) return __builtin_sqrtf(x);
  else if constexpr (std::is_same_v<X, double>) return __builtin_sqrt(x);
#if defined(__x86_64__)
#if defined(__clang__) && TAPER_FAST_MATH  // clang approximates the builtin
#if defined(__AVX__)
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
  else if constexpr (sizeof(X) == 16 && !is_double<X>) return __builtin_ia32_sqrtps(x);
  else if constexpr (sizeof(X) == 16) return __builtin_ia32_sqrtpd(x);
#if defined(__AVX__)
  else if constexpr (sizeof(X) == 32 && !is_double<X>) return __builtin_ia32_sqrtps256(x);
  else if constexpr (sizeof(X) == 32) return __builtin_ia32_sqrtpd256(x);
#endif
#if defined(__AVX512F__) && !defined(__clang__)
  else if constexpr (!is_double<X>) return __builtin_ia32_sqrtps512_mask(x, x, -1, 4);
  else return __builtin_ia32_sqrtpd512_mask(x, x, -1, 4);
#elif defined(__AVX512F__)
  else if constexpr (!is_double<X>) return __builtin_ia32_sqrtps512(x, 4);
  else return __builtin_ia32_sqrtpd512(x, 4);
#endif
#endif
#else
  else return sqrt_lanes(x, iota<Lanes<X>::count>());
#endif
#endif
}

TAPER_PRECISE_END

}  // namespace taper::inline TAPER_ABI::detail::simd
