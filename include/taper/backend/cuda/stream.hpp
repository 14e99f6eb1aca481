// SPDX-License-Identifier: MIT
// Streams: queues of work on one GPU. Each thread has a current one, which kernels, copies and memory go through.
#pragma once

#include <taper/backend/cuda/devices.hpp>

#include <memory>
#include <mutex>
#include <utility>

namespace taper::inline TAPER_ABI::base {

/// A stream of Taper's own. It is never destroyed: when its last user goes it waits for the next, so that memory that was
/// freed on it can always be told apart by its handle.
struct OwnStream {
  cudaStream_t handle;
  int device;
  int priority;
  OwnStream* next;
  bool idle = false;
};

class OwnStreams {
 public:
  static OwnStreams& get() {
    static OwnStreams* const streams = new OwnStreams;  // outlives all statics
    return *streams;
  }
  OwnStream* take(int device, int priority) {
    const std::lock_guard lock(lock_);
    for (OwnStream* s = first_; s; s = s->next)
      if (s->idle && s->device == device && s->priority == priority) {
        s->idle = false;
        return s;
      }
    const cuda::DeviceGuard guard(device);
    cudaStream_t handle = nullptr;
    check_cuda("Stream", cudaStreamCreateWithPriority(&handle, cudaStreamNonBlocking, priority));
    return first_ = new OwnStream{handle, device, priority, first_};
  }
  static void give(OwnStream* s) noexcept {
    const std::lock_guard lock(get().lock_);
    s->idle = true;
  }
  bool contains(cudaStream_t handle) {
    const std::lock_guard lock(lock_);
    for (const OwnStream* s = first_; s; s = s->next)
      if (s->handle == handle) return true;
    return false;
  }

 private:
  std::mutex lock_;
  OwnStream* first_ = nullptr;
};

}  // namespace taper::inline TAPER_ABI::base

namespace taper::inline TAPER_ABI::cuda {

class Event;
class StreamGuard;

/// What a new stream is made with.
struct StreamOptions {
  int priority = 0;  // lower numbers go first, where the device has priorities
  int device = -1;   // -1: the current one
};

/// A queue of work on one device: what is put into it runs in order, beside what is in others. Copies are the same stream.
class Stream {
 public:
  /// A stream of its own, which does not wait for the default stream. Streams are reused: it may have old work in it.
  explicit Stream(const StreamOptions& options = {}) : device_(options.device < 0 ? current_device() : options.device) {
    own_ = std::shared_ptr<base::OwnStream>(base::OwnStreams::get().take(device_, options.priority), &base::OwnStreams::give);
    handle_ = own_->handle;
  }
  /// A stream made elsewhere, which must live while it is used here, and is destroyed by its maker when its work is done.
  /// Throws: ValueError for cudaStreamPerThread, a name of another stream in each thread: memory goes by streams' names.
  static Stream wrap(cudaStream_t handle, int device = -1) {
    if (handle == cudaStreamPerThread)
      base::raise<ValueError>("Stream::wrap", "cudaStreamPerThread is another stream in each thread: use a Stream of each thread's own");
    return Stream(handle, device < 0 ? current_device() : device);
  }

  int device() const noexcept { return device_; }
  cudaStream_t handle() const noexcept { return handle_; }

  /// Whether all work in it is done.
  bool query() const {
    const cudaError_t status = cudaStreamQuery(handle_);
    if (status == cudaErrorNotReady) (void)cudaGetLastError();
    else base::check_cuda("Stream::query", status);
    return status == cudaSuccess;
  }
  /// Waits until all work in it is done.
  void synchronize() const { base::check_cuda("Stream::synchronize", cudaStreamSynchronize(handle_)); }
  /// What is put into it from here on waits for the event, for what is in the other stream now.
  void wait_event(const Event& event) const;
  void wait_stream(const Stream& other) const;
  /// An event behind what is in it now.
  Event record_event() const;

  friend bool operator==(const Stream& a, const Stream& b) noexcept { return a.handle_ == b.handle_ && a.device_ == b.device_; }

 private:
  Stream(cudaStream_t handle, int device) noexcept
      : device_(device), handle_(handle ? handle : cudaStreamLegacy) {}  // one name for one stream, under every nvcc flag

  int device_;
  cudaStream_t handle_;
  std::shared_ptr<base::OwnStream> own_;  // null where somebody else owns it
};

/// The stream of those who ask for none: CUDA's legacy default stream.
inline Stream default_stream(int device = -1) { return Stream::wrap(nullptr, device); }

}  // namespace taper::inline TAPER_ABI::cuda

namespace taper::inline TAPER_ABI::base {

inline constinit thread_local const cuda::StreamGuard* stream_guard = nullptr;  // the innermost

}  // namespace taper::inline TAPER_ABI::base

namespace taper::inline TAPER_ABI::cuda {

/// The calling thread works through this stream, on its device, until the guard goes. Guards end in the reverse order.
class StreamGuard {
 public:
  explicit StreamGuard(Stream stream) : device_(stream.device()), stream_(std::move(stream)), outer_(base::stream_guard) {
    base::stream_guard = this;
  }
  ~StreamGuard() { base::stream_guard = outer_; }
  StreamGuard(const StreamGuard&) = delete;
  StreamGuard& operator=(const StreamGuard&) = delete;

  const Stream& stream() const noexcept { return stream_; }
  /// The innermost guard over a stream of that device, or null.
  static const StreamGuard* find(int device) noexcept {
    const StreamGuard* g = base::stream_guard;
    while (g && g->stream_.device() != device) g = g->outer_;
    return g;
  }

 private:
  DeviceGuard device_;
  Stream stream_;
  const StreamGuard* outer_;
};

/// The stream that the calling thread's work on a device (-1: the current one) goes through.
inline Stream current_stream(int device = -1) {
  if (device < 0) device = current_device();
  const StreamGuard* const guard = StreamGuard::find(device);
  return guard ? guard->stream() : default_stream(device);
}

}  // namespace taper::inline TAPER_ABI::cuda

namespace taper::inline TAPER_ABI::base {

/// current_stream(device).handle(), cheaply.
inline cudaStream_t current_handle(int device) noexcept {
  const cuda::StreamGuard* const guard = cuda::StreamGuard::find(device);
  return guard ? guard->stream().handle() : cudaStreamLegacy;
}
inline cudaStream_t current_handle() { return stream_guard ? current_handle(cuda::current_device()) : cudaStreamLegacy; }

}  // namespace taper::inline TAPER_ABI::base
