// SPDX-License-Identifier: MIT
// Sizes and strides of a tensor: up to eight numbers kept inline, never on the heap.
#pragma once

#include <taper/core/error.hpp>

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace taper::inline TAPER_ABI {

/// The most dimensions a tensor may have.
inline constexpr int max_rank = 8;

/// A short list of numbers, one per dimension: a tensor's shape, its strides, or a list of axes.
class Dims {
 public:
  constexpr Dims() = default;
  constexpr Dims(std::initializer_list<std::int64_t> values) : Dims(std::span(values.begin(), values.size())) {}
  constexpr Dims(std::span<const std::int64_t> values) {
    if (values.size() > static_cast<std::size_t>(max_rank)) too_long(values.size());
    for (const std::int64_t v : values) v_[rank_++] = v;
  }
  /// n times the same value.
  static constexpr Dims filled(int n, std::int64_t value) {
    Dims out;
    for (int i = 0; i < n; ++i) out.push_back(value);
    return out;
  }

  TAPER_INLINE constexpr int size() const { return static_cast<int>(rank_); }
  constexpr bool empty() const { return rank_ == 0; }
  TAPER_INLINE constexpr std::int64_t operator[](int i) const { return v_[i]; }
  TAPER_INLINE constexpr std::int64_t& operator[](int i) { return v_[i]; }
  /// The i-th value from the front, or from the back where i is negative.
  constexpr std::int64_t at(int i) const { return v_[i < 0 ? i + rank_ : i]; }
  TAPER_INLINE constexpr const std::int64_t* begin() const { return v_; }
  TAPER_INLINE constexpr const std::int64_t* end() const { return v_ + rank_; }
  TAPER_INLINE constexpr std::int64_t* begin() { return v_; }
  TAPER_INLINE constexpr std::int64_t* end() { return v_ + rank_; }
  constexpr std::int64_t back() const { return v_[rank_ - 1]; }

  constexpr void push_back(std::int64_t v) {
    if (rank_ == max_rank) too_long(static_cast<std::size_t>(max_rank) + 1);
    v_[rank_++] = v;
  }
  constexpr void insert(int at, std::int64_t v) {
    push_back(v);
    for (int i = size() - 1; i > at; --i) v_[i] = v_[i - 1];
    v_[at] = v;
  }
  constexpr void erase(int at) {
    for (int i = at; i + 1 < rank_; ++i) v_[i] = v_[i + 1];
    --rank_;
  }

  /// The product of all values: the number of elements of a shape (1 for no dimension).
  constexpr std::int64_t numel() const {
    std::int64_t n = 1;
    for (int i = 0; i < rank_; ++i) n *= v_[i];
    return n;
  }

  friend constexpr bool operator==(const Dims& a, const Dims& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i)
      if (a.v_[i] != b.v_[i]) return false;
    return true;
  }

 private:
  [[noreturn]] static void too_long(std::size_t n) {
    base::raise<ShapeError>("shape", "a tensor has at most 8 dimensions, not ", n);
  }

  std::int64_t v_[max_rank] = {};
  std::int64_t rank_ = 0;  // whole words: a copy whose last word is a part of one waits for the stores before it
};

using Shape = Dims;
using Strides = Dims;

/// "(2, 3)", "(5,)", "()".
inline std::string to_string(const Dims& dims) {
  std::string out = "(";
  for (int i = 0; i < dims.size(); ++i) {
    if (i > 0) out += ", ";
    base::append(out, dims[i]);
  }
  return out + (dims.size() == 1 ? ",)" : ")");
}

namespace base {

/// Strides of a dense row-major tensor.
constexpr Strides contiguous_strides(const Shape& shape) {
  Strides out = shape;
  std::int64_t step = 1;
  for (int i = shape.size() - 1; i >= 0; --i) {
    out[i] = step;
    step *= shape[i] > 0 ? shape[i] : 1;
  }
  return out;
}

constexpr bool is_contiguous(const Shape& shape, const Strides& strides) {
  if (shape.numel() == 0) return true;
  std::int64_t step = 1;
  for (int i = shape.size() - 1; i >= 0; --i) {
    if (shape[i] != 1 && strides[i] != step) return false;
    step *= shape[i];
  }
  return true;
}

/// An axis counted from the back made one from the front; throws IndexError where it is out of range.
inline int wrap_axis(std::string_view op, std::int64_t axis, int rank) {
  const int n = rank > 0 ? rank : 1;  // a 0-dim tensor takes axes 0 and -1, as in PyTorch
  if (axis < -n || axis >= n)
    raise<IndexError>(op, "axis ", axis, " is out of range for ", rank, " dimensions: use ", -n, " to ", n - 1);
  return static_cast<int>(axis < 0 ? axis + n : axis);
}

/// n times a size of a shape, 0 counted as 1 as in strides; refused where it is more than bytes can be counted of.
inline std::int64_t times_size(std::string_view op, const Shape& shape, std::int64_t n, std::int64_t size) {
  if (size != 0 && (__builtin_mul_overflow(n, size, &n) || n > std::int64_t{1} << 58))
    raise<ShapeError>(op, "the shape ", shape, " has too many elements");
  return n;
}
/// Checks that sizes are not negative and that the number of elements fits in 63 bits.
inline void check_shape(std::string_view op, const Shape& shape) {
  std::int64_t n = 1;
  for (const std::int64_t size : shape) {
    if (size < 0) raise<ShapeError>(op, "the shape ", shape, " has a negative size");
    n = times_size(op, shape, n, size);
  }
}

/// The shape that both broadcast to; throws ShapeError naming both.
inline Shape broadcast_shapes(std::string_view op, const Shape& a, const Shape& b) {
  if (a == b) return a;
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  Shape out = longer;
  const int lead = longer.size() - shorter.size();
  for (int i = lead; i < longer.size(); ++i) {
    const std::int64_t x = longer[i], y = shorter[i - lead];
    if (x != y && x != 1 && y != 1)
      raise<ShapeError>(op, "the shapes ", a, " and ", b, " cannot be broadcast: size ", a.at(i - longer.size()), " meets ",
                        b.at(i - longer.size()), " in dimension ", i - longer.size(), "; sizes must be equal or 1");
    out[i] = x == 1 ? y : x;
  }
  check_shape(op, out);
  return out;
}

/// The strides of a tensor seen at the larger shape it broadcasts to: 0 along broadcast dimensions.
[[gnu::noinline]] constexpr Strides broadcast_strides(const Shape& from, const Strides& strides, const Shape& to) {
  Strides out = Dims::filled(to.size(), 0);
  const int lead = to.size() - from.size();
  for (int i = 0; i < from.size(); ++i)
    if (from[i] != 1) out[i + lead] = strides[i];
  return out;
}

}  // namespace base

}  // namespace taper::inline TAPER_ABI
