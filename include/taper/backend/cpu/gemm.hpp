// SPDX-License-Identifier: MIT
// The matrix product on raw pointers: any strides of A and B, unit column stride of C, batches, all dtypes but bool.
#pragma once

#include <taper/backend/cpu/compiled.hpp>
#include <taper/backend/cpu/gemm_bfloat16.hpp>
#include <taper/backend/cpu/gemm_generic.hpp>
#include <taper/backend/cpu/gemm_half.hpp>
#include <taper/backend/cpu/gemm_paths.hpp>
#include <taper/backend/cpu/gemm_product.hpp>
#include <taper/core/parallel.hpp>
#include <taper/config.hpp>

#include <cstdint>
#include <type_traits>

namespace taper::inline TAPER_CODE::detail {
namespace tiles {

/// f(i) for every product of a batch: few large ones are each cut among the threads, others are dealt out whole.
template <class F>
void for_batch(Index batch, Index work, const F& f) {
  const auto run = [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) f(i);
  };
  const Index grain = 1 + (Index{1} << 16) / work;
  if (grain >= batch || (batch < 16 && work >= (Index{1} << 20))) return run(0, batch);
  parallel_for(batch, grain, run);
}

/// A product of so few terms that setting up tiles would cost more than the terms.
inline constexpr Index tiny_terms = 64;
template <class T, class A = Abi>
TAPER_KERNEL void tiny_product(Index m, Index n, Index k, const T* a, Index a_row, Index a_column, const T* b, Index b_row,
                               Index b_column, T* c, Index c_row, bool accumulate) {
  for (Index i = 0; i < m; ++i, a += a_row, c += c_row) {
    const T* from = b;
    for (Index j = 0; j < n; ++j, from += b_column) {
      T sum = accumulate ? c[j] : T(0);
      for (Index p = 0; p < k; ++p) sum += a[p * a_column] * from[p * b_row];
      c[j] = sum;
    }
  }
}
/// The same where the rows of B are dense and n is a multiple of tiny_lanes: that many elements at once.
template <class T>
inline constexpr Index tiny_lanes = 16 / sizeof(T);
template <class T, class A = Abi>
TAPER_KERNEL void tiny_rows(Index m, Index n, Index k, const T* a, Index a_row, Index a_column, const T* b, Index b_row, T* c,
                            Index c_row, bool accumulate) {
  using V = typename Native<T, 16>::type;
  for (Index i = 0; i < m; ++i, a += a_row, c += c_row)
    for (Index j = 0; j < n; j += tiny_lanes<T>) {
      V sum = accumulate ? load<V>(c + j) : V{};
      for (Index p = 0; p < k; ++p) sum += a[p * a_column] * load<V>(b + p * b_row + j);
      store(c + j, sum);
    }
}

}  // namespace tiles

/// C = A B, or C += A B, for A (m x k), B (k x n) with any strides and C (m x n) with unit column stride.
/// Dtypes: all but bool; float16 and bfloat16 are summed in float and rounded once (denormal
/// bfloat16 may count as zero), integers wrap.
/// Error: every element is summed in an order that the sizes and strides alone decide, whatever the number of threads.
/// Each part of C that is ready goes to the epilogue.
template <class T, class A = Abi>
void gemm(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, std::int64_t a_row_stride,
          std::int64_t a_col_stride, const T* b, std::int64_t b_row_stride, std::int64_t b_col_stride, T* c,
          std::int64_t c_row_stride, bool accumulate, const Epilogue* epilogue = nullptr) {
  static_assert(!std::is_same_v<T, bool>, "a matrix product of bool has no meaning: cast to an integer type");
  if (m <= 0 || n <= 0) return;
  const Finish<T> finish{epilogue, c, c_row_stride};
  if (k <= 0) {
    if (!accumulate)
      for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < n; ++j) c[i * c_row_stride + j] = T(0);
    return finish.all(m);
  }
  if constexpr (is_compiled<T, A>) {
    return compiled_entry<Entry::gemm, decltype(gemm<T, A>)>()(m, n, k, a, a_row_stride, a_col_stride, b, b_row_stride, b_col_stride, c,
                                                               c_row_stride, accumulate, epilogue);
  } else if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
    if (m <= tiles::tiny_terms && n <= tiles::tiny_terms && k <= tiles::tiny_terms && m * n * k <= tiles::tiny_terms)
      b_col_stride == 1 && n % tiles::tiny_lanes<T> == 0
          ? tiles::tiny_rows<T, A>(m, n, k, a, a_row_stride, a_col_stride, b, b_row_stride, c, c_row_stride, accumulate)
          : tiles::tiny_product<T, A>(m, n, k, a, a_row_stride, a_col_stride, b, b_row_stride, b_col_stride, c, c_row_stride, accumulate);
    else if (b_col_stride == 1 && b_row_stride > 0 && n > 1 && m <= 64 && k <= 128 && n <= 64 && m * n * k < tiles::serial_work &&
             !tiles::few_columns<T, A>(m, n, k))
      // Small products go straight to the tiles.
      tiles::product<T, A>(m, n, k, {a, a_row_stride, a_col_stride},
                                  {b, b_row_stride, 0, (k - 1) * b_row_stride + n}, c, c_row_stride, accumulate);
    else
      return tiles::multiply<T, A>({m, n, k, a, a_row_stride, a_col_stride, b, b_row_stride, b_col_stride, c, c_row_stride,
                                    accumulate, nullptr, finish});
  } else {
#if TAPER_HAS_AVX512BF16
    if constexpr (std::is_same_v<T, bfloat16>)
      if (m * n * k >= 4096)
        return tiles::pair_product<A>(
            {m, n, k, a, a_row_stride, a_col_stride, b, b_row_stride, b_col_stride, c, c_row_stride, accumulate, nullptr, finish});
#endif
    const tiles::Problem<T> problem{m, n, k, a, a_row_stride, a_col_stride, b, b_row_stride, b_col_stride, c, c_row_stride, accumulate, nullptr, finish};
    if constexpr (tiles::is_half<T>) return tiles::half_product<T, A>(problem);
    else tiles::generic_product<T, A>(problem);
  }
  finish.all(m);
}

/// C[i] = or += A[i] B[i] for `batch` products whose operands lie a_batch, b_batch and c_batch elements apart (0:
/// shared).
template <class T, class A = Abi>
void batched_gemm(std::int64_t batch, std::int64_t m, std::int64_t n, std::int64_t k, const T* a, std::int64_t a_batch,
                  std::int64_t a_row_stride, std::int64_t a_col_stride, const T* b, std::int64_t b_batch,
                  std::int64_t b_row_stride, std::int64_t b_col_stride, T* c, std::int64_t c_batch,
                  std::int64_t c_row_stride, bool accumulate) {
  if constexpr (is_compiled<T, A>) {
    return compiled_entry<Entry::batched_gemm, decltype(batched_gemm<T, A>)>()(batch, m, n, k, a, a_batch, a_row_stride, a_col_stride, b, b_batch,
                                                                               b_row_stride, b_col_stride, c, c_batch, c_row_stride, accumulate);
  } else {
    if (batch <= 0 || m <= 0 || n <= 0) return;
    if (batch > 1 && b_batch == 0 && a_batch == m * a_row_stride && c_batch == m * c_row_stride)  // one tall product
      return gemm<T, A>(batch * m, n, k, a, a_row_stride, a_col_stride, b, b_row_stride, b_col_stride, c, c_row_stride,
                        accumulate);
    tiles::for_batch(batch, m * n * (k > 0 ? k : 1), [&](std::int64_t i) {
      gemm<T, A>(m, n, k, a + i * a_batch, a_row_stride, a_col_stride, b + i * b_batch, b_row_stride, b_col_stride,
                 c + i * c_batch, c_row_stride, accumulate);
    });
  }
}

}  // namespace taper::inline TAPER_CODE::detail
