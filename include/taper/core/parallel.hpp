// SPDX-License-Identifier: MIT
// Parallel loops over one pool of threads that outlives everything; what a chunk covers never depends on the threads.
#pragma once

#include <taper/config.hpp>
#include <taper/core/cpu_count.hpp>
#include <taper/core/error.hpp>
#include <taper/core/keep_apart.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <type_traits>

#include <pthread.h>
#include <signal.h>

namespace taper::inline TAPER_ABI {

namespace base {

/// What a task takes along to the thread that runs it, such as the grad mode: opaque here.
struct TaskContext {
  std::uint32_t flags = 0;
};
inline constinit thread_local TaskContext task_context{};

// Above zero where parallel loops run serially: in a loop's own chunks and in data workers.
inline constinit thread_local int serial_depth = 0;

/// While it lives, parallel loops of this thread run serially.
class SerialRegion {
 public:
  SerialRegion() noexcept { ++serial_depth; }
  ~SerialRegion() { --serial_depth; }
  SerialRegion(const SerialRegion&) = delete;
  SerialRegion& operator=(const SerialRegion&) = delete;
};

}  // namespace base

namespace base::threads {

using Body = void (*)(void* function, std::int64_t begin, std::int64_t end);

// One parallel loop, on its caller's stack.
struct Job {
  Body body;
  void (*run)(Job& job);  // the loop over chunks, from a unit that knows exceptions if the body may throw them
  void* function;
  std::int64_t n, grain, chunks;
  TaskContext context;
  alignas(64) std::atomic<std::int64_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr error;
};

// Takes chunks until none is left. The first exception is kept and leaves no chunk to the others. The argument tells
// units built with and without exceptions apart.
template <bool Exceptions = TAPER_EXCEPTIONS>
void run_chunks(Job& job) {
#if TAPER_EXCEPTIONS
  try {
#endif
    for (std::int64_t k; (k = job.next.fetch_add(1, std::memory_order_relaxed)) < job.chunks;) {
      const std::int64_t begin = k * job.grain;
      job.body(job.function, begin, job.n - begin < job.grain ? job.n : begin + job.grain);
    }
#if TAPER_EXCEPTIONS
  } catch (...) {
    job.next.store(job.chunks, std::memory_order_relaxed);
    if (!job.failed.exchange(true)) job.error = std::current_exception();
  }
#endif
}

inline constexpr int max_threads = 1024;
inline constexpr int spins = 1000;  // some tens of microseconds, about what waking a thread costs

// The gate says in one word whether a job is open, how many helpers it wants and how many are inside. A worker enters
// by one compare-exchange; the caller closes the gate when no chunk is left and waits for those inside only, so a
// worker that wakes up late costs nothing. All of it is initialised at compile time and never destroyed.
inline constexpr std::uint32_t gate_inside = 0x3ff, gate_helpers = 0x3ff << 10, gate_open = 1u << 20,
                               gate_epoch = 1u << 21;

struct Pool {
  alignas(64) std::atomic<std::uint32_t> gate{0};
  std::atomic<Job*> job{nullptr};
  alignas(64) std::atomic<std::uint32_t> wake{0};  // what sleeping workers wait on
  std::atomic<int> sleepers{0};
  alignas(64) std::atomic<bool> busy{false};
  std::atomic<int> threads{0};  // 0: not yet decided
  std::atomic<int> workers{0};
  KeepApart apart;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;  // for starting workers
  bool prepared = false;
};
inline constinit Pool pool;

inline void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

inline bool wants_helper(std::uint32_t gate, std::uint32_t last_epoch) noexcept {
  return (gate & gate_open) && gate / gate_epoch != last_epoch && (gate & gate_inside) < (gate & gate_helpers) >> 10;
}

inline void* worker_main(void*) {
  serial_depth = 1;
  KeepApart::Worker self;
  pool.apart.add(self);
  std::uint32_t last_epoch = ~0u;  // no epoch has 32 bits
  for (int spin = 0;;) {
    std::uint32_t gate = pool.gate.load();
    if (wants_helper(gate, last_epoch)) {
      if (!pool.gate.compare_exchange_weak(gate, gate + 1)) continue;
      last_epoch = gate / gate_epoch;
      Job& job = *pool.job.load();
      task_context = job.context;
      job.run(job);
      // The last to leave a closed job wakes the caller, should it sleep.
      gate = pool.gate.fetch_sub(1);
      if (!(gate & gate_open) && (gate & gate_inside) == 1) pool.gate.notify_one();
      spin = 0;
    } else if (spin < spins) {
      ++spin;
      pause();
    } else {
      const std::uint32_t seen = pool.wake.load();
      pool.sleepers.fetch_add(1);
      if (!wants_helper(pool.gate.load(), last_epoch)) pool.wake.wait(seen);
      pool.sleepers.fetch_sub(1);
      pool.apart.woken();
      spin = 0;
    }
  }
  return nullptr;
}

// The child of a fork has no workers; it starts its own when it needs them.
inline void restart_after_fork() noexcept {
  pool.gate = 0;
  pool.sleepers = 0;
  pool.workers = 0;
  pool.apart.forget_workers();
  pool.busy = false;
  pthread_mutex_unlock(&pool.mutex);
}

// Makes sure that as many workers exist, as far as the system allows. They are detached and take no signals.
TAPER_COLD inline void start_workers(int count) noexcept {
  pthread_mutex_lock(&pool.mutex);
  if (!pool.prepared) {
    pool.prepared = true;
    pthread_atfork([] { pthread_mutex_lock(&pool.mutex); }, [] { pthread_mutex_unlock(&pool.mutex); },
                   restart_after_fork);
  }
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  while (pool.workers < count) {
    pthread_t id;
    if (pthread_create(&id, &attributes, worker_main, nullptr) != 0) break;
    ++pool.workers;
  }
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_mutex_unlock(&pool.mutex);
}

TAPER_COLD inline int decide_threads() noexcept {
  const int count = cpu_count();
  int undecided = 0;
  pool.threads.compare_exchange_strong(undecided, count < max_threads ? count : max_threads);
  return pool.threads;
}

inline int thread_count() noexcept {
  const int n = pool.threads.load(std::memory_order_relaxed);
  return n > 0 ? n : decide_threads();
}

// Runs the job on the caller and on up to `helpers` workers. False, with nothing done, if another thread has the pool.
[[gnu::noinline]] inline bool run_job(Job& job, int helpers) {
  if (pool.busy.exchange(true, std::memory_order_acquire)) return false;
  if (pool.workers < helpers) start_workers(helpers);
  pool.apart.before_loop();
  pool.job.store(&job);
  const std::uint32_t epoch = (pool.gate.load() & ~(gate_epoch - 1)) + gate_epoch;
  pool.gate.store(epoch | gate_open | static_cast<std::uint32_t>(helpers) << 10);
  if (const int sleepers = pool.sleepers.load(); sleepers > 0) {
    pool.apart.waking();
    pool.wake.fetch_add(1);
    if (helpers >= sleepers) {
      pool.wake.notify_all();
    } else {
      for (int i = 0; i < helpers; ++i) pool.wake.notify_one();
    }
  }
  {
    const SerialRegion region;
    job.run(job);
  }
  std::uint32_t gate = pool.gate.fetch_and(~gate_open) & ~gate_open;
  for (int spin = 0; gate & gate_inside; gate = pool.gate.load()) {
    if (spin < spins) {
      ++spin;
      pause();
    } else {
      pool.gate.wait(gate);
    }
  }
  pool.busy.store(false, std::memory_order_release);
  if (job.error) std::rethrow_exception(job.error);
  return true;
}

// The loop that all bodies share: an instance of parallel_for holds its body's code once and nothing else.
template <bool Exceptions = TAPER_EXCEPTIONS>
void run_loop(std::int64_t n, std::int64_t grain, Body body, void* function) {
  if (n <= 0) return;
  if (grain < 1) grain = 1;
  if (n <= grain) return body(function, 0, n);
  const int threads = serial_depth > 0 ? 1 : thread_count();
  if (threads > 1) {
    Job job{};
    job.body = body;
    job.run = run_chunks<Exceptions>;
    job.function = function;
    job.n = n;
    job.grain = grain;
    job.chunks = (n - 1) / grain + 1;
    job.context = task_context;
    if (run_job(job, static_cast<int>(job.chunks < threads ? job.chunks : threads) - 1)) return;
  }
  for (std::int64_t begin = 0, end = 0; begin < n; begin = end) {
    end = n - begin < grain ? n : begin + grain;
    body(function, begin, end);
  }
}

}  // namespace base::threads

/// Threads that a parallel loop uses, its caller included: at first what the affinity mask and the control group allow.
inline int get_num_threads() { return base::threads::thread_count(); }

/// Sets how many threads parallel loops use, their caller included. Results do not depend on it.
/// Throws: ValueError if n is below 1.
inline void set_num_threads(int n) {
  if (n < 1) base::raise<ValueError>("set_num_threads", "n must be at least 1, got ", n);
  base::threads::pool.threads = n < base::threads::max_threads ? n : base::threads::max_threads;
}

/// Whether parallel loops run serially here, as inside another one and in a data worker.
inline bool in_parallel_region() noexcept { return base::serial_depth > 0; }

/// Calls f(begin, end) once for every chunk [k*grain, min(n, (k+1)*grain)), in any order and on any threads. The chunks
/// depend on n and grain only. The first exception keeps chunks that have not begun from running, and is rethrown here.
template <class F>
void parallel_for(std::int64_t n, std::int64_t grain, F&& f) {
  using Function = std::remove_reference_t<F>;
  base::threads::run_loop(
      n, grain,
      [](void* function, std::int64_t begin, std::int64_t end) { (*static_cast<Function*>(function))(begin, end); },
      const_cast<void*>(static_cast<const void*>(std::addressof(f))));
}

}  // namespace taper::inline TAPER_ABI
