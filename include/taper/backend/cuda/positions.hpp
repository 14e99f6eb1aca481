// SPDX-License-Identifier: MIT
// What becomes of index tensors and masks before they choose anything: bounds are checked, negative ones wrapped, the
// true elements of a mask listed.
#pragma once

#include <taper/backend/cuda/fault.hpp>
#include <taper/backend/cuda/reduce.hpp>

namespace taper::inline TAPER_CODE::detail {

/// The number of an index outside [low, high), or the largest there is.
template <class I>
struct OutsideAt {
  static constexpr int operands = 1;
  const I* index;
  std::int64_t low, high;
  TAPER_INLINE TAPER_HD std::int64_t operator()(const std::int64_t* at) const {
    const auto i = static_cast<std::int64_t>(index[at[0]]);
    return i < low || i >= high ? at[0] : std::numeric_limits<std::int64_t>::max();
  }
};
/// Leaves the first one found, unless something was found before.
template <class I>
struct StoreFault {
  const I* index;
  base::NumberFault fault, *box;
  TAPER_INLINE TAPER_HD void operator()(std::int64_t, std::int64_t first) const {
    if (first == std::numeric_limits<std::int64_t>::max() || box->kind != base::NumberFault::Kind::none) return;
    *box = fault;
    box->element = first;
    box->value = static_cast<std::int64_t>(index[first]);
  }
};
/// Leaves a fault where a condition is false.
struct ExpectKernel {
  const std::uint8_t* condition;
  base::NumberFault fault, *box;
  TAPER_HD void operator()(std::int64_t) const {
    if (!*condition && box->kind == base::NumberFault::Kind::none) *box = fault;
  }
};

/// Has the device look for indices outside [low, high). The host hears of them when it next waits; until then they are nowhere:
/// nothing is read or written there.
template <class D, class I>
void check_on_device(const base::NumberFault& fault, const I* index, std::int64_t n, std::int64_t low, std::int64_t high) {
  if (n == 0) return;
  using S = typename D::System;
  DeviceOperand operand{reinterpret_cast<std::byte*>(const_cast<I*>(index)), Strides{1}};
  device_reduce<D, ExtremeReducer<std::int64_t, false>>({nullptr, Shape{n}, &operand}, 1, OutsideAt<I>{index, low, high},
                                                        StoreFault<I>{index, fault, &base::FaultBox<S>::get()});
  if (S::finished()) base::raise_fault<S>("");
}

/// An index tensor at its places, negative ones counted from the back; what is out of range stays so.
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
  ListTrueKernel kernel{p,
                        n,
                        length,
                        device,
                        static_cast<int>(rank),
                        {},
                        reinterpret_cast<std::int64_t*>(out->data),
                        coordinates_first ? 1 : rank,
                        coordinates_first ? total : 1};
  for (int j = 0; j < rank; ++j) kernel.size[j] = mask.shape[j];
  System::for_each(chunks, kernel);
  return out;
}

}  // namespace taper::inline TAPER_CODE::detail
