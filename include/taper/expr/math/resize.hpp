// SPDX-License-Identifier: MIT
// Lane-wise casts between packs whose lanes have different widths: split and join natives in registers.
#pragma once

#include <taper/expr/math/pack_type.hpp>

namespace taper::inline TAPER_ABI::detail::simd {

template <class U, int LU, int I, class T, int N, class A>
TAPER_PACK vec<U, LU> widened(const Pack<T, N, A>& p) {
  constexpr int LT = Layout<T, N>::lanes;
  return cast<U, LU>(part<I * LU % LT / LU, LU>(get<I * LU / LT>(p)));
}

template <class U, int LU, int I, class T, int N, class A>
TAPER_PACK vec<U, LU> narrowed(const Pack<T, N, A>& p) {
  constexpr int LT = Layout<T, N>::lanes, ratio = LU / LT;
  static_assert(ratio == 2 || ratio == 4);
  if constexpr (ratio == 2) return join(cast<U, LT>(get<2 * I>(p)), cast<U, LT>(get<2 * I + 1>(p)));
  else return join(cast<U, LT>(get<4 * I>(p)), cast<U, LT>(get<4 * I + 1>(p)), cast<U, LT>(get<4 * I + 2>(p)), cast<U, LT>(get<4 * I + 3>(p)));
}

template <class R, int... I, class P>
TAPER_PACK R resize_of(seq<I...>, const P& p) {
  using U = scalar_of<R>;
  constexpr int LU = Layout<U, R::lanes>::lanes, LT = Layout<scalar_of<P>, R::lanes>::lanes;
  R r;
  if constexpr (LU <= LT) (put<I>(r, widened<U, LU, I>(p)), ...);
  else (put<I>(r, narrowed<U, LU, I>(p)), ...);
  return r;
}

/// static_cast of each lane, for element types whose widths differ by at most a factor of four, in one instruction a
/// native where the target has it. Floats must be in the range of an integer U.
template <class U, class T, int N, class A>
TAPER_PACK Pack<U, N, A> resize(const Pack<T, N, A>& p) {
  using R = Pack<U, N, A>;
  if constexpr (std::is_same_v<T, U>) return p;
  else if constexpr (std::is_integral_v<T> && std::is_integral_v<U> && sizeof(T) == sizeof(U)) return reinterpret<U>(p);
  else return resize_of<R>(iota<Layout<U, N>::count>(), p);
}

}  // namespace taper::inline TAPER_ABI::detail::simd
