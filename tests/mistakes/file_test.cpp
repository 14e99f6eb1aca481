// SPDX-License-Identifier: MIT
// Files that are missing, damaged or hostile: each error names the file and the place, and nothing large is allocated.
// tests/io holds each format to many more of them, cut at every byte.
#include <taper/core/allocator.hpp>
#include <taper/data/datasets/mnist.hpp>
#include <taper/io.hpp>
#include <taper/nn.hpp>

#include "tests/mistakes/mistakes.hpp"

using namespace taper;

namespace {

std::string file(const std::string& name, const std::string& content) {
  io::write_file(name, std::as_bytes(std::span(content)));
  return name;
}
/// A safetensors file of this header, and as many bytes of data.
std::string tensors(const std::string& header, std::size_t data) {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + std::string(data, '\0');
}
std::string weights(const std::string& shape, const std::string& offsets, std::size_t data) {
  return tensors(R"({"w":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}", data);
}
std::string npy(std::string header, std::size_t data) {
  header.resize(117, ' ');
  return "\x93NUMPY\x01" + std::string(1, '\0') + "\x76" + std::string(1, '\0') + header + "\n" +
         std::string(data, '\0');
}
std::string idx(std::initializer_list<unsigned char> header, std::size_t data) {
  return std::string(header.begin(), header.end()) + std::string(data, '\0');
}

struct Net {
  nn::Linear<float> fc{4, 3};
};

}  // namespace

TEST_CASE("missing files") {
  Net net;
  mistake<IoError>(
      "MappedFile", [&] { load(net, "nowhere.safetensors"); }, "'nowhere.safetensors'", "No such file");
  mistake<IoError>(
      "AtomicFile", [&] { save(net, "nowhere/net.safetensors"); }, "'nowhere/net.safetensors'", "No such file");
  mistake<IoError>(
      "read_file", [] { io::load_npy<float>("nowhere.npy"); }, "'nowhere.npy'", "No such file");
  mistake<IoError>(
      "read_file", [] { io::read_csv("nowhere.csv"); }, "'nowhere.csv'", "No such file");
  mistake<IoError>(
      "mnist", [] { data::mnist("nowhere"); }, "'nowhere'", "train-images-idx3-ubyte", "download_mnist.cmake");
  mistake<IoError>(
      "read", [] { data::mnist("."); }, "'./train-images-idx3-ubyte.gz'");
}

TEST_CASE("safetensors") {
  const auto read = [](const std::string& content) { io::load(file("bad.safetensors", content)); };
  const auto bad = [&](const std::string& content, const auto&... parts) {
    mistake<IoError>(
        "safetensors", [&] { read(content); }, "'bad.safetensors'", parts...);
  };
  CHECK_NOTHROW(read(weights("[2]", "[0,8]", 8)));
  bad("1234567", "7 bytes");
  bad(weights("[2]", "[0,8]", 7), "'w'", "8", "7");
  bad(weights("[2]", "[0,8]", 9), "8", "9 bytes");
  bad(weights("[2]", "[-8,0]", 8), "'w'", "negative offset -8");
  bad(weights("[2]", "[8,0]", 8), "'w'", "before it begins");
  bad(weights("[2]", "[4,12]", 12), "'w'", "hole");
  bad(weights("[4611686018427387904,4]", "[0,8]", 8), "'w'", "more than can be counted");
  bad(weights("[3]", "[0,8]", 8), "12 bytes", "hold 8");
  bad(tensors(
          R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
          6),
      "'b'", "overlap");
  bad(tensors(R"({"w":)", 0), "JSON at line 1, column 6", "ends");
  bad(tensors(std::string(100000, '['), 0), "JSON");
  bad(tensors(R"({"w":)" + std::string(50000, '[') + std::string(50000, ']') + "}", 0), "JSON");
  bad(tensors(R"({"w":{"dtype":"F32","x":)" + std::string(50000, '[') + std::string(50000, ']') + "}}", 0), "JSON",
      "nest");
  bad(std::string(8, '\xff') + "{}", "18446744073709551615");
  mistake<DTypeError>(
      "safetensors", [&] { read(tensors(R"({"w":{"dtype":"F8_E5M2","shape":[1],"data_offsets":[0,1]}})", 1)); }, "'w'",
      "F8_E5M2", "convert");
}

TEST_CASE("npy") {
  const auto read = [](const std::string& content) { io::load_npy(file("bad.npy", content)); };
  const auto bad = [&](const std::string& content, const auto&... parts) {
    mistake<IoError>(
        "npy", [&] { read(content); }, "'bad.npy'", parts...);
  };
  CHECK_NOTHROW(read(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 8)));
  bad("PK\x03\x04 a zip archive", "npy");
  bad(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 7), "8", "7");
  bad(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", 8), "4611686018427387904");
  bad(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", 8), "byte 51", "a size between 0 and");
  bad(npy("{'descr': '<f4', 'fortran_order': False", 8), "header");
  mistake<DTypeError>(
      "npy", [&] { read(npy("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", 8)); }, "'|O'");
  mistake<DTypeError>(
      "load_npy",
      [] { io::load_npy<double>(file("f4.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 8))); },
      "'f4.npy'", "float32", "float64");
}

TEST_CASE("IDX") {
  const auto read = [](const std::string& content) { io::load_idx(file("bad-idx", content)); };
  const auto bad = [&](const std::string& content, const auto&... parts) {
    mistake<IoError>(
        "idx", [&] { read(content); }, "'bad-idx'", parts...);
  };
  CHECK_NOTHROW(read(idx({0, 0, 8, 1, 0, 0, 0, 3}, 3)));
  bad(idx({0, 0, 8}, 0), "3 bytes");
  bad(idx({1, 0, 8, 1, 0, 0, 0, 3}, 3), "IDX");
  bad(idx({0, 0, 8, 1, 0, 0, 0, 3}, 2), "3", "2");
  bad(idx({0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}, 3), "4294967295");
}

TEST_CASE("CSV") {
  const auto bad = [](const std::string& content, const auto&... parts) {
    mistake<IoError>(
        "csv", [&] { io::read_csv(file("bad.csv", content)); }, "'bad.csv'", parts...);
  };
  bad("a,b\n1,2\n3\n", "line 3");
  bad("a,b\n1,\"2\n", "line 2");
}

TEST_CASE("a hostile size allocates nothing of that size") {
  const std::int64_t before = allocator_stats().peak_bytes;
  CHECK_THROWS_AS(io::load(file("huge.safetensors", weights("[268435456]", "[0,1073741824]", 8))), IoError);
  CHECK_THROWS_AS(
      io::load_npy(file("huge.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (268435456,), }", 8))),
      IoError);
  CHECK(allocator_stats().peak_bytes < before + (1 << 20));
}
