// SPDX-License-Identifier: MIT
// A border around the last axes in one pass over rows, and its transpose: every element adds up the places that show
// it.
#pragma once

#include <taper/backend/cpu/embedding.hpp>
#include <taper/core/parallel.hpp>
#include <taper/core/pool_vector.hpp>
#include <taper/core/shape.hpp>

#include <algorithm>
#include <limits>

namespace taper::inline TAPER_CODE {

/// What a border is made of: `value`; the inside mirrored at the edge; the edge repeated; the inside wrapped around.
enum class PadMode : std::uint8_t { constant, reflect, replicate, circular };

namespace detail {

/// Which element of an axis of n stands at place i of the padded axis, counted from its first element; -1: none.
[[gnu::noinline]] TAPER_HD inline std::int64_t padded_source(PadMode mode, std::int64_t i, std::int64_t n) {
  if (i >= 0 && i < n) return i;
  switch (mode) {
    case PadMode::constant:
      return -1;
    case PadMode::reflect:
      return i < 0 ? -i : 2 * (n - 1) - i;
    case PadMode::replicate:
      return i < 0 ? 0 : n - 1;
    default:
      return i < 0 ? i + n : i - n;
  }
}

/// x (inner) inside y (outer), `before` elements from its front on each axis.
struct PadShape {
  PadMode mode = PadMode::constant;
  Shape inner, outer;
  Dims before;
};

/// The same as rows: the last padded axis with all behind it is a row of `size` (of which `n` inside) blocks of `block`
/// elements; `lead` are the axes before it, along which rows are looked up.
struct PadRows {
  PadMode mode;
  int lead = 0;
  std::int64_t before = 0, n = 1, size = 1, block = 1;

  explicit PadRows(const PadShape& s) : mode(s.mode) {
    lead = s.inner.size();
    while (lead > 0 && s.inner[lead - 1] == s.outer[lead - 1]) block *= s.inner[--lead];
    if (lead == 0) return;
    --lead;
    before = s.before[lead], n = s.inner[lead], size = s.outer[lead];
  }
  /// Whether the rows of x lie in one piece each.
  bool fits(const Shape& shape, const Strides& strides) const {
    std::int64_t step = 1;
    for (int i = shape.size() - 1; i >= lead; --i) {
      if (shape[i] != 1 && strides[i] != step) return false;
      step *= shape[i];
    }
    return true;
  }
};

/// What a place of a constant border shows.
inline constexpr std::int64_t nowhere = std::numeric_limits<std::int64_t>::min();

/// The rows of one side in order, each by its index along the leading axes.
class RowIndex {
 public:
  RowIndex(const Shape& shape, int lead, std::int64_t row) : shape_(shape), at_(Dims::filled(lead, 0)) {
    for (int i = lead - 1; i >= 0; --i) at_[i] = row % shape[i], row /= shape[i];
  }
  std::int64_t operator[](int axis) const { return at_[axis]; }
  void next() {
    for (int i = at_.size() - 1; i >= 0 && ++at_[i] == shape_[i]; --i) at_[i] = 0;
  }

 private:
  const Shape& shape_;
  Dims at_;
};

/// A copy of a short row: the last vector overlaps the one before it.
template <class T, class A>
TAPER_KERNEL void copy_elements(T* to_elements, const T* from_elements, std::int64_t n) {
  struct Vector {
    char bytes[A::vector_bytes];
  };
  auto* to = reinterpret_cast<char*>(to_elements);
  const auto* from = reinterpret_cast<const char*>(from_elements);
  const std::int64_t bytes = n * static_cast<std::int64_t>(sizeof(T)),
                     last = bytes - static_cast<std::int64_t>(sizeof(Vector));
  if (last < 0 || bytes > (1 << 12)) {
    __builtin_memcpy(to, from, static_cast<std::size_t>(bytes));
    return;
  }
  Vector v;
  for (std::int64_t i = 0; i < last; i += static_cast<std::int64_t>(sizeof v)) {
    __builtin_memcpy(&v, from + i, sizeof v);
    __builtin_memcpy(to + i, &v, sizeof v);
  }
  __builtin_memcpy(&v, from + last, sizeof v);
  __builtin_memcpy(to + last, &v, sizeof v);
}

template <class T, class A>
TAPER_KERNEL void fill_elements(T* to, std::int64_t n, T value) {
  constexpr std::int64_t some = 64 / static_cast<std::int64_t>(sizeof(T));
  alignas(64) T pattern[some];
  if (n >= some) {
    for (T& x : pattern) x = value;
    for (; n >= some; n -= some, to += some) __builtin_memcpy(static_cast<void*>(to), pattern, sizeof pattern);
  }
  for (std::int64_t i = 0; i < n; ++i) to[i] = value;
}

/// The places of a row's border, each with the element it shows.
struct BorderPlaces {
  PoolVector<std::int64_t> place, source;
  explicit BorderPlaces(const PadRows& r) {
    for (std::int64_t i = 0; r.mode != PadMode::constant && i < r.size; ++i) {
      if (i >= r.before && i < r.before + r.n) continue;
      place.push_back(i);
      source.push_back(padded_source(r.mode, i - r.before, r.n));
    }
  }
};

/// Rows [first, last) of y.
template <class T, class A>
TAPER_KERNEL void pad_rows(const PadShape& s, const PadRows& r, const BorderPlaces& border,
                           const PoolVector<std::int64_t>* source, std::int64_t first, std::int64_t last, const T* x,
                           T value, T* y) {
  const std::int64_t length = r.size * r.block, before = r.before * r.block, inside = r.n * r.block;
  const auto places = static_cast<std::int64_t>(border.place.size());
  const std::int64_t *place = border.place.data(), *shown = border.source.data();
  RowIndex at(s.outer, r.lead, first);
  T* to = y + first * length;
  for (std::int64_t row = first; row < last; ++row, to += length, at.next()) {
    std::int64_t offset = 0;
    bool outside = false;
    for (int i = 0; i < r.lead; ++i) {
      const std::int64_t step = source[i][static_cast<std::size_t>(at[i])];
      outside = outside || step == nowhere;
      offset += outside ? 0 : step;
    }
    if (outside) {
      fill_elements<T, A>(to, length, value);
      continue;
    }
    const T* from = x + offset;
    copy_elements<T, A>(to + before, from, inside);
    if (r.mode == PadMode::constant) {
      fill_elements<T, A>(to, before, value);
      fill_elements<T, A>(to + before + inside, length - before - inside, value);
    } else if (r.block == 1) {
      for (std::int64_t i = 0; i < places; ++i) to[place[i]] = from[shown[i]];
    } else {
      for (std::int64_t i = 0; i < places; ++i)
        copy_elements<T, A>(to + place[i] * r.block, from + shown[i] * r.block, r.block);
    }
  }
}

/// Rows [first, last) of dx: the rows of g that show them, in order, each folded. places[i] are those of axis i by
/// element, from starts[i] on.
template <class T, class A>
TAPER_KERNEL void fold_rows(const PadShape& s, const PadRows& r, const BorderPlaces& border,
                            const PoolVector<std::int64_t>* starts, const PoolVector<std::int64_t>* places,
                            std::int64_t first, std::int64_t last, const T* g, T* dx) {
  const std::int64_t length = r.n * r.block;
  const auto count = static_cast<std::int64_t>(border.place.size());
  const std::int64_t *place = border.place.data(), *shown = border.source.data();
  RowIndex at(s.inner, r.lead, first);
  T* to = dx + first * length;
  for (std::int64_t row = first; row < last; ++row, to += length, at.next()) {
    std::int64_t begin[max_rank], end[max_rank], now[max_rank];
    for (int i = 0; i < r.lead; ++i) {
      begin[i] = now[i] = starts[i][static_cast<std::size_t>(at[i])];
      end[i] = starts[i][static_cast<std::size_t>(at[i]) + 1];
    }
    for (bool more = true, fresh = true; more; fresh = false) {
      const T* from = g;
      for (int i = 0; i < r.lead; ++i) from += places[i][static_cast<std::size_t>(now[i])];
      if (fresh)
        copy_elements<T, A>(to, from + r.before * r.block, length);
      else
        add_row<T, A>(length, from + r.before * r.block, to);
      if (r.block == 1)
        for (std::int64_t i = 0; i < count; ++i) to[shown[i]] = static_cast<T>(to[shown[i]] + from[place[i]]);
      else
        for (std::int64_t i = 0; i < count; ++i)
          add_row<T, A>(r.block, from + place[i] * r.block, to + shown[i] * r.block);
      more = false;
      for (int i = r.lead - 1; i >= 0 && !more; --i) {
        if (++now[i] < end[i])
          more = true;
        else
          now[i] = begin[i];
      }
    }
  }
}

inline std::int64_t pad_grain(const PadRows& r) { return 1 + (std::int64_t{1} << 14) / (r.size * r.block + 1); }

/// y = x inside a border. The rows of x (see PadRows::fits) may lie `strides` apart; y is dense. Dtypes: all.
template <class T, class A = Abi>
void pad_around(const PadShape& s, const Strides& strides, const T* x, T value, T* y) {
  const PadRows r(s);
  const BorderPlaces border(r);
  PoolVector<std::int64_t> source[max_rank];
  std::int64_t rows = 1;
  for (int i = 0; i < r.lead; ++i) {
    rows *= s.outer[i];
    for (std::int64_t k = 0; k < s.outer[i]; ++k) {
      const std::int64_t from = padded_source(s.mode, k - s.before[i], s.inner[i]);
      source[i].push_back(from < 0 ? nowhere : from * strides[i]);
    }
  }
  parallel_for(rows, pad_grain(r), [&](std::int64_t first, std::int64_t last) {
    pad_rows<T, A>(s, r, border, source, first, last, x, value, y);
  });
}

/// dx of a border whose gradient is g: its transpose. The rows of g may lie `strides` apart; dx is dense.
template <class T, class A = Abi>
void pad_around_backward(const PadShape& s, const Strides& strides, const T* g, T* dx) {
  const PadRows r(s);
  const BorderPlaces border(r);
  PoolVector<std::int64_t> starts[max_rank], places[max_rank];
  std::int64_t rows = 1;
  for (int i = 0; i < r.lead; ++i) {
    rows *= s.inner[i];
    auto& start = starts[i];
    start.resize(static_cast<std::size_t>(s.inner[i]) + 2, std::int64_t{0});
    const auto each = [&](const auto& f) {
      for (std::int64_t k = 0; k < s.outer[i]; ++k)
        if (const std::int64_t to = padded_source(s.mode, k - s.before[i], s.inner[i]); to >= 0)
          f(static_cast<std::size_t>(to), k * strides[i]);
    };
    each([&](std::size_t to, std::int64_t) { ++start[to + 2]; });
    for (std::size_t k = 2; k < start.size(); ++k) start[k] += start[k - 1];
    places[i].resize(static_cast<std::size_t>(start.back()));
    each([&](std::size_t to, std::int64_t place) { places[i][static_cast<std::size_t>(start[to + 1]++)] = place; });
  }
  parallel_for(rows, pad_grain(r), [&](std::int64_t first, std::int64_t last) {
    fold_rows<T, A>(s, r, border, starts, places, first, last, g, dx);
  });
}

}  // namespace detail

}  // namespace taper::inline TAPER_CODE
