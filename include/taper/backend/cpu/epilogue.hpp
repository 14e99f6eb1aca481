// SPDX-License-Identifier: MIT
// What a matrix product or a convolution does to each part of its result while that is still in the cache.
#pragma once

#include <taper/core/parallel.hpp>
#include <taper/config.hpp>

#include <cstddef>
#include <cstdint>

namespace taper::inline TAPER_ABI::base {

/// Some rows and columns of a dense matrix of `pitch` columns at `data`.
struct Part {
  std::byte* data;
  std::int64_t row, rows, column, columns, pitch;
};

/// run(self, part) is called once for every part of a result, on any thread, when the part holds its values.
struct Epilogue {
  void (*run)(const void* self, const Part& part);
  const void* self;
};

}  // namespace taper::inline TAPER_ABI::base

namespace taper::inline TAPER_CODE::detail {

/// Where a kernel that makes some rows of a result reports them; nothing happens without an epilogue.
template <class T>
struct Finish {
  const Epilogue* epilogue = nullptr;
  T* result = nullptr;
  std::int64_t pitch = 0, first_row = 0;

  void operator()(std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns) const {
    if (epilogue) epilogue->run(epilogue->self, {reinterpret_cast<std::byte*>(result), first_row + row, rows, column, columns, pitch});
  }
  /// The whole result, by all threads.
  void all(std::int64_t rows) const {
    if (epilogue)
      parallel_for(rows, 1 + (1 << 14) / (pitch + 1), [&](std::int64_t first, std::int64_t last) { (*this)(first, last - first, 0, pitch); });
  }
  Finish from_row(std::int64_t row) const { return {epilogue, result, pitch, first_row + row}; }
};

}  // namespace taper::inline TAPER_CODE::detail
