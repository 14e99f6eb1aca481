// SPDX-License-Identifier: MIT
// The gradients of scaled dot-product attention: blocks of probabilities are made again from the sums that were kept.
#pragma once

#include <taper/backend/cpu/attention.hpp>

namespace taper::inline TAPER_CODE::detail {
namespace attending {

/// Scores become probabilities p = exp(s - lse) again, and dp becomes the scores' gradient p (dp - delta).
template <class T, class A>
TAPER_KERNEL void score_gradients(const Args<T>& a, Index item, const Block& b, const T* lse, const T* delta, T* s,
                                  T* dp) {
  using V = PackFor<T, A>;
  for (Index r = 0; r < b.rows; ++r, s += key_block, dp += key_block) {
    const Index n = mask_row<T, A>(a, item, b, r, s);
    for (Index c = 0; c < n; c += pack_lanes) {
      const V p = math::exp(load<V>(s + c) - V(lse[r]));
      store(s + c, p);
      store(dp + c, p * (load<V>(dp + c) - V(delta[r])));
    }
    for (Index c = b.valid(r, a.causal); c < b.columns; ++c) s[c] = dp[c] = 0;
  }
}

/// out[r] = the product of row r of x and of y.
template <class T, class A>
TAPER_KERNEL void row_dots(Index rows, Index n, const T* x, Index x_row, const T* y, Index y_row, T* out) {
  using V = PackFor<T, A>;
  using U = Four<T, A>;
  for (Index r = 0; r < rows; ++r, x += x_row, y += y_row) {
    V total(0);
    U fours(0);
    T rest = 0;
    Index c = 0;
    for (; c + pack_lanes <= n; c += pack_lanes) total = total + load<V>(x + c) * load<V>(y + c);
    for (; c + 4 <= n; c += 4) fours = fours + load<U>(x + c) * load<U>(y + c);
    for (; c < n; ++c) rest += x[c] * y[c];
    out[r] = sum_of_lanes(total) + (sum_of_lanes(fours) + rest);
  }
}

/// Adds rows that lie one behind another to those of a result.
template <class T, class A>
TAPER_KERNEL void add_rows_to(Index rows, Index n, const T* x, T* to, Index to_row) {
  using V = PackFor<T, A>;
  for (Index r = 0; r < rows; ++r, x += n, to += to_row)
    for (Index c = 0; c < n; c += pack_lanes)
      store_some(to + c, n - c, load_some<V>(to + c, n - c, 0) + load_some<V>(x + c, n - c, 0));
}

template <class T>
void zero_rows(Index rows, Index n, T* to, Index to_row) {
  for (Index r = 0; r < rows; ++r, to += to_row) std::fill_n(to, n, T(0));
}

}  // namespace attending

/// The gradients of q, k and v from the result, its gradient g and lse. Results without data are not made.
/// Where items are few their queries are dealt out as well, and what each part gives to keys and values is added up in
/// the order of the parts: sizes decide, never the number of threads.
template <class T, class A = Abi>
void attention_backward(const attending::Args<T>& a, const attending::Rows<T>& out, const attending::Rows<T>& g, const T* lse,
                        const attending::Results<T>& dq, const attending::Results<T>& dk, const attending::Results<T>& dv) {
  if constexpr (is_compiled<T, A>) {
    compiled_entry<Entry::attention_backward, decltype(attention_backward<T, A>)>()(a, out, g, lse, dq, dk, dv);
  } else {
    using namespace attending;
    constexpr Index enough = 16;
    if (a.items * a.queries * a.keys == 0) {
      for (Index item = 0; item < a.items; ++item) {
        if (dq.data) zero_rows(a.queries, a.features, dq.of(item), dq.row);
        if (dk.data) zero_rows(a.keys, a.features, dk.of(item), dk.row);
        if (dv.data) zero_rows(a.keys, a.values, dv.of(item), dv.row);
      }
      return;
    }
    const Index k_size = dk.data ? a.features * a.keys : 0, v_size = dv.data ? a.values * a.keys : 0, blocks = query_blocks(a.queries);
    const Index wanted = a.items >= enough ? 1 : (enough + a.items - 1) / a.items;
    const Index per_part = (blocks + wanted - 1) / wanted, parts = (blocks + per_part - 1) / per_part;
    const Transposes<T, A> kt(a.k, a.items, a.keys, a.features), vt(a.v, a.items, a.keys, a.values);
    // The first part of an item writes where its gradients belong, the others beside.
    const tiles::Scratch<T> partial(a.items * (parts - 1) * (k_size + v_size));
    const auto beside = [&](Index item, Index part) { return partial.data() + (item * (parts - 1) + part - 1) * (k_size + v_size); };
    const Index work = at_most(per_part * query_block, a.queries) * a.keys * (a.features + a.values);
    parallel_for(a.items * parts, 1 + tiles::serial_work / (2 * work + 1), [&](Index first, Index last) {
      const tiles::Scratch<T> memory(query_block * (2 * key_block + a.features + 1));
      T *s = memory.data(), *dp = s + query_block * key_block, *q = dp + query_block * key_block;
      T *delta = q + query_block * a.features;
      for (; first < last; ++first) {
        const Index item = first / parts, part = first % parts, begin = part * per_part * query_block,
                    end = at_most(a.queries, begin + per_part * query_block);
        const T *k = a.k.of(item), *go = g.of(item), *y = out.of(item);
        T *kg = nullptr, *vg = nullptr, *const qg = dq.data ? dq.of(item) : nullptr;
        if (dk.data) kg = part == 0 ? dk.of(item) : beside(item, part);
        if (dv.data) vg = part == 0 ? dv.of(item) : beside(item, part) + k_size;
        const Index kg_row = part == 0 ? dk.row : a.features, vg_row = part == 0 ? dv.row : a.values;
        if (a.causal && kg) zero_rows(a.keys, a.features, kg, kg_row);  // the first queries do not reach all keys
        if (a.causal && vg) zero_rows(a.keys, a.values, vg, vg_row);
        for (Index i = begin; i < end; i += query_block) {
          const bool add = a.causal || i > begin;
          const Index rows = at_most(query_block, end - i), at = item * a.queries + i;
          const T* gi = go + i * g.row;
          scaled_rows<T, A>(rows, a.features, a.scale, a.q.of(item) + i * a.q.row, a.q.row, q, a.features);
          row_dots<T, A>(rows, a.values, y + i * out.row, out.row, gi, g.row, delta);
          for_key_blocks(i, rows, a.keys, a.causal, [&](const Block& b) {
            block_product<T, A>(b, a.features, q, a.features, kt.from(item, b.j), s);
            block_product<T, A>(b, a.values, gi, g.row, vt.from(item, b.j), dp);
            score_gradients<T, A>(a, item, b, lse + at, delta, s, dp);
            if (vg) times_rows<T, A>(b.columns, a.values, rows, {s, 1, key_block}, gi, g.row, vg + b.j * vg_row, vg_row, add);
            if (kg) times_rows<T, A>(b.columns, a.features, rows, {dp, 1, key_block}, q, a.features, kg + b.j * kg_row, kg_row, add);
            if (qg)
              times_rows<T, A>(rows, a.features, b.columns, {dp, key_block, 1}, k + b.j * a.k.row, a.k.row, qg + i * dq.row, dq.row, b.j > 0);
          });
          if (qg) scaled_rows<T, A>(rows, a.features, a.scale, qg + i * dq.row, dq.row, qg + i * dq.row, dq.row);
        }
      }
    });
    if (parts == 1) return;
    parallel_for(a.items, 1, [&](Index first, Index last) {
      for (Index item = first; item < last; ++item)
        for (Index part = 1; part < parts; ++part) {
          if (dk.data) add_rows_to<T, A>(a.keys, a.features, beside(item, part), dk.of(item), dk.row);
          if (dv.data) add_rows_to<T, A>(a.keys, a.values, beside(item, part) + k_size, dv.of(item), dv.row);
        }
    });
  }
}

}  // namespace taper::inline TAPER_CODE::detail
