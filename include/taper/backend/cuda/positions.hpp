// SPDX-License-Identifier: MIT
// What becomes of index tensors and masks before they choose anything: bounds are checked, negative ones wrapped, the
// true elements of a mask listed.
#pragma once

#include <taper/backend/cuda/reduce.hpp>

namespace taper::inline TAPER_CODE::detail {

/// Counts the indices outside [low, high), one number a block.
template <class I>
struct OutsideKernel {
  const I* index;
  std::int64_t n, blocks, low, high;
  std::int64_t* out;
  template <class Block>
  TAPER_HD void operator()(const Block& block, std::int64_t item) const {
    std::int64_t acc = 0;
    for (std::int64_t i = item * block.threads() + block.thread(); i < n; i += blocks * block.threads()) {
      const auto at = static_cast<std::int64_t>(index[i]);
      acc += at < low || at >= high ? 1 : 0;
    }
    acc = block.template reduce<SumReducer<std::int64_t>>(acc);
    if (block.thread() == 0) out[item] = acc;
  }
};

/// An index tensor at its places, negative ones counted from the back.
struct PositionsKernel {
  const std::int64_t* index;
  Offsets<1, std::uint64_t> offsets;
  std::int64_t size;
  std::int64_t* out;
  TAPER_HD void operator()(std::int64_t b) const {
    std::uint64_t at[1] = {};
    offsets.add(static_cast<std::uint64_t>(b), at);
    const std::int64_t i = index[at[0]];
    out[b] = i < 0 ? i + size : i;
  }
};

/// How many elements of a chunk are true.
struct CountTrueKernel {
  const std::uint8_t* mask;
  std::int64_t n, length;
  std::int64_t* counts;
  TAPER_HD void operator()(std::int64_t chunk) const {
    const std::int64_t end = (chunk + 1) * length < n ? (chunk + 1) * length : n;
    std::int64_t count = 0;
    for (std::int64_t i = chunk * length; i < end; ++i) count += mask[i] != 0;
    counts[chunk] = count;
  }
};
/// Their coordinates, from `starts` on: coordinate j of the k-th is out[k * item_step + j * axis_step].
struct ListTrueKernel {
  const std::uint8_t* mask;
  std::int64_t n, length;
  const std::int64_t* starts;
  int rank;
  std::int64_t size[max_rank];
  std::int64_t* out;
  std::int64_t item_step, axis_step;
  TAPER_HD void operator()(std::int64_t chunk) const {
    const std::int64_t end = (chunk + 1) * length < n ? (chunk + 1) * length : n;
    std::int64_t* to = out + starts[chunk] * item_step;
    for (std::int64_t i = chunk * length; i < end; ++i) {
      if (!mask[i]) continue;
      std::int64_t rest = i;
      for (int j = rank - 1; j >= 0; --j) {
        to[j * axis_step] = rest % size[j];
        rest /= size[j];
      }
      to += item_step;
    }
  }
};

/// Calls raise(a copy on the host) where one of n indices in device memory lies outside [low, high).
template <class D, class I, class Raise>
void check_device_indices(const I* index, std::int64_t n, std::int64_t low, std::int64_t high, const Raise& raise) {
  if (n == 0) return;
  constexpr std::int64_t most = 64;
  const std::int64_t blocks = n < most * 4096 ? (n + 4095) / 4096 : most;
  const RecordPtr counts = make_dense<D>(DType::int64, {blocks});
  auto* device = reinterpret_cast<std::int64_t*>(counts->data);
  D::System::for_each_block(blocks, OutsideKernel<I>{index, n, blocks, low, high, device});
  std::int64_t host[most], outside = 0;
  D::to_host(host, device, static_cast<std::size_t>(blocks) * sizeof(std::int64_t));
  for (std::int64_t i = 0; i < blocks; ++i) outside += host[i];
  if (outside == 0) return;
  const RecordPtr copy = make_dense<Cpu>(dtype_of<I>, {n});
  D::to_host(copy->data, index, static_cast<std::size_t>(n) * sizeof(I));
  raise(reinterpret_cast<const I*>(copy->data));
}

/// The coordinates of the true elements of a dense mask: (rank, count), or (count, rank).
template <class D>
RecordPtr list_true(const TensorRecord& mask, bool coordinates_first) {
  using System = typename D::System;
  const auto* p = reinterpret_cast<const std::uint8_t*>(mask.data);
  const std::int64_t rank = mask.shape.size(), n = mask.numel;
  const std::int64_t length = n <= std::int64_t{1} << 22 ? 64 : (n + 65535) / 65536, chunks = (n + length - 1) / length;
  const RecordPtr counts = make_dense<D>(DType::int64, {chunks}), on_host = make_dense<Cpu>(DType::int64, {chunks});
  auto *device = reinterpret_cast<std::int64_t*>(counts->data), *host = reinterpret_cast<std::int64_t*>(on_host->data);
  const std::size_t bytes = static_cast<std::size_t>(chunks) * sizeof(std::int64_t);
  std::int64_t total = 0;
  count_pass();
  if (chunks > 0) {
    System::for_each(chunks, CountTrueKernel{p, n, length, device});
    D::to_host(host, device, bytes);
    for (std::int64_t i = 0; i < chunks; ++i) {
      const std::int64_t count = host[i];
      host[i] = total;
      total += count;
    }
  }
  RecordPtr out = make_dense<D>(DType::int64, coordinates_first ? Shape{rank, total} : Shape{total, rank});
  if (total == 0) return out;
  D::from_host(device, host, bytes);
  ListTrueKernel kernel{p, n, length, device, static_cast<int>(rank), {}, reinterpret_cast<std::int64_t*>(out->data),
                        coordinates_first ? 1 : rank, coordinates_first ? total : 1};
  for (int j = 0; j < rank; ++j) kernel.size[j] = mask.shape[j];
  System::for_each(chunks, kernel);
  return out;
}

}  // namespace taper::inline TAPER_CODE::detail
