// SPDX-License-Identifier: MIT
// Copies between a strided operand and a contiguous run of it, for any element size.
#pragma once

#include <taper/core/shape.hpp>

#include <cstddef>
#include <cstring>

namespace taper::inline TAPER_ABI::detail {

/// A strided walk over an iteration space: neighbouring dimensions that can be walked as one are merged.
struct Walk {
  Shape shape;
  Strides strides;  // in elements

  Walk() = default;
  Walk(const Shape& s, const Strides& st) {
    for (int i = 0; i < s.size(); ++i) {
      if (s[i] == 1) continue;
      const int last = shape.size() - 1;
      if (last >= 0 && strides[last] == st[i] * s[i]) {
        shape[last] *= s[i];
        strides[last] = st[i];
      } else {
        shape.push_back(s[i]);
        strides.push_back(st[i]);
      }
    }
    if (shape.empty()) {
      shape.push_back(1);
      strides.push_back(0);
    }
  }

  std::int64_t inner() const { return shape.back(); }
  std::int64_t inner_stride() const { return strides.back(); }
};

/// Calls row(offset, position, length) for the rows that the linear range [first, first + n) of a walk touches.
template <class Row>
void for_each_row(const Walk& walk, std::int64_t first, std::int64_t n, Row&& row) {
  const int inner = walk.shape.size() - 1;
  std::int64_t index[max_rank];
  std::int64_t rest = first, offset = 0;
  for (int i = inner; i >= 0; --i) {
    index[i] = rest % walk.shape[i];
    rest /= walk.shape[i];
    offset += index[i] * walk.strides[i];
  }
  std::int64_t done = 0;
  while (done < n) {
    std::int64_t length = walk.shape[inner] - index[inner];
    if (length > n - done) length = n - done;
    row(offset, done, length);
    done += length;
    if (done >= n) break;
    offset -= index[inner] * walk.strides[inner];
    index[inner] = 0;
    for (int i = inner - 1; i >= 0; --i) {
      offset += walk.strides[i];
      if (++index[i] < walk.shape[i]) break;
      offset -= walk.shape[i] * walk.strides[i];
      index[i] = 0;
    }
  }
}

struct Bytes16 { std::uint64_t lo, hi; };

template <class U, class A = Abi>
TAPER_KERNEL void gather_elements(U* to, const U* from, std::int64_t stride, std::int64_t n) {
  if (stride == 1) {
    std::memcpy(to, from, static_cast<std::size_t>(n) * sizeof(U));
  } else if (stride == 0) {
    const U value = *from;
    for (std::int64_t i = 0; i < n; ++i) to[i] = value;
  } else {
    for (std::int64_t i = 0; i < n; ++i) to[i] = from[i * stride];
  }
}

template <class U, class A = Abi>
TAPER_KERNEL void scatter_elements(U* to, const U* from, std::int64_t stride, std::int64_t n) {
  if (stride == 1) std::memcpy(to, from, static_cast<std::size_t>(n) * sizeof(U));
  else
    for (std::int64_t i = 0; i < n; ++i) to[i * stride] = from[i];
}

/// The range [first, first + n) of a strided operand, made contiguous.
template <class U, class A = Abi>
void gather_as(std::byte* to, const std::byte* from, const Walk& walk, std::int64_t first, std::int64_t n) {
  for_each_row(walk, first, n, [&](std::int64_t offset, std::int64_t position, std::int64_t length) {
    gather_elements<U, A>(reinterpret_cast<U*>(to) + position, reinterpret_cast<const U*>(from) + offset, walk.inner_stride(), length);
  });
}
template <class U, class A = Abi>
void scatter_as(std::byte* to, const std::byte* from, const Walk& walk, std::int64_t first, std::int64_t n) {
  for_each_row(walk, first, n, [&](std::int64_t offset, std::int64_t position, std::int64_t length) {
    scatter_elements<U, A>(reinterpret_cast<U*>(to) + offset, reinterpret_cast<const U*>(from) + position, walk.inner_stride(), length);
  });
}

template <class A = Abi>
void gather(std::byte* to, const std::byte* from, std::size_t size, const Walk& walk, std::int64_t first, std::int64_t n) {
  switch (size) {
    case 1: return gather_as<std::uint8_t, A>(to, from, walk, first, n);
    case 2: return gather_as<std::uint16_t, A>(to, from, walk, first, n);
    case 4: return gather_as<std::uint32_t, A>(to, from, walk, first, n);
    case 8: return gather_as<std::uint64_t, A>(to, from, walk, first, n);
    default: return gather_as<Bytes16, A>(to, from, walk, first, n);
  }
}
template <class A = Abi>
void scatter(std::byte* to, const std::byte* from, std::size_t size, const Walk& walk, std::int64_t first, std::int64_t n) {
  switch (size) {
    case 1: return scatter_as<std::uint8_t, A>(to, from, walk, first, n);
    case 2: return scatter_as<std::uint16_t, A>(to, from, walk, first, n);
    case 4: return scatter_as<std::uint32_t, A>(to, from, walk, first, n);
    case 8: return scatter_as<std::uint64_t, A>(to, from, walk, first, n);
    default: return scatter_as<Bytes16, A>(to, from, walk, first, n);
  }
}

}  // namespace taper::inline TAPER_ABI::detail
