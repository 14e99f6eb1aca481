// SPDX-License-Identifier: MIT
// Products, recurrent layers, optimizers and random numbers on emulated GPU threads: the host's, whatever the schedule.
// Needs: thrust
#include <taper/nn/clip.hpp>
#include <taper/nn/layers/rnn.hpp>
#include <taper/nn/parameters.hpp>
#include <taper/ops/linear.hpp>
#include <taper/ops/matmul.hpp>
#include <taper/ops/random_numbers.hpp>
#include <taper/ops/recurrent.hpp>
#include <taper/optim/adam.hpp>

#include "tests/cuda/against_host.hpp"
#include "tests/support/simt_system.hpp"

using namespace taper;
using against_host::irregular;
using against_host::same;

namespace {

template <class T = float, class F>
void check(const std::vector<Tensor<T>>& inputs, const F& f, int order = 1) {
  against_host::check<T, Simt>(inputs, f, order);
}
Tensor<float> r(const Shape& shape, int seed = 1) { return irregular<float>(shape, seed); }
const auto product = [](const auto& v) { return matmul(v[0], v[1]).eval(); };

/// A block that leaves out one barrier.
struct Forgetful : simt::Block {
  int* left;
  void sync(std::source_location where = std::source_location::current()) const {
    if ((*left)-- != 0) simt::Block::sync(where);
  }
};
template <class F>
struct Forgetting {
  F f;
  int which;
  void operator()(const simt::Block& block, std::int64_t item) const {
    int left = which;
    f(Forgetful{block, &left}, item);
  }
};

}  // namespace

TEST_CASE("products of all sizes and layouts") {
  for (const std::int64_t m : {1, 65})
    for (const std::int64_t n : {3, 130})
      for (const std::int64_t k : {0, 1, 17}) check({r({m, k}), r({k, n}, 3)}, product);
  check({r({5, 70}), r({66, 5})}, [](const auto& v) { return matmul(t(v[0]), t(v[1])).eval(); });
  check({r({3, 1, 4, 5}), r({2, 5, 70})}, product);
  check({r({3, 400}), r({400, 2})}, product);
  check<std::complex<double>>({irregular<std::complex<double>>({7, 40}), irregular<std::complex<double>>({40, 5})},
                              product);
  check<std::int32_t>({irregular<std::int32_t>({7, 40}), irregular<std::int32_t>({40, 5})}, product);
  check<bfloat16>({irregular<bfloat16>({4, 33}), irregular<bfloat16>({5, 33}), irregular<bfloat16>({5})},
                  [](const auto& v) { return linear(v[0], v[1], v[2]).eval(); });
}

TEST_CASE("a product is the same bits for any number of threads, and needs each of its barriers") {
  const Tensor<float> a = r({67, 40}), b = r({40, 66});
  const auto run = [&](int threads, int forgotten) {
    simt::settings.threads = threads;
    Tensor<float> c = zeros<float>({67, 66});
    const detail::GemmTiles<float> tiles({.op = "test",
                                          .m = 67,
                                          .n = 66,
                                          .k = 40,
                                          .a = {a.data_ptr(), 40, 1, 0},
                                          .b = {b.data_ptr(), 66, 1, 0},
                                          .c = {c.data_ptr(), 66, 1, 0}});
    simt::System::for_each_block(tiles.tiles(1), Forgetting<detail::GemmTiles<float>>{tiles, forgotten});
    return c;
  };
  const simt::Settings before = simt::settings;
  const Tensor<float> c = run(256, -1);
  check_close(c, matmul(a, b).eval(), 1e-5, 1e-5);
  for (const int threads : {32, 96, 512}) CHECK(equal(run(threads, -1), c));
  CHECK(equal(run(256, 0), c));  // before what is staged first nothing was read
  for (const int forgotten : {1, 2, 3, 4, 5})
    CHECK_THROWS_WITH(run(256, forgotten),
                      Catch::Contains("no barrier in between") || Catch::Contains("nobody has written"));
  simt::settings = before;
}

TEST_CASE("recurrent layers") {
  const auto walk = [](const auto& step) {
    return [step](const auto& v) {
      return detail::whole_sequence(
          "step", step, detail::RecurrentInputs<float, device_t<decltype(v[0])>>{v[0], v[1], v[3], v[2], v[4]}, false);
    };
  };
  check({r({3, 2, 20}), r({20, 5}), r({2, 5}), r({20}), r({2, 5}, 6)}, walk(detail::LSTMStep{}));
  check({r({3, 2, 15}), r({15, 5}), r({2, 5}), r({15}), {}}, walk(detail::GRUStep{}));
  check({r({3, 2, 5}), r({5, 5}), r({2, 5}), r({5}), {}}, walk(detail::RNNStep{}));
}

namespace {

template <Device D>
struct Numbers {
  nn::Parameter<float, D> a{to<D>(r({67, 3}))}, b{to<D>(r({1}))}, c{to<D>(r({20000}))}, d{to<D>(r({5, 7}))};
};

/// Two steps over parameters of odd sizes, gradients clipped.
template <class D>
std::vector<Tensor<float>> train() {
  Numbers<D> net;
  optim::AdamW optimizer{nn::parameters(net), {.lr = 0.1, .weight_decay = 0.2}};
  std::vector<Tensor<float>> out;
  for (int step = 0; step < 2; ++step) {
    for (auto* x : {&net.a, &net.b, &net.c, &net.d}) x->set_grad(to<D>(r(x->shape(), step + 2)));
    out.push_back(to<Cpu>(nn::clip_grad_norm_(nn::parameters(net), 1.5)));
    optimizer.step();
  }
  for (auto* x : {&net.a, &net.b, &net.c, &net.d}) out.push_back(to<Cpu>(x->detach()));
  return out;
}

}  // namespace

TEST_CASE("an optimizer's steps and the norm of a list") {
  const auto expected = train<Cpu>();
  simt::under_every_schedule([&](int) {
    const auto found = train<Simt>();
    for (std::size_t i = 0; i < expected.size(); ++i) check_close(found[i], expected[i], 1e-5, 1e-6);
  });
}

TEST_CASE("random numbers") {
  simt::under_every_schedule([](int) {
    for (const Shape& shape : {Shape{1}, Shape{7, 53}}) {
      manual_seed(5);
      const auto a = rand<float>(shape);
      const auto b = randn<float>(shape);
      manual_seed(5);
      CHECK(same(rand<float, Simt>(shape), a));
      CHECK(same(randn<float, Simt>(shape), b, 2));
    }
  });
}
