// SPDX-License-Identifier: MIT
// Where the elements lie that index tensors choose: in a tensor, and in the table that keeps one entry for every place.
#pragma once

#include <taper/backend/cuda/map.hpp>

namespace taper::inline TAPER_CODE::detail {

// An index out of range is nowhere, -1: the host hears of it later (see check_on_device).

/// Places given by one index for each of some axes; there are `count`.
template <class I>
struct PlanPlaces {
  const I* positions;  // (axes, count)
  std::int64_t count;
  int axes = 0;
  std::int64_t size[max_rank] = {}, step[max_rank] = {}, key_step[max_rank] = {};  // of the axis, of the tensor, of the table

  void push(std::int64_t axis_size, std::int64_t tensor_step, std::int64_t table_step) {
    size[axes] = axis_size, step[axes] = tensor_step, key_step[axes++] = table_step;
  }
  TAPER_INLINE TAPER_HD std::int64_t offset(std::int64_t b) const { return along(b, step); }
  TAPER_INLINE TAPER_HD std::int64_t key(std::int64_t b) const { return along(b, key_step); }

 private:
  TAPER_INLINE TAPER_HD std::int64_t along(std::int64_t b, const std::int64_t* steps) const {
    std::int64_t out = 0;
    for (int j = 0; j < axes; ++j) {
      const auto at = static_cast<std::int64_t>(positions[j * count + b]);
      if (at < 0 || at >= size[j]) return -1;
      out += at * steps[j];
    }
    return out;
  }
};

/// Places of gather and scatter: the coordinates of the index's own element, but for one axis, where it says which.
template <class Index>
struct AxisPlaces {
  const std::int64_t* index;  // dense
  std::int64_t count;
  Offsets<2, Index> base;  // of the tensor, of the table; they stand still along the axis
  std::int64_t size, step, key_step;

  TAPER_INLINE TAPER_HD std::int64_t offset(std::int64_t e) const { return at<0>(e, step); }
  TAPER_INLINE TAPER_HD std::int64_t key(std::int64_t e) const { return at<1>(e, key_step); }

 private:
  template <int K>
  TAPER_INLINE TAPER_HD std::int64_t at(std::int64_t e, std::int64_t along) const {
    const std::int64_t i = index[e];
    if (i < 0 || i >= size) return -1;
    Index out[2] = {};
    base.add(static_cast<Index>(e), out);
    return static_cast<std::int64_t>(out[K]) + i * along;
  }
};

/// A block of elements at every place: element (o, b, i) of the dense other side belongs to place b, at the outer and
/// inner coordinates.
template <class Places, class Index>
struct PlacedBlocks {
  Places places;
  FastDivide<Index> count, inner_size;
  Offsets<1, Index> outer, inner;

  struct At {
    Index outer, place, inner;
  };
  TAPER_INLINE TAPER_HD At at(std::int64_t e) const {
    const Index row = inner_size(static_cast<Index>(e)), o = count(row);
    return {o, row - o * static_cast<Index>(count.divisor),
            static_cast<Index>(e) - row * static_cast<Index>(inner_size.divisor)};
  }
  /// In the tensor; -1 where the place is nowhere.
  TAPER_INLINE TAPER_HD std::int64_t offset(const At& a) const {
    const std::int64_t place = places.offset(static_cast<std::int64_t>(a.place));
    if (place < 0) return -1;
    Index out[1] = {}, in[1] = {};
    outer.add(a.outer, out);
    inner.add(a.inner, in);
    return static_cast<std::int64_t>(out[0]) + static_cast<std::int64_t>(in[0]) + place;
  }
  /// On the other side, of another place in the same block.
  TAPER_INLINE TAPER_HD std::int64_t element(const At& a, std::int64_t place) const {
    return (static_cast<std::int64_t>(a.outer) * static_cast<std::int64_t>(count.divisor) + place) *
               static_cast<std::int64_t>(inner_size.divisor) +
           static_cast<std::int64_t>(a.inner);
  }
};

/// The axes of a tensor that no index chooses, split by whether they come before or after the chosen places.
struct BlockAxes {
  JobAxes outer, inner;
  std::int64_t count, total;

  BlockAxes(const Shape& outer_shape, const Strides& outer_strides, const Shape& inner_shape,
            const Strides& inner_strides, std::int64_t places)
      : outer(axes(outer_shape, outer_strides)),
        inner(axes(inner_shape, inner_strides)),
        count(places),
        total(outer.elements * places * inner.elements) {}

  /// Calls f(blocks), with indices of 32 bits where these suffice.
  template <class Places, class F>
  void with(const Places& places, const F& f) const {
    if (total == 0) return;
    if (outer.wide || inner.wide || total >= device_reach)
      f(blocks<std::uint64_t>(places));
    else
      f(blocks<std::uint32_t>(places));
  }

 private:
  static JobAxes axes(const Shape& shape, const Strides& strides) {
    std::byte there{};
    const DeviceOperand operand{&there, strides};
    return JobAxes(shape, &operand, 1);
  }
  template <class Index, class Places>
  PlacedBlocks<Places, Index> blocks(const Places& places) const {
    return {places, FastDivide<Index>(count), FastDivide<Index>(inner.elements), Offsets<1, Index>(outer),
            Offsets<1, Index>(inner)};
  }
};

}  // namespace taper::inline TAPER_CODE::detail
