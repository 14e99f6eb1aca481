// SPDX-License-Identifier: MIT
// The gradients of single channels (depthwise): of the weights, and of the image where the windows are strided.
#pragma once

#include <taper/backend/cpu/conv_depthwise.hpp>
#include <taper/backend/cpu/gemm_dot.hpp>

#if TAPER_NVCC
#pragma nv_diagnostic push
#pragma nv_diag_suppress 1675  // the unroll pragmas are for the host compiler, and reach it
#endif

namespace taper::inline TAPER_CODE::detail::convolution {

/// sums[t * lanes + l] += what lane l sees of dy times tap t. Rows come in whole steps. Lanes that are no result are zero on
/// both sides: zero times infinity would be NaN.
template <class T, class A, DepthwiseKernel Kernel>
TAPER_KERNEL [[gnu::noinline]] void depthwise_taps(const DepthwiseTaps& taps, Index rows, Index columns, const T* dy, const T* channel, T* sums) {
  using V = typename tiles::Native<T, A::vector_bytes>::type;
  using Mask = decltype(V{} == V{});
  constexpr int lanes = tiles::Tile<T, A>::lanes, step = depthwise_step;
  constexpr bool nine = Kernel == DepthwiseKernel::nine || Kernel == DepthwiseKernel::nine_by_two;
  // The last vector of a row overlaps the one before; of a short row it is the begin.
  const int rest = static_cast<int>(columns % lanes);
  Mask every{}, last{};
  for (int l = 0; l < lanes; ++l) every[l] = -1, last[l] = (columns < lanes ? l < rest : l >= lanes - rest) ? -1 : 0;
  V sum[nine ? 9 : 1];
  if constexpr (nine)
#pragma GCC unroll 16
    for (int t = 0; t < 9; ++t) sum[t] = tiles::load<V>(sums + t * lanes);
  for (Index r = 0; r < rows; r += step)
    for (Index x = 0; x < columns; x += lanes) {
      const bool whole = x + lanes <= columns;
      const Mask keep = whole ? every : last;
      if (!whole && columns >= lanes) x = columns - lanes;
      const auto masked = [&](const T* p) TAPER_INLINE_LAMBDA { return reinterpret_cast<V>(tiles::load<Mask>(p) & keep); };
      const T* at = channel + r * taps.row + x;
      V g[step];
#pragma GCC unroll 16
      for (int i = 0; i < step; ++i) g[i] = masked(dy + (r + i) * columns + x);
      if constexpr (nine) {
        constexpr int stride = Kernel == DepthwiseKernel::nine ? 1 : 2;
        const Index next = taps.row / stride;
#pragma GCC unroll 16
        for (int q = 0; q < (step - 1) * stride + 3; ++q)
#pragma GCC unroll 16
          for (int k = 0; k < 3; ++k) {
            const V from = masked(at + q * next + taps.offsets[k]);
#pragma GCC unroll 16
            for (int i = 0; i < step; ++i)
              if (i * stride <= q && q <= i * stride + 2) sum[3 * (q - i * stride) + k] += from * g[i];
          }
      } else if constexpr (Kernel == DepthwiseKernel::shared) {
        for (Index k = 0; k < taps.kw; ++k) {
          const T* from = at + taps.offsets[k];
          V seen[step];
#pragma GCC unroll 16
          for (int i = 1; i < step; ++i, from += taps.row) seen[i] = masked(from);
          for (Index t = k; t < taps.count(); t += taps.kw, from += taps.row) {
#pragma GCC unroll 16
            for (int i = 1; i < step; ++i) seen[i - 1] = seen[i];
            seen[step - 1] = masked(from);
            V all = tiles::load<V>(sums + t * lanes);
#pragma GCC unroll 16
            for (int i = 0; i < step; ++i) all += g[i] * seen[i];
            tiles::store(sums + t * lanes, all);
          }
        }
      } else {
        for (Index t = 0; t < taps.count(); ++t) {
          V all = tiles::load<V>(sums + t * lanes);
#pragma GCC unroll 16
          for (int i = 0; i < step; ++i) all += g[i] * masked(at + taps.offsets[t] + i * taps.row);
          tiles::store(sums + t * lanes, all);
        }
      }
    }
  if constexpr (nine)
#pragma GCC unroll 16
    for (int t = 0; t < 9; ++t) tiles::store(sums + t * lanes, sum[t]);
}

/// to[t] = the sum of the lanes of vector t, for whole fours of vectors.
template <class T, class A>
TAPER_KERNEL [[gnu::noinline]] void fold_lanes(const T* sums, Index count, T* to) {
  using V = typename tiles::Native<T, A::vector_bytes>::type;
  constexpr Index lanes = tiles::Tile<T, A>::lanes;
  for (Index t = 0; t < count; t += 4, sums += 4 * lanes)
    tiles::sum_lanes<T>(tiles::load<V>(sums), tiles::load<V>(sums + lanes), tiles::load<V>(sums + 2 * lanes), tiles::load<V>(sums + 3 * lanes), to + t);
}

/// Few groups are cut into chunks of images, as the sizes decide; their sums are added in order.
template <class T, class A>
void depthwise_weight_gradient(const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  using K = DepthwiseKernel;
  constexpr Index lanes = tiles::Tile<T, A>::lanes;
  const Index oh = s.oh(), ow = s.ow(), out = s.group_out(), count = s.taps(), pixels = oh * ow;
  const K kernel = depthwise_kernel(s);
  const auto run = kernel == K::nine          ? depthwise_taps<T, A, K::nine>
                   : kernel == K::nine_by_two ? depthwise_taps<T, A, K::nine_by_two>
                   : kernel == K::shared      ? depthwise_taps<T, A, K::shared>
                                              : depthwise_taps<T, A, K::any>;
  const Index rows = ceil_div(oh, depthwise_step) * depthwise_step, fours = ceil_div(out * count, 4) * 4;
  const bool aside = ow < lanes || rows != oh;  // dy is read past its rows, where zeros must lie
  const Index images = s.groups >= 16 ? s.n : even_blocks(s.n, ceil_div(s.n * s.groups, 16)), chunks = ceil_div(s.n, images);
  const Scratch<T> partial(s.groups * chunks * fours);
  parallel_for(s.groups * chunks, 1 + (Index{1} << 16) / (images * pixels * out * count), [&](Index begin, Index end) {
    const PaddedChannel<T, A> channel(s);
    const DepthwiseTaps taps = channel.taps();
    const Scratch<T> sums(fours * lanes), gradient(aside ? rows * ow + lanes : 0);
    for (Index i = 0; aside && i < rows * ow + lanes; ++i) gradient.data()[i] = T(0);
    for (Index u = begin; u < end; ++u) {
      const Index group = u / chunks, first = u % chunks * images;
      for (Index i = 0; i < fours * lanes; ++i) sums.data()[i] = T(0);
      for (Index image = first; image < smaller(s.n, first + images); ++image) {
        channel.fill(x + (image * s.c + group) * s.h * s.w);
        for (Index o = 0; o < out; ++o) {
          const T* from = dy + (image * s.oc + group * out + o) * pixels;
          if (aside) copy_run<T, A>(from, pixels, gradient.data());
          run(taps, rows, ow, aside ? gradient.data() : from, channel.data(), sums.data() + o * count * lanes);
        }
      }
      fold_lanes<T, A>(sums.data(), fours, partial.data() + u * fours);
    }
  });
  for (Index group = 0; group < s.groups; ++group)
    for (Index i = 0; i < out * count; ++i) {
      const T* from = partial.data() + group * chunks * fours + i;
      T sum = from[0];
      for (Index chunk = 1; chunk < chunks; ++chunk) sum += from[chunk * fours];
      dw[group * out * count + i] = sum;
    }
}

/// The image's gradient of strided windows: its pixels are dealt out by their remainders modulo the strides, and each such
/// part is a convolution of stride 1 of dy with the taps that reach it.
template <class T, class A>
class DepthwiseParts {
 public:
  explicit DepthwiseParts(const Conv2dShape& s)
      : s_(s),
        top_(floor_div(s.ph - (s.kh - 1) * s.dh, s.sh)),
        left_(floor_div(s.pw - (s.kw - 1) * s.dw, s.sw)),
        columns_(ceil_div(ceil_div(s.w, s.sw), lanes) * lanes),
        height_(ceil_div(ceil_div(s.h, s.sh), depthwise_step) * depthwise_step + (s.sh - 1 + s.ph) / s.sh - top_),
        width_(columns_ + (s.sw - 1 + s.pw) / s.sw - left_),
        first_(s.sh * s.sw + 1),
        offsets_(s.group_out() * s.taps()),
        from_(s.group_out() * s.taps()) {
    Index n = 0;
    for (Index part = 0; part < s.sh * s.sw; ++part) {
      first_.data()[part] = n;
      for (Index t = 0; t < s.group_out() * s.taps(); ++t) {
        const Index y = part / s.sw + s.ph - t % s.taps() / s.kw * s.dh, x = part % s.sw + s.pw - t % s.kw * s.dw;
        if (y % s.sh != 0 || x % s.sw != 0) continue;
        from_.data()[n] = t;
        offsets_.data()[n++] = (t / s.taps() * height_ + y / s.sh - top_) * width_ + x / s.sw - left_;
      }
    }
    first_.data()[s.sh * s.sw] = n;
  }

  /// Images and groups [begin, end).
  void run(Index begin, Index end, const T* dy, const T* w, T* dx) const {
    const Index all = s_.group_out() * s_.taps(), oh = s_.oh(), ow = s_.ow(), plane = height_ * width_, parts = s_.sh * s_.sw;
    const Scratch<T> staged(s_.group_out() * plane + lanes), weights(all), results(parts * depthwise_step * columns_), line(2 * columns_);
    for (Index i = 0; i < s_.group_out() * plane + lanes; ++i) staged.data()[i] = T(0);
    for (Index u = begin; u < end; ++u) {
      for (Index i = 0; i < all; ++i) weights.data()[i] = w[u % s_.groups * all + from_.data()[i]];
      for (Index o = 0; o < s_.group_out(); ++o)
        stage_channel<T, A>({1, 1, oh, ow}, dy + (u * s_.group_out() + o) * oh * ow, top_, left_, height_, width_, staged.data() + o * plane);
      for (Index y = 0; y < s_.h; y += depthwise_step * s_.sh) {
        for (Index part = 0; part < parts; ++part) {
          const Index first = first_.data()[part];
          depthwise_rows<T, A, DepthwiseKernel::any>({first_.data()[part + 1] - first, 1, width_, offsets_.data() + first}, depthwise_step, columns_,
                                                     staged.data() + y / s_.sh * width_, weights.data() + first, T(0),
                                                     results.data() + part * columns_, parts * columns_);
        }
        for (Index r = 0; r < depthwise_step * s_.sh && y + r < s_.h; ++r)
          join(results.data() + r * s_.sw * columns_, line.data(), dx + (u * s_.h + y + r) * s_.w);
      }
    }
  }

 private:
  static constexpr Index lanes = tiles::Tile<T, A>::lanes;
  static Index floor_div(Index x, Index y) { return x >= 0 ? x / y : -ceil_div(-x, y); }

  /// A row of the image from its runs of every sw-th column.
  TAPER_KERNEL [[gnu::noinline]] void join(const T* runs, T* line, T* to) const {
    using V = typename tiles::Native<T, A::vector_bytes>::type;
    if (s_.sw == 2) {
      for (Index x = 0; x < columns_; x += lanes) {
        const V even = tiles::load<V>(runs + x), odd = tiles::load<V>(runs + columns_ + x);
        tiles::store(line + 2 * x, tiles::shuffle<tiles::Interleaved<static_cast<int>(lanes), 0>, T>(even, odd));
        tiles::store(line + 2 * x + lanes, tiles::shuffle<tiles::Interleaved<static_cast<int>(lanes), 1>, T>(even, odd));
      }
      copy_run<T, A>(line, s_.w, to);
    } else {
      for (Index x = 0; x < s_.w; ++x) to[x] = runs[x % s_.sw * columns_ + x / s_.sw];
    }
  }

  Conv2dShape s_;
  Index top_, left_, columns_, height_, width_;  // of what is staged of dy: where it begins, its size
  Scratch<Index> first_, offsets_, from_;        // taps in the order of the parts
};

template <class T, class A>
void depthwise_data_gradient(const Conv2dShape& s, const T* dy, const T* w, T* dx) {
  const DepthwiseParts<T, A> parts(s);
  parallel_for(s.n * s.groups, 1 + (Index{1} << 16) / (s.oh() * s.ow() * s.group_out() * s.taps()),
               [&](Index begin, Index end) { parts.run(begin, end, dy, w, dx); });
}

}  // namespace taper::inline TAPER_CODE::detail::convolution

#if TAPER_NVCC
#pragma nv_diagnostic pop
#endif
