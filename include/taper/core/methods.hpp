// SPDX-License-Identifier: MIT
// The computing member functions that tensors and expressions share: x.sum() is taper::sum(x), x.exp() is taper::exp(x), ...
#pragma once

#include <taper/core/shape.hpp>

#include <utility>

namespace taper::inline TAPER_ABI::base {

/// Self is Tensor<T, D> or Expr<...>. Each member calls the free function of the same name; the bodies are in
/// ops/methods.hpp, above the functions they call. On an rvalue expression the call fuses with it.
template <class Self>
class Methods {
 public:
#define TAPER_METHOD(NAME)                \
  template <class... A>                   \
  TAPER_COMPUTES decltype(auto) NAME(A&&... a) const&;   \
  template <class... A>                   \
  TAPER_COMPUTES decltype(auto) NAME(A&&... a)&&;
// Also takes a braced list of sizes or axes.
#define TAPER_METHOD_DIMS(NAME)                               \
  TAPER_METHOD(NAME)                                          \
  template <class... A>                                       \
  TAPER_COMPUTES decltype(auto) NAME(const Dims& dims, A&&... a) const&;     \
  template <class... A>                                       \
  TAPER_COMPUTES decltype(auto) NAME(const Dims& dims, A&&... a)&&;
#include <taper/core/method_names.inc>
#undef TAPER_METHOD
#undef TAPER_METHOD_DIMS
};

}  // namespace taper::inline TAPER_ABI::base
