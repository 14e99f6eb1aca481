// SPDX-License-Identifier: MIT
// pin_memory(x): a tensor in page-locked memory, from which a GPU copies beside the host. Needs the component cuda.
#pragma once

#include <taper/backend/cuda/pinned.hpp>
#include <taper/core/from_blob.hpp>
#include <taper/ops/structural.hpp>

namespace taper::inline TAPER_CODE {

/// Whether x lies in page-locked memory of Taper's.
template <Scalar T>
bool is_pinned(const Tensor<T>& x) {
  return detail::PinnedMemory::get().contains(x.data_ptr());
}

/// x in page-locked memory, its axes in the same order; x itself where it lies there already. No gradient flows to x.
/// Throws: DeviceError where there is no GPU.
template <TensorLike X>
  requires std::same_as<device_t<X>, Cpu>
Tensor<value_t<X>> pin_memory(X&& x) {
  using T = value_t<X>;
  const NoGrad no_grad;
  const Tensor<T> t = eval(std::forward<X>(x));
  if (is_pinned(t)) return t;
  const std::size_t bytes = static_cast<std::size_t>(t.numel()) * sizeof(T);
  void* const memory = detail::PinnedMemory::get().allocate(bytes + detail::slack_bytes);
  auto out = from_blob<T>(memory, t.shape(), [](void* p) { detail::PinnedMemory::get().deallocate(p); });
  out.record().storage->has_slack = true;
  detail::set_order(out.record(), detail::order_of(t.record()));
  out.copy_(t);
  return out;
}

}  // namespace taper::inline TAPER_CODE
