// SPDX-License-Identifier: MIT
// A function with a stack of its own that can be left in the middle and entered again. For x86-64; address and thread
// sanitizer are told of every change of stacks.
#pragma once

#include <taper/config.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

#if !defined(__x86_64__)
#error "fibers are written for x86-64"
#endif

#if defined(__SANITIZE_THREAD__)
#define TAPER_FIBER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TAPER_FIBER_TSAN 1
#endif
#endif
#if TAPER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(TAPER_FIBER_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace simt {

/// Leaves the stack of the caller, kept in *from with the registers that a function must keep, for another one.
/// Source: System V ABI, AMD64 supplement, figure 3.4.
[[gnu::naked, gnu::noinline]] inline void switch_stacks(void** /*from*/, void* /*to*/) {
  asm("pushq %rbp\n\tpushq %rbx\n\tpushq %r12\n\tpushq %r13\n\tpushq %r14\n\tpushq %r15\n\t"
      "movq %rsp, (%rdi)\n\tmovq %rsi, %rsp\n\t"
      "popq %r15\n\tpopq %r14\n\tpopq %r13\n\tpopq %r12\n\tpopq %rbx\n\tpopq %rbp\n\tret");
}

class Fiber {
 public:
  using Body = void (*)(void*);

  /// body(argument) begins at the first enter() and never returns: it leaves for good.
  Fiber(Body body, void* argument) : body_(body), argument_(argument) {
    memory_ = static_cast<std::byte*>(
        mmap(nullptr, size + fence(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (memory_ == MAP_FAILED || mprotect(memory_, fence(), PROT_NONE) != 0) throw std::bad_alloc();
    restart();
  }
  Fiber(const Fiber&) = delete;
  ~Fiber() {
    forget();
    munmap(memory_, size + fence());
  }

  /// Forgets where the body stood: it begins anew.
  void restart() {
    forget();
#if defined(TAPER_FIBER_TSAN)
    tsan_ = __tsan_create_fiber(0);
#endif
    void** top = reinterpret_cast<void**>(stack() + size);
    *--top = nullptr;  // start() has no caller, and its stack is aligned as after a call
    *--top = reinterpret_cast<void*>(&Fiber::start);
    for (int i = 0; i < 6; ++i) *--top = nullptr;
    inside_ = top;
  }

  /// From the outside: runs the body until it leaves.
  void enter() {
    entered = this;
#if TAPER_ASAN
    void* fake = nullptr;
    __sanitizer_start_switch_fiber(&fake, stack(), size);
#endif
#if defined(TAPER_FIBER_TSAN)
    tsan_outside_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(tsan_, 0);
#endif
    switch_stacks(&outside_, inside_);
#if TAPER_ASAN
    __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
  }
  /// From the body: back to who entered.
  void leave() {
#if TAPER_ASAN
    void* fake = nullptr;
    __sanitizer_start_switch_fiber(&fake, outside_stack_, outside_size_);
#endif
#if defined(TAPER_FIBER_TSAN)
    __tsan_switch_to_fiber(tsan_outside_, 0);
#endif
    switch_stacks(&inside_, outside_);
#if TAPER_ASAN
    __sanitizer_finish_switch_fiber(fake, &outside_stack_, &outside_size_);
#endif
  }

 private:
  static constexpr std::size_t size = 256 << 10;
  static inline thread_local Fiber* entered = nullptr;

  static std::size_t fence() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }
  std::byte* stack() const { return memory_ + fence(); }

  static void start() {
    Fiber& self = *entered;
#if TAPER_ASAN
    __sanitizer_finish_switch_fiber(nullptr, &self.outside_stack_, &self.outside_size_);
#endif
    self.body_(self.argument_);
    std::abort();
  }
  void forget() {
#if TAPER_ASAN
    ASAN_UNPOISON_MEMORY_REGION(stack(), size);
#endif
#if defined(TAPER_FIBER_TSAN)
    if (tsan_) __tsan_destroy_fiber(tsan_);
    tsan_ = nullptr;
#endif
  }

  Body body_;
  void* argument_;
  std::byte* memory_ = nullptr;
  void *inside_ = nullptr, *outside_ = nullptr;
#if TAPER_ASAN
  const void* outside_stack_ = nullptr;
  std::size_t outside_size_ = 0;
#endif
#if defined(TAPER_FIBER_TSAN)
  void *tsan_ = nullptr, *tsan_outside_ = nullptr;
#endif
};

}  // namespace simt
