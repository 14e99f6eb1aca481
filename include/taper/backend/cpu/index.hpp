// SPDX-License-Identifier: MIT
// Loops that move elements by index: whole rows at given offsets, single elements along an axis, positions of a mask.
#pragma once

#include <taper/backend/cpu/points.hpp>
#include <taper/backend/number_fault.hpp>

namespace taper::inline TAPER_CODE::detail {

/// to += value, as scatters add: integers wrap, sums of bools are "or".
template <class T>
TAPER_INLINE TAPER_HD void accumulate(T& to, const T& value) {
  if constexpr (std::same_as<T, bool>) {
    to = to || value;
  } else if constexpr (Integral<T>) {
    using U = std::make_unsigned_t<T>;
    to = static_cast<T>(static_cast<U>(static_cast<U>(to) + static_cast<U>(value)));
  } else {
    using C = compute_t<T>;
    to = static_cast<T>(static_cast<C>(to) + static_cast<C>(value));
  }
}
/// A CopyRow that adds to what is there.
template <class T, class A = Abi>
TAPER_KERNEL void accumulate_row(std::byte* to_bytes, std::int64_t to_step, const std::byte* from_bytes, std::int64_t from_step,
                                 std::int64_t n) {
  T* to = reinterpret_cast<T*>(to_bytes);
  const T* from = reinterpret_cast<const T*>(from_bytes);
  for (std::int64_t i = 0; i < n; ++i) accumulate(to[i * to_step], from[i * from_step]);
}

/// True where sums of T are taken in a wider type and rounded once.
template <class T>
inline constexpr bool sums_wide = !std::same_as<T, compute_t<T>>;

template <class To, class From, class A = Abi>
TAPER_KERNEL void convert_elements(To* to, const From* from, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<To>(from[i]);
}

/// The elements of a dense record in the type that sums of T are taken in.
template <class T, class A = Abi>
RecordPtr summands(const RecordPtr& x) {
  if constexpr (!sums_wide<T>) {
    return x;
  } else {
    using C = compute_t<T>;
    RecordPtr out = make_dense<Cpu>(dtype_of<C>, x->shape);
    convert_elements<C, T, A>(reinterpret_cast<C*>(out->data), reinterpret_cast<const T*>(x->data), x->numel);
    return out;
  }
}

/// A tensor about to be added to: itself, or wide sums that finish() rounds into it.
template <class T, class A = Abi>
class Sums {
 public:
  using C = compute_t<T>;
  explicit Sums(TensorRecord& x) : x_(x) {
    if constexpr (sums_wide<T>) wide_ = summands<T, A>(dense_record<A>(RecordPtr::share(&x)));
  }
  C* data() const { return reinterpret_cast<C*>(wide_ ? wide_->data : x_.data); }
  const Strides& strides() const { return wide_ ? wide_->strides : x_.strides; }
  void finish() const {
    if constexpr (sums_wide<T>) {
      const RecordPtr narrow = make_dense<Cpu>(x_.dtype, x_.shape);
      convert_elements<T, C, A>(reinterpret_cast<T*>(narrow->data), data(), x_.numel);
      copy_strided<A>(x_.dtype, x_.shape, x_.data, x_.strides, narrow->data, narrow->strides);
    }
  }

 private:
  TensorRecord& x_;
  RecordPtr wide_;
};

/// Throws where an index does not fit an axis. Negative ones may count from the back.
inline void check_indices(std::string_view op, const std::int64_t* index, std::int64_t n, std::int64_t axis,
                          std::int64_t size, bool from_back) {
  const std::int64_t low = from_back ? -size : 0;
  bool good = true;
  for (std::int64_t i = 0; i < n; ++i) good &= index[i] >= low && index[i] < size;
  if (good) return;
  for (std::int64_t i = 0; i < n; ++i)
    if (index[i] < low || index[i] >= size)
      base::throw_fault(base::NumberFault::of_axis(op, axis, size).at(i, index[i]));
}

/// Rows of a tensor at given offsets: element (o, k, i) of the dense other side is x[outer(o) + offsets[k] + inner(i)].
struct IndexedRows {
  Points<1> outer, inner;
  const std::int64_t* offsets = nullptr;
  std::int64_t count = 0;

  Walk inner_walk() const { return inner.shape.empty() ? Walk({}, {}) : Walk(inner.shape, inner.strides[0]); }
  std::int64_t total() const { return outer.count() * count * inner.count(); }
};

template <class U, class A = Abi>
TAPER_KERNEL void take_elements(std::byte* to, const std::byte* x, const std::int64_t* offsets, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) reinterpret_cast<U*>(to)[i] = reinterpret_cast<const U*>(x)[offsets[i]];
}

using TakeElements = void (*)(std::byte* to, const std::byte* x, const std::int64_t* offsets, std::int64_t n);
template <class A>
struct ElementTaker {
  template <class U>
  TakeElements operator()() const { return &take_elements<U, A>; }
};

/// The rows as a dense tensor; `bytes` is an element's size.
template <class A = Abi>
void take_rows(const IndexedRows& rows, std::int64_t bytes, const std::byte* x, std::byte* out) {
  if (rows.total() == 0) return;
  const TakeElements take = dispatch_size(static_cast<std::size_t>(bytes), ElementTaker<A>{});
  const std::int64_t n = rows.inner.count();
  const Walk walk = rows.inner_walk();
  parallel_for(rows.outer.count() * rows.count, chunk_of(n), [&](std::int64_t first, std::int64_t last) {
    while (first < last) {
      const std::int64_t o = first / rows.count, k = first % rows.count;
      const std::int64_t some = last - first < rows.count - k ? last - first : rows.count - k;
      rows.outer.for_each(o, o + 1, [&](const std::int64_t* at) {
        const std::byte* from = x + at[0] * bytes;
        std::byte* to = out + first * n * bytes;
        if (n == 1) return take(to, from, rows.offsets + k, some);
        for (std::int64_t j = 0; j < some; ++j)
          gather<A>(to + j * n * bytes, from + rows.offsets[k + j] * bytes, static_cast<std::size_t>(bytes), walk, 0, n);
      });
      first += some;
    }
  });
}

/// Writes rows (value_step 1) or one value (value_step 0) with `put`. Rows at one offset are written in their order, by
/// any number of threads: these share out the outer dimensions, or else parts of the rows.
inline void put_rows(const IndexedRows& rows, std::int64_t bytes, std::byte* x, const std::byte* values, std::int64_t value_step, CopyRow put) {
  if (rows.total() == 0) return;
  const std::int64_t n = rows.inner.count(), outer = rows.outer.count();
  const Walk walk = rows.inner_walk();
  const std::int64_t part = outer > 1 || n < 2048 ? n : 1024, parts = (n + part - 1) / part;
  parallel_for(outer * parts, chunk_of(rows.count * part), [&](std::int64_t first, std::int64_t last) {
    for (; first < last; ++first) {
      const std::int64_t o = first / parts, begin = first % parts * part, length = n - begin < part ? n - begin : part;
      rows.outer.for_each(o, o + 1, [&](const std::int64_t* at) {
        for (std::int64_t k = 0; k < rows.count; ++k) {
          std::byte* to = x + (at[0] + rows.offsets[k]) * bytes;
          const std::byte* from = values + ((o * rows.count + k) * n + begin) * value_step * bytes;
          for_each_row(walk, begin, length, [&](std::int64_t offset, std::int64_t position, std::int64_t m) {
            put(to + offset * bytes, walk.inner_stride(), from + position * value_step * bytes, value_step, m);
          });
        }
      });
    }
  });
}

/// Elements along an axis: the iteration space of a dense index, split into the points before its last two loops
/// (`lead`), the axis where it is not the innermost dimension (`middle`), and the innermost dimension (`row`).
/// Operands: 0 index, 1 the tensor that is indexed, 2 the other side (result or source).
struct AxisLoop {
  Points<3> lead;
  std::int64_t middle = 1, middle_step[3] = {};
  std::int64_t row = 1, row_step[3] = {};
  std::int64_t axis_step = 0;  // of operand 1

  AxisLoop(const Shape& shape, int axis, const Strides& x, const Strides& other) {
    const Strides index = contiguous_strides(shape);
    const int last = shape.size() - 1;
    for (int i = 0; i < last; ++i)
      if (i != axis) lead.push(shape[i], index[i], x[i], other[i]);
    if (last < 0) return;
    axis_step = x[axis];
    if (axis != last) {
      middle = shape[axis];
      middle_step[0] = index[axis], middle_step[2] = other[axis];
    }
    row = shape[last];
    row_step[0] = index[last], row_step[1] = axis == last ? 0 : x[last], row_step[2] = other[last];
  }
  std::int64_t total() const { return lead.count() * middle * row; }
};

/// What is done with one row of such a loop: gathered from x to the other side, or put from there into x.
using AxisRow = void (*)(const AxisLoop& loop, const std::int64_t* index, std::byte* x, std::byte* other, std::int64_t other_step);

template <class U, class A = Abi>
TAPER_KERNEL void gather_row(const AxisLoop& loop, const std::int64_t* index, std::byte* x, std::byte* out, std::int64_t step) {
  for (std::int64_t j = 0; j < loop.row; ++j)
    reinterpret_cast<U*>(out)[j * step] = reinterpret_cast<const U*>(x)[j * loop.row_step[1] + index[j * loop.row_step[0]] * loop.axis_step];
}
template <class U, class A = Abi>
TAPER_KERNEL void replace_row(const AxisLoop& loop, const std::int64_t* index, std::byte* x, std::byte* source, std::int64_t step) {
  for (std::int64_t j = 0; j < loop.row; ++j)
    reinterpret_cast<U*>(x)[j * loop.row_step[1] + index[j * loop.row_step[0]] * loop.axis_step] = reinterpret_cast<const U*>(source)[j * step];
}
template <class T, class A = Abi>
TAPER_KERNEL void add_row(const AxisLoop& loop, const std::int64_t* index, std::byte* x, std::byte* source, std::int64_t step) {
  for (std::int64_t j = 0; j < loop.row; ++j)
    accumulate(reinterpret_cast<T*>(x)[j * loop.row_step[1] + index[j * loop.row_step[0]] * loop.axis_step],
               reinterpret_cast<const T*>(source)[j * step]);
}

/// Runs `row` over the loop. Elements that meet at one place are written in the order of the index: points of `lead`
/// never share a place. one_value: the other side is a single element.
inline void run_axis(const AxisLoop& loop, std::int64_t bytes, const std::int64_t* index, std::byte* x, std::byte* other, bool one_value, AxisRow row) {
  if (loop.total() == 0) return;
  parallel_for(loop.lead.count(), chunk_of(loop.middle * loop.row), [&](std::int64_t first, std::int64_t last) {
    loop.lead.for_each(first, last, [&](const std::int64_t* at) {
      for (std::int64_t k = 0; k < loop.middle; ++k)
        row(loop, index + at[0] + k * loop.middle_step[0], x + at[1] * bytes,
            one_value ? other : other + (at[2] + k * loop.middle_step[2]) * bytes, one_value ? 0 : loop.row_step[2]);
    });
  });
}
template <class A>
struct RowGatherer {
  template <class U>
  AxisRow operator()() const { return &gather_row<U, A>; }
};
template <class A>
struct RowReplacer {
  template <class U>
  AxisRow operator()() const { return &replace_row<U, A>; }
};
template <class A = Abi>
AxisRow row_gatherer(std::size_t size) { return dispatch_size(size, RowGatherer<A>{}); }
template <class A = Abi>
AxisRow row_replacer(std::size_t size) { return dispatch_size(size, RowReplacer<A>{}); }

template <class A = Abi>
TAPER_KERNEL std::int64_t count_true(const std::uint8_t* mask, std::int64_t n) {
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < n; ++i) count += mask[i] != 0;
  return count;
}

/// Coordinates of the true elements of a dense mask, in row-major order: coordinate j of the k-th is
/// out[k * item_step + j * axis_step].
template <class A = Abi>
TAPER_KERNEL void write_positions(const std::uint8_t* mask, const Shape& shape, std::int64_t* out,
                                  std::int64_t item_step, std::int64_t axis_step) {
  const std::int64_t n = shape.numel();
  const int rank = shape.size();
  std::int64_t index[max_rank] = {};
  for (std::int64_t i = 0; i < n; ++i) {
    if (mask[i]) {
      for (int j = 0; j < rank; ++j) out[j * axis_step] = index[j];
      out += item_step;
    }
    for (int j = rank - 1; j >= 0; --j) {
      if (++index[j] < shape[j]) break;
      index[j] = 0;
    }
  }
}

}  // namespace taper::inline TAPER_CODE::detail
