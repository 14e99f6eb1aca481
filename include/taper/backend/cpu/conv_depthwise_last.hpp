// SPDX-License-Identifier: MIT
// Convolution of single channels (depthwise) where channels are last: vectors of channels, pixel after pixel.
#pragma once

#include <taper/backend/cpu/conv_shape.hpp>
#include <taper/backend/cpu/conv_shift.hpp>
#include <taper/backend/cpu/epilogue.hpp>
#include <taper/backend/cpu/gemm_kernel.hpp>
#include <taper/config.hpp>
#include <taper/core/parallel.hpp>

#if TAPER_NVCC
#pragma nv_diagnostic push
#pragma nv_diag_suppress 1675  // the unroll pragmas are for the host compiler, and reach it
#endif

namespace taper::inline TAPER_CODE::detail::convolution {

/// The taps [first, last) of a window whose start may lie before the image or whose end behind it.
struct TapRange {
  Index first, last;
  TapRange(Index start, Index taps, Index dilation, Index size) {
    first = smaller(taps, start >= 0 ? 0 : ceil_div(-start, dilation));
    last = size > start ? larger(first, smaller(taps, (size - start - 1) / dilation + 1)) : first;
  }
};

/// Results [first, last) of a row all of whose columns lie in the image, for a vector of channels: four pixels at a
/// time. from: the first tap of pixel `first`; taps of a row lie tap apart, rows `pitch`, pixels `step`.
template <class T, class V, int KW>
TAPER_INLINE void depthwise_last_run(Index n, const T* from, Index pitch, Index tap, Index step, TapRange rows,
                                     Index kw, const T* w, Index c, V bias, T* y) {
  constexpr int most = 4;
  Index x = 0;
  const auto run = [&]<int N>(std::integral_constant<int, N>) TAPER_INLINE_LAMBDA {
    V sum[N];
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i) sum[i] = bias;
    for (Index ky = rows.first; ky < rows.last; ++ky) {
      const T* row = from + ky * pitch + x * step;
      const T* weights = w + ky * kw * c;
      if constexpr (KW > 0) {
#pragma GCC unroll 8
        for (int kx = 0; kx < KW; ++kx)
#pragma GCC unroll 4
          for (int i = 0; i < N; ++i)
            sum[i] += tiles::load<V>(weights + kx * c) * tiles::load<V>(row + i * step + kx * tap);
      } else {
        for (Index kx = 0; kx < kw; ++kx)
#pragma GCC unroll 4
          for (int i = 0; i < N; ++i)
            sum[i] += tiles::load<V>(weights + kx * c) * tiles::load<V>(row + i * step + kx * tap);
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i) tiles::store(y + (x + i) * c, sum[i]);
  };
  for (; x + most <= n; x += most) run(std::integral_constant<int, most>());
  for (; x < n; ++x) run(std::integral_constant<int, 1>());
}

/// 3 x 3 taps side by side, stride 1, all inside: the nine weights stay in registers, a vector of the image serves
/// three taps.
template <class T, class V>
TAPER_INLINE void depthwise_last_nine(Index n, const T* from, Index pitch, Index c, const T* w, V bias, T* y) {
  V weight[9];
#pragma GCC unroll 16
  for (int t = 0; t < 9; ++t) weight[t] = tiles::load<V>(w + t * c);
  Index x = 0;
  for (; x + 4 <= n; x += 4, from += 4 * c) {
    V sum[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) sum[i] = bias;
#pragma GCC unroll 4
    for (int ky = 0; ky < 3; ++ky)
#pragma GCC unroll 8
      for (int k = 0; k < 6; ++k) {
        const V v = tiles::load<V>(from + ky * pitch + k * c);
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i)
          if (k >= i && k <= i + 2) sum[i] += weight[ky * 3 + k - i] * v;
      }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) tiles::store(y + (x + i) * c, sum[i]);
  }
  for (; x < n; ++x, from += c) {
    V sum = bias;
#pragma GCC unroll 4
    for (int ky = 0; ky < 3; ++ky)
#pragma GCC unroll 4
      for (int kx = 0; kx < 3; ++kx) sum += weight[ky * 3 + kx] * tiles::load<V>(from + ky * pitch + kx * c);
    tiles::store(y + x * c, sum);
  }
}

/// A row of results. Columns whose windows reach over the sides are summed tap by tap.
template <class T, class A, class V>
TAPER_KERNEL [[gnu::noinline]] void depthwise_last_row(const Conv2dShape& s, const T* image, Index oy, const T* w,
                                                       const T* bias, T* y) {
  constexpr Index lanes = sizeof(V) / sizeof(T);
  const Index c = s.c, ow = s.ow(), top = oy * s.sh - s.ph, pitch = s.dh * s.w * c;
  const TapRange rows(top, s.kh, s.dh, s.h);
  const Index room = s.w + s.pw - (s.kw - 1) * s.dw - 1;
  const Index first = smaller(ow, ceil_div(s.pw, s.sw)),
              last = room < 0 ? first : larger(first, smaller(ow, room / s.sw + 1));
  const bool nine = s.kh == 3 && s.kw == 3 && s.sw == 1 && s.dw == 1 && rows.first == 0 && rows.last == 3;
  for (Index k = 0; k < c; k += lanes) {
    if (k + lanes > c) k = c - lanes;
    const V start = bias ? tiles::load<V>(bias + k) : V{};
    const T *from = image + (top * s.w + first * s.sw - s.pw) * c + k, *weights = w + k;
    T* to = y + first * c + k;
    if (nine)
      depthwise_last_nine<T, V>(last - first, from, pitch, c, weights, start, to);
    else if (s.kw == 3)
      depthwise_last_run<T, V, 3>(last - first, from, pitch, s.dw * c, s.sw * c, rows, 3, weights, c, start, to);
    else
      depthwise_last_run<T, V, 0>(last - first, from, pitch, s.dw * c, s.sw * c, rows, s.kw, weights, c, start, to);
    for (Index x = 0; x < ow; ++x) {
      if (x == first) x = last;
      if (x >= ow) break;
      const Index left = x * s.sw - s.pw;
      const TapRange columns(left, s.kw, s.dw, s.w);
      V sum = start;
      for (Index ky = rows.first; ky < rows.last; ++ky)
        for (Index kx = columns.first; kx < columns.last; ++kx)
          sum += tiles::load<V>(weights + (ky * s.kw + kx) * c) *
                 tiles::load<V>(image + ((top + ky * s.dh) * s.w + left + kx * s.dw) * c + k);
      tiles::store(y + x * c + k, sum);
    }
  }
}

/// Weights (c, taps) as (taps, c), or with the taps turned around.
template <class T>
struct TapRows : Scratch<T> {
  TapRows(const Conv2dShape& s, const T* w, bool turned) : Scratch<T>(s.taps() * s.c) {
    const Index taps = s.taps();
    for (Index k = 0; k < s.c; ++k)
      for (Index t = 0; t < taps; ++t) this->data()[(turned ? taps - 1 - t : t) * s.c + k] = w[k * taps + t];
  }
};

template <class T, class A>
void depthwise_last_forward(const Conv2dShape& s, const T* x, const T* w, bool turned, const T* bias, T* y,
                            const Finish<T>& finish = {}) {
  using V = typename tiles::Native<T, A::vector_bytes>::type;
  const TapRows<T> weights(s, w, turned);
  const Index oh = s.oh(), row = s.ow() * s.c;
  const auto run =
      s.c >= static_cast<Index>(sizeof(V) / sizeof(T)) ? depthwise_last_row<T, A, V> : depthwise_last_row<T, A, T>;
  parallel_for(s.n * oh, 1 + (Index{1} << 16) / (row * s.taps()), [&](Index begin, Index end) {
    for (Index u = begin; u < end; ++u) {
      run(s, x + u / oh * s.h * s.w * s.c, u % oh, weights.data(), bias, y + u * row);
      finish(u * s.ow(), s.ow(), 0, s.c);
    }
  });
}

/// to += a * b, channel by channel.
template <class T, class A>
TAPER_INLINE void add_products(const T* a, const T* b, Index n, T* to) {
  constexpr Index lanes = tiles::Tile<T, A>::lanes;
  using V = typename tiles::Native<T, A::vector_bytes>::type;
  Index i = 0;
  for (; i + lanes <= n; i += lanes)
    tiles::store(to + i, tiles::load<V>(to + i) + tiles::load<V>(a + i) * tiles::load<V>(b + i));
  for (; i < n; ++i) to[i] += a[i] * b[i];
}

/// For every tap of every pixel of image `image` that lies inside: f(tap, offset in the image, offset in the result).
template <class F>
TAPER_INLINE void for_taps(const Conv2dShape& s, const F& f) {
  const Index ow = s.ow();
  for (Index oy = 0; oy < s.oh(); ++oy) {
    const TapRange rows(oy * s.sh - s.ph, s.kh, s.dh, s.h);
    for (Index ox = 0; ox < ow; ++ox) {
      const TapRange columns(ox * s.sw - s.pw, s.kw, s.dw, s.w);
      for (Index ky = rows.first; ky < rows.last; ++ky)
        for (Index kx = columns.first; kx < columns.last; ++kx)
          f(ky * s.kw + kx, ((oy * s.sh - s.ph + ky * s.dh) * s.w + ox * s.sw - s.pw + kx * s.dw) * s.c,
            (oy * ow + ox) * s.c);
    }
  }
}

template <class T, class A>
TAPER_KERNEL [[gnu::noinline]] void scatter_taps(const Conv2dShape& s, const T* dy, const T* w, T* dx) {
  for (Index i = 0; i < s.h * s.w * s.c; ++i) dx[i] = T(0);
  for_taps(s, [&](Index tap, Index in, Index out)
                  TAPER_INLINE_LAMBDA { add_products<T, A>(dy + out, w + tap * s.c, s.c, dx + in); });
}

template <class T, class A>
void depthwise_last_scatter(const Conv2dShape& s, const T* dy, const T* w, T* dx) {
  const TapRows<T> weights(s, w, false);
  const Index in = s.h * s.w * s.c, out = s.oh() * s.ow() * s.c;
  parallel_for(s.n, 1 + (Index{1} << 16) / (out * s.taps() + in), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) scatter_taps<T, A>(s, dy + i * out, weights.data(), dx + i * in);
  });
}

/// sums (taps, c) += dy times what the taps see, for one image: row by row, with the sums of a vector of channels in
/// registers.
template <class T, class A, class V>
TAPER_KERNEL [[gnu::noinline]] void depthwise_last_taps(const Conv2dShape& s, const T* x, const T* dy, T* sums) {
  constexpr Index lanes = sizeof(V) / sizeof(T);
  const Index c = s.c, ow = s.ow();
  for (Index oy = 0; oy < s.oh(); ++oy, dy += ow * c) {
    const TapRange rows(oy * s.sh - s.ph, s.kh, s.dh, s.h);
    for (Index k = 0; k + lanes <= c; k += lanes)
      for (Index ky = rows.first; ky < rows.last; ++ky)
        for (Index kx = 0; kx < s.kw; ++kx) {
          const Index shift = kx * s.dw - s.pw;
          const Index first = smaller(ow, shift >= 0 ? 0 : ceil_div(-shift, s.sw));
          const Index last = s.w > shift ? larger(first, smaller(ow, (s.w - shift - 1) / s.sw + 1)) : first;
          const T *from = x + ((oy * s.sh - s.ph + ky * s.dh) * s.w + first * s.sw + shift) * c + k,
                  *g = dy + first * c + k;
          T* to = sums + (ky * s.kw + kx) * c + k;
          V sum[4] = {tiles::load<V>(to)};  // independent sums: they do not wait for each other
          Index i = first;
          for (; i + 4 <= last; i += 4, from += 4 * s.sw * c, g += 4 * c)
#pragma GCC unroll 4
            for (int q = 0; q < 4; ++q) sum[q] += tiles::load<V>(g + q * c) * tiles::load<V>(from + q * s.sw * c);
          for (; i < last; ++i, from += s.sw * c, g += c) sum[0] += tiles::load<V>(g) * tiles::load<V>(from);
          tiles::store(to, (sum[0] + sum[1]) + (sum[2] + sum[3]));
        }
  }
}

/// dw (c, taps). Partial sums belong to chunks of images that the sizes decide, and are added in their order.
template <class T, class A>
void depthwise_last_weight_gradient(const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  using V = typename tiles::Native<T, A::vector_bytes>::type;
  constexpr Index lanes = tiles::Tile<T, A>::lanes;
  const Index taps = s.taps(), size = taps * s.c, in = s.h * s.w * s.c, out = s.oh() * s.ow() * s.c,
              chunk = ceil_div(s.n, 16), chunks = ceil_div(s.n, chunk);
  const Scratch<T> sums(chunks * size);
  parallel_for(s.n, chunk, [&](Index begin, Index end) {
    T* to = sums.data() + begin / chunk * size;
    for (Index i = 0; i < size; ++i) to[i] = T(0);
    for (Index i = begin; i < end; ++i) {
      depthwise_last_taps<T, A, V>(s, x + i * in, dy + i * out, to);
      if (s.c % lanes == 0) continue;
      const Index done = s.c / lanes * lanes;
      for_taps(s, [&](Index tap, Index from, Index at) TAPER_INLINE_LAMBDA {
        for (Index k = done; k < s.c; ++k) to[tap * s.c + k] += dy[i * out + at + k] * x[i * in + from + k];
      });
    }
  });
  for (Index q = 1; q < chunks; ++q) add_run<T, A>(sums.data() + q * size, size, sums.data());
  for (Index k = 0; k < s.c; ++k)
    for (Index t = 0; t < taps; ++t) dw[k * taps + t] = sums.data()[t * s.c + k];
}

}  // namespace taper::inline TAPER_CODE::detail::convolution

#if TAPER_NVCC
#pragma nv_diagnostic pop
#endif
