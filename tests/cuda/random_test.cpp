// SPDX-License-Identifier: MIT
// Random numbers on a device are the host's: number i is a function of seed, offset and index.
// Slow
// Needs: thrust
#include <taper/nn/init.hpp>

#include <taper/ops.hpp>

#include "tests/cuda/against_host.hpp"

using namespace taper;
using D = against_host::There;
using against_host::same;

namespace {

/// f(device) from the same seed on both sides; how many streams were taken is the same as well.
template <class F>
void check(const F& f, double ulp = 0) {
  manual_seed(11);
  const auto host = f(Cpu());
  const auto after = default_generator().state();
  manual_seed(11);
  const auto device = f(D());
  CHECK(same(device, host, ulp));
  CHECK(default_generator().state() == after);
}

}  // namespace

TEMPLATE_TEST_CASE("fresh random tensors", "", float, double, bfloat16, float16) {
  using T = TestType;
  for (const Shape& shape : {Shape{}, Shape{0, 3}, Shape{7, 53}, Shape{2, 3, 65}}) {
    check([&]<class V>(V) { return rand<T, V>(shape); });
    check([&]<class V>(V) { return randn<T, V>(shape); }, 2);
    check([&]<class V>(V) { return randint<T, V>(-3, 90, shape); });
    check([&]<class V>(V) { return bernoulli<T, V>(0.3, shape); });
  }
  check([&]<class V>(V) { return randperm<T, V>(101); });
  check([&]<class V>(V) { return rand_like(zeros<T, V>({5, 7}).t()); });
}

TEST_CASE("integers and masks") {
  check([]<class V>(V) { return randint<std::int64_t, V>(-3, std::int64_t{1} << 40, {200}); });
  check([]<class V>(V) { return randint<std::uint8_t, V>(256, {200}); });
  check([]<class V>(V) { return random_(zeros<std::int64_t, V>({200})); });
  check([]<class V>(V) { return bernoulli<bool, V>(0.7, {200}); });
  check([]<class V>(V) { return randperm<std::int64_t, V>(100); });
}

TEST_CASE("both parts of complex numbers") {
  manual_seed(1);
  const auto host = randn<std::complex<double>>({50});
  manual_seed(1);
  const auto device = to<Cpu>(randn<std::complex<double>, D>({50}));
  CHECK(max(abs(host - device)).item() < 1e-14);
}

TEMPLATE_TEST_CASE("random numbers written in place, into strided tensors as well", "", float, double, bfloat16) {
  using T = TestType;
  check([]<class V>(V) {
    auto x = zeros<T, V>({5, 70});
    uniform_(x.t(), -0.3, 0.7);
    return x;
  });
  check(
      []<class V>(V) {
        auto x = zeros<T, V>({5, 70});
        normal_(narrow(x, 1, 3, 40));
        return x;
      },
      2);
  check([]<class V>(V) { return random_(zeros<T, V>({70})); });
  check([]<class V>(V) { return exponential_(zeros<T, V>({5, 70}), 2); }, 4);
  check([]<class V>(V) { return log_normal_(zeros<T, V>({5, 70}), 0, 1); }, 16);
  check([]<class V>(V) { return cauchy_(zeros<T, V>({5, 70})); }, 2);
  check([]<class V>(V) { return geometric_(zeros<T, V>({5, 70}), 0.2); });
  check([]<class V>(V) { return bernoulli_(zeros<T, V>({5, 70}), rand<T, V>({70})); });
}

TEST_CASE("distributions whose parameters are tensors") {
  check([]<class V>(V) { return bernoulli(rand<float, V>({3, 70}).t()); });
  check([]<class V>(V) { return normal(full<float, V>({70, 1}, 0), rand<float, V>({3})); }, 2);
  check([]<class V>(V) { return normal(full<float, V>({70, 1}, 0), 1.5); }, 2);
  check([]<class V>(V) { return multinomial(rand<float, V>({7, 50}), 5); });
  check([]<class V>(V) { return multinomial(rand<float, V>({50}), 500, true); });
  CHECK_THROWS_AS(bernoulli(tensor<float, D>({0.3f, 1.5f})), ValueError);
  CHECK_THROWS_AS(bernoulli(tensor<float, D>({0.3f, std::nanf("")})), ValueError);
  CHECK_THROWS_AS(normal(0.0, tensor<float, D>({1, -1})), ValueError);
  CHECK_THROWS_AS(multinomial(tensor<float, D>({1, -1}), 1), ValueError);
}

TEST_CASE("what is written has no gradient behind it") {
  auto x = ones<float, D>({4}).requires_grad_();
  Tensor<float, D> y = x * 2.0f;
  uniform_(narrow(y, 0, 0, 2));
  sum(y).backward();
  CHECK(same(x.grad(), tensor<float>({0, 0, 2, 2})));
  CHECK_THROWS_AS(uniform_(x), AutogradError);
}

TEST_CASE("dropout") {
  check([]<class V>(V) { return Tensor<float, V>(dropout(ones<float, V>({70, 5}), 0.4)); });
  check([]<class V>(V) { return Tensor<float, V>(dropout(ones<float, V>({70, 5}), 0.4, false)); });
  check([]<class V>(V) { return Tensor<float, V>(dropout2d(ones<float, V>({7, 5, 3, 3}), 0.4)); });
  check([]<class V>(V) {
    auto x = ones<float, V>({70, 5}).requires_grad_();
    sum(dropout(x, 0.4) * 3.0f).backward();
    return x.grad();
  });
}

TEST_CASE("weights are filled") {
  namespace init = nn::init;
  check([]<class V>(V) {
    auto w = empty<float, V>({7, 50});
    return init::kaiming_uniform_(w);
  });
  check(
      []<class V>(V) {
        auto w = empty<float, V>({7, 50});
        return init::xavier_normal_(w);
      },
      2);
  check(
      []<class V>(V) {
        auto w = empty<float, V>({7, 50});
        return init::trunc_normal_(w);
      },
      4);
  check([]<class V>(V) {
    auto w = empty<float, V>({7, 50});
    return init::orthogonal_(w);
  });
  check([]<class V>(V) {
    auto w = empty<float, V>({7, 50});
    return init::sparse_(w, 0.2);
  });
  check([]<class V>(V) {
    auto w = empty<float, V>({7, 50});
    return init::eye_(w);
  });
  check([]<class V>(V) {
    auto w = empty<float, V>({7, 5, 3});
    return init::dirac_(w);
  });
  check([]<class V>(V) {
    auto w = empty<float, V>({7});
    return init::ones_(w);
  });
}

TEST_CASE("factories") {
  check([]<class V>(V) { return eye<float, V>(3, 5); });
  check([]<class V>(V) { return arange<float, V>(0, 5); });
  check([]<class V>(V) { return linspace<double, V>(0, 1, 11); });
  check([]<class V>(V) { return full<std::int64_t, V>({2, 3}, 7); });
  check([]<class V>(V) { return zeros<float, V>({0, 3}); });
  check([]<class V>(V) { return tensor<float, V>({{1, 2}, {3, 4}}); });
  check([]<class V>(V) { return tensor<float, V>(1.5); });
  check([]<class V>(V) { return ones_like(zeros<float, V>({2, 3}).t()); });
}
