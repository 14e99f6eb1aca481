// SPDX-License-Identifier: MIT
// Values added at places. Those of one place are brought together by a stable sort and added in their order, in the
// type that the host adds them in: by one thread where they lie in one run of the sorted, otherwise run by run. Where the
// order does not matter, or need not, every value is added where it belongs by an atomic addition.
#pragma once

#include <taper/backend/cpu/index.hpp>
#include <taper/backend/cuda/nondeterministic.hpp>
#include <taper/backend/cuda/places.hpp>
#include <taper/backend/cuda/sort.hpp>

namespace taper::inline TAPER_CODE::detail {

template <class Places>
struct KeysKernel {
  Places places;
  std::int64_t *keys, *order;
  TAPER_HD void operator()(std::int64_t b) const {
    keys[b] = places.key(b);
    order[b] = b;
  }
};

/// How many values in order one thread adds up at most.
inline constexpr std::int64_t added_run = 256;

/// The values of places in order.
template <class T, class Blocks>
struct SortedValues {
  Blocks blocks;
  const std::int64_t *keys, *order;
  const T* values;
  bool one_value;

  TAPER_INLINE TAPER_HD std::int64_t count() const { return static_cast<std::int64_t>(blocks.count.divisor); }
  /// Adds those from s on that go where the first goes, as far as one thread does.
  TAPER_INLINE TAPER_HD void add(compute_t<T>& sum, const typename Blocks::At& at, std::int64_t s) const {
    const std::int64_t key = keys[s], last = (s / added_run + 1) * added_run, end = last < count() ? last : count();
    do {
      accumulate(sum, static_cast<compute_t<T>>(values[one_value ? 0 : blocks.element(at, order[s])]));
    } while (++s < end && keys[s] == key);
  }
};

/// The sums of what goes on with a place from the run before: element (o, run, i).
template <class T, class Blocks>
struct PartialSumsKernel {
  SortedValues<T, Blocks> sorted;
  Blocks runs;
  compute_t<T>* partial;

  TAPER_HD void operator()(std::int64_t e) const {
    const auto at = runs.at(e);
    const std::int64_t s = static_cast<std::int64_t>(at.place) * added_run;
    if (s == 0 || sorted.keys[s - 1] != sorted.keys[s]) return;
    compute_t<T> sum{};
    sorted.add(sum, at, s);
    partial[e] = sum;
  }
};

template <class T, class Blocks>
struct AccumulateKernel {
  SortedValues<T, Blocks> sorted;
  Blocks runs;
  const compute_t<T>* partial;
  T* x;
  std::int64_t skip;  // the key of a place that gets nothing, or -1

  TAPER_HD void operator()(std::int64_t e) const {
    auto at = sorted.blocks.at(e);
    const std::int64_t s = static_cast<std::int64_t>(at.place), key = sorted.keys[s];
    if (key < 0 || key == skip || (s > 0 && sorted.keys[s - 1] == key)) return;
    at.place = static_cast<decltype(at.place)>(sorted.order[s]);
    T* const to = x + sorted.blocks.offset(at);
    auto sum = static_cast<compute_t<T>>(*to);
    sorted.add(sum, at, s);
    for (std::int64_t run = s / added_run + 1; run * added_run < sorted.count() && sorted.keys[run * added_run] == key;
         ++run)
      accumulate(sum, partial[runs.element(at, run)]);
    *to = static_cast<T>(sum);
  }
};

/// Where no place occurs twice.
template <class T, class Blocks>
struct AddApartKernel {
  Blocks blocks;
  T* x;
  const T* values;
  bool one_value;

  TAPER_HD void operator()(std::int64_t e) const {
    const std::int64_t offset = blocks.offset(blocks.at(e));
    if (offset < 0) return;
    T* const to = x + offset;
    auto sum = static_cast<compute_t<T>>(*to);
    accumulate(sum, static_cast<compute_t<T>>(values[one_value ? 0 : e]));
    *to = static_cast<T>(sum);
  }
};

/// What can be added atomically; integers give the same bits in any order.
template <class T>
concept AddedAtomically = std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, std::int32_t> || std::same_as<T, std::int64_t>;
template <AddedAtomically T>
bool adds_in_any_order() {
  return Integral<T> || cuda::nondeterministic_allowed();
}

template <AddedAtomically T>
TAPER_INLINE TAPER_HD void atomic_add(T* to, T value) {
#if defined(__CUDA_ARCH__)
  if constexpr (std::same_as<T, std::int64_t>) atomicAdd(reinterpret_cast<unsigned long long*>(to), static_cast<unsigned long long>(value));
  else atomicAdd(to, value);
#else
  T before, after;
  __atomic_load(to, &before, __ATOMIC_RELAXED);
  do {
    after = before;
    accumulate(after, value);
  } while (!__atomic_compare_exchange(to, &before, &after, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
#endif
}

template <class T, class Blocks>
struct AddAtomicallyKernel {
  Blocks blocks;
  T* x;
  const T* values;
  bool one_value;
  std::int64_t skip;  // the key of a place that gets nothing, or -1

  TAPER_HD void operator()(std::int64_t e) const {
    const auto at = blocks.at(e);
    if (skip >= 0 && blocks.places.key(static_cast<std::int64_t>(at.place)) == skip) return;
    const std::int64_t offset = blocks.offset(at);
    if (offset < 0) return;
    atomic_add(x + offset, values[one_value ? 0 : e]);
  }
};

}  // namespace taper::inline TAPER_CODE::detail
