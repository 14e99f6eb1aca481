// SPDX-License-Identifier: MIT
// Tensors in files: safetensors (read, mapped, written), .npy, IDX.
#pragma once

#include <taper/backend/cpu/strided.hpp>
#include <taper/core/state_dict.hpp>
#include <taper/io/idx.hpp>
#include <taper/io/mapped_file.hpp>
#include <taper/io/npy.hpp>
#include <taper/io/safetensors.hpp>

#include <vector>

namespace taper::inline TAPER_CODE::io {

using Metadata = safetensors::Metadata;

namespace internal {

TAPER_RARE inline AnyTensor copied(Bytes data, DType dtype, const Shape& shape, bool big_endian) {
  detail::RecordPtr r = detail::make_dense<Cpu>(dtype, shape);
  copy_elements(data, dtype, big_endian, r->data);
  return AnyTensor(std::move(r));
}

/// The elements of a tensor in row-major order: its own memory where that is dense, otherwise a copy in `store`.
TAPER_RARE inline Bytes dense_elements(const AnyTensor& tensor, taper::detail::PoolVector<std::vector<std::byte>>& store) {
  const detail::TensorRecord& r = tensor.record();
  const std::size_t size = size_of(r.dtype), bytes = static_cast<std::size_t>(r.numel) * size;
  if (r.contiguous) return {r.data, bytes};
  auto& copy = store.emplace_back(bytes);
  if (bytes > 0) detail::gather(copy.data(), r.data, size, detail::Walk(r.shape, r.strides), 0, r.numel);
  return copy;
}

TAPER_RARE inline AnyTensor array_of(const ArrayInFile& array, Bytes file) {
  Shape shape = array.shape;
  if (array.fortran_order) std::reverse(shape.begin(), shape.end());
  AnyTensor out = copied(file.subspan(array.begin, array.end - array.begin), array.dtype, shape, array.big_endian);
  if (!array.fortran_order || shape.size() < 2) return out;
  detail::ViewOp op;
  op.kind = detail::ViewOp::permute;
  for (int i = shape.size() - 1; i >= 0; --i) op.dims.push_back(i);
  return AnyTensor(detail::make_alias(out.record(), detail::apply(op, detail::geometry_of(out.record()))));
}

template <Scalar T>
Tensor<T> typed(std::string_view op, const std::string& path, const AnyTensor& tensor) {
  if (tensor.dtype() != dtype_of<T>)
    detail::raise<DTypeError>(op, "'", path, "' holds ", tensor.dtype(), ", not ", dtype_of<T>);
  return tensor.as<T>();
}

}  // namespace internal

/// All tensors of a safetensors file, copied into memory of their own. `metadata` receives the file's.
/// Throws: IoError where the file is missing, broken, truncated or hostile; DTypeError for a dtype that Taper lacks.
TAPER_RARE inline StateDict load(const std::string& path, Metadata* metadata = nullptr) {
  const MappedFile file(path);
  safetensors::Header header = safetensors::parse(file.bytes(), path);
  StateDict out;
  for (const auto& e : header.entries) out.add(e.name, internal::copied(file.bytes().subspan(e.begin, e.end - e.begin), e.dtype, e.shape, false));
  if (metadata) *metadata = std::move(header.metadata);
  return out;
}

/// All tensors of a safetensors file in place, in a private mapping that lives as long as they do: nothing is read before
/// it is used, and writing to them does not change the file. Tensors that are misaligned for their dtype are copied.
/// Throws: as load.
TAPER_RARE inline StateDict map(const std::string& path, Metadata* metadata = nullptr) {
  const MappedFile file(path);
  safetensors::Header header = safetensors::parse(file.bytes(), path);
  StateDict out;
  for (const auto& e : header.entries) {
    const std::size_t bytes = e.end - e.begin, align = size_of(e.dtype);
    std::byte* data = file.data() + e.begin;
    if (bytes == 0 || reinterpret_cast<std::uintptr_t>(data) % align != 0 || e.dtype == DType::boolean) {
      out.add(e.name, internal::copied(file.bytes().subspan(e.begin, bytes), e.dtype, e.shape, false));
    } else {
      detail::Storage* storage = detail::adopt_storage(data, bytes, [file](void*) noexcept {});
      out.add(e.name, AnyTensor(detail::make_record(e.dtype, storage, {e.shape, detail::contiguous_strides(e.shape), 0})));
    }
  }
  if (metadata) *metadata = std::move(header.metadata);
  return out;
}

/// Writes tensors as safetensors: beside the target, synced, and renamed into place, so that a file is whole or absent.
/// Throws: IoError; DTypeError for complex128, which the format lacks.
TAPER_RARE inline void save(const StateDict& tensors, const std::string& path, const Metadata& metadata = {}) {
  taper::detail::PoolVector<std::vector<std::byte>> copies;
  copies.reserve(tensors.size());
  taper::detail::PoolVector<safetensors::Item> items;
  for (const auto& [name, tensor] : tensors) items.push_back({name, tensor.dtype(), tensor.shape(), internal::dense_elements(tensor, copies)});
  safetensors::write(path, items, metadata);
}

/// The array of an .npy file, of whatever dtype it has.
TAPER_RARE inline AnyTensor load_npy(const std::string& path) {
  const std::vector<std::byte> file = read_file(path);
  return internal::array_of(npy::parse(file, path), file);
}
/// The array of an .npy file of dtype T. Throws: DTypeError where it has another.
template <Scalar T>
Tensor<T> load_npy(const std::string& path) {
  return internal::typed<T>("load_npy", path, load_npy(path));
}
/// Writes a tensor as .npy, atomically. Throws: IoError; DTypeError for bfloat16, which the format lacks.
TAPER_RARE inline void save_npy(const AnyTensor& tensor, const std::string& path) {
  taper::detail::PoolVector<std::vector<std::byte>> copies;
  npy::write(path, tensor.dtype(), tensor.shape(), internal::dense_elements(tensor, copies));
}

/// The array of an IDX file (the format of MNIST), not compressed; io/gzip.hpp reads compressed ones.
TAPER_RARE inline AnyTensor load_idx(Bytes file, const std::string& name) { return internal::array_of(idx::parse(file, name), file); }
TAPER_RARE inline AnyTensor load_idx(const std::string& path) {
  const std::vector<std::byte> file = read_file(path);
  return load_idx(file, path);
}

}  // namespace taper::inline TAPER_CODE::io
