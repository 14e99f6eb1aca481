// SPDX-License-Identifier: MIT
// Order along an axis on a device: all lines in one stable sort, of the host's keys with the line's number in front.
#pragma once

#include <taper/backend/cpu/sort.hpp>
#include <taper/backend/cuda/scratch.hpp>
#include <taper/backend/cuda/select.hpp>

namespace taper::inline TAPER_CODE::detail {

/// Stable sorts of a system: static void by_key(keys, values, n). Declared here and defined in backend/cuda/thrust.hpp,
/// so that only what sorts waits for Thrust to compile.
template <class System>
struct DeviceSort;
template <class System>
concept Sorting = requires {
  sizeof(DeviceSort<System>);
};

/// The lines of a dense (outer, size, inner), one behind another: element k of line l is number l * size + k.
template <class T, class Key>
struct SortKeysKernel {
  const stored_t<T>* x;
  std::int64_t size, inner;
  Key turn;       // flips keys for a descending order
  bool numbered;  // the line's number stands in front of the key
  Key* keys;
  std::int64_t* order;

  TAPER_HD void operator()(std::int64_t i) const {
    const std::int64_t line = i / size, k = i % size;
    const stored_t<T> element = x[(line / inner * size + k) * inner + line % inner];
    Key key = static_cast<Key>(static_cast<Key>(sort_key(same(element))) ^ turn);
    if constexpr (sizeof(T) < sizeof(Key))
      if (numbered) key |= static_cast<Key>(static_cast<Key>(line) << 8 * sizeof(T));
    keys[i] = key;
    order[i] = i;
  }

 private:
  TAPER_INLINE TAPER_HD static T same(const stored_t<T>& x) {
    if constexpr (std::same_as<T, bool>)
      return x != 0;
    else
      return x;
  }
};
struct SortLinesKernel {
  const std::int64_t* order;
  std::int64_t size;
  std::uint64_t* keys;
  TAPER_HD void operator()(std::int64_t i) const { keys[i] = static_cast<std::uint64_t>(order[i] / size); }
};
/// Places [skip, skip + results) of each line's order, as indices along the axis.
struct TakeOrderKernel {
  const std::int64_t* order;
  std::int64_t size, inner, results, skip;
  std::int64_t* indices;
  TAPER_HD void operator()(std::int64_t i) const {
    const std::int64_t j = i % inner, rest = i / inner, line = rest / results * inner + j;
    indices[i] = order[line * size + skip + rest % results] - line * size;
  }
};

template <class D, class T, class Key>
void device_order_as(const SortLines& lines, const SortRequest& want, const T* x, std::int64_t* indices) {
  using System = typename D::System;
  static_assert(Sorting<System>, "sorting on this device needs Thrust: #include <taper/backend/cuda/thrust.hpp>");
  const std::int64_t count = lines.outer * lines.inner, n = count * lines.size;
  const DeviceScratch<D, Key> keys(n);
  const DeviceScratch<D, std::int64_t> order(n);
  constexpr int free_bits = 8 * static_cast<int>(sizeof(Key) - sizeof(T));
  const bool numbered = count > 1 && free_bits > 0 && (count - 1) >> free_bits == 0;
  constexpr Key mask =
      static_cast<Key>(sizeof(T) == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * sizeof(T) % 64)) - 1);
  System::for_each(n, SortKeysKernel<T, Key>{reinterpret_cast<const stored_t<T>*>(x), lines.size, lines.inner,
                                             want.descending ? mask : Key{0}, numbered, keys.get(), order.get()});
  DeviceSort<System>::by_key(keys.get(), order.get(), n);
  if constexpr (sizeof(Key) == 8) {
    if (count > 1 && !numbered) {
      System::for_each(n, SortLinesKernel{order.get(), lines.size, keys.get()});
      DeviceSort<System>::by_key(keys.get(), order.get(), n);
    }
  }
  System::for_each(count * lines.results, TakeOrderKernel{order.get(), lines.size, lines.inner, lines.results,
                                                          want.only_kth ? want.k : 0, indices});
}

/// As sort_lines on the host.
template <class D, class T>
void device_order(const SortLines& lines, const SortRequest& want, const T* x, std::int64_t* indices) {
  if (lines.results == 0 || lines.outer * lines.inner == 0) return;
  count_pass();
  if (selects(lines, want)) {
    const LineKeys<T> keys{reinterpret_cast<const stored_t<T>*>(x), lines.size, lines.inner, want.descending};
    return D::System::for_each_block(lines.outer * lines.inner,
                                     SelectKernel<T>{keys, want.only_kth ? want.k + 1 : want.k, want.only_kth, indices});
  }
  if constexpr (sizeof(T) <= 4)
    if (lines.outer * lines.inner == 1) return device_order_as<D, T, std::uint32_t>(lines, want, x, indices);
  device_order_as<D, T, std::uint64_t>(lines, want, x, indices);
}

}  // namespace taper::inline TAPER_CODE::detail
