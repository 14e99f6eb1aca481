// SPDX-License-Identifier: MIT
// Pack<T, N>: N lanes of a compute type as a plain aligned array, its traits, and the map over its natives.
#pragma once

#include <taper/core/dtype.hpp>
#include <taper/expr/math/instructions.hpp>
#include <taper/expr/math/shuffle.hpp>

#include <complex>
#include <cstdint>
#include <type_traits>

namespace taper::inline TAPER_CODE {

inline constexpr int native_lanes4 = TAPER_VECTOR_BYTES / 4;
/// The lane count of every program, whatever its dtypes: two natives of a 4-byte type.
inline constexpr int pack_lanes = 2 * native_lanes4;

namespace detail::simd {

/// A mask's lanes are int32: 0 or -1.
template <class T>
using cell_t = std::conditional_t<std::is_same_v<T, bool>, std::int32_t, T>;

/// How N lanes of T lie in native vectors.
template <class T, int N>
struct Layout {
  static constexpr int bytes = N * static_cast<int>(sizeof(cell_t<T>));
  static constexpr int native_bytes = bytes < TAPER_VECTOR_BYTES ? bytes : TAPER_VECTOR_BYTES;
  static constexpr int lanes = native_bytes / static_cast<int>(sizeof(cell_t<T>));
  static constexpr int count = bytes / native_bytes;
  using native = vec<cell_t<T>, lanes>;
};

}  // namespace detail::simd

/// N lanes of T: float, double, an integer, bool (a mask of int32 lanes, 0 or -1) or std::complex of a real type.
template <class T, int N, class A = Abi>
struct alignas(detail::simd::Layout<T, N>::native_bytes) Pack {
  using value_type = T;
  static constexpr int lanes = N;
  detail::simd::cell_t<T> v[N];

  Pack() = default;
  template <class S>
  requires std::is_arithmetic_v<S> TAPER_PACK
  Pack(S s);  // all lanes s; not explicit, so that generic code may write V y = 0
};

/// Complex lanes: real and imaginary parts apart.
template <class R, int N, class A>
struct Pack<std::complex<R>, N, A> {
  using value_type = std::complex<R>;
  static constexpr int lanes = N;
  Pack<R, N, A> re, im;

  Pack() = default;
  TAPER_PACK Pack(const Pack<R, N, A>& real, const Pack<R, N, A>& imag) : re(real), im(imag) {}
  TAPER_PACK Pack(const Pack<R, N, A>& real) : re(real), im(R(0)) {}
  template <class S>
  requires std::is_arithmetic_v<S> TAPER_PACK Pack(S s) : re(s), im(R(0)) {}
  template <class S>
  TAPER_PACK Pack(const std::complex<S>& s) : re(s.real()), im(s.imag()) {}
};

namespace detail {
template <class V>
struct PackTraits {
  static constexpr bool is_pack = false;
  static constexpr int lanes = 1;
  using scalar = V;
  template <class U>
  using rebind = U;
};
template <class T, int N, class A>
struct PackTraits<Pack<T, N, A>> {
  static constexpr bool is_pack = true;
  static constexpr int lanes = N;
  using scalar = T;
  template <class U>
  using rebind = Pack<U, N, A>;
};
}  // namespace detail

/// True of every Pack type.
template <class V>
concept PackValue = detail::PackTraits<V>::is_pack;
template <class V>
inline constexpr int lanes_of = detail::PackTraits<V>::lanes;
template <class V>
using scalar_of = typename detail::PackTraits<V>::scalar;
/// The same lanes with another element: Pack<T, N> -> Pack<U, N>, T -> U.
template <class V, class U>
using rebind = typename detail::PackTraits<V>::template rebind<U>;
/// What a comparison of V gives: Pack<bool, N> or bool.
template <class V>
using mask_of = rebind<V, bool>;
/// The real type under a complex value: Pack<std::complex<R>, N> -> Pack<R, N>.
template <class V>
using real_of = rebind<V, real_t<scalar_of<V>>>;
template <class V>
concept ComplexValue = Complex<scalar_of<V>>;
/// A C++ scalar that op code computes with. (std::complex is one, the 16-bit floats are not.)
template <class V>
concept ScalarValue = std::is_arithmetic_v<V> || Complex<V>;

namespace detail::simd {

template <int I, class T, int N, class A>
TAPER_PACK auto get(const Pack<T, N, A>& p) {
  using L = Layout<T, N>;
  return reinterpret_cast<const Cell<cell_t<T>, L::lanes, true>*>(p.v + I * L::lanes)->x;
}
template <int I, class T, int N, class A>
TAPER_PACK void put(Pack<T, N, A>& p, typename Layout<T, N>::native x) {
  using L = Layout<T, N>;
  reinterpret_cast<Cell<cell_t<T>, L::lanes, true>*>(p.v + I * L::lanes)->x = x;
}

// Natives are loaded and stored one at a time, by folds: the compiler then keeps a pack in registers.
template <int I, class F, class... P>
TAPER_PACK auto apply_at(F f, const P&... p) {
  return f(get<I>(p)...);
}
template <class R, class F, int... I, class... P>
TAPER_PACK R map_of(F f, seq<I...>, const P&... p) {
  R r;
  (put<I>(r, apply_at<I>(f, p...)), ...);
  return r;
}
/// f of each native of the packs p; all have natives of one lane count, the result's.
template <class R, class F, class... P>
TAPER_PACK R map(F f, const P&... p) {
  return map_of<R>(f, iota<Layout<scalar_of<R>, R::lanes>::count>(), p...);
}

template <class X>
struct Fill {
  X x;
  TAPER_PACK X operator()() const { return x; }
};

/// The same bits as lanes of another type of the same width (a mask and int32, a float and its integer).
template <class R>
struct Bits {
  template <class X>
  TAPER_PACK auto operator()(X x) const {
    return __builtin_bit_cast(typename Layout<scalar_of<R>, R::lanes>::native, x);
  }
};
template <class U, class T, int N, class A>
TAPER_PACK Pack<U, N, A> reinterpret(const Pack<T, N, A>& p) {
  return map<Pack<U, N, A>>(Bits<Pack<U, N, A>>(), p);
}

}  // namespace detail::simd

template <class T, int N, class A>
template <class S>
requires std::is_arithmetic_v<S> TAPER_PACK Pack<T, N, A>::Pack(S s) {
  using X = typename detail::simd::Layout<T, N>::native;
  if constexpr (std::is_same_v<T, bool>) {
    *this = detail::simd::map<Pack>(detail::simd::Fill<X>{detail::simd::splat<X>(s != S(0) ? -1 : 0)});
  } else {
    *this = detail::simd::map<Pack>(detail::simd::Fill<X>{detail::simd::splat<X>(static_cast<T>(s))});
  }
}

}  // namespace taper::inline TAPER_CODE
