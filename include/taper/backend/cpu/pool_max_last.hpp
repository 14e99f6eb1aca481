// SPDX-License-Identifier: MIT
// Max pooling of images whose channels are last: vectors of channels, with the indices of the maxima beside them.
#pragma once

#include <taper/backend/cpu/pool_max.hpp>

#include <algorithm>
#include <atomic>

namespace taper::inline TAPER_CODE::detail {
namespace pooling {

/// The maxima of one window for `channels` channels of an image and, where wanted, where each lies in its plane. The
/// rule is window_max's: of equal ones the first, of several NaN the last.
template <class V>
TAPER_INLINE void pixel_max(const float* image, std::int64_t w, std::int64_t c, std::int64_t k, const Taps& y,
                            const Taps& x, float* out, std::int32_t* indices) {
  using I = decltype(V{} > V{});
  V best = V{} - std::numeric_limits<float>::infinity();  // of a window wholly in the padding
  I at{};
  bool first = true;
  for (std::int64_t iy = y.first; iy < y.last; iy += y.step)
    for (std::int64_t ix = x.first; ix < x.last; ix += x.step) {
      const V v = tiles::load<V>(image + (iy * w + ix) * c + k);
      I bits;
      __builtin_memcpy(&bits, &v, sizeof bits);
      const I take = (v > best) | ((bits & 0x7fffffff) > 0x7f800000) | (first ? ~I{} : I{});
      best = take ? v : best;
      at = take ? I{} + static_cast<std::int32_t>(iy * w + ix) : at;
      first = false;
    }
  tiles::store(out + k, best);
  if (indices) tiles::store(indices + k, at);
}

template <class A>
TAPER_KERNEL void max_image(const Pool2dShape& s, std::int64_t c, const float* image, float* out,
                            std::int32_t* indices) {
  using V = typename Native<float, A::vector_bytes>::type;
  constexpr std::int64_t lanes = A::vector_bytes / 4;
  const std::int64_t oh = s.oh(), ow = s.ow();
  for (std::int64_t oy = 0; oy < oh; ++oy) {
    const Taps y(oy * s.sh - s.ph, s.kh, s.dh, s.h);
    for (std::int64_t ox = 0; ox < ow; ++ox, out += c, indices += indices ? c : 0) {
      const Taps x(ox * s.sw - s.pw, s.kw, s.dw, s.w);
      std::int64_t k = 0;
      for (; k + lanes <= c; k += lanes) pixel_max<V>(image, s.w, c, k, y, x, out, indices);
      for (; k < c; ++k) {
        std::int32_t index = 0;
        float best = -std::numeric_limits<float>::infinity();
        bool first = true;
        for (std::int64_t iy = y.first; iy < y.last; iy += y.step)
          for (std::int64_t ix = x.first; ix < x.last; ix += x.step) {
            const float v = image[(iy * s.w + ix) * c + k];
            if (first || v > best || is_nan(v)) best = v, index = static_cast<std::int32_t>(iy * s.w + ix);
            first = false;
          }
        out[k] = best;
        if (indices) indices[k] = index;
      }
    }
  }
}

}  // namespace pooling

/// max_pool2d of images (n, h, w, c): s.planes is n.
template <class A = Abi>
void max_pool2d_last(const Pool2dShape& s, std::int64_t c, const float* x, float* out, std::int32_t* indices) {
  const std::int64_t in = s.h * s.w * c, to = s.oh() * s.ow() * c;
  parallel_for(s.planes, pooling::grain(to * s.kh * s.kw), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      pooling::max_image<A>(s, c, x + i * in, out + i * to, indices ? indices + i * to : nullptr);
  });
}

/// y[i, index, k] += x[i, o, k] for images (n, out, c) into (n, in, c), or the reverse, y[i, o, k] = x[i, index, k].
template <bool Gather, class A = Abi>
TAPER_KERNEL void move_picks_last(std::int64_t n, std::int64_t in, std::int64_t out, std::int64_t c, const float* x,
                                  const std::int32_t* index, float* y) {
  if constexpr (!Gather) std::fill(y, y + n * in * c, 0.0f);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t o = 0; o < out; ++o)
      for (std::int64_t k = 0; k < c; ++k) {
        const std::int64_t at = (i * out + o) * c + k, from = (i * in + index[at]) * c + k;
        if constexpr (Gather)
          y[at] = x[from];
        else
          y[from] += x[at];
      }
}

/// What ops/memory_format.hpp brings in where a program makes such a tensor.
struct LastPools {
  void (*max)(const Pool2dShape& s, std::int64_t c, const float* x, float* out, std::int32_t* indices);
  void (*gather)(std::int64_t n, std::int64_t in, std::int64_t out, std::int64_t c, const float* x,
                 const std::int32_t* index, float* y);
  void (*scatter)(std::int64_t n, std::int64_t in, std::int64_t out, std::int64_t c, const float* x,
                  const std::int32_t* index, float* y);
};
template <class A>
inline constinit std::atomic<const LastPools*> last_pools{nullptr};

}  // namespace taper::inline TAPER_CODE::detail
