// SPDX-License-Identifier: MIT
// Picoseconds per element of exp, tanh, log, sigmoid, sin and cos over floats: the expression, a bare loop over packs
// with the same function, and a loop over the C library's.
#include "support/contest.hpp"
#include "support/hand.hpp"

#include <cmath>

using namespace taper;

namespace {

constexpr std::int64_t count = 16384;

template <class F, class P, class C>
void compare(benchmark::State& state, float low, float high, F function, P packs, C scalar) {
  manual_seed(1);
  const Tensor<float> x = rand<float>({count}) * (high - low) + low;
  const float* in = x.data_ptr();
  std::vector<float> out(count);
  bench::contest(state, count / 1000.0,
                 bench::Contender{"Taper, ps",
                                  [&] {
                                    const Tensor<float> y = function(x);
                                    bench::keep(y.data_ptr());
                                  }},
                 bench::Contender{"packs by hand, ps",
                                  [&] {
                                    for (std::int64_t i = 0; i < count; i += bench::lanes)
                                      store(&out[static_cast<std::size_t>(i)], packs(load<bench::Pack<float>>(in + i)));
                                    bench::keep(out.data());
                                  }},
                 bench::Contender{"C library, ps", [&] {
                                    for (std::size_t i = 0; i < count; ++i) out[i] = scalar(in[i]);
                                    bench::keep(out.data());
                                  }});
}

#define TAPER_BENCH_FUNCTION(name, low, high, libm)                                                             \
  void name##_float(benchmark::State& state) {                                                                  \
    compare(                                                                                                    \
        state, low, high, [](const Tensor<float>& x) { return name(x); }, [](auto v) { return math::name(v); }, \
        [](float x) { return libm; });                                                                          \
  }                                                                                                             \
  BENCHMARK(name##_float);
TAPER_BENCH_FUNCTION(exp, -10, 10, std::exp(x))
TAPER_BENCH_FUNCTION(tanh, -4, 4, std::tanh(x))
TAPER_BENCH_FUNCTION(log, 0.001f, 100, std::log(x))
TAPER_BENCH_FUNCTION(sigmoid, -8, 8, 1 / (1 + std::exp(-x)))
TAPER_BENCH_FUNCTION(sin, -100, 100, std::sin(x))
TAPER_BENCH_FUNCTION(cos, -100, 100, std::cos(x))

}  // namespace

int main(int argc, char** argv) {
  set_num_threads(1);
  return bench::run(argc, argv);
}
