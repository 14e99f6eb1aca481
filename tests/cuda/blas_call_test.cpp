// SPDX-License-Identifier: MIT
// What a BLAS is told of a product by strides: column-major by its definition, it must give the product, write all of C, and
// read C only where beta is not 0.
#include <taper/backend/cuda/blas_call.hpp>

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/column_major.hpp"

using taper::detail::BlasCall;
using taper::detail::BlasMatrix;
using taper::detail::GemmCall;
using taper::detail::GemmMatrix;

namespace {

std::mt19937 random_bits(7);
std::int64_t below(std::int64_t n) { return std::uniform_int_distribution<std::int64_t>(0, n - 1)(random_bits); }

/// Small whole numbers: their products and sums are exact.
struct Memory {
  std::vector<double> all;
  std::int64_t row = 0, column = 0, batch = 0;
  bool reachable = false;  // a vector always is, a matrix where its rows or its columns lie side by side

  /// `layout` 0: rows lie side by side, 1: columns, 2: neither. Gaps lie between rows and between matrices, and `shared` ones are one.
  Memory(std::int64_t batches, std::int64_t rows, std::int64_t columns, std::int64_t layout, bool shared) {
    reachable = layout != 2 || rows == 1 || columns == 1;
    const std::int64_t step = layout == 2 ? 2 : 1;
    std::int64_t &along = layout == 1 ? row : column, &across = layout == 1 ? column : row;
    const std::int64_t n = layout == 1 ? rows : columns, far = layout == 1 ? columns : rows;
    along = step, across = n * step + below(3);
    batch = shared ? 0 : far * across + below(5);
    // A stride along one element means nothing: anything may stand there.
    if (rows == 1 && below(2)) row = below(4);
    if (columns == 1 && below(2)) column = below(4);
    all.resize(static_cast<std::size_t>(batches * batch + far * across + n * step + 64));
    for (double& x : all) x = static_cast<double>(below(9) - 4);
  }
  template <class T>
  GemmMatrix<T> matrix() {
    return {all.data(), row, column, batch};
  }
  double& at(std::int64_t k, std::int64_t i, std::int64_t j) { return all[static_cast<std::size_t>(k * batch + i * row + j * column)]; }
};

}  // namespace

TEST_CASE("a BLAS gives the product of any strides that it knows") {
  int ran = 0, refused = 0;
  for (int round = 0; round < 20000; ++round) {
    const std::int64_t m = 1 + below(5), n = 1 + below(5), k = 1 + below(5), batch = 1 + below(3);
    Memory a(batch, m, k, below(3), below(3) == 0), b(batch, k, n, below(3), below(3) == 0), c(batch, m, n, below(2), false);
    const double alpha = static_cast<double>(below(3)) - 1, beta = static_cast<double>(below(3)) - 1;
    const double nothing = std::numeric_limits<double>::quiet_NaN();
    if (beta == 0) std::fill(c.all.begin(), c.all.end(), nothing);
    const std::vector<double> before = c.all;
    Memory expected = c;
    std::vector<char> written(c.all.size());
    for (std::int64_t s = 0; s < batch; ++s)
      for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (std::int64_t p = 0; p < k; ++p) sum += a.at(s, i, p) * b.at(s, p, j);
          expected.at(s, i, j) = alpha * sum + (beta == 0 ? 0 : beta * c.at(s, i, j));
          written[static_cast<std::size_t>(&expected.at(s, i, j) - expected.all.data())] = 1;
        }
    const GemmCall<double> call{"gemm", m, n, k, a.matrix<const double>(), b.matrix<const double>(), c.matrix<double>(), batch, alpha, beta};
    const BlasCall blas(call);
    INFO("m " << m << ", n " << n << ", k " << k << ", a (" << a.row << ", " << a.column << "), b (" << b.row << ", " << b.column << "), c (" << c.row
              << ", " << c.column << ")");
    CHECK(blas.possible_a == a.reachable);
    CHECK(blas.possible_b == b.reachable);
    CHECK(blas.possible_c);
    if (!blas.possible_a || !blas.possible_b) {
      ++refused;
      continue;
    }
    const double *first = blas.swapped ? b.all.data() : a.all.data(), *second = blas.swapped ? a.all.data() : b.all.data();
    REQUIRE(column_major::gemm<double>({blas.transpose_a, blas.transpose_b, blas.m, blas.n, blas.k, alpha, first, blas.lead_a, blas.batch_a, second,
                                        blas.lead_b, blas.batch_b, beta, c.all.data(), blas.lead_c, blas.batch_c, batch}) == "");
    bool same = true;
    for (std::size_t i = 0; i < c.all.size(); ++i)
      same = same && (written[i] ? c.all[i] == expected.all[i] : c.all[i] == before[i] || (c.all[i] != c.all[i] && before[i] != before[i]));
    REQUIRE(same);
    ++ran;
  }
  CHECK(ran > 5000);
  CHECK(refused > 5000);
}

TEST_CASE("dense operands and their transposes are never refused, steps and overlaps are") {
  for (const std::int64_t rows : {1, 2, 7})
    for (const std::int64_t columns : {1, 2, 7}) {
      CHECK(BlasMatrix(rows, columns, columns, 1).possible);
      CHECK(BlasMatrix(rows, columns, 1, rows).possible);
    }
  // A stride along one element says nothing, and a column is no transposed row.
  CHECK(BlasMatrix(1, 1, 0, 0).possible);
  const BlasMatrix vector(7, 1, 1, 1);
  CHECK(!vector.transposed);
  CHECK(vector.lead == 7);
  CHECK(!BlasMatrix(3, 4, 8, 2).possible);  // every other element
  CHECK(!BlasMatrix(3, 4, 0, 1).possible);  // one row, expanded
  CHECK(!BlasMatrix(3, 4, 1, 0).possible);
  CHECK(!BlasMatrix(3, 4, 1, 1).possible);  // windows that overlap
  CHECK(!BlasMatrix(3, 4, 2, 1).possible);
}

TEST_CASE("a dense C is taken row by row") {
  for (const std::int64_t m : {1, 5}) {
    const GemmCall<float> call{"gemm", m, 3, 2, {nullptr, 2, 1}, {nullptr, 3, 1}, {nullptr, 3, 1}};
    const BlasCall blas(call);
    CHECK(blas.swapped);
    CHECK(!blas.transpose_a);
    CHECK(!blas.transpose_b);
    CHECK(blas.m == 3);
    CHECK(blas.n == m);
    CHECK(blas.lead_a == 3);
    CHECK(blas.lead_c == 3);
  }
}
