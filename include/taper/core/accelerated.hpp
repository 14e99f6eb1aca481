// SPDX-License-Identifier: MIT
// Where the backends of devices other than the host are found, and the way from host memory to theirs.
#pragma once

#include <taper/core/tensor.hpp>

namespace taper::inline TAPER_CODE::detail {

/// What evaluation asks of a device: backend/accelerator.hpp.
template <Device D>
struct Accelerator;

/// True where this unit knows the device's backend.
template <class D>
concept Accelerated = requires { sizeof(Accelerator<D>); };

/// A dense tensor of the host on D.
template <Device D, Scalar T>
Tensor<T, D> on_device(Tensor<T> x) {
  if constexpr (on_host<D>) {
    return x;
  } else {
    Tensor<T, D> out(make_dense<D>(dtype_of<T>, x.shape()));
    if (x.numel() > 0)
      D::from_host(out.record().data, x.record().data, static_cast<std::size_t>(x.numel()) * sizeof(T));
    return out;
  }
}

}  // namespace taper::inline TAPER_CODE::detail
