// SPDX-License-Identifier: MIT
// Convolution of single channels (depthwise): every tap is a run of the padded channel itself, nothing is copied per
// tap.
#pragma once

#include <taper/backend/cpu/conv_shape.hpp>
#include <taper/backend/cpu/conv_shift.hpp>
#include <taper/backend/cpu/gemm_product.hpp>
#include <taper/core/parallel.hpp>
#include <taper/config.hpp>

#if TAPER_NVCC
#pragma nv_diagnostic push
#pragma nv_diag_suppress 1675  // the unroll pragmas are for the host compiler, and reach it
#endif

namespace taper::inline TAPER_CODE::detail::convolution {

/// A channel with its padding, as far as the windows reach, and where in it the taps of the first window lie.
template <class T>
struct PaddedChannel {
  Index height, width;
  Scratch<Index> offsets;
  explicit PaddedChannel(const Conv2dShape& s)
      : height((s.oh() - 1) * s.sh + (s.kh - 1) * s.dh + 1),
        width((s.ow() - 1) * s.sw + (s.kw - 1) * s.dw + 1),
        offsets(s.taps()) {
    for (Index t = 0; t < s.taps(); ++t) offsets.data()[t] = t / s.kw * s.dh * width + t % s.kw * s.dw;
  }
};

/// Stride 1: rows of the result follow one another at the pitch of the padded channel, with a few columns of no use
/// between.
template <class T, class A>
void depthwise_forward(const Conv2dShape& s, const T* x, const T* w, const T* bias, T* y) {
  const PaddedChannel<T> padded(s);
  const Index oh = s.oh(), ow = s.ow(), out = s.group_out(), run = (oh - 1) * padded.width + ow;
  parallel_for(s.n * s.groups, 1 + (Index{1} << 16) / (run * out * s.taps()), [&](Index begin, Index end) {
    const Scratch<T> channel(padded.height * padded.width), result(out * run);
    for (Index i = 0; i < padded.height * padded.width; ++i) channel.data()[i] = T(0);
    for (Index u = begin; u < end; ++u) {
      const Index first = u % s.groups * out;
      stage_channel<T, A>(s, x + u * s.h * s.w, -s.ph, -s.pw, padded.height, padded.width, channel.data());
      tiles::product<T, A>(out, run, s.taps(),
                                 {w + first * s.taps(), s.taps(), 1, nullptr, false, bias ? bias + first : nullptr},
                                 {channel.data(), 0, 0, -1, padded.offsets.data()}, result.data(), run, false);
      T* to = y + u * out * oh * ow;
      for (Index o = 0; o < out; ++o)
        for (Index r = 0; r < oh; ++r, to += ow) copy_run<T, A>(result.data() + o * run + r * padded.width, ow, to);
    }
  });
}

inline constexpr int taps_at_once = 9;

/// sums[t] += sum over the result's pixels of dy times what tap t sees.
template <class T, class A, int Stride>
TAPER_KERNEL [[gnu::noinline]] void depthwise_taps(Index oh, Index ow, const T* dy, const T* channel, Index pitch,
                                                   const Index* offsets, int count, T* sums) {
  using V = typename tiles::Native<T, A::vector_bytes>::type;
  constexpr int lanes = tiles::Tile<T, A>::lanes;
  V sum[taps_at_once];
  Index at[taps_at_once];
#pragma GCC unroll 16
  for (int t = 0; t < taps_at_once; ++t) sum[t] = V{}, at[t] = offsets[t < count ? t : 0];
  const int rest = static_cast<int>(ow % lanes);
  decltype(V{} == V{}) keep{};
  for (int l = 0; l < lanes; ++l) keep[l] = l < rest ? -1 : 0;
  for (Index y = 0; y < oh; ++y, dy += ow, channel += pitch) {
    Index x = 0;
    for (; x + lanes <= ow; x += lanes) {
      const V g = tiles::load<V>(dy + x);
#pragma GCC unroll 16
      for (int t = 0; t < taps_at_once; ++t) {
        sum[t] += g * tiles::load_strided<Stride, V>(channel + at[t] + x * Stride);
      }
    }
    if (rest) {
      T last[lanes] = {};
      for (int l = 0; l < rest; ++l) last[l] = dy[x + l];
      const V g = tiles::load<V>(last);
#pragma GCC unroll 16
      for (int t = 0; t < taps_at_once; ++t) {
        sum[t] += g * (keep ? tiles::load_strided<Stride, V>(channel + at[t] + x * Stride) : V{});
      }
    }
  }
  for (int t = 0; t < count; ++t) {
    T all[lanes];
    tiles::store(all, sum[t]);
    for (int step = lanes / 2; step > 0; step /= 2)
      for (int l = 0; l < step; ++l) all[l] += all[l + step];
    sums[t] += all[0];
  }
}

/// Column stride 1 or 2.
template <class T, class A>
void depthwise_weight_gradient(const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  const PaddedChannel<T> padded(s);
  const Index oh = s.oh(), ow = s.ow(), out = s.group_out(), taps = s.taps();
  parallel_for(s.groups, 1 + (Index{1} << 16) / (s.n * oh * ow * out * taps), [&](Index begin, Index end) {
    const Scratch<T> channel(padded.height * padded.width);
    for (Index i = 0; i < padded.height * padded.width; ++i) channel.data()[i] = T(0);
    for (Index group = begin; group < end; ++group) {
      T* to = dw + group * out * taps;
      for (Index i = 0; i < out * taps; ++i) to[i] = T(0);
      for (Index image = 0; image < s.n; ++image) {
        stage_channel<T, A>(s, x + (image * s.c + group) * s.h * s.w, -s.ph, -s.pw, padded.height, padded.width,
                            channel.data());
        for (Index o = 0; o < out; ++o)
          for (Index t = 0; t < taps; t += taps_at_once) {
            const auto run = s.sw == 1 ? depthwise_taps<T, A, 1> : depthwise_taps<T, A, 2>;
            run(oh, ow, dy + (image * s.oc + group * out + o) * oh * ow, channel.data(), s.sh * padded.width,
                padded.offsets.data() + t, static_cast<int>(smaller(taps_at_once, taps - t)), to + o * taps + t);
          }
      }
    }
  });
}

}  // namespace taper::inline TAPER_CODE::detail::convolution

#if TAPER_NVCC
#pragma nv_diagnostic pop
#endif
