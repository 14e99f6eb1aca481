// SPDX-License-Identifier: MIT
// Padding: a border of a constant, or of what lies inside, around the last axes.
#pragma once

#include <taper/backend/cpu/pad.hpp>
#include <taper/core/checked_cast.hpp>
#include <taper/ops/index_at.hpp>
#include <taper/ops/view.hpp>

#include <algorithm>

namespace taper::inline TAPER_CODE {

struct PadOptions {
  PadMode mode = PadMode::constant;
  double value = 0;  // of a constant border
};

/// Amounts in PyTorch's order: (before, after) of the last axis, then of the one before it, ...; negative ones crop.
class Padding {
 public:
  Padding() = default;
  Padding(std::initializer_list<std::int64_t> amounts) : Padding(std::span(amounts.begin(), amounts.size())) {}
  Padding(std::span<const std::int64_t> amounts) {
    if (amounts.size() % 2 != 0 || amounts.size() > 2 * max_rank)
      detail::raise<ShapeError>("pad", "the amounts come in pairs (before, after) for at most ", max_rank,
                                " axes, not ", amounts.size());
    for (std::size_t i = 0; i < amounts.size(); i += 2) push_back(amounts[i], amounts[i + 1]);
  }
  void push_back(std::int64_t before, std::int64_t after) {
    before_.push_back(before);
    after_.push_back(after);
  }
  int axes() const { return before_.size(); }
  /// Of the i-th axis from the back.
  std::int64_t before(int i) const { return before_[i]; }
  std::int64_t after(int i) const { return after_[i]; }

 private:
  Dims before_, after_;
};

namespace detail {

/// On a device: one axis after another, a constant border's gradient cut out at once.
template <bool Fold, Scalar T, Device D>
RecordPtr device_bordered(const Tensor<T, D>& x, const PadShape& s, T value) {
  if (Fold && s.mode == PadMode::constant) {
    std::int64_t first = geometry_of(x.record()).offset;
    for (int i = 0; i < s.inner.size(); ++i) first += s.before[i] * x.strides()[i];
    return device_copy<D>(*make_alias(x.record(), {s.inner, x.strides(), first}));
  }
  RecordPtr now = device_dense<D>(x.handle());
  Shape shape = x.shape();
  for (int i = 0; i < shape.size(); ++i) {
    if (s.inner[i] == s.outer[i]) continue;
    const AxisSplit parts(shape, i);
    shape[i] = Fold ? s.inner[i] : s.outer[i];
    const RecordPtr next = make_dense<D>(dtype_of<T>, shape);
    if constexpr (Fold) Accelerator<D>::template fold_axis<T>(s.mode, parts.outer, s.inner[i], s.outer[i], parts.inner, s.before[i], *now, *next);
    else Accelerator<D>::pad_axis(s.mode, parts.outer, s.inner[i], s.outer[i], parts.inner, s.before[i], *now, value, *next);
    now = next;
  }
  return now->storage == x.record().storage ? device_copy<D>(*now) : now;
}

/// x inside a border, or (Fold) the gradient of that: each element with what all the places that show it hold. Each is
/// the other's gradient; a constant border's value has none.
template <bool Fold, Scalar T, Device D>
Tensor<T, D> bordered(const Tensor<T, D>& x, const PadShape& s, T value) {
  Tensor<T, D> out;
  count_pass();
  if constexpr (on_host<D>) {
    out = empty_tensor<T, D>(Fold ? s.inner : s.outer);
    const bool fits = PadRows(s).fits(x.shape(), x.strides());
    const RecordPtr from = fits ? x.handle() : dense_record(x.handle());
    const Strides strides = fits ? x.strides() : contiguous_strides(x.shape());
    const T* p = reinterpret_cast<const T*>(from->data);
    if (out.numel() > 0) {
      if constexpr (Fold) pad_around_backward<T>(s, strides, p, out.data_ptr());
      else pad_around<T>(s, strides, p, value, out.data_ptr());
    }
  } else {
    out = Tensor<T, D>(device_bordered<Fold>(x, s, value));
  }
  if constexpr (Differentiable<T>) {
    auto backward = [s](const autograd::BackwardContext& ctx) {
      if (ctx.wants(0)) ctx.give(0, bordered<!Fold>(ctx.grad<T, D>(), s, T(0)));
    };
    return record_op("pad", std::move(out), false, std::move(backward), x);
  } else {
    return out;
  }
}

/// x inside a border of `value` that begins before[i] places in front of it along axis i.
template <Scalar T, Device D>
Tensor<T, D> pad_constant(const Tensor<T, D>& x, const Dims& before, const Shape& shape, T value) {
  return bordered<false>(x, {PadMode::constant, x.shape(), shape, before}, value);
}

template <Scalar T, Device D>
Tensor<T, D> pad_tensor(Tensor<T, D> y, const Padding& amounts, const PadOptions& options) {
  if (amounts.axes() > y.dim())
    raise<ShapeError>("pad", "amounts for ", amounts.axes(), " axes do not fit a tensor of shape ", y.shape());
  const Shape given = y.shape();
  Dims before = Dims::filled(y.dim(), 0);
  Shape shape = given;
  bool grows = false, crops = false;
  for (int i = 0; i < amounts.axes(); ++i) {
    const int axis = y.dim() - 1 - i;
    const std::int64_t b = amounts.before(i), a = amounts.after(i), n = given[axis];
    if (n + b + a < 0 || n + std::min<std::int64_t>(b, 0) + std::min<std::int64_t>(a, 0) < 0)
      raise<ShapeError>("pad", "amounts (", b, ", ", a, ") crop more than axis ", axis, " of shape ", given, " has");
    const std::int64_t most = b > a ? b : a, left = n + std::min<std::int64_t>(b, 0) + std::min<std::int64_t>(a, 0);
    const bool fits = most <= 0 || options.mode == PadMode::constant ||
                      (options.mode == PadMode::reflect    ? most < n
                       : options.mode == PadMode::circular ? most <= left
                                                           : left > 0);
    if (!fits) raise<ShapeError>("pad", "amounts (", b, ", ", a, ") are more than axis ", axis, " of shape ", given, " can give");
    before[axis] = b > 0 ? b : 0;
    shape[axis] = n + b + a;
    grows = grows || b > 0 || a > 0;
    crops = crops || b < 0 || a < 0;
  }
  check_shape("pad", shape);
  if (options.mode == PadMode::reflect && grows && crops) {  // a mirror shows what is cropped at the other end
    Padding grown, cropped;
    for (int i = 0; i < amounts.axes(); ++i) {
      const std::int64_t b = amounts.before(i), a = amounts.after(i);
      grown.push_back(std::max<std::int64_t>(b, 0), std::max<std::int64_t>(a, 0));
      cropped.push_back(std::min<std::int64_t>(b, 0), std::min<std::int64_t>(a, 0));
    }
    return pad_tensor(pad_tensor(y, grown, options), cropped, {});
  }
  for (int i = 0; i < amounts.axes(); ++i) {
    const int axis = y.dim() - 1 - i;
    const std::int64_t b = std::max<std::int64_t>(-amounts.before(i), 0), a = std::max<std::int64_t>(-amounts.after(i), 0);
    if (b > 0 || a > 0) y = narrow(y, axis, b, y.shape()[axis] - b - a);
  }
  if (!grows) return clone(y);
  const T value = options.mode == PadMode::constant ? checked_cast<T>("pad", options.value) : T(0);
  return bordered<false>(y, {options.mode, y.shape(), shape, before}, value);
}

}  // namespace detail

/// x with a border around its last axes: pad(x, {left, right, top, bottom}, {.mode = PadMode::reflect}).
/// Shapes: (.., n) -> (.., before + n + after). Gradient: of each place to the element it shows; a constant has none.
/// Throws: ShapeError where amounts crop more than there is, reflect reaches the axis's size or circular exceeds it.
template <TensorLike X>
tensor_t<X> pad(X&& x, const Padding& amounts, const PadOptions& options = {}) {
  return detail::pad_tensor(tensor_t<X>(eval(std::forward<X>(x))), amounts, options);
}

}  // namespace taper::inline TAPER_CODE
