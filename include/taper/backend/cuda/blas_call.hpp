// SPDX-License-Identifier: MIT
// A product by strides as BLAS wants it said: column-major matrices, leading dimensions, transposes.
#pragma once

#include <taper/backend/gemm_call.hpp>

namespace taper::inline TAPER_ABI::base {

/// A matrix of a given size as BLAS reaches it: columns `lead` elements apart, or rows where it is transposed.
struct BlasMatrix {
  bool possible = false, transposed = false;
  std::int64_t lead = 0;

  /// A leading dimension is at least as long as what lies side by side; a size of 1 lets any stride pass.
  BlasMatrix(std::int64_t rows, std::int64_t columns, std::int64_t row, std::int64_t column) {
    const auto fits = [this](std::int64_t along, std::int64_t across, std::int64_t step, std::int64_t far) {
      const std::int64_t least = along > 1 ? along : 1;
      lead = across == 1 ? least : far;
      return possible = (step == 1 || along == 1) && lead >= least;
    };
    if (!fits(rows, columns, row, column)) transposed = fits(columns, rows, column, row);
  }
};

/// The arguments of cublasGemmStridedBatchedEx. C' = op(A') op(B') with C' (m x n) column by column: C itself, or its transpose,
/// the product of the transposes, where C lies row by row.
struct BlasCall {
  bool possible_a, possible_b, possible_c;  // false: the operand lies in no way that BLAS knows
  bool swapped;                             // A' is B, B' is A
  bool transpose_a, transpose_b;
  std::int64_t m, n, k;
  std::int64_t lead_a, lead_b, lead_c;
  std::int64_t batch_a, batch_b, batch_c;

  template <class T>
  explicit BlasCall(const GemmCall<T>& call) : k(call.k) {
    const BlasMatrix c(call.n, call.m, call.c.column, call.c.row);  // the transpose
    swapped = !c.transposed;
    const BlasMatrix a = swapped ? BlasMatrix(call.k, call.m, call.a.column, call.a.row) : BlasMatrix(call.m, call.k, call.a.row, call.a.column);
    const BlasMatrix b = swapped ? BlasMatrix(call.n, call.k, call.b.column, call.b.row) : BlasMatrix(call.k, call.n, call.b.row, call.b.column);
    const BlasMatrix &first = swapped ? b : a, &second = swapped ? a : b;
    possible_a = a.possible, possible_b = b.possible, possible_c = c.possible;
    m = swapped ? call.n : call.m, n = swapped ? call.m : call.n;
    transpose_a = first.transposed, transpose_b = second.transposed;
    lead_a = first.lead, lead_b = second.lead, lead_c = c.lead;
    batch_a = swapped ? call.b.batch : call.a.batch, batch_b = swapped ? call.a.batch : call.b.batch, batch_c = call.c.batch;
  }
};

}  // namespace taper::inline TAPER_ABI::base
