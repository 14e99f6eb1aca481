// SPDX-License-Identifier: MIT
// Needs: compiled
// The kernels of taper::compiled against the same templates instantiated in this unit, for this machine: no slower,
// though the library is built for any. Exit status 1 where one is. TAPER_CPU_LEVEL shows what other machines get.
#include "support/contest.hpp"

#include <taper/backend/cpu/attention.hpp>
#include <taper/backend/cpu/compiled.hpp>
#include <taper/backend/cpu/conv.hpp>
#include <taper/backend/cpu/gemm.hpp>
#include <taper/backend/cpu/norm.hpp>
#include <taper/backend/cpu/recurrent.hpp>
#include <taper/core/parallel.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

using namespace taper;
using namespace taper::detail;

namespace {

// A tag other than the unit's own is instantiated here.
using Here = AbiTag<Abi::vector_bytes, Abi::fma, Abi::fast_math, !Abi::nvcc>;

double worst = 0;
template <class F>
void against_headers(benchmark::State& state, const F& f) {
  bench::contest(state, 1, bench::Contender{"library, ns", [&] { f.template operator()<Abi>(); }},
                 bench::Contender{"headers, ns", [&] { f.template operator()<Here>(); }});
  if (state.iterations() >= 8)
    worst = std::max(worst, static_cast<double>(state.counters["ratio"]));  // the others look for how often
}

template <class T>
std::vector<T> numbers(std::int64_t n) {
  std::vector<T> out(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<T>(i * 7 % 13) / 13 - T(0.4);
  return out;
}

template <class T>
void product(benchmark::State& state) {
  const std::int64_t n = state.range(0);
  const auto a = numbers<T>(n * n), b = numbers<T>(n * n);
  auto c = numbers<T>(n * n);
  against_headers(state, [&]<class A>() { gemm<T, A>(n, n, n, a.data(), n, 1, b.data(), n, 1, c.data(), n, false); });
}

const Conv2dShape shape{16, 64, 28, 28, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1};
const auto images = numbers<float>(16 * 64 * 28 * 28), weights = numbers<float>(64 * 64 * 9);
auto results = numbers<float>(16 * 64 * 28 * 28);

void convolution_3x3(benchmark::State& state) {
  against_headers(state, [&]<class A>() {
    conv2d_forward<float, A>(shape, images.data(), weights.data(), nullptr, results.data());
  });
}
void convolution_3x3_data_gradient(benchmark::State& state) {
  against_headers(
      state, [&]<class A>() { conv2d_data_gradient<float, A>(shape, images.data(), weights.data(), results.data()); });
}
void convolution_3x3_weight_gradient(benchmark::State& state) {
  auto gradient = weights;
  against_headers(state, [&]<class A>() {
    conv2d_weight_gradient<float, A>(shape, images.data(), results.data(), gradient.data());
  });
}
void layer_norm(benchmark::State& state) {
  const std::int64_t m = 256, n = 768;
  const auto x = numbers<float>(m * n), w = numbers<float>(n), b = numbers<float>(n);
  auto y = x, mean = numbers<float>(m), inverse = mean;
  against_headers(state, [&]<class A>() {
    layer_norm_rows<float, A>(m, n, 1e-5, x.data(), w.data(), b.data(), mean.data(), inverse.data(), y.data());
  });
}
void lstm_gates(benchmark::State& state) {
  const std::int64_t n = 32, size = 256;
  const auto in = numbers<float>(4 * n * size), hidden = in, before = numbers<float>(n * size);
  auto saved = in, h = before, c = before;
  against_headers(state, [&]<class A>() {
    recurrent_step<recurring::LstmCell, float, A>(
        {n, size, in.data(), hidden.data(), saved.data(), before.data(), before.data(), h.data(), c.data()});
  });
}
void attention_128x64(benchmark::State& state) {
  const std::int64_t items = 8, length = 128, features = 64;
  const auto q = numbers<float>(items * length * features);
  std::vector<std::int64_t> offsets;
  for (std::int64_t i = 0; i < items; ++i) offsets.push_back(i * length * features);
  AttentionArgs<float> args;
  args.items = items, args.queries = args.keys = length, args.features = args.values = features, args.scale = 0.125f;
  args.q = args.k = args.v = {q.data(), offsets.data(), features};
  auto out = q, lse = numbers<float>(items * length);
  against_headers(state, [&]<class A>() { attention<float, A>(args, {out.data(), offsets.data(), features}, lse.data()); });
}

BENCHMARK(product<float>)->Arg(4)->Arg(64)->Arg(512);
BENCHMARK(product<double>)->Arg(512);
BENCHMARK(convolution_3x3);
BENCHMARK(convolution_3x3_data_gradient);
BENCHMARK(convolution_3x3_weight_gradient);
BENCHMARK(layer_norm);
BENCHMARK(lstm_gates);
BENCHMARK(attention_128x64);

}  // namespace

int main(int argc, char** argv) {
  set_num_threads(1);
  std::printf("level %d\n", compiled_level());
  if (const int status = bench::run(argc, argv)) return status;
  if (worst <= 1.3 || std::getenv("TAPER_CPU_LEVEL")) return 0;
  std::printf("\nthe library takes %.2f times the headers' time\n", worst);
  return 1;
}
