// SPDX-License-Identifier: MIT
// Draws of indices with given weights.
#pragma once

#include <taper/core/pool_vector.hpp>
#include <taper/ops/random.hpp>
#include <taper/ops/to.hpp>

#include <algorithm>

namespace taper::inline TAPER_CODE {

namespace detail {

/// One row of weights: checked, and its draws.
template <class A = Abi>
class Draws {
 public:
  Draws(std::int64_t k, std::int64_t n) : k_(k), n_(n), weight_(static_cast<std::size_t>(k)) {}

  template <Scalar T>
  void load(const T* row) {
    positive_ = 0;
    total_ = 0;
    for (std::int64_t i = 0; i < k_; ++i) {
      const auto w = static_cast<double>(static_cast<compute_t<T>>(row[i]));
      if (!(w >= 0) || !std::isfinite(w))
        raise<ValueError>("multinomial", "weights must be finite and not negative, got ", w);
      weight_[static_cast<std::size_t>(i)] = w;
      total_ += w;
      positive_ += w > 0;
    }
    if (!(total_ > 0) || !std::isfinite(total_))
      raise<ValueError>("multinomial", "the sum of the weights must be positive and finite, it is ", total_);
  }

  void with_replacement(std::int64_t* out, std::int64_t row, const GeneratorState& s) {
    double sum = 0;
    for (double& w : weight_) w = sum += w;
    const double below_sum = std::nextafter(sum, 0.0);
    for (std::int64_t j = 0; j < n_; ++j) {
      const std::uint64_t bits = random::bits64(s.seed, s.offset, static_cast<std::uint64_t>(row * n_ + j));
      const double u = random::unit_double(static_cast<std::uint32_t>(bits), static_cast<std::uint32_t>(bits >> 32));
      // The first whose running sum is above u times the whole; rounding up to the whole itself still ends inside.
      const double at = std::min(u * sum, below_sum);
      out[j] = std::upper_bound(weight_.begin(), weight_.end(), at) - weight_.begin();
    }
  }

  /// The n first of exponential waiting times with the weights as rates: in this order they are drawn one by one
  /// without replacement. Source: Efraimidis, Spirakis, "Weighted random sampling with a reservoir", 2006.
  void without_replacement(std::int64_t* out, std::int64_t row, const GeneratorState& s) {
    if (positive_ < n_)
      raise<ValueError>("multinomial", n_, " draws without replacement need as many positive weights: there are ",
                        positive_);
    order_.resize(static_cast<std::size_t>(k_));
    for (std::int64_t i = 0; i < k_; ++i) {
      double& w = weight_[static_cast<std::size_t>(i)];
      const double e =
          random::minus_log_unit<double>(random::bits64(s.seed, s.offset, static_cast<std::uint64_t>(row * k_ + i)));
      // Shares of the whole, so that weights near the smallest number still differ; below infinity, where none come.
      w = w > 0 ? std::min(std::numeric_limits<double>::max(), e / (w / total_)) : std::numeric_limits<double>::infinity();
      order_[static_cast<std::size_t>(i)] = i;
    }
    std::partial_sort(order_.begin(), order_.begin() + n_, order_.end(), [this](std::int64_t a, std::int64_t b) {
      const double x = weight_[static_cast<std::size_t>(a)], y = weight_[static_cast<std::size_t>(b)];
      return x < y || (x == y && a < b);
    });
    std::copy(order_.begin(), order_.begin() + n_, out);
  }

 private:
  std::int64_t k_, n_, positive_ = 0;
  double total_ = 0;
  PoolVector<double> weight_;
  PoolVector<std::int64_t> order_;
};

}  // namespace detail

/// n indices drawn with the given weights, which need not sum to one; without replacement each at most once a row.
/// Shapes: weights (k) or (m, k) -> (n) or (m, n).
/// Dtypes: floating -> int64.
/// Throws: ShapeError for other ranks; ValueError for weights that are negative, not finite or all zero, for n < 1, or
/// for more draws than positive weights without replacement.
template <TensorLike X, class A = Abi>
  requires Floating<value_t<X>>
Tensor<std::int64_t, device_t<X>> multinomial(const X& weights, std::int64_t n, bool replacement = false,
                                              Generator& generator = default_generator()) {
  const Shape shape = weights.shape();
  if (shape.size() != 1 && shape.size() != 2)
    detail::raise<ShapeError>("multinomial", "weights have shape (k) or (m, k), not ", shape);
  const std::int64_t k = shape.back(), rows = shape.size() == 2 ? shape[0] : 1;
  if (n < 1) detail::raise<ValueError>("multinomial", "the number of draws must be positive, got ", n);
  if (!replacement && n > k)
    detail::raise<ValueError>("multinomial", n, " draws without replacement from ", k,
                              " weights: pass replacement = true");
  if (k == 0) detail::raise<ShapeError>("multinomial", "there are no weights: the shape is ", shape);
  // Drawn on the host, whatever the device: running sums must round as they do there.
  const auto dense = to<Cpu>(detail::dense_at(weights, shape));
  auto out = detail::fresh_dense<std::int64_t, Cpu>("multinomial", shape.size() == 2 ? Shape{rows, n} : Shape{n});
  const GeneratorState s = generator.take();
  const value_t<X>* from = dense.data_ptr();
  std::int64_t* to = out.data_ptr();
  parallel_for(rows, (1 << 14) / (k + n) + 1, [&](std::int64_t begin, std::int64_t end) {
    detail::Draws<A> draws(k, n);
    for (std::int64_t row = begin; row < end; ++row) {
      draws.load(from + row * k);
      if (replacement) draws.with_replacement(to + row * n, row, s);
      else draws.without_replacement(to + row * n, row, s);
    }
  });
  return detail::on_device<device_t<X>>(std::move(out));
}

}  // namespace taper::inline TAPER_CODE
