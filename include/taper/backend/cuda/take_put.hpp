// SPDX-License-Identifier: MIT
// Elements read at places and written to them. Where places repeat the last one wins, whatever the threads do: every
// place is claimed first, by the greatest number that asks for it.
#pragma once

#include <taper/backend/cuda/places.hpp>

namespace taper::inline TAPER_CODE::detail {

TAPER_INLINE TAPER_HD void atomic_max(std::int64_t* to, std::int64_t value) {
#if defined(__CUDA_ARCH__)
  atomicMax(reinterpret_cast<long long*>(to), static_cast<long long>(value));
#else
  std::int64_t old = __atomic_load_n(to, __ATOMIC_RELAXED);
  while (old < value && !__atomic_compare_exchange_n(to, &old, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
#endif
}

/// An element of any dtype, as it is moved.
struct alignas(16) Moved16 {
  std::uint64_t half[2];
};
/// f.operator()<U>() with what moves elements of the given size.
template <class F>
void dispatch_moved(std::size_t size, const F& f) {
  switch (size) {
    case 1:
      return f.template operator()<std::uint8_t>();
    case 2:
      return f.template operator()<std::uint16_t>();
    case 4:
      return f.template operator()<std::uint32_t>();
    case 8:
      return f.template operator()<std::uint64_t>();
    default:
      return f.template operator()<Moved16>();
  }
}

template <class U, class Blocks>
struct TakeKernel {
  Blocks blocks;
  const U* x;
  U* out;
  std::int64_t skip;  // the key of a place that reads as 0, or -1
  TAPER_HD void operator()(std::int64_t e) const {
    const auto at = blocks.at(e);
    const std::int64_t from = blocks.offset(at);
    if (from < 0 || (skip >= 0 && blocks.places.key(static_cast<std::int64_t>(at.place)) == skip))
      out[e] = U{};
    else
      out[e] = x[from];
  }
};

template <class Places>
struct ClaimKernel {
  Places places;
  std::int64_t* table;  // -1 where nobody asked
  TAPER_HD void operator()(std::int64_t b) const {
    if (const std::int64_t key = places.key(b); key >= 0) atomic_max(table + key, b);
  }
};
/// Which of them got their place.
template <class Places>
struct StaysKernel {
  Places places;
  const std::int64_t* table;
  std::uint8_t* out;
  TAPER_HD void operator()(std::int64_t b) const {
    const std::int64_t key = places.key(b);
    out[b] = key >= 0 && table[key] == b;
  }
};

template <class U, class Blocks>
struct PutKernel {
  Blocks blocks;
  const std::int64_t* table;  // null: no place occurs twice
  U* x;
  const U* values;
  bool one_value;
  TAPER_HD void operator()(std::int64_t e) const {
    const auto at = blocks.at(e);
    const std::int64_t to = blocks.offset(at);
    if (to < 0) return;
    if (table) {
      const std::int64_t b = static_cast<std::int64_t>(at.place);
      if (table[blocks.places.key(b)] != b) return;
    }
    x[to] = values[one_value ? 0 : e];
  }
};

template <class System, class Blocks>
struct LaunchTake {
  const Blocks& blocks;
  std::int64_t total;
  const std::byte* x;
  std::byte* out;
  std::int64_t skip;
  template <class U>
  void operator()() const {
    System::for_each(total,
                     TakeKernel<U, Blocks>{blocks, reinterpret_cast<const U*>(x), reinterpret_cast<U*>(out), skip});
  }
};
template <class System, class Blocks>
struct LaunchPut {
  const Blocks& blocks;
  std::int64_t total;
  const std::int64_t* table;
  std::byte* x;
  const std::byte* values;
  bool one_value;
  template <class U>
  void operator()() const {
    System::for_each(total, PutKernel<U, Blocks>{blocks, table, reinterpret_cast<U*>(x),
                                                 reinterpret_cast<const U*>(values), one_value});
  }
};

}  // namespace taper::inline TAPER_CODE::detail
