// SPDX-License-Identifier: MIT
// Matrix products: matmul with PyTorch's rules for one, two and more dimensions, and its special cases.
#pragma once

#include <taper/backend/accelerator.hpp>
#include <taper/backend/cpu/gemm.hpp>
#include <taper/backend/gemm_call.hpp>
#include <taper/ops/arithmetic.hpp>
#include <taper/ops/structural.hpp>
#include <taper/ops/view.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

/// A stack of matrices somewhere in memory, with any strides.
template <class T>
struct Matrices {
  const T* data = nullptr;
  Shape batch;
  Strides batch_strides;
  std::int64_t rows = 1, columns = 1, row_stride = 0, column_stride = 0;

  /// A vector is one row on the left of a product, one column on the right.
  template <Device D>
  Matrices(const Tensor<T, D>& x, bool left) : data(x.data_ptr()) {
    const Shape& shape = x.shape();
    const Strides& strides = x.strides();
    const int n = shape.size();
    if (n == 1) {
      (left ? columns : rows) = shape[0];
      (left ? column_stride : row_stride) = strides[0];
      (left ? row_stride : column_stride) = 1;
      return;
    }
    rows = shape[n - 2], columns = shape[n - 1];
    row_stride = strides[n - 2], column_stride = strides[n - 1];
    for (int i = 0; i + 2 < n; ++i) {
      batch.push_back(shape[i]);
      batch_strides.push_back(strides[i]);
    }
  }
  Matrices transposed() const {
    Matrices out = *this;
    std::swap(out.rows, out.columns);
    std::swap(out.row_stride, out.column_stride);
    return out;
  }
};

/// c = or += a b over the broadcast batch; c is dense. On the host each part that is ready goes to the epilogue.
template <Device D, class T, class A = Abi>
void multiply_matrices([[maybe_unused]] std::string_view op, Matrices<T> a, const Matrices<T>& b, const Shape& batch, T* c, bool accumulate, const Epilogue* epilogue = nullptr) {
  count_pass();
  const std::int64_t m = a.rows, n = b.columns, k = a.columns;
  Shape sizes;
  Strides as, bs, cs;  // of the batch, neighbours that walk as one merged
  const Strides a_strides = broadcast_strides(a.batch, a.batch_strides, batch), b_strides = broadcast_strides(b.batch, b.batch_strides, batch);
  std::int64_t c_step = m * n;
  const Strides c_dense = contiguous_strides(batch);
  for (int i = 0; i < batch.size(); ++i) {
    if (batch[i] == 0) return;
    if (batch[i] == 1) continue;
    const int last = sizes.size() - 1;
    if (last >= 0 && as[last] == a_strides[i] * batch[i] && bs[last] == b_strides[i] * batch[i]) {
      sizes[last] *= batch[i];
      as[last] = a_strides[i], bs[last] = b_strides[i], cs[last] = c_dense[i] * c_step;
    } else {
      sizes.push_back(batch[i]);
      as.push_back(a_strides[i]), bs.push_back(b_strides[i]), cs.push_back(c_dense[i] * c_step);
    }
  }
  if constexpr (!on_host<D>) {
    const GemmCall<T> call{
        op, m, n, k, {a.data, a.row_stride, a.column_stride}, {b.data, b.row_stride, b.column_stride}, {c, n, 1}, 1, 1, accumulate ? 1.0 : 0.0};
    Accelerator<D>::gemm(call, sizes, as, bs, cs);
  } else {
    if (sizes.empty()) {
      gemm<T, A>(m, n, k, a.data, a.row_stride, a.column_stride, b.data, b.row_stride, b.column_stride, c, n, accumulate, epilogue);
      return;
    }
    const Finish<T> finish{epilogue, c, n};
    const int inner = sizes.size() - 1;
    std::int64_t index[max_rank] = {};
    const T *from_a = a.data, *from_b = b.data;
    while (true) {
      batched_gemm<T, A>(sizes[inner], m, n, k, from_a, as[inner], a.row_stride, a.column_stride, from_b, bs[inner], b.row_stride,
                         b.column_stride, c, cs[inner], n, accumulate);
      int i = inner - 1;
      for (; i >= 0; --i) {
        from_a += as[i], from_b += bs[i], c += cs[i];
        if (++index[i] < sizes[i]) break;
        from_a -= as[i] * sizes[i], from_b -= bs[i] * sizes[i], c -= cs[i] * sizes[i];
        index[i] = 0;
      }
      if (i < 0) return finish.all(batch.numel() * m);
    }
  }
}

template <Scalar T, Device D>
Tensor<T, D> matmul_now(std::string_view op, const Tensor<T, D>& a, const Tensor<T, D>& b, const Shape& result, const Epilogue* epilogue = nullptr);

/// The shape of a product of stacks of matrices or vectors; throws ShapeError where it has none.
inline Shape matmul_shape(std::string_view op, const Shape& a, const Shape& b) {
  if (a.empty() || b.empty())
    raise<ShapeError>(op, "a has shape ", a, " and b ", b, ": both need at least one dimension; use * to multiply by a number");
  const std::int64_t left = a.at(-1), right = b.size() == 1 ? b[0] : b.at(-2);
  if (left != right)
    raise<ShapeError>(op, "the last size of a ", a, " must equal the ", b.size() == 1 ? "" : "second-last ", "size of b ", b, ": ", left,
                      " != ", right);
  Shape batch_a, batch_b;
  for (int i = 0; i + 2 < a.size(); ++i) batch_a.push_back(a[i]);
  for (int i = 0; i + 2 < b.size(); ++i) batch_b.push_back(b[i]);
  Shape out = broadcast_shapes(op, batch_a, batch_b);
  if (a.size() > 1) out.push_back(a.at(-2));
  if (b.size() > 1) out.push_back(b.at(-1));
  return out;
}

template <Scalar T, Device D>
Tensor<T, D> conjugate(const Tensor<T, D>& x) {
  if constexpr (Complex<T>) return conj(x);
  else return x;
}

/// a b recorded; vectors and broadcasting are resolved in its gradients.
template <Scalar T, Device D>
struct MatmulBackward {
  Saved<T, D> a, b;

  /// Written in differentiable functions: the gradients of (.., m, k) and (.., k, n) by their ranks.
  static void give_recorded(const autograd::BackwardContext& ctx, Tensor<T, D> a, Tensor<T, D> b, Tensor<T, D> g) {
    const bool vector_a = a.dim() == 1, vector_b = b.dim() == 1;
    if (vector_b) g = unsqueeze(g, -1), b = unsqueeze(b, -1);
    if (vector_a) g = unsqueeze(g, -2), a = unsqueeze(a, -2);
    const auto product = [](const Tensor<T, D>& x, const Tensor<T, D>& y) { return matmul_now("matmul", x, y, matmul_shape("matmul", x.shape(), y.shape())); };
    if (ctx.wants(0)) {
      Tensor<T, D> da = sum_to(product(g, transpose(conjugate(b), -2, -1)), a.shape());
      ctx.give(0, vector_a ? squeeze(da, -2) : da);
    }
    if (ctx.wants(1)) {
      Tensor<T, D> db = sum_to(product(transpose(conjugate(a), -2, -1), g), b.shape());
      ctx.give(1, vector_b ? squeeze(db, -1) : db);
    }
  }
  /// The gradient of one operand, x y, added where it belongs; `summed` has the size of one operand without the batch
  /// where that operand was broadcast.
  static void give_plain(const autograd::BackwardContext& ctx, int i, const Matrices<T>& x, const Matrices<T>& y, const Shape& batch,
                         const Shape& operand_batch) {
    if (batch == operand_batch) {
      bool fresh = false;
      T* to = gradient_memory<T>(ctx, i, fresh);
      multiply_matrices<D>("matmul", x, y, batch, to, !fresh);
      return;
    }
    Shape full = batch;
    full.push_back(x.rows), full.push_back(y.columns);
    const Tensor<T, D> all = empty_tensor<T, D>(full);
    multiply_matrices<D>("matmul", x, y, batch, reinterpret_cast<T*>(all.record().data), false);
    Shape shape = operand_batch;
    shape.push_back(x.rows), shape.push_back(y.columns);
    ctx.give(i, reshape(sum_to(all, shape), ctx.input_shape(i)));
  }

  void operator()(const autograd::BackwardContext& ctx) const {
    if constexpr (!first_order_only || Complex<T>)
      if (ctx.create_graph() || Complex<T>) return give_recorded(ctx, a.get(), b.get(), ctx.grad<T, D>());
    const Tensor<T, D> g = ctx.grad<T, D>();
    const Matrices<T> ma(a.get(), true), mb(b.get(), false);
    Matrices<T> mg = ma;  // of the result's batch, m x n
    mg.data = g.data_ptr();
    const bool row = a.get().dim() > 1, column = b.get().dim() > 1;
    const int rank = g.dim() - row - column;
    mg.batch = {}, mg.batch_strides = {};
    for (int i = 0; i < rank; ++i) mg.batch.push_back(g.shape()[i]), mg.batch_strides.push_back(g.strides()[i]);
    mg.rows = ma.rows, mg.columns = mb.columns;
    mg.row_stride = row ? g.strides()[rank] : 1;
    mg.column_stride = column ? g.strides()[rank + row] : 1;
    if (ctx.wants(0)) give_plain(ctx, 0, mg, mb.transposed(), mg.batch, ma.batch);
    if (!ctx.wants(1)) return;
    // One matrix b for a stack of a: one product with the stack's rows one below another.
    if (mb.batch.empty() && rank > 0 && row && column && a.get().is_contiguous() && g.is_contiguous()) {
      Matrices<T> x = ma, y = mg;
      x.rows = y.rows = mg.batch.numel() * ma.rows;
      x.row_stride = x.columns, y.row_stride = y.columns;  // that of an only row, or column, can be any
      x.column_stride = y.column_stride = 1;
      x.batch = y.batch = {}, x.batch_strides = y.batch_strides = {};
      return give_plain(ctx, 1, x.transposed(), y, {}, {});
    }
    give_plain(ctx, 1, ma.transposed(), mg, mg.batch, mb.batch);
  }
};

template <Scalar T, Device D>
Tensor<T, D> matmul_now(std::string_view op, const Tensor<T, D>& a, const Tensor<T, D>& b, const Shape& result, const Epilogue* epilogue) {
  Tensor<T, D> out = empty_tensor<T, D>(result);
  Shape batch = result;
  if (a.dim() > 1) batch.erase(batch.size() - 1);
  if (b.dim() > 1) batch.erase(batch.size() - 1);
  multiply_matrices<D>(op, Matrices<T>(a, true), Matrices<T>(b, false), batch, out.data_ptr(), false, epilogue);
  return record_op(op, std::move(out), false, MatmulBackward<T, D>{Saved<T, D>(a), Saved<T, D>(b)}, a, b);
}

template <Scalar T, Device D>
struct MatmulProducer : ProducerBase<T, D> {
  std::string_view op;
  Held<T, D> a, b;

  MatmulProducer(std::string_view name, const Tensor<T, D>& x, const Tensor<T, D>& y)
      : ProducerBase<T, D>{matmul_shape(name, x.shape(), y.shape())}, op(name), a(x), b(y) {}
  std::int64_t columns() const { return b.get().dim() > 1 ? b.get().size(-1) : 1; }
  Tensor<T, D> operator()(const Epilogue* epilogue = nullptr) const {
    const GradMode mode(this->record != 0);
    return matmul_now(op, a.get(), b.get(), this->result, epilogue);
  }
};

template <TensorLike X, TensorLike Y>
auto product_of(std::string_view op, X&& a, Y&& b) {
  return produce(MatmulProducer<value_t<X>, device_t<X>>(op, eval(std::forward<X>(a)), eval(std::forward<Y>(b))));
}

inline void check_rank(std::string_view op, std::string_view name, const Shape& shape, int rank) {
  if (shape.size() != rank) raise<ShapeError>(op, name, " must have ", rank, rank == 1 ? " dimension, not shape " : " dimensions, not shape ", shape);
}

}  // namespace detail

/// Matrix product: C_ij = sum_k A_ik B_kj, over broadcast leading dimensions.
/// Shapes: (.., m, k) (.., k, n) -> (.., m, n); a vector on the left is a row, on the right a column, and its dimension
/// is left out of the result. Dtypes: equal, not bool. Gradient: g b^T, a^T g, summed over broadcast dimensions.
/// Throws: ShapeError where the inner sizes differ or the leading ones do not broadcast.
template <TensorLike X, TensorLike Y>
  requires detail::OfOneDType<X, Y>
auto matmul(X&& a, Y&& b) {
  return detail::product_of("matmul", std::forward<X>(a), std::forward<Y>(b));
}

/// Product of two matrices. Shapes: (m, k) (k, n) -> (m, n). Otherwise as matmul.
template <TensorLike X, TensorLike Y>
  requires detail::OfOneDType<X, Y>
auto mm(X&& a, Y&& b) {
  detail::check_rank("mm", "a", a.shape(), 2);
  detail::check_rank("mm", "b", b.shape(), 2);
  return detail::product_of("mm", std::forward<X>(a), std::forward<Y>(b));
}

/// Products of two stacks of matrices. Shapes: (b, m, k) (b, k, n) -> (b, m, n). Otherwise as matmul.
template <TensorLike X, TensorLike Y>
  requires detail::OfOneDType<X, Y>
auto bmm(X&& a, Y&& b) {
  detail::check_rank("bmm", "a", a.shape(), 3);
  detail::check_rank("bmm", "b", b.shape(), 3);
  if (a.shape()[0] != b.shape()[0])
    detail::raise<ShapeError>("bmm", "the first size of a ", a.shape(), " must equal that of b ", b.shape(), ": ", a.shape()[0], " != ", b.shape()[0]);
  return detail::product_of("bmm", std::forward<X>(a), std::forward<Y>(b));
}

/// Product of a matrix with a vector. Shapes: (m, k) (k) -> (m).
template <TensorLike X, TensorLike Y>
  requires detail::OfOneDType<X, Y>
auto mv(X&& a, Y&& x) {
  detail::check_rank("mv", "a", a.shape(), 2);
  detail::check_rank("mv", "x", x.shape(), 1);
  return detail::product_of("mv", std::forward<X>(a), std::forward<Y>(x));
}

/// Inner product of two vectors. Shapes: (n) (n) -> ().
template <TensorLike X, TensorLike Y>
  requires detail::OfOneDType<X, Y>
auto dot(X&& a, Y&& b) {
  detail::check_rank("dot", "a", a.shape(), 1);
  detail::check_rank("dot", "b", b.shape(), 1);
  return detail::product_of("dot", std::forward<X>(a), std::forward<Y>(b));
}

/// Products of all pairs of elements of two vectors. Shapes: (m) (n) -> (m, n).
template <TensorLike X, TensorLike Y>
  requires detail::OfOneDType<X, Y>
auto outer(X&& a, Y&& b) {
  detail::check_rank("outer", "a", a.shape(), 1);
  detail::check_rank("outer", "b", b.shape(), 1);
  return mul(unsqueeze(std::forward<X>(a), 1), unsqueeze(std::forward<Y>(b), 0));
}

/// beta c + alpha a b. Shapes: c broadcasts to (m, n).
template <TensorLike Z, TensorLike X, TensorLike Y>
  requires(detail::OfOneDType<X, Y> && detail::OfOneDType<X, Z>)
auto addmm(Z&& c, X&& a, Y&& b, double beta = 1, double alpha = 1) {
  return add(mul(std::forward<Z>(c), beta), mul(mm(std::forward<X>(a), std::forward<Y>(b)), alpha));
}

TAPER_REFUSE_TWO_DTYPES(matmul)
TAPER_REFUSE_TWO_DTYPES(mm)
TAPER_REFUSE_TWO_DTYPES(bmm)
TAPER_REFUSE_TWO_DTYPES(mv)
TAPER_REFUSE_TWO_DTYPES(dot)
TAPER_REFUSE_TWO_DTYPES(outer)

}  // namespace taper::inline TAPER_CODE
