// SPDX-License-Identifier: MIT
// Bodies of core/methods.hpp: x.sum(0) is sum(x, 0), for tensors and expressions.
#pragma once

#include <taper/ops/gather.hpp>
#include <taper/ops/index.hpp>
#include <taper/ops/index_select.hpp>
#include <taper/ops/masked.hpp>
#include <taper/ops/matmul.hpp>
#include <taper/ops/memory_format.hpp>
#include <taper/ops/pointwise.hpp>
#include <taper/ops/reduction.hpp>
#include <taper/ops/repeat.hpp>
#include <taper/ops/scan.hpp>
#include <taper/ops/softmax.hpp>
#include <taper/ops/sort.hpp>
#include <taper/ops/split.hpp>
#include <taper/ops/variance.hpp>
#include <taper/ops/view.hpp>

namespace taper::inline TAPER_ABI::base {

#define TAPER_METHOD(NAME)                                                         \
  template <class Self>                                                            \
  template <class... A>                                                            \
  decltype(auto) Methods<Self>::NAME(A&&... a) const& {                            \
    return taper::NAME(static_cast<const Self&>(*this), std::forward<A>(a)...);    \
  }                                                                                \
  template <class Self>                                                            \
  template <class... A>                                                            \
  decltype(auto) Methods<Self>::NAME(A&&... a)&& {                                 \
    return taper::NAME(static_cast<Self&&>(*this), std::forward<A>(a)...);         \
  }
#define TAPER_METHOD_DIMS(NAME)                                                         \
  TAPER_METHOD(NAME)                                                                    \
  template <class Self>                                                                 \
  template <class... A>                                                                 \
  decltype(auto) Methods<Self>::NAME(const Dims& dims, A&&... a) const& {               \
    return taper::NAME(static_cast<const Self&>(*this), dims, std::forward<A>(a)...);   \
  }                                                                                     \
  template <class Self>                                                                 \
  template <class... A>                                                                 \
  decltype(auto) Methods<Self>::NAME(const Dims& dims, A&&... a)&& {                    \
    return taper::NAME(static_cast<Self&&>(*this), dims, std::forward<A>(a)...);        \
  }
#include <taper/core/method_names.inc>
#undef TAPER_METHOD
#undef TAPER_METHOD_DIMS

}  // namespace taper::inline TAPER_ABI::base
