// SPDX-License-Identifier: MIT
// Helpers of the file format tests: golden files, and errors as text.
#pragma once

#include <taper/io/file.hpp>

#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "tests/support/catch.hpp"

inline std::string golden_path(const std::string& name) { return TAPER_SOURCE_DIR "/tests/io/golden/" + name; }

inline std::string golden(const std::string& name) {
  const auto bytes = taper::io::read_file(golden_path(name));
  return std::string(taper::io::text_of(bytes));
}

/// Checks that f() throws an E whose text holds all of these parts.
template <class E, class F, class... Parts>
void check_error(F&& f, const Parts&... parts) {
  static_assert(std::is_base_of_v<taper::Error, E>);
  std::string message = "no error";
  try {
    f();
  } catch (const E& error) {
    message = error.what();
  }
  INFO(message);
  for (const std::string& part : {std::string(parts)...}) CHECK(message.find(part) != message.npos);
}

/// The values of T that the bytes hold.
template <class T>
std::vector<T> values_of(taper::io::Bytes bytes) {
  std::vector<T> out;  // which has no data() where T is bool
  for (; bytes.size() >= sizeof(T); bytes = bytes.subspan(sizeof(T))) {
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    out.push_back(value);
  }
  return out;
}

/// An exact copy on the heap, so that a read behind its end is an error to the address sanitizer.
struct Exact {
  explicit Exact(std::string_view text) : memory(text.begin(), text.end()) {}
  operator taper::io::Bytes() const { return std::as_bytes(std::span(memory)); }
  std::vector<char> memory;
};

/// Calls parse(the first n bytes) for every n below the whole: each must throw a taper::Error.
template <class Parse>
void truncate_everywhere(std::string_view whole, Parse&& parse) {
  for (std::size_t n = 0; n < whole.size(); ++n) {
    INFO("the first " << n << " of " << whole.size() << " bytes");
    const Exact part(whole.substr(0, n));
    bool thrown = false;
    try {
      parse(static_cast<taper::io::Bytes>(part));
    } catch (const taper::Error&) {
      thrown = true;
    }
    REQUIRE(thrown);
  }
}
