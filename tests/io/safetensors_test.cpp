// SPDX-License-Identifier: MIT
// safetensors against files of the reference implementation, byte for byte, and against hostile ones.
#include <taper/io/mapped_file.hpp>
#include <taper/io/safetensors.hpp>

#include <complex>

#include "tests/io/support.hpp"

using namespace taper;
namespace st = io::safetensors;

namespace {

const std::string odd_name = "\u00e9\u2028\U0001f600/\"\\\t\x01";

/// A file of this header and this many zero bytes.
std::string file_of(std::string_view header, std::size_t data = 0) {
  const std::uint64_t length = header.size();
  std::string out(reinterpret_cast<const char*>(&length), 8);
  return out + std::string(header) + std::string(data, '\0');
}
void parse(std::string_view file) { st::parse(Exact(file), "f"); }

/// An entry of a header.
std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}
template <class E = IoError, class... Parts>
void bad(const std::string& entries, std::size_t data, const Parts&... parts) {
  INFO(entries);
  check_error<E>([&] { parse(file_of("{" + entries + "}", data)); }, "[safetensors] 'f': ", parts...);
}

template <class T>
void check_ramp(const std::string& file, const st::Header& header, const char* name, Shape shape = {2, 3}) {
  INFO(name);
  const st::Entry* entry = header.find(name);
  REQUIRE(entry != nullptr);
  CHECK(entry->dtype == dtype_of<T>);
  CHECK(entry->shape == shape);
  const auto values = values_of<T>(io::bytes_of(file).subspan(entry->begin, entry->end - entry->begin));
  REQUIRE(values.size() == 6);
  for (int i = 0; i < 6; ++i) {
    const float real = static_cast<float>(i) - 0.5f;
    if constexpr (std::is_same_v<T, bool>)
      CHECK(values[static_cast<std::size_t>(i)] == (i % 3 == 0));
    else if constexpr (std::is_integral_v<T>)
      CHECK(values[static_cast<std::size_t>(i)] == i);
    else if constexpr (Complex<T>)
      CHECK(values[static_cast<std::size_t>(i)] == T(real, -2 * real));
    else
      CHECK(static_cast<double>(values[static_cast<std::size_t>(i)]) == static_cast<double>(real));
  }
}

}  // namespace

TEST_CASE("a file of the reference implementation is read") {
  const std::string file = golden("all.safetensors");
  const auto header = st::parse(Exact(file), "all.safetensors");
  CHECK(header.entries.size() == 14);
  check_ramp<bool>(file, header, "bool");
  check_ramp<std::uint8_t>(file, header, "uint8");
  check_ramp<std::int8_t>(file, header, "int8");
  check_ramp<std::int16_t>(file, header, "int16");
  check_ramp<std::int32_t>(file, header, "int32");
  check_ramp<std::int64_t>(file, header, "int64");
  check_ramp<float16>(file, header, "float16");
  check_ramp<bfloat16>(file, header, "bfloat16");
  check_ramp<float>(file, header, "float32");
  check_ramp<double>(file, header, "float64");
  check_ramp<std::complex<float>>(file, header, "complex64");
  REQUIRE(header.find("scalar") != nullptr);
  CHECK(header.find("scalar")->shape == Shape{});
  CHECK(values_of<float>(io::bytes_of(file).subspan(header.find("scalar")->begin, 4))[0] == 3.5f);
  REQUIRE(header.find("none") != nullptr);
  CHECK(header.find("none")->shape == Shape{0, 4});
  CHECK(header.find(odd_name) != nullptr);
  CHECK(header.find("other") == nullptr);
  CHECK(header.metadata == st::Metadata{{"format", "pt \n\"\u00fc\""}});
}

TEST_CASE("what is written is the reference implementation's file, byte for byte") {
  const std::string file = golden("all.safetensors");
  const auto header = st::parse(io::bytes_of(file), "all.safetensors");
  std::vector<st::Item> items;
  for (const auto& e : header.entries)
    items.push_back({e.name, e.dtype, e.shape, io::bytes_of(file).subspan(e.begin, e.end - e.begin)});
  std::reverse(items.begin(), items.end());
  std::swap(items[2], items[9]);
  st::write("out.safetensors", items, header.metadata);
  CHECK(io::text_of(io::read_file("out.safetensors")) == file);
  st::write("out.safetensors", {});
  CHECK(io::text_of(io::read_file("out.safetensors")) == golden("empty.safetensors"));
}

TEST_CASE("a file is saved over its own mapping") {
  io::write_file("self.safetensors", io::bytes_of(golden("all.safetensors")));
  const io::MappedFile map("self.safetensors");
  const auto header = st::parse(map.bytes(), map.path());
  std::vector<st::Item> items;
  for (const auto& e : header.entries) {
    CHECK(reinterpret_cast<std::uintptr_t>(map.data() + e.begin) % size_of(e.dtype) == 0);
    items.push_back({e.name, e.dtype, e.shape, map.bytes().subspan(e.begin, e.end - e.begin)});
  }
  st::write(map.path(), items, header.metadata);
  CHECK(io::text_of(io::read_file("self.safetensors")) == golden("all.safetensors"));
}

TEST_CASE("a file cut anywhere is refused") {
  truncate_everywhere(golden("all.safetensors"), [](io::Bytes bytes) { st::parse(bytes, "f"); });
}

TEST_CASE("a file with bytes behind its end is refused") {
  check_error<IoError>([] { parse(golden("all.safetensors") + "x"); }, "but the file has", "damaged");
}

TEST_CASE("headers that lie about their length") {
  const auto with_length = [](std::uint64_t length) {
    std::string file(16, ' ');
    std::memcpy(file.data(), &length, 8);
    file[8] = '{', file[9] = '}';
    return file;
  };
  parse(with_length(8));
  check_error<IoError>([&] { parse(with_length(9)); }, "its header is 9 bytes long, but only 8 follow", "truncated");
  check_error<IoError>([&] { parse(with_length(100'000'001)); }, "header would be 100000001 bytes");
  check_error<IoError>([&] { parse(with_length(~std::uint64_t{0})); }, "18446744073709551615");
  check_error<IoError>([&] { parse(with_length(1)); }, "in its JSON");
  check_error<IoError>([&] { parse(with_length(0)); }, "the text ends");
  check_error<IoError>([] { parse("1234567"); }, "7 bytes, too few");
  check_error<IoError>([] { parse("PK\x03\x04 a zip archive, as torch.save writes it"); }, "no safetensors file");
}

TEST_CASE("offsets must fill the data") {
  const std::string a = entry("a", "F32", "[2]", "[0,8]"), b = entry("b", "U8", "[4]", "[8,12]");
  CHECK_NOTHROW(parse(file_of("{" + b + "," + a + "}", 12)));
  bad(a + "," + entry("b", "U8", "[4]", "[4,8]"), 8, "tensor 'b' begins at offset 4", "ends at 8: the data overlap");
  bad(a + "," + entry("b", "U8", "[4]", "[9,13]"), 13, "tensor 'b' begins at offset 9",
      "ends at 8: the data have a hole");
  bad(a + "," + entry("b", "F32", "[2]", "[0,8]"), 8, "overlap");
  bad(entry("a", "U8", "[4]", "[1,5]"), 5, "tensor 'a' begins at offset 1", "hole");
  bad(entry("a", "U8", "[4]", "[0,4]"), 5, "the tensors end at offset 4, but the file has 5 bytes");
  bad("", 1, "the tensors end at offset 0, but the file has 1");
  bad(entry("a", "U8", "[4]", "[0,4]"), 3, "tensor 'a' ends at offset 4, but the file has only 3");
  bad(entry("a", "U8", "[0]", "[4,0]"), 4, "ends at offset 0 before it begins at 4");
  bad(entry("a", "U8", "[4]", "[-4,0]"), 4, "negative offset -4");
  bad(entry("a", "U8", "[4]", "[0,-4]"), 4, "negative offset -4");
  bad(entry("a", "U8", "[4]", "[0,9223372036854775807]"), 4, "ends at offset 9223372036854775807");
  bad(entry("a", "U8", "[4]", "[9223372036854775807,9223372036854775807]"), 4, "ends at offset 9223372036854775807");
  bad(entry("a", "U8", "[4]", "[0,18446744073709551616]"), 4, "does not fit in 64 bits");
  bad(entry("a", "U8", "[4]", "[0]"), 4, "tensor 'a' lacks its two data_offsets");
  bad(entry("a", "U8", "[4]", "[0,2,4]"), 4, "more than two data_offsets");
  bad(entry("a", "U8", "[4]", "[0,4.0]"), 4, "expected an integer");
  bad(entry("a", "U8", "[4]", "4"), 4, "expected an array");
}

TEST_CASE("shapes must fit their data") {
  bad(entry("a", "F32", "[2]", "[0,4]"), 4, "tensor 'a' is float32(2,), 8 bytes, but its data_offsets hold 4");
  bad(entry("a", "F32", "[]", "[0,8]"), 8, "tensor 'a' is float32(), 4 bytes");
  bad(entry("a", "U8", "[-1]", "[0,1]"), 1, "tensor 'a' has the negative size -1");
  bad(entry("a", "U8", "[-1,-1]", "[0,1]"), 1, "negative size");
  bad(entry("a", "U8", "[1.5]", "[0,1]"), 1, "expected an integer, found 1.5");
  bad(entry("a", "U8", "[\"1\"]", "[0,1]"), 1, "expected an integer");
  bad(entry("a", "U8", "[4294967296,4294967296]", "[0,0]"), 0, "more than can be counted");
  bad(entry("a", "F64", "[2305843009213693952]", "[0,0]"), 0, "more than can be counted");
  bad(entry("a", "U8", "[0,9223372036854775807,9223372036854775807]", "[0,0]"), 0, "more than can be counted");
  bad(entry("a", "U8", "[9223372036854775808]", "[0,0]"), 0, "does not fit in 64 bits");
  bad<ShapeError>(entry("a", "U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]"), 1, "tensor 'a' has more than 8 dimensions",
                  "reshape");
  CHECK_NOTHROW(parse(file_of("{" + entry("a", "U8", "[1,1,1,1,1,1,1,1]", "[0,1]") + "}", 1)));
  CHECK_NOTHROW(parse(file_of("{" + entry("a", "F64", "[3,0]", "[0,0]") + "}", 0)));
}

TEST_CASE("dtypes Taper does not have are named") {
  for (const char* dtype : {"F8_E4M3", "F8_E5M2", "U16", "U32", "U64", "F4", "C128", "f32", ""})
    bad<DTypeError>(entry("layer.weight", dtype, "[1]", "[0,1]"), 1,
                    "tensor 'layer.weight' has dtype '" + std::string(dtype), "convert it to one of BOOL U8");
}

TEST_CASE("headers that are no headers") {
  const std::string a = entry("a", "U8", "[1]", "[0,1]");
  bad(a + "," + a, 1, "the key 'a' appears twice");
  bad("\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}", 1,
      "the key 'dtype' appears twice");
  bad("\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}", 1, "tensor 'a' lacks its dtype");
  bad("\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}", 1, "tensor 'a' lacks its shape");
  bad("\"a\":{}", 0, "tensor 'a' lacks its dtype");
  bad("\"a\":3", 0, "expected an object, found '3'");
  bad("\"__metadata__\":{\"a\":3}", 0, "expected a string, found '3'");
  bad("\"__metadata__\":{\"a\":\"x\",\"a\":\"y\"}", 0, "the key 'a' appears twice");
  bad("\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]", 1, "but the text ends");
  for (const char* header : {"[]", "null", "x", "{} x", "{]", "\"a\""})
    check_error<IoError>([&] { parse(file_of(header)); }, "[safetensors] 'f': in its JSON at line 1, column");
  check_error<IoError>([] { parse(file_of(std::string_view("{}\0", 3))); }, "found byte 0x00");
  // What the reference implementation takes: other keys in an entry, no metadata, white space around.
  CHECK_NOTHROW(parse(file_of(" {\"a\":{\"dtype\":\"U8\",\"x\":[{}],\"shape\":[1],\"data_offsets\":[0,1]}}\n ", 1)));
  CHECK_NOTHROW(parse(file_of("{\"__metadata__\":null}")));
}

TEST_CASE("what cannot be written is refused before the file is touched") {
  io::write_file("kept.safetensors", io::bytes_of("old"));
  const std::string bytes(16, '\0');
  const auto data = io::bytes_of(bytes);
  const auto write = [](std::vector<st::Item> items, st::Metadata metadata = {}) {
    return [=] { st::write("kept.safetensors", items, metadata); };
  };
  check_error<DTypeError>(write({{"z", DType::complex128, {1}, data}}), "tensor 'z' is complex128",
                          "cast it to complex64");
  check_error<ValueError>(write({{"a", DType::float32, {3}, data}}),
                          "tensor 'a' is float32(3,) and comes with 16 bytes");
  check_error<ValueError>(write({{"a", DType::float32, {-4}, data}}), "tensor 'a'");
  check_error<ValueError>(write({{"a", DType::float32, {4}, data}, {"a", DType::int32, {4}, data}}),
                          "two tensors are called 'a'");
  check_error<ValueError>(write({{"__metadata__", DType::float32, {4}, data}}), "keeps to itself");
  check_error<ValueError>(write({{"\xff", DType::float32, {4}, data}}), "not valid UTF-8");
  check_error<ValueError>(write({}, {{"k", "1"}, {"k", "2"}}), "two metadata keys are 'k'");
  CHECK(io::text_of(io::read_file("kept.safetensors")) == "old");
}
