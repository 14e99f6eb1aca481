// SPDX-License-Identifier: MIT
// The driver of pointwise kernels: blocks, stages strided and broadcast operands, splits over threads. It knows no op and
// no dtype, so every expression shares it.
#pragma once

#include <taper/backend/cpu/kernel.hpp>
#include <taper/backend/cpu/strided.hpp>
#include <taper/core/parallel.hpp>
#include <taper/core/stats.hpp>

namespace taper::inline TAPER_CODE::detail {

/// An operand of a kernel over an iteration space: memory, strides in elements at that space, bytes per element.
struct MapOperand {
  const std::byte* data = nullptr;
  Strides strides;
  std::size_t size = 0;
};

/// Takes the values of a range of the iteration space that a kernel left in a staging buffer.
struct Consumer {
  void (*take)(void* self, std::int64_t chunk, std::int64_t first, std::int64_t n, const std::byte* values) = nullptr;
  void* self = nullptr;
};

/// An output: written to dense memory, or staged and handed to a consumer, or thrown away (no data, no consumer).
struct MapOutput {
  std::byte* data = nullptr;
  std::size_t size = 0;
  Consumer consumer;
};

/// One run of a kernel over a shape.
struct MapJob {
  KernelFn kernel = nullptr;
  const void* data = nullptr;
  Shape shape;
  int inputs = 0, outputs = 0;
  MapOperand* in = nullptr;
  MapOutput* out = nullptr;
  std::int64_t grain = 0;  // elements per chunk; 0 lets the driver choose
};

inline constexpr int max_inputs = 2 * 64 + 2;
inline constexpr std::int64_t map_grain = 16384;

enum class Access : std::uint8_t { dense, constant, periodic, strided, discard };

/// How an operand lies against the linear order of the iteration space.
inline Access classify(const Shape& shape, const Strides& strides, std::int64_t& period) {
  int i = shape.size() - 1;
  std::int64_t step = 1;
  for (; i >= 0; --i) {
    if (shape[i] == 1) continue;
    if (strides[i] != step) break;
    step *= shape[i];
  }
  if (i < 0) return Access::dense;
  period = step;
  for (; i >= 0; --i)
    if (shape[i] != 1 && strides[i] != 0) return Access::strided;
  return period == 1 ? Access::constant : Access::periodic;
}

inline std::byte* align64(std::byte* p) {
  return reinterpret_cast<std::byte*>((reinterpret_cast<std::uintptr_t>(p) + 63) & ~std::uintptr_t{63});
}

/// Memory from the caching allocator for the length of a scope.
class Scratch {
 public:
  explicit Scratch(std::size_t bytes) : bytes_(bytes), data_(bytes > 0 ? static_cast<std::byte*>(Cpu::allocate(bytes)) : nullptr) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    if (data_) Cpu::deallocate(data_, bytes_);
  }
  std::byte* data() const { return data_; }
  /// Fresh memory in place of what was held; its content is not kept.
  void grow(std::size_t bytes) {
    if (data_) Cpu::deallocate(data_, bytes_);
    data_ = static_cast<std::byte*>(Cpu::allocate(bytes));
    bytes_ = bytes;
  }

 private:
  std::size_t bytes_;
  std::byte* data_;
};

/// What a slot's first gradient is added to, and any other operand that is zero everywhere.
alignas(64) inline constexpr std::byte zero_pack[16 * 32]{};

template <class U, class A>
void fill_pack_as(std::byte* to, const std::byte* value) {
  U u;
  std::memcpy(&u, value, sizeof u);
  store(reinterpret_cast<U*>(to), Pack<U, pack_lanes, A>(u));
}
/// One element of `size` bytes in all lanes of a pack, by whole vectors: a load of what was stored in parts would wait.
template <class A = Abi>
void fill_pack(std::byte* to, const std::byte* value, std::size_t size) {
  switch (size) {
    case 1: return fill_pack_as<std::int8_t, A>(to, value);
    case 2: return fill_pack_as<std::int16_t, A>(to, value);
    case 4: return fill_pack_as<std::int32_t, A>(to, value);
    case 8: return fill_pack_as<std::int64_t, A>(to, value);
    default:
      for (int i = 0; i < pack_lanes; ++i) std::memcpy(to + static_cast<std::size_t>(i) * 16, value, 16);
  }
}

/// The plan of a job: how each operand is reached, and the block that staged ones work in.
template <class A>
struct MapPlan {
  const MapJob& job;
  Access access[max_inputs];
  Scratch walks{0};                // for strided operands only: a walk is large
  std::int16_t walk_of[max_inputs];
  std::int64_t period = 0;  // of all periodic operands
  std::int64_t block = 0;
  std::int64_t grain = 0;
  std::size_t stage_bytes = 0;
  bool staged = false;

  explicit MapPlan(const MapJob& j) : job(j) {
    const std::int64_t n = job.shape.numel();
    std::size_t row_bytes = 0;
    int strided = 0;
    for (int i = 0; i < job.inputs; ++i) {
      std::int64_t p = 0;
      access[i] = classify(job.shape, job.in[i].strides, p);
      if (access[i] == Access::periodic) {
        if (period == 0) period = p;
        else if (period != p) access[i] = Access::strided;
      }
      if (access[i] == Access::strided) walk_of[i] = static_cast<std::int16_t>(strided++);
      if (access[i] == Access::strided || access[i] == Access::periodic) row_bytes += job.in[i].size;
    }
    if (strided > 0) {
      walks.grow(static_cast<std::size_t>(strided) * sizeof(Walk));
      for (int i = 0; i < job.inputs; ++i)
        if (access[i] == Access::strided) ::new (walks.data() + sizeof(Walk) * static_cast<std::size_t>(walk_of[i])) Walk(job.shape, job.in[i].strides);
    }
    for (int i = 0; i < job.outputs; ++i)
      if (job.out[i].consumer.take) row_bytes += job.out[i].size;
    staged = row_bytes > 0;
    grain = job.grain > 0 ? job.grain : map_grain;
    block = grain;
    if (staged) {
      block = static_cast<std::int64_t>(24576 / row_bytes) / pack_lanes * pack_lanes;
      if (block < 4 * pack_lanes) block = 4 * pack_lanes;
      if (block > 2048) block = 2048;
      if (period > 0 && period <= block) {
        // Whole periods, and whole packs where both fit: then a staged period serves every block of the chunk.
        std::int64_t unit = period;
        while (unit % pack_lanes != 0 && unit <= block / 2) unit *= 2;
        block = block / unit * unit;
        if (job.grain == 0) grain = (grain + block - 1) / block * block;
      }
      stage_bytes = row_bytes * static_cast<std::size_t>(block) + 64 * static_cast<std::size_t>(job.inputs + job.outputs);
    }
    if (grain > n) grain = n;
  }

  const Walk& walk(int i) const { return *std::launder(reinterpret_cast<const Walk*>(walks.data()) + walk_of[i]); }

  /// A staged period serves all blocks of a chunk where chunks and blocks start at a period's start.
  bool period_fits() const { return period > 0 && period <= block && block % period == 0 && grain % period == 0; }
};

/// Runs one chunk [first, last) of a job.
template <class A>
class MapChunk {
 public:
  MapChunk(const MapPlan<A>& plan, std::int64_t first, std::int64_t last)
      : plan_(plan),
        job_(plan.job),
        first_(first),
        last_(last),
        scratch_(plan.stage_bytes + static_cast<std::size_t>(plan.job.inputs + 2 * plan.job.outputs) * pad_bytes + 64) {
    std::byte* p = align64(scratch_.data());
    for (int i = 0; i < job_.inputs; ++i) {
      pad_in_[i] = p;
      p += pad_bytes;
    }
    for (int i = 0; i < job_.outputs; ++i) {
      pad_out_[i] = p;
      p += 2 * pad_bytes;  // the second half takes results that nobody wants
    }
    for (int i = 0; i < job_.inputs; ++i) {
      step_in_[i] = static_cast<std::ptrdiff_t>(job_.in[i].size) * pack_lanes;
      switch (plan.access[i]) {
        case Access::constant:
          if (job_.in[i].data != zero_pack) fill_pack<A>(pad_in_[i], job_.in[i].data, job_.in[i].size);
          step_in_[i] = 0;
          break;
        case Access::periodic:
          if (plan.period_fits()) {
            const std::size_t bytes = static_cast<std::size_t>(plan.period) * job_.in[i].size;
            for (std::int64_t k = 0; k < plan.block / plan.period; ++k) std::memcpy(p + static_cast<std::size_t>(k) * bytes, job_.in[i].data, bytes);
          }
          [[fallthrough]];
        case Access::strided:
          stage_in_[i] = p;
          p = align64(p + static_cast<std::size_t>(plan.block) * job_.in[i].size);
          break;
        default: break;
      }
    }
    for (int i = 0; i < job_.outputs; ++i) {
      step_out_[i] = static_cast<std::ptrdiff_t>(job_.out[i].size) * pack_lanes;
      if (job_.out[i].consumer.take) {
        stage_out_[i] = p;
        p = align64(p + static_cast<std::size_t>(plan.block) * job_.out[i].size);
      } else if (!job_.out[i].data) {
        step_out_[i] = 0;
      }
    }
  }

  void run() {
    const bool clip = plan_.period > 0 && !plan_.period_fits();
    for (std::int64_t at = first_; at < last_;) {
      std::int64_t n = last_ - at;
      if (plan_.staged && n > plan_.block) n = plan_.block;
      if (clip && n > plan_.period - at % plan_.period) n = plan_.period - at % plan_.period;
      run_block(at, n);
      at += n;
    }
  }

 private:
  static constexpr std::size_t pad_bytes = 16 * pack_lanes;

  const std::byte* constant(int i) const { return job_.in[i].data == zero_pack ? zero_pack : pad_in_[i]; }

  void run_block(std::int64_t at, std::int64_t n) {
    const std::byte* in[max_inputs];
    std::byte* out[max_inputs];
    for (int i = 0; i < job_.inputs; ++i) {
      const MapOperand& o = job_.in[i];
      switch (plan_.access[i]) {
        case Access::dense: in[i] = o.data + static_cast<std::size_t>(at) * o.size; break;
        case Access::periodic:
          in[i] = plan_.period_fits() ? stage_in_[i] : o.data + static_cast<std::size_t>(at % plan_.period) * o.size;
          break;
        case Access::strided:
          gather<A>(stage_in_[i], o.data, o.size, plan_.walk(i), at, n);
          in[i] = stage_in_[i];
          break;
        default: in[i] = constant(i);
      }
    }
    for (int i = 0; i < job_.outputs; ++i) {
      const MapOutput& o = job_.out[i];
      out[i] = o.consumer.take ? stage_out_[i] : o.data ? o.data + static_cast<std::size_t>(at) * o.size : pad_out_[i] + pad_bytes;
    }
    const std::int64_t packs = n / pack_lanes, rest = n % pack_lanes;
    if (packs > 0) job_.kernel({in, step_in_, out, step_out_, job_.data, packs});
    if (rest > 0) run_tail(in, out, packs, static_cast<std::size_t>(rest));
    for (int i = 0; i < job_.outputs; ++i)
      if (job_.out[i].consumer.take)
        job_.out[i].consumer.take(job_.out[i].consumer.self, first_ / plan_.grain, at, n, stage_out_[i]);
  }

  /// The last elements run as one padded pack: the same code as everywhere else.
  void run_tail(const std::byte** in, std::byte** out, std::int64_t packs, std::size_t rest) {
    std::byte* end[max_inputs];
    std::byte* pad_out[max_inputs];
    for (int i = 0; i < job_.outputs; ++i) {
      end[i] = out[i] + packs * step_out_[i];
      pad_out[i] = pad_out_[i];
      for (int j = 0; j < i; ++j)  // two gradients of one tensor: the second is added to what the first left
        if (end[j] == end[i] && job_.out[i].data) pad_out[i] = pad_out[j];
    }
    for (int i = 0; i < job_.inputs; ++i) {
      if (plan_.access[i] == Access::constant) {
        in[i] = constant(i);
        continue;
      }
      const std::size_t size = job_.in[i].size;
      const std::byte* from = in[i] + packs * step_in_[i];
      std::byte* pad = pad_in_[i];
      for (int j = 0; j < job_.outputs; ++j)
        if (end[j] == from && job_.out[j].data) pad = pad_out[j];
      std::memcpy(pad, from, rest * size);
      for (std::size_t k = rest; k < static_cast<std::size_t>(pack_lanes); ++k) std::memcpy(pad + k * size, from + (rest - 1) * size, size);
      in[i] = pad;
    }
    job_.kernel({in, step_in_, pad_out, step_out_, job_.data, 1});
    for (int i = 0; i < job_.outputs; ++i)
      if (job_.out[i].data || job_.out[i].consumer.take) std::memcpy(end[i], pad_out[i], rest * job_.out[i].size);
  }

  const MapPlan<A>& plan_;
  const MapJob& job_;
  std::int64_t first_, last_;
  Scratch scratch_;
  std::byte* pad_in_[max_inputs];
  std::byte* pad_out_[max_inputs];
  std::byte* stage_in_[max_inputs];
  std::byte* stage_out_[max_inputs];
  std::ptrdiff_t step_in_[max_inputs];
  std::ptrdiff_t step_out_[max_inputs];
};

/// Runs a job. Chunk edges follow from sizes alone, so results do not depend on the number of threads.
template <class A = Abi>
void run_map(const MapJob& job) {
  const std::int64_t n = job.shape.numel();
  std::size_t element_bytes = 0;
  for (int i = 0; i < job.inputs; ++i) element_bytes += job.in[i].size;
  for (int i = 0; i < job.outputs; ++i) element_bytes += job.out[i].size;
  count_launch(n * static_cast<std::int64_t>(element_bytes));
  if (n == 0) return;
  const MapPlan<A> plan(job);
  parallel_for(n, plan.grain, [&plan](std::int64_t first, std::int64_t last) { MapChunk<A>(plan, first, last).run(); });
}

}  // namespace taper::inline TAPER_CODE::detail
