// SPDX-License-Identifier: MIT
// Reductions over axes: one kernel, whose blocks lie along rows or across columns, in parts where there are few results. Parts
// follow from sizes alone and are joined in their order: the same bits every time.
#pragma once

#include <taper/backend/cpu/reduce.hpp>
#include <taper/backend/cuda/block.hpp>
#include <taper/backend/cuda/offsets.hpp>
#include <taper/core/pool_vector.hpp>
#include <taper/core/stats.hpp>

#include <limits>

namespace taper::inline TAPER_CODE::detail {

/// How the elements of a reduction are shared out.
struct ReduceShares {
  std::int64_t outputs, length, parts, part_length;

  /// many: how many shares keep a device busy; least: elements that make a share worth it.
  ReduceShares(std::int64_t o, std::int64_t l, std::int64_t many, std::int64_t least) : outputs(o), length(l) {
    parts = o < many ? many / (o > 0 ? o : 1) : 1;
    if (const std::int64_t worth = l / least; parts > worth) parts = worth > 0 ? worth : 1;
    part_length = (l + parts - 1) / parts;
    if (part_length > 0) parts = (l + part_length - 1) / part_length;
    if (parts == 0) parts = 1;
  }
};

/// Which results and which of their elements the threads of a block take: some results side by side, each by some lanes. Where
/// `along`, neighbouring threads are lanes of one result; otherwise they are at neighbouring results.
struct ReduceTile {
  static constexpr int threads = 256, least = 16;  // of a block on a device; elements that make a lane worth it
  int width = 1;                                   // results of a block
  bool along = false;
  ReduceShares shares;

  ReduceTile(std::int64_t outputs, std::int64_t length, bool a) : along(a), shares(outputs, length, 0, 1) {
    int lanes = 1;
    while (lanes < (along ? threads : threads / 32) && lanes < length) lanes *= 2;
    width = threads / lanes;
    if (width > outputs) width = static_cast<int>(outputs);
    shares = ReduceShares(outputs, length, 1024 * width, threads / width * least);
  }
  std::int64_t groups() const { return (shares.outputs + width - 1) / width; }
};

/// The results of a reduction, each in parts.
template <class Value, class R, class Store>
struct ReduceKernel {
  static constexpr int operands = Value::operands;
  using Acc = typename R::Acc;
  using Reach = Offsets<operands, std::uint32_t, std::int64_t>;
  Value value;
  std::int64_t base[operands];  // where the operands begin
  Reach kept, reduced;
  ReduceTile tile;
  Acc* partial;  // null where each result is one part
  std::int64_t first;  // result
  Store store;

  template <class Block>
  TAPER_HD void operator()(const Block& block, std::int64_t item) const {
    // 32 bits hold all of it: there are parts only where there are few results.
    const auto all = static_cast<Count>(tile.width), parts = static_cast<Count>(tile.shares.parts), outputs = static_cast<Count>(tile.shares.outputs);
    const Count group = static_cast<Count>(item) / parts, part = static_cast<Count>(item) - group * parts;
    const auto threads = static_cast<Count>(block.threads()), thread = static_cast<Count>(block.thread());
    const Count width = all < threads ? all : threads, lanes = threads / width;
    const Count column = tile.along ? thread / lanes : thread % width, lane = tile.along ? thread % lanes : thread / width;
    for (Count k = column; k < all + column; k += width) {
      const Count output = group * all + k;
      const bool mine = column < width && lane < lanes && k < all && output < outputs;
      Acc acc = mine ? fold(output, part, lane, lanes) : R::identity();
      if (lanes > 1) join(block, acc, column, lane, width, lanes);
      if (!mine || lane != 0) continue;
      if (partial) partial[static_cast<std::int64_t>(part) * outputs + output] = acc;
      else store(first + output, acc);
    }
  }

 private:
  using Count = std::uint32_t;

  /// Every lanes-th element of a part.
  TAPER_INLINE TAPER_HD Acc fold(Count output, Count part, Count lane, Count lanes) const {
    std::int64_t start[operands];
    for (int k = 0; k < operands; ++k) start[k] = base[k];
    kept.add(output, start);
    const auto length = static_cast<Count>(tile.shares.length), most = static_cast<Count>(tile.shares.part_length);
    const Count begin = part * most, end = length - begin < most ? length : begin + most;
    Acc acc = R::identity();
    for (Count i = begin + lane; i < end; i += lanes) {
      std::int64_t at[operands];
      for (int k = 0; k < operands; ++k) at[k] = start[k];
      reduced.add(i, at);
      R::combine(acc, cast_number<Acc>(value(at)));
    }
    return acc;
  }
  /// The lanes of a result, halved and halved again, at its first lane.
  template <class Block>
  TAPER_INLINE TAPER_HD void join(const Block& block, Acc& acc, Count column, Count lane, Count width, Count lanes) const {
    const auto shared = block.template shared<ReduceKernel, Acc, most_block_threads>();
    const Count at = lane * width + column;
    const bool in = column < width && lane < lanes;
    block.sync();  // the results before these have been read
    if (in) shared[at] = acc;
    for (Count n = lanes, half; n > 1; n = half) {
      half = (n + 1) / 2;
      block.sync();
      if (!in || lane + half >= n) continue;
      const Acc other = shared[at + half * width];
      R::combine(acc, other);
      shared[at] = acc;
    }
  }
};
template <class R, class Store>
struct JoinParts {
  const typename R::Acc* partial;
  std::int64_t outputs, parts;
  Store store;
  std::int64_t first = 0;  // result
  TAPER_HD void operator()(std::int64_t i) const {
    typename R::Acc acc = R::identity();
    for (std::int64_t p = 0; p < parts; ++p) R::combine(acc, partial[p * outputs + i]);
    store(first + i, acc);
  }
};

/// A box of an iteration space: its shape, and where the operands begin.
template <int Count>
struct ReduceBox {
  Shape shape;
  std::int64_t base[Count] = {};

  std::int64_t elements(std::uint32_t mask) const {
    std::int64_t out = 1;
    for (int i = 0; i < shape.size(); ++i)
      if (mask >> i & 1) out *= shape[i];
    return out;
  }
  /// Cuts the outermost axis of `mask` until 32 bits count its elements; what is cut off goes to `boxes`, in order.
  void cut(const DeviceOperand* operands, std::uint32_t mask, PoolVector<ReduceBox>& boxes) const {
    if (elements(mask) < device_reach) return boxes.push_back(*this);
    int axis = 0;
    while (!(mask >> axis & 1) || shape[axis] == 1) ++axis;
    ReduceBox half = *this;
    half.shape[axis] = shape[axis] / 2;
    half.cut(operands, mask, boxes);
    for (int k = 0; k < Count; ++k)
      if (operands[k].data) half.base[k] += half.shape[axis] * operands[k].strides[axis];
    half.shape[axis] = shape[axis] - half.shape[axis];
    half.cut(operands, mask, boxes);
  }
  PoolVector<ReduceBox> cut(const DeviceOperand* operands, std::uint32_t mask) const {
    PoolVector<ReduceBox> boxes;
    cut(operands, mask, boxes);
    return boxes;
  }
};

/// The axes of a job as they lie in memory: the innermost has the shortest steps.
struct MemoryOrder {
  int axis[max_rank] = {};  // g++ -O2 does not see that it is set
  std::uint32_t innermost = 0;  // as a mask

  MemoryOrder(const DeviceJob& job, int operands) {
    std::int64_t step[max_rank];
    for (int i = 0; i < job.shape.size(); ++i) {
      std::int64_t shortest = std::numeric_limits<std::int64_t>::max();
      for (int k = 0; k < operands; ++k)
        if (const std::int64_t s = job.operands[k].data ? job.operands[k].strides[i] : 0; s != 0 && job.shape[i] > 1 && (s < 0 ? -s : s) < shortest)
          shortest = s < 0 ? -s : s;
      int to = i;
      for (; to > 0 && step[to - 1] < shortest; --to) step[to] = step[to - 1], axis[to] = axis[to - 1];
      step[to] = shortest;
      axis[to] = i;
    }
    if (!job.shape.empty()) innermost = 1u << axis[job.shape.size() - 1];
  }
};

/// Folds value with R over the axes in `mask`; the results, in row-major order of the kept axes, go to store.
template <class D, class R, class Value, class Store>
void device_reduce(const DeviceJob& job, std::uint32_t mask, const Value& value, const Store& store) {
  constexpr int count = Value::operands;
  using System = typename D::System;
  using Kernel = ReduceKernel<Value, R, Store>;
  using Acc = typename R::Acc;
  count_pass();
  const ReduceBox<count> whole{job.shape};
  if (whole.elements(~mask) == 0) return;
  const MemoryOrder order(job, count);
  const bool along = whole.elements(~mask) == 1 || (mask & order.innermost) != 0;
  std::int64_t first = 0;
  for (const ReduceBox<count>& results : whole.cut(job.operands, ~mask)) {
    const PoolVector<ReduceBox<count>> boxes = results.cut(job.operands, mask);
    const JobAxes kept(results.shape, job.operands, count, ~mask);
    const auto tile_of = [&](const ReduceBox<count>& box) { return ReduceTile(kept.elements, box.elements(mask), along); };
    std::int64_t parts = 0, done = 0;
    for (const ReduceBox<count>& box : boxes) parts += tile_of(box).shares.parts;
    const std::size_t bytes = static_cast<std::size_t>(parts > 1 ? parts * kept.elements : 0) * sizeof(Acc);
    Acc* partial = bytes > 0 ? static_cast<Acc*>(D::allocate(bytes)) : nullptr;
    for (const ReduceBox<count>& box : boxes) {
      const ReduceTile tile = tile_of(box);
      Kernel kernel{value, {}, typename Kernel::Reach(kept), typename Kernel::Reach(JobAxes(box.shape, job.operands, count, mask, order.axis)),
                    tile,  partial ? partial + done * kept.elements : nullptr, first, store};
      for (int k = 0; k < count; ++k) kernel.base[k] = box.base[k];
      System::for_each_block(tile.groups() * tile.shares.parts, kernel);
      done += tile.shares.parts;
    }
    if (partial) {
      System::for_each(kept.elements, JoinParts<R, Store>{partial, kept.elements, parts, store, first});
      D::deallocate(partial, bytes);
    }
    first += kept.elements;
  }
}

}  // namespace taper::inline TAPER_CODE::detail
