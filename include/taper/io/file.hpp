// SPDX-License-Identifier: MIT
// Files as bytes: opening, whole reads, and errors that name the path and the system's reason.
#pragma once

#include <taper/config.hpp>
#include <taper/core/error.hpp>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace taper::inline TAPER_CODE {

namespace detail {

/// Throws IoError "[op] parts: the text of errno". The paths are plain POSIX here: <fstream> and <filesystem> cost more
/// compile time than all of io/, and neither says why a file could not be opened.
template <class... Parts>
[[noreturn, gnu::cold]] void raise_errno(std::string_view op, const Parts&... parts) {
  const char* reason = std::strerror(errno);
  const MessagePart list[] = {part_of(parts)..., part_of(": "), {reason, &append_literal}};
  raise_message<IoError>(op, list, sizeof...(parts) + 2);
}

/// Closes itself.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor() { close(); }

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  /// The result of ::close: a write error may be reported only here.
  int close() { return fd_ < 0 ? 0 : ::close(std::exchange(fd_, -1)); }

 private:
  int fd_ = -1;
};

TAPER_RARE inline FileDescriptor open_for_reading(std::string_view op, const std::string& path, struct ::stat& info) {
  if (path.find('\0') != path.npos) raise<IoError>(op, "the path '", path.c_str(), "' goes on behind a zero byte");
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open() || ::fstat(file.get(), &info) != 0) raise_errno(op, "cannot open '", path, "'");
  if (S_ISDIR(info.st_mode)) raise<IoError>(op, "'", path, "' is a directory; give the path of a file");
  return file;
}

}  // namespace detail

namespace io {

/// Bytes that somebody else owns.
using Bytes = std::span<const std::byte>;

inline std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
inline Bytes bytes_of(std::string_view text) { return {reinterpret_cast<const std::byte*>(text.data()), text.size()}; }

/// The whole content of a file or a pipe.
///
/// Throws: IoError with the path where it cannot be opened or read.
TAPER_RARE inline std::vector<std::byte> read_file(const std::string& path) {
  struct ::stat info;
  const auto file = taper::detail::open_for_reading("read_file", path, info);
  if (!S_ISREG(info.st_mode) && !S_ISFIFO(info.st_mode))
    taper::detail::raise<IoError>("read_file", "'", path,
                                  "' is a device or a socket and has no end; give a file or a pipe");
  std::vector<std::byte> out(S_ISREG(info.st_mode) ? static_cast<std::size_t>(info.st_size) : 0);
  std::size_t used = 0;
  std::byte more[4096];  // what a growing file or a pipe has beyond the size it stated
  for (;;) {
    const bool full = used == out.size();
    const auto count = ::read(file.get(), full ? more : out.data() + used, full ? sizeof more : out.size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) taper::detail::raise_errno("read_file", "cannot read '", path, "'");
    if (count == 0) break;
    if (full) out.insert(out.end(), more, more + count);
    used += static_cast<std::size_t>(count);
  }
  out.resize(used);
  return out;
}

}  // namespace io
}  // namespace taper::inline TAPER_CODE
