// SPDX-License-Identifier: MIT
// Functions that take a list of tensors, or give one.
#pragma once

#include <taper/core/pool_vector.hpp>
#include <taper/core/tensor.hpp>

#include <initializer_list>
#include <iterator>
#include <span>

namespace taper::inline TAPER_CODE {

/// Several tensors of one dtype: what split, chunk and unbind give.
template <Scalar T, Device D = Cpu>
using TensorList = detail::PoolVector<Tensor<T, D>>;

namespace detail {

/// A container of tensors.
template <class R>
concept TensorRange = !TensorLike<R> && requires(const R& r) {
  { *std::begin(r) } -> TensorHandle;
  std::end(r);
};
template <TensorRange R>
using range_tensor_t = tensor_t<decltype(*std::begin(std::declval<const R&>()))>;

template <TensorRange R>
auto list_of(const R& tensors) {
  return PoolVector<range_tensor_t<R>>(std::begin(tensors), std::end(tensors));
}

/// What a braced list that is no list of tensors of one type is taken for.
struct AnyListElement {
  template <TensorLike X>
  AnyListElement(const X&) {}
};
// Left incomplete: its name is the diagnostic.
struct error_the_tensors_of_a_list_must_have_one_dtype_and_device_write_cast_and_Tensor_around_expressions;

}  // namespace detail

// NAME(list, arguments) over detail::NAME_of(span, axis).
#define TAPER_OF_TENSOR_LIST(NAME, ...)                                                                               \
  template <Device D, Scalar T>                                                                                       \
  Tensor<T, D> NAME(std::initializer_list<Tensor<T, D>> tensors __VA_OPT__(, __VA_ARGS__)) {                          \
    return detail::NAME##_of(std::span<const Tensor<T, D>>(tensors.begin(), tensors.size()) __VA_OPT__(, axis));      \
  }                                                                                                                   \
  template <Scalar T, Device D = Cpu>                                                                                 \
  Tensor<T, D> NAME(std::initializer_list<std::type_identity_t<Tensor<T, D>>> tensors __VA_OPT__(, __VA_ARGS__)) {    \
    return detail::NAME##_of(std::span<const Tensor<T, D>>(tensors.begin(), tensors.size()) __VA_OPT__(, axis));      \
  }                                                                                                                   \
  template <detail::TensorRange R>                                                                                    \
  detail::range_tensor_t<R> NAME(const R& tensors __VA_OPT__(, __VA_ARGS__)) {                                        \
    const auto list = detail::list_of(tensors);                                                                       \
    return detail::NAME##_of(std::span(list.data(), list.size()) __VA_OPT__(, axis));                                 \
  }                                                                                                                   \
  detail::error_the_tensors_of_a_list_must_have_one_dtype_and_device_write_cast_and_Tensor_around_expressions NAME(   \
      std::initializer_list<detail::AnyListElement>, std::int64_t = 0) = delete;

}  // namespace taper::inline TAPER_CODE
