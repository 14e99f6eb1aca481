// SPDX-License-Identifier: MIT
// convert<U>(x): casts between all compute types, scalar or pack, defined for every input.
#pragma once

#include <taper/expr/math/operators.hpp>

#include <limits>

namespace taper::inline TAPER_CODE {

namespace detail::simd {

/// The bounds of integer type U as values of floating type F: at most `below` rounds into U, `above` is the first
/// beyond.
template <class U, class F>
struct RangeOf {
  static constexpr F low = static_cast<F>(std::numeric_limits<U>::lowest());
  static constexpr F above = static_cast<F>(std::uint64_t(1) << (std::numeric_limits<U>::digits - 1)) * F(2);
};

/// Floating lanes clamped to integer type U's range, NaN to 0: the truncation that follows is then defined.
template <class U>
struct Saturate {
  template <class X>
  TAPER_PACK X operator()(X x) const {
    using E = element_t<X>;
    constexpr E low = RangeOf<U, E>::low;
    constexpr E high = static_cast<E>(largest<U>);
    // The largest value of F below the bound, where the bound itself is none of U's.
    constexpr E top = high < RangeOf<U, E>::above
                          ? high
                          : high - high / static_cast<E>(std::int64_t(1) << std::numeric_limits<E>::digits);
    const X hi = splat<X>(top), lo = splat<X>(low);
    x = greater(lo, lesser(hi, x));
    constexpr auto infinity = __builtin_bit_cast(typename IntOf<sizeof(E)>::type, inf<E>);
    constexpr auto magnitude = largest<typename IntOf<sizeof(E)>::type>;
    return choose<X>((bits(x) & splat<int_t<X>>(magnitude)) > splat<int_t<X>>(infinity), X{}, x);
  }
};
/// Integer lanes where the float was at or above the bound of U: the largest U.
struct Ceiling {
  template <class I, class M>
  TAPER_PACK I operator()(I i, M over) const {
    return choose<I>(over, splat<I>(largest<I>), i);
  }
};

// int64 -> double without an instruction: the halves are placed in the fractions of 2^52 and 2^84.
struct Int64ToDouble {
  template <class X>
  TAPER_PACK auto operator()(X x) const {
#if TAPER_DEVICE_PASS
    return static_cast<double>(x);
#else
    constexpr int L = Lanes<X>::count;
    using D = vec<double, L>;
    using U = vec<std::uint64_t, L>;
    const U u = (U)x;
    const U high = (u >> 32) ^ 0x4530000080000000u;
    const U low = (u & 0xffffffffu) | 0x4330000000000000u;
    const D top = barrier((D)high - splat<D>(0x1p84 + 0x1p63 + 0x1p52));
    return top + (D)low;
#endif
  }
};
// Beyond 2^53 the bits that a float cannot see are gathered into one, so that going through double rounds once.
struct Sticky {
  template <class X>
  TAPER_PACK X operator()(X x) const {
#if TAPER_DEVICE_PASS
    return x;
#else
    using U = vec<std::uint64_t, Lanes<X>::count>;
    const U u = (U)x;
    const U sticky = (u | ((u & 0x7ffu) + 0x7ffu)) & ~splat<U>(0x7ff);
    const auto small = (u + 0x20000000000000u) < splat<U>(0x40000000000000);
    return (X)(small ? u : sticky);
#endif
  }
};
// double -> int64 for |x| <= 2^63 without an instruction: a magic number rounds to a multiple of 2^32, another takes
// the rest, and both sums hold their integer in their low bits.
struct DoubleToInt64 {
  template <class X>
  TAPER_PACK auto operator()(X x) const {
#if TAPER_DEVICE_PASS
    return static_cast<std::int64_t>(x);
#else
    using U = vec<std::uint64_t, Lanes<X>::count>;
    constexpr double wide = 0x1.8p84, fine = 0x1.8p52;
    x = round_by<3>(x);
    const X high = barrier(x + splat<X>(wide));
    const X low = barrier(barrier(x - barrier(high - splat<X>(wide))) + splat<X>(fine));
    return (int_t<X>)(((U)high << 32) + ((U)low - (U)splat<X>(fine)));
#endif
  }
};

/// The mask as 0 or 1 of a 4-byte type.
template <class T, int N, class A>
TAPER_PACK Pack<T, N, A> ones(const Pack<bool, N, A>& m) {
  return reinterpret<T>(reinterpret<std::int32_t>(m) &
                        Pack<std::int32_t, N, A>(__builtin_bit_cast(std::int32_t, T(1))));
}

template <class U, class T, int N, class A>
TAPER_PACK Pack<U, N, A> float_to_int(const Pack<T, N, A>& x) {
  if constexpr (sizeof(U) < 4) {
    return resize<U, true>(resize<std::int32_t>(map<Pack<T, N, A>>(Saturate<U>(), x)));
  } else {
    const auto over = x >= Pack<T, N, A>(RangeOf<U, T>::above);
    const auto inside = map<Pack<T, N, A>>(Saturate<U>(), x);
    Pack<U, N, A> r;
    if constexpr (sizeof(U) == 4)
      r = resize<std::int32_t>(inside);
    else if constexpr (sizeof(T) == 4)
      r = map<Pack<U, N, A>>(DoubleToInt64(), resize<double>(inside));
    else
      r = map<Pack<U, N, A>>(DoubleToInt64(), inside);
    return map<Pack<U, N, A>>(Ceiling(), r, from_mask<U>(over));
  }
}

template <class U, class T, int N, class A>
TAPER_PACK Pack<U, N, A> convert_real(const Pack<T, N, A>& x) {
  if constexpr (std::is_same_v<T, U>)
    return x;
  else if constexpr (std::is_same_v<U, bool>)
    return x != Pack<T, N, A>(T(0));
  else if constexpr (std::is_same_v<T, bool>) {
    if constexpr (std::is_same_v<U, float>)
      return ones<float>(x);
    else if constexpr (std::is_same_v<U, double>)
      return resize<double>(ones<float>(x));
    else
      return convert_real<U>(ones<std::int32_t>(x));
  } else if constexpr (std::is_integral_v<T> && std::is_integral_v<U>) {
    if constexpr (sizeof(T) == 8 && sizeof(U) < 4)
      return resize<U>(resize<std::int32_t>(x));
    else if constexpr (sizeof(T) < 4 && sizeof(U) != 4)
      return resize<U>(resize<std::int32_t>(x));
    else
      return resize<U>(x);
  } else if constexpr (std::is_integral_v<T>) {
    if constexpr (sizeof(T) < 4)
      return resize<U>(resize<std::int32_t>(x));
    else if constexpr (sizeof(T) == 4)
      return resize<U>(x);
    else if constexpr (std::is_same_v<U, double>)
      return map<Pack<double, N, A>>(Int64ToDouble(), x);
    else
      return resize<float>(map<Pack<double, N, A>>(Int64ToDouble(), map<Pack<T, N, A>>(Sticky(), x)));
  } else if constexpr (std::is_integral_v<U>)
    return float_to_int<U>(x);
  else
    return resize<U>(x);
}

}  // namespace detail::simd

/// x as U: integers wrap, floats are truncated to integers and saturate at U's bounds (NaN gives 0), bool is x != 0, a
/// complex value loses its imaginary part.
template <class U, class T, int N, class A>
TAPER_PACK Pack<U, N, A> convert(const Pack<T, N, A>& x) {
  if constexpr (Complex<T> && Complex<U>)
    return {convert<real_t<U>>(x.re), convert<real_t<U>>(x.im)};
  else if constexpr (Complex<U>)
    return {convert<real_t<U>>(x)};
  else if constexpr (Complex<T> && std::is_same_v<U, bool>)
    return convert<bool>(x.re) | convert<bool>(x.im);
  else if constexpr (Complex<T>)
    return convert<U>(x.re);
  else
    return detail::simd::convert_real<U>(x);
}
template <class U, ScalarValue T>
TAPER_HD constexpr U convert(T x) {
  if constexpr (std::is_same_v<T, U>)
    return x;
  else if constexpr (Complex<T> && Complex<U>)
    return U(static_cast<real_t<U>>(x.real()), static_cast<real_t<U>>(x.imag()));
  else if constexpr (Complex<U>)
    return U(convert<real_t<U>>(x), 0);
  else if constexpr (Complex<T> && std::is_same_v<U, bool>)
    return x.real() != 0 || x.imag() != 0;
  else if constexpr (Complex<T>)
    return convert<U>(x.real());
  else if constexpr (std::is_same_v<U, bool>)
    return x != T(0);
  else if constexpr (std::is_floating_point_v<T> && std::is_integral_v<U>) {
    using Range = detail::simd::RangeOf<U, T>;
    if (x >= Range::above) return detail::simd::largest<U>;
    if (x <= Range::low) return detail::simd::lowest<U>;
    if (!(x == x)) return 0;
    return static_cast<U>(x);
  } else
    return static_cast<U>(x);
}

}  // namespace taper::inline TAPER_CODE
