// SPDX-License-Identifier: MIT
// ConvTranspose1d and ConvTranspose2d.
#pragma once

#include <taper/nn/layers/conv.hpp>

namespace taper::inline TAPER_CODE::nn {

struct ConvTranspose1dOptions {
  std::int64_t kernel_size = 0, stride = 1, padding = 0, output_padding = 0, groups = 1;
  bool bias = true;
  std::int64_t dilation = 1;
};
struct ConvTranspose2dOptions {
  Pair kernel_size = 0;
  Pair stride = 1, padding = 0, output_padding = 0;
  std::int64_t groups = 1;
  bool bias = true;
  Pair dilation = 1;
};

/// Transposed convolution over one dimension: see conv_transpose1d. Shapes: (n, in_channels, l) -> (n, out_channels, l').
template <Scalar T = float, Device D = Cpu>
class ConvTranspose1d {
 public:
  static_assert(ParameterScalar<T>, "a ConvTranspose1d holds parameters, so its dtype must be floating or complex");

  std::int64_t in_channels = 0, out_channels = 0, kernel_size = 0, stride = 1, padding = 0, output_padding = 0, groups = 1, dilation = 1;
  Parameter<T, D> weight, bias;

  explicit ConvTranspose1d(Unset) {}
  ConvTranspose1d(std::int64_t in, std::int64_t out, const ConvTranspose1dOptions& o)
      : in_channels(in), out_channels(out), kernel_size(o.kernel_size), stride(o.stride), padding(o.padding),
        output_padding(o.output_padding), groups(o.groups), dilation(o.dilation) {
    detail::check_conv_layer("ConvTranspose1d", in, out, kernel_size, groups);
    weight = Parameter<T, D>(empty<T, D>({in, out / groups, kernel_size}));
    if (o.bias) bias = Parameter<T, D>(empty<T, D>({out}));
    reset_parameters();
  }
  ConvTranspose1d(std::int64_t in, std::int64_t out, std::int64_t kernel, ConvTranspose1dOptions o = {})
      : ConvTranspose1d(in, out, (o.kernel_size = kernel, o)) {}

  void reset_parameters(Generator& generator = default_generator()) { init::affine_(weight, bias, generator); }

  template <class X>
    requires detail::MatchesLayerDTypeAndDevice<X, T, D>
  auto operator()(X&& x) const {
    auto y = taper::conv_transpose1d(
        std::forward<X>(x), weight, bias,
        {.stride = stride, .padding = padding, .output_padding = output_padding, .groups = groups, .dilation = dilation});
    detail::report(this, y);
    return y;
  }
  TAPER_REFUSE_FOREIGN_INPUT(T, D)

  std::string extra_repr() const {
    std::string out = detail::concat(in_channels, ", ", out_channels, ", kernel_size=(", kernel_size, ",), stride=(", stride, ",)");
    if (padding != 0) out += detail::concat(", padding=(", padding, ",)");
    if (dilation != 1) out += detail::concat(", dilation=(", dilation, ",)");
    if (output_padding != 0) out += detail::concat(", output_padding=(", output_padding, ",)");
    return out + detail::conv_repr_tail(*this, false);
  }

  using members = Members<&ConvTranspose1d::in_channels, &ConvTranspose1d::out_channels, &ConvTranspose1d::kernel_size,
                          &ConvTranspose1d::stride, &ConvTranspose1d::padding, &ConvTranspose1d::output_padding, &ConvTranspose1d::groups,
                          &ConvTranspose1d::dilation, &ConvTranspose1d::weight, &ConvTranspose1d::bias>;
};

/// Transposed convolution over two dimensions: see conv_transpose2d.
/// Shapes: (n, in_channels, h, w) -> (n, out_channels, h', w').
template <Scalar T = float, Device D = Cpu>
class ConvTranspose2d {
 public:
  static_assert(ParameterScalar<T>, "a ConvTranspose2d holds parameters, so its dtype must be floating or complex");

  std::int64_t in_channels = 0, out_channels = 0;
  Pair kernel_size, stride = 1, padding = 0, output_padding = 0;
  std::int64_t groups = 1;
  Pair dilation = 1;
  Parameter<T, D> weight, bias;

  explicit ConvTranspose2d(Unset) {}
  ConvTranspose2d(std::int64_t in, std::int64_t out, const ConvTranspose2dOptions& o)
      : in_channels(in), out_channels(out), kernel_size(o.kernel_size), stride(o.stride), padding(o.padding),
        output_padding(o.output_padding), groups(o.groups), dilation(o.dilation) {
    detail::check_conv_layer("ConvTranspose2d", in, out, kernel_size, groups);
    weight = Parameter<T, D>(empty<T, D>({in, out / groups, kernel_size.h, kernel_size.w}));
    if (o.bias) bias = Parameter<T, D>(empty<T, D>({out}));
    reset_parameters();
  }
  ConvTranspose2d(std::int64_t in, std::int64_t out, const Pair& kernel, ConvTranspose2dOptions o = {})
      : ConvTranspose2d(in, out, (o.kernel_size = kernel, o)) {}

  void reset_parameters(Generator& generator = default_generator()) { init::affine_(weight, bias, generator); }

  template <class X>
    requires detail::MatchesLayerDTypeAndDevice<X, T, D>
  auto operator()(X&& x) const {
    auto y = taper::conv_transpose2d(
        std::forward<X>(x), weight, bias,
        {.stride = stride, .padding = padding, .output_padding = output_padding, .groups = groups, .dilation = dilation});
    detail::report(this, y);
    return y;
  }
  TAPER_REFUSE_FOREIGN_INPUT(T, D)

  std::string extra_repr() const {
    std::string out = detail::concat(in_channels, ", ", out_channels, ", kernel_size=", kernel_size, ", stride=", stride);
    if (!(padding == Pair(0))) out += detail::concat(", padding=", padding);
    if (!(dilation == Pair(1))) out += detail::concat(", dilation=", dilation);
    if (!(output_padding == Pair(0))) out += detail::concat(", output_padding=", output_padding);
    return out + detail::conv_repr_tail(*this, false);
  }

  using members = Members<&ConvTranspose2d::in_channels, &ConvTranspose2d::out_channels, &ConvTranspose2d::kernel_size,
                          &ConvTranspose2d::stride, &ConvTranspose2d::padding, &ConvTranspose2d::output_padding, &ConvTranspose2d::groups,
                          &ConvTranspose2d::dilation, &ConvTranspose2d::weight, &ConvTranspose2d::bias>;
};

}  // namespace taper::inline TAPER_CODE::nn
