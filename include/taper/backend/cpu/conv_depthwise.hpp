// SPDX-License-Identifier: MIT
// Convolution of single channels (depthwise): every tap is a run of the padded channel itself, nothing is copied per
// tap.
#pragma once

#include <taper/backend/cpu/conv_depthwise_stage.hpp>
#include <taper/backend/cpu/epilogue.hpp>
#include <taper/core/parallel.hpp>
#include <taper/config.hpp>

#include <type_traits>

#if TAPER_NVCC
#pragma nv_diagnostic push
#pragma nv_diag_suppress 1675  // the unroll pragmas are for the host compiler, and reach it
#endif

namespace taper::inline TAPER_CODE::detail::convolution {

/// The kernel for a shape: 3 x 3 taps with their weights in registers, taps whose rows are those of the next results, or any.
enum class DepthwiseKernel { nine, nine_by_two, shared, any };
/// What choose(kernel) gives for the kernel of a shape.
template <class Choose>
auto depthwise_kernel(const Conv2dShape& s, const Choose& choose) {
  using K = DepthwiseKernel;
  const bool nine = s.kh == 3 && s.kw == 3 && s.dh == 1;
  if (nine && s.sh == 1) return choose(std::integral_constant<K, K::nine>());
  if (nine && s.sh == 2) return choose(std::integral_constant<K, K::nine_by_two>());
  if (s.sh == s.dh) return choose(std::integral_constant<K, K::shared>());
  return choose(std::integral_constant<K, K::any>());
}

/// What a step sees of one column: rows one below another, which move down. Clang keeps an array that moves in memory.
template <class V>
struct SeenRows {
  static_assert(depthwise_step == 4);
  V a, b, c, d;
  TAPER_INLINE void next(const V& row) { a = b, b = c, c = d, d = row; }
};

/// Rows of one result channel, `depthwise_step` at a time; the last of them are computed twice if need be. In a row the
/// last vector overlaps the one before; rows shorter than a vector are written whole vectors at a time, front to back.
/// `w` has a vector for each tap, `bias` one.
template <class T, class A, DepthwiseKernel Kernel>
TAPER_KERNEL [[gnu::noinline]] void depthwise_rows(const DepthwiseTaps& taps, Index rows, Index columns, const T* channel, const T* w, const T* bias,
                                                   T* y, Index y_row) {
  using V = typename tiles::Native<T, A::vector_bytes>::type;
  constexpr int lanes = tiles::Tile<T, A>::lanes, step = depthwise_step;
  constexpr bool nine = Kernel == DepthwiseKernel::nine || Kernel == DepthwiseKernel::nine_by_two;
  V weight[nine ? 9 : 1];
  if constexpr (nine)
#pragma GCC unroll 16
    for (int t = 0; t < 9; ++t) weight[t] = tiles::load<V>(w + t * lanes);
  for (Index r = 0; r < rows; r += step) {
    if (r + step > rows) r = rows - step;
    for (Index x = 0; x < columns; x += lanes) {
      if (x + lanes > columns && columns >= lanes) x = columns - lanes;
      const T* at = channel + r * taps.row + x;
      V sum[step];
#pragma GCC unroll 16
      for (int i = 0; i < step; ++i) sum[i] = tiles::load<V>(bias);
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
          SeenRows<V> seen{{}, tiles::load<V>(from), tiles::load<V>(from + taps.row), tiles::load<V>(from + 2 * taps.row)};
          from += 3 * taps.row;
          for (Index t = k; t < taps.count(); t += taps.kw, from += taps.row) {
            seen.next(tiles::load<V>(from));
            const V factor = tiles::load<V>(w + t * lanes);
            sum[0] += factor * seen.a, sum[1] += factor * seen.b, sum[2] += factor * seen.c, sum[3] += factor * seen.d;
          }
        }
      } else {
        for (Index t = 0; t < taps.count(); ++t) {
          const V factor = tiles::load<V>(w + t * lanes);
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
  const Index oh = s.oh(), ow = s.ow(), out = s.group_out(), count = s.taps();
  const auto run = depthwise_kernel(s, [](auto kernel) { return &depthwise_rows<T, A, decltype(kernel)::value>; });
  const DepthwiseForm<T, A> form(s.kh, oh, ow);
  const bool aside = form.deep > 1 || form.pieces || oh < depthwise_step;
  const Index rows = aside ? form.rows : oh, pixels = oh * ow;
  parallel_for(form.units(s), 1 + (Index{1} << 18) / (pixels * out * count * form.deep), [&](Index begin, Index end) {
    const PaddedChannel<T, A> channel(s, form);
    const DepthwiseTaps taps = channel.taps();
    const Scratch<T> results(aside ? form.size() : 0), weights(out * (count + 1) * form.lanes);
    Index known = -1;  // the group whose weights are laid out
    for (Index u = begin; u < end; ++u) {
      const auto [image, group, channels] = form.unit(s, u);
      const Index first = image * s.oc + group * out;
      for (Index o = 0; o < out && group != known; ++o) {
        T* to = weights.data() + o * (count + 1) * form.lanes;
        const Index valid = form.deep > 1 ? channels : form.lanes, step = form.deep > 1 ? out : 0;
        for (Index t = 0; t < count; ++t) fill_lanes<T, A>(w + (group * out + o) * count + t, step * count, valid, to + t * form.lanes);
        fill_lanes<T, A>(bias ? bias + group * out + o : w, step, bias ? valid : 0, to + count * form.lanes);
      }
      known = group;
      channel.fill(x + (image * s.c + group) * s.h * s.w, channels);
      for (Index o = 0; o < out; ++o) {
        T* to = y + (first + o) * pixels;
        const T* factors = weights.data() + o * (count + 1) * form.lanes;
        run(taps, rows, form.columns, channel.data(), factors, factors + count * form.lanes, aside ? results.data() : to, form.columns);
        if (form.deep > 1) lanes_to_channels<T, A>(results.data(), pixels, channels, out * pixels, to);
        else if (aside) copy_run<T, A>(results.data(), pixels, to);
      }
      finish(first, channels * out, 0, pixels);
    }
  });
}

}  // namespace taper::inline TAPER_CODE::detail::convolution

#if TAPER_NVCC
#pragma nv_diagnostic pop
#endif
