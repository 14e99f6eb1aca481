// SPDX-License-Identifier: MIT
// to<D>(x): a tensor's elements on another device; to<T>(x): as another dtype.
#pragma once

#include <taper/ops/cast.hpp>
#include <taper/ops/structural.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

/// A device that can copy from page-locked memory while the host goes on.
template <class D>
concept CopiesLater = requires(void* to, const void* from) { D::System::from_host_later(to, from, std::size_t()); };

template <Device To, Scalar T, Device From>
Tensor<T, To> copy_to(const Tensor<T, From>& x, bool later = false) {
  const std::size_t bytes = static_cast<std::size_t>(x.numel()) * sizeof(T);
  if constexpr (on_host<To>) return Tensor<T, To>(host_copy<From>(x.record()));
  else if constexpr (!on_host<From>) return copy_to<To>(Tensor<T, Cpu>(host_copy<From>(x.record())));
  else {
    const AxisOrder order = order_of(x.record());
    const Tensor<T, From> host = order != 0 ? x : dense(x);
    RecordPtr out = make_dense<To>(dtype_of<T>, x.shape());
    set_order(*out, order);
    if (bytes == 0) return Tensor<T, To>(std::move(out));
    if constexpr (CopiesLater<To>) {
      if (later) To::System::from_host_later(out->data, host.data_ptr(), bytes);
      else To::from_host(out->data, host.data_ptr(), bytes);
    } else {
      To::from_host(out->data, host.data_ptr(), bytes);
    }
    return Tensor<T, To>(std::move(out));
  }
}

}  // namespace detail

/// How a copy to another device is made: to<Cuda>(x, {.non_blocking = true}).
struct ToOptions {
  bool non_blocking = false;  // from page-locked memory (pin_memory): the caller leaves x unchanged until the stream is through
};

/// x on device D: to<Cuda>(x), to<Cpu>(x). The tensor itself where it is there already, otherwise a dense copy with its axes in the
/// same order of memory; the data have arrived when the function returns. Gradient: g brought back.
template <Device D, TensorLike X>
Tensor<value_t<X>, D> to(X&& x, const ToOptions& options = {}) {
  using T = value_t<X>;
  using From = device_t<X>;
  const Tensor<T, From> t = eval(std::forward<X>(x));
  constexpr bool known = std::same_as<D, From> || ((detail::on_host<D> || detail::Accelerated<D>) && (detail::on_host<From> || detail::Accelerated<From>));
  static_assert(known, "copying to and from this device, and the gradient of it, need its backend: compile this file as .cu");
  if constexpr (std::same_as<D, From>) return t;
  else if constexpr (known)
    return record_op("to", detail::copy_to<D>(t, options.non_blocking), false, [](const autograd::BackwardContext& ctx) { ctx.give(0, to<From>(ctx.grad<T, D>())); }, t);
}

/// x as elements of U: cast<U>(x).
template <Scalar U, TensorLike X>
auto to(X&& x) {
  return cast<U>(std::forward<X>(x));
}

}  // namespace taper::inline TAPER_CODE
