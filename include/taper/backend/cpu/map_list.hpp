// SPDX-License-Identifier: MIT
// map_list and fold_list: one formula over a list of tensor tuples of one dtype, in one pass over all of them.
#pragma once

#include <taper/backend/cpu/kernel.hpp>
#include <taper/backend/cpu/slack.hpp>
#include <taper/backend/cpu/strided.hpp>
#include <taper/core/parallel.hpp>
#include <taper/core/pool_vector.hpp>
#include <taper/core/stats.hpp>

namespace taper::inline TAPER_CODE::detail {

inline constexpr int max_list_operands = 6;
inline constexpr std::int64_t list_grain = 16384;  // elements per chunk, a multiple of every pack

/// What the driver hands to a list kernel: whole packs of one tuple. A complex tensor is a run of real numbers here.
struct ListArgs {
  std::byte* const* at;
  const std::ptrdiff_t* step;  // bytes per pack; 0 for an operand that the tuple goes without
  const void* data;            // the tuple's functor
  std::int64_t packs;
  double* result;  // of a fold
};
using ListKernel = void (*)(const ListArgs&);

/// Tensors of one shape that are worked on together (a parameter, its gradient, its states), and their functor.
struct ListTuple {
  const void* data = nullptr;
  TensorRecord* operand[max_list_operands] = {};  // null: the tuple goes without it
  std::int64_t first = 0;                         // its place in the list's linear order; the driver sets it
};

/// One run of a kernel over a list. All tensors have the dtype.
struct ListJob {
  DType dtype{};
  int operands = 0;
  std::uint32_t writes = 0;  // bit i: operand i is written
  ListTuple* tuples = nullptr;
  std::int64_t count = 0;
};

template <class F, class R, class A, int... I>
TAPER_INLINE void list_loop(const ListArgs& args, std::integer_sequence<int, I...>) {
  struct Values : Indexed<I, value_pack<R, A>>... {};
  const F f = *static_cast<const F*>(args.data);
  std::byte* at[] = {args.at[I]...};
  const std::ptrdiff_t step[] = {args.step[I]...};
  for (std::int64_t n = args.packs; n > 0; --n) {
    Values x;
    ((get<I>(x) = load<value_pack<R, A>>(as<R>(static_cast<const std::byte*>(at[I])))), ...);
    f(get<I>(x)...);
    ((F::writes >> I & 1 ? store(as<R>(at[I]), get<I>(x)) : void()), ...);
    ((at[I] += step[I]), ...);
  }
}
/// Runs f(x0, x1, ...) on packs of N operands of R; f changes those that F::writes names.
template <class F, class R, int N, class A = Abi>
TAPER_KERNEL void list_kernel(const ListArgs& args) {
  list_loop<F, R, A>(args, std::make_integer_sequence<int, N>{});
}

/// Folds one operand in double: accumulator = f(accumulator, x) per lane, then f.join over lanes and ranges. Zeros must
/// not change an accumulator.
template <class F, class R, class A = Abi>
TAPER_KERNEL void list_fold_kernel(const ListArgs& args) {
  const F f = *static_cast<const F*>(args.data);
  using W = Pack<double, pack_lanes, A>;
  W sum(0.0);
  const std::byte* at = args.at[0];
  for (std::int64_t n = args.packs; n > 0; --n) {
    sum = f(sum, convert<double>(load<value_pack<R, A>>(as<R>(at))));
    at += args.step[0];
  }
  for (int i = 0; i < pack_lanes; ++i) *args.result = f.join(*args.result, sum.v[i]);
}

/// Runs ranges of a list's tuples: dense ones as they lie, others through a small buffer, the last elements as one
/// padded pack, so that every element sees the same code.
template <class A>
class ListRunner {
 public:
  ListRunner(ListKernel kernel, const ListJob& job, double* result)
      : kernel_(kernel), job_(job), parts_(is_complex(job.dtype) ? 2 : 1), size_(size_of(job.dtype) / static_cast<std::size_t>(parts_)), result_(result) {}

  /// The range [first, last) of the list's linear order.
  void run(std::int64_t first, std::int64_t last) {
    std::int64_t low = 0, high = job_.count;  // the last tuple that starts at or before first
    while (high - low > 1) {
      const std::int64_t middle = (low + high) / 2;
      (job_.tuples[middle].first <= first ? low : high) = middle;
    }
    for (; low < job_.count && job_.tuples[low].first < last; ++low) {
      const ListTuple& t = job_.tuples[low];
      const std::int64_t n = t.operand[0]->numel * parts_;
      const std::int64_t from = first > t.first ? first - t.first : 0, to = last - t.first < n ? last - t.first : n;
      if (from < to) run_tuple(t, from, to);
    }
  }

 private:
  static constexpr std::size_t pad_bytes = 8 * pack_lanes;
  static constexpr std::int64_t block = 512;

  void run_tuple(const ListTuple& t, std::int64_t from, std::int64_t to) {
    std::byte* at[max_list_operands];
    bool whole_packs = true;
    for (int i = 0; i < job_.operands; ++i) {
      const TensorRecord* r = t.operand[i];
      at[i] = nullptr;
      if (!r) continue;
      if (!r->contiguous) return run_strided(t, from, to);
      at[i] = r->data + static_cast<std::size_t>(from) * size_;
      whole_packs = whole_packs && pack_fits_behind(*r, size_ * static_cast<std::size_t>(parts_));
    }
    // A fold reads what it must not count; chunks that end before their tensor does end with a pack.
    run_dense(t, at, whole_packs && !result_ ? (to - from + pack_lanes - 1) / pack_lanes * pack_lanes : to - from);
  }

  void run_dense(const ListTuple& t, std::byte** at, std::int64_t n) {
    std::ptrdiff_t step[max_list_operands];
    for (int i = 0; i < job_.operands; ++i) {
      step[i] = at[i] ? static_cast<std::ptrdiff_t>(size_) * pack_lanes : 0;
      if (!at[i]) at[i] = static_cast<std::byte*>(std::memset(pad_[i], 0, pad_bytes));
    }
    const std::int64_t packs = n / pack_lanes;
    const std::size_t rest = static_cast<std::size_t>(n % pack_lanes) * size_;
    if (packs > 0) kernel_({at, step, t.data, packs, result_});
    if (rest == 0) return;
    std::byte* end[max_list_operands];
    for (int i = 0; i < job_.operands; ++i) {
      if (step[i] == 0) continue;
      end[i] = at[i] + packs * step[i];
      std::memcpy(pad_[i], end[i], rest);
      std::memset(pad_[i] + rest, 0, pad_bytes - rest);
      at[i] = pad_[i];
    }
    kernel_({at, step, t.data, 1, result_});
    for (int i = 0; i < job_.operands; ++i)
      if (step[i] != 0 && (job_.writes >> i & 1)) std::memcpy(end[i], pad_[i], rest);
  }

  [[gnu::noinline]] void run_strided(const ListTuple& t, std::int64_t from, std::int64_t to) {
    alignas(64) std::byte stage[max_list_operands][block * 8];
    const std::size_t element = size_ * static_cast<std::size_t>(parts_);
    for (std::int64_t first = from; first < to; first += block) {
      const std::int64_t n = to - first < block ? to - first : block;
      std::byte* at[max_list_operands];
      for (int i = 0; i < job_.operands; ++i) {
        const TensorRecord* r = t.operand[i];
        at[i] = !r ? nullptr : r->contiguous ? r->data + static_cast<std::size_t>(first) * size_ : stage[i];
        if (r && !r->contiguous) gather<A>(stage[i], r->data, element, Walk(r->shape, r->strides), first / parts_, n / parts_);
      }
      run_dense(t, at, n);
      for (int i = 0; i < job_.operands; ++i) {
        const TensorRecord* r = t.operand[i];
        if (r && !r->contiguous && (job_.writes >> i & 1))
          scatter<A>(r->data, stage[i], element, Walk(r->shape, r->strides), first / parts_, n / parts_);
      }
    }
  }

  ListKernel kernel_;
  const ListJob& job_;
  std::int64_t parts_;
  std::size_t size_;
  double* result_;
  alignas(64) std::byte pad_[max_list_operands][pad_bytes];
};

/// Lays the tuples out one behind another, each from a pack's start on, and counts the launch. Returns the length.
inline std::int64_t lay_out(const ListJob& job) {
  const std::int64_t parts = is_complex(job.dtype) ? 2 : 1;
  std::int64_t total = 0, bytes = 0;
  for (std::int64_t k = 0; k < job.count; ++k) {
    ListTuple& t = job.tuples[k];
    t.first = total;
    total += (t.operand[0]->numel * parts + pack_lanes - 1) / pack_lanes * pack_lanes;
    for (int i = 0; i < job.operands; ++i)
      if (t.operand[i]) bytes += (1 + (job.writes >> i & 1)) * t.operand[i]->numel * static_cast<std::int64_t>(size_of(job.dtype));
  }
  count_launch(bytes);
  return total;
}

/// Counts an in-place change, where anyone else could see it.
inline void count_change(TensorRecord& r) {
  if (r.refs.load(std::memory_order_relaxed) > 1 || r.storage->refs.load(std::memory_order_relaxed) > 1)
    r.storage->version.fetch_add(1, std::memory_order_relaxed);
}

/// Runs a kernel over all tuples of a list in one pass; what is written counts as changed in place. The work is split by
/// sizes alone, so results do not depend on the number of threads.
template <class A = Abi>
void map_list(ListKernel kernel, const ListJob& job) {
  if (job.count == 0) return;
  parallel_for(lay_out(job), list_grain, [kernel, &job](std::int64_t first, std::int64_t last) { ListRunner<A>(kernel, job, nullptr).run(first, last); });
  for (std::int64_t k = 0; k < job.count; ++k)
    for (int i = 0; i < job.operands; ++i)
      if (job.tuples[k].operand[i] && (job.writes >> i & 1)) count_change(*job.tuples[k].operand[i]);
}

/// Folds a list of tensors with f into one number: per chunk, then over chunks in their order.
template <class F, class A = Abi>
double fold_list(ListKernel kernel, const ListJob& job, const F& f) {
  const std::int64_t total = lay_out(job), chunks = (total + list_grain - 1) / list_grain;
  double first_chunk = 0;
  PoolVector<double> partial(static_cast<std::size_t>(chunks > 1 ? chunks : 0), 0.0);
  double* results = chunks > 1 ? partial.data() : &first_chunk;
  parallel_for(total, list_grain, [&](std::int64_t first, std::int64_t last) {
    ListRunner<A>(kernel, job, results + first / list_grain).run(first, last);
  });
  double out = 0;
  for (std::int64_t k = 0; k < chunks; ++k) out = f.join(out, results[k]);
  return out;
}

}  // namespace taper::inline TAPER_CODE::detail
