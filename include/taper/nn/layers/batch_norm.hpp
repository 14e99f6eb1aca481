// SPDX-License-Identifier: MIT
// BatchNorm1d and BatchNorm2d. In training they move their running statistics, through const.
#pragma once

#include <taper/nn/init.hpp>
#include <taper/nn/layers/input.hpp>
#include <taper/nn/repr.hpp>
#include <taper/ops/norm.hpp>

#include <optional>

namespace taper::inline TAPER_CODE {

namespace nn {

/// momentum: how far the running statistics move towards a batch's; none: they are the mean over all batches.
struct BatchNormOptions {
  double eps = 1e-5;
  std::optional<double> momentum = 0.1;
  bool affine = true, bias = true, track_running_stats = true;
};

}  // namespace nn

namespace detail {

/// What the batch norms share. Concurrent calls are safe in eval mode.
template <Scalar T, Device D>
class BatchNorm {
 public:
  static_assert(Floating<T>, "a batch norm divides by deviations, so its dtype must be floating");

  std::int64_t num_features = 0;
  double eps = 1e-5;
  std::optional<double> momentum = 0.1;
  bool affine = true, track_running_stats = true;
  nn::Mode mode;
  nn::Parameter<T, D> weight, bias;
  nn::Buffer<compute_t<T>, D> running_mean, running_var;  // in 16 bits they would hardly move
  nn::Buffer<std::int64_t, D> num_batches_tracked;

  explicit BatchNorm(nn::Unset) {}
  TAPER_RARE explicit BatchNorm(std::int64_t features, const nn::BatchNormOptions& o = {})
      : num_features(features), eps(o.eps), momentum(o.momentum), affine(o.affine), track_running_stats(o.track_running_stats) {
    if (affine) {
      weight = nn::Parameter<T, D>(empty<T, D>({features}));
      if (o.bias) bias = nn::Parameter<T, D>(empty<T, D>({features}));
    }
    if (track_running_stats) {
      running_mean = nn::Buffer<compute_t<T>, D>(empty<compute_t<T>, D>({features}));
      running_var = nn::Buffer<compute_t<T>, D>(empty<compute_t<T>, D>({features}));
      num_batches_tracked = nn::Buffer<std::int64_t, D>(empty<std::int64_t, D>({}));
    }
    reset_parameters();
  }

  void reset_parameters() {
    if (weight.defined()) nn::init::ones_(weight);
    if (bias.defined()) nn::init::zeros_(bias);
    reset_running_stats();
  }
  void reset_running_stats() {
    if (!track_running_stats) return;
    running_mean.zero_();
    running_var.fill_(1);
    num_batches_tracked.zero_();
  }

  std::string extra_repr() const {
    return concat(num_features, ", eps=", repr(eps), ", momentum=", repr(momentum), ", affine=", repr(affine),
                  ", bias=", repr(bias.defined()), ", track_running_stats=", repr(track_running_stats));
  }

  using members = nn::Members<&BatchNorm::num_features, &BatchNorm::eps, &BatchNorm::momentum, &BatchNorm::affine,
                              &BatchNorm::track_running_stats, &BatchNorm::mode, &BatchNorm::weight, &BatchNorm::bias,
                              &BatchNorm::running_mean, &BatchNorm::running_var, &BatchNorm::num_batches_tracked>;

 protected:
  template <class X>
  auto forward(std::string_view name, int least, int most, X&& x) const {
    if (x.dim() < least || x.dim() > most)
      raise<ShapeError>(name, "x must have ", least == most ? concat(least) : concat(least, " or ", most), " dimensions, not shape ", x.shape());
    if (x.size(1) != num_features)
      raise<ShapeError>(name, "x ", x.shape(), " has ", x.size(1), " channels (axis 1), this layer takes ", num_features);
    const bool batch = mode.training || !track_running_stats;
    const double factor = batch && track_running_stats ? count() : 0;
    return batch_norm(std::forward<X>(x), running_mean, running_var, weight, bias, batch, factor, eps);
  }

 private:
  /// Counts the batch and gives the momentum to use; the cumulative average waits for a device to know it.
  double count() const {
    Tensor<std::int64_t, D> counted = num_batches_tracked;  // a handle to the same record
    if constexpr (on_host<D>) counted.fill_(counted.item() + 1);
    else counted += 1;  // a device is not waited for
    return momentum ? *momentum : 1 / static_cast<double>(counted.item());
  }
};

}  // namespace detail

namespace nn {

/// Batch norm over the features of a batch: see batch_norm. Shapes: (n, c) or (n, c, l).
template <Scalar T = float, Device D = Cpu>
class BatchNorm1d : public detail::BatchNorm<T, D> {
 public:
  using detail::BatchNorm<T, D>::BatchNorm;

  template <class X>
    requires detail::MatchesLayerDTypeAndDevice<X, T, D>
  auto operator()(X&& x) const {
    auto y = this->forward("BatchNorm1d", 2, 3, std::forward<X>(x));
    detail::report(this, y);
    return y;
  }
  TAPER_REFUSE_FOREIGN_INPUT(T, D)
};

/// Batch norm over the channels of images: see batch_norm. Shapes: (n, c, h, w).
template <Scalar T = float, Device D = Cpu>
class BatchNorm2d : public detail::BatchNorm<T, D> {
 public:
  using detail::BatchNorm<T, D>::BatchNorm;

  template <class X>
    requires detail::MatchesLayerDTypeAndDevice<X, T, D>
  auto operator()(X&& x) const {
    auto y = this->forward("BatchNorm2d", 4, 4, std::forward<X>(x));
    detail::report(this, y);
    return y;
  }
  TAPER_REFUSE_FOREIGN_INPUT(T, D)
};

}  // namespace nn
}  // namespace taper::inline TAPER_CODE
