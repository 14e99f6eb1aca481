// SPDX-License-Identifier: MIT
// Average pooling, plain and adaptive, and its gradients.
#pragma once

#include <taper/backend/cpu/gemm_generic.hpp>
#include <taper/backend/cpu/pool_shape.hpp>
#include <taper/core/parallel.hpp>
#include <taper/config.hpp>

#include <cstdint>
#include <type_traits>

namespace taper::inline TAPER_CODE::detail {
namespace pooling {

/// What windows are summed in.
template <class T>
using Sum = std::conditional_t<tiles::is_half<T>, float, std::conditional_t<std::is_integral_v<T>, std::int64_t, T>>;

/// A window cut to the plane, and what its sum is divided by.
struct Window {
  Range y, x;
  std::int64_t divisor;
};

inline Range cut(std::int64_t first, std::int64_t last, std::int64_t in) {
  return {first < 0 ? 0 : first, last > in ? in : last};
}

inline Window average_window(const Pool2dShape& s, std::int64_t oy, std::int64_t ox, bool count_include_pad,
                             std::int64_t divisor_override) {
  const std::int64_t y = oy * s.sh - s.ph, x = ox * s.sw - s.pw;
  Window out{cut(y, y + s.kh, s.h), cut(x, x + s.kw, s.w), divisor_override};
  if (divisor_override == 0)  // the padded size counts, but nothing beyond the right padding, where ceil_mode may reach
    out.divisor = count_include_pad ? (cut(y, y + s.kh, s.h + s.ph).last - y) * (cut(x, x + s.kw, s.w + s.pw).last - x)
                                    : (out.y.last - out.y.first) * (out.x.last - out.x.first);
  return out;
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

/// The same with the widest vectors that fit the row.
template <class T, class A, int Stride>
TAPER_INLINE std::int64_t row_average_widest(const Pool2dShape& s, const T* plane, const Taps& y, std::int64_t begin,
                                             std::int64_t end, T divisor, T* out) {
  if constexpr (A::vector_bytes > 16)
    if (end - begin < static_cast<std::int64_t>(A::vector_bytes / sizeof(T)))
      return row_average<T, 16, Stride>(s, plane, y, begin, end, divisor, out);
  return row_average<T, A::vector_bytes, Stride>(s, plane, y, begin, end, divisor, out);
}

// How windows follow one another in a plane.
struct Plain {
  const Pool2dShape& s;
  std::int64_t h, w, oh, ow;
  bool count_include_pad;
  std::int64_t divisor_override;
  Window operator()(std::int64_t y, std::int64_t x) const {
    return average_window(s, y, x, count_include_pad, divisor_override);
  }
  template <class T, class A>
  TAPER_INLINE std::int64_t row(const T* plane, std::int64_t y, std::int64_t x, T* out) const {
    if (s.sw > 2 || x != first_inside(s)) return x;
    const Window at = (*this)(y, x);
    const Taps taps(at.y.first, at.y.last - at.y.first, 1, h);
    const std::int64_t end = last_inside(s, ow);
    if (taps.first >= taps.last || end <= x) return x;
    const T divisor = static_cast<T>(at.divisor);
    return s.sw == 1 ? row_average_widest<T, A, 1>(s, plane, taps, x, end, divisor, out)
                     : row_average_widest<T, A, 2>(s, plane, taps, x, end, divisor, out);
  }
};
struct Adaptive {
  std::int64_t h, w, oh, ow;
  Window operator()(std::int64_t y, std::int64_t x) const {
    const Range rows = adaptive_range(y, h, oh), columns = adaptive_range(x, w, ow);
    return {rows, columns, (rows.last - rows.first) * (columns.last - columns.first)};
  }
  template <class T, class A>
  TAPER_INLINE std::int64_t row(const T*, std::int64_t, std::int64_t x, T*) const {
    return x;
  }
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
        y[ox] = window_average(x, windows.w, windows(oy, ox));
      }
}

template <class T, class A, class W>
TAPER_KERNEL void spread_planes(std::int64_t begin, std::int64_t end, const W& windows, const T* dy, T* dx) {
  constexpr bool direct = std::is_same_v<Sum<T>, T>;
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
      for (std::int64_t ox = 0; ox < windows.ow; ++ox) spread(to, windows.w, windows(oy, ox), *dy++);
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
