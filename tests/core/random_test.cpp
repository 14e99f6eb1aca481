// SPDX-License-Identifier: MIT
// Random tensors: the same bits for any threads and strides, the right distributions, the rules of in-place writing.
// Devices: slow

#include <taper/core/random.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/multinomial.hpp>
#include <taper/ops/random.hpp>
#include <taper/ops/reduction.hpp>
#include <taper/ops/view.hpp>

#include <algorithm>
#include <cmath>
#include <string>

#include "tests/support/catch.hpp"
#include "tests/support/device.hpp"

using namespace taper;
using device::D;

namespace {

/// Bytes of what make() gives, begun at one seed.
template <class F>
std::vector<unsigned char> bytes_of(F&& make) {
  manual_seed(42);
  const auto x = device::back(contiguous(make()));
  const auto* p = reinterpret_cast<const unsigned char*>(x.data_ptr());
  return {p, p + static_cast<std::size_t>(x.numel()) * size_of(x.dtype())};
}

template <class F>
void check_threads(F&& make) {
  const int before = get_num_threads();
  set_num_threads(1);
  const auto expected = bytes_of(make);
  for (const int n : {2, 4}) {
    set_num_threads(n);
    CHECK((bytes_of(make) == expected));
  }
  set_num_threads(before);
}

/// sqrt(n) times the largest distance between the values' distribution and a cumulative one: above 2.2 once in 10,000.
template <class T, class F>
double kolmogorov(const Tensor<T, D>& x, F&& cdf) {
  std::vector<double> v;
  for (const T value : device::values(x)) v.push_back(static_cast<double>(static_cast<compute_t<T>>(value)));
  std::sort(v.begin(), v.end());
  const auto n = static_cast<double>(v.size());
  double worst = 0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    const double p = cdf(v[i]), k = static_cast<double>(i);
    worst = std::max({worst, (k + 1) / n - p, p - k / n});
  }
  return worst * std::sqrt(n);
}
double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

/// Chi-squared of counts against probabilities, in standard deviations from its mean.
double chi_squared(const std::vector<double>& counts, const std::vector<double>& p, double n) {
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) sum += (counts[i] - n * p[i]) * (counts[i] - n * p[i]) / (n * p[i]);
  const double freedom = static_cast<double>(p.size() - 1);
  return (sum - freedom) / std::sqrt(2 * freedom);
}

constexpr std::int64_t many = 70001;  // several chunks, and a part of one

}  // namespace

TEST_CASE("the same numbers for 1, 2 and 4 threads") {
  check_threads([] { return rand<float, D>({many}); });
  check_threads([] { return rand<double, D>({7, many / 7}); });
  check_threads([] { return randn<float, D>({many}); });
  check_threads([] { return randn<bfloat16, D>({many}); });
  check_threads([] { return rand<std::complex<float>, D>({many}); });
  check_threads([] { return randint<std::int64_t, D>(100, {many}); });
  check_threads([] { return bernoulli<bool, D>(0.25, {many}); });
  check_threads([] { return exponential_(empty<float, D>({many})); });
  check_threads([] { return geometric_(empty<std::int64_t, D>({many}), 0.25); });
  check_threads([] { return uniform_(transpose(empty<float, D>({many / 7, 7}), 0, 1)); });
  check_threads([] { return multinomial(rand<float, D>({400, 20}), 5); });
  check_threads([] { return randperm<std::int64_t, D>(1000); });
}

TEST_CASE("element i is a function of seed, offset and i alone") {
  Generator g(7);
  const auto u = rand<float, D>({1000}, g);
  const auto w = rand<float, D>({64}, g);
  const auto first = device::values(u), second = device::values(w);
  for (std::uint64_t i = 0; i < 1000; ++i)
    CHECK(first[i] == static_cast<float>(detail::random::bits32(7, 0, i) >> 8) * 0x1p-24f);
  for (std::uint64_t i = 0; i < 64; ++i)
    CHECK(second[i] == static_cast<float>(detail::random::bits32(7, 1, i) >> 8) * 0x1p-24f);
  g.manual_seed(7);
  const auto longer = device::values(rand<float, D>({many}, g));
  CHECK(std::equal(first.begin(), first.end(), longer.begin()));
}

TEST_CASE("a strided target takes the numbers in row-major order") {
  const auto check = [](auto&& write, auto zero) {
    using T = decltype(zero);
    Generator g(3), h(3);
    auto dense = empty<T, D>({37, 900});
    write(dense, g);
    auto base = full<T, D>({900, 2, 37}, 1);
    auto strided = transpose(select(base, 1, 0), 0, 1);
    write(strided, h);
    CHECK((device::values(strided) == device::values(dense)));  // in brackets: not worth printing
    const auto other = device::values(select(base, 1, 1));
    CHECK(std::all_of(other.begin(), other.end(), [](T v) { return v == static_cast<T>(compute_t<T>(1)); }));
  };
  check([](auto& x, Generator& g) { uniform_(x, -1, 2, g); }, float{});
  check([](auto& x, Generator& g) { normal_(x, 1, 2, g); }, double{});
  check([](auto& x, Generator& g) { normal_(x, 0, 1, g); }, std::complex<float>{});
  check([](auto& x, Generator& g) { exponential_(x, 2, g); }, bfloat16{});
  check([](auto& x, Generator& g) { random_(x, 0, 50, g); }, std::uint8_t{});
  check([](auto& x, Generator& g) { bernoulli_(x, 0.3, g); }, float16{});
}

TEST_CASE("generators: each call takes one stream, the default one is left alone by others") {
  manual_seed(5);
  Generator g(5);
  const auto a = rand<float, D>({3}), b = rand<float, D>({3});
  CHECK(device::values(rand<float, D>({3}, g)) == device::values(a));
  CHECK(device::values(rand<float, D>({3}, g)) == device::values(b));
  CHECK(device::values(a) != device::values(b));
  CHECK(default_generator().state() == GeneratorState{5, 2});
  const GeneratorState state = g.state();
  const auto c = randn<float, D>({8}, g);
  g.set_state(state);
  CHECK(device::values(randn<float, D>({8}, g)) == device::values(c));
  CHECK_THROWS_AS((rand<float, D>({-1})), ShapeError);  // a failed call takes nothing
  CHECK(default_generator().state().offset == 2);
}

TEST_CASE("uniform numbers") {
  Generator g(11);
  CHECK(kolmogorov(rand<float, D>({many}, g), [](double x) { return x; }) < 2.2);
  CHECK(kolmogorov(rand<double, D>({many}, g), [](double x) { return x; }) < 2.2);
  CHECK(kolmogorov(uniform_(empty<float, D>({many}), -3, 5, g), [](double x) { return (x + 3) / 8; }) < 2.2);
  const auto bounds = [](const auto& x, float low, float high) {
    for (const auto v : device::values(x)) {
      const auto value = static_cast<float>(v);
      if (!(value >= low && value < high)) return false;
    }
    return true;
  };
  CHECK(bounds(rand<float, D>({many}, g), 0, 1));
  CHECK(bounds(rand<bfloat16, D>({many}, g), 0, 1));
  CHECK(bounds(rand<float16, D>({many}, g), 0, 1));
  CHECK(bounds(uniform_(empty<float, D>({many}), 1, std::nextafter(1.0f, 2.0f), g), 1, 1.00001f));
  CHECK(device::values(uniform_(empty<float, D>({3}), 2, 2, g)) == std::vector<float>{2, 2, 2});
}

TEST_CASE("normal numbers") {
  Generator g(12);
  CHECK(kolmogorov(randn<float, D>({many}, g), normal_cdf) < 2.2);
  CHECK(kolmogorov(randn<double, D>({many}, g), normal_cdf) < 2.2);
  CHECK(kolmogorov(normal<float, D>(2, 3, {many}, g), [](double x) { return normal_cdf((x - 2) / 3); }) < 2.2);
  CHECK(kolmogorov(normal_(empty<double, D>({many}), -1, 0.5, g), [](double x) { return normal_cdf((x + 1) / 0.5); }) <
        2.2);
  CHECK(device::values(normal<float, D>(2, 0, {3}, g)) == std::vector<float>{2, 2, 2});
}

TEST_CASE("complex normal numbers have variance one in both parts together") {
  Generator g(13);
  double re = 0, im = 0, cross = 0;
  for (const auto z : device::values(randn<std::complex<double>, D>({many}, g))) {
    re += z.real() * z.real();
    im += z.imag() * z.imag();
    cross += z.real() * z.imag();
  }
  const double n = many;  // the mean square of n normals of variance 1/2 spreads by sqrt(1/(2n))
  CHECK(std::fabs(re / n - 0.5) < 5 * std::sqrt(0.5 / n));
  CHECK(std::fabs(im / n - 0.5) < 5 * std::sqrt(0.5 / n));
  CHECK(std::fabs(cross / n) < 5 * 0.5 / std::sqrt(n));
}

TEST_CASE("normal numbers with a mean and a deviation for each") {
  Generator g(14), h(14);
  const auto mean = tensor<float, D>({{1}, {2}});
  const auto deviation = tensor<double, D>({0.5, 1, 2});
  const auto x = normal(mean, deviation, g);
  static_assert(std::same_as<decltype(normal(mean, deviation, g)), Tensor<double, D>>);
  const auto z = randn<double, D>({2, 3}, h);
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j)
      CHECK(x[i][j].item() == Approx(mean[i][0].item() + deviation[j].item() * z[i][j].item()).epsilon(1e-14));
  CHECK(device::values(normal(mean, 0.0, g)) == std::vector<float>{1, 2});
  CHECK(device::values(normal(1, zeros<float, D>({2}), g)) == std::vector<float>{1, 1});
  CHECK_THROWS_AS(normal(mean, tensor<float, D>({1, -1}), g), ValueError);
  CHECK_THROWS_AS(normal(mean, -1.0, g), ValueError);
  CHECK_THROWS_AS(normal(zeros<float, D>({2}), ones<float, D>({3}), g), ShapeError);
}

TEST_CASE("integers") {
  Generator g(15);
  std::vector<double> counts(13, 0);
  for (const auto v : device::values(randint<std::int64_t, D>(-3, 10, {many}, g))) {
    REQUIRE((v >= -3 && v < 10));
    ++counts[static_cast<std::size_t>(v + 3)];
  }
  CHECK(std::fabs(chi_squared(counts, std::vector<double>(13, 1.0 / 13), many)) < 5);
  CHECK(device::values(randint<std::int64_t, D>(5, 6, {3}, g)) == std::vector<std::int64_t>{5, 5, 5});
  const auto bytes = device::values(randint<std::uint8_t, D>(0, 256, {many}, g));
  CHECK(*std::min_element(bytes.begin(), bytes.end()) == 0);
  CHECK(*std::max_element(bytes.begin(), bytes.end()) == 255);
  for (const float v : device::values(randint<float, D>(10, {100}, g))) CHECK((v >= 0 && v < 10 && v == std::floor(v)));
  const auto wide = device::values(random_(empty<std::int64_t, D>({many}), g));
  CHECK(*std::min_element(wide.begin(), wide.end()) >= 0);
  CHECK(*std::max_element(wide.begin(), wide.end()) > std::int64_t{9'000'000'000'000'000'000});
  const auto small = device::values(random_(empty<std::int8_t, D>({many}), g));
  CHECK(*std::min_element(small.begin(), small.end()) == 0);
  CHECK(*std::max_element(small.begin(), small.end()) == 127);
  const auto floats = device::values(random_(empty<float, D>({many}), g));
  CHECK(*std::max_element(floats.begin(), floats.end()) <= 0x1p24f);
  CHECK(*std::max_element(floats.begin(), floats.end()) > 0x1.ffp23f);
  const auto bools = device::values(random_(empty<bool, D>({100}), g));
  CHECK((std::count(bools.begin(), bools.end(), true) > 20 && std::count(bools.begin(), bools.end(), true) < 80));
}

TEST_CASE("permutations") {
  Generator g(16);
  auto p = device::values(randperm<std::int64_t, D>(1000, g));
  const auto q = device::values(randperm<std::int64_t, D>(1000, g));
  CHECK(p != q);
  CHECK(!std::is_sorted(p.begin(), p.end()));
  std::sort(p.begin(), p.end());
  for (std::int64_t i = 0; i < 1000; ++i) CHECK(p[static_cast<std::size_t>(i)] == i);
  CHECK(randperm<std::int64_t, D>(0, g).numel() == 0);
  CHECK(device::values(randperm<std::int64_t, D>(1, g)) == std::vector<std::int64_t>{0});
  auto small = device::values(randperm<std::uint8_t, D>(256, g));
  std::sort(small.begin(), small.end());
  CHECK(small.front() == 0);
  CHECK(small.back() == 255);
  // All six orders of three are equally likely.
  std::vector<double> counts(6, 0);
  for (int i = 0; i < 6000; ++i) {
    const auto o = device::values(randperm<std::int64_t, D>(3, g));
    ++counts[static_cast<std::size_t>(o[0] * 2 + (o[1] > o[2]))];
  }
  CHECK(std::fabs(chi_squared(counts, std::vector<double>(6, 1.0 / 6), 6000)) < 5);
}

TEST_CASE("Bernoulli: one probability, and one for each element") {
  Generator g(17), h(17);
  const auto x = device::values(bernoulli<float, D>(0.3, {many}, g));
  const auto ones_in_x = static_cast<double>(std::count(x.begin(), x.end(), 1.0f));
  CHECK(ones_in_x + static_cast<double>(std::count(x.begin(), x.end(), 0.0f)) == many);
  CHECK(std::fabs(ones_in_x - 0.3 * many) < 5 * std::sqrt(0.21 * many));
  CHECK(device::values(bernoulli(full<double, D>({many}, 0.3), h)) == std::vector<double>(x.begin(), x.end()));
  CHECK(device::values(bernoulli(tensor<float, D>({0, 1, 0, 1}), g)) == std::vector<float>{0, 1, 0, 1});
  CHECK(device::values(bernoulli_(empty<bool, D>({2, 2}), tensor<float, D>({0, 1}), g)) ==
        std::vector<bool>{false, true, false, true});
  CHECK(device::values(bernoulli<float, D>(0, {2}, g)) == std::vector<float>{0, 0});
  CHECK(device::values(bernoulli<float, D>(1, {2}, g)) == std::vector<float>{1, 1});
  CHECK_THROWS_AS((bernoulli<float, D>(1.5, {2})), ValueError);
  CHECK_THROWS_AS(bernoulli(static_cast<double>(NAN), {2}), ValueError);
  CHECK_THROWS_AS(bernoulli(tensor<float, D>({0.5, -0.1})), ValueError);
  CHECK_THROWS_AS(bernoulli_(empty<float, D>({2}), ones<float, D>({3})), ShapeError);
}

TEST_CASE("exponential, log-normal, Cauchy and geometric numbers") {
  Generator g(18);
  const auto e = exponential_(empty<float, D>({many}), 2, g);
  CHECK(kolmogorov(e, [](double x) { return -std::expm1(-2 * x); }) < 2.2);
  for (const float v : device::values(e)) REQUIRE(v > 0);
  CHECK(kolmogorov(exponential_(empty<double, D>({many}), 1, g), [](double x) { return -std::expm1(-x); }) < 2.2);
  CHECK(kolmogorov(log_normal_(empty<double, D>({many}), 1, 0.5, g),
                   [](double x) { return normal_cdf((std::log(x) - 1) / 0.5); }) < 2.2);
  CHECK(kolmogorov(cauchy_(empty<double, D>({many}), 1, 2, g),
                   [](double x) { return 0.5 + std::atan((x - 1) / 2) / 3.14159265358979323846; }) < 2.2);
  std::vector<double> counts(11, 0), p(11);
  for (const auto v : device::values(geometric_(empty<std::int64_t, D>({many}), 0.3, g))) {
    REQUIRE(v >= 1);
    ++counts[static_cast<std::size_t>(std::min<std::int64_t>(v, 11) - 1)];
  }
  for (std::size_t k = 0; k < 10; ++k) p[k] = 0.3 * std::pow(0.7, static_cast<double>(k));
  p[10] = std::pow(0.7, 10);
  CHECK(std::fabs(chi_squared(counts, p, many)) < 5);
}

TEST_CASE("multinomial with replacement follows the weights") {
  Generator g(19);
  const std::vector<float> weights{1, 0, 3, 4, 0, 2, 0};
  const auto x = device::values(multinomial(tensor<float, D>(weights), many, true, g));
  std::vector<double> counts(7, 0);
  for (const auto v : x) ++counts.at(static_cast<std::size_t>(v));
  CHECK((counts[1] == 0 && counts[4] == 0 && counts[6] == 0));
  CHECK(std::fabs(chi_squared({counts[0], counts[2], counts[3], counts[5]}, {0.1, 0.3, 0.4, 0.2}, many)) < 5);
  const auto rows = multinomial(tensor<double, D>({{0, 1}, {5, 0}}), 3, true, g);
  CHECK(rows.shape() == Shape{2, 3});
  CHECK(device::values(rows) == std::vector<std::int64_t>{1, 1, 1, 0, 0, 0});
}

TEST_CASE("multinomial without replacement draws one by one") {
  Generator g(20);
  const std::vector<double> w{0.1, 0.2, 0.7};
  constexpr std::int64_t n = 30000;
  const auto x = multinomial(expand(tensor<double, D>(w), {n, 3}), 2, false, g);
  CHECK(x.shape() == Shape{n, 2});
  std::vector<double> counts, p;
  std::vector<double> pairs(9, 0);
  const auto v = device::values(x);
  for (std::size_t i = 0; i < v.size(); i += 2) ++pairs[static_cast<std::size_t>(v[i] * 3 + v[i + 1])];
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) {
      if (i == j) {
        CHECK(pairs[3 * i + j] == 0);
      } else {
        counts.push_back(pairs[3 * i + j]);
        p.push_back(w[i] * w[j] / (1 - w[i]));
      }
    }
  CHECK(std::fabs(chi_squared(counts, p, n)) < 5);
  auto all = device::values(multinomial(ones<float, D>({5}), 5, false, g));
  std::sort(all.begin(), all.end());
  CHECK(all == std::vector<std::int64_t>{0, 1, 2, 3, 4});
}

// By the definition: what has no weight is never drawn, and what has as little as a number can be is drawn by its share.
TEST_CASE("multinomial without replacement tells the smallest weights from none") {
  Generator g(21);
  for (int i = 0; i < 20; ++i) CHECK(device::values(multinomial(tensor<double, D>({0, 1e-310}), 1, false, g)) == std::vector<std::int64_t>{1});
  auto both = device::values(multinomial(tensor<double, D>({0, 1e-320, 1e10}), 2, false, g));
  CHECK(both == std::vector<std::int64_t>{2, 1});
  constexpr std::int64_t n = 10000;
  std::vector<double> counts(2, 0);
  for (const auto v : device::values(multinomial(expand(tensor<double, D>({1e-310, 3e-310}), {n, 2}), 1, false, g)))
    ++counts.at(static_cast<std::size_t>(v));
  CHECK(std::fabs(chi_squared(counts, {0.25, 0.75}, n)) < 5);
}

TEST_CASE("multinomial's weights are checked") {
  CHECK_THROWS_AS(multinomial(ones<float, D>({3}), 4), ValueError);
  CHECK_THROWS_AS(multinomial(tensor<float, D>({1, 0, 1}), 3), ValueError);
  CHECK_THROWS_AS(multinomial(tensor<float, D>({1, -1}), 1), ValueError);
  CHECK_THROWS_AS(multinomial(tensor<float, D>({1, NAN}), 1), ValueError);
  CHECK_THROWS_AS(multinomial(tensor<float, D>({1, INFINITY}), 1), ValueError);
  CHECK_THROWS_AS(multinomial(zeros<float, D>({3}), 1), ValueError);
  CHECK_THROWS_AS(multinomial(ones<float, D>({3}), 0), ValueError);
  CHECK_THROWS_AS(multinomial(ones<float, D>({1, 1, 3}), 1), ShapeError);
  CHECK_THROWS_AS(multinomial(ones<float, D>({2, 0}), 1, true), ShapeError);
}

TEST_CASE("parameters are checked before anything is written or drawn") {
  manual_seed(1);
  auto x = full<float, D>({2}, 7);
  CHECK_THROWS_AS(uniform_(x, 2, 1), ValueError);
  CHECK_THROWS_AS(uniform_(x, 0, INFINITY), ValueError);
  CHECK_THROWS_AS(normal_(x, 0, -1), ValueError);
  CHECK_THROWS_AS(exponential_(x, 0), ValueError);
  CHECK_THROWS_AS(log_normal_(x, 0, 0), ValueError);
  CHECK_THROWS_AS(cauchy_(x, 0, 0), ValueError);
  CHECK_THROWS_AS(geometric_(x, 1), ValueError);
  CHECK_THROWS_AS(random_(x, 3, 3), ValueError);
  CHECK_THROWS_AS(random_(x, 1 << 25), ValueError);
  CHECK_THROWS_AS(bernoulli_(x, 2), ValueError);
  CHECK_THROWS_AS((randint<std::int64_t, D>(4, 4, {1})), ValueError);
  CHECK_THROWS_AS((randint<std::int8_t, D>(0, 129, {1})), ValueError);
  CHECK_THROWS_AS((randint<bool, D>(0, 3, {1})), ValueError);
  CHECK_THROWS_AS((randperm<std::int64_t, D>(-1)), ShapeError);
  CHECK_THROWS_AS((randperm<std::uint8_t, D>(257)), ValueError);
  CHECK_THROWS_AS(uniform_(expand(zeros<float, D>({1}), {4})), ValueError);
  CHECK(device::values(x) == std::vector<float>{7, 7});
  CHECK(x.version() == 0);
  CHECK(default_generator().state().offset == 0);
  uniform_(x);
  CHECK(x.version() == 1);
}

TEST_CASE("writing in place follows the tape's rules") {
  auto leaf = ones<float, D>({2, 2}).requires_grad_();
  CHECK_THROWS_AS(normal_(leaf), AutogradError);
  CHECK_THROWS_AS(uniform_(leaf[0]), AutogradError);
  CHECK(device::values(leaf) == std::vector<float>{1, 1, 1, 1});
  {
    const NoGrad no_grad;
    uniform_(leaf, 3, 4);
  }
  CHECK(leaf.requires_grad());
  CHECK(leaf[0][0].item() >= 3);
  // What is overwritten gets no gradient; the rest keeps its own.
  Tensor<float, D> y = leaf * 2;
  normal_(y[0]);
  sum(y).backward();
  CHECK(device::values(leaf.grad()) == std::vector<float>{0, 0, 2, 2});
}

TEST_CASE("random tensors like another") {
  manual_seed(2);
  const auto x = zeros<double, D>({2, 3});
  const auto u = rand_like(x);
  static_assert(std::same_as<decltype(rand_like(x)), Tensor<double, D>> &&
                std::same_as<decltype(randn_like<float>(x)), Tensor<float, D>>);
  manual_seed(2);
  CHECK(device::values(u) == device::values(rand<double, D>({2, 3})));
  CHECK(randn_like<float>(x).shape() == Shape{2, 3});
  for (const double v : device::values(randint_like(x, 5, 7))) CHECK((v == 5 || v == 6));
  for (const auto v : device::values(randint_like<std::int64_t>(x, 2))) CHECK((v == 0 || v == 1));
}
