// SPDX-License-Identifier: MIT
// tensor(...): tensors from C++ values, nested braces and containers. The data are copied.
#pragma once

#include <taper/core/accelerated.hpp>
#include <taper/core/checked_cast.hpp>

#include <initializer_list>
#include <iterator>

namespace taper::inline TAPER_CODE {

namespace detail {

/// A dense tensor whose elements are about to be written.
template <Scalar T, Device D>
Tensor<T, D> fresh_dense(std::string_view op, const Shape& shape) {
  static_assert(on_host<D> || Accelerated<D>,
                "making a tensor of values on this device needs its backend: make it on Cpu and write to<D>(x)");
  check_shape(op, shape);
  return Tensor<T, D>(make_dense<D>(dtype_of<T>, shape));
}

[[noreturn]] TAPER_COLD inline void raise_ragged(int depth, std::int64_t size, std::int64_t expected) {
  raise<ShapeError>("tensor", "the nested list is ragged: at depth ", depth, " a list of ", size,
                    " stands where the first has ", expected, "; all lists of one depth must have one length");
}
[[noreturn]] TAPER_COLD inline void raise_mixed(int depth) {
  raise<ShapeError>("tensor", "the nested list is ragged: at depth ", depth, " a value stands beside a list");
}

/// Braces within braces around values: {{1, 2}, {3, 4}}. Lives no longer than the call it is written in.
template <Scalar T>
class Nested {
 public:
  template <FitsIn<T> S>
  Nested(S value) : value_(checked_cast<T>("tensor", value)) {}
  Nested(std::initializer_list<Nested> items) : items_(items), list_(true) {}

  /// As deep and wide as its first items are.
  Shape shape() const {
    Shape out;
    for (const Nested* n = this; n->list_; n = n->items_.begin()) {
      out.push_back(static_cast<std::int64_t>(n->items_.size()));
      if (n->items_.size() == 0) break;
    }
    return out;
  }
  void write(const Shape& shape, int depth, T*& out) const {
    if (list_ != (depth < shape.size())) raise_mixed(depth);
    if (!list_) {
      *out++ = value_;
      return;
    }
    const auto n = static_cast<std::int64_t>(items_.size());
    if (n != shape[depth]) raise_ragged(depth, n, shape[depth]);
    for (const Nested& item : items_) item.write(shape, depth + 1, out);
  }

 private:
  T value_{};
  std::initializer_list<Nested> items_{};
  bool list_ = false;
};

/// A container of values, or of containers: vector, array, span, initializer_list, C array.
template <class R>
concept Listable = !TensorLike<R> && requires(const R& r) {
  std::begin(r);
  std::end(r);
  std::size(r);
};

template <class R>
using item_t = std::remove_cvref_t<decltype(*std::begin(std::declval<const R&>()))>;
template <class R>
struct LeafOf { using type = R; };
template <Listable R>
struct LeafOf<R> : LeafOf<item_t<R>> {};
template <class R>
using leaf_t = typename LeafOf<std::remove_cvref_t<R>>::type;

/// The dtype that holds what a container holds. long long is another type than std::int64_t on most systems.
template <class S>
struct DTypeFor {};
template <Scalar S>
struct DTypeFor<S> { using type = S; };
template <class S>
  requires(!Scalar<S> && (std::same_as<S, long> || std::same_as<S, long long>) && sizeof(S) == 8)
struct DTypeFor<S> { using type = std::int64_t; };

template <class T, class Leaf>
struct ListElement { using type = T; };
template <class Leaf>
struct ListElement<void, Leaf> : DTypeFor<Leaf> {};
/// The element type of a tensor made from R: T where it is given.
template <class T, class R>
using list_element_t = typename ListElement<T, leaf_t<R>>::type;

template <class R>
void list_shape(Shape& out, const R& r) {
  if constexpr (Listable<R>) {
    out.push_back(static_cast<std::int64_t>(std::size(r)));
    if (std::size(r) > 0) list_shape(out, *std::begin(r));
  }
}

template <class T, class R>
void write_list(const R& r, const Shape& shape, int depth, T*& out) {
  if constexpr (Listable<R>) {
    const auto n = static_cast<std::int64_t>(std::size(r));
    if (n != shape[depth]) raise_ragged(depth, n, shape[depth]);
    using Item = std::iter_value_t<decltype(std::begin(r))>;
    for (auto i = std::begin(r); i != std::end(r); ++i)
      write_list<T>(static_cast<const Item&>(*i), shape, depth + 1, out);
  } else {
    *out++ = checked_cast<T>("tensor", r);
  }
}

template <Scalar T, Device D, class R>
Tensor<T, D> tensor_of_list(const R& r) {
  Shape shape;
  list_shape(shape, r);
  Tensor<T> out = fresh_dense<T, Cpu>("tensor", shape);
  T* p = out.data_ptr();
  write_list<T>(r, shape, 0, p);
  return on_device<D>(std::move(out));
}

template <class S, class T>
concept Literal = std::is_void_v<T> && ScalarLike<S>;

}  // namespace detail

/// tensor<float>({{1, 2}, {3, 4}}): nested braces, to any depth a tensor may have.
/// Throws: ShapeError where lists of one depth differ in length; ValueError where an integer dtype cannot hold a value.
template <Scalar T, Device D = Cpu>
Tensor<T, D> tensor(const detail::Nested<T>& values) {
  const Shape shape = values.shape();
  Tensor<T> out = detail::fresh_dense<T, Cpu>("tensor", shape);
  T* p = out.data_ptr();
  values.write(shape, 0, p);
  return detail::on_device<D>(std::move(out));
}

/// tensor(3.5), tensor<double>(1): a 0-dim tensor. Without a dtype int64 for integers and float for floating values.
template <class T = void, Device D = Cpu, ScalarLike S>
auto tensor(S value) {
  using U = std::conditional_t<std::is_void_v<T>, detail::literal_t<S>, T>;
  static_assert(detail::FitsIn<S, U>, "a complex value does not fit a tensor of real numbers");
  Tensor<U> out = detail::fresh_dense<U, Cpu>("tensor", {});
  *out.data_ptr() = detail::checked_cast<U>("tensor", value);
  return detail::on_device<D>(std::move(out));
}

/// tensor({1, 2, 3}), tensor({{1.5, 2}, {3, 4}}) without a dtype: int64 for integers and float for floating values.
template <class T = void, Device D = Cpu, detail::Literal<T> S>
auto tensor(std::initializer_list<S> values) {
  return detail::tensor_of_list<detail::literal_t<S>, D>(values);
}
template <class T = void, Device D = Cpu, detail::Literal<T> S>
auto tensor(std::initializer_list<std::initializer_list<S>> values) {
  return detail::tensor_of_list<detail::literal_t<S>, D>(values);
}
template <class T = void, Device D = Cpu, detail::Literal<T> S>
auto tensor(std::initializer_list<std::initializer_list<std::initializer_list<S>>> values) {
  return detail::tensor_of_list<detail::literal_t<S>, D>(values);
}
template <class T = void, Device D = Cpu, detail::Literal<T> S>
auto tensor(std::initializer_list<std::initializer_list<std::initializer_list<std::initializer_list<S>>>> values) {
  return detail::tensor_of_list<detail::literal_t<S>, D>(values);
}

/// A copy of a container, also of containers of containers: its elements' dtype where none is given.
template <class T = void, Device D = Cpu, detail::Listable R>
  requires detail::FitsIn<detail::leaf_t<R>, detail::list_element_t<T, R>>
Tensor<detail::list_element_t<T, R>, D> tensor(const R& values) {
  return detail::tensor_of_list<detail::list_element_t<T, R>, D>(values);
}
/// A copy of a flat container in the given shape.
template <class T = void, Device D = Cpu, detail::Listable R>
  requires detail::FitsIn<detail::item_t<R>, detail::list_element_t<T, R>>
Tensor<detail::list_element_t<T, R>, D> tensor(const R& values, const Shape& shape) {
  using U = detail::list_element_t<T, R>;
  detail::check_shape("tensor", shape);
  const auto n = static_cast<std::int64_t>(std::size(values));
  if (n != shape.numel())
    detail::raise<ShapeError>("tensor", n, " values do not fill the shape ", shape, " of ", shape.numel());
  Tensor<U> out = detail::fresh_dense<U, Cpu>("tensor", shape);
  U* p = out.data_ptr();
  detail::write_list<U>(values, {n}, 0, p);
  return detail::on_device<D>(std::move(out));
}
/// A copy of [first, last).
template <class T = void, Device D = Cpu, std::forward_iterator I>
  requires detail::FitsIn<std::iter_value_t<I>, detail::list_element_t<T, std::iter_value_t<I>>>
Tensor<detail::list_element_t<T, std::iter_value_t<I>>, D> tensor(I first, I last) {
  using U = detail::list_element_t<T, std::iter_value_t<I>>;
  Tensor<U> out = detail::fresh_dense<U, Cpu>("tensor", {static_cast<std::int64_t>(std::distance(first, last))});
  U* p = out.data_ptr();
  for (; first != last; ++first) *p++ = detail::checked_cast<U>("tensor", static_cast<std::iter_value_t<I>>(*first));
  return detail::on_device<D>(std::move(out));
}

}  // namespace taper::inline TAPER_CODE
