// SPDX-License-Identifier: MIT
// Convolutions: as products of tiles; where groups have too few channels for that, or sizes need 64 bits, by their definition, a
// thread for each element of a result or an image, a block for each weight. No atomics.
#pragma once

#include <taper/backend/cuda/conv_tiles.hpp>

namespace taper::inline TAPER_CODE::detail {
namespace windows {

/// sum += x y, of elements.
template <class T>
TAPER_INLINE TAPER_HD void add_elements(gemm_sum_t<T>& sum, const T& x, const T& y) {
  add_product(sum, static_cast<gemm_sum_t<T>>(x), static_cast<gemm_sum_t<T>>(y));
}
template <class T>
TAPER_INLINE TAPER_HD gemm_sum_t<T> bias_of(const T* bias, std::int64_t channel) {
  return bias ? static_cast<gemm_sum_t<T>>(bias[channel]) : gemm_sum_t<T>(0);
}

/// The sizes that kernels compute with.
template <class I>
struct ConvSizes {
  using Index = I;
  Index h, w, kh, kw, ph, pw, in, out;  // in, out: channels of a group
  Divider<Index> c, oc, width, height, ow, oh, sh, sw, dh, dw, kernel_w, kernel_h, group_in, group_out;

  explicit ConvSizes(const Conv2dShape& s)
      : h(size(s.h)),
        w(size(s.w)),
        kh(size(s.kh)),
        kw(size(s.kw)),
        ph(size(s.ph)),
        pw(size(s.pw)),
        in(size(s.group_in())),
        out(size(s.group_out())),
        c(s.c),
        oc(s.oc),
        width(s.w),
        height(s.h),
        ow(s.ow()),
        oh(s.oh()),
        sh(s.sh),
        sw(s.sw),
        dh(s.dh),
        dw(s.dw),
        kernel_w(s.kw),
        kernel_h(s.kh),
        group_in(s.group_in()),
        group_out(s.group_out()) {}

 private:
  static Index size(std::int64_t n) { return static_cast<Index>(n); }
};

inline bool conv_fits_32_bits(const Conv2dShape& s) {
  return fit_32_bits(s.n * s.c * s.h * s.w, s.n * s.oc * s.oh() * s.ow(), s.oc * s.group_in() * s.taps(),
                     s.h + 2 * s.ph + s.sh + s.dh * (s.kh + 1), s.w + 2 * s.pw + s.sw + s.dw * (s.kw + 1));
}

/// One element of a result.
template <class T, class Index>
struct ConvForward {
  ConvSizes<Index> s;
  const T *x, *w, *bias;
  T* y;

  TAPER_HD void operator()(std::int64_t element) const {
    Index ox, oy, o, ignored;
    const Index n = s.oc(s.oh(s.ow(static_cast<Index>(element), ox), oy), o), group = s.group_out(o, ignored);
    const Index top = oy * s.sh.d - s.ph, left = ox * s.sw.d - s.pw;
    const Span<Index> rows = taps_inside(top, s.kh, s.dh, s.h), columns = taps_inside(left, s.kw, s.dw, s.w);
    gemm_sum_t<T> sum = bias_of(bias, o);
    const T* plane = x + (n * s.c.d + group * s.in) * s.h * s.w;
    const T* taps = w + o * s.in * s.kh * s.kw;
    for (Index c = 0; c < s.in; ++c, plane += s.h * s.w, taps += s.kh * s.kw)
      for (Index ky = rows.first; ky < rows.last; ++ky) {
        const T* row = plane + (top + ky * s.dh.d) * s.w;
        for (Index kx = columns.first; kx < columns.last; ++kx)
          add_elements<T>(sum, row[left + kx * s.dw.d], taps[ky * s.kw + kx]);
      }
    y[element] = static_cast<T>(sum);
  }
};

/// One element of an image: the results that it went into.
template <class T, class Index>
struct ConvDataGradient {
  ConvSizes<Index> s;
  const T *w, *dy, *bias;
  T* dx;

  TAPER_HD void operator()(std::int64_t element) const {
    Index ix, iy, c, in_group;
    const Index n = s.c(s.height(s.width(static_cast<Index>(element), ix), iy), c), group = s.group_in(c, in_group);
    const Index plane = s.oh.d * s.ow.d, taps = s.kh * s.kw;
    gemm_sum_t<T> sum = bias_of(bias, c);
    const T* planes = dy + (n * s.oc.d + group * s.out) * plane;
    const T* weights = w + (group * s.out * s.in + in_group) * taps;
    for (Index ky = 0; ky < s.kh; ++ky) {
      Index oy, off;
      if (!comes_from(iy + s.ph - ky * s.dh.d, s.sh, s.oh.d, oy, off)) continue;
      for (Index kx = 0; kx < s.kw; ++kx) {
        Index ox;
        if (!comes_from(ix + s.pw - kx * s.dw.d, s.sw, s.ow.d, ox, off)) continue;
        const T* g = planes + oy * s.ow.d + ox;
        const T* weight = weights + ky * s.kw + kx;
        for (Index o = 0; o < s.out; ++o, g += plane, weight += s.in * taps) add_elements<T>(sum, *g, *weight);
      }
    }
    dx[element] = static_cast<T>(sum);
  }

 private:
  /// Whether a window begins `place` before an element, padding counted, and which.
  TAPER_INLINE TAPER_HD static bool comes_from(Index place, const Divider<Index>& stride, Index windows, Index& window,
                                               Index& rest) {
    if (place < 0) return false;
    window = stride(place, rest);
    return rest == 0 && window < windows;
  }
};

/// A part of one weight's sum over all results of its channel.
template <class T, class Index>
struct ConvWeightGradient {
  using R = SumReducer<gemm_sum_t<T>>;
  using Acc = typename R::Acc;
  ConvSizes<Index> s;
  const T *x, *dy;
  T* dw;
  ReduceShares shares;
  Acc* partial;  // null where each weight is one part

  template <class Block>
  TAPER_HD void operator()(const Block& block, std::int64_t item) const {
    const std::int64_t part = item / shares.outputs, weight = item - part * shares.outputs;
    const Acc acc = block.template reduce<R>(fold(static_cast<Index>(weight), part, block.thread(), block.threads()));
    if (block.thread() != 0) return;
    if (partial)
      partial[item] = acc;
    else
      dw[weight] = static_cast<T>(cast_number<gemm_sum_t<T>>(acc));
  }

 private:
  TAPER_INLINE TAPER_HD Acc fold(Index weight, std::int64_t part, std::int64_t thread, std::int64_t threads) const {
    Index kx, ky, c, ignored;
    const Index o = s.group_in(s.kernel_h(s.kernel_w(weight, kx), ky), c);
    const Index channel = s.group_out(o, ignored) * s.in + c, top = ky * s.dh.d - s.ph, left = kx * s.dw.d - s.pw;
    const std::int64_t begin = part * shares.part_length, rest = shares.length - begin;
    const Index end = static_cast<Index>(rest < shares.part_length ? shares.length : begin + shares.part_length),
                step = static_cast<Index>(threads);
    Acc all(0);
    for (Index i = static_cast<Index>(begin + thread); i < end;) {
      gemm_sum_t<T> some(0);  // few enough for their own type
      for (int k = 0; k < 64 && i < end; ++k, i += step) {
        Index ox, oy;
        const Index n = s.oh(s.ow(i, ox), oy), iy = oy * s.sh.d + top, ix = ox * s.sw.d + left;
        if (iy < 0 || iy >= s.h || ix < 0 || ix >= s.w) continue;
        add_elements<T>(some, x[((n * s.c.d + channel) * s.h + iy) * s.w + ix],
                       dy[((n * s.oc.d + o) * s.oh.d + oy) * s.ow.d + ox]);
      }
      all = all + cast_number<Acc>(some);
    }
    return all;
  }
};

template <class D, class Index, class T>
void launch_weight_gradient(const ConvCall<T>& call, std::int64_t weights) {
  using Kernel = ConvWeightGradient<T, Index>;
  using Acc = typename Kernel::Acc;
  const Conv2dShape& s = call.s;
  const ReduceShares shares(weights, s.n * s.oh() * s.ow(), 1 << 10, 1 << 12);
  const std::size_t bytes = shares.parts > 1 ? static_cast<std::size_t>(shares.parts * weights) * sizeof(Acc) : 0;
  Acc* partial = bytes > 0 ? static_cast<Acc*>(D::allocate(bytes)) : nullptr;
  D::System::for_each_block(shares.parts * weights,
                            Kernel{ConvSizes<Index>(s), call.first, call.second, call.out, shares, partial});
  if (!partial) return;
  D::System::for_each(weights,
                      JoinParts<typename Kernel::R, StoreWeight<T>>{partial, weights, shares.parts, {call.out}});
  D::deallocate(partial, bytes);
}

}  // namespace windows

/// A system with a library of its own for convolutions of T: each function returns false where it leaves a call to us.
template <class S, class T>
concept HasConvolutions = requires(const base::ConvCall<T>& call) {
  { S::convolutions().forward(call) } -> std::same_as<bool>;
};

template <class D>
struct DeviceConv {
  using System = typename D::System;

  /// Image and weight to result.
  template <class T>
  static void conv_forward(const base::ConvCall<T>& call) {
    if constexpr (HasConvolutions<System, T>)
      if (System::convolutions().forward(call)) return;
    const base::Conv2dShape& s = call.s;
    const std::int64_t elements = s.n * s.oc * s.oh() * s.ow();
    if (elements == 0) return;
    if (tiled(s, s.group_out())) return windows::tiled_forward<D>(call);
    run<T>(s, [&]<class Index>(Index) {
      System::for_each(elements, windows::ConvForward<T, Index>{windows::ConvSizes<Index>(s), call.first, call.second,
                                                                call.bias, call.out});
    });
  }
  /// Weight and result to image.
  template <class T>
  static void conv_data_gradient(const base::ConvCall<T>& call) {
    if constexpr (HasConvolutions<System, T>)
      if (System::convolutions().data_gradient(call)) return;
    const base::Conv2dShape& s = call.s;
    const std::int64_t elements = s.n * s.c * s.h * s.w;
    if (elements == 0) return;
    if (tiled(s, s.group_in()) && s.sh <= windows::most_phases && s.sw <= windows::most_phases / s.sh) return windows::tiled_data_gradient<D>(call);
    run<T>(s, [&]<class Index>(Index) {
      System::for_each(elements, windows::ConvDataGradient<T, Index>{windows::ConvSizes<Index>(s), call.first,
                                                                     call.second, call.bias, call.out});
    });
  }
  /// Image and result to weight.
  template <class T>
  static void conv_weight_gradient(const base::ConvCall<T>& call) {
    if constexpr (HasConvolutions<System, T>)
      if (System::convolutions().weight_gradient(call)) return;
    const base::Conv2dShape& s = call.s;
    const std::int64_t weights = s.oc * s.group_in() * s.taps();
    if (weights == 0) return;
    if (tiled(s, s.group_out()) && tiled(s, s.group_in() * s.taps())) return windows::tiled_weight_gradient<D>(call);
    run<T>(s, [&]<class Index>(Index) { windows::launch_weight_gradient<D, Index>(call, weights); });
  }

 private:
  static bool tiled(const base::Conv2dShape& s, std::int64_t channels) { return channels >= windows::least_tiled && windows::conv_fits_32_bits(s); }
  template <class T, class Run>
  static void run(const base::Conv2dShape& s, const Run& kernel) {
    if (windows::conv_fits_32_bits(s))
      kernel(std::int32_t{});
    else
      kernel(std::int64_t{});
  }
};

}  // namespace taper::inline TAPER_CODE::detail
