// SPDX-License-Identifier: MIT
// Rows of a table looked up by number, and gradients added back to the rows they came from.
#pragma once

#include <taper/core/dtype.hpp>
#include <taper/core/parallel.hpp>
#include <taper/expr/math.hpp>

namespace taper::inline TAPER_CODE::detail {

/// y (count, width) = rows `index` of table (rows, width).
template <class T, class I, class A = Abi>
void take_rows(std::int64_t count, std::int64_t width, const T* table, const I* index, T* y) {
  parallel_for(count, 1 + (1 << 15) / (width + 1), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i)
      __builtin_memcpy(static_cast<void*>(y + i * width), table + static_cast<std::int64_t>(index[i]) * width,
                       static_cast<std::size_t>(width) * sizeof(T));
  });
}

template <class T, class A>
TAPER_KERNEL void add_row(std::int64_t width, const T* from, T* to) {
  using V = Pack<compute_t<T>, pack_lanes, A>;
  std::int64_t i = 0;
  for (; i + pack_lanes <= width; i += pack_lanes) store(to + i, load<V>(to + i) + load<V>(from + i));
  for (; i < width; ++i) to[i] = static_cast<T>(static_cast<compute_t<T>>(to[i]) + static_cast<compute_t<T>>(from[i]));
}

/// table rows `index` += g's rows, in order; those of `skip` are left out. A `fresh` table holds nothing yet. A task owns a
/// range of the table's rows, so that the order of the sums does not depend on the threads.
template <class T, class I, class A = Abi>
void add_rows_at(std::int64_t count, std::int64_t rows, std::int64_t width, const T* g, const I* index, std::int64_t skip, T* table,
                 bool fresh = false) {
  const bool small = count * width < (1 << 16) && !(fresh && rows * width >= (1 << 16));
  const std::int64_t tasks = small ? 1 : rows < 16 ? rows : 16;
  const std::int64_t share = tasks > 0 ? (rows + tasks - 1) / tasks : 1;
  parallel_for(tasks, 1, [&](std::int64_t first, std::int64_t last) {
    const std::int64_t begin = first * share, end = last * share < rows ? last * share : rows;
    if (fresh && begin < end)
      __builtin_memset(static_cast<void*>(table + begin * width), 0, static_cast<std::size_t>((end - begin) * width) * sizeof(T));
    for (std::int64_t i = 0; i < count; ++i) {
      const auto row = static_cast<std::int64_t>(index[i]);
      if (row >= begin && row < end && row != skip) add_row<T, A>(width, g + i * width, table + row * width);
    }
  });
}

}  // namespace taper::inline TAPER_CODE::detail
