// SPDX-License-Identifier: MIT
// One formula over a list of tensor tuples in one launch: the table of pointers travels in the kernel's arguments.
#pragma once

#include <taper/backend/cpu/map_list.hpp>
#include <taper/backend/cuda/map.hpp>
#include <taper/backend/cuda/reduce.hpp>
#include <taper/backend/cuda/scratch.hpp>

namespace taper::inline TAPER_CODE::detail {

inline constexpr int most_list_entries = 192, most_list_functors = 8;

/// The last entry that starts at or before `at`.
template <class Entry>
TAPER_INLINE TAPER_HD int list_entry(const Entry* entries, int count, std::int64_t at) {
  int low = 0, high = count;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (entries[middle].first <= at) low = middle;
    else high = middle;
  }
  return low;
}

/// Tuples of one launch, laid out one behind another in packets.
template <class F, class R, int N>
struct ListTable {
  static constexpr int lanes = static_cast<int>(16 / sizeof(R));
  struct Entry {
    R* at[N];  // null: the tuple goes without it
    std::int64_t elements, first;
    std::int32_t functor;
    bool packed;  // all of them aligned for packets
  };
  Entry entries[most_list_entries];
  F functors[most_list_functors];
  std::int32_t count = 0, functor_count = 0;
  std::int64_t packets = 0;

  /// False where the table is full.
  bool add(R* const* at, std::int64_t elements, const F& functor, bool new_functor) {
    if (count == most_list_entries || (new_functor && functor_count == most_list_functors)) return false;
    if (new_functor || functor_count == 0) functors[functor_count++] = functor;
    Entry& e = entries[count++];
    e.packed = true;
    for (int k = 0; k < N; ++k) {
      e.at[k] = at[k];
      e.packed = e.packed && reinterpret_cast<std::uintptr_t>(at[k]) % 16 == 0;
    }
    e.elements = elements;
    e.first = packets;
    e.functor = functor_count - 1;
    packets += (elements + lanes - 1) / lanes;
    return true;
  }
  TAPER_INLINE TAPER_HD const Entry& entry_of(std::int64_t packet) const { return entries[list_entry(entries, count, packet)]; }
};

template <class F, class R, int N>
struct DeviceListKernel {
  ListTable<F, R, N> table;

  TAPER_HD void operator()(std::int64_t packet) const { run(packet, std::make_integer_sequence<int, N>{}); }

 private:
  static constexpr int lanes = ListTable<F, R, N>::lanes;
  template <int... K>
  TAPER_INLINE TAPER_HD void run(std::int64_t packet, std::integer_sequence<int, K...>) const {
    const auto& e = table.entry_of(packet);
    const F& f = table.functors[e.functor];
    const std::int64_t first = (packet - e.first) * lanes, left = e.elements - first;
    const int n = left < lanes ? static_cast<int>(left) : lanes;
    Packet<R, lanes> x[N] = {load(e, K, first, n)...};
    for (int i = 0; i < lanes; ++i) {
      compute_t<R> v[N] = {static_cast<compute_t<R>>(x[K].lane[i])...};
      f(v[K]...);
      ((x[K].lane[i] = static_cast<R>(v[K])), ...);
    }
    ((F::writes >> K & 1 ? store(e, K, first, n, x[K]) : void()), ...);
  }
  TAPER_INLINE TAPER_HD Packet<R, lanes> load(const typename ListTable<F, R, N>::Entry& e, int k, std::int64_t first, int n) const {
    Packet<R, lanes> out{};
    if (!e.at[k]) return out;
    if (e.packed && n == lanes) return *reinterpret_cast<const Packet<R, lanes>*>(e.at[k] + first);
    for (int i = 0; i < lanes; ++i)
      if (i < n) out.lane[i] = e.at[k][first + i];
    return out;
  }
  TAPER_INLINE TAPER_HD void store(const typename ListTable<F, R, N>::Entry& e, int k, std::int64_t first, int n, const Packet<R, lanes>& x) const {
    if (!e.at[k]) return;
    if (e.packed && n == lanes) {
      *reinterpret_cast<Packet<R, lanes>*>(e.at[k] + first) = x;
      return;
    }
    for (int i = 0; i < lanes; ++i)
      if (i < n) e.at[k][first + i] = x.lane[i];
  }
};

template <class F>
struct FoldReducer {
  using Acc = double;
  TAPER_HD static constexpr Acc identity() { return 0; }
  TAPER_HD static void combine(Acc& acc, Acc other) { acc = F::join(acc, other); }
};

inline constexpr std::int64_t list_fold_part = 1 << 14;

/// A block folds one part of one tensor of a list.
template <class F, class R>
struct ListFold {
  struct Entry {
    const R* data;
    std::int64_t elements, first;  // its first part
  };
  F f;
  double* partial;
  std::int32_t count = 0;
  Entry entries[most_list_entries] = {};

  template <class Block>
  TAPER_HD void operator()(const Block& block, std::int64_t part) const {
    const Entry& e = entries[list_entry(entries, count, part)];
    const std::int64_t first = (part - e.first) * list_fold_part, end = first + list_fold_part < e.elements ? first + list_fold_part : e.elements;
    double sum = 0;
    for (std::int64_t i = first + block.thread(); i < end; i += block.threads()) sum = f(sum, static_cast<double>(static_cast<compute_t<R>>(e.data[i])));
    const double all = block.template reduce<FoldReducer<F>>(sum);
    if (block.thread() == 0) partial[part] = all;
  }
};

template <class D>
struct DeviceLists {
  using System = typename D::System;

  /// Runs f over all tuples; what it writes counts as changed in place. R: the element type, or the real type of complex ones.
  template <class F, class R, int N>
  static void map_list(const ListJob& job) {
    if (job.count == 0) return;
    check_list(job);
    lay_out(job);
    const std::int64_t parts = is_complex(job.dtype) ? 2 : 1;
    PoolVector<RecordPtr> copies;  // of tensors that do not lie as their tuple's first does
    DeviceListKernel<F, R, N> kernel{};  // all of it goes to the device
    const void* functor = nullptr;
    const auto launch = [&] {
      if (kernel.table.packets > 0) System::for_each(kernel.table.packets, kernel);
      kernel.table.count = kernel.table.functor_count = 0;
      kernel.table.packets = 0;
      functor = nullptr;
    };
    PoolVector<std::pair<TensorRecord*, RecordPtr>> written;
    for (std::int64_t t = 0; t < job.count; ++t) {
      const ListTuple& tuple = job.tuples[t];
      R* at[N];
      for (int k = 0; k < N; ++k) {
        TensorRecord* r = tuple.operand[k];
        at[k] = r ? reinterpret_cast<R*>(r->data) : nullptr;
        if (!r || lies_as(*r, *tuple.operand[0])) continue;
        copies.push_back(dense_copy(*r, *tuple.operand[0]));
        at[k] = reinterpret_cast<R*>(copies.back()->data);
        if (job.writes >> k & 1) written.push_back({r, copies.back()});
      }
      const std::int64_t n = tuple.operand[0]->numel * parts;
      const F& f = *static_cast<const F*>(tuple.data);
      if (!kernel.table.add(at, n, f, tuple.data != functor)) {
        launch();
        kernel.table.add(at, n, f, true);
      }
      functor = tuple.data;
    }
    launch();
    for (auto& [target, copy] : written) Accelerator<D>::copy(*copy, *target);
    for (std::int64_t t = 0; t < job.count; ++t)
      for (int k = 0; k < N; ++k)
        if (job.tuples[t].operand[k] && (job.writes >> k & 1)) count_change(*job.tuples[t].operand[k]);
  }

  /// Folds a list of tensors into one number, which the host waits for: one launch for as many tensors as a table holds.
  template <class F, class R>
  static double fold_list(const ListJob& job, const F& f) {
    check_list(job);
    lay_out(job);
    const std::int64_t per_element = is_complex(job.dtype) ? 2 : 1;
    std::int64_t parts = 0;
    for (std::int64_t t = 0; t < job.count; ++t) parts += (job.tuples[t].operand[0]->numel * per_element + list_fold_part - 1) / list_fold_part;
    if (parts == 0) return 0;
    PoolVector<double> partial(static_cast<std::size_t>(parts), 0.0);
    const DeviceScratch<D, double> there(parts);
    PoolVector<RecordPtr> copies;
    ListFold<F, R> kernel{f, there.get()};
    std::int64_t at = 0;  // parts of this launch so far
    const auto launch = [&] {
      System::for_each_block(at, kernel);
      kernel.partial += at;
      kernel.count = 0;
      at = 0;
    };
    for (std::int64_t t = 0; t < job.count; ++t) {
      const TensorRecord* r = job.tuples[t].operand[0];
      if (r->numel == 0) continue;
      if (!r->contiguous && order_of(*r) == 0) {
        copies.push_back(make_dense<D>(r->dtype, r->shape));
        Accelerator<D>::copy(*r, *copies.back());
        r = copies.back().get();
      }
      if (kernel.count == most_list_entries) launch();
      const std::int64_t n = r->numel * per_element;
      kernel.entries[kernel.count++] = {reinterpret_cast<const R*>(r->data), n, at};
      at += (n + list_fold_part - 1) / list_fold_part;
    }
    if (at > 0) launch();
    D::to_host(partial.data(), there.get(), partial.size() * sizeof(double));
    double out = 0;
    for (const double p : partial) out = F::join(out, p);
    return out;
  }

 private:
  static void check_list([[maybe_unused]] const ListJob& job) {
    if constexpr (OneOfSeveral<D>) {
      const std::int16_t here = device_index<D>();
      for (std::int64_t t = 0; t < job.count; ++t)
        for (const TensorRecord* r : job.tuples[t].operand)
          if (r) check_on(here, "evaluate", *r);
    }
  }
  /// Element i of both is the same element, in one run of memory.
  static bool lies_as(const TensorRecord& r, const TensorRecord& first) {
    const AxisOrder order = order_of(first);
    return (order != 0 || first.contiguous) && has_order(r, order);
  }
  static RecordPtr dense_copy(const TensorRecord& r, const TensorRecord& first) {
    RecordPtr out = make_dense<D>(r.dtype, r.shape);
    if (const AxisOrder order = order_of(first); order != 0) set_order(*out, order);
    Accelerator<D>::copy(r, *out);
    return out;
  }
};

}  // namespace taper::inline TAPER_CODE::detail
