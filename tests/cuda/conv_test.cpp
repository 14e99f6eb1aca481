// SPDX-License-Identifier: MIT
// Convolutions on a device against the host's.
// Slow
// Needs: thrust
#include <taper/ops/conv.hpp>
#include <taper/ops/memory_format.hpp>

#include "tests/cuda/against_host.hpp"

using namespace taper;
using against_host::check;
using against_host::irregular;
using against_host::There;

TEMPLATE_TEST_CASE("convolutions of a device equal the host's with every option", "", float, double, bfloat16) {
  using T = TestType;
  const Tensor<T> x = irregular<T>({2, 4, 7, 8}), g = irregular<T>({2, 8, 4, 5}), line = irregular<T>({2, 4, 11}),
                  bias = irregular<T>({8}), back = irregular<T>({4});
  for (const std::int64_t groups : {1, 2, 4}) {
    const Tensor<T> w = irregular<T>({8, 4 / groups, 3, 2}), k = irregular<T>({8, 4 / groups, 3});
    for (const std::int64_t stride : {1, 2, 3})
      for (const std::int64_t padding : {0, 2})
        for (const std::int64_t dilation : {1, 2}) {
          INFO("stride " << stride << ", padding " << padding << ", dilation " << dilation << ", groups " << groups);
          check<T>({x, w, bias}, [&](const auto& t) {
            return conv2d(t[0], t[1], t[2],
                          {.stride = {stride, 1}, .padding = {padding, 1}, .dilation = {dilation, 1}, .groups = groups})
                .eval();
          });
          check<T>({g, w, back}, [&](const auto& t) {
            const bool extra = stride > 1 || dilation > 1;
            return conv_transpose2d(t[0], t[1], t[2],
                                    {.stride = {stride, 2},
                                     .padding = {padding / 2, 0},
                                     .output_padding = {extra, 1},
                                     .groups = groups,
                                     .dilation = {dilation, 1}})
                .eval();
          });
          if (groups == 4) continue;
          check<T>({line, k, bias}, [&](const auto& t) {
            return conv1d(t[0], t[1], t[2],
                          {.stride = stride, .padding = padding, .dilation = dilation, .groups = groups})
                .eval();
          });
        }
  }
  check<T>({x, irregular<T>({8, 4, 4, 3}), bias},
           [](const auto& t) { return conv2d(t[0], t[1], t[2], {.padding = "same"}).eval(); });
  check<T>({irregular<T>({4, 7, 8}), irregular<T>({3, 4, 1, 1})},
           [](const auto& t) { return conv2d(t[0], t[1]).eval(); });
}

TEST_CASE("long sums for a weight come in parts, empty ones are zero") {
  check<double>({irregular<double>({5, 1, 61, 67}), irregular<double>({2, 1, 3, 3})},
               [](const auto& t) { return conv2d(t[0], t[1]).eval(); });
  check<float>({irregular<float>({0, 2, 5, 6}), irregular<float>({4, 2, 3, 3}), irregular<float>({4})},
               [](const auto& t) { return conv2d(t[0], t[1], t[2], {.padding = 1}).eval(); });
}

TEST_CASE("sizes that 32 bits do not hold go by 64") {
  const Pair far(std::int64_t{1} << 30, 1);  // of one tap: it reaches nothing
  check<float>({irregular<float>({2, 4, 5, 6}), irregular<float>({6, 2, 1, 3}), irregular<float>({6})},
               [&](const auto& t) {
                 return conv2d(t[0], t[1], t[2], {.stride = {2, 1}, .padding = 1, .dilation = far, .groups = 2}).eval();
               });
}

TEST_CASE("a device's convolution takes operands in any layout, and gives its result where the image's channels are") {
  check<float>({irregular<float>({7, 8, 2, 4}), irregular<float>({2, 3, 4, 8})}, [](const auto& t) {
    return conv2d(permute(t[0], {2, 3, 0, 1}), permute(t[1], {3, 2, 1, 0}), {}, {.padding = 1}).eval();
  });
  const auto last = contiguous(irregular<float>({2, 4, 7, 8}), MemoryFormat::channels_last);
  const Tensor<float, There> y = conv2d(to<There>(last), to<There>(irregular<float>({3, 4, 3, 3})));
  CHECK(y.is_contiguous(MemoryFormat::channels_last));
  check<float>({last, irregular<float>({3, 4, 3, 3})}, [](const auto& t) { return conv2d(t[0], t[1]).eval(); });
}

TEST_CASE("what follows a device's convolution is computed from its result") {
  check<float>({irregular<float>({2, 4, 7, 8}), irregular<float>({3, 4, 3, 3}), irregular<float>({3})},
               [](const auto& t) {
                 return Tensor<float, device_t<decltype(t[0])>>(conv2d(t[0], t[1], t[2]) * 2.0f + t[2].view({3, 1, 1}));
               });
}

TEST_CASE("integers and complex numbers are convolved on a device") {
  const Tensor<std::int32_t> x = cast<std::int32_t>(irregular<float>({2, 3, 6, 5}) * 9.0f),
                             w = cast<std::int32_t>(irregular<float>({4, 3, 3, 2}) * 9.0f);
  check_equal(to<Cpu>(conv2d(to<There>(x), to<There>(w)).eval()), conv2d(x, w).eval());
  using C = std::complex<double>;
  const Tensor<C> i = cast<C>(irregular<double>({2, 3, 6, 5})) * C(0.5, 0.75),
                  k = cast<C>(irregular<double>({4, 3, 3, 2})) * C(-0.25, 1);
  check_close(to<Cpu>(conv2d(to<There>(i), to<There>(k)).eval()), conv2d(i, k).eval(), 1e-12, 1e-12);
  Tensor<C> a = detach(i).requires_grad_(), b = detach(k).requires_grad_();
  Tensor<C, There> c = to<There>(i).requires_grad_(), d = to<There>(k).requires_grad_();
  const Tensor<C> y = conv2d(a, b);
  const Tensor<C, There> z = conv2d(c, d);
  y.backward(y.detach());
  z.backward(z.detach());
  check_close(to<Cpu>(c.grad()), a.grad(), 1e-12, 1e-12);
  check_close(to<Cpu>(d.grad()), b.grad(), 1e-12, 1e-12);
}
