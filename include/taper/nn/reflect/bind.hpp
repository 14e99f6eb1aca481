// SPDX-License-Identifier: MIT
// Structured bindings of 0 to 64 names: the one way C++20 has to reach the fields of a type that does not list them.
#pragma once

#include <taper/config.hpp>

#include <cstddef>

namespace taper::inline TAPER_CODE::detail {

/// The declared types of the fields of a reflected class, in their order, const and references included.
template <class... Fields>
struct FieldTypes {
  static constexpr std::size_t size = sizeof...(Fields);
};

// Bind<N>::apply(object, f) is f(field...); Bind<N>::types<T>() is FieldTypes of the fields. Full specialisations, so
// that a use looks one up instead of trying 64.
template <std::size_t N>
struct Bind;

template <>
struct Bind<0> {
  template <class T, class F>
  TAPER_INLINE static constexpr decltype(auto) apply(T& /*object*/, F&& f) {
    return f();
  }
  template <class T>
  static FieldTypes<> types(T& object);
};

// Rows of eight names a1 ... a8, b1 ... b8, each passed through `of`: itself, or decltype.
#define TAPER_BIND_1(of, p) of(p##1)
#define TAPER_BIND_2(of, p) TAPER_BIND_1(of, p), of(p##2)
#define TAPER_BIND_3(of, p) TAPER_BIND_2(of, p), of(p##3)
#define TAPER_BIND_4(of, p) TAPER_BIND_3(of, p), of(p##4)
#define TAPER_BIND_5(of, p) TAPER_BIND_4(of, p), of(p##5)
#define TAPER_BIND_6(of, p) TAPER_BIND_5(of, p), of(p##6)
#define TAPER_BIND_7(of, p) TAPER_BIND_6(of, p), of(p##7)
#define TAPER_BIND_8(of, p) TAPER_BIND_7(of, p), of(p##8)

#define TAPER_BIND_ROWS0(of)
#define TAPER_BIND_ROWS1(of) TAPER_BIND_8(of, a),
#define TAPER_BIND_ROWS2(of) TAPER_BIND_ROWS1(of) TAPER_BIND_8(of, b),
#define TAPER_BIND_ROWS3(of) TAPER_BIND_ROWS2(of) TAPER_BIND_8(of, c),
#define TAPER_BIND_ROWS4(of) TAPER_BIND_ROWS3(of) TAPER_BIND_8(of, d),
#define TAPER_BIND_ROWS5(of) TAPER_BIND_ROWS4(of) TAPER_BIND_8(of, e),
#define TAPER_BIND_ROWS6(of) TAPER_BIND_ROWS5(of) TAPER_BIND_8(of, g),
#define TAPER_BIND_ROWS7(of) TAPER_BIND_ROWS6(of) TAPER_BIND_8(of, h),

#define TAPER_BIND_NAME(name) name
#define TAPER_BIND_NAMES(of, rows, last, p) TAPER_BIND_ROWS##rows(of) TAPER_BIND_##last(of, p)
#define TAPER_BIND(rows, last, p)                                          \
  template <>                                                              \
  struct Bind<8 * rows + last> {                                           \
    template <class T, class F>                                            \
    TAPER_INLINE static constexpr decltype(auto) apply(T& object, F&& f) { \
      auto& [TAPER_BIND_NAMES(TAPER_BIND_NAME, rows, last, p)] = object;   \
      return f(TAPER_BIND_NAMES(TAPER_BIND_NAME, rows, last, p));          \
    }                                                                      \
    template <class T>                                                     \
    static constexpr auto types(T& object) {                               \
      auto& [TAPER_BIND_NAMES(TAPER_BIND_NAME, rows, last, p)] = object;   \
      return FieldTypes<TAPER_BIND_NAMES(decltype, rows, last, p)>{};      \
    }                                                                      \
  };
// clang-format off
#define TAPER_BIND_ROW(rows, p)                                                               \
  TAPER_BIND(rows, 1, p) TAPER_BIND(rows, 2, p) TAPER_BIND(rows, 3, p) TAPER_BIND(rows, 4, p) \
  TAPER_BIND(rows, 5, p) TAPER_BIND(rows, 6, p) TAPER_BIND(rows, 7, p) TAPER_BIND(rows, 8, p)
// clang-format on

TAPER_BIND_ROW(0, a)
TAPER_BIND_ROW(1, b)
TAPER_BIND_ROW(2, c)
TAPER_BIND_ROW(3, d)
TAPER_BIND_ROW(4, e)
TAPER_BIND_ROW(5, g)
TAPER_BIND_ROW(6, h)
TAPER_BIND_ROW(7, i)

#undef TAPER_BIND_ROW
#undef TAPER_BIND
#undef TAPER_BIND_NAMES
#undef TAPER_BIND_NAME
#undef TAPER_BIND_ROWS7
#undef TAPER_BIND_ROWS6
#undef TAPER_BIND_ROWS5
#undef TAPER_BIND_ROWS4
#undef TAPER_BIND_ROWS3
#undef TAPER_BIND_ROWS2
#undef TAPER_BIND_ROWS1
#undef TAPER_BIND_ROWS0
#undef TAPER_BIND_8
#undef TAPER_BIND_7
#undef TAPER_BIND_6
#undef TAPER_BIND_5
#undef TAPER_BIND_4
#undef TAPER_BIND_3
#undef TAPER_BIND_2
#undef TAPER_BIND_1

}  // namespace taper::inline TAPER_CODE::detail
