// SPDX-License-Identifier: MIT
// Scaled dot-product attention in blocks of queries and keys: scores are made, used and forgotten, forward and backward.
#pragma once

#include <taper/backend/cpu/gemm.hpp>
#include <taper/backend/cpu/lanes.hpp>

#include <limits>

namespace taper::inline TAPER_CODE::detail {
namespace attending {

using namespace lanes;
using tiles::Index;

// Blocks of the score matrix; a block of float scores fills the first-level cache.
inline constexpr Index query_block = 64, key_block = 128;

/// The rows of one operand: row i of item b is data[offsets[b] + i * row ..], unit stride along it.
template <class T>
struct Rows {
  const T* data = nullptr;
  const Index* offsets = nullptr;
  Index row = 0;
  const T* of(Index item) const { return data + offsets[item]; }
};

/// What attention reads. Of the masks at most one is there: `keep` says which scores count, `add` is added to them.
template <class T>
struct Args {
  Index items = 0, queries = 0, keys = 0, features = 0, values = 0;
  T scale = 1;
  bool causal = false;
  Rows<T> q, k, v, add;
  Rows<bool> keep;
};

/// to (columns x rows) = the transpose of from (rows x columns).
template <class T, class A>
TAPER_KERNEL void transpose_rows(Index rows, Index columns, const T* from, Index from_row, T* to, Index to_row) {
  constexpr Index lanes = tiles::Tile<T, A>::lanes;
  const Index whole_rows = rows / lanes * lanes, whole_columns = columns / lanes * lanes;
  for (Index i = 0; i < whole_rows; i += lanes)
    for (Index j = 0; j < whole_columns; j += lanes)
      tiles::transpose_block<T, A>(from + i * from_row + j, from_row, lanes, to + j * to_row + i, to_row);
  for (Index i = 0; i < rows; ++i)
    for (Index j = i < whole_rows ? whole_columns : 0; j < columns; ++j) to[j * to_row + i] = from[i * from_row + j];
}

/// A block of scores: rows queries x columns keys, whose first are query i and key j.
struct Block {
  Index i, rows, j, columns;
  /// How many of row r's keys count: with `causal` those up to the query's own place.
  Index valid(Index r, bool causal) const {
    if (!causal) return columns;
    const Index n = i + r - j + 1;
    return n < 0 ? 0 : n < columns ? n : columns;
  }
};

/// scores = scale * products, masked. Masked ones become -infinity.
template <class T, class A>
TAPER_KERNEL void scale_and_mask(const Args<T>& a, Index item, const Block& b, T* s) {
  using V = PackFor<T, A>;
  for (Index r = 0; r < b.rows; ++r, s += key_block) {
    for (Index c = 0; c < b.columns; c += pack_lanes) store_some(s + c, b.columns - c, load_some<V>(s + c, b.columns - c, 0) * V(a.scale));
    if (a.add.data) {
      const T* m = a.add.of(item) + (b.i + r) * a.add.row + b.j;
      for (Index c = 0; c < b.columns; c += pack_lanes)
        store_some(s + c, b.columns - c, load_some<V>(s + c, b.columns - c, 0) + load_some<V>(m + c, b.columns - c, 0));
    }
    if (a.keep.data) {
      const bool* m = a.keep.of(item) + (b.i + r) * a.keep.row + b.j;
      for (Index c = 0; c < b.columns; ++c) s[c] = m[c] ? s[c] : -std::numeric_limits<T>::infinity();
    }
  }
}

/// Scores become exponentials under a running maximum m; l sums them; the rows of o, so far, move to the new maximum.
template <class T, class A>
TAPER_KERNEL void online_softmax(const Block& b, bool causal, T* s, T* m, T* l, T* o, Index values) {
  using V = PackFor<T, A>;
  constexpr T low = -std::numeric_limits<T>::infinity();
  for (Index r = 0; r < b.rows; ++r, s += key_block, o += values) {
    const Index n = b.valid(r, causal);
    V top(low);
    for (Index c = 0; c < n; c += pack_lanes) top = math::max(top, load_some<V>(s + c, n - c, low));
    const T highest = math::max(m[r], max_of_lanes(top));
    const T shift = highest == low ? T(0) : highest;  // a row without a key that counts
    const T factor = math::exp(m[r] - shift);
    V total(0);
    for (Index c = 0; c < n; c += pack_lanes) {
      const V e = math::exp(load_some<V>(s + c, n - c, low) - V(shift));
      store_some(s + c, n - c, e);
      total = total + e;
    }
    for (Index c = n; c < b.columns; ++c) s[c] = 0;
    l[r] = l[r] * factor + sum_of_lanes(total);
    m[r] = highest;
    if (factor == T(1)) continue;
    for (Index c = 0; c < values; c += pack_lanes) store_some(o + c, values - c, load_some<V>(o + c, values - c, 0) * V(factor));
  }
}

/// The rows of o divided by their sums; lse = the logarithm of a row's sum of exponentials, infinite where it is empty.
template <class T, class A>
TAPER_KERNEL void finish_rows(Index rows, Index values, const T* m, const T* l, T* o, T* lse) {
  using V = PackFor<T, A>;
  for (Index r = 0; r < rows; ++r, o += values) {
    const T scale = l[r] == T(0) ? T(0) : T(1) / l[r];
    for (Index c = 0; c < values; c += pack_lanes) store_some(o + c, values - c, load_some<V>(o + c, values - c, 0) * V(scale));
    lse[r] = l[r] == T(0) ? std::numeric_limits<T>::infinity() : m[r] + math::log(l[r]);
  }
}

/// Scores become probabilities p = exp(s - lse) again, and dp becomes the scores' gradient p (dp - delta) scale.
template <class T, class A>
TAPER_KERNEL void score_gradients(const Block& b, bool causal, T scale, const T* lse, const T* delta, T* s, T* dp) {
  using V = PackFor<T, A>;
  for (Index r = 0; r < b.rows; ++r, s += key_block, dp += key_block) {
    const Index n = b.valid(r, causal);
    for (Index c = 0; c < n; c += pack_lanes) {
      const V p = math::exp(load_some<V>(s + c, n - c, 0) - V(lse[r]));
      store_some(s + c, n - c, p);
      store_some(dp + c, n - c, p * (load_some<V>(dp + c, n - c, 0) - V(delta[r])) * V(scale));
    }
    for (Index c = n; c < b.columns; ++c) s[c] = dp[c] = 0;
  }
}

template <class T, class A>
TAPER_KERNEL void row_dots(Index rows, Index n, const T* x, const T* y, T* out) {
  using V = PackFor<T, A>;
  for (Index r = 0; r < rows; ++r, x += n, y += n) {
    V total(0);
    for (Index c = 0; c < n; c += pack_lanes) total = total + load_some<V>(x + c, n - c, 0) * load_some<V>(y + c, n - c, 0);
    out[r] = sum_of_lanes(total);
  }
}

inline Index at_most(Index x, Index limit) { return x < limit ? x : limit; }

/// f(block) for the blocks of keys that queries [i, i + rows) may look at.
template <class F>
TAPER_INLINE void for_key_blocks(Index i, Index rows, Index keys, bool causal, const F& f) {
  const Index end = causal ? at_most(keys, i + rows) : keys;
  for (Index j = 0; j < end; j += key_block) f(Block{i, rows, j, at_most(key_block, keys - j)});
}

}  // namespace attending

/// out (items, queries, values) = softmax(scale q k^T + mask) v, and lse (items, queries) for the gradient.
/// Source: Dao et al., FlashAttention, 2022.
template <class T, class A = Abi>
void attention(const attending::Args<T>& a, T* out, T* lse) {
  using namespace attending;
  const Index per_item = a.features * a.keys, blocks = (a.queries + query_block - 1) / query_block;
  const tiles::Scratch<T> transposed(a.items * per_item);
  parallel_for(a.items, 1 + (1 << 14) / (per_item + 1), [&](Index first, Index last) {
    for (Index b = first; b < last; ++b)
      transpose_rows<T, A>(a.keys, a.features, a.k.of(b), a.k.row, transposed.data() + b * per_item, a.keys);
  });
  parallel_for(a.items * blocks, 1, [&](Index first, Index last) {
    const tiles::Scratch<T> memory(query_block * (key_block + 2));
    T *s = memory.data(), *m = s + query_block * key_block, *l = m + query_block;
    for (; first < last; ++first) {
      const Index item = first / blocks, i = first % blocks * query_block, rows = at_most(query_block, a.queries - i);
      T* o = out + (item * a.queries + i) * a.values;
      std::fill_n(o, rows * a.values, T(0));
      std::fill_n(m, rows, -std::numeric_limits<T>::infinity());
      std::fill_n(l, rows, T(0));
      for_key_blocks(i, rows, a.keys, a.causal, [&](const Block& b) {
        gemm<T, A>(rows, b.columns, a.features, a.q.of(item) + i * a.q.row, a.q.row, 1, transposed.data() + item * per_item + b.j, a.keys, 1, s,
                   key_block, false);
        scale_and_mask<T, A>(a, item, b, s);
        online_softmax<T, A>(b, a.causal, s, m, l, o, a.values);
        gemm<T, A>(rows, a.values, b.columns, s, key_block, 1, a.v.of(item) + b.j * a.v.row, a.v.row, 1, o, a.values, true);
      });
      finish_rows<T, A>(rows, a.values, m, l, o, lse + item * a.queries + i);
    }
  });
}

/// The gradients of q, k and v, dense, from the result, its gradient g (both dense) and lse. Null ones are not made.
template <class T, class A = Abi>
void attention_backward(const attending::Args<T>& a, const T* out, const T* g, const T* lse, T* dq, T* dk, T* dv) {
  using namespace attending;
  const Index k_size = a.features * a.keys, v_size = a.values * a.keys;
  parallel_for(a.items, 1, [&](Index first, Index last) {
    const tiles::Scratch<T> memory(k_size + v_size + query_block * (2 * key_block + 1));
    T *kt = memory.data(), *vt = kt + k_size, *s = vt + v_size, *dp = s + query_block * key_block, *delta = dp + query_block * key_block;
    for (Index item = first; item < last; ++item) {
      const T *q = a.q.of(item), *k = a.k.of(item), *v = a.v.of(item);
      transpose_rows<T, A>(a.keys, a.features, k, a.k.row, kt, a.keys);
      transpose_rows<T, A>(a.keys, a.values, v, a.v.row, vt, a.keys);
      T *qg = dq ? dq + item * a.queries * a.features : nullptr, *kg = dk ? dk + item * k_size : nullptr, *vg = dv ? dv + item * v_size : nullptr;
      if (qg) std::fill_n(qg, a.queries * a.features, T(0));
      if (kg) std::fill_n(kg, k_size, T(0));
      if (vg) std::fill_n(vg, v_size, T(0));
      for (Index i = 0; i < a.queries; i += query_block) {
        const Index rows = at_most(query_block, a.queries - i);
        const T *o = out + (item * a.queries + i) * a.values, *go = g + (item * a.queries + i) * a.values;
        row_dots<T, A>(rows, a.values, o, go, delta);
        for_key_blocks(i, rows, a.keys, a.causal, [&](const Block& b) {
          gemm<T, A>(rows, b.columns, a.features, q + i * a.q.row, a.q.row, 1, kt + b.j, a.keys, 1, s, key_block, false);
          scale_and_mask<T, A>(a, item, b, s);
          gemm<T, A>(rows, b.columns, a.values, go, a.values, 1, vt + b.j, a.keys, 1, dp, key_block, false);
          score_gradients<T, A>(b, a.causal, a.scale, lse + item * a.queries + i, delta, s, dp);
          if (vg) gemm<T, A>(b.columns, a.values, rows, s, 1, key_block, go, a.values, 1, vg + b.j * a.values, a.values, true);
          if (qg) gemm<T, A>(rows, a.features, b.columns, dp, key_block, 1, k + b.j * a.k.row, a.k.row, 1, qg + i * a.features, a.features, true);
          if (kg) gemm<T, A>(b.columns, a.features, rows, dp, 1, key_block, q + i * a.q.row, a.q.row, 1, kg + b.j * a.features, a.features, true);
        });
      }
    }
  });
}

}  // namespace taper::inline TAPER_CODE::detail
