// SPDX-License-Identifier: MIT
// Padding: a border of a constant, or of what lies inside, around the last axes.
#pragma once

#include <taper/core/checked_cast.hpp>
#include <taper/ops/index_at.hpp>
#include <taper/ops/view.hpp>

#include <algorithm>

namespace taper::inline TAPER_CODE {

/// What a border is made of: `value`; the inside mirrored at the edge; the edge repeated; the inside wrapped around.
enum class PadMode : std::uint8_t { constant, reflect, replicate, circular };

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

/// x inside a border of `value`. Amounts are per axis from the front and not negative.
template <Scalar T, Device D>
Tensor<T, D> pad_constant(const Tensor<T, D>& x, const Dims& before, const Shape& shape, T value) {
  Tensor<T, D> out = empty_tensor<T, D>(shape);
  std::int64_t offset = 0;
  for (int i = 0; i < shape.size(); ++i) offset += before[i] * out.strides()[i];
  count_pass();
  std::fill_n(out.data_ptr(), out.numel(), value);
  copy_strided(dtype_of<T>, x.shape(), reinterpret_cast<std::byte*>(out.data_ptr() + offset), out.strides(),
               x.record().data, x.strides());
  auto backward = [before, inside = x.shape()](const autograd::BackwardContext& ctx) {
    if (!ctx.wants(0)) return;
    Tensor<T, D> g = ctx.grad<T, D>();
    for (int i = 0; i < inside.size(); ++i)
      if (inside[i] != g.shape()[i]) g = narrow(g, i, before[i], inside[i]);
    ctx.give(0, g);
  };
  return record_op("pad", std::move(out), false, std::move(backward), x);
}

/// Which element of an axis of n stands at place i of the padded axis, counted from its first element.
inline std::int64_t padded_source(PadMode mode, std::int64_t i, std::int64_t n) {
  switch (mode) {
    case PadMode::reflect: return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
    case PadMode::replicate: return i < 0 ? 0 : i >= n ? n - 1 : i;
    default: return i < 0 ? i + n : i >= n ? i - n : i;
  }
}

/// A border along one axis: places [0, before) and [before + n, size) of the padded axis show elements of the inside.
struct Border {
  PadMode mode;
  int axis;
  std::int64_t before, n, size;

  /// f(block, place, source) for every block of rows and every place of the border.
  template <class F>
  void for_each(std::int64_t blocks, const F& f) const {
    for (std::int64_t o = 0; o < blocks; ++o) {
      for (std::int64_t i = 0; i < before; ++i) f(o, i, padded_source(mode, i - before, n));
      for (std::int64_t i = before + n; i < size; ++i) f(o, i, padded_source(mode, i - before, n));
    }
  }
};

/// x with a border along one axis, or (Fold) the gradient of that: the inside, with what each border place holds added to
/// its source. Each is the other's gradient.
template <bool Fold, Scalar T, Device D>
Tensor<T, D> bordered(const Tensor<T, D>& x, const Border& b) {
  Shape shape = x.shape();
  shape[b.axis] = Fold ? b.n : b.size;
  Tensor<T, D> out = empty_tensor<T, D>(shape);
  const RecordPtr dense = dense_record(x.handle());
  std::int64_t blocks = 1, row = 1;
  for (int i = 0; i < shape.size(); ++i) (i < b.axis ? blocks : row) *= i == b.axis ? 1 : shape[i];
  const T* from = reinterpret_cast<const T*>(dense->data);
  T* to = out.data_ptr();
  count_pass();
  for (std::int64_t o = 0; o < blocks; ++o)
    std::memcpy(static_cast<void*>(to + (Fold ? o * b.n : o * b.size + b.before) * row), from + (Fold ? o * b.size + b.before : o * b.n) * row,
                static_cast<std::size_t>(b.n * row) * sizeof(T));
  b.for_each(blocks, [&](std::int64_t o, std::int64_t place, std::int64_t source) {
    if constexpr (Fold) {
      for (std::int64_t i = 0; i < row; ++i) accumulate(to[(o * b.n + source) * row + i], from[(o * b.size + place) * row + i]);
    } else {
      std::memcpy(static_cast<void*>(to + (o * b.size + place) * row), from + (o * b.n + source) * row, static_cast<std::size_t>(row) * sizeof(T));
    }
  });
  auto backward = [b](const autograd::BackwardContext& ctx) {
    if (ctx.wants(0)) ctx.give(0, bordered<!Fold>(ctx.grad<T, D>(), b));
  };
  return record_op("pad", std::move(out), false, std::move(backward), x);
}

template <Scalar T, Device D>
Tensor<T, D> pad_tensor(Tensor<T, D> y, const Padding& amounts, const PadOptions& options) {
  if (amounts.axes() > y.dim())
    raise<ShapeError>("pad", "amounts for ", amounts.axes(), " axes do not fit a tensor of shape ", y.shape());
  const Shape given = y.shape();
  Dims before = Dims::filled(y.dim(), 0);
  Shape shape = given;
  bool grows = false;
  for (int i = 0; i < amounts.axes(); ++i) {
    const int axis = y.dim() - 1 - i;
    const std::int64_t b = amounts.before(i), a = amounts.after(i), n = given[axis];
    if (n + b + a < 0 || n + std::min<std::int64_t>(b, 0) + std::min<std::int64_t>(a, 0) < 0)
      raise<ShapeError>("pad", "amounts (", b, ", ", a, ") crop more than axis ", axis, " of shape ", given, " has");
    const std::int64_t most = b > a ? b : a;
    const bool fits = most <= 0 || options.mode == PadMode::constant ||
                      (options.mode == PadMode::reflect    ? most < n
                       : options.mode == PadMode::circular ? most <= n
                                                           : n > 0);
    if (!fits) raise<ShapeError>("pad", "amounts (", b, ", ", a, ") are more than axis ", axis, " of shape ", given, " can give");
    before[axis] = b > 0 ? b : 0;
    shape[axis] = n + b + a;
    grows = grows || b > 0 || a > 0;
  }
  check_shape("pad", shape);
  for (int i = 0; i < amounts.axes(); ++i) {
    const int axis = y.dim() - 1 - i;
    const std::int64_t b = std::max<std::int64_t>(-amounts.before(i), 0), a = std::max<std::int64_t>(-amounts.after(i), 0);
    if (b > 0 || a > 0) y = narrow(y, axis, b, y.shape()[axis] - b - a);
  }
  if (!grows) return clone(y);
  if (options.mode == PadMode::constant) return pad_constant(y, before, shape, checked_cast<T>("pad", options.value));
  for (int axis = 0; axis < y.dim(); ++axis)
    if (shape[axis] != y.shape()[axis]) y = bordered<false>(y, {options.mode, axis, before[axis], y.shape()[axis], shape[axis]});
  return y;
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
