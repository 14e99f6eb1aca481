// SPDX-License-Identifier: MIT
// Order of elements along an axis. Every dtype becomes an unsigned key of the same order, so two sorts serve them all.
#pragma once

#include <taper/backend/cpu/points.hpp>
#include <taper/core/pool_vector.hpp>

#include <algorithm>
#include <bit>

namespace taper::inline TAPER_CODE::detail {

template <std::size_t Bytes>
using unsigned_of = std::conditional_t<
    Bytes == 1, std::uint8_t,
    std::conditional_t<Bytes == 2, std::uint16_t, std::conditional_t<Bytes == 4, std::uint32_t, std::uint64_t>>>;

/// A number whose order among unsigned ones is x's: -0 equals 0, NaN is above infinity.
template <class T, class A = Abi>
TAPER_HD TAPER_INLINE std::uint64_t sort_key(T x) {
  using U = unsigned_of<sizeof(T)>;
  constexpr U top = static_cast<U>(U(1) << (8 * sizeof(T) - 1));
  if constexpr (std::same_as<T, bool>) {
    return x ? 1 : 0;
  } else if constexpr (std::is_integral_v<T>) {
    return std::is_signed_v<T> ? static_cast<U>(static_cast<U>(x) ^ top) : static_cast<U>(x);
  } else {
    constexpr int mantissa = std::same_as<T, float16> ? 10 : std::same_as<T, bfloat16> ? 7 : sizeof(T) == 4 ? 23 : 52;
    constexpr U infinity = static_cast<U>(static_cast<U>(top - 1) >> mantissa << mantissa);
    const U bits = std::bit_cast<U>(x), magnitude = static_cast<U>(bits & static_cast<U>(~top));
    if (magnitude > infinity) return static_cast<U>(~U(0));
    return bits & top ? static_cast<U>(top - magnitude) : static_cast<U>(top + magnitude);
  }
}

/// A key and where it was; by index where keys are equal, which makes every sort stable.
struct SortPair {
  std::uint64_t key;
  std::uint64_t index;
  friend bool operator<(const SortPair& a, const SortPair& b) {
    return a.key != b.key ? a.key < b.key : a.index < b.index;
  }
};
inline std::uint64_t sorted_index(const SortPair& e) { return e.index; }
/// Narrow keys share a number with the index.
inline std::uint64_t sorted_index(std::uint64_t e) { return e & 0xffffffffu; }

/// What is wanted of a line's order: all of it, its first k elements in order, or the element at place k.
struct SortRequest {
  bool descending = false;
  std::int64_t k = -1;   // -1: the whole line
  bool only_kth = false;
};

template <class E, class A = Abi>
TAPER_KERNEL void order_line(E* e, std::int64_t n, const SortRequest& want) {
  if (want.k < 0 || (want.k == n && !want.only_kth)) {
    std::sort(e, e + n);
  } else if (want.only_kth) {
    std::nth_element(e, e + want.k, e + n);
  } else if (want.k > 0) {
    if (want.k < n) std::nth_element(e, e + want.k - 1, e + n);
    std::sort(e, e + want.k);
  }
}

/// Lines along an axis of (outer, n, inner), and how many indices each gives.
struct SortLines {
  std::int64_t outer, size, inner, results;
};

template <class T, class E, class A = Abi>
void sort_lines_as(const SortLines& lines, const SortRequest& want, const T* x, std::int64_t* indices) {
  constexpr std::uint64_t mask = sizeof(T) == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * sizeof(T) % 64)) - 1;
  const std::uint64_t turn = want.descending ? mask : 0;
  const std::int64_t n = lines.size;
  parallel_for(lines.outer * lines.inner, chunk_of(16 * n), [&](std::int64_t first, std::int64_t last) {
    PoolVector<E> line(static_cast<std::size_t>(n));
    for (std::int64_t l = first; l < last; ++l) {
      const T* from = x + l / lines.inner * n * lines.inner + l % lines.inner;
      for (std::int64_t i = 0; i < n; ++i) {
        const std::uint64_t key = sort_key<T, A>(from[i * lines.inner]) ^ turn;
        if constexpr (std::same_as<E, SortPair>)
          line[static_cast<std::size_t>(i)] = {key, static_cast<std::uint64_t>(i)};
        else line[static_cast<std::size_t>(i)] = key << 32 | static_cast<std::uint64_t>(i);
      }
      order_line<E, A>(line.data(), n, want);
      std::int64_t* to = indices + l / lines.inner * lines.results * lines.inner + l % lines.inner;
      const std::int64_t skip = want.only_kth ? want.k : 0;
      for (std::int64_t i = 0; i < lines.results; ++i)
        to[i * lines.inner] = static_cast<std::int64_t>(sorted_index(line[static_cast<std::size_t>(i + skip)]));
    }
  });
}

/// The indices that put every line of a dense x in order, or the first of them.
template <class T, class A = Abi>
void sort_lines(const SortLines& lines, const SortRequest& want, const T* x, std::int64_t* indices) {
  if (lines.results == 0 || lines.outer * lines.inner == 0) return;
  count_pass();
  if (sizeof(T) <= 4 && lines.size < (std::int64_t{1} << 32))
    sort_lines_as<T, std::uint64_t, A>(lines, want, x, indices);
  else sort_lines_as<T, SortPair, A>(lines, want, x, indices);
}

}  // namespace taper::inline TAPER_CODE::detail
