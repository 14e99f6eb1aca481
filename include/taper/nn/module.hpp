// SPDX-License-Identifier: MIT
// The Module concept, and the one visit of a module's parameters, buffers, modes and submodules that everything uses.
#pragma once

#include <taper/nn/lost_state.hpp>

#include <string>

namespace taper::inline TAPER_CODE {

namespace detail {

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

/// Visits everything in a module, in the order of its fields. A part that holds parameters, buffers or modes out of a visit's
/// reach does not compile; only what a closure captures is passed over.
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
    refuse_lost_state<true, U>();
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
