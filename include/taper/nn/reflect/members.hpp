// SPDX-License-Identifier: MIT
// The list of its members that a class writes when it is no plain aggregate.
#pragma once

#include <taper/config.hpp>
#include <taper/nn/reflect/bind.hpp>
#include <taper/nn/reflect/count.hpp>
#include <taper/nn/reflect/name.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>

namespace taper::inline TAPER_CODE {

namespace nn {

/// The fields of a class that is no plain aggregate (it has constructors, private members or a base with fields),
/// listed by the class itself, publicly and after the fields: `using members = nn::Members<&Net::conv, &Net::fc>;`
template <auto... Fields>
  requires(std::is_member_object_pointer_v<decltype(Fields)> && ...)
struct Members {};

}  // namespace nn

namespace detail {

template <class Pointer>
struct MemberPointer;
template <class Field, class Owner>
struct MemberPointer<Field Owner::*> {
  using field = Field;
  using owner = Owner;
};

template <class List>
inline constexpr bool is_member_list = false;
template <auto... Fields>
inline constexpr bool is_member_list<nn::Members<Fields...>> = true;

template <class T>
concept ListsMembers = is_member_list<typename T::members>;

// A derived class that adds fields must write its own list: the one it inherits would drop them. It adds no parameter
// if it is no larger and the base has no padding where a pointer fits.
template <class T, class Owner>
inline constexpr bool drops_fields = false;
template <class T, class Owner>
  requires(!std::is_same_v<T, Owner> && ListsMembers<Owner>)
inline constexpr bool drops_fields<T, Owner> =
    std::is_same_v<typename T::members, typename Owner::members> &&
    (sizeof(T) != sizeof(Owner) || alignof(Owner) > alignof(void*));

template <std::size_t Size>
consteval bool distinct(const std::array<std::string_view, Size>& names) {
  for (std::size_t i = 0; i < names.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (names[i] == names[j]) return false;
  return true;
}

template <class T, class List>
struct ListedFields;

template <class T, auto... Fields>
struct ListedFields<T, nn::Members<Fields...>> {
  static constexpr std::size_t size = sizeof...(Fields);
  static constexpr ReflectFault fault = (drops_fields<T, typename MemberPointer<decltype(Fields)>::owner> || ...)
                                            ? ReflectFault::inherited_members
                                            : ReflectFault::none;
  using types = FieldTypes<typename MemberPointer<decltype(Fields)>::field...>;

  template <class U, class F>
  TAPER_INLINE static constexpr decltype(auto) apply(U& object, F&& f) {
    return f(object.*Fields...);
  }

  static consteval std::array<std::string_view, size> names() {
    constexpr std::array<std::string_view, size> result{last_name<Fields>()...};
    static_assert(distinct(result), "two members in nn::Members have the same name: rename one of them");
    return result;
  }
};

}  // namespace detail
}  // namespace taper::inline TAPER_CODE
