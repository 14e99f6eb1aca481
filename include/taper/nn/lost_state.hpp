// SPDX-License-Identifier: MIT
// Refuses parts of a module that hold state where a visit cannot find it: they would be neither trained nor saved nor moved.
#pragma once

#include <taper/nn/parts.hpp>

#include <memory>
#include <string_view>

namespace taper::inline TAPER_CODE::detail {

template <class... F>
consteval bool none_is_bare_tensor(FieldTypes<F...>) {
  return !((TensorHandle<F> && !is_parameter<std::remove_const_t<F>> && !is_buffer<std::remove_const_t<F>>) || ...);
}

/// True where a member function takes a tensor.
template <class F>
inline constexpr bool takes_tensor = false;
template <class C, class R, class... A, bool N>
inline constexpr bool takes_tensor<R (C::*)(A...) noexcept(N)> = (TensorLike<A> || ...);
template <class C, class R, class... A, bool N>
inline constexpr bool takes_tensor<R (C::*)(A...) const noexcept(N)> = (TensorLike<A> || ...);

/// What other libraries read or draw by operator(): their matrices say what they hold, their distributions what they give.
template <class X>
concept OfNumbers = requires { typename X::value_type; } || requires { typename X::result_type; };
/// operator() or forward() takes a tensor. An operator() that is a template or overloaded has no one type, and counts.
template <class X>
concept RunsOnTensors = requires { requires takes_tensor<decltype(&X::operator())>; } ||
                        requires { requires takes_tensor<decltype(&X::forward)>; } ||
                        (HasCallOperator<X> && !OfNumbers<X> && !requires { &X::operator(); });

/// Every compiler's name of a closure has "lambda" in it. Its captures are out of reach: they are its author's matter.
template <class X>
consteval bool is_closure() {
  return std::string_view(__PRETTY_FUNCTION__).find("lambda") != std::string_view::npos;
}
template <class X>
consteval bool is_standard() {
  const std::string_view name = __PRETTY_FUNCTION__;
  return name.find("[X = std::") != name.npos || name.find(" X = std::") != name.npos || name.find(" X=std::") != name.npos;
}

/// A class that works as a module, but whose fields cannot be visited. One that lists its own members, even none, is no such class.
template <class X>
concept LostModule = std::is_class_v<X> && !std::is_empty_v<X> && !nn::Reflected<X> &&
                     (reflect_fault<X> == ReflectFault::inherited_members || (RunsOnTensors<X> && !is_closure<X>() && !is_standard<X>()));

/// Parts in X, a template over A: modules in any class; tensors and lost modules in the standard library's containers.
template <class X, class A>
consteval bool has_parts_of() {
  if constexpr (requires { sizeof(A); }) return holds_state<A, false>() || (is_standard<X>() && (TensorHandle<A> || LostModule<A>));
  else return false;  // a function's type, or a class that is not known here
}
template <class X>
inline constexpr bool has_parts_among_arguments = false;
template <template <class...> class Outer, class... A>
inline constexpr bool has_parts_among_arguments<Outer<A...>> = (has_parts_of<Outer<A...>, std::remove_cv_t<A>>() || ...);
template <class T>
inline constexpr bool has_parts_among_arguments<std::weak_ptr<T>> = false;

/// A container that is not visited, with parts in it. What is copied byte by byte owns none: an iterator, a reference_wrapper.
template <class X>
concept LostContainer = std::is_class_v<X> && !std::is_trivially_copyable_v<X> && has_parts_among_arguments<X>;

template <bool InModule, class X>
constexpr void refuse_lost_state();
template <bool InModule, class... F>
constexpr void refuse_lost_state(FieldTypes<F...>) {
  (refuse_lost_state<InModule, std::remove_const_t<F>>(), ...);
}

/// For an X in which a visit finds no state. InModule: not in a struct of data, whose tensors may be bare.
template <bool InModule, class X>
constexpr void refuse_lost_state() {
  if constexpr (TensorLike<X>) {
    return;
  } else if constexpr (VisitableModule<X>) {
    refuse_lost_state<false>(parts_of<X>());
  } else if constexpr (parts_of<X>().size > 0) {
    static_assert(!InModule || none_is_bare_tensor(parts_of<X>()),
                  "tensors in a module's container must be nn::Parameters (trained) or nn::Buffers (not trained), not bare Tensors");
    refuse_lost_state<InModule>(parts_of<X>());
  } else {
    static_assert(!LostContainer<X>, "a module's parts must be in a std::vector, array, optional, unique_ptr, tuple, pair, map<std::string, ..> "
                                     "or a ModuleList: what is in other containers is neither trained nor saved");
    if constexpr (LostModule<X>) {
      static_assert(!LostModule<X>, "this part of a module would be neither trained nor saved, for the reason that the next error names; "
                                    "to be left alone it says: using members = nn::Members<>;");
      static_cast<void>(sizeof(reflect_error_t<X>));
    }
  }
}

}  // namespace taper::inline TAPER_CODE::detail
