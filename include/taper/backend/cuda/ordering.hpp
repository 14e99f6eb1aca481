// SPDX-License-Identifier: MIT
// Sorts, searches, scans and arg-reductions.
#pragma once

#include <taper/backend/cuda/arg_extreme.hpp>
#include <taper/backend/cuda/sort.hpp>
#include <taper/backend/cuda/unique.hpp>

namespace taper::inline TAPER_CODE::detail {

template <class D>
struct DeviceOrdering {
  using System = typename D::System;

  /// The extremes along an axis (of x itself, where it is 0-dim) and their indices, into dense results; values may be
  /// null.
  template <bool Max, Scalar T>
  static void extremes(const TensorRecord& x, int axis, T* values, std::int64_t* indices) {
    device_extremes<D, Max>(x, axis, values, indices);
  }

  // As the functions of backend/cpu/scan.hpp and backend/cpu/sort.hpp, over the device's memory.
  template <class Op, Scalar Out, Scalar T>
  static void scan(const ScanLines& lines, const T* x, Out* y) {
    device_scan<D>(lines, FoldScan<Op, T, Out>{reinterpret_cast<const stored_t<T>*>(x), y});
  }
  template <bool Max, Scalar T>
  static void scan_extreme(const ScanLines& lines, const T* x, T* y, std::int64_t* index) {
    device_scan<D>(
        lines, ExtremeScan<Max, T>{reinterpret_cast<const stored_t<T>*>(x), reinterpret_cast<stored_t<T>*>(y), index});
  }
  template <Scalar T>
  static void scan_recurrence(const ScanLines& lines, const T* a, const T* b, T* y) {
    device_scan<D>(lines, RecurrenceScan<T>{a, b, y});
  }
  template <Scalar T>
  static void sort_lines(const SortLines& lines, const SortRequest& want, const T* x, std::int64_t* indices) {
    device_order<D>(lines, want, x, indices);
  }

  /// Numbers the runs of equal neighbours among n > 0 elements in an order (none: x's own): run[i] is element i's,
  /// `first` is scratch of n + 1. Returns how many there are.
  template <Scalar T>
  static std::int64_t number_runs(const T* x, const std::int64_t* order, std::int64_t n, std::int64_t* run,
                                  std::int64_t* first) {
    device_scan<D>({1, n, 1, false}, RunScan<T>{{reinterpret_cast<const stored_t<T>*>(x), order}, n, run, first});
    std::int64_t runs = 0;
    System::to_host(&runs, first + n, sizeof runs);
    return runs;
  }
  /// The runs' values and sizes.
  template <Scalar T>
  static void take_runs(const T* x, const std::int64_t* order, std::int64_t n, std::int64_t runs,
                        const std::int64_t* first, T* values, std::int64_t* counts) {
    System::for_each(runs, RunKernel<T>{{reinterpret_cast<const stored_t<T>*>(x), order},
                                        n,
                                        runs,
                                        first,
                                        reinterpret_cast<stored_t<T>*>(values),
                                        counts});
  }
};

}  // namespace taper::inline TAPER_CODE::detail
