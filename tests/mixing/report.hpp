// SPDX-License-Identifier: MIT
// What a unit of a mixed program says of itself.
#pragma once

#include <cstdint>

inline constexpr int results = 11;

struct Report {
  int vector_bytes;
  bool fma, fast_math, nvcc;
  double sums[results];  // of each result's elements
  std::uint64_t bits;    // a hash of all results' bits
};
