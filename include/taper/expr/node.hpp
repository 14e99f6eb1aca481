// SPDX-License-Identifier: MIT
// The nodes of an expression: leaves, scalars, producers, bound variables and applied ops. They hold, they do not compute.
#pragma once

#include <taper/core/grad_mode.hpp>
#include <taper/core/tensor.hpp>
#include <taper/expr/op.hpp>

#include <type_traits>

namespace taper::inline TAPER_CODE {

/// What a pointwise function takes beside tensors.
template <class X>
concept Operand = TensorLike<X> || ScalarLike<std::remove_cvref_t<X>>;

namespace detail {

/// A tensor in an expression. Grad mode and the storage's version are those of the moment the expression was built.
template <Scalar T, Device D>
struct Leaf {
  using value_type = T;
  using device_type = D;
  static constexpr int leaves = 1, constants = 0, ops = 0;
  static constexpr bool open = false;
  Tensor<T, D> tensor;
  std::uint32_t version = 0;
  bool wants_grad = false;

  template <class X>
  explicit Leaf(X&& x) : tensor(std::forward<X>(x)) {
    const TensorRecord& r = tensor.record();
    version = r.storage->version.load(std::memory_order_relaxed);
    if constexpr (Differentiable<T> && !inference_only) wants_grad = grad_mode() && tensor.requires_grad();
  }
  const Shape& shape() const { return tensor.record().shape; }
};

/// A C++ scalar, already of the element type that the op it stands in gives it.
template <Scalar T>
struct Constant {
  using value_type = T;
  using device_type = void;
  static constexpr int leaves = 0, constants = 1, ops = 0;
  static constexpr bool open = false;
  compute_t<T> value;
};

/// Something that computes a whole tensor when the expression is evaluated (a matrix product, a convolution). The rest of
/// the expression is its epilogue.
template <class P>
struct Produced {
  using value_type = typename P::value_type;
  using device_type = typename P::device_type;
  static constexpr int leaves = 1, constants = 0, ops = 0;
  static constexpr bool open = false;
  mutable P producer;  // runs as an rvalue where its result is kept in `made`
  mutable Tensor<value_type, device_type> made{};
  Shape shape() const { return producer.shape(); }
};

/// A producer's result. Where it is a view, its record says only from here on whether gradients flow into it.
template <Scalar T, Device D>
const Tensor<T, D>& ask_gradient(const Tensor<T, D>& made) {
  if constexpr (Differentiable<T> && !inference_only) (void)made.requires_grad();
  return made;
}

/// The argument of a let-body: stands for the register that holds the bound value. F tells the variables apart.
template <class F, class T, class D>
struct Variable {
  using value_type = T;
  using device_type = D;
  static constexpr int leaves = 0, constants = 0, ops = 0;
  static constexpr bool open = true;  // means nothing outside the body of its let
};

/// The operands of an op, one to four.
template <class... N>
struct Operands;
template <class A>
struct Operands<A> { A a; };
template <class A, class B>
struct Operands<A, B> { A a; B b; };
template <class A, class B, class C>
struct Operands<A, B, C> { A a; B b; C c; };
template <class A, class B, class C, class E>
struct Operands<A, B, C, E> { A a; B b; C c; E d; };

template <class A, class B>
struct CommonDevice { using type = A; };
template <class B>
struct CommonDevice<void, B> { using type = B; };

template <class... N>
struct DeviceOf { using type = void; };
template <class N, class... M>
struct DeviceOf<N, M...> : CommonDevice<typename N::device_type, typename DeviceOf<M...>::type> {};

/// An op over operand nodes.
template <class Op, class... N>
struct Apply {
  using signature = typename Op::template signature<typename N::value_type...>;
  using value_type = typename signature::result;
  using device_type = typename DeviceOf<N...>::type;
  static constexpr int leaves = (N::leaves + ... + 0);
  static constexpr int constants = (N::constants + ... + 0);
  static constexpr int ops = (N::ops + ... + 1);
  static constexpr bool open = (N::open || ...);
  [[no_unique_address]] Op op;
  Operands<N...> operands;
};

/// let x = X in Body: X is computed once, in registers.
template <class F, class X, class Body>
struct Let {
  using value_type = typename Body::value_type;
  using device_type = typename X::device_type;
  static constexpr int leaves = X::leaves + Body::leaves;
  static constexpr int constants = X::constants + Body::constants;
  static constexpr int ops = X::ops + Body::ops;
  static constexpr bool open = X::open;
  X bound;
  Body body;
};

}  // namespace detail

/// The most ops that one full expression may hold.
inline constexpr int max_ops = 64;

}  // namespace taper::inline TAPER_CODE
