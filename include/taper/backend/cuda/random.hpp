// SPDX-License-Identifier: MIT
// Random numbers: the host's, each computed by a thread of its own from (seed, offset, index).
#pragma once

#include <taper/backend/cuda/map.hpp>
#include <taper/core/random.hpp>

namespace taper::inline TAPER_CODE::detail {

/// Number i of a stream at place i of a tensor in row-major order. A complex element takes two.
template <class T, class Numbers>
struct RandomKernel {
  T* out;
  Offsets<1, std::uint64_t> offsets;
  GeneratorState s;
  Numbers numbers;

  TAPER_HD void operator()(std::int64_t item) const {
    const auto i = static_cast<std::uint64_t>(item);
    std::uint64_t at[1] = {};
    offsets.add(i, at);
    if constexpr (Complex<T>)
      out[at[0]] = T(numbers.at(s.seed, s.offset, 2 * i), numbers.at(s.seed, s.offset, 2 * i + 1));
    else
      out[at[0]] = numbers.at(s.seed, s.offset, i);
  }
};

template <class D>
struct DeviceRandom {
  using System = typename D::System;

  /// Writes a fill's numbers into a tensor.
  template <Scalar T, class Fill>
  static void randomise(TensorRecord& target, const Fill& fill) {
    const DeviceOperand operand{target.data, target.strides};
    const JobAxes axes(target.shape, &operand, 1);
    count_pass();
    if (axes.elements == 0) return;
    const auto numbers = fill.numbers();
    System::for_each(axes.elements,
                     RandomKernel<T, std::remove_const_t<decltype(numbers)>>{
                         reinterpret_cast<T*>(target.data), Offsets<1, std::uint64_t>(axes), fill.s, numbers});
  }
};

}  // namespace taper::inline TAPER_CODE::detail
