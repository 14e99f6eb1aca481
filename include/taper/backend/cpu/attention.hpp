// SPDX-License-Identifier: MIT
// Scaled dot-product attention in blocks of queries and keys: scores are made, used and forgotten.
#pragma once

#include <taper/backend/cpu/compiled.hpp>
#include <taper/backend/cpu/gemm.hpp>
#include <taper/backend/cpu/lanes.hpp>

#include <algorithm>
#include <limits>

namespace taper::inline TAPER_ABI::base {

/// The rows of one operand (T is const then) or result: row i of item b is data[offsets[b] + i * row ..], unit stride along it.
template <class T>
struct AttentionRows {
  T* data = nullptr;
  const std::int64_t* offsets = nullptr;
  std::int64_t row = 0;
  TAPER_INLINE T* of(std::int64_t item) const { return data + offsets[item]; }
};

/// What attention reads. Of the masks at most one is there: `keep` says which scores count, `add` is added to them.
template <class T>
struct AttentionArgs {
  std::int64_t items = 0, queries = 0, keys = 0, features = 0, values = 0;
  T scale = 1;
  bool causal = false;
  AttentionRows<const T> q, k, v, add;
  AttentionRows<const bool> keep;
};

}  // namespace taper::inline TAPER_ABI::base

namespace taper::inline TAPER_CODE::detail {
namespace attending {

using namespace lanes;
using tiles::at_most;
using tiles::Index;
template <class T>
using Rows = AttentionRows<const T>;
template <class T>
using Results = AttentionRows<T>;
template <class T>
using Args = AttentionArgs<T>;

// Blocks of the score matrix; a block of floats is 32 KiB.
inline constexpr Index query_block = 64, key_block = 128;
inline Index query_blocks(Index queries) { return (queries + query_block - 1) / query_block; }

/// The transposes of matrices (keys x columns) in strips, as the register tiles read them. Neighbouring items with one
/// matrix, as the heads of a group have, share a copy.
template <class T, class A>
class Transposes {
 public:
  static constexpr Index width = tiles::Tile<T, A>::columns;
  static_assert(key_block % width == 0 && key_block % pack_lanes == 0 && query_block % pack_lanes == 0);

  Transposes(const Rows<T>& x, Index items, Index keys, Index columns)
      : columns_(columns),
        size_((keys + width - 1) / width * width * columns),
        slots_(items),
        data_(number(x, items, slots_.data()) * size_) {
    parallel_for(items, 1 + (Index{1} << 14) / (size_ + 1), [&](Index first, Index last) {
      for (Index b = first; b < last; ++b) {
        const Index slot = slots_.data()[b];
        if (b > 0 && slot == slots_.data()[b - 1]) continue;
        for (Index j = 0; j < keys; j += width)
          tiles::pack_strip<T, A>(x.of(b) + j * x.row, 1, x.row, columns, at_most(width, keys - j),
                                  data_.data() + slot * size_ + j * columns);
      }
    });
  }
  /// The strips from key j on, a multiple of key_block.
  tiles::Right<T> from(Index item, Index j) const {
    return {data_.data() + slots_.data()[item] * size_ + j * columns_, width, columns_ * width};
  }

 private:
  static Index number(const Rows<T>& x, Index items, Index* slots) {
    Index count = 0;
    for (Index b = 0; b < items; ++b) {
      if (b == 0 || x.offsets[b] != x.offsets[b - 1]) ++count;
      slots[b] = count - 1;
    }
    return count;
  }

  Index columns_, size_;
  tiles::Scratch<Index> slots_;
  tiles::Scratch<T> data_;
};

/// c (m x n) = or += a b, where b is rows (k x n) that lie b_row apart.
template <class T, class A>
void times_rows(Index m, Index n, Index k, const tiles::Left<T>& a, const T* b, Index b_row, T* c, Index c_row, bool accumulate) {
  if (m <= 0 || n <= 0 || k <= 0) return;
  tiles::product<T, A>(m, n, k, a, {b, b_row, 0, (k - 1) * b_row + n}, c, c_row, accumulate);
}

/// A block of scores: rows queries x columns keys, whose first are query i and key j.
struct Block {
  Index i, rows, j, columns;
  /// How many of row r's keys count: with `causal` those up to the query's own place.
  Index valid(Index r, bool causal) const {
    const Index n = causal ? i + r - j + 1 : columns;
    return n < 0 ? 0 : at_most(n, columns);
  }
};

/// f(block) for the blocks of keys that queries [i, i + rows) may look at.
template <class F>
void for_key_blocks(Index i, Index rows, Index keys, bool causal, const F& f) {
  const Index end = causal ? at_most(keys, i + rows) : keys;
  for (Index j = 0; j < end; j += key_block) f(Block{i, rows, j, at_most(key_block, end - j)});
}

/// s (rows x columns of the block, key_block apart) = x y^T for rows of x, from the transpose of y.
template <class T, class A>
void block_product(const Block& b, Index k, const T* x, Index x_row, const tiles::Right<T>& y, T* s) {
  if (k > 0) return tiles::product<T, A>(b.rows, b.columns, k, {x, x_row, 1}, y, s, key_block, false);
  for (Index r = 0; r < b.rows; ++r) std::fill_n(s + r * key_block, b.columns, T(0));
}

/// What is left of a row behind its whole packs goes by fours: features are often fewer than a pack's lanes.
template <class T, class A>
using Four = Pack<T, 4, A>;

/// to = scale * rows of x.
template <class T, class A>
TAPER_KERNEL void scaled_rows(Index rows, Index n, T scale, const T* x, Index x_row, T* to, Index to_row) {
  using V = PackFor<T, A>;
  using U = Four<T, A>;
  for (Index r = 0; r < rows; ++r, x += x_row, to += to_row) {
    Index c = 0;
    for (; c + pack_lanes <= n; c += pack_lanes) store(to + c, load<V>(x + c) * V(scale));
    for (; c + 4 <= n; c += 4) store(to + c, load<U>(x + c) * U(scale));
    for (; c < n; ++c) to[c] = x[c] * scale;
  }
}

/// A pack of lanes that are true, then one of lanes that are not.
struct LanesBefore {
  bool lane[2 * pack_lanes];
  constexpr LanesBefore() : lane() {
    for (int i = 0; i < pack_lanes; ++i) lane[i] = true;
  }
};
inline constexpr LanesBefore lanes_before;

/// Row r of the scores, masked: what does not count becomes -infinity, up to a whole number of packs. Their count.
template <class T, class A>
TAPER_INLINE Index mask_row(const Args<T>& a, Index item, const Block& b, Index r, T* s) {
  using V = PackFor<T, A>;
  constexpr T low = -std::numeric_limits<T>::infinity();
  const Index n = b.valid(r, a.causal), whole = (n + pack_lanes - 1) / pack_lanes * pack_lanes;
  if (n < whole) {
    const auto inside = load<PackFor<bool, A>>(lanes_before.lane + pack_lanes - (n - (whole - pack_lanes)));
    store(s + whole - pack_lanes, select(inside, load<V>(s + whole - pack_lanes), V(low)));
  }
  if (a.add.data) {
    const T* m = a.add.of(item) + (b.i + r) * a.add.row + b.j;
    for (Index c = 0; c < n; c += pack_lanes) store(s + c, load<V>(s + c) + load_some<V>(m + c, n - c, 0));
  }
  if (a.keep.data) {
    const bool* m = a.keep.of(item) + (b.i + r) * a.keep.row + b.j;
    for (Index c = 0; c < n; c += pack_lanes)
      store(s + c, select(load_some<PackFor<bool, A>>(m + c, n - c, false), load<V>(s + c), V(low)));
  }
  return whole;
}

/// Scores become exponentials under a running maximum m; l sums them; the rows of o, so far, move to the new maximum.
template <class T, class A>
TAPER_KERNEL void online_softmax(const Args<T>& a, Index item, const Block& b, T* s, T* m, T* l, T* o, Index o_row) {
  using V = PackFor<T, A>;
  constexpr T low = -std::numeric_limits<T>::infinity();
  for (Index r = 0; r < b.rows; ++r, s += key_block, o += o_row) {
    const Index n = mask_row<T, A>(a, item, b, r, s);
    V top(low);
    for (Index c = 0; c < n; c += pack_lanes) top = math::max(top, load<V>(s + c));
    const T highest = math::max(m[r], max_of_lanes(top));
    const T shift = highest == low ? T(0) : highest;  // no key has counted yet
    V total(0);
    for (Index c = 0; c < n; c += pack_lanes) {
      const V e = math::exp(load<V>(s + c) - V(shift));
      store(s + c, e);
      total = total + e;
    }
    for (Index c = n; c < b.columns; ++c) s[c] = 0;
    if (b.j > 0 && m[r] != highest) {
      const T factor = math::exp(m[r] - shift);
      l[r] *= factor;
      scaled_rows<T, A>(1, a.values, factor, o, 0, o, 0);
    }
    l[r] += sum_of_lanes(total);
    m[r] = highest;
  }
}

/// The rows of o divided by their sums; lse = the logarithm of a row's sum of exponentials, infinite where it is empty.
/// m and l have whole packs.
template <class T, class A>
TAPER_KERNEL void finish_rows(Index rows, Index values, const T* m, const T* l, T* o, Index o_row, T* lse) {
  using V = PackFor<T, A>;
  const V inf(std::numeric_limits<T>::infinity());
  for (Index r = 0; r < rows; r += pack_lanes) {
    const V sum = load<V>(l + r);
    store_some(lse + r, rows - r, select(sum == V(0), inf, load<V>(m + r) + math::log(sum)));
  }
  for (Index r = 0; r < rows; ++r, o += o_row) {
    if (l[r] == T(0))
      std::fill_n(o, values, T(0));
    else
      scaled_rows<T, A>(1, values, T(1) / l[r], o, 0, o, 0);
  }
}

}  // namespace attending

/// out (items, queries, values) = softmax(scale q k^T + mask) v, and lse (items, queries) for the gradient.
/// Tasks are blocks of queries: sizes decide, never the number of threads.
/// Source: Dao et al., FlashAttention, 2022.
template <class T, class A = Abi>
void attention(const attending::Args<T>& a, const attending::Results<T>& out, T* lse) {
  if constexpr (is_compiled<T, A>) {
    compiled_entry<Entry::attention, decltype(attention<T, A>)>()(a, out, lse);
  } else {
    using namespace attending;
    const Index blocks = query_blocks(a.queries);
    // A few queries read every key once: packing them would cost as much as the product.
    const bool packed = a.queries > 8;
    const Transposes<T, A> kt(a.k, packed ? a.items : 0, a.keys, a.features);
    const Index grain = 1 + tiles::serial_work / (at_most(query_block, a.queries) * a.keys * (a.features + a.values) + 1);
    parallel_for(a.items * blocks, grain, [&](Index first, Index last) {
      const tiles::Scratch<T> memory(query_block * (key_block + a.features + 2));
      T *s = memory.data(), *q = s + query_block * key_block, *m = q + query_block * a.features, *l = m + query_block;
      for (; first < last; ++first) {
        const Index item = first / blocks, i = first % blocks * query_block, rows = at_most(query_block, a.queries - i);
        T* o = out.of(item) + i * out.row;
        scaled_rows<T, A>(rows, a.features, a.scale, a.q.of(item) + i * a.q.row, a.q.row, q, a.features);
        std::fill_n(m, query_block, -std::numeric_limits<T>::infinity());
        std::fill_n(l, query_block, T(0));
        for_key_blocks(i, rows, a.keys, a.causal, [&](const Block& b) {
          if (packed)
            block_product<T, A>(b, a.features, q, a.features, kt.from(item, b.j), s);
          else
            gemm<T, A>(rows, b.columns, a.features, q, a.features, 1, a.k.of(item) + b.j * a.k.row, 1, a.k.row, s,
                       key_block, false);
          online_softmax<T, A>(a, item, b, s, m, l, o, out.row);
          times_rows<T, A>(rows, a.values, b.columns, {s, key_block, 1}, a.v.of(item) + b.j * a.v.row, a.v.row, o, out.row, b.j > 0);
        });
        finish_rows<T, A>(rows, a.values, m, l, o, out.row, lse + item * a.queries + i);
      }
    });
  }
}

}  // namespace taper::inline TAPER_CODE::detail
