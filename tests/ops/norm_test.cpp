// SPDX-License-Identifier: MIT
// Normalisation against PyTorch's goldens and central differences.
// Devices
#include <taper/core/factory.hpp>
#include <taper/core/literal.hpp>
#include <taper/ops/layer_norm.hpp>

#include "tests/ops/golden_case.hpp"
#include "tests/support/worse.hpp"

using namespace taper;
using Catch::Matchers::StartsWith;
using golden::irregular;

namespace {

template <class T>
void check_batch_norm(const golden::File& file, const std::string& name) {
  const bool training = name.find(".train") != std::string::npos, custom = name.find(".momentum.") != std::string::npos;
  const bool affine = file.has(name + "/weight"), stats = file.has(name + "/running_mean");
  std::vector<std::string> inputs{"x"};
  if (affine) inputs.push_back("weight"), inputs.push_back("bias");
  Tensor<T, device::D> mean, var;
  golden::check_case<T>(file, name, inputs, device::run_there<T>([&](const auto& x) {
    if (stats) mean = device::there(file.tensor<T>(name + "/running_mean")), var = device::there(file.tensor<T>(name + "/running_var"));
    const Tensor<T, device::D> none;
    return batch_norm(x[0], mean, var, affine ? x[1] : none, affine ? x[2] : none, training, custom ? 0.5 : 0.1, custom ? 0.125 : 1e-5).eval();
  }));
  if (!training || !stats) return;
  check_close(device::back(mean), file.tensor<T>(name + "/after_running_mean"), golden::rtol<T>, golden::atol<T>);
  check_close(device::back(var), file.tensor<T>(name + "/after_running_var"), golden::rtol<T>, golden::atol<T>);
}

}  // namespace

TEST_CASE("norms equal PyTorch's") {
  const golden::File file("structural");
  int cases = 0;
  for (const std::string& name : file.cases()) {
    if (name.rfind("batch_norm.", 0) == 0) {
      ++cases;
      check_batch_norm<double>(file, name);
      check_batch_norm<float>(file, name);
    } else if (name.rfind("layer_norm.", 0) == 0) {
      ++cases;
      std::vector<std::string> inputs{"x"};
      for (const char* key : {"weight", "bias"})
        if (file.has(name + "/" + key)) inputs.push_back(key);
      const double eps = name == "layer_norm.eps" ? 0.125 : 1e-5;
      check_both(file, name, inputs, [&](const auto& x) {
        using X = std::remove_cvref_t<decltype(x[0])>;
        Shape last{x[0].shape().back()};
        if (x.size() > 1) last = x[1].shape();
        return layer_norm(x[0], last, x.size() > 1 ? x[1] : X(), x.size() > 2 ? x[2] : X(), eps);
      });
    }
  }
  CHECK(cases == 17);
}

TEST_CASE("norms meet central differences, also of second order") {
  const Tensor<double> mean = irregular({2}), var = abs(irregular({2}, 4)) + 0.5, none;
  for (const Shape& shape : {Shape{4, 2}, Shape{3, 2, 3}})
    for (const bool training : {true, false})
      check_gradients({irregular(shape), irregular({2}, 2), irregular({2}, 3)}, [&](const auto& x) {
        const auto m = clone(device::there(mean)), v = clone(device::there(var));
        return batch_norm(x[0], m, v, x[1], x[2], training, 0.1, 0.01).eval();
      });
  check_gradients({irregular({3, 2, 2}), irregular({2, 2}, 2), irregular({2, 2}, 3)},
                  [](const auto& x) { return layer_norm(x[0], {2, 2}, x[1], x[2], 0.01); });
  check_gradients({irregular({2, 4, 3}), irregular({4}, 2), irregular({4}, 3)}, [](const auto& x) { return group_norm(x[0], 2, x[1], x[2], 0.01); });
  check_gradients({irregular({3, 4}), irregular({4}, 2)}, [](const auto& x) { return rms_norm(x[0], {4}, x[1], 0.01); });
}

// PyTorch's in double, rounded; squares are past float16's largest number. Without an eps it takes float's.
TEST_CASE("rms_norm of 16-bit floats is rounded once") {
  const auto near = [](const auto& y, const Tensor<double>& wanted) { check_close(device::back(y), wanted, 0x1p-10, 0); };
  const auto x = device::there(tensor<float16>({{300, -200, 100, 50}})).requires_grad_(), w = device::there(tensor<float16>({1, 2, 0.5, -1})).requires_grad_();
  const auto y = rms_norm(x, {4}, w);
  near(y, tensor<double>({{1.5894388066929814, -2.1192517422573087, 0.2649064677821636, -0.2649064677821636}}));
  y.backward(device::there(tensor<float16>({{1, 2, 3, 4}})));
  near(x.grad(), tensor<double>({{0.011432805283485812, 0.017102733470678057, 0.009992086009412421, -0.02017007143459933}}));
  near(w.grad(), tensor<double>({1.5894388066929814, -2.1192517422573087, 1.5894388066929817, 1.0596258711286544}));
  near(rms_norm(device::there(full<float16>({1, 4}, 1e-3)), {4}), full<double>({1, 4}, 0.9453));
  near(rms_norm(device::there(full<bfloat16>({1, 4}, 0.01)), {4}), full<double>({1, 4}, 1));
}

TEST_CASE("group_norm and rms_norm follow their formulas") {
  const Tensor<double> x = irregular({2, 6, 5});
  const Tensor<double> y = group_norm(x, 3), z = rms_norm(x, {5}, {}, 0.5);
  for (int n = 0; n < 2; ++n)
    for (int g = 0; g < 3; ++g) {
      const double* p = x.data_ptr() + (n * 3 + g) * 10;
      double mean = 0, var = 0;
      for (int i = 0; i < 10; ++i) mean += p[i] / 10;
      for (int i = 0; i < 10; ++i) var += (p[i] - mean) * (p[i] - mean) / 10;
      CHECK(golden::near(y.data_ptr()[(n * 3 + g) * 10 + 7], (p[7] - mean) / std::sqrt(var + 1e-5), 1e-12));
    }
  double squares = 0;
  for (int i = 0; i < 5; ++i) squares += x.data_ptr()[i] * x.data_ptr()[i] / 5;
  CHECK(golden::near(z.data_ptr()[2], x.data_ptr()[2] / std::sqrt(squares + 0.5), 1e-12));
}

TEST_CASE("wide and long channels are taken in packs of any remainder") {
  for (const Shape& shape : {Shape{70, 45}, Shape{3, 5, 83}, Shape{2, 3, 40, 41}}) {
    const Tensor<float> x = irregular<float>(shape);
    const Tensor<double> exact = batch_norm(cast<double>(x), {}, {}, {}, {}, true).eval();
    check_close(batch_norm(x, {}, {}, {}, {}, true), exact, 1e-5, 2e-6);
    const Tensor<double> rows = layer_norm(cast<double>(x), {shape.back()});
    check_close(layer_norm(x, {shape.back()}), rows, 1e-5, 4e-6);
  }
}

TEST_CASE("layer_norm of any width follows its formula, forward and backward") {
  constexpr std::int64_t rows = 3;
  for (const std::int64_t n : {2, 7, 8, 15, 16, 31, 32, 33, 65, 255, 1023, 1024, 1025, 1057}) {
    const Tensor<float> x = irregular<float>({rows, n}).requires_grad_(), w = irregular<float>({n}).requires_grad_(), b = irregular<float>({n}).requires_grad_();
    const Tensor<float> g = cos(irregular<float>({rows, n}));
    const Tensor<float> y = layer_norm(x, {n}, w, b);
    y.backward(g);
    std::vector<double> dw(static_cast<std::size_t>(n)), db(dw.size());
    double worst = 0;
    for (std::int64_t r = 0; r < rows; ++r) {
      const auto at = [&](const auto& t, std::int64_t i) { return static_cast<double>(std::as_const(t).data_ptr()[r * n + i]); };
      const auto weight = [&](std::int64_t i) { return static_cast<double>(std::as_const(w).data_ptr()[i]); };
      double mean = 0, var = 0, sum = 0, along = 0;
      for (std::int64_t i = 0; i < n; ++i) mean += at(x, i) / static_cast<double>(n);
      for (std::int64_t i = 0; i < n; ++i) var += (at(x, i) - mean) * (at(x, i) - mean) / static_cast<double>(n);
      const double inverse = 1 / std::sqrt(var + 1e-5);
      const auto normal = [&](std::int64_t i) { return (at(x, i) - mean) * inverse; };
      for (std::int64_t i = 0; i < n; ++i) {
        const auto k = static_cast<std::size_t>(i);
        sum += at(g, i) * weight(i) / static_cast<double>(n);
        along += at(g, i) * weight(i) * normal(i) / static_cast<double>(n);
        dw[k] += at(g, i) * normal(i);
        db[k] += at(g, i);
        worst = worse(worst, std::abs(at(y, i) - (normal(i) * weight(i) + static_cast<double>(std::as_const(b).data_ptr()[i]))));
      }
      for (std::int64_t i = 0; i < n; ++i)
        worst = worse(worst, std::abs(at(x.grad(), i) - (at(g, i) * weight(i) - sum - normal(i) * along) * inverse) / (1 + inverse));
    }
    for (std::int64_t i = 0; i < n; ++i) {
      worst = worse(worst, std::abs(static_cast<double>(w.grad().data_ptr()[i]) - dw[static_cast<std::size_t>(i)]));
      worst = worse(worst, std::abs(static_cast<double>(b.grad().data_ptr()[i]) - db[static_cast<std::size_t>(i)]));
    }
    CAPTURE(n);
    CHECK(worst < 1e-5);
  }
}

TEST_CASE("an empty batch gives weights gradients of zeros, as in PyTorch") {
  using X = Tensor<float, device::D>;
  const auto check = [](const Shape& shape, const Shape& weights, auto norm) {
    CAPTURE(shape);
    for (std::int64_t i = 0; i < 8; ++i) (void)full<float, device::D>(weights, NAN);  // what memory that nobody writes would show
    const X x = zeros<float, device::D>(shape).requires_grad_(), w = ones<float, device::D>(weights).requires_grad_(),
            b = ones<float, device::D>(weights).requires_grad_();
    const X y = norm(x, w, b);
    y.backward(zeros<float, device::D>(y.shape()));
    CHECK(x.grad().shape() == shape);
    check_equal(device::back(w.grad()), zeros<float>(weights));
    if (b.grad().defined()) check_equal(device::back(b.grad()), zeros<float>(weights));
  };
  for (const Shape& shape : {Shape{0, 4}, Shape{0, 4, 3, 3}, Shape{0, 4, 1, 1}, Shape{3, 4, 0}}) {
    X mean = zeros<float, device::D>({4}), var = ones<float, device::D>({4});
    for (const bool training : {false, true})
      for (const double eps : {1e-5, 0.0})
        check(shape, {4}, [&](const X& x, const X& w, const X& b) { return batch_norm(x, mean, var, w, b, training, 0.1, eps).eval(); });
    check_equal(device::back(mean), zeros<float>({4}));
    check_equal(device::back(var), ones<float>({4}));
  }
  check({0, 4}, {4}, [](const X& x, const X& w, const X& b) { return layer_norm(x, {4}, w, b); });
  check({0, 4}, {4}, [](const X& x, const X& w, const X&) { return rms_norm(x, {4}, w); });
  check({0, 4, 3}, {4}, [](const X& x, const X& w, const X& b) { return group_norm(x, 2, w, b); });
}

TEST_CASE("relu(batch_norm(x)) is one expression and the running statistics move once") {
  Tensor<float> x = irregular<float>({8, 3, 4}).requires_grad_();
  Tensor<float> mean(detail::GradOpsFor<float, Cpu>::full({3}, 0)), var(detail::GradOpsFor<float, Cpu>::full({3}, 1));
  auto expression = maximum(batch_norm(x, mean, var, {}, {}, true), 0.0f);
  const float moved = mean.data_ptr()[0];
  CHECK(moved != 0);
  const Tensor<float> y = expression;
  CHECK(mean.data_ptr()[0] == moved);
  y.backward(y);
  CHECK(x.grad().defined());
}

TEST_CASE("what does not fit a norm is named") {
  const Tensor<float> x = irregular<float>({4, 3}), none;
  CHECK_THROWS_WITH(batch_norm(x, irregular<float>({4}), irregular<float>({3})),
                    "[batch_norm] running_mean (4,) must have shape (3,), one element for each channel of x (4, 3)");
  CHECK_THROWS_AS(batch_norm(irregular<float>({1, 3}), none, none, none, none, true), ValueError);
  CHECK_THROWS_AS(batch_norm(x, none, none), ValueError);
  CHECK_THROWS_AS(batch_norm(irregular<float>({3}), none, none, none, none, true), ShapeError);
  CHECK_THROWS_WITH(layer_norm(x, {4}), "[layer_norm] x (4, 3) must end in normalized_shape (4,)");
  CHECK_THROWS_WITH(layer_norm(x, {3}, irregular<float>({4})), StartsWith("[layer_norm] weight (4,)"));
  CHECK_THROWS_AS(group_norm(x, 2), ShapeError);
}
