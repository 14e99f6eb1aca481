// SPDX-License-Identifier: MIT
// How many fields a plain aggregate has, and why it cannot be reflected if it cannot.
#pragma once

#include <taper/config.hpp>

#include <cstddef>
#include <type_traits>

namespace taper::inline TAPER_CODE::detail {

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
// Never called, but defined: constructors that compilers look into while they count use it with types without linkage.
struct AnyValue {
  template <class U>
  operator U() const {
    __builtin_unreachable();
  }
};

template <class U>
struct OneField {
  U field;
};

// Initialises what {} initialises.
struct AnyFromBraces {
  template <class U>
    requires requires { OneField<U>{{}}; }
  operator U() const;
};

// Initialises lvalue references too. For a value the first operator is the better one: it adds no const to its object.
struct AnyField {
  template <class U>
  operator U() {
    __builtin_unreachable();
  }
  template <class U>
  operator U&() const {
    __builtin_unreachable();
  }
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

// Initialises only what takes everything, and so says nothing about the type of the field.
struct Unrelated {};

template <class...>
struct Arguments {};

template <class T, class... Any>
inline constexpr bool braces_take = requires { T{Any{}...}; };

// No value converts to a C array, so its braces are elided and it takes one argument for each element. Parentheses know
// no elision: they refuse as many arguments. nvcc's front end takes the probe's all the same, and is asked in another
// way, which leaves it blind to arrays of a type without default constructor.
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

// One more element that takes two to six arguments, but not one: an array whose elements have no default constructor.
template <class T, class A, class... Any>
inline constexpr bool array_follows =
    requires { T{Any{}..., {A{}, A{}}}; } || requires { T{Any{}..., {A{}, A{}, A{}}}; } ||
    requires { T{Any{}..., {A{}, A{}, A{}, A{}}}; } || requires { T{Any{}..., {A{}, A{}, A{}, A{}, A{}}}; } ||
    requires { T{Any{}..., {A{}, A{}, A{}, A{}, A{}, A{}}}; };

struct FieldCount {
  std::size_t bases;
  std::size_t fields;
  ReflectFault fault;
};

// An array whose elements can be initialised by {} can be, too, but that leaves its other arguments without a place.
template <class T, class... Before>
consteval bool has_array_from(Arguments<Before...>, Arguments<>) {
  return false;
}

template <class T, class... Before, class First, class... After>
consteval bool has_array_from(Arguments<Before...>, Arguments<First, After...>) {
  if constexpr (!nested_braces_take<T, Arguments<Before...>, Arguments<>, Arguments<After...>> &&
                braces_take<T, Before..., AnyFromBraces, After...> && !braces_take<T, Before..., Unrelated, After...>) {
    return true;
  } else {
    return has_array_from<T>(Arguments<Before..., First>{}, Arguments<After...>{});
  }
}

template <class T, class... Any>
consteval bool has_array() {
  if constexpr (parentheses_refuse_arrays) {
    return !parentheses_take<T, Any...>;
  } else {
    return has_array_from<T>(Arguments<>{}, Arguments<Any...>{});
  }
}

// The leading elements of an aggregate are its bases. `Rest` are the arguments that no base has claimed yet.
template <class T, class... Bases, class... Rest>
consteval FieldCount split_bases(Arguments<Bases...>, Arguments<Rest...>) {
  return {sizeof...(Bases), 0, ReflectFault::none};
}

template <class T, class... Bases, class First, class... Rest>
consteval FieldCount split_bases(Arguments<Bases...>, Arguments<First, Rest...>) {
  // A first field that takes everything takes an AnyBase, too, but it is no base.
  if constexpr (!braces_take<T, Bases..., AnyBase<T>, Rest...> || braces_take<T, Bases..., Unrelated, Rest...>) {
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
  if constexpr (braces_take<T, Any..., Element>) {
    if constexpr (sizeof...(Any) < max_fields) {
      return count_elements<T, Element, Any..., Element>();
    } else {
      return {0, 0, has_array<T, Any...>() ? ReflectFault::c_array : ReflectFault::too_many_fields};
    }
  } else if constexpr (!braces_take<T, Any...>) {
    if constexpr (sizeof...(Any) < max_fields) {
      return count_elements<T, Element, Any..., Element>();
    } else {
      return {0, 0, ReflectFault::uncountable};
    }
  } else if constexpr (sizeof...(Any) < max_fields && braces_take<T, Any..., AnyField>) {
    return count_elements<T, Element, Any..., AnyField>();
  } else if constexpr (has_array<T, Any...>()) {
    return {0, 0, ReflectFault::c_array};
  } else if constexpr (nested_braces_take<T, Arguments<Any...>, Arguments<>, Arguments<>>) {
    return {0, 0, ReflectFault::uncountable};
  } else if constexpr (array_follows<T, Element, Any...>) {
    return {0, 0, ReflectFault::c_array};
  } else {
    return split_bases<T>(Arguments<>{}, Arguments<Any...>{});
  }
}

template <class T>
consteval FieldCount count_aggregate() {
  constexpr FieldCount count = count_elements<T, AnyValue>();
  if constexpr (count.fault == ReflectFault::uncountable) return count_elements<T, AnyField>();
  return count;
}

}  // namespace taper::inline TAPER_CODE::detail
