// SPDX-License-Identifier: MIT
// A container of modules or parameters whose assignment keeps the elements' records: what the library's own layers hold.
#pragma once

#include <taper/config.hpp>

#include <algorithm>
#include <type_traits>
#include <utility>

namespace taper::inline TAPER_CODE::detail {

/// A C (vector, map, NamedList) that is assigned element by element where it has the same keys already. By itself a std::map
/// rebuilds its nodes, and a vector that is moved takes the other's: new records, of which an optimizer knows nothing.
template <class C>
struct InPlace : C {
  using C::C;
  InPlace() = default;
  InPlace(C elements) : C(std::move(elements)) {}
  InPlace(const InPlace&) = default;
  InPlace(InPlace&&) = default;
  ~InPlace() = default;

  InPlace& operator=(const InPlace& other) {
    if (!assign_each(other)) C::operator=(other);
    return *this;
  }
  InPlace& operator=(InPlace&& other) {
    if (!assign_each(std::move(other))) C::operator=(std::move(other));
    return *this;
  }

 private:
  static constexpr bool has_keys = requires { typename C::mapped_type; };

  template <class X>
  static auto& value(X& element) {
    if constexpr (has_keys) return element.second;
    else return element;
  }
  static bool same_key([[maybe_unused]] const auto& a, [[maybe_unused]] const auto& b) {
    if constexpr (has_keys) return a.first == b.first;
    else return true;
  }
  /// False, with nothing done, where the keys differ.
  template <class Other>
  bool assign_each(Other&& other) {
    using Value = std::remove_reference_t<decltype(value(*this->begin()))>;
    using From = std::conditional_t<std::is_lvalue_reference_v<Other>, const Value&, Value&&>;
    if constexpr (std::is_assignable_v<Value&, From>) {
      const auto same = [](const auto& a, const auto& b) { return same_key(a, b); };
      if (!std::equal(this->begin(), this->end(), other.begin(), other.end(), same)) return false;
      auto from = other.begin();
      for (auto& element : *this) value(element) = static_cast<From>(value(*from++));
      return true;
    } else {
      return false;
    }
  }
};

}  // namespace taper::inline TAPER_CODE::detail
