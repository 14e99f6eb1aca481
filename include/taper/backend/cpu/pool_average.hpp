// SPDX-License-Identifier: MIT
// Average pooling, plain and adaptive, and its gradients.
#pragma once

#include <taper/backend/cpu/gemm_generic.hpp>
#include <taper/backend/cpu/pool_shape.hpp>
#include <taper/config.hpp>
#include <taper/core/parallel.hpp>

#include <cstdint>
#include <type_traits>

namespace taper::inline TAPER_CODE::detail {
namespace pooling {

/// What windows are summed in.
template <class T>
using Sum = std::conditional_t<tiles::is_half<T>, float, std::conditional_t<std::is_integral_v<T>, std::int64_t, T>>;

/// The pixels of a window in one direction, cut to the plane, and how many count.
struct Side {
  std::int64_t first, last, count;
};

/// A window cut to the plane, and what its sum is divided by.
struct Window {
  Side y, x;
  std::int64_t divisor;
};

template <class W>
TAPER_INLINE Window window(const W& windows, std::int64_t oy, std::int64_t ox) {
  const Side y = windows.rows(oy), x = windows.columns(ox);
  return {y, x, windows.divisor_override ? windows.divisor_override : y.count * x.count};
}

template <class T>
TAPER_INLINE T window_average(const T* plane, std::int64_t w, const Window& at) {
  if (at.y.first >= at.y.last || at.x.first >= at.x.last) return T(0);
  Sum<T> sum[4] = {};  // independent sums: a wide window does not wait for each addition
  for (std::int64_t y = at.y.first; y < at.y.last; ++y) {
    const T* row = plane + y * w;
    std::int64_t x = at.x.first;
    for (; x + 4 <= at.x.last; x += 4)
      for (int q = 0; q < 4; ++q) sum[q] += static_cast<Sum<T>>(row[x + q]);
    for (; x < at.x.last; ++x) sum[0] += static_cast<Sum<T>>(row[x]);
  }
  return static_cast<T>(((sum[0] + sum[1]) + (sum[2] + sum[3])) / static_cast<Sum<T>>(at.divisor));
}

template <class T>
TAPER_INLINE void spread(Sum<T>* plane, std::int64_t w, const Window& at, T g) {
  if (at.y.first >= at.y.last || at.x.first >= at.x.last) return;
  const Sum<T> share = static_cast<Sum<T>>(g) / static_cast<Sum<T>>(at.divisor);
  for (std::int64_t y = at.y.first; y < at.y.last; ++y)
    for (std::int64_t x = at.x.first; x < at.x.last; ++x) plane[y * w + x] += share;
}

/// Windows [begin, end) of a row of results whose columns all lie in the plane, Bytes at a time. Returns where it
/// stopped.
template <class T, int Bytes, int Stride>
TAPER_INLINE std::int64_t row_average(const Pool2dShape& s, const T* plane, const Taps& y, std::int64_t begin,
                                      std::int64_t end, T divisor, T* out) {
  using V = typename tiles::Native<T, Bytes>::type;
  std::int64_t x = begin;
  while (next_vector(x, begin, end, static_cast<std::int64_t>(sizeof(V) / sizeof(T)))) {
    V sum{};
    for (std::int64_t iy = y.first; iy < y.last; ++iy)
      for (std::int64_t kx = 0; kx < s.kw; ++kx)
        sum += tiles::load_strided_within<Stride, V>(plane + iy * s.w + x * Stride - s.pw + kx);
    tiles::store(out + x, sum / divisor);
    x += static_cast<std::int64_t>(sizeof(V) / sizeof(T));
  }
  return x;
}

template <class T, class A, int Stride>
TAPER_INLINE std::int64_t row_average_by_vectors(const Pool2dShape& s, const T* plane, const Taps& y,
                                                 std::int64_t begin, std::int64_t end, std::int64_t results, T divisor,
                                                 T* out) {
  const auto some = [&]<int Bytes>(std::integral_constant<int, Bytes>, std::int64_t first, std::int64_t last)
      TAPER_INLINE_LAMBDA { return row_average<T, Bytes, Stride>(s, plane, y, first, last, divisor, out); };
  return by_vectors<T, A::vector_bytes, Stride>(s, y.last, begin, end, results, some);
}

// How windows follow one another in a plane.
struct Plain {
  const Pool2dShape& s;
  std::int64_t h, w, oh, ow;
  bool count_include_pad;
  std::int64_t divisor_override;
  Side rows(std::int64_t y) const { return side(y * s.sh - s.ph, s.kh, h, s.ph); }
  Side columns(std::int64_t x) const { return side(x * s.sw - s.pw, s.kw, w, s.pw); }
  template <class T, class A>
  TAPER_INLINE std::int64_t row(const T* plane, std::int64_t y, std::int64_t x, T* out) const {
    if (s.sw > 2 || x != first_inside(s)) return x;
    const Window at = window(*this, y, x);
    const Taps taps(at.y.first, at.y.last - at.y.first, 1, h);
    const std::int64_t end = last_inside(s, ow);
    if (taps.first >= taps.last || end <= x) return x;
    const T divisor = static_cast<T>(at.divisor);
    const std::int64_t results = (oh - y) * ow;
    return s.sw == 1 ? row_average_by_vectors<T, A, 1>(s, plane, taps, x, end, results, divisor, out)
                     : row_average_by_vectors<T, A, 2>(s, plane, taps, x, end, results, divisor, out);
  }

 private:
  // The padded size counts, but nothing beyond the right padding, where ceil_mode may reach.
  Side side(std::int64_t first, std::int64_t kernel, std::int64_t in, std::int64_t pad) const {
    const auto below = [](std::int64_t x, std::int64_t limit) { return x < limit ? x : limit; };
    const std::int64_t begin = first < 0 ? 0 : first, end = below(first + kernel, in);
    return {begin, end, count_include_pad ? below(first + kernel, in + pad) - first : end - begin};
  }
};
struct Adaptive {
  std::int64_t h, w, oh, ow;
  static constexpr std::int64_t divisor_override = 0;
  Side rows(std::int64_t y) const { return side(adaptive_range(y, h, oh)); }
  Side columns(std::int64_t x) const { return side(adaptive_range(x, w, ow)); }
  template <class T, class A>
  TAPER_INLINE std::int64_t row(const T*, std::int64_t, std::int64_t x, T*) const {
    return x;
  }

 private:
  static Side side(const Range& r) { return {r.first, r.last, r.last - r.first}; }
};

template <class T, class A, class W>
TAPER_KERNEL void average_planes(std::int64_t begin, std::int64_t end, const W& windows, const T* x, T* y) {
  x += begin * windows.h * windows.w;
  y += begin * windows.oh * windows.ow;
  for (std::int64_t p = begin; p < end; ++p, x += windows.h * windows.w)
    for (std::int64_t oy = 0; oy < windows.oh; ++oy, y += windows.ow)
      for (std::int64_t ox = 0; ox < windows.ow; ++ox) {
        if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
          ox = windows.template row<T, A>(x, oy, ox, y);
          if (ox == windows.ow) break;
        }
        y[ox] = window_average(x, windows.w, window(windows, oy, ox));
      }
}

/// line[i] = sum of the shares of the windows of kw columns, Stride apart, that cover column i. Zeros lie before and
/// behind the shares.
template <class S, class A, int Stride>
TAPER_INLINE void spread_shares(const S* shares, std::int64_t kw, std::int64_t columns, S* line) {
  using V = typename tiles::Native<S, A::vector_bytes>::type;
  constexpr int lanes = static_cast<int>(sizeof(V) / sizeof(S));
  for (std::int64_t i = 0; i * Stride < columns; i += lanes) {
    V even{}, odd{};
    for (std::int64_t k = 0; k < kw; k += Stride) {
      const V share = tiles::load<V>(shares + i - k / Stride);
      even += share;
      if (Stride == 2 && k + 1 < kw) odd += share;
    }
    if constexpr (Stride == 1) {
      tiles::store(line + i, even);
    } else {
      tiles::store(line + 2 * i, tiles::shuffle<tiles::Interleaved<lanes, 0>, S>(even, odd));
      tiles::store(line + 2 * i + lanes, tiles::shuffle<tiles::Interleaved<lanes, 1>, S>(even, odd));
    }
  }
}

/// shares = g / (divisors * down), Bytes at a time. Returns where it stopped.
template <int Bytes, class S>
TAPER_INLINE std::int64_t divide_row(const S* g, const S* divisors, S down, std::int64_t count, S* shares) {
  using V = typename tiles::Native<S, Bytes>::type;
  constexpr std::int64_t lanes = sizeof(V) / sizeof(S);
  std::int64_t x = 0;
  for (; next_vector(x, 0, count, lanes); x += lanes)
    tiles::store(shares + x, tiles::load<V>(g + x) / (tiles::load<V>(divisors + x) * down));
  return x;
}

template <class V, class S>
TAPER_INLINE V sum_of_lines(const S* line, std::int64_t count, std::int64_t step) {
  V sum{};
  for (; count > 0; --count, line += step) sum += tiles::load<V>(line);
  return sum;
}

/// The gradient of windows that follow one another by Stride columns: a row of gradients is spread over a line as long
/// as the plane is wide, once, and each row of the plane is the sum of the lines whose windows cover it.
template <class T, class A, int Stride>
TAPER_KERNEL void spread_planes_by_lines(std::int64_t begin, std::int64_t end, const Plain& windows, const T* dy,
                                         T* dx) {
  using S = Sum<T>;
  using V = typename tiles::Native<S, A::vector_bytes>::type;
  constexpr std::int64_t lanes = sizeof(V) / sizeof(S);
  const std::int64_t h = windows.h, w = windows.w, oh = windows.oh, ow = windows.ow, kw = windows.s.kw,
                     pad = windows.s.pw;
  const std::int64_t columns = pad + w, room = kw + columns + 2 * lanes;
  const tiles::Scratch<S> all_shares(oh * room), lines(oh * room), divisors(ow);
  S* const shares = all_shares.data() + kw;
  for (std::int64_t i = 0; i < oh * room; ++i) all_shares.data()[i] = 0;
  for (std::int64_t x = 0; x < ow; ++x)
    divisors.data()[x] = static_cast<S>(windows.divisor_override ? windows.divisor_override : windows.columns(x).count);
  dy += begin * oh * ow;
  dx += begin * h * w;
  for (std::int64_t p = begin; p < end; ++p) {
    // Each step for the whole plane: what has just been written comes slowly to loads that are cut otherwise.
    for (std::int64_t y = 0; y < oh; ++y, dy += ow) {
      const S down = static_cast<S>(windows.divisor_override ? 1 : windows.rows(y).count);
      S* const to = shares + y * room;
      std::int64_t x = 0;
      if constexpr (std::is_same_v<S, T>)
        x = ow < lanes ? divide_row<16>(dy, divisors.data(), down, ow, to)
                       : divide_row<A::vector_bytes>(dy, divisors.data(), down, ow, to);
      for (; x < ow; ++x) to[x] = static_cast<S>(dy[x]) / (divisors.data()[x] * down);
    }
    for (std::int64_t y = 0; y < oh; ++y)
      spread_shares<S, A, Stride>(shares + y * room, kw, columns, lines.data() + y * room);
    std::int64_t first = 0, last = 0;  // the lines whose windows cover row y
    for (std::int64_t y = 0; y < h; ++y, dx += w) {
      while (last < oh && windows.rows(last).first <= y) ++last;
      while (first < last && windows.rows(first).last <= y) ++first;
      const S* const line = lines.data() + first * room + pad;
      std::int64_t x = 0;
      if constexpr (std::is_same_v<S, T>)
        for (; next_vector(x, 0, w, lanes); x += lanes)
          tiles::store(dx + x, sum_of_lines<V>(line + x, last - first, room));
      for (; x < w; x += lanes) {
        const V part = sum_of_lines<V>(line + x, last - first, room);
        for (std::int64_t i = 0; i < lanes && x + i < w; ++i) dx[x + i] = static_cast<T>(part[i]);
      }
    }
  }
}

template <class T, class A, class W>
TAPER_KERNEL void spread_planes(std::int64_t begin, std::int64_t end, const W& windows, const T* dy, T* dx) {
  constexpr bool direct = std::is_same_v<Sum<T>, T>;
  if constexpr (std::is_floating_point_v<Sum<T>> && std::is_same_v<W, Plain>) {
    constexpr std::int64_t lanes =
        A::vector_bytes / sizeof(Sum<T>);  // less than a vector pays where many windows overlap
    if (windows.s.sw == 1) return spread_planes_by_lines<T, A, 1>(begin, end, windows, dy, dx);
    if (windows.s.sw == 2 && windows.w >= lanes) return spread_planes_by_lines<T, A, 2>(begin, end, windows, dy, dx);
  }
  const std::int64_t in = windows.h * windows.w;
  const tiles::Scratch<Sum<T>> wide(direct ? 0 : in);
  dy += begin * windows.oh * windows.ow;
  for (std::int64_t p = begin; p < end; ++p) {
    Sum<T>* to;
    if constexpr (direct)
      to = dx + p * in;
    else
      to = wide.data();
    for (std::int64_t i = 0; i < in; ++i) to[i] = 0;
    for (std::int64_t oy = 0; oy < windows.oh; ++oy)
      for (std::int64_t ox = 0; ox < windows.ow; ++ox) spread(to, windows.w, window(windows, oy, ox), *dy++);
    if constexpr (!direct)
      for (std::int64_t i = 0; i < in; ++i) dx[p * in + i] = static_cast<T>(to[i]);
  }
}

template <class T, class A, class W>
void average(std::int64_t planes, const W& windows, const T* x, T* y) {
  parallel_for(planes, grain(windows.h * windows.w + windows.oh * windows.ow),
               [&](std::int64_t begin, std::int64_t end) { average_planes<T, A>(begin, end, windows, x, y); });
}

template <class T, class A, class W>
void average_backward(std::int64_t planes, const W& windows, const T* dy, T* dx) {
  parallel_for(planes, grain(windows.h * windows.w + windows.oh * windows.ow),
               [&](std::int64_t begin, std::int64_t end) { spread_planes<T, A>(begin, end, windows, dy, dx); });
}

inline Plain plain(const Pool2dShape& s, bool count_include_pad, std::int64_t divisor_override) {
  return {s, s.h, s.w, s.oh(), s.ow(), count_include_pad, divisor_override};
}

}  // namespace pooling

/// out (planes, oh, ow) = means of the windows; dilation is not used. A divisor_override other than 0 replaces the
/// count. Dtypes: all real ones; 16-bit floats are summed in float, integers divide towards zero.
template <class T, class A = Abi>
void avg_pool2d(const Pool2dShape& s, bool count_include_pad, std::int64_t divisor_override, const T* x, T* out) {
  pooling::average<T, A>(s.planes, pooling::plain(s, count_include_pad, divisor_override), x, out);
}

template <class T, class A = Abi>
void avg_pool2d_backward(const Pool2dShape& s, bool count_include_pad, std::int64_t divisor_override, const T* dy,
                         T* dx) {
  pooling::average_backward<T, A>(s.planes, pooling::plain(s, count_include_pad, divisor_override), dy, dx);
}

/// Average pooling of planes h x w to oh x ow: window i covers floor(i h / oh) up to ceil((i + 1) h / oh).
template <class T, class A = Abi>
void adaptive_avg_pool2d(std::int64_t planes, std::int64_t h, std::int64_t w, std::int64_t oh, std::int64_t ow,
                         const T* x, T* out) {
  pooling::average<T, A>(planes, pooling::Adaptive{h, w, oh, ow}, x, out);
}

template <class T, class A = Abi>
void adaptive_avg_pool2d_backward(std::int64_t planes, std::int64_t h, std::int64_t w, std::int64_t oh, std::int64_t ow,
                                  const T* dy, T* dx) {
  pooling::average_backward<T, A>(planes, pooling::Adaptive{h, w, oh, ow}, dy, dx);
}

}  // namespace taper::inline TAPER_CODE::detail
