// SPDX-License-Identifier: MIT
// Why a class cannot be reflected, as types whose names are the message.
#pragma once

#include <taper/config.hpp>
#include <taper/nn/reflect/count.hpp>

namespace taper::inline TAPER_CODE::detail {

// Never defined: an incomplete return type of a deleted function is the one place whose name every compiler prints.
template <class T>
struct error_not_a_class_whose_fields_can_be_visited;
template <class T>
struct error_neither_a_plain_aggregate_nor_a_class_with_a_public_using_members_of_nn_Members;
template <class T>
struct error_more_than_64_fields_group_some_in_a_struct_of_their_own;
template <class T>
struct error_a_field_is_a_C_array_make_it_a_std_array;
template <class T>
struct error_a_field_is_a_reference_hold_a_value_instead;
template <class T>
struct error_a_field_cannot_be_counted_list_the_fields_in_a_public_using_members_of_nn_Members;
template <class T>
struct error_a_base_has_fields_list_all_fields_in_a_public_using_members_of_nn_Members;
template <class T>
struct error_the_members_are_those_of_the_base_list_all_fields_in_a_using_members_of_this_class;

template <class T, ReflectFault>
struct ReflectError;
template <class T>
struct ReflectError<T, ReflectFault::no_class> {
  using type = error_not_a_class_whose_fields_can_be_visited<T>;
};
template <class T>
struct ReflectError<T, ReflectFault::no_aggregate> {
  using type = error_neither_a_plain_aggregate_nor_a_class_with_a_public_using_members_of_nn_Members<T>;
};
template <class T>
struct ReflectError<T, ReflectFault::too_many_fields> {
  using type = error_more_than_64_fields_group_some_in_a_struct_of_their_own<T>;
};
template <class T>
struct ReflectError<T, ReflectFault::c_array> {
  using type = error_a_field_is_a_C_array_make_it_a_std_array<T>;
};
template <class T>
struct ReflectError<T, ReflectFault::reference> {
  using type = error_a_field_is_a_reference_hold_a_value_instead<T>;
};
template <class T>
struct ReflectError<T, ReflectFault::uncountable> {
  using type = error_a_field_cannot_be_counted_list_the_fields_in_a_public_using_members_of_nn_Members<T>;
};
template <class T>
struct ReflectError<T, ReflectFault::base_with_fields> {
  using type = error_a_base_has_fields_list_all_fields_in_a_public_using_members_of_nn_Members<T>;
};
template <class T>
struct ReflectError<T, ReflectFault::inherited_members> {
  using type = error_the_members_are_those_of_the_base_list_all_fields_in_a_using_members_of_this_class<T>;
};

}  // namespace taper::inline TAPER_CODE::detail
