// SPDX-License-Identifier: MIT
// A tensor's elements in row-major order, whatever its strides; to_vector.
#pragma once

#include <taper/core/tensor.hpp>

#include <type_traits>
#include <vector>

namespace taper::inline TAPER_CODE {

namespace detail {

/// Calls f(offset) for every element of a geometry in row-major order; offsets count elements from the first one.
template <class F>
void for_each_offset(const Shape& shape, const Strides& strides, F&& f) {
  const int rank = shape.size();
  std::int64_t index[max_rank] = {}, offset = 0;
  for (std::int64_t left = shape.numel(); left > 0; --left) {
    f(offset);
    for (int i = rank - 1; i >= 0; --i) {
      offset += strides[i];
      if (++index[i] < shape[i]) break;
      offset -= shape[i] * strides[i];
      index[i] = 0;
    }
  }
}

/// What is stored: the tensor itself, or the value of an expression.
template <TensorLike X>
decltype(auto) stored(const X& x) {
  if constexpr (TensorHandle<X>) return static_cast<const tensor_t<X>&>(x);
  else return x.value();
}

}  // namespace detail

/// A copy of the elements in row-major order, flat: PyTorch's x.flatten().tolist().
template <TensorLike X>
std::vector<value_t<X>> to_vector(const X& x) {
  static_assert(std::same_as<device_t<X>, Cpu>, "to_vector reads host memory: write to_vector(to<Cpu>(x))");
  const tensor_t<X> t = detail::stored(x);
  const value_t<X>* p = t.data_ptr();
  if (t.is_contiguous()) return std::vector<value_t<X>>(p, p + t.numel());
  std::vector<value_t<X>> out;
  out.reserve(static_cast<std::size_t>(t.numel()));
  detail::for_each_offset(t.shape(), t.strides(), [&](std::int64_t offset) { out.push_back(p[offset]); });
  return out;
}

}  // namespace taper::inline TAPER_CODE
