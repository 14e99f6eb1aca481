// SPDX-License-Identifier: MIT
// Whoever wants to know what layers return while a model runs: summary() does. Layers report with one line.
#pragma once

#include <taper/core/tensor.hpp>

namespace taper::inline TAPER_CODE::detail {

template <class M>
inline constexpr char module_tag = 0;  // its address tells a module from its first field, which lies at the same address

/// Told of every result of a layer on this thread.
struct LayerObserver {
  virtual void saw(const void* layer, const void* tag, const Shape& result) = 0;

 protected:
  ~LayerObserver() = default;
};
inline constinit thread_local LayerObserver* layer_observer = nullptr;

/// Reports a layer's result to the observer, if there is one, and passes it on.
template <class M, class Y>
TAPER_INLINE void report(const M* layer, const Y& result) {
  if (layer_observer) [[unlikely]] layer_observer->saw(layer, &module_tag<M>, result.shape());
}

}  // namespace taper::inline TAPER_CODE::detail
