// SPDX-License-Identifier: MIT
// Reflection of modules: visits the fields of a plain aggregate, or of a class that lists its members, by name.
#pragma once

#include <taper/config.hpp>
#include <taper/nn/reflect/aggregate.hpp>
#include <taper/nn/reflect/bind.hpp>
#include <taper/nn/reflect/count.hpp>
#include <taper/nn/reflect/fault.hpp>
#include <taper/nn/reflect/members.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace taper::inline TAPER_CODE {

namespace detail {

// The two ways to reach fields offer the same: fault, size, types, names() and apply(object, f).
template <class T>
struct FieldsOf : AggregateFields<T> {};
template <ListsMembers T>
struct FieldsOf<T> : ListedFields<T, typename T::members> {};

template <class... Fields>
consteval ReflectFault fault_among(FieldTypes<Fields...>) {
  if ((std::is_array_v<Fields> || ...)) return ReflectFault::c_array;
  if ((std::is_reference_v<Fields> || ...)) return ReflectFault::reference;
  return ReflectFault::none;
}

template <class T>
consteval ReflectFault find_fault() {
  if constexpr (!std::is_class_v<T>) {
    return ReflectFault::no_class;
  } else if constexpr (!ListsMembers<T> && !std::is_aggregate_v<T>) {
    return ReflectFault::no_aggregate;
  } else if constexpr (FieldsOf<T>::fault != ReflectFault::none) {
    return FieldsOf<T>::fault;
  } else {
    return fault_among(typename FieldsOf<T>::types{});
  }
}

template <class T>
inline constexpr ReflectFault reflect_fault = find_fault<T>();
template <class T>
inline constexpr ReflectFault reflect_fault<const T> = reflect_fault<T>;

// One concept a fault, so that a failed assertion names it.
template <class T>
concept IsAggregateOrListsMembers =
    reflect_fault<T> != ReflectFault::no_class && reflect_fault<T> != ReflectFault::no_aggregate;
template <class T>
concept FieldsCanBeCounted = reflect_fault<T> != ReflectFault::uncountable;
template <class T>
concept HasAtMost64Fields = reflect_fault<T> != ReflectFault::too_many_fields;
template <class T>
concept HasNoCArrayUseStdArray = reflect_fault<T> != ReflectFault::c_array;
template <class T>
concept HasNoReferenceField = reflect_fault<T> != ReflectFault::reference;
template <class T>
concept HasNoBaseWithFields = reflect_fault<T> != ReflectFault::base_with_fields;
template <class T>
concept ListsItsOwnMembers = reflect_fault<T> != ReflectFault::inherited_members;

}  // namespace detail

namespace nn {

/// A class whose fields can be visited: an aggregate of at most 64 fields, none of them a C array or a reference, whose
/// bases are empty; or a class that lists its fields, `using members = nn::Members<...>;`.
template <class T>
concept Reflected = detail::IsAggregateOrListsMembers<T> && detail::FieldsCanBeCounted<T> &&
                    detail::HasAtMost64Fields<T> && detail::HasNoCArrayUseStdArray<T> &&
                    detail::HasNoReferenceField<T> && detail::HasNoBaseWithFields<T> && detail::ListsItsOwnMembers<T>;

}  // namespace nn

namespace detail {

/// An incomplete type whose name says why T is not Reflected. The return type of the deleted overload that stands
/// beside a function of a Reflected argument.
template <class T>
using reflect_error_t = typename ReflectError<std::remove_const_t<T>, reflect_fault<T>>::type;

/// FieldTypes of T, to decide concepts on types alone.
template <nn::Reflected T>
using field_types = typename FieldsOf<std::remove_const_t<T>>::types;

template <nn::Reflected T>
consteval std::size_t field_count() {
  return field_types<T>::size;
}

template <class T>
inline constexpr std::array<std::string_view, field_types<T>::size> names_of_fields = FieldsOf<T>::names();

template <nn::Reflected T>
constexpr const auto& field_names() {
  return names_of_fields<std::remove_const_t<T>>;
}

/// f(field...), all fields at once; constant where the object is.
template <nn::Reflected T, class F>
TAPER_INLINE constexpr decltype(auto) apply_fields(T& object, F&& f) {
  return FieldsOf<std::remove_const_t<T>>::apply(object, f);
}

/// f(name, field) for each field, in their order.
template <nn::Reflected T, class F>
TAPER_INLINE constexpr void for_each_field(T& object, F&& f) {
  apply_fields(object, [&f](auto&... fields) {
    [[maybe_unused]] auto name = field_names<T>().begin();
    (static_cast<void>(f(*name++, fields)), ...);
  });
}

template <class T, class F>
  requires(!nn::Reflected<T>)
reflect_error_t<T> apply_fields(T& object, F&& f) = delete;

template <class T, class F>
  requires(!nn::Reflected<T>)
reflect_error_t<T> for_each_field(T& object, F&& f) = delete;

}  // namespace detail
}  // namespace taper::inline TAPER_CODE
