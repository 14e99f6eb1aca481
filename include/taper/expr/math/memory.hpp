// SPDX-License-Identifier: MIT
// load and store: between memory of any dtype, aligned or not, and packs of its compute type.
#pragma once

#include <taper/expr/math/convert.hpp>

namespace taper::inline TAPER_CODE {

namespace detail::simd {

template <int L, class R>
TAPER_PACK vec<R, L> load_at(const R* p) {
  return reinterpret_cast<const Cell<R, L, false>*>(p)->x;
}
template <int L, class R>
TAPER_PACK void store_at(R* p, vec<R, L> x) {
  reinterpret_cast<Cell<R, L, false>*>(p)->x = x;
}
template <class R, int... I>
TAPER_PACK R load_plain(const void* p, seq<I...>) {
  using T = scalar_of<R>;
  constexpr int L = Layout<T, R::lanes>::lanes;
  R r;
  (put<I>(r, load_at<L>(static_cast<const T*>(p) + I * L)), ...);
  return r;
}
template <class R>
TAPER_PACK R load_plain(const void* p) {
  return load_plain<R>(p, iota<Layout<scalar_of<R>, R::lanes>::count>());
}
template <class P, int... I>
TAPER_PACK void store_plain(void* p, const P& x, seq<I...>) {
  using T = scalar_of<P>;
  constexpr int L = Layout<T, P::lanes>::lanes;
  (store_at<L>(static_cast<T*>(p) + I * L, get<I>(x)), ...);
}
template <class P>
TAPER_PACK void store_plain(void* p, const P& x) {
  store_plain(p, x, iota<Layout<scalar_of<P>, P::lanes>::count>());
}

// Interleaved complex numbers: natives 2i and 2i + 1 of memory hold the parts of native i.
/// Every second lane of a and b, from lane First on.
template <int First, class X>
TAPER_PACK X pick(X a, X b) {
#if TAPER_DEVICE_PASS
  return a;
#else
#define TAPER_AT(i) First + 2 * (i)
  constexpr int L = Lanes<X>::count;
  if constexpr (L == 2)
    return __builtin_shufflevector(a, b, TAPER_LANES2(TAPER_AT, 0));
  else if constexpr (L == 4)
    return __builtin_shufflevector(a, b, TAPER_LANES4(TAPER_AT, 0));
  else if constexpr (L == 8)
    return __builtin_shufflevector(a, b, TAPER_LANES8(TAPER_AT, 0));
  else
    return __builtin_shufflevector(a, b, TAPER_LANES16(TAPER_AT, 0));
#undef TAPER_AT
#endif
}
/// The lanes of a and b in turn, from lane First of each on.
template <int First, class X>
TAPER_PACK X zip(X a, X b) {
#if TAPER_DEVICE_PASS
  return a;
#else
#define TAPER_AT(i) First + (i) / 2 + (i) % 2 * L
  constexpr int L = Lanes<X>::count;
  if constexpr (L == 2)
    return __builtin_shufflevector(a, b, TAPER_LANES2(TAPER_AT, 0));
  else if constexpr (L == 4)
    return __builtin_shufflevector(a, b, TAPER_LANES4(TAPER_AT, 0));
  else if constexpr (L == 8)
    return __builtin_shufflevector(a, b, TAPER_LANES8(TAPER_AT, 0));
  else
    return __builtin_shufflevector(a, b, TAPER_LANES16(TAPER_AT, 0));
#undef TAPER_AT
#endif
}
template <class Z, int... I>
TAPER_PACK Z load_complex(const real_t<scalar_of<Z>>* p, seq<I...>) {
  constexpr int L = Layout<real_t<scalar_of<Z>>, Z::lanes>::lanes;
  Z z;
  (put<I>(z.re, pick<0>(load_at<L>(p + 2 * I * L), load_at<L>(p + (2 * I + 1) * L))), ...);
  (put<I>(z.im, pick<1>(load_at<L>(p + 2 * I * L), load_at<L>(p + (2 * I + 1) * L))), ...);
  return z;
}
template <class Z, int... I>
TAPER_PACK void store_complex(real_t<scalar_of<Z>>* p, const Z& z, seq<I...>) {
  constexpr int L = Layout<real_t<scalar_of<Z>>, Z::lanes>::lanes;
  (store_at<L>(p + 2 * I * L, zip<0>(get<I>(z.re), get<I>(z.im))), ...);
  (store_at<L>(p + (2 * I + 1) * L, zip<L / 2>(get<I>(z.re), get<I>(z.im))), ...);
}

template <class I>
TAPER_PACK I k(std::uint32_t bits) {
  return splat<I>(static_cast<std::int32_t>(bits));
}

// The 16-bit types as int32 lanes that hold their bits: the formulas of core/half.hpp without branches.
// With F16C there is an instruction.
#if TAPER_HAS_F16C && TAPER_HAS_AVX2 && !TAPER_DEVICE_PASS
#define TAPER_NAME_HALVES 1
#else
#define TAPER_NAME_HALVES 0
#endif
#if TAPER_NAME_HALVES
template <class V, int... I>
TAPER_PACK V from_halves(const float16* p, seq<I...>) {
  constexpr int L = Layout<float, V::lanes>::lanes;
  V r;
#if TAPER_HAS_AVX512F
  (put<I>(r, __builtin_ia32_vcvtph2ps512_mask(reinterpret_cast<const Cell<short, L, false>*>(p + I * L)->x,
                                              vec<float, L>{}, static_cast<unsigned short>(-1), 4)),
   ...);
#else
  (put<I>(r, __builtin_ia32_vcvtph2ps256(reinterpret_cast<const Cell<short, L, false>*>(p + I * L)->x)), ...);
#endif
  return r;
}
template <class V, int... I>
TAPER_PACK void to_halves(float16* p, const V& x, seq<I...>) {
  constexpr int L = Layout<float, V::lanes>::lanes;
#if TAPER_HAS_AVX512F
  ((reinterpret_cast<Cell<short, L, false>*>(p + I * L)->x =
        __builtin_ia32_vcvtps2ph512_mask(get<I>(x), 0, vec<short, L>{}, 0xffff)),
   ...);
#else
  ((reinterpret_cast<Cell<short, L, false>*>(p + I * L)->x = __builtin_ia32_vcvtps2ph256(get<I>(x), 0)), ...);
#endif
}
#endif
struct HalfToFloat {
  template <class I>
  TAPER_PACK auto operator()(I h) const {
    using F = vec<float, Lanes<I>::count>;
    const I magnitude = (h & k<I>(0x7fffu)) << 13, sign = (h & k<I>(0x8000u)) << 16;
    const F scaled = from_bits<F>(magnitude) * splat<F>(0x1p112f);
    return from_bits<F>(sign | choose<I>(magnitude >= k<I>(0x0f800000u), magnitude | k<I>(0x70000000u), bits(scaled)));
  }
};
struct FloatToHalf {
  template <class F>
  TAPER_PACK auto operator()(F x) const {
    using I = int_t<F>;
    const I u = bits(x), magnitude = u & k<I>(0x7fffffffu), sign = (u >> 16) & k<I>(0x8000u);
    const I nan = k<I>(0x7e00u) | ((magnitude >> 13) & k<I>(0x3ffu));
    const I subnormal = bits(from_bits<F>(magnitude) + splat<F>(0.5f)) - k<I>(0x3f000000u);
    const I normal = (magnitude + k<I>(0xfffu) + ((magnitude >> 13) & k<I>(1u)) - k<I>(0x38000000u)) >> 13;
    I r = choose<I>(magnitude < k<I>(0x38800000u), subnormal, normal);
    r = choose<I>(magnitude >= k<I>(0x477ff000u), k<I>(0x7c00u), r);
    r = choose<I>(magnitude > k<I>(0x7f800000u), nan, r);
    return sign | r;
  }
};
struct BrainToFloat {
  template <class I>
  TAPER_PACK auto operator()(I h) const {
    using F = vec<float, Lanes<I>::count>;
    return from_bits<F>(h << 16);
  }
};
struct FloatToBrain {
  template <class F>
  TAPER_PACK auto operator()(F x) const {
    using I = int_t<F>;
    const I u = bits(x), top = (u >> 16) & k<I>(0xffffu);
    const I rounded = ((u + k<I>(0x7fffu) + (top & k<I>(1u))) >> 16) & k<I>(0xffffu);
    return choose<I>((u & k<I>(0x7fffffffu)) > k<I>(0x7f800000u), top | k<I>(0x40u), rounded);
  }
};

}  // namespace detail::simd

/// The lanes from p on as compute type V: bool as byte != 0, a 16-bit float as float. p need not be aligned.
template <PackValue V, class T>
TAPER_PACK V load(const T* p) {
  using namespace detail::simd;
  using C = scalar_of<V>;
  static_assert(std::is_same_v<compute_t<T>, C>, "load<V>(p): V's element must be the compute type of the memory's");
  if constexpr (std::is_same_v<T, bool>) {
    return load_plain<rebind<V, std::uint8_t>>(p) != rebind<V, std::uint8_t>(0);
  } else if constexpr (std::is_same_v<T, float16>) {
#if TAPER_NAME_HALVES
    return from_halves<V>(p, iota<Layout<float, V::lanes>::count>());
#else
    return map<V>(HalfToFloat(), resize<std::int32_t>(load_plain<rebind<V, std::uint16_t>>(p)));
#endif
  } else if constexpr (std::is_same_v<T, bfloat16>) {
    return map<V>(BrainToFloat(), resize<std::int32_t>(load_plain<rebind<V, std::uint16_t>>(p)));
  } else if constexpr (Complex<T>) {
    using R = real_t<T>;
    return load_complex<V>(reinterpret_cast<const R*>(p), iota<Layout<R, V::lanes>::count>());
  } else {
    return load_plain<V>(p);
  }
}
template <ScalarValue V, class T>
TAPER_HD V load(const T* p) {
  if constexpr (std::is_same_v<T, bool>)
    return *reinterpret_cast<const unsigned char*>(p) != 0;
  else
    return static_cast<V>(*p);
}

/// Writes x to p: bool as byte 0 or 1, float to a 16-bit type rounded to nearest even. p need not be aligned.
template <class T, int N, class A>
TAPER_PACK void store(T* p, const Pack<compute_t<T>, N, A>& x) {
  using namespace detail::simd;
  using V = Pack<compute_t<T>, N, A>;
  if constexpr (std::is_same_v<T, bool>) {
    store_plain(p, resize<std::int8_t, true>(reinterpret<std::int32_t>(x)) & rebind<V, std::int8_t>(1));
  } else if constexpr (std::is_same_v<T, float16>) {
#if TAPER_NAME_HALVES
    to_halves(p, x, iota<Layout<float, N>::count>());
#else
    store_plain(p, resize<std::uint16_t>(map<rebind<V, std::int32_t>>(FloatToHalf(), x)));
#endif
  } else if constexpr (std::is_same_v<T, bfloat16>) {
    store_plain(p, resize<std::uint16_t>(map<rebind<V, std::int32_t>>(FloatToBrain(), x)));
  } else if constexpr (Complex<T>) {
    using R = real_t<T>;
    store_complex(reinterpret_cast<R*>(p), x, iota<Layout<R, N>::count>());
  } else {
    store_plain(p, x);
  }
}
template <class T>
TAPER_HD void store(T* p, std::type_identity_t<compute_t<T>> x) {
  *p = static_cast<T>(x);
}

}  // namespace taper::inline TAPER_CODE
