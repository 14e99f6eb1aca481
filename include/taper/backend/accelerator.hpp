// SPDX-License-Identifier: MIT
// What evaluation asks of a device other than the host. The device's folder under backend/ specialises Accelerator.
#pragma once

#include <taper/core/accelerated.hpp>

namespace taper::inline TAPER_CODE::detail {

/// A tensor as an operand of a kernel over an iteration space: its first element, strides in elements at that space. Without
/// data it is not there.
struct DeviceOperand {
  std::byte* data = nullptr;
  Strides strides;
};

/// One run of a program over a shape.
struct DeviceJob {
  const void* data = nullptr;  // the program's settings, in host memory
  Shape shape;
  DeviceOperand* operands = nullptr;
  double factor = 1;       // the gradient that arrives is multiplied by it
  std::uint64_t adds = 0;  // bit i: the gradient of leaf i is added to what lies there already
};

/// A program as a device runs it: one static table for every distinct expression and device.
struct DeviceProgram {
  std::int16_t (*index)();  // of several devices, the one that the calling thread's kernels run on
  RecordPtr (*empty)(DType dtype, const Shape& shape);
  void (*copy)(const TensorRecord& from, const TensorRecord& to);  // as Accelerator's
  /// Operands: the leaves, then the result.
  void (*forward)(const DeviceJob& job);
  /// Operands: the leaves, the result, its gradient, then the leaves' gradients. Null where no gradient can flow.
  void (*vjp)(const DeviceJob& job);
  /// The gradient of one leaf, summed over the axes in `mask` along which it was broadcast, into a dense target: stored, or
  /// added. Operands: the leaves, the result, its gradient; without data where this gradient does not read them.
  void (*sum)(const DeviceJob& job, std::uint32_t mask, int leaf, const TensorRecord& target, bool fresh);
};

/// Specialised for every device but the host:
///   template <class P, bool Reduced> static constexpr DeviceProgram program;
///   template <class P, class R, class Out> static void reduce(const DeviceJob& job, std::uint32_t mask, Out* out, double factor);
///   static void copy(const TensorRecord& from, const TensorRecord& to);        of one dtype and shape
///   template <Scalar T> static void fill(const TensorRecord& target, T value);
///   template <Scalar T, class Fill> static void randomise(TensorRecord& target, const Fill& fill);  a fill of core/random.hpp
/// and what ops/ calls, by families. Bytes are moved by the device's tag: see core/device.hpp.
template <Device D>
struct Accelerator;

/// A dense copy of a record in a device's memory.
template <Device D>
RecordPtr device_copy(const TensorRecord& x) {
  RecordPtr out = make_dense<D>(x.dtype, x.shape);
  if (x.numel > 0) Accelerator<D>::copy(x, *out);
  return out;
}
/// The record where it is dense, otherwise a dense copy. Throws: DeviceError where it is not here.
template <Device D>
RecordPtr device_dense(const RecordPtr& x) {
  check_here<D>("evaluate", {x.get()});
  return x->contiguous ? x : device_copy<D>(*x);
}

}  // namespace taper::inline TAPER_CODE::detail
