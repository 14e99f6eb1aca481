// SPDX-License-Identifier: MIT
// Expressions over tensors of several dtypes against loops by hand: packs must serve them as well as floats alone.
#include "support/contest.hpp"
#include "support/hand.hpp"

using namespace taper;

namespace {

/// Runs `expression` against `by_hand(out, i)` for whole packs; sizes are multiples of them.
template <class Out, class E, class F>
void compare(benchmark::State& state, E expression, F by_hand) {
  const std::int64_t n = state.range(0);
  std::vector<Out> out(static_cast<std::size_t>(n));
  bench::contest(state, 1,
                 bench::Contender{"Taper, ns",
                                  [&] {
                                    const Tensor<Out> y = expression();
                                    bench::keep(y.data_ptr());
                                  }},
                 bench::Contender{"by hand, ns", [&] {
                                    for (std::int64_t i = 0; i < n; i += bench::lanes) by_hand(out.data(), i);
                                    bench::keep(out.data());
                                  }});
}

template <class T>
using Pack = bench::Pack<T>;

void where_bool_float_float(benchmark::State& state) {
  const std::int64_t n = state.range(0);
  const Tensor<float> x = bench::values<float>(n, 1), y = bench::values<float>(n, 2);
  const Tensor<bool> mask = x > y;
  const bool* m = mask.data_ptr();
  const float *px = x.data_ptr(), *py = y.data_ptr();
  compare<float>(
      state, [&] { return where(mask, x, y); },
      [=](float* out, std::int64_t i) {
        store(out + i, select(load<Pack<bool>>(m + i), load<Pack<float>>(px + i), load<Pack<float>>(py + i)));
      });
}

void float_times_int64(benchmark::State& state) {
  const std::int64_t n = state.range(0);
  const Tensor<float> x = bench::values<float>(n, 1);
  const Tensor<std::int64_t> k = cast<std::int64_t>(bench::values<float>(n, 2) * 1000);
  const float* px = x.data_ptr();
  const std::int64_t* pk = k.data_ptr();
  compare<float>(
      state, [&] { return x * k; },
      [=](float* out, std::int64_t i) {
        store(out + i, load<Pack<float>>(px + i) * convert<float>(load<Pack<std::int64_t>>(pk + i)));
      });
}

void float_plus_double(benchmark::State& state) {
  const std::int64_t n = state.range(0);
  const Tensor<float> x = bench::values<float>(n, 1);
  const Tensor<double> y = bench::values<double>(n, 2);
  const float* px = x.data_ptr();
  const double* py = y.data_ptr();
  compare<double>(
      state, [&] { return x + y; },
      [=](double* out, std::int64_t i) {
        store(out + i, convert<double>(load<Pack<float>>(px + i)) + load<Pack<double>>(py + i));
      });
}

void uint8_to_float(benchmark::State& state) {
  const std::int64_t n = state.range(0);
  const Tensor<std::uint8_t> x = cast<std::uint8_t>(rand<float>({n}) * 256);
  const std::uint8_t* px = x.data_ptr();
  compare<float>(
      state, [&] { return cast<float>(x); },
      [=](float* out, std::int64_t i) { store(out + i, convert<float>(load<Pack<std::uint8_t>>(px + i))); });
}

#define TAPER_BENCH_SIZES ->Arg(1024)->Arg(102'400)->Arg(10'240'000)
BENCHMARK(where_bool_float_float) TAPER_BENCH_SIZES;
BENCHMARK(float_times_int64) TAPER_BENCH_SIZES;
BENCHMARK(float_plus_double) TAPER_BENCH_SIZES;
BENCHMARK(uint8_to_float) TAPER_BENCH_SIZES;

}  // namespace

int main(int argc, char** argv) {
  set_num_threads(1);
  return bench::run(argc, argv);
}
