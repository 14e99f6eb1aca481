// SPDX-License-Identifier: MIT
// Triangles and diagonals of matrices.
#pragma once

#include <taper/ops/index_at.hpp>
#include <taper/ops/to.hpp>
#include <taper/ops/view.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

/// A diagonal of an (m, n) matrix; those beside it are as good as the nearest.
inline std::int64_t near_diagonal(std::int64_t m, std::int64_t n, std::int64_t offset) { return offset < -m ? -m : offset > n ? n : offset; }

/// The rows of dense (.., m, n) matrices with what lies outside a triangle set to zero.
template <bool Lower>
void copy_triangle(const std::byte* x, std::byte* y, std::int64_t bytes, std::int64_t matrices, std::int64_t m, std::int64_t n, std::int64_t offset) {
  parallel_for(matrices * m, chunk_of(n), [=](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) {
      std::int64_t edge = r % m + offset + (Lower ? 1 : 0);
      edge = edge < 0 ? 0 : edge > n ? n : edge;
      const std::byte* from = x + r * n * bytes;
      std::byte* to = y + r * n * bytes;
      const std::int64_t kept = Lower ? 0 : edge, cleared = Lower ? edge : 0;
      std::memcpy(to + kept * bytes, from + kept * bytes, static_cast<std::size_t>((Lower ? edge : n - edge) * bytes));
      std::memset(to + cleared * bytes, 0, static_cast<std::size_t>((Lower ? n - edge : edge) * bytes));
    }
  });
}

template <bool Lower, Scalar T, Device D>
Tensor<T, D> triangle_of(std::string_view op, const Tensor<T, D>& x, std::int64_t offset) {
  if (x.dim() < 2)
    raise<ShapeError>(op, "a tensor of shape ", x.shape(), " is no matrix: at least two dimensions are needed");
  const RecordPtr from = dense_record_on<D>(x.handle());
  Tensor<T, D> out = empty_tensor<T, D>(x.shape());
  const std::int64_t m = x.shape().at(-2), n = x.shape().at(-1), matrices = m * n == 0 ? 0 : x.numel() / (m * n);
  offset = near_diagonal(m, n, offset);
  count_pass();
  if constexpr (!on_host<D>) Accelerator<D>::triangle(Lower, *from, offset, out.record());
  else copy_triangle<Lower>(from->data, out.record().data, sizeof(T), matrices, m, n, offset);
  auto backward = [op, offset](const autograd::BackwardContext& ctx) {
    if (ctx.wants(0)) ctx.give(0, triangle_of<Lower>(op, ctx.grad<T, D>(), offset));
  };
  return record_op(op, std::move(out), false, std::move(backward), x);
}

/// Row and column numbers (2, count) of a triangle of an (m, n) matrix.
template <bool Lower>
Tensor<std::int64_t> triangle_indices(std::string_view op, std::int64_t m, std::int64_t n, std::int64_t offset) {
  if (m < 0 || n < 0) raise<ShapeError>(op, "a matrix of shape ", Shape{m, n}, " has a negative size");
  offset = near_diagonal(m, n, offset);
  auto edge = [&](std::int64_t row) {
    const std::int64_t e = row + offset + (Lower ? 1 : 0);
    return e < 0 ? 0 : e > n ? n : e;
  };
  std::int64_t count = 0;
  for (std::int64_t r = 0; r < m; ++r) count += Lower ? edge(r) : n - edge(r);
  Tensor<std::int64_t> out = empty_tensor<std::int64_t, Cpu>({2, count});
  std::int64_t *rows = out.data_ptr(), *columns = rows + count;
  for (std::int64_t r = 0; r < m; ++r)
    for (std::int64_t c = Lower ? 0 : edge(r), end = Lower ? edge(r) : n; c < end; ++c) *rows++ = r, *columns++ = c;
  return out;
}

}  // namespace detail

/// The lower triangles of (.., m, n) matrices, zeros above; diagonal > 0 keeps more. Gradient: the same triangle of g.
/// Throws: ShapeError below two dimensions.
template <TensorLike X>
tensor_t<X> tril(X&& x, std::int64_t diagonal = 0) {
  return detail::triangle_of<true>("tril", tensor_t<X>(eval(std::forward<X>(x))), diagonal);
}
/// The upper triangles of (.., m, n) matrices, zeros below; diagonal > 0 keeps less. Gradient: the same triangle of g.
/// Throws: ShapeError below two dimensions.
template <TensorLike X>
tensor_t<X> triu(X&& x, std::int64_t diagonal = 0) {
  return detail::triangle_of<false>("triu", tensor_t<X>(eval(std::forward<X>(x))), diagonal);
}
/// Row and column numbers of a triangle of an (m, n) matrix, row by row. Shapes: (2, count).
template <Device D = Cpu>
Tensor<std::int64_t, D> tril_indices(std::int64_t m, std::int64_t n, std::int64_t offset = 0) {
  return to<D>(detail::triangle_indices<true>("tril_indices", m, n, offset));
}
template <Device D = Cpu>
Tensor<std::int64_t, D> triu_indices(std::int64_t m, std::int64_t n, std::int64_t offset = 0) {
  return to<D>(detail::triangle_indices<false>("triu_indices", m, n, offset));
}

/// Matrices that are zero but for x's last axis on their diagonal; their axes stand at axis0 and axis1 of the result.
/// Gradient: the diagonal of g.
template <TensorLike X>
tensor_t<X> diag_embed(X&& x, std::int64_t offset = 0, std::int64_t axis0 = -2, std::int64_t axis1 = -1) {
  using T = value_t<X>;
  using D = device_t<X>;
  const Tensor<T, D> t = eval(std::forward<X>(x));
  if (t.dim() == 0) detail::raise<ShapeError>("diag_embed", "a 0-dim tensor is no diagonal");
  const int a = detail::wrap_axis("diag_embed", axis0, t.dim() + 1),
            b = detail::wrap_axis("diag_embed", axis1, t.dim() + 1);
  if (a == b) detail::raise<ShapeError>("diag_embed", "the two axes of a matrix must differ: ", axis0, ", ", axis1);
  const std::int64_t n = t.shape().back() + (offset < 0 ? -offset : offset);
  Shape shape = t.shape();
  shape.erase(shape.size() - 1);
  shape.insert(a < b ? a : b, n);
  shape.insert(a < b ? b : a, n);
  detail::check_shape("diag_embed", shape);
  Tensor<T, D> out = detail::zero_tensor<T, D>(shape);
  const detail::RecordPtr at = diagonal(detach(out), offset, a, b).handle();
  detail::count_pass();
  detail::copy_into(t, out, detail::geometry_of(*at).offset, at->strides);
  auto backward = [offset, a, b](const autograd::BackwardContext& ctx) {
    if (ctx.wants(0)) ctx.give(0, diagonal(ctx.grad<T, D>(), offset, a, b));
  };
  return record_op("diag_embed", std::move(out), false, std::move(backward), t);
}

/// A square matrix with the vector x on a diagonal, or a copy of a diagonal of the matrix x. Gradient: the reverse.
template <TensorLike X>
tensor_t<X> diag(X&& x, std::int64_t offset = 0) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  if (t.dim() == 1) return diag_embed(t, offset);
  if (t.dim() != 2)
    detail::raise<ShapeError>("diag", "a tensor of shape ", t.shape(),
                              " is neither a vector nor a matrix: use diagonal or diag_embed");
  return clone(diagonal(t, offset));
}
/// A square matrix with the flattened x on a diagonal.
template <TensorLike X>
tensor_t<X> diagflat(X&& x, std::int64_t offset = 0) {
  return diag_embed(reshape(std::forward<X>(x), {-1}), offset);
}

}  // namespace taper::inline TAPER_CODE
