// SPDX-License-Identifier: MIT
// Planes resampled along rows and columns by lists of taps: interpolation and, with the transposed lists, its gradient.
#pragma once

#include <taper/backend/cpu/gemm_pack.hpp>
#include <taper/backend/cpu/lanes.hpp>
#include <taper/backend/cpu/resample_taps.hpp>
#include <taper/core/parallel.hpp>

#if TAPER_NVCC
#pragma nv_diagnostic push
#pragma nv_diag_suppress 1675  // the unroll pragmas are for the host compiler, and reach it
#endif

namespace taper::inline TAPER_CODE::detail {
namespace resampling {

using tiles::Native;

/// Taps with weights of the compute type.
template <class C>
struct Line {
  std::int64_t in, out;
  bool identity;
  const std::int64_t *start, *index;
  PoolVector<C> weight;
  // Places [regular, irregular) come in pairs like one another, an element further on, or singly, two elements further
  // on.
  bool pairs = false;
  std::int64_t regular = 0, irregular = 0;

  explicit Line(const Taps& t)
      : in(t.in), out(t.out), identity(t.identity), start(t.start.data()), index(t.index.data()) {
    weight.reserve(t.weight.size());
    for (const double w : t.weight) weight.push_back(static_cast<C>(w));
    if (identity || out < 4 || (out / 2 != in && in / 2 != out)) return;
    pairs = out > in;
    const std::int64_t period = pairs ? 2 : 1, middle = out / 2;
    regular = middle, irregular = middle + period;
    while (regular > 0 && alike(regular - 1, regular - 1 + period)) --regular;
    while (irregular < out && alike(irregular - period, irregular)) ++irregular;
  }
  bool alike(std::int64_t a, std::int64_t b) const {
    const std::int64_t i = start[a], count = start[a + 1] - i, j = start[b];
    bool same = start[b + 1] - j == count;
    for (std::int64_t k = 0; same && k < count; ++k)
      same = index[j + k] == index[i + k] + (pairs ? 1 : 2) &&
             weight[static_cast<std::size_t>(j + k)] == weight[static_cast<std::size_t>(i + k)];
    return same;
  }
  /// One past the last element that places [first, last) are made of, and the first.
  std::int64_t reach(std::int64_t first, std::int64_t last, std::int64_t& from) const {
    std::int64_t end = 0;
    from = in;
    for (std::int64_t k = start[first]; k < start[last]; ++k) {
      if (index[k] < from) from = index[k];
      if (index[k] >= end) end = index[k] + 1;
    }
    return end;
  }
};

/// to = the weighted rows of n elements that place i is the sum of; x is row `skipped`.
template <class From, class To, class A>
TAPER_KERNEL void blend(const Line<compute_t<To>>& line, std::int64_t i, std::int64_t n, const From* x,
                        std::int64_t skipped, To* to) {
  using C = compute_t<To>;
  using V = lanes::PackFor<To, A>;
  const std::int64_t count = line.start[i + 1] - line.start[i], *index = line.index + line.start[i];
  const C* weight = line.weight.data() + line.start[i];
  const auto row = [&](std::int64_t k) TAPER_INLINE_LAMBDA { return x + (index[k] - skipped) * n; };
  if constexpr (std::is_same_v<From, To>) {
    if (count == 1 && *weight == C(1)) {
      __builtin_memcpy(static_cast<void*>(to), row(0), static_cast<std::size_t>(n) * sizeof(To));
      return;
    }
  }
  if (count == 2) {
    const From *a = row(0), *b = row(1);
    const V wa(weight[0]), wb(weight[1]);
    lanes::for_packs(n, [&](std::int64_t j, std::int64_t some) TAPER_INLINE_LAMBDA {
      lanes::store_some(to + j, some,
                        lanes::load_some<V>(a + j, some, 0) * wa + lanes::load_some<V>(b + j, some, 0) * wb);
    });
    return;
  }
  lanes::for_packs(n, [&](std::int64_t j, std::int64_t some) TAPER_INLINE_LAMBDA {
    V sum(0);
    for (std::int64_t k = 0; k < count; ++k) sum = sum + lanes::load_some<V>(row(k) + j, some, 0) * V(weight[k]);
    lanes::store_some(to + j, some, sum);
  });
}

/// Up to a vector of rows (in, `pitch` apart) to rows (out, dense). They are turned, so that a vector holds one element
/// of each row, mixed, and turned back.
template <class C, class A>
TAPER_KERNEL void stretch(const Line<C>& line, std::int64_t rows, const C* x, C* columns, C* to) {
  constexpr std::int64_t lanes = tiles::Tile<C, A>::lanes;
  using V = typename Native<C, A::vector_bytes>::type;
  std::int64_t p = 0;
  for (; p + lanes <= line.in; p += lanes)
    tiles::transpose_block<C, A>(x + p, line.in, rows, columns + p * lanes, lanes);
  for (; p < line.in; ++p)
    for (std::int64_t r = 0; r < lanes; ++r) columns[p * lanes + r] = r < rows ? x[r * line.in + p] : C(0);
  const std::int64_t *start = line.start, *index = line.index;
  const C* weight = line.weight.data();
  alignas(64) C edge[lanes * lanes];
  for (std::int64_t o = 0; o < line.out; o += lanes) {
    const std::int64_t count = line.out - o < lanes ? line.out - o : lanes;
    V v[lanes];
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) {
      V sum{};
      if (i < count)
        for (std::int64_t k = start[o + i]; k < start[o + i + 1]; ++k)
          sum += tiles::load<V>(columns + index[k] * lanes) * weight[k];
      v[i] = sum;
    }
    tiles::transpose_stages<lanes / 2, C>(v);
    if (count == lanes && rows == lanes) {
#pragma GCC unroll 16
      for (int r = 0; r < lanes; ++r) tiles::store(to + r * line.out + o, v[r]);
    } else {
#pragma GCC unroll 16
      for (int r = 0; r < lanes; ++r) tiles::store(edge + r * lanes, v[r]);
      for (std::int64_t r = 0; r < rows; ++r)
        __builtin_memcpy(to + r * line.out + o, edge + r * lanes, static_cast<std::size_t>(count) * sizeof(C));
    }
  }
}

// Vectors in turn: lane i of the result is lane i / 2 of x or y, in the lower or the upper half.
template <int Lanes, int First>
struct InTurn {
  static constexpr int at(int lane) { return First + lane / 2 + lane % 2 * Lanes; }
};

/// A row whose places are regular but for its ends, a vector of places or of pairs at a time.
template <class C, class A, bool Pairs>
TAPER_KERNEL void stretch_regular(const Line<C>& line, const C* x, C* to) {
  constexpr int lanes = tiles::Tile<C, A>::lanes, period = Pairs ? 2 : 1;
  using V = typename Native<C, A::vector_bytes>::type;
  const std::int64_t *start = line.start, *index = line.index;
  const C* weight = line.weight.data();
  std::int64_t o = 0;
  while (o < line.out) {
    // The last vector overlaps the one before it.
    if (o == line.regular)
      for (const std::int64_t end = o + (line.irregular - o) / period * period; o < end; o += lanes * period) {
        if (o + lanes * period > end) o = end - lanes * period;
        const std::int64_t moved = (o - line.regular) / period * (Pairs ? 1 : 2);
        V v[2];
#pragma GCC unroll 2
        for (int p = 0; p < period; ++p) {
          V sum{};
          for (std::int64_t k = start[line.regular + p]; k < start[line.regular + p + 1]; ++k)
            sum += tiles::load_strided_within < Pairs ? 1 : 2, V > (x + index[k] + moved) * weight[k];
          v[p] = sum;
        }
        if constexpr (Pairs) {
          tiles::store(to + o, tiles::shuffle<InTurn<lanes, 0>, C>(v[0], v[1]));
          tiles::store(to + o + lanes, tiles::shuffle<InTurn<lanes, lanes / 2>, C>(v[0], v[1]));
        } else {
          tiles::store(to + o, v[0]);
        }
      }
    if (o == line.out) break;
    C sum(0);
    for (std::int64_t k = start[o]; k < start[o + 1]; ++k) sum += x[index[k]] * weight[k];
    to[o++] = sum;
  }
}

template <class From, class To, class A>
TAPER_KERNEL void convert_elements(std::int64_t n, const From* x, To* to) {
  using V = lanes::PackFor<From, A>;
  lanes::for_packs(n, [&](std::int64_t i, std::int64_t some) TAPER_INLINE_LAMBDA {
    lanes::store_some(to + i, some, lanes::load_some<V>(x + i, some, 0));
  });
}

/// Any number of dense rows, a vector of them at a time; other types than the compute type on the way through it.
template <class From, class To, class A>
class Stretcher {
  using C = compute_t<To>;
  static constexpr std::int64_t lanes = tiles::Tile<C, A>::lanes;

 public:
  explicit Stretcher(const Line<C>& line)
      : line_(line),
        columns_(lanes * line.in),
        from_(std::is_same_v<From, C> ? 0 : lanes * line.in),
        to_(std::is_same_v<To, C> ? 0 : lanes * line.out) {}

  void operator()(std::int64_t rows, const From* x, To* y) const {
    for (std::int64_t r = 0; r < rows; r += lanes, x += lanes * line_.in, y += lanes * line_.out) {
      const std::int64_t some = rows - r < lanes ? rows - r : lanes;
      const C* from;
      C* to;
      if constexpr (std::is_same_v<From, C>)
        from = x;
      else
        convert_elements<From, C, A>(some * line_.in, x, from_.data()), from = from_.data();
      if constexpr (std::is_same_v<To, C>)
        to = y;
      else
        to = to_.data();
      if (line_.irregular - line_.regular >= 2 * lanes)
        for (std::int64_t k = 0; k < some; ++k) {
          if (line_.pairs)
            stretch_regular<C, A, true>(line_, from + k * line_.in, to + k * line_.out);
          else
            stretch_regular<C, A, false>(line_, from + k * line_.in, to + k * line_.out);
        }
      else
        stretch<C, A>(line_, some, from, columns_.data(), to);
      if constexpr (!std::is_same_v<To, C>) convert_elements<C, To, A>(some * line_.out, to, y);
    }
  }

 private:
  const Line<C>& line_;
  tiles::Scratch<C> columns_, from_, to_;
};

/// Rows of results [first, last) of one plane, whose two passes meet in `middle`; the pass along rows has the fewer of
/// them to turn.
template <class From, class To, class A>
void resample_part(const Line<compute_t<To>>& v, const Line<compute_t<To>>& h,
                   const Stretcher<From, compute_t<To>, A>& early, const Stretcher<compute_t<To>, To, A>& late,
                   std::int64_t first, std::int64_t last, const From* x, To* y, compute_t<To>* middle) {
  using C = compute_t<To>;
  if (v.out > v.in) {
    std::int64_t from;
    const std::int64_t end = v.reach(first, last, from);
    if (end > from) early(end - from, x + from * h.in, middle);
    for (std::int64_t i = first; i < last; ++i) blend<C, To, A>(v, i, h.out, middle, from, y + i * h.out);
  } else {
    for (std::int64_t i = first; i < last; ++i) blend<From, C, A>(v, i, h.in, x, 0, middle + (i - first) * h.in);
    late(last - first, middle, y + first * h.out);
  }
}

/// Rows of results that are made together: what they need stays in the cache.
inline std::int64_t rows_at_once(const Taps& v, const Taps& h) {
  const std::int64_t wide = h.in > h.out ? h.in : h.out, rows = (std::int64_t{1} << 16) / (wide + 1) / 16 * 16;
  return rows < 16 ? 16 : rows < v.out ? rows : v.out;
}

}  // namespace resampling

/// y (planes, v.out, h.out) of x (planes, v.in, h.in), both dense. One of From and To is the compute type of the other,
/// or they are equal.
template <class From, class To, class A = Abi>
void resample(std::int64_t planes, const Taps& vertical, const Taps& horizontal, const From* x, To* y) {
  using namespace resampling;
  using C = compute_t<To>;
  const Line<C> v(vertical), h(horizontal);
  if (v.identity && h.identity) {
    parallel_for(planes * v.in * h.in, 1 << 15, [&](std::int64_t first, std::int64_t last) {
      convert_elements<From, To, A>(last - first, x + first, y + first);
    });
  } else if (v.identity) {
    const std::int64_t grain = 64 * (1 + (1 << 9) / (h.in + h.out));
    parallel_for(planes * v.in, grain, [&](std::int64_t first, std::int64_t last) {
      const Stretcher<From, To, A> rows(h);
      rows(last - first, x + first * h.in, y + first * h.out);
    });
  } else if (h.identity) {
    parallel_for(planes * v.out, 1 + (1 << 15) / (h.out + 1), [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t r = first; r < last; ++r)
        blend<From, To, A>(v, r % v.out, h.out, x + r / v.out * v.in * h.in, 0, y + r * h.out);
    });
  } else {
    const std::int64_t rows = rows_at_once(vertical, horizontal), parts = (v.out + rows - 1) / rows;
    std::int64_t most = rows * h.in;
    for (std::int64_t first = 0, from; v.out > v.in && first < v.out; first += rows) {
      const std::int64_t end = v.reach(first, first + rows < v.out ? first + rows : v.out, from);
      if ((end - from) * h.out > most) most = (end - from) * h.out;
    }
    const std::int64_t cost = (v.in * h.in + v.out * h.out) / parts;
    parallel_for(planes * parts, 1 + (1 << 15) / (cost + 1), [&](std::int64_t begin, std::int64_t end) {
      const Stretcher<From, C, A> early(h);
      const Stretcher<C, To, A> late(h);
      const tiles::Scratch<C> middle(most);
      for (std::int64_t k = begin; k < end; ++k) {
        const std::int64_t p = k / parts, first = k % parts * rows, last = first + rows < v.out ? first + rows : v.out;
        resample_part<From, To, A>(v, h, early, late, first, last, x + p * v.in * h.in, y + p * v.out * h.out,
                                   middle.data());
      }
    });
  }
}

}  // namespace taper::inline TAPER_CODE::detail

#if TAPER_NVCC
#pragma nv_diagnostic pop
#endif
