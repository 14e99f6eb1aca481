// SPDX-License-Identifier: MIT
// The sizes of 2-d pooling. 1-d pooling has h = kh = 1.
#pragma once

#include <taper/config.hpp>

#include <cstdint>
#include <type_traits>

namespace taper::inline TAPER_CODE::detail {

/// Planes (images times channels) of h x w pooled by windows of kh x kw.
struct Pool2dShape {
  std::int64_t planes = 1, h = 1, w = 1;
  std::int64_t kh = 1, kw = 1, sh = 1, sw = 1, ph = 0, pw = 0, dh = 1, dw = 1;
  bool ceil_mode = false;

  std::int64_t oh() const { return size(h, kh, sh, ph, dh); }
  std::int64_t ow() const { return size(w, kw, sw, pw, dw); }

 private:
  std::int64_t size(std::int64_t in, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                    std::int64_t dilation) const {
    const std::int64_t room = in + 2 * pad - dilation * (kernel - 1) - 1 + (ceil_mode ? stride - 1 : 0);
    if (room < 0) return 0;
    const std::int64_t out = room / stride + 1;
    // The last window must begin inside the image or its left padding.
    return ceil_mode && (out - 1) * stride >= in + pad ? out - 1 : out;
  }
};

/// A pooling as a device other than the host runs it: windows of a kernel, or (of `s` only the planes count then) as many as the
/// result has elements, which cover the planes evenly.
struct PoolWindows {
  Pool2dShape s;
  bool adaptive = false;
  std::int64_t oh = 1, ow = 1;
};

namespace pooling {

struct Range {
  std::int64_t first, last;
};

/// The pixels of window i of an adaptive pooling of `in` pixels to `out`.
inline Range adaptive_range(std::int64_t i, std::int64_t in, std::int64_t out) {
  return {i * in / out, ((i + 1) * in + out - 1) / out};
}

/// The pixels a window may touch in one direction, `step` apart.
struct Taps {
  std::int64_t first, last, step;
  Taps(std::int64_t start, std::int64_t kernel, std::int64_t dilation, std::int64_t in)
      : first(start), last(start + (kernel - 1) * dilation + 1), step(dilation) {
    if (first < 0) first += (-first + step - 1) / step * step;
    if (last > in) last = in;
  }
};

/// The first window of a row whose columns begin in the plane.
inline std::int64_t first_inside(const Pool2dShape& s) { return (s.pw + s.sw - 1) / s.sw; }
/// One past the last window of a row, at most `end`, whose columns all lie in the plane.
inline std::int64_t last_inside(const Pool2dShape& s, std::int64_t end) {
  const std::int64_t room = s.w + s.pw - s.kw, windows = room < 0 ? 0 : room / s.sw + 1;
  return windows < end ? windows : end;
}

/// Whether a vector of windows can begin at x. It may go back to overlap the one before.
inline bool next_vector(std::int64_t& x, std::int64_t begin, std::int64_t end, std::int64_t lanes) {
  if (x >= end) return false;
  if (x + lanes > end && end - lanes >= begin) x = end - lanes;
  return x + lanes <= end;
}

/// Windows [begin, end) of a row, whose columns all lie in the plane and whose taps lie above its row `bottom`: f takes
/// them, told the bytes of the vectors that suit the row, Bytes at most. A short row is one vector where what that
/// reads and writes behind the row still lies in the plane: the `results` from the row's first on are not final yet.
/// Returns where f stopped.
template <class T, int Bytes, int Stride, class F>
TAPER_INLINE std::int64_t by_vectors(const Pool2dShape& s, std::int64_t bottom, std::int64_t begin, std::int64_t end,
                                     std::int64_t results, const F& f) {
  constexpr std::int64_t lanes = Bytes / sizeof(T);
  if (end - begin < lanes) {
    const std::int64_t last_tap = (begin + lanes - 1) * Stride - s.pw + s.kw - 1;
    if (end - begin > lanes / 2 && begin + lanes <= results && last_tap < (s.h - bottom + 1) * s.w) {
      f(std::integral_constant<int, Bytes>{}, begin, begin + lanes);
      return end;
    }
    if constexpr (Bytes > 16) return by_vectors<T, Bytes / 2, Stride>(s, bottom, begin, end, results, f);
  }
  return f(std::integral_constant<int, Bytes>{}, begin, end);
}

/// Planes that make a task worth handing to a thread.
inline std::int64_t grain(std::int64_t pixels) { return 1 + (std::int64_t{1} << 15) / (pixels > 0 ? pixels : 1); }

}  // namespace pooling
}  // namespace taper::inline TAPER_CODE::detail
