// SPDX-License-Identifier: MIT
// A dense array inside a file: where its bytes lie and how its elements are written.
#pragma once

#include <taper/core/dtype.hpp>
#include <taper/core/shape.hpp>
#include <taper/io/file.hpp>

#include <bit>
#include <cstdint>
#include <cstring>

namespace taper::inline TAPER_CODE {

namespace io {

static_assert(std::endian::native == std::endian::little,
              "Taper's file formats are written for little-endian machines");

/// What the header of an .npy or IDX file says. The data are bytes [begin, end) of the file, and lie inside it.
struct ArrayInFile {
  DType dtype = DType::float32;
  Shape shape;
  bool fortran_order = false;  ///< the first index runs fastest
  bool big_endian = false;     ///< elements must be swapped on reading
  std::size_t begin = 0, end = 0;
};

}  // namespace io

namespace detail {

/// Bytes of a dense array; false where they, or a tensor's strides over these sizes, do not fit in 63 bits.
inline bool dense_bytes(const Shape& shape, DType dtype, std::uint64_t& bytes) {
  std::int64_t product = static_cast<std::int64_t>(size_of(dtype));
  bool empty = false;
  for (const std::int64_t size : shape) {
    empty |= size == 0;
    if (size < 0 || __builtin_mul_overflow(product, size == 0 ? 1 : size, &product)) return false;
  }
  bytes = empty ? 0 : static_cast<std::uint64_t>(product);
  return true;
}

template <class Word, class A = Abi>
void swap_words(std::byte* data, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i, data += sizeof(Word)) {
    Word word;
    std::memcpy(&word, data, sizeof word);
    if constexpr (sizeof(Word) == 2) word = __builtin_bswap16(word);
    if constexpr (sizeof(Word) == 4) word = __builtin_bswap32(word);
    if constexpr (sizeof(Word) == 8) word = __builtin_bswap64(word);
    std::memcpy(data, &word, sizeof word);
  }
}

/// Turns the bytes of every number around; of a complex one, those of each half.
inline void swap_byte_order(std::byte* data, std::size_t bytes, DType dtype) {
  const std::size_t word = size_of(dtype) / (is_complex(dtype) ? 2 : 1);
  if (word == 2) swap_words<std::uint16_t>(data, bytes / 2);
  if (word == 4) swap_words<std::uint32_t>(data, bytes / 4);
  if (word == 8) swap_words<std::uint64_t>(data, bytes / 8);
}

/// A bool in memory must be 0 or 1 to C++; a file may hold any byte.
template <class A = Abi>
void normalise_bools(std::byte* data, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) data[i] = data[i] != std::byte{0} ? std::byte{1} : std::byte{0};
}

}  // namespace detail

namespace io {

/// Copies elements that lie in a file to `out`, as this machine wants them, in the file's order.
inline void copy_elements(Bytes from, DType dtype, bool big_endian, std::byte* out) {
  if (from.empty()) return;
  std::memcpy(out, from.data(), from.size());
  if (big_endian) taper::detail::swap_byte_order(out, from.size(), dtype);
  if (dtype == DType::boolean) taper::detail::normalise_bools(out, from.size());
}

}  // namespace io
}  // namespace taper::inline TAPER_CODE
