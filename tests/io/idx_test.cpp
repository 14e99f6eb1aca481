// SPDX-License-Identifier: MIT
// IDX files of every element type, and hostile ones.
#include <taper/io/idx.hpp>

#include "tests/io/support.hpp"

using namespace taper;

namespace {

std::string big_endian(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16 & 0xff), static_cast<char>(value >> 8 & 0xff),
          static_cast<char>(value & 0xff)};
}
std::string file_of(int type, const std::vector<std::uint32_t>& sizes, const std::string& data) {
  std::string out{'\0', '\0', static_cast<char>(type), static_cast<char>(sizes.size())};
  for (const auto size : sizes) out += big_endian(size);
  return out + data;
}
io::ArrayInFile parse(std::string_view file) { return io::idx::parse(Exact(file), "f"); }

template <class T>
void check(int type, const std::string& data, const std::vector<T>& expected) {
  const std::string file = file_of(type, {2}, data);
  const auto array = parse(file);
  CHECK(array.dtype == dtype_of<T>);
  CHECK(array.shape == Shape{2});
  CHECK(array.begin == 8);
  CHECK(array.end == file.size());
  std::vector<std::byte> out(data.size());
  io::copy_elements(io::bytes_of(file).subspan(array.begin), array.dtype, array.big_endian, out.data());
  CHECK(values_of<T>(out) == expected);
}

}  // namespace

TEST_CASE("every element type") {
  check<std::uint8_t>(0x08, "\x01\xfe", {1, 254});
  check<std::int8_t>(0x09, "\x01\xfe", {1, -2});
  check<std::int16_t>(0x0b, {"\x01\x02\xff\xfe", 4}, {258, -2});
  check<std::int32_t>(0x0c, {"\x01\x02\x03\x04\xff\xff\xff\xfe", 8}, {16909060, -2});
  check<float>(0x0d, {"\x3f\x80\x00\x00\xc0\x20\x00\x00", 8}, {1.0f, -2.5f});
  check<double>(0x0e, {"\x3f\xf0\x00\x00\x00\x00\x00\x00\xc0\x04\x00\x00\x00\x00\x00\x00", 16}, {1.0, -2.5});
}

TEST_CASE("MNIST's shapes") {
  CHECK(parse(file_of(8, {2, 28, 28}, std::string(2 * 28 * 28, 'x'))).shape == Shape{2, 28, 28});
  CHECK(parse(file_of(8, {3}, "abc")).shape == Shape{3});
  CHECK(parse(file_of(8, {0, 28, 28}, "")).shape == Shape{0, 28, 28});
  CHECK(parse(file_of(8, {}, "a")).shape == Shape{});
}

TEST_CASE("files that lie are refused") {
  const auto bad = [](const std::string& file, const std::string& message) {
    check_error<IoError>([&] { parse(file); }, "[idx] 'f'", message);
  };
  bad(file_of(8, {4}, "abc"), "uint8(4,), 4 bytes, but 3 follow its header: it is truncated");
  bad(file_of(8, {2}, "abc"), "2 bytes, but 3 follow its header: it is damaged");
  bad(file_of(0x0e, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, ""), "more than can be counted");
  bad(file_of(0x08, {0, 0xffffffff, 0xffffffff}, ""), "more than can be counted");
  bad(file_of(0x0d, {0xffffffff}, ""), "17179869180 bytes");
  bad(file_of(0x0a, {1}, "a"), "element type 10");
  bad("\x1f\x8b\x08", "compressed with gzip");
  bad("\x93NUMPY", "two zero bytes");
  bad("", "0 bytes, too few");
  bad({"\0\0\x08\x03\0\0", 6}, "ends inside its header of 16 bytes");
  check_error<ShapeError>([] { parse({"\0\0\x08\x09", 4}); }, "9 dimensions");
  check_error<ShapeError>([] { parse({"\0\0\x08\xff", 4}); }, "255 dimensions");
}

TEST_CASE("a file cut anywhere is refused") {
  truncate_everywhere(file_of(0x0b, {2, 3}, std::string(12, 'x')), [](io::Bytes bytes) { io::idx::parse(bytes, "f"); });
}
