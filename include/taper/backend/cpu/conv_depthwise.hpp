// SPDX-License-Identifier: MIT
// Convolution of single channels (depthwise): every tap is a run of the padded channel itself, nothing is copied per
// tap.
#pragma once

#include <taper/backend/cpu/conv_shape.hpp>
#include <taper/backend/cpu/conv_shift.hpp>
#include <taper/core/parallel.hpp>
#include <taper/config.hpp>

#if TAPER_NVCC
#pragma nv_diagnostic push
#pragma nv_diag_suppress 1675  // the unroll pragmas are for the host compiler, and reach it
#endif

namespace taper::inline TAPER_CODE::detail::convolution {

/// Rows of results that are summed side by side.
inline constexpr int depthwise_step = 4;

/// Where the taps of a window lie in the copy of a channel, in the order of the weights, and how far it is from a row of
/// results to the next.
struct DepthwiseTaps {
  Index kh, kw, row;
  const Index* offsets;
  Index count() const { return kh * kw; }
};

/// A copy of a channel with its padding, as far as the windows reach: rows, and in each one run of columns for every
/// remainder modulo the stride. Whole steps of rows; what lies behind the last window is zero.
template <class T, class A>
class PaddedChannel {
 public:
  explicit PaddedChannel(const Conv2dShape& s)
      : s_(s),
        reach_((s.oh() - 1) * s.sh + (s.kh - 1) * s.dh + 1),
        width_((s.ow() - 1) * s.sw + (s.kw - 1) * s.dw + 1),
        run_(ceil_div(width_, s.sw)),
        size_((ceil_div(s.oh(), depthwise_step) * depthwise_step * s.sh + (s.kh - 1) * s.dh + 1) * s.sw * run_ + tiles::Tile<T, A>::lanes),
        offsets_(s.taps()),
        data_(size_),
        line_(width_) {
    for (Index t = 0; t < s.taps(); ++t) {
      const Index x = t % s.kw * s.dw;
      offsets_.data()[t] = t / s.kw * s.dh * s.sw * run_ + x % s.sw * run_ + x / s.sw;
    }
    for (Index i = 0; i < size_; ++i) data_.data()[i] = T(0);
    for (Index i = 0; i < width_; ++i) line_.data()[i] = T(0);
  }
  const T* data() const { return data_.data(); }
  DepthwiseTaps taps() const { return {s_.kh, s_.kw, s_.sh * s_.sw * run_, offsets_.data()}; }
  void fill(const T* channel) const {
    if (s_.sw == 1) fill_rows(s_, channel, reach_, width_, data_.data());
    else split_rows(s_, channel, reach_, width_, run_, line_.data(), data_.data());
  }

 private:
  TAPER_KERNEL [[gnu::noinline]] static void fill_rows(const Conv2dShape& s, const T* channel, Index reach, Index width, T* to) {
    stage_channel<T, A>(s, channel, -s.ph, -s.pw, reach, width, to);
  }
  TAPER_KERNEL [[gnu::noinline]] static void split_rows(const Conv2dShape& s, const T* channel, Index reach, Index width, Index run, T* line, T* to) {
    const Index first = larger(0, s.ph), last = smaller(reach, s.h + s.ph);
    for (Index y = first; y < last; ++y) {
      stage_channel<T, A>({1, 1, 1, s.w}, channel + (y - s.ph) * s.w, 0, -s.pw, 1, width, line);
      // A run may end in the next one, which is written after it; the last one's end is that of the row before.
      for (Index phase = 0; phase < s.sw; ++phase) copy_loose<T, A>(line + phase, s.sw, run, to + (y * s.sw + phase) * run);
    }
    // What the last runs wrote behind themselves.
    if (first < last)
      for (Index i = 0; i < tiles::Tile<T, A>::lanes; ++i) to[last * s.sw * run + i] = T(0);
  }

  Conv2dShape s_;
  Index reach_, width_, run_, size_;
  Scratch<Index> offsets_;
  Scratch<T> data_, line_;
};

/// The kernel for a shape: 3 x 3 taps with their weights in registers, taps whose rows are those of the next results, or any.
enum class DepthwiseKernel { nine, nine_by_two, shared, any };
inline DepthwiseKernel depthwise_kernel(const Conv2dShape& s) {
  const bool nine = s.kh == 3 && s.kw == 3 && s.dh == 1;
  return nine && s.sh == 1 ? DepthwiseKernel::nine : nine && s.sh == 2 ? DepthwiseKernel::nine_by_two : s.sh == s.dh ? DepthwiseKernel::shared : DepthwiseKernel::any;
}

/// Rows of one result channel, `depthwise_step` at a time; the last of them are computed twice if need be. In a row the
/// last vector overlaps the one before; rows shorter than a vector are written whole vectors at a time, front to back.
template <class T, class A, DepthwiseKernel Kernel>
TAPER_KERNEL [[gnu::noinline]] void depthwise_rows(const DepthwiseTaps& taps, Index rows, Index columns, const T* channel, const T* w, T bias, T* y,
                                                   Index y_row) {
  using V = typename tiles::Native<T, A::vector_bytes>::type;
  constexpr int lanes = tiles::Tile<T, A>::lanes, step = depthwise_step;
  constexpr bool nine = Kernel == DepthwiseKernel::nine || Kernel == DepthwiseKernel::nine_by_two;
  V weight[nine ? 9 : 1];
  if constexpr (nine)
#pragma GCC unroll 16
    for (int t = 0; t < 9; ++t) weight[t] = V{} + w[t];
  for (Index r = 0; r < rows; r += step) {
    if (r + step > rows) r = rows - step;
    for (Index x = 0; x < columns; x += lanes) {
      if (x + lanes > columns && columns >= lanes) x = columns - lanes;
      const T* at = channel + r * taps.row + x;
      V sum[step];
#pragma GCC unroll 16
      for (int i = 0; i < step; ++i) sum[i] = V{} + bias;
      if constexpr (nine) {
        constexpr int stride = Kernel == DepthwiseKernel::nine ? 1 : 2;
        const Index next = taps.row / stride;
#pragma GCC unroll 16
        for (int q = 0; q < (step - 1) * stride + 3; ++q)
#pragma GCC unroll 16
          for (int k = 0; k < 3; ++k) {
            const V from = tiles::load<V>(at + q * next + taps.offsets[k]);
#pragma GCC unroll 16
            for (int i = 0; i < step; ++i)
              if (i * stride <= q && q <= i * stride + 2) sum[i] += from * weight[3 * (q - i * stride) + k];
          }
      } else if constexpr (Kernel == DepthwiseKernel::shared) {
        for (Index k = 0; k < taps.kw; ++k) {
          const T* from = at + taps.offsets[k];
          V seen[step];
#pragma GCC unroll 16
          for (int i = 1; i < step; ++i, from += taps.row) seen[i] = tiles::load<V>(from);
          for (Index t = k; t < taps.count(); t += taps.kw, from += taps.row) {
#pragma GCC unroll 16
            for (int i = 1; i < step; ++i) seen[i - 1] = seen[i];
            seen[step - 1] = tiles::load<V>(from);
            const V factor = V{} + w[t];
#pragma GCC unroll 16
            for (int i = 0; i < step; ++i) sum[i] += factor * seen[i];
          }
        }
      } else {
        for (Index t = 0; t < taps.count(); ++t) {
          const V factor = V{} + w[t];
#pragma GCC unroll 16
          for (int i = 0; i < step; ++i) sum[i] += factor * tiles::load<V>(at + taps.offsets[t] + i * taps.row);
        }
      }
#pragma GCC unroll 16
      for (int i = 0; i < step; ++i) tiles::store(y + (r + i) * y_row + x, sum[i]);
    }
  }
}

template <class T, class A>
void depthwise_forward(const Conv2dShape& s, const T* x, const T* w, const T* bias, T* y, const Finish<T>& finish = {}) {
  using K = DepthwiseKernel;
  const Index oh = s.oh(), ow = s.ow(), out = s.group_out(), count = s.taps();
  const K kernel = depthwise_kernel(s);
  const auto run = kernel == K::nine          ? depthwise_rows<T, A, K::nine>
                   : kernel == K::nine_by_two ? depthwise_rows<T, A, K::nine_by_two>
                   : kernel == K::shared      ? depthwise_rows<T, A, K::shared>
                                              : depthwise_rows<T, A, K::any>;
  // Results that are narrower than a vector or fewer than a step of rows are made aside.
  const bool aside = ow < tiles::Tile<T, A>::lanes || oh < depthwise_step;
  const Index rows = aside ? ceil_div(oh, depthwise_step) * depthwise_step : oh;
  parallel_for(s.n * s.groups, 1 + (Index{1} << 16) / (oh * ow * out * count), [&](Index begin, Index end) {
    const PaddedChannel<T, A> channel(s);
    const DepthwiseTaps taps = channel.taps();
    const Scratch<T> results(aside ? rows * ow : 0);
    for (Index u = begin; u < end; ++u) {
      channel.fill(x + u * s.h * s.w);
      for (Index o = 0; o < out; ++o) {
        const Index of = u % s.groups * out + o;
        T* to = y + (u * out + o) * oh * ow;
        run(taps, rows, ow, channel.data(), w + of * count, bias ? bias[of] : T(0), aside ? results.data() : to, ow);
        if (aside) copy_run<T, A>(results.data(), oh * ow, to);
        finish(u * out + o, 1, 0, oh * ow);
      }
    }
  });
}

}  // namespace taper::inline TAPER_CODE::detail::convolution

#if TAPER_NVCC
#pragma nv_diagnostic pop
#endif
