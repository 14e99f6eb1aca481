// SPDX-License-Identifier: MIT
// Convolution of images whose channels are last: every tap of a pixel is a run of channels, so that a padded copy of a
// band of the image is the left operand of the matrix product as it lies, with pixels as rows (implicit GEMM).
#pragma once

#include <taper/backend/cpu/conv.hpp>
#include <taper/backend/cpu/conv_depthwise_last.hpp>
#include <taper/backend/cpu/conv_shape.hpp>
#include <taper/backend/cpu/conv_shift.hpp>
#include <taper/backend/cpu/conv_winograd_last.hpp>
#include <taper/backend/cpu/epilogue.hpp>
#include <taper/backend/cpu/gemm_paths.hpp>
#include <taper/backend/cpu/gemm_product.hpp>
#include <taper/backend/cpu/rows.hpp>
#include <taper/config.hpp>
#include <taper/core/parallel.hpp>

namespace taper::inline TAPER_CODE::detail::convolution {

/// A band of rows of results and a slice of the input's channels: a padded copy of what they see stays in the cache.
struct BandPlan {
  Index channels, rows, bands;  // of a slice; of results in a band
  Index width;                  // of the copy, in pixels

  BandPlan(const Conv2dShape& s, Index most_taps, Index most_pixels, Index most_bytes, Index element)
      : channels(even_blocks(s.group_in(), larger(1, most_taps / s.taps()))),
        width((s.ow() - 1) * s.sw + (s.kw - 1) * s.dw + 1) {
    const Index halo = (s.kh - 1) * s.dh + 1 - s.sh, fit = (most_bytes / (width * channels * element) - halo) / s.sh;
    rows = even_blocks(s.oh(), smaller(larger(1, fit), larger(1, most_pixels / s.ow())));
    bands = ceil_div(s.oh(), rows);
  }
  Index height(const Conv2dShape& s) const { return (rows - 1) * s.sh + (s.kh - 1) * s.dh + 1; }
};

/// to (height, width, count) = channels [first, first + count) of an image from row `top` and column -pw on, with zeros
/// around.
template <class T, class A>
TAPER_KERNEL [[gnu::noinline]] void pad_band(const Conv2dShape& s, const T* image, Index first, Index count, Index top,
                                             Index height, Index width, T* to) {
  const Index left = smaller(width, s.pw), inside = larger(0, smaller(width - left, s.w));
  for (Index r = 0; r < height; ++r, to += width * count) {
    const Index y = top + r;
    const bool row = y >= 0 && y < s.h;
    const Index begin = row ? left * count : width * count, end = row ? (left + inside) * count : width * count;
    for (Index i = 0; i < begin; ++i) to[i] = T(0);
    for (Index i = end; i < width * count; ++i) to[i] = T(0);
    if (!row) continue;
    const T* from = image + y * s.w * s.c + first;
    if (count == s.c)
      copy_run<T, A>(from, inside * count, to + begin);
    else
      for (Index x = 0; x < inside; ++x) copy_run<T, A>(from + x * s.c, count, to + begin + x * count);
  }
}

/// Weights as the right operand, strip after strip of `out` columns: rows are slices of channels, in each taps by
/// channels. Element (channel, column, tap) lies at channel * row + column * column_step + tap, or with the taps turned
/// around.
template <class T, class A>
void pack_weights(Index in, Index out, Index taps, Index slice, const T* w, Index row, Index column_step, bool turned,
                  T* to) {
  constexpr Index width = tiles::Tile<T, A>::columns;
  parallel_for(ceil_div(out, width), 1 + (Index{1} << 14) / (in * taps * width), [&](Index begin, Index end) {
    const Scratch<T> turned_strip(slice * taps * width);
    for (Index strip = begin; strip < end; ++strip) {
      const Index columns = smaller(width, out - strip * width);
      T* at = to + strip * in * taps * width;
      for (Index c = 0; c < in; c += slice) {
        const Index count = smaller(slice, in - c);
        const T* from = w + strip * width * column_step + c * row;
        // (column, tap, channel), so that the last step is a transpose of rows.
        for (Index j = 0; j < columns; ++j)
          for (Index t = 0; t < taps; ++t) {
            const T* source = from + j * column_step + (turned ? taps - 1 - t : t);
            T* target = turned_strip.data() + (j * taps + t) * count;
            for (Index i = 0; i < count; ++i) target[i] = source[i * row];
          }
        tiles::pack_strip<T, A>(turned_strip.data(), 1, taps * count, taps * count, columns, at);
        at += taps * count * width;
      }
    }
  });
}

/// y (n, oh, ow, oc) = conv(x (n, h, w, c), w) + bias; weights with `turned` are those of the gradient: (c, oc, taps
/// turned).
template <class T, class A>
void bands_forward(const Conv2dShape& s, const T* x, const T* w, bool turned, const T* bias, T* y,
                   const Finish<T>& finish = {}) {
  using R = tiles::Tile<T, A>;
  const BandPlan plan(s, 1152, 2048, 192 * 1024, sizeof(T));
  const Index in = s.group_in(), out = s.group_out(), taps = s.taps(), ow = s.ow(), oh = s.oh();
  const Index size = ceil_div(out, R::columns) * R::columns * in * taps;
  const Scratch<T> packed(s.groups * size);
  for (Index g = 0; g < s.groups; ++g)
    pack_weights<T, A>(in, out, taps, plan.channels, w + g * out * in * taps, turned ? out * taps : taps,
                       turned ? taps : in * taps, turned, packed.data() + g * size);
  const Index height = plan.height(s), most = plan.rows * ow;
  parallel_for(s.n * plan.bands, 1 + (Index{1} << 18) / (most * in * taps * s.oc), [&](Index begin, Index end) {
    const Scratch<T> buffer(height * plan.width * plan.channels);
    const Scratch<Index> offsets(most);
    for (Index u = begin; u < end; ++u) {
      const Index image = u / plan.bands, top = u % plan.bands * plan.rows, rows = smaller(plan.rows, oh - top),
                  pixels = rows * ow;
      T* to = y + (image * oh + top) * ow * s.oc;
      if (bias) fill_rows<T, A>(pixels, s.oc, bias, to);
      for (Index g = 0; g < s.groups; ++g)
        for (Index c = 0; c < in; c += plan.channels) {
          const Index count = smaller(plan.channels, in - c), pitch = plan.width * count;
          pad_band<T, A>(s, x + image * s.h * s.w * s.c, g * in + c, count, top * s.sh - s.ph,
                         (rows - 1) * s.sh + (s.kh - 1) * s.dh + 1, plan.width, buffer.data());
          for (Index p = 0; p < pixels; ++p) offsets.data()[p] = p / ow * s.sh * pitch + p % ow * s.sw * count;
          // Taps of a row that touch are one run of k; otherwise each is one, row after row of the kernel.
          const bool joined = s.dw == 1;
          for (Index ky = 0; ky < (joined ? 1 : s.kh); ++ky) {
            tiles::Left<T> left{buffer.data() + ky * s.dh * pitch, 0, 1, offsets.data()};
            left.segments = joined ? s.kh : s.kw;
            left.jump = joined ? s.dh * pitch - s.kw * count : (s.dw - 1) * count;
            const T* right = packed.data() + g * size + (c * taps + ky * s.kw * count) * R::columns;
            tiles::product<T, A>(pixels, out, joined ? s.kw * count : count, left,
                                 {right, R::columns, in * taps * R::columns}, to + g * out, s.oc,
                                 bias || c > 0 || ky > 0);
          }
        }
      finish(image * oh * ow + top * ow, pixels, 0, s.oc);
    }
  });
}

/// dx of strides above 1: the products of every tap, added where it lies.
template <class T, class A>
void bands_scatter(const Conv2dShape& s, const T* dy, const T* w, T* dx) {
  const Index in = s.group_in(), out = s.group_out(), taps = s.taps(), ow = s.ow(), oh = s.oh(), row = taps * in;
  const Scratch<T> weights(s.groups * out * row);  // (o, tap, c)
  for (Index o = 0; o < s.groups * out; ++o)
    for (Index c = 0; c < in; ++c)
      for (Index t = 0; t < taps; ++t) weights.data()[(o * taps + t) * in + c] = w[(o * in + c) * taps + t];
  const Index rows = even_blocks(oh, larger(1, 65536 / (ow * row)));
  parallel_for(s.n, 1 + (Index{1} << 18) / (oh * ow * row * out * s.groups), [&](Index begin, Index end) {
    const Scratch<T> buffer(rows * ow * row);
    for (Index image = begin; image < end; ++image) {
      T* to = dx + image * s.h * s.w * s.c;
      for (Index i = 0; i < s.h * s.w * s.c; ++i) to[i] = T(0);
      for (Index g = 0; g < s.groups; ++g)
        for (Index y = 0; y < oh; y += rows) {
          const Index count = smaller(rows, oh - y);
          tiles::multiply<T, A>({count * ow, row, out, dy + (image * oh + y) * ow * s.oc + g * out, s.oc, 1,
                                 weights.data() + g * out * row, row, 1, buffer.data(), row, false});
          const T* from = buffer.data();
          for (Index p = 0; p < count * ow; ++p)
            for (Index t = 0; t < taps; ++t, from += in) {
              const Index iy = (y + p / ow) * s.sh + t / s.kw * s.dh - s.ph,
                          ix = p % ow * s.sw + t % s.kw * s.dw - s.pw;
              if (iy >= 0 && iy < s.h && ix >= 0 && ix < s.w)
                add_run<T, A>(from, in, to + (iy * s.w + ix) * s.c + g * in);
            }
        }
    }
  });
}

/// dw (oc, in, taps). Partial sums belong to chunks of images that the sizes decide, and are added in their order.
template <class T, class A>
void bands_weight_gradient(const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  using R = tiles::Tile<T, A>;
  const BandPlan plan(s, 384, 512, 128 * 1024, sizeof(T));
  const Index in = s.group_in(), out = s.group_out(), taps = s.taps(), ow = s.ow(), oh = s.oh();
  const Index parts = ceil_div(in, plan.channels) * s.groups, strips = ceil_div(out, R::columns),
              size = plan.channels * taps * out;
  const Index chunk = even_blocks(s.n, parts >= 16 ? s.n : larger(ceil_div(s.n * parts, 16), ceil_div(256, oh * ow))),
              chunks = ceil_div(s.n, chunk);
  const Scratch<T> partial(chunks * parts * size);
  const Index height = plan.height(s);
  parallel_for(chunks * parts, 1, [&](Index begin, Index end) {
    const Scratch<T> buffer(height * plan.width * plan.channels), right(plan.rows * ow * strips * R::columns);
    const Scratch<Index> offsets(plan.channels * taps);
    for (Index u = begin; u < end; ++u) {
      const Index g = u % parts % s.groups, c = u % parts / s.groups * plan.channels,
                  count = smaller(plan.channels, in - c), pitch = plan.width * count;
      for (Index i = 0; i < taps * count; ++i)
        offsets.data()[i] = i / count / s.kw * s.dh * pitch + i / count % s.kw * s.dw * count + i % count;
      const Index first = u / parts * chunk, last = smaller(s.n, first + chunk);
      for (Index image = first; image < last; ++image)
        for (Index top = 0; top < oh; top += plan.rows) {
          const Index rows = smaller(plan.rows, oh - top), pixels = rows * ow;
          const T* from = dy + (image * oh + top) * ow * s.oc + g * out;
          for (Index strip = 0; strip < strips; ++strip)
            tiles::pack_strip<T, A>(from + strip * R::columns, s.oc, 1, pixels,
                                    smaller(R::columns, out - strip * R::columns),
                                    right.data() + strip * pixels * R::columns);
          pad_band<T, A>(s, x + image * s.h * s.w * s.c, g * in + c, count, top * s.sh - s.ph,
                         (rows - 1) * s.sh + (s.kh - 1) * s.dh + 1, plan.width, buffer.data());
          tiles::Left<T> left{buffer.data(), 0, s.sw * count, offsets.data()};
          left.segments = rows;
          left.jump = s.sh * pitch - ow * s.sw * count;
          tiles::product<T, A>(taps * count, out, ow, left, {right.data(), R::columns, pixels * R::columns},
                               partial.data() + u * size, out, image > first || top > 0);
        }
    }
  });
  parallel_for(parts, 1 + (Index{1} << 16) / (size * chunks), [&](Index begin, Index end) {
    for (Index part = begin; part < end; ++part) {
      const Index g = part % s.groups, c = part / s.groups * plan.channels, count = smaller(plan.channels, in - c);
      T* sum = partial.data() + part * size;
      for (Index q = 1; q < chunks; ++q)
        add_run<T, A>(partial.data() + (q * parts + part) * size, count * taps * out, sum);
      for (Index o = 0; o < out; ++o)
        for (Index i = 0; i < count; ++i)
          for (Index t = 0; t < taps; ++t) dw[((g * out + o) * in + c + i) * taps + t] = sum[(t * count + i) * out + o];
    }
  });
}

/// 1 x 1 taps on the image as it is: one product for all pixels.
inline bool pixelwise(const Conv2dShape& s) { return pointwise(s) && s.groups == 1; }
inline bool single_channels(const Conv2dShape& s) { return s.group_in() == 1 && s.group_out() == 1; }

/// The convolution whose result is dx: of dy, with the taps turned around.
inline Conv2dShape backwards(const Conv2dShape& s) {
  Conv2dShape back = s;
  back.c = s.oc, back.h = s.oh(), back.w = s.ow(), back.oc = s.c;
  back.ph = s.dh * (s.kh - 1) - s.ph, back.pw = s.dw * (s.kw - 1) - s.pw;
  return back;
}

/// Whether Winograd's tiles pay: fewer steps for their transforms than where pixels lie side by side, none of them half
/// empty.
inline bool prefer_winograd_last(const Conv2dShape& s, Index lanes) {
  if (s.kh != 3 || s.kw != 3 || s.sh != 1 || s.sw != 1 || s.dh != 1 || s.dw != 1 || s.groups != 1) return false;
  if (s.ph < 0 || s.pw < 0 || s.ph > 2 || s.pw > 2 || s.c < lanes || s.oc < lanes) return false;
  const Index tiles = s.n * ceil_div(s.oh(), 2) * ceil_div(s.ow(), 2), pixels = s.n * s.oh() * s.ow();
  return tiles >= 48 && (9 * pixels - 16 * tiles) * s.c * s.oc > 160 * tiles * (s.c + s.oc);
}

template <class T, class A>
void last_forward(const Conv2dShape& s, const T* x, const T* w, const T* bias, T* y, const Epilogue* epilogue) {
  const Index pixels = s.n * s.oh() * s.ow();
  const Finish<T> finish{epilogue, y, s.oc};
  if (pixelwise(s)) {
    if (bias) fill_rows<T, A>(pixels, s.oc, bias, y);
    return tiles::multiply<T, A>({pixels, s.oc, s.c, x, s.c, 1, w, 1, s.c, y, s.oc, bias != nullptr, nullptr, finish});
  }
  if (single_channels(s)) return depthwise_last_forward<T, A>(s, x, w, false, bias, y, finish);
  if (prefer_winograd_last(s, tiles::Tile<T, A>::lanes) && winograd_last_forward<T, A>(s, x, w, false, bias, y, finish))
    return;
  bands_forward<T, A>(s, x, w, false, bias, y, finish);
}

template <class T, class A>
void last_data_gradient(const Conv2dShape& s, const T* dy, const T* w, T* dx) {
  if (pixelwise(s)) return tiles::multiply<T, A>({s.n * s.h * s.w, s.c, s.oc, dy, s.oc, 1, w, s.c, 1, dx, s.c, false});
  if (s.sh == 1 && s.sw == 1 && s.ph <= s.dh * (s.kh - 1) && s.pw <= s.dw * (s.kw - 1)) {
    if (single_channels(s)) return depthwise_last_forward<T, A>(backwards(s), dy, w, true, nullptr, dx);
    if (prefer_winograd_last(backwards(s), tiles::Tile<T, A>::lanes) &&
        winograd_last_forward<T, A>(backwards(s), dy, w, true, nullptr, dx))
      return;
    return bands_forward<T, A>(backwards(s), dy, w, true, nullptr, dx);
  }
  if (single_channels(s)) return depthwise_last_scatter<T, A>(s, dy, w, dx);
  bands_scatter<T, A>(s, dy, w, dx);
}

template <class T, class A>
void last_weight_gradient(const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  if (pixelwise(s)) return tiles::multiply<T, A>({s.oc, s.c, s.n * s.h * s.w, dy, 1, s.oc, x, s.c, 1, dw, s.c, false});
  if (single_channels(s)) return depthwise_last_weight_gradient<T, A>(s, x, dy, dw);
  if (prefer_winograd_last(s, tiles::Tile<T, A>::lanes) && winograd_last_weight_gradient<T, A>(s, x, dy, dw)) return;
  bands_weight_gradient<T, A>(s, x, dy, dw);
}

}  // namespace taper::inline TAPER_CODE::detail::convolution
