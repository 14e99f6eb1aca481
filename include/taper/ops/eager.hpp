// SPDX-License-Identifier: MIT
// Bodies of expr/eager.hpp: each operation is the public function of the same name, evaluated and recorded.
#pragma once

#include <taper/eval/replay.hpp>
#include <taper/ops/pointwise.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {
template <TensorLike X>
Eager<value_t<X>, device_t<X>> eager(X&& x) {
  return Eager<value_t<X>, device_t<X>>(tensor_t<X>(std::forward<X>(x)));
}
}  // namespace detail

template <Scalar T, Device D>
Tensor<T, D> Eager<T, D>::of_value(T value) {
  return Tensor<T, D>(detail::full_record<T, D>(Shape(), value));
}

TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V operator+(const V& x, const V& y) { return detail::eager(x.tensor + y.tensor); }
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V operator-(const V& x, const V& y) { return detail::eager(x.tensor - y.tensor); }
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V operator*(const V& x, const V& y) { return detail::eager(x.tensor * y.tensor); }
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V operator/(const V& x, const V& y) { return detail::eager(x.tensor / y.tensor); }
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V operator-(const V& x) { return detail::eager(-x.tensor); }
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD mask_of<V> operator==(const V& x, const V& y) { return detail::eager(x.tensor == y.tensor); }
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD mask_of<V> operator!=(const V& x, const V& y) { return detail::eager(x.tensor != y.tensor); }
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD mask_of<V> operator<(const V& x, const V& y) { return detail::eager(x.tensor < y.tensor); }
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD mask_of<V> operator<=(const V& x, const V& y) { return detail::eager(x.tensor <= y.tensor); }
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD mask_of<V> operator>(const V& x, const V& y) { return detail::eager(x.tensor > y.tensor); }
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD mask_of<V> operator>=(const V& x, const V& y) { return detail::eager(x.tensor >= y.tensor); }
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V operator&&(const V& x, const V& y) { return detail::eager(logical_and(x.tensor, y.tensor)); }
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V operator||(const V& x, const V& y) { return detail::eager(logical_or(x.tensor, y.tensor)); }
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V operator!(const V& x) { return detail::eager(logical_not(x.tensor)); }
TAPER_HOST_CALLS template <class D, EagerValue V>
TAPER_HD V select(const Eager<bool, D>& mask, const V& x, const V& y) {
  return detail::eager(where(mask.tensor, x.tensor, y.tensor));
}
TAPER_HOST_CALLS template <Scalar U, EagerValue V>
TAPER_HD rebind<V, U> convert(const V& x) {
  if constexpr (std::same_as<U, scalar_of<V>>) return x;
  else return detail::eager(cast<U>(x.tensor));
}

namespace math {
#define TAPER_DEFINE(R, name)                                             \
  TAPER_HOST_CALLS template <EagerValue V>                                                 \
  TAPER_HD R name(const V& x) { return detail::eager(taper::name(x.tensor)); }     \
  TAPER_HOST_CALLS template <EagerValue V>                                                 \
    requires ComplexValue<V>                                              \
  TAPER_HD R name(const V& x) { return detail::eager(taper::name(x.tensor)); }
#define TAPER_DEFINE_UNARY(name) TAPER_DEFINE(V, name)
#define TAPER_DEFINE_PART(name) TAPER_DEFINE(real_of<V>, name)
TAPER_EAGER_UNARY(TAPER_DEFINE_UNARY)
TAPER_DEFINE(V, sgn)
TAPER_DEFINE(V, conj)
TAPER_EAGER_PART(TAPER_DEFINE_PART)
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD real_of<V> arg(const V& x) { return detail::eager(angle(x.tensor)); }
#undef TAPER_DEFINE_UNARY
#undef TAPER_DEFINE_PART
#undef TAPER_DEFINE
#define TAPER_DEFINE(name) \
  TAPER_HOST_CALLS template <EagerValue V>  \
  TAPER_HD mask_of<V> name(const V& x) { return detail::eager(taper::name(x.tensor)); }
TAPER_EAGER_TEST(TAPER_DEFINE)
#undef TAPER_DEFINE
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V min(const V& x, const V& y) { return detail::eager(minimum(x.tensor, y.tensor)); }
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V max(const V& x, const V& y) { return detail::eager(maximum(x.tensor, y.tensor)); }
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V pow(const V& x, const V& y) { return detail::eager(taper::pow(x.tensor, y.tensor)); }
TAPER_HOST_CALLS template <EagerValue V>
  requires ComplexValue<V>
TAPER_HD V pow(const V& x, const V& y) { return detail::eager(taper::pow(x.tensor, y.tensor)); }
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD rebind<V, std::complex<scalar_of<V>>> complex(const V& re, const V& im) {
  return detail::eager(taper::complex(re.tensor, im.tensor));
}
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V atan2(const V& x, const V& y) { return detail::eager(taper::atan2(x.tensor, y.tensor)); }
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V hypot(const V& x, const V& y) { return detail::eager(taper::hypot(x.tensor, y.tensor)); }
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V copysign(const V& x, const V& y) { return detail::eager(taper::copysign(x.tensor, y.tensor)); }
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V fmod(const V& x, const V& y) { return detail::eager(taper::fmod(x.tensor, y.tensor)); }
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V remainder(const V& x, const V& y) { return detail::eager(taper::remainder(x.tensor, y.tensor)); }
TAPER_HOST_CALLS template <EagerValue V>
TAPER_HD V floor_divide(const V& x, const V& y) { return detail::eager(taper::floor_divide(x.tensor, y.tensor)); }
}  // namespace math

}  // namespace taper::inline TAPER_CODE

#undef TAPER_EAGER_UNARY
#undef TAPER_EAGER_PART
#undef TAPER_EAGER_TEST
#undef TAPER_EAGER_BINARY
