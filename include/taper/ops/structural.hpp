// SPDX-License-Identifier: MIT
// What structural ops share: fresh tensors, operands held until a producer runs, gradients handed on, refused operands.
#pragma once

#include <taper/backend/cpu/points.hpp>
#include <taper/eval/record.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

// Left incomplete: their names are the diagnostics.
template <class Left, class Right>
struct error_operands_have_different_dtypes_write_cast;
template <class T>
struct error_this_function_needs_a_floating_dtype_write_cast;

template <class X, class Y>
concept OfTwoDTypes = TensorLike<X> && TensorLike<Y> && !std::same_as<value_t<X>, value_t<Y>>;
template <class X, class Y>
concept OfOneDType = TensorLike<X> && TensorLike<Y> && std::same_as<value_t<X>, value_t<Y>> && std::same_as<device_t<X>, device_t<Y>>;

/// A dense tensor whose elements are not set.
template <Scalar T, Device D>
Tensor<T, D> empty_tensor(const Shape& shape) {
  static_assert(on_host<D> || Accelerated<D>, "this operation on this device needs its backend: compile this file as .cu");
  return Tensor<T, D>(make_dense<D>(dtype_of<T>, shape));
}

/// The same with its channels last.
template <Scalar T, Device D>
Tensor<T, D> empty_tensor(const Shape& shape, bool channels_last) {
  Tensor<T, D> out = empty_tensor<T, D>(shape);
  if (channels_last) set_order(out.record(), channels_last_order);
  return out;
}

/// x where it is dense, otherwise a dense copy that no tape sees.
template <Scalar T, Device D>
Tensor<T, D> dense(const Tensor<T, D>& x) {
  if (x.is_contiguous()) return x;
  return Tensor<T, D>(evaluate(plain_leaf<T, D>(make_alias(x.record(), geometry_of(x.record()))), x.shape()));
}

template <Scalar T, Device D>
Tensor<T, D> dense(Tensor<T, D>&& x) {
  if (x.is_contiguous()) return std::move(x);
  return dense(static_cast<const Tensor<T, D>&>(x));
}

/// True where an op over these tensors is going to be recorded.
template <class... X>
bool recording(const X&... x) {
  if constexpr (inference_only) return false;
  else return grad_mode() && (x.requires_grad() || ...);
}

/// An operand that a producer holds until it runs; a change in place in between is noticed.
template <Scalar T, Device D>
class Held {
 public:
  explicit Held(Tensor<T, D> x) : tensor_(std::move(x)), version_(tensor_.defined() ? tensor_.version() : 0) {}
  const Tensor<T, D>& get() const {
    if (tensor_.defined() && tensor_.version() != version_)
      raise<ValueError>("evaluate", "a tensor of shape ", tensor_.shape(),
                        " was changed in place after this expression was built and before it was evaluated: evaluate it first");
    return tensor_;
  }
  /// The operand, which was seen to be as it was and is held no longer.
  Tensor<T, D> take() { return std::move(tensor_); }

 private:
  Tensor<T, D> tensor_;
  std::uint32_t version_;
};

/// What every producer has: its result's type and shape, and the grad mode of the moment it was built.
template <Scalar T, Device D>
struct ProducerBase {
  using value_type = T;
  using device_type = D;
  Shape result;
  std::int64_t record = grad_mode();  // a whole word, as in Dims: producers are moved about
  const Shape& shape() const { return result; }
  AxisOrder order() const { return 0; }  // of the result's axes in memory
};

/// The memory that the gradient of input i is written to; `fresh` where it holds nothing yet and must not be read.
template <Scalar T>
T* gradient_memory(const autograd::BackwardContext& ctx, int i, bool& fresh) {
  return reinterpret_cast<T*>(ctx.pass().buffer(ctx.node().input(i), fresh).data);
}

/// The upstream gradient of a recorded backward as it is, that of a plain one dense.
template <Scalar T, Device D>
Tensor<T, D> dense_gradient(const autograd::BackwardContext& ctx) {
  Tensor<T, D> g = ctx.grad<T, D>();
  return ctx.create_graph() ? std::move(g) : dense(std::move(g));
}

/// x summed over the axes that `shape` was broadcast along; recorded where grad mode is on.
template <Scalar T, Device D>
Tensor<T, D> sum_to(const Tensor<T, D>& x, const Shape& shape) {
  return Tensor<T, D>(GradOpsFor<T, D>::sum_to(x.handle(), shape));
}

/// The sizes before an axis, along it and behind it.
struct AxisSplit {
  std::int64_t outer = 1, size = 1, inner = 1;
  AxisSplit(const Shape& shape, int axis) {
    for (int i = 0; i < shape.size(); ++i) (i < axis ? outer : i == axis ? size : inner) *= shape[i];
  }
};

/// Copies x into part of a dense tensor of the same rank: it begins `start` elements behind the first and lies `strides` apart.
template <Scalar T, Device D>
void copy_into(const Tensor<T, D>& x, const Tensor<T, D>& out, std::int64_t start, const Strides& strides) {
  if constexpr (on_host<D>)
    copy_strided(dtype_of<T>, x.shape(), out.record().data + start * static_cast<std::int64_t>(sizeof(T)), strides, x.record().data, x.strides());
  else if (x.numel() > 0) Accelerator<D>::copy(x.record(), *make_alias(out.record(), {x.shape(), strides, start}));
}

/// Rows of a loop that make a task worth handing to a thread.
inline std::int64_t row_grain(std::int64_t elements) { return 1 + (std::int64_t{1} << 15) / (elements > 0 ? elements : 1); }

}  // namespace detail

// Beside a function of two operands: operands of two dtypes are refused by name.
#define TAPER_REFUSE_TWO_DTYPES(function)                                                                          \
  template <class X, class Y, class... Rest>                                                                       \
    requires detail::OfTwoDTypes<X, Y>                                                                             \
  detail::error_operands_have_different_dtypes_write_cast<value_t<X>, value_t<Y>> function(X&&, Y&&, const Rest&...) = delete;

// Beside a function of floating dtypes: others are refused by name.
#define TAPER_REFUSE_NOT_FLOATING(function)                                                                        \
  template <TensorLike X, class... Rest>                                                                           \
    requires(!Floating<value_t<X>>)                                                                                \
  detail::error_this_function_needs_a_floating_dtype_write_cast<value_t<X>> function(X&&, const Rest&...) = delete;

}  // namespace taper::inline TAPER_CODE
