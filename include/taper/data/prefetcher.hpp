// SPDX-License-Identifier: MIT
// Prefetcher: threads that do numbered jobs ahead of the one that takes them, in order. It knows nothing of what the jobs
// make, so that it is compiled once for all loaders.
#pragma once

#include <taper/autograd/grad_mode.hpp>
#include <taper/core/function_ref.hpp>
#include <taper/core/parallel.hpp>
#include <taper/core/pool_vector.hpp>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace taper::inline TAPER_CODE::data::internal {

/// Does jobs first, first + 1, ..., count - 1. Job k's result goes into slot k % slots, whose last result was taken before.
class Prefetcher {
 public:
  using Job = detail::FunctionRef<void(std::int64_t)>;

  /// `job` must outlive this object.
  Prefetcher(Job job, std::int64_t first, std::int64_t count, std::int64_t workers, std::size_t slots)
      : Prefetcher(job, first, count, slots) {  // from here on the destructor runs, also where a thread cannot be had
    for (std::int64_t i = 0; i < workers; ++i) threads_.emplace_back([this] { work(); });
  }
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;
  ~Prefetcher() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    room_.notify_all();
    for (std::thread& t : threads_) t.join();
  }

  /// Waits until job k is done; its result is the caller's until release(k). Throws what the job threw, and releases it then.
  void wait(std::int64_t k) {
    std::unique_lock lock(mutex_);
    Slot& slot = slot_of(k);
    ready_.wait(lock, [&] { return slot.done == k; });
#if TAPER_EXCEPTIONS
    if (const std::exception_ptr error = std::exchange(slot.error, nullptr)) {
      lock.unlock();
      release(k);
      std::rethrow_exception(error);
    }
#endif
  }
  void release(std::int64_t k) {
    {
      const std::lock_guard lock(mutex_);
      taken_ = k + 1;
    }
    room_.notify_all();
  }

 private:
  struct Slot {
    std::int64_t done = -1;
#if TAPER_EXCEPTIONS
    std::exception_ptr error;
#endif
  };
  Prefetcher(Job job, std::int64_t first, std::int64_t count, std::size_t slots)
      : job_(job), count_(count), next_(first), taken_(first), slots_(slots) {}

  Slot& slot_of(std::int64_t k) { return slots_[static_cast<std::size_t>(k) % slots_.size()]; }

  void work() {
    const detail::SerialRegion serial;  // workers share the cores with the training loop: no regions inside them
    const NoGrad guard;
    std::unique_lock lock(mutex_);
    while (!stop_ && next_ < count_) {
      const std::int64_t k = next_++;
      room_.wait(lock, [&] { return stop_ || k < taken_ + static_cast<std::int64_t>(slots_.size()); });
      if (stop_) return;
      lock.unlock();
#if TAPER_EXCEPTIONS
      std::exception_ptr error;
      try {
        job_(k);
      } catch (...) {
        error = std::current_exception();
      }
      lock.lock();
      slot_of(k).error = std::move(error);
#else
      job_(k);
      lock.lock();
#endif
      slot_of(k).done = k;
      ready_.notify_one();
    }
  }

  const Job job_;
  const std::int64_t count_;
  std::int64_t next_;   // the next job to begin
  std::int64_t taken_;  // jobs below this one have left their slots
  bool stop_ = false;
  std::mutex mutex_;
  std::condition_variable ready_, room_;
  detail::PoolVector<Slot> slots_;
  std::vector<std::thread> threads_;
};

}  // namespace taper::inline TAPER_CODE::data::internal
