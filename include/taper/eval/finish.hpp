// SPDX-License-Identifier: MIT
// A pointwise program as the epilogue of one of its producers: it runs over each part of the producer's result while that
// is in the cache, in place where nobody needs the result itself.
#pragma once

#include <taper/backend/cpu/epilogue.hpp>
#include <taper/eval/run.hpp>

namespace taper::inline TAPER_CODE::detail {

/// Smaller results stay in the first-level cache anyhow.
inline constexpr std::int64_t least_finished = 1 << 13;

/// An operand of the program, as the rows of the producer's result see it: a vector beside each row, or one element for all of it.
struct PartOperand {
  const std::byte* data = nullptr;
  std::size_t size = 0;
  bool along = false;        // a vector
  bool linear = false;       // rows lie `row` elements apart
  std::int64_t row = 0;
  Strides strides;

  /// False where the operand is neither.
  bool plan(const TensorRecord& r, std::size_t element, const Shape& logical, AxisOrder order, const Shape& shape, int outer) {
    data = r.data;
    size = element;
    strides = in_order(r.shape == logical ? r.strides : broadcast_strides(r.shape, r.strides, logical), order);
    std::int64_t dense = 1, rows = 1;
    bool vector = true, constant = true;
    for (int i = shape.size() - 1; i >= outer; --i) {
      if (shape[i] == 1) continue;
      vector = vector && strides[i] == dense;
      constant = constant && strides[i] == 0;
      dense *= shape[i];
    }
    along = vector && dense > 1;
    linear = true;
    for (int i = outer - 1; i >= 0; --i) {
      if (shape[i] == 1) continue;
      if (rows == 1) row = strides[i];
      linear = linear && strides[i] == row * rows;
      rows *= shape[i];
    }
    return vector || constant;
  }
  const std::byte* at(const Shape& shape, int outer, std::int64_t index, std::int64_t column) const {
    std::int64_t element = along ? column : 0;
    if (linear) element += index * row;
    else
      for (int i = outer - 1; i >= 0; index /= shape[i--]) element += index % shape[i] * strides[i];
    return data + element * static_cast<std::int64_t>(size);
  }
};

/// The program around a leaf whose producer makes a matrix with rows of `columns` elements, in an order of its axes.
class Finisher {
 public:
  Finisher(const ProgramInfo& info, const LeafRef* leaves, const void* data, const Shape& shape, int leaf)
      : info_(info), data_(data), shape_(in_order(shape, leaves[leaf].order)), leaf_(leaf), outer_(shape.size()) {
    const std::int64_t columns = leaves[leaf].columns;
    std::int64_t inner = 1;
    while (outer_ > 0 && inner < columns) inner *= shape_[--outer_];
    possible_ = inner == columns && !info.may_throw && info.leaves < small_operands;
    for (int i = 0; i < info.leaves && possible_; ++i) {
      PartOperand& o = operands_[i];
      if (i == leaf) o.size = size_of(info.leaf_types[i]), o.along = o.linear = true, o.row = columns;
      else possible_ = o.plan(*leaves[i].record, size_of(info.leaf_types[i]), shape, leaves[leaf].order, shape_, outer_);
      joined_ = joined_ && o.linear && (o.along ? o.row == columns : o.row == 0);
    }
  }
  bool possible() const { return possible_; }
  /// The epilogue that writes to `out`, or in place of the producer's result where that is null.
  Epilogue into(std::byte* out) {
    out_ = out;
    return {[](const void* self, const Part& part) { static_cast<const Finisher*>(self)->run(part); }, this};
  }

 private:
  void run(Part part) const {
    if (joined_ && part.columns == part.pitch) {  // whole rows: one long one
      part.columns *= part.rows;
      part.rows = 1;
    }
    constexpr std::size_t pad_bytes = 16 * pack_lanes;
    alignas(64) std::byte pads[small_operands * pad_bytes];
    std::byte* at[small_operands];
    std::ptrdiff_t step[small_operands];
    const int n = info_.leaves;
    const std::int64_t packs = part.columns / pack_lanes;
    for (std::int64_t r = 0; r < part.rows; ++r) {
      for (int i = 0; i < n; ++i) {
        const PartOperand& o = operands_[i];
        const auto size = static_cast<std::ptrdiff_t>(o.size);
        if (r > 0 && o.linear && o.along) {
          at[i] += o.row * size;
        } else if (r == 0 || !o.linear || o.row != 0) {
          std::byte* first = i == leaf_ ? part.data + (part.row * part.pitch + part.column) * size
                                        : const_cast<std::byte*>(o.at(shape_, outer_, part.row + r, part.column));
          at[i] = o.along ? first : pads + static_cast<std::size_t>(i) * pad_bytes;
          step[i] = o.along ? size * pack_lanes : 0;
          if (!o.along) fill_pack<Abi>(at[i], first, o.size);
        }
      }
      const auto size = static_cast<std::ptrdiff_t>(size_of(info_.result));
      at[n] = out_ ? out_ + ((part.row + r) * part.pitch + part.column) * size : at[leaf_];
      step[n] = size * pack_lanes;
      if (packs > 0) info_.forward({at, step, at + n, step + n, data_, packs});
      if (part.columns % pack_lanes != 0) finish_row(at, step, packs, part.columns % pack_lanes);
    }
  }
  /// The last elements of a row.
  [[gnu::noinline]] void finish_row(std::byte* const* at, const std::ptrdiff_t* step, std::int64_t packs, std::int64_t rest) const {
    SmallOperand operands[small_operands];
    for (int i = 0; i <= info_.leaves; ++i) {
      const std::size_t size = i < info_.leaves ? operands_[i].size : size_of(info_.result);
      operands[i] = {at[i] + packs * step[i], static_cast<std::uint32_t>(size), step[i] == 0, false};
    }
    run_packs(info_.forward, data_, operands, info_.leaves, 1, rest, false);
  }

  const ProgramInfo& info_;
  const void* data_;
  Shape shape_;
  int leaf_, outer_;
  bool possible_ = false, joined_ = true;
  std::byte* out_ = nullptr;
  PartOperand operands_[small_operands];
};

/// Whether the gradient of an expression reads the value of its leaf.
inline bool gradient_reads(const ProgramInfo& info, int leaf) {
  for (int i = 0; i < info.leaves; ++i)
    if (info.reached[i] && (info.needs[i].leaves >> leaf & 1)) return true;
  return false;
}

/// Runs a program some of whose producers wait: one of them with the program as its epilogue, where it can be. `held` keeps
/// the producer's result, which may be overwritten, until the program is recorded.
template <Device D>
RecordPtr run_waiting(const ProgramInfo& info, LeafRef* leaves, const void* data, const Shape& shape, RecordPtr& held) {
  int last = -1;
  for (int i = 0; i < info.leaves; ++i) {
    if (!leaves[i].run) continue;
    if (last >= 0) leaves[last].set(*leaves[last].run(leaves[last].produced, nullptr, true));
    last = i;
  }
  LeafRef& leaf = leaves[last];
  if (*leaf.shape == shape) {
    Finisher finisher(info, leaves, data, shape, last);
    if (finisher.possible()) {
      for (int i = 0; i < info.leaves; ++i)
        if (i != last) check_unchanged(leaves + i, 1);
      ++thread_stats.launches;
      bool records = leaf.wants_grad;
      for (int i = 0; i < info.leaves; ++i) records = records || leaves[i].wants_grad;
      if (info.result == info.leaf_types[last] && !(records && info.vjp && gradient_reads(info, last))) {
        const Epilogue epilogue = finisher.into(nullptr);
        held = leaf.run(leaf.produced, &epilogue, false);
        leaf.set(*held);
        return make_alias(*held, geometry_of(*held));
      }
      RecordPtr out = make_dense<D>(info.result, shape);
      set_order(*out, leaf.order);
      const Epilogue epilogue = finisher.into(out->data);
      leaf.set(*leaf.run(leaf.produced, &epilogue, true));
      return out;
    }
  }
  leaf.set(*leaf.run(leaf.produced, nullptr, true));
  return run_forward<D>(info, leaves, data, shape);
}

/// Runs a program. What depends on the expression's type is only the table and the leaves.
template <Device D>
RecordPtr run_program(const ProgramInfo& info, LeafRef* leaves, const void* data, const Shape& shape, RecordPtr& held) {
  if constexpr (on_host<D>)
    for (int i = 0; i < info.leaves; ++i)
      if (leaves[i].run) return run_waiting<D>(info, leaves, data, shape, held);
  return run_forward<D>(info, leaves, data, shape);
}

}  // namespace taper::inline TAPER_CODE::detail
