// SPDX-License-Identifier: MIT
// Runs of equal neighbours in an order, on a device.
#pragma once

#include <taper/backend/cuda/scan.hpp>

namespace taper::inline TAPER_CODE::detail {

/// Elements of x in an order; an order of none is x's own.
template <class T>
struct InOrder {
  const stored_t<T>* x;
  const std::int64_t* order;
  TAPER_INLINE TAPER_HD std::int64_t place(std::int64_t i) const { return order ? order[i] : i; }
  TAPER_INLINE TAPER_HD bool starts(std::int64_t i) const {
    return i == 0 || !(widen<T>(x[place(i)]) == widen<T>(x[place(i - 1)]));
  }
};

/// Numbers the runs: each element's run, each run's first element, and behind the places for these how many runs there
/// are.
template <class T>
struct RunScan {
  using State = std::int64_t;
  InOrder<T> in;
  std::int64_t n;
  std::int64_t *run, *first;
  TAPER_INLINE TAPER_HD State load(std::int64_t at, std::int64_t, std::int64_t) const { return in.starts(at) ? 1 : 0; }
  TAPER_INLINE TAPER_HD void store(std::int64_t at, const State& state) const {
    run[in.place(at)] = state - 1;
    if (in.starts(at)) first[state - 1] = at;
    if (at == n - 1) first[n] = state;
  }
  TAPER_INLINE TAPER_HD void combine(State& state, const State& next) const { state += next; }
};

/// Of each run the first element and how many there are.
template <class T>
struct RunKernel {
  InOrder<T> in;
  std::int64_t n, runs;
  const std::int64_t* first;
  stored_t<T>* values;
  std::int64_t* counts;
  TAPER_HD void operator()(std::int64_t r) const {
    values[r] = in.x[in.place(first[r])];
    counts[r] = (r + 1 < runs ? first[r + 1] : n) - first[r];
  }
};

}  // namespace taper::inline TAPER_CODE::detail
