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
#if TAPER_CLANG
#define TAPER_CONTRACT _Pragma("clang fp contract(fast)")
#else
#define TAPER_CONTRACT
#endif

// Formulas that are written for one order of operations keep it under clang's -ffast-math. (g++ has barriers.)
#if TAPER_CLANG
#define TAPER_PRECISE_BEGIN _Pragma("float_control(precise, on, push)")
#define TAPER_PRECISE_END _Pragma("float_control(pop)")
#else
#define TAPER_PRECISE_BEGIN
#define TAPER_PRECISE_END
#endif

namespace taper::inline TAPER_CODE::detail::simd {

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
struct IntOf<1> {
  using type = std::int8_t;
};
template <>
struct IntOf<2> {
  using type = std::int16_t;
};
template <>
struct IntOf<4> {
  using type = std::int32_t;
};
template <>
struct IntOf<8> {
  using type = std::int64_t;
};

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
  if constexpr (std::is_arithmetic_v<X>)
    return static_cast<X>(s);
  else
    return static_cast<element_t<X>>(s) - X{};
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
#elif defined(__x86_64__) && TAPER_HAS_AVX512F
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

}  // namespace taper::inline TAPER_CODE::detail::simd
