// SPDX-License-Identifier: MIT
// Copies between layouts on a device: one kernel for all dtypes, which moves as many bytes at once as both layouts allow.
#pragma once

#include <taper/backend/cuda/map.hpp>

namespace taper::inline TAPER_CODE::detail {

template <class Index>
struct CopyKernel {
  const std::byte* from;
  std::byte* to;
  std::size_t unit;
  Offsets<2, Index> offsets;

  TAPER_HD void operator()(std::int64_t i) const {
    Index at[2] = {};
    offsets.add(static_cast<Index>(i), at);
    switch (unit) {
      case 1: return move<Packet<std::uint8_t, 1>>(at);
      case 2: return move<Packet<std::uint16_t, 1>>(at);
      case 4: return move<Packet<std::uint32_t, 1>>(at);
      case 8: return move<Packet<std::uint32_t, 2>>(at);
      default: return move<Packet<std::uint32_t, 4>>(at);
    }
  }

 private:
  template <class T>
  TAPER_INLINE TAPER_HD void move(const Index* at) const {
    reinterpret_cast<T*>(to)[at[1]] = reinterpret_cast<const T*>(from)[at[0]];
  }
};

/// Neighbours that are neighbours on both sides, taken as one twice as large.
inline bool join_pairs(JobAxes& axes, const DeviceOperand* operands, std::size_t unit) {
  if (axes.rank == 0 || axes.size[0] % 2 != 0) return false;
  for (int k = 0; k < 2; ++k) {
    if (axes.stride[0][k] != 1 || reinterpret_cast<std::uintptr_t>(operands[k].data) % (2 * unit) != 0) return false;
    for (int i = 1; i < axes.rank; ++i)
      if (axes.stride[i][k] % 2 != 0) return false;
  }
  axes.size[0] /= 2;
  axes.elements /= 2;
  for (int k = 0; k < 2; ++k)
    for (int i = 1; i < axes.rank; ++i) axes.stride[i][k] /= 2;
  return true;
}

/// Of one dtype and shape.
template <class System>
void device_copy(const TensorRecord& from, const TensorRecord& to) {
  const std::size_t size = size_of(from.dtype);
  const DeviceOperand operands[] = {{from.data, from.strides}, {to.data, to.strides}};
  count_launch(to.numel * static_cast<std::int64_t>(2 * size));
  JobAxes axes(to.shape, operands, 2);
  if (axes.elements == 0) return;
  std::size_t unit = size;
  while (unit < 16 && join_pairs(axes, operands, unit)) unit *= 2;
  const auto launch = [&]<class Index>(Index) {
    System::for_each(axes.elements, CopyKernel<Index>{operands[0].data, operands[1].data, unit, Offsets<2, Index>(axes)});
  };
  if (axes.wide) launch(std::uint64_t{});
  else launch(std::uint32_t{});
}

}  // namespace taper::inline TAPER_CODE::detail
