// SPDX-License-Identifier: MIT
// The fields of a plain aggregate: counted by trial, reached by structured bindings, named by their addresses.
#pragma once

#include <taper/config.hpp>
#include <taper/nn/reflect/bind.hpp>
#include <taper/nn/reflect/count.hpp>
#include <taper/nn/reflect/name.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace taper::inline TAPER_CODE::detail {

// A T that is never constructed: only addresses inside it are taken, by the compiler. It is defined, because a declared
// variable whose type has no linkage (a local class) is an error when nobody can define it.
template <class T>
union Unconstructed {
  char none;
  T object;
  constexpr Unconstructed() : none{} {}
  constexpr ~Unconstructed() {}
};

template <class T>
inline constinit Unconstructed<T> unconstructed{};

// Where the union counts as a literal type, as a constant: then nothing destroys it at exit, and it leaves the program.
template <class T>
  requires requires { typename std::bool_constant<Unconstructed<T>{}.none == 0>; }
inline constexpr Unconstructed<T> unconstructed<T>{};

// A bare pointer to a part of an object is no template argument for every compiler; inside a class it is.
struct FieldAddress {
  const void* address;
};

struct ToAddresses {
  template <class... Fields>
  constexpr std::array<FieldAddress, sizeof...(Fields)> operator()(Fields&... fields) const {
    return {FieldAddress{__builtin_addressof(fields)}...};
  }
};

template <class T, std::size_t Size>
inline constexpr std::array<FieldAddress, Size> field_addresses =
    Bind<Size>::apply(unconstructed<T>.object, ToAddresses{});

template <class T>
struct AggregateFields {
  static constexpr FieldCount count = count_aggregate<T>();
  static constexpr std::size_t size = count.fields;
  static constexpr ReflectFault fault = count.fault;
  using types = decltype(Bind<size>::types(std::declval<T&>()));

  template <class U, class F>
  TAPER_INLINE static constexpr decltype(auto) apply(U& object, F&& f) {
    return Bind<size>::apply(object, f);
  }

  static consteval std::array<std::string_view, size> names() { return names(std::make_index_sequence<size>{}); }

 private:
  template <std::size_t... I>
  static consteval std::array<std::string_view, size> names(std::index_sequence<I...>) {
    return {last_name<field_addresses<T, size>[I]>()...};
  }
};

}  // namespace taper::inline TAPER_CODE::detail
