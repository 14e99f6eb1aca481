// SPDX-License-Identifier: MIT
// Poolings on a device against the host's.
// Slow
// Needs: thrust
#include <taper/ops/memory_format.hpp>
#include <taper/ops/pool.hpp>

#include <limits>

#include "tests/cuda/against_host.hpp"

using namespace taper;
using against_host::check;
using against_host::irregular;
using against_host::There;

TEMPLATE_TEST_CASE("poolings of a device equal the host's with every option", "", float, float16) {
  using T = TestType;
  const Tensor<T> x = irregular<T>({2, 3, 9, 11}), line = irregular<T>({3, 11});
  for (const bool ceil : {false, true})
    for (const std::int64_t kernel : {1, 2, 3})
      for (const std::int64_t stride : {1, 2, 3})
        for (std::int64_t padding = 0; 2 * padding <= kernel; ++padding) {
          INFO("kernel " << kernel << ", stride " << stride << ", padding " << padding << ", ceil_mode " << ceil);
          for (const std::int64_t dilation : {1, 2})
            check<T>({x}, [&](const auto& t) {
              return max_pool2d(
                  t[0], {kernel, 2},
                  {.stride = {stride, 2}, .padding = {padding, 1}, .dilation = {dilation, 1}, .ceil_mode = ceil});
            });
          check<T>({line}, [&](const auto& t) {
            return max_pool1d(t[0], kernel, {.stride = stride, .padding = padding, .ceil_mode = ceil});
          });
          check<T>({line}, [&](const auto& t) {
            return avg_pool1d(t[0], kernel, {.stride = stride, .padding = padding, .ceil_mode = ceil});
          });
          for (const std::int64_t divisor : {0, 5})
            check<T>({x}, [&](const auto& t) {
              return avg_pool2d(t[0], {kernel, 2},
                                {.stride = {stride, 2},
                                 .padding = {padding, 1},
                                 .ceil_mode = ceil,
                                 .count_include_pad = divisor == 0 && stride < 3,
                                 .divisor_override = divisor});
            });
        }
}

TEST_CASE("adaptive poolings of a device equal the host's") {
  const Tensor<float> x = irregular<float>({2, 3, 9, 11}), line = irregular<float>({2, 3, 11});
  for (const std::int64_t size : {1, 3, 4, 9, 13}) {
    INFO("size " << size);
    check<float>({x}, [&](const auto& t) { return adaptive_max_pool2d(t[0], {size, 5}); });
    check<float>({x}, [&](const auto& t) { return adaptive_avg_pool2d(t[0], {size, 7}); });
    check<float>({line}, [&](const auto& t) { return adaptive_max_pool1d(t[0], size); });
    check<float>({line}, [&](const auto& t) { return adaptive_avg_pool1d(t[0], size); });
  }
}

TEST_CASE("a device's poolings take any layout, no planes, and sizes that 32 bits do not hold") {
  const Tensor<float> x = irregular<float>({2, 3, 9, 11});
  check<float>({x}, [](const auto& t) { return max_pool2d(transpose(t[0], 2, 3), 3, {.padding = 1}); });
  check<float>({contiguous(x, MemoryFormat::channels_last)},
               [](const auto& t) { return max_pool2d(t[0], 3, {.stride = 2, .padding = 1}); });
  check<float>({contiguous(x, MemoryFormat::channels_last)},
               [](const auto& t) { return avg_pool2d(t[0], 3, {.stride = 2, .padding = 1}); });
  check<float>({irregular<float>({0, 3, 9, 11})}, [](const auto& t) { return max_pool2d(t[0], 3); });
  const Pair far(std::int64_t{1} << 30, 2);  // of one tap: it reaches nothing
  check<float>({x}, [&](const auto& t) {
    return max_pool2d(t[0], {1, 3}, {.stride = 1, .padding = {0, 1}, .dilation = far});
  });
  check<float>({x}, [](const auto& t) { return avg_pool2d(t[0], {2, 3}, {.stride = {std::int64_t{1} << 31, 2}}); });
}

TEST_CASE("a device chooses the maxima that the host chooses") {
  Tensor<float> x = floor(irregular<float>({2, 3, 9, 11}) * 3.0f);  // many are equal
  x.data_ptr()[14] = x.data_ptr()[15] = x.data_ptr()[26] = std::numeric_limits<float>::quiet_NaN();
  const MaxPool2dFuncOptions options{.stride = 2, .padding = 1, .dilation = 2};
  const auto a = max_pool2d_with_indices(x, 3, options);
  const auto b = max_pool2d_with_indices(to<There>(x), 3, options);
  check_equal(to<Cpu>(b.indices), a.indices);
  check_equal(to<Cpu>(b.values), a.values);
  const auto c = adaptive_max_pool2d_with_indices(x, {4, 3});
  const auto d = adaptive_max_pool2d_with_indices(to<There>(x), {4, 3});
  check_equal(to<Cpu>(d.indices), c.indices);
  check_equal(to<Cpu>(d.values), c.values);
  const Tensor<std::int16_t> whole = cast<std::int16_t>(irregular<float>({3, 9, 11}) * 5.0f);
  const auto e = max_pool2d_with_indices(whole, 2);
  const auto f = max_pool2d_with_indices(to<There>(whole), 2);
  check_equal(to<Cpu>(f.indices), e.indices);
  check_equal(to<Cpu>(f.values), e.values);
}
