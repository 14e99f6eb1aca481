// SPDX-License-Identifier: MIT
// Allocator, pool and default generator serve objects made before main and destroyed after it.
#include <taper/core/allocator.hpp>
#include <taper/core/generator.hpp>
#include <taper/core/parallel.hpp>

#include <atomic>
#include <cstdio>
#include <cstring>

#include <unistd.h>

using namespace taper;

namespace {

void check(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "lifetime: %s\n", what);
  _exit(1);
}

void use_everything() {
  set_num_threads(3);
  std::atomic<std::int64_t> sum{0};
  parallel_for(100, 9, [&](std::int64_t begin, std::int64_t end) {
    void* p = detail::allocate(1000);
    std::memset(p, 1, 1000);
    sum += end - begin;
    detail::deallocate(p, 1000);
  });
  check(sum == 100, "a parallel loop lost a chunk");
  manual_seed(7);
  const std::uint64_t first = default_generator()();
  manual_seed(7);
  check(first == default_generator()(), "the default generator is not what it was seeded to");
}

struct Global {
  void* p;
  Global() : p(detail::allocate(5000)) { use_everything(); }
  ~Global() {
    use_everything();
    detail::deallocate(p, 5000);
    check(allocator_stats().allocated_bytes == 0, "memory is still counted as in use");
  }
};

struct PerThread {
  void* p = detail::allocate(300);
  ~PerThread() {
    use_everything();
    detail::deallocate(p, 300);
  }
};

Global global;
thread_local PerThread per_thread;

}  // namespace

int main() {
  use_everything();
  check(per_thread.p != nullptr, "no memory for a thread_local object");
  return 0;
}
