// SPDX-License-Identifier: MIT
// Tensors whose channels are last: the order of memory that every operation gives and keeps, and its values, gradients
// and statistics against those of row-major tensors, which other tests hold against PyTorch's.
// Devices: slow
#include <taper/nn/layers/conv.hpp>
#include <taper/ops.hpp>
#include <taper/testing/gradcheck.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/device.hpp"

#include <cmath>
#include <limits>

using namespace taper;
using device::D;
using Catch::Matchers::StartsWith;

namespace {

constexpr MemoryFormat last = MemoryFormat::channels_last;

template <class T>
Tensor<T, D> channels_last(const Tensor<T, D>& x) {
  return detach(x.contiguous(last));
}
template <class T>
bool only_last(const Tensor<T, D>& x) {
  return x.is_contiguous(last) && !x.is_contiguous();
}
/// The largest difference, against the largest value; infinite where only one is NaN.
template <class T>
double worst(const Tensor<T, D>& x, const Tensor<T, D>& expected) {
  REQUIRE(x.shape() == expected.shape());
  const std::vector<T> a = device::values(x), b = device::values(expected);
  double difference = 0, size = 1e-30;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) != std::isnan(b[i])) return std::numeric_limits<double>::infinity();
    if (std::isnan(a[i]) || a[i] == b[i]) continue;
    difference = std::max(difference, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    size = std::max(size, std::abs(static_cast<double>(b[i])));
  }
  return difference / size;
}

/// A convolution by its definition, in double.
Tensor<double, D> defined(const Tensor<double, D>& x, const Tensor<double, D>& w, const Conv2dFuncOptions& o) {
  const auto size = [](std::int64_t in, std::int64_t k, std::int64_t stride, std::int64_t pad, std::int64_t dilation) {
    return (in + 2 * pad - dilation * (k - 1) - 1) / stride + 1;
  };
  const std::int64_t n = x.size(0), c = x.size(1), h = x.size(2), width = x.size(3), oc = w.size(0), in = w.size(1),
                     kh = w.size(2), kw = w.size(3);
  const std::int64_t oh = size(h, kh, o.stride.h, o.padding.size.h, o.dilation.h),
                     ow = size(width, kw, o.stride.w, o.padding.size.w, o.dilation.w);
  Tensor<double> y = zeros<double>({n, oc, oh, ow});
  const std::vector<double> xs = device::values(x), ws = device::values(w);
  double* to = y.data_ptr();
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t q = 0; q < oc; ++q)
      for (std::int64_t r = 0; r < oh; ++r)
        for (std::int64_t s = 0; s < ow; ++s, ++to)
          for (std::int64_t k = 0; k < in; ++k)
            for (std::int64_t a = 0; a < kh; ++a)
              for (std::int64_t b = 0; b < kw; ++b) {
                const std::int64_t py = r * o.stride.h + a * o.dilation.h - o.padding.size.h,
                                   px = s * o.stride.w + b * o.dilation.w - o.padding.size.w;
                if (py < 0 || py >= h || px < 0 || px >= width) continue;
                const std::int64_t channel = q / (oc / o.groups) * in + k;
                *to += xs[static_cast<std::size_t>(((i * c + channel) * h + py) * width + px)] *
                       ws[static_cast<std::size_t>(((q * in + k) * kh + a) * kw + b)];
              }
  return device::there(y);
}

struct ConvCase {
  std::int64_t n, c, h, w, oc, kernel;
  Conv2dFuncOptions options;
  bool bias;
};
std::vector<ConvCase> conv_cases() {
  std::vector<ConvCase> out{
      {2, 5, 7, 9, 4, 3, {.padding = 1}, true},
      {3, 64, 9, 13, 70, 3, {.padding = 1}, true},  // Winograd's tiles
      {2, 40, 11, 12, 33, 3, {.padding = 2}, false},
      {2, 33, 12, 11, 40, 3, {}, true},
      {1, 300, 9, 8, 70, 3, {.padding = 1, .dilation = 2}, false},  // slices of channels
      {2, 16, 9, 8, 20, 1, {}, true},
      {2, 16, 9, 8, 20, 1, {.stride = 2}, true},
      {2, 16, 5, 4, 20, 1, {.padding = 2}, true},
      {2, 3, 30, 31, 20, 7, {.stride = 2, .padding = 3}, true},
      {2, 12, 30, 31, 20, 3, {.stride = {2, 1}, .padding = {2, 0}, .dilation = {1, 2}, .groups = 4}, true},
      {2, 12, 10, 11, 24, 3, {.padding = 1, .groups = 12}, true},
      {2, 6, 8, 8, 6, 2, {.padding = "same"}, true},
  };
  for (const std::int64_t c : {3, 16, 21, 64}) {
    out.push_back({2, c, 10, 11, c, 3, {.padding = 1, .groups = c}, true});
    out.push_back({2, c, 11, 10, c, 3, {.stride = 2, .padding = 1, .groups = c}, true});
    out.push_back({2, c, 10, 11, c, 5, {.padding = 2, .groups = c}, false});
    out.push_back({2, c, 10, 11, c, 3, {.padding = 5, .dilation = 2, .groups = c}, false});
    out.push_back({17, c, 5, 6, c, 3, {.stride = 3, .padding = 1, .groups = c}, false});
  }
  return out;
}

}  // namespace

// PyTorch's memory_format=torch.preserve_format.
TEST_CASE("clone and the _like functions keep the order of a dense tensor's axes, and no other strides") {
  const Tensor<float, D> x = channels_last<float>(randn<float, D>({2, 5, 3, 7}));
  const auto keeps = [&](const auto& y) { return y.shape() == x.shape() && y.strides() == x.strides() && !y.is_contiguous(); };
  CHECK((keeps(clone(x)) && keeps(x.clone()) && equal(clone(x), x)));
  CHECK(clone(x).data_ptr() != x.data_ptr());
  CHECK((keeps(empty_like(x)) && keeps(zeros_like(x)) && keeps(ones_like<double>(x)) && keeps(full_like(x, 3))));
  CHECK((keeps(rand_like(x)) && keeps(randn_like(x)) && keeps(randint_like<std::int64_t>(x, 3, 5)) && keeps(randint_like(x, 4))));
  CHECK(equal(full_like(x, 3), full<float, D>({2, 5, 3, 7}, 3.0f)));
  const nn::Parameter<float, D> parameter(x), copy(parameter);
  CHECK((keeps(parameter) && keeps(copy) && keeps(zeros_like(parameter))));

  const Tensor<float, D> m = randn<float, D>({3, 4}), turned = m.t();
  CHECK(clone(turned).strides() == Strides{1, 4});
  CHECK(zeros_like(turned).strides() == Strides{1, 4});
  CHECK(equal(clone(turned), turned));
  CHECK((turned.contiguous().is_contiguous() && equal(turned.contiguous(), turned)));
  CHECK(equal(reshape(turned, {2, 6})(1, 3), m(0, 3)));  // element 9 of 4 x 3, row by row
  const Tensor<float, D> gaps = m(ellipsis, Slice{0, 3}).t(), spread = m(0).expand({5, 4});
  CHECK((clone(gaps).is_contiguous() && zeros_like(gaps).is_contiguous() && equal(clone(gaps), gaps)));
  CHECK((clone(spread).is_contiguous() && zeros_like(spread).is_contiguous() && equal(clone(spread), spread)));

  const Tensor<float16, D> half = cast<float16>(m).t();  // computed in float: no bare copy of bits
  CHECK((clone(half).strides() == Strides{1, 4} && half.contiguous().is_contiguous() && equal(half.contiguous(), half)));
}

TEST_CASE("the gradient of a copy whose channels are last") {
  Tensor<double, D> x = channels_last<double>(randn<double, D>({2, 3, 2, 2})), w = randn<double, D>({2, 3, 2, 2});
  x.requires_grad_();
  const Tensor<double, D> y = clone(x);
  CHECK(only_last(y));
  sum(y * y * w).backward();
  CHECK(worst(x.grad(), Tensor<double, D>(2 * x.detach() * w)) < 1e-15);
  CHECK(testing::gradcheck(device::run_copies([](const auto& t) { return clone(t) * 2; }), device::back(x).detach()));
}

TEST_CASE("contiguous and to give a chosen order; where channels or pixels are single, both are one") {
  const Tensor<float, D> x = randn<float, D>({2, 5, 3, 7}), y = x.contiguous(last);
  CHECK(y.strides() == Strides{105, 1, 35, 5});
  CHECK(y.shape() == x.shape());
  CHECK(only_last(y));
  CHECK_FALSE(x.is_contiguous(last));
  CHECK(equal(x, y));
  CHECK(only_last(x.to(last)));
  CHECK(y.to(MemoryFormat::contiguous).is_contiguous());
  CHECK(y.contiguous(last).data_ptr() == y.data_ptr());
  CHECK(only_last(Tensor<float, D>(permute(randn<float, D>({2, 3, 7, 5}), {0, 3, 1, 2}))));
  for (const Shape& shape : {Shape{2, 1, 3, 7}, Shape{2, 5, 1, 1}, Shape{0, 5, 3, 7}}) {
    const Tensor<float, D> both = randn<float, D>(shape);
    CHECK(both.is_contiguous());
    CHECK(both.is_contiguous(last));
    CHECK(both.contiguous(last).data_ptr() == both.data_ptr());
  }
  CHECK_FALSE(randn<float, D>({5, 3, 7}).is_contiguous(last));
  CHECK_THROWS_WITH((randn<float, D>({5, 3, 7}).contiguous(last)),
                    StartsWith("[contiguous] channels_last is an order of 4 dimensions"));
  CHECK(only_last((x + x).contiguous(last)));
}

TEST_CASE("an expression has the order of its first leaf of full shape, and its gradients that of their leaves") {
  const auto run = [](Tensor<float, D> p, Tensor<float, D> q, Tensor<float, D> s) {
    p = detach(p), q = detach(q), s = detach(s);
    p.requires_grad_(), q.requires_grad_(), s.requires_grad_();
    const Tensor<float, D> h = sigmoid(p * s) + q;
    Tensor<float, D> k = h * p;
    k = k + h;
    k.sum().backward();
    return std::vector<Tensor<float, D>>{h, p.grad(), q.grad(), s.grad()};
  };
  for (const Shape& shape : {Shape{2, 5, 3, 7}, Shape{3, 37, 20, 19}}) {
    const Tensor<float, D> a = randn<float, D>(shape), b = randn<float, D>(shape), s = randn<float, D>({1, shape[1], 1, 1});
    const auto expected = run(a, b, s), all = run(a.contiguous(last), b.contiguous(last), s),
               first = run(a.contiguous(last), b, s), second = run(a, b.contiguous(last), s);
    for (int i = 0; i < 3; ++i) {
      const auto k = static_cast<std::size_t>(i);
      CHECK(equal(all[k], expected[k]));
      CHECK(equal(first[k], expected[k]));
      CHECK(equal(second[k], expected[k]));
    }
    for (const auto* result : {&all, &first, &second}) CHECK(worst((*result)[3], expected[3]) < 1e-5);
    CHECK(only_last(all[0]));
    CHECK(only_last(all[1]));
    CHECK(only_last(all[2]));
    CHECK(only_last(first[0]));
    CHECK(only_last(first[1]));
    CHECK(first[2].is_contiguous());
    CHECK(second[0].is_contiguous());
    CHECK(second[1].is_contiguous());
    CHECK(only_last(second[2]));
  }
}

TEST_CASE("results of transposed leaves lie in their order, and so do copies") {
  const Tensor<double, D> x = randn<double, D>({5, 7, 3}), y = permute(x, {2, 0, 1});
  const Tensor<double, D> z = exp(y) + y;
  CHECK(z.strides() == y.strides());
  CHECK(equal(z, Tensor<double, D>(exp(y.contiguous()) + y.contiguous())));
  CHECK((y.clone().strides() == y.strides() && y.contiguous().is_contiguous()));
  CHECK(Tensor<double, D>(y + x[0].t()[0]).strides() == y.strides());
  CHECK(Tensor<double, D>(x(Slice{0, 5, 2}) * 2.0).is_contiguous());  // not dense: row-major
  const Tensor<double, D> expanded = randn<double, D>({5, 1}).expand({5, 4});
  CHECK(Tensor<double, D>(expanded * 2.0).is_contiguous());
}

TEST_CASE("reductions and writes in place keep to the elements") {
  const Tensor<float, D> a = randn<float, D>({3, 21, 9, 8}), x = channels_last(a), b = randn<float, D>({3, 21, 9, 8});
  for (const Dims& axes : {Dims{2, 3}, Dims{0, 2, 3}, Dims{1}, Dims{0}, Dims{}}) {
    CHECK(worst<float>(sum(x, axes), sum(a, axes)) < 2e-5);
    CHECK(equal(amax(x, axes), amax(a, axes)));
    CHECK(worst<float>(mean(x * b, axes), mean(a * b, axes)) < 2e-5);
  }
  Tensor<float, D> t = x.clone().contiguous(last);
  t.copy_(b);
  CHECK(only_last(t));
  CHECK(equal(t, b));
  t.copy_(x * 2.0f);
  CHECK(equal(t, Tensor<float, D>(a * 2.0f)));
  t.fill_(3.0f);
  CHECK(equal(t, full<float, D>(a.shape(), 3.0f)));
}

TEST_CASE("gradients of both orders that meet at one tensor are added") {
  const Tensor<double, D> a = randn<double, D>({2, 3, 4, 5}), b = randn<double, D>({2, 3, 4, 5});
  for (const bool turned : {false, true}) {
    Tensor<double, D> x = turned ? channels_last(a) : detach(a.clone());
    x.requires_grad_();
    const Tensor<double, D> h = x * 2.0;
    sum(h * b + h * h).backward({.retain_graph = true});
    sum(b.contiguous(last) * h).backward();
    CHECK(worst<double>(x.grad(), 4.0 * b + 8.0 * a) < 1e-14);
    CHECK(x.grad().is_contiguous(turned ? last : MemoryFormat::contiguous));
  }
  Tensor<double, D> w = a.clone().requires_grad_();
  sum(square(w.contiguous(last)) * b).backward();
  CHECK(w.grad().is_contiguous());
  CHECK(worst<double>(w.grad(), 2.0 * a * b) < 1e-15);
}

TEST_CASE("convolutions equal their definition, and their gradients those of row-major tensors") {
  manual_seed(3);
  for (const ConvCase& c : conv_cases()) {
    CAPTURE(c.n, c.c, c.h, c.w, c.oc, c.kernel, c.options.groups);
    const Tensor<float, D> x0 = randn<float, D>({c.n, c.c, c.h, c.w}),
                        w0 = randn<float, D>({c.oc, c.c / c.options.groups, c.kernel, c.kernel}), b0 = randn<float, D>({c.oc});
    Tensor<float, D> seed;
    const auto run = [&](const Tensor<float, D>& input) {
      Tensor<float, D> x = input, w = w0.clone(), b = c.bias ? b0.clone() : Tensor<float, D>();
      x.requires_grad_(), w.requires_grad_();
      if (c.bias) b.requires_grad_();
      const Tensor<float, D> y = conv2d(x, w, b, c.options);
      if (!seed.defined()) seed = randn<float, D>(y.shape());
      y.backward(seed);
      return std::vector<Tensor<float, D>>{detach(y), x.grad(), w.grad(), c.bias ? b.grad() : zeros<float, D>({1})};
    };
    const auto expected = run(x0.clone()), got = run(channels_last(x0));
    CHECK(only_last(got[0]));
    CHECK(only_last(got[1]));
    CHECK(got[2].is_contiguous());
    for (std::size_t i = 0; i < 4; ++i) CHECK(worst(got[i], expected[i]) < 2e-5);
    if (c.options.padding.same) continue;
    Tensor<double, D> exact = defined(cast<double>(x0), cast<double>(w0), c.options);
    if (c.bias) exact = exact + reshape(cast<double>(b0), {1, c.oc, 1, 1});
    CHECK(worst(Tensor<double, D>(cast<double>(got[0])), exact) < 1e-5);
  }
}

TEST_CASE("convolutions of doubles agree to rounding, and pass gradcheck twice") {
  manual_seed(4);
  const Tensor<double, D> x = randn<double, D>({2, 4, 5, 4}).contiguous(last), w = randn<double, D>({6, 2, 3, 3}),
                       b = randn<double, D>({6});
  const Conv2dFuncOptions options{.stride = {1, 2}, .padding = 1, .groups = 2};
  CHECK(worst<double>(conv2d(x, w, b, options), conv2d(x.contiguous(), w, b, options)) < 1e-14);
  const auto f = [&](const Tensor<double, D>& p, const Tensor<double, D>& q, const Tensor<double, D>& r) {
    return Tensor<double, D>(conv2d(p.contiguous(last), q, r, options));
  };
  CHECK(testing::gradcheck(device::run_copies(f), std::tuple(device::back(detach(x)), device::back(w), device::back(b))));
  CHECK(testing::gradgradcheck(device::run_copies(f), std::tuple(device::back(detach(x)), device::back(w), device::back(b))));
}

TEST_CASE("transposed convolutions, other dtypes and images without a batch") {
  const Tensor<float, D> x = randn<float, D>({2, 12, 6, 5}), w = randn<float, D>({12, 4, 3, 3}), b = randn<float, D>({8});
  const ConvTranspose2dFuncOptions options{.stride = 2, .padding = 1, .output_padding = 1, .groups = 2};
  const Tensor<float, D> y = conv_transpose2d(x.contiguous(last), w, b, options);
  CHECK(only_last(y));
  CHECK(worst<float>(y, conv_transpose2d(x, w, b, options)) < 1e-6);
  const Tensor<bfloat16, D> h = cast<bfloat16>(randn<float, D>({2, 6, 7, 5})), hw = cast<bfloat16>(randn<float, D>({4, 6, 3, 3}));
  const Tensor<bfloat16, D> hy = relu(conv2d(h.contiguous(last), hw));
  CHECK(only_last(hy));
  CHECK(equal(hy, Tensor<bfloat16, D>(relu(conv2d(h, hw)))));
  CHECK(equal(Tensor<float, D>(conv2d(x[0], randn<float, D>({3, 12, 1, 1}).fill_(1.0f))),
              Tensor<float, D>(conv2d(x[0].contiguous(), ones<float, D>({3, 12, 1, 1})))));
}

TEST_CASE("what follows a convolution is its epilogue in this order too") {
  for (const bool records : {false, true}) {
    const GradMode mode(records);
    const Tensor<float, D> x = randn<float, D>({2, 16, 14, 13}), w3 = randn<float, D>({40, 16, 3, 3}), w1 = randn<float, D>({40, 16, 1, 1}),
                        wd = randn<float, D>({16, 1, 3, 3});
    const auto check = [&](const Tensor<float, D>& w, const Conv2dFuncOptions& options) {
      const std::int64_t oc = w.size(0);
      const Tensor<float, D> mean = randn<float, D>({oc}), var = exp(randn<float, D>({oc})), gamma = randn<float, D>({oc}), beta = randn<float, D>({oc}),
                          scale = randn<float, D>({1, oc, 1, 1});
      const auto run = [&](const Tensor<float, D>& in, const Tensor<float, D>& residual) {
        return Tensor<float, D>(relu(batch_norm(conv2d(in, w, {}, options), mean, var, gamma, beta)) * scale + residual);
      };
      const Tensor<float, D> plain = conv2d(x, w, {}, options), residual = randn<float, D>(plain.shape());
      const Tensor<float, D> expected = run(x, residual);
      for (const Tensor<float, D>& r : {residual, residual.contiguous(last)}) {
        const Tensor<float, D> y = run(x.contiguous(last), r);
        CHECK(only_last(y));
        CHECK(worst(y, expected) < 1e-5);
      }
      const Tensor<float, D> activated = relu(conv2d(x.contiguous(last), w, {}, options));
      CHECK(only_last(activated));
      CHECK(worst<float>(activated, relu(plain)) < 1e-5);
    };
    check(w3, {.padding = 1});
    check(w1, {});
    check(w1, {.stride = 2});
    check(wd, {.padding = 1, .groups = 16});
  }
}

TEST_CASE("batch norm of channels last: values, running moments and gradients") {
  for (const std::int64_t channels : {3, 16, 70, 130}) {
    const Shape shape{3, channels, 9, 11};
    const Tensor<float, D> a = randn<float, D>(shape) * 2.0f + 1.0f, seed = randn<float, D>(shape), gamma = randn<float, D>({channels}),
                        beta = randn<float, D>({channels});
    for (const bool training : {true, false}) {
      const auto run = [&](const Tensor<float, D>& input) {
        Tensor<float, D> x = input, g = gamma.clone(), b = beta.clone(), mean = zeros<float, D>({channels}), var = ones<float, D>({channels});
        x.requires_grad_(), g.requires_grad_(), b.requires_grad_();
        const Tensor<float, D> y = batch_norm(x, mean, var, g, b, training);
        y.backward(seed);
        return std::vector<Tensor<float, D>>{detach(y), x.grad(), g.grad(), b.grad(), mean, var};
      };
      const auto expected = run(a.clone()), got = run(channels_last(a));
      CHECK(only_last(got[0]));
      CHECK(only_last(got[1]));
      for (std::size_t i = 0; i < 6; ++i) CHECK(worst(got[i], expected[i]) < 1e-5);
    }
  }
}

TEST_CASE("pooling of channels last: values, NaN, indices and gradients") {
  for (const std::int64_t channels : {3, 16, 37}) {
    Tensor<float, D> a = randn<float, D>({2, channels, 9, 7});
    a(0, 1, 3, 3) = std::numeric_limits<float>::quiet_NaN();
    a(1, 2, 0, 0) = std::numeric_limits<float>::quiet_NaN();
    a(0, 0) = -std::numeric_limits<float>::infinity();
    const auto check = [&](auto&& pool) {
      Tensor<float, D> x = a.clone().requires_grad_(), y = channels_last(a).requires_grad_();
      const Tensor<float, D> expected = pool(x), got = pool(y), seed = randn<float, D>(expected.shape());
      CHECK(only_last(got));
      CHECK(worst(got, expected) == 0);
      expected.backward(seed), got.backward(seed);
      CHECK(worst(y.grad(), x.grad()) == 0);
      CHECK(only_last(y.grad()));
      const NoGrad guard;
      CHECK(worst<float>(pool(y), expected) == 0);
    };
    check([](const auto& x) { return max_pool2d(x, 3, {.stride = 2, .padding = 1}); });
    check([](const auto& x) {
      return max_pool2d(x, {2, 3}, {.stride = {1, 2}, .dilation = {2, 1}, .ceil_mode = true});
    });
    check([](const auto& x) { return avg_pool2d(x, 3, {.stride = 2, .padding = 1}); });
    check([](const auto& x) { return adaptive_avg_pool2d(x, {4, 3}); });
    check([](const auto& x) { return adaptive_max_pool2d(x, {4, 3}); });
    const auto expected = max_pool2d_with_indices(a, 2), got = max_pool2d_with_indices(a.contiguous(last), 2);
    CHECK(equal(got.indices, expected.indices));
    CHECK(only_last(got.indices));
  }
  const Tensor<double, D> x = randn<double, D>({2, 3, 5, 4});
  const auto f = [](const Tensor<double, D>& p) { return max_pool2d(p.contiguous(last), 2, {.padding = 1}); };
  CHECK(testing::gradcheck(device::run_copies(f), device::back(x)));
}

TEST_CASE("NaN and infinity stay where a convolution's taps reach") {
  Tensor<float, D> a = randn<float, D>({1, 64, 14, 14});
  const Tensor<float, D> w = randn<float, D>({64, 64, 3, 3});
  a(0, 5, 6, 7) = std::numeric_limits<float>::quiet_NaN();
  a(0, 9, 0, 0) = std::numeric_limits<float>::infinity();
  const Tensor<float, D> y = conv2d(a.contiguous(last), w, {}, {.padding = 1});
  const Tensor<bool, D> odd = logical_not(isfinite(y));
  CHECK(sum(odd).item() == 64 * (9 + 4));
}

TEST_CASE("results do not depend on the number of threads") {
  const Tensor<float, D> x = randn<float, D>({5, 48, 23, 17}).contiguous(last);
  const auto run = [&](const Conv2dFuncOptions& options, std::int64_t k) {
    Tensor<float, D> p = detach(x), w = ones<float, D>({48, 48 / options.groups, k, k}) * 0.37f;
    p.requires_grad_(), w.requires_grad_();
    const Tensor<float, D> y = batch_norm(conv2d(p, w, {}, options), {}, {}, {}, {}, true);
    sum(sin(y)).backward();
    return std::vector<Tensor<float, D>>{detach(y), p.grad(), w.grad()};
  };
  const int before = get_num_threads();
  for (const auto& [options, k] : {std::pair<Conv2dFuncOptions, std::int64_t>{{.padding = 1}, 3},
                                   {{}, 1},
                                   {{.stride = 2}, 3},
                                   {{.padding = 1, .groups = 48}, 3}}) {
    set_num_threads(1);
    const auto one = run(options, k);
    set_num_threads(3);
    const auto three = run(options, k);
    for (std::size_t i = 0; i < 3; ++i) CHECK(equal(one[i], three[i]));
  }
  set_num_threads(before);
}
