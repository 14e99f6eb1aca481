// SPDX-License-Identifier: MIT
// Scratch memory and the packing of matrix operands into the order in which register tiles read them.
#pragma once

#include <taper/backend/cpu/gemm_kernel.hpp>
#include <taper/config.hpp>
#include <taper/core/allocator.hpp>

#include <cstddef>
#include <cstdint>

#if TAPER_NVCC
#pragma nv_diagnostic push
#pragma nv_diag_suppress 1675  // the unroll pragmas are for the host compiler, and reach it
#endif

namespace taper::inline TAPER_CODE::detail::tiles {

/// Rows cut into tiles of falling height: sixes, and at the end what the other heights (4, 3, 2, 1) make of the rest
/// without a tile much lower than they: 32 is 6, 6, 6, 6, 4, 4. There is no kernel of five rows.
class RowTiles {
 public:
  Index count;
  explicit RowTiles(Index rows) {
    static constexpr signed char sixes_less[] = {0, 1, 1, 0, 0, 1};
    static constexpr signed char ends[][3] = {{0, 0, 0}, {4, 3, 0}, {4, 4, 0}, {3, 0, 0}, {4, 0, 0}, {4, 4, 3}};
    static constexpr signed char alone[][3] = {{0, 0, 0}, {1, 0, 0}, {2, 0, 0}, {3, 0, 0}, {4, 0, 0}, {3, 2, 0}};
    sixes_ = rows < 6 ? 0 : rows / 6 - sixes_less[rows % 6];
    end_ = rows < 6 ? alone[rows] : ends[rows % 6];
    count = sixes_ + (end_[0] > 0) + (end_[1] > 0) + (end_[2] > 0);
  }
  Index rows(Index tile) const { return tile < sixes_ ? 6 : end_[tile - sixes_]; }

 private:
  Index sixes_;
  const signed char* end_;
};

/// Uninitialised memory from the caching allocator, with room for a tile's reads past its end.
template <class T>
class Scratch {
 public:
  explicit Scratch(Index count)
      : bytes_((static_cast<std::size_t>(count) + 256) * sizeof(T)), data_(static_cast<T*>(allocate(bytes_))) {}
  ~Scratch() { deallocate(data_, bytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T* data() const { return data_; }

 private:
  std::size_t bytes_;
  T* data_;
};

// One stage of a transpose of lanes x lanes: pairs of rows `Step` apart swap blocks of that size.
template <int Lanes, int Step>
struct UpperRow {
  static constexpr int at(int lane) { return lane & Step ? Lanes + lane - Step : lane; }
};
template <int Lanes, int Step>
struct LowerRow {
  static constexpr int at(int lane) { return lane & Step ? Lanes + lane : lane + Step; }
};

template <int Step, class T, class V, int Lanes>
TAPER_INLINE void transpose_stages(V (&v)[Lanes]) {
  V out[Lanes];
#pragma GCC unroll 32
  for (int i = 0; i < Lanes; ++i)
    out[i] = i & Step ? shuffle<LowerRow<Lanes, Step>, T>(v[i - Step], v[i])
                      : shuffle<UpperRow<Lanes, Step>, T>(v[i], v[i | Step]);
#pragma GCC unroll 32
  for (int i = 0; i < Lanes; ++i) v[i] = out[i];
  if constexpr (Step > 1) transpose_stages<Step / 2, T>(v);
}

/// to[j][i] = from[i][j] for a block of lanes x lanes; rows from `valid` on are zero.
template <class T, class A>
TAPER_KERNEL [[gnu::noinline]] void transpose_block(const T* from, Index from_row, Index valid, T* to, Index to_row) {
  constexpr int lanes = Tile<T, A>::lanes;
  using V = typename Native<T, A::vector_bytes>::type;
  V v[lanes];
#pragma GCC unroll 32
  for (int i = 0; i < lanes; ++i) v[i] = i < valid ? load<V>(from + i * from_row) : V{};
  transpose_stages<lanes / 2, T>(v);
#pragma GCC unroll 32
  for (int i = 0; i < lanes; ++i) store(to + i * to_row, v[i]);
}

/// One strip of B (k x columns) as k rows of the tile's width. Zeros fill up the last vector; no tile reads further.
template <class T, class A>
TAPER_KERNEL [[gnu::noinline]] void pack_strip(const T* b, Index row, Index column, Index k, Index columns, T* to) {
  constexpr Index width = Tile<T, A>::columns, lanes = Tile<T, A>::lanes;
  if (columns == width && column == 1) {
    for (Index p = 0; p < k; ++p) __builtin_memcpy(to + p * width, b + p * row, sizeof(T) * width);
    return;
  }
  const Index whole = row == 1 ? k / lanes * lanes : 0;  // rows done in blocks
  for (Index first = 0; first < columns; first += lanes) {
    const Index valid = columns - first < lanes ? columns - first : lanes;
    const T* from = b + first * column;
    for (Index p = 0; p < whole; p += lanes)
      transpose_block<T, A>(from + p, column, valid, to + p * width + first, width);
    for (Index p = whole; p < k; ++p)
      for (Index j = 0; j < lanes; ++j) to[p * width + first + j] = j < valid ? from[p * row + j * column] : T(0);
  }
}

/// Rows of A, tile after tile, each k x height.
template <class T, class A>
TAPER_KERNEL [[gnu::noinline]] void pack_left(const T* a, Index row, Index column, Index m, Index k, T* to) {
  const RowTiles tiles(m);
  for (Index t = 0; t < tiles.count; ++t) {
    const Index rows = tiles.rows(t);
    if (rows == 6) {
      Index p = 0;
      if (row == 1 && column >= 8)  // eight at a time: the two too many are within A, and overwritten
        for (; p + 1 < k; ++p, to += 6) __builtin_memcpy(to, a + p * column, 8 * sizeof(T));
      for (; p < k; ++p, to += 6) {
        const T* from = a + p * column;
        to[0] = from[0], to[1] = from[row], to[2] = from[2 * row];
        to[3] = from[3 * row], to[4] = from[4 * row], to[5] = from[5 * row];
      }
    } else {
      for (Index p = 0; p < k; ++p)
        for (Index i = 0; i < rows; ++i) *to++ = a[i * row + p * column];
    }
    a += rows * row;
  }
}

}  // namespace taper::inline TAPER_CODE::detail::tiles

#if TAPER_NVCC
#pragma nv_diagnostic pop
#endif
