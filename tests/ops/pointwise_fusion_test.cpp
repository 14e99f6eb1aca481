// SPDX-License-Identifier: MIT
// Fused equals unfused, values and gradients, with one launch each way.
// Devices: slow
#include <taper/ops/activation_gated.hpp>
#include <taper/ops/pointwise.hpp>

#include "tests/ops/harness.hpp"

using namespace taper;
using device::D;

namespace {

struct Result {
  Tensor<double, D> y, gx, gz;
  std::int64_t forward = 0, backward = 0;
};

template <class F>
Result run(const F& f, const Tensor<double, D>& gy) {
  const golden::File file("ops");
  auto x = device::there(file.tensor<double>("pow/x0")), z = device::there(file.tensor<double>("mul/x1"));
  x.requires_grad_(), z.requires_grad_();
  Result out;
  reset_stats();
  out.y = f(x, z);
  out.forward = stats().launches;
  reset_stats();
  taper::backward(out.y, gy);
  out.backward = stats().launches;
  out.gx = x.grad(), out.gz = z.grad();
  return out;
}

/// F of an expression and of a stored tensor, the result used once more.
template <auto F>
void check(const char* name) {
  INFO(name);
  const auto gy = device::there(golden::File("ops").tensor<double>("mul/gy"));
  const Result fused = run([](auto& x, auto& z) { return Tensor<double, D>(F(x * 0.75 + 0.1) * z); }, gy);
  const Result apart = run(
      [](auto& x, auto& z) {
        const Tensor<double, D> scaled = x * 0.75, moved = scaled + 0.1, value = F(moved);
        return Tensor<double, D>(value * z);
      },
      gy);
  CHECK(fused.forward == 1);
  CHECK(fused.backward == 1);
  CHECK(apart.forward == 4);
  check_close(fused.y, apart.y, 4e-16, 1e-300);
  check_close(fused.gx, apart.gx, 1e-14, 1e-14);
  check_close(fused.gz, apart.gz, 4e-16, 1e-300);
}

}  // namespace

// A template, as nvcc needs where a lambda is a template's argument.
template <class = void>
void check_fused() {
  check<[](auto&& x) { return tanh(std::forward<decltype(x)>(x)); }>("tanh");
  check<[](auto&& x) { return log(std::forward<decltype(x)>(x)); }>("log");
  check<[](auto&& x) { return gelu(std::forward<decltype(x)>(x)); }>("gelu");
  check<[](auto&& x) { return clamp(std::forward<decltype(x)>(x), 0.5, 2); }>("clamp");
  check<[](auto&& x) { return pow(std::forward<decltype(x)>(x), 1.5); }>("pow");
  check<[](auto&& x) { return 1 / std::forward<decltype(x)>(x); }>("reciprocal");
}
TEST_CASE("fused equals unfused") { check_fused(); }

TEST_CASE("let computes once and fuses") {
  const auto gy = device::there(golden::File("ops").tensor<double>("mul/gy"));
  const auto swish = [](auto v) { return v * sigmoid(v); };
  const Result bound = run([&](auto& x, auto& z) { return Tensor<double, D>(let(x * z, swish)); }, gy);
  const Result whole = run([](auto& x, auto& z) { return Tensor<double, D>(silu(x * z)); }, gy);
  CHECK(bound.forward == 1);
  CHECK(bound.backward == 1);
  check_close(bound.y, whole.y, 1e-15, 0);
  check_close(bound.gx, whole.gx, 1e-13, 1e-14);
  check_close(bound.gz, whole.gz, 1e-13, 1e-14);
}

TEST_CASE("named expressions are stored once") {
  const auto gy = device::there(golden::File("ops").tensor<double>("mul/gy"));
  const Result r = run(
      [](auto& x, auto& z) {
        auto h = relu(x * z);
        return Tensor<double, D>(h * h + h);
      },
      gy);
  CHECK(r.forward == 2);
  CHECK(r.backward == 2);
}

TEST_CASE("a condition fuses with what it chooses") {
  const auto gy = device::there(golden::File("ops").tensor<double>("mul/gy"));
  const Result r = run([](auto& x, auto& z) { return Tensor<double, D>(where(x > z, x * 2, z - 1)); }, gy);
  CHECK(r.forward == 1);
  CHECK(r.backward == 1);
}

TEST_CASE("other shapes: rows, columns, scalars, expanded views") {
  const golden::File file("ops");
  auto a = device::there(file.tensor<double>("add_bcast/x0")).requires_grad_();
  auto b = device::there(file.tensor<double>("add_bcast/x1")).requires_grad_();
  const auto gy = device::there(file.tensor<double>("add_bcast/gy"));
  reset_stats();
  const Tensor<double, D> y = tanh(a) * b + b;
  CHECK(stats().launches == 1);
  CHECK(y.shape() == Shape{4, 5, 3});
  backward(y, gy);
  auto c = clone(detach(a)).requires_grad_(), d = clone(detach(b)).requires_grad_();
  const Tensor<double, D> spread = tanh(clone(expand(c, {4, 5, 3}))) * expand(d, {4, 5, 3}) + clone(expand(d, {4, 5, 3}));
  backward(spread, gy);
  check_close(y, spread, 1e-15, 0);
  check_close(a.grad(), c.grad(), 1e-13, 1e-14);
  check_close(b.grad(), d.grad(), 1e-13, 1e-14);
}

TEST_CASE("long tensors: what chunks and threads compute is what pieces compute") {
  const std::int64_t n = 70003;
  Tensor<double> start(taper::detail::make_dense<Cpu>(DType::float64, {n}));
  for (std::int64_t i = 0; i < n; ++i) start.data_ptr()[i] = static_cast<double>(i % 1000) * 0.01 - 5;
  const auto x = device::there(start);
  const Tensor<double, D> whole = tanh(x) * x;
  for (const std::int64_t first : {std::int64_t{0}, std::int64_t{16380}, n - 7}) {
    const std::int64_t length = n - first < 10 ? n - first : 10;
    const Tensor<double, D> piece = tanh(clone(narrow(x, 0, first, length))) * clone(narrow(x, 0, first, length));
    check_equal(narrow(whole, 0, first, length), piece);
  }
}

TEST_CASE("a type derived from Tensor is an operand like any other") {
  struct Weight : Tensor<double, D> {
    using Tensor<double, D>::Tensor;
    explicit Weight(const Tensor<double, D>& t) : Tensor<double, D>(t) {}
  };
  const auto x = device::there(golden::File("ops").tensor<double>("mul/x0"));
  Weight w(clone(x));
  check_equal(w * x + w, x * x + x);
  check_equal(2 * w, x * 2);
  check_equal(relu(w) > w, relu(x) > x);
}
