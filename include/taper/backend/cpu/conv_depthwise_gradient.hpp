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
          SeenRows<V> seen{{}, masked(from), masked(from + taps.row), masked(from + 2 * taps.row)};
          from += 3 * taps.row;
          for (Index t = k; t < taps.count(); t += taps.kw, from += taps.row) {
            seen.next(masked(from));
            tiles::store(sums + t * lanes,
                         tiles::load<V>(sums + t * lanes) + g[0] * seen.a + g[1] * seen.b + g[2] * seen.c + g[3] * seen.d);
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

/// Few groups are cut into chunks of images, as the sizes decide; their sums are added in order. False where a result is not
/// finite and may come of an infinity that a step's filling met; dw is of no use then.
template <class T, class A>
bool depthwise_weight_gradient(const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  constexpr Index lanes = tiles::Tile<T, A>::lanes;
  const Index oh = s.oh(), ow = s.ow(), out = s.group_out(), count = s.taps(), pixels = oh * ow;
  const auto run = depthwise_kernel(s, [](auto kernel) { return &depthwise_taps<T, A, decltype(kernel)::value>; });
  const DepthwiseForm<T, A> form(s.kh, oh, ow);
  const bool aside = form.deep > 1 || form.pieces || form.size() != pixels;  // steps of rows are filled up with zeros
  const Index blocks = ceil_div(s.groups, form.deep), sums_of = ceil_div(out * count, 4) * 4;  // folded by fours
  const Index images = blocks >= 16 ? s.n : even_blocks(s.n, ceil_div(s.n * blocks, 16)), chunks = ceil_div(s.n, images);
  const Scratch<T> partial(blocks * chunks * sums_of * form.deep);
  parallel_for(blocks * chunks, 1 + (Index{1} << 18) / (images * pixels * out * count * form.deep), [&](Index begin, Index end) {
    const PaddedChannel<T, A> channel(s, form);
    const DepthwiseTaps taps = channel.taps();
    const Scratch<T> sums(sums_of * lanes), gradient(aside ? form.size() : 0);
    if (aside) clear(gradient.data(), form.size());
    for (Index u = begin; u < end; ++u) {
      const Index group = u / chunks * form.deep, channels = smaller(form.deep, s.groups - group), first = u % chunks * images;
      clear(sums.data(), sums_of * lanes);
      for (Index image = first; image < smaller(s.n, first + images); ++image) {
        channel.fill(x + (image * s.c + group) * s.h * s.w, channels);
        for (Index o = 0; o < out; ++o) {
          const T* from = dy + (image * s.oc + group * out + o) * pixels;
          if (form.deep > 1) channels_to_lanes<T, A>(from, out * pixels, channels, pixels, gradient.data());
          else if (aside) copy_run<T, A>(from, pixels, gradient.data());
          run(taps, form.rows, form.columns, aside ? gradient.data() : from, channel.data(), sums.data() + o * count * lanes);
        }
      }
      T* to = partial.data() + u * sums_of * form.deep;
      if (form.deep > 1) copy_run<T, A>(sums.data(), sums_of * lanes, to);
      else fold_lanes<T, A>(sums.data(), sums_of, to);
    }
  });
  bool finite = true;
  for (Index group = 0; group < s.groups; ++group)
    for (Index i = 0; i < out * count; ++i) {
      const T* from = partial.data() + (group / form.deep * chunks * sums_of + i) * form.deep + group % form.deep;
      T sum = from[0];
      for (Index chunk = 1; chunk < chunks; ++chunk) sum += from[chunk * sums_of * form.deep];
      dw[group * out * count + i] = sum;
      finite &= sum - sum == T(0);
    }
  return finite || form.size() == pixels * form.deep;
}

/// The image's gradient of strided windows: its pixels are dealt out by their remainders modulo the strides, and each such
/// part is a convolution of stride 1 of dy with the taps that reach it.
template <class T, class A>
class DepthwiseParts {
 public:
  explicit DepthwiseParts(const Conv2dShape& s)
      : s_(s),
        form_(0, s.h, ceil_div(s.w, s.sw)),
        top_(floor_div(s.ph - (s.kh - 1) * s.dh, s.sh)),
        left_(floor_div(s.pw - (s.kw - 1) * s.dw, s.sw)),
        columns_(ceil_div(form_.columns, lanes) * lanes),
        height_(ceil_div(ceil_div(s.h, s.sh), depthwise_step) * depthwise_step + (s.sh - 1 + s.ph) / s.sh - top_),
        width_(columns_ + ((s.sw - 1 + s.pw) / s.sw - left_) * form_.deep),
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
        offsets_.data()[n++] = (t / s.taps() * height_ + y / s.sh - top_) * width_ + (x / s.sw - left_) * form_.deep;
      }
    }
    first_.data()[s.sh * s.sw] = n;
  }

  Index units() const { return form_.units(s_); }
  Index grain() const { return 1 + (Index{1} << 18) / (s_.oh() * s_.ow() * s_.group_out() * s_.taps() * form_.deep); }
  void run(Index begin, Index end, const T* dy, const T* w, T* dx) const {
    const Index out = s_.group_out(), all = out * s_.taps(), oh = s_.oh(), ow = s_.ow(), plane = height_ * width_, deep = form_.deep;
    const Scratch<T> staged(out * plane + lanes), weights((all + 1) * lanes), results(s_.sh * s_.sw * depthwise_step * columns_);
    const Scratch<T> turned(deep > 1 ? larger(oh * ow, s_.h * s_.w) * deep : 0), line(2 * columns_);
    clear(staged.data(), out * plane + lanes);
    clear(weights.data() + all * lanes, lanes);
    Index known = -1;  // the group whose weights are laid out
    for (Index u = begin; u < end; ++u) {
      const auto [image, group, channels] = form_.unit(s_, u);
      for (Index i = 0; i < all && group != known; ++i)
        fill_lanes<T, A>(w + group * all + from_.data()[i], deep > 1 ? all : 0, deep > 1 ? channels : lanes, weights.data() + i * lanes);
      known = group;
      for (Index o = 0; o < out; ++o) {
        const T* from = dy + (image * s_.oc + group * out + o) * oh * ow;
        if (deep > 1) channels_to_lanes<T, A>(from, out * oh * ow, channels, oh * ow, turned.data()), from = turned.data();
        stage_channel<T, A>({1, 1, oh, ow * deep}, from, top_, left_ * deep, height_, width_, staged.data() + o * plane);
      }
      T* to = dx + (image * s_.c + group) * s_.h * s_.w;
      for (Index y = 0; y < s_.h; y += depthwise_step * s_.sh) {
        make(y / s_.sh, staged.data(), weights.data(), results.data());
        join(y, results.data(), line.data(), deep > 1 ? turned.data() : to);
      }
      if (deep > 1) lanes_to_channels<T, A>(turned.data(), s_.h * s_.w, channels, s_.h * s_.w, to);
    }
  }

 private:
  static constexpr Index lanes = tiles::Tile<T, A>::lanes;
  static Index floor_div(Index x, Index y) { return x >= 0 ? x / y : -ceil_div(-x, y); }

  /// A step of rows of every part.
  void make(Index row, const T* staged, const T* weights, T* results) const {
    const Index parts = s_.sh * s_.sw, *first = first_.data();
    for (Index part = 0; part < parts; ++part)
      depthwise_rows<T, A, DepthwiseKernel::any>({first[part + 1] - first[part], 1, width_, offsets_.data() + first[part]}, depthwise_step, columns_,
                                                 staged + row * width_, weights + first[part] * lanes, weights + first[parts] * lanes,
                                                 results + part * columns_, parts * columns_);
  }
  /// The rows of the image from y on, from their runs of every sw-th column.
  TAPER_KERNEL [[gnu::noinline]] void join(Index y, const T* runs, T* line, T* image) const {
    using V = typename tiles::Native<T, A::vector_bytes>::type;
    const Index last = smaller(s_.h, y + depthwise_step * s_.sh), deep = form_.deep;
    for (T* to = image + y * s_.w * deep; y < last; ++y, runs += s_.sw * columns_, to += s_.w * deep) {
      if (deep > 1) {
        for (Index x = 0; x < s_.w; ++x) tiles::store(to + x * lanes, tiles::load<V>(runs + x % s_.sw * columns_ + x / s_.sw * lanes));
      } else if (s_.sw == 2) {
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
  }

  Conv2dShape s_;
  DepthwiseForm<T, A> form_;
  Index top_, left_, columns_, height_, width_;  // of what is staged of dy: where it begins, its size
  Scratch<Index> first_, offsets_, from_;        // taps in the order of the parts
};

template <class T, class A>
void depthwise_data_gradient(const Conv2dShape& s, const T* dy, const T* w, T* dx) {
  const DepthwiseParts<T, A> parts(s);
  parallel_for(parts.units(), parts.grain(), [&](Index begin, Index end) { parts.run(begin, end, dy, w, dx); });
}

}  // namespace taper::inline TAPER_CODE::detail::convolution

#if TAPER_NVCC
#pragma nv_diagnostic pop
#endif
