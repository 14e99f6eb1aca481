// SPDX-License-Identifier: MIT
// Convolution through explicit rows of taps (im2row): for results of a few pixels, where many images share one matrix
// product, for strided data gradients, and for dtypes without register tiles.
#pragma once

#include <taper/backend/cpu/conv_shape.hpp>
#include <taper/backend/cpu/conv_shift.hpp>
#include <taper/backend/cpu/gemm.hpp>
#include <taper/core/parallel.hpp>
#include <taper/config.hpp>

namespace taper::inline TAPER_CODE::detail::convolution {

/// Where in its row of the image the taps of one result pixel lie.
struct Window {
  Index y, x, y_first, y_last, x_first, x_last;
  Window(const Conv2dShape& s, Index pixel) {
    const Index ow = s.ow();
    y = pixel / ow * s.sh - s.ph;
    x = pixel % ow * s.sw - s.pw;
    range(y, s.h, s.kh, s.dh, y_first, y_last);
    range(x, s.w, s.kw, s.dw, x_first, x_last);
  }

 private:
  static void range(Index start, Index size, Index taps, Index dilation, Index& first, Index& last) {
    first = smaller(taps, start >= 0 ? 0 : ceil_div(-start, dilation));
    last = size > start ? larger(first, smaller(taps, (size - start - 1) / dilation + 1)) : first;
  }
};

/// Rows [first, last) of all images' pixels: the taps of each, zero where they lie outside.
template <class T, class A>
TAPER_KERNEL void gather_rows(const Conv2dShape& s, const T* x, Index group, Index first, Index last, T* to) {
  const Index pixels = s.oh() * s.ow();
  for (Index r = first; r < last; ++r) {
    const Window at(s, r % pixels);
    const T* channel = x + (r / pixels * s.c + group * s.group_in()) * s.h * s.w;
    for (Index c = 0; c < s.group_in(); ++c, channel += s.h * s.w)
      for (Index ky = 0; ky < s.kh; ++ky) {
        const bool inside = ky >= at.y_first && ky < at.y_last;
        for (Index kx = 0; kx < s.kw; ++kx)
          *to++ = inside && kx >= at.x_first && kx < at.x_last ? channel[(at.y + ky * s.dh) * s.w + at.x + kx * s.dw]
                                                               : T(0);
      }
  }
}

/// The reverse: every tap is added to its pixel.
template <class T, class A>
TAPER_KERNEL void scatter_rows(const Conv2dShape& s, const T* rows, Index group, Index first, Index last, T* x) {
  const Index pixels = s.oh() * s.ow();
  for (Index r = first; r < last; ++r) {
    const Window at(s, r % pixels);
    T* channel = x + (r / pixels * s.c + group * s.group_in()) * s.h * s.w;
    for (Index c = 0; c < s.group_in(); ++c, channel += s.h * s.w, rows += s.taps())
      for (Index ky = at.y_first; ky < at.y_last; ++ky)
        for (Index kx = at.x_first; kx < at.x_last; ++kx) {
          T& to = channel[(at.y + ky * s.dh) * s.w + at.x + kx * s.dw];
          to = static_cast<T>(to + rows[ky * s.kw + kx]);
        }
  }
}

/// Between (n, oc, pixels) and rows of all images' pixels by the channels of one group.
template <bool ToRows, class T, class A>
TAPER_KERNEL void transpose_rows(const Conv2dShape& s, std::conditional_t<ToRows, const T, T>* y, Index group,
                                 Index first, Index last, std::conditional_t<ToRows, T, const T>* rows) {
  const Index pixels = s.oh() * s.ow(), out = s.group_out();
  for (Index r = first; r < last; ++r, rows += out) {
    auto* at = y + (r / pixels * s.oc + group * out) * pixels + r % pixels;
    for (Index o = 0; o < out; ++o) {
      if constexpr (ToRows)
        rows[o] = at[o * pixels];
      else
        at[o * pixels] = rows[o];
    }
  }
}

/// Rows of taps in one block: about 128 K elements, and enough for a matrix product.
inline Index rows_per_block(const Conv2dShape& s, Index all) {
  const Index k = s.group_in() * s.taps();
  return even_blocks(all, larger(64, (Index{1} << 17) / k));
}

template <class T, class A>
void rows_forward(const Conv2dShape& s, const T* x, const T* w, T* y, bool accumulate) {
  const Index k = s.group_in() * s.taps(), out = s.group_out(), all = s.n * s.oh() * s.ow(),
              block = rows_per_block(s, all);
  const Index blocks = ceil_div(all, block);
  parallel_for(blocks * s.groups, 1, [&](Index begin, Index end) {
    const Scratch<T> taps(block * k), results(block * out);
    for (Index u = begin; u < end; ++u) {
      const Index group = u % s.groups, first = u / s.groups * block, last = smaller(all, first + block);
      gather_rows<T, A>(s, x, group, first, last, taps.data());
      if (accumulate) transpose_rows<true, T, A>(s, y, group, first, last, results.data());
      gemm<T, A>(last - first, out, k, taps.data(), k, 1, w + group * out * k, 1, k, results.data(), out, accumulate);
      transpose_rows<false, T, A>(s, y, group, first, last, results.data());
    }
  });
}

template <class T, class A>
void rows_weight_gradient(const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  const Index k = s.group_in() * s.taps(), out = s.group_out(), all = s.n * s.oh() * s.ow(),
              block = rows_per_block(s, all);
  const Scratch<T> taps(block * k), results(block * out);
  for (Index group = 0; group < s.groups; ++group)
    for (Index first = 0; first < all; first += block) {
      const Index last = smaller(all, first + block);
      gather_rows<T, A>(s, x, group, first, last, taps.data());
      transpose_rows<true, T, A>(s, dy, group, first, last, results.data());
      gemm<T, A>(out, k, last - first, results.data(), 1, out, taps.data(), k, 1, dw + group * out * k, k, first > 0);
    }
}

/// Images are dealt out whole: their pixels overlap.
template <class T, class A>
void rows_data_gradient(const Conv2dShape& s, const T* dy, const T* w, T* dx) {
  const Index k = s.group_in() * s.taps(), out = s.group_out(), pixels = s.oh() * s.ow();
  const Index images = larger(1, smaller(ceil_div(s.n, 16), rows_per_block(s, s.n * pixels) / pixels));
  const Index most = smaller(images * pixels, rows_per_block(s, s.n * pixels));
  parallel_for(ceil_div(s.n, images) * s.groups, 1, [&](Index begin, Index end) {
    const Scratch<T> taps(most * k), results(most * out);
    for (Index u = begin; u < end; ++u) {
      const Index group = u % s.groups, first_image = u / s.groups * images,
                  last_image = smaller(s.n, first_image + images);
      for (Index image = first_image; image < last_image; ++image) {
        T* to = dx + (image * s.c + group * s.group_in()) * s.h * s.w;
        for (Index i = 0; i < s.group_in() * s.h * s.w; ++i) to[i] = T(0);
      }
      for (Index first = first_image * pixels; first < last_image * pixels; first += most) {
        const Index last = smaller(last_image * pixels, first + most);
        transpose_rows<true, T, A>(s, dy, group, first, last, results.data());
        gemm<T, A>(last - first, k, out, results.data(), out, 1, w + group * out * k, k, 1, taps.data(), k, false);
        scatter_rows<T, A>(s, taps.data(), group, first, last, dx);
      }
    }
  });
}

}  // namespace taper::inline TAPER_CODE::detail::convolution
