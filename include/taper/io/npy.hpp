// SPDX-License-Identifier: MIT
// NumPy's .npy format, as descriptors and bytes: versions 1 to 3, both byte orders, both memory orders.
#pragma once

#include <taper/io/array.hpp>
#include <taper/io/atomic_file.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

/// NumPy's names of the dtypes behind the byte order, in the order of DType; NumPy has no bfloat16.
inline constexpr std::string_view npy_dtypes[] = {"b1", "u1", "i1", "i2", "i4", "i8",
                                                  "f2", "",   "f4", "f8", "c8", "c16"};

/// Reads the header of an .npy file: the text of a Python dict with the keys descr, fortran_order and shape.
class NpyHeader {
 public:
  NpyHeader(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  void parse(io::ArrayInFile& array) {
    bool has_descr = false, has_order = false, has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = string();
      expect(':');
      if (key == "descr" && !has_descr) {
        has_descr = true;
        dtype(array);
      } else if (key == "fortran_order" && !has_order) {
        has_order = true;
        array.fortran_order = boolean();
      } else if (key == "shape" && !has_shape) {
        has_shape = true;
        shape(array.shape);
      } else {
        fail("the key '", key, "' is unknown or appears twice");
      }
      if (!accept(',') && next() != '}') fail("expected ',' or '}'");
    }
    if (next() != '\0' || at_ < text_.size()) fail("something stands behind the closing '}'");
    if (!has_descr || !has_order || !has_shape)
      fail("it lacks the key '", !has_descr ? "descr" : !has_order ? "fortran_order" : "shape", "'");
  }

 private:
  template <class... Parts>
  [[noreturn]] TAPER_COLD void fail(const Parts&... parts) const {
    raise<IoError>("npy", "'", file_, "': its header is broken at byte ", at_, ": ", parts...);
  }

  /// The first character that is no white space; 0 at the end.
  char next() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
      ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (next() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail("expected '", c, "'");
  }

  std::string_view string() {
    const char quote = next();
    if (quote != '\'' && quote != '"') fail("expected a text in quotes");
    const std::size_t begin = ++at_;
    while (at_ < text_.size() && text_[at_] != quote && text_[at_] != '\\') ++at_;
    if (at_ == text_.size() || text_[at_] == '\\') fail("a text in quotes does not end");
    return text_.substr(begin, at_++ - begin);
  }

  bool boolean() {
    next();
    for (const std::string_view word : {"True", "False"})
      if (text_.substr(at_, word.size()) == word) {
        at_ += word.size();
        return word == "True";
      }
    fail("expected True or False");
  }

  void shape(Shape& out) {
    expect('(');
    bool comma = true;
    while (!accept(')')) {
      if (!comma) fail("expected ',' or ')'");
      next();
      std::int64_t size = 0;
      const char* end = text_.data() + text_.size();
      const auto [stop, error] = std::from_chars(text_.data() + at_, end, size);
      if (error != std::errc() || size < 0) fail("expected a size between 0 and 2^63 - 1");
      at_ = static_cast<std::size_t>(stop - text_.data());
      if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2 wrote its long integers so
      if (out.size() == max_rank)
        raise<ShapeError>("npy", "'", file_, "': the array has more than ", max_rank,
                          " dimensions, the most a Taper tensor can have; reshape it where the file was made");
      out.push_back(size);
      comma = accept(',');
    }
    if (out.size() == 1 && !comma) fail("expected a tuple; one size is written (3,)");
  }

  void dtype(io::ArrayInFile& array) {
    if (next() == '[')
      raise<DTypeError>("npy", "'", file_,
                        "': the array has named fields; save one array per field, or one .npy file each");
    const std::string_view descr = string();
    const char order = descr.empty() ? '\0' : descr[0];
    if (order == '<' || order == '>' || order == '|' || order == '=') {
      array.big_endian = order == '>';
      for (int i = 0; i < static_cast<int>(std::size(npy_dtypes)); ++i)
        if (!npy_dtypes[i].empty() && descr.substr(1) == npy_dtypes[i]) {
          array.dtype = static_cast<DType>(i);
          return;
        }
    }
    raise<DTypeError>(
        "npy", "'", file_, "': the array has dtype '", descr, "', ",
        descr.ends_with('O') ? "pickled Python objects" : "which Taper does not have",
        "; convert it to bool, uint8, int8 to int64, float16 to float64 or a complex dtype with astype in NumPy");
  }

  std::string_view text_;
  const std::string& file_;
  std::size_t at_ = 0;
};

}  // namespace detail

namespace io::npy {

/// Reads the header of an .npy file. Bytes behind the array are left alone: NumPy lets several arrays follow each other
/// in one file, the next one begins at `end`.
///
/// Throws: IoError where the file is truncated, damaged or hostile; DTypeError and ShapeError where Taper has no such
/// dtype or rank. Source: NumPy Enhancement Proposal 1 and the documentation of numpy.lib.format.
inline ArrayInFile parse(Bytes file, const std::string& name) {
  using taper::detail::raise;
  constexpr std::string_view magic = "\x93NUMPY";
  if (text_of(file).substr(0, magic.size()) != magic)
    raise<IoError>("npy", "'", name, "' does not begin like an .npy file",
                   text_of(file).starts_with("PK") ? "; it looks like an .npz archive: unpack it" : "");
  const auto byte = [&](std::size_t i) { return std::to_integer<std::size_t>(file[i]); };
  if (file.size() < 10) raise<IoError>("npy", "'", name, "' has ", file.size(), " bytes: it is truncated");
  if (byte(6) < 1 || byte(6) > 3)
    raise<IoError>("npy", "'", name, "' is of version ", byte(6), ".", byte(7), "; Taper reads 1 to 3");
  const std::size_t start = byte(6) == 1 ? 10 : 12;
  std::size_t length = byte(8) | byte(9) << 8;
  if (start == 12 && file.size() >= 12) length |= byte(10) << 16 | byte(11) << 24;
  if (file.size() < start || length > file.size() - start)
    raise<IoError>("npy", "'", name, "': its header is ", length, " bytes long, but the file has only ", file.size(),
                   ": it is truncated or damaged");

  ArrayInFile array;
  taper::detail::NpyHeader(text_of(file.subspan(start, length)), name).parse(array);
  array.begin = start + length;
  std::uint64_t bytes = 0;
  if (!taper::detail::dense_bytes(array.shape, array.dtype, bytes))
    raise<IoError>("npy", "'", name, "': the shape ", array.shape, " is more than can be counted");
  if (bytes > file.size() - array.begin)
    raise<IoError>("npy", "'", name, "' should hold ", taper::name(array.dtype), array.shape, ", ", bytes,
                   " bytes, but only ", file.size() - array.begin, " follow its header: it is truncated or damaged");
  array.end = array.begin + static_cast<std::size_t>(bytes);
  return array;
}

/// The header that NumPy would write (version 1.0), padded so that the data begin at a multiple of 64.
///
/// Throws: DTypeError for bfloat16, which NumPy does not have.
inline std::string header(DType dtype, const Shape& shape, bool fortran_order = false) {
  const std::string_view descr = taper::detail::npy_dtypes[static_cast<int>(dtype)];
  if (descr.empty())
    taper::detail::raise<DTypeError>("npy", "NumPy has no ", name(dtype), "; cast to float32, or save as safetensors");
  std::string text =
      taper::detail::concat("{'descr': '", size_of(dtype) == 1 ? '|' : '<', descr,
                            "', 'fortran_order': ", fortran_order ? "True" : "False", ", 'shape': ", shape, ", }");
  constexpr std::size_t start = 10, alignment = 64;
  const std::size_t total = (start + text.size() + 1 + alignment - 1) / alignment * alignment;
  text.resize(total - start - 1, ' ');
  text += '\n';
  std::string out("\x93NUMPY\x01\x00", 8);
  out += static_cast<char>(text.size() & 0xff);
  out += static_cast<char>(text.size() >> 8);
  return out + text;
}

/// Writes an .npy file atomically, from dense row-major elements (column-major where `fortran_order`).
///
/// Throws, before anything is written: DTypeError for bfloat16; ValueError where the data are of another size than
/// dtype and shape say. IoError.
inline void write(const std::string& path, DType dtype, const Shape& shape, Bytes data, bool fortran_order = false) {
  const std::string head = header(dtype, shape, fortran_order);
  std::uint64_t bytes = 0;
  if (!taper::detail::dense_bytes(shape, dtype, bytes) || bytes != data.size())
    taper::detail::raise<ValueError>("npy", "'", path, "': ", name(dtype), shape, " comes with ", data.size(),
                                     " bytes of data");
  write_atomically(path, [&](AtomicFile& file) {
    file.write(head);
    file.write(data);
  });
}

}  // namespace io::npy
}  // namespace taper::inline TAPER_CODE
