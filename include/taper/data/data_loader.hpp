// SPDX-License-Identifier: MIT
// DataLoader: a range of batches, in a deterministic order, made ahead of time by worker threads.
#pragma once

#include <taper/data/collate.hpp>
#include <taper/data/dataset.hpp>
#include <taper/data/prefetcher.hpp>
#include <taper/data/sampler.hpp>

#include <iterator>
#include <memory>
#include <optional>
#include <vector>

namespace taper::inline TAPER_CODE::data {

/// What a DataLoader may be told; names and defaults are PyTorch's.
struct DataLoaderOptions {
  std::int64_t batch_size = 1;
  bool shuffle = false;
  int num_workers = 0;      // 0: batches are made in the loop itself
  bool drop_last = false;
  int prefetch_factor = 2;  // batches made ahead, per worker
  Generator* generator = nullptr;  // where the loader's seed is drawn; the default generator if null
};

/// Where a loader stands: enough to go on with the same batches.
struct DataLoaderState {
  std::uint64_t seed = 0;
  std::int64_t epoch = 0;  // epochs begun
  std::int64_t batch = 0;  // batches of the current epoch handed out; 0 between epochs
  bool resumes = false;    // it was loaded, and begin() will go on with its epoch
};

namespace internal {

/// The batch of some samples. A dataset that can make one itself does, unless the user collates in his own way.
template <Dataset D, class C>
auto make_batch(const D& dataset, const C& collate, const std::vector<std::int64_t>& indices, std::uint64_t seed, std::int64_t epoch) {
  if constexpr (requires { dataset.get_batch(std::span<const std::int64_t>(indices)); } && std::same_as<C, DefaultCollate>) {
    return dataset.get_batch(std::span<const std::int64_t>(indices));
  } else {
    std::conditional_t<std::same_as<C, DefaultCollate>, detail::PoolVector<sample_t<D>>, std::vector<sample_t<D>>> samples;
    samples.reserve(indices.size());
    for (const std::int64_t i : indices) {
      Generator generator(detail::mix_seed(seed, static_cast<std::uint64_t>(epoch), static_cast<std::uint64_t>(i)));
      samples.push_back(data::get(dataset, i, generator));
    }
    return collate(std::move(samples));
  }
}

/// Checks a loader's options and draws its seed.
inline std::uint64_t loader_seed(const DataLoaderOptions& options, bool own_sampler) {
  if (options.batch_size <= 0) detail::raise<ValueError>("DataLoader", "batch_size must be positive, not ", options.batch_size);
  if (options.num_workers < 0) detail::raise<ValueError>("DataLoader", "num_workers must not be negative, not ", options.num_workers);
  if (options.prefetch_factor <= 0) detail::raise<ValueError>("DataLoader", "prefetch_factor must be positive, not ", options.prefetch_factor);
  if (options.shuffle && own_sampler)
    detail::raise<ValueError>("DataLoader", "shuffle and a sampler exclude each other: the sampler decides the order");
  return (options.generator ? *options.generator : default_generator())();
}

}  // namespace internal

/// A range of batches over a dataset. Each begin() starts an epoch with its own order and random numbers: they follow from
/// (seed, epoch, index) and are the same for any number of workers. Errors in workers are thrown in the loop.
template <Dataset D, class S = DefaultSampler, class C = DefaultCollate>
class DataLoader {
 public:
  explicit DataLoader(D dataset, const DataLoaderOptions& options = {})
    requires std::same_as<S, DefaultSampler>
      : DataLoader(std::move(dataset), options, S{}, C{}) {
    sampler_ = {dataset_.size(), options.shuffle};
  }
  /// With a sampler (or a batch sampler, which decides the batches itself), and a collate function, of one's own.
  DataLoader(D dataset, const DataLoaderOptions& options, S sampler, C collate = {})
      : dataset_(std::move(dataset)), options_(options), sampler_(std::move(sampler)), collate_(std::move(collate)) {
    state_.seed = internal::loader_seed(options, !std::same_as<S, DefaultSampler>);
  }

 private:
  using Batches = std::vector<std::vector<std::int64_t>>;

 public:
  using batch_type = decltype(internal::make_batch(std::declval<const D&>(), std::declval<const C&>(), std::declval<const std::vector<std::int64_t>&>(), 0, 0));

 private:
  /// One epoch under way: its batches, and the workers that make them ahead.
  class Epoch {
   public:
    Epoch(const DataLoader& loader, Batches batches, std::int64_t first)
        : loader_(loader), batches_(std::move(batches)), seed_(loader.state_.seed), epoch_(loader.state_.epoch), next_(first) {
      const auto count = static_cast<std::int64_t>(batches_.size());
      const auto workers = std::min<std::int64_t>(loader.options_.num_workers, count - first);
      if (workers <= 0) return;
      slots_.resize(static_cast<std::size_t>(workers) * static_cast<std::size_t>(loader.options_.prefetch_factor));
      ahead_.emplace(*this, first, count, workers, slots_.size());
    }
    Epoch(const Epoch&) = delete;
    Epoch& operator=(const Epoch&) = delete;

    bool done() const { return next_ == static_cast<std::int64_t>(batches_.size()); }
    void take(std::optional<batch_type>& batch) {
      const std::int64_t k = next_++;
      if (!ahead_) return make(k, batch);
      ahead_->wait(k);
      batch.swap(slot(k));
      ahead_->release(k);
    }
    /// A worker's job.
    void operator()(std::int64_t k) { make(k, slot(k)); }

   private:
    std::optional<batch_type>& slot(std::int64_t k) { return slots_[static_cast<std::size_t>(k) % slots_.size()]; }
    void make(std::int64_t k, std::optional<batch_type>& batch) const {
      batch.emplace(internal::make_batch(loader_.dataset_, loader_.collate_, batches_[static_cast<std::size_t>(k)], seed_, epoch_));
    }

    const DataLoader& loader_;
    const Batches batches_;
    const std::uint64_t seed_;
    const std::int64_t epoch_;
    std::int64_t next_;
    detail::PoolVector<std::optional<batch_type>> slots_;
    std::optional<internal::Prefetcher> ahead_;  // the last member: it ends before what its jobs use
  };

 public:
  /// An input iterator that owns its epoch's workers: leaving the loop early ends them.
  class Iterator {
   public:
    using value_type = batch_type;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    Iterator() = default;
    Iterator(Iterator&&) noexcept = default;
    Iterator& operator=(Iterator&&) noexcept = default;

    const batch_type& operator*() const { return *batch_; }
    const batch_type* operator->() const { return &*batch_; }
    Iterator& operator++() {
      advance();
      return *this;
    }
    void operator++(int) { advance(); }
    friend bool operator==(const Iterator& i, std::default_sentinel_t) { return !i.batch_.has_value(); }

   private:
    friend class DataLoader;
    Iterator(DataLoader& loader, Batches batches, std::int64_t first)
        : loader_(&loader), epoch_(std::make_unique<Epoch>(loader, std::move(batches), first)) {
      advance();
    }
    void advance() {
      batch_.reset();  // its memory goes back before the next batch is made
      if (epoch_->done()) {
        loader_->state_.batch = 0;
        return;
      }
      ++loader_->state_.batch;  // also where it throws: the next step goes on behind it
      epoch_->take(batch_);
    }
    DataLoader* loader_ = nullptr;
    std::unique_ptr<Epoch> epoch_;
    std::optional<batch_type> batch_;
  };

  /// Begins an epoch, or goes on with the one that a loaded state is in the middle of.
  /// Throws: StateError where that state is behind the end of the epoch.
  TAPER_RARE Iterator begin() {
    const std::int64_t epoch = state_.resumes ? state_.epoch : state_.epoch + 1, first = state_.resumes ? state_.batch : 0;
    Generator order(detail::mix_seed(state_.seed, static_cast<std::uint64_t>(epoch), ~std::uint64_t{0}));
    Batches all = batches(order);
    if (first > static_cast<std::int64_t>(all.size()))
      detail::raise<StateError>("DataLoader", first, " batches of the epoch had been handed out when the state was taken, here it has ", all.size(),
                                ": load the state into a loader of the same dataset and batch_size");
    state_ = {.seed = state_.seed, .epoch = epoch, .batch = first};
    return Iterator(*this, std::move(all), first);
  }
  std::default_sentinel_t end() const { return {}; }

  /// Batches per epoch.
  std::int64_t size() const {
    if constexpr (BatchSamplerLike<S>) {
      Generator order(state_.seed);
      return static_cast<std::int64_t>(batches(order).size());
    } else {
      const std::int64_t n = sample_count();
      return options_.drop_last ? n / options_.batch_size : (n + options_.batch_size - 1) / options_.batch_size;
    }
  }

  /// Where the loader stands. Inside a loop it counts the batch in hand as handed out, and a batch that threw.
  DataLoaderState state() const { return state_; }
  /// The next begin() goes on where the state was taken: with the rest of that epoch. A loop that was left by `break` is not gone
  /// on with unless one asks for it: loader.load_state(loader.state()).
  void load_state(const DataLoaderState& state) {
    state_ = state;
    state_.resumes = state.batch > 0;
  }
  /// Undoes load_state: the loader stands as when state() was taken, in a loop or behind one.
  void put_back(const DataLoaderState& state) { state_ = state; }
  /// For ranges that read ahead: so many batches of this epoch have really been handed out.
  void count_as(std::int64_t batches) { state_.batch = batches; }
  const D& dataset() const { return dataset_; }
  const DataLoaderOptions& options() const { return options_; }

 private:
  std::int64_t sample_count() const {
    if constexpr (requires { sampler_.num_samples; sampler_.size; }) return sampler_.num_samples > 0 ? sampler_.num_samples : sampler_.size;
    else if constexpr (requires { sampler_.num_samples; }) return sampler_.num_samples;
    else if constexpr (std::same_as<S, DefaultSampler>) return sampler_.size;
    else if constexpr (requires { sampler_.indices; }) return static_cast<std::int64_t>(sampler_.indices.size());
    else {
      Generator order(state_.seed);
      return static_cast<std::int64_t>(sampler_(order).size());
    }
  }
  Batches batches(Generator& order) const {
    if constexpr (BatchSamplerLike<S>) return sampler_(order);
    else return internal::in_batches(sampler_(order), options_.batch_size, options_.drop_last);
  }

  D dataset_;
  DataLoaderOptions options_;
  S sampler_;
  C collate_;
  DataLoaderState state_;
};

template <Dataset D>
DataLoader(D, DataLoaderOptions) -> DataLoader<D>;
template <Dataset D>
DataLoader(D) -> DataLoader<D>;
template <Dataset D, class S>
DataLoader(D, DataLoaderOptions, S) -> DataLoader<D, S>;
template <Dataset D, class S, class C>
DataLoader(D, DataLoaderOptions, S, C) -> DataLoader<D, S, C>;

}  // namespace taper::inline TAPER_CODE::data
