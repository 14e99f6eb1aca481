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

/// Four rows of one result channel, each element summed in the order of the taps; the last vector of a row overlaps the
/// one before. Nine: nine taps side by side, so that a vector of the padded channel serves three rows of the result.
template <class T, class A, int Stride, bool Nine>
TAPER_KERNEL [[gnu::noinline]] void depthwise_rows(Index ow, const T* channel, Index pitch, const Index* offsets, Index taps,
                                                   const T* w, T bias, T* y) {
  using V = typename tiles::Native<T, A::vector_bytes>::type;
  constexpr int lanes = tiles::Tile<T, A>::lanes, rows = 4;
  for (Index x = 0; x < ow; x += lanes) {
    if (x + lanes > ow && ow >= lanes) x = ow - lanes;
    V sum[rows];
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) sum[i] = V{} + bias;
    if constexpr (Nine) {
#pragma GCC unroll 16
      for (int r = 0; r < rows + 2; ++r)
#pragma GCC unroll 16
        for (int k = 0; k < 3; ++k) {
          const V from = tiles::load_strided<Stride, V>(channel + r * pitch + x * Stride + k);
#pragma GCC unroll 16
          for (int i = 0; i < rows; ++i)
            if (i <= r && r <= i + 2) sum[i] += from * w[3 * (r - i) + k];
        }
    } else {
      for (Index t = 0; t < taps; ++t) {
        const T* from = channel + offsets[t] + x * Stride;
        const V weight = V{} + w[t];
#pragma GCC unroll 16
        for (int i = 0; i < rows; ++i) sum[i] += weight * tiles::load_strided<Stride, V>(from + i * pitch);
      }
    }
    if (ow >= lanes) {
#pragma GCC unroll 16
      for (int i = 0; i < rows; ++i) tiles::store(y + i * ow + x, sum[i]);
    } else {
      for (int i = 0; i < rows; ++i)
        for (Index l = 0; l < ow; ++l) y[i * ow + l] = sum[i][l];
    }
  }
}

/// Column stride 1 or 2, at least four rows of results.
template <class T, class A>
void depthwise_forward(const Conv2dShape& s, const T* x, const T* w, const T* bias, T* y, const Finish<T>& finish = {}) {
  const PaddedChannel<T> padded(s);
  const Index oh = s.oh(), ow = s.ow(), out = s.group_out(), taps = s.taps(), pitch = s.sh * padded.width;
  const bool nine = s.kh == 3 && s.kw == 3 && s.sh == 1 && s.sw == 1 && s.dh == 1 && s.dw == 1;
  const auto rows = nine ? depthwise_rows<T, A, 1, true> : s.sw == 1 ? depthwise_rows<T, A, 1, false> : depthwise_rows<T, A, 2, false>;
  parallel_for(s.n * s.groups, 1 + (Index{1} << 16) / (oh * ow * out * taps), [&](Index begin, Index end) {
    const Scratch<T> channel(padded.height * padded.width);
    for (Index i = 0; i < padded.height * padded.width; ++i) channel.data()[i] = T(0);
    for (Index u = begin; u < end; ++u) {
      stage_channel<T, A>(s, x + u * s.h * s.w, -s.ph, -s.pw, padded.height, padded.width, channel.data());
      for (Index o = 0; o < out; ++o) {
        const Index of = u % s.groups * out + o;
        for (Index r = 0; r < oh; r += 4) {
          if (r + 4 > oh) r = oh - 4;  // the last rows again
          rows(ow, channel.data() + r * pitch, pitch, padded.offsets.data(), taps, w + of * taps, bias ? bias[of] : T(0),
               y + ((u * out + o) * oh + r) * ow);
        }
        finish(u * out + o, 1, 0, oh * ow);
      }
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
  // What is left of a row is the end of a vector that overlaps the one before, or, in a short row, the begin of one.
  const int rest = static_cast<int>(ow % lanes);
  decltype(V{} == V{}) keep{};
  for (int l = 0; l < lanes; ++l) keep[l] = (ow < lanes ? l < rest : l >= lanes - rest) ? -1 : 0;
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
      V g;
      if (ow < lanes) {
        T last[lanes] = {};
        for (int l = 0; l < rest; ++l) last[l] = dy[l];
        g = tiles::load<V>(last);
      } else {
        x = ow - lanes;
        g = keep ? tiles::load<V>(dy + x) : V{};
      }
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
