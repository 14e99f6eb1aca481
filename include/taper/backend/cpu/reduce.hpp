// SPDX-License-Identifier: MIT
// Reducers, and the sink that folds blocks of an expression's values into them: reductions never store the expression.
#pragma once

#include <taper/backend/cpu/map.hpp>

#include <limits>

namespace taper::inline TAPER_CODE::detail {

template <class T>
struct WideOf { using type = std::uint64_t; };
template <> struct WideOf<float> { using type = double; };
template <> struct WideOf<double> { using type = double; };
template <> struct WideOf<std::complex<float>> { using type = std::complex<double>; };
template <> struct WideOf<std::complex<double>> { using type = std::complex<double>; };
/// What sums of T are kept in: double for floats, unsigned for integers and bool, which wrap.
template <class T>
using wide_t = typename WideOf<T>::type;

/// Sum of a run of floats: packs inside the run, double between runs.
template <class T, class A = Abi>
TAPER_KERNEL wide_t<T> sum_run(const T* p, std::int64_t n) {
  wide_t<T> total{};
  std::int64_t i = 0;
  if constexpr (std::is_floating_point_v<T>) {
    using V = Pack<T, pack_lanes, A>;
    constexpr std::int64_t step = 2 * pack_lanes;
    if (n >= step) {
      V a = load<V>(p), b = load<V>(p + pack_lanes);
      for (i = step; i + step <= n; i += step) {
        a = a + load<V>(p + i);
        b = b + load<V>(p + i + pack_lanes);
      }
      alignas(64) T lanes[pack_lanes];
      store(lanes, a + b);
      for (int k = 0; k < pack_lanes; ++k) total += lanes[k];
    }
  }
  for (; i < n; ++i) total += static_cast<wide_t<T>>(p[i]);
  return total;
}

template <class T>
struct SumReducer {
  using Acc = wide_t<T>;
  TAPER_HD static constexpr Acc identity() { return Acc{}; }
  template <class A>
  static void fold(Acc& acc, const T* p, std::int64_t n) { acc += sum_run<T, A>(p, n); }
  TAPER_HD static void combine(Acc& acc, Acc other) { acc = acc + other; }
};

template <class T>
struct ProdReducer {
  using Acc = wide_t<T>;
  TAPER_HD static constexpr Acc identity() { return Acc(1); }
  template <class A>
  static void fold(Acc& acc, const T* p, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) acc *= static_cast<Acc>(p[i]);
  }
  TAPER_HD static void combine(Acc& acc, Acc other) { acc = acc * other; }
};

/// Largest (or smallest) value; NaN wins, as in PyTorch's amax and amin.
template <class T, bool Max>
struct ExtremeReducer {
  using Acc = T;
  TAPER_HD static constexpr Acc identity() {
    if constexpr (std::numeric_limits<T>::has_infinity)
      return Max ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::infinity();
    else return Max ? std::numeric_limits<T>::lowest() : std::numeric_limits<T>::max();
  }
  template <class A>
  static TAPER_KERNEL void fold(Acc& acc, const T* p, std::int64_t n) {
    std::int64_t i = 0;
    if constexpr (std::is_floating_point_v<T>) {
      using V = Pack<T, pack_lanes, A>;
      if (n >= pack_lanes) {
        V best = load<V>(p);
        for (i = pack_lanes; i + pack_lanes <= n; i += pack_lanes) {
          const V next = load<V>(p + i);
          if constexpr (Max) best = math::max(best, next);
          else best = math::min(best, next);
        }
        alignas(64) T lanes[pack_lanes];
        store(lanes, best);
        for (int k = 0; k < pack_lanes; ++k) combine(acc, lanes[k]);
      }
    }
    for (; i < n; ++i) combine(acc, p[i]);
  }
  TAPER_HD static void combine(Acc& acc, Acc v) {
    if constexpr (std::is_floating_point_v<T>) {
      if (math::isnan(acc)) return;
      if (math::isnan(v)) {
        acc = v;
        return;
      }
    }
    if (Max ? v > acc : v < acc) acc = v;
  }
};

/// A wide accumulator rounded once to T.
template <class T, class Acc>
TAPER_HD T narrow_result(const Acc& acc, double factor) {
  using C = compute_t<T>;
  if constexpr (Complex<T>) return T(static_cast<real_t<T>>(acc.real() * factor), static_cast<real_t<T>>(acc.imag() * factor));
  else if constexpr (Integral<T>) return static_cast<T>(acc);
  else return static_cast<T>(static_cast<C>(factor == 1 ? acc : acc * factor));
}

/// Which dimensions of an iteration space a reduction keeps, and the strides of its dense result (0 where reduced).
struct ReducePlan {
  Walk walk;
  std::int64_t outputs = 1;
  bool outer_kept = false;     // chunks that are whole rows of the outermost dimension meet disjoint outputs
  std::int64_t inner_size = 1;  // elements of the space below its outermost dimension

  ReducePlan(const Shape& shape, const Shape& kept, AxisOrder order = 0)
      : ReducePlan(in_order(shape, order), in_order(broadcast_strides(kept, contiguous_strides(kept), shape), order), kept.numel()) {}
  ReducePlan(const Shape& shape, const Strides& strides, std::int64_t n) : walk(shape, strides), outputs(n) {
    outer_kept = walk.strides[0] != 0;
    for (int i = 1; i < walk.shape.size(); ++i) inner_size *= walk.shape[i];
  }
};

/// Elements per chunk of a job with reductions: at most 32 chunks, whole outer rows where these are not too long.
[[gnu::noinline]] inline std::int64_t reduce_grain(std::int64_t n, const ReducePlan* plans, int count) {
  std::int64_t grain = n / 32 > map_grain ? n / 32 : map_grain;
  for (int i = 0; i < count; ++i)
    if (plans[i].outer_kept && grain % plans[i].inner_size != 0) grain = (grain / plans[i].inner_size + 1) * plans[i].inner_size;
  for (int i = 0; i < count; ++i) {
    const bool shared = plans[i].outer_kept && grain % plans[i].inner_size == 0;
    const std::int64_t chunks = (n + grain - 1) / grain;
    if (!shared && chunks > 1 && chunks * plans[i].outputs > n / 4) return n;  // partial results would outweigh the input
  }
  return grain;
}

/// Folds values of T into one accumulator per output, one set of them per chunk where chunks meet the same outputs.
template <class R, class T, class A = Abi>
class ReduceSink {
 public:
  using Acc = typename R::Acc;

  ReduceSink(const ReducePlan& plan, std::int64_t n, std::int64_t grain)
      : plan_(plan),
        shared_(n == 0 || (plan.outer_kept && grain % plan.inner_size == 0)),
        sets_(shared_ ? 1 : (n + grain - 1) / grain),
        scratch_(static_cast<std::size_t>(sets_ * plan.outputs) * sizeof(Acc)) {
    Acc* acc = accumulators();
    for (std::int64_t i = 0; i < sets_ * plan.outputs; ++i) acc[i] = R::identity();
  }

  Consumer consumer() { return {&take, this}; }

  /// The results, in order, after all chunks have run.
  const Acc* finish() {
    Acc* acc = accumulators();
    for (std::int64_t s = 1; s < sets_; ++s)
      for (std::int64_t i = 0; i < plan_.outputs; ++i) R::combine(acc[i], acc[s * plan_.outputs + i]);
    return acc;
  }

 private:
  Acc* accumulators() { return reinterpret_cast<Acc*>(scratch_.data()); }

  static void take(void* self, std::int64_t chunk, std::int64_t first, std::int64_t n, const std::byte* values) {
    static_cast<ReduceSink*>(self)->add(chunk, first, n, reinterpret_cast<const T*>(values));
  }
  TAPER_KERNEL void add(std::int64_t chunk, std::int64_t first, std::int64_t n, const T* values) {
    Acc* acc = accumulators() + (shared_ ? 0 : chunk * plan_.outputs);
    const std::int64_t stride = plan_.walk.inner_stride();
    for_each_row(plan_.walk, first, n, [&](std::int64_t offset, std::int64_t position, std::int64_t length) {
      const T* p = values + position;
      if (stride == 0) R::template fold<A>(acc[offset], p, length);
      else if (stride == 1)
        for (std::int64_t i = 0; i < length; ++i) R::combine(acc[offset + i], Acc(p[i]));
      else
        for (std::int64_t i = 0; i < length; ++i) R::combine(acc[offset + i * stride], Acc(p[i]));
    });
  }

  const ReducePlan& plan_;
  bool shared_;
  std::int64_t sets_;
  Scratch scratch_;
};

}  // namespace taper::inline TAPER_CODE::detail
