// SPDX-License-Identifier: MIT
// A model with another dtype or on another device: rebuilt from its converted fields, running no initialiser.
#pragma once

#include <taper/nn/layers/input.hpp>
#include <taper/nn/sequential.hpp>
#include <taper/ops/to.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

/// X with every floating or complex dtype among its template arguments made U, and every device E; void leaves them.
template <class X, class U, class E>
struct Rebind { using type = X; };
template <Differentiable T, class U, class E>
  requires(!std::is_void_v<U>)
struct Rebind<T, U, E> { using type = U; };
template <Device D, class U, class E>
  requires(!std::is_void_v<E>)
struct Rebind<D, U, E> { using type = E; };
template <template <class...> class Outer, class... A, class U, class E>
  requires(!Differentiable<Outer<A...>> && !Device<Outer<A...>>)
struct Rebind<Outer<A...>, U, E> { using type = Outer<typename Rebind<A, U, E>::type...>; };
template <class X, std::size_t N, class U, class E>
struct Rebind<std::array<X, N>, U, E> { using type = std::array<typename Rebind<X, U, E>::type, N>; };
template <class X, class C, class A, class U, class E>
struct Rebind<std::map<std::string, X, C, A>, U, E> { using type = std::map<std::string, typename Rebind<X, U, E>::type, C>; };
template <class X, class U, class E>
using rebind_t = typename Rebind<X, U, E>::type;

/// Recorded: the new fields are functions of the old ones, on the tape; otherwise a model of its own.
template <bool Recorded, class To, class From>
To convert_field(const From& from);

template <bool Recorded, class To, class From, std::size_t... I>
To convert_tuple(const From& from, std::index_sequence<I...>) {
  return To(convert_field<Recorded, std::tuple_element_t<I, To>>(std::get<I>(from))...);
}

template <bool Recorded, class To, class... F>
To convert_aggregate(FieldTypes<F...>, const auto&... fields) {
  return To{convert_field<Recorded, std::remove_const_t<F>>(fields)...};
}

template <class F>
std::type_identity<F> only_field(FieldTypes<F>);

template <bool Recorded, class To, class From>
To convert_module(const From& from) {
  if constexpr (std::is_aggregate_v<To> && !ListsMembers<To>) {
    return apply_fields(from, [](const auto&... fields) { return convert_aggregate<Recorded, To>(field_types<To>{}, fields...); });
  } else if constexpr (hides_field_names<To> && field_types<To>::size == 1) {  // Sequential, ModuleList, ...
    return apply_fields(from, [](const auto& held) {
      using Held = typename decltype(only_field(field_types<To>{}))::type;
      Held converted = convert_field<Recorded, Held>(held);
      if constexpr (is_tuple<Held>) return std::apply([](auto&... parts) { return To(std::move(parts)...); }, converted);
      else return To(std::move(converted));
    });
  } else {
    static_assert(std::is_constructible_v<To, nn::Unset>,
                  "to<..>(module) rebuilds this class field by field: make it a plain aggregate, or give it a constructor from nn::Unset");
    To out{nn::Unset{}};
    apply_fields(out, [&](auto&... targets) {
      apply_fields(from, [&](const auto&... fields) { ((targets = convert_field<Recorded, std::remove_cvref_t<decltype(targets)>>(fields)), ...); });
    });
    return out;
  }
}

template <bool Recorded, class To, class From>
To convert_field(const From& from) {
  if constexpr (Recorded && (is_parameter<To> || is_buffer<To>)) {
    if (!from.defined()) return To();
    if constexpr (std::same_as<To, From>) return To(nn::Shared{}, from);
    else return To(nn::Shared{}, taper::to<device_t<To>>(cast<value_t<To>>(static_cast<const tensor_t<From>&>(from))));
  } else if constexpr (std::same_as<To, From>) {
    return from;
  } else if constexpr (is_parameter<To> || is_buffer<To>) {
    if (!from.defined()) return To();
    const NoGrad guard;
    To out{taper::to<device_t<To>>(cast<value_t<To>>(from))};
    if constexpr (is_parameter<To> && !inference_only) out.requires_grad_(from.requires_grad());
    return out;
  } else if constexpr (is_list<To>) {
    if constexpr (requires { std::tuple_size<To>::value; }) {
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return To{convert_field<Recorded, typename To::value_type>(from[I])...};
      }(std::make_index_sequence<std::tuple_size_v<To>>{});
    } else {
      To out;
      for (const auto& element : from) out.push_back(convert_field<Recorded, typename To::value_type>(element));
      return out;
    }
  } else if constexpr (is_string_map<To>) {
    To out;
    for (const auto& [key, value] : from) out.emplace(key, convert_field<Recorded, typename To::mapped_type>(value));
    return out;
  } else if constexpr (is_tuple<To>) {
    return convert_tuple<Recorded, To>(from, std::make_index_sequence<std::tuple_size_v<To>>{});
  } else if constexpr (is_pointer_like<To>) {
    using Value = std::remove_cvref_t<decltype(*std::declval<To&>())>;
    if (!from) return To();
    if constexpr (std::is_constructible_v<To, Value*>) return To(new Value(convert_field<Recorded, Value>(*from)));
    else return To(convert_field<Recorded, Value>(*from));
  } else {
    return convert_module<Recorded, To>(from);
  }
}

/// A buffer of the type that a 16-bit dtype computes in: running statistics.
template <class X, class U>
inline constexpr bool keeps_precision = false;
template <class X, Floating U>
  requires is_buffer<X>
inline constexpr bool keeps_precision<X, U> = std::same_as<value_t<X>, compute_t<U>>;

/// Holds where the converted type really has the dtype or device that was asked for.
template <class M, class U, class E>
consteval bool all_state_is();
template <class U, class E, class... F>
consteval bool all_fields_are(FieldTypes<F...>) {
  return (all_state_is<std::remove_const_t<F>, U, E>() && ...);
}
template <class X, class U, class E>
consteval bool all_state_is() {
  if constexpr (is_parameter<X> || is_buffer<X>)
    return (std::is_void_v<U> || !Differentiable<value_t<X>> || std::same_as<value_t<X>, U> || keeps_precision<X, U>) && (std::is_void_v<E> || std::same_as<device_t<X>, E>);
  else if constexpr (!holds_state<X>() || std::same_as<X, nn::Mode>) return true;
  else if constexpr (is_list<X>) return all_state_is<typename X::value_type, U, E>();
  else if constexpr (is_pointer_like<X>) return all_state_is<std::remove_cvref_t<decltype(*std::declval<X&>())>, U, E>();
  else if constexpr (is_string_map<X>) return all_state_is<typename X::mapped_type, U, E>();
  else if constexpr (is_tuple<X>)
    return []<std::size_t... I>(std::index_sequence<I...>) { return (all_state_is<std::tuple_element_t<I, X>, U, E>() && ...); }(
        std::make_index_sequence<std::tuple_size_v<X>>{});
  else return all_fields_are<U, E>(field_types<X>{});
}

}  // namespace detail

/// The module with its floating and complex tensors as elements of U: to<double>(net). Net must be a template over its
/// dtype, whose fields follow it. Other tensors, settings, modes and what is frozen stay as they are.
template <Differentiable U, nn::Module M>
auto to(const M& module) {
  using To = detail::rebind_t<M, U, void>;
  static_assert(detail::all_state_is<To, U, void>(), "to<T>(module) needs a model that is a template over its dtype: write template <class T> struct Net");
  return detail::convert_field<false, To>(module);
}
/// The module on device E: to<Cuda>(net). Net must be a template over its device, whose fields follow it.
template <Device E, nn::Module M>
auto to(const M& module) {
  using To = detail::rebind_t<M, void, E>;
  static_assert(detail::all_state_is<To, void, E>(),
                "to<D>(module) needs a model that is a template over its device: write template <Device D = Cpu> struct Net");
  return detail::convert_field<false, To>(module);
}

}  // namespace taper::inline TAPER_CODE
