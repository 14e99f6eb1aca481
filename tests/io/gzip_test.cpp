// SPDX-License-Identifier: MIT
// gzip files of another implementation, and broken ones.
// Needs: zlib
#include <taper/io/gzip.hpp>
#include <taper/io/idx.hpp>

#include "tests/io/support.hpp"

using namespace taper;

namespace {

std::string gunzip(std::string_view packed, std::size_t limit = SIZE_MAX) {
  return std::string(io::text_of(io::gunzip(Exact(packed), "f", limit)));
}

}  // namespace

TEST_CASE("a packed IDX file") {
  const auto bytes = io::read_maybe_gzip(golden_path("images.idx3-ubyte.gz"));
  const auto array = io::idx::parse(bytes, "images");
  CHECK(array.shape == Shape{2, 3, 4});
  for (std::size_t i = 0; i < 24; ++i) CHECK(bytes[array.begin + i] == static_cast<std::byte>(i));
  CHECK(io::text_of(io::read_maybe_gzip(golden_path("table.csv"))) == golden("table.csv"));
}

TEST_CASE("members follow each other, zeros may follow them") { CHECK(gunzip(golden("members.gz")) == "one two"); }

TEST_CASE("the largest ratio that deflate knows") {
  const std::string packed = golden("zeros.gz");
  CHECK(gunzip(packed) == std::string(10'000'000, '\0'));
  CHECK(gunzip(packed, 10'000'000).size() == 10'000'000);
  check_error<IoError>([&] { gunzip(packed, 9'999'999); },
                       "[gunzip] 'f' unpacks to more than the 9999999 bytes allowed");
  check_error<IoError>([&] { gunzip(packed, 0); }, "more than the 0 bytes");
}

TEST_CASE("a packed file cut anywhere is refused") {
  const std::string whole = golden("images.idx3-ubyte.gz");
  truncate_everywhere(whole, [](io::Bytes bytes) { io::gunzip(bytes, "f"); });
  check_error<IoError>([&] { gunzip(whole.substr(0, whole.size() - 9)); }, "inside its data: it is truncated");
  check_error<IoError>([&] { gunzip(whole.substr(0, whole.size() - 1)); }, "it is truncated");
}

TEST_CASE("a packed file with a changed byte is refused, or its content is the same") {
  const std::string whole = golden("images.idx3-ubyte.gz"), content = gunzip(whole);
  for (std::size_t i = 0; i < whole.size(); ++i)
    for (const int change : {0x01, 0x80, 0xff}) {
      std::string changed = whole;
      changed[i] = static_cast<char>(changed[i] ^ change);
      INFO("byte " << i << " changed by " << change);
      std::string result;
      try {
        result = gunzip(changed);  // nothing checks the header's time, level and system
      } catch (const IoError& error) {
        if (std::string_view(error.what()).starts_with("[gunzip] 'f'")) result = content;
      }
      REQUIRE(result == content);
    }
}

TEST_CASE("what is no gzip is refused") {
  check_error<IoError>([] { gunzip("plain text"); }, "does not begin like a gzip file");
  check_error<IoError>([] { gunzip(""); }, "does not begin like a gzip file");
  check_error<IoError>([] { gunzip(golden("images.idx3-ubyte.gz") + "tail"); }, "no gzip member begins at byte 56");
  // A preset dictionary is zlib's business, not gzip's; method 7 does not exist.
  check_error<IoError>(
      [] {
        gunzip({"\x1f\x8b\x07\x00\x00\x00\x00\x00\x00\x03", 10});
      },
      "damaged near byte", "unknown compression");
}
