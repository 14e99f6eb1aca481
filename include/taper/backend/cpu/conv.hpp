// SPDX-License-Identifier: MIT
// 2-d convolution on raw pointers: forward, both gradients, bias. A transposed convolution is the data gradient.
#pragma once

#include <taper/backend/cpu/compiled.hpp>
#include <taper/backend/cpu/conv_columns.hpp>
#include <taper/backend/cpu/conv_depthwise.hpp>
#include <taper/backend/cpu/conv_depthwise_gradient.hpp>
#include <taper/backend/cpu/conv_rows.hpp>
#include <taper/backend/cpu/conv_shape.hpp>
#include <taper/backend/cpu/conv_shift.hpp>
#include <taper/backend/cpu/conv_winograd.hpp>
#include <taper/backend/cpu/gemm.hpp>
#include <taper/backend/cpu/gemm_generic.hpp>
#include <taper/config.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <type_traits>

namespace taper::inline TAPER_CODE::detail {
namespace convolution {

template <class T>
inline constexpr bool has_tiles = std::is_same_v<T, float> || std::is_same_v<T, double>;

/// Convolutions whose channels are last. ops/memory_format.hpp brings them in where a program makes such a tensor.
template <class T>
struct LastKernels {
  void (*forward)(const Conv2dShape& s, const T* x, const T* w, const T* bias, T* y, const Epilogue* epilogue);
  void (*data_gradient)(const Conv2dShape& s, const T* dy, const T* w, T* dx);
  void (*weight_gradient)(const Conv2dShape& s, const T* x, const T* dy, T* dw);
};
template <class T, class A>
inline constinit std::atomic<const LastKernels<T>*> last_kernels{nullptr};
// Of conv_channels_last.hpp, which a level of taper::compiled includes.
template <class T, class A>
void last_forward(const Conv2dShape& s, const T* x, const T* w, const T* bias, T* y, const Epilogue* epilogue);
template <class T, class A>
void last_data_gradient(const Conv2dShape& s, const T* dy, const T* w, T* dx);
template <class T, class A>
void last_weight_gradient(const Conv2dShape& s, const T* x, const T* dy, T* dw);
template <class T, class A>
LastKernels<T> find_last_kernels() {
#if TAPER_LEVEL != 0
  return {&last_forward<T, A>, &last_data_gradient<T, A>, &last_weight_gradient<T, A>};
#else
  return *last_kernels<T, A>.load(std::memory_order_acquire);
#endif
}
/// Whether they are there.
template <class T, class A = Abi>
bool runs_channels_last() {
  if constexpr (!has_tiles<T>) return false;
  else return is_compiled<T, A> || last_kernels<T, A>.load(std::memory_order_acquire) != nullptr;
}

/// One input channel for one or two results: too little for a matrix product.
inline bool depthwise(const Conv2dShape& s) { return s.group_in() == 1 && s.group_out() <= 2; }

/// Whether the data gradient is cheaper as taps added in place than as a convolution of dy, in steps of a vector unit.
inline bool prefer_columns(const Conv2dShape& s) {
  if (s.sh != 1 || s.sw != 1) return true;
  const Index pixels = s.oh() * s.ow(), in = s.group_in(), out = s.group_out(), work = s.taps() * in * out;
  return pixels * work + 8 * pixels * s.taps() * in < s.h * s.w * (work + 8 * out * s.kw);
}

/// Results of fewer pixels leave register tiles half empty: many images share one product instead.
inline bool few_pixels(const Conv2dShape& s) { return s.oh() * s.ow() < 16; }

template <class To, class From, class A>
TAPER_KERNEL void convert(const From* from, Index n, To* to) {
  for (Index i = 0; i < n; ++i) to[i] = static_cast<To>(from[i]);
}

/// A 16-bit tensor in float.
template <class T, class A>
struct Widened : Scratch<float> {
  Widened(const T* from, Index n) : Scratch<float>(n) { convert<float, T, A>(from, n, this->data()); }
};

/// Weights (oc, c / groups, taps) as (c, oc / groups, taps reversed): what the data gradient convolves dy with.
template <class T, class A>
TAPER_KERNEL void reverse_weights(const Conv2dShape& s, const T* w, T* to) {
  const Index in = s.group_in(), out = s.group_out(), taps = s.taps();
  for (Index g = 0; g < s.groups; ++g)
    for (Index c = 0; c < in; ++c)
      for (Index o = 0; o < out; ++o)
        for (Index t = 0; t < taps; ++t) *to++ = w[((g * out + o) * in + c) * taps + taps - 1 - t];
}

template <class T, class A>
TAPER_KERNEL void fill_bias(Index n, Index oc, Index pixels, const T* bias, T* y) {
  for (Index i = 0; i < n; ++i)
    for (Index o = 0; o < oc; ++o)
      for (Index p = 0; p < pixels; ++p) *y++ = bias[o];
}

}  // namespace convolution

/// y = conv(x, w) + bias; bias may be null. y is (n, oc, oh, ow).
/// Dtypes: all but bool; 16-bit floats are summed in float and rounded once.
/// Each part of y, a matrix of n * oc rows, that is ready goes to the epilogue.
template <class T, class A = Abi>
void conv2d_forward(const Conv2dShape& s, const T* x, const T* w, const T* bias, T* y, const Epilogue* epilogue = nullptr) {
  using namespace convolution;
  const Index pixels = s.oh() * s.ow(), in = s.group_in(), out = s.group_out();
  const Finish<T> finish{epilogue, y, pixels};
  if (s.empty()) {  // of no channels there is a result, the bias
    if (bias) fill_bias<T, A>(s.n, s.oc, pixels, bias, y);
    else std::fill_n(y, s.n * s.oc * pixels, T(0));
    return finish.all(s.n * s.oc);
  }
  if constexpr (is_compiled<T, A>) {
    return compiled_entry<Entry::conv2d_forward, decltype(conv2d_forward<T, A>)>()(s, x, w, bias, y, epilogue);
  } else if constexpr (tiles::is_half<T>) {
    const Widened<T, A> wide_x(x, s.n * s.c * s.h * s.w), wide_w(w, s.oc * in * s.taps()),
        wide_bias(bias, bias ? s.oc : 0);
    const convolution::Scratch<float> wide_y(s.n * s.oc * pixels);
    conv2d_forward<float, A>(s, wide_x.data(), wide_w.data(), bias ? wide_bias.data() : nullptr, wide_y.data());
    convert<T, float, A>(wide_y.data(), s.n * s.oc * pixels, y);
  } else {
    if constexpr (has_tiles<T>) {
      if (s.channels_last) return find_last_kernels<T, A>().forward(s, x, w, bias, y, epilogue);
      if (pointwise(s) && pixels >= 16)
        return tiles::for_batch(s.n * s.groups, out * in * pixels, [&](Index i) {
          const Index first = i % s.groups * out;
          tiles::multiply<T, A>({out, pixels, in, w + first * in, in, 1, x + i * in * pixels, pixels, 1,
                                 y + i * out * pixels, pixels, false, bias ? bias + first : nullptr, finish.from_row(i * out)});
        });
      if (depthwise(s)) return depthwise_forward<T, A>(s, x, w, bias, y, finish);
      if (prefer_winograd(s, tiles::Tile<T, A>::lanes) && winograd_forward<T, A>(s, x, w, false, bias, y, finish)) return;
      if (!few_pixels(s)) return shift_forward<T, A>(s, x, w, bias, y, finish);
    }
    const bool accumulate = bias != nullptr;
    if (bias) fill_bias<T, A>(s.n, s.oc, pixels, bias, y);
    if (pointwise(s) && pixels == 1 && s.groups == 1)
      gemm<T, A>(s.n, s.oc, s.c, x, s.c, 1, w, 1, s.c, y, s.oc, accumulate);
    else
      rows_forward<T, A>(s, x, w, y, accumulate);
  }
  finish.all(s.n * s.oc);
}

/// dx, the gradient of x, from dy. Also the transposed convolution of dy (then h and w say the size of its result).
template <class T, class A = Abi>
void conv2d_data_gradient(const Conv2dShape& s, const T* dy, const T* w, T* dx) {
  using namespace convolution;
  const Index all = s.n * s.c * s.h * s.w, pixels = s.oh() * s.ow(), in = s.group_in(), out = s.group_out();
  if (s.empty()) {
    for (Index i = 0; i < all; ++i) dx[i] = T(0);
    return;
  }
  if constexpr (is_compiled<T, A>) {
    compiled_entry<Entry::conv2d_data_gradient, decltype(conv2d_data_gradient<T, A>)>()(s, dy, w, dx);
  } else if constexpr (tiles::is_half<T>) {
    const Widened<T, A> wide_dy(dy, s.n * s.oc * pixels), wide_w(w, s.oc * in * s.taps());
    const convolution::Scratch<float> wide_dx(all);
    conv2d_data_gradient<float, A>(s, wide_dy.data(), wide_w.data(), wide_dx.data());
    convert<T, float, A>(wide_dx.data(), all, dx);
  } else if (s.channels_last) {
    if constexpr (has_tiles<T>) find_last_kernels<T, A>().data_gradient(s, dy, w, dx);
  } else if (pointwise(s) && pixels == 1 && s.groups == 1) {
    gemm<T, A>(s.n, s.c, s.oc, dy, s.oc, 1, w, s.c, 1, dx, s.c, false);
  } else if (pointwise(s) && pixels >= 16) {
    for (Index g = 0; g < s.groups; ++g)
      batched_gemm<T, A>(s.n, in, pixels, out, w + g * out * in, 0, 1, in, dy + g * out * pixels, s.oc * pixels, pixels,
                         1, dx + g * in * pixels, s.c * pixels, pixels, false);
  } else if constexpr (has_tiles<T>) {
    if (depthwise(s) && (s.sh > 1 || s.sw > 1 || out > 1)) return depthwise_data_gradient<T, A>(s, dy, w, dx);
    const Conv2dShape back{
        s.n,  s.oc, s.oh(),  s.ow(), s.c, s.kh, s.kw, 1, 1, s.dh * (s.kh - 1) - s.ph, s.dw * (s.kw - 1) - s.pw,
        s.dh, s.dw, s.groups};
    if (prefer_winograd(s, tiles::Tile<T, A>::lanes) && prefer_winograd(back, tiles::Tile<T, A>::lanes) &&
        winograd_forward<T, A>(back, dy, w, true, nullptr, dx))
      return;
    if (few_pixels(s) && !depthwise(s)) {
      rows_data_gradient<T, A>(s, dy, w, dx);
    } else if (s.sh == 1 && s.sw == 1 && (depthwise(s) || !prefer_columns(s))) {
      const convolution::Scratch<T> reversed(s.c * out * s.taps());
      reverse_weights<T, A>(s, w, reversed.data());
      conv2d_forward<T, A>(back, dy, reversed.data(), nullptr, dx);
    } else {
      columns_data_gradient<T, A>(s, dy, w, dx);
    }
  } else {
    rows_data_gradient<T, A>(s, dy, w, dx);
  }
}

/// dw, the gradient of w, from x and dy.
template <class T, class A = Abi>
void conv2d_weight_gradient(const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  using namespace convolution;
  const Index pixels = s.oh() * s.ow(), weights = s.oc * s.group_in() * s.taps();
  if (s.empty()) {
    for (Index i = 0; i < weights; ++i) dw[i] = T(0);
    return;
  }
  if constexpr (is_compiled<T, A>) {
    compiled_entry<Entry::conv2d_weight_gradient, decltype(conv2d_weight_gradient<T, A>)>()(s, x, dy, dw);
  } else if constexpr (tiles::is_half<T>) {
    const Widened<T, A> wide_x(x, s.n * s.c * s.h * s.w), wide_dy(dy, s.n * s.oc * pixels);
    const convolution::Scratch<float> wide_dw(weights);
    conv2d_weight_gradient<float, A>(s, wide_x.data(), wide_dy.data(), wide_dw.data());
    convert<T, float, A>(wide_dw.data(), weights, dw);
  } else if constexpr (has_tiles<T>) {
    if (s.channels_last) return find_last_kernels<T, A>().weight_gradient(s, x, dy, dw);
    if (prefer_winograd(s, tiles::Tile<T, A>::lanes) && winograd_weight_gradient<T, A>(s, x, dy, dw)) return;
    if (s.group_in() == 1 && s.group_out() <= 32 && depthwise_weight_gradient<T, A>(s, x, dy, dw)) return;
    if (few_pixels(s))
      rows_weight_gradient<T, A>(s, x, dy, dw);
    else
      shift_weight_gradient<T, A>(s, x, dy, dw);
  } else {
    rows_weight_gradient<T, A>(s, x, dy, dw);
  }
}

/// db[o] = sum of dy (n, oc, pixels) over images and pixels.
template <class T, class A = Abi>
TAPER_KERNEL void conv2d_bias_gradient(std::int64_t n, std::int64_t oc, std::int64_t pixels, const T* dy, T* db) {
  if constexpr (is_compiled<T, A>) {
    compiled_entry<Entry::conv2d_bias_gradient, decltype(conv2d_bias_gradient<T, A>)>()(n, oc, pixels, dy, db);
  } else {
    using C = std::conditional_t<tiles::is_half<T>, float, T>;
    for (std::int64_t o = 0; o < oc; ++o) {
      C sum[8] = {};  // independent sums: faster, and more exact
      for (std::int64_t i = 0; i < n; ++i) {
        const T* row = dy + (i * oc + o) * pixels;
        std::int64_t p = 0;
        for (; p + 8 <= pixels; p += 8)
          for (int q = 0; q < 8; ++q) sum[q] += static_cast<C>(row[p + q]);
        for (; p < pixels; ++p) sum[p % 8] += static_cast<C>(row[p]);
      }
      db[o] = static_cast<T>(((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7])));
    }
  }
}

}  // namespace taper::inline TAPER_CODE::detail
