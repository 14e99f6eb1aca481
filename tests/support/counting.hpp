// SPDX-License-Identifier: MIT
// Counts what a program asks of the system's memory, per thread, by standing before the C library's functions. For one
// file of a program; it needs the GNU C library and goes without sanitizers, which stand there themselves.
#pragma once

#include <taper/config.hpp>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !TAPER_ASAN
#define COUNTS_ALLOCATIONS 1
#else
#define COUNTS_ALLOCATIONS 0
#endif
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef COUNTS_ALLOCATIONS
#define COUNTS_ALLOCATIONS 0
#endif
#endif

namespace counting {

// This thread's requests, and those of all threads. A request that one function passes on to another counts twice,
// which changes no comparison with zero.
inline constinit thread_local std::int64_t mine = 0;
inline constinit std::atomic<std::int64_t> all{0};

inline void count() noexcept {
  ++mine;
  all.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace counting

#if COUNTS_ALLOCATIONS
#include <new>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern "C" {
void* __libc_malloc(std::size_t) noexcept;
void* __libc_calloc(std::size_t, std::size_t) noexcept;
void* __libc_realloc(void*, std::size_t) noexcept;
void* __libc_memalign(std::size_t, std::size_t) noexcept;
void __libc_free(void*) noexcept;

void* malloc(std::size_t n) noexcept {
  counting::count();
  return __libc_malloc(n);
}
void* calloc(std::size_t n, std::size_t size) noexcept {
  counting::count();
  return __libc_calloc(n, size);
}
void* realloc(void* p, std::size_t n) noexcept {
  counting::count();
  return __libc_realloc(p, n);
}
void* aligned_alloc(std::size_t align, std::size_t n) noexcept {
  counting::count();
  return __libc_memalign(align, n);
}
void* memalign(std::size_t align, std::size_t n) noexcept {
  counting::count();
  return __libc_memalign(align, n);
}
int posix_memalign(void** out, std::size_t align, std::size_t n) noexcept {
  counting::count();
  void* p = __libc_memalign(align, n);
  if (!p) return ENOMEM;
  *out = p;
  return 0;
}
void free(void* p) noexcept { __libc_free(p); }
void* mmap(void* where, std::size_t n, int protection, int flags, int file, off_t offset) noexcept {
  counting::count();
  return reinterpret_cast<void*>(syscall(SYS_mmap, where, n, protection, flags, file, offset));
}
}

// The standard library's own operators call malloc, but from inside a shared library that may be bound elsewhere.
void* operator new(std::size_t n) {
  counting::count();
  void* p = __libc_malloc(n > 0 ? n : 1);
  if (!p) throw std::bad_alloc();
  return p;
}
void* operator new(std::size_t n, std::align_val_t align) {
  counting::count();
  void* p = __libc_memalign(static_cast<std::size_t>(align), n);
  if (!p) throw std::bad_alloc();
  return p;
}
void* operator new[](std::size_t n) { return operator new(n); }
void* operator new[](std::size_t n, std::align_val_t align) { return operator new(n, align); }
void operator delete(void* p) noexcept { __libc_free(p); }
void operator delete(void* p, std::size_t) noexcept { __libc_free(p); }
void operator delete(void* p, std::align_val_t) noexcept { __libc_free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { __libc_free(p); }
void operator delete[](void* p) noexcept { __libc_free(p); }
void operator delete[](void* p, std::size_t) noexcept { __libc_free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { __libc_free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { __libc_free(p); }
#endif
