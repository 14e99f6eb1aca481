// SPDX-License-Identifier: MIT
// What attention's operands must agree on, and attention as a formula of differentiable functions, with all its scores.
#pragma once

#include <taper/ops/comparison.hpp>
#include <taper/ops/dropout.hpp>
#include <taper/ops/logical.hpp>
#include <taper/ops/matmul.hpp>
#include <taper/ops/repeat.hpp>
#include <taper/ops/selection.hpp>
#include <taper/ops/softmax.hpp>
#include <taper/ops/triangular.hpp>

#include <limits>

namespace taper::inline TAPER_CODE::detail {

/// The sizes of a stack of matrices without those of the matrices.
inline Shape leading(Shape shape) {
  shape.erase(shape.size() - 1);
  shape.erase(shape.size() - 1);
  return shape;
}

/// The sizes of an attention: those of its items (heads and batches, broadcast), and of each. Throws where q, k and v
/// do not agree.
struct AttentionShape {
  Shape lead;
  std::int64_t queries, keys, features, values;
  std::int64_t key_group = 1, value_group = 1;  // heads of q that share one of k, of v
  double scale;
  bool causal = false;
  Shape q, k, v;  // for messages

  AttentionShape(const Shape& query, const Shape& key, const Shape& value, bool grouped) : q(query), k(key), v(value) {
    const int rank = grouped ? 3 : 2;
    if (q.size() < rank || k.size() < rank || v.size() < rank)
      raise<ShapeError>(op, "q ", q, ", k ", k, " and v ", v, " need at least ", rank,
                        grouped ? " dimensions with enable_gqa: (.., heads, length, features)"
                                : " dimensions: (.., length, features)");
    queries = q.at(-2), keys = k.at(-2), features = q.at(-1), values = v.at(-1);
    if (features != k.at(-1))
      raise<ShapeError>(op, "the last size of q ", q, " must equal that of k ", k, ": ", features, " != ", k.at(-1));
    if (keys != v.at(-2))
      raise<ShapeError>(op, "the second-last size of k ", k, " must equal that of v ", v, ": ", keys, " != ", v.at(-2));
    Shape key_lead = leading(k), value_lead = leading(v);
    if (grouped) {
      key_group = group("k", k, key_lead);
      value_group = group("v", v, value_lead);
    }
    lead = join("k", k, leading(q), key_lead);
    lead = join("v", v, lead, value_lead);
    check_shape(op, lead);
    scale = features > 0 ? 1 / math::sqrt(static_cast<double>(features)) : 1;
  }
  /// The leading sizes, then two more.
  Shape with(std::int64_t rows, std::int64_t columns) const {
    Shape out = lead;
    out.push_back(rows), out.push_back(columns);
    return out;
  }
  void check_mask(const Shape& mask) const {
    if (causal)
      raise<ValueError>(op, "a mask of shape ", mask,
                        " is given with is_causal: pass one of them, or a mask & tril(mask)");
    const Shape all = with(queries, keys);
    bool fits = mask.size() <= all.size();
    for (int i = 1; fits && i <= mask.size(); ++i) fits = mask.at(-i) == all.at(-i) || mask.at(-i) == 1;
    if (!fits)
      raise<ShapeError>(op, "the mask ", mask, " does not broadcast to the scores ", all, " of q ", q, " and k ", k,
                        ": its sizes must be equal to them or 1");
  }

 private:
  static constexpr std::string_view op = "scaled_dot_product_attention";

  std::int64_t group(std::string_view name, const Shape& x, Shape& x_lead) const {
    const std::int64_t heads = q.at(-3), own = x.at(-3);
    if (own == 0 ? heads != 0 : heads % own != 0)
      raise<ShapeError>(op, "with enable_gqa the heads of q ", q, " must be a multiple of those of ", name, " ", x,
                        ": ", heads, " is none of ", own);
    x_lead[x_lead.size() - 1] = heads;
    return own == 0 ? 1 : heads / own;
  }
  Shape join(std::string_view name, const Shape& x, const Shape& a, const Shape& b) const {
    for (int i = 1; i <= a.size() && i <= b.size(); ++i)
      if (a.at(-i) != b.at(-i) && a.at(-i) != 1 && b.at(-i) != 1)
        raise<ShapeError>(op, "the leading sizes of q ", q, " and ", name, " ", x, " do not broadcast: ", a.at(-i),
                          " meets ", b.at(-i), " in dimension ", -i - 2,
                          i == 1 ? "; for fewer heads in k and v set enable_gqa" : "; sizes must be equal or 1");
    return broadcast_shapes(op, a, b);
  }
};

/// k or v with every head repeated for the heads of q that share it.
template <Scalar T, Device D>
Tensor<T, D> shared_heads(const Tensor<T, D>& x, std::int64_t group) {
  return group == 1 ? x : repeat_interleave(x, group, -3);
}
/// A gradient of such a tensor, also broadcast, summed to x's shape.
template <Scalar T, Device D>
Tensor<T, D> sum_heads(const Tensor<T, D>& g, const Shape& x, std::int64_t group) {
  Shape shared = x;
  if (group != 1) shared[x.size() - 3] *= group;
  const Tensor<T, D> all = sum_to(g, shared);
  if (group == 1) return all;
  const std::int64_t inner = x.at(-2) * x.at(-1), outer = leading(x).numel();
  return reshape(sum(reshape(all, {outer, group, inner}), 1), x);
}

/// softmax(scale q k^T + mask) as a tensor; rows that are masked as a whole are zero.
template <Scalar T, Device D, Scalar M>
Tensor<T, D> attention_probabilities(const AttentionShape& s, const Tensor<T, D>& q, const Tensor<T, D>& k,
                                     const Tensor<M, D>& mask) {
  constexpr double low = -std::numeric_limits<double>::infinity();
  Tensor<T, D> x = mul(matmul(q, transpose(shared_heads(k, s.key_group), -2, -1)), s.scale);
  if (s.causal) {
    Tensor<bool, D> kept = empty_tensor<bool, D>({s.queries, s.keys});
    kept.fill_(true);
    return softmax(where(tril(kept), x, low), -1);
  }
  if (!mask.defined()) return softmax(x, -1);
  // A row without a key keeps its scores, so that its softmax and the gradient of that stay finite.
  Tensor<bool, D> counts, some;
  if constexpr (std::same_as<M, bool>) {
    counts = expand(mask, s.with(s.queries, s.keys));
    some = any(counts, -1, true);
    x = where(logical_or(counts, logical_not(some)), x, low);
  } else {
    some = any(expand(Tensor<bool, D>(ne(mask, low)), s.with(s.queries, s.keys)), -1, true);
    x = add(x, where(some, mask, 0.0));
  }
  return where(some, softmax(x, -1), 0.0);
}

/// The gradients of q, k and v as differentiable functions of them.
template <Scalar T, Device D, Scalar M>
void recorded_attention_gradients(const autograd::BackwardContext& ctx, const AttentionShape& s, const Tensor<T, D>& q,
                                  const Tensor<T, D>& k, const Tensor<T, D>& v, const Tensor<M, D>& mask) {
  const Tensor<T, D> g = ctx.grad<T, D>(), p = attention_probabilities(s, q, k, mask);
  if (ctx.wants(2)) ctx.give(2, sum_heads(Tensor<T, D>(matmul(transpose(p, -2, -1), g)), v.shape(), s.value_group));
  const Tensor<T, D> dp = matmul(g, transpose(shared_heads(v, s.value_group), -2, -1));
  const Tensor<T, D> ds = mul(p * (dp - sum(p * dp, -1, true)), s.scale);
  if (ctx.wants(0)) ctx.give(0, sum_to(Tensor<T, D>(matmul(ds, shared_heads(k, s.key_group))), q.shape()));
  if (ctx.wants(1)) ctx.give(1, sum_heads(Tensor<T, D>(matmul(transpose(ds, -2, -1), q)), k.shape(), s.key_group));
}

}  // namespace taper::inline TAPER_CODE::detail
