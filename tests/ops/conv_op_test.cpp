// SPDX-License-Identifier: MIT
// Convolutions against PyTorch's goldens and central differences.
// Devices
#include <taper/core/factory.hpp>
#include <taper/core/literal.hpp>
#include <taper/ops/activation.hpp>
#include <taper/ops/arithmetic.hpp>
#include <taper/ops/conv.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/reduction.hpp>

#include <algorithm>

#include "tests/ops/golden_case.hpp"

using namespace taper;
using Catch::Matchers::StartsWith;
using golden::irregular;

namespace {

std::vector<std::string> operands(const golden::File& file, const std::string& name) {
  std::vector<std::string> out{"x", "weight"};
  if (file.has(name + "/bias")) out.push_back("bias");
  return out;
}
template <class X>
X bias_of(const std::vector<X>& x) {
  return x.size() > 2 ? x[2] : X();
}
Pair pair(const golden::File& file, const std::string& key) {
  const auto v = file.values<std::int64_t>(key);
  return {v[0], v.back()};
}

}  // namespace

TEST_CASE("convolutions equal PyTorch's with every option") {
  const golden::File file("structural");
  int cases = 0;
  for (const std::string& name : file.cases()) {
    if (name.rfind("conv", 0) != 0) continue;
    ++cases;
    const std::string arg = name + "/arg/";
    const Pair stride = pair(file, arg + "stride"), dilation = pair(file, arg + "dilation");
    const auto groups = file.value<std::int64_t>(arg + "groups");
    const bool same = file.has(arg + "same");
    const Pair padding = same ? Pair() : pair(file, arg + "padding");
    if (name.rfind("conv1d.", 0) == 0) {
      const Padding1d pad = same ? Padding1d("same") : Padding1d(padding.w);
      check_both(file, name, operands(file, name), [&](const auto& x) {
        return conv1d(x[0], x[1], bias_of(x), {.stride = stride.w, .padding = pad, .dilation = dilation.w, .groups = groups}).eval();
      });
    } else if (name.rfind("conv2d.", 0) == 0) {
      const Padding2d pad = same ? Padding2d("same") : Padding2d(padding);
      check_both(file, name, operands(file, name), [&](const auto& x) {
        return conv2d(x[0], x[1], bias_of(x), {.stride = stride, .padding = pad, .dilation = dilation, .groups = groups}).eval();
      });
    } else {
      const Pair extra = pair(file, arg + "output_padding");
      check_both(file, name, operands(file, name), [&](const auto& x) {
        if (name.rfind("conv_transpose1d.", 0) == 0)
          return conv_transpose1d(x[0], x[1], bias_of(x),
                                  {.stride = stride.w, .padding = padding.w, .output_padding = extra.w, .groups = groups, .dilation = dilation.w})
              .eval();
        return conv_transpose2d(x[0], x[1], bias_of(x),
                                {.stride = stride, .padding = padding, .output_padding = extra, .groups = groups, .dilation = dilation})
            .eval();
      });
    }
  }
  CHECK(cases > 30);
}

TEST_CASE("convolutions meet central differences, also of second order") {
  check_gradients({irregular({1, 2, 4, 3}), irregular({2, 1, 3, 2}), irregular({2})}, [](const auto& x) {
    return conv2d(x[0], x[1], x[2], {.stride = {2, 1}, .padding = 1, .groups = 2}).eval();
  });
  check_gradients({irregular({2, 5}), irregular({3, 2, 2})}, [](const auto& x) { return conv1d(x[0], x[1], {}, {.padding = "same"}).eval(); });
  check_gradients({irregular({1, 2, 2, 3}), irregular({2, 1, 2, 2}), irregular({1})}, [](const auto& x) {
    return conv_transpose2d(x[0], x[1], x[2], {.stride = 2, .padding = 1, .output_padding = {1, 0}}).eval();
  });
}

// By the definition: kernel taps 1, 10, 100 two apart over 1, 2, 3, 4, and one more element that only the bias reaches.
TEST_CASE("output padding as large as the stride adds what nothing reaches") {
  Tensor<double> x = tensor<double>({{{1, 2, 3, 4}}}).requires_grad_(), w = tensor<double>({{{1, 10, 100}}}).requires_grad_();
  Tensor<double> bias = tensor<double>({0.5}).requires_grad_();
  const Tensor<double> y = conv_transpose1d(x, w, bias, {.output_padding = 1, .dilation = 2});
  check_equal(detach(y), tensor<double>({{{1.5, 2.5, 13.5, 24.5, 130.5, 240.5, 300.5, 400.5, 0.5}}}));
  y.backward(tensor<double>({{{1, 2, 3, 4, 5, 6, 7, 8, 9}}}));
  check_equal(x.grad(), tensor<double>({{{531, 642, 753, 864}}}));
  check_equal(w.grad(), tensor<double>({{{30, 50, 70}}}));
  check_equal(bias.grad(), tensor<double>({45}));
  check_gradients({irregular({1, 2, 3, 2}), irregular({2, 1, 2, 3}), irregular({1})}, [](const auto& t) {
    return conv_transpose2d(t[0], t[1], t[2], {.stride = {1, 2}, .output_padding = {2, 2}, .dilation = 3}).eval();
  });
}

/// The definition: element i and tap k add to place stride i + dilation k - padding of a result that begins as the bias.
std::vector<double> transposed_by_hand(const std::vector<double>& x, const std::vector<double>& w, double bias, const ConvTranspose1dFuncOptions& o) {
  const auto n = static_cast<std::int64_t>(x.size()), taps = static_cast<std::int64_t>(w.size());
  std::vector<double> y(static_cast<std::size_t>((n - 1) * o.stride - 2 * o.padding + o.dilation * (taps - 1) + o.output_padding + 1), bias);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t k = 0; k < taps; ++k)
      if (const auto at = static_cast<std::size_t>(o.stride * i + o.dilation * k - o.padding); at < y.size())
        y[at] += x[static_cast<std::size_t>(i)] * w[static_cast<std::size_t>(k)];
  return y;
}

// What the padding cuts off behind reaches into the output padding. PyTorch's values, which equal the definition's.
TEST_CASE("output padding as large as the stride takes what the padding cut off") {
  Tensor<double> x = tensor<double>({{{1, 2, 3, 4}}}).requires_grad_(), w = tensor<double>({{{1, 10, 100}}}).requires_grad_();
  Tensor<double> bias = tensor<double>({0.5}).requires_grad_();
  const Tensor<double> y = conv_transpose1d(x, w, bias, {.padding = 2, .output_padding = 1, .dilation = 2});
  check_equal(detach(y), tensor<double>({{{13.5, 24.5, 130.5, 240.5, 300.5}}}));
  y.backward(tensor<double>({{{1, 2, 3, 4, 5}}}));
  check_equal(x.grad(), tensor<double>({{{310, 420, 531, 42}}}));
  check_equal(w.grad(), tensor<double>({{{11, 30, 26}}}));
  check_equal(bias.grad(), tensor<double>({15}));

  int cases = 0;
  const std::vector<double> image{1, 2, 3, 4}, taps{1, 10, 100};
  const Tensor<double> from = tensor<double>({{{1, 2, 3, 4}}}), kernel = tensor<double>({{{1, 10, 100}}}), half = tensor<double>({0.5});
  for (const std::int64_t size : {1, 2, 3})
    for (const std::int64_t stride : {1, 2, 3})
      for (std::int64_t padding = 0; padding < 6; ++padding)
        for (std::int64_t dilation = 1; dilation < 6; ++dilation)
          for (std::int64_t extra = 0; extra < std::max(stride, dilation); ++extra) {
            const ConvTranspose1dFuncOptions o{.stride = stride, .padding = padding, .output_padding = extra, .dilation = dilation};
            if (3 * stride - 2 * padding + dilation * (size - 1) + extra < 0) continue;
            CAPTURE(size, stride, padding, dilation, extra);
            const std::vector<double> wanted = transposed_by_hand(image, {taps.begin(), taps.begin() + size}, 0.5, o);
            CHECK(to_vector(conv_transpose1d(from, narrow(kernel, 2, 0, size), half, o).eval()) == wanted);
            ++cases;
          }
  CHECK(cases == 771);
  for (const Pair padding : {Pair(0, 1), Pair(1, 0), Pair(2, 1), Pair(1, 3)})
    check_gradients({irregular({2, 2, 3, 2}), irregular({2, 1, 2, 3}), irregular({1})}, [&](const auto& t) {
      return conv_transpose2d(t[0], t[1], t[2], {.stride = {1, 2}, .padding = padding, .output_padding = {2, 2}, .dilation = 3}).eval();
    });
}

// Rows dropped in front of a single plane leave a view of it. Sums of four ones at a time: PyTorch's, as by hand.
TEST_CASE("gradients pass a convolution whose result is a view") {
  Tensor<double> x = irregular({1, 1, 5, 4}).requires_grad_();
  const Tensor<double> w = tensor<double>({{{{1}, {1}, {1}, {1}}}});
  const Tensor<double> y = conv2d(x, w, {}, {.padding = "same"}) * 2.0;
  y.backward(full<double>({1, 1, 5, 4}, 1));
  check_equal(x.grad(), tensor<double>({{{{4, 4, 4, 4}, {6, 6, 6, 6}, {8, 8, 8, 8}, {8, 8, 8, 8}, {6, 6, 6, 6}}}}));
}

TEST_CASE("operands of a convolution need not be dense, and an empty batch stays empty") {
  const Tensor<double> x = irregular({5, 6, 2, 2}), w = irregular({3, 3, 2, 4});
  const Tensor<double> image = permute(x, {2, 3, 0, 1}), weight = permute(w, {3, 2, 0, 1});
  const Tensor<double> strided = conv2d(image, weight);
  check_close(strided, conv2d(contiguous(image), contiguous(weight)), 0, 0);
  Tensor<double> kernel = irregular({4, 2, 3, 3}).requires_grad_();
  const Tensor<double> none = conv2d(irregular({0, 2, 5, 6}), kernel, {}, {.padding = 1});
  CHECK(none.shape() == Shape{0, 4, 5, 6});
  none.backward(irregular({0, 4, 5, 6}));
  check_equal(kernel.grad(), Tensor<double>(detail::GradOpsFor<double, Cpu>::full({4, 2, 3, 3}, 0)));
}

// By the definition a sum of nothing; PyTorch's forward has no channels at all there.
TEST_CASE("a convolution of no channels is its bias") {
  const auto check = [](auto zero) {
    using T = decltype(zero);
    const Tensor<T> ones = tensor<T>({1, -2});
    const auto none = [](const Shape& shape) { return device::there(empty<T>(shape)); };
    const auto bias = device::there(ones);
    device::there(full<T>({2, 2, 3, 4}, 7));  // what a result that is not written holds
    check_equal(device::back(conv2d(none({2, 0, 3, 4}), none({2, 0, 3, 3}), bias, {.padding = 1}).eval()), expand(view(ones, {2, 1, 1}), {2, 2, 3, 4}));
    check_equal(device::back(relu(conv2d(none({2, 0, 3, 4}), none({2, 0, 3, 3}), bias, {.padding = 1})).eval()),
                expand(tensor<T>({{{1}}, {{0}}}), {2, 2, 3, 4}));
    check_equal(device::back(conv2d(none({2, 0, 3, 4}), none({2, 0, 1, 1})).eval()), expand(tensor<T>({0}), {2, 2, 3, 4}));
    check_equal(device::back(conv1d(none({0, 5}), none({2, 0, 3}), bias, {.groups = 2}).eval()), expand(view(ones, {2, 1}), {2, 3}));
    check_equal(device::back(conv_transpose2d(none({2, 0, 1, 2}), none({0, 2, 3, 3}), bias).eval()), expand(view(ones, {2, 1, 1}), {2, 2, 3, 4}));
    check_equal(device::back(conv_transpose1d(none({0, 5}), none({0, 2, 3})).eval()), expand(tensor<T>({0}), {2, 7}));
  };
  check(float());
  check(double());
  check(float16());
  check(std::int32_t());
  Tensor<float> x = empty<float>({2, 0, 3, 4}).requires_grad_(), w = empty<float>({2, 0, 3, 3}).requires_grad_();
  Tensor<float> bias = tensor<float>({1, 2}).requires_grad_();
  sum(relu(conv2d(x, w, bias))).backward();
  CHECK(x.grad().shape() == x.shape());
  CHECK(w.grad().shape() == w.shape());
  check_equal(bias.grad(), tensor<float>({4, 4}));
}

TEST_CASE("what does not fit a convolution is named") {
  const Tensor<float> x = irregular<float>({1, 3, 8, 8}), w = irregular<float>({4, 3, 3, 3});
  CHECK_THROWS_WITH(conv2d(irregular<float>({1, 2, 8, 8}), w), "[conv2d] x (1, 2, 8, 8) has 2 channels, weight (4, 3, 3, 3) with groups 1 takes 3");
  CHECK_THROWS_WITH(conv2d(irregular<float>({8, 8}), w), StartsWith("[conv2d] x must have 4 dimensions (3 without a batch), not shape (8, 8)"));
  CHECK_THROWS_AS(conv2d(x, w, irregular<float>({3})), ShapeError);
  CHECK_THROWS_AS(conv2d(irregular<float>({1, 3, 2, 2}), w), ShapeError);
  CHECK_THROWS_AS(conv2d(x, w, {}, {.stride = 0}), ValueError);
  CHECK_THROWS_AS(conv2d(x, w, {}, {.stride = 2, .padding = "same"}), ValueError);
  CHECK_THROWS_AS(conv2d(x, w, {}, {.padding = "sane"}), ValueError);
  CHECK_THROWS_AS(conv2d(irregular<float>({1, 9, 8, 8}), w, {}, {.groups = 3}), ShapeError);
  CHECK_THROWS_AS(conv_transpose2d(irregular<float>({1, 4, 8, 8}), w, {}, {.output_padding = 1}), ValueError);
  CHECK_THROWS_AS(conv1d(x, w), ShapeError);
}

template <class X, class W>
concept Convolves = requires(const X& x, const W& w) { conv2d(x, w); };
static_assert(Convolves<Tensor<float>, Tensor<float>>);
static_assert(!Convolves<Tensor<float>, Tensor<double>>);
