// SPDX-License-Identifier: MIT
// Embedding: a table of vectors, looked up by integers.
#pragma once

#include <taper/nn/init.hpp>
#include <taper/nn/layers/input.hpp>
#include <taper/nn/repr.hpp>
#include <taper/ops/embedding.hpp>
#include <taper/ops/reduction.hpp>

#include <optional>

namespace taper::inline TAPER_CODE::nn {

/// padding_idx: a row that starts as zeros and gets no gradient, counted from the back where negative. max_norm: rows that
/// are looked up are first shortened to this norm, in place.
struct EmbeddingOptions {
  std::optional<std::int64_t> padding_idx = {};
  std::optional<double> max_norm = {};
  double norm_type = 2;
};
/// freeze: the table is not trained.
struct PretrainedEmbeddingOptions {
  bool freeze = true;
  std::optional<std::int64_t> padding_idx = {};
  std::optional<double> max_norm = {};
  double norm_type = 2;
};

/// Rows of a table: see embedding. Shapes: (..) of int64 or int32 -> (.., embedding_dim).
template <Scalar T = float, Device D = Cpu>
class Embedding {
 public:
  static_assert(ParameterScalar<T>, "an Embedding holds parameters, so its dtype must be floating or complex");

  std::int64_t num_embeddings = 0, embedding_dim = 0;
  std::optional<std::int64_t> padding_idx;
  std::optional<double> max_norm;
  double norm_type = 2;
  Parameter<T, D> weight;

  explicit Embedding(Unset) {}
  Embedding(std::int64_t rows, std::int64_t width, const EmbeddingOptions& o = {})
      : num_embeddings(rows), embedding_dim(width), padding_idx(wrapped(o.padding_idx, rows)), max_norm(o.max_norm), norm_type(o.norm_type),
        weight(empty<T, D>({rows, width})) {
    reset_parameters();
  }
  /// A table with given rows, which are copied. Shapes: (rows, width).
  static Embedding from_pretrained(const Tensor<T, D>& rows, const PretrainedEmbeddingOptions& o = {}) {
    if (rows.dim() != 2) detail::raise<ShapeError>("from_pretrained", "the rows must form a matrix, not a tensor of shape ", rows.shape());
    Embedding out{Unset{}};
    out.num_embeddings = rows.size(0), out.embedding_dim = rows.size(1);
    out.padding_idx = wrapped(o.padding_idx, rows.size(0));
    out.max_norm = o.max_norm, out.norm_type = o.norm_type;
    out.weight = Parameter<T, D>(detail::copy_of(detach(rows)));
    if constexpr (!inference_only) out.weight.requires_grad_(!o.freeze);
    return out;
  }

  void reset_parameters(Generator& generator = default_generator()) {
    init::normal_(weight, 0, 1, generator);
    if (!padding_idx) return;
    const NoGrad guard;
    select(weight, 0, *padding_idx).zero_();
  }

  template <TensorLike X>
    requires(detail::EmbeddingIndex<value_t<X>> && std::same_as<device_t<X>, D>)
  Tensor<T, D> operator()(X&& indices) const {
    const tensor_t<X> index = eval(std::forward<X>(indices));
    if (max_norm) shorten(index);
    Tensor<T, D> y = embedding(index, weight, padding_idx);
    detail::report(this, y);
    return y;
  }
  template <TensorLike X>
    requires(!detail::EmbeddingIndex<value_t<X>>)
  detail::error_the_indices_of_embedding_must_be_int64_or_int32_write_cast<value_t<X>> operator()(X&&) const = delete;

  std::string extra_repr() const {
    std::string out = detail::concat(num_embeddings, ", ", embedding_dim);
    if (padding_idx) out += detail::concat(", padding_idx=", *padding_idx);
    if (max_norm) out += detail::concat(", max_norm=", detail::repr(*max_norm));
    if (norm_type != 2) out += detail::concat(", norm_type=", detail::repr(norm_type));
    return out;
  }

 private:
  static std::optional<std::int64_t> wrapped(std::optional<std::int64_t> row, std::int64_t rows) {
    if (!row) return row;
    if (*row < -rows || *row >= rows)
      detail::raise<IndexError>("Embedding", "padding_idx ", *row, " is out of range for ", rows, " rows: use ", -rows, " to ", rows - 1);
    return *row < 0 ? *row + rows : *row;
  }
  template <class I>
  void shorten(const Tensor<I, D>& indices) const {
    if constexpr (Floating<T>) {
      const NoGrad guard;
      const Tensor<T, D> table = detach(weight);  // a handle to the same elements
      const Tensor<I, D> dense = contiguous(indices);
      for (std::int64_t i = 0; i < dense.numel(); ++i) {
        const std::int64_t k = dense.data_ptr()[i];
        if (k < 0 || k >= num_embeddings) continue;  // the lookup says so
        Tensor<T, D> row = select(table, 0, k);
        const auto length = static_cast<double>(static_cast<compute_t<T>>(norm(row, norm_type).item()));
        if (length > *max_norm) row.copy_(row * (*max_norm / (length + 1e-7)));
      }
    }
  }

 public:
  using members = Members<&Embedding::num_embeddings, &Embedding::embedding_dim, &Embedding::padding_idx, &Embedding::max_norm,
                          &Embedding::norm_type, &Embedding::weight>;
};

}  // namespace taper::inline TAPER_CODE::nn
