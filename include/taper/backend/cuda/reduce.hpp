// SPDX-License-Identifier: MIT
// Reductions of a program's values, or of one leaf's gradient, over axes: by blocks along rows, by threads across columns, in
// parts where there are few results. Parts follow from sizes alone and are joined in their order: the same bits every time.
#pragma once

#include <taper/backend/cpu/reduce.hpp>
#include <taper/backend/cuda/map.hpp>

namespace taper::inline TAPER_CODE::detail {

/// Element by element, in place of packets.
template <class P, class Index>
struct ElementAt {
  std::byte* const* data;
  const Index* offset;
  template <class T>
  TAPER_INLINE TAPER_HD auto at(int k) const {
    return data[k] ? widen<T>(reinterpret_cast<const stored_t<T>*>(data[k])[offset[k]]) : compute_t<T>{};
  }
  template <int L>
  TAPER_INLINE TAPER_HD auto leaf() const {
    return at<typename P::template type<L>>(L);
  }
};

/// The value of a program at offsets.
template <class P>
struct ProgramValue {
  static constexpr int operands = P::leaves > 0 ? P::leaves : 1;
  std::byte* data[operands];
  typename P::Data settings;
  template <class Index>
  TAPER_INLINE TAPER_HD auto operator()(const Index* offset) const {
    RegisterFile<P, Elements> r;
    run_program_at<P>(r, settings, ElementAt<P, Index>{data, offset});
    return get<P::root>(r);
  }
};

template <class Out>
struct StoreResult {
  Out* out;
  double factor;
  template <class Acc>
  TAPER_INLINE TAPER_HD void operator()(std::int64_t i, const Acc& acc) const {
    out[i] = narrow_result<Out>(acc, factor);
  }
};

/// A gradient that is stored, or added to what is there.
template <class T>
struct StoreGradient {
  T* out;
  bool fresh;
  template <class Acc>
  TAPER_INLINE TAPER_HD void operator()(std::int64_t i, const Acc& acc) const {
    const auto value = narrow_result<compute_t<T>>(acc, 1);
    out[i] = static_cast<T>(fresh ? value : static_cast<compute_t<T>>(out[i]) + value);
  }
};

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

template <class Value, class R, class Store, class Index>
struct ReduceKernel {
  using Acc = typename R::Acc;
  Value value;
  Offsets<Value::operands, Index> kept, reduced;
  ReduceShares shares;
  Acc* partial;  // null where each output is one part
  Store store;

  TAPER_INLINE TAPER_HD void finish(std::int64_t output, std::int64_t part, const Acc& acc) const {
    if (partial) partial[part * shares.outputs + output] = acc;
    else store(output, acc);
  }
  /// Every step-th element of a part.
  TAPER_INLINE TAPER_HD Acc fold(std::int64_t output, std::int64_t part, std::int64_t first, std::int64_t step) const {
    Index base[Value::operands] = {};
    kept.add(static_cast<Index>(output), base);
    const std::int64_t begin = part * shares.part_length;
    const std::int64_t end = begin + shares.part_length < shares.length ? begin + shares.part_length : shares.length;
    Acc acc = R::identity();
    for (std::int64_t i = begin + first; i < end; i += step) {
      Index at[Value::operands];
      for (int k = 0; k < Value::operands; ++k) at[k] = base[k];
      reduced.add(static_cast<Index>(i), at);
      R::combine(acc, Acc(value(at)));
    }
    return acc;
  }
};

/// Neighbouring threads on neighbouring elements of one output: a block folds a part.
template <class Value, class R, class Store, class Index>
struct ReduceRows : ReduceKernel<Value, R, Store, Index> {
  template <class Block>
  TAPER_HD void operator()(const Block& block, std::int64_t item) const {
    const std::int64_t output = item / this->shares.parts, part = item % this->shares.parts;
    const auto acc = block.template reduce<R>(this->fold(output, part, block.thread(), block.threads()));
    if (block.thread() == 0) this->finish(output, part, acc);
  }
};
/// Neighbouring threads on neighbouring outputs: each folds a part alone.
template <class Value, class R, class Store, class Index>
struct ReduceColumns : ReduceKernel<Value, R, Store, Index> {
  TAPER_HD void operator()(std::int64_t item) const {
    const std::int64_t output = item % this->shares.outputs, part = item / this->shares.outputs;
    this->finish(output, part, this->fold(output, part, 0, 1));
  }
};
template <class R, class Store>
struct JoinParts {
  const typename R::Acc* partial;
  std::int64_t outputs, parts;
  Store store;
  TAPER_HD void operator()(std::int64_t i) const {
    typename R::Acc acc = R::identity();
    for (std::int64_t p = 0; p < parts; ++p) R::combine(acc, partial[p * outputs + i]);
    store(i, acc);
  }
};

/// Folds value with R over the axes in `mask`; the results, in row-major order of the kept axes, go to store.
template <class D, class R, class Index, class Value, class Store>
void launch_reduce(const JobAxes& kept, const JobAxes& reduced, const Value& value, const Store& store, bool rows) {
  using System = typename D::System;
  using Acc = typename R::Acc;
  const ReduceShares shares(kept.elements, reduced.elements, rows ? 1 << 10 : 1 << 16, rows ? 1 << 12 : 1 << 6);
  const std::size_t bytes = static_cast<std::size_t>(shares.parts > 1 ? shares.parts * shares.outputs : 0) * sizeof(Acc);
  Acc* partial = bytes > 0 ? static_cast<Acc*>(D::allocate(bytes)) : nullptr;
  const ReduceKernel<Value, R, Store, Index> kernel{value, Offsets<Value::operands, Index>(kept), Offsets<Value::operands, Index>(reduced),
                                                    shares, partial, store};
  if (rows) System::for_each_block(shares.outputs * shares.parts, ReduceRows<Value, R, Store, Index>{kernel});
  else System::for_each(shares.outputs * shares.parts, ReduceColumns<Value, R, Store, Index>{kernel});
  if (!partial) return;
  System::for_each(shares.outputs, JoinParts<R, Store>{partial, shares.outputs, shares.parts, store});
  D::deallocate(partial, bytes);
}

template <class D, class R, class Value, class Store>
void device_reduce(const DeviceJob& job, std::uint32_t mask, const Value& value, const Store& store) {
  const JobAxes kept(job.shape, job.operands, Value::operands, ~mask), reduced(job.shape, job.operands, Value::operands, mask);
  count_pass();
  if (kept.elements == 0) return;
  int inner = job.shape.size() - 1;
  while (inner > 0 && job.shape[inner] == 1) --inner;
  const bool rows = inner < 0 || (mask >> inner & 1);
  if (kept.wide || reduced.wide || kept.elements * reduced.elements >= device_reach)
    launch_reduce<D, R, std::uint64_t>(kept, reduced, value, store, rows);
  else launch_reduce<D, R, std::uint32_t>(kept, reduced, value, store, rows);
}

/// Sum over the axes that a leaf was broadcast along.
template <class D, class T>
void device_sum_to(const TensorRecord& whole, const TensorRecord& target, bool fresh) {
  const DeviceOperand operand{whole.data, whole.strides};
  std::uint32_t mask = 0;
  const int lead = whole.shape.size() - target.shape.size();
  for (int i = 0; i < whole.shape.size(); ++i)
    if (i < lead || (target.shape[i - lead] == 1 && whole.shape[i] != 1)) mask |= 1u << i;
  using P = Program<T, List<T>, List<>, List<>, leaf_code>;
  const ProgramValue<P> value{{whole.data}, {}};
  DeviceJob job{nullptr, whole.shape, const_cast<DeviceOperand*>(&operand)};
  device_reduce<D, SumReducer<compute_t<T>>>(job, mask, value, StoreGradient<T>{reinterpret_cast<T*>(target.data), fresh});
}

template <class D, class P, class R, class Out>
void device_reduce_program(const DeviceJob& job, std::uint32_t mask, Out* out, double factor) {
  ProgramValue<P> value{{}, settings_of<P>(job)};
  for (int k = 0; k < P::leaves; ++k) value.data[k] = job.operands[k].data;
  device_reduce<D, R>(job, mask, value, StoreResult<Out>{out, factor});
}

}  // namespace taper::inline TAPER_CODE::detail
