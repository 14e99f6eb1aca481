// SPDX-License-Identifier: MIT
// Kernels along one axis of a dense tensor: a block of threads for each line, or a thread where lines are short.
#pragma once

#include <taper/backend/cuda/block.hpp>
#include <taper/backend/cuda/reduce.hpp>

namespace taper::inline TAPER_CODE::detail {

/// The lines along the middle of dense (outer, n, inner).
struct Lines {
  std::int64_t outer, n, inner;

  TAPER_INLINE TAPER_HD std::int64_t count() const { return outer * inner; }
  /// Where line i begins; its elements are `inner` apart.
  TAPER_INLINE TAPER_HD std::int64_t first(std::int64_t i) const {
    return inner == 1 ? i * n : i / inner * n * inner + i % inner;
  }
};

template <class F>
struct ThreadPerLine {
  F f;
  TAPER_HD void operator()(std::int64_t line) const { f(OneThread(), line); }
};

/// f(block, line) for every line.
template <class D, class F>
void for_each_line(const Lines& lines, const F& f) {
  using System = typename D::System;
  if (lines.count() == 0) return;
  // A block would be idle along a short line; across lines that lie side by side, neighbouring threads read neighbours.
  const bool alone = lines.n <= 32 || (lines.inner > 1 && lines.count() >= 1 << 12);
  if (alone)
    System::for_each(lines.count(), ThreadPerLine<F>{f});
  else
    System::for_each_block(lines.count(), f);
}

/// The largest element of a line, NaN before all.
template <class T, class Block>
TAPER_INLINE TAPER_HD compute_t<T> line_maximum(const Block& block, const Lines& lines, const T* x) {
  using R = ExtremeReducer<compute_t<T>, true>;
  auto top = R::identity();
  for (std::int64_t k = block.thread(); k < lines.n; k += block.threads())
    R::combine(top, static_cast<compute_t<T>>(x[k * lines.inner]));
  return block.template reduce<R>(top);
}

/// The sum of exp(x - shift) along a line.
template <class T, class Block>
TAPER_INLINE TAPER_HD compute_t<T> line_exponentials(const Block& block, const Lines& lines, const T* x,
                                                     compute_t<T> shift) {
  using C = compute_t<T>;
  wide_t<C> sum(0);
  for (std::int64_t k = block.thread(); k < lines.n; k += block.threads())
    sum += math::exp(static_cast<C>(x[k * lines.inner]) - shift);
  return static_cast<C>(block.template reduce<SumReducer<C>>(sum));
}

/// Two sums at once.
struct TwoSums {
  double a = 0, b = 0;
};
struct TwoSumsReducer {
  using Acc = TwoSums;
  TAPER_HD static constexpr Acc identity() { return {}; }
  TAPER_HD static void combine(Acc& acc, const Acc& other) { acc.a += other.a, acc.b += other.b; }
};

}  // namespace taper::inline TAPER_CODE::detail
