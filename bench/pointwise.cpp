// SPDX-License-Identifier: MIT
// tanh(a x + b) c + relu(d), five leaves: the fused expression, forward and with backward, against a loop by hand.
#include "support/contest.hpp"
#include "support/hand.hpp"

using namespace taper;

namespace {

struct Leaves {
  Tensor<float> a, x, b, c, d;
  explicit Leaves(std::int64_t n)
      : a(bench::values<float>(n, 1)),
        x(bench::values<float>(n, 2)),
        b(bench::values<float>(n, 3)),
        c(bench::values<float>(n, 4)),
        d(bench::values<float>(n, 5)) {}
};

auto formula(const Leaves& l) { return tanh(l.a * l.x + l.b) * l.c + relu(l.d); }

/// The loops by hand, into memory that is there already.
struct Hand {
  using V = bench::Pack<float>;
  std::int64_t n;
  const float *a, *x, *b, *c, *d;
  std::vector<float> y, da, dx, db, dc, dd;

  Hand(const Leaves& l, std::int64_t count)
      : n(count), a(l.a.data_ptr()), x(l.x.data_ptr()), b(l.b.data_ptr()), c(l.c.data_ptr()), d(l.d.data_ptr()) {
    for (auto* v : {&y, &da, &dx, &db, &dc, &dd}) v->resize(bench::padded(n));
  }

  void forward() {
    bench::for_packs(n, [this](std::int64_t i) {
      const V zero(0.0f), t = math::tanh(load<V>(a + i) * load<V>(x + i) + load<V>(b + i)), e = load<V>(d + i);
      store(&y[static_cast<std::size_t>(i)], t * load<V>(c + i) + select(e > zero, e, zero));
    });
    bench::keep(y.data());
  }
  /// Computes tanh again, as the fused kernel does: reading it back costs more.
  void backward(const float* g) {
    bench::for_packs(n, [this, g](std::int64_t i) {
      const auto k = static_cast<std::size_t>(i);
      const V zero(0.0f), ax = load<V>(a + i), xx = load<V>(x + i), t = math::tanh(ax * xx + load<V>(b + i)),
                          gy = load<V>(g + i);
      const V h = gy * load<V>(c + i) * (V(1.0f) - t * t);
      store(&da[k], h * xx);
      store(&dx[k], h * ax);
      store(&db[k], h);
      store(&dc[k], gy * t);
      store(&dd[k], select(load<V>(d + i) > zero, gy, zero));
    });
    bench::keep(da.data());
  }
};

void forward(benchmark::State& state) {
  const std::int64_t n = state.range(0);
  const Leaves leaves(n);
  Hand hand(leaves, n);
  bench::contest(state, 1,
                 bench::Contender{"Taper, ns",
                                  [&] {
                                    const Tensor<float> y = formula(leaves);
                                    bench::keep(y.data_ptr());
                                  }},
                 bench::Contender{"by hand, ns", [&] { hand.forward(); }});
}

/// Recording, the engine and five gradient buffers included; the loop by hand writes into buffers that it keeps.
void forward_backward(benchmark::State& state) {
  const std::int64_t n = state.range(0);
  Leaves leaves(n);
  for (auto* leaf : {&leaves.a, &leaves.x, &leaves.b, &leaves.c, &leaves.d}) leaf->requires_grad_();
  const Tensor<float> seed = bench::values<float>(n, 6);
  Hand hand(leaves, n);
  bench::contest(state, 1,
                 bench::Contender{"Taper, ns",
                                  [&] {
                                    const Tensor<float> y = formula(leaves);
                                    y.backward(seed);
                                    for (auto* leaf : {&leaves.a, &leaves.x, &leaves.b, &leaves.c, &leaves.d})
                                      leaf->set_grad({});
                                  }},
                 bench::Contender{"by hand, ns", [&] {
                                    hand.forward();
                                    hand.backward(seed.data_ptr());
                                  }});
}

BENCHMARK(forward)->RangeMultiplier(10)->Range(10, 10'000'000);
BENCHMARK(forward_backward)->RangeMultiplier(10)->Range(10, 10'000'000);

}  // namespace

int main(int argc, char** argv) {
  set_num_threads(1);
  return bench::run(argc, argv);
}
