// SPDX-License-Identifier: MIT
// Reading a file that may be compressed with gzip, where the program has the zlib component.
#pragma once

#include <taper/io/file.hpp>

#include <unistd.h>
#include <vector>

namespace taper::inline TAPER_CODE {

namespace detail {
/// Set by io/gzip.hpp where a program includes it.
inline std::vector<std::byte> (*gunzip_hook)(io::Bytes file, const std::string& name) = nullptr;
}  // namespace detail

namespace io {

/// A file's content, uncompressed; looks for path, then for path + ".gz".
/// Throws: IoError where neither exists, or where the file is compressed and the program lacks io/gzip.hpp.
TAPER_RARE inline std::vector<std::byte> read_file_or_gzip(const std::string& path) {
  const bool plain = ::access(path.c_str(), R_OK) == 0;
  const std::string compressed = path + ".gz";
  if (!plain && ::access(compressed.c_str(), R_OK) != 0)
    detail::raise<IoError>("read", "there is neither '", path, "' nor '", compressed, "'");
  std::vector<std::byte> bytes = read_file(plain ? path : compressed);
  if (bytes.size() < 2 || bytes[0] != std::byte{0x1f} || bytes[1] != std::byte{0x8b}) return bytes;
  if (!detail::gunzip_hook)
    detail::raise<IoError>("read", "'", plain ? path : compressed,
                           "' is compressed with gzip: include <taper/io/gzip.hpp> and link taper::zlib, or unpack it");
  return detail::gunzip_hook(bytes, plain ? path : compressed);
}

}  // namespace io
}  // namespace taper::inline TAPER_CODE
