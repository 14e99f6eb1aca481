// SPDX-License-Identifier: MIT
// Scaled dot-product attention on a device: a block of threads for a tile of queries, over tiles of keys.
#pragma once

#include <taper/backend/accelerator.hpp>
#include <taper/backend/cuda/attention_tiles.hpp>

#include <limits>

namespace taper::inline TAPER_CODE::detail {

/// The matrices (rows, columns) of a tensor that is broadcast to leading sizes; `group` neighbours along the last share
/// one.
template <class T>
struct DeviceMatrices {
  const T* data = nullptr;
  std::int64_t row = 0, group = 1, stride[max_rank] = {};

  DeviceMatrices() = default;
  DeviceMatrices(const TensorRecord& x, const Shape& lead, std::int64_t g)
      : data(reinterpret_cast<const T*>(x.data)),
        row(x.shape.at(-2) > 1 ? x.strides.at(-2) : x.shape.at(-1)),
        group(g) {
    Shape sizes = x.shape;
    Strides own = x.strides;
    for (int i = 0; i < 2; ++i) sizes.erase(sizes.size() - 1), own.erase(own.size() - 1);
    const Strides all = broadcast_strides(sizes, own, lead);
    for (int i = 0; i < lead.size(); ++i) stride[i] = all[i];
  }
};

/// What an attention reads. Of the masks at most one is there: `keep` says which scores count, `add` is added to them.
template <class T>
struct DeviceAttentionArgs {
  int rank;
  std::int64_t lead[max_rank];
  std::int64_t items, queries, keys, features, values;
  T scale;
  bool causal;
  DeviceMatrices<T> q, k, v, add;
  DeviceMatrices<std::uint8_t> keep;

  template <class S>
  DeviceAttentionArgs(const S& s, const TensorRecord& query, const TensorRecord& key, const TensorRecord& value,
                      const TensorRecord* mask)
      : rank(s.lead.size()),
        lead(),
        items(s.lead.numel()),
        queries(s.queries),
        keys(s.keys),
        features(s.features),
        values(s.values),
        scale(static_cast<T>(s.scale)),
        causal(s.causal),
        q(query, s.lead, 1),
        k(key, s.lead, s.key_group),
        v(value, s.lead, s.value_group) {
    for (int i = 0; i < rank; ++i) lead[i] = s.lead[i];
    if (mask && mask->dtype == DType::boolean)
      keep = {*mask, s.lead, 1};
    else if (mask)
      add = {*mask, s.lead, 1};
  }

  /// The matrix of an item; null where there is none.
  template <class U>
  TAPER_INLINE TAPER_HD const U* of(const DeviceMatrices<U>& x, std::int64_t item) const {
    if (!x.data) return nullptr;
    std::int64_t offset = 0;
    for (int axis = rank - 1; axis >= 0; --axis) {
      const std::int64_t index = item % lead[axis];
      item /= lead[axis];
      offset += (axis == rank - 1 ? index / x.group : index) * x.stride[axis];
    }
    return x.data + offset;
  }
};

/// The masks of one item.
template <class T>
struct ItemMasks {
  const T* add;
  const std::uint8_t* keep;
  std::int64_t add_row, keep_row;
  bool causal;
  T scale;

  TAPER_INLINE TAPER_HD ItemMasks(const DeviceAttentionArgs<T>& a, std::int64_t item)
      : add(a.of(a.add, item)),
        keep(a.of(a.keep, item)),
        add_row(a.add.row),
        keep_row(a.keep.row),
        causal(a.causal),
        scale(a.scale) {}
  /// The score of query i and key j from their product; -infinity where it does not count.
  TAPER_INLINE TAPER_HD T operator()(std::int64_t i, std::int64_t j, T product) const {
    constexpr T low = -std::numeric_limits<T>::infinity();
    if (causal && j > i) return low;
    T s = product * scale;
    if (add) s += add[i * add_row + j];
    if (keep && !keep[i * keep_row + j]) return low;
    return s;
  }
};

struct RowMaxima;  // these name shared memory
struct RowSums;
struct RowFactors;
struct PartialMaxima;
struct PartialSums;

/// Source: Dao et al., FlashAttention, 2022.
template <class T>
struct AttentionKernel {
  using Tile = AttentionTile<T>;
  static constexpr int parts = 256 / Tile::rows;  // of a row, each a thread's

  DeviceAttentionArgs<T> a;
  std::int64_t tiles;  // of an item's queries
  T *out, *lse;

  template <class Block>
  TAPER_HD void operator()(const Block& block, std::int64_t index) const {
    constexpr T low = -std::numeric_limits<T>::infinity();
    const std::int64_t item = index / tiles, i0 = index % tiles * Tile::rows, left = a.queries - i0,
                       n = left < Tile::rows ? left : Tile::rows;
    const T *q = a.of(a.q, item) + i0 * a.q.row, *k = a.of(a.k, item), *v = a.of(a.v, item);
    const ItemMasks<T> masks(a, item);
    T* o = out + (item * a.queries + i0) * a.values;
    const auto tile = block.template shared<FirstTile, T, Tile::elements>();
    const auto maximum = block.template shared<RowMaxima, T, Tile::rows>();
    const auto sum = block.template shared<RowSums, T, Tile::rows>();
    const auto factor = block.template shared<RowFactors, T, Tile::rows>();
    const auto maxima = block.template shared<PartialMaxima, T, Tile::rows * parts>();
    const auto sums = block.template shared<PartialSums, T, Tile::rows * parts>();
    for (std::int64_t r = block.thread(); r < Tile::rows; r += block.threads()) maximum[r] = low, sum[r] = T(0);
    clear_rows(block, n * a.values, o);
    const std::int64_t end = a.causal && i0 + n < a.keys ? i0 + n : a.keys;
    for (std::int64_t j0 = 0; j0 < end; j0 += Tile::columns) {
      const std::int64_t m = end - j0 < Tile::columns ? end - j0 : Tile::columns;
      tile_product(block, a.features, q, a.q.row, n, k + j0 * a.k.row, a.k.row, m, tile);
      block.sync();
      for (std::int64_t t = block.thread(); t < Tile::rows * parts; t += block.threads()) {
        const std::int64_t r = t % Tile::rows;
        T top = low;
        for (std::int64_t j = t / Tile::rows; r < n && j < m; j += parts) {
          const T s = masks(i0 + r, j0 + j, tile[r * Tile::pitch + j]);
          tile[r * Tile::pitch + j] = s;
          top = math::max(top, s);
        }
        maxima[t] = top;
      }
      block.sync();
      for (std::int64_t t = block.thread(); t < Tile::rows * parts; t += block.threads()) {
        const std::int64_t r = t % Tile::rows;
        const T shift = shift_of(highest(maximum, maxima, r));
        T total(0);
        for (std::int64_t j = t / Tile::rows; r < n && j < m; j += parts) {
          const T e = math::exp(T(tile[r * Tile::pitch + j]) - shift);
          tile[r * Tile::pitch + j] = e;
          total += e;
        }
        sums[t] = total;
      }
      block.sync();
      for (std::int64_t r = block.thread(); r < Tile::rows; r += block.threads()) {
        const T top = highest(maximum, maxima, r), f = math::exp(T(maximum[r]) - shift_of(top));
        T total = T(sum[r]) * f;
        for (int part = 0; part < parts; ++part) total += sums[part * Tile::rows + r];
        sum[r] = total, factor[r] = f, maximum[r] = top;
      }
      block.sync();
      add_product<true>(block, a.values, tile, factor, n, v + j0 * a.v.row, a.v.row, m, o);
    }
    block.sync();
    for (std::int64_t t = block.thread(); t < n * a.values; t += block.threads()) {
      const T l = sum[t / a.values];
      o[t] = l == T(0) ? T(0) : o[t] / l;
    }
    for (std::int64_t r = block.thread(); r < n; r += block.threads()) {
      const T l = sum[r];
      lse[item * a.queries + i0 + r] = l == T(0) ? -low : T(maximum[r]) + math::log(l);
    }
  }

 private:
  /// The maximum of a row so far, this tile's included.
  template <class S, class P>
  TAPER_INLINE TAPER_HD static T highest(const S& maximum, const P& maxima, std::int64_t r) {
    T top = maximum[r];
    for (int part = 0; part < parts; ++part) top = math::max(top, T(maxima[part * Tile::rows + r]));
    return top;
  }
  /// Where no key has counted yet the maximum is no number to subtract.
  TAPER_INLINE TAPER_HD static T shift_of(T maximum) {
    return maximum == -std::numeric_limits<T>::infinity() ? T(0) : maximum;
  }
};

}  // namespace taper::inline TAPER_CODE::detail
