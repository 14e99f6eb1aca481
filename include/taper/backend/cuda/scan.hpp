// SPDX-License-Identifier: MIT
// Scans along lines on a device: each thread runs through a part of a line; what the parts before it come to is a scan
// of its own. Parts follow from sizes alone.
#pragma once

#include <taper/backend/cpu/scan.hpp>
#include <taper/backend/cuda/map.hpp>

namespace taper::inline TAPER_CODE::detail {

/// Lines of (outer, size, inner) cut into parts. An item is one part: neighbours in `inner` are neighbouring items.
struct ScanParts {
  ScanLines lines;
  std::int64_t parts = 1, length = 0;

  explicit ScanParts(const ScanLines& l) : lines(l), length(l.size) {
    constexpr std::int64_t enough = 1 << 14, part = 64;  // lines that keep a device busy; elements worth a thread
    if (lines.outer * lines.inner >= enough || lines.size <= 2 * part) return;
    length = part;
    parts = (lines.size + part - 1) / part;
  }
  std::int64_t items() const { return lines.outer * parts * lines.inner; }
  /// The totals of all parts, as lines.
  ScanLines totals() const { return {lines.outer, parts, lines.inner, false}; }

  struct Part {
    std::int64_t at, begin, end;  // where the line begins, and the part's places along it in the scan's order
  };
  TAPER_INLINE TAPER_HD Part part(std::int64_t item) const {
    const std::int64_t j = item % lines.inner, rest = item / lines.inner, p = rest % parts, o = rest / parts;
    const std::int64_t end = (p + 1) * length;
    return {o * lines.size * lines.inner + j, p * length, end < lines.size ? end : lines.size};
  }
  TAPER_INLINE TAPER_HD bool first(std::int64_t item) const { return item / lines.inner % parts == 0; }
};

// A scan M is plain data: State; load(at, k, step), the state of element k alone, which lies at `at` (its predecessor a
// step before); store(at, state); and combine(state, next), where next comes behind.

template <class M>
struct ScanTotals {
  using State = typename M::State;
  ScanParts parts;
  M scan;
  State* totals;
  TAPER_HD void operator()(std::int64_t item) const {
    const ScanParts::Part p = parts.part(item);
    const std::int64_t step = parts.lines.reverse ? -parts.lines.inner : parts.lines.inner;
    std::int64_t at = p.at + parts.lines.place(p.begin);
    State state = scan.load(at, p.begin, step);
    for (std::int64_t k = p.begin + 1; k < p.end; ++k) scan.combine(state, scan.load(at += step, k, step));
    totals[item] = state;
  }
};
template <class M>
struct ScanApply {
  using State = typename M::State;
  ScanParts parts;
  M scan;
  const State* totals;  // running ones
  TAPER_HD void operator()(std::int64_t item) const {
    const ScanParts::Part p = parts.part(item);
    const std::int64_t step = parts.lines.reverse ? -parts.lines.inner : parts.lines.inner;
    std::int64_t at = p.at + parts.lines.place(p.begin);
    State state = scan.load(at, p.begin, step);
    if (!parts.first(item)) {
      const State own = state;
      state = totals[item - parts.lines.inner];
      scan.combine(state, own);
    }
    scan.store(at, state);
    for (std::int64_t k = p.begin + 1; k < p.end; ++k) {
      scan.combine(state, scan.load(at += step, k, step));
      scan.store(at, state);
    }
  }
};

/// The scan of other scans' totals, in place.
template <class M>
struct ScanOfTotals {
  using State = typename M::State;
  State* totals;
  M scan;
  TAPER_INLINE TAPER_HD State load(std::int64_t at, std::int64_t, std::int64_t) const { return totals[at]; }
  TAPER_INLINE TAPER_HD void store(std::int64_t at, const State& state) const { totals[at] = state; }
  TAPER_INLINE TAPER_HD void combine(State& state, const State& next) const { scan.combine(state, next); }
};
template <class M>
inline constexpr bool of_totals = false;
template <class M>
inline constexpr bool of_totals<ScanOfTotals<M>> = true;

template <class D, class M>
void device_scan(const ScanLines& lines, const M& scan) {
  using System = typename D::System;
  using State = typename M::State;
  if (lines.size == 0 || lines.outer * lines.inner == 0) return;
  const ScanParts parts(lines);
  if (parts.parts == 1) return System::for_each(parts.items(), ScanApply<M>{parts, scan, nullptr});
  const std::size_t bytes = static_cast<std::size_t>(parts.items()) * sizeof(State);
  auto* totals = static_cast<State*>(D::allocate(bytes));
  System::for_each(parts.items(), ScanTotals<M>{parts, scan, totals});
  if constexpr (of_totals<M>)
    device_scan<D>(parts.totals(), M{totals, scan.scan});
  else
    device_scan<D>(parts.totals(), ScanOfTotals<M>{totals, scan});
  System::for_each(parts.items(), ScanApply<M>{parts, scan, totals});
  D::deallocate(totals, bytes);
}

/// Running sums and products: Op as on the host.
template <class Op, class T, class Out>
struct FoldScan {
  using State = running_t<Out>;
  const stored_t<T>* x;
  Out* y;
  TAPER_INLINE TAPER_HD State load(std::int64_t at, std::int64_t, std::int64_t) const {
    return cast_number<State>(widen<T>(x[at]));
  }
  TAPER_INLINE TAPER_HD void store(std::int64_t at, const State& state) const { y[at] = cast_number<Out>(state); }
  TAPER_INLINE TAPER_HD void combine(State& state, const State& next) const { state = Op::step(state, next); }
};

template <class C>
struct Found {
  C value;
  std::int64_t index;
};

/// Running extremes, the last of equals; NaN stays once met, and moves on to the last NaN.
template <bool Max, class T>
struct ExtremeScan {
  using State = Found<compute_t<T>>;
  const stored_t<T>* x;
  stored_t<T>* y;
  std::int64_t* index;
  TAPER_INLINE TAPER_HD State load(std::int64_t at, std::int64_t k, std::int64_t) const { return {widen<T>(x[at]), k}; }
  TAPER_INLINE TAPER_HD void store(std::int64_t at, const State& state) const {
    y[at] = narrow<T>(state.value);
    index[at] = state.index;
  }
  TAPER_INLINE TAPER_HD void combine(State& state, const State& next) const {
    bool take = Max ? next.value >= state.value : next.value <= state.value;
    if constexpr (std::is_floating_point_v<compute_t<T>>) take = take || math::isnan(next.value);
    if (take) state = next;
  }
};

/// y -> factor y + summand: one step of a linear recurrence, or several in a row.
struct LinearStep {
  double factor, summand;
};
/// y[k] = b[k] + a[k] y[k - 1]; in reverse y[k] = b[k] + a[k + 1] y[k + 1].
template <class T>
struct RecurrenceScan {
  using State = LinearStep;
  const T* a;
  const T* b;
  T* y;
  TAPER_INLINE TAPER_HD State load(std::int64_t at, std::int64_t k, std::int64_t step) const {
    // Backwards the factor is that of the element behind, the one just left.
    return {k == 0 ? 0.0 : static_cast<double>(widen<T>(a[step < 0 ? at - step : at])),
            static_cast<double>(widen<T>(b[at]))};
  }
  TAPER_INLINE TAPER_HD void store(std::int64_t at, const State& state) const {
    y[at] = narrow<T>(static_cast<compute_t<T>>(state.summand));
  }
  TAPER_INLINE TAPER_HD void combine(State& state, const State& next) const {
    state.summand = next.summand + next.factor * state.summand;
    state.factor *= next.factor;
  }
};

}  // namespace taper::inline TAPER_CODE::detail
