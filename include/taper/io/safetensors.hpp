// SPDX-License-Identifier: MIT
// The safetensors format, as descriptors and bytes: a length, a JSON header, and the tensors' data without holes.
#pragma once

#include <taper/io/array.hpp>
#include <taper/io/atomic_file.hpp>
#include <taper/io/json.hpp>

#include <span>
#include <utility>
#include <vector>

namespace taper::inline TAPER_CODE::io::safetensors {

/// Free-form text beside the tensors, in the file's order.
using Metadata = std::vector<std::pair<std::string, std::string>>;

/// One tensor of a file: its data are bytes [begin, end) of the file, dense and in row-major order.
struct Entry {
  std::string name;
  DType dtype = DType::float32;
  Shape shape;
  std::size_t begin = 0, end = 0;
};

/// What a file says about itself; the entries are in the order of their data.
struct Header {
  taper::detail::PoolVector<Entry> entries;
  Metadata metadata;

  /// The entry of that name, or null.
  const Entry* find(std::string_view name) const {
    for (const Entry& entry : entries)
      if (entry.name == name) return &entry;
    return nullptr;
  }
};

/// One tensor to be written.
struct Item {
  std::string name;
  DType dtype = DType::float32;
  Shape shape;
  Bytes data;
};

}  // namespace taper::inline TAPER_CODE::io::safetensors

namespace taper::inline TAPER_CODE::detail::safetensors {

inline constexpr std::string_view op = "safetensors";
inline constexpr std::uint64_t max_header = 100'000'000;  // the reference implementation's limit
inline constexpr std::string_view metadata_key = "__metadata__";

/// The format's names in the order of DType; it has none for complex128.
inline constexpr std::string_view dtype_names[] = {"BOOL", "U8",   "I8",  "I16", "I32", "I64",
                                                   "F16",  "BF16", "F32", "F64", "C64"};
/// The reference implementation's order of dtypes, by falling alignment when read backwards.
inline constexpr std::uint8_t dtype_order[] = {0, 1, 2, 3, 6, 10, 4, 5, 7, 9, 8};
inline constexpr std::string_view known_dtypes = "BOOL U8 I8 I16 I32 I64 F16 BF16 F32 F64 C64";

TAPER_RARE inline DType parse_dtype(const std::string& file, const std::string& tensor, const std::string& dtype) {
  for (int i = 0; i < static_cast<int>(std::size(dtype_names)); ++i)
    if (dtype == dtype_names[i]) return static_cast<DType>(i);
  raise<DTypeError>(op, "'", file, "': tensor '", tensor, "' has dtype '", dtype,
                    "', which Taper does not have; convert it to one of ", known_dtypes, " where the file was made");
}

TAPER_RARE inline io::safetensors::Entry parse_entry(io::json::Reader& json, const std::string& file, const std::string& name) {
  io::safetensors::Entry entry;
  entry.name = name;
  std::int64_t offsets[2];
  int offset_count = 0;
  bool has_dtype = false, has_shape = false;
  json.object([&](const std::string& key) {
    if (key == "dtype") {
      has_dtype = true;
      entry.dtype = parse_dtype(file, name, json.string());
    } else if (key == "shape") {
      has_shape = true;
      json.array([&] {
        const std::int64_t size = json.integer();
        if (size < 0) json.fail("tensor '", name, "' has the negative size ", size);
        if (entry.shape.size() == max_rank)
          raise<ShapeError>(op, "'", file, "': tensor '", name, "' has more than ", max_rank,
                            " dimensions, the most a Taper tensor can have; reshape it where the file was made");
        entry.shape.push_back(size);
      });
    } else if (key == "data_offsets") {
      json.array([&] {
        const std::int64_t offset = json.integer();
        if (offset < 0) json.fail("tensor '", name, "' has the negative offset ", offset);
        if (offset_count == 2) json.fail("tensor '", name, "' has more than two data_offsets");
        offsets[offset_count++] = offset;
      });
    } else {
      json.skip();
    }
  });
  if (!has_dtype || !has_shape || offset_count != 2)
    json.fail("tensor '", name, "' lacks its ", !has_dtype ? "dtype" : !has_shape ? "shape" : "two data_offsets");
  entry.begin = static_cast<std::size_t>(offsets[0]);
  entry.end = static_cast<std::size_t>(offsets[1]);
  return entry;
}

/// Checks that the tensors, sorted by offset, fill the data without holes or overlaps, and counts offsets from the
/// file's first byte from here on.
TAPER_RARE inline void place_entries(io::safetensors::Header& header, const std::string& file, std::size_t start,
                          std::size_t data) {
  std::size_t expected = 0;
  for (auto& entry : header.entries) {
    const auto fail = [&](const auto&... parts) {
      raise<IoError>(op, "'", file, "': tensor '", entry.name, "' ", parts...);
    };
    if (entry.end < entry.begin) fail("ends at offset ", entry.end, " before it begins at ", entry.begin);
    if (entry.end > data)
      fail("ends at offset ", entry.end, ", but the file has only ", data,
           " bytes of data: it is truncated or damaged");
    if (entry.begin != expected)
      fail("begins at offset ", entry.begin, ", but the one before ends at ", expected, ": the data ",
           entry.begin < expected ? "overlap" : "have a hole");
    std::uint64_t bytes = 0;
    if (!dense_bytes(entry.shape, entry.dtype, bytes))
      fail("has the shape ", entry.shape, ", more than can be counted");
    if (entry.end - entry.begin != bytes)
      fail("is ", name(entry.dtype), entry.shape, ", ", bytes, " bytes, but its data_offsets hold ",
           entry.end - entry.begin);
    expected = entry.end;
    entry.begin += start;
    entry.end += start;
  }
  if (expected != data)
    raise<IoError>(op, "'", file, "': the tensors end at offset ", expected, ", but the file has ", data,
                   " bytes of data: it is damaged");
}

TAPER_RARE inline void refuse_duplicates(const std::string& file, std::string_view what, const std::vector<std::string_view>& names) {
  if (const std::string_view* twice = find_duplicate(names))
    raise<ValueError>(op, "'", file, "': two ", what, " '", *twice, "'");
}

}  // namespace taper::inline TAPER_CODE::detail::safetensors

namespace taper::inline TAPER_CODE::io::safetensors {

/// Reads a file's header. Everything the format demands is checked, so that every entry can be used as it is.
///
/// Throws: IoError where the file is truncated, damaged or hostile; DTypeError and ShapeError, naming the tensor, where
/// the file is good but Taper has no such dtype or rank. Source: the format's description in its reference
/// implementation.
TAPER_RARE inline Header parse(Bytes file, const std::string& name) {
  namespace impl = taper::detail::safetensors;
  using taper::detail::raise;
  if (file.size() < 8)
    raise<IoError>(impl::op, "'", name, "' has ", file.size(), " bytes, too few for a safetensors file");
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), 8);
  if (length > impl::max_header)
    raise<IoError>(impl::op, "'", name, "': its header would be ", length, " bytes long, the most is ",
                   impl::max_header, ": this is no safetensors file, or it is damaged");
  if (length > file.size() - 8)
    raise<IoError>(impl::op, "'", name, "': its header is ", length, " bytes long, but only ", file.size() - 8,
                   " follow: the file is truncated or damaged");
  Header header;
  json::Reader json(text_of(file.subspan(8, static_cast<std::size_t>(length))), impl::op, name);
  json.object([&](const std::string& key) {
    if (key != impl::metadata_key) {
      header.entries.push_back(impl::parse_entry(json, name, key));
    } else if (json.peek() == json::Kind::null) {
      json.null();
    } else {
      json.object([&](const std::string& word) { header.metadata.emplace_back(word, json.string()); });
    }
  });
  json.finish();
  const taper::detail::PoolVector<Entry>& entries = header.entries;
  taper::detail::put_in_order(header.entries, taper::detail::sorted_order(entries.size(), [&](std::size_t a, std::size_t b) {
    return entries[a].begin != entries[b].begin ? entries[a].begin < entries[b].begin : entries[a].end < entries[b].end;
  }));
  const std::size_t start = 8 + static_cast<std::size_t>(length);
  impl::place_entries(header, name, start, file.size() - start);
  return header;
}

/// Writes a safetensors file atomically, byte for byte as the reference implementation does: by falling dtype
/// alignment, then by name, the header padded with spaces to a multiple of eight, so that every tensor is aligned in a
/// mapped file.
///
/// Throws, before anything is written: DTypeError for complex128, which the format does not have; ValueError for names
/// that appear twice, are reserved or are not UTF-8, and for data of another size than dtype and shape say. IoError.
TAPER_RARE inline void write(const std::string& path, std::span<const Item> items, const Metadata& metadata = {}) {
  namespace impl = taper::detail::safetensors;
  using taper::detail::raise;
  for (const Item& item : items) {
    if (item.dtype == DType::complex128)
      raise<DTypeError>(
          impl::op, "'", path, "': tensor '", item.name,
          "' is complex128, which safetensors does not have; cast it to complex64 or save view_as_real of it");
    std::uint64_t bytes = 0;
    if (!taper::detail::dense_bytes(item.shape, item.dtype, bytes) || bytes != item.data.size())
      raise<ValueError>(impl::op, "'", path, "': tensor '", item.name, "' is ", taper::name(item.dtype), item.shape,
                        " and comes with ", item.data.size(), " bytes of data");
    if (item.name == impl::metadata_key)
      raise<ValueError>(impl::op, "'", path, "': no tensor can be called '", item.name,
                        "', a name the format keeps to itself");
  }
  const auto order = taper::detail::sorted_order(items.size(), [&](std::size_t a, std::size_t b) {
    const int x = impl::dtype_order[static_cast<int>(items[a].dtype)], y = impl::dtype_order[static_cast<int>(items[b].dtype)];
    return x != y ? x > y : items[a].name < items[b].name;
  });
  std::vector<std::string_view> names, keys;
  for (const Item& item : items) names.push_back(item.name);
  for (const auto& [key, value] : metadata) keys.push_back(key);
  impl::refuse_duplicates(path, "tensors are called", names);
  impl::refuse_duplicates(path, "metadata keys are", keys);

  json::Writer json;
  json.begin_object();
  if (!metadata.empty()) {
    json.key(impl::metadata_key);
    json.begin_object();
    for (const auto& [key, value] : metadata) json.key(key), json.string(value);
    json.end_object();
  }
  std::size_t offset = 0;
  for (const std::size_t i : order) {
    const Item& item = items[i];
    json.key(item.name);
    json.begin_object();
    json.key("dtype"), json.string(impl::dtype_names[static_cast<int>(item.dtype)]);
    json.key("shape"), json.begin_array();
    for (const std::int64_t size : item.shape) json.integer(size);
    json.end_array();
    json.key("data_offsets"), json.begin_array();
    json.integer(static_cast<std::int64_t>(offset));
    offset += item.data.size();
    json.integer(static_cast<std::int64_t>(offset));
    json.end_array();
    json.end_object();
  }
  json.end_object();
  std::string header = json.text();
  header.resize((header.size() + 7) / 8 * 8, ' ');
  if (header.size() > impl::max_header)
    raise<ValueError>(impl::op, "'", path, "': names and metadata make a header of ", header.size(),
                      " bytes, the most is ", impl::max_header);

  write_atomically(path, [&](AtomicFile& file) {
    const std::uint64_t length = header.size();
    file.write(std::as_bytes(std::span(&length, 1)));
    file.write(header);
    for (const std::size_t i : order) file.write(items[i].data);
  });
}

}  // namespace taper::inline TAPER_CODE::io::safetensors
