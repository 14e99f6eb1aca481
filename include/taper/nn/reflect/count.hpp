// SPDX-License-Identifier: MIT
// How many fields a plain aggregate has, and why it cannot be reflected if it cannot.
#pragma once

#include <taper/config.hpp>

#include <cstddef>
#include <type_traits>

namespace taper::inline TAPER_ABI::detail {

inline constexpr std::size_t max_fields = 64;

enum class ReflectFault {
  none,
  no_class,           // a scalar, a pointer, a union
  no_aggregate,       // constructors, private members or virtual functions, and no list of members
  too_many_fields,    // more than max_fields
  c_array,            // int a[3]
  reference,          // int& r
  uncountable,        // a field that neither a conversion nor T{} can initialise, or a lot of fields without default
  base_with_fields,   // inherited fields are out of reach of structured bindings
  inherited_members,  // the list of members is that of the base: it would drop the fields of the derived class
};

// Initialises any field but an lvalue reference. Converting to a prvalue needs neither a copy nor a move constructor.
struct AnyValue {
  template <class U>
  operator U() const;
};

struct AnyClass {
  template <class U>
    requires std::is_class_v<U>
  operator U() const;
};

struct AnyReference {
  template <class U>
  operator U&() const;
};

// Initialises lvalue references too: for a value the inherited operator loses, its object argument needs a conversion.
struct AnyField : AnyReference {
  template <class U>
  operator U() const;
};

template <class T>
struct AnyBase {
  template <class U>
    requires(std::is_base_of_v<U, T> && !std::is_same_v<U, T>)
  operator U() const;
};

template <class T>
struct AnyEmptyBase {
  template <class U>
    requires(std::is_base_of_v<U, T> && !std::is_same_v<U, T> && std::is_empty_v<U>)
  operator U() const;
};

template <class...>
struct Arguments {};

template <class T, class... Any>
inline constexpr bool braces_take = requires { T{Any{}...}; };

// No value converts to a C array, so its braces are elided and it takes one argument for each element. Parentheses know no
// elision: they refuse as many arguments. Front ends that get this wrong take the elements of the probe for its fields.
template <class T, class... Any>
inline constexpr bool parentheses_take = sizeof...(Any) < 2 || requires { T(Any{}...); };

struct ParenthesesProbe {
  struct NotTrivial {
    NotTrivial();
  };
  int array[2];
  NotTrivial field;
};
inline constexpr bool parentheses_refuse_arrays = !parentheses_take<ParenthesesProbe, AnyValue, AnyValue, AnyValue>;

// The same with one element in braces of its own: T{before..., {inside...}, after...}.
template <class T, class Before, class Inside, class After>
inline constexpr bool nested_braces_take = false;
template <class T, class... Before, class... Inside, class... After>
inline constexpr bool nested_braces_take<T, Arguments<Before...>, Arguments<Inside...>, Arguments<After...>> =
    requires { T{Before{}..., {Inside{}...}, After{}...}; };

struct FieldCount {
  std::size_t bases;
  std::size_t fields;
  ReflectFault fault;
};

// Is the element behind Before... an array of as many elements as Inside has, or more? Then the whole list does not leave
// room for one argument for each of the others.
template <class T, class... Before, class... Inside, class First, class... After>
consteval bool is_array(Arguments<Before...> before, Arguments<Inside...>, Arguments<First, After...>) {
  using Others = Arguments<Inside..., After...>;
  using Grown = Arguments<Inside..., First>;
  if constexpr (nested_braces_take<T, Arguments<Before...>, Grown, Arguments<After...>> &&
                !nested_braces_take<T, Arguments<Before...>, Grown, Others>) {
    return true;
  } else if constexpr (sizeof...(After) == 0) {
    return false;
  } else {
    return is_array<T>(before, Grown{}, Arguments<After...>{});
  }
}

template <class T, class... Before>
consteval bool has_array(Arguments<Before...>, Arguments<>) {
  return false;
}

template <class T, class... Before, class First, class... After>
consteval bool has_array(Arguments<Before...> before, Arguments<First, After...> rest) {
  if constexpr (parentheses_refuse_arrays) {
    return !parentheses_take<T, First, After...>;
  } else if constexpr (nested_braces_take<T, Arguments<Before...>, Arguments<>, Arguments<After...>> ||
                       nested_braces_take<T, Arguments<Before...>, Arguments<AnyClass>, Arguments<After...>>) {
    return has_array<T>(Arguments<Before..., First>{}, Arguments<After...>{});
  } else if constexpr (is_array<T>(before, Arguments<>{}, rest)) {
    return true;
  } else {
    return has_array<T>(Arguments<Before..., First>{}, Arguments<After...>{});
  }
}

// The leading elements of an aggregate are its bases. `Rest` are the arguments that no base has claimed yet.
template <class T, class... Bases, class... Rest>
consteval FieldCount split_bases(Arguments<Bases...>, Arguments<Rest...>) {
  return {sizeof...(Bases), 0, ReflectFault::none};
}

template <class T, class... Bases, class First, class... Rest>
consteval FieldCount split_bases(Arguments<Bases...>, Arguments<First, Rest...>) {
  if constexpr (!braces_take<T, Bases..., AnyBase<T>, Rest...>) {
    return {sizeof...(Bases), 1 + sizeof...(Rest), ReflectFault::none};
  } else if constexpr (!braces_take<T, Bases..., AnyEmptyBase<T>, Rest...>) {
    return {0, 0, ReflectFault::base_with_fields};
  } else {
    return split_bases<T>(Arguments<Bases..., AnyBase<T>>{}, Arguments<Rest...>{});
  }
}

// Upwards, one argument more at a time: over the lengths that leave a field without a value (a field without default
// constructor or initialiser needs one), then up to the last length that T takes.
template <class T, class Element, class... Any>
consteval FieldCount count_elements() {
  constexpr Arguments<Any...> all;
  if constexpr (braces_take<T, Any..., Element>) {
    if constexpr (sizeof...(Any) < max_fields + 1) {
      return count_elements<T, Element, Any..., Element>();
    } else {
      return {0, 0, has_array<T>(Arguments<>{}, all) ? ReflectFault::c_array : ReflectFault::too_many_fields};
    }
  } else if constexpr (!braces_take<T, Any...>) {
    if constexpr (sizeof...(Any) < max_fields + 1) {
      return count_elements<T, Element, Any..., Element>();
    } else {
      return {0, 0, ReflectFault::uncountable};
    }
  } else if constexpr (has_array<T>(Arguments<>{}, all)) {
    return {0, 0, ReflectFault::c_array};
  } else if constexpr (braces_take<T, Any..., AnyField>) {
    return {0, 0, ReflectFault::reference};
  } else if constexpr (nested_braces_take<T, Arguments<Any...>, Arguments<>, Arguments<>>) {
    return {0, 0, ReflectFault::uncountable};
  } else {
    return split_bases<T>(Arguments<>{}, all);
  }
}

template <class T>
consteval FieldCount count_aggregate() {
  constexpr FieldCount count = count_elements<T, AnyValue>();
  if constexpr (count.fault == ReflectFault::uncountable) {
    if constexpr (count_elements<T, AnyField>().fault != ReflectFault::uncountable) {
      return {0, 0, ReflectFault::reference};
    }
  }
  return count;
}

}  // namespace taper::inline TAPER_ABI::detail
