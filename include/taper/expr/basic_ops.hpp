// SPDX-License-Identifier: MIT
// The ops that the engine itself needs: sums, products, casts. Their public functions are in ops/.
#pragma once

#include <taper/expr/expr.hpp>

namespace taper::inline TAPER_CODE {

/// x + y; of bools x or y.
struct Add : PromotingOp {
  static constexpr std::string_view name = "add";
  static constexpr std::uint8_t reads[] = {reads_nothing, reads_nothing};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const {
    if constexpr (std::same_as<scalar_of<V>, bool>) return x || y;
    else if constexpr (std::integral<V>) return detail::simd::Add()(x, y);  // a device's number: it wraps as packs do
    else return x + y;
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V, V, V, V g) const { return g; }
};

/// x - y.
struct Sub : PromotingOp {
  static constexpr std::string_view name = "sub";
  static constexpr std::uint8_t reads[] = {reads_nothing, reads_nothing};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const {
    if constexpr (std::integral<V>) return detail::simd::Subtract()(x, y);
    else return x - y;
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V, V, V, V g) const {
    if constexpr (I == 0) return g;
    else return -g;
  }
};

/// x y; of bools x and y. Gradient: y, x.
struct Mul : PromotingOp {
  static constexpr std::string_view name = "mul";
  static constexpr std::uint8_t reads[] = {reads_x1, reads_x0};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x, V y) const {
    if constexpr (std::same_as<scalar_of<V>, bool>) return x && y;
    else if constexpr (std::integral<V>) return detail::simd::Multiply()(x, y);
    else return x * y;
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V partial(V x, V y, V) const {
    if constexpr (I == 0) return y;
    else return x;
  }
};

/// -x.
struct Neg : PromotingOp {
  static constexpr std::string_view name = "neg";
  static constexpr std::uint8_t reads[] = {reads_nothing};
  template <class V>
  TAPER_HD TAPER_INLINE V operator()(V x) const {
    if constexpr (std::integral<V>) return detail::simd::Negate()(x);
    else return -x;
  }
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V, V, V g) const { return -g; }
};

/// x as another element type; the gradient is cast back.
template <Scalar U>
struct Cast {
  static constexpr std::string_view name = "cast";
  template <class T>
  using signature = detail::Signature<U, T>;
  static constexpr std::uint8_t reads[1] = {reads_nothing};
  template <class V>
  TAPER_HD TAPER_INLINE auto operator()(V x) const { return convert<compute_t<U>>(x); }
  template <int I, class V, class W>
  TAPER_HD TAPER_INLINE V vjp(V, W, W g) const { return convert<scalar_of<V>>(g); }
};

}  // namespace taper::inline TAPER_CODE
