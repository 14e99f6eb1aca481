// SPDX-License-Identifier: MIT
// Parts of natives, natives joined, and whether any lane of a mask is set.
#pragma once

#include <taper/expr/math/native.hpp>

namespace taper::inline TAPER_CODE::detail::simd {

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
#define TAPER_AT(i) J* L + (i)
  if constexpr (L == Lanes<X>::count)
    return x;
  else if constexpr (L == 1)
    return vec<element_t<X>, 1>{x[J]};
  else if constexpr (L == 2)
    return __builtin_shufflevector(x, x, TAPER_LANES2(TAPER_AT, 0));
  else if constexpr (L == 4)
    return __builtin_shufflevector(x, x, TAPER_LANES4(TAPER_AT, 0));
  else if constexpr (L == 8)
    return __builtin_shufflevector(x, x, TAPER_LANES8(TAPER_AT, 0));
  else if constexpr (L == 16)
    return __builtin_shufflevector(x, x, TAPER_LANES16(TAPER_AT, 0));
  else
    return __builtin_shufflevector(x, x, TAPER_LANES32(TAPER_AT, 0));
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
  if constexpr (L == 1)
    return vec<element_t<X>, 2>{a[0], b[0]};
  else if constexpr (L == 2)
    return __builtin_shufflevector(a, b, TAPER_LANES4(TAPER_AT, 0));
  else if constexpr (L == 4)
    return __builtin_shufflevector(a, b, TAPER_LANES8(TAPER_AT, 0));
  else if constexpr (L == 8)
    return __builtin_shufflevector(a, b, TAPER_LANES16(TAPER_AT, 0));
  else if constexpr (L == 16)
    return __builtin_shufflevector(a, b, TAPER_LANES32(TAPER_AT, 0));
  else
    return __builtin_shufflevector(a, b, TAPER_LANES64(TAPER_AT, 0));
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
  else if constexpr (sizeof(M) == 16)
    return __builtin_ia32_movmskps(__builtin_bit_cast(vec<float, 4>, m)) != 0;
#if TAPER_HAS_AVX
  else if constexpr (sizeof(M) == 32)
    return __builtin_ia32_movmskps256(__builtin_bit_cast(vec<float, 8>, m)) != 0;
#endif
#else
  else if constexpr (sizeof(M) == 16) {
    const auto words = __builtin_bit_cast(vec<std::int64_t, 2>, m);
    return (words[0] | words[1]) != 0;
  }
#endif
  else
    return any_lane(part<0, Lanes<M>::count / 2>(m) | part<1, Lanes<M>::count / 2>(m));
#endif
}

}  // namespace taper::inline TAPER_CODE::detail::simd
