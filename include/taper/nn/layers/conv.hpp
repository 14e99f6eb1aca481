// SPDX-License-Identifier: MIT
// Conv1d and Conv2d.
#pragma once

#include <taper/nn/init.hpp>
#include <taper/nn/layers/input.hpp>
#include <taper/nn/repr.hpp>
#include <taper/ops/conv.hpp>
#include <taper/ops/pad.hpp>

namespace taper::inline TAPER_CODE {

namespace nn {

/// As PyTorch's arguments. A padding_mode other than constant (zeros) fills the border from the input.
struct Conv1dOptions {
  std::int64_t kernel_size = 0, stride = 1;
  Padding1d padding = 0;
  std::int64_t dilation = 1, groups = 1;
  bool bias = true;
  PadMode padding_mode = PadMode::constant;
};
struct Conv2dOptions {
  Pair kernel_size = 0;
  Pair stride = 1;
  Padding2d padding = 0;
  Pair dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
  PadMode padding_mode = PadMode::constant;
};

}  // namespace nn

namespace detail {

inline std::string_view repr(PadMode mode) {
  switch (mode) {
    case PadMode::reflect: return "reflect";
    case PadMode::replicate: return "replicate";
    case PadMode::circular: return "circular";
    default: return "zeros";
  }
}

/// Before and after an axis: "same" puts an odd one behind.
inline void push_padding(taper::Padding& amounts, std::int64_t size, bool same, std::int64_t kernel, std::int64_t dilation) {
  const std::int64_t total = same ? dilation * (kernel - 1) : 2 * size;
  amounts.push_back(total / 2, total - total / 2);
}

/// "same" is refused by every padding mode: a stride leaves fewer elements than the input has.
template <class Stride>
void check_same_padding(std::string_view layer, bool same, const Stride& stride) {
  if (same && !(stride == Stride(1))) raise<ValueError>(layer, "padding \"same\" needs stride 1, not ", stride);
}

inline void check_conv_layer(std::string_view layer, std::int64_t in, std::int64_t out, const Pair& kernel, std::int64_t groups) {
  if (groups < 1 || in % groups != 0 || out % groups != 0)
    raise<ValueError>(layer, "in_channels ", in, " and out_channels ", out, " must both be multiples of groups ", groups);
  if (kernel.h < 1 || kernel.w < 1) raise<ValueError>(layer, "kernel_size must be at least 1, not ", kernel, ": write {.kernel_size = 3}");
}

/// The end of a convolution's line: what differs from the defaults.
template <class C>
std::string conv_repr_tail(const C& conv, bool dilated) {
  std::string out;
  if (dilated) out += concat(", dilation=", repr(conv.dilation));
  if (conv.groups != 1) out += concat(", groups=", conv.groups);
  if (!conv.bias.defined()) out += ", bias=False";
  return out;
}

}  // namespace detail

namespace nn {

/// Convolution over one dimension: see conv1d. Shapes: (n, in_channels, l) -> (n, out_channels, l').
template <Scalar T = float, Device D = Cpu>
class Conv1d {
 public:
  static_assert(ParameterScalar<T>, "a Conv1d holds parameters, so its dtype must be floating or complex");

  std::int64_t in_channels = 0, out_channels = 0, kernel_size = 0, stride = 1;
  Padding1d padding = 0;
  std::int64_t dilation = 1, groups = 1;
  PadMode padding_mode = PadMode::constant;
  Parameter<T, D> weight, bias;

  explicit Conv1d(Unset) {}
  TAPER_RARE Conv1d(std::int64_t in, std::int64_t out, const Conv1dOptions& o)
      : in_channels(in), out_channels(out), kernel_size(o.kernel_size), stride(o.stride), padding(o.padding), dilation(o.dilation),
        groups(o.groups), padding_mode(o.padding_mode) {
    detail::check_conv_layer("Conv1d", in, out, kernel_size, groups);
    detail::check_same_padding("Conv1d", padding.same, stride);
    weight = Parameter<T, D>(empty<T, D>({out, in / groups, kernel_size}));
    if (o.bias) bias = Parameter<T, D>(empty<T, D>({out}));
    reset_parameters();
  }
  /// Conv1d(in, out, 3, {.padding = 1}).
  Conv1d(std::int64_t in, std::int64_t out, std::int64_t kernel, Conv1dOptions o = {}) : Conv1d(in, out, (o.kernel_size = kernel, o)) {}

  void reset_parameters(Generator& generator = default_generator()) { init::affine_(weight, bias, generator); }

  template <class X>
    requires detail::MatchesLayerDTypeAndDevice<X, T, D>
  auto operator()(X&& x) const {
    return run(Tensor<T, D>(eval(std::forward<X>(x))));
  }
  TAPER_REFUSE_FOREIGN_INPUT(T, D)

  std::string extra_repr() const {
    std::string out = detail::concat(in_channels, ", ", out_channels, ", kernel_size=(", kernel_size, ",), stride=(", stride, ",)");
    if (padding.same) out += ", padding=same";
    else if (padding.size != 0) out += detail::concat(", padding=(", padding.size, ",)");
    if (dilation != 1) out += detail::concat(", dilation=(", dilation, ",)");
    out += detail::conv_repr_tail(*this, false);
    if (padding_mode != PadMode::constant) out += detail::concat(", padding_mode=", detail::repr(padding_mode));
    return out;
  }

 private:
  auto run(Tensor<T, D> x) const {
    const bool zeros = padding_mode == PadMode::constant;
    if (!zeros) x = bordered(x);
    auto y = taper::conv1d(std::move(x), weight, bias,
                           {.stride = stride, .padding = zeros ? padding : Padding1d(0), .dilation = dilation, .groups = groups});
    detail::report(this, y);
    return y;
  }
  Tensor<T, D> bordered(const Tensor<T, D>& x) const {
    taper::Padding amounts;
    detail::push_padding(amounts, padding.size, padding.same, kernel_size, dilation);
    return pad(x, amounts, {.mode = padding_mode});
  }

 public:
  using members = Members<&Conv1d::in_channels, &Conv1d::out_channels, &Conv1d::kernel_size, &Conv1d::stride, &Conv1d::padding,
                          &Conv1d::dilation, &Conv1d::groups, &Conv1d::padding_mode, &Conv1d::weight, &Conv1d::bias>;
};

/// Convolution over two dimensions: see conv2d. Shapes: (n, in_channels, h, w) -> (n, out_channels, h', w').
template <Scalar T = float, Device D = Cpu>
class Conv2d {
 public:
  static_assert(ParameterScalar<T>, "a Conv2d holds parameters, so its dtype must be floating or complex");

  std::int64_t in_channels = 0, out_channels = 0;
  Pair kernel_size, stride = 1;
  Padding2d padding = 0;
  Pair dilation = 1;
  std::int64_t groups = 1;
  PadMode padding_mode = PadMode::constant;
  Parameter<T, D> weight, bias;

  explicit Conv2d(Unset) {}
  TAPER_RARE Conv2d(std::int64_t in, std::int64_t out, const Conv2dOptions& o)
      : in_channels(in), out_channels(out), kernel_size(o.kernel_size), stride(o.stride), padding(o.padding), dilation(o.dilation),
        groups(o.groups), padding_mode(o.padding_mode) {
    detail::check_conv_layer("Conv2d", in, out, kernel_size, groups);
    detail::check_same_padding("Conv2d", padding.same, stride);
    weight = Parameter<T, D>(empty<T, D>({out, in / groups, kernel_size.h, kernel_size.w}));
    if (o.bias) bias = Parameter<T, D>(empty<T, D>({out}));
    reset_parameters();
  }
  /// Conv2d(in, out, 3, {.padding = 1}).
  Conv2d(std::int64_t in, std::int64_t out, const Pair& kernel, Conv2dOptions o = {}) : Conv2d(in, out, (o.kernel_size = kernel, o)) {}

  void reset_parameters(Generator& generator = default_generator()) { init::affine_(weight, bias, generator); }

  template <class X>
    requires detail::MatchesLayerDTypeAndDevice<X, T, D>
  auto operator()(X&& x) const {
    return run(Tensor<T, D>(eval(std::forward<X>(x))));
  }
  TAPER_REFUSE_FOREIGN_INPUT(T, D)

  std::string extra_repr() const {
    std::string out = detail::concat(in_channels, ", ", out_channels, ", kernel_size=", kernel_size, ", stride=", stride);
    if (padding.same) out += ", padding=same";
    else if (!(padding.size == Pair(0))) out += detail::concat(", padding=", padding.size);
    out += detail::conv_repr_tail(*this, !(dilation == Pair(1)));
    if (padding_mode != PadMode::constant) out += detail::concat(", padding_mode=", detail::repr(padding_mode));
    return out;
  }

 private:
  auto run(Tensor<T, D> x) const {
    const bool zeros = padding_mode == PadMode::constant;
    if (!zeros) x = bordered(x);
    auto y = taper::conv2d(std::move(x), weight, bias,
                           {.stride = stride, .padding = zeros ? padding : Padding2d(0), .dilation = dilation, .groups = groups});
    detail::report(this, y);
    return y;
  }
  Tensor<T, D> bordered(const Tensor<T, D>& x) const {
    taper::Padding amounts;
    detail::push_padding(amounts, padding.size.w, padding.same, kernel_size.w, dilation.w);
    detail::push_padding(amounts, padding.size.h, padding.same, kernel_size.h, dilation.h);
    return pad(x, amounts, {.mode = padding_mode});
  }

 public:
  using members = Members<&Conv2d::in_channels, &Conv2d::out_channels, &Conv2d::kernel_size, &Conv2d::stride, &Conv2d::padding,
                          &Conv2d::dilation, &Conv2d::groups, &Conv2d::padding_mode, &Conv2d::weight, &Conv2d::bias>;
};

}  // namespace nn
}  // namespace taper::inline TAPER_CODE
