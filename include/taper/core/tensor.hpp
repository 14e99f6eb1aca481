// SPDX-License-Identifier: MIT
// Tensor<T, D>: a typed, counted handle to a record. Copies share the record, as in PyTorch.
#pragma once

#include <taper/core/index.hpp>
#include <taper/core/memory_format.hpp>
#include <taper/core/methods.hpp>

#include <span>

namespace taper::inline TAPER_ABI {

template <Scalar T, Device D = Cpu>
class Tensor;

/// A tensor or an expression over tensors (also const or a reference to one).
template <class X>
concept TensorLike = requires { typename std::remove_cvref_t<X>::tensor_like; };
/// Something stored: a Tensor, or a type derived from one such as a Parameter.
template <class X>
concept TensorHandle = TensorLike<X> && requires { typename std::remove_cvref_t<X>::tensor_handle; };
/// A lazy expression over tensors.
template <class X>
concept ExprLike = TensorLike<X> && !TensorHandle<X>;

/// The element type and the device of a tensor-like type.
template <TensorLike X>
using value_t = typename std::remove_cvref_t<X>::value_type;
template <TensorLike X>
using device_t = typename std::remove_cvref_t<X>::device_type;
/// The tensor that a tensor-like type stands for.
template <TensorLike X>
using tensor_t = Tensor<value_t<X>, device_t<X>>;

/// What backward() may be told: designated, as in loss.backward({.retain_graph = true}).
struct BackwardOptions {
  bool retain_graph = false;  // keep the graph for another backward
  bool create_graph = false;  // record the backward itself, for higher-order gradients; keeps the graph as well
};

namespace base {
template <class From, class To>
struct error_cannot_convert_between_dtypes_write_cast;  // left incomplete: its name is the diagnostic
struct error_a_tensor_has_no_truth_value_use_all_any_equal_or_item;
struct error_a_tensor_is_made_by_tensor_zeros_ones_full_or_empty;
template <class T>
struct error_only_floating_and_complex_tensors_have_a_gradient;
}

// Beside backward(): a tensor or expression of integers or bools has none.
#define TAPER_REFUSE_GRADIENT(T)                                                                          \
  template <class... A, class Fault = base::error_only_floating_and_complex_tensors_have_a_gradient<T>> \
    requires(!Differentiable<T>)                                                                          \
  Fault backward(const A&...) const = delete;

/// An n-dimensional array of T on device D.
template <Scalar T, Device D>
class Tensor : public base::Methods<Tensor<T, D>> {
 public:
  using value_type = T;
  using device_type = D;
  using tensor_like = void;
  using tensor_handle = void;

  /// An undefined tensor: every use of it but assignment and defined() throws.
  Tensor() = default;
  explicit Tensor(base::RecordPtr record) noexcept : record_(std::move(record)) {}
  TAPER_INLINE Tensor(const Tensor&) = default;
  TAPER_INLINE Tensor(Tensor&&) noexcept = default;
  TAPER_INLINE ~Tensor() = default;

  /// Evaluates an expression of the same dtype and device in one kernel.
  template <ExprLike E>
    requires std::same_as<value_t<E>, T> && std::same_as<device_t<E>, D>
  TAPER_COMPUTES Tensor(E&& expr);
  template <TensorLike E, class Fault = base::error_cannot_convert_between_dtypes_write_cast<value_t<E>, T>>
    requires(!std::same_as<value_t<E>, T>)
  Tensor(E&& expr) = delete;
  /// There is no constructor from sizes or values: zeros<float>({2, 3}), tensor<float>({1, 2, 3}).
  template <ScalarLike... S, class Fault = base::error_a_tensor_is_made_by_tensor_zeros_ones_full_or_empty>
    requires(sizeof...(S) > 0)
  explicit Tensor(S...) = delete;

  /// Assigning to a named tensor rebinds it.
  Tensor& operator=(const Tensor&) & = default;
  Tensor& operator=(Tensor&&) & noexcept = default;
  /// Assigning to an unnamed one, such as x[0] or x(Slice{1, 3}), writes into its elements.
  TAPER_COMPUTES void operator=(const Tensor& value) && { assign(value); }
  TAPER_COMPUTES void operator=(Tensor&& value) && { assign(value); }
  template <class X>
    requires(!std::same_as<std::remove_cvref_t<X>, Tensor> && (TensorLike<X> || ScalarLike<std::remove_cvref_t<X>>))
  TAPER_COMPUTES void operator=(X&& value) && {
    assign(std::forward<X>(value));
  }

  TAPER_INLINE bool defined() const noexcept { return static_cast<bool>(record_); }
  const Shape& shape() const { return record().shape; }
  const Shape& sizes() const { return record().shape; }
  /// The size along an axis; negative axes count from the back.
  std::int64_t size(std::int64_t axis) const { return shape()[base::wrap_axis("size", axis, dim())]; }
  int dim() const { return record().shape.size(); }
  std::int64_t numel() const { return record().numel; }
  const Strides& strides() const { return record().strides; }
  std::int64_t stride(std::int64_t axis) const { return strides()[base::wrap_axis("stride", axis, dim())]; }
  bool is_contiguous() const { return record().contiguous; }
  /// Whether the elements lie densely in that order. Where the channels or the pixels are single, both orders are one.
  bool is_contiguous(MemoryFormat format) const {
    return format == MemoryFormat::contiguous ? is_contiguous() : dim() == 4 && base::has_order(record(), base::channels_last_order);
  }
  static constexpr DType dtype() { return dtype_of<T>; }
  /// How often the storage was written in place.
  std::uint32_t version() const { return record().storage->version.load(std::memory_order_relaxed); }

  /// The first element; the others lie at strides(). Writing through it is not seen by the tape, as in PyTorch.
  /// Throws: DeviceError where another GPU than the calling thread's holds the tensor, whose kernels may not read there.
  TAPER_INLINE const T* data_ptr() const {
    if constexpr (base::OneOfSeveral<D>) base::check_here<D>("data_ptr", {&record()});
    return reinterpret_cast<const T*>(record().data);
  }
  TAPER_INLINE T* data_ptr() {
    if constexpr (base::OneOfSeveral<D>) base::check_here<D>("data_ptr", {&record()});
    return reinterpret_cast<T*>(record().data);
  }

  /// The only element of a one-element tensor.
  TAPER_COMPUTES T item() const;

  /// x[i]: one index along the first axis. Writable: x[i] = value.
  Tensor operator[](std::int64_t index) { return at_first(index); }
  const Tensor operator[](std::int64_t index) const { return at_first(index); }
  /// x[Slice{1, 3}], x[index_tensor], x[mask]: as x(...) with this one index.
  template <class I>
    requires(!std::convertible_to<const I&, std::int64_t>)
  TAPER_COMPUTES decltype(auto) operator[](const I& index) {
    return (*this)(index);
  }
  template <class I>
    requires(!std::convertible_to<const I&, std::int64_t>)
  TAPER_COMPUTES decltype(auto) operator[](const I& index) const {
    return (*this)(index);
  }
  /// x(0, Slice{1, 3}, ellipsis, none, index_tensor, mask).
  template <class... I>
  TAPER_COMPUTES decltype(auto) operator()(const I&... indices);
  template <class... I>
  TAPER_COMPUTES decltype(auto) operator()(const I&... indices) const;

  // The tape. Bodies in eval/.
  TAPER_COMPUTES bool requires_grad() const
    requires Differentiable<T>;
  TAPER_COMPUTES Tensor& requires_grad_(bool value = true) &
    requires Differentiable<T>;
  TAPER_COMPUTES Tensor requires_grad_(bool value = true) &&
    requires Differentiable<T>;
  TAPER_COMPUTES bool is_leaf() const;
  TAPER_COMPUTES Tensor grad() const
    requires Differentiable<T>;
  TAPER_COMPUTES void set_grad(const Tensor& gradient) const
    requires Differentiable<T>;
  TAPER_COMPUTES Tensor& retain_grad()
    requires Differentiable<T>;
  TAPER_COMPUTES void backward(const BackwardOptions& options = {}) const
    requires Differentiable<T>;
  TAPER_COMPUTES void backward(const Tensor& gradient, const BackwardOptions& options = {}) const
    requires Differentiable<T>;
  template <class Hook>
  TAPER_COMPUTES auto register_hook(Hook hook) const
    requires Differentiable<T>;
  TAPER_REFUSE_GRADIENT(T)
  template <class Fault = base::error_only_floating_and_complex_tensors_have_a_gradient<T>>
    requires(!Differentiable<T>)
  Fault requires_grad_(bool = true) const = delete;
  template <class Fault = base::error_only_floating_and_complex_tensors_have_a_gradient<T>>
    requires(!Differentiable<T>)
  Fault grad() const = delete;

  // In place.
  template <class X>
  TAPER_COMPUTES Tensor& copy_(X&& source);
  TAPER_COMPUTES Tensor& fill_(T value);
  TAPER_COMPUTES Tensor& zero_() { return fill_(T(0)); }

  TAPER_INLINE base::TensorRecord& record() const {
    if (!record_) undefined();
    return *record_;
  }
  const base::RecordPtr& handle() const noexcept { return record_; }

  template <class Fault = base::error_a_tensor_has_no_truth_value_use_all_any_equal_or_item>
  explicit operator bool() const = delete;

 private:
  [[noreturn]] TAPER_COLD static void undefined() {
    base::raise<ValueError>("tensor", "this tensor is undefined: it was default-constructed, moved from, or a gradient that "
                                        "does not exist yet");
  }
  Tensor at_first(std::int64_t index) const {
    if (dim() == 0) base::raise<IndexError>("index", "a 0-dim tensor cannot be indexed: use item()");
    return Tensor(base::make_view(&record(), base::resolve("index", index, 0, shape()[0])));
  }
  template <class X>
  TAPER_COMPUTES void assign(X&& value);

 protected:
  base::RecordPtr record_;
};

template <ExprLike E>
Tensor(E&&) -> Tensor<value_t<E>, device_t<E>>;

}  // namespace taper::inline TAPER_ABI
