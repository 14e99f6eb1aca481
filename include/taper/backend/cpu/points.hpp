// SPDX-License-Identifier: MIT
// Iteration spaces that several strided operands walk in step, and the strided copy under joins, pads and flips.
#pragma once

#include <taper/backend/cpu/strided.hpp>
#include <taper/core/parallel.hpp>
#include <taper/core/record.hpp>
#include <taper/core/stats.hpp>

namespace taper::inline TAPER_CODE::detail {

/// The points of an iteration space in row-major order, with the offsets of N operands in step. Neighbouring dimensions
/// that all operands walk as one are merged.
template <int N>
struct Points {
  Shape shape;
  Strides strides[N];

  /// Appends a dimension: its size, and what one step along it means to each operand.
  template <class... S>
  void push(std::int64_t size, S... step) {
    static_assert(sizeof...(S) == N);
    if (size == 1) return;
    const std::int64_t steps[N] = {step...};
    const int last = shape.size() - 1;
    bool merge = last >= 0;
    for (int i = 0; i < N; ++i) merge = merge && strides[i][last] == steps[i] * size;
    if (merge) {
      shape[last] *= size;
      for (int i = 0; i < N; ++i) strides[i][last] = steps[i];
    } else {
      shape.push_back(size);
      for (int i = 0; i < N; ++i) strides[i].push_back(steps[i]);
    }
  }
  std::int64_t count() const { return shape.numel(); }

  /// Calls f(offsets) for the points [first, last).
  template <class F>
  void for_each(std::int64_t first, std::int64_t last, F&& f) const {
    const int rank = shape.size();
    std::int64_t index[max_rank], offsets[N] = {}, rest = first;
    for (int i = rank - 1; i >= 0; --i) {
      index[i] = rest % shape[i];
      rest /= shape[i];
      for (int k = 0; k < N; ++k) offsets[k] += index[i] * strides[k][i];
    }
    for (std::int64_t at = first; at < last; ++at) {
      f(static_cast<const std::int64_t*>(offsets));
      for (int i = rank - 1; i >= 0; --i) {
        for (int k = 0; k < N; ++k) offsets[k] += strides[k][i];
        if (++index[i] < shape[i]) break;
        for (int k = 0; k < N; ++k) offsets[k] -= shape[i] * strides[k][i];
        index[i] = 0;
      }
    }
  }
};

/// Elements that make a task worth handing to a thread.
inline constexpr std::int64_t task_elements = 1 << 15;

/// How many tasks of `elements` each make a chunk.
inline std::int64_t chunk_of(std::int64_t elements) { return 1 + task_elements / (elements > 0 ? elements : 1); }

/// Copies `shape` elements between two strided operands that do not overlap.
template <class A = Abi>
void copy_strided(DType dtype, const Shape& shape, std::byte* to, const Strides& to_strides, const std::byte* from,
                  const Strides& from_strides) {
  if (shape.numel() == 0) return;
  Points<2> points, rows;
  for (int i = 0; i < shape.size(); ++i) points.push(shape[i], to_strides[i], from_strides[i]);
  // The last dimension is the row; a single long row is cut, so that threads share it.
  std::int64_t n = 1, to_step = 1, from_step = 1;
  const int last = points.shape.size() - 1;
  if (last >= 0) n = points.shape[last], to_step = points.strides[0][last], from_step = points.strides[1][last];
  for (int i = 0; i < last; ++i) rows.push(points.shape[i], points.strides[0][i], points.strides[1][i]);
  const std::int64_t count = rows.count(), bytes = static_cast<std::int64_t>(size_of(dtype));
  const CopyRow copy = row_copier<A>(size_of(dtype));
  if (count == 1) {
    parallel_for(n, 4 * task_elements, [&](std::int64_t a, std::int64_t b) {
      copy(to + a * to_step * bytes, to_step, from + a * from_step * bytes, from_step, b - a);
    });
    return;
  }
  parallel_for(count, chunk_of(n), [&](std::int64_t a, std::int64_t b) {
    rows.for_each(a, b, [&](const std::int64_t* at) { copy(to + at[0] * bytes, to_step, from + at[1] * bytes, from_step, n); });
  });
}

/// The record where it is dense, otherwise a dense copy that no tape sees.
template <class A = Abi>
RecordPtr dense_record(const RecordPtr& x) {
  if (x->contiguous) return x;
  RecordPtr out = make_dense<Cpu>(x->dtype, x->shape);
  count_pass();
  copy_strided<A>(x->dtype, x->shape, out->data, out->strides, x->data, x->strides);
  return out;
}
/// A dense copy in memory of its own.
template <class A = Abi>
RecordPtr copy_of_record(const TensorRecord& x) {
  RecordPtr out = make_dense<Cpu>(x.dtype, x.shape);
  count_pass();
  copy_strided<A>(x.dtype, x.shape, out->data, out->strides, x.data, x.strides);
  return out;
}

}  // namespace taper::inline TAPER_CODE::detail
