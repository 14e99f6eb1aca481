// SPDX-License-Identifier: MIT
// The short way for small jobs whose operands are all dense or constant: no plan, no staging, no threads.
#pragma once

#include <taper/backend/cpu/map.hpp>
#include <taper/backend/cpu/slack.hpp>

namespace taper::inline TAPER_CODE::detail {

/// An operand of a small job: dense, or one element for all. Without initialisers: most of an array of them is not used.
struct SmallOperand {
  std::byte* data;  // null: a result that nobody wants
  std::uint32_t size;
  bool constant;
  bool slack;  // a pack that begins at the last element may be read and written in full
};

inline constexpr std::int64_t small_elements = 4096;
inline constexpr int small_operands = 24;

/// Runs a kernel over n elements, uncounted; `in` then `out` operands, at most small_operands of them.
template <class A = Abi>
void run_packs(KernelFn kernel, const void* data, const SmallOperand* operands, int inputs, int outputs, std::int64_t n, bool may_throw) {
  constexpr std::size_t pad_bytes = 16 * pack_lanes;
  alignas(64) std::byte pads[small_operands * pad_bytes];
  std::byte* at[small_operands];
  std::ptrdiff_t step[small_operands];
  const int count = inputs + outputs;
  bool whole_packs = !may_throw;
  for (int i = 0; i < count; ++i) {
    const SmallOperand& o = operands[i];
    at[i] = o.data;
    step[i] = static_cast<std::ptrdiff_t>(o.size) * pack_lanes;
    if (!o.data) {
      at[i] = pads + static_cast<std::size_t>(i) * pad_bytes;
      step[i] = 0;
    } else if (o.constant) {
      step[i] = 0;
      if (o.data == zero_pack) continue;
      at[i] = pads + static_cast<std::size_t>(i) * pad_bytes;
      fill_pack<A>(at[i], o.data, o.size);
    } else {
      whole_packs = whole_packs && o.slack;
    }
  }
  if (whole_packs) return kernel({at, step, at + inputs, step + inputs, data, (n + pack_lanes - 1) / pack_lanes});
  const std::int64_t packs = n / pack_lanes;
  const auto rest = static_cast<std::size_t>(n % pack_lanes);
  if (packs > 0) kernel({at, step, at + inputs, step + inputs, data, packs});
  if (rest == 0) return;
  // The last elements run as one padded pack where memory ends with them, or idle lanes could throw. An input that is also an output (a gradient that is added to) shares its pad.
  std::byte* end[small_operands];
  for (int i = count - 1; i >= 0; --i) {
    const SmallOperand& o = operands[i];
    end[i] = at[i] + packs * step[i];
    if (!o.data || o.constant) continue;
    at[i] = pads + static_cast<std::size_t>(i) * pad_bytes;
  }
  for (int i = inputs; i < count; ++i)
    for (int j = inputs; j < i; ++j)
      if (operands[i].data && end[j] == end[i]) at[i] = at[j];
  for (int i = 0; i < inputs; ++i) {
    const SmallOperand& o = operands[i];
    if (!o.data || o.constant) continue;
    for (int j = inputs; j < count; ++j)
      if (operands[j].data && end[j] == end[i]) at[i] = at[j];
    std::memcpy(at[i], end[i], rest * o.size);
    if (may_throw)
      for (std::size_t k = rest; k < static_cast<std::size_t>(pack_lanes); ++k) std::memcpy(at[i] + k * o.size, end[i], o.size);
    else
      std::memset(at[i] + rest * o.size, 0, (static_cast<std::size_t>(pack_lanes) - rest) * o.size);
  }
  kernel({at, step, at + inputs, step + inputs, data, 1});
  for (int i = inputs; i < count; ++i)
    if (operands[i].data) std::memcpy(end[i], at[i], rest * operands[i].size);
}

/// The same as one launch.
template <class A = Abi>
void run_small(KernelFn kernel, const void* data, const SmallOperand* operands, int inputs, int outputs, std::int64_t n, bool may_throw) {
  std::int64_t bytes = 0;
  for (int i = 0; i < inputs + outputs; ++i) bytes += n * operands[i].size;
  count_launch(bytes);
  run_packs<A>(kernel, data, operands, inputs, outputs, n, may_throw);
}

}  // namespace taper::inline TAPER_CODE::detail
