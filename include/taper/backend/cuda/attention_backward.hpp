// SPDX-License-Identifier: MIT
// The gradients of attention on a device: tiles of probabilities are made again from the sums that were kept; one
// kernel for queries, one for keys and values, so that nothing is added to by two blocks.
#pragma once

#include <taper/backend/cuda/attention.hpp>
#include <taper/backend/cuda/lines.hpp>

namespace taper::inline TAPER_CODE::detail {

/// delta of a query: the product of its result and the gradient of that.
template <class T>
struct AttentionDelta {
  DeviceAttentionArgs<T> a;
  DeviceMatrices<T> g;
  const T* out;
  T* delta;
  template <class Block>
  TAPER_HD void operator()(const Block& block, std::int64_t query) const {
    const T *o = out + query * a.values, *up = a.of(g, query / a.queries) + query % a.queries * g.row;
    wide_t<T> sum(0);
    for (std::int64_t k = block.thread(); k < a.values; k += block.threads()) sum += o[k] * up[k];
    const auto all = block.template reduce<SumReducer<T>>(sum);
    if (block.thread() == 0) delta[query] = static_cast<T>(all);
  }
};

/// What both kernels read.
template <class T>
struct AttentionGradientArgs {
  DeviceAttentionArgs<T> a;
  DeviceMatrices<T> g;
  const T *lse, *delta;
  std::int64_t tiles;  // of an item's queries, or keys
};

/// dq of a tile of queries.
template <class T>
struct AttentionQueryGradient : AttentionGradientArgs<T> {
  using Tile = AttentionTile<T>;
  T* dq;

  template <class Block>
  TAPER_HD void operator()(const Block& block, std::int64_t index) const {
    const auto& a = this->a;
    const std::int64_t item = index / this->tiles, i0 = index % this->tiles * Tile::rows, left = a.queries - i0,
                       n = left < Tile::rows ? left : Tile::rows;
    const T *q = a.of(a.q, item) + i0 * a.q.row, *k = a.of(a.k, item), *v = a.of(a.v, item),
            *g = a.of(this->g, item) + i0 * this->g.row;
    const T *lse = this->lse + item * a.queries + i0, *delta = this->delta + item * a.queries + i0;
    const ItemMasks<T> masks(a, item);
    T* out = dq + (item * a.queries + i0) * a.features;
    const auto tile = block.template shared<FirstTile, T, Tile::elements>(),
               second = block.template shared<SecondTile, T, Tile::elements>();
    clear_rows(block, n * a.features, out);
    const std::int64_t end = a.causal && i0 + n < a.keys ? i0 + n : a.keys;
    for (std::int64_t j0 = 0; j0 < end; j0 += Tile::columns) {
      const std::int64_t m = end - j0 < Tile::columns ? end - j0 : Tile::columns;
      tile_product(block, a.features, q, a.q.row, n, k + j0 * a.k.row, a.k.row, m, tile);
      tile_product(block, a.values, g, this->g.row, n, v + j0 * a.v.row, a.v.row, m, second);
      block.sync();
      for (std::int64_t t = block.thread(); t < Tile::rows * Tile::columns; t += block.threads()) {
        const std::int64_t r = t / Tile::columns, j = t % Tile::columns;
        if (r >= n || j >= m) continue;
        const T p = math::exp(masks(i0 + r, j0 + j, tile[r * Tile::pitch + j]) - lse[r]);
        tile[r * Tile::pitch + j] = p * (T(second[r * Tile::pitch + j]) - delta[r]) * a.scale;
      }
      block.sync();
      add_product<false>(block, a.features, tile, nullptr, n, k + j0 * a.k.row, a.k.row, m, out);
    }
  }
};

/// dk and dv of a tile of keys; either may be null.
template <class T>
struct AttentionKeyGradient : AttentionGradientArgs<T> {
  using Tile = AttentionTile<T>;
  T *dk, *dv;

  template <class Block>
  TAPER_HD void operator()(const Block& block, std::int64_t index) const {
    const auto& a = this->a;
    const std::int64_t item = index / this->tiles, j0 = index % this->tiles * Tile::rows, left = a.keys - j0,
                       n = left < Tile::rows ? left : Tile::rows;
    const T *q = a.of(a.q, item), *k = a.of(a.k, item) + j0 * a.k.row, *v = a.of(a.v, item) + j0 * a.v.row,
            *g = a.of(this->g, item);
    const T *lse = this->lse + item * a.queries, *delta = this->delta + item * a.queries;
    const ItemMasks<T> masks(a, item);
    T *k_out = dk ? dk + (item * a.keys + j0) * a.features : nullptr,
      *v_out = dv ? dv + (item * a.keys + j0) * a.values : nullptr;
    const auto tile = block.template shared<FirstTile, T, Tile::elements>(),
               second = block.template shared<SecondTile, T, Tile::elements>();
    if (dk) clear_rows(block, n * a.features, k_out);
    if (dv) clear_rows(block, n * a.values, v_out);
    // With a causal mask no query before the first of these keys looks at them.
    for (std::int64_t i0 = a.causal ? j0 / Tile::columns * Tile::columns : 0; i0 < a.queries; i0 += Tile::columns) {
      const std::int64_t m = a.queries - i0 < Tile::columns ? a.queries - i0 : Tile::columns;
      tile_product(block, a.features, k, a.k.row, n, q + i0 * a.q.row, a.q.row, m, tile);
      if (dk) tile_product(block, a.values, v, a.v.row, n, g + i0 * this->g.row, this->g.row, m, second);
      block.sync();
      for (std::int64_t t = block.thread(); t < Tile::rows * Tile::columns; t += block.threads()) {
        const std::int64_t r = t / Tile::columns, i = t % Tile::columns;
        if (r >= n || i >= m) continue;
        const T p = math::exp(masks(i0 + i, j0 + r, tile[r * Tile::pitch + i]) - lse[i0 + i]);
        tile[r * Tile::pitch + i] = p;
        if (dk) second[r * Tile::pitch + i] = p * (T(second[r * Tile::pitch + i]) - delta[i0 + i]) * a.scale;
      }
      block.sync();
      if (dv) add_product<false>(block, a.values, tile, nullptr, n, g + i0 * this->g.row, this->g.row, m, v_out);
      if (dk) add_product<false>(block, a.features, second, nullptr, n, q + i0 * a.q.row, a.q.row, m, k_out);
    }
  }
};

template <class D>
struct DeviceAttention {
  using System = typename D::System;

  /// out (items, queries, values) = softmax(scale q k^T + mask) v, and lse (items, queries) for the gradient. Shape:
  /// ops/'s AttentionShape; mask: bool or T, or null.
  template <class T, class Shape>
  static void attention(const Shape& s, const TensorRecord& q, const TensorRecord& k, const TensorRecord& v,
                        const TensorRecord* mask, T* out, T* lse) {
    check_here<D>("scaled_dot_product_attention", {&q, &k, &v, mask});
    const DeviceAttentionArgs<T> args(s, q, k, v, mask);
    const std::int64_t tiles = tiles_of<T>(args.queries);
    if (args.items * tiles > 0) System::for_each_block(args.items * tiles, AttentionKernel<T>{args, tiles, out, lse});
  }
  /// The gradients of q, k and v, dense per item, from the dense result and its gradient g. Null ones are not made.
  template <class T, class Shape>
  static void attention_backward(const Shape& s, const TensorRecord& q, const TensorRecord& k, const TensorRecord& v,
                                 const TensorRecord* mask, const T* out, const TensorRecord& g, const T* lse, T* dq,
                                 T* dk, T* dv) {
    const DeviceAttentionArgs<T> args(s, q, k, v, mask);
    const DeviceMatrices<T> up(g, s.lead, 1);
    const std::int64_t rows = args.items * args.queries;
    const std::size_t bytes = static_cast<std::size_t>(rows) * sizeof(T);
    T* delta = rows > 0 ? static_cast<T*>(D::allocate(bytes)) : nullptr;
    for_each_line<D>({rows, args.values, 1}, AttentionDelta<T>{args, up, out, delta});
    AttentionGradientArgs<T> both{args, up, lse, delta, tiles_of<T>(args.queries)};
    if (dq && args.items * both.tiles > 0)
      System::for_each_block(args.items * both.tiles, AttentionQueryGradient<T>{both, dq});
    both.tiles = tiles_of<T>(args.keys);
    if ((dk || dv) && args.items * both.tiles > 0)
      System::for_each_block(args.items * both.tiles, AttentionKeyGradient<T>{both, dk, dv});
    if (delta) D::deallocate(delta, bytes);
  }

 private:
  template <class T>
  static std::int64_t tiles_of(std::int64_t rows) {
    return (rows + AttentionTile<T>::rows - 1) / AttentionTile<T>::rows;
  }
};

}  // namespace taper::inline TAPER_CODE::detail
