// SPDX-License-Identifier: MIT
// What moves elements between places: gather, scatter, index, join, pad, embedding.
#pragma once

#include <taper/backend/cuda/accumulate.hpp>
#include <taper/backend/cuda/arrange.hpp>
#include <taper/backend/cuda/positions.hpp>
#include <taper/backend/cuda/take_put.hpp>

namespace taper::inline TAPER_CODE::detail {

/// The records that these functions take lie in the device's memory. A Plan is ops' IndexPlan.
template <class D>
struct DeviceIndexing {
  using System = typename D::System;

  /// What the host's check_indices throws, the host hears of when it next waits for the device.
  static void check_indices(std::string_view op, const std::int64_t* index, std::int64_t n, std::int64_t axis,
                            std::int64_t size, bool from_back) {
    check_on_device<D>(base::NumberFault::of_axis(op, axis, size), index, n, from_back ? -size : 0, size);
  }
  /// The same where a bool on the device is false: not all elements of a loss's input are probabilities.
  static void expect_probabilities(std::string_view op, const TensorRecord& all) {
    System::for_each(1, ExpectKernel{reinterpret_cast<const std::uint8_t*>(all.data), base::NumberFault::of_probability(op),
                                     &base::FaultBox<System>::get()});
    if (System::finished()) base::raise_fault<System>("");
  }
  /// The same for rows of a table.
  template <class I>
  static void check_rows(std::string_view op, const I* index, const Shape& numbers, const Shape& table) {
    check_on_device<D>(base::NumberFault::of_row(op, numbers, table), index, numbers.numel(), 0, table[0]);
  }
  /// A row of a plan: `index` (its elements `steps` apart over `places`) wrapped around an axis.
  static void positions(const std::int64_t* index, const Shape& places, const Strides& steps, std::int64_t size,
                        std::int64_t* out) {
    std::byte there{};
    const DeviceOperand operand{&there, steps};
    const JobAxes axes(places, &operand, 1);
    if (axes.elements > 0)
      System::for_each(axes.elements, PositionsKernel{index, Offsets<1, std::uint64_t>(axes), size, out});
  }
  /// The coordinates of the true elements of a dense mask. Waits for the device.
  static RecordPtr mask_positions(const TensorRecord& mask, bool coordinates_first) {
    return list_true<D>(mask, coordinates_first);
  }

  // By a plan.

  template <class Plan>
  static void take(const TensorRecord& x, const Plan& plan, TensorRecord& out) {
    check_here<D>("index", {&x});
    take_blocks(blocks_of(plan, x.strides), places_of(plan, x.strides), x, out);
  }
  template <class Plan>
  static void put(TensorRecord& x, const Plan& plan, const TensorRecord& values, bool one_value) {
    const auto places = places_of(plan, x.strides);
    put_blocks(blocks_of(plan, x.strides), places,
               plan.distinct ? RecordPtr() : claims(places, indexed_shape(plan).numel()), x, values, one_value);
  }
  template <Scalar T, class Plan>
  static void add(TensorRecord& x, const Plan& plan, const TensorRecord& values, bool one_value) {
    add_blocks<T>(blocks_of(plan, x.strides), places_of(plan, x.strides), x, values, one_value, plan.distinct);
  }
  /// Which places of a plan are the last at theirs, as bools of the given shape.
  template <class Plan>
  static RecordPtr last_writes(const Plan& plan, const Shape& shape) {
    return stays(places_of(plan, plan.shape), indexed_shape(plan).numel(), shape);
  }

  // By an index along one axis, checked and dense, of no larger shape.

  static void gather(const TensorRecord& x, int axis, const TensorRecord& index, TensorRecord& out) {
    check_here<D>("gather", {&x});
    along(x.shape, x.strides, axis, index,
          [&](const auto& places) { take_blocks(elements(places.count), places, x, out); });
  }
  static void scatter(TensorRecord& x, int axis, const TensorRecord& index, const TensorRecord& source,
                      bool one_value) {
    along(x.shape, x.strides, axis, index, [&](const auto& places) {
      put_blocks(elements(places.count), places, apart(axis, index) ? RecordPtr() : claims(places, x.numel), x, source,
                 one_value);
    });
  }
  template <Scalar T>
  static void scatter_add(TensorRecord& x, int axis, const TensorRecord& index, const TensorRecord& source) {
    along(x.shape, x.strides, axis, index, [&](const auto& places) {
      add_blocks<T>(elements(places.count), places, x, source, false, apart(axis, index));
    });
  }
  static RecordPtr last_scattered(const Shape& shape, int axis, const TensorRecord& index) {
    RecordPtr out = make_dense<D>(DType::boolean, index.shape);
    along(shape, contiguous_strides(shape), axis, index,
          [&](const auto& places) { out = stays(places, shape.numel(), index.shape); });
    return out;
  }

  // Rows of a dense table.

  /// Those of row `skip` read as 0; -1: none.
  template <class I>
  static void take_rows(const TensorRecord& table, const I* index, std::int64_t count, std::int64_t skip,
                        TensorRecord& out) {
    check_here<D>("embedding", {&table});
    take_blocks(rows_of(table, count), row_places(table, index, count), table, out, skip);
  }
  /// Adds rows to the table's; those of row `skip` are left out.
  template <Scalar T, class I>
  static void add_rows(TensorRecord& table, const I* index, std::int64_t count, const TensorRecord& rows,
                       std::int64_t skip) {
    add_blocks<T>(rows_of(table, count), row_places(table, index, count), table, rows, false, false, skip);
  }

  // By positions alone.

  /// A border along one axis of (outer, n, inner) elements.
  template <Scalar T>
  static void pad_axis(PadMode mode, std::int64_t outer, std::int64_t n, std::int64_t size, std::int64_t inner,
                       std::int64_t before, const TensorRecord& x, const T& value, TensorRecord& y) {
    Moved16 raw{};
    __builtin_memcpy(&raw, &value, sizeof value);
    pad_axis_with(mode, outer, n, size, inner, before, x, raw, y);
  }
  static void pad_axis_with(PadMode mode, std::int64_t outer, std::int64_t n, std::int64_t size, std::int64_t inner,
                            std::int64_t before, const TensorRecord& x, const Moved16& value, TensorRecord& y) {
    const std::int64_t total = outer * size * inner;
    if (total == 0) return;
    dispatch_moved(size_of(x.dtype), [&]<class U>() {
      U filled;
      __builtin_memcpy(&filled, &value, sizeof filled);
      const auto* from = reinterpret_cast<const U*>(x.data);
      auto* to = reinterpret_cast<U*>(y.data);
      if (narrow_indices(total))
        System::for_each(total, PadAxisKernel<U, std::uint32_t>{mode, before, n, FastDivide<std::uint32_t>(size),
                                                                FastDivide<std::uint32_t>(inner), from, to, filled});
      else
        System::for_each(total, PadAxisKernel<U, std::uint64_t>{mode, before, n, FastDivide<std::uint64_t>(size),
                                                                FastDivide<std::uint64_t>(inner), from, to, filled});
    });
  }
  /// Its transpose, of (outer, size, inner) elements.
  template <Scalar T>
  static void fold_axis(PadMode mode, std::int64_t outer, std::int64_t n, std::int64_t size, std::int64_t inner,
                        std::int64_t before, const TensorRecord& g, TensorRecord& dx) {
    const std::int64_t total = outer * n * inner;
    if (total == 0) return;
    const T* from = reinterpret_cast<const T*>(g.data);
    T* to = reinterpret_cast<T*>(dx.data);
    if (narrow_indices(total) && narrow_indices(outer * size * inner))
      System::for_each(total, FoldAxisKernel<T, std::uint32_t>{mode, before, size, FastDivide<std::uint32_t>(n),
                                                               FastDivide<std::uint32_t>(inner), from, to});
    else
      System::for_each(total, FoldAxisKernel<T, std::uint64_t>{mode, before, size, FastDivide<std::uint64_t>(n),
                                                               FastDivide<std::uint64_t>(inner), from, to});
  }
  /// x with the axes in `mask` reversed.
  static void flip(const TensorRecord& x, std::uint32_t mask, TensorRecord& out) {
    check_here<D>("flip", {&x});
    if (x.numel == 0) return;
    DeviceOperand operand{x.data, x.strides};
    const bool wide = JobAxes(x.shape, &operand, 1).wide;
    std::int64_t first = 0;
    for (int i = 0; i < x.shape.size(); ++i) {
      if (!(mask >> i & 1)) continue;
      first += (x.shape[i] - 1) * x.strides[i];
      operand.strides[i] = -x.strides[i];
    }
    const JobAxes axes(x.shape, &operand, 1);
    dispatch_moved(size_of(x.dtype), [&]<class U>() {
      const U* from = reinterpret_cast<const U*>(x.data) + first;
      U* to = reinterpret_cast<U*>(out.data);
      if (wide)
        System::for_each(x.numel, SignedCopyKernel<U, std::uint64_t>{Offsets<1, std::uint64_t>(axes), from, to});
      else
        System::for_each(x.numel, SignedCopyKernel<U, std::uint32_t>{Offsets<1, std::uint32_t>(axes), from, to});
    });
  }
  /// A triangle of dense matrices.
  static void triangle(bool lower, const TensorRecord& x, std::int64_t offset, TensorRecord& y) {
    if (x.numel == 0) return;
    const std::int64_t m = x.shape.at(-2), n = x.shape.at(-1);
    dispatch_moved(size_of(x.dtype), [&]<class U>() {
      const U* from = reinterpret_cast<const U*>(x.data);
      U* to = reinterpret_cast<U*>(y.data);
      if (narrow_indices(x.numel))
        System::for_each(x.numel,
                         TriangleKernel<U, std::uint32_t>{FastDivide<std::uint32_t>(m), FastDivide<std::uint32_t>(n),
                                                          offset, lower, from, to});
      else
        System::for_each(x.numel,
                         TriangleKernel<U, std::uint64_t>{FastDivide<std::uint64_t>(m), FastDivide<std::uint64_t>(n),
                                                          offset, lower, from, to});
    });
  }
  static void one_hot(const std::int64_t* index, std::int64_t classes, TensorRecord& y) {
    auto* to = reinterpret_cast<std::int64_t*>(y.data);
    if (y.numel == 0) return;
    if (narrow_indices(y.numel))
      System::for_each(y.numel, OneHotKernel<std::uint32_t>{FastDivide<std::uint32_t>(classes), index, to});
    else
      System::for_each(y.numel, OneHotKernel<std::uint64_t>{FastDivide<std::uint64_t>(classes), index, to});
  }

 private:
  /// Known to choose no place twice: the index has one element for each line along the axis.
  static bool apart(int axis, const TensorRecord& index) { return index.shape.empty() || index.shape[axis] == 1; }
  static bool narrow_indices(std::int64_t total) { return total < device_reach; }

  // Places and the blocks at them, by where they come from.

  template <class Plan>
  static Shape indexed_shape(const Plan& plan) {
    Shape out;
    for (const std::int64_t a : plan.axes) out.push_back(plan.shape[static_cast<int>(a)]);
    return out;
  }
  template <class Plan>
  static PlanPlaces<std::int64_t> places_of(const Plan& plan, const Dims& strides) {
    PlanPlaces<std::int64_t> out{reinterpret_cast<const std::int64_t*>(plan.positions->data), plan.places()};
    const Strides keys = contiguous_strides(indexed_shape(plan));
    for (int j = 0; j < plan.axes.size(); ++j) out.push(plan.shape[static_cast<int>(plan.axes[j])], strides[static_cast<int>(plan.axes[j])], keys[j]);
    return out;
  }
  template <class Plan>
  static BlockAxes blocks_of(const Plan& plan, const Strides& strides) {
    Shape outer, inner;
    Strides outer_steps, inner_steps;
    for (const std::int64_t a : plan.outer)
      outer.push_back(plan.shape[static_cast<int>(a)]), outer_steps.push_back(strides[static_cast<int>(a)]);
    for (const std::int64_t a : plan.inner)
      inner.push_back(plan.shape[static_cast<int>(a)]), inner_steps.push_back(strides[static_cast<int>(a)]);
    return BlockAxes(outer, outer_steps, inner, inner_steps, plan.places());
  }
  static BlockAxes elements(std::int64_t count) { return BlockAxes({}, {}, {}, {}, count); }
  static BlockAxes rows_of(const TensorRecord& table, std::int64_t count) {
    return BlockAxes({}, {}, {table.shape[1]}, {1}, count);
  }
  template <class I>
  static PlanPlaces<I> row_places(const TensorRecord& table, const I* index, std::int64_t count) {
    PlanPlaces<I> out{index, count};
    out.push(table.shape[0], table.shape[1], 1);
    return out;
  }
  /// Calls f(places). A 0-dim tensor counts as one of one element.
  template <class F>
  static void along(const Shape& shape, const Strides& strides, int axis, const TensorRecord& index, const F& f) {
    if (index.numel == 0) return;
    const auto* p = reinterpret_cast<const std::int64_t*>(index.data);
    if (shape.empty()) return f(AxisPlaces<std::uint32_t>{p, index.numel, {}, 1, 1, 1});
    std::byte there{};
    DeviceOperand operands[] = {{&there, strides}, {&there, contiguous_strides(shape)}};
    const std::int64_t size = shape[axis], step = strides[axis], key_step = operands[1].strides[axis];
    for (auto& operand : operands) operand.strides[axis] = 0;
    const JobAxes axes(index.shape.empty() ? Shape{1} : index.shape, operands, 2);
    if (axes.wide)
      f(AxisPlaces<std::uint64_t>{p, index.numel, Offsets<2, std::uint64_t>(axes), size, step, key_step});
    else
      f(AxisPlaces<std::uint32_t>{p, index.numel, Offsets<2, std::uint32_t>(axes), size, step, key_step});
  }

  // What is done at places.

  template <class Places>
  static void take_blocks(const BlockAxes& axes, const Places& places, const TensorRecord& x, TensorRecord& out,
                          std::int64_t skip = -1) {
    axes.with(places, [&]<class Blocks>(const Blocks& blocks) {
      dispatch_moved(size_of(x.dtype), LaunchTake<System, Blocks>{blocks, axes.total, x.data, out.data, skip});
    });
  }
  /// The table of which of the places that repeat wins, for `size` different ones.
  template <class Places>
  static RecordPtr claims(const Places& places, std::int64_t size) {
    RecordPtr table = make_dense<D>(DType::int64, {size});
    if (size == 0 || places.count == 0) return table;
    Accelerator<D>::template fill<std::int64_t>(*table, -1);
    System::for_each(places.count, ClaimKernel<Places>{places, reinterpret_cast<std::int64_t*>(table->data)});
    return table;
  }
  template <class Places>
  static RecordPtr stays(const Places& places, std::int64_t size, const Shape& shape) {
    RecordPtr out = make_dense<D>(DType::boolean, shape);
    const RecordPtr table = claims(places, size);
    if (places.count > 0)
      System::for_each(places.count, StaysKernel<Places>{places, reinterpret_cast<const std::int64_t*>(table->data),
                                                         reinterpret_cast<std::uint8_t*>(out->data)});
    return out;
  }
  template <class Places>
  static void put_blocks(const BlockAxes& axes, const Places& places, const RecordPtr& table, TensorRecord& x,
                         const TensorRecord& values, bool one_value) {
    axes.with(places, [&]<class Blocks>(const Blocks& blocks) {
      dispatch_moved(size_of(x.dtype),
                     LaunchPut<System, Blocks>{blocks, axes.total,
                                               table ? reinterpret_cast<const std::int64_t*>(table->data) : nullptr,
                                               x.data, values.data, one_value});
    });
  }
  template <Scalar T, class Places>
  static void add_blocks(const BlockAxes& axes, const Places& places, TensorRecord& x, const TensorRecord& values,
                         bool one_value, bool distinct, std::int64_t skip = -1) {
    if (axes.total == 0) return;
    T* const to = reinterpret_cast<T*>(x.data);
    const T* const from = reinterpret_cast<const T*>(values.data);
    if (distinct) {
      axes.with(places, [&]<class Blocks>(const Blocks& blocks) {
        System::for_each(axes.total, AddApartKernel<T, Blocks>{blocks, to, from, one_value});
      });
      return;
    }
    if constexpr (AddedAtomically<T>)
      if (adds_in_any_order<T>())
        return axes.with(places, [&]<class Blocks>(const Blocks& blocks) {
          System::for_each(axes.total, AddAtomicallyKernel<T, Blocks>{blocks, to, from, one_value, skip});
        });
    static_assert(Sorting<System>,
                  "adding at places that may repeat needs Thrust: #include <taper/backend/cuda/thrust.hpp>");
    const RecordPtr sorted = make_dense<D>(DType::int64, {2, places.count});
    auto *keys = reinterpret_cast<std::int64_t*>(sorted->data), *order = keys + places.count;
    System::for_each(places.count, KeysKernel<Places>{places, keys, order});
    DeviceSort<System>::by_key(keys, order, places.count);
    const std::int64_t runs = (places.count + added_run - 1) / added_run, each = axes.total / places.count;
    const RecordPtr sums = make_dense<D>(dtype_of<compute_t<T>>, {runs > 1 ? each * runs : 0});
    auto* partial = reinterpret_cast<compute_t<T>*>(sums->data);
    axes.with(places, [&]<class Blocks>(const Blocks& blocks) {
      const SortedValues<T, Blocks> inputs{blocks, keys, order, from, one_value};
      Blocks by_run = blocks;
      by_run.count = decltype(by_run.count)(runs);
      if (runs > 1) System::for_each(each * runs, PartialSumsKernel<T, Blocks>{inputs, by_run, partial});
      System::for_each(axes.total, AccumulateKernel<T, Blocks>{inputs, by_run, partial, to, skip});
    });
  }
};

}  // namespace taper::inline TAPER_CODE::detail
