// SPDX-License-Identifier: MIT
// The matrix product in a kernel of its own: any strides and dtype.
#pragma once

#include <taper/backend/cpu/gemm_generic.hpp>
#include <taper/backend/cuda/offsets.hpp>
#include <taper/backend/cuda/product_tiles.hpp>
#include <taper/backend/gemm_call.hpp>
#include <taper/core/dtype.hpp>

namespace taper::inline TAPER_CODE::detail {

/// What a device sums products of T in: float for 16-bit floats, unsigned for integers, which wrap.
template <class T>
using gemm_sum_t = tiles::Compute<compute_t<T>>;

/// A factor of a product as a number of the type that it is summed in.
template <class C>
C gemm_factor(double factor) {
  if constexpr (std::is_integral_v<C>) return static_cast<C>(static_cast<std::int64_t>(factor));
  else return static_cast<C>(static_cast<real_t<C>>(factor));
}

/// One tile of C: where its rows and columns begin.
template <class T>
struct GemmTile {
  using Sum = gemm_sum_t<T>;
  static constexpr bool right_along_steps = false;
  const T *a, *b;
  T* c;
  std::int64_t a_row, a_column, b_row, b_column, c_row, c_column;
  int rows, columns;
  Sum alpha, beta;
  bool reads;  // C is read

  TAPER_INLINE TAPER_HD const T* row(int r) const { return r < rows ? a + r * a_row : nullptr; }
  TAPER_INLINE TAPER_HD const T* column(int k) const { return k < columns ? b + k * b_column : nullptr; }
  TAPER_INLINE TAPER_HD std::int64_t step(std::int64_t k) const { return k; }
  TAPER_INLINE TAPER_HD Sum left(const T* row, std::int64_t k) const { return row ? static_cast<Sum>(row[k * a_column]) : Sum(0); }
  TAPER_INLINE TAPER_HD Sum right(std::int64_t k, const T* column) const { return column ? static_cast<Sum>(column[k * b_row]) : Sum(0); }
  TAPER_INLINE TAPER_HD void store(int r, int k, const Sum& sum) const {
    T& out = c[r * c_row + k * c_column];
    Sum value{};
    add_product(value, alpha, sum);
    if (reads) add_product(value, beta, static_cast<Sum>(out));
    out = static_cast<T>(value);
  }
};

template <class T>
struct GemmTiles {
  using Tile = ProductTile;
  std::int64_t m, n, k, down, across;
  GemmMatrix<const T> a, b;
  GemmMatrix<T> c;
  gemm_sum_t<T> alpha, beta;
  bool reads;

  explicit GemmTiles(const GemmCall<T>& call)
      : m(call.m), n(call.n), k(call.k), down((call.m + Tile::rows - 1) / Tile::rows), across((call.n + Tile::columns - 1) / Tile::columns),
        a(call.a), b(call.b), c(call.c), alpha(gemm_factor<gemm_sum_t<T>>(call.alpha)), beta(gemm_factor<gemm_sum_t<T>>(call.beta)),
        reads(call.beta != 0) {}
  std::int64_t tiles(std::int64_t batch) const { return batch * down * across; }

  template <class Block>
  TAPER_HD void operator()(const Block& block, std::int64_t item) const {
    const std::int64_t rest = item / across, j = item % across * Tile::columns, i = rest % down * Tile::rows, at = rest / down;
    const GemmTile<T> tile{a.data + at * a.batch + i * a.row, b.data + at * b.batch + j * b.column, c.data + at * c.batch + i * c.row + j * c.column,
                           a.row, a.column, b.row, b.column, c.row, c.column, Tile::rows_of(m - i), Tile::columns_of(n - j), alpha, beta, reads};
    multiply_tile(block, tile, 0, k);
  }
};

/// The matrices of a batch, one dense one after another.
template <class T>
struct PackMatrices {
  const T* from;
  T* to;
  Offsets<1, std::uint64_t> offsets;
  TAPER_HD void operator()(std::int64_t i) const {
    std::uint64_t at[1] = {};
    offsets.add(static_cast<std::uint64_t>(i), at);
    to[i] = from[at[0]];
  }
};

/// A dense copy of an operand's matrices.
template <class D, class T>
class PackedMatrices {
 public:
  PackedMatrices() = default;
  PackedMatrices(const PackedMatrices&) = delete;
  PackedMatrices& operator=(const PackedMatrices&) = delete;
  ~PackedMatrices() {
    if (memory_) D::deallocate(memory_, bytes_);
  }
  /// Points x, m x n matrices over axes of some sizes and strides, at a copy in which they follow each other.
  void pack(GemmMatrix<const T>& x, std::int64_t m, std::int64_t n, Shape sizes, Strides strides) {
    sizes.push_back(m), sizes.push_back(n), strides.push_back(x.row), strides.push_back(x.column);
    const DeviceOperand from{reinterpret_cast<std::byte*>(const_cast<T*>(x.data)), strides};
    const JobAxes axes(sizes, &from, 1);
    bytes_ = static_cast<std::size_t>(axes.elements) * sizeof(T);
    memory_ = D::allocate(bytes_);
    D::System::for_each(axes.elements, PackMatrices<T>{x.data, static_cast<T*>(memory_), Offsets<1, std::uint64_t>(axes)});
    x = {static_cast<const T*>(memory_), n, 1, m * n};
  }

 private:
  void* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace taper::inline TAPER_CODE::detail
