// SPDX-License-Identifier: MIT
// Containers of modules: Sequential, ModuleList, ModuleDict, ParameterList. Assigning one keeps the records of its parameters.
#pragma once

#include <taper/nn/module.hpp>

#include <vector>

namespace taper::inline TAPER_CODE::nn {

/// Calls its modules one after another. Anything callable may be one; rvalues are passed on, so that pointwise neighbours
/// fuse. Children are named 0, 1, 2, ... as in PyTorch. What a lambda captures is no part of the model.
template <class... M>
class Sequential {
 public:
  using hides_field_names = void;

  Sequential() = default;
  explicit Sequential(M... modules)
    requires(sizeof...(M) > 0)
      : modules_(std::move(modules)...) {}

  template <class X>
  decltype(auto) operator()(X&& x) const {
    return call<0>(std::forward<X>(x));
  }

  template <std::size_t I>
  auto& get() {
    return std::get<I>(modules_);
  }
  template <std::size_t I>
  const auto& get() const {
    return std::get<I>(modules_);
  }
  static constexpr std::size_t size() { return sizeof...(M); }

 private:
  template <std::size_t I, class X>
  decltype(auto) call(X&& x) const {
    if constexpr (sizeof...(M) == 0) {
      return tensor_t<X>(eval(std::forward<X>(x)));
    } else {
      using Layer = std::tuple_element_t<I, std::tuple<M...>>;
      static_assert(std::is_invocable_v<const Layer&, X>, "a layer of this Sequential cannot take what the layer before it gives");
      if constexpr (I + 1 == sizeof...(M)) return std::get<I>(modules_)(std::forward<X>(x));
      else return call<I + 1>(std::get<I>(modules_)(std::forward<X>(x)));
    }
  }

  std::tuple<M...> modules_;

 public:
  using members = Members<&Sequential::modules_>;
};

/// A list of modules of one type; each element is made anew. Children are named 0, 1, 2, ...
template <class M>
class ModuleList {
 public:
  using hides_field_names = void;

  ModuleList() = default;
  explicit ModuleList(std::vector<M> modules) : modules_(std::move(modules)) {}
  /// n modules, each M(args...).
  template <class... Args>
  static ModuleList make(std::size_t n, const Args&... args) {
    ModuleList out;
    out.modules_.reserve(n);
    for (std::size_t i = 0; i < n; ++i) out.modules_.emplace_back(args...);
    return out;
  }
  /// n copies of one module would all start from the same weights: use make(n, args...).
  ModuleList(std::size_t n, const M& module) = delete;

  void push_back(M module) { modules_.push_back(std::move(module)); }
  M& operator[](std::size_t i) { return modules_[i]; }
  const M& operator[](std::size_t i) const { return modules_[i]; }
  std::size_t size() const { return modules_.size(); }
  auto begin() { return modules_.begin(); }
  auto end() { return modules_.end(); }
  auto begin() const { return modules_.begin(); }
  auto end() const { return modules_.end(); }

 private:
  detail::InPlace<std::vector<M>> modules_;

 public:
  using members = Members<&ModuleList::modules_>;
};

/// Modules of one type by name, in the order in which they were inserted.
template <class M>
class ModuleDict {
 public:
  using hides_field_names = void;

  ModuleDict() = default;
  explicit ModuleDict(detail::NamedList<M> modules) : modules_(std::move(modules)) {}
  /// Throws: StateError where there is no such name; insert and emplace add one.
  M& operator[](std::string_view name) { return const_cast<M&>(at(name)); }
  const M& operator[](std::string_view name) const { return at(name); }
  const M& at(std::string_view name) const {
    const M* found = modules_.find(name);
    if (!found) detail::raise<StateError>("ModuleDict", "there is no module named '", name, "': insert() adds one");
    return *found;
  }
  /// Adds a module, or replaces the one of that name.
  M& insert(std::string name, M module) {
    if (M* found = const_cast<M*>(modules_.find(name))) return *found = std::move(module);
    return modules_.emplace(std::move(name), std::move(module));
  }
  /// insert(name, M(args...)).
  template <class... Args>
  M& emplace(std::string name, Args&&... args) {
    return insert(std::move(name), M(std::forward<Args>(args)...));
  }
  bool contains(std::string_view name) const { return modules_.find(name) != nullptr; }
  std::size_t size() const { return modules_.items.size(); }
  auto begin() { return modules_.begin(); }
  auto end() { return modules_.end(); }
  auto begin() const { return modules_.begin(); }
  auto end() const { return modules_.end(); }

 private:
  detail::InPlace<detail::NamedList<M>> modules_;

 public:
  using members = Members<&ModuleDict::modules_>;
};

/// Parameters in a list, named 0, 1, 2, ...
template <Scalar T = float, Device D = Cpu>
class ParameterList {
 public:
  using hides_field_names = void;

  ParameterList() = default;
  explicit ParameterList(std::vector<Parameter<T, D>> parameters) : parameters_(std::move(parameters)) {}
  void push_back(Parameter<T, D> p) { parameters_.push_back(std::move(p)); }
  Parameter<T, D>& operator[](std::size_t i) { return parameters_[i]; }
  const Parameter<T, D>& operator[](std::size_t i) const { return parameters_[i]; }
  std::size_t size() const { return parameters_.size(); }
  auto begin() { return parameters_.begin(); }
  auto end() { return parameters_.end(); }
  auto begin() const { return parameters_.begin(); }
  auto end() const { return parameters_.end(); }

 private:
  detail::InPlace<std::vector<Parameter<T, D>>> parameters_;

 public:
  using members = Members<&ParameterList::parameters_>;
};

}  // namespace taper::inline TAPER_CODE::nn
