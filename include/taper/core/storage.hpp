// SPDX-License-Identifier: MIT
// The memory under tensors: reference-counted, with the version counter that backward checks, owned or adopted.
#pragma once

#include <taper/core/atomic.hpp>
#include <taper/core/device.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace taper::inline TAPER_ABI::base {

/// One block of memory and who may free it. Tensors and their views share it; in-place writes count its version up.
struct Storage {
  Atomic<std::int32_t> refs{1};
  Atomic<std::uint32_t> version{0};
  std::byte* data = nullptr;
  std::size_t bytes = 0;
  bool has_slack = true;  // false for adopted memory: nothing may be read behind its end
  std::int16_t index = 0;  // of several devices of one type, which one's memory
  void (*release)(Storage*) noexcept = nullptr;
};

inline constexpr std::size_t storage_header = 64;
static_assert(sizeof(Storage) <= storage_header);

inline void retain(Storage* s) noexcept { s->refs.fetch_add(1, std::memory_order_relaxed); }
inline void release(Storage* s) noexcept {
  if (s->refs.load(std::memory_order_acquire) == 1 || s->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) s->release(s);
}

/// A type of which there may be several devices: each thread works on one of them.
template <class D>
concept OneOfSeveral = requires { D::index(); };

/// The number of the device that the calling thread works on, and that its new tensors belong to.
template <Device D>
std::int16_t device_index() {
  if constexpr (OneOfSeveral<D>) return static_cast<std::int16_t>(D::index());
  else return 0;
}

/// Fresh memory on a device whose memory the host cannot write headers into; core/record.hpp makes the host's.
template <Device D>
Storage* make_storage(std::size_t bytes) {
  const std::int16_t index = device_index<D>();
  auto* data = static_cast<std::byte*>(D::allocate(bytes));
  auto* s = ::new (base::allocate_object(sizeof(Storage))) Storage;
  s->index = index;
  s->data = data;
  s->bytes = bytes;
  s->release = [](Storage* self) noexcept {
    D::deallocate(self->data, self->bytes);
    base::deallocate_object(self, sizeof(Storage));
  };
  return s;
}

/// Foreign memory: deleter(data) is called when the last tensor over it goes.
template <class Deleter>
Storage* adopt_storage(void* data, std::size_t bytes, Deleter deleter) {
  struct Adopted : Storage {
    Deleter deleter;
    explicit Adopted(Deleter d) : deleter(std::move(d)) {}
  };
  static_assert(alignof(Adopted) <= 64);
  auto* s = ::new (base::allocate_object(sizeof(Adopted))) Adopted(std::move(deleter));
  s->data = static_cast<std::byte*>(data);
  s->bytes = bytes;
  s->has_slack = false;
  s->release = [](Storage* base) noexcept {
    auto* self = static_cast<Adopted*>(base);
    self->deleter(static_cast<void*>(self->data));
    self->~Adopted();
    base::deallocate_object(self, sizeof(Adopted));
  };
  return s;
}

}  // namespace taper::inline TAPER_ABI::base
