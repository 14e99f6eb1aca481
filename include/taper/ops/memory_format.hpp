// SPDX-License-Identifier: MIT
// Tensors in a chosen memory format: channels last for images.
#pragma once

#include <taper/backend/cpu/conv_channels_last.hpp>
#include <taper/backend/cpu/pool_max_last.hpp>
#include <taper/ops/view.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

/// What works on tensors whose channels are last is compiled where a program asks for such a tensor, for none that does
/// not.
template <Scalar T>
void bring_channels_last() {
  if constexpr (convolution::has_tiles<T> && !is_compiled<T, Abi>) {
    static constexpr convolution::LastKernels<T> kernels{&convolution::last_forward<T, Abi>,
                                                         &convolution::last_data_gradient<T, Abi>,
                                                         &convolution::last_weight_gradient<T, Abi>};
    convolution::last_kernels<T, Abi>.store(&kernels, std::memory_order_release);
  }
  if constexpr (std::same_as<T, float>) {
    static constexpr LastPools pools{&max_pool2d_last<Abi>, &move_picks_last<true, Abi>, &move_picks_last<false, Abi>};
    last_pools<Abi>.store(&pools, std::memory_order_release);
  }
}

}  // namespace detail

/// x with its elements in the given order of memory: x itself where they lie so already, otherwise a copy. The shape
/// stays as it is. Pointwise functions, convolutions, batch norms and poolings of a tensor whose channels are last give
/// such tensors. Shapes: any for MemoryFormat::contiguous, (n, c, h, w) for MemoryFormat::channels_last. Gradient:
/// passed on. Throws: ShapeError where channels_last is asked of another rank.
template <TensorLike X>
tensor_t<X> contiguous(X&& x, MemoryFormat format) {
  const tensor_t<X> t = eval(std::forward<X>(x));
  if (format == MemoryFormat::contiguous) return contiguous(t);
  if (t.dim() != 4)
    detail::raise<ShapeError>("contiguous", "channels_last is an order of 4 dimensions (n, c, h, w), not of shape ",
                              t.shape());
  if constexpr (detail::on_host<device_t<X>>) detail::bring_channels_last<value_t<X>>();
  return detail::arranged(t, true);
}
/// The same under the name that PyTorch's x.to(memory_format=...) has.
template <TensorLike X>
tensor_t<X> to(X&& x, MemoryFormat format) {
  return contiguous(std::forward<X>(x), format);
}

}  // namespace taper::inline TAPER_CODE
