// SPDX-License-Identifier: MIT
// Planes resampled by lists of taps, which travel to the device: a thread for each element of the result.
#pragma once

#include <taper/backend/cpu/resample_taps.hpp>
#include <taper/backend/cuda/map.hpp>
#include <taper/backend/cuda/window.hpp>

namespace taper::inline TAPER_CODE::detail {
namespace windows {

/// The taps of one axis: place i is made of those from start[i] up to start[i + 1], or of element i where start is
/// null.
template <class C, class Index>
struct AxisTaps {
  const Index *start = nullptr, *index = nullptr;
  const C* weight = nullptr;
  Index in = 1;
  Divider<Index> out;

  TAPER_INLINE TAPER_HD Span<Index> of(Index i) const {
    return start ? Span<Index>{start[i], start[i + 1]} : Span<Index>{i, i + 1};
  }
  TAPER_INLINE TAPER_HD Index element(Index k) const { return start ? index[k] : k; }
  TAPER_INLINE TAPER_HD C factor(Index k) const { return start ? weight[k] : C(1); }
};

template <class T, class Index>
struct ResampleKernel {
  using C = compute_t<T>;
  AxisTaps<C, Index> d, h, w;
  const T* x;
  T* y;

  TAPER_HD void operator()(std::int64_t element) const {
    Index ox, oy, oz;
    const Index plane = d.out(h.out(w.out(static_cast<Index>(element), ox), oy), oz);
    const Span<Index> deep = d.of(oz), rows = h.of(oy), columns = w.of(ox);
    C sum(0);
    for (Index kz = deep.first; kz < deep.last; ++kz) {
      C slice(0);
      for (Index ky = rows.first; ky < rows.last; ++ky) {
        const T* row = x + ((plane * d.in + d.element(kz)) * h.in + h.element(ky)) * w.in;
        C line(0);
        for (Index kx = columns.first; kx < columns.last; ++kx)
          line += static_cast<C>(row[w.element(kx)]) * w.factor(kx);
        slice += line * h.factor(ky);
      }
      sum += slice * d.factor(kz);
    }
    y[element] = static_cast<T>(sum);
  }
};

/// The lists of up to three axes in one piece of memory, first on the host.
template <class C, class Index>
class TapTables {
 public:
  /// Copies an axis's lists behind what is there; at() says where they will lie.
  void add(const Taps& t) {
    if (t.identity) return;
    put<Index>(t.start);
    put<Index>(t.index);
    put<C>(t.weight);
  }
  std::size_t bytes() const { return bytes_.size(); }
  const std::byte* data() const { return bytes_.data(); }
  /// The axis in device memory, which begins at `there`; steps over its lists.
  static AxisTaps<C, Index> at(const Taps& t, const std::byte*& there) {
    AxisTaps<C, Index> out;
    out.in = static_cast<Index>(t.in), out.out = Divider<Index>(t.out);
    if (t.identity) return out;
    out.start = take<Index>(t.start, there);
    out.index = take<Index>(t.index, there);
    out.weight = take<C>(t.weight, there);
    return out;
  }

 private:
  static std::size_t padded(std::size_t bytes) { return (bytes + 15) / 16 * 16; }
  template <class To, class List>
  void put(const List& list) {
    const std::size_t first = bytes_.size();
    bytes_.resize(first + padded(list.size() * sizeof(To)), std::byte{});
    To* to = reinterpret_cast<To*>(bytes_.data() + first);
    for (const auto value : list) *to++ = static_cast<To>(value);
  }
  template <class To, class List>
  static const To* take(const List& list, const std::byte*& there) {
    const To* out = reinterpret_cast<const To*>(there);
    there += padded(list.size() * sizeof(To));
    return out;
  }
  PoolVector<std::byte> bytes_;
};

}  // namespace windows

template <class D>
struct DeviceResample {
  using System = typename D::System;

  /// y (planes, d.out, h.out, w.out) of x (planes, d.in, h.in, w.in), both dense.
  template <class T>
  static void resample(std::int64_t planes, const Taps& d, const Taps& h, const Taps& w, const T* x, T* y) {
    const std::int64_t elements = planes * d.out * h.out * w.out;
    const bool small =
        windows::fit_32_bits(elements, planes * d.in * h.in * w.in, static_cast<std::int64_t>(d.index.size()),
                             static_cast<std::int64_t>(h.index.size()), static_cast<std::int64_t>(w.index.size()));
    if (elements == 0) return;
    if (small)
      launch<std::int32_t>(elements, d, h, w, x, y);
    else
      launch<std::int64_t>(elements, d, h, w, x, y);
  }

 private:
  template <class Index, class T>
  static void launch(std::int64_t elements, const Taps& d, const Taps& h, const Taps& w, const T* x, T* y) {
    using Tables = windows::TapTables<compute_t<T>, Index>;
    Tables tables;
    for (const Taps* t : {&d, &h, &w}) tables.add(*t);
    auto* there = tables.bytes() > 0 ? static_cast<std::byte*>(D::allocate(tables.bytes())) : nullptr;
    if (there) D::from_host(there, tables.data(), tables.bytes());
    const std::byte* next = there;
    System::for_each(elements, windows::ResampleKernel<T, Index>{Tables::at(d, next), Tables::at(h, next),
                                                                 Tables::at(w, next), x, y});
    if (there) D::deallocate(there, tables.bytes());
  }
};

}  // namespace taper::inline TAPER_CODE::detail
