// SPDX-License-Identifier: MIT
// Page-locked host memory, cached: copies between it and a device run beside the host.
#pragma once

#include <taper/backend/cuda/event.hpp>

#include <bit>
#include <cstring>
#include <map>
#include <vector>

namespace taper::inline TAPER_ABI::base {

/// Blocks of page-locked memory. One that a copy still reads or writes is not handed out again before that copy is over.
class PinnedMemory {
 public:
  static PinnedMemory& get() {
    static PinnedMemory* const memory = new PinnedMemory;  // outlives all statics
    return *memory;
  }

  void* allocate(std::size_t bytes) {
    const std::size_t step = std::bit_ceil(bytes < least ? least : bytes) / 8;  // an eighth is lost at most
    const std::size_t wanted = (bytes + step - 1) / step * step;
    const std::lock_guard lock(lock_);
    for (Block& block : blocks_of(wanted))
      if (!block.used && settled(block)) {
        block.used = true;
        return block.data;
      }
    void* data = nullptr;
    check_cuda("pin_memory", cudaMallocHost(&data, wanted));
    std::vector<Block>& same = blocks_of(wanted);
    same.push_back(Block{static_cast<std::byte*>(data), true, {}});
    sizes_.emplace(static_cast<std::byte*>(data), wanted);
    return data;
  }

  void deallocate(void* p) noexcept {
    const std::lock_guard lock(lock_);
    if (Block* const block = find(p)) block->used = false;
  }

  /// Whether p points into a block.
  bool contains(const void* p) {
    const std::lock_guard lock(lock_);
    return find(p) != nullptr;
  }

  /// The block that p points into is read or written by what is in the stream now.
  void record(const void* p, const cuda::Stream& stream) {
    const std::lock_guard lock(lock_);
    Block* const block = find(p);
    if (!block) return;
    (void)settled(*block);  // a tensor that is copied again and again keeps no event of copies that are over
    block->uses.push_back(stream.record_event());
  }

  /// Gives the system back what is not in use.
  void trim() {
    const std::lock_guard lock(lock_);
    for (auto& [bytes, blocks] : blocks_)
      std::erase_if(blocks, [this](Block& block) {
        if (block.used || !settled(block) || !cuda_ok(cudaFreeHost(block.data))) return false;
        sizes_.erase(block.data);
        return true;
      });
  }

 private:
  static constexpr std::size_t least = 4096;

  struct Block {
    std::byte* data;
    bool used;
    std::vector<cuda::Event> uses;
  };

  std::vector<Block>& blocks_of(std::size_t bytes) { return blocks_[bytes]; }
  Block* find(const void* p) noexcept {
    const auto* const at = static_cast<const std::byte*>(p);
    auto size = sizes_.upper_bound(const_cast<std::byte*>(at));
    if (size == sizes_.begin()) return nullptr;
    --size;
    if (at >= size->first + size->second) return nullptr;
    for (Block& block : blocks_of(size->second))
      if (block.data == size->first) return &block;
    return nullptr;
  }
  static bool settled(Block& block) {
    std::erase_if(block.uses, [](const cuda::Event& e) { return e.query(); });
    return block.uses.empty();
  }

  std::mutex lock_;
  std::map<std::size_t, std::vector<Block>> blocks_;  // by size
  std::map<std::byte*, std::size_t> sizes_;           // by address
};

/// Copies to the device behind what is in the current stream; the source may be changed at once.
inline void upload_staged(void* to, const void* from, std::size_t bytes) {
  PinnedMemory& pinned = PinnedMemory::get();
  void* const staged = pinned.allocate(bytes);
  std::memcpy(staged, from, bytes);
  const cudaError_t status = cudaMemcpyAsync(to, staged, bytes, cudaMemcpyHostToDevice, current_handle());
  if (status == cudaSuccess) pinned.record(staged, cuda::current_stream());
  pinned.deallocate(staged);
  check_cuda("to", status);
}

}  // namespace taper::inline TAPER_ABI::base
