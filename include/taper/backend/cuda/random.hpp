// SPDX-License-Identifier: MIT
// Random numbers: the host's, each block of random bits computed by a thread of its own from (seed, offset, index).
#pragma once

#include <taper/backend/cuda/map.hpp>
#include <taper/core/random.hpp>

namespace taper::inline TAPER_CODE::detail {

/// The numbers of one block of bits (philox.hpp says which), at their places of a tensor in row-major order.
template <class T, class Numbers>
struct RandomKernel {
  static constexpr std::uint64_t parts = Complex<T> ? 2 : 1;  // numbers an element
  real_t<T>* out;
  Offsets<1, std::uint64_t> offsets;
  std::uint64_t count;
  GeneratorState stream;
  Numbers numbers;

  TAPER_HD void operator()(std::int64_t item) const {
    constexpr std::uint64_t lanes = random::lanes;
    const auto block = static_cast<std::uint64_t>(item);
    const PhiloxState s = philox_rounds(philox_start(stream.seed, stream.offset, block));
    std::uint64_t i = block / lanes * Numbers::outputs + block % lanes;
    for (std::uint32_t k = 0; k < Numbers::outputs / lanes; ++k, i += lanes) {
      if (i >= count) return;
      std::uint64_t at[1] = {};
      offsets.add(i / parts, at);
      out[at[0] * parts + i % parts] = number(s, k, i);
    }
  }

 private:
  TAPER_INLINE TAPER_HD real_t<T> number(const PhiloxState& s, std::uint32_t k,
                                         [[maybe_unused]] std::uint64_t i) const {
    if constexpr (requires { numbers.pick(s, k, i); })
      return numbers.pick(s, k, i);
    else
      return numbers.pick(s, k);
  }
};

template <class D>
struct DeviceRandom {
  using System = typename D::System;

  /// Writes a fill's numbers into a tensor.
  template <Scalar T, class Fill>
  static void randomise(TensorRecord& target, const Fill& fill) {
    using Numbers = decltype(fill.numbers());
    using Kernel = RandomKernel<T, Numbers>;
    const DeviceOperand operand{target.data, target.strides};
    const JobAxes axes(target.shape, &operand, 1);
    count_pass();
    const std::uint64_t count = static_cast<std::uint64_t>(axes.elements) * Kernel::parts;
    if (count == 0) return;
    const std::uint64_t groups = (count + Numbers::outputs - 1) / Numbers::outputs;
    System::for_each(static_cast<std::int64_t>(groups * random::lanes),
                     Kernel{reinterpret_cast<real_t<T>*>(target.data), Offsets<1, std::uint64_t>(axes), count, fill.s,
                            fill.numbers()});
  }
};

}  // namespace taper::inline TAPER_CODE::detail
