// SPDX-License-Identifier: MIT
// Convolutions as products of matrices, tile by tile: elements of images are gathered where a product wants them.
#pragma once

#include <taper/backend/cpu/conv_shape.hpp>
#include <taper/backend/cuda/gemm.hpp>
#include <taper/backend/cuda/reduce.hpp>
#include <taper/backend/cuda/window.hpp>

#include <numeric>

namespace taper::inline TAPER_CODE::detail::windows {

using base::Conv2dShape;
using base::ConvCall;

/// Tiles reckon in 32 bits.
using Small = std::int32_t;
inline Small small(std::int64_t n) { return static_cast<Small>(n); }

/// An axis of images that are made from others: place q, of `places`, lies at q out_step + out_start and takes tap t,
/// of `taps`, from q step + start + t reach, where that is in [0, size). It is the kernel's tap first_tap + t tap_step.
struct ConvAxis {
  Small places, taps, size, step, start, reach;
  Small out_step = 1, out_start = 0, first_tap = 0, tap_step = 1;

  static ConvAxis result(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                         std::int64_t dilation) {
    return {small(out), small(kernel), small(in), small(stride), small(-pad), small(dilation)};
  }
  /// Of a data gradient those places that leave the remainder `phase` by the stride: the taps that reach them are
  /// evenly spaced.
  static ConvAxis image(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                        std::int64_t dilation, std::int64_t phase) {
    const std::int64_t every = stride / std::gcd(stride, dilation), most = kernel < every ? kernel : every;
    std::int64_t first = 0;
    while (first < most && (phase + pad - first * dilation) % stride != 0) ++first;
    const std::int64_t taps = first < most ? (kernel - first + every - 1) / every : 0;
    return {small((in - phase + stride - 1) / stride),
            small(taps),
            small(out),
            1,
            small((phase + pad - first * dilation) / stride),
            small(-(every * dilation / stride)),
            small(stride),
            small(phase),
            small(first),
            small(every)};
  }
};

/// Images from images and weights. A convolution and its data gradient are the same here: each channel and place of
/// what is made is a sum over channels and taps of what is read.
template <class T>
struct ConvTiles {
  using Tile = ProductTile;
  using Sum = gemm_sum_t<T>;
  const T *from, *weight, *bias;
  T* to;
  ConvAxis y, x;
  Small images, in, made, in_apart, made_apart;  // channels of a group, and how far apart they are in the weight
  Small groups, group_weights, kernel_w, height, width;
  Divider<Small> per_row, per_column, row_taps, column_taps;

  /// back: the data gradient, of the phases of y and x.
  ConvTiles(const ConvCall<T>& call, bool back, const ConvAxis& along_y, const ConvAxis& along_x)
      : from(back ? call.second : call.first),
        weight(back ? call.first : call.second),
        bias(call.bias),
        to(call.out),
        y(along_y),
        x(along_x),
        images(small(call.s.n)),
        per_row(x.places),
        per_column(y.places),
        row_taps(x.taps),
        column_taps(y.taps) {
    const Conv2dShape& s = call.s;
    const std::int64_t group_in = s.group_in(), group_out = s.group_out(), whole = group_in * s.taps();
    groups = small(s.groups), group_weights = small(group_out * whole), kernel_w = small(s.kw);
    in = small(back ? group_out : group_in), in_apart = small(back ? whole : s.taps());
    made = small(back ? group_in : group_out), made_apart = small(back ? s.taps() : whole);
    height = small(back ? s.h : s.oh()), width = small(back ? s.w : s.ow());
  }
  std::int64_t tiles() const { return groups * down() * ((places() + Tile::columns - 1) / Tile::columns); }
  TAPER_INLINE TAPER_HD std::int64_t down() const { return (made + Tile::rows - 1) / Tile::rows; }
  TAPER_INLINE TAPER_HD std::int64_t places() const { return std::int64_t{images} * y.places * x.places; }

  /// Some channels at some places.
  struct Part {
    using Sum = gemm_sum_t<T>;
    static constexpr bool right_along_steps = false;
    const ConvTiles& c;
    Small group, channel, place;
    int rows, columns;

    struct Place {
      Small y, x, at;  // where its taps begin in an image, and that element; below 0 where there is none
      Small image, row, along;
      bool exists;
    };
    struct Step {
      Small y, x, at, weight;
    };
    TAPER_INLINE TAPER_HD Small row(int r) const { return r < rows ? (channel + r) * c.made_apart : -1; }
    TAPER_INLINE TAPER_HD Place column(int k) const {
      Place p;
      p.exists = k < columns;
      p.image = c.per_column(c.per_row(p.exists ? place + k : 0, p.along), p.row);
      p.y = p.row * c.y.step + c.y.start, p.x = p.along * c.x.step + c.x.start;
      p.at = ((p.image * c.groups + group) * c.in * c.y.size + p.y) * c.x.size + p.x;
      return p;
    }
    TAPER_INLINE TAPER_HD Step step(std::int64_t k) const {
      Small ty, tx;
      const Small i = c.column_taps(c.row_taps(static_cast<Small>(k), tx), ty);
      Step s;
      s.y = ty * c.y.reach, s.x = tx * c.x.reach;
      s.at = (i * c.y.size + s.y) * c.x.size + s.x;
      s.weight = group * c.group_weights + i * c.in_apart + (c.y.first_tap + ty * c.y.tap_step) * c.kernel_w +
                 c.x.first_tap + tx * c.x.tap_step;
      return s;
    }
    TAPER_INLINE TAPER_HD Sum left(Small row, const Step& s) const {
      return row >= 0 ? static_cast<Sum>(c.weight[row + s.weight]) : Sum(0);
    }
    TAPER_INLINE TAPER_HD Sum right(const Step& s, const Place& p) const {
      const Small at_y = p.y + s.y, at_x = p.x + s.x;
      const bool inside = p.exists && at_y >= 0 && at_y < c.y.size && at_x >= 0 && at_x < c.x.size;
      return inside ? static_cast<Sum>(c.from[p.at + s.at]) : Sum(0);
    }
    TAPER_INLINE TAPER_HD void store(int r, int k, Sum sum) const {
      const Place p = column(k);
      const Small o = group * c.made + channel + r;
      if (c.bias) sum = sum + static_cast<Sum>(c.bias[o]);
      c.to[((p.image * c.groups * c.made + o) * c.height + p.row * c.y.out_step + c.y.out_start) * c.width +
           p.along * c.x.out_step + c.x.out_start] = static_cast<T>(sum);
    }
  };

  template <class Block>
  TAPER_HD void operator()(const Block& block, std::int64_t item) const {
    const std::int64_t high = down(), rest = item / high, channel = item % high * Tile::rows, group = rest % groups,
                       place = rest / groups * Tile::columns;
    const Part part{*this,
                    static_cast<Small>(group),
                    static_cast<Small>(channel),
                    static_cast<Small>(place),
                    Tile::rows_of(made - channel),
                    Tile::columns_of(places() - place)};
    multiply_tile(block, part, 0, std::int64_t{in} * y.taps * x.taps);
  }
};

/// Weights from images and results: a sum over the places of results, in parts.
template <class T>
struct ConvWeightTiles {
  using Tile = ProductTile;
  using Sum = gemm_sum_t<T>;
  using R = SumReducer<compute_t<T>>;
  using Acc = typename R::Acc;
  const T *image, *result;
  T* weight;
  Acc* partial;  // null where there is one part
  Small groups, in, out, columns, h, w, plane, ow;
  Small ph, pw, sh, sw, dh, dw;
  Divider<Small> per_row, per_column, row_taps, column_taps;
  std::int64_t down, across, length, parts, part_length;

  explicit ConvWeightTiles(const ConvCall<T>& call)
      : image(call.first),
        result(call.second),
        weight(call.out),
        partial(nullptr),
        per_row(call.s.ow()),
        per_column(call.s.oh()),
        row_taps(call.s.kw),
        column_taps(call.s.kh) {
    const Conv2dShape& s = call.s;
    groups = small(s.groups), in = small(s.group_in()), out = small(s.group_out()),
    columns = small(s.group_in() * s.taps());
    h = small(s.h), w = small(s.w), plane = small(s.oh() * s.ow()), ow = small(s.ow());
    ph = small(s.ph), pw = small(s.pw), sh = small(s.sh), sw = small(s.sw), dh = small(s.dh), dw = small(s.dw);
    down = (out + Tile::rows - 1) / Tile::rows, across = (columns + Tile::columns - 1) / Tile::columns;
    const ReduceShares shares(groups * down * across, s.n * plane, 1 << 9, 1 << 9);
    length = shares.length, parts = shares.parts, part_length = shares.part_length;
  }
  std::int64_t tiles() const { return parts * groups * down * across; }
  std::int64_t weights() const { return std::int64_t{groups} * out * columns; }

  struct Part {
    using Sum = gemm_sum_t<T>;
    static constexpr bool right_along_steps = true;
    const ConvWeightTiles& c;
    Small group, channel, column0;
    std::int64_t part;
    int rows, columns;

    struct Column {
      Small y, x, at;
      bool exists;
    };
    struct Step {
      Small y, x, at, result;
    };
    TAPER_INLINE TAPER_HD Small row(int r) const { return r < rows ? (group * c.out + channel + r) * c.plane : -1; }
    TAPER_INLINE TAPER_HD Column column(int k) const {
      Small ky, kx;
      Column out;
      out.exists = k < columns;
      const Small i = c.column_taps(c.row_taps(out.exists ? column0 + k : 0, kx), ky);
      out.y = ky * c.dh - c.ph, out.x = kx * c.dw - c.pw;
      out.at = ((group * c.in + i) * c.h + out.y) * c.w + out.x;
      return out;
    }
    TAPER_INLINE TAPER_HD Step step(std::int64_t k) const {
      Small oy, ox;
      const Small n = c.per_column(c.per_row(static_cast<Small>(k), ox), oy);
      Step s;
      s.y = oy * c.sh, s.x = ox * c.sw;
      s.at = (n * c.groups * c.in * c.h + s.y) * c.w + s.x;
      s.result = n * c.groups * c.out * c.plane + oy * c.ow + ox;
      return s;
    }
    TAPER_INLINE TAPER_HD Sum left(Small row, const Step& s) const {
      return row >= 0 ? static_cast<Sum>(c.result[row + s.result]) : Sum(0);
    }
    TAPER_INLINE TAPER_HD Sum right(const Step& s, const Column& k) const {
      const Small at_y = k.y + s.y, at_x = k.x + s.x;
      const bool inside = k.exists && at_y >= 0 && at_y < c.h && at_x >= 0 && at_x < c.w;
      return inside ? static_cast<Sum>(c.image[k.at + s.at]) : Sum(0);
    }
    TAPER_INLINE TAPER_HD void store(int r, int k, const Sum& sum) const {
      const std::int64_t at = static_cast<std::int64_t>(group * c.out + channel + r) * c.columns + column0 + k;
      if (c.partial)
        c.partial[part * c.groups * c.out * c.columns + at] = cast_number<Acc>(sum);
      else
        c.weight[at] = static_cast<T>(sum);
    }
  };

  template <class Block>
  TAPER_HD void operator()(const Block& block, std::int64_t item) const {
    const std::int64_t column = item % across * Tile::columns, rest = item / across, channel = rest % down * Tile::rows,
                       more = rest / down, group = more % groups, part = more / groups, begin = part * part_length,
                       end = begin + part_length;
    const Part tile{*this, static_cast<Small>(group),    static_cast<Small>(channel),       static_cast<Small>(column),
                    part,  Tile::rows_of(out - channel), Tile::columns_of(columns - column)};
    multiply_tile(block, tile, begin, end < length ? end : length);
  }
};

template <class T>
struct StoreWeight {
  T* dw;
  template <class Acc>
  TAPER_INLINE TAPER_HD void operator()(std::int64_t i, const Acc& acc) const {
    dw[i] = static_cast<T>(cast_number<compute_t<T>>(acc));
  }
};

/// Channels of a group from which on a tile gives more than it costs.
inline constexpr std::int64_t least_tiled = 3;
/// Launches that the strides of a data gradient may ask for.
inline constexpr std::int64_t most_phases = 16;

template <class D, class T>
void tiled_forward(const ConvCall<T>& call) {
  const Conv2dShape& s = call.s;
  const ConvTiles<T> tiles(call, false, ConvAxis::result(s.h, s.oh(), s.kh, s.sh, s.ph, s.dh),
                           ConvAxis::result(s.w, s.ow(), s.kw, s.sw, s.pw, s.dw));
  D::System::for_each_block(tiles.tiles(), tiles);
}
template <class D, class T>
void tiled_data_gradient(const ConvCall<T>& call) {
  const Conv2dShape& s = call.s;
  for (std::int64_t y = 0; y < s.sh && y < s.h; ++y)
    for (std::int64_t x = 0; x < s.sw && x < s.w; ++x) {
      const ConvTiles<T> tiles(call, true, ConvAxis::image(s.h, s.oh(), s.kh, s.sh, s.ph, s.dh, y),
                               ConvAxis::image(s.w, s.ow(), s.kw, s.sw, s.pw, s.dw, x));
      D::System::for_each_block(tiles.tiles(), tiles);
    }
}
template <class D, class T>
void tiled_weight_gradient(const ConvCall<T>& call) {
  using Tiles = ConvWeightTiles<T>;
  Tiles tiles(call);
  const std::int64_t weights = tiles.weights();
  const std::size_t bytes =
      tiles.parts > 1 ? static_cast<std::size_t>(tiles.parts * weights) * sizeof(typename Tiles::Acc) : 0;
  if (bytes > 0) tiles.partial = static_cast<typename Tiles::Acc*>(D::allocate(bytes));
  D::System::for_each_block(tiles.tiles(), tiles);
  if (bytes == 0) return;
  D::System::for_each(weights,
                      JoinParts<typename Tiles::R, StoreWeight<T>>{tiles.partial, weights, tiles.parts, {call.out}});
  D::deallocate(tiles.partial, bytes);
}

}  // namespace taper::inline TAPER_CODE::detail::windows
