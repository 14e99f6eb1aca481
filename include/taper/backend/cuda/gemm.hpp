// SPDX-License-Identifier: MIT
// The matrix product in a kernel of its own: any strides and dtype, a tile of C in the registers of each thread.
#pragma once

#include <taper/backend/cpu/gemm_generic.hpp>
#include <taper/backend/cuda/offsets.hpp>
#include <taper/backend/gemm_call.hpp>
#include <taper/core/dtype.hpp>

namespace taper::inline TAPER_CODE::detail {

/// What a device sums products of T in: float for 16-bit floats, unsigned for integers, which wrap.
template <class T>
using gemm_sum_t = tiles::Compute<compute_t<T>>;

template <class C>
TAPER_INLINE TAPER_HD void add_product(C& sum, const C& x, const C& y) {
  sum += x * y;
}
template <class R>
TAPER_INLINE TAPER_HD void add_product(std::complex<R>& sum, const std::complex<R>& x, const std::complex<R>& y) {
  sum = std::complex<R>(sum.real() + x.real() * y.real() - x.imag() * y.imag(), sum.imag() + x.real() * y.imag() + x.imag() * y.real());
}

/// A factor of a product as a number of the type that it is summed in.
template <class C>
C gemm_factor(double factor) {
  if constexpr (std::is_integral_v<C>) return static_cast<C>(static_cast<std::int64_t>(factor));
  else return static_cast<C>(static_cast<real_t<C>>(factor));
}

template <class T>
struct GemmTiles {
  using C = gemm_sum_t<T>;
  static constexpr int tile = 4;

  std::int64_t m, n, k, down, across;
  GemmMatrix<const T> a, b;
  GemmMatrix<T> c;
  C alpha, beta;
  bool reads;  // C is read

  explicit GemmTiles(const GemmCall<T>& call)
      : m(call.m), n(call.n), k(call.k), down((call.m + tile - 1) / tile), across((call.n + tile - 1) / tile), a(call.a), b(call.b), c(call.c),
        alpha(gemm_factor<C>(call.alpha)), beta(gemm_factor<C>(call.beta)), reads(call.beta != 0) {}
  std::int64_t tiles(std::int64_t batch) const { return batch * down * across; }

  TAPER_HD void operator()(std::int64_t item) const {
    const std::int64_t rest = item / across, j0 = item % across * tile, i0 = rest % down * tile, at = rest / down;
    const T *from_a = a.data + at * a.batch, *from_b = b.data + at * b.batch;
    // Rows and columns behind the last one read it again.
    std::int64_t rows[tile], columns[tile];
    for (int i = 0; i < tile; ++i) {
      rows[i] = (i0 + i < m ? i0 + i : m - 1) * a.row;
      columns[i] = (j0 + i < n ? j0 + i : n - 1) * b.column;
    }
    C sum[tile][tile] = {};
    for (std::int64_t p = 0; p < k; ++p, from_a += a.column, from_b += b.row) {
      C x[tile], y[tile];
      for (int i = 0; i < tile; ++i) x[i] = static_cast<C>(from_a[rows[i]]), y[i] = static_cast<C>(from_b[columns[i]]);
      for (int i = 0; i < tile; ++i)
        for (int j = 0; j < tile; ++j) add_product(sum[i][j], x[i], y[j]);
    }
    T* to = c.data + at * c.batch + i0 * c.row + j0 * c.column;
    for (int i = 0; i < tile; ++i)
      for (int j = 0; j < tile; ++j) {
        if (i0 + i >= m || j0 + j >= n) continue;
        T& out = to[i * c.row + j * c.column];
        C value{};
        add_product(value, alpha, sum[i][j]);
        if (reads) add_product(value, beta, static_cast<C>(out));
        out = static_cast<T>(value);
      }
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
