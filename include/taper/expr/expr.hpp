// SPDX-License-Identifier: MIT
// Expr: a lazy value. Unnamed it is fused into what uses it; named it is computed once and stored.
#pragma once

#include <taper/expr/node.hpp>

#include <atomic>

namespace taper::inline TAPER_CODE {

namespace detail {

/// The value of a named expression, shared by its copies.
struct OnceCell {
  base::Atomic<std::int32_t> refs{1};
  std::atomic<std::int32_t> state{0};  // 0 empty, 1 being computed, 2 there, 3 being computed and waited for
  RecordPtr value;

  static void drop(OnceCell* c) noexcept {
    if (c && c->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      c->~OnceCell();
      detail::deallocate_object(c, sizeof(OnceCell));
    }
  }
};

/// Runs a node; defined in eval/.
template <class N>
RecordPtr evaluate(const N& node, const Shape& shape);
template <class P>
RecordPtr evaluate(const Produced<P>& node, const Shape& shape);

struct error_an_expression_cannot_be_assigned_declare_a_Tensor;  // left incomplete: its name is the diagnostic

}  // namespace detail

/// An expression over tensors that computes nothing until it is converted to a Tensor, assigned, reduced or asked for a
/// value. It holds its leaves by handle, so it never dangles.
template <class N>
class [[nodiscard]] Expr : public detail::Methods<Expr<N>> {
 public:
  using value_type = typename N::value_type;
  using device_type = typename N::device_type;
  using tensor_like = void;
  using node_type = N;

  Expr(N node, const Shape& shape) : shape_(shape), node_(std::move(node)) {}
  /// A copy shares the stored value.
  Expr(const Expr& other) : shape_(other.shape_), node_(other.node_) {
    if constexpr (!N::open) {
      detail::OnceCell* c = other.cell();
      c->refs.fetch_add(1, std::memory_order_relaxed);
      cell_.store(c, std::memory_order_relaxed);
    }
  }
  Expr(Expr&& other) noexcept
      : shape_(other.shape_), node_(std::move(other.node_)), cell_(other.cell_.load(std::memory_order_relaxed)) {
    other.cell_.store(nullptr, std::memory_order_relaxed);  // no exchange: nobody else uses what is moved from
  }
  ~Expr() { detail::OnceCell::drop(cell_.load(std::memory_order_acquire)); }

  template <class X, class Fault = detail::error_an_expression_cannot_be_assigned_declare_a_Tensor>
  Fault operator=(X&&) = delete;

  const Shape& shape() const { return shape_; }
  const Shape& sizes() const { return shape_; }
  std::int64_t size(std::int64_t axis) const { return shape_[detail::wrap_axis("size", axis, dim())]; }
  int dim() const { return shape_.size(); }
  std::int64_t numel() const { return shape_.numel(); }
  static constexpr DType dtype() { return dtype_of<value_type>; }

  /// The stored value, computed at the first call.
  Tensor<value_type, device_type> value() const {
    detail::OnceCell* c = cell();
    while (true) {
      std::int32_t state = c->state.load(std::memory_order_acquire);
      if (state == 2) return Tensor<value_type, device_type>(c->value);
      if (state == 0 && c->state.compare_exchange_strong(state, 1)) break;
      if (state == 1 && !c->state.compare_exchange_strong(state, 3)) continue;
      if (state != 2) c->state.wait(3);
    }
    struct Finish {  // an exception leaves the cell empty again
      detail::OnceCell* c;
      std::int32_t state = 0;
      ~Finish() {
        if (c->state.exchange(state, std::memory_order_release) == 3) c->state.notify_all();
      }
    } finish{c};
    c->value = detail::evaluate(node_, shape_);
    finish.state = 2;
    return Tensor<value_type, device_type>(c->value);
  }
  Tensor<value_type, device_type> eval() const& { return value(); }
  Tensor<value_type, device_type> eval() && { return Tensor<value_type, device_type>(detail::evaluate(node_, shape_)); }

  value_type item() const { return value().item(); }
  const value_type* data_ptr() const { return value().data_ptr(); }
  bool requires_grad() const
    requires Differentiable<value_type>
  {
    return value().requires_grad();
  }
  void backward(const BackwardOptions& options = {}) const
    requires Differentiable<value_type>
  {
    value().backward(options);
  }
  void backward(const Tensor<value_type, device_type>& gradient, const BackwardOptions& options = {}) const
    requires Differentiable<value_type>
  {
    value().backward(gradient, options);
  }
  TAPER_REFUSE_GRADIENT(value_type)
  Tensor<value_type, device_type> operator[](std::int64_t index) const { return value()[index]; }
  template <class I>
    requires(!std::convertible_to<const I&, std::int64_t>)
  decltype(auto) operator[](const I& index) const {
    return (*this)(index);
  }
  template <class... I>
  decltype(auto) operator()(const I&... indices) const {
    const Tensor<value_type, device_type> stored = value();
    return stored(indices...);
  }
  template <class Fault = detail::error_a_tensor_has_no_truth_value_use_all_any_equal_or_item>
  explicit operator bool() const = delete;

  const N& node() const& { return node_; }
  N&& node() && { return std::move(node_); }

 private:
  detail::OnceCell* cell() const {
    detail::OnceCell* c = cell_.load(std::memory_order_acquire);
    if (!c) {
      auto* fresh = ::new (detail::allocate_object(sizeof(detail::OnceCell))) detail::OnceCell;
      if (cell_.compare_exchange(c, fresh)) c = fresh;
      else detail::OnceCell::drop(fresh);
    }
    return c;
  }

  Shape shape_;
  N node_;
  mutable base::Atomic<detail::OnceCell*> cell_{nullptr};
};

namespace detail {

template <class T, ScalarLike S>
constexpr compute_t<T> convert_scalar(S s) {
  using C = compute_t<T>;
  if constexpr (Complex<C> && !Complex<S>) return C(static_cast<real_t<C>>(s));
  else if constexpr (Complex<C>) return C(static_cast<real_t<C>>(s.real()), static_cast<real_t<C>>(s.imag()));
  else return static_cast<C>(s);
}

/// What an operand of an op becomes: rvalue expressions are taken in, everything named enters as a leaf.
template <class T, class X>
auto as_node(X&& x) {
  using U = std::remove_cvref_t<X>;
  if constexpr (TensorHandle<U>) {
    using Base = tensor_t<U>;
    if constexpr (std::is_lvalue_reference_v<X> || std::is_const_v<std::remove_reference_t<X>>)
      return Leaf<value_t<U>, device_t<U>>(static_cast<const Base&>(x));
    else
      return Leaf<value_t<U>, device_t<U>>(static_cast<Base&&>(x));
  } else if constexpr (TensorLike<U>) {
    if constexpr (U::node_type::open && std::is_lvalue_reference_v<X>) return x.node();
    else if constexpr (std::is_lvalue_reference_v<X> || std::is_const_v<std::remove_reference_t<X>>)
      return Leaf<value_t<U>, device_t<U>>(x.value());
    else return std::move(x).node();
  } else {
    return Constant<T>{convert_scalar<T>(x)};
  }
}

template <class X>
struct ElementOf { using type = void; };
template <TensorLike X>
struct ElementOf<X> { using type = value_t<X>; };

/// promote_t over the element types of those operands that are tensors.
template <class... T>
struct PromoteTensors;
template <class T>
struct PromoteTensors<T> { using type = T; };
template <class T, class U, class... V>
struct PromoteTensors<T, U, V...> : PromoteTensors<promote_t<T, U>, V...> {};
template <class T, class... V>
  requires(!std::same_as<T, void>)
struct PromoteTensors<T, void, V...> : PromoteTensors<T, V...> {};
template <class U, class... V>
struct PromoteTensors<void, U, V...> : PromoteTensors<U, V...> {};

/// The element type that a scalar operand takes in an op over these operands.
template <class S, class Tensors>
struct ScalarElement { using type = void; };
template <ScalarLike S, class Tensors>
struct ScalarElement<S, Tensors> { using type = promote_scalar_t<Tensors, S>; };

template <class X>
void add_shape(std::string_view name, Shape& shape, bool& any, const X& x) {
  if constexpr (TensorLike<X>) {
    if (!any) shape = x.shape();
    else if (!(shape == x.shape())) shape = broadcast_shapes(name, shape, x.shape());
    any = true;
  }
}

template <class D, class... X>
inline constexpr bool all_on = ((!TensorLike<X> || [] {
  if constexpr (TensorLike<X>) return std::same_as<device_t<X>, D>;
  else return true;
}()) && ...);

template <class... X>
struct FirstDevice { using type = void; };
template <class X, class... Y>
struct FirstDevice<X, Y...> : FirstDevice<Y...> {};
template <TensorLike X, class... Y>
struct FirstDevice<X, Y...> { using type = device_t<X>; };

}  // namespace detail

/// Operands of one pointwise op: tensors, expressions and scalars, at least one of them not a scalar, on one device.
template <class... X>
concept PointwiseOperands =
    (Operand<X> && ...) && (TensorLike<X> || ...) && detail::all_on<typename detail::FirstDevice<X...>::type, X...>;

/// The expression op(x...), with broadcasting. `name` is the public function's, for messages.
template <class Op, class... X>
  requires PointwiseOperands<X...>
auto apply(std::string_view name, Op op, X&&... x) {
  using Tensors = typename detail::PromoteTensors<typename detail::ElementOf<std::remove_cvref_t<X>>::type...>::type;
  Shape shape;
  bool any = false;
  (detail::add_shape(name, shape, any, x), ...);
  using Node = detail::Apply<
      Op, decltype(detail::as_node<typename detail::ScalarElement<std::remove_cvref_t<X>, Tensors>::type>(std::forward<X>(x)))...>;
  return Expr<Node>(
      Node{std::move(op), {detail::as_node<typename detail::ScalarElement<std::remove_cvref_t<X>, Tensors>::type>(std::forward<X>(x))...}},
      shape);
}

/// body(v), with v = x computed once, in registers: let(x, [](auto v) { return v * sigmoid(v); }) is one kernel each way.
template <TensorLike X, class F>
auto let(X&& x, const F& body) {
  using T = value_t<X>;
  using Var = Expr<detail::Variable<F, T, device_t<X>>>;
  const Shape shape = x.shape();
  auto bound = detail::as_node<T>(std::forward<X>(x));
  auto inner = body(Var({}, shape));
  static_assert(ExprLike<decltype(inner)>, "the function given to let() must return an expression of its argument");
  const Shape out = detail::broadcast_shapes("let", shape, inner.shape());
  using Node = detail::Let<F, decltype(bound), typename decltype(inner)::node_type>;
  return Expr<Node>(Node{std::move(bound), std::move(inner).node()}, out);
}

/// An expression that runs `producer()` when it is evaluated; the ops around it become its epilogue.
/// A producer has value_type, device_type, shape() and a const call operator that returns the tensor.
template <class P>
auto produce(P producer) {
  const Shape shape = producer.shape();
  return Expr<detail::Produced<P>>(detail::Produced<P>{std::move(producer)}, shape);
}

/// The tensor itself, or the value of an expression: what a structural function works on.
template <TensorLike X>
decltype(auto) eval(X&& x) {
  if constexpr (TensorHandle<X>) {
    using Base = tensor_t<X>;
    if constexpr (std::is_lvalue_reference_v<X>) return static_cast<const Base&>(x);
    else if constexpr (std::is_const_v<X>) return Base(static_cast<const Base&>(x));
    else return Base(static_cast<Base&&>(x));
  } else if constexpr (std::is_lvalue_reference_v<X>) {
    return x.value();
  } else {
    return std::move(x).eval();
  }
}

}  // namespace taper::inline TAPER_CODE
