// SPDX-License-Identifier: MIT
// Initialisers: gains, fans and what involves no chance against PyTorch; the others by their statistics.
// Devices: slow
#include <taper/nn/init.hpp>
#include <taper/nn/layers/conv.hpp>
#include <taper/nn/layers/conv_transpose.hpp>
#include <taper/nn/layers/embedding.hpp>
#include <taper/nn/layers/linear.hpp>
#include <taper/ops/matmul.hpp>
#include <taper/ops/variance.hpp>

#include "tests/support/device.hpp"
#include "tests/support/golden.hpp"

using namespace taper;
using device::D;
namespace init = nn::init;
using init::Nonlinearity;

namespace {

const golden::File& file() {
  static const golden::File f("init");
  return f;
}
Shape shape_of(const std::string& key) {
  const auto sizes = file().values<std::int64_t>(key);
  return Shape(std::span<const std::int64_t>(sizes));
}

struct Moments {
  double mean, deviation, least, largest;
};
Moments moments(const Tensor<double, D>& x) {
  return {mean(x).item(), taper::std(x).item(), amin(x).item(), amax(x).item()};
}

/// Uniform in +-bound: within it, close to it, and of its variance.
void check_uniform(const Tensor<double, D>& x, double bound) {
  const Moments m = moments(x);
  CHECK(m.least >= -bound);
  CHECK(m.largest <= bound);
  CHECK(m.largest > 0.9 * bound);
  CHECK(std::abs(m.mean) < 0.15 * bound);
  CHECK(m.deviation == Approx(bound / std::sqrt(3.0)).epsilon(0.1));
}
void check_normal(const Tensor<double, D>& x, double deviation) {
  const Moments m = moments(x);
  CHECK(std::abs(m.mean) < 0.15 * deviation);
  CHECK(m.deviation == Approx(deviation).epsilon(0.1));
  CHECK(m.largest > 2 * deviation);  // not uniform
}

}  // namespace

TEST_CASE("gains equal PyTorch's") {
  const std::pair<const char*, Nonlinearity> names[] = {
      {"linear", Nonlinearity::linear}, {"conv1d", Nonlinearity::conv1d}, {"conv2d", Nonlinearity::conv2d},
      {"conv3d", Nonlinearity::conv3d}, {"conv_transpose1d", Nonlinearity::conv_transpose1d},
      {"conv_transpose2d", Nonlinearity::conv_transpose2d}, {"conv_transpose3d", Nonlinearity::conv_transpose3d},
      {"sigmoid", Nonlinearity::sigmoid}, {"tanh", Nonlinearity::tanh}, {"relu", Nonlinearity::relu},
      {"leaky_relu", Nonlinearity::leaky_relu}, {"selu", Nonlinearity::selu}};
  for (const auto& [name, value] : names) {
    INFO(name);
    CHECK(init::calculate_gain(value) == Approx(file().value(std::string("gain.") + name + "/y")).epsilon(1e-14));
  }
  const std::pair<const char*, double> slopes[] = {{"0_25", 0.25}, {"sqrt_5", std::sqrt(5.0)}, {"0", 0}, {"1", 1}};
  for (const auto& [name, slope] : slopes)
    CHECK(init::calculate_gain(Nonlinearity::leaky_relu, slope) ==
          Approx(file().value(std::string("gain.leaky_relu_") + name + "/y")).epsilon(1e-14));
}

TEST_CASE("fans equal PyTorch's") {
  for (const std::string name : {"fan.linear", "fan.conv1d", "fan.conv2d", "fan.conv3d"}) {
    const init::Fans fans = init::calculate_fan_in_and_fan_out(shape_of(name + "/shape"));
    CHECK(fans.fan_in == file().value<std::int64_t>(name + "/fan_in"));
    CHECK(fans.fan_out == file().value<std::int64_t>(name + "/fan_out"));
  }
  CHECK_THROWS_AS(init::calculate_fan_in_and_fan_out({3}), ShapeError);
}

TEST_CASE("initialisers without chance equal PyTorch's") {
  for (const std::string& name : file().cases()) {
    INFO(name);
    if (!file().has(name + "/y")) continue;
    Tensor<double, D> w = randn<double, D>(file().shape(name + "/y")).requires_grad_();  // a leaf may be initialised
    if (name.rfind("eye.", 0) == 0) init::eye_(w);
    else if (name.rfind("dirac.", 0) == 0) init::dirac_(w, file().value<std::int64_t>(name + "/arg/groups"));
    else if (name == "constant") init::constant_(w, 0.25);
    else continue;
    check_equal(w, file().tensor<double>(name + "/y"));
    CHECK(w.is_leaf());
  }
  check_equal(init::ones_(empty<float, D>({2})), ones<float, D>({2}));
  check_equal(init::zeros_(empty<float, D>({2})), zeros<float, D>({2}));
  CHECK_THROWS_AS(init::eye_(empty<float, D>({2, 2, 2})), ShapeError);
  CHECK_THROWS_AS(init::dirac_(empty<float, D>({2, 2})), ShapeError);
  CHECK_THROWS_AS(init::dirac_(empty<float, D>({3, 2, 2}), 2), ValueError);
}

TEST_CASE("random initialisers have the right distribution") {
  manual_seed(7);
  Tensor<double, D> w = empty<double, D>({40, 20, 2});  // fan_in 40, fan_out 80
  check_uniform(init::uniform_(w, -3, 3), 3);
  check_normal(init::normal_(w, 0, 2), 2);
  check_uniform(init::xavier_uniform_(w, 2), 2 * std::sqrt(6.0 / 120));
  check_normal(init::xavier_normal_(w), std::sqrt(2.0 / 120));
  check_uniform(init::kaiming_uniform_(w), std::sqrt(2.0) * std::sqrt(3.0 / 40));
  check_uniform(init::kaiming_uniform_(w, {.a = 1, .mode = init::FanMode::fan_out}), std::sqrt(3.0 / 80));
  check_normal(init::kaiming_normal_(w, {.nonlinearity = Nonlinearity::tanh}), 5.0 / 3 / std::sqrt(40.0));
}

TEST_CASE("truncated normals stay inside their bounds and follow the normal distribution there") {
  manual_seed(8);
  const Tensor<double, D> w = init::trunc_normal_(empty<double, D>({20000}), 1, 2, 0, 2);
  const Moments m = moments(w);
  CHECK(m.least >= 0);
  CHECK(m.largest <= 2);
  // The variance of a normal cut symmetrically at +-z deviations: s^2 (1 - 2 z phi(z) / (2 Phi(z) - 1)).
  const double z = 0.5, phi = std::exp(-z * z / 2) / std::sqrt(2 * 3.14159265358979323846), mass = std::erf(z / std::sqrt(2.0));
  CHECK(m.mean == Approx(1).epsilon(0.01));
  CHECK(m.deviation == Approx(2 * std::sqrt(1 - 2 * z * phi / mass)).epsilon(0.02));
  CHECK_THROWS_AS(init::trunc_normal_(empty<double, D>({2}), 0, 1, 2, 1), ValueError);
}

TEST_CASE("no truncated normal stands on a bound that is far away") {
  manual_seed(11);
  const auto beyond = []<class T>(T) {  // of a million, how many lie ten deviations out
    const Tensor<T, D> w = init::trunc_normal_(empty<T, D>({1000000}), 0, 0.02);
    return sum(abs(cast<float>(w)) > 0.2f).item();
  };
  CHECK(beyond(bfloat16{}) == 0);
  CHECK(beyond(float16{}) == 0);
  CHECK(beyond(float{}) == 0);
  const Tensor<double, D> all = init::trunc_normal_(empty<double, D>({100000}), 0, 1, -1e3, std::numeric_limits<double>::infinity());
  check_normal(all, 1);
}

TEST_CASE("the tails of truncated normals are the normal distribution's") {
  manual_seed(12);
  // Means and deviations by numerical integration (mpmath); PyTorch's draws have them too.
  const struct { double a, b, mean, deviation; } tails[] = {
      {5, 6, 5.1831, 0.1716}, {-6, -5, -5.1831, 0.1716}, {6, 7, 6.1572, 0.1508}, {40, 41, 40.02497, 0.02495}, {-3, -2, -2.3158, 0.2480}};
  for (const auto& t : tails) {
    INFO("between " << t.a << " and " << t.b);
    const Moments d = moments(init::trunc_normal_(empty<double, D>({40000}), 0, 1, t.a, t.b));
    const Moments f = moments(cast<double>(init::trunc_normal_(empty<float, D>({40000}), 3, 2, 3 + 2 * t.a, 3 + 2 * t.b)));
    CHECK(d.least > t.a);
    CHECK(d.largest < t.b);
    CHECK(d.mean == Approx(t.mean).margin(0.03 * t.deviation));
    CHECK(d.deviation == Approx(t.deviation).epsilon(0.03));
    CHECK((f.mean - 3) / 2 == Approx(t.mean).margin(0.03 * t.deviation));
    CHECK(f.deviation / 2 == Approx(t.deviation).epsilon(0.03));
  }
  const Moments out = moments(init::trunc_normal_(empty<double, D>({100}), 0, 1e-200, 1, 2));  // all mass is at the nearer bound
  CHECK(out.least == 1);
  CHECK(out.largest == 1);
}

TEST_CASE("orthogonal matrices are orthogonal, sparse ones have their share of zeros") {
  manual_seed(9);
  for (const Shape& shape : {Shape{4, 4}, Shape{3, 7}, Shape{7, 3}, Shape{4, 2, 5}}) {
    const Tensor<double, D> w = reshape(init::orthogonal_(empty<double, D>(shape), 2), {shape[0], -1});
    const bool wide = w.size(0) <= w.size(1);
    const Tensor<double, D> product = wide ? matmul(w, t(w)) : matmul(t(w), w);
    check_close(product, eye<double, D>(product.size(0)) * 4.0, 0, 1e-13);
  }
  const Tensor<double, D> s = init::sparse_(empty<double, D>({10, 50}), 0.25);
  check_equal(sum(s == 0.0, 0), full<std::int64_t, D>({50}, 3));
  CHECK(taper::std(s).item() == Approx(0.01 * std::sqrt(0.7)).epsilon(0.15));
}

TEST_CASE("a generator of one's own gives the same numbers again") {
  Generator a(5), b(5);
  check_equal(init::xavier_normal_(empty<float, D>({3, 4}), 1, a), init::xavier_normal_(empty<float, D>({3, 4}), 1, b));
}

TEST_CASE("layers start as in PyTorch") {
  manual_seed(10);
  const nn::Linear<double, D> linear{64, 50};
  check_uniform(linear.weight, 1 / 8.0);
  check_uniform(nn::Linear<double, D>{4, 1000}.bias, 0.5);
  const nn::Conv2d<double, D> conv{8, 100, {.kernel_size = 4, .groups = 2}};  // fan_in 4 * 16
  check_uniform(conv.weight, 1 / 8.0);
  check_uniform(conv.bias, 1 / 8.0);
  const nn::ConvTranspose2d<double, D> transposed{50, 8, {.kernel_size = 4, .groups = 2}};  // weight (50, 4, 4, 4)
  check_uniform(transposed.weight, 1 / 8.0);
  check_normal(nn::Embedding<double, D>{100, 20}.weight, 1);
  check_uniform(nn::Bilinear<double, D>{4, 20, 10}.weight, 0.5);
  CHECK(nn::Linear<double, D>{0, 2}(zeros<double, D>({3, 0})).shape() == Shape{3, 2});
}
