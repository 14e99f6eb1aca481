// SPDX-License-Identifier: MIT
// JSON as checkpoints and safetensors headers need it: a strict reader that builds no tree, and a writer.
//
// Not a library: the core depends on the standard library alone, compile time is a feature here, and the usual ones
// build a tree, which a hostile header blows up to many times its own size. This reader is pulled by its caller, who
// knows what must come next: it allocates the strings it hands out and one object's keys.
#pragma once

#include <taper/core/error.hpp>
#include <taper/core/sorted_order.hpp>

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace taper::inline TAPER_CODE {

namespace detail {

/// The length of the UTF-8 sequence that text starts with; 0 where it is none (overlong forms and surrogates are none).
TAPER_RARE inline std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xc0u) == 0x80u; };
  const unsigned first = byte(0), second = byte(1);
  if (first < 0x80) return text.empty() ? 0 : 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef)
    return tail(1) && tail(2) && !(first == 0xe0 && second < 0xa0) && !(first == 0xed && second > 0x9f) ? 3 : 0;
  if (first >= 0xf0 && first <= 0xf4)
    return tail(1) && tail(2) && tail(3) && !(first == 0xf0 && second < 0x90) && !(first == 0xf4 && second > 0x8f) ? 4
                                                                                                                   : 0;
  return 0;
}

TAPER_RARE inline void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xe0 | code >> 12);
    } else {
      put(0xf0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3f));
    }
    put(0x80 | (code >> 6 & 0x3f));
  }
  put(0x80 | (code & 0x3f));
}

}  // namespace detail

namespace io::json {

enum class Kind { object, array, string, number, boolean, null };

/// Reads one JSON text (RFC 8259) from front to back, one value per call.
///
/// Throws: IoError "[op] 'name': in its JSON at line L, column C: ..." for anything the standard does not allow, for
/// keys that appear twice in an object, for nesting deeper than 64, and for a value of another kind than asked for.
class Reader {
 public:
  /// `op` and `name` begin every error. All three must outlive the reader.
  Reader(std::string_view text, std::string_view op, std::string_view name) : text_(text), op_(op), name_(name) {}

  /// The kind of the next value.
  Kind peek() {
    const char c = next();
    if (c == '{') return Kind::object;
    if (c == '[') return Kind::array;
    if (c == '"') return Kind::string;
    if (c == 't' || c == 'f') return Kind::boolean;
    if (c == 'n') return Kind::null;
    if (c == '-' || is_digit(c)) return Kind::number;
    expected("a value");
  }

  /// Calls member(key) for each member; it must read exactly one value.
  TAPER_RARE void object(taper::detail::FunctionRef<void(const std::string&)> member) {
    enter('{', "an object");
    std::vector<std::string> keys;
    if (!accept('}')) {
      do {
        if (next() != '"') expected("a key in double quotes");
        keys.push_back(string());
        if (!accept(':')) expected("':' behind a key");
        member(keys.back());
      } while (accept(','));
      if (!accept('}')) expected("',' or '}'");
    }
    --depth_;
    if (const std::string* twice = taper::detail::find_duplicate(keys))
      fail("the key '", *twice, "' appears twice in the object that ends here");
  }

  /// Calls element() for each element; it must read exactly one value.
  TAPER_RARE void array(taper::detail::FunctionRef<void()> element) {
    enter('[', "an array");
    if (!accept(']')) {
      do element();
      while (accept(','));
      if (!accept(']')) expected("',' or ']'");
    }
    --depth_;
  }

  TAPER_RARE std::string string() {
    if (next() != '"') expected("a string");
    std::string out;
    for (++at_;;) {
      const std::size_t begin = at_;
      while (at_ < text_.size() && is_plain(text_[at_])) ++at_;
      out.append(text_.substr(begin, at_ - begin));
      if (at_ == text_.size()) fail("the text ends inside a string");
      if (text_[at_] == '"') break;
      if (text_[at_] == '\\') {
        append_escape(out);
      } else {
        const std::size_t length = taper::detail::utf8_length(text_.substr(at_));
        if (length == 1) fail("a string holds the control character ", describe(text_[at_]), ", which must be escaped");
        if (length == 0) fail("a string is not valid UTF-8");
        out.append(text_.substr(at_, length));
        at_ += length;
      }
    }
    ++at_;
    return out;
  }

  TAPER_RARE std::int64_t integer() {
    if (const char c = next(); c != '-' && !is_digit(c)) expected("an integer");
    const std::size_t begin = at_;
    const std::string_view token = number_token();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), value);
    if (error == std::errc() && end == token.data() + token.size()) return value;
    at_ = begin;
    if (end == token.data() + token.size()) fail("the integer ", shorten(token), " does not fit in 64 bits");
    fail("expected an integer, found ", shorten(token));
  }

  /// A double; also the strings "NaN", "Infinity" and "-Infinity", which is how Writer spells what JSON has no number
  /// for.
  TAPER_RARE double number() {
    const char c = next();
    if (c == '"') {
      const std::size_t begin = at_;
      const std::string text = string();
      if (text == "NaN") return std::nan("");
      if (text == "Infinity") return HUGE_VAL;
      if (text == "-Infinity") return -HUGE_VAL;
      at_ = begin;
      expected("a number");
    }
    if (c != '-' && !is_digit(c)) expected("a number");
    const std::size_t begin = at_;
    const std::string_view token = number_token();
    double value = 0;
    if (std::from_chars(token.data(), token.data() + token.size(), value).ec == std::errc()) return value;
    at_ = begin;
    fail("the number ", shorten(token), " is out of a double's range");
  }

  bool boolean() {
    next();
    if (accept_word("true")) return true;
    if (accept_word("false")) return false;
    expected("true or false");
  }

  void null() {
    next();
    if (!accept_word("null")) expected("null");
  }

  /// Reads any one value and forgets it.
  TAPER_RARE void skip() {
    switch (peek()) {
      case Kind::object:
        return object([this](const std::string&) { skip(); });
      case Kind::array:
        return array([this] { skip(); });
      case Kind::string:
        string();
        return;
      case Kind::number:
        number_token();
        return;
      case Kind::boolean:
        boolean();
        return;
      case Kind::null:
        null();
        return;
    }
  }

  /// Checks that nothing but white space is left.
  void finish() {
    skip_space();
    if (at_ < text_.size()) fail("found ", describe(text_[at_]), " behind the end of the value");
  }

  /// Throws an IoError at the current position: for values that are valid JSON but not what the format allows.
  template <class... Parts>
  [[noreturn, gnu::cold]] void fail(const Parts&... parts) const {
    const taper::detail::MessagePart list[] = {taper::detail::part_of(parts)...};
    fail_with(list, sizeof...(parts));
  }

 private:
  static constexpr int max_depth = 64;

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  static bool is_plain(char c) {
    const auto u = static_cast<unsigned char>(c);
    return u >= 0x20 && u < 0x80 && c != '"' && c != '\\';
  }
  TAPER_RARE static std::string describe(char c) {
    if (c > ' ' && c < 0x7f) return {'\'', c, '\''};
    char digits[2];
    const auto u = static_cast<unsigned char>(c);
    const auto end = std::to_chars(digits, digits + 2, static_cast<unsigned>(u), 16).ptr;
    return (u < 16 ? "byte 0x0" : "byte 0x") + std::string(digits, end);
  }
  static std::string_view shorten(std::string_view token) { return token.substr(0, 40); }

  [[noreturn]] TAPER_COLD void fail_with(const taper::detail::MessagePart* parts, std::size_t count) const {
    std::size_t line = 1, column = 1;
    for (const char c : text_.substr(0, at_)) {
      ++column;
      if (c == '\n') ++line, column = 1;
    }
    taper::detail::raise<IoError>(op_, "'", name_, "': in its JSON at line ", line, ", column ", column, ": ",
                                  taper::detail::concat_parts(parts, count));
  }

  [[noreturn]] TAPER_COLD void expected(std::string_view what) const {
    if (at_ == text_.size()) fail("expected ", what, ", but the text ends");
    fail("expected ", what, ", found ", describe(text_[at_]));
  }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
      ++at_;
  }
  /// The first character of the next token; 0 at the end (a zero byte is no token either).
  char next() {
    skip_space();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (next() != c) return false;
    ++at_;
    return true;
  }
  bool accept_word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  void enter(char bracket, std::string_view what) {
    if (next() != bracket) expected(what);
    if (++depth_ > max_depth) fail("nested deeper than ", max_depth);
    ++at_;
  }

  TAPER_RARE void append_escape(std::string& out) {
    ++at_;
    if (at_ == text_.size()) fail("the text ends inside a string");
    constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
    const char letter = text_[at_];
    if (letter != 'u') {
      const auto i = letters.find(letter);
      if (i == letters.npos) fail("unknown escape: ", describe(letter), " behind a backslash");
      out += meanings[i];
      ++at_;
      return;
    }
    ++at_;
    std::uint32_t code = hex4();
    if (code >= 0xd800 && code < 0xe000) {  // two escapes make one character beyond the first 65536
      const bool pair = code < 0xdc00 && accept_word("\\u");
      const std::uint32_t low = pair ? hex4() : 0;
      if (low < 0xdc00 || low >= 0xe000) fail("half of a surrogate pair in a string");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    taper::detail::append_utf8(out, code);
  }

  TAPER_RARE std::uint32_t hex4() {
    std::uint32_t code = 0;
    const std::string_view digits = text_.substr(at_, 4);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (error != std::errc() || end != digits.data() + 4) fail("expected four hexadecimal digits behind \\u");
    at_ += 4;
    return code;
  }

  /// Steps over a number that follows JSON's grammar, which is narrower than from_chars'.
  TAPER_RARE std::string_view number_token() {
    const std::size_t begin = at_;
    const auto digits = [this] {
      if (at_ == text_.size() || !is_digit(text_[at_])) expected("a digit");
      while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    };
    accept_word("-");
    if (!accept_word("0")) digits();
    if (accept_word(".")) digits();
    if (accept_word("e") || accept_word("E")) {
      if (!accept_word("+")) accept_word("-");
      digits();
    }
    return text_.substr(begin, at_ - begin);
  }

  std::string_view text_, op_, name_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

/// Builds a JSON text without white space; commas come by themselves. Numbers are the shortest that read back the same.
class Writer {
 public:
  void begin_object() { separate(), out_ += '{'; }
  void end_object() { out_ += '}'; }
  void begin_array() { separate(), out_ += '['; }
  void end_array() { out_ += ']'; }
  void key(std::string_view name) { string(name), out_ += ':'; }

  /// Throws: ValueError where the text is not valid UTF-8.
  void string(std::string_view text);
  void integer(std::int64_t value) { separate(), taper::detail::append(out_, value); }
  /// NaN and infinities become strings, which Reader::number takes back.
  void number(double value) {
    if (std::isnan(value)) return string("NaN");
    if (std::isinf(value)) return string(value > 0 ? "Infinity" : "-Infinity");
    separate(), taper::detail::append(out_, value);
  }
  void boolean(bool value) { separate(), out_ += value ? "true" : "false"; }
  void null() { separate(), out_ += "null"; }

  const std::string& text() const { return out_; }

 private:
  void separate() {
    if (!out_.empty() && std::string_view("{[:").find(out_.back()) == std::string_view::npos) out_ += ',';
  }

  std::string out_;
};

TAPER_RARE inline void Writer::string(std::string_view text) {
  separate();
  out_ += '"';
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = taper::detail::utf8_length(text.substr(i));
    if (length == 0) taper::detail::raise<ValueError>("json", "the string '", text, "' is not valid UTF-8");
    constexpr std::string_view special = "\"\\\b\f\n\r\t", letters = "\"\\bfnrt";
    if (const auto at = special.find(text[i]); at != special.npos) {
      out_ += '\\';
      out_ += letters[at];
    } else if (static_cast<unsigned char>(text[i]) < 0x20) {
      constexpr std::string_view hex = "0123456789abcdef";
      out_ += "\\u00";
      out_ += hex[static_cast<unsigned char>(text[i]) >> 4];
      out_ += hex[text[i] & 15];
    } else {
      out_.append(text.substr(i, length));
    }
    i += length;
  }
  out_ += '"';
}

}  // namespace io::json
}  // namespace taper::inline TAPER_CODE
