// SPDX-License-Identifier: MIT
// Register tiles of the matrix product: rows of A are broadcast against vectors of B, and C is touched once at the end.
#pragma once

#include <taper/config.hpp>

#include <cstddef>
#include <cstdint>

#if TAPER_NVCC
#pragma nv_diagnostic push
#pragma nv_diag_suppress 1675  // the unroll pragmas are for the host compiler, and reach it
#endif

namespace taper::inline TAPER_CODE::detail::tiles {

using Index = std::int64_t;

template <class T, int Bytes>
struct Native {
  typedef T type __attribute__((vector_size(Bytes)));
};

template <class V, class T>
TAPER_INLINE V load(const T* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <class V, class T>
TAPER_INLINE void store(T* p, const V& v) {
  __builtin_memcpy(p, &v, sizeof v);
}

/// Lane i of the result is lane P::at(i) of x followed by y.
template <class P, class T, class V>
TAPER_INLINE V shuffle(const V& x, const V& y) {
  constexpr int lanes = sizeof(V) / sizeof(T);
  if constexpr (lanes == 2)
    return __builtin_shufflevector(x, y, P::at(0), P::at(1));
  else if constexpr (lanes == 4)
    return __builtin_shufflevector(x, y, P::at(0), P::at(1), P::at(2), P::at(3));
  else if constexpr (lanes == 8)
    return __builtin_shufflevector(x, y, P::at(0), P::at(1), P::at(2), P::at(3), P::at(4), P::at(5), P::at(6),
                                   P::at(7));
  else
    return __builtin_shufflevector(x, y, P::at(0), P::at(1), P::at(2), P::at(3), P::at(4), P::at(5), P::at(6), P::at(7),
                                   P::at(8), P::at(9), P::at(10), P::at(11), P::at(12), P::at(13), P::at(14),
                                   P::at(15));
}

struct EvenLanes {
  static constexpr int at(int lane) { return 2 * lane; }
};
/// Every element, or every second one; reads Stride vectors.
template <int Stride, class V, class T>
TAPER_INLINE V load_strided(const T* p) {
  static_assert(Stride == 1 || Stride == 2);
  constexpr std::size_t lanes = sizeof(V) / sizeof(T);
  if constexpr (Stride == 1)
    return load<V>(p);
  else
    return shuffle<EvenLanes, T>(load<V>(p), load<V>(p + lanes));
}

/// The first or the second half of x and y, one lane of each after the other.
template <int Lanes, int Half>
struct Interleaved {
  static constexpr int at(int lane) { return lane / 2 + Half * Lanes / 2 + (lane & 1 ? Lanes : 0); }
};

template <int Lanes>
struct EvenLanesOverlapping {
  static constexpr int at(int lane) { return 2 * lane < Lanes ? 2 * lane : 2 * lane + 1; }
};
/// The same, reading nothing behind the last element it takes.
template <int Stride, class V, class T>
TAPER_INLINE V load_strided_within(const T* p) {
  constexpr int lanes = static_cast<int>(sizeof(V) / sizeof(T));
  if constexpr (Stride == 1)
    return load<V>(p);
  else
    return shuffle<EvenLanesOverlapping<lanes>, T>(load<V>(p), load<V>(p + lanes - 1));
}

/// The register tile of a scalar type: 6 rows by 2 vectors fill 16 registers, 6 by 4 fill the 32 of AVX-512.
template <class T, class A>
struct Tile {
  static constexpr int lanes = A::vector_bytes / static_cast<int>(sizeof(T));
  static constexpr int vectors = A::vector_bytes == 64 ? 4 : 2;
  static constexpr int rows = 6;
  static constexpr int columns = lanes * vectors;
};

/// What one register tile reads and writes. Rows of A lie a_row apart, or where a_rows says; rows of B likewise. The
/// last `tail` rows of B may lie elsewhere: they are copies, so that nothing past the operand's end is read. Or k comes
/// in several segments: B goes on, A leaps by a_jump after each.
template <class T>
struct TileArgs {
  Index k = 0;
  const T* a = nullptr;
  Index a_row = 0, a_column = 0;
  const Index* a_rows = nullptr;
  const T* b = nullptr;
  Index b_row = 0;
  const Index* b_rows = nullptr;
  Index tail = 0;
  const T* b_tail = nullptr;
  Index segments = 1, a_jump = 0;
  const T* bias = nullptr;  // of each row of C
  T* c = nullptr;
  Index c_row = 0;
  int columns = 0;
  bool accumulate = false;
};

/// Writes or adds the first `columns` columns of a tile that is narrower than its vectors.
template <class T, class A>
TAPER_KERNEL [[gnu::noinline]] void store_edge(const T* tile, int tile_row, int rows, int columns, T* c, Index c_row,
                                               bool accumulate) {
  using V = typename Native<T, 16>::type;
  constexpr int lanes = 16 / static_cast<int>(sizeof(T));
  for (int i = 0; i < rows; ++i, tile += tile_row, c += c_row) {
    int j = 0;
    for (; j + lanes <= columns; j += lanes) {
      const V v = load<V>(tile + j);
      store(c + j, accumulate ? load<V>(c + j) + v : v);
    }
    for (; j < columns; ++j) c[j] = accumulate ? c[j] + tile[j] : tile[j];
  }
}

/// C (rows x columns) = or += A (rows x k) B (k x columns) in registers. Every element is summed in the order of k,
/// whatever the tile, so that how C is cut does not change its bits.
template <class T, class A, int Rows, int Vectors>
TAPER_KERNEL [[gnu::noinline]] void tile_kernel(const TileArgs<T>& args) {
  using V = typename Native<T, A::vector_bytes>::type;
  constexpr int lanes = Tile<T, A>::lanes;
  V sum[Rows][Vectors];
  // One pointer into A and its rows' distances: with a pointer for each row the loop runs out of registers.
  const T* a = args.a + (args.a_rows ? args.a_rows[0] : 0);
  Index a_rows[Rows];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
    a_rows[i] = args.a_rows ? args.a_rows[i] - args.a_rows[0] : i * args.a_row;
    __builtin_prefetch(args.c + i * args.c_row, 1);
    const T start = args.bias ? args.bias[i] : T(0);
#pragma GCC unroll 16
    for (int j = 0; j < Vectors; ++j) sum[i][j] = V{} + start;
  }
  const T* b = args.b;
  const Index* b_rows = args.b_rows;
  const Index a_column = args.a_column, b_row = args.b_row;
  Index k = args.k, segments = args.segments;
  for (;;) {
#pragma GCC unroll 1  // clang mixes two steps, runs out of registers and keeps the sums in memory
    for (Index p = k; p > 0; --p) {
      const T* row = b_rows ? args.b + *b_rows++ : b;
      V right[Vectors];
#pragma GCC unroll 16
      for (int j = 0; j < Vectors; ++j) {
        right[j] = load<V>(row + j * lanes);
        if constexpr (TAPER_FETCH_AHEAD && A::vector_bytes == 64) __builtin_prefetch(row + 8 * b_row + j * lanes);
      }
#pragma GCC unroll 16
      for (int i = 0; i < Rows; ++i) {
        const T left = a[a_rows[i]];
#pragma GCC unroll 16
        for (int j = 0; j < Vectors; ++j) sum[i][j] += left * right[j];
      }
      b += b_row;
      a += a_column;
    }
    if (--segments == 0) break;
    a += args.a_jump;
    if (args.tail) {
      b = args.b_tail;
      k = args.tail;
    }
  }
  if (args.columns == Vectors * lanes) {
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      T* c = args.c + i * args.c_row;
      if (args.accumulate)
#pragma GCC unroll 16
        for (int j = 0; j < Vectors; ++j) sum[i][j] += load<V>(c + j * lanes);
#pragma GCC unroll 16
      for (int j = 0; j < Vectors; ++j) store(c + j * lanes, sum[i][j]);
    }
  } else {
    alignas(64) T tile[Rows * Vectors * lanes];
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 16
      for (int j = 0; j < Vectors; ++j) store(tile + (i * Vectors + j) * lanes, sum[i][j]);
    store_edge<T, A>(tile, Vectors * lanes, Rows, args.columns, args.c, args.c_row, args.accumulate);
  }
}

/// A tile of chosen height and width, and how many columns of B it reads.
template <class T>
struct Kernel {
  void (*run)(const TileArgs<T>&);
  int width;
};

template <class T, class A, int Rows>
Kernel<T> kernel_of_height(Index columns) {
  using R = Tile<T, A>;
  // Few rows leave registers free: a wider tile hides the latency of its sums.
  constexpr int wide = Rows == 1 ? 8 : Rows == 2 ? 4 : R::vectors;
  if constexpr (wide > R::vectors)
    if (columns >= wide * R::lanes) return {tile_kernel<T, A, Rows, wide>, wide * R::lanes};
  if constexpr (R::vectors == 4) {
    if (columns > 2 * R::lanes) return {tile_kernel<T, A, Rows, 4>, 4 * R::lanes};
  }
  if (columns > R::lanes) return {tile_kernel<T, A, Rows, 2>, 2 * R::lanes};
  return {tile_kernel<T, A, Rows, 1>, R::lanes};
}

/// The tile for `rows` (1 to 4, or 6) rows and as many of `columns` columns as fit.
template <class T, class A>
Kernel<T> choose_kernel(Index rows, Index columns) {
  switch (rows) {
    case 1:
      return kernel_of_height<T, A, 1>(columns);
    case 2:
      return kernel_of_height<T, A, 2>(columns);
    case 3:
      return kernel_of_height<T, A, 3>(columns);
    case 4:
      return kernel_of_height<T, A, 4>(columns);
    default:
      return kernel_of_height<T, A, 6>(columns);
  }
}

}  // namespace taper::inline TAPER_CODE::detail::tiles

#if TAPER_NVCC
#pragma nv_diagnostic pop
#endif
