// SPDX-License-Identifier: MIT
// The Dataset concept, and the small datasets that wrap others: tensors, map, subset, concat, random split.
#pragma once

#include <taper/core/generator.hpp>
#include <taper/ops/view.hpp>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>
#include <vector>

namespace taper::inline TAPER_CODE::data {

namespace internal {
template <class D>
concept PlainGet = requires(const D& d, std::int64_t i) { d.get(i); };
template <class D>
concept RandomGet = requires(const D& d, std::int64_t i, Generator& g) { d.get(i, g); };
}  // namespace internal

/// Anything with size() and get(index), or get(index, generator) where samples are drawn or augmented at random.
template <class D>
concept Dataset = (internal::PlainGet<std::remove_cvref_t<D>> || internal::RandomGet<std::remove_cvref_t<D>>) &&
                  requires(const std::remove_cvref_t<D>& d) {
                    { d.size() } -> std::convertible_to<std::int64_t>;
                  };

/// Sample `index` of a dataset, with a generator for what it draws.
template <Dataset D>
decltype(auto) get(const D& dataset, std::int64_t index, Generator& generator) {
  if constexpr (internal::RandomGet<D>) return dataset.get(index, generator);
  else return dataset.get(index);
}

/// What a dataset's samples are.
template <Dataset D>
using sample_t = std::remove_cvref_t<decltype(data::get(std::declval<const D&>(), 0, std::declval<Generator&>()))>;

namespace internal {
inline void check_index(std::string_view op, std::int64_t index, std::int64_t size) {
  if (index < 0 || index >= size) detail::raise<IndexError>(op, "sample ", index, " is out of range for a dataset of ", size);
}

/// Rows of a tensor as a fresh one; compiled once for all dtypes.
inline detail::RecordPtr rows_of(const detail::TensorRecord& t, std::span<const std::int64_t> indices) {
  Shape shape = t.shape, row = t.shape;
  Strides strides = t.strides;
  shape[0] = static_cast<std::int64_t>(indices.size());
  row.erase(0), strides.erase(0);
  const detail::Walk walk(row, strides);
  const std::int64_t n = row.numel(), size = static_cast<std::int64_t>(size_of(t.dtype));
  detail::RecordPtr out = detail::make_dense<Cpu>(t.dtype, shape);
  std::byte* to = out->data;
  for (const std::int64_t i : indices) {
    const std::byte* from = t.data + i * t.strides[0] * size;
    if (t.contiguous) std::memcpy(to, from, static_cast<std::size_t>(n * size));
    else detail::gather(to, from, static_cast<std::size_t>(size), walk, 0, n);
    to += n * size;
  }
  return out;
}
}  // namespace internal

/// Tensors of the same first size; sample i is a tuple of their i-th entries.
template <class... T>
class TensorDataset {
 public:
  explicit TensorDataset(Tensor<T>... tensors) : tensors_(std::move(tensors)...) {
    size_ = std::get<0>(tensors_).size(0);
    std::apply(
        [&](const auto&... t) {
          (
              [&] {
                if (t.size(0) != size_)
                  detail::raise<ShapeError>("TensorDataset", "all tensors must have the same first size: ", size_, " and ", t.shape(), " do not fit");
              }(),
              ...);
        },
        tensors_);
  }
  std::int64_t size() const { return size_; }
  std::tuple<Tensor<T>...> get(std::int64_t index) const {
    internal::check_index("TensorDataset", index, size_);
    return std::apply([&](const auto&... t) { return std::tuple<Tensor<T>...>(select(t, 0, index)...); }, tensors_);
  }
  /// The samples of many indices at once, copied row by row into fresh tensors.
  std::tuple<Tensor<T>...> get_batch(std::span<const std::int64_t> indices) const {
    for (const std::int64_t i : indices) internal::check_index("TensorDataset", i, size_);
    return std::apply([&](const auto&... t) { return std::tuple<Tensor<T>...>(Tensor<T>(internal::rows_of(t.record(), indices))...); }, tensors_);
  }
  const std::tuple<Tensor<T>...>& tensors() const { return tensors_; }

 private:
  std::tuple<Tensor<T>...> tensors_;
  std::int64_t size_ = 0;
};

/// A dataset whose samples are f(sample), or f(sample, generator).
template <Dataset D, class F>
class MapDataset {
 public:
  MapDataset(D dataset, F f) : dataset_(std::move(dataset)), f_(std::move(f)) {}
  std::int64_t size() const { return dataset_.size(); }
  auto get(std::int64_t index, Generator& generator) const {
    if constexpr (std::is_invocable_v<const F&, sample_t<D>, Generator&>) return f_(data::get(dataset_, index, generator), generator);
    else return f_(data::get(dataset_, index, generator));
  }

 private:
  D dataset_;
  F f_;
};

/// dataset with a transform: f(sample), or f(sample, generator) where it draws at random.
template <Dataset D, class F>
auto map(D dataset, F f) {
  static_assert(std::is_invocable_v<const F&, sample_t<D>, Generator&> || std::is_invocable_v<const F&, sample_t<D>>,
                "a transform is called with a sample, or with a sample and a Generator&");
  return MapDataset<D, F>(std::move(dataset), std::move(f));
}

/// Some samples of a dataset, by index.
template <Dataset D>
class Subset {
 public:
  Subset(D dataset, std::vector<std::int64_t> indices) : dataset_(std::move(dataset)), indices_(std::move(indices)) {
    for (const std::int64_t i : indices_) internal::check_index("Subset", i, dataset_.size());
  }
  std::int64_t size() const { return static_cast<std::int64_t>(indices_.size()); }
  auto get(std::int64_t index, Generator& generator) const {
    internal::check_index("Subset", index, size());
    return data::get(dataset_, indices_[static_cast<std::size_t>(index)], generator);
  }
  auto get_batch(std::span<const std::int64_t> indices) const
    requires requires(const D& d) { d.get_batch(indices); }
  {
    detail::PoolVector<std::int64_t> mapped;
    for (const std::int64_t i : indices) {
      internal::check_index("Subset", i, size());
      mapped.push_back(indices_[static_cast<std::size_t>(i)]);
    }
    return dataset_.get_batch(mapped);
  }
  const std::vector<std::int64_t>& indices() const { return indices_; }

 private:
  D dataset_;
  std::vector<std::int64_t> indices_;
};
template <Dataset D>
Subset<D> subset(D dataset, std::vector<std::int64_t> indices) {
  return Subset<D>(std::move(dataset), std::move(indices));
}

/// Datasets of the same kind of sample, one behind the other.
template <Dataset A, Dataset B>
  requires std::same_as<sample_t<A>, sample_t<B>>
class ConcatDataset {
 public:
  ConcatDataset(A first, B second) : first_(std::move(first)), second_(std::move(second)) {}
  std::int64_t size() const { return first_.size() + second_.size(); }
  sample_t<A> get(std::int64_t index, Generator& generator) const {
    internal::check_index("ConcatDataset", index, size());
    return index < first_.size() ? data::get(first_, index, generator) : data::get(second_, index - first_.size(), generator);
  }

 private:
  A first_;
  B second_;
};
template <Dataset A, Dataset B>
auto concat(A first, B second) {
  return ConcatDataset<A, B>(std::move(first), std::move(second));
}
template <Dataset A, Dataset B, Dataset... More>
  requires(sizeof...(More) > 0)
auto concat(A first, B second, More... more) {
  return data::concat(data::concat(std::move(first), std::move(second)), std::move(more)...);
}

/// Splits a dataset at random into parts of the given sizes, or of the given fractions of 1 (what is left over goes to the
/// first parts, one each).
/// Throws: ValueError for a negative length, sizes that are not whole or do not add up to the dataset's.
template <Dataset D>
std::vector<Subset<D>> random_split(const D& dataset, const std::vector<double>& lengths, Generator& generator = default_generator()) {
  const std::int64_t n = dataset.size();
  std::vector<std::int64_t> sizes;
  double total = 0;
  for (const double l : lengths) {
    if (!(l >= 0)) detail::raise<ValueError>("random_split", "lengths must not be negative, but one is ", l);
    total += l;
  }
  if (total > 0.999999 && total < 1.000001 && !(lengths.size() == 1 && n == 1)) {
    std::int64_t used = 0;
    for (const double l : lengths) used += sizes.emplace_back(std::min(static_cast<std::int64_t>(l * static_cast<double>(n)), n - used));
    for (std::size_t i = 0; used < n; i = (i + 1) % sizes.size(), ++used) ++sizes[i];
  } else {
    for (const double l : lengths)
      if (l != std::floor(l))
        detail::raise<ValueError>("random_split", l, " is no number of samples: give whole numbers, or fractions that add up to 1, not to ", total);
    if (total != static_cast<double>(n))
      detail::raise<ValueError>("random_split", "the sizes add up to ", total, ", the dataset has ", n, " samples");
    for (const double l : lengths) sizes.push_back(static_cast<std::int64_t>(l));
  }
  const std::vector<std::int64_t> order = permutation(n, generator);
  std::vector<Subset<D>> out;
  auto at = order.begin();
  for (const std::int64_t size : sizes) {
    out.emplace_back(dataset, std::vector<std::int64_t>(at, at + size));
    at += size;
  }
  return out;
}

}  // namespace taper::inline TAPER_CODE::data
