// SPDX-License-Identifier: MIT
// Tensors over memory that belongs to someone else: no copy is made.
#pragma once

#include <taper/core/tensor.hpp>

namespace taper::inline TAPER_ABI {

namespace base {

struct error_const_memory_cannot_back_a_tensor_copy_it_with_tensor;  // left incomplete: its name is the diagnostic

/// Checks what a caller says of foreign memory; returns the bytes up to the end of the last element. `whole`: the device reads a
/// complex element at once, so that its parts' alignment does not do.
inline std::size_t check_blob(const void* data, DType dtype, const Shape& shape, const Strides& strides, bool whole) {
  check_shape("from_blob", shape);
  if (strides.size() != shape.size())
    raise<ShapeError>("from_blob", "the strides ", strides, " and the shape ", shape, " differ in length");
  const auto bytes_each = static_cast<std::int64_t>(size_of(dtype));
  std::int64_t last = 0;
  bool overflow = false;
  for (int i = 0; i < shape.size(); ++i) {
    if (strides[i] < 0)
      raise<ShapeError>("from_blob", "the strides ", strides, " have a negative step: start at the other end and flip");
    std::int64_t step = 0;
    overflow |= __builtin_mul_overflow(shape[i] > 0 ? shape[i] - 1 : 0, strides[i], &step);
    overflow |= __builtin_add_overflow(last, step, &last);
  }
  std::int64_t bytes = 0;
  overflow |= __builtin_add_overflow(last, 1, &last) || __builtin_mul_overflow(last, bytes_each, &bytes);
  if (overflow) raise<ShapeError>("from_blob", "the strides ", strides, " of the shape ", shape, " reach too far");
  if (shape.numel() == 0) return 0;
  if (!data) raise<ValueError>("from_blob", "the pointer is null, but the shape ", shape, " has elements");
  const auto alignment = static_cast<std::uintptr_t>(is_complex(dtype) && !whole ? bytes_each / 2 : bytes_each);
  if (reinterpret_cast<std::uintptr_t>(data) % alignment != 0)
    raise<ValueError>("from_blob", "the pointer is not aligned for ", name(dtype), ": copy the data instead");
  return static_cast<std::size_t>(bytes);
}

struct KeepBlob {
  void operator()(void*) const noexcept {}
};

}  // namespace base

/// A tensor over the caller's memory, which must outlive it and its views, or which `deleter(pointer)` frees when the
/// last of them goes. Strides count elements; without them the memory is dense and row-major. Where it throws, the
/// deleter is not called.
/// Throws: ShapeError for negative or too large sizes and strides; ValueError for a null or misaligned pointer.
template <Scalar T, Device D = Cpu, class Deleter = base::KeepBlob>
  requires std::invocable<Deleter&, void*>
Tensor<T, D> from_blob(T* data, const Shape& shape, const Strides& strides, Deleter deleter = {}) {
  const std::size_t bytes = base::check_blob(data, dtype_of<T>, shape, strides, !base::on_host<D>);
  const std::int16_t index = base::device_index<D>();
  base::Storage* storage = base::adopt_storage(data, bytes, std::move(deleter));
  storage->index = index;
  return Tensor<T, D>(base::make_record(dtype_of<T>, storage, {shape, strides, 0}));
}
template <Scalar T, Device D = Cpu, class Deleter = base::KeepBlob>
  requires std::invocable<Deleter&, void*>
Tensor<T, D> from_blob(T* data, const Shape& shape, Deleter deleter = {}) {
  base::check_shape("from_blob", shape);
  return from_blob<T, D>(data, shape, base::contiguous_strides(shape), std::move(deleter));
}

/// The same over untyped memory: from_blob<float>(pointer, {2, 3}).
template <Scalar T, Device D = Cpu, std::same_as<void> V, class Deleter = base::KeepBlob>
  requires std::invocable<Deleter&, void*>
Tensor<T, D> from_blob(V* data, const Shape& shape, const Strides& strides, Deleter deleter = {}) {
  return from_blob<T, D>(static_cast<T*>(data), shape, strides, std::move(deleter));
}
template <Scalar T, Device D = Cpu, std::same_as<void> V, class Deleter = base::KeepBlob>
  requires std::invocable<Deleter&, void*>
Tensor<T, D> from_blob(V* data, const Shape& shape, Deleter deleter = {}) {
  return from_blob<T, D>(static_cast<T*>(data), shape, std::move(deleter));
}

template <class T, class... Rest>
base::error_const_memory_cannot_back_a_tensor_copy_it_with_tensor from_blob(const T* data, const Shape& shape,
                                                                              Rest&&...) = delete;

}  // namespace taper::inline TAPER_ABI
