// SPDX-License-Identifier: MIT
// Data gradient of strided convolutions and of few input channels: one product gives the gradient of every tap of a
// block of pixels, which is then added where the taps lie.
#pragma once

#include <taper/backend/cpu/conv_shape.hpp>
#include <taper/backend/cpu/conv_shift.hpp>
#include <taper/backend/cpu/gemm_product.hpp>
#include <taper/core/parallel.hpp>
#include <taper/config.hpp>

namespace taper::inline TAPER_CODE::detail::convolution {

/// Adds taps (channels * kh * kw) x pixels of the block at (y0, x0) to the channels of an image.
template <class T, class A>
TAPER_KERNEL [[gnu::noinline]] void scatter_columns(const Conv2dShape& s, const T* taps, Index channels, Index y0,
                                                    Index rows, Index x0, Index columns, T* image) {
  for (Index c = 0; c < channels; ++c, image += s.h * s.w)
    for (Index ky = 0; ky < s.kh; ++ky)
      for (Index kx = 0; kx < s.kw; ++kx) {
        const Index shift = x0 * s.sw + kx * s.dw - s.pw;
        const Index first = smaller(columns, shift >= 0 ? 0 : ceil_div(-shift, s.sw));
        const Index last = s.w > shift ? larger(first, smaller(columns, (s.w - shift - 1) / s.sw + 1)) : first;
        for (Index r = 0; r < rows; ++r, taps += columns) {
          const Index y = (y0 + r) * s.sh + ky * s.dh - s.ph;
          if (y < 0 || y >= s.h) continue;
          T* to = image + y * s.w + shift;
          if (s.sw == 1)
            add_run<T, A>(taps + first, last - first, to + first);
          else
            for (Index x = first; x < last; ++x) to[x * s.sw] += taps[x];
        }
      }
}

/// Whether gather_columns may be used: it reads a little before and behind the taps.
inline constexpr Index most_gathered = 16;
inline bool may_gather(const Conv2dShape& s) {
  return s.sh == 1 && s.sw == 1 && s.kw <= most_gathered && (s.kw - 1) * s.dw <= 64 && s.pw <= 64;
}

/// image = the sums of all taps (channel, tap, oh, ow) that fall on each pixel, for stride 1: a vector of pixels at a time.
template <class T, class A>
TAPER_KERNEL [[gnu::noinline]] void gather_columns(const Conv2dShape& s, const T* taps, Index channels, T* image) {
  constexpr Index lanes = tiles::Tile<T, A>::lanes;
  using V = typename tiles::Native<T, A::vector_bytes>::type;
  using Mask = decltype(V{} == V{});
  const Index oh = s.oh(), ow = s.ow(), pixels = oh * ow;
  for (Index x = 0; x < s.w; x += lanes) {
    Mask inside[most_gathered];
    for (Index kx = 0; kx < s.kw; ++kx)
      for (Index l = 0; l < lanes; ++l) {
        const Index at = x + l + s.pw - kx * s.dw;
        inside[kx][l] = at >= 0 && at < ow ? -1 : 0;
      }
    for (Index c = 0; c < channels; ++c)
      for (Index y = 0; y < s.h; ++y) {
        V sum{};
        for (Index ky = 0; ky < s.kh; ++ky) {
          const Index r = y + s.ph - ky * s.dh;
          if (r < 0 || r >= oh) continue;
          const T* from = taps + (c * s.kh + ky) * s.kw * pixels + r * ow + x + s.pw;
          for (Index kx = 0; kx < s.kw; ++kx) sum += inside[kx] ? tiles::load<V>(from + kx * (pixels - s.dw)) : V{};
        }
        T* to = image + (c * s.h + y) * s.w + x;
        if (s.w - x >= lanes) {
          tiles::store(to, sum);
        } else {
          T values[lanes];
          tiles::store(values, sum);
          copy_run<T, A>(values, s.w - x, to);
        }
      }
  }
}

template <class T, class A>
void columns_data_gradient(const Conv2dShape& s, const T* dy, const T* w, T* dx) {
  using R = tiles::Tile<T, A>;
  const Index pixels = s.oh() * s.ow(), ow = s.ow(), in = s.group_in(), out = s.group_out(), taps = s.taps();
  // Channels in blocks, so that single images are work for several threads; pixels so that the taps stay in the cache.
  const Index channels = even_blocks(in, s.n * s.groups >= 16 ? larger(1, 256 / taps) : larger(1, 48 / taps));
  const Index most = larger(R::columns, 40960 / (channels * taps)), columns = smaller(ow, most);
  const Index rows = columns < ow ? 1 : smaller(s.oh(), larger(1, most / ow)),
              parts = ceil_div(in, channels) * s.groups;
  const Index work = channels * taps * out * pixels;
  const bool gather = rows == s.oh() && columns == ow && may_gather(s);
  parallel_for(s.n * parts, 1 + (Index{1} << 18) / work, [&](Index begin, Index end) {
    const Scratch<T> memory(channels * taps * rows * columns + 64);
    T* buffer = memory.data() + 64;
    for (Index u = begin; u < end; ++u) {
      const Index image = u / parts, group = u % parts % s.groups, c = u % parts / s.groups * channels;
      const Index count = smaller(channels, in - c);
      T* to = dx + (image * s.c + group * in + c) * s.h * s.w;
      for (Index i = 0; !gather && i < count * s.h * s.w; ++i) to[i] = T(0);
      for (Index y = 0; y < s.oh(); y += rows)
        for (Index x = 0; x < ow; x += columns) {
          const Index block_rows = smaller(rows, s.oh() - y), block_columns = smaller(columns, ow - x);
          const Index at = y * ow + x, block = block_rows * block_columns;
          tiles::product<T, A>(
              count * taps, block, out, {w + (group * out * in + c) * taps, 1, in * taps},
              {dy + (image * s.oc + group * out) * pixels + at, pixels, 0, (out - 1) * pixels + pixels - at},
              buffer, block, false);
          if (gather) gather_columns<T, A>(s, buffer, count, to);
          else scatter_columns<T, A>(s, buffer, count, y, block_rows, x, block_columns, to);
        }
    }
  });
}

}  // namespace taper::inline TAPER_CODE::detail::convolution
