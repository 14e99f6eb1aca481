// SPDX-License-Identifier: MIT
// Tables in comma-separated text (RFC 4180): columns by name, cells as text or numbers, errors with line and column.
#pragma once

#include <taper/core/dtype.hpp>
#include <taper/io/file.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

namespace taper::inline TAPER_CODE {

namespace io {

struct CsvOptions {
  char delimiter = ',';
  bool header = true;  ///< the first line names the columns
  char quote = '"';    ///< '\0' takes quotes as ordinary characters
};

}  // namespace io

namespace detail {

class CsvParser;

/// Whether a decimal number, which no floating type need hold, is below 1, from the place of its first digit that is not 0.
TAPER_RARE inline bool is_below_one(std::string_view number) {
  const std::size_t e = number.find_first_of("eE"), point = std::min({number.find('.'), e, number.size()});
  const std::size_t first = number.find_first_of("123456789");
  std::int64_t exponent = 0;
  if (e != number.npos) {
    number.remove_prefix(e + (number[e + 1] == '+' ? 2 : 1));
    if (std::from_chars(number.data(), number.data() + number.size(), exponent).ec == std::errc::result_out_of_range) return number[0] == '-';
  }
  return exponent < static_cast<std::int64_t>(first) - static_cast<std::int64_t>(point) + (first < point ? 1 : 0);
}

}  // namespace detail

namespace io {

/// A table of text cells; all rows have the same number of them. Rows and columns count from 0; the lines in errors
/// from 1.
class CsvTable {
 public:
  std::size_t rows() const { return lines_.size(); }
  std::size_t columns() const { return columns_; }
  /// The header's names; empty where the table has no header.
  const std::vector<std::string>& names() const { return names_; }

  /// The number of the column of that name.
  ///
  /// Throws: IndexError where no column, or more than one, is called so.
  std::size_t column(std::string_view name) const {
    std::size_t found = names_.size();
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (names_[i] != name) continue;
      if (found < names_.size())
        taper::detail::raise<IndexError>("csv", "'", file_, "': two columns are called '", name,
                                         "'; give the number of one");
      found = i;
    }
    if (found < names_.size()) return found;
    std::string known;
    for (const std::string& other : names_) known += (known.empty() ? "" : ", ") + other;
    taper::detail::raise<IndexError>("csv", "'", file_, "': no column is called '", name, "'; ",
                                     names_.empty() ? "the table has no header" : "the columns are: ", known);
  }

  /// The text of a cell, without its quotes. It lives as long as the table.
  std::string_view text(std::size_t row, std::size_t column) const {
    check_index("row", row, rows());
    check_index("column", column, columns_);
    const std::size_t i = row * columns_ + column;
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return {text_.data() + begin, ends_[i] - begin};
  }
  std::string_view text(std::size_t row, std::string_view name) const { return text(row, column(name)); }

  /// The number in a cell: as std::from_chars reads it, with spaces around it and a plus sign allowed, and 0 for one that is too
  /// small for T; bool reads 0, 1, true and false.
  ///
  /// Throws: ValueError with file, line, column and text where the cell is empty, no number, or too large for T.
  template <class T>
  T number(std::size_t row, std::size_t column) const;
  template <class T>
  T number(std::size_t row, std::string_view name) const {
    return number<T>(row, column(name));
  }

  /// All numbers of a column.
  template <class T = double>
  std::vector<T> numbers(std::size_t column) const {
    check_index("column", column, columns_);
    std::vector<T> out;
    out.reserve(rows());
    for (std::size_t row = 0; row < rows(); ++row) out.push_back(number<T>(row, column));
    return out;
  }
  template <class T = double>
  std::vector<T> numbers(std::string_view name) const {
    return numbers<T>(column(name));
  }

  /// The columns asked for, all of them if none is, row after row: a matrix of rows() x columns.
  template <class T = double>
  std::vector<T> matrix(const std::vector<std::size_t>& columns = {}) const {
    std::vector<T> out;
    out.reserve(rows() * (columns.empty() ? columns_ : columns.size()));
    for (std::size_t row = 0; row < rows(); ++row) {
      if (columns.empty())
        for (std::size_t column = 0; column < columns_; ++column) out.push_back(number<T>(row, column));
      for (const std::size_t column : columns) out.push_back(number<T>(row, column));
    }
    return out;
  }

 private:
  friend class taper::detail::CsvParser;

  void check_index(std::string_view what, std::size_t index, std::size_t count) const {
    if (index >= count)
      taper::detail::raise<IndexError>("csv", "'", file_, "' has no ", what, " ", index, "; there are ", count);
  }

  [[noreturn]] TAPER_COLD void not_a_number(std::size_t row, std::size_t column, std::string_view why) const {
    const std::string name = column < names_.size() ? " (" + names_[column] + ")" : std::string();
    taper::detail::raise<ValueError>("csv", "'", file_, "', line ", lines_[row], ", column ", column + 1, name, ": '",
                                     text(row, column).substr(0, 60), "' ", why);
  }

  std::string file_;
  std::vector<std::string> names_;
  std::size_t columns_ = 0;
  std::vector<char> text_;          // every cell's text, one behind the other, quotes and separators removed
  std::vector<std::size_t> ends_;   // where each cell ends in it
  std::vector<std::size_t> lines_;  // the line of the file each row begins on
};

template <class T>
T CsvTable::number(std::size_t row, std::size_t column) const {
  static_assert(std::is_arithmetic_v<T> || Floating<T>, "a cell is read as a number or a bool");
  std::string_view cell = text(row, column);
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  while (!cell.empty() && is_space(cell.front())) cell.remove_prefix(1);
  while (!cell.empty() && is_space(cell.back())) cell.remove_suffix(1);
  if (cell.empty()) not_a_number(row, column, "is empty where a number is needed");
  if constexpr (std::is_same_v<T, bool>) {
    if (cell == "1" || cell == "true" || cell == "True" || cell == "TRUE") return true;
    if (cell == "0" || cell == "false" || cell == "False" || cell == "FALSE") return false;
    not_a_number(row, column, "is none of 0, 1, true and false");
  } else {
    if (cell.size() > 1 && cell[0] == '+' && cell[1] != '-') cell.remove_prefix(1);
    std::conditional_t<std::is_arithmetic_v<T>, T, float> value{};
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    bool too_large = error == std::errc::result_out_of_range;
    if constexpr (!std::is_integral_v<T>) {
      const std::string_view number = cell.substr(0, static_cast<std::size_t>(end - cell.data()));
      if (too_large && taper::detail::is_below_one(number)) value = cell[0] == '-' ? -0.0f : 0.0f, too_large = false;
      if constexpr (!std::is_arithmetic_v<T>) too_large = too_large || (std::isfinite(value) && !std::isfinite(static_cast<float>(T(value))));
    }
    if (too_large) not_a_number(row, column, "is out of the type's range");
    if (error == std::errc::invalid_argument || end != cell.data() + cell.size())
      not_a_number(row, column, std::is_integral_v<T> ? "is not an integer" : "is not a number");
    return T(value);
  }
}

}  // namespace io

namespace detail {

class CsvParser {
 public:
  CsvParser(std::string_view text, const std::string& file, const io::CsvOptions& options)
      : in_(text), options_(options) {
    const char d = options.delimiter;
    if (d == options.quote || d == '\n' || d == '\r')
      raise<ValueError>("csv", "the delimiter must be another character than the quote and the line end");
    table_.file_ = file;
    table_.text_.reserve(text.size());
    if (in_.starts_with("\xef\xbb\xbf")) at_ = 3;  // a byte order mark, as spreadsheets write it
  }

  io::CsvTable parse() {
    while (at_ < in_.size()) {
      if (end_of_line()) continue;  // a blank line is no row
      row();
    }
    return std::move(table_);
  }

 private:
  template <class... Parts>
  [[noreturn]] TAPER_COLD void fail(std::size_t line, const Parts&... parts) const {
    raise<IoError>("csv", "'", table_.file_, "', line ", line, parts...);
  }

  /// Steps over "\n", "\r\n" or "\r".
  bool end_of_line() {
    if (at_ == in_.size() || (in_[at_] != '\n' && in_[at_] != '\r')) return false;
    at_ += in_.substr(at_).starts_with("\r\n") ? 2 : 1;
    ++line_;
    return true;
  }

  void row() {
    const std::size_t line = line_;
    std::size_t cells = 0;
    for (;;) {
      cell(++cells);
      if (header_) {
        table_.names_.emplace_back(table_.text_.begin(), table_.text_.end());
        table_.text_.clear();
      } else {
        table_.ends_.push_back(table_.text_.size());
      }
      if (at_ == in_.size() || end_of_line()) break;
      ++at_;  // the delimiter
    }
    if (first_) table_.columns_ = cells;
    if (cells != table_.columns_)
      fail(line, " has ", cells, " cells; ", header_ || table_.names_.empty() ? "the first line" : "the header",
           " has ", table_.columns_,
           cells > table_.columns_ ? " (is the delimiter part of a cell that needs quotes?)" : "");
    if (!header_) table_.lines_.push_back(line);
    first_ = header_ = false;
  }

  void cell(std::size_t column) {
    const char delimiter = options_.delimiter, quote = options_.quote;
    auto& out = table_.text_;
    const auto is_end = [&] {
      return at_ == in_.size() || in_[at_] == delimiter || in_[at_] == '\n' || in_[at_] == '\r';
    };
    if (quote == '\0' || at_ == in_.size() || in_[at_] != quote) {
      const std::size_t begin = at_;
      for (; !is_end(); ++at_)
        if (quote != '\0' && in_[at_] == quote)
          fail(line_, ", column ", column,
               ": a quote inside an unquoted cell; quote the whole cell and double the quote");
      out.insert(out.end(), in_.begin() + begin, in_.begin() + at_);
      return;
    }
    const std::size_t opened = line_;
    for (++at_;; ++at_) {
      if (at_ == in_.size()) fail(opened, ", column ", column, ": the quote that opens here is never closed");
      if (in_[at_] == quote) {
        ++at_;
        if (at_ == in_.size() || in_[at_] != quote) break;  // two quotes stand for one
      } else if (in_[at_] == '\n' || (in_[at_] == '\r' && !in_.substr(at_).starts_with("\r\n"))) {
        ++line_;
      }
      out.push_back(in_[at_]);
    }
    if (!is_end()) fail(line_, ", column ", column, ": text behind the closing quote of a cell");
  }

  std::string_view in_;
  const io::CsvOptions& options_;
  io::CsvTable table_;
  std::size_t at_ = 0, line_ = 1;
  bool first_ = true, header_ = options_.header;
};

}  // namespace detail

namespace io {

/// Reads a table from text; `name` begins its errors. Lines end in LF, CR LF or CR; blank lines are skipped; a cell in
/// quotes may hold delimiters, line ends and doubled quotes.
///
/// Throws: IoError with line and column for rows of different lengths and for misplaced or unclosed quotes.
/// Source: RFC 4180.
inline CsvTable parse_csv(std::string_view text, const std::string& name, const CsvOptions& options = {}) {
  return taper::detail::CsvParser(text, name, options).parse();
}

/// Reads a table from a file.
inline CsvTable read_csv(const std::string& path, const CsvOptions& options = {}) {
  return parse_csv(text_of(read_file(path)), path, options);
}

}  // namespace io
}  // namespace taper::inline TAPER_CODE
