// SPDX-License-Identifier: MIT
// Compressed files that are damaged or unpack without end: each error names the file, the place, and the limit.
// Needs: zlib
#include <taper/data/datasets/mnist.hpp>
#include <taper/io/gzip.hpp>

#include "tests/io/support.hpp"
#include "tests/mistakes/mistakes.hpp"

using namespace taper;

TEST_CASE("gzip") {
  const std::string whole = golden("images.idx3-ubyte.gz");
  const auto unpack = [](const std::string& file) { io::gunzip(std::as_bytes(std::span(file)), "x.gz"); };
  CHECK_NOTHROW(unpack(whole));
  mistake<IoError>(
      "gunzip", [&] { unpack("no gzip file"); }, "'x.gz'", "does not begin like");
  mistake<IoError>(
      "gunzip", [&] { unpack(whole.substr(0, whole.size() / 2)); }, "'x.gz'", "truncated");
  std::string damaged = whole;
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x55);
  mistake<IoError>(
      "gunzip", [&] { unpack(damaged); }, "'x.gz'", "damaged");
  mistake<IoError>(
      "gunzip", [&] { io::gunzip(io::bytes_of(whole), "x.gz", 10); }, "'x.gz'", "more than the 10 bytes allowed");
}

TEST_CASE("a compressed MNIST that is cut") {
  const std::string whole = golden("images.idx3-ubyte.gz");
  io::write_file("t10k-images-idx3-ubyte.gz", io::bytes_of(whole).first(whole.size() - 9));
  mistake<IoError>(
      "gunzip", [] { data::mnist(".", data::Split::test); }, "'./t10k-images-idx3-ubyte.gz'", "truncated");
}
