// SPDX-License-Identifier: MIT
// The block of threads that System::for_each_block gives to a kernel: what its threads may do together.
#pragma once

#include <taper/config.hpp>

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace taper::inline TAPER_CODE::detail {

// A Block, the first argument of a kernel f(block, i) of for_each_block, which all its threads call for item i:
//
//   block.thread(), block.threads()
//       The caller's number and how many there are: 1, or a multiple of 32 up to 1024. A kernel is right for any.
//   block.sync()
//       A barrier: what a thread wrote to shared memory before it, all see after it. All threads call it.
//   auto a = block.template shared<Tag, T, N>()
//       N elements of T that the block's threads share, uninitialised. Calls with the same Tag (any type: one declared
//       in the kernel's struct will do), T and N name the same memory, others do not overlap. T is trivially copyable.
//       Call the result `auto`: it is a T* on devices, in tests a pointer that watches what is done with it. Read and
//       write by a[k] (`const T x = a[k]; a[k] = y; a[k] += y;`), shift by a + k; take no address and bind no
//       reference. Between two barriers no element is written by one thread and touched by another. A block is through
//       with one item before it begins the next: the end of f needs no barrier.
//   block.template reduce<R>(acc)
//       R::combine of all threads' R::Acc: the same bits at every thread, in an order set by threads() alone. Acc is
//       trivially copyable; combine is commutative. All threads call it, as often as they like, no barrier in between.
//   block.shuffle_down(x, delta)
//       x of the thread `delta` further on in the same 32 (a warp), the caller's own past the last. x is trivially
//       copyable, of any size. All threads of a warp call it, in blocks of 32 threads or more only (not on OneThread).
//
// A thread never leaves f before the others' last barrier: no return ahead of a sync, reduce or shuffle_down.

inline constexpr int warp_threads = 32, most_block_threads = 1024;

struct WarpResults;  // names block_reduce's shared memory

/// reduce of a block of several threads: in each warp by shuffles, then all warps' results at every thread.
template <class R, class Block>
TAPER_HD typename R::Acc block_reduce(const Block& block, typename R::Acc acc) {
  static_assert(std::is_trivially_copyable_v<typename R::Acc>, "accumulators of a block's reduction are plain data");
  for (int delta = warp_threads / 2; delta > 0; delta /= 2) R::combine(acc, block.shuffle_down(acc, delta));
  const auto warps = block.template shared<WarpResults, typename R::Acc, most_block_threads / warp_threads>();
  const std::int64_t thread = block.thread(), count = block.threads() / warp_threads;
  block.sync();  // the result before this one has been read
  if (thread % warp_threads == 0) warps[thread / warp_threads] = acc;
  block.sync();
  typename R::Acc out = warps[0];
  for (std::int64_t warp = 1; warp < count; ++warp) {
    const typename R::Acc other = warps[warp];
    R::combine(out, other);
  }
  return out;
}

/// A block of one thread, for systems whose threads share nothing.
struct OneThread {
  TAPER_HD std::int64_t thread() const { return 0; }
  TAPER_HD std::int64_t threads() const { return 1; }
  TAPER_HD void sync() const {}
  template <class Tag, class T, int N>
  TAPER_HD T* shared() const {
#if defined(__CUDA_ARCH__)
    return nullptr;
#else
    alignas(16) static thread_local unsigned char memory[N * sizeof(T)];
    return reinterpret_cast<T*>(memory);
#endif
  }
  template <class R>
  TAPER_HD typename R::Acc reduce(const typename R::Acc& acc) const {
    return acc;
  }
};

#if TAPER_NVCC
/// A block of CUDA's.
struct CudaBlock {
  static constexpr int size = 256;

  TAPER_INLINE TAPER_HD std::int64_t thread() const {
#if defined(__CUDA_ARCH__)
    return threadIdx.x;
#else
    return 0;
#endif
  }
  TAPER_INLINE TAPER_HD std::int64_t threads() const { return size; }
  TAPER_INLINE TAPER_HD void sync() const {
#if defined(__CUDA_ARCH__)
    __syncthreads();
#endif
  }
  template <class Tag, class T, int N>
  TAPER_INLINE TAPER_HD T* shared() const {
#if defined(__CUDA_ARCH__)
    __shared__ alignas(16) unsigned char memory[N * sizeof(T)];
    return reinterpret_cast<T*>(memory);
#else
    return nullptr;
#endif
  }
  template <class R>
  TAPER_INLINE TAPER_HD typename R::Acc reduce(const typename R::Acc& acc) const {
    return block_reduce<R>(*this, acc);
  }
  template <class T>
  TAPER_INLINE TAPER_HD T shuffle_down(const T& x, [[maybe_unused]] int delta) const {
    T out = x;
#if defined(__CUDA_ARCH__)
    unsigned word[(sizeof(T) + 3) / 4] = {};
    memcpy(word, &x, sizeof x);
    for (unsigned& w : word) w = __shfl_down_sync(~0u, w, static_cast<unsigned>(delta));
    memcpy(&out, word, sizeof out);
#endif
    return out;
  }
};
#endif

}  // namespace taper::inline TAPER_CODE::detail
