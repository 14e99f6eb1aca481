// SPDX-License-Identifier: MIT
// The parts of complex tensors. Real tensors pass through unchanged where that makes sense.
#pragma once

#include <taper/ops/operands.hpp>

namespace taper::inline TAPER_CODE {

/// The real part. Gradient: g, as a real number.
struct Real {
  static constexpr std::string_view name = "real";
  template <class T>
  using signature = detail::Signature<real_t<T>, T>;
  static constexpr std::uint8_t reads[] = {reads_nothing};
  template <class V>
  TAPER_HD TAPER_INLINE real_of<V> operator()(V x) const { return math::real(x); }
  template <int I, class V, class R>
  TAPER_HD TAPER_INLINE V vjp(V, R, R g) const { return convert<scalar_of<V>>(g); }
};

/// The imaginary part. Gradient: i g.
struct Imag {
  static constexpr std::string_view name = "imag";
  template <class T>
  using signature = detail::Signature<real_t<T>, T>;
  static constexpr std::uint8_t reads[] = {reads_nothing};
  template <class V>
  TAPER_HD TAPER_INLINE real_of<V> operator()(V x) const { return math::imag(x); }
  template <int I, class V, class R>
  TAPER_HD TAPER_INLINE V vjp(V, R, R g) const { return math::complex(R(0), g); }
};

/// The complex conjugate. Gradient: the conjugate of g.
struct Conj : PromotingOp {
  static constexpr std::string_view name = "conj";
  static constexpr std::uint8_t reads[] = {reads_nothing};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const { return math::conj(x); }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V, V, V g) const { return math::conj(g); }
};

/// The angle of a complex number; of a real one pi below zero, 0 above, NaN of NaN. Gradient: i x / |x|^2; 0 if real.
struct Angle {
  static constexpr std::string_view name = "angle";
  template <class T>
  using signature = detail::Signature<floating_t<real_t<T>>, floating_t<T>>;
  static constexpr std::uint8_t reads[] = {reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE real_of<V> operator()(V x) const {
    if constexpr (ComplexValue<V>) return math::arg(x);
    else return select(math::isnan(x), x, select(x < V(0), V(0x1.921fb54442d18p+1), V(0)));
  }
  template <int I, class V, class R>
  TAPER_HD TAPER_INLINE V vjp(V x, R, R g) const {
    if constexpr (ComplexValue<V>) {
      const R re = math::real(x), im = math::imag(x), square = re * re + im * im;
      const R over = select(square == R(0), R(0), R(g / square));
      return math::complex(R(-im * over), R(re * over));
    } else {
      return V(0);
    }
  }
};

/// re + i im. Gradient: the real part of g, the imaginary part of g.
struct MakeComplex {
  static constexpr std::string_view name = "complex";
  template <class T, class U>
  using signature = detail::Signature<std::complex<promote_t<T, U>>, promote_t<T, U>, promote_t<T, U>>;
  static constexpr std::uint8_t reads[] = {reads_nothing, reads_nothing};
  template <class V>
  TAPER_HD TAPER_INLINE auto operator()(V re, V im) const { return math::complex(re, im); }
  template <int I, class V, class Z>
  TAPER_HD TAPER_INLINE V vjp(V, V, Z, Z g) const {
    if constexpr (I == 0) return math::real(g);
    else return math::imag(g);
  }
};

/// The real part. Dtypes: complex gives its real type; real tensors are themselves. Gradient: g, as a complex number.
template <class X>
  requires PointwiseOperands<X>
auto real(X&& x) { return apply("real", Real{}, std::forward<X>(x)); }

/// The imaginary part. Dtypes: complex, giving its real type. Gradient: i g.
template <class X>
  requires(PointwiseOperands<X> && Complex<promoted_t<X>>)
auto imag(X&& x) { return apply("imag", Imag{}, std::forward<X>(x)); }

/// re + i im. Shapes: broadcast. Dtypes: float and double. Gradient: the real part of g, the imaginary part of g.
template <class X, class Y>
  requires(PointwiseOperands<X, Y> && std::floating_point<promoted_t<X, Y>>)
auto complex(X&& re, Y&& im) { return apply("complex", MakeComplex{}, std::forward<X>(re), std::forward<Y>(im)); }

/// The complex conjugate; real tensors are themselves. Gradient: the conjugate of g.
template <class X>
  requires PointwiseOperands<X>
auto conj(X&& x) { return apply("conj", Conj{}, std::forward<X>(x)); }

/// The angle in [-pi, pi]; of real numbers 0 or pi. Dtypes: complex gives its real type, integers float.
/// Gradient: i g x / |x|^2; 0 for real numbers.
template <class X>
  requires PointwiseOperands<X>
auto angle(X&& x) { return apply("angle", Angle{}, std::forward<X>(x)); }

}  // namespace taper::inline TAPER_CODE
