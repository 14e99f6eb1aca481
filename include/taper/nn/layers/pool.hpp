// SPDX-License-Identifier: MIT
// Max, average and adaptive pooling as modules: see the functions of the same names.
#pragma once

#include <taper/nn/layers/input.hpp>
#include <taper/nn/repr.hpp>
#include <taper/ops/pool.hpp>

namespace taper::inline TAPER_CODE::nn {

// MaxPool2d{2}, MaxPool2d{.kernel_size = 3, .stride = 2}: a stride of 0 stands for the kernel's size.

/// Largest elements of windows. Shapes: (n, c, l) -> (n, c, l').
struct MaxPool1d {
  std::int64_t kernel_size, stride = 0, padding = 0, dilation = 1;
  bool ceil_mode = false;

  template <TensorLike X>
  tensor_t<X> operator()(X&& x) const {
    auto y = max_pool1d(std::forward<X>(x), kernel_size, {.stride = stride, .padding = padding, .dilation = dilation, .ceil_mode = ceil_mode});
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const {
    return detail::concat("kernel_size=", kernel_size, ", stride=", stride == 0 ? kernel_size : stride, ", padding=", padding,
                          ", dilation=", dilation, ", ceil_mode=", detail::repr(ceil_mode));
  }
};

/// Largest elements of windows. Shapes: (n, c, h, w) -> (n, c, h', w').
struct MaxPool2d {
  Pair kernel_size, stride = 0, padding = 0, dilation = 1;
  bool ceil_mode = false;

  template <TensorLike X>
  tensor_t<X> operator()(X&& x) const {
    auto y = max_pool2d(std::forward<X>(x), kernel_size, {.stride = stride, .padding = padding, .dilation = dilation, .ceil_mode = ceil_mode});
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const {
    return detail::concat("kernel_size=", detail::repr_short(kernel_size), ", stride=", detail::repr_short(stride == Pair(0) ? kernel_size : stride),
                          ", padding=", detail::repr_short(padding), ", dilation=", detail::repr_short(dilation),
                          ", ceil_mode=", detail::repr(ceil_mode));
  }
};

/// Means of windows. Shapes: (n, c, l) -> (n, c, l').
struct AvgPool1d {
  std::int64_t kernel_size, stride = 0, padding = 0;
  bool ceil_mode = false, count_include_pad = true;

  template <TensorLike X>
  tensor_t<X> operator()(X&& x) const {
    auto y = avg_pool1d(std::forward<X>(x), kernel_size,
                        {.stride = stride, .padding = padding, .ceil_mode = ceil_mode, .count_include_pad = count_include_pad});
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const {
    return detail::concat("kernel_size=(", kernel_size, ",), stride=(", stride == 0 ? kernel_size : stride, ",), padding=(", padding, ",)");
  }
};

/// Means of windows; a divisor_override other than 0 replaces their size. Shapes: (n, c, h, w) -> (n, c, h', w').
struct AvgPool2d {
  Pair kernel_size, stride = 0, padding = 0;
  bool ceil_mode = false, count_include_pad = true;
  std::int64_t divisor_override = 0;

  template <TensorLike X>
  tensor_t<X> operator()(X&& x) const {
    auto y = avg_pool2d(std::forward<X>(x), kernel_size,
                        {.stride = stride, .padding = padding, .ceil_mode = ceil_mode, .count_include_pad = count_include_pad,
                         .divisor_override = divisor_override});
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const {
    return detail::concat("kernel_size=", detail::repr_short(kernel_size), ", stride=", detail::repr_short(stride == Pair(0) ? kernel_size : stride),
                          ", padding=", detail::repr_short(padding));
  }
};

// Windows that cover the input evenly. keep_size leaves a size as it is.

/// Shapes: (n, c, l) -> (n, c, output_size).
struct AdaptiveMaxPool1d {
  std::int64_t output_size;

  template <TensorLike X>
  tensor_t<X> operator()(X&& x) const {
    auto y = adaptive_max_pool1d(std::forward<X>(x), output_size);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::concat("output_size=", output_size); }
};

/// Shapes: (n, c, l) -> (n, c, output_size).
struct AdaptiveAvgPool1d {
  std::int64_t output_size;

  template <TensorLike X>
  tensor_t<X> operator()(X&& x) const {
    auto y = adaptive_avg_pool1d(std::forward<X>(x), output_size);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::concat("output_size=", output_size); }
};

/// Shapes: (n, c, h, w) -> (n, c, output_size).
struct AdaptiveMaxPool2d {
  Pair output_size;

  template <TensorLike X>
  tensor_t<X> operator()(X&& x) const {
    auto y = adaptive_max_pool2d(std::forward<X>(x), output_size);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::concat("output_size=", detail::repr_short(output_size)); }
};

/// Shapes: (n, c, h, w) -> (n, c, output_size).
struct AdaptiveAvgPool2d {
  Pair output_size;

  template <TensorLike X>
  tensor_t<X> operator()(X&& x) const {
    auto y = adaptive_avg_pool2d(std::forward<X>(x), output_size);
    detail::report(this, y);
    return y;
  }
  std::string extra_repr() const { return detail::concat("output_size=", detail::repr_short(output_size)); }
};

}  // namespace taper::inline TAPER_CODE::nn
