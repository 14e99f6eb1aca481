// SPDX-License-Identifier: MIT
// What a module may be made of: parameters, buffers, modes, containers and classes, and whether one of them holds state.
#pragma once

#include <taper/core/is_tuple.hpp>
#include <taper/nn/in_place.hpp>
#include <taper/nn/parameter.hpp>
#include <taper/nn/reflect.hpp>

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace taper::inline TAPER_CODE::detail {

template <class X>
inline constexpr bool is_parameter = false;
template <class T, class D>
inline constexpr bool is_parameter<nn::Parameter<T, D>> = true;
template <class X>
inline constexpr bool is_buffer = false;
template <class T, class D>
inline constexpr bool is_buffer<nn::Buffer<T, D>> = true;

template <class X>
inline constexpr bool is_list = false;
template <class T, class A>
inline constexpr bool is_list<std::vector<T, A>> = true;
template <class T, std::size_t N>
inline constexpr bool is_list<std::array<T, N>> = true;
template <class C>
inline constexpr bool is_list<InPlace<C>> = is_list<C>;
template <class X>
inline constexpr bool is_pointer_like = false;
template <class T>
inline constexpr bool is_pointer_like<std::optional<T>> = true;
template <class T, class Del>
inline constexpr bool is_pointer_like<std::unique_ptr<T, Del>> = true;
template <class X>
inline constexpr bool is_string_map = false;
template <class T, class C, class A>
inline constexpr bool is_string_map<std::map<std::string, T, C, A>> = true;
/// A map that keeps the order in which it was filled.
template <class T>
struct NamedList {
  using mapped_type = T;
  std::vector<std::pair<std::string, T>> items;

  const T* find(std::string_view name) const {
    for (const auto& [key, value] : items)
      if (key == name) return &value;
    return nullptr;
  }
  template <class... Args>
  T& emplace(std::string name, Args&&... args) {
    return items.emplace_back(std::piecewise_construct, std::forward_as_tuple(std::move(name)), std::forward_as_tuple(std::forward<Args>(args)...)).second;
  }
  auto begin() { return items.begin(); }
  auto end() { return items.end(); }
  auto begin() const { return items.begin(); }
  auto end() const { return items.end(); }
};
template <class T>
inline constexpr bool is_string_map<NamedList<T>> = true;
template <class C>
inline constexpr bool is_string_map<InPlace<C>> = is_string_map<C>;

struct CallFallback {
  void operator()();
};
template <class T>
struct CallProbe : T, CallFallback {};
/// True where a class has a call operator, a template or overloaded one included: its name is then ambiguous in the probe.
template <class T>
concept HasCallOperator = std::is_class_v<T> && !std::is_final_v<T> && !requires { &CallProbe<T>::operator(); };

template <class X>
concept VisitableModule = std::is_class_v<X> && !TensorLike<X> && !is_list<X> && !is_pointer_like<X> && !is_string_map<X> &&
                          !is_tuple<X> && nn::Reflected<X>;

template <template <class...> class Tuple, class... T>
consteval FieldTypes<T...> tuple_types(std::type_identity<Tuple<T...>>) {
  return {};
}
/// The types of a container's elements or of a class's fields, as FieldTypes.
template <class X>
consteval auto parts_of() {
  if constexpr (is_list<X>) return FieldTypes<typename X::value_type>{};
  else if constexpr (is_pointer_like<X>) return FieldTypes<std::remove_reference_t<decltype(*std::declval<X&>())>>{};
  else if constexpr (is_string_map<X>) return FieldTypes<typename X::mapped_type>{};
  else if constexpr (is_tuple<X>) return tuple_types(std::type_identity<X>{});
  else if constexpr (nn::Reflected<X>) return field_types<X>{};
  else return FieldTypes<>{};
}

template <class X, bool CallableIsModule = true>
consteval bool holds_state();

template <bool CallableIsModule, class... F>
consteval bool any_holds_state(FieldTypes<F...>) {
  return (holds_state<std::remove_const_t<F>, CallableIsModule>() || ...);
}

/// True of types that have parameters, buffers, modes or modules somewhere inside.
template <class X, bool CallableIsModule>
consteval bool holds_state() {
  if constexpr (is_parameter<X> || is_buffer<X> || std::same_as<X, nn::Mode>) return true;
  else if constexpr (TensorLike<X>) return false;
  else if constexpr (CallableIsModule && VisitableModule<X> && HasCallOperator<X>) return true;
  else return any_holds_state<CallableIsModule>(parts_of<X>());
}

}  // namespace taper::inline TAPER_CODE::detail
