// SPDX-License-Identifier: MIT
// Parameter and Buffer: tensors that belong to a module. They copy deeply, so modules are regular values.
#pragma once

#include <taper/eval/tensor.hpp>
#include <taper/ops/view.hpp>

namespace taper::inline TAPER_CODE::nn {

/// Shared{}, x: a Parameter or Buffer that is x itself, with its history, for models that live for one step.
struct Shared {};

/// What Parameter and Buffer share. Copying copies the elements; moving is cheap. Assigning a value of the same shape
/// writes into the existing record, so that optimizers and other handles stay valid. Whether it is trained comes with another
/// Parameter or Buffer; a bare tensor of the same shape leaves it.
template <Scalar T, Device D, bool WantsGrad>
class Owned : public Tensor<T, D> {
 public:
  using Base = Tensor<T, D>;

  /// Undefined: a module without this tensor (a layer without bias).
  Owned() = default;
  /// Takes the value over; its history, if it has one, is left behind.
  TAPER_RARE explicit Owned(const Base& value) : Base(value.defined() ? own(value.is_leaf() && !value.record().link ? value : clone(value)) : Base()) {}
  Owned(Shared, Base value) : Base(std::move(value)) {}
  template <ExprLike E>
    requires std::same_as<value_t<E>, T>
  explicit Owned(E&& value) : Owned(Base(std::forward<E>(value))) {}
  Owned(const Owned& other) : Base(other.copy()) {}
  Owned(Owned&&) noexcept = default;
  ~Owned() = default;

  Owned& operator=(const Owned& other) {
    if (this == &other) return *this;
    if (same_shape(other)) overwrite(other);
    else this->record_ = other.copy().handle();
    return *this;
  }
  Owned& operator=(Owned&& other) {
    if (this == &other) return *this;
    if (same_shape(other)) overwrite(other);
    else this->record_ = std::move(other.record_);
    return *this;
  }
  Owned& operator=(const Base& value) {
    write(value);
    return *this;
  }
  template <ExprLike E>
  Owned& operator=(E&& value) {
    write(Base(std::forward<E>(value)));
    return *this;
  }

 private:
  static Base own(Base value) {
    if constexpr (Differentiable<T>) {
      Base out = detach(value);
      if constexpr (WantsGrad && !inference_only) out.requires_grad_();
      return out;
    } else {
      return value;
    }
  }
  TAPER_RARE Base copy() const {
    if (!this->defined()) return {};
    const NoGrad guard;
    Base out = clone(static_cast<const Base&>(*this));
    if constexpr (Differentiable<T> && !inference_only) out.requires_grad_(this->requires_grad());
    return out;
  }
  bool same_shape(const Base& value) const { return this->defined() && value.defined() && this->shape() == value.shape(); }
  TAPER_RARE void overwrite(const Owned& other) {
    if constexpr (Differentiable<T> && !inference_only) this->requires_grad_(other.requires_grad());
    write(other);
  }
  TAPER_RARE void write(const Base& value) {
    if (same_shape(value)) {
      const NoGrad guard;
      this->copy_(value);
    } else {
      this->record_ = value.defined() ? own(clone(value)).handle() : detail::RecordPtr();
    }
  }
};

/// A tensor that an optimizer trains: it wants a gradient, and is saved with the module.
template <Scalar T = float, Device D = Cpu>
class Parameter : public Owned<T, D, true> {
 public:
  static_assert(Differentiable<T>, "a Parameter must be floating or complex: use Buffer for other types");
  using Owned<T, D, true>::Owned;
  using Owned<T, D, true>::operator=;
};

/// A tensor that belongs to a module and is saved with it, but is not trained (running statistics, masks).
template <Scalar T = float, Device D = Cpu>
class Buffer : public Owned<T, D, false> {
 public:
  using Owned<T, D, false>::Owned;
  using Owned<T, D, false>::operator=;
};

/// Whether a layer behaves as in training (dropout drops, batch norm uses the batch) or as in evaluation.
struct Mode {
  bool training = true;
};

}  // namespace taper::inline TAPER_CODE::nn
