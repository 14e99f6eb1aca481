// SPDX-License-Identifier: MIT
// The reference-counted record behind every tensor handle, and the handle itself without its type.
#pragma once

#include <taper/core/dtype.hpp>
#include <taper/core/grad_mode.hpp>
#include <taper/core/storage.hpp>
#include <taper/core/view.hpp>

#include <initializer_list>

namespace taper::inline TAPER_ABI::base {

/// What core knows of a gradient slot: that it is counted and how it goes away.
struct SlotBase {
  Atomic<std::int32_t> refs{1};
  void (*destroy)(SlotBase*) noexcept = nullptr;
};
TAPER_INLINE void retain(SlotBase* s) noexcept { s->refs.fetch_add(1, std::memory_order_relaxed); }
inline void release(SlotBase* s) noexcept {
  if (s->refs.load(std::memory_order_acquire) == 1 || s->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) s->destroy(s);
}

struct TensorRecord;

/// What a view remembers of the tensor it was made from, so that in-place writes through it reach that tensor's history.
struct ViewLink {
  TensorRecord* parent = nullptr;
  ViewOp op;
  std::uint32_t parent_epoch = 0;
};

/// Shared by all copies of a tensor: storage, geometry, gradient slot.
struct TensorRecord {
  Atomic<std::int32_t> refs{1};
  DType dtype{};
  bool contiguous = true;
  bool in_storage = false;     // the record lies in front of its storage, in one block with it
  Storage* storage = nullptr;  // never changed: the record may live in its block
  std::byte* data = nullptr;  // the first element
  std::int64_t numel = 0;
  Shape shape;
  Strides strides;
  SlotBase* slot = nullptr;
  ViewLink* link = nullptr;
  std::uint32_t epoch = 0;  // counts the in-place changes that rewrote this tensor's history
  bool wants_grad = false;  // a slot exists and gradients flow into it
};

TAPER_INLINE void retain(TensorRecord* r) noexcept { r->refs.fetch_add(1, std::memory_order_relaxed); }
void destroy(TensorRecord* r) noexcept;
inline void release(TensorRecord* r) noexcept {
  if (r->refs.load(std::memory_order_acquire) == 1 || r->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(r);
}

inline void destroy(TensorRecord* r) noexcept {
  while (r) {  // a chain of views ends in a loop, not in a recursion
    TensorRecord* parent = nullptr;
    if (r->link) {
      parent = r->link->parent;
      r->link->~ViewLink();
      base::deallocate_object(r->link, sizeof(ViewLink));
    }
    if (r->slot) release(r->slot);
    Storage* storage = r->storage;
    const bool in_storage = r->in_storage;
    r->~TensorRecord();
    if (in_storage) heap::poison(r, sizeof(TensorRecord));  // views may keep the block for long
    else base::deallocate_object(r, sizeof(TensorRecord));
    if (storage) release(storage);
    r = parent && parent->refs.fetch_sub(1, std::memory_order_acq_rel) == 1 ? parent : nullptr;
  }
}

/// A counted handle to what retain and release count; may be null.
template <class T>
class CountedPtr {
 public:
  TAPER_HD TAPER_INLINE constexpr CountedPtr() noexcept {}
  /// Takes over the one reference that the caller holds.
  TAPER_INLINE explicit CountedPtr(T* owned) noexcept : p_(owned) {}
  TAPER_INLINE static CountedPtr share(T* p) noexcept {
    if (p) retain(p);
    return CountedPtr(p);
  }
  // Named in __host__ __device__ functions of eager operands, which run on the host.
  TAPER_HOST_CALLS TAPER_HD TAPER_INLINE CountedPtr(const CountedPtr& other) noexcept : p_(other.p_) {
    if (p_) retain(p_);
  }
  TAPER_HOST_CALLS TAPER_HD TAPER_INLINE CountedPtr(CountedPtr&& other) noexcept : p_(other.p_) { other.p_ = nullptr; }
  // Not one function by value: clang forgets to destroy its parameter where a template assigns {}.
  TAPER_INLINE CountedPtr& operator=(const CountedPtr& other) noexcept { return *this = CountedPtr(other); }
  TAPER_INLINE CountedPtr& operator=(CountedPtr&& other) noexcept {
    if (this == &other) return *this;
    T* const before = p_;
    p_ = other.p_;
    other.p_ = nullptr;
    if (before) release(before);
    return *this;
  }
  TAPER_HOST_CALLS TAPER_HD TAPER_INLINE ~CountedPtr() {
    if (p_) release(p_);
  }
  TAPER_INLINE T* get() const noexcept { return p_; }
  TAPER_INLINE T* operator->() const noexcept { return p_; }
  TAPER_INLINE T& operator*() const noexcept { return *p_; }
  TAPER_INLINE explicit operator bool() const noexcept { return p_ != nullptr; }
  TAPER_INLINE T* detach() noexcept {
    T* const out = p_;
    p_ = nullptr;
    return out;
  }

 private:
  T* p_ = nullptr;
};

/// A counted handle to a record; null for an undefined tensor.
using RecordPtr = CountedPtr<TensorRecord>;

/// A record over storage (one reference to it is taken over) with the given geometry.
inline RecordPtr make_record(DType dtype, Storage* storage, const Geometry& g) {
  auto* r = ::new (base::allocate_object(sizeof(TensorRecord))) TensorRecord;
  r->dtype = dtype;
  r->storage = storage;
  r->data = storage->data + g.offset * static_cast<std::int64_t>(size_of(dtype));
  r->shape = g.shape;
  r->strides = g.strides;
  r->numel = g.shape.numel();
  r->contiguous = is_contiguous(g.shape, g.strides);
  return RecordPtr(r);
}

/// What a record takes in front of its storage.
inline constexpr std::size_t record_header = (sizeof(TensorRecord) + 63) / 64 * 64;

/// A fresh dense tensor; its elements are not set. On the host record, storage header and data are one block, which goes
/// when the storage does.
template <Device D>
RecordPtr make_dense(DType dtype, const Shape& shape) {
  const std::int64_t numel = shape.numel();
  const std::size_t bytes = static_cast<std::size_t>(numel) * size_of(dtype);
  void* place = nullptr;
  Storage* storage = nullptr;
  if constexpr (std::same_as<D, Cpu>) {
    auto* block = static_cast<std::byte*>(D::allocate(record_header + storage_header + bytes));
    place = block;
    storage = ::new (block + record_header) Storage;
    storage->data = block + record_header + storage_header;
    storage->bytes = bytes;
    storage->release = [](Storage* self) noexcept {
      D::deallocate(reinterpret_cast<std::byte*>(self) - record_header, record_header + storage_header + self->bytes);
    };
  } else {
    storage = make_storage<D>(bytes);
    place = base::allocate_object(sizeof(TensorRecord));
  }
  return RecordPtr(::new (place) TensorRecord{.dtype = dtype,
                                              .in_storage = std::same_as<D, Cpu>,
                                              .storage = storage,
                                              .data = storage->data,
                                              .numel = numel,
                                              .shape = shape,
                                              .strides = contiguous_strides(shape)});
}

[[noreturn]] TAPER_COLD inline void raise_elsewhere(std::string_view op, const TensorRecord& r, std::int16_t here) {
  raise<DeviceError>(op, "a tensor of shape ", r.shape, " is on GPU ", r.storage->index, ", this thread works on GPU ", here,
                     ": write cuda::DeviceGuard guard(", r.storage->index, "), or move it through the host, to<Cpu>(x)");
}
/// Throws: DeviceError where the tensor is not on the device of that number, on which the calling thread works.
TAPER_INLINE void check_on(std::int16_t here, std::string_view op, const TensorRecord& r) {
  if (r.storage->index != here) [[unlikely]] raise_elsewhere(op, r, here);
}
/// Whether the calling thread's kernels may read the tensor: not where another device of its type holds it.
template <Device D>
TAPER_INLINE bool is_here([[maybe_unused]] const TensorRecord& r) {
  if constexpr (OneOfSeveral<D>) return r.storage->index == device_index<D>();
  else return true;
}
/// To be called before kernels are launched over these tensors, of which null ones are not there.
/// Throws: DeviceError where one of them is not here.
template <Device D>
TAPER_INLINE void check_here([[maybe_unused]] std::string_view op, [[maybe_unused]] std::initializer_list<const TensorRecord*> tensors) {
  if constexpr (OneOfSeveral<D>) {
    const std::int16_t here = device_index<D>();
    for (const TensorRecord* r : tensors)
      if (r) check_on(here, op, *r);
  }
}

inline Geometry geometry_of(const TensorRecord& r) {
  return {r.shape, r.strides, (r.data - r.storage->data) / static_cast<std::int64_t>(size_of(r.dtype))};
}

/// A record that shares r's storage under another geometry.
inline RecordPtr make_alias(const TensorRecord& r, const Geometry& g) {
  retain(r.storage);
  return make_record(r.dtype, r.storage, g);
}

/// A view of r by op: shares storage and, where the tape may be needed, remembers where it came from.
inline RecordPtr make_view(TensorRecord* r, const ViewOp& op) {
  RecordPtr out = make_alias(*r, apply(op, geometry_of(*r)));
  if constexpr (!inference_only) {
    if (r->dtype >= DType::float16 && grad_mode()) {
      out->link = ::new (base::allocate_object(sizeof(ViewLink))) ViewLink{r, op, r->epoch - 1};
      retain(r);
    }
  }
  return out;
}

/// True where two elements of the record may share an address (expand, overlapping unfold).
inline bool overlaps_itself(const TensorRecord& r) {
  if (r.contiguous) return false;
  // Dense in some order of axes is enough to be free of overlap; anything else is taken as overlapping.
  std::int64_t need = 1;
  bool used[max_rank] = {};
  for (int k = 0; k < r.shape.size(); ++k) {
    int best = -1;
    for (int i = 0; i < r.shape.size(); ++i)
      if (!used[i] && r.shape[i] > 1 && (best < 0 || r.strides[i] < r.strides[best])) best = i;
    if (best < 0) return false;
    used[best] = true;
    if (r.strides[best] < need) return true;
    need = r.strides[best] * (r.shape[best] - 1) + need;
  }
  return false;
}

/// The bytes between the first and the last element.
inline std::int64_t extent_bytes(const TensorRecord& r) {
  std::int64_t last = 0;
  for (int i = 0; i < r.shape.size(); ++i) last += (r.shape[i] - 1) * r.strides[i];
  return (last + 1) * static_cast<std::int64_t>(size_of(r.dtype));
}

/// True of tensors over one storage, or over storages that share bytes: two may have adopted the same memory.
TAPER_INLINE bool share_memory(const TensorRecord& x, const TensorRecord& y) {
  const Storage &a = *x.storage, &b = *y.storage;
  return &a == &b || (a.data < b.data + b.bytes && b.data < a.data + a.bytes);
}

/// True where writing `target` while reading `source` could read what was just written.
inline bool unsafe_overlap(const TensorRecord& target, const TensorRecord& source) {
  if (!share_memory(target, source) || target.numel == 0 || source.numel == 0) return false;
  if (target.data == source.data && target.dtype == source.dtype && target.shape == source.shape && target.strides == source.strides)
    return false;
  const std::byte *a = target.data, *b = source.data;
  return a < b + extent_bytes(source) && b < a + extent_bytes(target);
}

}  // namespace taper::inline TAPER_ABI::base
