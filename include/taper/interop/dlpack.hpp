// SPDX-License-Identifier: MIT
// Tensors to and from other libraries by DLPack, without a copy, on the host and on a GPU.
#pragma once

#include <taper/core/any_tensor.hpp>
#include <taper/core/from_blob.hpp>

#include <dlpack/dlpack.h>

namespace taper::inline TAPER_ABI {

namespace base {

/// DLPack's name for the device that memory is on; the current one for null. A device but the host says it itself:
/// System::dlpack_type and System::dlpack_index(memory).
template <Device D>
DLDevice dlpack_device(const void* memory) {
  if constexpr (on_host<D>) return {kDLCPU, 0};
  else return {static_cast<DLDeviceType>(D::System::dlpack_type), D::System::dlpack_index(memory)};
}

inline DLDataType dlpack_type(DType dtype) {
  const auto bits = static_cast<std::uint8_t>(8 * size_of(dtype));
  switch (dtype) {
    case DType::boolean: return {kDLUInt, 8, 1};  // as NumPy and PyTorch before DLPack had a bool
    case DType::uint8: return {kDLUInt, bits, 1};
    case DType::int8:
    case DType::int16:
    case DType::int32:
    case DType::int64: return {kDLInt, bits, 1};
    case DType::bfloat16: return {kDLBfloat, bits, 1};
    case DType::complex64:
    case DType::complex128: return {kDLComplex, bits, 1};
    default: return {kDLFloat, bits, 1};
  }
}
inline constexpr std::uint8_t dlpack_bool = 6;  // kDLBool of later versions

/// Whether elements of that description are those of `dtype`.
inline bool dlpack_holds(const DLDataType& type, DType dtype) {
  if (type.lanes != 1) return false;
  if (dtype == DType::boolean && type.code == dlpack_bool && type.bits == 8) return true;
  const DLDataType own = dlpack_type(dtype);
  return type.code == own.code && type.bits == own.bits;
}

/// What is exported: DLPack's struct, with the record it keeps alive and the sizes it points to.
struct Exported {
  DLManagedTensor managed;
  RecordPtr record;
  std::int64_t shape[max_rank], strides[max_rank];
};

}  // namespace base

/// x for another library, which calls the result's deleter when it is done; elements are shared, history is not. On a GPU the
/// consumer must order its work behind the current stream.
template <Scalar T, Device D>
DLManagedTensor* to_dlpack(const Tensor<T, D>& x) {
  base::TensorRecord& r = x.record();
  auto* e = new base::Exported{{}, base::make_alias(r, base::geometry_of(r)), {}, {}};
  for (int i = 0; i < r.shape.size(); ++i) e->shape[i] = r.shape[i], e->strides[i] = r.strides[i];
  e->managed.dl_tensor = {r.data, base::dlpack_device<D>(r.data), r.shape.size(), base::dlpack_type(r.dtype), e->shape, e->strides, 0};
  e->managed.manager_ctx = e;
  e->managed.deleter = [](DLManagedTensor* self) { delete static_cast<base::Exported*>(self->manager_ctx); };
  return &e->managed;
}

/// A tensor over another library's memory, which is given back when the last tensor over it goes.
/// Throws: DTypeError or DeviceError where the elements are none of T on D, of several GPUs the current one; ShapeError for more than
/// 8 axes or negative strides. Then `managed` is still the caller's.
template <Scalar T, Device D = Cpu>
Tensor<T, D> from_dlpack(DLManagedTensor* managed) {
  if (!managed) base::raise<ValueError>("from_dlpack", "the pointer is null");
  const DLTensor& t = managed->dl_tensor;
  const DLDevice device = base::dlpack_device<D>(nullptr);
  if (t.device.device_type != device.device_type || t.device.device_id != device.device_id)
    base::raise<DeviceError>("from_dlpack", "the elements are on DLPack's device ", static_cast<int>(t.device.device_type), ":", t.device.device_id,
                             ", not on ", D::name, " (", static_cast<int>(device.device_type), ":", device.device_id, ")",
                             t.device.device_type == device.device_type ? "; make theirs the current one (set_device, DeviceGuard)" : "");
  if (!base::dlpack_holds(t.dtype, dtype_of<T>))
    base::raise<DTypeError>("from_dlpack", "elements of DLPack's type (code ", static_cast<int>(t.dtype.code), ", ", static_cast<int>(t.dtype.bits), " bits, ",
                            t.dtype.lanes, " lanes) are not ", dtype_of<T>);
  if (t.ndim < 0 || t.ndim > max_rank) base::raise<ShapeError>("from_dlpack", "a tensor of ", t.ndim, " axes: at most ", max_rank, " are possible");
  Shape shape;
  for (int i = 0; i < t.ndim; ++i) shape.push_back(t.shape[i]);
  base::check_shape("from_dlpack", shape);
  Strides strides = base::contiguous_strides(shape);
  if (t.strides)
    for (int i = 0; i < t.ndim; ++i) strides[i] = t.strides[i];
  auto* data = reinterpret_cast<T*>(static_cast<std::byte*>(t.data) + t.byte_offset);
  return from_blob<T, D>(data, shape, strides, [managed](void*) {
    if (managed->deleter) managed->deleter(managed);
  });
}

}  // namespace taper::inline TAPER_ABI
