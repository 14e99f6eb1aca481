// SPDX-License-Identifier: MIT
// Where the operands of element i of an iteration space lie: joined axes, division by multiplication, 32 or 64 bits.
#pragma once

#include <taper/backend/accelerator.hpp>

#include <bit>
#include <cstdint>

namespace taper::inline TAPER_CODE::detail {

/// n / d of unsigned numbers below 2^31 by a product and a shift. A divisor of 0, the size of an empty axis, divides nothing.
/// Source: Granlund and Montgomery, Division by invariant integers using multiplication, 1994.
template <class Index>
struct FastDivide {
  std::uint32_t multiplier = 0, shift = 0, divisor = 1;
  FastDivide() = default;
  explicit FastDivide(std::int64_t d) : divisor(static_cast<std::uint32_t>(d > 0 ? d : 1)) {  // 0: nothing to divide
    shift = static_cast<std::uint32_t>(std::bit_width(divisor - 1));
    multiplier = static_cast<std::uint32_t>((std::uint64_t{1} << 32) * ((std::uint64_t{1} << shift) - divisor) / divisor + 1);
  }
  TAPER_INLINE TAPER_HD std::uint32_t operator()(std::uint32_t n) const {
    return (static_cast<std::uint32_t>(static_cast<std::uint64_t>(n) * multiplier >> 32) + n) >> shift;
  }
};
template <>
struct FastDivide<std::uint64_t> {
  std::uint64_t divisor = 1;
  FastDivide() = default;
  explicit FastDivide(std::int64_t d) : divisor(static_cast<std::uint64_t>(d)) {}
  TAPER_INLINE TAPER_HD std::uint64_t operator()(std::uint64_t n) const { return n / divisor; }
};

/// What 32 bits hold: elements of a kernel, and offsets of its operands. Tests lower it.
inline std::int64_t device_reach = std::int64_t{1} << 31;

inline constexpr int most_device_operands = 2 * 64 + 2;

/// The axes of a job, innermost first; neighbours that all operands can walk as one are joined.
struct JobAxes {
  int rank = 0;
  std::int64_t elements = 1;
  std::int64_t size[max_rank];
  std::int64_t stride[max_rank][most_device_operands];
  bool wide = false;  // needs 64 bits

  /// Only the axes in `mask`; in another order of the axes where one is given.
  JobAxes(const Shape& shape, const DeviceOperand* operands, int count, std::uint32_t mask = ~0u, const int* order = nullptr) {
    std::int64_t last[most_device_operands] = {};
    for (int j = shape.size() - 1; j >= 0; --j) {
      const int i = order ? order[j] : j;
      if (!(mask >> i & 1)) continue;
      elements *= shape[i];
      if (shape[i] == 1) continue;
      bool joined = rank > 0;
      for (int k = 0; k < count; ++k) {
        const std::int64_t s = operands[k].data ? operands[k].strides[i] : 0;
        joined = joined && s == stride[rank - 1][k] * size[rank - 1];
        last[k] += (shape[i] - 1) * s;
      }
      if (joined) {
        size[rank - 1] *= shape[i];
        continue;
      }
      for (int k = 0; k < count; ++k) stride[rank][k] = operands[k].data ? operands[k].strides[i] : 0;
      size[rank++] = shape[i];
    }
    wide = elements >= device_reach;
    for (int k = 0; k < count; ++k) wide = wide || last[k] >= device_reach;
  }

  /// True where packets of `lanes` neighbours can be loaded and stored at once; bit k of `along`: operand k has them side by
  /// side, otherwise one element serves all.
  bool packets(const DeviceOperand* operands, const std::size_t* sizes, int count, int lanes, std::uint64_t* along) const {
    if (rank == 0 || (rank > 1 && size[0] % lanes != 0)) return false;
    along[0] = along[1] = along[2] = 0;
    for (int k = 0; k < count; ++k) {
      if (!operands[k].data || stride[0][k] == 0) continue;
      if (stride[0][k] != 1 || reinterpret_cast<std::uintptr_t>(operands[k].data) % (sizes[k] * static_cast<std::size_t>(lanes)) != 0) return false;
      for (int i = 1; i < rank; ++i)
        if (stride[i][k] % lanes != 0) return false;
      along[k / 64] |= std::uint64_t{1} << k % 64;
    }
    return true;
  }
};

/// The offsets, in elements, of Count operands at element i: counted by Index, summed as Offset.
template <int Count, class Index, class Offset = Index>
struct Offsets {
  int rank = 0;
  FastDivide<Index> size[max_rank];
  Offset stride[max_rank][Count > 0 ? Count : 1] = {};

  Offsets() = default;
  explicit Offsets(const JobAxes& axes) : rank(axes.rank) {
    for (int i = 0; i < rank; ++i) {
      size[i] = FastDivide<Index>(axes.size[i] > 0 ? axes.size[i] : 1);
      for (int k = 0; k < Count; ++k) stride[i][k] = static_cast<Offset>(axes.stride[i][k]);
    }
  }
  /// Adds them to what `at` holds.
  TAPER_INLINE TAPER_HD void add(Index i, Offset* at) const {
    for (int axis = 0; axis < rank; ++axis) {
      const Index rest = axis + 1 < rank ? size[axis](i) : Index(0);
      const Index index = i - rest * static_cast<Index>(size[axis].divisor);
      for (int k = 0; k < Count; ++k) at[k] += static_cast<Offset>(index) * stride[axis][k];
      i = rest;
    }
  }
};

}  // namespace taper::inline TAPER_CODE::detail
