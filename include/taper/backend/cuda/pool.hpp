// SPDX-License-Identifier: MIT
// Poolings: a thread for each window forward, a thread for each element of the planes backward. No atomics.
#pragma once

#include <taper/backend/cpu/pool_shape.hpp>
#include <taper/backend/cuda/map.hpp>
#include <taper/backend/cuda/window.hpp>

#include <limits>

namespace taper::inline TAPER_CODE::detail {
namespace windows {

/// How windows follow one another along one axis of the planes.
template <class Index>
struct PoolAxis {
  Index in, out, kernel, pad;
  Divider<Index> stride, dilation, ins, outs;
  bool adaptive;

  PoolAxis(bool even, std::int64_t size, std::int64_t windows, std::int64_t k, std::int64_t s, std::int64_t p,
           std::int64_t d)
      : in(static_cast<Index>(size)),
        out(static_cast<Index>(windows)),
        kernel(static_cast<Index>(k)),
        pad(static_cast<Index>(p)),
        stride(s),
        dilation(d),
        ins(size),
        outs(windows),
        adaptive(even) {}

  /// Where window o begins, padding before 0.
  TAPER_INLINE TAPER_HD Index start(Index o) const {
    Index ignored;
    return adaptive ? outs(o * in, ignored) : o * stride.d - pad;
  }
  /// The taps of window o inside the plane: the first is start(o).
  TAPER_INLINE TAPER_HD Span<Index> taps(Index o) const {
    if (adaptive) return {0, outs.up((o + 1) * in) - start(o)};
    return taps_inside(start(o), kernel, dilation, in);
  }
  /// The windows that reach from before element i, or from it, to it or behind it.
  TAPER_INLINE TAPER_HD Span<Index> around(Index i) const {
    Index ignored;
    if (adaptive) return {ins(i * out, ignored), ins.up((i + 1) * out)};
    const Index before = i + pad - (kernel - 1) * dilation.d, last = stride(i + pad, ignored) + 1;
    return {before > 0 ? stride.up(before) : 0, last < out ? last : out};
  }
  /// What an average of window o divides by: the padded size counts, but nothing beyond the padding behind, where
  /// ceil_mode may reach; without the padding, the taps.
  TAPER_INLINE TAPER_HD Index count(Index o, bool include_pad) const {
    const Span<Index> inside = taps(o);
    if (adaptive || !include_pad) return inside.last - inside.first;
    const Index first = start(o), last = first + kernel;
    return (last < in + pad ? last : in + pad) - first;
  }
};

template <class Index>
struct PoolPlan {
  PoolAxis<Index> y, x;

  explicit PoolPlan(const PoolWindows& p)
      : y(p.adaptive, p.s.h, p.oh, p.s.kh, p.s.sh, p.s.ph, p.s.dh),
        x(p.adaptive, p.s.w, p.ow, p.s.kw, p.s.sw, p.s.pw, p.s.dw) {}
  TAPER_INLINE TAPER_HD std::int64_t plane(std::int64_t planes) const { return planes * y.in * x.in; }
  TAPER_INLINE TAPER_HD std::int64_t windows(std::int64_t planes) const { return planes * y.out * x.out; }
};

inline bool pool_fits_32_bits(const PoolWindows& p) {
  const Pool2dShape& s = p.s;
  const std::int64_t products = p.adaptive ? (p.oh + 1) * (s.h + 1) + (p.ow + 1) * (s.w + 1) : 0;
  return fit_32_bits(s.planes * s.h * s.w, s.planes * p.oh * p.ow, products, s.h + 2 * s.ph + s.sh + s.dh * (s.kh + 1),
                     s.w + 2 * s.pw + s.sw + s.dw * (s.kw + 1));
}

template <class T>
TAPER_INLINE TAPER_HD bool is_nan_at(const T& x) {
  if constexpr (std::is_integral_v<T>)
    return false;
  else
    return math::isnan(static_cast<compute_t<T>>(x));
}

/// The maximum of a window and where it lies in its plane: of equal ones the first, of NaN the last.
template <class T, class Places, class Index>
struct PoolMax {
  PoolPlan<Index> at;
  const T* x;
  T* y;
  Places* places;  // may be null

  TAPER_HD void operator()(std::int64_t element) const {
    Index ox, oy;
    const Index plane = at.y.outs(at.x.outs(static_cast<Index>(element), ox), oy);
    const Index top = at.y.start(oy), left = at.x.start(ox);
    const Span<Index> rows = at.y.taps(oy), columns = at.x.taps(ox);
    const T* from = x + at.plane(plane);
    T best = std::numeric_limits<T>::has_infinity ? static_cast<T>(-std::numeric_limits<T>::infinity())
                                                  : std::numeric_limits<T>::lowest();
    Index place = 0;
    bool first = true;
    for (Index ky = rows.first; ky < rows.last; ++ky)
      for (Index kx = columns.first; kx < columns.last; ++kx) {
        const Index i = (top + ky * at.y.dilation.d) * at.x.in + left + kx * at.x.dilation.d;
        const T v = from[i];
        if (!first && !(v > best) && !is_nan_at(v)) continue;
        best = v, place = i, first = false;
      }
    y[element] = best;
    if (places) places[element] = static_cast<Places>(place);
  }
};

/// What the places name, window by window.
template <class T, class Index>
struct PoolGather {
  PoolPlan<Index> at;
  const T* x;
  const std::int32_t* places;
  T* y;
  TAPER_HD void operator()(std::int64_t element) const {
    Index ox, oy;
    const Index plane = at.y.outs(at.x.outs(static_cast<Index>(element), ox), oy);
    y[element] = x[at.plane(plane) + places[element]];
  }
};

/// The sum of the windows around an element that name it.
template <class T, class Index>
struct PoolScatter {
  PoolPlan<Index> at;
  const T* g;
  const std::int32_t* places;
  T* dx;
  TAPER_HD void operator()(std::int64_t element) const {
    Index ix, iy;
    const Index plane = at.y.ins(at.x.ins(static_cast<Index>(element), ix), iy);
    const Span<Index> rows = at.y.around(iy), columns = at.x.around(ix);
    const T* from = g + at.windows(plane);
    const std::int32_t *named = places + at.windows(plane), place = static_cast<std::int32_t>(iy * at.x.in + ix);
    compute_t<T> sum(0);
    for (Index oy = rows.first; oy < rows.last; ++oy)
      for (Index ox = columns.first; ox < columns.last; ++ox) {
        const Index o = oy * at.x.out + ox;
        if (named[o] == place) sum += static_cast<compute_t<T>>(from[o]);
      }
    dx[element] = static_cast<T>(sum);
  }
};

/// The mean of a window.
template <class T, class Index>
struct PoolAverage {
  PoolPlan<Index> at;
  bool include_pad;
  compute_t<T> divisor;  // in place of a window's own where it is not 0
  const T* x;
  T* y;
  TAPER_HD void operator()(std::int64_t element) const {
    Index ox, oy;
    const Index plane = at.y.outs(at.x.outs(static_cast<Index>(element), ox), oy);
    const Index top = at.y.start(oy), left = at.x.start(ox);
    const Span<Index> rows = at.y.taps(oy), columns = at.x.taps(ox);
    const T* from = x + at.plane(plane);
    compute_t<T> sum(0);
    for (Index ky = rows.first; ky < rows.last; ++ky)
      for (Index kx = columns.first; kx < columns.last; ++kx)
        sum += static_cast<compute_t<T>>(from[(top + ky) * at.x.in + left + kx]);
    y[element] = static_cast<T>(rows.first < rows.last && columns.first < columns.last ? sum / by(oy, ox) : sum);
  }
  TAPER_INLINE TAPER_HD compute_t<T> by(Index oy, Index ox) const {
    return divisor != 0 ? divisor
                        : static_cast<compute_t<T>>(at.y.count(oy, include_pad)) *
                              static_cast<compute_t<T>>(at.x.count(ox, include_pad));
  }
};
/// The shares of an element in the means of the windows around it.
template <class T, class Index>
struct PoolSpread : PoolAverage<T, Index> {  // x is the gradient, y the planes'
  TAPER_HD void operator()(std::int64_t element) const {
    const PoolPlan<Index>& at = this->at;
    Index ix, iy;
    const Index plane = at.y.ins(at.x.ins(static_cast<Index>(element), ix), iy);
    const Span<Index> rows = at.y.around(iy), columns = at.x.around(ix);
    const T* from = this->x + at.windows(plane);
    compute_t<T> sum(0);
    for (Index oy = rows.first; oy < rows.last; ++oy)
      for (Index ox = columns.first; ox < columns.last; ++ox)
        sum += static_cast<compute_t<T>>(from[oy * at.x.out + ox]) / this->by(oy, ox);
    this->y[element] = static_cast<T>(sum);
  }
};

}  // namespace windows

/// A system with a library of its own for poolings of T: each function returns false where it leaves a call to us.
template <class S, class T>
concept HasPoolings = requires(const PoolWindows& p, const T* x, T* y) {
  { S::poolings().maxima(p, x, y) } -> std::same_as<bool>;
};

template <class D>
struct DevicePool {
  using System = typename D::System;

  /// Maxima of windows and, where `places` is not null, where each lies in its plane.
  template <class T, class Places>
  static void max_pool(const PoolWindows& p, const T* x, T* y, Places* places) {
    if constexpr (HasPoolings<System, T>)
      if (!places && System::poolings().maxima(p, x, y)) return;
    run(p, p.s.planes * p.oh * p.ow, [&]<class Index>(const windows::PoolPlan<Index>& at) {
      return windows::PoolMax<T, Places, Index>{at, x, y, places};
    });
  }
  /// y[p, i] = x[p, places[p, i]].
  template <class T>
  static void max_pool_gather(const PoolWindows& p, const T* x, const std::int32_t* places, T* y) {
    run(p, p.s.planes * p.oh * p.ow, [&]<class Index>(const windows::PoolPlan<Index>& at) {
      return windows::PoolGather<T, Index>{at, x, places, y};
    });
  }
  /// dx[p, i] = the sum of g where places is i.
  template <class T>
  static void max_pool_scatter(const PoolWindows& p, const T* g, const std::int32_t* places, T* dx) {
    run(p, p.s.planes * p.s.h * p.s.w, [&]<class Index>(const windows::PoolPlan<Index>& at) {
      return windows::PoolScatter<T, Index>{at, g, places, dx};
    });
  }
  template <class T>
  static void average_pool(const PoolWindows& p, bool include_pad, std::int64_t divisor, const T* x, T* y) {
    if constexpr (HasPoolings<System, T>)
      if (divisor == 0 && System::poolings().average(p, include_pad, x, y)) return;
    run(p, p.s.planes * p.oh * p.ow, [&]<class Index>(const windows::PoolPlan<Index>& at) {
      return windows::PoolAverage<T, Index>{at, include_pad, static_cast<compute_t<T>>(divisor), x, y};
    });
  }
  template <class T>
  static void average_pool_backward(const PoolWindows& p, bool include_pad, std::int64_t divisor, const T* dy, T* dx) {
    if constexpr (HasPoolings<System, T>)
      if (divisor == 0 && System::poolings().average_backward(p, include_pad, dy, dx)) return;
    run(p, p.s.planes * p.s.h * p.s.w, [&]<class Index>(const windows::PoolPlan<Index>& at) {
      return windows::PoolSpread<T, Index>{{at, include_pad, static_cast<compute_t<T>>(divisor), dy, dx}};
    });
  }

 private:
  template <class Make>
  static void run(const PoolWindows& p, std::int64_t elements, const Make& make) {
    if (elements == 0) return;
    if (windows::pool_fits_32_bits(p))
      System::for_each(elements, make(windows::PoolPlan<std::int32_t>(p)));
    else
      System::for_each(elements, make(windows::PoolPlan<std::int64_t>(p)));
  }
};

}  // namespace taper::inline TAPER_CODE::detail
