// SPDX-License-Identifier: MIT
// Events: marks in streams that other streams and the host can wait for, and measure time between.
#pragma once

#include <taper/backend/cuda/stream.hpp>

namespace taper::inline TAPER_ABI::cuda {

/// What an event is made with.
struct EventOptions {
  bool enable_timing = false;  // for elapsed_time
};

/// A mark in a stream. Until it is recorded, it counts as reached.
class Event {
 public:
  explicit Event(const EventOptions& options = {}) noexcept : timing_(options.enable_timing) {}
  Event(Event&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)), timing_(other.timing_), device_(other.device_) {}
  Event& operator=(Event&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(timing_, other.timing_);
    std::swap(device_, other.device_);
    return *this;
  }
  ~Event() {
    if (handle_) (void)base::cuda_ok(cudaEventDestroy(handle_));
  }

  /// Marks the end of what is in the stream now. An event stays on the device where it was first recorded.
  void record(const Stream& stream = current_stream()) {
    const DeviceGuard guard(stream.device());
    if (!handle_) {
      base::check_cuda("Event", cudaEventCreateWithFlags(&handle_, timing_ ? cudaEventDefault : cudaEventDisableTiming));
      device_ = stream.device();
    }
    if (device_ != stream.device())
      base::raise<DeviceError>("Event::record", "this event belongs to device ", device_, ", the stream to device ", stream.device());
    base::check_cuda("Event::record", cudaEventRecord(handle_, stream.handle()));
  }
  /// What is put into the stream from here on waits for the mark.
  void wait(const Stream& stream = current_stream()) const { stream.wait_event(*this); }
  /// Whether the mark is reached.
  bool query() const {
    if (!handle_) return true;
    const cudaError_t status = cudaEventQuery(handle_);
    if (status == cudaErrorNotReady) (void)cudaGetLastError();
    else base::check_cuda("Event::query", status);
    return status == cudaSuccess;
  }
  /// Waits until the mark is reached.
  void synchronize() const {
    if (handle_) base::check_cuda("Event::synchronize", cudaEventSynchronize(handle_));
  }
  /// Milliseconds from this mark to a later one; both with enable_timing, and reached.
  double elapsed_time(const Event& end) const {
    if (!handle_ || !end.handle_) base::raise<ValueError>("Event::elapsed_time", "both events must have been recorded");
    if (!timing_ || !end.timing_) base::raise<ValueError>("Event::elapsed_time", "both events must be made with {.enable_timing = true}");
    float out = 0;
    base::check_cuda("Event::elapsed_time", cudaEventElapsedTime(&out, handle_, end.handle_));
    return out;
  }
  /// Null until recorded.
  cudaEvent_t handle() const noexcept { return handle_; }

 private:
  cudaEvent_t handle_ = nullptr;
  bool timing_;
  int device_ = -1;
};

inline void Stream::wait_event(const Event& event) const {
  if (event.handle()) base::check_cuda("Stream::wait_event", cudaStreamWaitEvent(handle_, event.handle(), 0));
}
inline Event Stream::record_event() const {
  Event out;
  out.record(*this);
  return out;
}
inline void Stream::wait_stream(const Stream& other) const {
  if (*this != other) wait_event(other.record_event());
}

}  // namespace taper::inline TAPER_ABI::cuda
