// SPDX-License-Identifier: MIT
// Lane-wise casts between packs whose lanes have different widths: split and join natives in registers.
#pragma once

#include <taper/expr/math/pack_type.hpp>

namespace taper::inline TAPER_CODE::detail::simd {

// g++ 12 expands many vector conversions into scalar code, so on x86 it is told the instructions by name.
#if defined(__x86_64__) && !TAPER_CLANG && !TAPER_DEVICE_PASS
#define TAPER_NAME_CASTS 1
#else
#define TAPER_NAME_CASTS 0
#endif

/// static_cast of all lanes of x, a vector of L lanes.
template <class U, int L, class X>
TAPER_PACK vec<U, L> cast(X x) {
#if TAPER_DEVICE_PASS
  return static_cast<U>(x);
#elif TAPER_NAME_CASTS && TAPER_HAS_AVX512F
  using T = element_t<X>;
  constexpr bool to64 = sizeof(U) * L == 64, from64 = sizeof(X) == 64;
  if constexpr (to64 && sizeof(U) == 8 && std::is_same_v<T, float>)
    return __builtin_ia32_cvtps2pd512_mask(x, vec<double, 8>{}, -1, 4);
  else if constexpr (to64 && std::is_same_v<U, double> && sizeof(T) == 4)
    return __builtin_ia32_cvtdq2pd512_mask(x, vec<double, 8>{}, -1);
  else if constexpr (to64 && sizeof(U) == 8 && sizeof(T) == 4)
    return (vec<U, L>)__builtin_ia32_pmovsxdq512_mask(x, vec<long long, 8>{}, -1);
  else if constexpr (to64 && sizeof(U) == 4 && sizeof(T) == 2 && std::is_signed_v<T>)
    return __builtin_ia32_pmovsxwd512_mask(x, vec<int, 16>{}, -1);
  else if constexpr (to64 && sizeof(U) == 4 && sizeof(T) == 2)
    return __builtin_ia32_pmovzxwd512_mask((vec<short, 16>)x, vec<int, 16>{}, -1);
  else if constexpr (to64 && sizeof(U) == 4 && sizeof(T) == 1 && std::is_signed_v<T>)
    return __builtin_ia32_pmovsxbd512_mask((vec<char, 16>)x, vec<int, 16>{}, -1);
  else if constexpr (to64 && sizeof(U) == 4 && sizeof(T) == 1)
    return __builtin_ia32_pmovzxbd512_mask((vec<char, 16>)x, vec<int, 16>{}, -1);
  else if constexpr (from64 && std::is_integral_v<T> && sizeof(T) == 4 && sizeof(U) == 2)
    return (vec<U, L>)__builtin_ia32_pmovdw512_mask(x, vec<short, 16>{}, -1);
  else if constexpr (from64 && std::is_integral_v<T> && sizeof(T) == 4 && sizeof(U) == 1)
    return (vec<U, L>)__builtin_ia32_pmovdb512_mask(x, vec<char, 16>{}, -1);
  else if constexpr (from64 && std::is_integral_v<T> && std::is_integral_v<U> && sizeof(T) == 8 && sizeof(U) == 4)
    return (vec<U, L>)__builtin_ia32_pmovqd512_mask((vec<long long, 8>)x, vec<int, 8>{}, -1);
  else
    return __builtin_convertvector(x, vec<U, L>);
#else
  return __builtin_convertvector(x, vec<U, L>);
#endif
}

/// Lanes [J * L, J * L + L) of x as U, of at least the width of x's.
template <class U, int L, int J, class X>
TAPER_PACK vec<U, L> widen(X x) {
#if TAPER_NAME_CASTS && !TAPER_HAS_AVX512F
  using T = element_t<X>;
  constexpr int from = sizeof(T), to = sizeof(U);
  if constexpr (from == to || sizeof(U) * L != TAPER_VECTOR_BYTES) return cast<U, L>(part<J, L>(x));
#if TAPER_HAS_AVX2
  else if constexpr (std::is_same_v<T, float>)
    return __builtin_ia32_cvtps2pd256(part<J, L>(x));
  else if constexpr (from == 4 && std::is_same_v<U, double>)
    return __builtin_ia32_cvtdq2pd256(part<J, L>(x));
  else if constexpr (from == 4)
    return (vec<U, L>)__builtin_ia32_pmovsxdq256(part<J, L>(x));
  else if constexpr (to == 4 && from == 2 && std::is_signed_v<T>)
    return __builtin_ia32_pmovsxwd256(part<J, L>(x));
  else if constexpr (to == 4 && from == 2)
    return __builtin_ia32_pmovzxwd256((vec<short, 8>)part<J, L>(x));
  else if constexpr (to == 4 && from == 1 && sizeof(X) == 16) {
    const auto low =
        (vec<char, 16>)(__builtin_shufflevector(x, x, J * 8, J * 8 + 1, J * 8 + 2, J * 8 + 3, J * 8 + 4, J * 8 + 5,
                                                J * 8 + 6, J * 8 + 7, -1, -1, -1, -1, -1, -1, -1, -1));
    if constexpr (std::is_signed_v<T>)
      return __builtin_ia32_pmovsxbd256(low);
    else
      return __builtin_ia32_pmovzxbd256(low);
  }
#else
  else if constexpr (std::is_same_v<T, float>)
    return __builtin_ia32_cvtps2pd(__builtin_shufflevector(x, x, 2 * J, 2 * J + 1, 2 * J, 2 * J + 1));
  else if constexpr (from == 4 && std::is_same_v<U, double>)
    return __builtin_ia32_cvtdq2pd(__builtin_shufflevector(x, x, 2 * J, 2 * J + 1, 2 * J, 2 * J + 1));
  else if constexpr (from == 4) {
    const X sign = x >> 31;
    return (vec<U, L>)__builtin_shufflevector(x, sign, 2 * J, 2 * J + 4, 2 * J + 1, 2 * J + 5);
  }
  // Each lane doubled (twice) fills a wide one; its top part shifted down extends it.
  else if constexpr (to == 4 && from == 2) {
    using W = vec<std::conditional_t<std::is_signed_v<T>, int, unsigned>, 4>;
    return (vec<U, L>)((W)__builtin_shufflevector(x, x, 4 * J, 4 * J, 4 * J + 1, 4 * J + 1, 4 * J + 2, 4 * J + 2,
                                                  4 * J + 3, 4 * J + 3) >>
                       16);
  } else if constexpr (to == 4 && from == 1 && sizeof(X) == 8) {
    using W = vec<std::conditional_t<std::is_signed_v<T>, int, unsigned>, 4>;
    const auto twice = (vec<short, 8>)__builtin_shufflevector(x, x, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    return (vec<U, L>)((W)__builtin_shufflevector(twice, twice, 4 * J, 4 * J, 4 * J + 1, 4 * J + 1, 4 * J + 2,
                                                  4 * J + 2, 4 * J + 3, 4 * J + 3) >>
                       24);
  }
#endif
  else
    return cast<U, L>(part<J, L>(x));
#else
  return cast<U, L>(part<J, L>(x));
#endif
}

/// The lanes of a, then those of b, as narrower U. fits: the values are in U's range, so nothing has to be cut off.
template <class U, bool fits, class X>
TAPER_PACK auto narrow(X a, X b) {
  constexpr int L = Lanes<X>::count;
#if TAPER_NAME_CASTS && !TAPER_HAS_AVX512F
  using T = element_t<X>;
  constexpr int from = sizeof(T), to = sizeof(U);
#if TAPER_HAS_AVX2
  if constexpr (sizeof(X) != 32)
    return join(cast<U, L>(a), cast<U, L>(b));
  else if constexpr (std::is_integral_v<T> && std::is_integral_v<U> && from == 8 && to == 4) {
    using I = vec<int, 8>;
    const auto even = (vec<long long, 4>)__builtin_shufflevector((I)a, (I)b, 0, 2, 8, 10, 4, 6, 12, 14);
    return (vec<U, 8>)__builtin_shufflevector(even, even, 0, 2, 1, 3);
  } else if constexpr (std::is_integral_v<T> && from == 4) {
    constexpr bool as_signed = fits && std::is_signed_v<U>;
    if constexpr (!fits) {
      a &= (1 << 8 * to) - 1;
      b &= (1 << 8 * to) - 1;
    }
    vec<long long, 4> words;
    if constexpr (as_signed)
      words = (vec<long long, 4>)__builtin_ia32_packssdw256(a, b);
    else
      words = (vec<long long, 4>)__builtin_ia32_packusdw256(a, b);
    const auto w = (vec<short, 16>)__builtin_shufflevector(words, words, 0, 2, 1, 3);
    if constexpr (to == 2)
      return (vec<U, 16>)w;
    else if constexpr (as_signed)
      return (vec<U, 16>)__builtin_ia32_packsswb128(part<0, 8>(w), part<1, 8>(w));
    else
      return (vec<U, 16>)__builtin_ia32_packuswb128(part<0, 8>(w), part<1, 8>(w));
  }
#else
  if constexpr (sizeof(X) != 16)
    return join(cast<U, L>(a), cast<U, L>(b));
  else if constexpr (std::is_integral_v<T> && std::is_integral_v<U> && from == 8 && to == 4) {
    using I = vec<int, 4>;
    return (vec<U, 4>)__builtin_shufflevector((I)a, (I)b, 0, 2, 4, 6);
  } else if constexpr (std::is_same_v<T, double> && std::is_same_v<U, float>) {
    return __builtin_shufflevector(__builtin_ia32_cvtpd2ps(a), __builtin_ia32_cvtpd2ps(b), 0, 1, 4, 5);
  } else if constexpr (std::is_integral_v<T> && from == 4) {
    // Only signed words can be packed: shifts make any word a signed one.
    if constexpr (to == 1 && !(fits && std::is_signed_v<U>)) {
      a &= 0xff;
      b &= 0xff;
    } else if constexpr (!(fits && std::is_signed_v<U>)) {
      a = (a << 16) >> 16;
      b = (b << 16) >> 16;
    }
    const auto w = __builtin_ia32_packssdw128(a, b);
    if constexpr (to == 2)
      return (vec<U, 8>)w;
    else if constexpr (fits && std::is_signed_v<U>)
      return part<0, 8>((vec<U, 16>)__builtin_ia32_packsswb128(w, w));
    else
      return part<0, 8>((vec<U, 16>)__builtin_ia32_packuswb128(w, w));
  }
#endif
  else
    return join(cast<U, L>(a), cast<U, L>(b));
#else
  return join(cast<U, L>(a), cast<U, L>(b));
#endif
}

template <class R, bool fits, int I, class P>
TAPER_PACK auto resized(const P& p) {
  using U = scalar_of<R>;
  constexpr int LU = Layout<U, R::lanes>::lanes, LT = Layout<scalar_of<P>, R::lanes>::lanes;
  static_assert(LU <= 4 * LT, "resize by at most a factor of four");
  if constexpr (LU <= LT)
    return widen<U, LU, I * LU % LT / LU>(get<I * LU / LT>(p));
  else if constexpr (LU == 2 * LT)
    return narrow<U, fits>(get<2 * I>(p), get<2 * I + 1>(p));
  else
    return join(narrow<U, fits>(get<4 * I>(p), get<4 * I + 1>(p)),
                narrow<U, fits>(get<4 * I + 2>(p), get<4 * I + 3>(p)));
}
template <class R, bool fits, int... I, class P>
TAPER_PACK R resize_of(seq<I...>, const P& p) {
  R r;
  (put<I>(r, resized<R, fits, I>(p)), ...);
  return r;
}

/// static_cast of each lane, between element types whose widths differ by at most a factor of four. Floats must be in
/// the range of an integer U; fits says that integers are.
template <class U, bool fits = false, class T, int N, class A>
TAPER_PACK Pack<U, N, A> resize(const Pack<T, N, A>& p) {
  using R = Pack<U, N, A>;
  if constexpr (std::is_same_v<T, U>)
    return p;
  else if constexpr (std::is_integral_v<T> && std::is_integral_v<U> && sizeof(T) == sizeof(U))
    return reinterpret<U>(p);
  else
    return resize_of<R, fits>(iota<Layout<U, N>::count>(), p);
}

}  // namespace taper::inline TAPER_CODE::detail::simd
