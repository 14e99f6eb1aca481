// SPDX-License-Identifier: MIT
// What the stand-ins for CUDA's libraries have seen, and what they can be told: read by tests of the CUDA backend's host half. The
// one for the runtime keeps it; the others add to it.
#pragma once

#include <cstddef>
#include <dlfcn.h>
#include <string>
#include <vector>

namespace standin {

struct Launch {
  std::string kernel;  // mangled
  unsigned grid[3], block[3];
  std::size_t shared;
  const void* stream;
  int device;
};
struct Copy {
  void* to;
  const void* from;
  std::size_t bytes;
  char way;     // U up to the device, D down to the host, B between places of the device, H on the host
  bool pinned;  // the host's side is page-locked
  const void* stream;
};
struct Wait {
  const void* stream;  // this one waits
  const void* other;   // for this one
};
/// What a stream was given, the host waited for, or memory was asked for.
struct Event {
  std::string what;
  const void* stream;
};
/// Everything since the last forget().
struct Seen {
  std::vector<Event> order;  // kernels by their mangled names, calls of libraries, copies, waits of the host: one after another
  std::vector<Launch> launches;
  std::vector<Copy> copies;
  std::vector<Wait> waits;
  std::vector<std::string> faults;  // what a real device would crash or go wrong on
  int mallocs = 0, frees = 0, host_mallocs = 0, host_frees = 0;
  int streams = 0, events = 0;  // created
  int synchronisations = 0;     // the host waited, or would have
};
struct Live {
  std::size_t blocks = 0, bytes = 0, host_blocks = 0, events = 0;
  std::size_t things = 0;  // handles and descriptors of libraries
};

/// No kernel runs, copies run at once. Device memory faults when the host touches it, also after it was freed.
class Recorder {
 public:
  virtual const Seen& seen() const = 0;
  virtual void forget() = 0;
  virtual Live live() const = 0;
  /// A machine with so many devices of so much memory; at first 2 of 1 GiB.
  virtual void machine(int devices, std::size_t bytes) = 0;
  /// From here on work put into the stream is not done, until busy(stream, false) or the host waits for it.
  virtual void busy(const void* stream, bool on) = 0;
  /// The next launch fails with this status (a cudaError_t), as after a fault of an earlier kernel also all that asks for errors.
  virtual void fail_launch(int status, bool fault = false) = 0;
  /// From here on copies to the host bring zeros: what kernels would have written is not there.
  virtual void blank(bool on) = 0;
  /// Whether bytes lie in memory that the program's own allocator has given out: from here on kernels and calls may be given no
  /// other. For programs in which one thread uses the device.
  virtual void allocator(bool (*holds)(const void* p, std::size_t bytes)) = 0;

  // For the stand-ins of other libraries; `call` says who asks.
  virtual void fault(const std::string& text) = 0;
  /// Puts a call into a stream of the current device; false, and a fault, where it is none.
  virtual bool submit(const std::string& call, const void* stream) = 0;
  /// Device memory as the host may touch it; null, and a fault, where it is none.
  virtual std::byte* reach(const void* p, std::size_t bytes, const std::string& call) = 0;
  /// A handle or a descriptor: `kind` is made, lives (a fault if not), is destroyed. At the program's end none may live.
  virtual void made(const void* thing, const char* kind) = 0;
  virtual bool lives(const void* thing, const char* kind, const std::string& call) = 0;
  virtual bool destroyed(const void* thing, const char* kind) = 0;

 protected:
  ~Recorder() = default;
};

/// Null where the program runs on another library than the stand-in.
inline Recorder* recorder() {
  using Get = Recorder* (*)();
  static const Get get = reinterpret_cast<Get>(dlsym(RTLD_DEFAULT, "taper_standin_recorder"));
  return get ? get() : nullptr;
}

}  // namespace standin
