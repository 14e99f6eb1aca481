// SPDX-License-Identifier: MIT
// Writing a file so that its readers see the old content or the new one, whole, whatever happens in between.
#pragma once

#include <taper/core/function_ref.hpp>
#include <taper/io/file.hpp>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace taper::inline TAPER_CODE {

namespace detail {

TAPER_RARE inline std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == path.npos ? "./" : path.substr(0, slash + 1);
}

/// A link's target, there or not, so that a save through a link writes the file and keeps the link.
TAPER_RARE inline std::string follow_links(std::string path) {
  for (int links = 0; links < 40; ++links) {  // as many as Linux follows
    if (char* real = ::realpath(path.c_str(), nullptr)) {
      path = real;
      std::free(real);
      return path;
    }
    char target[4096];
    const auto length = ::readlink(path.c_str(), target, sizeof target);
    if (length < 0) return path;
    path = (target[0] == '/' ? "" : directory_of(path)) + std::string(target, static_cast<std::size_t>(length));
  }
  return path;
}

inline std::atomic<std::uint64_t> temporary_files{0};

}  // namespace detail

namespace io {

/// A file being written. It grows under a name of its own beside the target; commit() brings it to the disk and renames
/// it into place. Without commit(), by an exception too, it vanishes and the target stays as it was.
///
/// Throws: IoError with the path and the system's reason.
class AtomicFile {
 public:
  TAPER_RARE explicit AtomicFile(const std::string& path) : path_(taper::detail::follow_links(path)) {
    if (path.find('\0') != path.npos) raise("the path '", path.c_str(), "' goes on behind a zero byte");
    struct ::stat target;
    if (::stat(path_.c_str(), &target) == 0) {
      if (S_ISDIR(target.st_mode)) raise("'", path_, "' is a directory; give the path of a file");
      // Renaming over /dev/null would replace the device itself.
      if (!S_ISREG(target.st_mode)) raise("'", path_, "' is a device or a pipe, which cannot be replaced by a file");
      if (::access(path_.c_str(), W_OK) != 0) raise_errno("cannot write '", path_, "'");
      mode_ = target.st_mode & 07777;
      keep_mode_ = true;
    } else if (errno == ELOOP) {
      raise_errno("cannot write '", path_, "'");
    }
    buffer_.reserve(buffer_size);
    open_temporary();
  }
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile() { discard(); }

  TAPER_RARE void write(Bytes bytes) {
    if (!file_.is_open()) raise("'", path_, "' is already in place; open a new AtomicFile to write it again");
    if (buffer_.size() + bytes.size() > buffer_size) {
      flush();
      if (bytes.size() >= buffer_size) return write_through(bytes);
    }
    buffer_.append(text_of(bytes));
  }
  void write(std::string_view text) { write(bytes_of(text)); }

  /// Puts what was written in the target's place.
  TAPER_RARE void commit() {
    if (!file_.is_open()) raise("'", path_, "' is already in place; commit() is called once");
    flush();
    if (keep_mode_ && ::fchmod(file_.get(), mode_) != 0) fail("set the mode of");
    if (::fsync(file_.get()) != 0) fail("sync");
    if (file_.close() != 0) fail("close");
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("rename its new content into");
    temporary_.clear();
    sync_directory();
  }

 private:
  static constexpr std::size_t buffer_size = std::size_t{1} << 16;

  template <class... Parts>
  [[noreturn]] static void raise(const Parts&... parts) {
    taper::detail::raise<IoError>("AtomicFile", parts...);
  }
  template <class... Parts>
  [[noreturn]] static void raise_errno(const Parts&... parts) {
    taper::detail::raise_errno("AtomicFile", parts...);
  }

  TAPER_RARE void open_temporary() {
    // A short name of its own, not the target's with something behind it: that could be longer than a name may be.
    const std::string stem = taper::detail::directory_of(path_) + ".taper-" + std::to_string(::getpid()) + "-";
    do {
      temporary_ = stem + std::to_string(taper::detail::temporary_files++) + ".tmp";
      file_ = taper::detail::FileDescriptor(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    } while (!file_.is_open() && (errno == EEXIST || errno == EINTR));
    if (!file_.is_open()) {
      temporary_.clear();
      raise_errno("cannot create a file beside '", path_, "'");
    }
  }

  void flush() {
    write_through(bytes_of(buffer_));
    buffer_.clear();
  }

  TAPER_RARE void write_through(Bytes bytes) {
    while (!bytes.empty()) {
      const auto count = ::write(file_.get(), bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail("write");
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

  /// A rename is on the disk when its directory is. A directory that cannot be read or synced is left to the system.
  TAPER_RARE void sync_directory() {
    taper::detail::FileDescriptor directory(
        ::open(taper::detail::directory_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory.is_open() && ::fsync(directory.get()) != 0 && errno == EIO)
      raise_errno("'", path_, "' is written, but its directory could not be synced");
  }

  [[noreturn]] TAPER_COLD void fail(std::string_view action) {
    const int reason = errno;
    discard();  // before the error: without exceptions nobody comes back
    errno = reason;
    raise_errno("cannot ", action, " '", path_, "'; it was left as it was");
  }

  void discard() {
    file_.close();
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    temporary_.clear();
  }

  std::string path_, temporary_, buffer_;
  taper::detail::FileDescriptor file_;
  ::mode_t mode_ = 0;
  bool keep_mode_ = false;
};

/// Replaces a file by what `writer(AtomicFile&)` writes, as a whole or not at all, also where the old one is mapped.
///
/// Throws: IoError with the path; what the writer throws. The target is then as it was before.
TAPER_RARE inline void write_atomically(const std::string& path, taper::detail::FunctionRef<void(AtomicFile&)> writer) {
  AtomicFile file(path);
  writer(file);
  file.commit();
}

/// Replaces a file by these bytes, as a whole or not at all.
TAPER_RARE inline void write_file(const std::string& path, Bytes bytes) {
  write_atomically(path, [&](AtomicFile& file) { file.write(bytes); });
}

}  // namespace io
}  // namespace taper::inline TAPER_CODE
