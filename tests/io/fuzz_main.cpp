// SPDX-License-Identifier: MIT
// Damaged files of every format: each parser gives a sound result or a taper::Error, in memory the file justifies.
// Needs: zlib
// Usage: fuzz [rounds per file]; the suite runs a few, a long run belongs under the sanitizers.
#include <taper/io/csv.hpp>
#include <taper/io/gzip.hpp>
#include <taper/io/idx.hpp>
#include <taper/io/npy.hpp>
#include <taper/io/safetensors.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>

using namespace taper;

namespace {

std::size_t live = 0, peak = 0;  // bytes that operator new has given out

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}
void check(bool good, const char* what) {
  if (!good) die(what);
}

}  // namespace

// Thread sanitizer brings operators of its own: under it memory is not measured.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MEASURES_MEMORY 0
#endif
#endif
#ifndef MEASURES_MEMORY
constexpr std::size_t header = 16;

void* operator new(std::size_t size) {
  auto* block = static_cast<std::byte*>(std::malloc(size + header));
  if (block == nullptr) die("out of memory");
  std::memcpy(block, &size, sizeof size);
  live += size;
  peak = std::max(peak, live);
  return block + header;
}
void operator delete(void* pointer) noexcept {
  if (pointer == nullptr) return;
  auto* block = static_cast<std::byte*>(pointer) - header;
  std::size_t size;
  std::memcpy(&size, block, sizeof size);
  live -= size;
  std::free(block);
}
void operator delete(void* pointer, std::size_t) noexcept { operator delete(pointer); }
#endif

namespace {

struct Random {
  std::uint64_t state = 0x9e3779b97f4a7c15u;
  std::size_t below(std::size_t n) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return static_cast<std::size_t>((state >> 11) % n);
  }
};

std::string mutate(std::string text, Random& random) {
  static const std::string_view pieces[] = {"0",
                                            "-1",
                                            "9223372036854775807",
                                            "18446744073709551615",
                                            "1e999",
                                            "4294967296",
                                            "[",
                                            "]",
                                            "{",
                                            "}",
                                            ",",
                                            ":",
                                            "\"",
                                            "\\",
                                            "\\u0000",
                                            "\\ud800",
                                            "null",
                                            "__metadata__",
                                            "F64",
                                            "C64",
                                            "U16",
                                            "\xff",
                                            "\xc3\xa9",
                                            "(",
                                            ")",
                                            "'",
                                            "True",
                                            "<f8",
                                            "\n",
                                            "\r\n",
                                            "[[[[[[[[",
                                            "0,0,0,0,0,0,0,0,0",
                                            std::string_view("\0\0\0\0", 4),
                                            "\xff\xff\xff\xff",
                                            "\x7f\xff\xff\xff\xff\xff\xff\xff"};
  const std::size_t changes = 1 + random.below(4);
  for (std::size_t i = 0; i < changes; ++i) {
    const std::size_t at = random.below(text.size() + 1),
                      length = random.below(std::min<std::size_t>(text.size() - at, 16) + 1);
    const std::string_view piece = pieces[random.below(std::size(pieces))];
    switch (random.below(8)) {
      case 0:
        text.resize(at);
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, piece);
        break;
      case 3:
        text.replace(at, std::min(piece.size(), text.size() - at), piece);
        break;
      case 4:
        text.insert(at, text.substr(random.below(text.size() + 1), length));
        break;
      case 5:
        text += static_cast<char>(random.below(256));
        break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << random.below(8)));
    }
  }
  return text;
}

void check_array(io::Bytes file, const io::ArrayInFile& array) {
  std::uint64_t bytes = 0;
  check(detail::dense_bytes(array.shape, array.dtype, bytes), "a shape overflows");
  check(array.begin <= array.end && array.end <= file.size() && array.end - array.begin == bytes,
        "an array leaves its file");
  std::vector<std::byte> out(array.end - array.begin);
  io::copy_elements(file.subspan(array.begin, array.end - array.begin), array.dtype, array.big_endian, out.data());
}

void parse_safetensors(io::Bytes file) {
  const auto header = io::safetensors::parse(file, "f");
  std::size_t sum = 0;
  for (const auto& entry : header.entries) {
    std::uint64_t bytes = 0;
    check(detail::dense_bytes(entry.shape, entry.dtype, bytes), "a shape overflows");
    check(entry.end <= file.size() && entry.begin <= entry.end && entry.end - entry.begin == bytes,
          "a tensor leaves its file");
    sum += bytes;
  }
  check(sum <= file.size(), "tensors overlap");
}
void parse_npy(io::Bytes file) { check_array(file, io::npy::parse(file, "f")); }
void parse_idx(io::Bytes file) { check_array(file, io::idx::parse(file, "f")); }
void parse_gzip(io::Bytes file) { io::gunzip(file, "f"); }
void parse_csv(io::Bytes file) {
  const auto table = io::parse_csv(io::text_of(file), "f");
  for (std::size_t row = 0; row < table.rows(); ++row)
    for (std::size_t column = 0; column < table.columns(); ++column) table.text(row, column);
  if (table.columns() > 1) table.numbers<double>(1);
}

struct Case {
  const char* file;
  void (*parse)(io::Bytes);
  std::size_t factor;  // bytes of memory that one byte of the file may cost
};
constexpr Case cases[] = {{"all.safetensors", parse_safetensors, 16},
                          {"empty.safetensors", parse_safetensors, 16},
                          {"le_f4.npy", parse_npy, 2},
                          {"be_c8.npy", parse_npy, 2},
                          {"version3.npy", parse_npy, 2},
                          {"images.idx", parse_idx, 2},
                          {"images.idx3-ubyte.gz", parse_gzip, 2600},
                          {"members.gz", parse_gzip, 2600},
                          {"table.csv", parse_csv, 100}};

/// Parses a text and returns how many bytes of memory each of its bytes took; small files may take 8 KiB at once.
std::size_t cost(std::string_view text, void (*parse)(io::Bytes), bool& good) {
  const std::vector<char> exact(text.begin(), text.end());  // its end is the end of a block: sanitizers watch it
  const std::size_t before = live;
  peak = live;
  try {
    parse(std::as_bytes(std::span(exact)));
    good = true;
  } catch (const Error& error) {
    check(std::string_view(error.what()).starts_with('['), "an error does not name its operation");
    good = false;
  }
  check(live == before, "memory is lost");
  return peak - before > 8192 ? (peak - before - 8192) / std::max<std::size_t>(exact.size(), 1) : 0;
}

void damaged_files(long rounds) {
  Random random;
  for (const Case& test : cases) {
    const std::string name = test.file, folder = TAPER_SOURCE_DIR "/tests/io/golden/";
    const auto content =
        name == "images.idx" ? io::read_maybe_gzip(folder + "images.idx3-ubyte.gz") : io::read_file(folder + name);
    const std::string whole(io::text_of(content));
    long survivors = 0;
    std::size_t worst = 0;
    for (long round = 0; round < rounds; ++round) {
      bool good = false;
      worst = std::max(worst, cost(mutate(whole, random), test.parse, good));
      survivors += good;
    }
    std::printf("%-24s %ld of %ld damaged files still parse; at most %zu bytes of memory per byte\n", test.file,
                survivors, rounds, worst);
    check(worst <= test.factor, "more memory than the file justifies");
  }
}

/// Files of a megabyte, each all of the piece that costs its parser the most memory per byte.
void greedy_files() {
  const auto repeat = [](std::string_view piece, std::size_t count = 1'000'000) {
    std::string out;
    while (out.size() < count) out += piece;
    return out;
  };
  const auto safetensors = [](std::string header) {
    const std::uint64_t length = header.size();
    return std::string(reinterpret_cast<const char*>(&length), 8) + header;
  };
  std::string keys = "{\"__metadata__\":{\"\":\"\"", entries = "{";
  for (int i = 0; i < 100'000; ++i) keys += detail::concat(",\"", i, "\":\"\"");
  for (int i = 0; i < 20'000; ++i)
    entries += detail::concat(i > 0 ? "," : "", "\"", i, R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})");
  const std::string zeros(io::text_of(io::read_file(TAPER_SOURCE_DIR "/tests/io/golden/zeros.gz")));
  const struct {
    const char* name;
    std::string text;
    void (*parse)(io::Bytes);
    bool good;
    std::size_t factor;
  } files[] = {
      {"many metadata keys", safetensors(keys + "}}"), parse_safetensors, true, 40},
      {"many tensors", safetensors(entries + "}"), parse_safetensors, true, 16},
      {"one key, many times", safetensors("{\"__metadata__\":{" + repeat("\"\":\"\",") + "\"\":\"\"}}"),
       parse_safetensors, false, 60},
      {"an endless shape", safetensors("{\"a\":{\"shape\":[" + repeat("1,") + "1]}}"), parse_safetensors, false, 1},
      {"an endless array", safetensors("{\"a\":{\"x\":[" + repeat("1,") + "1]}}"), parse_safetensors, false, 1},
      {"many commas", repeat(","), parse_csv, true, 100},
      {"many short rows", "a,b\n" + repeat("1,2\n"), parse_csv, true, 30},
      {"many line ends", repeat("\n"), parse_csv, true, 2},
      {"zeros in gzip", zeros, parse_gzip, true, 2600}};
  for (const auto& file : files) {
    bool good = false;
    const std::size_t used = cost(file.text, file.parse, good);
    std::printf("%-24s %zu bytes, %zu bytes of memory per byte\n", file.name, file.text.size(), used);
    check(good == file.good, "parsed where it should not, or the other way round");
    check(used <= file.factor, "more memory than the file justifies");
  }
}

}  // namespace

int main(int argc, char** argv) {
  damaged_files(argc > 1 ? std::atol(argv[1]) : 3000);
  greedy_files();
}
