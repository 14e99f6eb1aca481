// SPDX-License-Identifier: MIT
// How kernels of single channels see an image: padded, and where its rows are shorter than a vector, with a channel in
// every lane.
#pragma once

#include <taper/backend/cpu/conv_shape.hpp>
#include <taper/backend/cpu/conv_shift.hpp>
#include <taper/config.hpp>

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

/// How results of (oh, ow) are made: in rows of vectors of neighbours, in rows of vectors of channels (`deep`: lanes) where
/// neighbours would not fill a vector, and a single row in pieces side by side.
template <class T, class A>
struct DepthwiseForm {
  static constexpr Index lanes = tiles::Tile<T, A>::lanes;
  Index deep;
  bool pieces;
  Index rows, columns;  // whole steps
  DepthwiseForm(Index kh, Index oh, Index ow)
      : deep(ow < lanes ? lanes : 1),
        pieces(deep == 1 && oh == 1 && kh == 1),
        rows(ceil_div(oh, depthwise_step) * depthwise_step),
        columns(pieces ? ceil_div(ow, depthwise_step) : ow * deep) {}
  Index size() const { return rows * columns; }

  /// Channels that are done at a time, images and channels in the order of memory; in lanes, whose weights are worth
  /// laying out once, image after image.
  struct Unit {
    Index image, group, channels;
  };
  Index units(const Conv2dShape& s) const { return s.n * ceil_div(s.groups, deep); }
  Unit unit(const Conv2dShape& s, Index i) const {
    const Index group = deep > 1 ? i / s.n * deep : i % s.groups;
    return {deep > 1 ? i % s.n : i / s.groups, group, smaller(deep, s.groups - group)};
  }
};

template <class T>
void clear(T* to, Index n) {
  for (Index i = 0; i < n; ++i) to[i] = T(0);
}

/// to[l] = from[l * step], or zero from `valid` on; with step 0 all lanes are the same.
template <class T, class A>
TAPER_KERNEL void fill_lanes(const T* from, Index step, Index valid, T* to) {
  constexpr Index lanes = tiles::Tile<T, A>::lanes;
  if (step == 0) return tiles::store(to, typename tiles::Native<T, A::vector_bytes>::type{} + (valid ? *from : T(0)));
  for (Index l = 0; l < lanes; ++l) to[l] = l < valid ? from[l * step] : T(0);
}

/// to[pixel][lane] = from[lane][pixel] for channels that lie `plane` apart; lanes without a channel are zero.
template <class T, class A>
TAPER_KERNEL void channels_to_lanes(const T* from, Index plane, Index channels, Index pixels, T* to) {
  constexpr Index lanes = tiles::Tile<T, A>::lanes;
  if (pixels < lanes) {
    alignas(64) T rows[lanes * lanes], turned[lanes * lanes];
    for (Index c = 0; c < channels; ++c)
      for (Index j = 0; j < lanes; ++j) rows[c * lanes + j] = j < pixels ? from[c * plane + j] : T(0);
    tiles::transpose_block<T, A>(rows, lanes, channels, turned, lanes);
    for (Index i = 0; i < pixels * lanes; ++i) to[i] = turned[i];
    return;
  }
  for (Index p = 0; p < pixels; p += lanes) {
    if (p + lanes > pixels) p = pixels - lanes;
    tiles::transpose_block<T, A>(from + p, plane, channels, to + p * lanes, lanes);
  }
}

/// The reverse.
template <class T, class A>
TAPER_KERNEL void lanes_to_channels(const T* from, Index pixels, Index channels, Index plane, T* to) {
  constexpr Index lanes = tiles::Tile<T, A>::lanes;
  alignas(64) T rows[lanes * lanes];
  for (Index p = 0; p < pixels; p += lanes) {
    if (p + lanes > pixels && pixels >= lanes) p = pixels - lanes;
    if (channels == lanes && pixels >= lanes) {
      tiles::transpose_block<T, A>(from + p * lanes, lanes, lanes, to + p, plane);
    } else {
      tiles::transpose_block<T, A>(from + p * lanes, lanes, smaller(lanes, pixels), rows, lanes);
      for (Index c = 0; c < channels; ++c) copy_run<T, A>(rows + c * lanes, smaller(lanes, pixels), to + c * plane + p);
    }
  }
}

/// A copy of a channel (or of one in each lane) with its padding, as far as the windows reach: rows, and in each one run of
/// columns for every remainder modulo the stride. Whole steps of rows; what lies behind the last window is zero.
template <class T, class A>
class PaddedChannel {
 public:
  PaddedChannel(const Conv2dShape& s, const DepthwiseForm<T, A>& form)
      : s_(s),
        form_(form),
        reach_((s.oh() - 1) * s.sh + (s.kh - 1) * s.dh + 1),
        run_(ceil_div((s.ow() - 1) * s.sw + (s.kw - 1) * s.dw + 1, s.sw)),
        offsets_(s.taps()),
        turned_(form.deep > 1 ? s.h * s.w * form.deep : 0),
        data_(size()) {
    for (Index t = 0; t < s.taps(); ++t) {
      const Index x = t % s.kw * s.dw;
      offsets_.data()[t] = (t / s.kw * s.dh * s.sw * run_ + x % s.sw * run_ + x / s.sw) * form.deep;
    }
    clear(data_.data(), size());
  }
  const T* data() const { return data_.data(); }
  DepthwiseTaps taps() const { return {s_.kh, s_.kw, form_.pieces ? form_.columns : s_.sh * s_.sw * run_ * form_.deep, offsets_.data()}; }
  void fill(const T* channel, Index channels) const {
    if (form_.deep > 1) {
      channels_to_lanes<T, A>(channel, s_.h * s_.w, channels, s_.h * s_.w, turned_.data());
      channel = turned_.data();
    }
    copy(s_, form_.deep, reach_, run_, channel, data_.data());
  }

 private:
  Index size() const { return ((form_.rows - 1) * s_.sh + (s_.kh - 1) * s_.dh + 1) * s_.sw * run_ * form_.deep + form_.lanes; }

  TAPER_KERNEL [[gnu::noinline]] static void copy(const Conv2dShape& s, Index deep, Index reach, Index run, const T* channel, T* data) {
    using V = typename tiles::Native<T, A::vector_bytes>::type;
    const Index first = larger(0, s.ph), last = smaller(reach, s.h + s.ph), row = s.sw * run * deep;
    for (Index phase = 0; phase < s.sw; ++phase) {
      const Index shift = phase - s.pw, begin = shift >= 0 ? 0 : ceil_div(-shift, s.sw);
      const Index n = s.w > shift ? smaller(run, (s.w - shift - 1) / s.sw + 1) - begin : 0;
      const T* from = channel + ((first - s.ph) * s.w + shift + begin * s.sw) * deep;
      T* to = data + first * row + (phase * run + begin) * deep;
      for (Index y = first; y < last && n > 0; ++y, from += s.w * deep, to += row) {
        if (s.sw == 1) copy_run<T, A>(from, n * deep, to);
        else if (s.sw == 2 && deep == 1) copy_run<T, A, 2>(from, n, to);
        else
          for (Index i = 0; i < n; ++i) {
            if (deep == 1) to[i] = from[i * s.sw];
            else tiles::store(to + i * deep, tiles::load<V>(from + i * s.sw * deep));
          }
      }
    }
  }

  Conv2dShape s_;
  DepthwiseForm<T, A> form_;
  Index reach_, run_;
  Scratch<Index> offsets_;
  Scratch<T> turned_, data_;
};

}  // namespace taper::inline TAPER_CODE::detail::convolution
