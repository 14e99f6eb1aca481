// SPDX-License-Identifier: MIT
// Convolution as a matrix product without im2col: one shifted copy of the image per kernel column, laid out so that
// every tap's pixels are one contiguous run of it. The copy grows by kw instead of kh * kw, and stays in the
// second-level cache.
#pragma once

#include <taper/backend/cpu/conv_shape.hpp>
#include <taper/backend/cpu/epilogue.hpp>
#include <taper/backend/cpu/gemm_pack.hpp>
#include <taper/backend/cpu/gemm_product.hpp>
#include <taper/core/parallel.hpp>
#include <taper/config.hpp>

namespace taper::inline TAPER_CODE::detail::convolution {

using tiles::Index;
using tiles::Scratch;

inline Index smaller(Index x, Index y) { return x < y ? x : y; }
inline Index larger(Index x, Index y) { return x > y ? x : y; }
inline Index ceil_div(Index x, Index y) { return (x + y - 1) / y; }
/// The size of nearly equal blocks of at most `most`.
inline Index even_blocks(Index n, Index most) { return ceil_div(n, ceil_div(n, larger(1, most))); }

/// A plain matrix product per image: 1 x 1 taps on the image as it is.
inline bool pointwise(const Conv2dShape& s) {
  return s.kh == 1 && s.kw == 1 && s.sh == 1 && s.sw == 1 && s.ph == 0 && s.pw == 0;
}

/// A copy of some channels and rows: [channel][kernel column][row modulo stride][row][column of the result].
struct ShiftPlan {
  Index channels;       // of one block
  Index rows, columns;  // of the result in one block: whole rows, or a part of one row
  Index plane_rows;     // per row modulo stride
  Index row_blocks, column_blocks;

  ShiftPlan(const Conv2dShape& s, Index most_taps, Index most_pixels, Index most_bytes, Index element) {
    const Index oh = s.oh(), ow = s.ow(), halo = (s.kh - 1) * s.dh / s.sh;
    channels = even_blocks(s.group_in(), most_taps / s.taps());
    columns = smaller(ow, most_pixels);
    const auto fit = [&] { return most_bytes / (channels * s.kw * s.sh * columns * element) - halo; };
    while (fit() < smaller(oh, 6) && channels > 8) channels = even_blocks(s.group_in(), channels / 2);
    while (fit() < 1 && columns > 64) columns /= 2;
    rows = columns < ow ? 1 : even_blocks(oh, smaller(larger(1, fit()), larger(1, most_pixels / ow)));
    plane_rows = rows + halo;
    row_blocks = ceil_div(oh, rows);
    column_blocks = ceil_div(ow, columns);
  }
  Index plane() const { return plane_rows * columns; }
  Index stage_columns(const Conv2dShape& s) const { return (columns - 1) * s.sw + (s.kw - 1) * s.dw + 1; }
  Index stage_size(const Conv2dShape& s) const { return plane_rows * s.sh * stage_columns(s); }
  Index size(const Conv2dShape& s) const { return channels * s.kw * s.sh * plane(); }
  /// Where the pixels of each tap of a block begin, in the order of the weights.
  void offsets(const Conv2dShape& s, Index* to) const {
    for (Index c = 0; c < channels; ++c)
      for (Index y = 0; y < s.kh; ++y)
        for (Index x = 0; x < s.kw; ++x)
          *to++ = ((c * s.kw + x) * s.sh + y * s.dh % s.sh) * plane() + y * s.dh / s.sh * columns;
  }
};

/// Fewer elements than two vectors of `Bytes`, by two that overlap.
template <class T, int Bytes, int Stride>
TAPER_INLINE void copy_end(const T* from, Index n, T* to) {
  using V = typename tiles::Native<T, Bytes>::type;
  constexpr Index lanes = Bytes / sizeof(T);
  if (n >= lanes) {
    const V first = tiles::load_strided_within<Stride, V>(from), last = tiles::load_strided_within<Stride, V>(from + (n - lanes) * Stride);
    tiles::store(to, first);
    tiles::store(to + n - lanes, last);
  } else if constexpr (lanes > 2) {
    copy_end<T, Bytes / 2, Stride>(from, n, to);
  } else if (n > 0) {
    to[0] = from[0];
  }
}

/// to[i] = from[i * Stride], touching nothing else.
template <class T, class A, int Stride = 1>
TAPER_INLINE void copy_run(const T* from, Index n, T* to) {
  constexpr Index lanes = tiles::Tile<T, A>::lanes;
  using V = typename tiles::Native<T, A::vector_bytes>::type;
  for (; n >= 2 * lanes; n -= lanes, from += lanes * Stride, to += lanes) tiles::store(to, tiles::load_strided_within<Stride, V>(from));
  copy_end<T, A::vector_bytes, Stride>(from, n, to);
}

template <class T, class A>
TAPER_INLINE void add_run(const T* from, Index n, T* to) {
  constexpr Index lanes = tiles::Tile<T, A>::lanes;
  using V = typename tiles::Native<T, A::vector_bytes>::type;
  Index i = 0;
  for (; i + lanes <= n; i += lanes) tiles::store(to + i, tiles::load<V>(to + i) + tiles::load<V>(from + i));
  for (; i < n; ++i) to[i] += from[i];
}

/// to[i] = from[i * stride]. May read and write up to a vector too much: both are scratch, and filled front to back.
template <class T, class A>
TAPER_INLINE void copy_loose(const T* from, Index stride, Index n, T* to) {
  constexpr int lanes = tiles::Tile<T, A>::lanes;
  using V = typename tiles::Native<T, A::vector_bytes>::type;
  using Half = typename tiles::Native<T, 16>::type;
  if (stride == 1 && n <= static_cast<Index>(16 / sizeof(T)))
    tiles::store(to, tiles::load<Half>(from));
  else if (stride == 1)
    for (Index i = 0; i < n; i += lanes) tiles::store(to + i, tiles::load<V>(from + i));
  else if (stride == 2)
    for (Index i = 0; i < n; i += lanes) tiles::store(to + i, tiles::load_strided<2, V>(from + 2 * i));
  else
    for (Index i = 0; i < n; ++i) to[i] = from[i * stride];
}

/// The part of a channel from (top, left) on, with zeros where it lies outside. `to` must hold zeros there already.
template <class T, class A>
TAPER_INLINE void stage_channel(const Conv2dShape& s, const T* channel, Index top, Index left, Index height,
                                Index width, T* to) {
  const Index first = smaller(width, larger(0, -left)), last = larger(first, smaller(width, s.w - left));
  for (Index y = larger(0, -top); y < height && y + top < s.h; ++y)
    copy_run<T, A>(channel + (y + top) * s.w + left + first, last - first, to + y * width + first);
}

/// Fills the copy for the block of the result at (y0, x0) from channels of one image. `stage` holds the part of one
/// channel that the block sees, with the padding around it.
template <class T, class A>
TAPER_KERNEL [[gnu::noinline]] void shift_image(const Conv2dShape& s, const ShiftPlan& plan, const T* image,
                                                Index channels, Index y0, Index x0, T* stage, T* to) {
  const Index columns = plan.columns, width = plan.stage_columns(s), height = plan.plane_rows * s.sh;
  for (Index i = 0; i < height * width; ++i) stage[i] = T(0);
  for (Index c = 0; c < channels; ++c, image += s.h * s.w) {
    stage_channel<T, A>(s, image, y0 * s.sh - s.ph, x0 * s.sw - s.pw, height, width, stage);
    for (Index kx = 0; kx < s.kw; ++kx)
      for (Index phase = 0; phase < s.sh; ++phase)
        for (Index r = 0; r < plan.plane_rows; ++r, to += columns)
          copy_loose<T, A>(stage + (r * s.sh + phase) * width + kx * s.dw, s.sw, columns, to);
  }
}

/// What one block of the result covers.
struct Block {
  Index y, x, pixels;
  Block(const Conv2dShape& s, const ShiftPlan& plan, Index number) {
    y = number / plan.column_blocks * plan.rows;
    x = number % plan.column_blocks * plan.columns;
    pixels = plan.column_blocks > 1 ? smaller(plan.columns, s.ow() - x) : smaller(plan.rows, s.oh() - y) * s.ow();
  }
};

/// y = conv(x, w) + bias; bias may be null.
template <class T, class A>
void shift_forward(const Conv2dShape& s, const T* x, const T* w, const T* bias, T* y, const Finish<T>& finish = {}) {
  const ShiftPlan plan(s, 512, 4096, 192 * 1024, sizeof(T));
  const Index pixels = s.oh() * s.ow(), in = s.group_in(), out = s.group_out(), taps = s.taps();
  const Scratch<Index> offsets(plan.channels * taps);
  plan.offsets(s, offsets.data());
  const Index blocks = plan.row_blocks * plan.column_blocks, images = s.n * s.groups * blocks;
  // Few blocks of pixels: the output channels are cut too.
  const Index most_out = images >= 8 ? out : even_blocks(out, 48), cuts = ceil_div(out, most_out);
  const Index work = smaller(pixels, plan.rows * plan.columns) * in * taps * most_out;
  parallel_for(images * cuts, 1 + (Index{1} << 18) / work, [&](Index begin, Index end) {
    const Scratch<T> buffer(plan.size(s)), stage(plan.stage_size(s));
    for (Index u = begin; u < end; ++u) {
      const Index cut = u % cuts, image = u / cuts / blocks, group = image % s.groups, first = cut * most_out;
      const Block block(s, plan, u / cuts % blocks);
      const T* from = x + (image / s.groups * s.c + group * in) * s.h * s.w;
      T* to = y + (image / s.groups * s.oc + group * out + first) * pixels + block.y * s.ow() + block.x;
      for (Index c = 0; c < in; c += plan.channels) {
        const Index channels = smaller(plan.channels, in - c);
        shift_image<T, A>(s, plan, from + c * s.h * s.w, channels, block.y, block.x, stage.data(), buffer.data());
        tiles::product<T, A>(smaller(most_out, out - first), block.pixels, channels * taps,
                                   {w + ((group * out + first) * in + c) * taps, in * taps, 1, nullptr, false,
                                    bias && c == 0 ? bias + group * out + first : nullptr},
                                   {buffer.data(), 0, 0, -1, offsets.data()}, to, pixels, c > 0);
      }
      finish(image / s.groups * s.oc + group * out + first, smaller(most_out, out - first), block.y * s.ow() + block.x, block.pixels);
    }
  });
}

/// dw = sum over images and pixels of dy times the shifted image (1 x 1 taps: the image as it lies). Partial sums belong to
/// chunks of images that the sizes decide, and are added in their order.
template <class T, class A>
void shift_weight_gradient(const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  using R = tiles::Tile<T, A>;
  const ShiftPlan plan(s, 384, 512, 128 * 1024, sizeof(T));
  const Index pixels = s.oh() * s.ow(), in = s.group_in(), out = s.group_out(), taps = s.taps();
  const Scratch<Index> offsets(plan.channels * taps);
  plan.offsets(s, offsets.data());
  const Index blocks = plan.row_blocks * plan.column_blocks, parts = ceil_div(in, plan.channels) * s.groups;
  // A chunk sees at least 256 pixels: far more work than its partial sums are.
  const Index chunk = even_blocks(s.n, parts >= 16 ? s.n : larger(ceil_div(s.n * parts, 16), ceil_div(256, pixels)));
  const Index chunks = ceil_div(s.n, chunk);
  const Index strips = ceil_div(out, R::columns), size = plan.channels * taps * out;
  const Scratch<T> partial(chunks * parts * size);
  // Small images: several of them in one product, so that C is read and written once for all.
  const Index together =
      blocks > 1 ? 1 : smaller(chunk, larger(1, smaller(512 / pixels, (Index{1} << 16) / plan.size(s))));
  const bool shift = !pointwise(s);
  parallel_for(chunks * parts, 1, [&](Index begin, Index end) {
    const Scratch<T> buffer(shift ? together * plan.size(s) : 0), stage(shift ? plan.stage_size(s) : 0);
    const Scratch<T> right(together * plan.rows * plan.columns * strips * R::columns);
    for (Index u = begin; u < end; ++u) {
      const Index part = u % parts, group = part % s.groups, c = part / s.groups * plan.channels;
      const Index channels = smaller(plan.channels, in - c), first = u / parts * chunk,
                  last = smaller(s.n, first + chunk);
      for (Index image = first; image < last; image += together)
        for (Index b = 0; b < blocks; ++b) {
          const Block block(s, plan, b);
          const Index images = smaller(together, last - image), height = images * block.pixels;
          const T* from = x + (image * s.c + group * in + c) * s.h * s.w;
          const tiles::Left<T> left =
              shift ? tiles::Left<T>{buffer.data(), 0, 1, offsets.data(), false, nullptr, images, plan.size(s) - block.pixels}
                    : tiles::Left<T>{from + block.y * s.w + block.x, pixels, 1, nullptr, false, nullptr, images, s.c * pixels - block.pixels};
          for (Index i = 0; i < images; ++i) {
            const T* gradient = dy + ((image + i) * s.oc + group * out) * pixels + block.y * s.ow() + block.x;
            for (Index strip = 0; strip < strips; ++strip)
              tiles::pack_strip<T, A>(gradient + strip * R::columns * pixels, 1, pixels, block.pixels,
                                      smaller(R::columns, out - strip * R::columns),
                                      right.data() + (strip * height + i * block.pixels) * R::columns);
            if (shift)
              shift_image<T, A>(s, plan, from + i * s.c * s.h * s.w, channels, block.y, block.x, stage.data(),
                                buffer.data() + i * plan.size(s));
          }
          tiles::product<T, A>(channels * taps, out, block.pixels, left, {right.data(), R::columns, height * R::columns},
                               partial.data() + u * size, out, image > first || b > 0);
        }
    }
  });
  parallel_for(parts, 1 + (Index{1} << 16) / (size * chunks), [&](Index begin, Index end) {
    for (Index part = begin; part < end; ++part) {
      const Index group = part % s.groups, c = part / s.groups * plan.channels,
                  count = smaller(plan.channels, in - c) * taps;
      T* sum = partial.data() + part * size;
      for (Index q = 1; q < chunks; ++q) add_run<T, A>(partial.data() + (q * parts + part) * size, count * out, sum);
      for (Index o = 0; o < out; ++o)
        for (Index t = 0; t < count; ++t) dw[((group * out + o) * in + c) * taps + t] = sum[t * out + o];
    }
  });
}

}  // namespace taper::inline TAPER_CODE::detail::convolution
