// SPDX-License-Identifier: MIT
// Runs a lowered program over its leaves, into fresh memory or into a given target. Knows programs as data, not as types.
#pragma once

#include <taper/backend/accelerator.hpp>
#include <taper/backend/cpu/map_small.hpp>
#include <taper/backend/cpu/reduce.hpp>
#include <taper/core/pool_vector.hpp>

namespace taper::inline TAPER_CODE::detail {

/// A typed sink for the gradient of a leaf that was broadcast, or is stored in 16 bits: see eval/sink.hpp.
struct SinkOps;

/// A program as data: one static table for every distinct expression.
struct ProgramInfo {
  KernelFn forward = nullptr;
  KernelFn vjp = nullptr;
  const DeviceProgram* device = nullptr;  // in place of these two where the program runs elsewhere
  bool differentiable = false;            // a gradient can flow
  int leaves = 0;
  DType result{};
  const DType* leaf_types = nullptr;
  const LeafNeeds* needs = nullptr;
  const bool* reached = nullptr;
  const SinkOps* const* sinks = nullptr;
  std::size_t data_bytes = 0;
  bool may_throw = false;
  bool identity = false;  // the bare tensor
  const struct GraphOps& (*graph)() = nullptr;  // a function: the table refers to other programs' tables, and back to this one
};

inline void check_unchanged(const LeafRef* leaves, int count) {
  for (int i = 0; i < count; ++i)
    if (leaves[i].record->storage->version.load(std::memory_order_relaxed) != leaves[i].version)
      raise<ValueError>("evaluate", "a tensor of shape ", leaves[i].record->shape,
                        " was changed in place after this expression was built and before it was evaluated: evaluate it first");
}

/// The order in which a program over these leaves runs and its result lies: that of the first leaf of its shape.
[[gnu::noinline]] inline AxisOrder order_of_first(const LeafRef* leaves, int count, const Shape& shape) {
  for (int i = 0; i < count; ++i)
    if (leaves[i].record->shape == shape) return order_of(*leaves[i].record);
  return 0;
}
inline AxisOrder order_of_leaves(const LeafRef* leaves, int count, const Shape& shape) {
  bool strided = false;
  for (int i = 0; i < count; ++i) strided |= !leaves[i].record->contiguous;
  return strided ? order_of_first(leaves, count, shape) : 0;
}
/// The job over the same elements in the order of memory.
inline void reorder(MapJob& job, AxisOrder order) {
  if (order == 0) return;
  job.shape = in_order(job.shape, order);
  for (int i = 0; i < job.inputs; ++i) job.in[i].strides = in_order(job.in[i].strides, order);
}

inline void fill_leaves(MapOperand* in, const ProgramInfo& info, const LeafRef* leaves, const Shape& shape) {
  for (int i = 0; i < info.leaves; ++i) {
    const TensorRecord& r = *leaves[i].record;
    in[i].data = r.data;
    in[i].size = size_of(info.leaf_types[i]);
    in[i].strides = r.shape == shape ? r.strides : broadcast_strides(r.shape, r.strides, shape);
  }
}

/// Operands of a job without a loop over unused ones: rank-8 strides make them large.
template <class T, int Max>
struct LazyArray {
  alignas(T) std::byte raw[sizeof(T) * Max];
  T* data() { return reinterpret_cast<T*>(raw); }
};

/// A tensor as an operand of a small job over `shape`; false where it is neither dense nor one element.
inline bool small_operand(SmallOperand& o, const TensorRecord& r, std::size_t size, const Shape& shape) {
  o.data = r.data;
  o.size = static_cast<std::uint32_t>(size);
  o.constant = r.numel == 1;
  o.slack = pack_fits_behind(r, size);
  return o.constant || (r.contiguous && r.shape == shape);
}

/// The short way of run_dense: false, with nothing done, where the job is not a small one. Inlined where small work
/// counts, called elsewhere.
inline bool run_dense_small(const ProgramInfo& info, const LeafRef* leaves, const void* data, const Shape& shape, std::int64_t n,
                            const SmallOperand& out) {
  if (n <= 0 || n > small_elements || info.leaves >= small_operands) return false;
  SmallOperand operands[small_operands];
  for (int i = 0; i < info.leaves; ++i)
    if (!small_operand(operands[i], *leaves[i].record, size_of(info.leaf_types[i]), shape)) return false;
  operands[info.leaves] = out;
  run_small(info.forward, data, operands, info.leaves, 1, n, info.may_throw);
  return true;
}

[[gnu::noinline]] inline bool try_small(const ProgramInfo& info, const LeafRef* leaves, const void* data, const Shape& shape, std::int64_t n,
                                        const SmallOperand& out) {
  return run_dense_small(info, leaves, data, shape, n, out);
}

/// Evaluates a program in an order of its axes, into dense memory or for a consumer.
inline void run_large(const ProgramInfo& info, const LeafRef* leaves, const void* data, const Shape& shape, MapOutput output, AxisOrder order,
                      std::int64_t grain = 0) {
  LazyArray<MapOperand, 64> in;
  for (int i = 0; i < info.leaves; ++i) ::new (in.data() + i) MapOperand;
  fill_leaves(in.data(), info, leaves, shape);
  MapJob job{info.forward, data, shape, info.leaves, 1, in.data(), &output, grain};
  reorder(job, order);
  run_map(job);
}
/// The same the short way where there is one; `slack` as in SmallOperand.
inline void run_dense(const ProgramInfo& info, const LeafRef* leaves, const void* data, const Shape& shape, std::byte* out, bool slack,
                      AxisOrder order = 0) {
  if (order == 0 && run_dense_small(info, leaves, data, shape, shape.numel(), {out, static_cast<std::uint32_t>(size_of(info.result)), false, slack})) return;
  run_large(info, leaves, data, shape, {out, size_of(info.result), {}}, order);
}

/// Operands of a device's job: the leaves, `more` of the caller's behind them. All of them, and the result, or the gradient that has
/// arrived, lie where the kernel runs.
class DeviceOperands {
 public:
  DeviceOperands(const ProgramInfo& info, int more, const TensorRecord& result)
      : operands_(static_cast<std::size_t>(info.leaves + more)), here_(info.device->index()) {
    check_on(here_, "evaluate", result);
  }
  void set(int i, const TensorRecord& r, const Shape& shape) {
    check_on(here_, "evaluate", r);
    operands_[static_cast<std::size_t>(i)] = {r.data, r.shape == shape ? r.strides : broadcast_strides(r.shape, r.strides, shape)};
  }
  DeviceOperand& operator[](int i) { return operands_[static_cast<std::size_t>(i)]; }
  /// The job over the same elements in the order of memory.
  DeviceJob job(const void* data, const Shape& shape, AxisOrder order) {
    if (order != 0)
      for (DeviceOperand& o : operands_)
        if (o.data) o.strides = in_order(o.strides, order);
    return {data, in_order(shape, order), operands_.data()};
  }

 private:
  PoolVector<DeviceOperand> operands_;
  std::int16_t here_;
};

/// Runs a program on its device, into `out`: of its shape, strided as it likes.
inline void run_on_device(const ProgramInfo& info, const LeafRef* leaves, const void* data, const TensorRecord& out, AxisOrder order) {
  DeviceOperands operands(info, 1, out);
  for (int i = 0; i < info.leaves; ++i) operands.set(i, *leaves[i].record, out.shape);
  operands.set(info.leaves, out, out.shape);
  info.device->forward(operands.job(data, out.shape, order));
}

template <Device D>
RecordPtr run_forward(const ProgramInfo& info, const LeafRef* leaves, const void* data, const Shape& shape) {
  check_unchanged(leaves, info.leaves);
  RecordPtr out = make_dense<D>(info.result, shape);
  if constexpr (!on_host<D>) {
    const AxisOrder order = info.identity ? leaves[0].order : order_of_leaves(leaves, info.leaves, shape);
    set_order(*out, order);
    run_on_device(info, leaves, data, *out, order);
    return out;
  }
  const std::size_t size = size_of(info.result);
  if (run_dense_small(info, leaves, data, shape, out->numel, {out->data, static_cast<std::uint32_t>(size), false, pack_fits_behind(*out, size)})) return out;
  // The bare tensor is how a copy is made, in row-major order where nothing else is asked for.
  const AxisOrder order = info.identity ? leaves[0].order : order_of_leaves(leaves, info.leaves, shape);
  set_order(*out, order);
  run_large(info, leaves, data, shape, {out->data, size, {}}, order);
  return out;
}

/// Scatters staged values into a strided target.
struct ScatterSink {
  Walk walk;
  std::byte* data;
  std::size_t size;
  static void take(void* self, std::int64_t, std::int64_t first, std::int64_t n, const std::byte* values) {
    auto& s = *static_cast<ScatterSink*>(self);
    scatter(s.data, values, s.size, s.walk, first, n);
  }
};

inline void run_into_on_device(const ProgramInfo& info, const LeafRef* leaves, const void* data, TensorRecord& target, bool direct) {
  if (direct) return run_on_device(info, leaves, data, target, order_of(target));
  const RecordPtr values = info.device->empty(info.result, target.shape);
  run_on_device(info, leaves, data, *values, 0);
  info.device->copy(*values, target);
}

/// Evaluates a program into an existing tensor of its result type. A source that overlaps the target otherwise than
/// element by element is read in full first.
inline void run_into(const ProgramInfo& info, const LeafRef* leaves, const void* data, TensorRecord& target) {
  check_unchanged(leaves, info.leaves);
  if (overlaps_itself(target))
    raise<ValueError>("copy_", "the target of shape ", target.shape, " and strides ", target.strides,
                      " overlaps itself (expand): clone() it before writing");
  bool direct = !info.may_throw;
  for (int i = 0; i < info.leaves && direct; ++i) direct = !unsafe_overlap(target, *leaves[i].record);
  if (info.device) {
    run_into_on_device(info, leaves, data, target, direct);
  } else if (!direct) {
    Scratch values(static_cast<std::size_t>(target.numel) * size_of(info.result));
    if (const std::size_t size = size_of(info.result);
        !try_small(info, leaves, data, target.shape, target.numel, {values.data(), static_cast<std::uint32_t>(size), false, false}))
      run_large(info, leaves, data, target.shape, {values.data(), size, {}}, 0);
    scatter(target.data, values.data(), size_of(info.result), Walk(target.shape, target.strides), 0, target.numel);
  } else if (const AxisOrder order = order_of(target); order != 0 || target.contiguous) {
    run_dense(info, leaves, data, target.shape, target.data, pack_fits_behind(target, size_of(info.result)), order);
  } else {
    ScatterSink sink{Walk(target.shape, target.strides), target.data, size_of(info.result)};
    run_large(info, leaves, data, target.shape, {nullptr, size_of(info.result), {&ScatterSink::take, &sink}}, 0);
  }
  target.storage->version.fetch_add(1, std::memory_order_relaxed);
}

/// The axes of a reduction as bits, and the shapes it leaves.
struct ReducedAxes {
  std::uint32_t mask = 0;
  Shape kept;    // size 1 along reduced axes
  Shape result;  // kept, or without the reduced axes
};

inline ReducedAxes reduced_axes(std::string_view op, const Shape& shape, const Dims& axes, bool keepdim) {
  ReducedAxes out;
  for (const std::int64_t a : axes) {
    const int axis = wrap_axis(op, a, shape.size());
    if (out.mask >> axis & 1) raise<IndexError>(op, "axis ", a, " appears twice in ", axes);
    out.mask |= 1u << axis;
  }
  if (axes.empty()) out.mask = (1u << shape.size()) - 1;
  for (int i = 0; i < shape.size(); ++i) {
    const bool reduced = out.mask >> i & 1;
    out.kept.push_back(reduced ? 1 : shape[i]);
    if (!reduced || keepdim) out.result.push_back(reduced ? 1 : shape[i]);
  }
  return out;
}

/// Hands n dense elements to a consumer.
inline void consume(const std::byte* values, std::int64_t n, std::size_t size, const Consumer& consumer, std::int64_t grain) {
  count_pass();
  parallel_for(n, grain, [&](std::int64_t first, std::int64_t last) {
    consumer.take(consumer.self, first / grain, first, last - first, values + static_cast<std::size_t>(first) * size);
  });
}

/// Folds the values of a program with R over the reduced axes and writes factor times the results to `out`.
/// T is what the program stores. Nothing of the expression is stored.
template <class R, class T, class Out, class A = Abi>
void run_reduce(const ProgramInfo& info, const LeafRef* leaves, const void* data, const Shape& shape, const ReducedAxes& axes, Out* out,
                double factor) {
  check_unchanged(leaves, info.leaves);
  const std::int64_t n = shape.numel();
  const bool plain = info.identity && leaves[0].record->contiguous && leaves[0].record->shape == shape;
  constexpr std::int64_t few = 4096 / sizeof(T);  // whole packs; folded in one run, without plan and sink
  if (n <= few && axes.kept.numel() == 1) {
    alignas(64) std::byte values[few * sizeof(T)];
    const std::byte* from = plain ? leaves[0].record->data : values;
    if (plain) count_pass();
    if (plain || run_dense_small(info, leaves, data, shape, n, {values, sizeof(T), false, true})) {
      typename R::Acc acc = R::identity();
      R::template fold<A>(acc, reinterpret_cast<const T*>(from), n);
      *out = narrow_result<Out>(acc, factor);
      return;
    }
  }
  const AxisOrder order = order_of_leaves(leaves, info.leaves, shape);
  const ReducePlan plan(shape, axes.kept, order);
  const std::int64_t grain = n == 0 ? 1 : reduce_grain(n, &plan, 1);
  ReduceSink<R, T, A> sink(plan, n, grain);
  if (plain) consume(leaves[0].record->data, n, sizeof(T), sink.consumer(), grain);
  else run_large(info, leaves, data, shape, {nullptr, sizeof(T), sink.consumer()}, order, grain);
  const auto* results = sink.finish();
  for (std::int64_t i = 0; i < plan.outputs; ++i) out[i] = narrow_result<Out>(results[i], factor);
}

}  // namespace taper::inline TAPER_CODE::detail
