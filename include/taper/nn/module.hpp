// SPDX-License-Identifier: MIT
// The Module concept, and the one visit of a module's parameters, buffers, modes and submodules that everything uses.
#pragma once

#include <taper/nn/in_place.hpp>
#include <taper/nn/parameter.hpp>
#include <taper/nn/reflect.hpp>

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace taper::inline TAPER_CODE {

namespace detail {

template <class X>
inline constexpr bool is_parameter = false;
template <class T, class D>
inline constexpr bool is_parameter<nn::Parameter<T, D>> = true;
template <class X>
inline constexpr bool is_buffer = false;
template <class T, class D>
inline constexpr bool is_buffer<nn::Buffer<T, D>> = true;

template <class X>
inline constexpr bool is_list = false;
template <class T, class A>
inline constexpr bool is_list<std::vector<T, A>> = true;
template <class T, std::size_t N>
inline constexpr bool is_list<std::array<T, N>> = true;
template <class C>
inline constexpr bool is_list<InPlace<C>> = is_list<C>;
template <class X>
inline constexpr bool is_pointer_like = false;
template <class T>
inline constexpr bool is_pointer_like<std::optional<T>> = true;
template <class T, class Del>
inline constexpr bool is_pointer_like<std::unique_ptr<T, Del>> = true;
template <class X>
inline constexpr bool is_string_map = false;
template <class T, class C, class A>
inline constexpr bool is_string_map<std::map<std::string, T, C, A>> = true;
/// A map that keeps the order in which it was filled.
template <class T>
struct NamedList {
  using mapped_type = T;
  std::vector<std::pair<std::string, T>> items;

  const T* find(std::string_view name) const {
    for (const auto& [key, value] : items)
      if (key == name) return &value;
    return nullptr;
  }
  template <class... Args>
  T& emplace(std::string name, Args&&... args) {
    return items.emplace_back(std::piecewise_construct, std::forward_as_tuple(std::move(name)), std::forward_as_tuple(std::forward<Args>(args)...)).second;
  }
  auto begin() { return items.begin(); }
  auto end() { return items.end(); }
  auto begin() const { return items.begin(); }
  auto end() const { return items.end(); }
};
template <class T>
inline constexpr bool is_string_map<NamedList<T>> = true;
template <class C>
inline constexpr bool is_string_map<InPlace<C>> = is_string_map<C>;
template <class X>
inline constexpr bool is_tuple = false;
template <class... T>
inline constexpr bool is_tuple<std::tuple<T...>> = true;
template <class A, class B>
inline constexpr bool is_tuple<std::pair<A, B>> = true;

struct CallFallback {
  void operator()();
};
template <class T>
struct CallProbe : T, CallFallback {};
/// True where a class has a call operator, a template or overloaded one included: its name is then ambiguous in the probe.
template <class T>
concept HasCallOperator = std::is_class_v<T> && !std::is_final_v<T> && !requires { &CallProbe<T>::operator(); };

template <class X>
consteval bool holds_state();

template <class... F>
consteval bool any_holds_state(FieldTypes<F...>) {
  return (holds_state<std::remove_const_t<F>>() || ...);
}

/// True of types that have parameters, buffers, modes or modules somewhere inside.
template <class X>
consteval bool holds_state() {
  if constexpr (is_parameter<X> || is_buffer<X> || std::same_as<X, nn::Mode>) return true;
  else if constexpr (TensorLike<X>) return false;
  else if constexpr (is_list<X>) return holds_state<typename X::value_type>();
  else if constexpr (is_pointer_like<X>) return holds_state<std::remove_cvref_t<decltype(*std::declval<X&>())>>();
  else if constexpr (is_string_map<X>) return holds_state<typename X::mapped_type>();
  else if constexpr (is_tuple<X>)
    return []<std::size_t... I>(std::index_sequence<I...>) { return (holds_state<std::tuple_element_t<I, X>>() || ...); }(
        std::make_index_sequence<std::tuple_size_v<X>>{});
  else if constexpr (nn::Reflected<X>) return HasCallOperator<X> || any_holds_state(field_types<X>{});
  else return false;
}

template <class X>
concept VisitableModule = std::is_class_v<X> && !TensorLike<X> && !is_list<X> && !is_pointer_like<X> && !is_string_map<X> &&
                          !is_tuple<X> && nn::Reflected<X>;

template <class... F>
consteval bool none_is_bare_tensor(FieldTypes<F...>) {
  return !((TensorHandle<F> && !is_parameter<std::remove_const_t<F>> && !is_buffer<std::remove_const_t<F>>) || ...);
}
template <class M>
concept HasNoBareTensorUseParameterOrBuffer = none_is_bare_tensor(field_types<M>{});

}  // namespace detail

namespace nn {

/// A class whose parameters can be found: a plain aggregate, or one with `using members = nn::Members<...>`. Its tensors
/// are Parameters and Buffers. Of containers, ModuleList, ModuleDict and ParameterList keep their elements' records when
/// they are assigned; a std::map, or a std::vector that is moved, gets new ones, of which an optimizer knows nothing.
template <class M>
concept Module = detail::VisitableModule<std::remove_cvref_t<M>> && detail::HasNoBareTensorUseParameterOrBuffer<std::remove_cvref_t<M>>;

/// A module that can be called with Args.
template <class M, class... Args>
concept ModuleFor = Module<M> && requires(const std::remove_cvref_t<M>& m, Args&&... args) { m(std::forward<Args>(args)...); };

/// What a visit may do; derive from it and hide what is of interest. Names are dotted paths, as PyTorch's.
struct Visitor {
  template <class P>
  void parameter(const std::string&, P&) {}
  template <class B>
  void buffer(const std::string&, B&) {}
  void mode(Mode&) {}
  void mode(const Mode&) {}
  /// Before and after a module's fields; the outermost module has the name "".
  template <class M>
  void enter(const std::string&, M&) {}
  template <class M>
  void leave(const std::string&, M&) {}
};

/// Visits everything in a module, in the order of its fields.
template <class M, class V>
void visit(M& module, V&& visitor);

}  // namespace nn

namespace detail {

/// A dotted path that grows and shrinks with the visit.
class Path {
 public:
  const std::string& text() const { return text_; }
  std::size_t push(std::string_view name) {
    const std::size_t before = text_.size();
    if (!text_.empty()) text_ += '.';
    text_ += name;
    return before;
  }
  void pop(std::size_t before) { text_.resize(before); }

 private:
  std::string text_;
};

template <class M, class V>
void visit_module(Path& path, M& module, V& visitor);

template <class X, class V>
void visit_value(Path& path, X& x, V& visitor) {
  using U = std::remove_const_t<X>;
  if constexpr (is_parameter<U>) {
    if (x.defined()) visitor.parameter(path.text(), x);
  } else if constexpr (is_buffer<U>) {
    if (x.defined()) visitor.buffer(path.text(), x);
  } else if constexpr (std::same_as<U, nn::Mode>) {
    visitor.mode(x);
  } else if constexpr (TensorLike<U>) {
    static_assert(!TensorLike<U>, "a module's tensor must be an nn::Parameter (trained) or an nn::Buffer (not trained), not a bare Tensor");
  } else if constexpr (!holds_state<U>()) {
    return;
  } else if constexpr (is_list<U>) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t before = path.push(concat(i));
      visit_value(path, x[i], visitor);
      path.pop(before);
    }
  } else if constexpr (is_pointer_like<U>) {
    if (x) visit_value(path, *x, visitor);
  } else if constexpr (is_string_map<U>) {
    for (auto& [key, value] : x) {
      const std::size_t before = path.push(key);
      visit_value(path, value, visitor);
      path.pop(before);
    }
  } else if constexpr (is_tuple<U>) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ([&] {
        const std::size_t before = path.push(concat(I));
        visit_value(path, std::get<I>(x), visitor);
        path.pop(before);
      }(), ...);
    }(std::make_index_sequence<std::tuple_size_v<U>>{});
  } else {
    visit_module(path, x, visitor);
  }
}

/// A field whose contents stand in the module itself (the list inside a ModuleList): its name is no part of the path.
template <class M>
inline constexpr bool hides_field_names = requires { typename M::hides_field_names; };

template <class M, class V>
void visit_module(Path& path, M& module, V& visitor) {
  visitor.enter(path.text(), module);
  for_each_field(module, [&](std::string_view name, auto& field) {
    if constexpr (hides_field_names<std::remove_const_t<M>>) {
      visit_value(path, field, visitor);
    } else {
      const std::size_t before = path.push(name);
      visit_value(path, field, visitor);
      path.pop(before);
    }
  });
  visitor.leave(path.text(), module);
}

}  // namespace detail

namespace nn {

template <class M, class V>
void visit(M& module, V&& visitor) {
  static_assert(Module<M>, "only a module can be visited: see the concept nn::Module for what its fields may be");
  detail::Path path;
  detail::visit_module(path, module, visitor);
}

/// Sets every Mode in the module: dropout and batch norm behave as in training.
template <Module M>
void train(M& module, bool on = true) {
  struct Set : Visitor {
    bool on;
    using Visitor::mode;
    void mode(Mode& m) { m.training = on; }
  } set;
  set.on = on;
  visit(module, set);
}
/// Sets every Mode in the module for evaluation.
template <Module M>
void eval(M& module) {
  train(module, false);
}

namespace internal {

template <class F>
struct EachParameter : Visitor {
  F& f;
  explicit EachParameter(F& fn) : f(fn) {}
  template <class P>
  void parameter(const std::string& name, P& p) {
    f(name, p);
  }
};
template <class F>
struct EachBuffer : Visitor {
  F& f;
  explicit EachBuffer(F& fn) : f(fn) {}
  template <class B>
  void buffer(const std::string& name, B& b) {
    f(name, b);
  }
};
template <class F>
struct EachModule : Visitor {
  F& f;
  explicit EachModule(F& fn) : f(fn) {}
  template <class M>
  void enter(const std::string& name, M& m) {
    f(name, m);
  }
};

}  // namespace internal

/// f(name, parameter) for every parameter, each with its own type.
template <class M, class F>
void for_each_parameter(M& module, F&& f) {
  visit(module, internal::EachParameter<F>(f));
}
/// f(name, buffer) for every buffer, each with its own type.
template <class M, class F>
void for_each_buffer(M& module, F&& f) {
  visit(module, internal::EachBuffer<F>(f));
}
/// f(name, module) for the module and all modules inside, outermost first.
template <class M, class F>
void for_each_module(M& module, F&& f) {
  visit(module, internal::EachModule<F>(f));
}

/// The number of elements of all parameters.
template <class M>
std::int64_t parameter_count(const M& module) {
  std::int64_t n = 0;
  for_each_parameter(module, [&](const std::string&, const auto& p) { n += p.numel(); });
  return n;
}

/// Switches all parameters' gradients on or off (for fine-tuning a part of a model).
template <class M>
void requires_grad_(M& module, bool on = true) {
  for_each_parameter(module, [&](const std::string&, auto& p) { p.requires_grad_(on); });
}

/// Drops every parameter's gradient.
template <class M>
void zero_grad(M& module) {
  for_each_parameter(module, [](const std::string&, auto& p) { p.set_grad({}); });
}

}  // namespace nn
}  // namespace taper::inline TAPER_CODE
