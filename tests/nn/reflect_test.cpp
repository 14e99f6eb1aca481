// SPDX-License-Identifier: MIT
// Reflection: counting, naming and visiting the fields of aggregates and of classes that list their members.
// Build: -DTAPER_FIRST_ORDER_ONLY
#include <taper/nn/reflect.hpp>

#include <any>
#include <array>
#include <atomic>
#include <complex>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "tests/support/catch.hpp"

namespace {

using namespace taper;
using detail::field_count;
using detail::field_names;
using detail::field_types;
using detail::FieldTypes;
using detail::reflect_fault;
using detail::ReflectFault;

struct Options {
  int stride = 1;
  bool bias = true;
};

// As layers are: no default constructor, explicit, several arguments, some with defaults.
struct Linear {
  explicit Linear(int in, int out = 1, Options = {}) : in(in), out(out) {}
  int in, out;
};
struct MoveOnly {
  explicit MoveOnly(int value) : value(value) {}
  MoveOnly(MoveOnly&&) = default;
  MoveOnly& operator=(MoveOnly&&) = default;
  int value;
};
struct Pinned {
  Pinned() = default;
  Pinned(Pinned&&) = delete;
};
struct Anything {
  template <class T>
  Anything(T&&) {}
};
struct AnythingConst {
  template <class T>
  AnythingConst(const T&) {}
};
struct Empty {};

template <class T>
struct One {
  T field;
};
template <class T>
struct Middle {
  int before;
  T field;
  Linear after;
};

// Whatever the type of a field, it is one field.
template <class T>
constexpr bool counts_as_one = field_count<One<T>>() == 1 && field_count<Middle<T>>() == 3 &&
                               std::is_same_v<field_types<Middle<T>>, FieldTypes<int, T, Linear>>;

static_assert(counts_as_one<int> && counts_as_one<const float> && counts_as_one<double*> &&
              counts_as_one<std::nullptr_t>);
static_assert(counts_as_one<Options> && counts_as_one<Empty> && counts_as_one<One<int>> &&
              counts_as_one<Middle<Linear>>);
static_assert(counts_as_one<Linear> && counts_as_one<const Linear> && counts_as_one<MoveOnly> && counts_as_one<Pinned>);
static_assert(counts_as_one<std::array<Linear, 3>> && counts_as_one<std::array<int, 2>> &&
              counts_as_one<std::array<int, 0>>);
static_assert(counts_as_one<std::array<std::array<Linear, 2>, 2>> && counts_as_one<std::complex<float>>);
static_assert(counts_as_one<std::vector<MoveOnly>> && counts_as_one<std::string> && counts_as_one<std::string_view>);
static_assert(counts_as_one<std::unique_ptr<int>> && counts_as_one<std::shared_ptr<int>> &&
              counts_as_one<std::atomic<int>>);
static_assert(counts_as_one<std::mutex> && counts_as_one<std::map<std::string, Linear>> && counts_as_one<std::any>);
static_assert(counts_as_one<std::optional<int>> && counts_as_one<std::optional<Linear>>);
static_assert(counts_as_one<std::optional<MoveOnly>> && counts_as_one<std::optional<std::unique_ptr<int>>>);
static_assert(counts_as_one<std::tuple<>> && counts_as_one<std::tuple<int>> && counts_as_one<std::tuple<int, Linear>>);
static_assert(counts_as_one<std::pair<int, Linear>> && counts_as_one<std::variant<int, Linear>>);
static_assert(counts_as_one<std::function<void()>> && counts_as_one<Anything> && counts_as_one<One<Anything>>);
static_assert(counts_as_one<One<std::any>> && counts_as_one<One<AnythingConst>>);

// A field that takes a conversion from everything, at the end, where its argument may be of any kind.
struct EndsWithAnything {
  int a = 1;
  AnythingConst last = 2;
};
static_assert(field_count<EndsWithAnything>() == 2);

struct Initialised {
  Linear a{1}, b{2, 3};
  std::array<Linear, 2> blocks{Linear{1}, Linear{2}};
  std::unique_ptr<int> c;
  MoveOnly d{7};
};
static_assert(field_count<Initialised>() == 5);

static_assert(field_count<Empty>() == 0 && std::is_same_v<field_types<Empty>, FieldTypes<>>);

#define TAPER_TEST_ROW(p) p##0, p##1, p##2, p##3, p##4, p##5, p##6, p##7
struct Full {
  int TAPER_TEST_ROW(a), TAPER_TEST_ROW(b), TAPER_TEST_ROW(c), TAPER_TEST_ROW(d);
  int TAPER_TEST_ROW(e), TAPER_TEST_ROW(f), TAPER_TEST_ROW(g), TAPER_TEST_ROW(h);
};
struct Overfull {
  Full full;
  int TAPER_TEST_ROW(a), TAPER_TEST_ROW(b), TAPER_TEST_ROW(c), TAPER_TEST_ROW(d);
  int TAPER_TEST_ROW(e), TAPER_TEST_ROW(f), TAPER_TEST_ROW(g), TAPER_TEST_ROW(h);
};
#undef TAPER_TEST_ROW
static_assert(field_count<Full>() == 64);
static_assert(reflect_fault<Overfull> == ReflectFault::too_many_fields);

// Empty bases have no field.
struct Tag {};
template <class T>
struct Mixin {};
struct WithBase : Tag {
  Linear a{1};
  int b = 2;
};
struct WithBases : Tag, Mixin<WithBases> {
  Linear a;
  int b;
};
struct OnlyBase : Tag {};
struct HasFields {
  int x;
};
struct WithFields : HasFields {
  int y;
};
static_assert(field_count<WithBase>() == 2 && field_count<WithBases>() == 2 && field_count<OnlyBase>() == 0);
static_assert(reflect_fault<WithFields> == ReflectFault::base_with_fields);

struct Array {
  int a;
  float data[3];
};
struct ArrayOfOne {
  float data[1];
};
struct ArrayFirst {
  std::string data[2];
  Linear after;
};
struct LongArray {
  int a;
  float data[100];
};
struct LayerArray {
  Linear a, data[2], b;
};
struct LayerArrayInitialised {
  Linear a{1};
  Linear data[3]{Linear{1}, Linear{2}, Linear{3}};
  Linear b{2};
};
struct Matrix {
  int data[2][2];
};
static_assert(reflect_fault<Array> == ReflectFault::c_array);
static_assert(reflect_fault<ArrayOfOne> == ReflectFault::c_array);
static_assert(reflect_fault<ArrayFirst> == ReflectFault::c_array);
static_assert(reflect_fault<LongArray> == ReflectFault::c_array);
static_assert(reflect_fault<Matrix> == ReflectFault::c_array);
#if !defined(__CUDACC__)  // nvcc counts these wrong, and rejects the structured bindings
static_assert(reflect_fault<LayerArray> == ReflectFault::c_array);
static_assert(reflect_fault<LayerArrayInitialised> == ReflectFault::c_array);
#endif

int global = 0;
struct Reference {
  float a;
  int& b;
};
struct ConstReference {
  const std::string& a;
};
struct ReferenceInitialised {
  std::optional<int> a;
  int& b = global;
  Linear c{1};
};
struct LayerReference {
  Linear& a;
  Linear b;
};
static_assert(reflect_fault<Reference> == ReflectFault::reference);
static_assert(reflect_fault<ConstReference> == ReflectFault::reference);
static_assert(reflect_fault<ReferenceInitialised> == ReflectFault::reference);
static_assert(reflect_fault<LayerReference> == ReflectFault::reference);

class Hidden {
 public:
  explicit Hidden(int weight) : weight_(weight) {}
  int weight() const { return weight_; }

 private:
  int weight_ = 0;
  const MoveOnly bias{3};

 public:
  using members = nn::Members<&Hidden::weight_, &Hidden::bias>;
};
static_assert(field_count<Hidden>() == 2 && std::is_same_v<field_types<Hidden>, FieldTypes<int, const MoveOnly>>);

// A derived class lists what it wants of its base, too.
struct Derived : Hidden, HasFields {
  Linear y{1};
  using Hidden::Hidden;
  using members = nn::Members<&HasFields::x, &Derived::y>;
};
static_assert(std::is_same_v<field_types<Derived>, FieldTypes<int, Linear>>);

struct AddsNothing : Hidden {
  using Hidden::Hidden;
};
struct AddsFields : Hidden {
  using Hidden::Hidden;
  std::unique_ptr<int> y;
};
static_assert(nn::Reflected<AddsNothing> && reflect_fault<AddsFields> == ReflectFault::inherited_members);

struct ListedArray {
  explicit ListedArray(int);
  int data[2];
  using members = nn::Members<&ListedArray::data>;
};
static_assert(reflect_fault<ListedArray> == ReflectFault::c_array);

struct Virtual {
  virtual ~Virtual() = default;
  int x;
};
class PrivateList {
  using members = nn::Members<>;
  [[maybe_unused]] int x;
};
struct OtherMembers {
  explicit OtherMembers(int);
  using members = int;
};
union Union {
  int a;
  float b;
};
static_assert(reflect_fault<Virtual> == ReflectFault::no_aggregate);
static_assert(reflect_fault<PrivateList> == ReflectFault::no_aggregate);
static_assert(reflect_fault<OtherMembers> == ReflectFault::no_aggregate);
static_assert(reflect_fault<Linear> == ReflectFault::no_aggregate);
static_assert(reflect_fault<Union> == ReflectFault::no_class);
static_assert(!nn::Reflected<int> && !nn::Reflected<int*> && !nn::Reflected<int[2]> && !nn::Reflected<int&>);
static_assert(!nn::Reflected<Array> && !nn::Reflected<Reference> && !nn::Reflected<Overfull> &&
              !nn::Reflected<WithFields>);
static_assert(nn::Reflected<Initialised> && nn::Reflected<const Initialised> && nn::Reflected<Hidden>);

template <class D>
struct Net {
  Linear conv1{1, 2};
  std::vector<D> blocks2_;
  const D größe{};
};

template <class T>
std::vector<std::string> names() {
  std::vector<std::string> result;
  for (std::string_view name : field_names<T>()) result.emplace_back(name);
  return result;
}

using Strings = std::vector<std::string>;

}  // namespace

namespace outside {
template <class T>
struct Net {
  struct Block {
    T x, object, none;
  };
  Block head;
};
}  // namespace outside

TEST_CASE("fields have the names of the source", "[reflect]") {
  CHECK(names<Initialised>() == Strings{"a", "b", "blocks", "c", "d"});
  CHECK(names<WithBases>() == Strings{"a", "b"});
  CHECK(names<Empty>().empty());
  CHECK(names<Net<float>>() == Strings{"conv1", "blocks2_", "größe"});
  CHECK(names<Net<Net<void (*)(int&, char)>>>() == Strings{"conv1", "blocks2_", "größe"});
  CHECK(names<outside::Net<std::string>>() == Strings{"head"});
  CHECK(names<outside::Net<std::string>::Block>() == Strings{"x", "object", "none"});
  CHECK(names<Hidden>() == Strings{"weight_", "bias"});
  CHECK(names<Derived>() == Strings{"x", "y"});
  CHECK(names<const WithBase>() == Strings{"a", "b"});
  CHECK(names<Full>()[63] == "h7");
  CHECK(names<Full>()[8] == "b0");

  struct Local {
    MoveOnly first;
    std::string second;
  };
  CHECK(names<Local>() == Strings{"first", "second"});
  auto in_lambda = [](auto value) {
    struct Inner {
      decltype(value) deep;
    };
    return names<Inner>();
  };
  CHECK(in_lambda(1) == Strings{"deep"});
}

#if !defined(__CUDA_ARCH__)  // nvcc's device pass does not know the names
static_assert(field_names<Net<int>>()[1] == "blocks2_" && field_names<Hidden>()[0] == "weight_");
#endif

TEST_CASE("a visit gives every field by reference, in order", "[reflect]") {
  Initialised net;
  Strings seen;
  std::vector<const void*> addresses;
  detail::for_each_field(net, [&](std::string_view name, auto& field) {
    seen.emplace_back(name);
    addresses.push_back(&field);
    if constexpr (std::is_same_v<decltype(field), Linear&>) field.in += 10;
    static_assert(!std::is_const_v<std::remove_reference_t<decltype(field)>>);
  });
  CHECK(seen == Strings{"a", "b", "blocks", "c", "d"});
  CHECK(addresses == std::vector<const void*>{&net.a, &net.b, &net.blocks, &net.c, &net.d});
  CHECK(net.a.in == 11);
  CHECK(net.b.in == 12);

  int sum = 0;
  detail::for_each_field(std::as_const(net), [&](std::string_view, auto& field) {
    static_assert(std::is_const_v<std::remove_reference_t<decltype(field)>>);
    if constexpr (std::is_same_v<decltype(field), const Linear&>) sum += field.in;
  });
  CHECK(sum == 23);
}

TEST_CASE("listed members are visited like the fields of an aggregate", "[reflect]") {
  Hidden hidden{5};
  Strings seen;
  detail::for_each_field(hidden, [&](std::string_view name, auto& field) {
    seen.emplace_back(name);
    if constexpr (std::is_same_v<decltype(field), int&>) field = 6;
  });
  CHECK(seen == Strings{"weight_", "bias"});
  CHECK(hidden.weight() == 6);

  Derived derived{1};
  derived.x = 4;
  int sum = 0;
  detail::for_each_field(std::as_const(derived), [&](std::string_view, auto& field) {
    if constexpr (std::is_same_v<decltype(field), const int&>) sum += field;
  });
  CHECK(sum == 4);
}

TEST_CASE("all fields at once, also at compile time", "[reflect]") {
  constexpr auto add = [](const auto&... field) { return (0 + ... + field); };
  struct Sizes {
    int n, c;
    long h;
  };
  constexpr Sizes sizes{1, 2, 3};
  static_assert(detail::apply_fields(sizes, add) == 6);

  Full full{};
  int next = 0;
  detail::for_each_field(full, [&](std::string_view, int& field) { field = next++; });
  CHECK(full.a0 == 0);
  CHECK(full.c3 == 19);
  CHECK(full.h7 == 63);
  CHECK(detail::apply_fields(full, add) == 63 * 64 / 2);

  Empty empty;
  detail::for_each_field(empty, [](std::string_view, auto&) { FAIL("an empty class has no field"); });
}
