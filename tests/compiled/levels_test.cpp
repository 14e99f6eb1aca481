// SPDX-License-Identifier: MIT
// Needs: compiled
// Every entry of taper::compiled, at the level that TAPER_CPU_LEVEL asks for, against the same template instantiated
// here.
#include <taper/backend/cpu/attention.hpp>
#include <taper/backend/cpu/attention_backward.hpp>
#include <taper/backend/cpu/compiled.hpp>
#include <taper/backend/cpu/conv.hpp>
#include <taper/backend/cpu/gemm.hpp>
#include <taper/backend/cpu/norm.hpp>
#include <taper/backend/cpu/recurrent.hpp>

#include "tests/support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

using namespace taper;
using namespace taper::detail;

namespace {

// What only this unit instantiates: the tag is not its own, so nothing goes to the library.
using Here = AbiTag<Abi::vector_bytes, Abi::fma, Abi::fast_math, !Abi::nvcc>;
static_assert(is_compiled<float, Abi> && is_compiled<double, Abi> && !is_compiled<float, Here> &&
              !is_compiled<float16, Abi>);

std::uint64_t state = 1;
template <class T>
std::vector<T> random(std::int64_t n) {
  std::vector<T> out(static_cast<std::size_t>(n));
  for (T& x : out) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    x = static_cast<T>(static_cast<double>(static_cast<std::int64_t>(state >> 20) % 2001) / 1000.0 - 1.0);
  }
  return out;
}

/// The largest difference in units of the largest value; infinite where a number is none.
template <class T>
double difference(const std::vector<T>& a, const std::vector<T>& b) {
  double most = 0, scale = 1e-30;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    if (!std::isfinite(x) || !std::isfinite(y)) return std::numeric_limits<double>::infinity();
    most = std::max(most, std::abs(x - y));
    scale = std::max(scale, std::abs(y));
  }
  return most / scale;
}

/// f.operator()<A>(out) fills or updates n numbers; the library's must be those of this unit.
template <class T, class F>
void same(std::int64_t n, const F& f) {
  std::vector<T> library = random<T>(n), here = library;
  f.template operator()<Abi>(library.data());
  f.template operator()<Here>(here.data());
  CHECK(difference(library, here) <= (std::is_same_v<T, float> ? 2e-5 : 2e-13));
}

/// What a caller does to each part of a result: adds one, so that a part which is forgotten or comes twice shows.
template <class T>
void add_one(const void*, const Part& part) {
  T* at = reinterpret_cast<T*>(part.data) + part.row * part.pitch + part.column;
  for (std::int64_t r = 0; r < part.rows; ++r, at += part.pitch)
    for (std::int64_t c = 0; c < part.columns; ++c) at[c] += T(1);
}
template <class T>
constexpr Epilogue adds_one{add_one<T>, nullptr};

template <class T>
void products() {
  struct Case {
    std::int64_t m, n, k;
  };
  for (const auto [m, n, k] :
       {Case{1, 1, 1}, Case{3, 4, 5}, Case{17, 33, 65}, Case{100, 90, 300}, Case{1, 300, 200}, Case{128, 10, 784}}) {
    CAPTURE(m, n, k);
    const auto a = random<T>(m * k), b = random<T>(k * n);
    for (const bool turned : {false, true})
      same<T>(m * n, [&]<class A>(T* c) {
        gemm<T, A>(m, n, k, a.data(), turned ? 1 : k, turned ? m : 1, b.data(), turned ? 1 : n, turned ? k : 1, c, n,
                   turned, turned ? nullptr : &adds_one<T>);
      });
    const auto many = random<T>(5 * m * k), others = random<T>(5 * k * n);
    same<T>(5 * m * n, [&]<class A>(T* c) {
      batched_gemm<T, A>(5, m, n, k, many.data(), m * k, k, 1, others.data(), k * n, n, 1, c, m * n, n, false);
    });
  }
}

template <class T>
void convolutions() {
  const Conv2dShape shapes[] = {
      {2, 3, 20, 21, 8, 3, 3, 1, 1, 1, 1, 1, 1, 1},    {2, 16, 14, 14, 24, 3, 3, 2, 2, 1, 1, 1, 1, 1},
      {2, 12, 15, 15, 12, 3, 3, 1, 1, 1, 1, 1, 1, 12}, {2, 8, 9, 9, 16, 1, 1, 1, 1, 0, 0, 1, 1, 1},
      {2, 64, 16, 16, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1},  {17, 6, 5, 5, 10, 3, 3, 1, 1, 0, 0, 1, 1, 2},
      {3, 5, 1, 40, 7, 1, 5, 1, 2, 0, 2, 1, 2, 1},
  };
  for (const Conv2dShape& s : shapes) {
    CAPTURE(s.c, s.h, s.w, s.oc, s.kh, s.sh, s.groups);
    const std::int64_t in = s.n * s.c * s.h * s.w, weights = s.oc * s.group_in() * s.taps(),
                       out = s.n * s.oc * s.oh() * s.ow();
    const auto x = random<T>(in), w = random<T>(weights), dy = random<T>(out), bias = random<T>(s.oc);
    same<T>(out, [&]<class A>(T* y) { conv2d_forward<T, A>(s, x.data(), w.data(), bias.data(), y); });
    same<T>(out, [&]<class A>(T* y) { conv2d_forward<T, A>(s, x.data(), w.data(), nullptr, y, &adds_one<T>); });
    same<T>(in, [&]<class A>(T* dx) { conv2d_data_gradient<T, A>(s, dy.data(), w.data(), dx); });
    same<T>(weights, [&]<class A>(T* dw) { conv2d_weight_gradient<T, A>(s, x.data(), dy.data(), dw); });
    same<T>(s.oc, [&]<class A>(T* db) { conv2d_bias_gradient<T, A>(s.n, s.oc, s.oh() * s.ow(), dy.data(), db); });
  }
}

template <class T>
void norms() {
  for (const Channels s : {Channels{4, 7, 50}, Channels{40, 45, 1}}) {
    CAPTURE(s.n, s.c, s.inner);
    const std::int64_t n = s.n * s.c * s.inner;
    const auto x = random<T>(n), g = random<T>(n), mean = random<T>(s.c), a = random<T>(s.c), b = random<T>(s.c),
               c = random<T>(s.c);
    same<T>(2 * s.c, [&]<class A>(T* out) { channel_moments<T, A>(s, x.data(), out, out + s.c); });
    same<T>(2 * s.c, [&]<class A>(T* out) { channel_sums<T, A>(s, g.data(), x.data(), mean.data(), out, out + s.c); });
    same<T>(n, [&]<class A>(T* y) {
      channel_affine<T, A>(s, x.data(), g.data(), mean.data(), a.data(), b.data(), c.data(), y);
    });
    same<T>(n, [&]<class A>(T* y) {
      channel_affine<T, A>(s, x.data(), nullptr, mean.data(), a.data(), nullptr, c.data(), y, &adds_one<T>);
    });
  }
  const std::int64_t m = 37, n = 75;
  const auto x = random<T>(m * n), g = random<T>(m * n), weight = random<T>(n), bias = random<T>(n);
  std::vector<T> mean(37), inverse(37), scratch(static_cast<std::size_t>(layer_norm_scratch(m, n)));
  same<T>(m * n, [&]<class A>(T* y) {
    layer_norm_rows<T, A>(m, n, 1e-5, x.data(), weight.data(), bias.data(), mean.data(), inverse.data(), y);
  });
  same<T>((m + 2) * n, [&]<class A>(T* out) {
    layer_norm_rows_backward<T, A>(m, n, g.data(), x.data(), weight.data(), mean.data(), inverse.data(), out,
                                   out + m * n, out + (m + 1) * n, scratch.data());
  });
}

template <class Cell, class T>
void steps() {
  const std::int64_t n = 5, size = 43, block = n * size;
  const auto in = random<T>(4 * block), hidden = random<T>(4 * block), before = random<T>(2 * block),
             kept = random<T>(8 * block);
  same<T>(6 * block, [&]<class A>(T* out) {
    recurrent_step<Cell, T, A>({n, size, in.data(), hidden.data(), out, before.data(), before.data() + block,
                                out + 4 * block, out + 5 * block});
  });
  same<T>(10 * block, [&]<class A>(T* out) {
    recurrent_step_backward<Cell, T, A>({n, size, kept.data(), before.data(), before.data() + block,
                                         kept.data() + 4 * block, kept.data() + 5 * block, out, out + block,
                                         out + 2 * block, out + 6 * block});
  });
}

template <class T>
void attentions() {
  const std::int64_t items = 3, queries = 70, keys = 70, features = 20, values = 24;
  const auto q = random<T>(items * queries * features), k = random<T>(items * keys * features),
             v = random<T>(items * keys * values), g = random<T>(items * queries * values);
  const auto every = [&](std::int64_t step) { return std::vector<std::int64_t>{0, step, 2 * step}; };
  const auto of_q = every(queries * features), of_k = every(keys * features), of_v = every(keys * values),
             of_g = every(queries * values);
  for (const bool causal : {false, true}) {
    const AttentionArgs<T> args{.items = items,
                                .queries = queries,
                                .keys = keys,
                                .features = features,
                                .values = values,
                                .scale = T(0.2),
                                .causal = causal,
                                .q = {q.data(), of_q.data(), features},
                                .k = {k.data(), of_k.data(), features},
                                .v = {v.data(), of_v.data(), values},
                                .add = {},
                                .keep = {}};
    const std::int64_t size = items * queries * values;
    std::vector<T> out(static_cast<std::size_t>(size)), lse(static_cast<std::size_t>(items * queries));
    attention<T, Here>(args, {out.data(), of_g.data(), values}, lse.data());
    same<T>(size + items * queries, [&]<class A>(T* to) { attention<T, A>(args, {to, of_g.data(), values}, to + size); });
    const std::int64_t dq = items * queries * features, dk = items * keys * features, dv = items * keys * values;
    same<T>(dq + dk + dv, [&]<class A>(T* to) {
      attention_backward<T, A>(args, {out.data(), of_g.data(), values}, {g.data(), of_g.data(), values}, lse.data(),
                               {to, of_q.data(), features}, {to + dq, of_k.data(), features}, {to + dq + dk, of_v.data(), values});
    });
  }
}

}  // namespace

TEST_CASE("the level is the one asked for, or the best below it") {
  const char* asked = std::getenv("TAPER_CPU_LEVEL");
  const int level = compiled_level();
  INFO("level " << level);
  CHECK((level == 1 || level == 3 || level == 4));
  if (asked) CHECK(level <= std::atoi(asked));
#if defined(__x86_64__)
  if (asked && std::strcmp(asked, "3") == 0)
    CHECK(level == (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 3 : 1));
  if (!asked && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")) CHECK(level == 4);
#else
  CHECK(level == 1);
#endif
}

TEMPLATE_TEST_CASE("the library computes what the headers compute", "", float, double) {
  products<TestType>();
  convolutions<TestType>();
  norms<TestType>();
  steps<recurring::PlainCell<true>, TestType>();
  steps<recurring::PlainCell<false>, TestType>();
  steps<recurring::LstmCell, TestType>();
  steps<recurring::GruCell, TestType>();
  attentions<TestType>();
}
