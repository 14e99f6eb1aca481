// SPDX-License-Identifier: MIT
// The host half of the CUDA backend on a stand-in for CUDA's runtime: devices, streams, events, memory, copies.
// Needs: cuda
#include "tests/cuda/standin/recorder.hpp"
#include "tests/support/catch.hpp"

#include <taper/backend/cuda/cuda.hpp>
#include <taper/core/factory.hpp>
#include <taper/core/from_blob.hpp>
#if __has_include(<dlpack/dlpack.h>)
#include <taper/interop/dlpack.hpp>
#endif
#include <taper/ops/eager.hpp>
#include <taper/ops/pin_memory.hpp>
#include <taper/ops/view.hpp>

#include <sys/wait.h>
#include <thread>

using namespace taper;

namespace {

constexpr std::size_t mib = std::size_t{1} << 20;

void* take(std::size_t bytes) { return Cuda::allocate(bytes); }
void give(void* p) { Cuda::deallocate(p, 0); }

/// Memory that a static takes before main; it takes and gives back some after it.
struct Static {
  void* p = take(100);
  const bool served = p != nullptr;
  ~Static() {
    give(p);
    give(take(5000));
  }
} before_main;

/// A fresh machine of two devices, and a look at what it saw.
struct Machine {
  standin::Recorder& r = *standin::recorder();
  explicit Machine(int devices = 2, std::size_t bytes = std::size_t{1} << 30) {
    give(std::exchange(before_main.p, nullptr));
    cuda::empty_cache();
    r.machine(devices, bytes);
    r.forget();
    REQUIRE(r.live().blocks == 0);
  }
  ~Machine() {
    CHECK(r.seen().faults.empty());
    r.machine(2, std::size_t{1} << 30);
    cuda::set_device(0);
    cuda::empty_cache();
    CHECK(r.live().blocks == 0);
    CHECK(r.live().host_blocks == 0);
  }
  int mallocs() const { return r.seen().mallocs; }
};

template <class E, class F>
std::string message(F f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  FAIL("nothing of that kind was thrown");
  return {};
}
bool says(const std::string& text, std::string_view part) {
  INFO(text);
  return text.find(part) != text.npos && text.find('\n') == text.npos;
}

}  // namespace

TEST_CASE("memory of statics") {
  CHECK(before_main.served);
}

TEST_CASE("devices") {
  const Machine m;
  CHECK(cuda::available());
  CHECK(cuda::device_count() == 2);
  CHECK(cuda::current_device() == 0);
  CHECK(cuda::device_name(1) == "stand-in");
  {
    const cuda::DeviceGuard guard(1);
    CHECK(cuda::current_device() == 1);
    CHECK_THROWS_AS(cuda::set_device(2), IndexError);
    CHECK(cuda::current_device() == 1);
  }
  CHECK(cuda::current_device() == 0);
  CHECK(says(message<IndexError>([] { cuda::set_device(5); }), "[set_device] there is no device 5: this program sees 2"));
  CHECK(says(message<IndexError>([] { cuda::set_device(-1); }), "there is no device -1"));
  CHECK(cudaPeekAtLastError() == cudaSuccess);
}

TEST_CASE("a machine without a device says so in one line") {
  const Machine m(0);
  CHECK_FALSE(cuda::available());
  CHECK(cuda::device_count() == 0);
  CHECK(cudaPeekAtLastError() == cudaSuccess);
  const std::string_view text = "there is no CUDA device: no CUDA-capable device is detected (cudaErrorNoDevice)";
  CHECK(says(message<DeviceError>([] { (void)empty<float, Cuda>({2, 3}); }), text));
  CHECK(says(message<DeviceError>([] { cuda::Stream s; }), text));
  CHECK(says(message<DeviceError>([] { cuda::set_device(0); }), text));
  CHECK(cudaPeekAtLastError() == cudaSuccess);
}

TEST_CASE("a block is its stream's again at once") {
  const Machine m;
  void* const a = take(1000);
  CHECK(m.mallocs() == 1);
  m.r.busy(nullptr, true);
  give(a);
  CHECK(take(900) == a);
  give(a);
  for (int i = 0; i < 100; ++i) {  // a steady state asks the device for nothing
    void* p[] = {take(64), take(4000), take(3 * mib), take(64)};
    for (void* q : p) give(q);
  }
  CHECK(m.mallocs() == 2);
  CHECK(m.r.seen().events == 0);
  CHECK(m.r.seen().synchronisations == 0);
  m.r.busy(nullptr, false);
  CHECK(take(0) == nullptr);
  give(nullptr);
}

TEST_CASE("blocks are cut and joined") {
  const Machine m;
  const cuda::MemoryStats before = cuda::memory_stats();
  void* const whole = take(40 * mib);
  give(whole);
  std::vector<void*> parts;
  for (int i = 0; i < 10; ++i) parts.push_back(take(4 * mib));
  CHECK(parts[0] == whole);
  CHECK(m.mallocs() == 1);
  CHECK(cuda::memory_stats().allocated_bytes - before.allocated_bytes == static_cast<std::int64_t>(40 * mib));
  for (int i : {3, 1, 2, 0, 9, 5, 7, 6, 8, 4}) give(parts[static_cast<std::size_t>(i)]);
  CHECK(take(40 * mib) == whole);
  give(whole);
  CHECK(m.mallocs() == 1);
  cuda::empty_cache();
  CHECK(m.r.live().blocks == 0);
  CHECK(cuda::memory_stats().reserved_bytes == before.reserved_bytes);
}

TEST_CASE("rounding wastes little") {
  const Machine m;
  std::vector<void*> all;
  std::size_t asked = 0;
  for (std::size_t bytes = 100 * 1000; bytes < 60 * mib; bytes = bytes * 5 / 4) {
    all.push_back(take(bytes));
    asked += bytes;
  }
  const cuda::MemoryStats stats = cuda::memory_stats();
  CHECK(static_cast<double>(stats.allocated_bytes) < 1.05 * static_cast<double>(asked));
  CHECK(static_cast<double>(stats.reserved_bytes) < 1.15 * static_cast<double>(asked));
  for (void* p : all) give(p);
}

TEST_CASE("another stream waits its turn") {
  const Machine m;
  const cuda::Stream side;
  void* const a = take(5 * mib);
  m.r.busy(nullptr, true);
  CudaSystem::copy(a, static_cast<char*>(a) + mib, mib);
  give(a);
  {
    const cuda::StreamGuard guard(side);
    void* const b = take(5 * mib);  // the default stream is not done with a
    CHECK(b != a);
    CHECK(m.mallocs() == 2);
    m.r.busy(nullptr, false);
    void* const c = take(5 * mib);  // but there is room behind b
    CHECK(m.mallocs() == 2);
    void* const d = take(7 * mib);
    CHECK(d == a);  // now it is
    CHECK(m.mallocs() == 2);
    for (void* p : {b, c, d}) give(p);
  }
  CHECK(m.r.seen().waits.empty());
}

TEST_CASE("a block freed under another stream's eyes waits for that stream") {
  const Machine m;
  const cuda::Stream side;
  m.r.busy(side.handle(), true);
  void* const a = take(5 * mib);
  {
    const cuda::StreamGuard guard(side);
    CudaSystem::copy(a, static_cast<char*>(a) + mib, mib);
    give(a);
  }
  CHECK(m.r.seen().waits.empty());
  CHECK(take(5 * mib) == a);
  REQUIRE(m.r.seen().waits.size() == 1);
  CHECK(m.r.seen().waits[0].stream == cudaStreamLegacy);
  CHECK(m.r.seen().waits[0].other == side.handle());
  CHECK(m.r.seen().synchronisations == 0);
  m.r.busy(side.handle(), false);
  give(a);
  CHECK(take(16 * mib) == a);  // joined with the rest
  CHECK(m.r.seen().waits.size() == 1);
  give(a);
}

TEST_CASE("nor does a third stream get it before") {
  const Machine m;
  const cuda::Stream side, third;
  void* const a = take(16 * mib);  // a segment of its own
  void* more[16];
  for (void*& p : more) p = take(100);
  m.r.busy(side.handle(), true);
  {
    const cuda::StreamGuard guard(side);
    const cuda::DeviceGuard elsewhere(1);  // the events belong to the blocks' device
    give(a);
    for (void* p : more) give(p);
  }
  const cuda::StreamGuard guard(third);
  void* const b = take(16 * mib);
  CHECK(b != a);
  m.r.busy(side.handle(), false);
  void* const c = take(16 * mib);
  CHECK(c == a);
  give(b);
  give(c);
}

TEST_CASE("a stream of others is never asked once it may be gone") {
  const Machine m;
  cudaStream_t theirs = nullptr;
  REQUIRE(cudaStreamCreate(&theirs) == cudaSuccess);
  void* kept = nullptr;
  {
    const cuda::StreamGuard guard(cuda::Stream::wrap(theirs));
    CHECK(cuda::current_stream().handle() == theirs);
    give(take(5 * mib));
    kept = take(100);
  }
  CHECK(cuda::current_stream() == cuda::default_stream());
  REQUIRE(cudaStreamDestroy(theirs) == cudaSuccess);
  give(kept);
  void* const a = take(5 * mib);
  give(a);
  cuda::empty_cache();
  CHECK(m.r.live().blocks == 0);
}

TEST_CASE("out of memory") {
  const Machine m(2, 100 * mib);
  SECTION("cached memory is given back first") {
    give(take(60 * mib));
    void* const p = take(80 * mib);
    give(p);
    CHECK(m.r.seen().frees == 1);
  }
  SECTION("parts that events held apart are joined") {
    const cuda::Stream side;
    void* const whole = take(96 * mib);
    give(whole);
    void *const a = take(50 * mib), *const b = take(46 * mib);
    m.r.busy(side.handle(), true);
    {
      const cuda::StreamGuard guard(side);
      give(a);
    }
    give(b);
    void* const c = take(90 * mib);
    CHECK(m.r.seen().synchronisations == 1);
    give(c);
    m.r.busy(side.handle(), false);
  }
  SECTION("then the error says who holds what") {
    void* const p = take(70 * mib);
    give(take(10 * mib));
    const std::string text = message<MemoryError>([] { (void)take(50 * mib); });
    CHECK(says(text, "[allocate] device 0 (stand-in) has no 50.0 MiB left: of its 100.0 MiB, 30.0 MiB are free; tensors of this program hold 70.0 MiB "
                     "in 1 block, its cache 0 bytes in blocks of up to 0 bytes, others 0 bytes; use smaller tensors or batches"));
    {
      const cuda::Stream side;
      const cuda::StreamGuard guard(side);
      void *const a = take(2000), *const b = take(20 * mib), *const c = take(100);
      CHECK(says(message<MemoryError>([] { (void)take(50 * mib); }),
                 "hold 90.0 MiB in 4 blocks, the largest 70.0 MiB, 20.0 MiB and 2.0 KiB (1 other stream holds 70.0 MiB of it), its cache 2.0 MiB"));
      for (void* q : {a, b, c}) give(q);
      cuda::empty_cache();
    }
    CHECK(cudaPeekAtLastError() == cudaSuccess);
    {
      const cuda::DeviceGuard other(1);  // whose memory is untouched
      give(take(90 * mib));
    }
    give(p);
    give(take(90 * mib));
  }
}

TEST_CASE("devices have memory of their own") {
  const Machine m;
  void* const a = take(100);
  {
    const cuda::DeviceGuard guard(1);
    void* const b = take(100);
    CHECK(m.mallocs() == 2);
    give(a);  // goes back to device 0
    void* const c = take(100);
    CHECK(c != a);
    give(b);
    give(c);
    CHECK(cuda::memory_stats().allocated_bytes == 0);
    CHECK(cuda::memory_stats().allocations >= 2);
  }
  CHECK(take(100) == a);
  const cuda::Stream side({.device = 1});
  {
    const cuda::StreamGuard guard(side);
    CHECK(cuda::current_device() == 1);
    CHECK(cuda::current_stream() == side);
    CHECK(cuda::current_stream(0) == cuda::default_stream(0));
    give(take(100));
    give(a);  // on its own device's current stream: no event
  }
  CHECK(m.r.seen().waits.empty());
  CHECK(cuda::current_device() == 0);
}

TEST_CASE("streams and events") {
  const Machine m;
  cudaStream_t handle = nullptr;
  {
    const cuda::Stream a, b, high({.priority = -1});
    CHECK_FALSE(a == b);
    handle = a.handle();
    m.r.busy(handle, true);
    cuda::Event event;
    CHECK(event.query());
    void* const p = take(100);
    {
      const cuda::StreamGuard guard(a);
      CudaSystem::copy(p, p, 100);
      event.record();
    }
    CHECK_FALSE(event.query());
    CHECK_FALSE(a.query());
    CHECK(b.query());
    event.wait(b);
    b.wait_stream(a);
    b.wait_stream(b);
    CHECK(m.r.seen().waits.size() == 2);
    event.synchronize();
    CHECK(event.query());
    a.synchronize();
    CHECK(a.query());
    m.r.busy(handle, false);
    give(p);
    cuda::Event begin({.enable_timing = true}), end({.enable_timing = true});
    CHECK_THROWS_AS(begin.elapsed_time(end), ValueError);
    begin.record();
    end.record();
    CHECK(begin.elapsed_time(end) > 0);
    CHECK_THROWS_AS(begin.elapsed_time(event), ValueError);
    CHECK_THROWS_AS(begin.record(cuda::Stream({.device = 1})), DeviceError);
    const cuda::Event moved = std::move(begin);
    CHECK(begin.handle() == nullptr);
  }
  const int made = m.r.seen().streams;
  const cuda::Stream again, another;
  CHECK(m.r.seen().streams == made);
  CHECK((again.handle() == handle || another.handle() == handle));
}

TEST_CASE("uploads are staged and wait for nothing") {
  const Machine m;
  std::vector<float> values(1000, 2.0f), back(1000);
  void *const a = take(4000), *const b = take(4000);
  m.r.busy(nullptr, true);
  CudaSystem::from_host(a, values.data(), 4000);
  values.assign(1000, 3.0f);
  CudaSystem::from_host(b, values.data(), 4000);
  CHECK(m.r.seen().synchronisations == 0);
  REQUIRE(m.r.seen().copies.size() == 2);
  CHECK(m.r.seen().copies[0].pinned);
  CHECK(m.r.seen().copies[0].from != m.r.seen().copies[1].from);  // the first copy may still be reading
  m.r.busy(nullptr, false);
  CudaSystem::from_host(b, values.data(), 4000);
  CHECK(m.r.seen().host_mallocs == 2);
  CudaSystem::to_host(back.data(), a, 4000);
  CHECK(back == std::vector<float>(1000, 2.0f));
  CudaSystem::copy(a, b, 4000);
  CudaSystem::to_host(back.data(), a, 4000);
  CHECK(back == values);
  CHECK(m.r.seen().synchronisations == 2);
  give(a);
  give(b);

  std::vector<char> large(9 * mib), large_back(large.size());  // in pieces
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 7 >> 10);
  void* const c = take(large.size());
  m.r.forget();
  CudaSystem::from_host(c, large.data(), large.size());
  CHECK(m.r.seen().synchronisations == 0);
  CHECK(m.r.seen().copies.size() == 3);
  CudaSystem::to_host(large_back.data(), c, large.size());
  CHECK(large_back == large);
  give(c);

  large.resize(65 * mib);  // too large for it
  void* const d = take(large.size());
  m.r.forget();
  CudaSystem::from_host(d, large.data(), large.size());
  CHECK(m.r.seen().synchronisations == 1);
  REQUIRE(m.r.seen().copies.size() == 1);
  CHECK_FALSE(m.r.seen().copies[0].pinned);
  give(d);
}

TEST_CASE("bytes of another device come through that one's stream") {
  const Machine m;
  std::vector<float> back(100);
  const cuda::Stream there({.device = 1});
  const cuda::StreamGuard guard(there);
  void* const p = take(400);
  {
    const cuda::DeviceGuard here(0);
    m.r.busy(there.handle(), true);
    CudaSystem::to_host(back.data(), p, 400);
    REQUIRE(m.r.seen().copies.size() == 1);
    CHECK(m.r.seen().copies[0].stream == there.handle());
    CHECK(cuda::current_device() == 0);
  }
  give(p);
}

TEST_CASE("page-locked tensors") {
  {
    const Machine m(0);
    CHECK_THROWS_AS(pin_memory(ones<float>({2, 3})), DeviceError);
  }
  const Machine m;
  const Tensor<float> plain = view(arange<float>(1000), {10, 100});
  Tensor<float> pinned = pin_memory(permute(plain, {1, 0}));
  CHECK(pinned.shape() == Shape{100, 10});
  CHECK(pinned.strides() == Strides{1, 100});
  CHECK(pinned[3][7].item() == 703);
  CHECK(is_pinned(pinned));
  CHECK(is_pinned(pinned[1]));
  CHECK_FALSE(is_pinned(plain));
  CHECK(pin_memory(pinned).data_ptr() == pinned.data_ptr());
  CHECK(pin_memory(zeros<float>({0, 3})).shape() == Shape{0, 3});

  void* const there = take(4000);
  const void* const source = pinned.data_ptr();
  m.r.forget();
  m.r.busy(nullptr, true);
  CudaSystem::from_host_later(there, source, 4000);
  REQUIRE(m.r.seen().copies.size() == 1);
  CHECK(m.r.seen().copies[0].from == source);
  CHECK(m.r.seen().synchronisations == 0);
  pinned = Tensor<float>();
  CHECK(pin_memory(plain).data_ptr() != source);  // the copy may still be reading
  m.r.busy(nullptr, false);
  const auto first = pin_memory(plain), second = pin_memory(plain);
  CHECK((first.data_ptr() == source || second.data_ptr() == source));
  CudaSystem::from_host_later(there, plain.data_ptr(), 4000);
  CHECK(m.r.seen().copies[1].from != plain.data_ptr());  // staged

  const std::size_t events = m.r.live().events;
  for (int i = 0; i < 100; ++i) CudaSystem::from_host_later(there, first.data_ptr(), 4000);
  CHECK(m.r.live().events <= events + 1);  // copies that are over leave none
  give(there);
}

TEST_CASE("a device's elements must be aligned as a whole, the host's as their parts") {
  const Machine m;
  alignas(16) float host[12] = {};
  auto* const half = reinterpret_cast<std::complex<float>*>(host + 1);
  CHECK(from_blob(half, {2}).data_ptr() == half);
  CHECK(says(message<ValueError>([&] { (void)from_blob<std::complex<float>, Cuda>(half, {2}); }), "[from_blob] the pointer is not aligned for complex64"));
  auto* const there = static_cast<float*>(take(100));
  CHECK(from_blob<std::complex<float>, Cuda>(reinterpret_cast<std::complex<float>*>(there + 2), {2}).numel() == 2);
  give(there);
}

TEST_CASE("a stream that is another one in each thread is refused") {
  const Machine m;
  CHECK(says(message<ValueError>([] { (void)cuda::Stream::wrap(cudaStreamPerThread); }), "[Stream::wrap] cudaStreamPerThread"));
}

#if __has_include(<dlpack/dlpack.h>)
TEST_CASE("DLPack says which GPU memory is on, and takes the current one's") {
  const Machine m;
  const cuda::DeviceGuard guard(1);
  {
    const auto x = empty<float, Cuda>({2, 3});
    DLManagedTensor* out = nullptr;
    {
      const cuda::DeviceGuard other(0);
      out = to_dlpack(x);
      CHECK(out->dl_tensor.device.device_type == kDLCUDA);
      CHECK(out->dl_tensor.device.device_id == 1);
      CHECK(out->dl_tensor.data == x.record().data);
      CHECK(says(message<DeviceError>([&] { (void)from_dlpack<float, Cuda>(out); }),
                 "[from_dlpack] the elements are on DLPack's device 2:1, not on cuda (2:0); make theirs the current one (set_device, DeviceGuard)"));
    }
    CHECK_THROWS_AS((from_dlpack<float>(out)), DeviceError);
    const auto back = from_dlpack<float, Cuda>(out);
    CHECK(back.data_ptr() == x.data_ptr());
    CHECK(back.shape() == Shape{2, 3});
    DLManagedTensor* const empty_one = to_dlpack(empty<float, Cuda>({0}));
    CHECK(empty_one->dl_tensor.device.device_id == 1);
    empty_one->deleter(empty_one);
  }
  CHECK(cuda::memory_stats().allocated_bytes == 0);
}
#endif

TEST_CASE("many threads") {
  const Machine m;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      const cuda::StreamGuard guard{cuda::Stream()};
      std::vector<void*> mine;
      std::uint32_t x = t + 1;
      for (int i = 0; i < 3000; ++i) {
        x = x * 1664525u + 1013904223u;
        if (mine.size() > 20 || (x >> 16 & 3) == 0) {
          if (mine.empty()) continue;
          std::swap(mine[(x >> 8) % mine.size()], mine.back());
          give(mine.back());
          mine.pop_back();
        } else {
          mine.push_back(take((x >> 4 & 0xfffff) + 1));
          CudaSystem::from_host(mine.back(), &x, 1);
        }
      }
      for (void* p : mine) give(p);
    });
  for (std::thread& t : threads) t.join();
  CHECK(cuda::memory_stats(0).allocated_bytes == 0);
}

TEST_CASE("the host cannot touch device memory") {
  const Machine m;
  const auto faults = [](void* p) {
    const pid_t child = fork();
    if (child == 0) {
      signal(SIGSEGV, [](int) { _exit(3); });
      *static_cast<volatile char*>(p) = 1;
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 3;
  };
  void* const p = take(100);
  CHECK(faults(p));
  give(p);
  cuda::empty_cache();
  CHECK(faults(p));
}
