// SPDX-License-Identifier: MIT
// Matrix products against PyTorch's goldens and central differences.
// Devices
#include <taper/core/factory.hpp>
#include <taper/eval/grad.hpp>
#include <taper/ops/activation.hpp>
#include <taper/ops/linear.hpp>
#include <taper/ops/matmul.hpp>
#include <taper/ops/power.hpp>
#include <taper/ops/reduction.hpp>

#include <algorithm>
#include <type_traits>

#include "tests/ops/golden_case.hpp"

using namespace taper;
using golden::irregular;
using Catch::Matchers::StartsWith;

TEST_CASE("matmul equals PyTorch's for every pair of ranks") {
  const golden::File file("structural");
  for (const std::string& name : file.cases()) {
    if (name.rfind("matmul.", 0) != 0) continue;
    if (name == "matmul.transposed")
      check_both(file, name, {"a", "b"}, [](const auto& x) { return matmul(transpose(x[0], 1, 2), transpose(x[1], 1, 2)).eval(); });
    else if (name == "matmul.same_operand")
      check_both(file, name, {"a"}, [](const auto& x) { return matmul(x[0], t(x[0])).eval(); });
    else
      check_both(file, name, {"a", "b"}, [](const auto& x) { return matmul(x[0], x[1]).eval(); });
  }
  check_both(file, "dot", {"a", "b"}, [](const auto& x) { return dot(x[0], x[1]).eval(); });
  check_both(file, "outer", {"a", "b"}, [](const auto& x) { return outer(x[0], x[1]).eval(); });
  check_both(file, "linear", {"x", "weight", "bias"}, [](const auto& x) { return linear(x[0], x[1], x[2]).eval(); });
}

TEST_CASE("products meet central differences, also of second order") {
  const auto product = [](const auto& x) { return matmul(x[0], x[1]).eval(); };
  check_gradients({irregular({2, 3}), irregular({3, 2})}, product);
  check_gradients({irregular({2, 1, 2, 3}), irregular({2, 3, 2})}, product);
  check_gradients({irregular({3}), irregular({2, 3, 2})}, product);
  check_gradients({irregular({2, 2, 3}), irregular({3})}, product);
  check_gradients({irregular({3}), irregular({3})}, product);
  check_gradients({irregular({2, 2, 3}), irregular({3, 2})}, product);
  const auto affine = [](const auto& x) { return linear(x[0], x[1], x[2]).eval(); };
  check_gradients({irregular({4, 3}), irregular({2, 3}), irregular({2})}, affine);
  check_gradients({irregular({3}), irregular({2, 3}), irregular({2})}, affine);
  check_gradients({irregular({2, 3}), irregular({2, 3}), irregular({3, 2})},
                  [](const auto& x) { return addmm(matmul(x[0], t(x[1])).eval(), x[1], x[2], 0.5, 2.0).eval(); });
}

TEST_CASE("mm, mv, bmm and addmm are matmul with their ranks checked") {
  const Tensor<double> a = irregular({3, 4}), b = irregular({4, 5}), v = irregular({4}), c = irregular({5}, 9);
  check_equal(mm(a, b), matmul(a, b));
  check_equal(mv(a, v), matmul(a, v));
  const Tensor<double> s = irregular({2, 3, 4}), r = irregular({2, 4, 2});
  check_equal(bmm(s, r), matmul(s, r));
  check_close(addmm(c, a, b, 2.0, 3.0), matmul(a, b) * 3.0 + c * 2.0, 1e-14, 1e-14);
}

TEST_CASE("a product is fused with what is made of it and recorded once") {
  const Tensor<float> x = irregular<float>({4, 3}), w = irregular<float>({2, 3}).requires_grad_(), b = irregular<float>({2}).requires_grad_();
  reset_stats();
  const Tensor<float> y = square(linear(x, w, b));
  CHECK(stats().launches == 1);
  y.backward(irregular<float>({4, 2}));
  CHECK(w.grad().defined());
  CHECK(b.grad().defined());
}

TEST_CASE("shared weights add up") {
  Tensor<double> w = irregular({2, 2}).requires_grad_();
  const Tensor<double> x = irregular({3, 2});
  const auto both = [&](const auto& weight) { return linear(linear(to<device_t<decltype(weight)>>(x), weight), weight).eval(); };
  both(w).backward(irregular({3, 2}, 4));
  check_gradients({irregular({2, 2})}, [&](const auto& p) { return both(p[0]); }, false);
  CHECK(w.grad().shape() == Shape{2, 2});
}

static bool same(const Tensor<double>& a, const Tensor<double>& b) {
  return a.shape() == b.shape() && std::equal(a.data_ptr(), a.data_ptr() + a.numel(), b.data_ptr());
}

TEST_CASE("linear's operands go over to its backward; a moved expression can still be computed again") {
  for (const std::int64_t n : {2, 200}) {
    const auto x = irregular({n, 64}), w = irregular({64, 64}).requires_grad_(), b = irregular({64});
    auto e = linear(x, w, b);
    const Tensor<double> y = std::move(e);
    CHECK(x.handle()->refs.load(std::memory_order_relaxed) == 2);
    CHECK(w.handle()->refs.load(std::memory_order_relaxed) == 2);
    const Tensor<double> again = std::move(e);  // NOLINT
    CHECK(same(again, y));
    auto fused = relu(linear(x, w, b));
    const Tensor<double> z = std::move(fused), once_more = std::move(fused);  // NOLINT
    CHECK(same(once_more, z));
    sum(once_more).backward();
    CHECK(w.grad().shape() == w.shape());
  }
}

TEST_CASE("the gradient of a matrix beside a stack of single rows, whatever their strides") {
  const auto check = [](const auto& a, const auto& g) {  // both (5, 1, n)
    const auto w = device::there(irregular({3, 4})).requires_grad_();
    matmul(a, w).eval().backward(g);
    const std::vector<double> rows = device::values(a), up = device::values(g);
    std::vector<double> expected(12);
    for (std::size_t i = 0; i < 5; ++i)
      for (std::size_t k = 0; k < 3; ++k)
        for (std::size_t n = 0; n < 4; ++n) expected[k * 4 + n] += rows[i * 3 + k] * up[i * 4 + n];
    check_close(device::back(w.grad()), reshape(tensor(expected), {3, 4}), 1e-12, 1e-12);
  };
  const auto a = device::there(irregular({1, 5, 3})), g = device::there(irregular({1, 5, 4}, 2));
  check(transpose(a, 0, 1), transpose(g, 0, 1));
  check(reshape(a, {5, 1, 3}), transpose(g, 0, 1));
  check(transpose(a, 0, 1), reshape(g, {5, 1, 4}));
}

// Sums of nothing, as PyTorch's, whatever the gradients are recorded for.
TEST_CASE("linear without features has gradients") {
  for (const bool create_graph : {false, true})
    for (const Shape& shape : {Shape{3, 0}, Shape{0, 3}, Shape{0, 0}}) {  // of the weight
      CAPTURE(create_graph, shape);
      empty<double>({2, 2, 3}).fill_(7);  // what a gradient that is not written holds
      const Tensor<double> x = irregular({2, 2, shape[1]}).requires_grad_(), w = irregular(shape).requires_grad_(), b = irregular({shape[0]}).requires_grad_();
      const Tensor<double> y = linear(x, w, b);
      const auto g = grad(sum(y), std::tie(x, w, b), {.create_graph = create_graph});
      check_equal(detach(std::get<0>(g)), full<double>(x.shape(), 0));
      check_equal(detach(std::get<1>(g)), full<double>(w.shape(), 0));
      check_equal(detach(std::get<2>(g)), full<double>(b.shape(), 4));
    }
}

TEST_CASE("integers and halves multiply") {
  Tensor<std::int64_t> a(detail::make_dense<Cpu>(DType::int64, {2, 2}));
  for (int i = 0; i < 4; ++i) a.data_ptr()[i] = i + 1;
  const Tensor<std::int64_t> y = matmul(a, a);
  CHECK(y.data_ptr()[0] == 7);
  CHECK(y.data_ptr()[3] == 22);
  // More rows than a block, of one column each.
  CHECK(sum(matmul(ones<std::int32_t>({5000, 1}), ones<std::int32_t>({1, 1}))).item() == 5000);
  CHECK(sum(matmul(ones<std::int32_t>({1, 1}), ones<std::int32_t>({1, 5000}))).item() == 5000);
  CHECK(matmul(ones<std::int32_t>({1, 5000}), ones<std::int32_t>({5000, 1})).item() == 5000);
  CHECK(sum(mv(ones<std::complex<float>>({500, 1}), ones<std::complex<float>>({1}))).item() == std::complex<float>(500));
  const Tensor<bfloat16> h = irregular<bfloat16>({2, 3});
  const Tensor<bfloat16> z = linear(h, h);
  const Tensor<double> exact = matmul(irregular({2, 3}), t(irregular({2, 3})));
  check_close(z, exact, 0.02, 0.02);
}

TEST_CASE("large products of bfloat16 are those of double, rounded once") {
  for (const std::int64_t k : {100, 63})
    for (const std::int64_t n : {10, 70}) {
      const Tensor<bfloat16> a = irregular<bfloat16>({64, k}), b = irregular<bfloat16>({k, n}), rows = irregular<bfloat16>({n, k});
      const Tensor<double> wa = cast<double>(a), wb = cast<double>(b), wrows = cast<double>(rows);
      check_close(matmul(a, b).eval(), matmul(wa, wb).eval(), 0x1p-8, 1e-4);
      check_close(linear(a, rows).eval(), linear(wa, wrows).eval(), 0x1p-8, 1e-4);
      check_close(matmul(t(a), a).eval(), matmul(t(wa), wa).eval(), 0x1p-8, 1e-4);
    }
}

TEST_CASE("shapes that do not fit are named") {
  const Tensor<float> a = irregular<float>({32, 784}), b = irregular<float>({128, 10}), s = irregular<float>({});
  CHECK_THROWS_WITH(matmul(a, b), "[matmul] the last size of a (32, 784) must equal the second-last size of b (128, 10): 784 != 128");
  CHECK_THROWS_WITH(matmul(a, s), StartsWith("[matmul] a has shape"));
  CHECK_THROWS_AS(mm(a, irregular<float>({784})), ShapeError);
  CHECK_THROWS_AS(matmul(irregular<float>({2, 3, 4}), irregular<float>({3, 4, 5})), ShapeError);
  CHECK_THROWS_WITH(linear(a, b), "[linear] the last size of x (32, 784) must equal the last size of weight (128, 10): 784 != 10");
  CHECK_THROWS_WITH(linear(irregular<float>({2, 3}), irregular<float>({4, 3}), irregular<float>({3})), StartsWith("[linear] bias (3,) must have shape (4,)"));
  CHECK_THROWS_AS(dot(irregular<float>({3}), irregular<float>({4})), ShapeError);
}

TEST_CASE("an operand changed before its product is evaluated is noticed") {
  Tensor<float> a = irregular<float>({2, 2});
  auto y = matmul(a, a);
  a.zero_();
  CHECK_THROWS_AS(y.eval(), ValueError);
  Tensor<float> w = irregular<float>({2, 2}).requires_grad_();
  const Tensor<float> z = matmul(a, w);
  a.zero_();
  CHECK_THROWS_AS(z.backward(z), AutogradError);
}

template <class X, class Y>
concept Multiplies = requires(const X& x, const Y& y) { matmul(x, y); };
template <class X, class W, class B>
concept Affine = requires(const X& x, const W& w, const B& b) { linear(x, w, b); };
static_assert(Multiplies<Tensor<float>, Tensor<float>>);
static_assert(!Multiplies<Tensor<float>, Tensor<double>>);
static_assert(!Affine<Tensor<float>, Tensor<float>, Tensor<double>>);
static_assert(!Affine<Tensor<float>, Tensor<double>, Tensor<float>>);
