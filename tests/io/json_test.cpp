// SPDX-License-Identifier: MIT
// The JSON reader takes what RFC 8259 allows and nothing else, and says where; the writer's text reads back the same.
#include <taper/io/json.hpp>

#include <cmath>
#include <limits>

#include "tests/io/support.hpp"

using namespace taper;
using io::json::Kind;
using io::json::Reader;
using io::json::Writer;

namespace {

void read(std::string_view text) {
  Reader json(text, "test", "f");
  json.skip();
  json.finish();
}
std::string string(std::string_view text) {
  Reader json(text, "test", "f");
  auto out = json.string();
  json.finish();
  return out;
}
double number(std::string_view text) {
  Reader json(text, "test", "f");
  const double out = json.number();
  json.finish();
  return out;
}
std::int64_t integer(std::string_view text) {
  Reader json(text, "test", "f");
  const auto out = json.integer();
  json.finish();
  return out;
}
void bad(std::string_view text, const std::string& message, void (*reader)(std::string_view) = read) {
  INFO("the text " << text);
  check_error<IoError>([&] { reader(text); }, "[test] 'f': in its JSON at line", message);
}

}  // namespace

TEST_CASE("values of every kind") {
  for (const char* text : {"{}", "[]", " [ ] ", "0", "-0", "10", "-1.5e+3", "1E5", "0.0", "true", "false", "null",
                           "\"\"", "\t\r\n{\"a\" : [1, {\"b\": null}, \"c\"] , \"d\":-2}\n"}) {
    INFO(text);
    CHECK_NOTHROW(read(text));
  }
  Reader json(R"([{}, [], "s", 1, -1, true, false, null])", "test", "f");
  std::vector<Kind> kinds;
  json.array([&] {
    kinds.push_back(json.peek());
    json.skip();
  });
  CHECK(kinds == std::vector{Kind::object, Kind::array, Kind::string, Kind::number, Kind::number, Kind::boolean,
                             Kind::boolean, Kind::null});
}

TEST_CASE("strings and their escapes") {
  CHECK(string(R"("a\"\\\/\b\f\n\r\tz")") == "a\"\\/\b\f\n\r\tz");
  CHECK(string(R"("\u0041\u00e9\u20ac\ud83d\ude00")") == "A\u00e9\u20ac\U0001f600");
  CHECK(string("\"\u00e9\u20ac\U0001f600\"") == "\u00e9\u20ac\U0001f600");
  CHECK(string(R"("\u0000")") == std::string(1, '\0'));
  CHECK(string("\"\x7f\"") == "\x7f");
}

TEST_CASE("numbers") {
  CHECK(integer("-9223372036854775808") == std::numeric_limits<std::int64_t>::min());
  CHECK(integer("9223372036854775807") == std::numeric_limits<std::int64_t>::max());
  CHECK(number("0.1") == 0.1);
  CHECK(number("1e308") == 1e308);
  CHECK(number("5e-324") == 5e-324);
  CHECK(number("12") == 12);
  CHECK(std::signbit(number("-0")));
  CHECK(std::isnan(number("\"NaN\"")));
  CHECK(number("\"Infinity\"") == HUGE_VAL);
  CHECK(number("\"-Infinity\"") == -HUGE_VAL);
}

TEST_CASE("what is no JSON is refused, with its place") {
  bad("", "line 1, column 1: expected a value, but the text ends");
  bad("  \n x", "line 2, column 2: expected a value, found 'x'");
  bad("{} {}", "column 4: found '{' behind the end");
  bad("[1,]", "column 4: expected a value, found ']'");
  bad("[1 2]", "column 4: expected ',' or ']', found '2'");
  bad("[1", "column 3: expected ',' or ']', but the text ends");
  bad("{\"a\":1,}", "column 8: expected a key in double quotes, found '}'");
  bad("{a:1}", "column 2: expected a key in double quotes, found 'a'");
  bad("{'a':1}", "expected a key in double quotes");
  bad("{\"a\" 1}", "column 6: expected ':' behind a key, found '1'");
  bad("{\"a\":1 \"b\":2}", "expected ',' or '}'");
  bad("{\"a\":1,\"b\":2,\"a\":3}", "the key 'a' appears twice");
  bad("{\"a\":1,\"\\u0061\":3}", "the key 'a' appears twice");
  for (const char* text : {"01", "-", "1.", ".5", "+1", "1e", "1e+", "0x10", "NaN", "Infinity", "-Infinity", "tru",
                           "nul", "True", "1 // comment", "[1]]", "\xef\xbb\xbf{}"})
    bad(text, "");
  bad(std::string_view("1\0", 2), "found byte 0x00 behind the end");
}

TEST_CASE("broken strings are refused") {
  bad("\"abc", "the text ends inside a string");
  bad("\"abc\\", "the text ends inside a string");
  bad("\"a\nb\"", "control character byte 0x0a");
  bad("\"\\x41\"", "unknown escape: 'x'");
  bad("\"\\u12g4\"", "four hexadecimal digits");
  bad("\"\\u12", "four hexadecimal digits");
  bad("\"\\u-123\"", "four hexadecimal digits");
  for (const char* text : {"\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800x\"", "\"\\ud83d\\ud83d\""})
    bad(text, "half of a surrogate pair");
  // A lone tail, an overlong '/', a truncated sequence, a surrogate, beyond U+10FFFF, a byte UTF-8 never uses.
  for (const char* text : {"\"\x80\"", "\"\xc0\xaf\"", "\"\xe2\x82\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
                           "\"\xff\"", "\"\xe0\x80\xaf\"", "\"\xf0\x80\x80\xaf\""})
    bad(text, "not valid UTF-8");
}

TEST_CASE("a value of another kind is refused") {
  const auto as_integer = [](std::string_view text) { integer(text); };
  const auto as_number = [](std::string_view text) { number(text); };
  const auto as_string = [](std::string_view text) { string(text); };
  bad("1.0", "expected an integer, found 1.0", as_integer);
  bad("1e3", "expected an integer, found 1e3", as_integer);
  bad("\"1\"", "expected an integer", as_integer);
  bad("9223372036854775808", "does not fit in 64 bits", as_integer);
  bad("-9223372036854775809", "does not fit in 64 bits", as_integer);
  bad("\"1\"", "column 1: expected a number", as_number);
  bad("1e999", "out of a double's range", as_number);
  bad("1", "expected a string, found '1'", as_string);
}

TEST_CASE("nesting has a limit, and hostile nesting no stack") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK_NOTHROW(read(nested(64)));
  bad(nested(65), "column 65: nested deeper than 64");
  bad(std::string(1'000'000, '['), "nested deeper than 64");
}

TEST_CASE("a text cut anywhere is refused") {
  truncate_everywhere(R"({"a\n":[1,-2.5e3,true,null,{"b":"\u00e9"}],"c":false})",
                      [](io::Bytes bytes) { read(io::text_of(bytes)); });
}

TEST_CASE("the writer's text reads back the same") {
  const std::string odd = "\"\\/\b\f\n\r\t\x01\x1f\x7f \u00e9\u20ac\U0001f600" + std::string(1, '\0');
  const std::vector<double> numbers = {0.1,         -0.0,     1e300,     5e-324,      1.0 / 3,
                                       123456789.0, HUGE_VAL, -HUGE_VAL, std::nan("")};
  Writer out;
  out.begin_object();
  out.key(odd), out.string(odd);
  out.key("list"), out.begin_array();
  for (const double value : numbers) out.number(value);
  out.end_array();
  out.key("empty"), out.begin_array(), out.end_array();
  out.key("rest"), out.begin_array(), out.begin_object(), out.end_object(), out.boolean(true), out.boolean(false),
      out.null();
  out.integer(std::numeric_limits<std::int64_t>::min()), out.end_array();
  out.end_object();

  Reader json(out.text(), "test", "f");
  std::vector<std::string> keys;
  std::vector<double> read_back;
  json.object([&](const std::string& key) {
    keys.push_back(key);
    if (key == odd)
      CHECK(json.string() == odd);
    else if (key == "list")
      json.array([&] { read_back.push_back(json.number()); });
    else
      json.skip();
  });
  json.finish();
  CHECK(keys == std::vector<std::string>{odd, "list", "empty", "rest"});
  REQUIRE(read_back.size() == numbers.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    INFO("number " << i);
    CHECK((std::isnan(numbers[i]) ? std::isnan(read_back[i])
                                  : std::memcmp(&read_back[i], &numbers[i], sizeof(double)) == 0));
  }
  CHECK(out.text().ends_with(R"("empty":[],"rest":[{},true,false,null,-9223372036854775808]})"));
  check_error<ValueError>([&] { Writer().string("\xff"); }, "not valid UTF-8");
}
