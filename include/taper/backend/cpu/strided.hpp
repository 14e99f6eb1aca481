// SPDX-License-Identifier: MIT
// Copies between a strided operand and a contiguous run of it, for any element size.
#pragma once

#include <taper/core/shape.hpp>

#include <cstddef>
#include <cstring>

namespace taper::inline TAPER_CODE::detail {

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
  if (n <= 0) return;  // a size may be 0
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

/// f.operator()<U>() with an unsigned type of the given size: what moves elements without reading them.
template <class F>
decltype(auto) dispatch_size(std::size_t size, F&& f) {
  switch (size) {
    case 1: return f.template operator()<std::uint8_t>();
    case 2: return f.template operator()<std::uint16_t>();
    case 4: return f.template operator()<std::uint32_t>();
    case 8: return f.template operator()<std::uint64_t>();
    default: return f.template operator()<Bytes16>();
  }
}

/// Copies n elements; steps count elements. What loops over rows takes such a function: it is compiled once, not for
/// every size of an element.
using CopyRow = void (*)(std::byte* to, std::int64_t to_step, const std::byte* from, std::int64_t from_step, std::int64_t n);

template <class U, class A = Abi>
TAPER_KERNEL void copy_row(std::byte* to_bytes, std::int64_t to_step, const std::byte* from_bytes, std::int64_t from_step, std::int64_t n) {
  U* to = reinterpret_cast<U*>(to_bytes);
  const U* from = reinterpret_cast<const U*>(from_bytes);
  if (to_step == 1 && from_step == 1) {
    std::memcpy(to_bytes, from_bytes, static_cast<std::size_t>(n) * sizeof(U));
  } else if (to_step == 1 && from_step == 0) {
    const U value = *from;
    for (std::int64_t i = 0; i < n; ++i) to[i] = value;
  } else {
    for (std::int64_t i = 0; i < n; ++i) to[i * to_step] = from[i * from_step];
  }
}
template <class A>
struct RowCopier {
  template <class U>
  CopyRow operator()() const { return &copy_row<U, A>; }
};
template <class A = Abi>
CopyRow row_copier(std::size_t size) { return dispatch_size(size, RowCopier<A>{}); }

/// The range [first, first + n) of a strided operand, made contiguous.
template <class A = Abi>
void gather(std::byte* to, const std::byte* from, std::size_t size, const Walk& walk, std::int64_t first, std::int64_t n) {
  const auto bytes = static_cast<std::int64_t>(size);
  const CopyRow copy = row_copier<A>(size);
  for_each_row(walk, first, n, [&](std::int64_t offset, std::int64_t position, std::int64_t length) {
    copy(to + position * bytes, 1, from + offset * bytes, walk.inner_stride(), length);
  });
}
template <class A = Abi>
void scatter(std::byte* to, const std::byte* from, std::size_t size, const Walk& walk, std::int64_t first, std::int64_t n) {
  const auto bytes = static_cast<std::int64_t>(size);
  const CopyRow copy = row_copier<A>(size);
  for_each_row(walk, first, n, [&](std::int64_t offset, std::int64_t position, std::int64_t length) {
    copy(to + offset * bytes, walk.inner_stride(), from + position * bytes, 1, length);
  });
}

}  // namespace taper::inline TAPER_CODE::detail
