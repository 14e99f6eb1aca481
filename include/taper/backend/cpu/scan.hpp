// SPDX-License-Identifier: MIT
// Scans along the middle of (outer, n, inner): running sums, extremes and linear recurrences, forwards or backwards.
#pragma once

#include <taper/backend/cpu/points.hpp>
#include <taper/expr/math.hpp>

namespace taper::inline TAPER_CODE::detail {

/// Element k of line (o, i) is at (o * size + k) * inner + i. Neighbouring lines run together in blocks,
/// so that memory is read in order.
struct ScanLines {
  std::int64_t outer = 1, size = 1, inner = 1;
  bool reverse = false;
  static constexpr std::int64_t block = 64;  // lines side by side

  std::int64_t blocks() const { return (inner + block - 1) / block; }
  TAPER_HD std::int64_t place(std::int64_t k) const { return (reverse ? size - 1 - k : k) * inner; }
  /// Calls f(offset of the first line, lines) for every block of lines.
  template <class F>
  void for_each(F&& f) const {
    if (size == 0) return;
    const std::int64_t width = inner < block ? inner : block;
    parallel_for(outer * blocks(), chunk_of(size * width), [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t b = first; b < last; ++b) {
        const std::int64_t at = b % blocks() * block;
        f(b / blocks() * size * inner + at, inner - at < block ? inner - at : block);
      }
    });
  }
};

/// What a running sum or product of T is kept in between two elements.
template <class T>
struct RunningOf { using type = std::conditional_t<Floating<T>, double, T>; };
template <class R>
struct RunningOf<std::complex<R>> { using type = std::complex<double>; };
template <class T>
using running_t = typename RunningOf<T>::type;

struct RunningSum {
  template <class C>
  TAPER_HD TAPER_INLINE static C step(C total, C x) {
    if constexpr (std::is_integral_v<C>)
      return static_cast<C>(static_cast<std::uint64_t>(total) + static_cast<std::uint64_t>(x));
    else return total + x;
  }
  static constexpr int start = 0;
};
struct RunningProduct {
  template <class C>
  TAPER_HD TAPER_INLINE static C step(C total, C x) {
    if constexpr (std::is_integral_v<C>)
      return static_cast<C>(static_cast<std::uint64_t>(total) * static_cast<std::uint64_t>(x));
    else return total * x;
  }
  static constexpr int start = 1;
};

template <class Op, class Out, class T, class A = Abi>
TAPER_KERNEL void scan_block(const ScanLines& lines, std::int64_t at, std::int64_t width, const T* x, Out* y) {
  using C = running_t<Out>;
  C total[ScanLines::block];
  for (std::int64_t j = 0; j < width; ++j) total[j] = C(Op::start);
  for (std::int64_t k = 0; k < lines.size; ++k) {
    const T* from = x + at + lines.place(k);
    Out* to = y + at + lines.place(k);
    for (std::int64_t j = 0; j < width; ++j) {
      total[j] = Op::step(total[j], static_cast<C>(from[j]));
      to[j] = static_cast<Out>(total[j]);
    }
  }
}
/// y = running op of x.
template <class Op, class Out, class T, class A = Abi>
void scan(const ScanLines& lines, const T* x, Out* y) {
  lines.for_each([&](std::int64_t at, std::int64_t width) { scan_block<Op, Out, T, A>(lines, at, width, x, y); });
}

template <bool Max, class T, class A = Abi>
TAPER_KERNEL void extreme_block(const ScanLines& lines, std::int64_t at, std::int64_t width, const T* x, T* y,
                                std::int64_t* index) {
  using C = compute_t<T>;
  C best[ScanLines::block] = {};
  std::int64_t where[ScanLines::block] = {};
  for (std::int64_t k = 0; k < lines.size; ++k) {
    const std::int64_t place = at + lines.place(k);
    for (std::int64_t j = 0; j < width; ++j) {
      const C v = static_cast<C>(x[place + j]);
      bool take = k == 0 || (Max ? v >= best[j] : v <= best[j]);
      if constexpr (std::is_floating_point_v<C>) take = take || math::isnan(v);
      if (take) best[j] = v, where[j] = k;
      y[place + j] = static_cast<T>(best[j]);
      index[place + j] = where[j];
    }
  }
}
/// y = running extreme of x and where it was found, the last of equals; NaN stays.
template <bool Max, class T, class A = Abi>
void scan_extreme(const ScanLines& lines, const T* x, T* y, std::int64_t* index) {
  lines.for_each([&](std::int64_t at, std::int64_t width) { extreme_block<Max, T, A>(lines, at, width, x, y, index); });
}

template <class T, class A = Abi>
TAPER_KERNEL void recurrence_block(const ScanLines& lines, std::int64_t at, std::int64_t width, const T* a, const T* b,
                                   T* y) {
  using C = running_t<T>;
  C state[ScanLines::block] = {};
  for (std::int64_t k = 0; k < lines.size; ++k) {
    const std::int64_t place = at + lines.place(k);
    // Backwards the factor is that of the element behind: the one just left.
    const std::int64_t factor = lines.reverse ? place + lines.inner : place;
    for (std::int64_t j = 0; j < width; ++j) {
      state[j] = k == 0 ? static_cast<C>(b[place + j])
                        : static_cast<C>(b[place + j]) + static_cast<C>(a[factor + j]) * state[j];
      y[place + j] = static_cast<T>(state[j]);
    }
  }
}
/// y[k] = b[k] + a[k] y[k - 1]; in reverse y[k] = b[k] + a[k + 1] y[k + 1].
template <class T, class A = Abi>
void scan_recurrence(const ScanLines& lines, const T* a, const T* b, T* y) {
  lines.for_each([&](std::int64_t at, std::int64_t width) { recurrence_block<T, A>(lines, at, width, a, b, y); });
}

}  // namespace taper::inline TAPER_CODE::detail
