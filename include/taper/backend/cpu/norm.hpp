// SPDX-License-Identifier: MIT
// The passes of batch and layer norm: moments, sums with a gradient, affine maps; per channel of (n, c, inner) or per row.
#pragma once

#include <taper/backend/cpu/compiled.hpp>
#include <taper/backend/cpu/epilogue.hpp>
#include <taper/backend/cpu/gemm_pack.hpp>
#include <taper/backend/cpu/lanes.hpp>
#include <taper/core/parallel.hpp>

namespace taper::inline TAPER_ABI::base {

/// Where the elements of one channel, or of a pack of channels side by side, lie in (n, c, inner).
struct Channels {
  std::int64_t n, c, inner;
  TAPER_INLINE std::int64_t count() const { return n * inner; }
};

}  // namespace taper::inline TAPER_ABI::base

namespace taper::inline TAPER_CODE::detail {
namespace norming {

using namespace lanes;

/// Sums of f along a row of n elements, blocks apart.
template <class V, class F>
TAPER_INLINE V sum_row(std::int64_t n, const F& f) {
  V total(0);
  for (std::int64_t i = 0; i < n; i += block * pack_lanes) {
    V part(0);
    for_packs(n - i < block * pack_lanes ? n - i : block * pack_lanes,
              [&](std::int64_t k, std::int64_t count) TAPER_INLINE_LAMBDA { part = part + f(i + k, count); });
    total = total + part;
  }
  return total;
}
/// total[c] = sums of f down the columns of rows [first, last) of n x c: block after block of rows, which stay in the
/// first-level cache. of(j, count) is f for the pack of columns from j on.
template <class V, class C, class Of>
TAPER_KERNEL void sum_columns(std::int64_t c, std::int64_t first, std::int64_t last, C* total, const Of& of) {
  for (std::int64_t j = 0; j < c; ++j) total[j] = C(0);
  for (std::int64_t i = first; i < last; i += block) {
    const std::int64_t end = (i + block < last ? i + block : last) * c;
    std::int64_t j = 0;
    for (; j + 4 * pack_lanes <= c; j += 4 * pack_lanes) {  // sums that do not wait for each other
      const auto f0 = of(j, pack_lanes), f1 = of(j + pack_lanes, pack_lanes), f2 = of(j + 2 * pack_lanes, pack_lanes),
                 f3 = of(j + 3 * pack_lanes, pack_lanes);
      V p0(0), p1(0), p2(0), p3(0);
      for (std::int64_t at = i * c; at < end; at += c)
        p0 = p0 + f0(at, pack_lanes), p1 = p1 + f1(at, pack_lanes), p2 = p2 + f2(at, pack_lanes), p3 = p3 + f3(at, pack_lanes);
      store(total + j, load<V>(total + j) + p0), store(total + j + pack_lanes, load<V>(total + j + pack_lanes) + p1);
      store(total + j + 2 * pack_lanes, load<V>(total + j + 2 * pack_lanes) + p2), store(total + j + 3 * pack_lanes, load<V>(total + j + 3 * pack_lanes) + p3);
    }
    for (; j < c; j += pack_lanes) {
      const std::int64_t left = c - j;
      const auto f = of(j, left);
      V part(0);
      for (std::int64_t at = i * c; at < end; at += c) part = part + f(at, left);
      store_some(total + j, left, load_some<V>(total + j, left, C(0)) + part);
    }
  }
}
/// The same of all rows: chunks of them, which the sizes decide, are summed apart and added in their order.
template <class V, class C, class Of>
void sum_all_columns(const Channels& s, C* total, const Of& of) {
  if (s.n == 0) return sum_columns<V>(s.c, 0, 0, total, of);  // nobody else would write zeros
  const std::int64_t most = (s.n + 15) / 16, enough = 1 + (1 << 16) / (s.c + 1), grain = ((most > enough ? most : enough) + block - 1) / block * block;
  const std::int64_t chunks = s.n > grain ? (s.n - 1) / grain : 0;  // beside the first
  const tiles::Scratch<C> more(chunks * s.c);
  parallel_for(s.n, grain, [&](std::int64_t first, std::int64_t last) {
    sum_columns<V>(s.c, first, last, first == 0 ? total : more.data() + (first / grain - 1) * s.c, of);
  });
  for (std::int64_t k = 0; k < chunks; ++k)
    for (std::int64_t j = 0; j < s.c; ++j) total[j] += more.data()[k * s.c + j];
}

// What is summed. Lanes that are left over are filled so that they add nothing.
template <class T, class A>
struct Plain {
  using V = PackFor<T, A>;
  const T* x;
  TAPER_INLINE V operator()(std::int64_t i, std::int64_t count) const { return load_some<V>(x + i, count, 0); }
};
template <class T, class A>
struct SquaredDistance {
  using V = PackFor<T, A>;
  const T* x;
  V mean;
  TAPER_INLINE V operator()(std::int64_t i, std::int64_t count) const {
    if (count >= pack_lanes) {
      const V d = load<V>(x + i) - mean;
      return d * d;
    }
    alignas(64) compute_t<T> m[pack_lanes];
    store(m, mean);
    for (int k = 0; k < count; ++k) m[k] = static_cast<compute_t<T>>(x[i + k]) - m[k];
    for (std::int64_t k = count; k < pack_lanes; ++k) m[k] = 0;
    const V d = load<V>(m);
    return d * d;
  }
};
/// g (x - mean), or g alone.
template <class T, class A>
struct Covariance {
  using V = PackFor<T, A>;
  const T *g, *x;
  V mean;
  TAPER_INLINE V operator()(std::int64_t i, std::int64_t count) const {
    return load_some<V>(g + i, count, 0) * (load_some<V>(x + i, count, 0) - mean);
  }
};

/// A sum without a mean, for the pack of columns from j on.
template <class T, class A>
struct PlainColumns {
  const T* x;
  TAPER_INLINE Plain<T, A> operator()(std::int64_t j, std::int64_t) const { return {x + j}; }
};

/// Means and biased variances of channels [first, last) of a tensor whose channels are rows.
template <class T, class A>
TAPER_KERNEL void row_moments(const Channels& s, std::int64_t first, std::int64_t last, const T* x, compute_t<T>* mean, compute_t<T>* var) {
  using C = compute_t<T>;
  using V = PackFor<T, A>;
  const C scale = C(1) / static_cast<C>(s.count());
  for (std::int64_t c = first; c < last; ++c) {
    C sum(0), squares(0);
    for (std::int64_t i = 0; i < s.n; ++i)
      sum += sum_of_lanes(sum_row<V>(s.inner, Plain<T, A>{x + (i * s.c + c) * s.inner}));
    mean[c] = sum * scale;
    for (std::int64_t i = 0; i < s.n; ++i)
      squares += sum_of_lanes(sum_row<V>(s.inner, SquaredDistance<T, A>{x + (i * s.c + c) * s.inner, V(mean[c])}));
    var[c] = squares * scale;
  }
}
/// The same where channels are columns (inner is 1).
template <class T, class A>
void column_moments(const Channels& s, const T* x, compute_t<T>* mean, compute_t<T>* var) {
  using C = compute_t<T>;
  using V = PackFor<T, A>;
  const C scale = C(1) / static_cast<C>(s.n);
  sum_all_columns<V>(s, mean, PlainColumns<T, A>{x});
  for (std::int64_t j = 0; j < s.c; ++j) mean[j] *= scale;
  sum_all_columns<V>(s, var, [&](std::int64_t j, std::int64_t left) TAPER_INLINE_LAMBDA { return SquaredDistance<T, A>{x + j, load_some<V>(mean + j, left, 0)}; });
  for (std::int64_t j = 0; j < s.c; ++j) var[j] *= scale;
}
/// Sums of g and of g (x - mean).
template <class T, class A>
TAPER_KERNEL void row_sums(const Channels& s, std::int64_t first, std::int64_t last, const T* g, const T* x, const compute_t<T>* mean,
                           compute_t<T>* sum, compute_t<T>* covariance) {
  using V = PackFor<T, A>;
  for (std::int64_t c = first; c < last; ++c) {
    compute_t<T> plain(0), product(0);
    for (std::int64_t i = 0; i < s.n; ++i) {
      const std::int64_t at = (i * s.c + c) * s.inner;
      plain += sum_of_lanes(sum_row<V>(s.inner, Plain<T, A>{g + at}));
      product += sum_of_lanes(sum_row<V>(s.inner, Covariance<T, A>{g + at, x + at, V(mean[c])}));
    }
    sum[c] = plain, covariance[c] = product;
  }
}
template <class T, class A>
void column_sums(const Channels& s, const T* g, const T* x, const compute_t<T>* mean, compute_t<T>* sum, compute_t<T>* covariance) {
  using V = PackFor<T, A>;
  sum_all_columns<V>(s, sum, PlainColumns<T, A>{g});
  sum_all_columns<V>(s, covariance, [&](std::int64_t j, std::int64_t left) TAPER_INLINE_LAMBDA {
    return Covariance<T, A>{g + j, x + j, load_some<V>(mean + j, left, 0)};
  });
}

/// y = (x - mean) a + c + b g, with one number of each per channel; g may be null.
template <class T, class A>
struct Affine {
  using C = compute_t<T>;
  const T *x, *g;
  const C *mean, *a, *b, *c;
  T* y;

  template <class V>
  TAPER_INLINE void one(std::int64_t at, std::int64_t count, V m, V ka, V kb, V kc) const {
    V out = (load_some<V>(x + at, count, 0) - m) * ka + kc;
    if (g) out = out + load_some<V>(g + at, count, 0) * kb;
    store_some(y + at, count, out);
  }
  TAPER_KERNEL void rows(const Channels& s, std::int64_t first, std::int64_t last) const {
    using V = PackFor<T, A>;
    for (std::int64_t r = first; r < last; ++r) {
      const std::int64_t k = r % s.c;
      const V m(mean[k]), ka(a[k]), kb(g ? b[k] : C(0)), kc(c[k]);
      for_packs(s.inner, [&](std::int64_t i, std::int64_t count) TAPER_INLINE_LAMBDA { one(r * s.inner + i, count, m, ka, kb, kc); });
    }
  }
  TAPER_KERNEL void columns(const Channels& s, std::int64_t first, std::int64_t last) const {
    using V = PackFor<T, A>;
    for (std::int64_t i = first; i < last; ++i)  // the numbers of all channels stay in the first-level cache
      for_packs(s.c, [&](std::int64_t j, std::int64_t left) TAPER_INLINE_LAMBDA {
        one(i * s.c + j, left, load_some<V>(mean + j, left, 0), load_some<V>(a + j, left, 0), g ? load_some<V>(b + j, left, 0) : V(0),
            load_some<V>(c + j, left, 0));
      });
  }
};

}  // namespace norming

/// mean[c] and the biased var[c] of the channels of x (n, c, inner).
template <class T, class A = Abi>
void channel_moments(const Channels& s, const T* x, compute_t<T>* mean, compute_t<T>* var) {
  if constexpr (is_compiled<T, A>) {
    compiled_entry<Entry::channel_moments, decltype(channel_moments<T, A>)>()(s, x, mean, var);
  } else {
    if (s.inner == 1) return norming::column_moments<T, A>(s, x, mean, var);
    parallel_for(s.c, 1 + (1 << 15) / (s.count() + 1), [&](std::int64_t first, std::int64_t last) {
      norming::row_moments<T, A>(s, first, last, x, mean, var);
    });
  }
}
/// sum[c] = sum of g, covariance[c] = sum of g (x - mean).
template <class T, class A = Abi>
void channel_sums(const Channels& s, const T* g, const T* x, const compute_t<T>* mean, compute_t<T>* sum, compute_t<T>* covariance) {
  if constexpr (is_compiled<T, A>) {
    compiled_entry<Entry::channel_sums, decltype(channel_sums<T, A>)>()(s, g, x, mean, sum, covariance);
  } else {
    if (s.inner == 1) return norming::column_sums<T, A>(s, g, x, mean, sum, covariance);
    parallel_for(s.c, 1 + (1 << 15) / (s.count() + 1), [&](std::int64_t first, std::int64_t last) {
      norming::row_sums<T, A>(s, first, last, g, x, mean, sum, covariance);
    });
  }
}
/// y = (x - mean[c]) a[c] + b[c] g + c[c]; g and b may be null. Each part of y that is ready goes to the epilogue.
template <class T, class A = Abi>
void channel_affine(const Channels& s, const T* x, const T* g, const compute_t<T>* mean, const compute_t<T>* a, const compute_t<T>* b,
                    const compute_t<T>* c, T* y, const Epilogue* epilogue = nullptr) {
  if constexpr (is_compiled<T, A>) {
    compiled_entry<Entry::channel_affine, decltype(channel_affine<T, A>)>()(s, x, g, mean, a, b, c, y, epilogue);
  } else {
    const norming::Affine<T, A> affine{x, g, mean, a, b, c, y};
    const bool columns = s.inner == 1;
    const std::int64_t rows = columns ? s.n : s.n * s.c, length = columns ? s.c : s.inner;
    const Finish<T> finish{epilogue, y, length};
    parallel_for(rows, 1 + (1 << 14) / (length + 1), [&](std::int64_t first, std::int64_t last) {
      if (columns) affine.columns(s, first, last);
      else affine.rows(s, first, last);
      finish(first, last - first, 0, length);
    });
  }
}

/// y = (y - mean[c]) a[c] + c[c] for a part of a result whose rows belong to one channel after another, or whose columns are
/// channels.
template <class T, class A = Abi>
TAPER_KERNEL [[gnu::noinline]] void affine_part(const Part& part, std::int64_t channels, bool rows, const T* mean, const T* a, const T* c) {
  using V = norming::PackFor<T, A>;
  T* y = reinterpret_cast<T*>(part.data) + part.row * part.pitch + part.column;
  for (std::int64_t r = 0; r < part.rows; ++r, y += part.pitch) {
    const std::int64_t k = (part.row + r) % channels;
    const V km(mean[k]), ka(a[k]), kc(c[k]);
    norming::for_packs(part.columns, [&](std::int64_t i, std::int64_t count) TAPER_INLINE_LAMBDA {
      const V x = norming::load_some<V>(y + i, count, 0);
      const std::int64_t at = part.column + i;
      norming::store_some(y + i, count, rows ? (x - km) * ka + kc
                                             : (x - norming::load_some<V>(mean + at, count, 0)) * norming::load_some<V>(a + at, count, 0) +
                                                   norming::load_some<V>(c + at, count, 0));
    });
  }
}

namespace norming {

template <class T, class A>
TAPER_KERNEL void layer_rows(std::int64_t first, std::int64_t last, std::int64_t n, compute_t<T> eps, const T* x, const T* weight, const T* bias,
                             compute_t<T>* mean, compute_t<T>* inverse, T* y) {
  using C = compute_t<T>;
  using V = PackFor<T, A>;
  for (std::int64_t r = first; r < last; ++r) {
    C var;
    row_moments<T, A>({1, 1, n}, 0, 1, x + r * n, mean + r, &var);
    inverse[r] = C(1) / math::sqrt(var + eps);
    const V m(mean[r]), scale(inverse[r]);
    for_packs(n, [&](std::int64_t i, std::int64_t count) TAPER_INLINE_LAMBDA {
      V v = (load_some<V>(x + r * n + i, count, 0) - m) * scale;
      if (weight) v = v * load_some<V>(weight + i, count, 0);
      if (bias) v = v + load_some<V>(bias + i, count, 0);
      store_some(y + r * n + i, count, v);
    });
  }
}
/// dx of rows [first, last); the sums of g and of g x' over these rows are added to db and dw (may be null).
template <class T, class A>
TAPER_KERNEL void layer_rows_backward(std::int64_t first, std::int64_t last, std::int64_t n, const T* g, const T* x, const T* weight,
                                      const compute_t<T>* mean, const compute_t<T>* inverse, T* dx, compute_t<T>* dw, compute_t<T>* db) {
  using C = compute_t<T>;
  using V = PackFor<T, A>;
  for (std::int64_t r = first; r < last; ++r) {
    const T *gr = g + r * n, *xr = x + r * n;
    const V m(mean[r]), scale(inverse[r]);
    V plain(0), product(0);
    for_packs(n, [&](std::int64_t i, std::int64_t count) TAPER_INLINE_LAMBDA {
      const V up = load_some<V>(gr + i, count, 0), normal = (load_some<V>(xr + i, count, 0) - m) * scale;
      const V weighted = weight ? up * load_some<V>(weight + i, count, 0) : up;
      plain = plain + weighted;
      product = product + weighted * normal;
      if (dw) store_some(dw + i, count, load_some<V>(dw + i, count, 0) + up * normal);
      if (db) store_some(db + i, count, load_some<V>(db + i, count, 0) + up);
    });
    if (!dx) continue;
    const V sum(sum_of_lanes(plain) / static_cast<C>(n)), along(sum_of_lanes(product) / static_cast<C>(n));
    for_packs(n, [&](std::int64_t i, std::int64_t count) TAPER_INLINE_LAMBDA {
      const V up = load_some<V>(gr + i, count, 0), normal = (load_some<V>(xr + i, count, 0) - m) * scale;
      const V weighted = weight ? up * load_some<V>(weight + i, count, 0) : up;
      store_some(dx + r * n + i, count, (weighted - sum - normal * along) * scale);
    });
  }
}

/// Rows of a task of the backward pass: few tasks, as each has its own sums.
inline std::int64_t layer_grain(std::int64_t m, std::int64_t n) {
  const std::int64_t enough = 1 + (1 << 14) / (n + 1), sixteenth = (m + 15) / 16;
  return enough > sixteenth ? enough : sixteenth;
}

}  // namespace norming

/// y = (x - mean) / sqrt(var + eps) weight + bias for the rows of x (m, n); keeps each row's mean and 1 / sqrt(var + eps).
template <class T, class A = Abi>
void layer_norm_rows(std::int64_t m, std::int64_t n, double eps, const T* x, const T* weight, const T* bias, compute_t<T>* mean,
                     compute_t<T>* inverse, T* y) {
  if constexpr (is_compiled<T, A>) {
    compiled_entry<Entry::layer_norm_rows, decltype(layer_norm_rows<T, A>)>()(m, n, eps, x, weight, bias, mean, inverse, y);
  } else {
    parallel_for(m, 1 + (1 << 14) / (n + 1), [&](std::int64_t first, std::int64_t last) {
      norming::layer_rows<T, A>(first, last, n, static_cast<compute_t<T>>(eps), x, weight, bias, mean, inverse, y);
    });
  }
}
/// Its gradients; each of dx, dw and db may be null. scratch has room for layer_norm_scratch(m, n) numbers.
inline std::int64_t layer_norm_scratch(std::int64_t m, std::int64_t n) {
  return m == 0 ? 0 : 2 * n * ((m - 1) / norming::layer_grain(m, n) + 1);
}
template <class T, class A = Abi>
void layer_norm_rows_backward(std::int64_t m, std::int64_t n, const T* g, const T* x, const T* weight, const compute_t<T>* mean,
                              const compute_t<T>* inverse, T* dx, T* dw, T* db, compute_t<T>* scratch) {
  if constexpr (is_compiled<T, A>) {
    compiled_entry<Entry::layer_norm_rows_backward, decltype(layer_norm_rows_backward<T, A>)>()(m, n, g, x, weight, mean, inverse, dx, dw,
                                                                                                db, scratch);
  } else {
    using C = compute_t<T>;
    const std::int64_t grain = norming::layer_grain(m, n), tasks = m == 0 ? 0 : (m - 1) / grain + 1;
    for (std::int64_t i = 0; i < 2 * n * tasks; ++i) scratch[i] = C(0);
    parallel_for(m, grain, [&](std::int64_t first, std::int64_t last) {
      C* sums = scratch + first / grain * 2 * n;
      norming::layer_rows_backward<T, A>(first, last, n, g, x, weight, mean, inverse, dx, dw ? sums : nullptr, db ? sums + n : nullptr);
    });
    for (std::int64_t i = 0; i < n; ++i) {
      C w(0), b(0);
      for (std::int64_t t = 0; t < tasks; ++t) w += scratch[t * 2 * n + i], b += scratch[t * 2 * n + n + i];
      if (dw) dw[i] = static_cast<T>(w);
      if (db) db[i] = static_cast<T>(b);
    }
  }
}

}  // namespace taper::inline TAPER_CODE::detail
