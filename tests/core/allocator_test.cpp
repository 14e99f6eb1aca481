// SPDX-License-Identifier: MIT
// The caching allocator: sizes, reuse, footprint, threads, limits, forks.
#include <taper/core/factory.hpp>

#include "tests/support/catch.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <initializer_list>
#include <string>
#include <thread>
#include <vector>

using namespace taper;
using detail::allocate;
using detail::allocate_object;
using detail::capacity;
using detail::deallocate;
using detail::deallocate_object;

namespace {

using Sizes = std::initializer_list<std::size_t>;

struct Block {
  unsigned char* p;
  std::size_t bytes;
  unsigned char mark;
};

// Marks the whole block, so that two blocks that overlap are found out.
Block make(std::size_t bytes, unsigned char mark) {
  auto* p = static_cast<unsigned char*>(allocate(bytes));
  std::memset(p, mark, bytes);
  return {p, bytes, mark};
}
bool intact(const Block& b) {
  for (std::size_t i = 0; i < b.bytes; ++i)
    if (b.p[i] != b.mark) return false;
  return true;
}

struct Random {
  std::uint64_t state;
  std::uint64_t operator()() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return state >> 33;
  }
};

std::int64_t system_allocations() { return allocator_stats().system_allocations; }

}  // namespace

TEST_CASE("a tensor of a power of two of bytes takes hardly more") {
  for (std::int64_t n = 1 << 13; n <= 1 << 20; n *= 2) {
    const std::int64_t before = allocator_stats().allocated_bytes;
    const Tensor<float> x = empty<float>({n});
    CHECK(allocator_stats().allocated_bytes - before <= 4 * n + 1024);
  }
}

TEST_CASE("every size gets the smallest class that holds it") {
  for (std::size_t bytes = 1; bytes < std::size_t{1} << 36; bytes += 1 + bytes / 7) {
    const unsigned c = detail::heap::size_class(bytes);
    REQUIRE(c < detail::heap::size_classes);
    REQUIRE(detail::heap::class_bytes(c) >= bytes);
    if (c > 0) REQUIRE(detail::heap::class_bytes(c - 1) < bytes);
    REQUIRE(detail::heap::class_bytes(c) % 64 == 0);
    REQUIRE((bytes <= 1024 || detail::heap::class_bytes(c) <= bytes + bytes / 4 + 1024));
    REQUIRE(capacity(bytes) >= bytes + 256);
  }
  REQUIRE(detail::heap::size_class(detail::heap::max_block_bytes) < detail::heap::size_classes);
}

TEST_CASE("blocks are aligned, distinct, and usable with their slack") {
  std::vector<Block> blocks;
  for (const std::size_t bytes :
       Sizes{0, 1, 16, 63, 64, 65, 700, 768, 769, 1024, 4096, 65536, 70000, 1 << 20, 5 << 20}) {
    for (int copy = 0; copy < 3; ++copy) blocks.push_back(make(bytes, static_cast<unsigned char>(blocks.size())));
    REQUIRE(reinterpret_cast<std::uintptr_t>(blocks.back().p) % 64 == 0);
#if !TAPER_ASAN
    std::memset(blocks.back().p + bytes, 0xee, capacity(bytes) - bytes);
#endif
  }
  for (const Block& b : blocks) {
    REQUIRE(intact(b));
    deallocate(b.p, b.bytes);
  }
}

TEST_CASE("large blocks begin at different lines of their pages") {
  constexpr std::size_t bytes = 3'300'000;  // a class that nothing else here uses
  constexpr std::size_t lines = 4096 / 64;
  std::vector<void*> blocks;
  std::array<int, lines> at{};
  for (std::size_t i = 0; i < lines; ++i) {
    blocks.push_back(allocate(bytes));
    ++at[reinterpret_cast<std::uintptr_t>(blocks.back()) % 4096 / 64];
  }
  CHECK(*std::max_element(at.begin(), at.end()) <= 2);  // 1 where the system's own begin at one
  for (void* p : blocks) deallocate(p, bytes);
  empty_cache();
}

TEST_CASE("a freed block is the next one of its class, without the system") {
  for (const std::size_t bytes : Sizes{8, 300, 5000, 100000, 10000000}) {
    void* first = allocate(bytes);
    deallocate(first, bytes);
    const std::int64_t before = system_allocations();
    void* second = allocate(bytes);
    REQUIRE(second == first);
    deallocate(second, bytes);
    REQUIRE(system_allocations() == before);
  }
}

TEST_CASE("a loop in its steady state asks the system for nothing") {
  Random random{1};
  std::vector<std::size_t> sizes;
  for (int i = 0; i < 200; ++i) sizes.push_back(std::size_t{1} << random() % 20);
  std::int64_t before = 0;
  for (int step = 0; step < 20; ++step) {
    if (step == 2) before = system_allocations();
    std::vector<void*> live;
    for (const std::size_t bytes : sizes) live.push_back(allocate(bytes));
    for (std::size_t i = 0; i < sizes.size(); ++i) deallocate(live[i], sizes[i]);
  }
  REQUIRE(system_allocations() == before);
}

TEST_CASE("statistics add up") {
  const AllocatorStats before = allocator_stats();
  void* small = allocate_object(200);
  void* large = allocate(1000000);
  const AllocatorStats during = allocator_stats();
  REQUIRE(during.allocations == before.allocations + 2);
  REQUIRE(during.allocated_bytes == before.allocated_bytes + 256 + static_cast<std::int64_t>(capacity(1000000)));
  REQUIRE(during.peak_bytes >= during.allocated_bytes);
  deallocate_object(small, 200);
  deallocate(large, 1000000);
  const AllocatorStats after = allocator_stats();
  REQUIRE(after.allocated_bytes == before.allocated_bytes);
  REQUIRE(after.cached_bytes >= static_cast<std::int64_t>(capacity(1000000)));
}

TEST_CASE("the peak can be measured anew") {
  constexpr std::size_t large = std::size_t{64} << 20;
  deallocate(allocate(large), large);
  empty_cache();
  const std::int64_t live = allocator_stats().allocated_bytes;
  REQUIRE(allocator_stats().peak_bytes >= live + static_cast<std::int64_t>(large));
  reset_peak_memory_stats();
  REQUIRE(allocator_stats().peak_bytes == live);
  deallocate(allocate(large / 4), large / 4);
  const std::int64_t peak = allocator_stats().peak_bytes - live;
  REQUIRE(peak >= static_cast<std::int64_t>(large / 4));
  REQUIRE(peak < static_cast<std::int64_t>(large / 2));
}

TEST_CASE("a million objects alive at once are kept and can be given back") {
  const std::int64_t count = TAPER_ASAN ? 20000 : 1000000;
  std::vector<void*> live(static_cast<std::size_t>(count));
  for (int round = 0; round < 2; ++round) {
    const std::int64_t before = system_allocations();
    for (void*& p : live) {
      p = allocate_object(160);
      std::memset(p, 1, 160);
    }
    if (round == 1) REQUIRE(system_allocations() == before);
    for (void* p : live) deallocate_object(p, 160);
  }
  REQUIRE(allocator_stats().cached_bytes >= count * 192);
  empty_cache();
  REQUIRE(allocator_stats().cached_bytes < 4 << 20);
}

TEST_CASE("the cache keeps to its limit and lets go of what was used longest ago") {
  empty_cache();
  set_cache_limit(40 << 20);
  std::vector<void*> old, fresh;
  for (int i = 0; i < 8; ++i) old.push_back(allocate(7 << 20));
  for (int i = 0; i < 8; ++i) fresh.push_back(allocate(3 << 20));
  for (void* p : old) deallocate(p, 7 << 20);
  for (void* p : fresh) deallocate(p, 3 << 20);
  REQUIRE(allocator_stats().cached_bytes <= 44 << 20);
  const std::int64_t before = system_allocations();
  for (void*& p : fresh) p = allocate(3 << 20);
  REQUIRE(system_allocations() == before);
  for (void* p : fresh) deallocate(p, 3 << 20);
  set_cache_limit(0);
  REQUIRE(allocator_stats().cached_bytes <= 8 << 20);
  set_cache_limit(std::size_t{1} << 30);
}

TEST_CASE("memory that the system refuses is an error that says so") {
  for (const std::size_t bytes : {std::size_t{1} << 46, std::size_t{1} << 62, ~std::size_t{0}}) {
    std::string text;
    try {
      allocate(bytes);
    } catch (const MemoryError& error) {
      text = error.what();
    }
    REQUIRE(text.find("[allocate] the system refuses ") == 0);
    REQUIRE_THROWS_AS(allocate_object(bytes), MemoryError);
  }
}

TEST_CASE("a producer and a consumer run at constant footprint") {
  constexpr int slots = 256;
  constexpr int count = 1000000;
  static std::atomic<Block*> ring[slots];
  std::int64_t early = 0;
  std::thread consumer([] {
    for (int i = 0; i < count; ++i) {
      Block* b;
      while (!(b = ring[i % slots].exchange(nullptr))) std::this_thread::yield();
      if (b->p[0] != b->mark) std::abort();
      deallocate(b->p, b->bytes);
      deallocate_object(b, sizeof *b);
    }
  });
  for (int i = 0; i < count; ++i) {
    auto* b = static_cast<Block*>(allocate_object(sizeof(Block)));
    const std::size_t bytes = i % 16 == 0 ? 20000 : 64;
    *b = {static_cast<unsigned char*>(allocate(bytes)), bytes, static_cast<unsigned char>(i)};
    b->p[0] = b->mark;
    while (ring[i % slots].load() != nullptr) std::this_thread::yield();
    ring[i % slots].store(b);
    if (i == count / 10) early = allocator_stats().system_allocations;
  }
  consumer.join();
  REQUIRE(system_allocations() <= early + 64);  // what the two can hold is bounded, and is not always reached early
}

TEST_CASE("threads that come and go leave their memory to the others") {
  const auto work = [] {
    std::vector<void*> live;
    for (int i = 0; i < 500; ++i) live.push_back(allocate(static_cast<std::size_t>(i) * 20));
    for (std::size_t i = 0; i < 500; ++i) deallocate(live[i], i * 20);
  };
  std::thread(work).join();
  const AllocatorStats before = allocator_stats();
  for (int i = 0; i < 200; ++i) std::thread(work).join();
  const AllocatorStats after = allocator_stats();
  REQUIRE(after.system_allocations == before.system_allocations);
  REQUIRE(after.allocated_bytes == before.allocated_bytes);
  REQUIRE(after.allocations == before.allocations + 200 * 500);
}

TEST_CASE("blocks of several threads never overlap, whoever frees them") {
  static std::atomic<Block*> exchange[64];
  static std::atomic<int> broken{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      Random random{t + 10};
      for (int i = 0; i < 30000; ++i) {
        auto* b = static_cast<Block*>(allocate_object(sizeof(Block)));
        const std::size_t bytes = random() % (i % 50 == 0 ? 100000 : 800);
        *b = make(bytes, static_cast<unsigned char>(random()));
        b = exchange[random() % 64].exchange(b);
        if (!b) continue;
        if (!intact(*b)) ++broken;
        deallocate(b->p, b->bytes);
        deallocate_object(b, sizeof *b);
      }
    });
  for (std::thread& t : threads) t.join();
  for (auto& slot : exchange)
    if (Block* b = slot.exchange(nullptr)) {
      if (!intact(*b)) ++broken;
      deallocate(b->p, b->bytes);
      deallocate_object(b, sizeof *b);
    }
  REQUIRE(broken == 0);
}

TEST_CASE("thread_local objects may allocate and free while their thread ends") {
  struct Late {
    void* p = nullptr;
    ~Late() {
      if (!p) return;
      deallocate(p, 500);
      deallocate(allocate(100), 100);
      deallocate(allocate(1 << 20), 1 << 20);
    }
  };
  const AllocatorStats before = allocator_stats();
  std::thread([] {
    static thread_local Late late;  // made before this thread's first request, so it goes after the thread's lists
    (void)&late;
    late.p = allocate(500);
  }).join();
  REQUIRE(allocator_stats().allocated_bytes == before.allocated_bytes);
}

TEST_CASE("a forked child can allocate whatever the other threads were doing") {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&stop] {
      while (!stop) {  // all of it through the central store
        void* p = allocate(200000);
        deallocate(p, 200000);
      }
    });
  int failures = 0;
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      for (const std::size_t bytes : Sizes{10, 3000, 200000}) {
        std::vector<Block> blocks;
        for (int k = 0; k < 300; ++k) blocks.push_back(make(bytes, static_cast<unsigned char>(k)));
        for (const Block& b : blocks) {
          if (!intact(b)) _exit(1);
          deallocate(b.p, b.bytes);
        }
      }
      _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) ++failures;
  }
  stop = true;
  for (std::thread& t : threads) t.join();
  REQUIRE(failures == 0);
}

#if TAPER_ASAN
TEST_CASE("address sanitizer sees what is free and what is slack") {
  for (const std::size_t bytes : Sizes{13, 700, 5000, 100000}) {
    auto* p = static_cast<char*>(allocate(bytes));
    REQUIRE(!__asan_address_is_poisoned(p));
    REQUIRE(!__asan_address_is_poisoned(p + bytes - 1));
    REQUIRE(__asan_address_is_poisoned(p + bytes));
    REQUIRE(__asan_address_is_poisoned(p + bytes + 255));
    deallocate(p, bytes);
    REQUIRE(__asan_address_is_poisoned(p));
    REQUIRE(__asan_address_is_poisoned(p + bytes - 1));
  }
}
#endif
