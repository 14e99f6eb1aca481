// SPDX-License-Identifier: MIT
// Operators of packs, select, any and all: the same op code runs on a scalar and on a pack.
#pragma once

#include <taper/expr/math/resize.hpp>

#include <concepts>

namespace taper::inline TAPER_CODE {

namespace detail::simd {

// Integer arithmetic wraps: it runs on unsigned lanes.
template <class E, int L>
struct WrapOf {
  using type = vec<std::make_unsigned_t<E>, L>;
};
template <class X>
TAPER_PACK auto wrapping(X x) {
  using E = element_t<X>;
  if constexpr (std::is_integral_v<X>)
    return static_cast<std::make_unsigned_t<X>>(x);
  else if constexpr (std::is_integral_v<E>)
    return __builtin_bit_cast(typename WrapOf<E, Lanes<X>::count>::type, x);
  else
    return x;
}
template <class X, class W>
TAPER_PACK X unwrapped(W w) {
  if constexpr (std::is_arithmetic_v<X>)
    return static_cast<X>(w);
  else
    return __builtin_bit_cast(X, w);
}

#define TAPER_NATIVE_BINARY(Name, op)                 \
  struct Name {                                       \
    template <class X>                                \
    TAPER_PACK X operator()(X a, X b) const {         \
      TAPER_CONTRACT                                  \
      auto r = wrapping(a);                           \
      r = static_cast<decltype(r)>(r op wrapping(b)); \
      return unwrapped<X>(r);                         \
    }                                                 \
  };
TAPER_NATIVE_BINARY(Add, +)
TAPER_NATIVE_BINARY(Subtract, -)
TAPER_NATIVE_BINARY(Multiply, *)
TAPER_NATIVE_BINARY(And, &)
TAPER_NATIVE_BINARY(Or, |)
TAPER_NATIVE_BINARY(Xor, ^)
#undef TAPER_NATIVE_BINARY

struct Divide {
  template <class X>
  TAPER_PACK X operator()(X a, X b) const {
    return a / b;
  }
};
struct Negate {
  template <class X>
  TAPER_PACK X operator()(X a) const {
    if constexpr (std::is_integral_v<element_t<X>>)
      return unwrapped<X>(-wrapping(a));
    else
      return -a;
  }
};
struct Complement {
  template <class X>
  TAPER_PACK X operator()(X a) const {
    return ~a;
  }
};

#define TAPER_NATIVE_COMPARE(Name, op)           \
  struct Name {                                  \
    template <class X>                           \
    TAPER_PACK auto operator()(X a, X b) const { \
      return (int_t<X>)(a op b);                 \
    }                                            \
  };
TAPER_NATIVE_COMPARE(Equal, ==)
TAPER_NATIVE_COMPARE(NotEqual, !=)
TAPER_NATIVE_COMPARE(Less, <)
TAPER_NATIVE_COMPARE(LessEqual, <=)
TAPER_NATIVE_COMPARE(Greater, >)
TAPER_NATIVE_COMPARE(GreaterEqual, >=)
#undef TAPER_NATIVE_COMPARE

struct Choose {
  template <class M, class X>
  TAPER_PACK X operator()(M m, X a, X b) const {
    return choose<X>(m, a, b);
  }
};

/// Lane masks of an integer type of any width -> the mask, and back.
template <class I, int N, class A>
TAPER_PACK Pack<bool, N, A> to_mask(const Pack<I, N, A>& p) {
  return reinterpret<bool>(resize<std::int32_t, true>(p));
}
template <class T, int N, class A>
TAPER_PACK auto from_mask(const Pack<bool, N, A>& m) {
  return resize<typename IntOf<sizeof(T)>::type, true>(reinterpret<std::int32_t>(m));
}

template <class F, class T, int N, class A>
TAPER_PACK Pack<bool, N, A> compare(F f, const Pack<T, N, A>& a, const Pack<T, N, A>& b) {
  return to_mask(map<Pack<typename IntOf<sizeof(cell_t<T>)>::type, N, A>>(f, a, b));
}

/// f lane by lane, for what has no vector instruction.
template <class R, class F, class... P>
TAPER_PACK R map_lanes(F f, const P&... p) {
  R r;
  for (int i = 0; i < R::lanes; ++i) r.v[i] = f(p.v[i]...);
  return r;
}

// x / 0 is 0 and x % 0 is x: callers look for zeros first and report them. min / -1 wraps to min.
struct IntDivide {
  template <class T>
  TAPER_PACK T operator()(T a, T b) const {
    if (b == 0) return 0;
    if constexpr (std::is_signed_v<T>) {
      if (b == -1) return static_cast<T>(0u - static_cast<std::make_unsigned_t<T>>(a));
    }
    return static_cast<T>(a / b);
  }
};
struct IntModulo {
  template <class T>
  TAPER_PACK T operator()(T a, T b) const {
    if (b == 0) return a;
    if constexpr (std::is_signed_v<T>) {
      if (b == -1) return 0;
    }
    return static_cast<T>(a % b);
  }
};

struct ShiftLeft {
  template <class X>
  TAPER_PACK X operator()(X a, X s) const {
    constexpr int width = 8 * static_cast<int>(sizeof(element_t<X>));
    const auto u = wrapping(s), limit = splat<decltype(wrapping(s))>(width), none = splat<decltype(wrapping(s))>(0);
    const auto in = u < limit;
    return unwrapped<X>(in ? wrapping(a) << (in ? u : none) : none);
  }
};
struct ShiftRight {
  template <class X>
  TAPER_PACK X operator()(X a, X s) const {
    constexpr int width = 8 * static_cast<int>(sizeof(element_t<X>));
    const auto u = wrapping(s), limit = splat<decltype(wrapping(s))>(width), none = splat<decltype(wrapping(s))>(0);
    const auto in = u < limit;
    if constexpr (std::is_signed_v<element_t<X>>)
      return static_cast<X>(a >> unwrapped<X>(in ? u : splat<decltype(wrapping(s))>(width - 1)));
    else
      return static_cast<X>(in ? a >> (in ? u : none) : none);
  }
};

}  // namespace detail::simd

#define TAPER_PACK_OPERATOR(op, Functor)                                    \
  template <class T, int N, class A>                                        \
  requires(!Complex<T>) TAPER_PACK Pack<T, N, A>                            \
  operator op(const Pack<T, N, A>& a, const Pack<T, N, A>& b) {             \
    return detail::simd::map<Pack<T, N, A>>(detail::simd::Functor(), a, b); \
  }
TAPER_PACK_OPERATOR(+, Add)
TAPER_PACK_OPERATOR(-, Subtract)
TAPER_PACK_OPERATOR(*, Multiply)
TAPER_PACK_OPERATOR(&, And)
TAPER_PACK_OPERATOR(|, Or)
TAPER_PACK_OPERATOR(^, Xor)
TAPER_PACK_OPERATOR(<<, ShiftLeft)
TAPER_PACK_OPERATOR(>>, ShiftRight)
#undef TAPER_PACK_OPERATOR

#define TAPER_PACK_COMPARE(op, Functor)                          \
  template <class T, int N, class A>                             \
  requires(!Complex<T>) TAPER_PACK Pack<bool, N, A>              \
  operator op(const Pack<T, N, A>& a, const Pack<T, N, A>& b) {  \
    return detail::simd::compare(detail::simd::Functor(), a, b); \
  }
TAPER_PACK_COMPARE(==, Equal)
TAPER_PACK_COMPARE(!=, NotEqual)
TAPER_PACK_COMPARE(<, Less)
TAPER_PACK_COMPARE(<=, LessEqual)
TAPER_PACK_COMPARE(>, Greater)
TAPER_PACK_COMPARE(>=, GreaterEqual)
#undef TAPER_PACK_COMPARE

/// Quotient; of integers truncated, with x / 0 = 0 (look for zeros first: any(b == V(0))).
template <class T, int N, class A>
requires(!Complex<T>) TAPER_PACK Pack<T, N, A>
operator/(const Pack<T, N, A>& a, const Pack<T, N, A>& b) {
  if constexpr (std::is_integral_v<T>)
    return detail::simd::map_lanes<Pack<T, N, A>>(detail::simd::IntDivide(), a, b);
  else
    return detail::simd::map<Pack<T, N, A>>(detail::simd::Divide(), a, b);
}
/// Remainder of the truncated quotient, with x % 0 = x.
template <std::integral T, int N, class A>
TAPER_PACK Pack<T, N, A> operator%(const Pack<T, N, A>& a, const Pack<T, N, A>& b) {
  return detail::simd::map_lanes<Pack<T, N, A>>(detail::simd::IntModulo(), a, b);
}
template <class T, int N, class A>
requires(!Complex<T>) TAPER_PACK Pack<T, N, A>
operator-(const Pack<T, N, A>& a) { return detail::simd::map<Pack<T, N, A>>(detail::simd::Negate(), a); }
template <std::integral T, int N, class A>
TAPER_PACK Pack<T, N, A> operator~(const Pack<T, N, A>& a) {
  return detail::simd::map<Pack<T, N, A>>(detail::simd::Complement(), a);
}

// Masks as op code spells them on bool.
template <int N, class A>
TAPER_PACK Pack<bool, N, A> operator!(const Pack<bool, N, A>& a) {
  return ~a;
}
template <int N, class A>
TAPER_PACK Pack<bool, N, A> operator&&(const Pack<bool, N, A>& a, const Pack<bool, N, A>& b) {
  return a & b;
}
template <int N, class A>
TAPER_PACK Pack<bool, N, A> operator||(const Pack<bool, N, A>& a, const Pack<bool, N, A>& b) {
  return a | b;
}

// Complex arithmetic, as PyTorch and C without Annex G's recovery of infinities.
template <class R, int N, class A>
TAPER_PACK Pack<std::complex<R>, N, A> operator+(const Pack<std::complex<R>, N, A>& a,
                                                 const Pack<std::complex<R>, N, A>& b) {
  return {a.re + b.re, a.im + b.im};
}
template <class R, int N, class A>
TAPER_PACK Pack<std::complex<R>, N, A> operator-(const Pack<std::complex<R>, N, A>& a,
                                                 const Pack<std::complex<R>, N, A>& b) {
  return {a.re - b.re, a.im - b.im};
}
template <class R, int N, class A>
TAPER_PACK Pack<std::complex<R>, N, A> operator-(const Pack<std::complex<R>, N, A>& a) {
  return {-a.re, -a.im};
}
template <class R, int N, class A>
TAPER_PACK Pack<std::complex<R>, N, A> operator*(const Pack<std::complex<R>, N, A>& a,
                                                 const Pack<std::complex<R>, N, A>& b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
template <class R, int N, class A>
TAPER_PACK Pack<bool, N, A> operator==(const Pack<std::complex<R>, N, A>& a, const Pack<std::complex<R>, N, A>& b) {
  return (a.re == b.re) & (a.im == b.im);
}
template <class R, int N, class A>
TAPER_PACK Pack<bool, N, A> operator!=(const Pack<std::complex<R>, N, A>& a, const Pack<std::complex<R>, N, A>& b) {
  return (a.re != b.re) | (a.im != b.im);
}

/// a where the mask holds, b elsewhere.
template <class T, int N, class A>
TAPER_PACK Pack<T, N, A> select(const Pack<bool, N, A>& m, const std::type_identity_t<Pack<T, N, A>>& a,
                                const Pack<T, N, A>& b) {
  return detail::simd::map<Pack<T, N, A>>(detail::simd::Choose(), detail::simd::from_mask<detail::simd::cell_t<T>>(m),
                                          a, b);
}
template <class R, int N, class A>
TAPER_PACK Pack<std::complex<R>, N, A> select(const Pack<bool, N, A>& m, const Pack<std::complex<R>, N, A>& a,
                                              const Pack<std::complex<R>, N, A>& b) {
  return {select(m, a.re, b.re), select(m, a.im, b.im)};
}
template <std::same_as<bool> M, ScalarValue T>
TAPER_HD constexpr T select(M m, T a, T b) {
  return m ? a : b;
}

namespace detail::simd {
template <class T, int N, class A, int... I>
TAPER_PACK auto or_natives(const Pack<T, N, A>& p, seq<I...>) {
  return (get<I>(p) | ...);
}
}  // namespace detail::simd

/// Whether the mask holds in some lane.
template <int N, class A>
TAPER_PACK bool any(const Pack<bool, N, A>& m) {
  return detail::simd::any_lane(
      detail::simd::or_natives(m, detail::simd::iota<detail::simd::Layout<bool, N>::count>()));
}
/// Whether the mask holds in every lane.
template <int N, class A>
TAPER_PACK bool all(const Pack<bool, N, A>& m) {
  return !any(~m);
}
template <std::same_as<bool> M>
TAPER_HD constexpr bool any(M m) {
  return m;
}
template <std::same_as<bool> M>
TAPER_HD constexpr bool all(M m) {
  return m;
}

}  // namespace taper::inline TAPER_CODE
