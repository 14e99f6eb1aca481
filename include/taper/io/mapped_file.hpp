// SPDX-License-Identifier: MIT
// A file mapped into memory, shared by whoever holds a copy of its handle.
#pragma once

#include <taper/io/file.hpp>

#include <atomic>
#include <cstdint>

#include <sys/mman.h>

namespace taper::inline TAPER_CODE::io {

/// A private mapping of a whole file: pages are read when they are first used, and writes into it stay in this process.
/// Copies of the handle share the mapping; the last one unmaps. Replacing the file with write_atomically leaves the
/// mapping as it was. (Cutting the file short in place, by another program, makes reads behind its new end a SIGBUS: no
/// mapping can be safe from that.)
///
/// Throws: IoError with the path where the file cannot be opened, is not a regular file, or cannot be mapped.
class MappedFile {
 public:
  MappedFile() = default;
  TAPER_RARE explicit MappedFile(const std::string& path) {
    struct ::stat info;
    const auto file = taper::detail::open_for_reading("MappedFile", path, info);
    if (!S_ISREG(info.st_mode))
      taper::detail::raise<IoError>("MappedFile", "'", path,
                                    "' is not a regular file and cannot be mapped; read it instead");
    const auto size = static_cast<std::size_t>(info.st_size);
    void* data = nullptr;
    if (size > 0) {  // an empty mapping is an error to the system and no problem to us
      data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file.get(), 0);
      if (data == MAP_FAILED) taper::detail::raise_errno("MappedFile", "cannot map '", path, "'");
    }
    mapping_ = new Mapping{{1}, static_cast<std::byte*>(data), size, path};
  }
  MappedFile(const MappedFile& other) noexcept : mapping_(other.mapping_) {
    if (mapping_ != nullptr) mapping_->refs.fetch_add(1, std::memory_order_relaxed);
  }
  MappedFile(MappedFile&& other) noexcept : mapping_(std::exchange(other.mapping_, nullptr)) {}
  // Not one function by value: clang forgets to destroy its parameter where a template assigns {}.
  MappedFile& operator=(const MappedFile& other) noexcept { return *this = MappedFile(other); }
  MappedFile& operator=(MappedFile&& other) noexcept {
    MappedFile taken(std::move(other));
    std::swap(mapping_, taken.mapping_);
    return *this;
  }
  ~MappedFile() {
    if (mapping_ == nullptr || mapping_->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (mapping_->data != nullptr) ::munmap(mapping_->data, mapping_->size);
    delete mapping_;
  }

  bool defined() const { return mapping_ != nullptr; }
  /// Aligned to a page. Writable: a changed page becomes this process's own.
  std::byte* data() const { return mapping_ != nullptr ? mapping_->data : nullptr; }
  std::size_t size() const { return mapping_ != nullptr ? mapping_->size : 0; }
  Bytes bytes() const { return {data(), size()}; }
  std::string path() const { return mapping_ != nullptr ? mapping_->path : std::string(); }

 private:
  struct Mapping {  // counted here: <memory> would cost half the compile time of core/ again
    std::atomic<std::int32_t> refs;
    std::byte* data;
    std::size_t size;
    std::string path;
  };

  Mapping* mapping_ = nullptr;
};

}  // namespace taper::inline TAPER_CODE::io
