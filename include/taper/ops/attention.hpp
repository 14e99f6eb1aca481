// SPDX-License-Identifier: MIT
// Scaled dot-product attention, without a matrix of scores.
#pragma once

#include <taper/backend/cpu/attention_backward.hpp>
#include <taper/ops/attention_formula.hpp>

#include <optional>

namespace taper::inline TAPER_CODE {

struct ScaledDotProductAttentionFuncOptions {
  double dropout_p = 0;
  bool is_causal = false;
  std::optional<double> scale = {};  // 1 / sqrt(features)
  bool enable_gqa = false;
};

namespace detail {

/// x with unit stride along its last axis and a step between its rows, else a copy, recorded.
template <Scalar T, Device D>
Tensor<T, D> with_rows(const Tensor<T, D>& x) {
  const int n = x.dim();
  const bool unit = x.shape()[n - 1] <= 1 || x.strides()[n - 1] == 1;
  const bool steps = x.shape()[n - 2] <= 1 || x.strides()[n - 2] > 0;
  return unit && steps ? x : contiguous(x);
}

/// A fresh result (.., heads, rows, columns) that lies in memory as `x` does: with the heads of a row side by side where x, as a permuted
/// (n, tokens, heads, features), has them so. Put together again, transpose and reshape, they are a view of it.
template <Scalar T, Device D>
Tensor<T, D> result_beside(const Tensor<T, D>& x, const Shape& shape) {
  Tensor<T, D> out = empty_tensor<T, D>(shape);
  const int heads = shape.size() - 3;
  if (!on_host<D> || heads < 0 || x.dim() < 3 || x.shape().at(-3) <= 1 || x.strides().at(-3) <= 0 || x.strides().at(-3) >= x.strides().at(-2))
    return out;
  AxisOrder order = 0;
  for (int i = 0; i < shape.size(); ++i)
    order |= static_cast<AxisOrder>(i == heads ? heads + 1 : i == heads + 1 ? heads : i) << 4 * i;
  set_order(out.record(), order);
  return out;
}

/// Where the matrices of a tensor (.., rows, columns) begin, one for each item of the leading sizes that it is
/// broadcast to; `group` neighbouring heads share one.
class MatrixOffsets {
 public:
  template <Scalar T, Device D>
  MatrixOffsets(const Tensor<T, D>& x, const Shape& lead, std::int64_t group)
      : offsets_(lead.numel()), row_(x.shape().at(-2) > 1 ? x.strides().at(-2) : x.shape().at(-1)) {
    Strides own = x.strides();
    own.erase(own.size() - 1), own.erase(own.size() - 1);
    const Strides strides = broadcast_strides(leading(x.shape()), own, lead);
    for (std::int64_t item = 0; item < lead.numel(); ++item) {
      std::int64_t rest = item, offset = 0;
      for (int axis = lead.size() - 1; axis >= 0; --axis) {
        std::int64_t index = rest % lead[axis];
        rest /= lead[axis];
        if (axis == lead.size() - 1) index /= group;
        offset += index * strides[axis];
      }
      offsets_.data()[item] = offset;
    }
  }
  /// Of an operand, or of a result where T is not const.
  template <class T>
  AttentionRows<T> rows(T* data) const {
    return {data, offsets_.data(), row_};
  }

 private:
  tiles::Scratch<std::int64_t> offsets_;
  std::int64_t row_;
};

/// The tables that the kernels walk q, k, v and the mask by.
template <Scalar T, Device D, Scalar M>
struct AttentionPlan {
  MatrixOffsets q, k, v;
  std::optional<MatrixOffsets> mask;
  attending::Args<T> args;

  AttentionPlan(const AttentionShape& s, const Tensor<T, D>& query, const Tensor<T, D>& key, const Tensor<T, D>& value,
                const Tensor<M, D>& m)
      : q(query, s.lead, 1), k(key, s.lead, s.key_group), v(value, s.lead, s.value_group) {
    args.items = s.lead.numel();
    args.queries = s.queries, args.keys = s.keys, args.features = s.features, args.values = s.values;
    args.scale = static_cast<T>(s.scale);
    args.causal = s.causal;
    args.q = q.rows(query.data_ptr()), args.k = k.rows(key.data_ptr()), args.v = v.rows(value.data_ptr());
    if (!m.defined()) return;
    mask.emplace(m, s.lead, 1);
    if constexpr (std::same_as<M, bool>)
      args.keep = mask->rows(m.data_ptr());
    else
      args.add = mask->rows(m.data_ptr());
  }
};

template <Scalar T, Device D, Scalar M>
struct AttentionBackward {
  Saved<T, D> q, k, v;
  Saved<M, D> mask;
  Tensor<T, D> lse;
  AttentionShape shape;

  void operator()(const autograd::BackwardContext& ctx) const {
    const Tensor<T, D>&query = q.get(), &key = k.get(), &value = v.get();
    const Tensor<M, D>& m = mask.get();
    if constexpr (!first_order_only)
      if (ctx.create_graph()) return recorded_attention_gradients<T, D, M>(ctx, shape, query, key, value, m);
    const Tensor<T, D> g = with_rows(ctx.grad<T, D>()), y = ctx.output<T, D>();
    const auto make = [&](int i, const Tensor<T, D>& x, std::int64_t rows, std::int64_t columns) {
      return ctx.wants(i) ? result_beside(x, shape.with(rows, columns)) : Tensor<T, D>();
    };
    Tensor<T, D> dq = make(0, query, shape.queries, shape.features), dk = make(1, key, shape.keys, shape.features),
                 dv = make(2, value, shape.keys, shape.values);
    count_pass();
    if constexpr (on_host<D>) {
      const AttentionPlan<T, D, M> plan(shape, query, key, value, m);
      const MatrixOffsets of_y(y, shape.lead, 1), of_g(g, shape.lead, 1);
      std::optional<MatrixOffsets> of[3];
      const auto rows = [&](int i, Tensor<T, D>& x) {
        return x.defined() ? of[i].emplace(x, shape.lead, 1).rows(x.data_ptr()) : AttentionRows<T>{};
      };
      attention_backward<T>(plan.args, of_y.rows(y.data_ptr()), of_g.rows(g.data_ptr()), lse.data_ptr(), rows(0, dq), rows(1, dk), rows(2, dv));
    } else {
      const auto at = [](Tensor<T, D>& t) { return t.defined() ? t.data_ptr() : nullptr; };
      Accelerator<D>::template attention_backward<T>(shape, query.record(), key.record(), value.record(), m.defined() ? &m.record() : nullptr,
                                                     y.data_ptr(), g.record(), lse.data_ptr(), at(dq), at(dk), at(dv));
    }
    if (dq.defined()) ctx.give(0, sum_to(dq, query.shape()));
    if (dk.defined()) ctx.give(1, sum_heads(dk, key.shape(), shape.key_group));
    if (dv.defined()) ctx.give(2, sum_heads(dv, value.shape(), shape.value_group));
  }
};

template <Scalar T, Device D, Scalar M>
Tensor<T, D> attention_now(const AttentionShape& shape, const Tensor<T, D>& query, const Tensor<T, D>& key,
                           const Tensor<T, D>& value, const Tensor<M, D>& given) {
  const Tensor<T, D> q = with_rows(query), k = with_rows(key), v = with_rows(value);
  Tensor<M, D> mask = given;
  if (mask.defined()) {
    while (mask.dim() < 2) mask = unsqueeze(mask, 0);
    Shape whole_rows = mask.shape();
    whole_rows[whole_rows.size() - 1] = shape.keys;
    if (!(whole_rows == mask.shape()) || (shape.keys > 1 && mask.strides().back() != 1))
      mask = contiguous(expand(mask, whole_rows));
    whole_rows[whole_rows.size() - 2] = shape.queries;
    mask = expand(mask, whole_rows);
  }
  Tensor<T, D> y = result_beside(q, shape.with(shape.queries, shape.values));
  const Tensor<T, D> lse = empty_tensor<T, D>({shape.lead.numel() * shape.queries});
  T* lse_data = reinterpret_cast<T*>(lse.record().data);
  count_pass();
  if constexpr (on_host<D>) {
    const AttentionPlan<T, D, M> plan(shape, q, k, v, mask);
    attention<T>(plan.args, MatrixOffsets(y, shape.lead, 1).rows(y.data_ptr()), lse_data);
  } else {
    Accelerator<D>::template attention<T>(shape, q.record(), k.record(), v.record(), mask.defined() ? &mask.record() : nullptr, y.data_ptr(),
                                          lse_data);
  }
  return record_op(
      "scaled_dot_product_attention", std::move(y), true,
      AttentionBackward<T, D, M>{Saved<T, D>(q), Saved<T, D>(k), Saved<T, D>(v), Saved<M, D>(mask), lse, shape}, q, k,
      v);
}

template <Scalar T, Device D, Scalar M>
Tensor<T, D> attend(const Tensor<T, D>& q, const Tensor<T, D>& k, const Tensor<T, D>& v, const Tensor<M, D>& mask,
                    const ScaledDotProductAttentionFuncOptions& options) {
  constexpr std::string_view op = "scaled_dot_product_attention";
  AttentionShape shape(q.shape(), k.shape(), v.shape(), options.enable_gqa);
  if (!(options.dropout_p >= 0 && options.dropout_p <= 1))
    raise<ValueError>(op, "dropout_p must lie between 0 and 1, not ", options.dropout_p);
  shape.causal = options.is_causal;
  if (mask.defined()) shape.check_mask(mask.shape());
  if (options.scale) shape.scale = *options.scale;
  bool mask_wants = false;
  if constexpr (Differentiable<M>) mask_wants = mask.defined() && grad_mode() && mask.requires_grad();
  if constexpr (sizeof(T) < sizeof(compute_t<T>)) {
    using C = compute_t<T>;
    using N = std::conditional_t<std::same_as<M, bool>, bool, C>;
    ScaledDotProductAttentionFuncOptions same = options;
    Tensor<N, D> m;
    if (mask.defined()) {
      if constexpr (std::same_as<M, bool>)
        m = mask;
      else
        m = cast<C>(mask);
    }
    const Tensor<C, D> query = cast<C>(q), key = cast<C>(k), value = cast<C>(v);
    return cast<T>(attend(query, key, value, m, same));
  } else {
    if (options.dropout_p > 0 || mask_wants) {
      const Tensor<T, D> p = attention_probabilities(shape, q, k, mask);
      const Tensor<T, D> value = shared_heads(v, shape.value_group);
      if (options.dropout_p > 0) return matmul(Tensor<T, D>(dropout(p, options.dropout_p)), value);
      return matmul(p, value);
    }
    return attention_now(shape, q, k, v, mask);
  }
}

template <class M, class X>
concept AttentionMask = TensorLike<M> &&(std::same_as<value_t<M>, bool> || std::same_as<value_t<M>, value_t<X>>);

// Left incomplete: its name is the diagnostic.
template <class M>
struct error_the_mask_must_be_bool_or_of_the_dtype_of_the_query_write_cast;

template <class Q, class K, class V>
concept AttentionOperands = OfOneDType<Q, K> && OfOneDType<Q, V> && Floating<value_t<Q>>;

}  // namespace detail

/// softmax(scale q k^T + mask) v: for each query the mean of the values, weighted by how well their keys match it. No
/// matrix of scores is kept: blocks of it are made, used and forgotten, and made again for the gradient.
/// A bool mask says which keys take part, a floating one is added to the scores. With .is_causal query i looks at keys
/// 0 to i. A query whose keys are all masked gives zeros. What a masked key's value holds is multiplied by zero, so
/// that a NaN or an infinity there may still reach the result. With .dropout_p > 0 scores are dropped, whoever calls:
/// pass 0 outside training. .scale is 1 / sqrt(e) unless it is given. Shapes: q (.., l, e), k (.., s, e), v (.., s, f)
/// -> (.., l, f); leading sizes broadcast; the mask to (.., l, s). With .enable_gqa the heads (axis -3) of k and v may
/// be fewer: each serves as many neighbouring heads of q. On the host the heads of a row lie side by side in the result
/// where those of q do. Dtypes: floating, equal; float16 and bfloat16 are computed in float and rounded once. Gradient:
/// for q, k, v and a floating mask, from the result and a number per query. A mask that wants a gradient, and dropout,
/// take the scores as a whole. Throws: ShapeError; ValueError for a mask with .is_causal, or dropout_p outside [0, 1].
/// Source: Dao et al., FlashAttention, 2022.
template <TensorLike Q, TensorLike K, TensorLike V, TensorLike M>
requires(detail::AttentionOperands<Q, K, V>&& detail::AttentionMask<M, Q>) tensor_t<Q> scaled_dot_product_attention(
    Q&& q, K&& k, V&& v, M&& attn_mask, const ScaledDotProductAttentionFuncOptions& options = {}) {
  using D = device_t<Q>;
  using T = value_t<Q>;
  const Tensor<T, D> query = eval(std::forward<Q>(q)), key = eval(std::forward<K>(k)), value = eval(std::forward<V>(v));
  const Tensor<value_t<M>, D> mask = eval(std::forward<M>(attn_mask));
  return detail::attend(query, key, value, mask, options);
}
/// scaled_dot_product_attention without a mask.
template <TensorLike Q, TensorLike K, TensorLike V>
requires detail::AttentionOperands<Q, K, V> tensor_t<Q> scaled_dot_product_attention(
    Q&& q, K&& k, V&& v, const ScaledDotProductAttentionFuncOptions& options = {}) {
  return scaled_dot_product_attention(std::forward<Q>(q), std::forward<K>(k), std::forward<V>(v),
                                      Tensor<bool, device_t<Q>>(), options);
}

template <TensorLike Q, TensorLike K, TensorLike V, TensorLike M>
requires(detail::AttentionOperands<Q, K, V> && !detail::AttentionMask<M, Q>)
    detail::error_the_mask_must_be_bool_or_of_the_dtype_of_the_query_write_cast<
        value_t<M>> scaled_dot_product_attention(Q&&, K&&, V&&, M&&, const ScaledDotProductAttentionFuncOptions& = {})
= delete;
TAPER_REFUSE_TWO_DTYPES(scaled_dot_product_attention)

}  // namespace taper::inline TAPER_CODE
