// SPDX-License-Identifier: MIT
// CSV against a file of Python's csv module, the corners of RFC 4180, and numbers that are none.
#include <taper/io/csv.hpp>

#include <cmath>

#include "tests/io/support.hpp"

using namespace taper;

namespace {

io::CsvTable parse(std::string_view text, const io::CsvOptions& options = {.header = false}) {
  return io::parse_csv(text, "f", options);
}
std::vector<std::vector<std::string>> cells(std::string_view text, const io::CsvOptions& options = {.header = false}) {
  const auto table = parse(text, options);
  std::vector<std::vector<std::string>> out(table.rows());
  for (std::size_t row = 0; row < table.rows(); ++row)
    for (std::size_t column = 0; column < table.columns(); ++column) out[row].emplace_back(table.text(row, column));
  return out;
}
using Cells = std::vector<std::vector<std::string>>;

}  // namespace

TEST_CASE("a table of Python's csv module") {
  auto first = io::read_csv(golden_path("table.csv"));
  const io::CsvTable table = std::move(first);  // cells stay valid
  CHECK(table.rows() == 5);
  CHECK(table.names() == std::vector<std::string>{"name", "a,b", "value"});
  CHECK(table.text(0, "name") == "plain");
  CHECK(table.text(1, "name") == "say \"hi\"");
  CHECK(table.text(2, "name") == "two\r\nlines");
  CHECK(table.text(3, "name").empty());
  CHECK(table.text(4, "name") == "\u00fcn\u00ef");
  CHECK(table.numbers<int>("a,b") == std::vector{1, 2, 3, 4, 5});
  const auto values = table.numbers("value");
  CHECK(values[0] == -0.5);
  CHECK(values[1] == 1e300);
  CHECK(std::isnan(values[2]));
  CHECK(values[3] == HUGE_VAL);
  CHECK(values[4] == 7);
}

TEST_CASE("lines, separators and quotes") {
  CHECK(cells("").empty());
  CHECK(cells("\n\r\n\r").empty());
  CHECK(cells("a") == Cells{{"a"}});
  CHECK(cells("a,b\nc,d") == Cells{{"a", "b"}, {"c", "d"}});
  CHECK(cells("a,b\r\nc,d\r\n") == Cells{{"a", "b"}, {"c", "d"}});
  CHECK(cells("a,b\rc,d\r") == Cells{{"a", "b"}, {"c", "d"}});
  CHECK(cells("a,b\n\n\nc,d\n\n") == Cells{{"a", "b"}, {"c", "d"}});
  CHECK(cells(",\n,") == Cells{{"", ""}, {"", ""}});
  CHECK(cells("\"\"\n\"a\"\n") == Cells{{""}, {"a"}});
  CHECK(cells("\"a,\"\"b\"\"\",\"\n\"") == Cells{{"a,\"b\"", "\n"}});
  CHECK(cells(" a , b ") == Cells{{" a ", " b "}});
  CHECK(cells("\xef\xbb\xbf"
              "a,b") == Cells{{"a", "b"}});
  CHECK(cells("a;b,c\td", {.delimiter = ';', .header = false}) == Cells{{"a", "b,c\td"}});
  CHECK(cells("a\tb,c", {.delimiter = '\t', .header = false}) == Cells{{"a", "b,c"}});
  CHECK(cells("'a,b',\"c", {.header = false, .quote = '\''}) == Cells{{"a,b", "\"c"}});
  CHECK(cells("5\" pipe,\"", {.header = false, .quote = '\0'}) == Cells{{"5\" pipe", "\""}});
  const auto empty = parse("a,b\n", {});
  CHECK(empty.rows() == 0);
  CHECK(empty.columns() == 2);
}

TEST_CASE("misplaced quotes and rows of different lengths name their line") {
  const auto bad = [](std::string_view text, const auto&... parts) {
    check_error<IoError>([&] { parse(text); }, "[csv] 'f', line ", parts...);
  };
  bad("a,b\nc\n", "line 2 has 1 cells; the first line has 2");
  bad("a,b\n\n\"x\ny\",d\ne,f,g\n", "line 5 has 3 cells", "needs quotes");
  bad("a\nb\"c\n", "line 2, column 1: a quote inside an unquoted cell");
  bad("a,\"b\"c\n", "line 1, column 2: text behind the closing quote");
  bad("a,\"b\" ,c\n", "line 1, column 2: text behind the closing quote");
  bad("a\n\"b\n\nc", "line 2, column 1: the quote that opens here is never closed");
  check_error<IoError>([] { parse("a,b\n1,2,3\n", {}); }, "line 2 has 3 cells; the header has 2");
  check_error<ValueError>([] { parse("a", {.delimiter = '"'}); }, "another character");
  check_error<ValueError>([] { parse("a", {.delimiter = '\n'}); }, "another character");
}

TEST_CASE("cells as numbers") {
  CHECK(parse("x,y\n1,-2.5\n+3, 4e-1 \n", {}).matrix() == std::vector<double>{1, -2.5, 3, 0.4});
  CHECK(parse("1,2,3\n4,5,6").matrix<float>({2, 0}) == std::vector{3.f, 1.f, 6.f, 4.f});
  CHECK(parse("-128,127").matrix<std::int8_t>() == std::vector<std::int8_t>{-128, 127});
  CHECK(parse("9223372036854775807").number<std::int64_t>(0, 0) == INT64_MAX);
  CHECK(parse("true,False,0,1").matrix<bool>() == std::vector{true, false, false, true});
  CHECK(static_cast<float>(parse("0.5").number<float16>(0, 0)) == 0.5f);
  CHECK(parse("0.1").number<float>(0, 0) == 0.1f);
  CHECK(parse("0.1").number<double>(0, 0) == 0.1);
}

TEST_CASE("a number too small for its type is zero or subnormal, as strtof reads it") {
  for (const char* text : {"1e-50", "0.00000000000000000000000000000000000000000000000001", "12345e-60", "0.001e-45", "100e-50", "0e0"}) {
    INFO(text);
    CHECK(parse(text).number<float>(0, 0) == 0);
    CHECK(static_cast<float>(parse(text).number<float16>(0, 0)) == 0);
  }
  CHECK(parse("1e-40").number<float>(0, 0) == 1e-40f);
  CHECK(parse("1e-400").number<double>(0, 0) == 0);
  CHECK(parse("1E-99999999999999999999").number<double>(0, 0) == 0);
  CHECK(std::signbit(parse("-1e-50").number<float>(0, 0)));
  CHECK(static_cast<float>(parse("6e-8").number<float16>(0, 0)) == 0x1p-24f);
}

TEST_CASE("cells that are no numbers name file, line and column") {
  const auto table = parse("id,price\n1,2.5\n\n2,\n3,abc\n4,1.5x\n300,1e999\n", {});
  const auto bad = [&](auto type, std::size_t row, const char* name, const auto&... parts) {
    check_error<ValueError>([&] { table.number<decltype(type)>(row, name); }, "[csv] 'f', line ", parts...);
  };
  bad(0.0, 1, "price", "line 4, column 2 (price): '' is empty where a number is needed");
  bad(0.0, 2, "price", "line 5, column 2 (price): 'abc' is not a number");
  bad(0.0, 3, "price", "line 6, column 2 (price): '1.5x' is not a number");
  bad(0.0, 4, "price", "line 7", "'1e999' is out of the type's range");
  bad(0.0f, 4, "price", "line 7", "'1e999' is out of the type's range");
  const auto large = parse("1e6,3.4e38,1e99999999999999999999,0.1e40,-65520", {.header = false});
  check_error<ValueError>([&] { large.number<float16>(0, 0); }, "'1e6' is out of the type's range");
  check_error<ValueError>([&] { large.number<bfloat16>(0, 1); }, "'3.4e38' is out of the type's range");
  check_error<ValueError>([&] { large.number<double>(0, 2); }, "is out of the type's range");
  check_error<ValueError>([&] { large.number<float>(0, 3); }, "is out of the type's range");
  check_error<ValueError>([&] { large.number<float16>(0, 4); }, "is out of the type's range");
  CHECK(static_cast<float>(large.number<bfloat16>(0, 0)) == 999424);  // PyTorch's bfloat16(1e6)
  CHECK(std::isinf(static_cast<float>(parse("inf").number<float16>(0, 0))));
  bad(std::uint8_t{}, 4, "id", "line 7, column 1 (id): '300' is out of the type's range");
  bad(0, 0, "price", "line 2, column 2 (price): '2.5' is not an integer");
  bad(true, 1, "id", "'2' is none of 0, 1, true and false");
  for (const char* text : {"+-1", "++1", "+", "-", "1,5", "0x10", "1 2", "1e-999x", "1e-999e"})
    check_error<ValueError>([&] { parse(text, {.delimiter = ';', .header = false}).number<double>(0, 0); },
                            "line 1, column 1: '");
}

TEST_CASE("columns and cells that are not there") {
  const auto table = parse("a,b,a\n1,2,3\n", {});
  CHECK(table.column("b") == 1);
  check_error<IndexError>([&] { table.column("c"); }, "[csv] 'f': no column is called 'c'; the columns are: a, b, a");
  check_error<IndexError>([&] { table.column("a"); }, "two columns are called 'a'");
  check_error<IndexError>([&] { table.text(1, 0); }, "no row 1; there are 1");
  check_error<IndexError>([&] { table.text(0, 3); }, "no column 3; there are 3");
  check_error<IndexError>([&] { table.numbers(3); }, "no column 3");
  check_error<IndexError>([&] { table.matrix({0, 3}); }, "no column 3");
  check_error<IndexError>([] { parse("1,2").column("a"); }, "the table has no header");
}

TEST_CASE("a missing file is named") {
  check_error<IoError>([] { io::read_csv("none.csv"); }, "cannot open 'none.csv': No such file or directory");
}
