// SPDX-License-Identifier: MIT
// The largest or smallest elements along an axis and where they are, on a device: a reduction of (value, index) pairs.
#pragma once

#include <taper/backend/cuda/reduce.hpp>
#include <taper/backend/cuda/scan.hpp>

namespace taper::inline TAPER_CODE::detail {

/// The better of two, in any order: NaN first, then the extreme, then the lower index.
template <class C, bool Max>
struct ArgReducer {
  using Acc = Found<C>;
  TAPER_HD static constexpr Acc identity() { return {C{}, -1}; }
  TAPER_HD static void combine(Acc& acc, Acc other) {
    if (other.index >= 0 && (acc.index < 0 || better(other, acc))) acc = other;
  }

 private:
  TAPER_INLINE TAPER_HD static bool better(const Acc& a, const Acc& b) {
    if constexpr (std::is_floating_point_v<C>) {
      const bool a_nan = math::isnan(a.value), b_nan = math::isnan(b.value);
      if (a_nan || b_nan) return a_nan && (!b_nan || a.index < b.index);
    }
    if (a.value == b.value) return a.index < b.index;
    return Max ? a.value > b.value : a.value < b.value;
  }
};

/// Operands: the elements, and an axis of which the offset is the index along it.
template <class T>
struct IndexedValue {
  static constexpr int operands = 2;
  const stored_t<T>* x;
  template <class Index>
  TAPER_INLINE TAPER_HD Found<compute_t<T>> operator()(const Index* at) const {
    return {widen<T>(x[at[0]]), static_cast<std::int64_t>(at[1])};
  }
};

template <class T>
struct StoreFound {
  stored_t<T>* values;  // null where they are not wanted
  std::int64_t* indices;
  TAPER_INLINE TAPER_HD void operator()(std::int64_t i, const Found<compute_t<T>>& found) const {
    if (values) values[i] = narrow<T>(found.value);
    indices[i] = found.index;
  }
};

/// Along axis `dim` of x, which may be 0-dim, into dense results.
template <class D, bool Max, class T>
void device_extremes(const TensorRecord& x, int dim, T* values, std::int64_t* indices) {
  Strides along = x.strides;
  for (int i = 0; i < x.shape.size(); ++i) along[i] = i == dim ? 1 : 0;
  DeviceOperand operands[] = {{x.data, x.strides}, {x.data, along}};
  const DeviceJob job{nullptr, x.shape, operands};
  device_reduce<D, ArgReducer<compute_t<T>, Max>>(job, x.shape.empty() ? 0 : 1u << dim,
                                                  IndexedValue<T>{reinterpret_cast<const stored_t<T>*>(x.data)},
                                                  StoreFound<T>{reinterpret_cast<stored_t<T>*>(values), indices});
}

}  // namespace taper::inline TAPER_CODE::detail
