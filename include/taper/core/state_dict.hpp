// SPDX-License-Identifier: MIT
// Tensors by name: what modules and optimizers save, and what files hold.
#pragma once

#include <taper/core/any_tensor.hpp>

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace taper::inline TAPER_ABI {

/// Tensors by name, in the order they were added.
class StateDict {
 public:
  using value_type = std::pair<std::string, AnyTensor>;

  StateDict() = default;
  StateDict(std::initializer_list<value_type> items) : items_(items) {}

  const AnyTensor* find(std::string_view name) const {
    for (const auto& [key, tensor] : items_)
      if (key == name) return &tensor;
    return nullptr;
  }
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  /// Throws: StateError where there is no such name.
  const AnyTensor& at(std::string_view name) const {
    const AnyTensor* found = find(name);
    if (!found) base::raise<StateError>("state_dict", "there is no tensor named '", name, "'");
    return *found;
  }
  /// Adds a tensor whose name is known to be new.
  void add(std::string name, AnyTensor tensor) { items_.emplace_back(std::move(name), std::move(tensor)); }
  /// Adds a tensor, or replaces the one of that name.
  void set(std::string name, AnyTensor tensor) {
    for (auto& [key, value] : items_)
      if (key == name) {
        value = std::move(tensor);
        return;
      }
    items_.emplace_back(std::move(name), std::move(tensor));
  }
  std::size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

 private:
  std::vector<value_type> items_;
};

}  // namespace taper::inline TAPER_ABI
