// SPDX-License-Identifier: MIT
// Gradient clipping against PyTorch and closed forms; parameters as one vector.
// Build: -DTAPER_FIRST_ORDER_ONLY
// Devices
#include <taper/core/factory.hpp>
#include <taper/nn/clip.hpp>
#include <taper/nn/parameter_vector.hpp>
#include <taper/ops/eager.hpp>

#include <limits>

#include "tests/support/device.hpp"
#include "tests/support/golden.hpp"

using namespace taper;
using device::at;
using device::D;

namespace {

const golden::File& file() {
  static const golden::File f("optim");
  return f;
}

template <class T>
void clips_norm(const std::string& name) {
  INFO(name);
  const double tolerance = std::is_same_v<T, double> ? 1e-14 : 1e-6;
  Tensor<T, D> p[] = {zeros<T, D>({3, 4}).requires_grad_(), zeros<T, D>({5}).requires_grad_()};
  for (int i = 0; i < 2; ++i) p[i].set_grad(device::there(file().tensor<T>(name + "/g" + std::to_string(i))));
  const auto norm = nn::clip_grad_norm_(parameters(p[0], p[1]), file().value(name + "/arg/max_norm"), file().value(name + "/arg/norm_type"));
  static_assert(std::is_same_v<value_t<decltype(norm)>, T>);
  check_close(norm, file().tensor<double>(name + "/total_norm"), tolerance, 0);
  for (int i = 0; i < 2; ++i) check_close(p[i].grad(), file().tensor<double>(name + "/after" + std::to_string(i)), tolerance, 0);
}

}  // namespace

TEMPLATE_TEST_CASE("clip_grad_norm_ equals PyTorch's", "", float, double) {
  for (const char* p : {"2", "inf", "1", "3"})
    for (const char* kind : {"clipped", "below"}) clips_norm<TestType>(std::string("clip_grad_norm.p_") + p + "." + kind);
}

TEST_CASE("clip_grad_value_ equals PyTorch's") {
  Tensor<double, D> p[] = {zeros<double, D>({3, 4}).requires_grad_(), zeros<double, D>({5}).requires_grad_()};
  for (int i = 0; i < 2; ++i) p[i].set_grad(device::there(file().tensor<double>("clip_grad_value/g" + std::to_string(i))));
  nn::clip_grad_value_(ParameterRefs(std::vector{p[0], p[1]}), file().value("clip_grad_value/arg/clip_value"));
  for (int i = 0; i < 2; ++i) check_equal(p[i].grad(), file().tensor<double>("clip_grad_value/after" + std::to_string(i)));
}

TEST_CASE("norms over several dtypes, chunks and layouts") {
  // 3 over 100003 floats and 4 over a strided matrix of halves: squares sum to 9 * 100003 + 16 * 6.
  auto a = zeros<float, D>({100003}).requires_grad_();
  auto b = zeros<float16, D>({3, 2}).requires_grad_();
  a.set_grad(full<float, D>({100003}, 3));
  b.set_grad(transpose(full<float16, D>({2, 3}, -4), 0, 1));
  const auto refs = parameters(a, b);
  const double norm = std::sqrt(9.0 * 100003 + 16 * 6);
  reset_stats();
  const auto total = nn::clip_grad_norm_(refs, norm / 2);
  CHECK(stats().launches == 4);  // a fold and a scaling for each dtype
  CHECK(total.item() == Approx(norm).epsilon(1e-7));
  CHECK(at(a.grad(), 100002) == 1.5f);
  for (const std::int64_t i : {0, 5}) CHECK(static_cast<float>(at(b.grad(), i)) == -2.0f);
  CHECK(nn::get_total_norm(refs).item() == 0);  // of the parameters, which are zero
  CHECK(nn::clip_grad_norm_(parameters(zeros<float, D>({3}).requires_grad_()), 1).item() == 0);  // no gradient at all
}

TEST_CASE("the norm does not depend on the number of threads") {
  auto a = zeros<float, D>({250007}).requires_grad_();
  std::vector<float> values(250007);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(std::sin(static_cast<double>(i)));
  const auto g = tensor<float, D>(values);
  a.set_grad(g);
  const int before = get_num_threads();
  std::vector<float> norms;
  for (const int threads : {1, 2, 4}) {
    set_num_threads(threads);
    norms.push_back(nn::get_total_norm(ParameterRefs(g)).item());
  }
  set_num_threads(before);
  CHECK(norms[0] == norms[1]);
  CHECK(norms[0] == norms[2]);
  double expected = 0;
  for (const float v : values) expected += static_cast<double>(v) * static_cast<double>(v);
  CHECK(norms[0] == Approx(std::sqrt(expected)).epsilon(1e-7));
}

TEST_CASE("norms of complex gradients are those of their absolute values") {
  using C = std::complex<double>;
  auto a = zeros<C, D>({3}).requires_grad_();
  auto b = zeros<float, D>({2}).requires_grad_();
  const auto refs = parameters(a, b);
  constexpr double inf = std::numeric_limits<double>::infinity();
  struct Case {
    double order, norm;
    C scaled;
  };
  // torch.nn.utils.clip_grad_norm_([a, b], 14, order) and a.grad[0] behind it.
  for (const Case& c : {Case{1, 37, {1.135135104455808, 1.513513472607744}}, Case{2, 18.627936007490447, {2.2546780130892357, 3.0062373507856472}},
                        Case{3, 15.429090023679054, {2.722130547777735, 3.62950739703698}}, Case{inf, 13, {3, 4}}}) {
    INFO(c.order);
    a.set_grad(tensor<C, D>({C(3, 4), C(-5, 12), C(8, -6)}));
    b.set_grad(tensor<float, D>({-7, 2}));
    const auto norm = nn::clip_grad_norm_(refs, 14, c.order);
    static_assert(std::is_same_v<value_t<decltype(norm)>, double>);
    CHECK(norm.item() == Approx(c.norm).epsilon(1e-7));
    CHECK(at(a.grad(), 0).real() == Approx(c.scaled.real()).epsilon(1e-6));
    CHECK(at(a.grad(), 0).imag() == Approx(c.scaled.imag()).epsilon(1e-6));
  }
  // Of tensors themselves, one of them strided: 5 + 5 + 1 + 10 + 0 + 2.
  using F = std::complex<float>;
  const auto m = transpose(tensor<F, D>({{F(3, 4), F(0, 5), F(1, 0)}, {F(6, 8), F(0, 0), F(2, 0)}}), 0, 1);
  CHECK(nn::get_total_norm(ParameterRefs(m), 1).item() == 23);
  CHECK(nn::get_total_norm(ParameterRefs(m), inf).item() == 10);
}

TEST_CASE("complex gradients have no values to clamp") {
  const auto clamps = [](const auto& refs) { return requires { nn::clip_grad_value_(refs, 1.0); }; };
  const auto real = zeros<float, D>({2});
  const auto complex = zeros<std::complex<float>, D>({2});
  CHECK(clamps(parameters(real)));
  CHECK_FALSE(clamps(parameters(complex)));  // PyTorch: clamp is not supported for complex types
  CHECK_FALSE(clamps(parameters(real, complex)));
}

TEST_CASE("large and broken gradients") {
  auto a = zeros<float, D>({3}).requires_grad_();
  a.set_grad(tensor<float, D>({3e30f, 0, 4e30f}));
  const ParameterRefs refs{a};
  CHECK(nn::clip_grad_norm_(refs, 5).item() == 5e30f);  // the squares do not fit in a float
  CHECK(at(a.grad(), 0) == Approx(3));
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  a.set_grad(tensor<float, D>({1, nan, 2}));
  CHECK_THROWS_WITH(nn::clip_grad_norm_(refs, 1, 2, true), Catch::Contains("nothing was changed"));
  CHECK(at(a.grad(), 0) == 1);
  CHECK(std::isnan(nn::clip_grad_norm_(refs, 1).item()));
  CHECK(std::isnan(at(a.grad(), 0)));  // as PyTorch
  nn::clip_grad_value_(refs, 1);
  CHECK(std::isnan(at(a.grad(), 0)));
  CHECK_THROWS_AS(nn::clip_grad_norm_(refs, 1, 0), ValueError);
}

TEST_CASE("a gradient whose elements share memory is clipped once") {
  auto a = zeros<double, D>({4}).requires_grad_();
  a.set_grad(expand(full<double, D>({1}, 2), {4}));
  CHECK(nn::clip_grad_norm_(ParameterRefs{a}, 1).item() == 4);
  for (int i = 0; i < 4; ++i) CHECK(at(a.grad(), i) == Approx(0.5));
}

TEST_CASE("parameters as one vector") {
  auto a = tensor<float, D>({{1, 2}, {3, 4}}).requires_grad_();
  auto b = tensor<float, D>({5, 6, 7}).requires_grad_();
  const ParameterRefs refs{transpose(detach(a), 0, 1), detach(b)};
  check_equal(nn::parameters_to_vector(refs), tensor<float, D>({1, 3, 2, 4, 5, 6, 7}));
  const ParameterRefs leaves{a, b};
  nn::vector_to_parameters(tensor<float, D>({10, 20, 30, 40, 50, 60, 70}), leaves);
  check_equal(a, tensor<float, D>({{10, 20}, {30, 40}}));
  check_equal(b, tensor<float, D>({50, 60, 70}));
  nn::parameters_to_vector(leaves).backward(tensor<float, D>({1, 2, 3, 4, 5, 6, 7}));
  check_equal(a.grad(), tensor<float, D>({{1, 2}, {3, 4}}));
  CHECK_THROWS_AS(nn::vector_to_parameters(zeros<float, D>({6}), leaves), ShapeError);
}
