// SPDX-License-Identifier: MIT
// The matrix product against naive loops: sizes, strides, dtypes, ends of memory, NaN, batches.
#include <taper/backend/cpu/gemm.hpp>

#include "../support/catch.hpp"
#include "tests/support/worse.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

using namespace taper;

namespace {

std::uint64_t state = 1;
double uniform() {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return static_cast<double>(static_cast<std::int64_t>(state >> 20) % 2001) / 1000.0 - 1.0;
}

template <class T>
T make() {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(uniform() * 100);
  else if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, float16> ||
                     std::is_same_v<T, bfloat16>)
    return T(uniform());
  else
    return T(static_cast<typename T::value_type>(uniform()), static_cast<typename T::value_type>(uniform()));
}

template <class T>
double widen(T x) {
  return static_cast<double>(x);
}
template <class R>
std::complex<double> widen(std::complex<R> x) {
  return {x.real(), x.imag()};
}

struct Case {
  std::int64_t m, n, k, a_row, a_column, b_row, b_column, c_row;
  bool accumulate;
};

// Operands are cut to the very element that is read last.
template <class T>
std::vector<T> operand(std::int64_t rows, std::int64_t columns, std::int64_t row, std::int64_t column) {
  std::vector<T> out(rows && columns ? static_cast<std::size_t>((rows - 1) * row + (columns - 1) * column + 1) : 0);
  for (T& x : out) x = make<T>();
  return out;
}

// The largest error over the bound k * eps * sum |a b|, which any order of summation keeps.
template <class T>
double error_over_bound(const Case& g, double eps) {
  const auto a = operand<T>(g.m, g.k, g.a_row, g.a_column), b = operand<T>(g.k, g.n, g.b_row, g.b_column);
  auto c = operand<T>(g.m, g.n, g.c_row, 1);
  const auto before = c;
  detail::gemm<T>(g.m, g.n, g.k, a.data(), g.a_row, g.a_column, b.data(), g.b_row, g.b_column, c.data(), g.c_row,
                  g.accumulate);
  double worst = 0;
  for (std::int64_t i = 0; i < g.m; ++i)
    for (std::int64_t j = 0; j < g.n; ++j) {
      const auto at = static_cast<std::size_t>(i * g.c_row + j);
      auto sum = g.accumulate ? widen(before[at]) : decltype(widen(T{})){};
      double size = std::abs(sum);
      for (std::int64_t p = 0; p < g.k; ++p) {
        const auto term = widen(a[static_cast<std::size_t>(i * g.a_row + p * g.a_column)]) *
                          widen(b[static_cast<std::size_t>(p * g.b_row + j * g.b_column)]);
        sum += term;
        size += std::abs(term);
      }
      const double error = std::abs(widen(c[at]) - sum);
      // A denormal float16 has lost up to half of the smallest one besides.
      const bool denormal = std::is_same_v<T, float16> && std::abs(widen(c[at])) < 0x1p-14;
      const double bound = size * eps + (denormal ? 0x1p-25 : 0);
      worst = error <= bound ? worst : bound > 0 ? std::fmax(worst, error / bound) : 1e30;
      if (std::isnan(std::abs(widen(c[at])))) worst = 1e30;
    }
  // What lies between the rows of C stays.
  for (std::size_t i = 0; i < c.size(); ++i)
    if (static_cast<std::int64_t>(i) % g.c_row >= g.n && std::abs(widen(c[i]) - widen(before[i])) > 0) worst = 1e30;
  return worst;
}

template <class T>
double eps_of(std::int64_t k) {
  return static_cast<double>(k + 2) * static_cast<double>(std::numeric_limits<T>::epsilon());
}

// Every layout of the operands: plain, transposed, padded rows, both strides, a zero stride.
template <class T>
void every_layout(std::int64_t m, std::int64_t n, std::int64_t k, double eps) {
  int number = 0;
  const std::int64_t as[5][2] = {{k, 1}, {1, m}, {k + 3, 1}, {2 * k + 1, 2}, {0, 1}};
  const std::int64_t bs[7][2] = {{n, 1}, {1, k}, {n + 5, 1}, {2, 2 * k + 1}, {n, 0}, {0, 1}, {1, 1}};
  for (const auto& a : as)
    for (const auto& b : bs)
      for (const bool accumulate : {false, true}) {
        if (m * n * k > 3000000 && number++ % 7 != 0) continue;  // large sizes: some of the layouts
        const Case g{m, n, k, a[0], a[1], b[0], b[1], accumulate ? n + 2 : n, accumulate};
        CAPTURE(m, n, k, a[0], a[1], b[0], b[1], accumulate);
        const double worst = error_over_bound<T>(g, eps);
        REQUIRE(worst <= 1);
      }
}

}  // namespace

TEST_CASE("gemm of float equals the sum for every size up to 40, plain and transposed; in every layout up to 9") {
  for (std::int64_t m = 1; m <= 40; ++m)
    for (std::int64_t n = 1; n <= 40; ++n)
      for (std::int64_t k = 1; k <= 40; ++k) {
        const double eps = eps_of<float>(k);
        const bool right = error_over_bound<float>({m, n, k, k, 1, n, 1, n, false}, eps) <= 1 &&
                           error_over_bound<float>({m, n, k, k, 1, 1, k, n, true}, eps) <= 1 &&
                           error_over_bound<float>({m, n, k, 1, m, n, 1, n, false}, eps) <= 1 &&
                           error_over_bound<float>({m, n, k, 1, m, 1, k, n, true}, eps) <= 1;
        CAPTURE(m, n, k);
        REQUIRE(right);
        if (m <= 9 && n <= 9 && k <= 9) every_layout<float>(m, n, k, eps);
      }
}

TEST_CASE("gemm of double equals the sum for every size up to 8 in every layout") {
  for (std::int64_t m = 1; m <= 8; ++m)
    for (std::int64_t n = 1; n <= 8; ++n)
      for (std::int64_t k = 1; k <= 8; ++k) every_layout<double>(m, n, k, 2 * eps_of<double>(k));
}

TEST_CASE("gemm of larger odd sizes: several tasks, several blocks of k, all paths") {
  const std::int64_t sizes[][3] = {{64, 10, 128},   {65, 33, 784}, {1, 1000, 257}, {1000, 1, 257},  {131, 77, 1031},
                                   {257, 300, 520}, {3, 513, 600}, {12, 515, 300}, {130, 1100, 40}, {200, 17, 1200},
                                   {24, 11, 131},   {47, 2, 65},   {193, 12, 333}, {119, 540, 70},  {131, 530, 521},
                                   {150, 77, 61},   {67, 69, 300}};
  for (const auto& s : sizes) {
    every_layout<float>(s[0], s[1], s[2], eps_of<float>(s[2]));
    if (s[0] * s[1] * s[2] < 20000000) every_layout<double>(s[0], s[1], s[2], 2 * eps_of<double>(s[2]));
  }
}

TEST_CASE("gemm of few rows and a large B whose rows lie a multiple of 4096 bytes apart") {
  for (const bool accumulate : {false, true})
    for (const std::int64_t m : {13, 17, 40, 64}) {
      CAPTURE(m, accumulate);
      REQUIRE(error_over_bound<float>({m, 1003, 70, 70, 1, 1024, 1, 1003, accumulate}, eps_of<float>(70)) <= 1);
      REQUIRE(error_over_bound<float>({m, 130, 1300, 1, m, 2048, 1, 131, accumulate}, eps_of<float>(1300)) <= 1);
      REQUIRE(error_over_bound<double>({m, 1023, 67, 67, 1, 1024, 1, 1023, accumulate}, eps_of<double>(67)) <= 1);
    }
  // More rows than a strip is copied for, A packed.
  REQUIRE(error_over_bound<float>({520, 1111, 237, 1, 520, 1111, 1, 1111, false}, eps_of<float>(237)) <= 1);
}

TEST_CASE("gemm of other dtypes") {
  const std::int64_t sizes[][3] = {{1, 1, 1}, {4, 5, 6}, {7, 2, 19}, {20, 3, 1}, {13, 150, 70}, {100, 30, 300}};
  for (const auto& s : sizes) {
    const std::int64_t m = s[0], n = s[1], k = s[2];
    every_layout<std::complex<float>>(m, n, k, 3 * eps_of<float>(k));
    every_layout<std::complex<double>>(m, n, k, 6 * eps_of<double>(k));
    every_layout<std::int32_t>(m, n, k, 0);
    every_layout<std::int64_t>(m, n, k, 0);
    every_layout<float16>(m, n, k, eps_of<float>(k) + 0x1p-11);
    every_layout<bfloat16>(m, n, k, eps_of<float>(k) + 0x1p-8);
  }
}

TEST_CASE("gemm of float16: several tasks, several blocks of rows, columns and k") {
  const std::int64_t sizes[][3] = {{64, 10, 128}, {97, 65, 1030}, {1, 300, 257}, {300, 1, 257}, {3, 1030, 1050}, {1030, 3, 1050}};
  for (const auto& s : sizes) every_layout<float16>(s[0], s[1], s[2], eps_of<float>(s[2]) + 0x1p-11);
}

TEST_CASE("gemm of bfloat16: several tasks, several blocks of k, odd k") {
  const std::int64_t sizes[][3] = {{64, 10, 128}, {200, 330, 70}, {97, 65, 1030}, {1, 300, 257},
                                   {300, 1, 257}, {12, 130, 65},  {5, 17, 64}};
  for (const auto& s : sizes) every_layout<bfloat16>(s[0], s[1], s[2], eps_of<float>(s[2]) + 0x1p-8);
  std::vector<bfloat16> a(64 * 64, bfloat16(1.0f)), b(64 * 64, bfloat16(2.0f)), c(64 * 64);
  a[3 * 64 + 63] = bfloat16(std::numeric_limits<float>::quiet_NaN());
  b[7] = bfloat16(std::numeric_limits<float>::infinity());
  detail::gemm<bfloat16>(64, 64, 64, a.data(), 64, 1, b.data(), 64, 1, c.data(), 64, false);
  for (std::size_t i = 0; i < c.size(); ++i) {
    const float x = static_cast<float>(c[i]);
    if (i / 64 == 3)
      CHECK(std::isnan(x));
    else if (i % 64 == 7)
      CHECK(std::isinf(x));
    else
      CHECK(x == 128.0f);
  }
}

TEST_CASE("integers wrap") {
  const std::int8_t a[] = {100, 100, 100}, b[] = {100, 50, 3};
  std::int8_t c = 1;
  detail::gemm<std::int8_t>(1, 1, 3, a, 3, 1, b, 1, 1, &c, 1, true);
  CHECK(c == static_cast<std::int8_t>(15301));
  const std::int64_t x[] = {std::numeric_limits<std::int64_t>::max(), 2}, y[] = {2, 1};
  std::int64_t z = 0;
  detail::gemm<std::int64_t>(1, 1, 2, x, 2, 1, y, 1, 1, &z, 1, false);
  CHECK(z == 0);
}

TEST_CASE("16-bit floats are summed in float and rounded once") {
  // 2048 ones and one half more: float16 sums would stop at 2048 and lose the half.
  std::vector<float16> a(2050, float16(1.0f)), b(2050, float16(1.0f));
  b[0] = float16(0.5f), b[1] = float16(0.5f);
  float16 c(0.0f);
  detail::gemm<float16>(1, 1, 2050, a.data(), 2050, 1, b.data(), 1, 1, &c, 1, false);
  CHECK(static_cast<float>(c) == 2048.0f);
  b[1] = float16(2.5f);
  detail::gemm<float16>(1, 1, 2050, a.data(), 2050, 1, b.data(), 1, 1, &c, 1, false);
  CHECK(static_cast<float>(c) == 2052.0f);  // 2051: half way between 2050 and 2052, to even
}

TEST_CASE("empty products: nothing is read, C is zero or stays") {
  float c[6] = {1, 2, 3, 4, 5, 6};
  detail::gemm<float>(2, 2, 0, nullptr, 0, 1, nullptr, 2, 1, c, 3, true);
  CHECK(c[0] == 1);
  detail::gemm<float>(2, 2, 0, nullptr, 0, 1, nullptr, 2, 1, c, 3, false);
  CHECK((c[0] == 0 && c[1] == 0 && c[2] == 3 && c[3] == 0 && c[4] == 0 && c[5] == 6));
  detail::gemm<float>(0, 2, 4, nullptr, 4, 1, c, 2, 1, nullptr, 2, false);
  detail::gemm<double>(2, 0, 4, nullptr, 4, 1, nullptr, 0, 1, nullptr, 0, false);
}

TEST_CASE("operands that end at a protected page are never read past, nor read before their start") {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t room = 64 * page;
  struct Guarded {
    char* base;
    std::size_t room, page;
    Guarded(std::size_t r, std::size_t p) : base(nullptr), room(r), page(p) {
      base = static_cast<char*>(
          mmap(nullptr, room + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
      REQUIRE(base != MAP_FAILED);
      REQUIRE(mprotect(base, page, PROT_NONE) == 0);
      REQUIRE(mprotect(base + page + room, page, PROT_NONE) == 0);
    }
    ~Guarded() { munmap(base, room + 2 * page); }
    float* last(std::int64_t n) const { return reinterpret_cast<float*>(base + page + room) - n; }
    float* first() const { return reinterpret_cast<float*>(base + page); }
  };
  const Guarded ga(room, page), gb(room, page), gc(room, page);
  const auto check = [&](std::int64_t m, std::int64_t n, std::int64_t k) {
    for (const bool at_start : {false, true})
      for (const bool a_t : {false, true})
        for (const bool b_t : {false, true}) {
          float* a = at_start ? ga.first() : ga.last(m * k);
          float* b = at_start ? gb.first() : gb.last(k * n);
          float* c = at_start ? gc.first() : gc.last(m * n);
          for (std::int64_t i = 0; i < m * k; ++i) a[i] = 1;
          for (std::int64_t i = 0; i < k * n; ++i) b[i] = 2;
          detail::gemm<float>(m, n, k, a, a_t ? 1 : k, a_t ? m : 1, b, b_t ? 1 : n, b_t ? k : 1, c, n, false);
          CAPTURE(m, n, k, at_start, a_t, b_t);
          REQUIRE(std::all_of(c, c + m * n, [&](float v) { return v == 2.0f * static_cast<float>(k); }));
        }
  };
  for (std::int64_t m = 1; m <= 14; ++m)
    for (std::int64_t n = 1; n <= 40; ++n)
      for (const std::int64_t k : {1, 2, 3, 7, 8, 9, 17, 40}) check(m, n, k);
  check(100, 250, 256), check(250, 100, 257), check(1, 65536, 1), check(65536, 1, 1), check(7, 9, 5000),
      check(100, 600, 100);
}

TEST_CASE("NaN and infinity reach exactly the elements they belong to") {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  for (const std::int64_t k : {5, 9, 20, 67})
    for (const bool transposed : {false, true})
      for (const std::int64_t m : {9, 33}) {
        const std::int64_t n = m == 9 ? 21 : 6;  // few columns, many rows: a path of its own
        std::vector<float> a(static_cast<std::size_t>(m * k), 1.0f), b(static_cast<std::size_t>(k * n), 1.0f),
            c(static_cast<std::size_t>(m * n));
        const std::int64_t b_row = transposed ? 1 : n, b_column = transposed ? k : 1;
        a[static_cast<std::size_t>(2 * k + k - 1)] = nan;
        a[static_cast<std::size_t>(4 * k)] = 0;
        b[static_cast<std::size_t>(0 * b_row + (n - 1) * b_column)] = infinity;
        b[static_cast<std::size_t>((k - 2) * b_row + 3 * b_column)] = -infinity;
        detail::gemm<float>(m, n, k, a.data(), k, 1, b.data(), b_row, b_column, c.data(), n, false);
        bool right = true;
        for (std::int64_t i = 0; i < m; ++i)
          for (std::int64_t j = 0; j < n; ++j) {
            const float x = c[static_cast<std::size_t>(i * n + j)];
            const float expected = i == 2 || (i == 4 && j == n - 1) ? nan
                                   : j == n - 1                     ? infinity
                                   : j == 3                         ? -infinity
                                                                    : static_cast<float>(k - (i == 4));
            right = right && (std::isnan(expected) ? std::isnan(x) : x == expected);
          }
        CAPTURE(k, transposed, m);
        CHECK(right);
      }
}

TEST_CASE("batched_gemm: separate, shared and tall operands") {
  const std::int64_t batch = 5, m = 4, n = 7, k = 9;
  const auto a = operand<double>(batch, m * k, m * k, 1), b = operand<double>(batch, k * n, k * n, 1);
  for (const std::int64_t a_batch : {std::int64_t{0}, m * k})
    for (const std::int64_t b_batch : {std::int64_t{0}, k * n}) {
      std::vector<double> c(static_cast<std::size_t>(batch * m * n), 0.5);
      detail::batched_gemm<double>(batch, m, n, k, a.data(), a_batch, k, 1, b.data(), b_batch, n, 1, c.data(), m * n, n,
                                   true);
      double worst = 0;
      for (std::int64_t q = 0; q < batch; ++q)
        for (std::int64_t i = 0; i < m; ++i)
          for (std::int64_t j = 0; j < n; ++j) {
            double sum = 0.5;
            for (std::int64_t p = 0; p < k; ++p)
              sum += a[static_cast<std::size_t>(q * a_batch + i * k + p)] *
                     b[static_cast<std::size_t>(q * b_batch + p * n + j)];
            worst = worse(worst, std::abs(sum - c[static_cast<std::size_t>(q * m * n + i * n + j)]));
          }
      CHECK(worst < 1e-14);
    }
}

TEST_CASE("gemm gives the same bits for any number of threads") {
  struct Sizes { std::int64_t m, n, k; };
  const int before = get_num_threads();
  for (const bool transposed : {false, true})
    for (const auto& [m, n, k] : {Sizes{3, 310, 700}, Sizes{70, 310, 700}, Sizes{300, 310, 700}, Sizes{64, 64, 64}}) {
      const auto a = operand<float>(m, k, k, 1), b = operand<float>(k, n, n, 1);
      std::vector<float> results[3];
      for (const int threads : {1, 2, 4}) {
        set_num_threads(threads);
        auto& c = results[threads / 2];
        c.resize(static_cast<std::size_t>(m * n));
        detail::gemm<float>(m, n, k, a.data(), k, 1, b.data(), transposed ? 1 : n, transposed ? k : 1, c.data(), n,
                            false);
      }
      CHECK((results[0] == results[1] && results[0] == results[2]));
    }
  set_num_threads(before);
}
