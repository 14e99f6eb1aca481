// SPDX-License-Identifier: MIT
// The caching allocator of device memory: segments from cudaMalloc, cut into blocks that streams reuse in their own order.
#pragma once

#include <taper/backend/cuda/pinned.hpp>

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace taper::inline TAPER_ABI::cuda {

/// What the allocator of one device's memory has done so far.
struct MemoryStats {
  std::int64_t allocated_bytes = 0;     // in use, rounding included
  std::int64_t reserved_bytes = 0;      // taken from the device: in use or cached
  std::int64_t peak_bytes = 0;          // the largest allocated_bytes
  std::int64_t allocations = 0;         // requests served
  std::int64_t system_allocations = 0;  // calls of cudaMalloc
};

}  // namespace taper::inline TAPER_ABI::cuda

namespace taper::inline TAPER_ABI::base {

/// "1.5 GiB".
TAPER_COLD inline std::string bytes_text(std::size_t bytes) {
  static constexpr const char* units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  std::size_t tenths = bytes * 10;
  for (; tenths >= 10240 && unit < 4; tenths = (tenths + 512) / 1024) ++unit;
  return unit == 0 ? concat(bytes, " ", units[0]) : concat(tenths / 10, ".", tenths % 10, " ", units[unit]);
}

/// Memory of all devices. A request takes the best fitting free block of its own stream: what was queued in that stream before
/// is over when its work begins. Another stream gets a segment only when it is free throughout and its stream is idle.
/// A block that is freed while another stream than its own is current goes back to its own once an event of that one is over.
class DeviceMemory {
 public:
  static DeviceMemory& get() {
    static DeviceMemory* const memory = new DeviceMemory;  // outlives all statics
    return *memory;
  }

  void* allocate(std::size_t bytes) {
    if (bytes == 0) return nullptr;
    const int device = cuda::current_device();
    const cudaStream_t stream = current_handle(device);
    const std::lock_guard lock(lock_);
    Pool& pool = pool_of(device);
    if (bytes > max_bytes) out_of_memory(pool, bytes);
    const std::size_t wanted = (bytes + grain - 1) / grain * grain;
    Block* block = take_own(pool, stream, wanted);
    if (!block) block = take_idle(pool, stream, wanted);
    if (!block) block = take_new(pool, stream, wanted);
    if (!block && trim_device(pool)) block = take_own(pool, stream, wanted);
    if (!block) block = take_new(pool, stream, wanted);
    if (!block) out_of_memory(pool, bytes);
    split(pool, block, wanted);
    live_.emplace(block->data, block);
    ++pool.stats.allocations;
    pool.stats.allocated_bytes += static_cast<std::int64_t>(block->bytes);
    pool.stats.peak_bytes = std::max(pool.stats.peak_bytes, pool.stats.allocated_bytes);
    return block->data;
  }

  void deallocate(void* p) noexcept {
    if (!p) return;
    const std::lock_guard lock(lock_);
    const auto found = live_.find(p);
    if (found == live_.end()) return;
    Block* const block = found->second;
    live_.erase(found);
    Pool& pool = pool_of(block->device);
    pool.stats.allocated_bytes -= static_cast<std::int64_t>(block->bytes);
    if (const cudaStream_t current = current_handle(block->device); current != block->stream) block->after = mark(pool, current);
    insert(pool, join(pool, block));
  }

  /// Whether bytes lie in memory that is in use.
  bool contains(const void* p, std::size_t bytes) {
    const std::lock_guard lock(lock_);
    const auto* const at = static_cast<const char*>(p);
    return std::any_of(live_.begin(), live_.end(), [&](const auto& entry) {
      const Block& block = *entry.second;
      return at >= block.data && at + bytes <= block.data + block.bytes;
    });
  }

  cuda::MemoryStats stats(int device) {
    const std::lock_guard lock(lock_);
    return pool_of(device).stats;
  }
  void reset_peak(int device) {
    const std::lock_guard lock(lock_);
    cuda::MemoryStats& stats = pool_of(device).stats;
    stats.peak_bytes = stats.allocated_bytes;
  }
  void trim() {
    const std::lock_guard lock(lock_);
    for (const auto& pool : pools_) (void)trim_device(*pool);
  }

 private:
  // Requests up to small_most share segments of small_segment; then up to medium_most share those of medium_segment; larger
  // ones have segments of their own in steps of small_segment.
  static constexpr std::size_t grain = 512, small_most = std::size_t{1} << 20, small_segment = std::size_t{2} << 20;
  static constexpr std::size_t medium_most = std::size_t{8} << 20, medium_segment = std::size_t{16} << 20;
  static constexpr std::size_t max_bytes = std::size_t{1} << 47;

  struct Block {
    char* data;
    std::size_t bytes;
    cudaStream_t stream;
    int device;
    bool small;                   // cut from a segment for small requests
    cudaEvent_t after = nullptr;  // free only when this is over
    Block* before = nullptr;      // neighbours in its segment
    Block* behind = nullptr;
    bool free = false;

    bool whole() const { return !before && !behind; }
    auto key() const { return std::tuple(stream, small, bytes, data); }
  };
  struct Earlier {
    bool operator()(const Block* a, const Block* b) const { return a->key() < b->key(); }
  };
  struct Pool {
    int device;
    std::vector<Block*> free;  // in the order of keys: few enough that moving pointers beats a tree
    std::vector<cudaEvent_t> events;
    cuda::MemoryStats stats;
  };

  Pool& pool_of(int device) {
    for (const auto& pool : pools_)
      if (pool->device == device) return *pool;
    pools_.push_back(std::make_unique<Pool>(Pool{device, {}, {}, {}}));
    return *pools_.back();
  }

  static void insert(Pool& pool, Block* block) {
    block->free = true;
    pool.free.insert(std::lower_bound(pool.free.begin(), pool.free.end(), block, Earlier()), block);
  }
  static void remove(Pool& pool, Block* block) {
    block->free = false;
    pool.free.erase(std::lower_bound(pool.free.begin(), pool.free.end(), block, Earlier()));
  }

  /// The smallest free block of the stream that is large enough.
  Block* take_own(Pool& pool, cudaStream_t stream, std::size_t wanted) {
    Block probe{nullptr, wanted, stream, pool.device, wanted <= small_most};
    const auto found = std::lower_bound(pool.free.begin(), pool.free.end(), &probe, Earlier());
    if (found == pool.free.end() || (*found)->stream != stream || (*found)->small != probe.small) return nullptr;
    Block* const block = *found;
    if (block->after) {
      check_cuda("allocate", cudaStreamWaitEvent(stream, block->after, 0));
      pool.events.push_back(std::exchange(block->after, nullptr));
    }
    remove(pool, block);
    return block;
  }

  /// A whole segment of another stream that has nothing left to do.
  Block* take_idle(Pool& pool, cudaStream_t stream, std::size_t wanted) {
    cudaStream_t busy = stream;
    for (Block* const block : pool.free) {
      if (block->stream == busy || block->small != (wanted <= small_most) || block->bytes < wanted || !block->whole()) continue;
      if (!lasting(block->stream) || !cuda_ok(cudaStreamQuery(block->stream))) {
        busy = block->stream;
        continue;
      }
      if (!settled(pool, block)) continue;
      remove(pool, block);
      block->stream = stream;
      return block;
    }
    return nullptr;
  }

  /// A segment from the device; null when it has none.
  Block* take_new(Pool& pool, cudaStream_t stream, std::size_t wanted) {
    const bool small = wanted <= small_most;
    const std::size_t bytes = small ? small_segment
                              : wanted <= medium_most ? medium_segment
                                                      : (wanted + small_segment - 1) / small_segment * small_segment;
    void* data = nullptr;
    const cudaError_t status = cudaMalloc(&data, bytes);
    if (status == cudaErrorMemoryAllocation) {
      (void)cudaGetLastError();
      return nullptr;
    }
    check_cuda("allocate", status);
    ++pool.stats.system_allocations;
    pool.stats.reserved_bytes += static_cast<std::int64_t>(bytes);
    return new Block{static_cast<char*>(data), bytes, stream, pool.device, small};
  }

  /// What is behind the first `wanted` bytes becomes a free block, where it is worth one.
  static void split(Pool& pool, Block* block, std::size_t wanted) {
    const std::size_t rest = block->bytes - wanted;
    if (rest < (block->small ? grain : small_most)) return;
    auto* const behind = new Block{block->data + wanted, rest, block->stream, block->device, block->small};
    behind->before = block;
    behind->behind = block->behind;
    if (behind->behind) behind->behind->before = behind;
    block->behind = behind;
    block->bytes = wanted;
    insert(pool, behind);
  }

  /// The block and its free neighbours as one.
  static Block* join(Pool& pool, Block* block) noexcept {
    if (!settled(pool, block)) return block;
    for (Block* other = block->before; other && other->free && settled(pool, other); other = nullptr) {
      remove(pool, other);
      block = absorb(other, block);
    }
    for (Block* other = block->behind; other && other->free && settled(pool, other); other = nullptr) {
      remove(pool, other);
      block = absorb(block, other);
    }
    return block;
  }
  static Block* absorb(Block* first, Block* second) noexcept {
    first->bytes += second->bytes;
    first->behind = second->behind;
    if (first->behind) first->behind->before = first;
    delete second;
    return first;
  }

  /// Whether the block waits for no event any more.
  static bool settled(Pool& pool, Block* block) noexcept {
    if (!block->after) return true;
    if (!cuda_ok(cudaEventQuery(block->after))) return false;
    pool.events.push_back(std::exchange(block->after, nullptr));
    return true;
  }

  /// An event behind what is in the stream now; null where the runtime is gone already.
  static cudaEvent_t mark(Pool& pool, cudaStream_t stream) noexcept {
    int before = 0;
    if (!cuda_ok(cudaGetDevice(&before)) || !cuda_ok(cudaSetDevice(pool.device))) return nullptr;
    cudaEvent_t event = nullptr;
    if (!pool.events.empty()) {
      event = pool.events.back();
      pool.events.pop_back();
    } else if (!cuda_ok(cudaEventCreateWithFlags(&event, cudaEventDisableTiming))) {
      event = nullptr;
    }
    if (event && !cuda_ok(cudaEventRecord(event, stream))) {
      pool.events.push_back(event);
      event = nullptr;
    }
    (void)cuda_ok(cudaSetDevice(before));
    return event;
  }

  /// Whether the handle means the same stream for ever: not so for those of others, which may be gone.
  static bool lasting(cudaStream_t stream) { return stream == cudaStreamLegacy || OwnStreams::get().contains(stream); }

  /// Waits for the device; then gives back what is free. False where nothing was.
  bool trim_device(Pool& pool) {
    if (pool.free.empty()) return false;
    cuda::synchronize(pool.device);
    std::vector<Block*> firsts;  // of runs of free neighbours: no event holds them apart any more
    for (Block* const block : pool.free) {
      (void)settled(pool, block);
      if (!block->before || !block->before->free) firsts.push_back(block);
    }
    pool.free.clear();
    for (Block* const block : firsts) {
      while (block->behind && block->behind->free) absorb(block, block->behind);
      if (block->whole() && cuda_ok(cudaFree(block->data))) {
        pool.stats.reserved_bytes -= static_cast<std::int64_t>(block->bytes);
        delete block;
      } else {
        insert(pool, block);
      }
    }
    return true;
  }

  /// Who holds a device's memory: " in 5 blocks, the largest 40.0 MiB, 20.0 MiB and 10.0 MiB (2 other streams hold 30.0 MiB of it)".
  TAPER_COLD std::string holders(int device) const {
    constexpr std::size_t most = 3;
    const cudaStream_t current = current_handle(device);
    std::vector<const Block*> blocks;
    std::vector<cudaStream_t> others;
    std::size_t elsewhere = 0;
    for (const auto& [data, block] : live_) {
      if (block->device != device) continue;
      blocks.push_back(block);
      if (block->stream == current) continue;
      elsewhere += block->bytes;
      if (std::find(others.begin(), others.end(), block->stream) == others.end()) others.push_back(block->stream);
    }
    if (blocks.empty()) return {};
    std::sort(blocks.begin(), blocks.end(), [](const Block* a, const Block* b) { return a->bytes > b->bytes; });
    std::string out = concat(" in ", blocks.size(), blocks.size() == 1 ? " block" : " blocks, the largest ");
    for (std::size_t i = 0; i < blocks.size() && i < most && blocks.size() > 1; ++i)
      out += concat(i == 0 ? "" : i + 1 == std::min(blocks.size(), most) ? " and " : ", ", bytes_text(blocks[i]->bytes));
    if (!others.empty())
      out += concat(" (", others.size(), others.size() == 1 ? " other stream holds " : " other streams hold ", bytes_text(elsewhere), " of it)");
    return out;
  }

  [[noreturn]] TAPER_COLD void out_of_memory(const Pool& pool, std::size_t bytes) {
    std::size_t free = 0, total = 0, largest = 0;
    (void)cuda_ok(cudaMemGetInfo(&free, &total));
    for (const Block* const block : pool.free) largest = std::max(largest, block->bytes);
    const auto held = static_cast<std::size_t>(pool.stats.allocated_bytes), reserved = static_cast<std::size_t>(pool.stats.reserved_bytes);
    const std::size_t others = total > free + reserved ? total - free - reserved : 0;
    raise<MemoryError>("allocate", "device ", pool.device, " (", device_name(pool.device), ") has no ", bytes_text(bytes), " left: of its ",
                       bytes_text(total), ", ", bytes_text(free), " are free; tensors of this program hold ", bytes_text(held), holders(pool.device),
                       ", its cache ",
                       bytes_text(reserved - held), " in blocks of up to ", bytes_text(largest), ", others ", bytes_text(others),
                       "; use smaller tensors or batches");
  }

  std::mutex lock_;
  std::vector<std::unique_ptr<Pool>> pools_;
  std::unordered_map<void*, Block*> live_;
};

}  // namespace taper::inline TAPER_ABI::base

namespace taper::inline TAPER_ABI::cuda {

/// Counts of the memory of a device (-1: the current one), over all threads.
inline MemoryStats memory_stats(int device = -1) { return base::DeviceMemory::get().stats(device < 0 ? current_device() : device); }

/// From here on peak_bytes is the largest allocated_bytes since this call.
inline void reset_peak_memory_stats(int device = -1) { base::DeviceMemory::get().reset_peak(device < 0 ? current_device() : device); }

/// Waits for all devices that memory was taken from, and gives back what no tensor is in; page-locked memory of the host too.
inline void empty_cache() {
  base::DeviceMemory::get().trim();
  base::PinnedMemory::get().trim();
}

}  // namespace taper::inline TAPER_ABI::cuda
