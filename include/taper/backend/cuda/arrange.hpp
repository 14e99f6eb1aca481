// SPDX-License-Identifier: MIT
// Elements in another arrangement that their positions alone decide: borders, reversed axes, triangles, one-hot rows.
#pragma once

#include <taper/backend/cpu/pad.hpp>
#include <taper/backend/cuda/take_put.hpp>

namespace taper::inline TAPER_CODE::detail {

/// A border along one axis: (outer, n, inner) inside (outer, size, inner), both dense.
template <class U, class Index>
struct PadAxisKernel {
  PadMode mode;
  std::int64_t before, n;
  FastDivide<Index> size, inner;
  const U* x;
  U* y;
  U value;
  TAPER_HD void operator()(std::int64_t e) const {
    const Index row = inner(static_cast<Index>(e)), o = size(row);
    const std::int64_t width = static_cast<std::int64_t>(inner.divisor), i = e - static_cast<std::int64_t>(row) * width;
    const std::int64_t k = static_cast<std::int64_t>(row - o * static_cast<Index>(size.divisor));
    const std::int64_t from = padded_source(mode, k - before, n);
    y[e] = from < 0 ? value : x[(static_cast<std::int64_t>(o) * n + from) * width + i];
  }
};

/// The places of a border that show an element: at most three runs of an axis, in order.
struct ShowingPlaces {
  std::int64_t first[3], last[3];
  TAPER_HD ShowingPlaces(PadMode mode, std::int64_t before, std::int64_t n, std::int64_t size, std::int64_t j) {
    for (int r = 0; r < 3; ++r) first[r] = 0, last[r] = -1;
    first[1] = last[1] = before + j;
    if (mode == PadMode::reflect) {
      if (j > 0) one(0, before - j, size);
      if (j < n - 1) one(2, before + 2 * (n - 1) - j, size);
    } else if (mode == PadMode::circular) {
      one(0, before + j - n, size);
      one(2, before + j + n, size);
    } else if (mode == PadMode::replicate) {
      if (j == 0) first[1] = 0;
      if (j == n - 1) last[1] = size - 1;
    }
  }

 private:
  TAPER_INLINE TAPER_HD void one(int run, std::int64_t place, std::int64_t size) {
    if (place >= 0 && place < size) first[run] = last[run] = place;
  }
};

/// The transpose of PadAxisKernel: every element adds up what the places that show it hold.
template <class T, class Index>
struct FoldAxisKernel {
  PadMode mode;
  std::int64_t before, size;
  FastDivide<Index> n, inner;
  const T* g;
  T* dx;
  TAPER_HD void operator()(std::int64_t e) const {
    const Index row = inner(static_cast<Index>(e)), o = n(row);
    const std::int64_t width = static_cast<std::int64_t>(inner.divisor), i = e - static_cast<std::int64_t>(row) * width;
    const std::int64_t j = static_cast<std::int64_t>(row - o * static_cast<Index>(n.divisor));
    const ShowingPlaces places(mode, before, static_cast<std::int64_t>(n.divisor), size, j);
    compute_t<T> sum{};
    for (int r = 0; r < 3; ++r)
      for (std::int64_t k = places.first[r]; k <= places.last[r]; ++k)
        sum = sum + static_cast<compute_t<T>>(g[(static_cast<std::int64_t>(o) * size + k) * width + i]);
    dx[e] = static_cast<T>(sum);
  }
};

/// A copy of strided elements whose strides may be negative.
template <class U, class Index>
struct SignedCopyKernel {
  Offsets<1, Index> from;
  const U* x;
  U* y;
  TAPER_HD void operator()(std::int64_t e) const {
    Index at[1] = {};
    from.add(static_cast<Index>(e), at);
    y[e] = x[static_cast<std::make_signed_t<Index>>(at[0])];
  }
};

/// Dense (.., m, n) matrices with what lies outside a triangle set to zero.
template <class U, class Index>
struct TriangleKernel {
  FastDivide<Index> m, n;
  std::int64_t offset;
  bool lower;
  const U* x;
  U* y;
  TAPER_HD void operator()(std::int64_t e) const {
    const Index row = n(static_cast<Index>(e)), matrix = m(row);
    const std::int64_t c = e - static_cast<std::int64_t>(row) * static_cast<std::int64_t>(n.divisor);
    const std::int64_t r = static_cast<std::int64_t>(row) - static_cast<std::int64_t>(matrix) * static_cast<std::int64_t>(m.divisor);
    const bool kept = lower ? c <= r + offset : c >= r + offset;
    y[e] = kept ? x[e] : U{};
  }
};

template <class Index>
struct OneHotKernel {
  FastDivide<Index> classes;
  const std::int64_t* index;
  std::int64_t* y;
  TAPER_HD void operator()(std::int64_t e) const {
    const Index row = classes(static_cast<Index>(e));
    y[e] = index[row] == e - static_cast<std::int64_t>(row) * static_cast<std::int64_t>(classes.divisor) ? 1 : 0;
  }
};

}  // namespace taper::inline TAPER_CODE::detail
