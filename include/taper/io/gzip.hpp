// SPDX-License-Identifier: MIT
// Reading gzip. A component of its own, outside taper.hpp: programs that include it link with zlib.
#pragma once

#if !__has_include(<zlib.h>)
#error "taper/io/gzip.hpp needs zlib: install it (Debian: zlib1g-dev) and link taper::zlib, or ZLIB::ZLIB"
#endif

#include <taper/io/compressed.hpp>
#include <taper/io/file.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

#include <zlib.h>

namespace taper::inline TAPER_CODE {

namespace detail {

struct Inflater {
  z_stream stream{};
  bool started = inflateInit2(&stream, 15 + 16) == Z_OK;  // 15: the largest window; 16: the gzip wrapper alone

  Inflater() = default;
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() {
    if (started) inflateEnd(&stream);
  }
};

}  // namespace detail

namespace io {

/// Whether the bytes begin like a gzip file.
inline bool is_gzip(Bytes bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
}

/// Unpacks gzip bytes: all members one after another, checksums checked, zero bytes behind the last one allowed.
///
/// Memory grows with what is really unpacked, not with the size the file claims; deflate makes at most 1032 bytes of
/// one. `limit` is the most that the caller is willing to hold.
///
/// Throws: IoError where the bytes are truncated, damaged or no gzip, or unpack to more than `limit`; MemoryError.
TAPER_RARE inline std::vector<std::byte> gunzip(Bytes packed, const std::string& name, std::size_t limit = SIZE_MAX) {
  using taper::detail::raise;
  if (!is_gzip(packed)) raise<IoError>("gunzip", "'", name, "' does not begin like a gzip file");
  taper::detail::Inflater inflater;
  if (!inflater.started) raise<MemoryError>("gunzip", "'", name, "': zlib cannot start");
  z_stream& stream = inflater.stream;
  std::vector<std::byte> out(std::clamp<std::size_t>(4 * packed.size(), 64, std::max<std::size_t>(limit, 64)));
  std::size_t used = 0;
  int state = Z_OK;
  constexpr std::size_t piece = std::size_t{1} << 30;  // zlib counts in 32 bits
  for (Bytes rest = packed;;) {
    if (state == Z_STREAM_END) {
      while (!rest.empty() && rest[0] == std::byte{0}) rest = rest.subspan(1);
      if (rest.empty()) break;
      if (!is_gzip(rest))
        raise<IoError>("gunzip", "'", name, "': no gzip member begins at byte ", packed.size() - rest.size(),
                       ", where one should");
      inflateReset(&stream);
    }
    if (used == out.size()) out.resize(out.size() + out.size() / 2);
    const std::size_t input = std::min(rest.size(), piece), space = std::min(out.size() - used, piece);
    stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(rest.data()));  // zlib only reads it
    stream.avail_in = static_cast<uInt>(input);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + used);
    stream.avail_out = static_cast<uInt>(space);
    state = inflate(&stream, Z_NO_FLUSH);
    const std::size_t eaten = input - stream.avail_in, made = space - stream.avail_out;
    rest = rest.subspan(eaten);
    used += made;
    if (used > limit) raise<IoError>("gunzip", "'", name, "' unpacks to more than the ", limit, " bytes allowed");
    if (state == Z_MEM_ERROR) raise<MemoryError>("gunzip", "'", name, "': zlib has no memory");
    if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR)
      raise<IoError>("gunzip", "'", name, "' is damaged near byte ", packed.size() - rest.size(), ": ",
                     stream.msg != nullptr ? stream.msg : "unknown fault");
    if (state != Z_STREAM_END && eaten == 0 && made == 0)
      raise<IoError>("gunzip", "'", name, "' ends after ", packed.size(), " bytes inside its data: it is truncated");
  }
  out.resize(used);
  return out;
}

/// The whole content of a file, unpacked where it is gzip.
TAPER_RARE inline std::vector<std::byte> read_maybe_gzip(const std::string& path) {
  std::vector<std::byte> content = read_file(path);
  return is_gzip(content) ? gunzip(content, path) : content;
}

}  // namespace io

namespace detail {
inline std::vector<std::byte> gunzip_for_hook(io::Bytes file, const std::string& name) { return io::gunzip(file, name); }
/// Readers of datasets find gzip through this, so that they do not depend on zlib.
inline const bool gunzip_registered = (gunzip_hook = &gunzip_for_hook, true);
}  // namespace detail

}  // namespace taper::inline TAPER_CODE
