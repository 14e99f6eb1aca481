// SPDX-License-Identifier: MIT
// Classes that cannot be reflected: the diagnostic names the fault and the fix.
// CASE 1: error_a_field_is_a_C_array_make_it_a_std_array
// CASE 2: error_a_field_is_a_C_array_make_it_a_std_array
// CASE 3: error_a_field_is_a_reference_hold_a_value_instead
// CASE 4: error_more_than_64_fields_group_some_in_a_struct_of_their_own
// CASE 5: error_neither_a_plain_aggregate_nor_a_class_with_a_public_using_members_of_nn_Members
// CASE 6: error_a_base_has_fields_list_all_fields_in_a_public_using_members_of_nn_Members
// CASE 7: error_the_members_are_those_of_the_base_list_all_fields_in_a_using_members_of_this_class
// CASE 8: error_not_a_class_whose_fields_can_be_visited
// CASE 9: HasNoCArrayUseStdArray
// CASE 10: is_member_object_pointer
// CASE 11: two members in nn::Members have the same name
#include <taper/nn/reflect.hpp>

#ifndef CASE
#define CASE 0
#endif

namespace {

struct Visitor {
  template <class Field>
  void operator()(std::string_view, Field&) const {}
};

struct Layer {
  explicit Layer(int) {}
};
struct Fine {
  Layer a{1};
  std::array<float, 3> b{};
};
struct ArrayField {
  Layer a;
  float b[3];
};
struct LayerArray {
  Layer a{1};
  Layer b[2]{Layer{1}, Layer{2}};
};
struct ReferenceField {
  Layer a;
  float& b;
};
struct BaseWithFields : Fine {};
struct TooMany {
  int a0, a1, a2, a3, a4, a5, a6, a7, b0, b1, b2, b3, b4, b5, b6, b7, c0, c1, c2, c3, c4, c5, c6, c7, d0, d1, d2, d3;
  int d4, d5, d6, d7, e0, e1, e2, e3, e4, e5, e6, e7, f0, f1, f2, f3, f4, f5, f6, f7, g0, g1, g2, g3, g4, g5, g6, g7;
  int h0, h1, h2, h3, h4, h5, h6, h7, i0;
};
class Private {
  [[maybe_unused]] int a = 0;
};
struct FineMembers {
  explicit FineMembers(int) {}
  float* a = nullptr;
  [[maybe_unused]] void call() {}
  using members = taper::nn::Members<&FineMembers::a>;
};
struct Inherits : FineMembers {
  using FineMembers::FineMembers;
  float* b = nullptr;
};

struct Twice : FineMembers {
  using FineMembers::FineMembers;
  float* a = nullptr;
  using members = taper::nn::Members<&FineMembers::a, &Twice::a>;
};

template <class T>
void visit(T& object) {
  taper::detail::for_each_field(object, Visitor{});
}

}  // namespace

[[maybe_unused]] void fine(Fine& a, FineMembers& b) {
  visit(a);
  visit(b);
}

#if CASE == 1
void wrong(ArrayField& x) { visit(x); }
#elif CASE == 2
void wrong(LayerArray& x) { visit(x); }
#elif CASE == 3
void wrong(ReferenceField& x) { visit(x); }
#elif CASE == 4
void wrong(TooMany& x) { visit(x); }
#elif CASE == 5
void wrong(Private& x) { visit(x); }
#elif CASE == 6
void wrong(BaseWithFields& x) { visit(x); }
#elif CASE == 7
void wrong(Inherits& x) { visit(x); }
#elif CASE == 8
void wrong(int& x) { visit(x); }
#elif CASE == 9
static_assert(taper::nn::Reflected<ArrayField>);
#elif CASE == 10
using Wrong = taper::nn::Members<&FineMembers::call>;
#elif CASE == 11
void wrong(Twice& x) { visit(x); }
#endif
