// SPDX-License-Identifier: MIT
// The element types of tensors, their run-time tags, and PyTorch's promotion rules as a compile-time table.
#pragma once

#include <taper/config.hpp>
#include <taper/core/complex_operators.hpp>
#include <taper/core/half.hpp>

#include <complex>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace taper::inline TAPER_ABI {

/// Run-time tag of an element type, in promotion order within each category.
enum class DType : std::uint8_t { boolean, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64, complex64, complex128 };

/// PyTorch's name of a dtype: "float32", "int64", "bool", ...
constexpr std::string_view name(DType dtype) {
  constexpr std::string_view names[] = {"bool",    "uint8",    "int8",    "int16",   "int32",     "int64",
                                        "float16", "bfloat16", "float32", "float64", "complex64", "complex128"};
  return names[static_cast<int>(dtype)];
}
inline std::string to_string(DType dtype) { return std::string(name(dtype)); }

namespace base {
inline constexpr std::uint8_t dtype_sizes[] = {1, 1, 1, 2, 4, 8, 2, 2, 4, 8, 8, 16};
}
/// Bytes of one element.
TAPER_INLINE constexpr std::size_t size_of(DType dtype) { return base::dtype_sizes[static_cast<int>(dtype)]; }

namespace base {

template <class T>
struct DTypeOf;  // only the types below may be elements of a tensor
template <> struct DTypeOf<bool> : std::integral_constant<DType, DType::boolean> {};
template <> struct DTypeOf<std::uint8_t> : std::integral_constant<DType, DType::uint8> {};
template <> struct DTypeOf<std::int8_t> : std::integral_constant<DType, DType::int8> {};
template <> struct DTypeOf<std::int16_t> : std::integral_constant<DType, DType::int16> {};
template <> struct DTypeOf<std::int32_t> : std::integral_constant<DType, DType::int32> {};
template <> struct DTypeOf<std::int64_t> : std::integral_constant<DType, DType::int64> {};
template <> struct DTypeOf<float16> : std::integral_constant<DType, DType::float16> {};
template <> struct DTypeOf<bfloat16> : std::integral_constant<DType, DType::bfloat16> {};
template <> struct DTypeOf<float> : std::integral_constant<DType, DType::float32> {};
template <> struct DTypeOf<double> : std::integral_constant<DType, DType::float64> {};
template <> struct DTypeOf<std::complex<float>> : std::integral_constant<DType, DType::complex64> {};
template <> struct DTypeOf<std::complex<double>> : std::integral_constant<DType, DType::complex128> {};

template <DType>
struct TypeOf;
template <> struct TypeOf<DType::boolean> { using type = bool; };
template <> struct TypeOf<DType::uint8> { using type = std::uint8_t; };
template <> struct TypeOf<DType::int8> { using type = std::int8_t; };
template <> struct TypeOf<DType::int16> { using type = std::int16_t; };
template <> struct TypeOf<DType::int32> { using type = std::int32_t; };
template <> struct TypeOf<DType::int64> { using type = std::int64_t; };
template <> struct TypeOf<DType::float16> { using type = float16; };
template <> struct TypeOf<DType::bfloat16> { using type = bfloat16; };
template <> struct TypeOf<DType::float32> { using type = float; };
template <> struct TypeOf<DType::float64> { using type = double; };
template <> struct TypeOf<DType::complex64> { using type = std::complex<float>; };
template <> struct TypeOf<DType::complex128> { using type = std::complex<double>; };

}  // namespace base

/// A type that can be the element of a tensor.
template <class T>
concept Scalar = requires { base::DTypeOf<T>::value; };

template <Scalar T>
inline constexpr DType dtype_of = base::DTypeOf<T>::value;
template <DType dtype>
using type_of = typename base::TypeOf<dtype>::type;

template <class T>
concept Floating = std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, float16> || std::same_as<T, bfloat16>;
template <class T>
concept Complex = std::same_as<T, std::complex<float>> || std::same_as<T, std::complex<double>>;
/// bool counts as an integer here, as in PyTorch's categories below floating.
template <class T>
concept Integral = Scalar<T> && std::is_integral_v<T>;
/// Only these can want a gradient.
template <class T>
concept Differentiable = Floating<T> || Complex<T>;

/// A C++ value that may stand in an expression beside tensors.
template <class T>
concept ScalarLike = std::is_arithmetic_v<T> || Floating<T> || Complex<T>;

/// The type an op computes in: float for the 16-bit types, the type itself otherwise.
template <class T>
using compute_t = std::conditional_t<std::same_as<T, float16> || std::same_as<T, bfloat16>, float, T>;

/// The real type under a complex one, the type itself otherwise.
template <class T>
struct RealOf { using type = T; };
template <class T>
struct RealOf<std::complex<T>> { using type = T; };
template <class T>
using real_t = typename RealOf<T>::type;

namespace base {

constexpr bool is_floating(DType d) { return d >= DType::float16 && d <= DType::float64; }
constexpr bool is_complex(DType d) { return d >= DType::complex64; }
constexpr bool is_integral(DType d) { return d <= DType::int64; }

/// PyTorch's result_type of two tensors.
constexpr DType promote(DType a, DType b) {
  if (a == b) return a;
  if (a > b) return promote(b, a);  // a is the lower tag from here on
  if (is_complex(b)) return a == DType::float64 ? DType::complex128 : b;
  if (a == DType::float16 && b == DType::bfloat16) return DType::float32;
  if (is_floating(b)) return b;  // integers take the other's floating type; among floats the wider wins
  if (a == DType::uint8) return b == DType::int8 ? DType::int16 : b;
  return b;
}

constexpr int category(DType d) { return d == DType::boolean ? 0 : is_integral(d) ? 1 : is_floating(d) ? 2 : 3; }

/// The dtype a C++ scalar asks for when its category is above the tensor's: int64, float (the default dtype), complex64.
template <ScalarLike S>
constexpr DType scalar_dtype() {
  if constexpr (std::is_same_v<S, bool>) return DType::boolean;
  else if constexpr (std::is_integral_v<S>) return DType::int64;
  else if constexpr (Complex<S>) return DType::complex64;
  else return DType::float32;
}

/// A C++ scalar never promotes a tensor of its own or a higher category.
constexpr DType promote_scalar(DType tensor, DType scalar) {
  if (category(scalar) <= category(tensor)) return tensor;
  if (is_complex(scalar)) return tensor == DType::float64 ? DType::complex128 : DType::complex64;
  return scalar;
}

}  // namespace base

/// The element type of an op over T and U (and more), by PyTorch's rules.
template <Scalar T, Scalar... U>
struct Promote { using type = T; };
template <Scalar T, Scalar U, Scalar... V>
struct Promote<T, U, V...> : Promote<type_of<base::promote(dtype_of<T>, dtype_of<U>)>, V...> {};
template <class... T>
using promote_t = typename Promote<T...>::type;

/// The element type of an op over a tensor of T and a C++ scalar of type S.
template <Scalar T, ScalarLike S>
using promote_scalar_t = type_of<base::promote_scalar(dtype_of<T>, base::scalar_dtype<S>())>;

/// T where T is floating or complex, float (the default dtype) where it is an integer: the type of int / int, exp(int), ...
template <Scalar T>
using floating_t = std::conditional_t<Differentiable<T>, T, float>;

/// Calls f.operator()<T>() with the type of a run-time dtype.
template <class F>
decltype(auto) dispatch_dtype(DType dtype, F&& f) {
  switch (dtype) {
    case DType::boolean: return f.template operator()<bool>();
    case DType::uint8: return f.template operator()<std::uint8_t>();
    case DType::int8: return f.template operator()<std::int8_t>();
    case DType::int16: return f.template operator()<std::int16_t>();
    case DType::int32: return f.template operator()<std::int32_t>();
    case DType::int64: return f.template operator()<std::int64_t>();
    case DType::float16: return f.template operator()<float16>();
    case DType::bfloat16: return f.template operator()<bfloat16>();
    case DType::float32: return f.template operator()<float>();
    case DType::float64: return f.template operator()<double>();
    case DType::complex64: return f.template operator()<std::complex<float>>();
    default: return f.template operator()<std::complex<double>>();
  }
}

}  // namespace taper::inline TAPER_ABI
