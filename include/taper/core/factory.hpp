// SPDX-License-Identifier: MIT
// Fresh tensors: zeros, ones, full, empty, eye, ranges, and tensors like another. tensor({...}) is in core/literal.hpp.
#pragma once

#include <taper/core/checked_cast.hpp>
#include <taper/core/literal.hpp>
#include <taper/core/tensor.hpp>

#include <cmath>
#include <cstring>

namespace taper::inline TAPER_CODE {

namespace detail {

inline constexpr std::int64_t fill_grain = 1 << 16;

template <class T, class A = Abi>
TAPER_KERNEL void fill_value(T* out, std::int64_t n, T value) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = value;
}

/// A dense tensor whose elements i are f(i).
template <Scalar T, Device D, class A, class F>
Tensor<T, D> generate(std::string_view op, const Shape& shape, const F& f) {
  Tensor<T> out = fresh_dense<T, Cpu>(op, shape);
  T* p = out.data_ptr();
  parallel_for(out.numel(), fill_grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) p[i] = f(i);
  });
  return on_device<D>(std::move(out));
}

template <class S>
concept RangeBound = ScalarLike<S> && !Complex<S> && !std::same_as<S, bool>;

/// arange's dtype where none is given.
template <class... S>
using range_t = std::conditional_t<(std::is_integral_v<S> && ...), std::int64_t, float>;
template <class T, class Otherwise>
using or_t = std::conditional_t<std::is_void_v<T>, Otherwise, T>;

template <class N>
void check_range(N start, N end, N step) {
  if (step == N(0)) raise<ValueError>("arange", "the step must not be 0");
  if (step > N(0) ? end < start : end > start)
    raise<ValueError>("arange", "from ", start, " to ", end, " a step of ", step, " leads the wrong way");
}

struct error_sizes_are_written_in_braces;  // left incomplete: its name is the diagnostic

}  // namespace detail

// Beside a factory: zeros<float>(2, 3) is refused by name.
#define TAPER_REFUSE_LOOSE_SIZES(function)                                                                     \
  template <Scalar T = float, Device D = Cpu, std::integral... N, class Fault = detail::error_sizes_are_written_in_braces> \
    requires(sizeof...(N) > 0)                                                                                 \
  Fault function(N...) = delete;
TAPER_REFUSE_LOOSE_SIZES(empty)
TAPER_REFUSE_LOOSE_SIZES(zeros)
TAPER_REFUSE_LOOSE_SIZES(ones)

/// A tensor whose elements are not set.
/// Throws: ShapeError for a negative size or too many elements (so do all functions of this file).
template <Scalar T = float, Device D = Cpu>
Tensor<T, D> empty(const Shape& shape) {
  detail::check_shape("empty", shape);
  return Tensor<T, D>(detail::make_dense<D>(dtype_of<T>, shape));
}

/// All elements 0.
template <Scalar T = float, Device D = Cpu>
Tensor<T, D> zeros(const Shape& shape) {
  detail::check_shape("zeros", shape);
  Tensor<T, D> out(detail::make_dense<D>(dtype_of<T>, shape));
  if constexpr (!detail::on_host<D>) {
    if (out.numel() > 0) D::zero(out.data_ptr(), static_cast<std::size_t>(out.numel()) * sizeof(T));
  } else {
    auto* bytes = reinterpret_cast<char*>(out.data_ptr());
    const auto each = static_cast<std::int64_t>(sizeof(T));
    parallel_for(out.numel() * each, detail::fill_grain * each, [=](std::int64_t begin, std::int64_t end) {
      std::memset(bytes + begin, 0, static_cast<std::size_t>(end - begin));
    });
  }
  return out;
}

/// All elements `value`. Without a dtype the value's: int64 for integers, float for floating ones, as in PyTorch.
template <class T = void, Device D = Cpu, ScalarLike S, class A = Abi>
  requires detail::FitsIn<S, detail::or_t<T, detail::literal_t<S>>>
Tensor<detail::or_t<T, detail::literal_t<S>>, D> full(const Shape& shape, S value) {
  using U = detail::or_t<T, detail::literal_t<S>>;
  const U element = detail::checked_cast<U>("full", value);
  Tensor<U, D> out = detail::fresh_dense<U, D>("full", shape);
  if constexpr (!detail::on_host<D>) {
    detail::Accelerator<D>::template fill<U>(out.record(), element);
  } else {
    U* p = out.data_ptr();
    parallel_for(out.numel(), detail::fill_grain, [=](std::int64_t begin, std::int64_t end) {
      detail::fill_value<U, A>(p + begin, end - begin, element);
    });
  }
  return out;
}

/// All elements 1.
template <Scalar T = float, Device D = Cpu, class A = Abi>
Tensor<T, D> ones(const Shape& shape) {
  return full<T, D, int, A>(shape, 1);
}

/// The (rows, columns) matrix with ones on its diagonal; square where no columns are given.
template <Scalar T = float, Device D = Cpu>
Tensor<T, D> eye(std::int64_t rows, std::int64_t columns) {
  detail::check_shape("eye", {rows, columns});
  Tensor<T> out = zeros<T, Cpu>({rows, columns});
  T* p = out.data_ptr();
  for (std::int64_t i = 0; i < rows && i < columns; ++i) p[i * (columns + 1)] = detail::checked_cast<T>("eye", 1);
  return detail::on_device<D>(std::move(out));
}
template <Scalar T = float, Device D = Cpu>
Tensor<T, D> eye(std::int64_t n) {
  return eye<T, D>(n, n);
}

/// start, start + step, ... below end (above it where the step is negative).
/// Shapes: (ceil((end - start) / step)). Dtypes: int64 where all arguments are integers, float otherwise; or as given.
/// Throws: ValueError for a step of 0 or away from the end, infinite bounds, or values that the dtype cannot hold.
template <class T = void, Device D = Cpu, detail::RangeBound A, detail::RangeBound B, detail::RangeBound C = int,
          class Tag = Abi>
auto arange(A start, B end, C step = 1) {
  using U = detail::or_t<T, detail::range_t<A, B, C>>;
  static_assert(Scalar<U> && !Complex<U> && !std::same_as<U, bool>, "arange gives integers or floating numbers");
  if constexpr (std::is_integral_v<A> && std::is_integral_v<B> && std::is_integral_v<C>) {
    const auto from = detail::checked_cast<std::int64_t>("arange", start);
    const auto to = detail::checked_cast<std::int64_t>("arange", end);
    const auto by = detail::checked_cast<std::int64_t>("arange", step);
    detail::check_range(from, to, by);
    // Unsigned: the distance between two int64 may not fit in one.
    const auto first = static_cast<std::uint64_t>(from), stride = static_cast<std::uint64_t>(by);
    const std::uint64_t distance =
        by > 0 ? static_cast<std::uint64_t>(to) - first : first - static_cast<std::uint64_t>(to);
    const std::uint64_t pace = by > 0 ? stride : -stride;
    const std::uint64_t n = distance / pace + (distance % pace != 0);
    if (n >> 58) detail::raise<ShapeError>("arange", "from ", from, " to ", to, " there are too many numbers");
    if (Integral<U> && n > 0) {
      (void)detail::checked_cast<U>("arange", from);
      (void)detail::checked_cast<U>("arange", static_cast<std::int64_t>(first + (n - 1) * stride));
    }
    return detail::generate<U, D, Tag>("arange", {static_cast<std::int64_t>(n)}, [=](std::int64_t i) {
      return static_cast<U>(static_cast<std::int64_t>(first + static_cast<std::uint64_t>(i) * stride));
    });
  } else {
    const auto from = static_cast<double>(start), to = static_cast<double>(end), by = static_cast<double>(step);
    if (!std::isfinite(from) || !std::isfinite(to) || !std::isfinite(by))
      detail::raise<ValueError>("arange", "from ", from, " to ", to, " by ", by,
                                ": the bounds and the step must be finite");
    detail::check_range(from, to, by);
    const double n = std::ceil((to - from) / by);
    if (!(n < 0x1p58)) detail::raise<ShapeError>("arange", "from ", from, " to ", to, " there are too many numbers");
    if (Integral<U> && n > 0) {
      (void)detail::checked_cast<U>("arange", from);
      (void)detail::checked_cast<U>("arange", from + (n - 1) * by);
    }
    return detail::generate<U, D, Tag>("arange", {static_cast<std::int64_t>(n)}, [=](std::int64_t i) {
      return static_cast<U>(static_cast<compute_t<U>>(from + static_cast<double>(i) * by));
    });
  }
}
/// 0, 1, ... below end.
template <class T = void, Device D = Cpu, detail::RangeBound B, class Tag = Abi>
auto arange(B end) {
  return arange<T, D, B, B, int, Tag>(B(0), end);
}

namespace detail {

/// The i-th of `steps` evenly spaced numbers: counted from the nearer end, so that both ends are exact.
inline double spaced(double start, double end, std::int64_t steps, std::int64_t i) {
  if (steps == 1) return start;
  const double step = (end - start) / static_cast<double>(steps - 1);
  return i < steps / 2 ? start + step * static_cast<double>(i) : end - step * static_cast<double>(steps - 1 - i);
}

inline Shape steps_shape(std::string_view op, std::int64_t steps) {
  if (steps < 0) raise<ShapeError>(op, "the number of steps must not be negative, got ", steps);
  return {steps};
}

}  // namespace detail

/// `steps` evenly spaced numbers from start to end, both included. Integer dtypes truncate.
template <Scalar T = float, Device D = Cpu, class A = Abi>
  requires(!Complex<T> && !std::same_as<T, bool>)
Tensor<T, D> linspace(double start, double end, std::int64_t steps) {
  return detail::generate<T, D, A>("linspace", detail::steps_shape("linspace", steps), [=](std::int64_t i) {
    return detail::checked_cast<T>("linspace", detail::spaced(start, end, steps, i));
  });
}

/// `steps` numbers base^start ... base^end, their exponents evenly spaced. Integer dtypes truncate.
template <Scalar T = float, Device D = Cpu, class A = Abi>
  requires(!Complex<T> && !std::same_as<T, bool>)
Tensor<T, D> logspace(double start, double end, std::int64_t steps, double base = 10) {
  return detail::generate<T, D, A>("logspace", detail::steps_shape("logspace", steps), [=](std::int64_t i) {
    return detail::checked_cast<T>("logspace", std::pow(base, detail::spaced(start, end, steps, i)));
  });
}

namespace detail {

/// A fresh tensor, with its axes in the order of x's where x is a dense tensor.
template <Scalar T, Device D, class X>
Tensor<T, D> in_order_of(const X& x, Tensor<T, D> out) {
  if constexpr (std::derived_from<X, Tensor<value_t<X>, device_t<X>>>) set_order(*out.handle(), order_of(x.record()));
  return out;
}

}  // namespace detail

/// Dense tensors of x's shape and device, and of its dtype where none is given: zeros_like(x), zeros_like<double>(x). They lie in
/// memory as x does where x is dense, and in row-major order otherwise.
template <class T = void, TensorLike X>
auto empty_like(const X& x) {
  return detail::in_order_of(x, empty<detail::or_t<T, value_t<X>>, device_t<X>>(x.shape()));
}
template <class T = void, TensorLike X>
auto zeros_like(const X& x) {
  return detail::in_order_of(x, zeros<detail::or_t<T, value_t<X>>, device_t<X>>(x.shape()));
}
template <class T = void, TensorLike X>
auto ones_like(const X& x) {
  return detail::in_order_of(x, ones<detail::or_t<T, value_t<X>>, device_t<X>>(x.shape()));
}
template <class T = void, TensorLike X, ScalarLike S>
auto full_like(const X& x, S value) {
  return detail::in_order_of(x, full<detail::or_t<T, value_t<X>>, device_t<X>>(x.shape(), value));
}

}  // namespace taper::inline TAPER_CODE
