// SPDX-License-Identifier: MIT
// Winograd's F(2 x 2, 3 x 3) of images whose channels are last: conv_winograd.hpp says what is computed. Tiles are cut
// and joined a vector of channels at a time, and are the rows of the 16 products.
#pragma once

#include <taper/backend/cpu/conv_winograd.hpp>

#if TAPER_NVCC
#pragma nv_diagnostic push
#pragma nv_diag_suppress 1675  // the unroll pragmas are for the host compiler, and reach it
#endif

namespace taper::inline TAPER_CODE::detail::convolution {

/// Where the pixels of a tile lie; those outside are a row of zeros.
template <int N, class T>
struct TilePixels {
  const T* at[N][N];
  TilePixels(const Planes& p, const T* image, const T* zeros, Index y, Index x) {
    for (int i = 0; i < N; ++i)
      for (int j = 0; j < N; ++j) {
        const Index r = 2 * y - p.top + i, c = 2 * x - p.left + j;
        at[i][j] = r >= 0 && r < p.h && c >= 0 && c < p.w ? image + (r * p.w + c) * p.channels : zeros;
      }
  }
};

/// The tiles of one row of them: to[place * stride + tile * channels + channel]. At least a vector of channels.
template <class Transform, class T, class A>
TAPER_KERNEL [[gnu::noinline]] void cut_tiles_last(const Planes& p, Index across, const T* image, const T* zeros,
                                                   Index y, T* to, Index stride) {
  constexpr Index lanes = tiles::Tile<T, A>::lanes;
  for (Index x = 0; x < across; ++x, to += p.channels) {
    const TilePixels<Transform::size, T> pixels(p, image, zeros, y, x);
    for (Index k = 0; k < p.channels; k += lanes) {
      if (k + lanes > p.channels) k = p.channels - lanes;
      Transform::run([&](int i, int j) TAPER_INLINE_LAMBDA { return pixels.at[i][j] + k; }, to + k, stride);
    }
  }
}

/// A^T m A + bias of a row of tiles, written to rows of an image of results. False where one is not finite.
template <class T, class A>
TAPER_KERNEL [[gnu::noinline]] bool join_last(Index across, Index channels, Index oh, Index ow, const T* from,
                                              Index stride, const T* bias, Index y, T* image) {
  using V = typename tiles::Native<T, A::vector_bytes>::type;
  constexpr Index lanes = tiles::Tile<T, A>::lanes;
  V odd{};  // x - x is zero where x is finite
  for (Index x = 0; x < across; ++x, from += channels) {
    T* to = image + (2 * y * ow + 2 * x) * channels;
    const bool right = 2 * x + 1 < ow, below = 2 * y + 1 < oh;
    for (Index k = 0; k < channels; k += lanes) {
      if (k + lanes > channels) k = channels - lanes;
      const JoinedTiles<T, A> joined(from + k, stride, bias ? tiles::load<V>(bias + k) : V{});
#pragma GCC unroll 2
      for (int i = 0; i < 2; ++i) {
        const V first = joined.at[i][0], second = joined.at[i][1];
        odd += (first - first) + (second - second);
        if (i == 1 && !below) continue;
        tiles::store(to + i * ow * channels + k, first);
        if (right) tiles::store(to + (i * ow + 1) * channels + k, second);
      }
    }
  }
  bool finite = true;
  for (Index i = 0; i < lanes; ++i) finite &= odd[i] == T(0);
  return finite;
}

/// As winograd_forward, with the channels of x and y last.
template <class T, class A>
bool winograd_last_forward(const Conv2dShape& s, const T* x, const T* w, bool gradient, const T* bias, T* y,
                           const Finish<T>& finish = {}) {
  using R = tiles::Tile<T, A>;
  const WinogradPlan plan(s, larger(64, smaller(256, 8192 / (s.c + s.oc))));
  const Index rows = gradient ? s.c : s.oc, columns = gradient ? s.oc : s.c;  // of w
  const Index strips = ceil_div(s.oc, R::columns), size = strips * R::columns * s.c;
  const Scratch<T> packed(winograd_places * size);
  {
    const Scratch<T> u(winograd_places * rows * columns);
    parallel_for(rows, 1 + 4096 / columns,
                 [&](Index begin, Index end) { winograd_weights<T, A>(rows, columns, begin, end, w, u.data()); });
    parallel_for(winograd_places * strips, 1 + (Index{1} << 14) / (s.c * R::columns), [&](Index begin, Index end) {
      for (Index t = begin; t < end; ++t) {
        const Index place = t / strips, strip = t % strips, first = strip * R::columns;
        const T* from =
            u.data() + (gradient ? turned_place(place) * rows * columns + first : (place * rows + first) * columns);
        tiles::pack_strip<T, A>(from, gradient ? columns : 1, gradient ? 1 : columns, s.c,
                                smaller(R::columns, s.oc - first),
                                packed.data() + place * size + strip * s.c * R::columns);
      }
    });
  }
  const Planes planes{s.c, s.h, s.w, s.ph, s.pw, 2};
  const Index oh = s.oh(), ow = s.ow(), most = plan.together * plan.across, in_stride = most * s.c + 16,
              out_stride = most * s.oc + 16;
  const Scratch<T> zeros(s.c);
  for (Index i = 0; i < s.c; ++i) zeros.data()[i] = T(0);
  std::atomic<bool> finite = true;
  // Many blocks, and small ones, are dealt out whole; of a few large ones, each step is cut.
  const bool whole = plan.blocks >= 16 || winograd_places * plan.tiles(0) * s.c * s.oc < Index{1} << 24;
  parallel_for(plan.blocks, whole ? 1 : plan.blocks, [&](Index first, Index last) {
    const Scratch<T> in(winograd_places * in_stride), out(winograd_places * out_stride);
    for (Index block = first; block < last; ++block) {
      const Index n = plan.tiles(block), top = block * plan.together;
      parallel_for(plan.rows(block), 1 + (Index{1} << 11) / (plan.across * s.c), [&](Index begin, Index end) {
        for (Index row = begin; row < end; ++row)
          cut_tiles_last<ImageTiles<T, A>, T, A>(planes, plan.across, x + (top + row) / plan.down * s.h * s.w * s.c, zeros.data(),
                                (top + row) % plan.down, in.data() + row * plan.across * s.c, in_stride);
      });
      parallel_for(
          winograd_places * strips, 1 + (Index{1} << 18) / (n * s.c * R::columns), [&](Index begin, Index end) {
            for (Index t = begin; t < end; ++t) {
              const Index place = t / strips, column = t % strips * R::columns;
              tiles::product<T, A>(n, smaller(R::columns, s.oc - column), s.c, {in.data() + place * in_stride, s.c, 1},
                                   {packed.data() + place * size + column * s.c, R::columns, s.c * R::columns},
                                   out.data() + place * out_stride + column, s.oc, false);
            }
          });
      parallel_for(plan.rows(block), 1 + (Index{1} << 11) / (plan.across * s.oc), [&](Index begin, Index end) {
        for (Index row = begin; row < end; ++row) {
          const Index image = (top + row) / plan.down, at = (top + row) % plan.down;
          if (!join_last<T, A>(plan.across, s.oc, oh, ow, out.data() + row * plan.across * s.oc, out_stride, bias, at,
                               y + image * oh * ow * s.oc))
            finite.store(false, std::memory_order_relaxed);
          finish((image * oh + 2 * at) * ow, smaller(2, oh - 2 * at) * ow, 0, s.oc);
        }
      });
    }
  });
  return finite.load(std::memory_order_relaxed);
}

/// As winograd_weight_gradient, with the channels of x and dy last.
template <class T, class A>
bool winograd_last_weight_gradient(const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  using R = tiles::Tile<T, A>;
  const WinogradPlan plan(s, larger(128, smaller(512, 16384 / (s.c + s.oc))));
  const Planes images{s.c, s.h, s.w, s.ph, s.pw, 2}, results{s.oc, s.oh(), s.ow(), 0, 0, 0};
  const Index most = plan.together * plan.across, in_stride = most * s.c + 16, out_stride = most * s.oc + 16,
              strips = ceil_div(s.c, R::columns);
  const Scratch<T> zeros(larger(s.c, s.oc));
  for (Index i = 0; i < larger(s.c, s.oc); ++i) zeros.data()[i] = T(0);
  // Many blocks of few channels are dealt out in chunks; otherwise each step of a block is cut.
  const Index size = winograd_places * s.oc * s.c, affordable = (Index{1} << 20) / size;
  const Index most_blocks = ceil_div(plan.blocks, larger(1, smaller(affordable, smaller(16, plan.blocks / 4)))),
              chunks = ceil_div(plan.blocks, most_blocks);
  const Scratch<T> u(chunks * size);
  parallel_for(plan.blocks, most_blocks, [&](Index first, Index last) {
    const Scratch<T> in(winograd_places * in_stride), out(winograd_places * out_stride);
    T* sum = u.data() + first / most_blocks * size;
    for (Index block = first; block < last; ++block) {
      const Index n = plan.tiles(block), top = block * plan.together;
      parallel_for(plan.rows(block), 1 + (Index{1} << 11) / (plan.across * (s.c + s.oc)), [&](Index begin, Index end) {
        for (Index row = begin; row < end; ++row) {
          const Index image = (top + row) / plan.down, at = (top + row) % plan.down;
          cut_tiles_last<ImageTiles<T, A>, T, A>(images, plan.across, x + image * s.h * s.w * s.c, zeros.data(), at,
                                in.data() + row * plan.across * s.c, in_stride);
          cut_tiles_last<ResultTiles<T, A>, T, A>(results, plan.across, dy + image * results.h * results.w * s.oc, zeros.data(), at,
                                 out.data() + row * plan.across * s.oc, out_stride);
        }
      });
      parallel_for(winograd_places * strips, 1 + (Index{1} << 18) / (n * s.oc * R::columns),
                   [&](Index begin, Index end) {
                     const Scratch<T> packed(n * R::columns);
                     for (Index t = begin; t < end; ++t) {
                       const Index place = t / strips, column = t % strips * R::columns,
                                   count = smaller(R::columns, s.c - column);
                       tiles::pack_strip<T, A>(in.data() + place * in_stride + column, s.c, 1, n, count, packed.data());
                       tiles::product<T, A>(s.oc, count, n, {out.data() + place * out_stride, 1, s.oc},
                                            {packed.data(), R::columns, n * R::columns},
                                            sum + place * s.oc * s.c + column, s.c, block > first);
                     }
                   });
    }
  });
  std::atomic<bool> finite = true;
  parallel_for(s.oc, 1 + 4096 / s.c, [&](Index begin, Index end) {
    for (Index chunk = 1; chunk < chunks; ++chunk)
      for (Index place = 0; place < winograd_places; ++place)
        add_run<T, A>(u.data() + chunk * size + (place * s.oc + begin) * s.c, (end - begin) * s.c,
                      u.data() + (place * s.oc + begin) * s.c);
    if (!winograd_weights_back<T, A>(s.oc, s.c, begin, end, u.data(), dw))
      finite.store(false, std::memory_order_relaxed);
  });
  return finite.load(std::memory_order_relaxed);
}

}  // namespace taper::inline TAPER_CODE::detail::convolution

#if TAPER_NVCC
#pragma nv_diagnostic pop
#endif
