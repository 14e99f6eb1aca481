// SPDX-License-Identifier: MIT
// cublasGemmStridedBatchedEx by its documentation, element by element: C_i = alpha op(A_i) op(B_i) + beta C_i, all column-major.
#pragma once

#include <complex>
#include <cstdint>
#include <string>

namespace column_major {

template <class T, class S = T>
struct Arguments {
  bool transpose_a, transpose_b;
  std::int64_t m, n, k;
  S alpha;
  const T* a;
  std::int64_t lead_a, batch_a;
  const T* b;
  std::int64_t lead_b, batch_b;
  S beta;
  T* c;
  std::int64_t lead_c, batch_c, batch;
};

/// What is wrong with the arguments, or nothing, and then C holds the result. C is not read where beta is 0.
template <class T, class S = T>
std::string gemm(const Arguments<T, S>& x) {
  const auto most = [](std::int64_t a, std::int64_t b) { return a > b ? a : b; };
  if (x.m < 0 || x.n < 0 || x.k < 0 || x.batch < 0) return "a size is negative";
  if (x.lead_a < most(1, x.transpose_a ? x.k : x.m)) return "lda is too small";
  if (x.lead_b < most(1, x.transpose_b ? x.n : x.k)) return "ldb is too small";
  if (x.lead_c < most(1, x.m)) return "ldc is too small";
  for (std::int64_t i = 0; i < x.batch; ++i)
    for (std::int64_t row = 0; row < x.m; ++row)
      for (std::int64_t column = 0; column < x.n; ++column) {
        S sum{};
        for (std::int64_t p = 0; p < x.k; ++p) {
          const T a = x.a[i * x.batch_a + (x.transpose_a ? p + row * x.lead_a : row + p * x.lead_a)];
          const T b = x.b[i * x.batch_b + (x.transpose_b ? column + p * x.lead_b : p + column * x.lead_b)];
          sum += static_cast<S>(a) * static_cast<S>(b);
        }
        T& c = x.c[i * x.batch_c + row + column * x.lead_c];
        S value = x.alpha * sum;
        if (x.beta != S(0)) value += x.beta * static_cast<S>(c);
        c = static_cast<T>(value);
      }
  return "";
}

}  // namespace column_major
