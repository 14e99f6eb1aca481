// SPDX-License-Identifier: MIT
// The one node that an evaluated expression records, whatever its ops: it runs the program's backward kernel.
#pragma once

#include <taper/autograd/engine.hpp>
#include <taper/eval/finish.hpp>
#include <taper/eval/sink.hpp>

#include <memory>

namespace taper::inline TAPER_CODE::autograd {

class FusedNode;

}  // namespace taper::inline TAPER_CODE::autograd

namespace taper::inline TAPER_CODE::detail {

/// How an expression is replayed op by op, each op recorded: for create_graph and for naming the op in anomaly mode.
struct GraphOps {
  std::string_view (*name)();
  void (*backward)(autograd::FusedNode& node, autograd::Pass& pass, const RecordPtr& gradient, const RecordPtr& output);
  void (*explain_nan)(autograd::FusedNode& node, const RecordPtr& gradient, const RecordPtr& output);
};

}  // namespace taper::inline TAPER_CODE::detail

namespace taper::inline TAPER_CODE::autograd {

using detail::MapOperand;
using detail::MapOutput;
using detail::ProgramInfo;
using detail::RecordPtr;
using detail::TensorRecord;

/// Backward of a fused expression, or of its sum over some axes.
class FusedNode final : public Node {
 public:
  const ProgramInfo& info;
  Shape shape;              // the iteration space
  bool reduced = false;     // the value is a sum over the axes in mask
  std::uint32_t mask = 0;
  double factor = 1;        // the sum was multiplied by it
  RecordPtr output;         // saved where a partial reads it
  std::uint32_t output_version = 0;

  explicit FusedNode(const ProgramInfo& i) : info(i) {}
  ~FusedNode() override {
    for (int i = 0; i < info.leaves; ++i) saved()[i].~RecordPtr();
  }

  // Behind the node lie the saved leaves, their versions, and the program's data.
  static std::size_t extra_bytes(const ProgramInfo& info) {
    return static_cast<std::size_t>(info.leaves) * (sizeof(RecordPtr) + sizeof(std::uint32_t)) + 16 + info.data_bytes + 16;
  }
  RecordPtr* saved() { return reinterpret_cast<RecordPtr*>(extra_of(this)); }
  std::uint32_t* versions() { return reinterpret_cast<std::uint32_t*>(extra_of(this) + static_cast<std::size_t>(info.leaves) * sizeof(RecordPtr)); }
  std::byte* data() {
    const std::size_t before = static_cast<std::size_t>(info.leaves) * (sizeof(RecordPtr) + sizeof(std::uint32_t));
    return extra_of(this) + (before + 15) / 16 * 16;
  }

  std::string_view name() const noexcept override { return info.graph ? info.graph().name() : "expression"; }
  void release_saved() noexcept override {
    for (int i = 0; i < info.leaves; ++i) saved()[i] = {};
    output = {};
    sources.reset();
    from_kept = false;
    if (remake_users.load(std::memory_order_acquire) == 0) remade = {};
  }

  /// Leaves that are results of norms, which make them again.
  struct Sources {
    static constexpr int most = 2;
    int count = 0;
    int leaf[most] = {};
    std::int64_t columns[most] = {};
    RemakeUse use[most];
    bool has(int i) const {
      for (int k = 0; k < count; ++k)
        if (leaf[k] == i) return true;
      return false;
    }
    static void* operator new(std::size_t bytes) { return detail::allocate_object(bytes); }
    static void operator delete(void* p, std::size_t bytes) noexcept { detail::deallocate_object(p, bytes); }
  };
  std::unique_ptr<Sources> sources;
  bool from_kept = false;  // the result can be made again, from the saved leaves and these

  Remakes remakes() const noexcept override { return from_kept ? Remakes::alone : Remakes::no; }
  RecordPtr remake(const void*) override {
    check_saved();
    detail::LazyArray<detail::LeafRef, detail::max_inputs> memory;
    detail::LeafRef* leaves = memory.data();
    for (int i = 0; i < info.leaves; ++i) {
      ::new (leaves + i) detail::LeafRef;
      if (saved()[i]) leaves[i].set(*saved()[i]), leaves[i].wants_grad = false;
    }
    struct Norm {
      Node* node;
      RecordPtr result;
    } norms[Sources::most];
    for (int k = 0; sources && k < sources->count; ++k) {
      const SlotPtr& slot = sources->use[k].slot();
      norms[k].node = slot->producer;
      detail::LeafRef& leaf = leaves[sources->leaf[k]];
      if (slot->producer->remade) {
        leaf.set(*slot->producer->remade);
        continue;
      }
      leaf.run = [](const void* produced, const detail::Epilogue* epilogue, bool keep) {
        auto& norm = *static_cast<Norm*>(const_cast<void*>(produced));
        RecordPtr result = norm.node->remake(epilogue);
        if (keep) norm.result = result;
        return result;
      };
      leaf.produced = norms + k;
      leaf.shape = &slot->shape;
      leaf.columns = sources->columns[k], leaf.order = slot->order;
    }
    RecordPtr held;
    return detail::run_program<Cpu>(info, leaves, data(), shape, held);
  }
  /// Where each leaf is dense and has the result's shape, its columns or one element.
  RecordPtr remake_rows(std::int64_t first, std::int64_t rows) override {
    if (!from_kept || sources || shape.empty()) return {};
    check_saved();
    const std::int64_t columns = shape.back();
    detail::LazyArray<detail::LeafRef, detail::max_inputs> memory;
    RecordPtr parts[detail::max_inputs], held;
    detail::LeafRef* leaves = memory.data();
    for (int i = 0; i < info.leaves; ++i) {
      TensorRecord& r = *saved()[i];
      const bool whole = r.shape == shape, row = r.numel == 1 || (r.numel == columns && r.shape.back() == columns);
      if (!r.contiguous || !(whole || row)) return {};
      const std::int64_t offset = detail::geometry_of(r).offset;
      parts[i] = whole ? detail::make_alias(r, {{rows, columns}, {columns, 1}, offset + first * columns}) : detail::make_alias(r, {{r.numel}, {1}, offset});
      ::new (leaves + i) detail::LeafRef;
      leaves[i].set(*parts[i]), leaves[i].wants_grad = false;
    }
    return detail::run_program<Cpu>(info, leaves, data(), {rows, columns}, held);
  }

  void backward(Pass& pass) override {
    TensorRecord* arrived = pass.arrived(*this);
    if (!arrived) return;
    if (from_kept && reads_output) run(pass, *arrived, remade_output(*this, true));  // this pass's own: others may go through the node too
    else run(pass, *arrived, output);
  }
  void run(Pass& pass, TensorRecord& arrived, const RecordPtr& y) {
    check_saved();
    if (info.device && !pass.create_graph()) return run_on_device(pass, arrived, y.get());
    if (!pass.create_graph() && run_small_kernel(pass, arrived, y.get())) return;
    if (factor == 1 && !pass.create_graph()) return run_kernel(pass, arrived, y.get());
    RecordPtr g = RecordPtr::share(&arrived);
    if (factor != 1) g = this->Node::output(0)->ops->scale(g, factor);
    if (pass.create_graph()) info.graph().backward(*this, pass, g, y);
    else run_kernel(pass, *g, y.get());
  }

  void explain_nan(Pass& pass) override {
    if (!info.graph) return;
    const RecordPtr g = pass.gradient(*this), y = from_kept && reads_output ? remade_output(*this, true) : output;
    if (g) info.graph().explain_nan(*this, factor == 1 ? g : this->Node::output(0)->ops->scale(g, factor), y);
  }

  /// The strides of the result's gradient at the iteration space: 0 along summed axes.
  Strides gradient_strides(const TensorRecord& g) const {
    if (!reduced) return g.strides;
    Strides out = Dims::filled(shape.size(), 0);
    const bool keepdim = g.shape.size() == shape.size();
    for (int i = 0, j = 0; i < shape.size(); ++i) {
      const bool summed = mask >> i & 1;
      if (!summed) out[i] = g.strides[j];
      if (!summed || keepdim) ++j;
    }
    return out;
  }

  void check_saved() {
    for (int i = 0; i < info.leaves; ++i)
      if (saved()[i]) check_version(*saved()[i], versions()[i]);
    if (output) check_version(*output, output_version);
  }

 private:
  void check_version(const TensorRecord& r, std::uint32_t version) const {
    const std::uint32_t now = r.storage->version.load(std::memory_order_relaxed);
    if (now != version)
      detail::raise<AutogradError>("backward", "a tensor of shape ", r.shape, " that ", name(), " needs for its gradient was changed in place (version ",
                                   now, ", saved at ", version, "): clone() it before the in-place operation");
  }

  /// One kernel for the leaves that keep the shape, one for each that was broadcast: it sums what it computes, and nothing of
  /// the shape's size lies between.
  void run_on_device(Pass& pass, const TensorRecord& g, const TensorRecord* y) {
    const int n = info.leaves;
    detail::DeviceOperands operands(info, n + 2, g);
    for (int i = 0; i < n; ++i)
      if (saved()[i]) operands.set(i, *saved()[i], shape);
    if (y) operands.set(n, *y, shape);
    operands[n + 1] = {g.data, gradient_strides(g)};
    const detail::AxisOrder order = gradient_order();
    std::uint64_t adds = 0, broadcast = 0;
    bool any = false;
    for (int i = 0; i < n; ++i) {
      const SlotPtr& slot = input(i);
      if (!slot || !pass.slot_wanted(*slot)) continue;
      if (!(slot->shape == shape)) {
        broadcast |= std::uint64_t{1} << i;
        continue;
      }
      any = true;
      bool fresh = false;
      operands.set(n + 2 + i, pass.buffer(slot, fresh, order), shape);
      if (!fresh) adds |= std::uint64_t{1} << i;
    }
    for (int i = 0; i < n; ++i)
      if (broadcast >> i & 1) sum_on_device(pass, operands, g, i);
    if (!any) return;
    detail::DeviceJob job = operands.job(data(), shape, order);
    job.factor = factor;
    job.adds = adds;
    info.device->vjp(job);
  }

  void sum_on_device(Pass& pass, detail::DeviceOperands& operands, const TensorRecord& g, int leaf) {
    const int n = info.leaves;
    detail::DeviceOperands read(info, 2, g);
    for (int i = 0; i < n; ++i)
      if (info.needs[leaf].leaves >> i & 1) read[i] = operands[i];
    if (info.needs[leaf].output) read[n] = operands[n];
    read[n + 1] = operands[n + 1];
    bool fresh = false;
    const TensorRecord& target = pass.buffer(input(leaf), fresh);
    std::uint32_t summed = 0;
    const int lead = shape.size() - target.shape.size();
    for (int i = 0; i < shape.size(); ++i)
      if (i < lead || (target.shape[i - lead] == 1 && shape[i] != 1)) summed |= 1u << i;
    detail::DeviceJob job = read.job(data(), shape, 0);
    job.factor = factor;
    info.device->sum(job, summed, leaf, target, fresh);
  }

  /// The gradient of one scaled sum: false for dtypes whose rounding is left to a kernel.
  bool scale_one(std::byte* to, const TensorRecord& g) const {
    const auto scaled = [&]<class T>(T) { *reinterpret_cast<T*>(to) = *reinterpret_cast<const T*>(g.data) * static_cast<T>(factor); };
    if (info.result == DType::float32) scaled(0.0f);
    else if (info.result == DType::float64) scaled(0.0);
    else return false;
    return true;
  }

  /// The short way: everything dense or one element, nothing broadcast.
  bool run_small_kernel(Pass& pass, const TensorRecord& g, const TensorRecord* y) {
    const int n = info.leaves;
    const std::int64_t elements = shape.numel();
    if (elements == 0 || elements > detail::small_elements || 3 * n + 2 > detail::small_operands) return false;
    detail::SmallOperand operands[detail::small_operands];
    const auto nothing = [](detail::SmallOperand& o, std::size_t size) {
      o = {const_cast<std::byte*>(detail::zero_pack), static_cast<std::uint32_t>(size), true, false};
    };
    for (int i = 0; i < n; ++i) {
      const DType type = info.leaf_types[i];
      if (const SlotPtr& slot = input(i); slot && (size_of(type) == 2 || slot->order != 0 || !(slot->shape == shape))) return false;
      nothing(operands[i], size_of(type));
      if (saved()[i] && !detail::small_operand(operands[i], *saved()[i], size_of(type), shape)) return false;
    }
    nothing(operands[n], size_of(info.result));
    if (y && !detail::small_operand(operands[n], *y, size_of(info.result), shape)) return false;
    if (!detail::small_operand(operands[n + 1], g, size_of(info.result), shape)) return false;
    alignas(8) std::byte scaled[8];
    if (factor != 1) {
      if (!operands[n + 1].constant || !scale_one(scaled, g)) return false;
      operands[n + 1].data = scaled;
    }
    for (int i = 0; i < n; ++i) {
      const DType type = info.leaf_types[i];
      const std::size_t compute = size_of(type) == 2 && detail::is_floating(type) ? 4 : size_of(type);
      nothing(operands[n + 2 + i], compute);
      detail::SmallOperand& to = operands[2 * n + 2 + i];
      to = {nullptr, static_cast<std::uint32_t>(compute), false, false};
      const SlotPtr& slot = input(i);
      if (!slot || !pass.slot_wanted(*slot)) continue;
      bool fresh = false;
      const TensorRecord& target = reduced ? pass.buffer(slot, fresh) : pass.buffer(slot, *this, fresh, 0);
      to.data = target.data;
      to.slack = detail::pack_fits_behind(target, compute);
      if (!fresh) operands[n + 2 + i] = to;
    }
    detail::run_small(info.vjp, data(), operands, 2 * n + 2, n, elements, false);
    return true;
  }

  /// The order that gradients of the iteration space's shape are made in.
  detail::AxisOrder gradient_order() const {
    for (int i = 0; i < info.leaves; ++i)
      if (const SlotPtr& slot = input(i); slot && slot->shape == shape) return slot->order;
    return 0;
  }

  void run_kernel(Pass& pass, const TensorRecord& g, const TensorRecord* y) {
    const int n = info.leaves;
    detail::LazyArray<MapOperand, detail::max_inputs> in_memory;
    detail::LazyArray<MapOutput, 64> out_memory;
    MapOperand* in = in_memory.data();
    MapOutput* out = out_memory.data();
    const Strides constant = Dims::filled(shape.size(), 0);
    auto zero = [&](MapOperand& o, std::size_t size) {
      ::new (&o) MapOperand;
      o.data = detail::zero_pack;
      o.strides = constant;
      o.size = size;
    };
    for (int i = 0; i < n; ++i) {
      const RecordPtr& r = saved()[i];
      zero(in[i], size_of(info.leaf_types[i]));
      if (!r) continue;
      in[i].data = r->data;
      in[i].strides = r->shape == shape ? r->strides : detail::broadcast_strides(r->shape, r->strides, shape);
    }
    zero(in[n], size_of(info.result));
    if (y) {
      in[n].data = y->data;
      in[n].strides = y->strides;
    }
    ::new (&in[n + 1]) MapOperand;
    in[n + 1].data = g.data;
    in[n + 1].strides = gradient_strides(g);
    in[n + 1].size = size_of(info.result);

    // Leaves that keep their shape take their gradient directly, in the order of the first; the others sum in a sink.
    const detail::AxisOrder order = gradient_order();
    int sinks = 0;
    std::size_t sink_bytes = 0;
    bool sunk[64] = {};
    for (int i = 0; i < n; ++i) {
      ::new (&out[i]) MapOutput;
      const DType type = info.leaf_types[i];
      const std::size_t compute = detail::is_floating(type) && size_of(type) == 2 ? 4 : size_of(type);
      zero(in[n + 2 + i], compute);
      out[i].size = compute;
      const SlotPtr& slot = input(i);
      if (!slot || !pass.slot_wanted(*slot)) continue;
      if (slot->shape == shape && compute == size_of(type)) {
        bool fresh = false;
        TensorRecord& target = reduced ? pass.buffer(slot, fresh, order) : pass.buffer(slot, *this, fresh, order);
        out[i].data = target.data;
        if (!fresh) {
          in[n + 2 + i].data = target.data;
          in[n + 2 + i].strides = target.strides;
        }
      } else {
        sunk[i] = true;
        ++sinks;
        sink_bytes += (info.sinks[i]->bytes + 63) / 64 * 64;
      }
    }
    detail::MapJob job{info.vjp, data(), shape, 2 * n + 2, n, in, out, 0};

    detail::reorder(job, order);
    if (sinks == 0) {
      detail::run_map(job);
      return;
    }
    run_with_sinks(pass, job, out, sunk, sinks, sink_bytes, order);
  }

  void run_with_sinks(Pass& pass, detail::MapJob& job, MapOutput* out, const bool* sunk, int sinks, std::size_t sink_bytes,
                      detail::AxisOrder order) {
    const int n = info.leaves;
    detail::Scratch memory(sink_bytes + static_cast<std::size_t>(sinks) * sizeof(detail::ReducePlan) + 128);
    auto* plans = reinterpret_cast<detail::ReducePlan*>(detail::align64(memory.data()));
    int k = 0;
    for (int i = 0; i < n; ++i)
      if (sunk[i]) ::new (plans + k++) detail::ReducePlan(shape, input(i)->shape, order);
    const std::int64_t total = shape.numel();
    job.grain = total == 0 ? 1 : detail::reduce_grain(total, plans, sinks);
    std::byte* at = detail::align64(reinterpret_cast<std::byte*>(plans + sinks));
    std::byte* sink_at[64];
    k = 0;
    for (int i = 0; i < n; ++i) {
      if (!sunk[i]) continue;
      sink_at[i] = at;
      info.sinks[i]->construct(at, plans[k++], total, job.grain);
      out[i].consumer = info.sinks[i]->consumer(at);
      at += (info.sinks[i]->bytes + 63) / 64 * 64;
    }
    detail::run_map(job);
    for (int i = 0; i < n; ++i) {
      if (!sunk[i]) continue;
      bool fresh = false;
      TensorRecord& target = pass.buffer(input(i), fresh);
      info.sinks[i]->finish(sink_at[i], target.data, target.numel, fresh);
      info.sinks[i]->destroy(sink_at[i]);
    }
  }
};

}  // namespace taper::inline TAPER_CODE::autograd
