// SPDX-License-Identifier: MIT
// Max pooling with the indices of the maxima, plain and adaptive, and its gradient. NaN wins over every number.
#pragma once

#include <taper/backend/cpu/gemm_kernel.hpp>
#include <taper/backend/cpu/pool_shape.hpp>
#include <taper/core/parallel.hpp>
#include <taper/config.hpp>

#include <cstdint>
#include <limits>
#include <type_traits>

namespace taper::inline TAPER_CODE::detail {
namespace pooling {

using tiles::Native;

/// Tests bits: holds under -ffast-math too.
template <class T>
TAPER_INLINE bool is_nan(T x) {
  if constexpr (std::is_same_v<T, float>) {
    std::uint32_t bits;
    __builtin_memcpy(&bits, &x, sizeof x);
    return (bits & 0x7fffffffu) > 0x7f800000u;
  } else if constexpr (std::is_same_v<T, double>) {
    std::uint64_t bits;
    __builtin_memcpy(&bits, &x, sizeof x);
    return (bits & 0x7fffffffffffffffu) > 0x7ff0000000000000u;
  } else if constexpr (std::is_integral_v<T>) {
    return false;
  } else {
    return is_nan(static_cast<float>(x));
  }
}

/// The maximum of one window and where it lies in its plane.
template <class T, class I>
TAPER_INLINE void window_max(const T* plane, std::int64_t w, const Taps& y, const Taps& x, T& value, I& index) {
  T best{};
  std::int64_t at = -1;
  for (std::int64_t iy = y.first; iy < y.last; iy += y.step)
    for (std::int64_t ix = x.first; ix < x.last; ix += x.step) {
      const T v = plane[iy * w + ix];
      if (at < 0 || v > best || is_nan(v)) {
        best = v;
        at = iy * w + ix;
      }
    }
  // A window wholly in the padding.
  if (at < 0)
    best = std::numeric_limits<T>::has_infinity ? static_cast<T>(-std::numeric_limits<T>::infinity())
                                                : std::numeric_limits<T>::lowest();
  value = best;
  index = static_cast<I>(at < 0 ? 0 : at);
}

/// Windows [x, end) of a row of results, whose taps all lie in the plane, Bytes at a time. Returns where it stopped.
template <class T, int Bytes, int Stride, class Index>
TAPER_INLINE std::int64_t row_max(const Pool2dShape& s, const T* plane, const Taps& y, std::int64_t begin,
                                  std::int64_t end, T* out, Index* indices) {
  std::int64_t x = begin;
  using V = typename Native<T, Bytes>::type;
  using I = decltype(V{} > V{});
  using Lane = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  constexpr int lanes = static_cast<int>(sizeof(V) / sizeof(T));
  constexpr Lane magnitude = std::numeric_limits<Lane>::max();
  constexpr Lane infinity = sizeof(T) == 4 ? static_cast<Lane>(0x7f800000) : static_cast<Lane>(0x7ff0000000000000);
  I columns{};
  for (int l = 0; l < lanes; ++l) columns[l] = l * Stride;
  while (next_vector(x, begin, end, lanes)) {
    const I corner = columns + static_cast<Lane>(x * Stride - s.pw);
    V best = tiles::load_strided_within<Stride, V>(plane + y.first * s.w + x * Stride - s.pw);
    I at = corner + static_cast<Lane>(y.first * s.w);
    for (std::int64_t iy = y.first; iy < y.last; iy += y.step) {
      const T* row = plane + iy * s.w + x * Stride - s.pw;
      for (std::int64_t kx = iy == y.first; kx < s.kw; ++kx) {
        const V v = tiles::load_strided_within<Stride, V>(row + kx);
        const I here = corner + static_cast<Lane>(iy * s.w + kx);
        I bits;
        __builtin_memcpy(&bits, &v, sizeof v);
        const I wins = (v > best) | ((bits & magnitude) > infinity);
        best = wins ? v : best;
        at = wins ? here : at;
      }
    }
    tiles::store(out + x, best);
    if (indices) {
      if constexpr (sizeof(Index) == sizeof(Lane)) {
        tiles::store(indices + x, at);
      } else {
        Lane places[lanes];
        __builtin_memcpy(places, &at, sizeof at);
        for (int l = 0; l < lanes; ++l) indices[x + l] = static_cast<Index>(places[l]);
      }
    }
    x += lanes;
  }
  return x;
}

template <class T, class A, int Stride, class Index>
TAPER_INLINE std::int64_t row_max_by_vectors(const Pool2dShape& s, const T* plane, const Taps& y, std::int64_t begin,
                                             std::int64_t end, std::int64_t results, T* out, Index* indices) {
  const auto some = [&]<int Bytes>(std::integral_constant<int, Bytes>, std::int64_t first, std::int64_t last)
      TAPER_INLINE_LAMBDA { return row_max<T, Bytes, Stride>(s, plane, y, first, last, out, indices); };
  return by_vectors<T, A::vector_bytes, Stride>(s, y.last, begin, end, results, some);
}

template <class T, class A, class Index>
TAPER_KERNEL void max_plane(const Pool2dShape& s, std::int64_t oh, std::int64_t ow, const T* plane, T* out, Index* indices) {
  // Windows [begin, end) of a row go by vectors.
  std::int64_t begin = ow, end = ow;
  if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>)
    if (s.dw == 1 && s.sw <= 2 && s.h * s.w <= std::numeric_limits<std::int32_t>::max())
      begin = first_inside(s), end = last_inside(s, ow);
  for (std::int64_t oy = 0; oy < oh; ++oy, out += ow, indices += indices ? ow : 0) {
    const Taps y(oy * s.sh - s.ph, s.kh, s.dh, s.h);
    for (std::int64_t x = 0; x < ow; ++x) {
      if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>)
        if (x == begin && y.first < y.last) {
          const std::int64_t results = (oh - oy) * ow;
          x = s.sw == 1 ? row_max_by_vectors<T, A, 1>(s, plane, y, x, end, results, out, indices)
                        : row_max_by_vectors<T, A, 2>(s, plane, y, x, end, results, out, indices);
          if (x == ow) break;
        }
      Index index;
      window_max(plane, s.w, y, Taps(x * s.sw - s.pw, s.kw, s.dw, s.w), out[x], index);
      if (indices) indices[x] = index;
    }
  }
}

}  // namespace pooling

/// out (planes, oh, ow) = maxima of the windows; `indices` (may be null) = where each lies in its plane, row by row.
/// Padding never wins. NaN propagates; of several, the last.
template <class T, class A = Abi, class Index>
void max_pool2d(const Pool2dShape& s, const T* x, T* out, Index* indices) {
  const std::int64_t oh = s.oh(), ow = s.ow();
  parallel_for(s.planes, pooling::grain(oh * ow * s.kh * s.kw), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p)
      pooling::max_plane<T, A>(s, oh, ow, x + p * s.h * s.w, out + p * oh * ow,
                               indices ? indices + p * oh * ow : nullptr);
  });
}

/// dx (planes, in) = sums of dy (planes, out) over the places that `indices` names. For every max pooling.
template <class T, class A = Abi, class Index>
void max_pool2d_backward(std::int64_t planes, std::int64_t in, std::int64_t out, const T* dy, const Index* indices, T* dx) {
  parallel_for(planes, pooling::grain(in + out), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      T* to = dx + p * in;
      for (std::int64_t i = 0; i < in; ++i) to[i] = T(0);
      for (std::int64_t i = 0; i < out; ++i) {
        T& target = to[indices[p * out + i]];
        target = static_cast<T>(target + dy[p * out + i]);
      }
    }
  });
}

/// Max pooling of planes h x w to oh x ow: window i covers floor(i h / oh) up to ceil((i + 1) h / oh).
template <class T, class A = Abi, class Index>
void adaptive_max_pool2d(std::int64_t planes, std::int64_t h, std::int64_t w, std::int64_t oh, std::int64_t ow,
                         const T* x, T* out, Index* indices) {
  parallel_for(planes, pooling::grain(h * w + oh * ow), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p)
      for (std::int64_t i = 0; i < oh * ow; ++i) {
        const pooling::Range y = pooling::adaptive_range(i / ow, h, oh), z = pooling::adaptive_range(i % ow, w, ow);
        Index index;
        pooling::window_max(x + p * h * w, w, pooling::Taps(y.first, y.last - y.first, 1, h),
                            pooling::Taps(z.first, z.last - z.first, 1, w), out[p * oh * ow + i], index);
        if (indices) indices[p * oh * ow + i] = index;
      }
  });
}

}  // namespace taper::inline TAPER_CODE::detail
