// SPDX-License-Identifier: MIT
// .npy against files that NumPy wrote, and against hostile ones.
#include <taper/io/npy.hpp>

#include <complex>

#include "tests/io/support.hpp"

using namespace taper;

namespace {

template <class T>
std::vector<T> load(const std::string& file, const io::ArrayInFile& array) {
  const auto from = io::bytes_of(file).subspan(array.begin, array.end - array.begin);
  std::vector<std::byte> out(from.size());
  io::copy_elements(from, array.dtype, array.big_endian, out.data());
  return values_of<T>(out);
}

template <class T>
void check_ramp(const std::string& name, bool big_endian = false) {
  INFO(name);
  const std::string file = golden(name + ".npy");
  const auto array = io::npy::parse(Exact(file), name);
  CHECK(array.dtype == dtype_of<T>);
  CHECK(array.shape == Shape{2, 3});
  CHECK(!array.fortran_order);
  CHECK(array.big_endian == big_endian);
  CHECK(array.end == file.size());
  const auto values = load<T>(file, array);
  REQUIRE(values.size() == 6);
  for (std::size_t i = 0; i < 6; ++i) {
    const float real = static_cast<float>(i) - 0.5f;
    if constexpr (std::is_same_v<T, bool>)
      CHECK(values[i] == (i > 0));
    else if constexpr (std::is_integral_v<T>)
      CHECK(values[i] == static_cast<T>(i));
    else if constexpr (Complex<T>)
      CHECK(values[i] == T(real, -2 * real));
    else
      CHECK(static_cast<double>(values[i]) == static_cast<double>(real));
  }
}

/// A version 1 file of this header, the array's data being this many zero bytes.
std::string file_of(std::string_view header, std::size_t data = 0) {
  std::string out("\x93NUMPY\x01\x00", 8);
  out += static_cast<char>(header.size() & 0xff);
  out += static_cast<char>(header.size() >> 8);
  return out + std::string(header) + std::string(data, '\0');
}
std::string header_of(const std::string& descr, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
}
void parse(std::string_view file) { io::npy::parse(Exact(file), "f"); }

template <class E = IoError, class... Parts>
void bad(const std::string& header, const Parts&... parts) {
  INFO(header);
  check_error<E>([&] { parse(file_of(header, 64)); }, "[npy] 'f'", parts...);
}

}  // namespace

TEST_CASE("files of every dtype and byte order") {
  check_ramp<bool>("b1");
  check_ramp<std::uint8_t>("u1");
  check_ramp<std::int8_t>("i1");
  check_ramp<std::int16_t>("le_i2");
  check_ramp<std::int16_t>("be_i2", true);
  check_ramp<std::int32_t>("le_i4");
  check_ramp<std::int64_t>("le_i8");
  check_ramp<std::int64_t>("be_i8", true);
  check_ramp<float16>("le_f2");
  check_ramp<float16>("be_f2", true);
  check_ramp<float>("le_f4");
  check_ramp<float>("be_f4", true);
  check_ramp<double>("le_f8");
  check_ramp<double>("be_f8", true);
  check_ramp<std::complex<float>>("le_c8");
  check_ramp<std::complex<float>>("be_c8", true);
  check_ramp<std::complex<double>>("le_c16");
  check_ramp<float>("version2");
  check_ramp<float>("version3");
}

TEST_CASE("other layouts") {
  const std::string fortran = golden("fortran.npy");
  const auto array = io::npy::parse(Exact(fortran), "fortran");
  CHECK(array.fortran_order);
  CHECK(array.shape == Shape{2, 3});
  CHECK(load<float>(fortran, array) == std::vector{-0.5f, 2.5f, 0.5f, 3.5f, 1.5f, 4.5f});
  const std::string scalar = golden("scalar.npy");
  CHECK(io::npy::parse(Exact(scalar), "scalar").shape == Shape{});
  CHECK(load<float>(scalar, io::npy::parse(Exact(scalar), "scalar")) == std::vector{3.5f});
  const auto none = io::npy::parse(Exact(golden("none.npy")), "none");
  CHECK(none.shape == Shape{0, 5});
  CHECK(none.begin == none.end);
}

TEST_CASE("arrays that follow each other") {
  const std::string file = golden("two.npy");
  const auto first = io::npy::parse(Exact(file), "two");
  CHECK(load<std::int64_t>(file, first) == std::vector<std::int64_t>{0, 1, 2});
  const std::string rest = file.substr(first.end);
  CHECK(load<std::int16_t>(rest, io::npy::parse(Exact(rest), "two")) == std::vector<std::int16_t>{0, 1});
}

TEST_CASE("what is written is NumPy's file, byte for byte") {
  for (const std::string name : {"b1", "u1", "i1", "le_i2", "le_i4", "le_i8", "le_f2", "le_f4", "le_f8", "le_c8",
                                 "le_c16", "fortran", "scalar", "none"}) {
    INFO(name);
    const std::string file = golden(name + ".npy");
    const auto array = io::npy::parse(io::bytes_of(file), name);
    io::npy::write("out.npy", array.dtype, array.shape, io::bytes_of(file).subspan(array.begin), array.fortran_order);
    CHECK(io::text_of(io::read_file("out.npy")) == file);
  }
  check_error<DTypeError>([] { io::npy::write("no.npy", DType::bfloat16, {0}, {}); }, "NumPy has no bfloat16",
                          "cast to float32");
  check_error<ValueError>([] { io::npy::write("no.npy", DType::float32, {2}, io::bytes_of("1234")); },
                          "float32(2,) comes with 4 bytes");
  check_error<IoError>([] { io::read_file("no.npy"); }, "No such file");
}

TEST_CASE("a file cut anywhere is refused") {
  for (const char* name : {"le_f4.npy", "version3.npy", "scalar.npy"})
    truncate_everywhere(golden(name), [](io::Bytes bytes) { io::npy::parse(bytes, "f"); });
}

TEST_CASE("dtypes Taper does not have are named") {
  check_error<DTypeError>([] { parse(golden("uint16.npy")); }, "dtype '<u2', which Taper does not have", "astype");
  check_error<DTypeError>([] { parse(golden("text.npy")); }, "dtype '<U2'");
  check_error<DTypeError>([] { parse(golden("objects.npy")); }, "dtype '|O', pickled Python objects");
  check_error<DTypeError>([] { parse(golden("fields.npy")); }, "named fields");
  for (const char* descr : {"", "<", "f4", "<f", "<f16", "<f44", "|V2", "!f4", "<M8[ns]"})
    bad<DTypeError>(header_of(descr, "(1,)"), descr);
}

TEST_CASE("headers that are no headers") {
  CHECK_NOTHROW(parse(file_of("{\"shape\":(2L,2 , ),\n\"fortran_order\":True,'descr':\"=f4\"}", 16)));
  check_error<IoError>([] { parse("not an npy file at all"); }, "does not begin like an .npy file");
  check_error<IoError>([] { parse("PK\x03\x04 something"); }, "looks like an .npz archive");
  check_error<IoError>([] { parse(std::string("\x93NUMPY\x04\x00\x00\x00\x00\x00", 12)); }, "version 4.0");
  check_error<IoError>([] { parse(std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff{}", 14)); }, "4294967295 bytes long",
                       "truncated");
  bad("", "expected '{'");
  bad("{}", "lacks the key 'descr'");
  bad("{'descr': '<f4', 'shape': (1,)}", "lacks the key 'fortran_order'");
  bad("{'descr': '<f4', 'fortran_order': False}", "lacks the key 'shape'");
  bad("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", "'descr' is unknown or appears twice");
  bad("{'other': 1}", "'other' is unknown");
  bad("{'descr': '<f4' 'fortran_order': False}", "expected ',' or '}'");
  bad("{'descr', '<f4'}", "expected ':'");
  bad("{'fortran_order': 1}", "expected True or False");
  bad("{'descr': '<f4", "does not end");
  bad("{'descr': '\\x3cf4'}", "does not end");
  bad(header_of("<f4", "(1,)") + "x", "behind the closing '}'");
  bad(header_of("<f4", "(1,)") + std::string(1, '\0'), "behind the closing '}'");
  for (const char* shape : {"[1]", "1", "(1", "(1,", "(1 2)", "(,)", "(1,,)", "(a,)", "(1.0,)", "(-1,)", "(3)",
                            "(99999999999999999999,)", "()x"})
    bad(header_of("<f4", shape), "broken at byte");
}

TEST_CASE("shapes must fit their data") {
  bad(header_of("<f4", "(17,)"), "should hold float32(17,), 68 bytes, but only 64 follow");
  bad(header_of("<f8", "(1152921504606846976,)"), "more than can be counted");
  bad(header_of("|u1", "(4294967296, 4294967296)"), "more than can be counted");
  bad(header_of("|u1", "(0, 9223372036854775807, 3)"), "more than can be counted");
  bad(header_of("|u1", "(9223372036854775807,)"), "9223372036854775807 bytes");
  bad<ShapeError>(header_of("|u1", "(1, 1, 1, 1, 1, 1, 1, 1, 1)"), "more than 8 dimensions", "reshape");
}

TEST_CASE("bytes other than 0 and 1 become true") {
  const std::string bytes("\x00\x01\x02\xff", 4);
  std::byte out[4];
  io::copy_elements(io::bytes_of(bytes), DType::boolean, false, out);
  CHECK(values_of<std::uint8_t>(out) == std::vector<std::uint8_t>{0, 1, 1, 1});
}
