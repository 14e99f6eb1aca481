// SPDX-License-Identifier: MIT
// 3 x 3 convolutions of stride 1 by Winograd's F(2 x 2, 3 x 3): 16 products per tile of 2 x 2 results instead of 36
// (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016, section 4.1).
//
//   y = A^T [(G w G^T) . (B^T x B)] A      summed over channels inside the brackets
//
// For each of the 16 places in a tile this is a matrix product over the channels. The weight's gradient is the adjoint,
// dw = G^T [(A dy A^T) . (B^T x B)] G, summed over tiles. Infinity and NaN would spread over a whole tile: results that
// hold one are refused, and the caller takes another way.
#pragma once

#include <taper/backend/cpu/conv_shift.hpp>

#include <atomic>

#if TAPER_NVCC
#pragma nv_diagnostic push
#pragma nv_diag_suppress 1675  // the unroll pragmas are for the host compiler, and reach it
#endif

namespace taper::inline TAPER_CODE::detail::convolution {

inline constexpr Index winograd_places = 16;

/// Tiles of all images, cut into blocks of whole rows of tiles.
struct WinogradPlan {
  Index down, across;       // tiles of an image
  Index all_rows, together;  // rows of tiles: of all images, of a block
  Index blocks;
  Index pitch;              // from channel to channel: at least a vector more than a block has tiles

  WinogradPlan(const Conv2dShape& s, Index most_tiles)
      : down(ceil_div(s.oh(), 2)), across(ceil_div(s.ow(), 2)), all_rows(s.n * down), together(even_blocks(all_rows, most_tiles / across)),
        blocks(ceil_div(all_rows, together)), pitch((together * across + 31) / 16 * 16) {}
  Index rows(Index block) const { return smaller(together, all_rows - block * together); }
  Index tiles(Index block) const { return rows(block) * across; }
  /// f(image, first row of tiles, rows of tiles) for what a block has of each image.
  template <class F>
  TAPER_INLINE void for_images(Index block, const F& f) const {
    for (Index row = block * together, end = row + rows(block); row < end;) {
      const Index y = row % down, count = smaller(end - row, down - y);
      f(row / down, y, count);
      row += count;
    }
  }
  /// From place to place: the places of one tile must not share a set of the first-level cache.
  Index stride(Index channels) const { return channels * pitch + 16; }
};

/// Whether 20 products less for each tile and pair of channels are worth the transforms: some 120 steps for each channel
/// of a tile, in vectors that a short row of tiles leaves half empty, and the weights' once.
inline bool prefer_winograd(const Conv2dShape& s, Index lanes) {
  if (s.kh != 3 || s.kw != 3 || s.sh != 1 || s.sw != 1 || s.dh != 1 || s.dw != 1 || s.groups != 1) return false;
  if (s.ph < 0 || s.pw < 0 || s.ph > 2 || s.pw > 2) return false;
  const Index across = ceil_div(s.ow(), 2), tiles = s.n * ceil_div(s.oh(), 2) * across, pixels = s.n * s.oh() * s.ow();
  const Index filled = ceil_div(across, lanes) * lanes;
  return tiles >= 48 && (9 * pixels - 16 * tiles) * s.c * s.oc * across > 160 * tiles * (s.c + s.oc) * filled;
}

/// The images or the results, as tiles see them: from (top, left) of padding on, `overlap` rows more than two for each.
struct Planes {
  Index channels, h, w, top, left, overlap;
};

/// Where a channel's rows are laid out before tiles are cut from them: even and odd columns of each row apart.
template <class T, class A>
struct WinogradStage {
  static constexpr Index lanes = tiles::Tile<T, A>::lanes;
  Index row;  // even columns, then odd ones
  Scratch<T> line, rows;
  explicit WinogradStage(const WinogradPlan& plan)
      : row((plan.across + 2 * lanes) / lanes * lanes), line(2 * row), rows((2 * plan.together + 2) * 2 * row) {}
};

template <class T, class A>
TAPER_KERNEL [[gnu::noinline]] void split_rows(const T* channel, const Planes& p, Index top, Index rows, const WinogradStage<T, A>& stage) {
  constexpr Index lanes = WinogradStage<T, A>::lanes;
  using V = typename tiles::Native<T, A::vector_bytes>::type;
  T *line = stage.line.data(), *to = stage.rows.data();
  for (Index r = 0; r < rows; ++r, to += 2 * stage.row) {
    const Index y = top + r;
    const bool inside = y >= 0 && y < p.h;
    if (inside) copy_run<T, A>(channel + y * p.w, p.w, line + p.left);
    for (Index i = 0; i < stage.row; i += lanes) {
      tiles::store(to + i, inside ? tiles::load_strided<2, V>(line + 2 * i) : V{});
      tiles::store(to + stage.row + i, inside ? tiles::load_strided<2, V>(line + 2 * i + 1) : V{});
    }
  }
}

/// B^T x B of a vector of tiles, whose elements (i, j) are the vectors at(i, j).
template <class T, class A>
struct ImageTiles {
  static constexpr int size = 4;
  template <class At>
  TAPER_INLINE static void run(const At& at, T* to, Index stride) {
    using V = typename tiles::Native<T, A::vector_bytes>::type;
    V t[4][4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const V a = tiles::load<V>(at(0, j)), b = tiles::load<V>(at(1, j)), c = tiles::load<V>(at(2, j)), d = tiles::load<V>(at(3, j));
      t[0][j] = a - c, t[1][j] = b + c, t[2][j] = c - b, t[3][j] = b - d;
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i, to += 4 * stride) {
      tiles::store(to, t[i][0] - t[i][2]);
      tiles::store(to + stride, t[i][1] + t[i][2]);
      tiles::store(to + 2 * stride, t[i][2] - t[i][1]);
      tiles::store(to + 3 * stride, t[i][1] - t[i][3]);
    }
  }
};

/// A dy A^T, likewise.
template <class T, class A>
struct ResultTiles {
  static constexpr int size = 2;
  template <class At>
  TAPER_INLINE static void run(const At& at, T* to, Index stride) {
    using V = typename tiles::Native<T, A::vector_bytes>::type;
    V t[4][2];
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      const V a = tiles::load<V>(at(0, j)), b = tiles::load<V>(at(1, j));
      t[0][j] = a, t[1][j] = a + b, t[2][j] = a - b, t[3][j] = -b;
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i, to += 4 * stride) {
      tiles::store(to, t[i][0]);
      tiles::store(to + stride, t[i][0] + t[i][1]);
      tiles::store(to + 2 * stride, t[i][0] - t[i][1]);
      tiles::store(to + 3 * stride, -t[i][1]);
    }
  }
};

/// A^T m A + start of a vector of tiles, whose places lie `stride` apart.
template <class T, class A>
struct JoinedTiles {
  using V = typename tiles::Native<T, A::vector_bytes>::type;
  V at[2][2];
  TAPER_INLINE JoinedTiles(const T* from, Index stride, const V& start) {
    V s[2][4];
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q, from += stride) {
      const V a = tiles::load<V>(from), b = tiles::load<V>(from + 4 * stride), c = tiles::load<V>(from + 8 * stride), d = tiles::load<V>(from + 12 * stride);
      s[0][q] = a + b + c, s[1][q] = b - c - d;
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) at[i][0] = s[i][0] + s[i][1] + s[i][2] + start, at[i][1] = s[i][1] - s[i][2] - s[i][3] + start;
  }
};

/// The tiles of one channel of a block: to[place * stride + tile], and up to a vector of anything behind them.
template <class Transform, class T, class A>
TAPER_KERNEL [[gnu::noinline]] void cut_tiles(const WinogradPlan& plan, const Planes& p, Index block, const T* channel, const WinogradStage<T, A>& stage,
                                              T* to, Index stride) {
  constexpr Index lanes = WinogradStage<T, A>::lanes;
  for (Index i = 0; i < 2 * stage.row; ++i) stage.line.data()[i] = T(0);
  plan.for_images(block, [&](Index image, Index y, Index rows) TAPER_INLINE_LAMBDA {
    split_rows<T, A>(channel + image * p.channels * p.h * p.w, p, 2 * y - p.top, 2 * rows + p.overlap, stage);
    for (Index i = 0; i < rows; ++i, to += plan.across)
      for (Index j = 0; j < plan.across; j += lanes) {
        const T* from = stage.rows.data() + 4 * i * stage.row + j;  // rows 2 * row apart, odd columns `row` behind even ones
        Transform::run([&](int r, int q) TAPER_INLINE_LAMBDA { return from + (2 * r + (q & 1)) * stage.row + q / 2; }, to + j, stride);
      }
  });
}

/// A^T m A of one channel of a block, written to y. False where a result is not finite.
template <class T, class A>
TAPER_KERNEL [[gnu::noinline]] bool join_tiles(const WinogradPlan& plan, Index channels, Index h, Index w, Index block, const T* from, Index stride,
                                               T bias, T* line, T* channel) {
  constexpr Index lanes = tiles::Tile<T, A>::lanes;
  constexpr int n = static_cast<int>(lanes);
  using V = typename tiles::Native<T, A::vector_bytes>::type;
  const Index room = (plan.across + lanes) / lanes * lanes * 2;
  V odd{};  // x - x is zero where x is finite
  for (Index row = block * plan.together, end = row + plan.rows(block); row < end; ++row, from += plan.across) {
    for (Index j = 0; j < plan.across; j += lanes) {
      const JoinedTiles<T, A> joined(from + j, stride, V{} + bias);
#pragma GCC unroll 2
      for (int i = 0; i < 2; ++i) {
        const V left = joined.at[i][0], right = joined.at[i][1];
        odd += (left - left) + (right - right);
        T* to = line + i * room + 2 * j;
        tiles::store(to, tiles::shuffle<tiles::Interleaved<n, 0>, T>(left, right));
        tiles::store(to + lanes, tiles::shuffle<tiles::Interleaved<n, 1>, T>(left, right));
      }
    }
    const Index y = row % plan.down * 2;
    T* to = channel + (row / plan.down * channels * h + y) * w;
    copy_run<T, A>(line, w, to);
    if (y + 1 < h) copy_run<T, A>(line + room, w, to + w);
  }
  bool finite = true;
  for (int i = 0; i < n; ++i) finite &= odd[i] == T(0);
  return finite;
}

/// G w G^T for the rows [first, last) of weights (oc, c, 3, 3): to[place][row][channel].
template <class T, class A>
TAPER_KERNEL [[gnu::noinline]] void winograd_weights(Index oc, Index c, Index first, Index last, const T* w, T* to) {
  constexpr Index lanes = tiles::Tile<T, A>::lanes;
  using V = typename tiles::Native<T, A::vector_bytes>::type;
  alignas(64) T taps[9][lanes], out[winograd_places][lanes];
  for (Index o = first; o < last; ++o)
    for (Index k = 0; k < c; k += lanes) {
      const Index n = smaller(lanes, c - k);
      const T* from = w + (o * c + k) * 9;
      for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < 9; ++j) taps[j][i] = from[i * 9 + j];
      V t[4][3];
#pragma GCC unroll 3
      for (int j = 0; j < 3; ++j) {
        const V x = tiles::load<V>(taps[j]), y = tiles::load<V>(taps[3 + j]), z = tiles::load<V>(taps[6 + j]);
        t[0][j] = x, t[1][j] = (x + y + z) * T(0.5), t[2][j] = (x - y + z) * T(0.5), t[3][j] = z;
      }
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        const V x = t[i][0], y = t[i][1], z = t[i][2];
        tiles::store(out[4 * i], x), tiles::store(out[4 * i + 1], (x + y + z) * T(0.5));
        tiles::store(out[4 * i + 2], (x - y + z) * T(0.5)), tiles::store(out[4 * i + 3], z);
      }
      T* at = to + o * c + k;
#pragma GCC unroll 1
      for (Index place = 0; place < winograd_places; ++place, at += oc * c) copy_run<T, A>(out[place], n, at);
    }
}

/// dw = G^T u G for the rows [first, last). False where a result is not finite.
template <class T, class A>
TAPER_KERNEL [[gnu::noinline]] bool winograd_weights_back(Index oc, Index c, Index first, Index last, const T* from, T* dw) {
  constexpr Index lanes = tiles::Tile<T, A>::lanes;
  using V = typename tiles::Native<T, A::vector_bytes>::type;
  alignas(64) T taps[9][lanes];
  T odd(0);
  for (Index o = first; o < last; ++o)
    for (Index k = 0; k < c; k += lanes) {
      V t[3][4];
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        const T* at = from + (j * oc + o) * c + k;
        const Index row = 4 * oc * c;
        const V a = tiles::load<V>(at), b = tiles::load<V>(at + row), d = tiles::load<V>(at + 2 * row), e = tiles::load<V>(at + 3 * row);
        t[0][j] = a + (b + d) * T(0.5), t[1][j] = (b - d) * T(0.5), t[2][j] = (b + d) * T(0.5) + e;
      }
#pragma GCC unroll 3
      for (int i = 0; i < 3; ++i) {
        const V b = t[i][1], d = t[i][2];
        tiles::store(taps[3 * i], t[i][0] + (b + d) * T(0.5));
        tiles::store(taps[3 * i + 1], (b - d) * T(0.5));
        tiles::store(taps[3 * i + 2], (b + d) * T(0.5) + t[i][3]);
      }
      const Index n = smaller(lanes, c - k);
      T* to = dw + (o * c + k) * 9;
      for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < 9; ++j) {
          to[i * 9 + j] = taps[j][i];
          odd += taps[j][i] - taps[j][i];
        }
    }
  return odd == T(0);
}

/// The place of a tile's kernel that is turned by half a circle: the first and the last row and column change places.
inline Index turned_place(Index place) {
  const auto turned = [](Index i) { return i == 0 ? Index{3} : i == 3 ? Index{0} : i; };
  return turned(place / 4) * 4 + turned(place % 4);
}

/// y = conv(x, w) + bias, or with `gradient` dx from dy: `s` is the convolution that runs, w has the shape of the forward
/// one. False where a result is not finite; y is of no use then.
template <class T, class A>
bool winograd_forward(const Conv2dShape& s, const T* x, const T* w, bool gradient, const T* bias, T* y, const Finish<T>& finish = {}) {
  const WinogradPlan plan(s, larger(64, smaller(256, 8192 / (s.c + s.oc))));
  const Index rows = gradient ? s.c : s.oc, columns = gradient ? s.oc : s.c;  // of w
  const Scratch<T> u(winograd_places * rows * columns);
  parallel_for(rows, 1 + 4096 / columns, [&](Index begin, Index end) { winograd_weights<T, A>(rows, columns, begin, end, w, u.data()); });
  const Planes planes{s.c, s.h, s.w, s.ph, s.pw, 2};
  const Index oh = s.oh(), ow = s.ow(), in_stride = plan.stride(s.c), out_stride = plan.stride(s.oc);
  std::atomic<bool> finite = true;
  // Many blocks, and small ones, are dealt out whole; of a few large ones, each step is cut.
  const bool whole = plan.blocks >= 16 || winograd_places * plan.tiles(0) * s.c * s.oc < Index{1} << 24;
  parallel_for(plan.blocks, whole ? 1 : plan.blocks, [&](Index first, Index last) {
    const Scratch<T> in(winograd_places * in_stride), out(winograd_places * out_stride);
    Index clean = -1;  // tiles behind which nothing but zeros lies in `out`
    for (Index block = first; block < last; ++block) {
      const Index n = plan.tiles(block);
      parallel_for(s.c, 1 + (Index{1} << 13) / n, [&](Index begin, Index end) {
        const WinogradStage<T, A> stage(plan);
        for (Index c = begin; c < end; ++c)
          cut_tiles<ImageTiles<T, A>, T, A>(plan, planes, block, x + c * s.h * s.w, stage, in.data() + c * plan.pitch, in_stride);
      });
      const Index most_rows = even_blocks(s.oc, 96), cuts = ceil_div(s.oc, most_rows);
      parallel_for(winograd_places * cuts, 1 + (Index{1} << 18) / (n * s.c * most_rows), [&](Index begin, Index end) {
        for (Index t = begin; t < end; ++t) {
          const Index place = t / cuts, row = t % cuts * most_rows, count = smaller(most_rows, s.oc - row);
          const T* from = u.data() + (gradient ? turned_place(place) * rows * columns + row : (place * rows + row) * columns);
          T* to = out.data() + place * out_stride + row * plan.pitch;
          if (n != clean)
            for (Index i = 0; i < count; ++i)
              for (Index j = n; j < plan.pitch; ++j) to[i * plan.pitch + j] = T(0);
          tiles::product<T, A>(count, n, s.c, {from, gradient ? 1 : columns, gradient ? columns : 1},
                               {in.data() + place * in_stride, plan.pitch}, to, plan.pitch, false);
        }
      });
      clean = n;
      parallel_for(s.oc, 1 + (Index{1} << 13) / n, [&](Index begin, Index end) {
        const Scratch<T> line(4 * (plan.across + tiles::Tile<T, A>::lanes));
        for (Index o = begin; o < end; ++o) {
          if (!join_tiles<T, A>(plan, s.oc, oh, ow, block, out.data() + o * plan.pitch, out_stride, bias ? bias[o] : T(0), line.data(),
                                y + o * oh * ow))
            finite.store(false, std::memory_order_relaxed);
          plan.for_images(block, [&](Index image, Index y, Index rows) {
            finish(image * s.oc + o, 1, 2 * y * ow, smaller(2 * rows, oh - 2 * y) * ow);
          });
        }
      });
    }
  });
  return finite.load(std::memory_order_relaxed);
}

/// dw from x and dy. False where a result is not finite; dw is of no use then. Partial sums belong to chunks of blocks that
/// the sizes decide, and are added in their order.
template <class T, class A>
bool winograd_weight_gradient(const Conv2dShape& s, const T* x, const T* dy, T* dw) {
  using R = tiles::Tile<T, A>;
  const WinogradPlan plan(s, larger(128, smaller(512, 16384 / (s.c + s.oc))));
  const Planes images{s.c, s.h, s.w, s.ph, s.pw, 2}, results{s.oc, s.oh(), s.ow(), 0, 0, 0};
  const Index in_stride = plan.stride(s.c), out_stride = plan.stride(s.oc), strips = ceil_div(s.c, R::columns);
  // Many blocks of few channels are dealt out in chunks; otherwise each step of a block is cut.
  const Index size = winograd_places * s.oc * s.c, affordable = (Index{1} << 20) / size;
  const Index most_blocks = ceil_div(plan.blocks, larger(1, smaller(affordable, smaller(16, plan.blocks / 4)))), chunks = ceil_div(plan.blocks, most_blocks);
  const Scratch<T> u(chunks * size);
  parallel_for(plan.blocks, most_blocks, [&](Index first, Index last) {
    const Scratch<T> in(winograd_places * in_stride), out(winograd_places * out_stride);
    T* sum = u.data() + first / most_blocks * size;
    for (Index block = first; block < last; ++block) {
      const Index n = plan.tiles(block);
      parallel_for(s.c + s.oc, 1 + (Index{1} << 13) / n, [&](Index begin, Index end) {
        const WinogradStage<T, A> stage(plan);
        for (Index i = begin; i < end; ++i) {
          const Index o = i - s.c;
          if (o < 0) cut_tiles<ImageTiles<T, A>, T, A>(plan, images, block, x + i * s.h * s.w, stage, in.data() + i * plan.pitch, in_stride);
          else cut_tiles<ResultTiles<T, A>, T, A>(plan, results, block, dy + o * results.h * results.w, stage, out.data() + o * plan.pitch, out_stride);
        }
      });
      parallel_for(winograd_places * strips, 1 + (Index{1} << 18) / (n * s.oc * R::columns), [&](Index begin, Index end) {
        const Scratch<T> packed(n * R::columns);
        for (Index t = begin; t < end; ++t) {
          const Index place = t / strips, column = t % strips * R::columns, count = smaller(R::columns, s.c - column);
          tiles::pack_strip<T, A>(in.data() + place * in_stride + column * plan.pitch, 1, plan.pitch, n, count, packed.data());
          tiles::product<T, A>(s.oc, count, n, {out.data() + place * out_stride, plan.pitch, 1}, {packed.data(), R::columns, n * R::columns},
                               sum + place * s.oc * s.c + column, s.c, block > first);
        }
      });
    }
  });
  std::atomic<bool> finite = true;
  parallel_for(s.oc, 1 + 4096 / s.c, [&](Index begin, Index end) {
    for (Index chunk = 1; chunk < chunks; ++chunk)
      for (Index place = 0; place < winograd_places; ++place)
        add_run<T, A>(u.data() + chunk * size + (place * s.oc + begin) * s.c, (end - begin) * s.c, u.data() + (place * s.oc + begin) * s.c);
    if (!winograd_weights_back<T, A>(s.oc, s.c, begin, end, u.data(), dw)) finite.store(false, std::memory_order_relaxed);
  });
  return finite.load(std::memory_order_relaxed);
}

}  // namespace taper::inline TAPER_CODE::detail::convolution

#if TAPER_NVCC
#pragma nv_diagnostic pop
#endif
