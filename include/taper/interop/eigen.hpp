// SPDX-License-Identifier: MIT
// Tensors as Eigen maps and Eigen matrices as tensors, without a copy.
#pragma once

#include <taper/core/from_blob.hpp>

#if TAPER_NVCC
#pragma nv_diagnostic push
#pragma nv_diag_suppress 20012  // Eigen marks defaulted functions for the device
#endif
#include <Eigen/Core>
#if TAPER_NVCC
#pragma nv_diagnostic pop
#endif

namespace taper::inline TAPER_CODE {

namespace detail {

/// Element types that Eigen and Taper share.
template <class T>
concept EigenScalar = Scalar<T> && !std::same_as<T, float16> && !std::same_as<T, bfloat16>;

template <class T>
using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class M>
using StridedMap = Eigen::Map<M, Eigen::Unaligned, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;
template <class M>
using DenseMap = Eigen::Map<M, Eigen::Unaligned, Eigen::OuterStride<>>;
/// M, const where T is taken from a const tensor.
template <class M, bool Const>
using const_if_t = std::conditional_t<Const, const M, M>;

/// A tensor of rank 0 to 2 as a matrix: a vector is a column.
struct MatrixGeometry {
  Eigen::Index rows = 1, cols = 1, row_step = 1, col_step = 1;

  explicit MatrixGeometry(const TensorRecord& r) {
    const int rank = r.shape.size();
    if (rank > 2)
      raise<ShapeError>("eigen_map", "Eigen has matrices and vectors: the tensor of shape ", r.shape, " has ", rank,
                        " dimensions");
    if (rank > 0) rows = r.shape[0], row_step = r.strides[0];
    if (rank == 2) cols = r.shape[1], col_step = r.strides[1];
    else col_step = rows * row_step;
  }
};

template <class M, bool Const, class T>
DenseMap<const_if_t<M, Const>> dense_map(const TensorRecord& r, T* data) {
  MatrixGeometry g(r);
  // A row vector is given a tensor's only axis, too.
  if (M::RowsAtCompileTime == 1 && r.shape.size() == 1) {
    std::swap(g.rows, g.cols);
    std::swap(g.row_step, g.col_step);
  }
  const auto wrong = [](Eigen::Index size, int fixed) { return fixed != Eigen::Dynamic && size != fixed; };
  if (wrong(g.rows, M::RowsAtCompileTime) || wrong(g.cols, M::ColsAtCompileTime))
    raise<ShapeError>("eigen_map", "a tensor of shape ", r.shape, " is no matrix of ", int{M::RowsAtCompileTime}, " x ",
                      int{M::ColsAtCompileTime}, " (-1: any size)");
  const Eigen::Index inner = M::IsRowMajor ? g.col_step : g.row_step, inner_size = M::IsRowMajor ? g.cols : g.rows;
  const Eigen::Index outer = M::IsRowMajor ? g.row_step : g.col_step, outer_size = M::IsRowMajor ? g.rows : g.cols;
  if (inner != 1 && inner_size > 1)
    raise<ShapeError>("eigen_map", "the ", M::IsRowMajor ? "rows" : "columns", " of a tensor of shape ", r.shape,
                      " and strides ", r.strides, " are not dense: use eigen_map(x) without a type, or contiguous()");
  return {data, g.rows, g.cols, Eigen::OuterStride<>(outer_size > 1 ? outer : inner_size)};
}

template <bool Const, class T>
StridedMap<const_if_t<RowMajor<std::remove_const_t<T>>, Const>> strided_map(const TensorRecord& r, T* data) {
  const MatrixGeometry g(r);
  return {data, g.rows, g.cols, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>(g.row_step, g.col_step)};
}

struct error_the_map_would_outlive_the_tensor_give_it_a_name;    // left incomplete: their names are the diagnostics
struct error_a_const_matrix_cannot_back_a_tensor_pass_a_copy_of_it;

/// A dense matrix, array, vector, or expression of them.
template <class M>
concept EigenDense = requires {
  typename M::StorageKind;
  typename M::PlainObject;
} && std::same_as<typename M::StorageKind, Eigen::Dense> && EigenScalar<typename M::Scalar>;
/// One whose elements lie in memory at fixed steps and may be written: Matrix, Array, Map, Ref, Block of these.
template <class M>
concept EigenLvalue =
    EigenDense<M> && !std::is_const_v<M> && bool(Eigen::internal::traits<M>::Flags & Eigen::DirectAccessBit) &&
    bool(Eigen::internal::is_lvalue<M>::value);

template <class M, class Deleter>
Tensor<typename M::Scalar> tensor_over(M& m, Deleter deleter) {
  using T = typename M::Scalar;
  const std::int64_t row_step = M::IsRowMajor ? m.outerStride() : m.innerStride();
  const std::int64_t col_step = M::IsRowMajor ? m.innerStride() : m.outerStride();
  if constexpr (M::IsVectorAtCompileTime)
    return from_blob<T>(m.data(), {m.size()}, {m.innerStride()}, std::move(deleter));
  else return from_blob<T>(m.data(), {m.rows(), m.cols()}, {row_step, col_step}, std::move(deleter));
}

}  // namespace detail

/// A tensor of rank 0 to 2 as an Eigen map with its strides, transposed and sliced ones included; a vector is a column.
/// Valid as long as the tensor's storage. Writing through it is not seen by the tape.
template <detail::EigenScalar T>
auto eigen_map(Tensor<T>& x) {
  return detail::strided_map<false>(x.record(), x.data_ptr());
}
template <detail::EigenScalar T>
auto eigen_map(const Tensor<T>& x) {
  return detail::strided_map<true>(x.record(), x.data_ptr());
}
/// The same as a map of matrix type M, such as Eigen::MatrixXf (the transpose of a dense tensor) or Eigen::VectorXf,
/// whose inner dimension is dense: Eigen's fast paths. Throws: ShapeError where it is not, or the sizes do not fit M.
template <class M, detail::EigenScalar T>
  requires std::same_as<typename M::Scalar, T>
auto eigen_map(Tensor<T>& x) {
  return detail::dense_map<M, false>(x.record(), x.data_ptr());
}
template <class M, detail::EigenScalar T>
  requires std::same_as<typename M::Scalar, T>
auto eigen_map(const Tensor<T>& x) {
  return detail::dense_map<M, true>(x.record(), x.data_ptr());
}
template <detail::EigenScalar T>
detail::error_the_map_would_outlive_the_tensor_give_it_a_name eigen_map(const Tensor<T>&&) = delete;
template <class M, detail::EigenScalar T>
detail::error_the_map_would_outlive_the_tensor_give_it_a_name eigen_map(const Tensor<T>&&) = delete;

/// A tensor over the memory of a named matrix, array, map or block, which must outlive it: (rows, columns), or (size)
/// of a vector.
template <detail::EigenLvalue M>
Tensor<typename M::Scalar> from_eigen(M& matrix) {
  return detail::tensor_over(matrix, detail::KeepBlob{});
}
/// A tensor that owns the value of an unnamed matrix or expression: from_eigen(a * b), from_eigen(std::move(a)).
template <class M>
  requires(!std::is_lvalue_reference_v<M> && detail::EigenDense<std::remove_const_t<M>>)
Tensor<typename M::Scalar> from_eigen(M&& matrix) {
  using Plain = typename M::PlainObject;
  auto* owned = new Plain(std::forward<M>(matrix));
  return detail::tensor_over(*owned, [owned](void*) { delete owned; });
}
template <detail::EigenDense M>
detail::error_a_const_matrix_cannot_back_a_tensor_pass_a_copy_of_it from_eigen(const M& matrix) = delete;

}  // namespace taper::inline TAPER_CODE
