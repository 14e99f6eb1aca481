// SPDX-License-Identifier: MIT
// A stand-in for libcudart: CUDA's runtime as far as its host half goes. Calls are checked and recorded, kernels do not run.
#include "tests/cuda/standin/kernel_parameters.hpp"
#include "tests/cuda/standin/recorder.hpp"

#include <cuda_runtime.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <set>

namespace {

using standin::Seen;

struct StreamState {
  int device = 0;
  unsigned long submitted = 0, completed = 0;
  bool busy = false;
  bool idle() const { return completed == submitted; }
  void submit() {
    ++submitted;
    if (!busy) completed = submitted;
  }
  void finish() { completed = submitted; }
};
struct EventState {
  int device = 0;
  StreamState* stream = nullptr;
  const void* handle = nullptr;
  unsigned long ticket = 0;
  bool reached() const { return !stream || stream->completed >= ticket; }
};
struct Allocation {
  std::size_t bytes;
  int device;
  std::byte* shadow;  // the same pages where they can be touched
};

thread_local int current = 0;
thread_local cudaError_t last_error = cudaSuccess;
struct Configuration {
  dim3 grid, block;
  std::size_t shared;
  cudaStream_t stream;
};
thread_local std::vector<Configuration> configurations;

class State final : public standin::Recorder {
 public:
  static State& get() {
    static State* const state = new State;
    return *state;
  }
  std::recursive_mutex lock;
  Seen all;
  int devices = 2;
  std::size_t total = std::size_t{1} << 30;
  std::map<int, std::size_t> used;
  std::map<std::byte*, Allocation> memory, freed;
  std::map<std::byte*, std::size_t> host;
  std::map<const void*, StreamState> streams;
  std::vector<const void*> gone;
  std::set<EventState*> events;
  std::map<const void*, std::string> kernels;  // by host stub
  standin::KernelParameters parameters;
  std::map<const void*, std::string> things;  // what they are
  bool blanks = false;
  bool (*holds)(const void*, std::size_t) = nullptr;

  cudaError_t refused = cudaSuccess;  // what the next launch answers
  cudaError_t broken = cudaSuccess;   // the device, by a kernel's fault

  const Seen& seen() const override { return all; }
  void forget() override { all = Seen(); }
  standin::Live live() const override {
    standin::Live out{memory.size(), 0, host.size(), events.size(), things.size()};
    for (const auto& [at, a] : memory) out.bytes += a.bytes;
    return out;
  }
  void machine(int n, std::size_t bytes) override {
    devices = n;
    total = bytes;
  }
  void busy(const void* stream, bool on) override {
    StreamState* const s = find(static_cast<cudaStream_t>(const_cast<void*>(stream)));
    if (!s) return;
    s->busy = on;
    if (!on) s->finish();
  }

  void fail_launch(int status, bool fault) override {
    refused = static_cast<cudaError_t>(status);
    broken = fault ? refused : cudaSuccess;
  }

  void blank(bool on) override { blanks = on; }
  void allocator(bool (*f)(const void*, std::size_t)) override { holds = f; }
  bool submit(const std::string& call, const void* stream) override {
    const std::lock_guard guard(lock);
    StreamState* const s = usable(static_cast<cudaStream_t>(const_cast<void*>(stream)), call.c_str());
    if (s) record(*s, call, stream);
    return s;
  }
  std::byte* reach(const void* p, std::size_t bytes, const std::string& call) override {
    const std::lock_guard guard(lock);
    return shadow(p, bytes, call.c_str());
  }
  void made(const void* thing, const char* kind) override {
    const std::lock_guard guard(lock);
    things[thing] = kind;
  }
  bool lives(const void* thing, const char* kind, const std::string& call) override {
    const std::lock_guard guard(lock);
    const auto found = things.find(thing);
    if (found != things.end() && found->second == kind) return true;
    fault(call + ": no such " + kind);
    return false;
  }
  bool destroyed(const void* thing, const char* kind) override {
    const std::lock_guard guard(lock);
    return lives(thing, kind, "destroy") && things.erase(thing);
  }

  void note(const std::string& what, const void* stream = nullptr) { all.order.push_back({what, stream}); }
  void record(StreamState& s, const std::string& what, const void* stream) {
    s.submit();
    note(what, stream);
  }
  void waited() {
    ++all.synchronisations;
    note("wait");
  }
  void fault(const std::string& text) override {
    const std::lock_guard guard(lock);
    std::fprintf(stderr, "stand-in: %s\n", text.c_str());
    all.faults.push_back(text);
  }
  StreamState* find(cudaStream_t stream) {
    if (!stream || stream == cudaStreamLegacy || stream == cudaStreamPerThread) {
      // One default stream a device, by an address of its own.
      static std::byte defaults[64];
      StreamState& s = streams[&defaults[current]];
      s.device = current;
      return &s;
    }
    const auto found = streams.find(stream);
    return found == streams.end() ? nullptr : &found->second;
  }
  /// A stream that work of the current device may go into.
  StreamState* usable(cudaStream_t stream, const char* call) {
    StreamState* const s = find(stream);
    if (s && s->device == current) return s;
    fault(std::string(call) + (s ? ": the stream is another device's" : ": no such stream"));
    return nullptr;
  }
  static const Allocation* of(std::map<std::byte*, Allocation>& map, const void* p, std::size_t bytes, std::size_t& offset) {
    auto* const at = static_cast<std::byte*>(const_cast<void*>(p));
    auto next = map.upper_bound(at);
    if (next == map.begin()) return nullptr;
    --next;
    offset = static_cast<std::size_t>(at - next->first);
    return offset + bytes <= next->second.bytes ? &next->second : nullptr;
  }
  /// Device memory as the host may touch it; null, and a fault, where it is none.
  std::byte* shadow(const void* p, std::size_t bytes, const char* call) {
    std::size_t offset = 0;
    if (const Allocation* const a = of(memory, p, bytes, offset)) {
      if (!holds || holds(p, bytes)) return a->shadow + offset;
      fault(std::string(call) + ": device memory that the allocator has not given out, or has back");
      return nullptr;
    }
    fault(std::string(call) + (of(freed, p, bytes, offset) ? ": device memory that was freed" : ": not device memory, or more than there is"));
    return nullptr;
  }
  bool pinned(const void* p) {
    auto* const at = static_cast<std::byte*>(const_cast<void*>(p));
    auto next = host.upper_bound(at);
    if (next == host.begin()) return false;
    --next;
    return at < next->first + next->second;
  }
  /// What looks like a pointer in a kernel's arguments must lead to memory that is in use, or right behind it.
  void check_pointers(const std::string& kernel, void** arguments) {
    if (!holds || parameters.empty()) return;
    const std::vector<std::size_t>& sizes = parameters[kernel];
    if (sizes.empty()) fault("launch: nothing says how large the parameters are of " + kernel);
    for (std::size_t k = 0; k < sizes.size(); ++k)
      for (std::size_t i = 0; i + sizeof(void*) <= sizes[k]; i += sizeof(void*)) {
        const auto* const p = standin::read_as<const std::byte*>(static_cast<const std::byte*>(arguments[k]) + i);
        std::size_t offset = 0;
        if ((of(memory, p, 0, offset) || of(freed, p, 0, offset)) && !holds(p, 1) && !holds(p - 1, 1))
          fault("launch: parameter " + std::to_string(k) + " has at " + std::to_string(i) + " a pointer to memory that is not in use: " + kernel);
      }
  }
  cudaError_t launch(const std::string* kernel, dim3 grid, dim3 block, void** arguments, std::size_t shared, cudaStream_t stream) {
    if (!kernel) {
      fault("launch: no such kernel");
      return cudaErrorInvalidDeviceFunction;
    }
    StreamState* const s = usable(stream, "launch");
    if (!s) return cudaErrorInvalidResourceHandle;
    if (refused != cudaSuccess) return std::exchange(refused, cudaSuccess);
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535 || block.x * block.y * block.z == 0 ||
        block.x * block.y * block.z > 1024 || block.z > 64 || shared > 227 * 1024) {
      fault("launch: a grid or block that no device takes: " + *kernel);
      return cudaErrorInvalidConfiguration;
    }
    check_pointers(*kernel, arguments);
    record(*s, *kernel, stream);
    all.launches.push_back({*kernel, {grid.x, grid.y, grid.z}, {block.x, block.y, block.z}, shared, stream, current});
    return cudaSuccess;
  }
};

cudaError_t done(cudaError_t status) {
  if (status != cudaSuccess) last_error = status;
  return status;
}
/// Holds the lock during a call.
struct Call {
  State& s = State::get();
  std::lock_guard<std::recursive_mutex> guard{s.lock};
};

cudaError_t copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  Call c;
  StreamState* const s = c.s.usable(stream, "cudaMemcpy");
  if (!s) return done(cudaErrorInvalidResourceHandle);
  if (bytes == 0) return cudaSuccess;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const void* const source = from_device ? c.s.shadow(from, bytes, "cudaMemcpy from") : from;
  void* const target = to_device ? c.s.shadow(to, bytes, "cudaMemcpy to") : to;
  if (!source || !target) return done(cudaErrorInvalidValue);
  if (from_device && !to_device && c.s.blanks) std::memset(target, 0, bytes);
  else std::memmove(target, source, bytes);
  const char way = from_device ? (to_device ? 'B' : 'D') : (to_device ? 'U' : 'H');
  const bool pinned = c.s.pinned(to_device ? from : to);
  const char* const text = way == 'U' ? (pinned ? " bytes up" : " bytes up from pageable memory") : way == 'D' ? " bytes down" : " bytes";
  c.s.record(*s, "copy " + std::to_string(bytes) + text, stream);
  c.s.all.copies.push_back({to, from, bytes, way, pinned, stream});
  return cudaSuccess;
}

}  // namespace

extern "C" {

standin::Recorder* taper_standin_recorder() { return &State::get(); }

// Devices and errors.

cudaError_t cudaGetDeviceCount(int* count) {
  Call c;
  if (c.s.devices == 0) return done(cudaErrorNoDevice);
  *count = c.s.devices;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  Call c;
  if (c.s.devices == 0) return done(cudaErrorNoDevice);
  *device = current;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  Call c;
  if (device < 0 || device >= c.s.devices) return done(c.s.devices == 0 ? cudaErrorNoDevice : cudaErrorInvalidDevice);
  current = device;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  Call c;
  if (device < 0 || device >= c.s.devices) return done(cudaErrorInvalidDevice);
  *properties = cudaDeviceProp{};
  std::strcpy(properties->name, "stand-in");
  properties->totalGlobalMem = c.s.total;
  properties->major = 9;
  properties->multiProcessorCount = 8;
  properties->warpSize = 32;
  properties->maxThreadsPerBlock = 1024;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  switch (attribute) {
    case cudaDevAttrComputeCapabilityMajor: *value = 9; break;
    case cudaDevAttrComputeCapabilityMinor: *value = 0; break;
    case cudaDevAttrMultiProcessorCount: *value = 8; break;
    case cudaDevAttrWarpSize: *value = 32; break;
    case cudaDevAttrMaxThreadsPerBlock: *value = 1024; break;
    case cudaDevAttrMaxGridDimX: *value = 0x7fffffff; break;
    case cudaDevAttrMaxSharedMemoryPerBlock: *value = 48 << 10; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = 227 << 10; break;
    default: *value = 0;
  }
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() {
  Call c;
  if (c.s.devices == 0) return done(cudaErrorNoDevice);
  c.s.waited();
  for (auto& [handle, s] : c.s.streams)
    if (s.device == current) s.finish();
  return cudaSuccess;
}
cudaError_t cudaGetLastError() { return std::exchange(last_error, State::get().broken); }
cudaError_t cudaPeekAtLastError() { return last_error; }
const char* cudaGetErrorName(cudaError_t status) {
  switch (status) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration: return "cudaErrorInvalidConfiguration";
    case cudaErrorNoDevice: return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorInvalidResourceHandle: return "cudaErrorInvalidResourceHandle";
    case cudaErrorNotReady: return "cudaErrorNotReady";
    default: return "cudaErrorOfTheStandIn";
  }
}
const char* cudaGetErrorString(cudaError_t status) {
  return status == cudaErrorNoDevice ? "no CUDA-capable device is detected" : cudaGetErrorName(status);
}

// Memory.

cudaError_t cudaMalloc(void** p, std::size_t bytes) {
  Call c;
  if (c.s.devices == 0) return done(cudaErrorNoDevice);
  ++c.s.all.mallocs;
  c.s.note("cudaMalloc");
  if (c.s.used[current] + bytes > c.s.total) return done(cudaErrorMemoryAllocation);
  const int file = memfd_create("device", 0);
  const std::size_t size = (bytes + 4095) / 4096 * 4096;
  if (file < 0 || ftruncate(file, static_cast<off_t>(size)) != 0) return done(cudaErrorMemoryAllocation);
  void* const at = mmap(nullptr, size, PROT_NONE, MAP_SHARED, file, 0);
  void* const shadow = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (at == MAP_FAILED || shadow == MAP_FAILED) return done(cudaErrorMemoryAllocation);
  c.s.used[current] += bytes;
  c.s.memory[static_cast<std::byte*>(at)] = {bytes, current, static_cast<std::byte*>(shadow)};
  *p = at;
  return cudaSuccess;
}
cudaError_t cudaFree(void* p) {
  if (!p) return cudaSuccess;
  Call c;
  const auto found = c.s.memory.find(static_cast<std::byte*>(p));
  if (found == c.s.memory.end()) {
    c.s.fault(c.s.freed.count(static_cast<std::byte*>(p)) ? "cudaFree: freed twice" : "cudaFree: not from cudaMalloc");
    return done(cudaErrorInvalidValue);
  }
  ++c.s.all.frees;
  c.s.note("cudaFree");
  c.s.used[found->second.device] -= found->second.bytes;
  munmap(found->second.shadow, (found->second.bytes + 4095) / 4096 * 4096);
  c.s.freed.insert(*found);  // its addresses are not used again
  c.s.memory.erase(found);
  return cudaSuccess;
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* p) {
  Call c;
  std::size_t offset = 0;
  const Allocation* const a = State::of(c.s.memory, p, 1, offset);
  *attributes = cudaPointerAttributes{};
  attributes->type = a ? cudaMemoryTypeDevice : cudaMemoryTypeUnregistered;
  attributes->device = a ? a->device : cudaInvalidDeviceId;
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  Call c;
  *total = c.s.total;
  *free = c.s.total - c.s.used[current];
  return cudaSuccess;
}
cudaError_t cudaMallocHost(void** p, std::size_t bytes) {
  Call c;
  if (c.s.devices == 0) return done(cudaErrorNoDevice);
  ++c.s.all.host_mallocs;
  c.s.note("cudaMallocHost");
  *p = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  c.s.host[static_cast<std::byte*>(*p)] = bytes;
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* p) {
  Call c;
  if (c.s.host.erase(static_cast<std::byte*>(p)) == 0) {
    c.s.fault("cudaFreeHost: not from cudaMallocHost");
    return done(cudaErrorInvalidValue);
  }
  ++c.s.all.host_frees;
  c.s.note("cudaFreeHost");
  std::free(p);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) { return copy(to, from, bytes, kind, stream); }
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  Call c;
  if (kind != cudaMemcpyDeviceToDevice) c.s.waited();
  return copy(to, from, bytes, kind, nullptr);
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  Call c;
  StreamState* const s = c.s.usable(stream, "cudaMemset");
  std::byte* const target = c.s.shadow(to, bytes, "cudaMemset");
  if (!s || !target) return done(cudaErrorInvalidValue);
  std::memset(target, value, bytes);
  c.s.record(*s, "set " + std::to_string(bytes) + " bytes", stream);
  return cudaSuccess;
}
cudaError_t cudaMemset(void* to, int value, std::size_t bytes) { return cudaMemsetAsync(to, value, bytes, nullptr); }

// Streams and events.

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned, int) {
  Call c;
  if (c.s.devices == 0) return done(cudaErrorNoDevice);
  *stream = reinterpret_cast<cudaStream_t>(new std::byte[16]);
  c.s.streams[*stream].device = current;
  ++c.s.all.streams;
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) { return cudaStreamCreateWithPriority(stream, flags, 0); }
cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithPriority(stream, 0, 0); }
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  Call c;
  if (c.s.streams.erase(stream) == 0) {
    c.s.fault("cudaStreamDestroy: no such stream");
    return done(cudaErrorInvalidResourceHandle);
  }
  c.s.gone.push_back(stream);  // its handle is not used again
  return cudaSuccess;
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  Call c;
  const StreamState* const s = c.s.find(stream);
  if (!s) {
    c.s.fault("cudaStreamQuery: no such stream");
    return done(cudaErrorInvalidResourceHandle);
  }
  return s->idle() ? cudaSuccess : done(cudaErrorNotReady);
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  Call c;
  StreamState* const s = c.s.find(stream);
  if (!s) {
    c.s.fault("cudaStreamSynchronize: no such stream");
    return done(cudaErrorInvalidResourceHandle);
  }
  c.s.waited();
  s->finish();
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  Call c;
  StreamState* const s = c.s.find(stream);
  const auto* const e = reinterpret_cast<const EventState*>(event);
  if (!s || !c.s.events.count(const_cast<EventState*>(e))) {
    c.s.fault("cudaStreamWaitEvent: no such stream or event");
    return done(cudaErrorInvalidResourceHandle);
  }
  c.s.all.waits.push_back({stream, e->handle});
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  Call c;
  auto* const e = new EventState{current};
  c.s.events.insert(e);
  ++c.s.all.events;
  *event = reinterpret_cast<cudaEvent_t>(e);
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  Call c;
  auto* const e = reinterpret_cast<EventState*>(event);
  if (c.s.events.erase(e) == 0) {
    c.s.fault("cudaEventDestroy: no such event");
    return done(cudaErrorInvalidResourceHandle);
  }
  delete e;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  Call c;
  auto* const e = reinterpret_cast<EventState*>(event);
  StreamState* const s = c.s.find(stream);
  if (!s || !c.s.events.count(e) || s->device != e->device) {
    c.s.fault("cudaEventRecord: no such stream or event, or of two devices");
    return done(cudaErrorInvalidResourceHandle);
  }
  s->submit();
  e->stream = s;
  e->handle = stream;
  e->ticket = s->submitted;
  return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  Call c;
  return reinterpret_cast<EventState*>(event)->reached() ? cudaSuccess : done(cudaErrorNotReady);
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  Call c;
  auto* const e = reinterpret_cast<EventState*>(event);
  c.s.waited();
  if (e->stream && e->stream->completed < e->ticket) e->stream->completed = e->ticket;
  return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* out, cudaEvent_t, cudaEvent_t) {
  *out = 1;
  return cudaSuccess;
}

// Kernels.

void** __cudaRegisterFatBinary(void* wrapper) {
  static void* handle = nullptr;
  Call c;
  standin::read_parameters(wrapper, c.s.parameters);
  return &handle;
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
char __cudaInitModule(void**) { return 1; }
void __cudaRegisterVar(void**, char*, char*, const char*, int, std::size_t, int, int) {}
void __cudaRegisterFunction(void**, const char* stub, char*, const char* name, int, uint3*, uint3*, dim3*, dim3*, int*) {
  Call c;
  c.s.kernels[stub] = name;
}
unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, std::size_t shared, CUstream_st* stream) {
  configurations.push_back({grid, block, shared, stream});
  return 0;
}
cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, std::size_t* shared, void* stream) {
  const Configuration c = configurations.back();
  configurations.pop_back();
  *grid = c.grid;
  *block = c.block;
  *shared = c.shared;
  *static_cast<cudaStream_t*>(stream) = c.stream;
  return cudaSuccess;
}
cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* stub) {
  Call c;
  const auto found = c.s.kernels.find(stub);
  if (found == c.s.kernels.end()) return done(cudaErrorInvalidDeviceFunction);
  *kernel = reinterpret_cast<cudaKernel_t>(&found->second);
  return cudaSuccess;
}
cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments, std::size_t shared, cudaStream_t stream) {
  Call c;
  return done(c.s.launch(reinterpret_cast<const std::string*>(kernel), grid, block, arguments, shared, stream));
}
cudaError_t cudaLaunchKernel(const void* stub, dim3 grid, dim3 block, void** arguments, std::size_t shared, cudaStream_t stream) {
  Call c;
  const auto found = c.s.kernels.find(stub);
  return done(c.s.launch(found == c.s.kernels.end() ? nullptr : &found->second, grid, block, arguments, shared, stream));
}
cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* stub, void** arguments) {
  return cudaLaunchKernel(stub, config->gridDim, config->blockDim, arguments, config->dynamicSmemBytes, config->stream);
}
cudaError_t cudaFuncGetName(const char** name, const void* stub) {
  Call c;
  const auto found = c.s.kernels.find(stub);
  if (found == c.s.kernels.end()) return done(cudaErrorInvalidDeviceFunction);
  *name = found->second.c_str();
  return cudaSuccess;
}
cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute, int) { return cudaSuccess; }
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void*) {
  *attributes = cudaFuncAttributes{};
  attributes->ptxVersion = attributes->binaryVersion = 90;
  attributes->maxThreadsPerBlock = 1024;
  return cudaSuccess;
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void*, int, std::size_t, unsigned) {
  *blocks = 2;
  return cudaSuccess;
}

}  // extern "C"

namespace {

/// Says at the program's end what it left behind.
struct AtExit {
  ~AtExit() {
    const standin::Live live = State::get().live();
    if (live.blocks > 0) std::fprintf(stderr, "stand-in: %zu blocks of device memory, %zu bytes, were not freed\n", live.blocks, live.bytes);
    if (live.things == 0) return;
    for (const auto& [at, kind] : State::get().things) std::fprintf(stderr, "stand-in: a %s was not destroyed\n", kind.c_str());
    std::fflush(nullptr);
    _exit(1);
  }
} at_exit;

}  // namespace
