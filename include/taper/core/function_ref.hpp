// SPDX-License-Identifier: MIT
// FunctionRef: a callable passed by reference, so that a function that takes one is compiled once, not once per callable.
#pragma once

#include <taper/config.hpp>

#include <concepts>
#include <memory>
#include <type_traits>

namespace taper::inline TAPER_ABI::base {

template <class Signature>
class FunctionRef;

/// Refers to a callable that must outlive it.
template <class R, class... A>
class FunctionRef<R(A...)> {
 public:
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, FunctionRef>)
  FunctionRef(F&& f) noexcept
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
        call_([](void* object, A... a) -> R { return (*static_cast<std::remove_reference_t<F>*>(object))(static_cast<A>(a)...); }) {}

  R operator()(A... a) const { return call_(object_, static_cast<A>(a)...); }

 private:
  void* object_;
  R (*call_)(void*, A...);
};

}  // namespace taper::inline TAPER_ABI::base
