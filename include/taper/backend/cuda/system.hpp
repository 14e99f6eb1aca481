// SPDX-License-Identifier: MIT
// What evaluation asks of a device over a Thrust system.
#pragma once

#include <taper/backend/cuda/block.hpp>
#include <taper/backend/cuda/copy.hpp>
#include <taper/backend/cuda/device.hpp>
#include <taper/backend/cuda/indexing.hpp>
#include <taper/backend/cuda/lists.hpp>
#include <taper/backend/cuda/ordering.hpp>
#include <taper/backend/cuda/products.hpp>
#include <taper/backend/cuda/random.hpp>
#include <taper/backend/cuda/reduce_program.hpp>
#include <taper/backend/cuda/rows.hpp>
#include <taper/backend/cuda/windows.hpp>

namespace taper::inline TAPER_CODE::detail {

template <class T>
struct FillKernel {
  T* out;
  T value;
  Offsets<1, std::uint64_t> offsets;
  TAPER_HD void operator()(std::int64_t i) const {
    std::uint64_t at[1] = {};
    offsets.add(static_cast<std::uint64_t>(i), at);
    out[at[0]] = value;
  }
};

template <class S>
struct Accelerator<BasicThrust<S>> : DeviceIndexing<BasicThrust<S>>,
                                     DeviceLists<BasicThrust<S>>,
                                     DeviceOrdering<BasicThrust<S>>,
                                     DeviceRandom<BasicThrust<S>>,
                                     DeviceRows<BasicThrust<S>>,
                                     DeviceProducts<BasicThrust<S>>,
                                     DeviceWindows<BasicThrust<S>> {
  using D = BasicThrust<S>;

  template <class P, bool Reduced>
  static constexpr DeviceProgram make() {
    DeviceProgram out{&device_index<D>, &make_dense<D>, &copy, &device_forward<S, P>, nullptr, nullptr};
    if constexpr (Differentiable<typename P::result> && !inference_only) {
      out.vjp = &device_vjp<S, P, !Reduced>;
      out.sum = &device_gradient_sum<D, P, !Reduced>;
    }
    return out;
  }
  template <class P, bool Reduced>
  static constexpr DeviceProgram program = make<P, Reduced>();

  static void copy(const TensorRecord& from, const TensorRecord& to) {
    check_here<D>("copy", {&from, &to});
    device_copy<S>(from, to);
  }
  template <class P, class R, class Out>
  static void reduce(const DeviceJob& job, std::uint32_t mask, Out* out, double factor) {
    device_reduce_program<D, P, R>(job, mask, out, factor);
  }
  template <Scalar T>
  static void fill(const TensorRecord& target, T value) {
    check_here<D>("fill_", {&target});
    const DeviceOperand operand{target.data, target.strides};
    const JobAxes axes(target.shape, &operand, 1);
    count_pass();
    if (axes.elements > 0) S::for_each(axes.elements, FillKernel<T>{reinterpret_cast<T*>(target.data), value, Offsets<1, std::uint64_t>(axes)});
  }
};

}  // namespace taper::inline TAPER_CODE::detail
