// SPDX-License-Identifier: MIT
// What pointwise functions accept, and the overloads that name a mistake instead of accepting it.
#pragma once

#include <taper/expr/basic_ops.hpp>
#include <taper/expr/math/complex_inverse.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

template <class... X>
using tensors_promoted_t = typename PromoteTensors<typename ElementOf<std::remove_cvref_t<X>>::type...>::type;

template <class X, class Tensors>
struct OperandElement { using type = typename ScalarElement<std::remove_cvref_t<X>, Tensors>::type; };
template <TensorLike X, class Tensors>
struct OperandElement<X, Tensors> { using type = value_t<X>; };

}  // namespace detail

/// The element type that operands of a pointwise function promote to, scalars included.
template <class... X>
  requires PointwiseOperands<X...>
using promoted_t = promote_t<typename detail::OperandElement<X, detail::tensors_promoted_t<X...>>::type...>;

/// Operands of a function that is defined for real numbers only.
template <class... X>
concept RealOperands = PointwiseOperands<X...> && !Complex<promoted_t<X...>>;
/// Operands of a function that has no meaning for bool alone.
template <class... X>
concept NumericOperands = PointwiseOperands<X...> && !std::same_as<promoted_t<X...>, bool>;
/// Operands of a function of integers and bools.
template <class... X>
concept IntegralOperands = PointwiseOperands<X...> && Integral<promoted_t<X...>>;
/// Operands of a function of floating or complex numbers.
template <class... X>
concept DifferentiableOperands = PointwiseOperands<X...> && Differentiable<promoted_t<X...>>;
/// Operands of a function of floating numbers.
template <class... X>
concept FloatingOperands = RealOperands<X...> && Differentiable<promoted_t<X...>>;

namespace detail {

template <class X, class Y>
concept OnTwoDevices = TensorLike<X> && TensorLike<Y> && !std::same_as<device_t<X>, device_t<Y>>;

// Left incomplete: their names are the diagnostics.
template <class Left, class Right>
struct error_operands_are_on_different_devices_move_one_with_to;
template <class T>
struct error_complex_numbers_have_no_order_compare_real_imag_or_abs;
struct error_use_logical_and_of_tensors_in_place_of_this_operator;
struct error_use_logical_or_of_tensors_in_place_of_this_operator;
struct error_bool_tensors_cannot_be_subtracted_use_logical_xor_or_cast;
struct error_a_bool_tensor_cannot_be_negated_use_logical_not;
template <class T>
struct error_bitwise_operators_take_integers_or_bools_not;
template <class T>
struct error_the_condition_must_be_a_bool_tensor_write_a_comparison_or_cast_to_bool;

}  // namespace detail

// Beside a function of two operands: operands on two devices are refused by name. Like every refused operator it returns
// a template argument, Fault: g++ names the result of a refused function, clang the template arguments of an operator.
#define TAPER_REFUSE_TWO_DEVICES(function)                                                                            \
  template <class X, class Y,                                                                                         \
            class Fault = detail::error_operands_are_on_different_devices_move_one_with_to<device_t<X>, device_t<Y>>> \
    requires detail::OnTwoDevices<X, Y>                                                                               \
  Fault function(X&&, Y&&) = delete;

/// A unary op that is constant but for jumps: its gradient is zero.
struct FlatOp {
  static constexpr std::uint8_t reads[] = {reads_nothing};
  template <int I, class V>
  TAPER_HD TAPER_INLINE V vjp(V, V, V) const { return V(0); }
};

}  // namespace taper::inline TAPER_CODE
