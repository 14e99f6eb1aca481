// SPDX-License-Identifier: MIT
// The IDX format of MNIST and its kin, as a descriptor: a magic number, big-endian sizes, big-endian elements.
#pragma once

#include <taper/io/array.hpp>

namespace taper::inline TAPER_CODE::io::idx {

/// Reads the header of an IDX file.
///
/// Throws: IoError where the bytes are truncated, too many, or no IDX file; ShapeError where it has more than 8
/// dimensions. Source: the description of the format on the MNIST database's page.
TAPER_RARE inline ArrayInFile parse(Bytes file, const std::string& name) {
  using taper::detail::raise;
  const auto byte = [&](std::size_t i) { return std::to_integer<std::uint32_t>(file[i]); };
  if (file.size() >= 2 && byte(0) == 0x1f && byte(1) == 0x8b)
    raise<IoError>("idx", "'", name,
                   "' is compressed with gzip: read it with gunzip of <taper/io/gzip.hpp>, or unpack it");
  if (file.size() < 4) raise<IoError>("idx", "'", name, "' has ", file.size(), " bytes, too few for an IDX file");
  if (byte(0) != 0 || byte(1) != 0)
    raise<IoError>("idx", "'", name, "' does not begin with two zero bytes: it is no IDX file");

  ArrayInFile array;
  switch (byte(2)) {
    case 0x08:
      array.dtype = DType::uint8;
      break;
    case 0x09:
      array.dtype = DType::int8;
      break;
    case 0x0b:
      array.dtype = DType::int16;
      break;
    case 0x0c:
      array.dtype = DType::int32;
      break;
    case 0x0d:
      array.dtype = DType::float32;
      break;
    case 0x0e:
      array.dtype = DType::float64;
      break;
    default:
      raise<IoError>("idx", "'", name, "' has the element type ", byte(2), ", which IDX does not know");
  }
  array.big_endian = true;
  const std::size_t rank = byte(3);
  if (rank > static_cast<std::size_t>(max_rank))
    raise<ShapeError>("idx", "'", name, "' has ", rank, " dimensions; a Taper tensor can have ", max_rank);
  array.begin = 4 + 4 * rank;
  if (file.size() < array.begin)
    raise<IoError>("idx", "'", name, "' ends inside its header of ", array.begin, " bytes: it is truncated");
  for (std::size_t i = 4; i < array.begin; i += 4)
    array.shape.push_back(std::int64_t{byte(i) << 24 | byte(i + 1) << 16 | byte(i + 2) << 8 | byte(i + 3)});

  std::uint64_t bytes = 0;
  const std::size_t present = file.size() - array.begin;
  if (!taper::detail::dense_bytes(array.shape, array.dtype, bytes))
    raise<IoError>("idx", "'", name, "': the shape ", array.shape, " is more than can be counted");
  if (bytes != present)
    raise<IoError>("idx", "'", name, "' should hold ", taper::name(array.dtype), array.shape, ", ", bytes,
                   " bytes, but ", present, " follow its header: it is ",
                   present < bytes ? "truncated or damaged" : "damaged");
  array.end = file.size();
  return array;
}

}  // namespace taper::inline TAPER_CODE::io::idx
