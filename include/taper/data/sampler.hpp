// SPDX-License-Identifier: MIT
// Samplers: which samples an epoch visits, in which order. A sampler is called with a generator and returns the indices.
#pragma once

#include <taper/core/generator.hpp>
#include <taper/core/error.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <vector>

namespace taper::inline TAPER_CODE::data {

/// Anything that makes an epoch's list of indices from a generator.
template <class S>
concept Sampler = requires(const S& s, Generator& g) {
  { s(g) } -> std::convertible_to<std::vector<std::int64_t>>;
};
/// Anything that makes an epoch's list of batches of indices.
template <class S>
concept BatchSamplerLike = requires(const S& s, Generator& g) {
  { s(g) } -> std::convertible_to<std::vector<std::vector<std::int64_t>>>;
};

/// 0, 1, ..., size - 1.
struct SequentialSampler {
  std::int64_t size = 0;
  std::vector<std::int64_t> operator()(Generator&) const {
    std::vector<std::int64_t> out(static_cast<std::size_t>(size));
    for (std::int64_t i = 0; i < size; ++i) out[static_cast<std::size_t>(i)] = i;
    return out;
  }
};

/// A random order of all samples; with replacement, num_samples independent draws (0: as many as there are).
struct RandomSampler {
  std::int64_t size = 0;
  bool replacement = false;
  std::int64_t num_samples = 0;
  std::vector<std::int64_t> operator()(Generator& generator) const {
    const std::int64_t n = num_samples > 0 ? num_samples : size;
    if (n > 0 && size <= 0) detail::raise<ValueError>("RandomSampler", "cannot draw ", n, " samples from a dataset of ", size);
    std::vector<std::int64_t> out;
    out.reserve(static_cast<std::size_t>(n));
    while (static_cast<std::int64_t>(out.size()) < n) {
      if (replacement) {
        out.push_back(generator.integer(0, size));
      } else {
        for (const std::int64_t i : permutation(size, generator))
          if (static_cast<std::int64_t>(out.size()) < n) out.push_back(i);
      }
    }
    return out;
  }
};

/// All samples in their order, or in a random one: what a loader uses that is given no sampler.
struct DefaultSampler {
  std::int64_t size = 0;
  bool shuffle = false;
  std::vector<std::int64_t> operator()(Generator& generator) const {
    return shuffle ? permutation(size, generator) : SequentialSampler{size}(generator);
  }
};

/// A random order of the given indices.
struct SubsetRandomSampler {
  std::vector<std::int64_t> indices;
  std::vector<std::int64_t> operator()(Generator& generator) const {
    std::vector<std::int64_t> out;
    out.reserve(indices.size());
    for (const std::int64_t i : permutation(static_cast<std::int64_t>(indices.size()), generator)) out.push_back(indices[static_cast<std::size_t>(i)]);
    return out;
  }
};

/// num_samples draws, index i with probability weights[i] / sum of weights. Without replacement an index occurs once.
/// Throws: ValueError for negative or infinite weights, no positive weight, or more draws than positive weights without replacement.
struct WeightedRandomSampler {
  std::vector<double> weights;
  std::int64_t num_samples = 0;
  bool replacement = true;
  std::vector<std::int64_t> operator()(Generator& generator) const {
    std::vector<double> cumulative;
    double total = 0;
    std::int64_t positive = 0;
    for (const double w : weights) {
      if (!(w >= 0)) detail::raise<ValueError>("WeightedRandomSampler", "weights must not be negative, but one is ", w);
      positive += w > 0;
      cumulative.push_back(total += w);
      if (std::isinf(total)) detail::raise<ValueError>("WeightedRandomSampler", "weights must have a finite sum, but ", w, " makes it infinite");
    }
    if (positive == 0 && num_samples > 0) detail::raise<ValueError>("WeightedRandomSampler", "no weight is positive");
    if (!replacement && num_samples > positive)
      detail::raise<ValueError>("WeightedRandomSampler", "cannot draw ", num_samples, " different samples: only ", positive, " have a positive weight");
    std::vector<std::int64_t> out;
    if (replacement) {
      for (std::int64_t k = 0; k < num_samples; ++k) {
        const double u = generator.uniform() * total;
        auto at = std::upper_bound(cumulative.begin(), cumulative.end(), u) - cumulative.begin();
        out.push_back(std::min<std::int64_t>(at, static_cast<std::int64_t>(weights.size()) - 1));
      }
      return out;
    }
    // Exponential races: the num_samples smallest of Exp(1) / weight are a weighted draw without replacement
    // (Efraimidis and Spirakis, 2006).
    std::vector<std::pair<double, std::int64_t>> race;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double u = generator.uniform();
      if (weights[i] > 0) race.emplace_back(-std::log1p(-u) / weights[i], static_cast<std::int64_t>(i));
    }
    std::sort(race.begin(), race.end());
    for (std::int64_t k = 0; k < num_samples; ++k) out.push_back(race[static_cast<std::size_t>(k)].second);
    return out;
  }
};

namespace internal {
/// Indices in batches of `size`; the last, smaller one is dropped on request.
inline std::vector<std::vector<std::int64_t>> in_batches(const std::vector<std::int64_t>& order, std::int64_t batch_size, bool drop_last) {
  std::vector<std::vector<std::int64_t>> out;
  const auto size = static_cast<std::size_t>(batch_size);
  for (std::size_t at = 0; at < order.size(); at += size) {
    const std::size_t end = std::min(order.size(), at + size);
    if (drop_last && end - at < size) break;
    out.emplace_back(order.begin() + static_cast<std::ptrdiff_t>(at), order.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return out;
}
}  // namespace internal

/// Another sampler's indices in batches; the last, smaller one is dropped on request.
template <Sampler S>
struct BatchSampler {
  S sampler;
  std::int64_t batch_size = 1;
  bool drop_last = false;
  std::vector<std::vector<std::int64_t>> operator()(Generator& generator) const {
    if (batch_size <= 0) detail::raise<ValueError>("BatchSampler", "batch_size must be positive, not ", batch_size);
    return internal::in_batches(sampler(generator), batch_size, drop_last);
  }
};
template <Sampler S>
BatchSampler(S, std::int64_t, bool) -> BatchSampler<S>;

}  // namespace taper::inline TAPER_CODE::data
