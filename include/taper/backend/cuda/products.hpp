// SPDX-License-Identifier: MIT
// What multiplies matrices: products, and the steps of recurrent layers.
#pragma once

#include <taper/backend/cuda/blas_call.hpp>
#include <taper/backend/cuda/gemm.hpp>
#include <taper/backend/cuda/map.hpp>
#include <taper/backend/cuda/recurrent.hpp>

namespace taper::inline TAPER_CODE::detail {

/// A system with a library of its own for products of T: it takes a call whose operands BLAS can reach.
template <class S, class T>
concept HasBlas = requires(const GemmCall<T>& call, const BlasCall& blas) { S::gemm(call, blas); };

/// The same with a bias and an activation: false where it leaves such a product to us.
template <class S, class T>
concept FinishesProducts = requires(const GemmCall<T>& call, const BlasCall& blas, const GemmFinish<T>& finish) {
  { S::gemm(call, blas, finish) } -> std::same_as<bool>;
};

template <class D>
struct DeviceProducts : DeviceRecurrent<D, DeviceProducts<D>> {
  using System = typename D::System;

  template <class T>
  static void gemm(GemmCall<T> call) {
    static_assert(!std::same_as<T, bool>, "a matrix product of bool has no meaning: cast to an integer type");
    if (call.batch <= 0 || call.m <= 0 || call.n <= 0 || (call.k <= 0 && call.beta == 1)) return;
    if (call.batch > 1 && call.b.batch == 0 && call.a.batch == call.m * call.a.row && call.c.batch == call.m * call.c.row)
      call.m *= call.batch, call.batch = 1;  // one tall product
    if constexpr (HasBlas<System, T>) {
      const BlasCall blas(call);
      if (call.k > 0 && blas.possible_c) {
        if (blas.possible_a && blas.possible_b) return System::gemm(call, blas);
        PackedMatrices<D, T> a, b;
        if (!blas.possible_a) pack(a, call.a, call.m, call.k, call.batch);
        if (!blas.possible_b) pack(b, call.b, call.k, call.n, call.batch);
        return System::gemm(call, BlasCall(call));
      }
    }
    const GemmTiles<T> tiles(call);
    System::for_each_block(tiles.tiles(call.batch), tiles);
  }

  /// C = activation(A B + bias) in one call of a library. False, with nothing done, where there is none that does it.
  template <class T>
  static bool gemm([[maybe_unused]] const GemmCall<T>& call, [[maybe_unused]] const GemmFinish<T>& finish) {
    if constexpr (FinishesProducts<System, T>)
      if (const BlasCall blas(call); call.m > 0 && call.n > 0 && call.k > 0 && blas.possible_a && blas.possible_b && blas.possible_c)
        return System::gemm(call, blas, finish);
    return false;
  }

  /// Products over several axes of batches, `sizes` with the strides of each operand. C's are those of matrices that follow each
  /// other.
  template <class T>
  static void gemm(GemmCall<T> call, const Shape& sizes, Strides a, Strides b, const Strides& c) {
    const int inner = sizes.size() - 1;
    if (inner < 0) return gemm(call);
    PackedMatrices<D, T> packed_a, packed_b;
    if (sizes.numel() > most_calls * sizes[inner]) {  // one call, of copies
      if (!walks_as_one(sizes, a)) packed_a.pack(call.a, call.m, call.k, sizes, a);
      else call.a.batch = a[inner];
      if (!walks_as_one(sizes, b)) packed_b.pack(call.b, call.k, call.n, sizes, b);
      else call.b.batch = b[inner];
      call.batch = sizes.numel(), call.c.batch = c[inner];
      return gemm(call);
    }
    call.batch = sizes[inner], call.a.batch = a[inner], call.b.batch = b[inner], call.c.batch = c[inner];
    GemmCall<T> at = call;
    for (std::int64_t i = 0, outer = sizes.numel() / sizes[inner]; i < outer; ++i) {
      at.a.data = call.a.data, at.b.data = call.b.data, at.c.data = call.c.data;
      std::int64_t rest = i;
      for (int k = inner - 1; k >= 0; rest /= sizes[k--]) {
        const std::int64_t index = rest % sizes[k];
        at.a.data += index * a[k], at.b.data += index * b[k], at.c.data += index * c[k];
      }
      gemm(at);
    }
  }

 private:
  static constexpr std::int64_t most_calls = 4;  // of batches that do not lie evenly, before a copy is cheaper

  template <class T>
  static void pack(PackedMatrices<D, T>& packed, GemmMatrix<const T>& x, std::int64_t m, std::int64_t n, std::int64_t batch) {
    const bool shared = x.batch == 0;
    packed.pack(x, m, n, Shape{shared ? 1 : batch}, Strides{x.batch});
    if (shared) x.batch = 0;
  }
  static bool walks_as_one(const Shape& sizes, const Strides& strides) {
    for (int i = 0; i + 1 < sizes.size(); ++i)
      if (strides[i] != strides[i + 1] * sizes[i + 1]) return false;
    return true;
  }
};

}  // namespace taper::inline TAPER_CODE::detail
