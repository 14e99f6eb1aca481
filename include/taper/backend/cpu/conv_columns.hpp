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
  parallel_for(s.n * parts, 1 + (Index{1} << 18) / work, [&](Index begin, Index end) {
    const Scratch<T> buffer(channels * taps * rows * columns);
    for (Index u = begin; u < end; ++u) {
      const Index image = u / parts, group = u % parts % s.groups, c = u % parts / s.groups * channels;
      const Index count = smaller(channels, in - c);
      T* to = dx + (image * s.c + group * in + c) * s.h * s.w;
      for (Index i = 0; i < count * s.h * s.w; ++i) to[i] = T(0);
      for (Index y = 0; y < s.oh(); y += rows)
        for (Index x = 0; x < ow; x += columns) {
          const Index block_rows = smaller(rows, s.oh() - y), block_columns = smaller(columns, ow - x);
          const Index at = y * ow + x, block = block_rows * block_columns;
          tiles::product<T, A>(
              count * taps, block, out, {w + (group * out * in + c) * taps, 1, in * taps},
              {dy + (image * s.oc + group * out) * pixels + at, pixels, 0, (out - 1) * pixels + pixels - at},
              buffer.data(), block, false);
          scatter_columns<T, A>(s, buffer.data(), count, y, block_rows, x, block_columns, to);
        }
    }
  });
}

}  // namespace taper::inline TAPER_CODE::detail::convolution
