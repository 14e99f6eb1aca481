// SPDX-License-Identifier: MIT
// A value type whose every operation is a recorded one-op expression: an op's partials called with it are differentiable.
#pragma once

#include <taper/core/tensor.hpp>
#include <taper/expr/pack.hpp>

namespace taper::inline TAPER_CODE {

/// A tensor in the role of an op's operand. Bodies of its operations are in ops/eager.hpp.
template <Scalar T, Device D = Cpu>
struct Eager {
  Tensor<T, D> tensor;
  Eager() = default;
  explicit Eager(Tensor<T, D> t) : tensor(std::move(t)) {}
  /// A constant, as a 0-dim tensor.
  TAPER_HOST_CALLS template <class S>
    requires std::is_arithmetic_v<S>
  TAPER_HD Eager(S s) : tensor(of_value(static_cast<T>(static_cast<real_t<T>>(s)))) {}

 private:
  static Tensor<T, D> of_value(T value);
};

namespace detail {
template <class T, class D>
struct PackTraits<Eager<T, D>> {
  static constexpr bool is_pack = false;
  static constexpr int lanes = 1;
  using scalar = T;
  template <class U>
  using rebind = Eager<U, D>;
};
template <class V>
inline constexpr bool is_eager = false;
template <class T, class D>
inline constexpr bool is_eager<Eager<T, D>> = true;
}  // namespace detail

template <class V>
concept EagerValue = detail::is_eager<V>;

TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V operator+(const V& x, const V& y);
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V operator-(const V& x, const V& y);
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V operator*(const V& x, const V& y);
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V operator/(const V& x, const V& y);
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V operator-(const V& x);
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD mask_of<V> operator==(const V& x, const V& y);
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD mask_of<V> operator!=(const V& x, const V& y);
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD mask_of<V> operator<(const V& x, const V& y);
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD mask_of<V> operator<=(const V& x, const V& y);
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD mask_of<V> operator>(const V& x, const V& y);
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD mask_of<V> operator>=(const V& x, const V& y);
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V operator&&(const V& x, const V& y);
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V operator||(const V& x, const V& y);
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V operator!(const V& x);
TAPER_HOST_CALLS template <class D, EagerValue V>
TAPER_HD V select(const Eager<bool, D>& mask, const V& x, const V& y);
TAPER_HOST_CALLS template <Scalar U, EagerValue V>
TAPER_HD rebind<V, U> convert(const V& x);

#define TAPER_EAGER_UNARY(X)                                                                                          \
  X(sign) X(sqrt) X(rsqrt) X(exp) X(exp2) X(expm1) X(log) X(log2) X(log10) X(log1p) X(sin) X(cos) X(tan)       \
  X(asin) X(acos) X(atan) X(sinh) X(cosh) X(tanh) X(asinh) X(acosh) X(atanh) X(sigmoid) X(log_sigmoid) X(erf) X(erfc) \
  X(erfinv) X(lgamma) X(digamma) X(trigamma) X(floor) X(ceil) X(round) X(trunc) X(frac)
// To a real number.
#define TAPER_EAGER_PART(X) X(abs) X(real) X(imag)
#define TAPER_EAGER_TEST(X) X(isnan) X(isinf) X(isfinite) X(signbit)
#define TAPER_EAGER_BINARY(X) X(pow) X(atan2) X(hypot) X(min) X(max) X(copysign) X(fmod) X(remainder) X(floor_divide)

// Twice each: the second is the more specialised one beside what math:: has for complex numbers of every kind.
namespace math {
#define TAPER_DECLARE(name)  \
  TAPER_HOST_CALLS template <EagerValue V>    \
  TAPER_HD V name(const V& x);        \
  TAPER_HOST_CALLS template <EagerValue V>    \
    requires ComplexValue<V> \
  TAPER_HD V name(const V& x);
TAPER_EAGER_UNARY(TAPER_DECLARE)
TAPER_DECLARE(conj)
TAPER_DECLARE(sgn)
#undef TAPER_DECLARE
#define TAPER_DECLARE(name)    \
  TAPER_HOST_CALLS template <EagerValue V>      \
  TAPER_HD real_of<V> name(const V& x); \
  TAPER_HOST_CALLS template <EagerValue V>      \
    requires ComplexValue<V>   \
  TAPER_HD real_of<V> name(const V& x);
TAPER_EAGER_PART(TAPER_DECLARE)
#undef TAPER_DECLARE
#define TAPER_DECLARE(name) \
  TAPER_HOST_CALLS template <EagerValue V>   \
  TAPER_HD mask_of<V> name(const V& x);
TAPER_EAGER_TEST(TAPER_DECLARE)
#undef TAPER_DECLARE
#define TAPER_DECLARE(name) \
  TAPER_HOST_CALLS template <EagerValue V>   \
  TAPER_HD V name(const V& x, const V& y);
TAPER_EAGER_BINARY(TAPER_DECLARE)
#undef TAPER_DECLARE
TAPER_HOST_CALLS template <EagerValue V>
  requires ComplexValue<V>
TAPER_HD V pow(const V& x, const V& y);
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD real_of<V> arg(const V& x);
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD rebind<V, std::complex<scalar_of<V>>> complex(const V& re, const V& im);
}  // namespace math

}  // namespace taper::inline TAPER_CODE
