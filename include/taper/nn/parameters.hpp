// SPDX-License-Identifier: MIT
// parameters(net): references to a model's parameters over the closed set of tensor types that occur in it.
#pragma once

#include <taper/nn/module.hpp>

#include <initializer_list>

namespace taper::inline TAPER_CODE {

template <class... P>
class ParameterRefs;

namespace detail {

/// ParameterRefs<A...> with the types of ParameterRefs<B...> that are not among A... behind.
template <class A, class B>
struct JoinRefs;
template <class... A>
struct JoinRefs<ParameterRefs<A...>, ParameterRefs<>> { using type = ParameterRefs<A...>; };
template <class... A, class B, class... Rest>
struct JoinRefs<ParameterRefs<A...>, ParameterRefs<B, Rest...>>
    : JoinRefs<std::conditional_t<(std::same_as<A, B> || ...), ParameterRefs<A...>, ParameterRefs<A..., B>>, ParameterRefs<Rest...>> {};

template <class... R>
struct JoinAllRefs { using type = ParameterRefs<>; };
template <class R, class... Rest>
struct JoinAllRefs<R, Rest...> : JoinRefs<R, typename JoinAllRefs<Rest...>::type> {};

template <class X>
struct RefsOf;
template <class Fields>
struct RefsOfFields;
template <class... F>
struct RefsOfFields<FieldTypes<F...>> : JoinAllRefs<typename RefsOf<std::remove_const_t<F>>::type...> {};
template <class Tuple>
struct RefsOfTuple;
template <template <class...> class Tuple, class... T>
struct RefsOfTuple<Tuple<T...>> : JoinAllRefs<typename RefsOf<T>::type...> {};

/// The tensor types of the parameters inside X, found on types alone.
template <class X>
consteval auto find_refs() {
  if constexpr (is_parameter<X>) return std::type_identity<ParameterRefs<tensor_t<X>>>{};
  else if constexpr (!holds_state<X>() || is_buffer<X> || std::same_as<X, nn::Mode>) return std::type_identity<ParameterRefs<>>{};
  else if constexpr (is_list<X>) return RefsOf<typename X::value_type>{};
  else if constexpr (is_pointer_like<X>) return RefsOf<std::remove_cvref_t<decltype(*std::declval<X&>())>>{};
  else if constexpr (is_string_map<X>) return RefsOf<typename X::mapped_type>{};
  else if constexpr (is_tuple<X>) return RefsOfTuple<X>{};
  else return RefsOfFields<field_types<X>>{};
}
template <class X>
struct RefsOf { using type = typename decltype(find_refs<X>())::type; };

/// A container whose elements are tensors.
template <class X>
concept ListOfTensors = is_list<std::remove_cvref_t<X>> && TensorHandle<typename std::remove_cvref_t<X>::value_type>;

struct NoTensor {};

// Left incomplete: its name is the diagnostic.
template <class M>
struct error_the_parameters_would_die_with_this_temporary_give_the_net_a_name;

template <class T, class... P>
consteval std::size_t index_among() {
  constexpr bool same[] = {std::same_as<T, P>..., true};
  std::size_t i = 0;
  while (!same[i]) ++i;
  return i;
}

}  // namespace detail

/// One parameter: its name, and a handle that shares its record. type is its place among the P of ParameterRefs<P...>.
struct ParameterRef {
  std::string name;
  detail::RecordPtr record;
  std::size_t type = 0;
};

/// References to parameters whose types are among P (Tensor<float, Cpu>, ...), in order. What works on them compiles its
/// kernels for these types alone. Copies refer to the same parameters.
template <class... P>
class ParameterRefs {
 public:
  /// The type where there is one only.
  using Single = std::tuple_element_t<0, std::tuple<P..., detail::NoTensor>>;

  ParameterRefs() = default;
  /// A tensor, {a, b}, or a vector or array of tensors; they are named 0, 1, ...
  ParameterRefs(const Single& tensor)
    requires(sizeof...(P) == 1)
  {
    add(tensor);
  }
  ParameterRefs(std::initializer_list<Single> tensors)
    requires(sizeof...(P) == 1)
  {
    for (const auto& t : tensors) add(t);
  }
  template <detail::ListOfTensors List>
    requires(sizeof...(P) == 1 && std::same_as<tensor_t<typename List::value_type>, Single>)
  ParameterRefs(const List& tensors) {
    for (const auto& t : tensors) add(t);
  }

  /// References to fewer types.
  template <class... Q>
    requires(!std::same_as<ParameterRefs, ParameterRefs<Q...>> && ((detail::index_among<Q, P...>() < sizeof...(P)) && ...))
  ParameterRefs(const ParameterRefs<Q...>& others) {
    others.for_each([this](const std::string& name, const auto& tensor) { this->add(name, tensor); });
  }

  /// Adds a parameter whose type is among P.
  template <Scalar T, Device D>
  void add(std::string name, const Tensor<T, D>& tensor) {
    constexpr std::size_t type = detail::index_among<Tensor<T, D>, P...>();
    static_assert(type < sizeof...(P), "this tensor's type is not among those of the ParameterRefs");
    if (!tensor.defined()) detail::raise<ValueError>("parameters", "the tensor '", name, "' is undefined");
    items_.push_back({std::move(name), tensor.handle(), type});
  }
  template <Scalar T, Device D>
  void add(const Tensor<T, D>& tensor) {
    add(detail::concat(items_.size()), tensor);
  }

  /// One that another ParameterRefs<P...> gave.
  void add(ParameterRef ref) { items_.push_back(std::move(ref)); }

  std::size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  const ParameterRef& operator[](std::size_t i) const { return items_[i]; }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

  /// f(name, tensor) for each, with its own type.
  template <class F>
  void for_each(F&& f) const {
    for (const ParameterRef& item : items_) {
      std::size_t type = 0;
      ((item.type == type++ ? f(item.name, P(item.record)) : void()), ...);
    }
  }

  /// The parameters of both, those of a first.
  template <class... Q>
  friend auto operator+(const ParameterRefs& a, const ParameterRefs<Q...>& b) {
    typename detail::JoinRefs<ParameterRefs, ParameterRefs<Q...>>::type out;
    const auto add = [&out](const std::string& name, const auto& tensor) { out.add(name, tensor); };
    a.for_each(add);
    b.for_each(add);
    return out;
  }

 private:
  detail::PoolVector<ParameterRef> items_;
};

template <Scalar T, Device D>
ParameterRefs(const Tensor<T, D>&) -> ParameterRefs<Tensor<T, D>>;
template <Scalar T, Device D>
ParameterRefs(std::initializer_list<Tensor<T, D>>) -> ParameterRefs<Tensor<T, D>>;
template <detail::ListOfTensors List>
ParameterRefs(const List&) -> ParameterRefs<tensor_t<typename List::value_type>>;

/// References to all parameters of a model, named by their dotted paths, in the order of its fields.
template <class M>
  requires(!TensorLike<M> && !detail::ListOfTensors<M>)
auto parameters(M& module) {
  static_assert(nn::Module<M>, "parameters(net) takes a module: see the concept nn::Module for what its fields may be");
  typename detail::RefsOf<std::remove_const_t<M>>::type out;
  nn::for_each_parameter(module, [&out](const std::string& name, auto& p) {
    const tensor_t<decltype(p)>& tensor = p;
    out.add(name, tensor);
  });
  return out;
}
template <class M>
  requires(!TensorLike<M> && !detail::ListOfTensors<M>)
detail::error_the_parameters_would_die_with_this_temporary_give_the_net_a_name<M> parameters(const M&&) = delete;
/// References to tensors, which need not be of one type; they are named 0, 1, ...
template <TensorHandle... X>
  requires(sizeof...(X) > 0)
auto parameters(const X&... tensors) {
  typename detail::JoinAllRefs<ParameterRefs<tensor_t<X>>...>::type out;
  (out.add(static_cast<const tensor_t<X>&>(tensors)), ...);
  return out;
}
template <detail::ListOfTensors List>
auto parameters(const List& tensors) {
  return ParameterRefs(tensors);
}

namespace nn {
using taper::parameters;
}

}  // namespace taper::inline TAPER_CODE
