// SPDX-License-Identifier: MIT
// embedding: rows of a table, chosen by integers.
#pragma once

#include <taper/backend/cpu/embedding.hpp>
#include <taper/backend/number_fault.hpp>
#include <taper/ops/structural.hpp>
#include <taper/ops/view.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

template <class T>
struct error_the_indices_of_embedding_must_be_int64_or_int32_write_cast;
template <class T>
concept EmbeddingIndex = std::same_as<T, std::int64_t> || std::same_as<T, std::int32_t>;

/// What a lookup and its gradient share; skip is the row that gets no gradient, or -1.
template <Scalar I, Device D>
struct RowLookup {
  Tensor<I, D> index;  // dense
  std::int64_t rows, width, skip;
};

template <bool Take, Scalar T, Scalar I, Device D>
Tensor<T, D> look_up(const RowLookup<I, D>& l, const Tensor<T, D>& x, bool masked);

/// Taking rows and adding to them are each other's gradients.
template <bool Take, Scalar T, Scalar I, Device D>
struct EmbeddingBackward {
  RowLookup<I, D> lookup;
  Saved<I, D> index;

  void operator()(const autograd::BackwardContext& ctx) const {
    if (!ctx.wants(0)) return;
    index.get();
    const Tensor<T, D> g = dense_gradient<T, D>(ctx);
    if constexpr (!Take || !first_order_only) {
      if (!Take || ctx.create_graph()) {
        ctx.give(0, look_up<!Take>(lookup, g, true));
        return;
      }
    }
    bool fresh = false;
    count_pass();
    if constexpr (on_host<D>) {
      T* table = gradient_memory<T>(ctx, 0, fresh);
      add_rows_at<T>(lookup.index.numel(), lookup.rows, lookup.width, g.data_ptr(), lookup.index.data_ptr(), lookup.skip, table, fresh);
    } else {
      TensorRecord& table = ctx.pass().buffer(ctx.node().input(0), fresh);
      if (fresh) Accelerator<D>::template fill<T>(table, T{});
      Accelerator<D>::template add_rows<T>(table, lookup.index.data_ptr(), lookup.index.numel(), g.record(), lookup.skip);
    }
  }
};

template <bool Take, Scalar T, Scalar I, Device D>
Tensor<T, D> look_up(const RowLookup<I, D>& l, const Tensor<T, D>& input, bool masked) {
  const Tensor<T, D> x = contiguous(input);
  const std::int64_t count = l.index.numel();
  count_pass();
  Tensor<T, D> out;
  if constexpr (Take) {
    Shape shape = l.index.shape();
    shape.push_back(l.width);
    out = empty_tensor<T, D>(shape);
    // The gradient of a gradient: the row that got none gives none.
    if constexpr (on_host<D>) {
      take_rows<T>(count, l.width, x.data_ptr(), l.index.data_ptr(), out.data_ptr());
      for (std::int64_t i = 0; masked && i < count; ++i)
        for (std::int64_t k = 0; l.index.data_ptr()[i] == l.skip && k < l.width; ++k) out.data_ptr()[i * l.width + k] = T(0);
    } else {
      Accelerator<D>::take_rows(x.record(), l.index.data_ptr(), count, masked ? l.skip : -1, out.record());
    }
  } else {
    out = Tensor<T, D>(GradOpsFor<T, D>::full({l.rows, l.width}, 0));
    if constexpr (on_host<D>) add_rows_at<T>(count, l.rows, l.width, x.data_ptr(), l.index.data_ptr(), l.skip, out.data_ptr());
    else Accelerator<D>::template add_rows<T>(out.record(), l.index.data_ptr(), count, x.record(), l.skip);
  }
  return record_op("embedding", std::move(out), false, EmbeddingBackward<Take, T, I, D>{l, Saved<I, D>(l.index)}, x);
}

}  // namespace detail

/// Rows of weight: y[i..] = weight[indices[i..]].
/// Shapes: indices (..), weight (rows, width) -> (.., width). Dtypes: indices int64 or int32.
/// Gradient: added to the rows that were taken, in order; the row padding_idx (negative: from the back) gets none.
/// Throws: IndexError where an index is out of range; a GPU reports it when it is next waited for, and reads zeros there.
template <TensorLike X, TensorLike W>
  requires detail::EmbeddingIndex<value_t<X>>
tensor_t<W> embedding(X&& indices, W&& weight, std::optional<std::int64_t> padding_idx = {}) {
  using I = value_t<X>;
  using D = device_t<X>;
  const tensor_t<W> table = eval(std::forward<W>(weight));
  if (table.dim() != 2) detail::raise<ShapeError>("embedding", "weight must have 2 dimensions (rows, width), not shape ", table.shape());
  const std::int64_t rows = table.shape()[0];
  if (padding_idx && (*padding_idx < -rows || *padding_idx >= rows))
    detail::raise<IndexError>("embedding", "padding_idx ", *padding_idx, " is out of range for the ", rows, " rows of weight");
  const Tensor<I, D> index = contiguous(std::forward<X>(indices));
  const I* p = index.data_ptr();
  if constexpr (!detail::on_host<D>) detail::Accelerator<D>::check_rows("embedding", p, index.shape(), table.shape());
  else
    for (std::int64_t i = 0; i < index.numel(); ++i)
      if (p[i] < 0 || p[i] >= rows)
        base::throw_fault(base::NumberFault::of_row("embedding", index.shape(), table.shape()).at(i, p[i]));
  const std::int64_t skip = !padding_idx ? -1 : *padding_idx < 0 ? *padding_idx + rows : *padding_idx;
  return detail::look_up<true>(detail::RowLookup<I, D>{index, rows, table.shape()[1], skip}, table, false);
}
template <TensorLike X, TensorLike W, class... Rest>
  requires(!detail::EmbeddingIndex<value_t<X>>)
detail::error_the_indices_of_embedding_must_be_int64_or_int32_write_cast<value_t<X>> embedding(X&&, W&&, const Rest&...) = delete;

}  // namespace taper::inline TAPER_CODE
