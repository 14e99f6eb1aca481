// SPDX-License-Identifier: MIT
// Initialisation of weights in place. Nothing here is recorded by the tape.
#pragma once

#include <taper/core/factory.hpp>
#include <taper/eval/replay.hpp>
#include <taper/eval/tensor.hpp>
#include <taper/ops/eager.hpp>
#include <taper/ops/random.hpp>
#include <taper/ops/to.hpp>

#include <cmath>
#include <vector>

namespace taper::inline TAPER_CODE::nn::init {

/// What follows a layer, for calculate_gain.
enum class Nonlinearity {
  linear, conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d, sigmoid, tanh, relu, leaky_relu, selu
};
/// Which count of connections kaiming's variance keeps: forward or backward.
enum class FanMode { fan_in, fan_out };

/// The inputs that an element of the result sees, and the outputs that an element of the input reaches.
struct Fans {
  std::int64_t fan_in = 0, fan_out = 0;
};

namespace internal {

template <class W>
concept Target = TensorHandle<W> && !std::is_const_v<std::remove_reference_t<W>> && Differentiable<value_t<W>>;
template <class W>
concept FloatingTarget = Target<W> && Floating<value_t<W>>;

/// Copies dense numbers into w.
template <Target W>
void write(W& w, const std::vector<double>& values) {
  using T = value_t<W>;
  Tensor<T, Cpu> dense = empty<T, Cpu>(w.shape());
  T* p = dense.data_ptr();
  for (std::size_t i = 0; i < values.size(); ++i) p[i] = static_cast<T>(static_cast<compute_t<T>>(values[i]));
  w.copy_(to<device_t<W>>(dense));
}

inline void check_dims(std::string_view op, const Shape& shape, int least) {
  if (shape.size() < least)
    detail::raise<ShapeError>(op, "a tensor of shape ", shape, " has fewer than ", least, " dimensions");
}

}  // namespace internal

/// The fans of a weight. Shapes: (out, in, kernel...). Throws: ShapeError below two dimensions.
inline Fans calculate_fan_in_and_fan_out(const Shape& weight) {
  internal::check_dims("init", weight, 2);
  std::int64_t field = 1;
  for (int i = 2; i < weight.size(); ++i) field *= weight[i];
  return {weight[1] * field, weight[0] * field};
}

/// How much a nonlinearity shrinks the deviation of its input; `param` is leaky_relu's slope.
inline double calculate_gain(Nonlinearity nonlinearity, double param = 0.01) {
  switch (nonlinearity) {
    case Nonlinearity::tanh: return 5.0 / 3;
    case Nonlinearity::relu: return std::sqrt(2.0);
    case Nonlinearity::leaky_relu: return std::sqrt(2 / (1 + param * param));
    case Nonlinearity::selu: return 3.0 / 4;
    default: return 1;
  }
}

/// Uniform numbers in [a, b).
template <internal::Target W>
W uniform_(W&& w, double a = 0, double b = 1, Generator& generator = default_generator()) {
  const NoGrad guard;
  taper::uniform_(w, a, b, generator);
  return std::forward<W>(w);
}
/// Normal numbers.
template <internal::Target W>
W normal_(W&& w, double mean = 0, double std = 1, Generator& generator = default_generator()) {
  const NoGrad guard;
  taper::normal_(w, mean, std, generator);
  return std::forward<W>(w);
}
/// Normal numbers, those outside [a, b] left out: drawn in double whatever the dtype, and exact in the tails.
/// Throws: ValueError unless a < b and std > 0.
template <internal::FloatingTarget W>
W trunc_normal_(W&& w, double mean = 0, double std = 1, double a = -2, double b = 2, Generator& generator = default_generator()) {
  using T = value_t<W>;
  if (!(a < b)) detail::raise<ValueError>("trunc_normal_", "the lower bound ", a, " must be below the upper bound ", b);
  if (!(std > 0)) detail::raise<ValueError>("trunc_normal_", "the standard deviation must be positive, got ", std);
  const NoGrad guard;
  detail::TensorRecord& r = detail::random_target<T, device_t<W>>("trunc_normal_", w.record());
  detail::randomise<T, device_t<W>>(r, detail::mapped_fill<T, double>(generator.take(), detail::random::Uniform<double>(0, 1),
                                                                      detail::ToTruncatedNormal<T>(mean, std, a, b)));
  return std::forward<W>(w);
}
/// All elements `value`.
template <internal::Target W>
W constant_(W&& w, double value) {
  const NoGrad guard;
  w.fill_(static_cast<value_t<W>>(static_cast<compute_t<value_t<W>>>(value)));
  return std::forward<W>(w);
}
/// All elements 1.
template <internal::Target W>
W ones_(W&& w) {
  return constant_(std::forward<W>(w), 1);
}
/// All elements 0.
template <internal::Target W>
W zeros_(W&& w) {
  return constant_(std::forward<W>(w), 0);
}

/// The identity matrix. Throws: ShapeError for other than two dimensions.
template <internal::Target W>
W eye_(W&& w) {
  if (w.dim() != 2) detail::raise<ShapeError>("eye_", "a matrix is needed, not a tensor of shape ", w.shape());
  const NoGrad guard;
  w.copy_(eye<value_t<W>, device_t<W>>(w.size(0), w.size(1)));
  return std::forward<W>(w);
}

/// The kernel of a convolution that passes its input on, channel by channel, in each of its groups.
/// Shapes: (out, in / groups, kernel...), one to three kernel dimensions. Throws: ShapeError, ValueError where groups do
/// not divide the outputs.
template <internal::Target W>
W dirac_(W&& w, std::int64_t groups = 1) {
  const Shape& shape = w.shape();
  if (shape.size() < 3 || shape.size() > 5)
    detail::raise<ShapeError>("dirac_", "a weight with three to five dimensions is needed, not one of shape ", shape);
  if (groups < 1 || shape[0] % groups != 0)
    detail::raise<ValueError>("dirac_", "the first size of ", shape, " cannot be cut into ", groups, " groups");
  const NoGrad guard;
  const std::int64_t each = shape[0] / groups, in = shape[1], kernel = shape.numel() / (shape[0] * in > 0 ? shape[0] * in : 1);
  std::int64_t centre = 0;
  for (int i = 2; i < shape.size(); ++i) centre = centre * shape[i] + shape[i] / 2;
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (std::int64_t g = 0; g < groups; ++g)
    for (std::int64_t d = 0; d < each && d < in; ++d) values[static_cast<std::size_t>(((g * each + d) * in + d) * kernel + centre)] = 1;
  internal::write(w, values);
  return std::forward<W>(w);
}

/// Uniform with the variance gain^2 2 / (fan_in + fan_out). Source: Glorot and Bengio 2010.
template <internal::Target W>
W xavier_uniform_(W&& w, double gain = 1, Generator& generator = default_generator()) {
  const Fans f = calculate_fan_in_and_fan_out(w.shape());
  const double bound = gain * std::sqrt(6.0 / static_cast<double>(f.fan_in + f.fan_out));
  return init::uniform_(std::forward<W>(w), -bound, bound, generator);
}
/// Normal with the variance gain^2 2 / (fan_in + fan_out). Source: Glorot and Bengio 2010.
template <internal::Target W>
W xavier_normal_(W&& w, double gain = 1, Generator& generator = default_generator()) {
  const Fans f = calculate_fan_in_and_fan_out(w.shape());
  return init::normal_(std::forward<W>(w), 0, gain * std::sqrt(2.0 / static_cast<double>(f.fan_in + f.fan_out)), generator);
}

/// a: the slope of the leaky_relu that follows the layer.
struct KaimingOptions {
  double a = 0;
  FanMode mode = FanMode::fan_in;
  Nonlinearity nonlinearity = Nonlinearity::leaky_relu;
};

namespace internal {

/// gain / sqrt(fan); 0 for a weight without elements.
inline double kaiming_deviation(const Shape& shape, const KaimingOptions& options) {
  const Fans f = calculate_fan_in_and_fan_out(shape);
  const std::int64_t fan = options.mode == FanMode::fan_in ? f.fan_in : f.fan_out;
  return fan > 0 ? calculate_gain(options.nonlinearity, options.a) / std::sqrt(static_cast<double>(fan)) : 0;
}

}  // namespace internal

/// Uniform with the variance gain^2 / fan. Source: He et al. 2015.
template <internal::Target W>
W kaiming_uniform_(W&& w, const KaimingOptions& options = {}, Generator& generator = default_generator()) {
  const double bound = std::sqrt(3.0) * internal::kaiming_deviation(w.shape(), options);
  return init::uniform_(std::forward<W>(w), -bound, bound, generator);
}
/// Normal with the variance gain^2 / fan. Source: He et al. 2015.
template <internal::Target W>
W kaiming_normal_(W&& w, const KaimingOptions& options = {}, Generator& generator = default_generator()) {
  const double deviation = internal::kaiming_deviation(w.shape(), options);
  return init::normal_(std::forward<W>(w), 0, deviation, generator);
}

/// What PyTorch gives a linear map or a convolution: both parameters uniform in +-1 / sqrt(fan_in). An undefined bias
/// stays so.
template <internal::Target W, internal::Target B>
void affine_(W& weight, B& bias, Generator& generator = default_generator()) {
  init::kaiming_uniform_(weight, {.a = std::sqrt(5.0)}, generator);
  if (!bias.defined()) return;
  const std::int64_t fan_in = calculate_fan_in_and_fan_out(weight.shape()).fan_in;
  const double bound = fan_in > 0 ? 1 / std::sqrt(static_cast<double>(fan_in)) : 0;
  init::uniform_(bias, -bound, bound, generator);
}

/// A random orthogonal matrix times gain: its rows or columns, whichever are fewer, are orthonormal.
/// Shapes: (rows, columns...), the columns taken together. Source: Saxe et al. 2013.
template <internal::Target W>
W orthogonal_(W&& w, double gain = 1, Generator& generator = default_generator()) {
  internal::check_dims("orthogonal_", w.shape(), 2);
  if (w.numel() == 0) return std::forward<W>(w);
  const NoGrad guard;
  const std::int64_t rows = w.size(0), columns = w.numel() / rows, n = rows < columns ? rows : columns, length = rows < columns ? columns : rows;
  const Tensor<double> draw = randn<double>({n, length}, generator);
  std::vector<double> q(draw.data_ptr(), draw.data_ptr() + draw.numel());  // n vectors of `length` numbers
  // Gram-Schmidt, each projection twice: orthogonal to rounding. The norms are R's diagonal, positive.
  for (std::int64_t i = 0; i < n; ++i) {
    double* v = q.data() + i * length;
    for (int pass = 0; pass < 2; ++pass)
      for (std::int64_t j = 0; j < i; ++j) {
        const double* u = q.data() + j * length;
        double dot = 0;
        for (std::int64_t k = 0; k < length; ++k) dot += u[k] * v[k];
        for (std::int64_t k = 0; k < length; ++k) v[k] -= dot * u[k];
      }
    double square = 0;
    for (std::int64_t k = 0; k < length; ++k) square += v[k] * v[k];
    for (std::int64_t k = 0; k < length; ++k) v[k] /= std::sqrt(square);
  }
  std::vector<double> values(q.size());
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c)
      values[static_cast<std::size_t>(r * columns + c)] = gain * q[static_cast<std::size_t>(rows < columns ? r * length + c : c * length + r)];
  internal::write(w, values);
  return std::forward<W>(w);
}

/// Normal numbers, and in each column a share `sparsity` of zeros at random rows. Source: Martens 2010.
template <internal::Target W>
W sparse_(W&& w, double sparsity, double std = 0.01, Generator& generator = default_generator()) {
  if (w.dim() != 2) detail::raise<ShapeError>("sparse_", "a matrix is needed, not a tensor of shape ", w.shape());
  if (!(sparsity >= 0 && sparsity <= 1)) detail::raise<ValueError>("sparse_", "sparsity must lie between 0 and 1, got ", sparsity);
  const NoGrad guard;
  const std::int64_t rows = w.size(0), columns = w.size(1);
  const Tensor<double> draw = taper::normal<double>(0, std, w.shape(), generator);
  std::vector<double> values(draw.data_ptr(), draw.data_ptr() + draw.numel());
  const auto zeros = static_cast<std::size_t>(std::ceil(sparsity * static_cast<double>(rows)));
  for (std::int64_t c = 0; c < columns; ++c) {
    const std::vector<std::int64_t> order = permutation(rows, generator);
    for (std::size_t i = 0; i < zeros; ++i) values[static_cast<std::size_t>(order[i] * columns + c)] = 0;
  }
  internal::write(w, values);
  return std::forward<W>(w);
}

}  // namespace taper::inline TAPER_CODE::nn::init
