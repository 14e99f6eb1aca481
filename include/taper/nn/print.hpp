// SPDX-License-Identifier: MIT
// Modules as text, exactly as PyTorch prints them.
#pragma once

#include <taper/core/print.hpp>
#include <taper/nn/sequential.hpp>

#include <vector>

namespace taper::inline TAPER_CODE {

namespace detail {

/// "A<...>" in "... [with T = ns::f()::A<...>]": the last name of a type without its template arguments.
template <class T>
consteval auto class_name() {
  const char* const text = __PRETTY_FUNCTION__;
  std::size_t end = sizeof __PRETTY_FUNCTION__ - 2;  // in front of "]"
  if (text[end - 1] == '>') {
    int depth = 0;
    do {
      --end;
      depth += text[end] == '>' ? 1 : text[end] == '<' ? -1 : 0;
    } while (depth > 0);
  }
  const auto in_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || static_cast<signed char>(c) < 0;
  };
  std::size_t begin = end;
  while (begin > 0 && in_name(text[begin - 1])) --begin;
  return std::string_view(text + begin, end - begin);
}

struct PrintedChild {
  std::string name, text;
};

/// name(settings), or name( with settings and children on lines of their own ).
inline std::string printed(std::string_view name, const std::string& settings, const std::vector<PrintedChild>& children) {
  std::string out = concat(name, '(');
  if (children.empty()) return concat(out, settings, ')');
  if (!settings.empty()) out += concat("\n  ", settings);
  for (const PrintedChild& child : children) {
    out += concat("\n  (", child.name, "): ");
    for (const char c : child.text) {
      out += c;
      if (c == '\n') out += "  ";
    }
  }
  return out + "\n)";
}

/// Neighbours that print alike become one: (0-2): 3 x Linear(...).
inline std::vector<PrintedChild> grouped(std::vector<PrintedChild> children) {
  std::vector<PrintedChild> out;
  for (std::size_t i = 0; i < children.size();) {
    std::size_t j = i + 1;
    while (j < children.size() && children[j].text == children[i].text) ++j;
    if (j - i == 1) out.push_back(std::move(children[i]));
    else out.push_back({concat(i, '-', j - 1), concat(j - i, " x ", children[i].text)});
    i = j;
  }
  return out;
}

template <class M>
std::string module_text(const M& module);
template <class X>
std::string printed_container(const X& x);

/// What a field prints as; nothing for what is no module.
template <class X>
void print_child(std::vector<PrintedChild>& out, std::string name, const X& x) {
  if constexpr (TensorLike<X> || std::same_as<X, nn::Mode> || !holds_state<X>()) {
    return;
  } else if constexpr (is_pointer_like<X>) {
    if (x) print_child(out, std::move(name), *x);
  } else if constexpr (is_list<X> || is_string_map<X> || is_tuple<X>) {
    if (std::string text = printed_container(x); !text.empty()) out.push_back({std::move(name), std::move(text)});
  } else if constexpr (VisitableModule<X>) {
    out.push_back({std::move(name), module_text(x)});
  }
}

/// The elements of a container, by place or by key.
template <class X>
std::vector<PrintedChild> elements_of(const X& x) {
  std::vector<PrintedChild> out;
  if constexpr (is_list<X>) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      if constexpr (is_parameter<typename X::value_type>) {
        std::string text = concat("Parameter containing: [", x[i].dtype(), " of size ");
        for (int d = 0; d < x[i].dim(); ++d) text += concat(d > 0 ? "x" : "", x[i].shape()[d]);
        out.push_back({concat(i), text + ']'});
      } else {
        print_child(out, concat(i), x[i]);
      }
    }
    if constexpr (!is_parameter<typename X::value_type>) out = grouped(std::move(out));
  } else if constexpr (is_string_map<X>) {
    for (const auto& [key, value] : x) print_child(out, key, value);
  } else if constexpr (is_tuple<X>) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ([&] {
        using Element = std::tuple_element_t<I, X>;
        if constexpr (holds_state<Element>()) print_child(out, concat(I), std::get<I>(x));
        else out.push_back({concat(I), "function()"});  // a lambda between layers
      }(), ...);
    }(std::make_index_sequence<std::tuple_size_v<X>>{});
  }
  return out;
}

/// A container that is a field: PyTorch would have it as one of its own kinds.
template <class X>
std::string printed_container(const X& x) {
  const std::vector<PrintedChild> elements = elements_of(x);
  if (elements.empty()) return {};
  return printed(is_string_map<X> ? "ModuleDict" : is_tuple<X> ? "Sequential" : "ModuleList", {}, elements);
}

template <class M>
std::string module_text(const M& module) {
  std::vector<PrintedChild> children;
  for_each_field(module, [&](std::string_view name, const auto& field) {
    using Field = std::remove_cvref_t<decltype(field)>;
    if constexpr (hides_field_names<M>) {
      if constexpr ((is_list<Field> || is_string_map<Field> || is_tuple<Field>) && holds_state<Field>())
        for (PrintedChild& child : elements_of(field)) children.push_back(std::move(child));
    } else {
      print_child(children, std::string(name), field);
    }
  });
  std::string settings;
  if constexpr (requires { module.extra_repr(); }) settings = module.extra_repr();
  return printed(class_name<M>(), settings, children);
}

}  // namespace detail

namespace nn {

/// A module as PyTorch prints it: its class, its settings (what extra_repr() returns) and its modules by name.
template <Module M>
std::string to_string(const M& module) {
  return detail::module_text(module);
}
template <detail::OutputStream S, Module M>
S& operator<<(S& stream, const M& module) {
  return detail::write_text(stream, detail::module_text(module));
}

}  // namespace nn

using nn::operator<<;
using nn::to_string;

}  // namespace taper::inline TAPER_CODE
