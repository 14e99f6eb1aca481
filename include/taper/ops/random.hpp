// SPDX-License-Identifier: MIT
// Random numbers written into an existing tensor, strided or not, and distributions whose parameters are tensors.
#pragma once

#include <taper/ops/inplace.hpp>

#include <taper/core/elements.hpp>
#include <taper/core/random.hpp>
#include <taper/eval/tensor.hpp>
#include <taper/ops/operands.hpp>
#include <taper/ops/random_numbers.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

/// A tensor that may be written to: a named one, or an unnamed view such as x[0].
template <class X>
concept WritableReal = Writable<X> && !Complex<value_t<X>>;
template <class X>
concept WritableFloating = Writable<X> && Floating<value_t<X>>;

/// Writes fill(out, first, n), the numbers [first, first + n) of a stream in row-major order, into r, in place: what
/// was there before gets no gradient.
template <Scalar T, Device D, class Fill, class A = Abi>
void randomise(TensorRecord& r, const Fill& fill) {
  static_assert(on_host<D> || Accelerated<D>, "random numbers on this device need its backend: compile this file as .cu");
  if constexpr (!on_host<D>) {
    Accelerator<D>::template randomise<T>(r, fill);
  } else if (r.contiguous) {
    T* p = reinterpret_cast<T*>(r.data);
    parallel_for(r.numel, random_grain,
                 [&](std::int64_t begin, std::int64_t end) { fill(p + begin, begin, end - begin); });
  } else {
    const Walk walk(r.shape, r.strides);
    parallel_for(r.numel, random_grain, [&](std::int64_t begin, std::int64_t end) {
      constexpr std::int64_t block = 512;
      alignas(64) std::byte buffer[block * sizeof(T)];
      for (std::int64_t i = begin; i < end; i += block) {
        const std::int64_t n = end - i < block ? end - i : block;
        fill(reinterpret_cast<T*>(buffer), i, n);
        scatter<A>(r.data, buffer, sizeof(T), walk, i, n);
      }
    });
  }
  r.storage->version.fetch_add(1, std::memory_order_relaxed);
  if constexpr (Differentiable<T> && !inference_only)
    if (grad_mode() && autograd::wants_gradient(r))
      autograd::rebase(r, autograd::make_slot_of_constant(grad_ops_of<T, D>(), r.shape));
}

/// What must hold before anything is written.
template <Scalar T, Device D>
TensorRecord& random_target(std::string_view op, TensorRecord& r) {
  check_here<D>(op, {&r});
  if (overlaps_itself(r))
    raise<ValueError>(op, "the target of shape ", r.shape, " and strides ", r.strides,
                      " overlaps itself (expand): clone() it before writing");
  if constexpr (Differentiable<T> && !inference_only) {
    check_in_place(r);
    if (grad_mode() && autograd::wants_gradient(r)) check_recorded_target(r);
  }
  return r;
}

/// The value of x broadcast to `shape`, dense, outside the tape.
template <TensorLike X>
tensor_t<X> dense_at(const X& x, const Shape& shape) {
  using T = value_t<X>;
  using D = device_t<X>;
  const tensor_t<X> t = stored(x);
  check_here<D>("random", {&t.record()});
  if (t.is_contiguous() && t.shape() == shape) return t;
  tensor_t<X> out(make_dense<D>(dtype_of<T>, shape));
  if constexpr (!on_host<D>) {
    Geometry g = geometry_of(t.record());
    g.strides = broadcast_strides(g.shape, g.strides, shape);
    g.shape = shape;
    Accelerator<D>::copy(*make_alias(t.record(), g), out.record());
  } else {
    const Walk walk(shape, broadcast_strides(t.shape(), t.strides(), shape));
    gather(reinterpret_cast<std::byte*>(out.data_ptr()), reinterpret_cast<const std::byte*>(t.data_ptr()), sizeof(T),
           walk, 0, out.numel());
  }
  return out;
}

template <class C>
using Largest = ExtremeReducer<C, true>;
template <class C>
using Smallest = ExtremeReducer<C, false>;

/// Calls check(value) for every element of x, or for x itself where it is a number. On a device the smallest and the largest
/// element, which are NaN where there is one, stand for all of them.
template <class X, class F>
void for_each_value(const X& x, F&& check) {
  if constexpr (!TensorLike<X>) {
    check(static_cast<double>(x));
  } else if constexpr (on_host<device_t<X>>) {
    const tensor_t<X> t = stored(x);
    for_each_offset(t.shape(), t.strides(), [&, data = t.data_ptr()](std::int64_t i) {
      check(static_cast<double>(static_cast<compute_t<value_t<X>>>(data[i])));
    });
  } else {
    using T = value_t<X>;
    if (x.numel() == 0) return;
    for (const tensor_t<X>& end : {tensor_t<X>(fold<Smallest, T>("random", x, {}, false)), tensor_t<X>(fold<Largest, T>("random", x, {}, false))})
      check(static_cast<double>(static_cast<compute_t<T>>(end.item())));
  }
}

template <TensorLike P>
tensor_t<P> probabilities(std::string_view op, const P& p, const Shape& shape) {
  const tensor_t<P> t = stored(p);
  for_each_value(t, [op](double value) { check_probability(op, value); });
  return dense_at(t, shape);
}

/// A parameter of a distribution: one number, or one for each element of a dense tensor.
struct OneParameter {
  double value;
  TAPER_HD double operator[](std::int64_t) const { return value; }
};
template <Scalar T>
struct EachParameter {
  const T* p;
  TAPER_HD double operator[](std::int64_t i) const { return static_cast<double>(static_cast<compute_t<T>>(p[i])); }
};
template <class X>
auto random_parameter(const X& x) {
  if constexpr (TensorLike<X>) return EachParameter<value_t<X>>{x.data_ptr()};
  else return OneParameter{static_cast<double>(x)};
}
/// What random_parameter reads: it lives until the numbers are there.
template <class X>
auto parameter_values(const X& x, const Shape& shape) {
  if constexpr (TensorLike<X>) return dense_at(x, shape);
  else return x;
}

template <class T, class M, class S, class A = Abi>
struct ShiftAndScale {
  M mean;
  S deviation;
  TAPER_HD T operator()(compute_t<T> z, std::int64_t i) const {
    return static_cast<T>(static_cast<compute_t<T>>(mean[i] + deviation[i] * static_cast<double>(z)));
  }
};

}  // namespace detail

/// Fills x with uniform numbers in [low, high); of a complex dtype both parts.
/// Gradient: 0, as of all functions `..._` here.
/// Throws: ValueError for bounds that are infinite or in the wrong order; AutogradError, as all of them, outside NoGrad
/// for a leaf that wants a gradient.
template <detail::Writable X>
  requires Differentiable<value_t<X>>
X uniform_(X&& x, double low = 0, double high = 1, Generator& generator = default_generator()) {
  using T = value_t<X>;
  if (!(low <= high) || !std::isfinite(high - low))
    detail::raise<ValueError>("uniform_", "the bounds must be finite and in order, got ", low, " and ", high);
  detail::TensorRecord& r = detail::random_target<T, device_t<X>>("uniform_", x.record());
  detail::randomise<T, device_t<X>>(r, detail::UniformFill<T>{generator.take(), low, high});
  return std::forward<X>(x);
}

/// Fills x with normal numbers.
template <detail::Writable X>
  requires Differentiable<value_t<X>>
X normal_(X&& x, double mean = 0, double deviation = 1, Generator& generator = default_generator()) {
  using T = value_t<X>;
  detail::check_deviation("normal_", deviation);
  detail::TensorRecord& r = detail::random_target<T, device_t<X>>("normal_", x.record());
  detail::randomise<T, device_t<X>>(r, detail::NormalFill<T>{generator.take(), mean, deviation});
  return std::forward<X>(x);
}

/// Fills x with integers in [low, high).
template <detail::WritableReal X>
X random_(X&& x, std::int64_t low, std::int64_t high, Generator& generator = default_generator()) {
  using T = value_t<X>;
  detail::check_integers<T>("random_", low, high);
  detail::TensorRecord& r = detail::random_target<T, device_t<X>>("random_", x.record());
  detail::randomise<T, device_t<X>>(r, detail::IntegerFill<T>{generator.take(), low, high});
  return std::forward<X>(x);
}
/// Fills x with integers in [0, high).
template <detail::WritableReal X>
X random_(X&& x, std::int64_t high, Generator& generator = default_generator()) {
  return random_(std::forward<X>(x), 0, high, generator);
}
/// Fills x with integers from 0 to the largest that the dtype holds; of a floating dtype to 2^digits.
template <detail::WritableReal X>
X random_(X&& x, Generator& generator = default_generator()) {
  using T = value_t<X>;
  // One above the largest. 2^63 becomes the smallest int64, from which the range is still right.
  std::uint64_t high = 1;
  if constexpr (Integral<T>) high += static_cast<std::uint64_t>(std::numeric_limits<T>::max());
  else high += std::uint64_t{1} << std::numeric_limits<T>::digits;
  detail::TensorRecord& r = detail::random_target<T, device_t<X>>("random_", x.record());
  detail::randomise<T, device_t<X>>(r, detail::IntegerFill<T>{generator.take(), 0, static_cast<std::int64_t>(high)});
  return std::forward<X>(x);
}

/// Fills x with 1, with probability p, and 0.
template <detail::WritableReal X>
X bernoulli_(X&& x, double p = 0.5, Generator& generator = default_generator()) {
  using T = value_t<X>;
  detail::check_probability("bernoulli_", p);
  detail::TensorRecord& r = detail::random_target<T, device_t<X>>("bernoulli_", x.record());
  detail::randomise<T, device_t<X>>(r, detail::BernoulliFill<T>{generator.take(), p});
  return std::forward<X>(x);
}
/// Fills x with 1, with the probability at the same place of p (broadcast to x), and 0.
template <detail::WritableReal X, TensorLike P>
  requires Floating<value_t<P>>
X bernoulli_(X&& x, const P& p, Generator& generator = default_generator()) {
  using T = value_t<X>;
  if (!(detail::broadcast_shapes("bernoulli_", p.shape(), x.shape()) == x.shape()))
    detail::raise<ShapeError>("bernoulli_", "probabilities of shape ", p.shape(), " do not fit a target of shape ",
                              x.shape());
  const auto dense = detail::probabilities("bernoulli_", p, x.shape());
  detail::TensorRecord& r = detail::random_target<T, device_t<X>>("bernoulli_", x.record());
  detail::randomise<T, device_t<X>>(
      r, detail::mapped_fill<T, std::uint32_t>(generator.take(), detail::Words{},
                                               detail::BelowProbability<T, value_t<P>>{dense.data_ptr()}));
  return std::forward<X>(x);
}
/// 1 with the probability at the same place of p, else 0; of p's shape and dtype. Not differentiable.
template <TensorLike P>
  requires Floating<value_t<P>>
tensor_t<P> bernoulli(const P& p, Generator& generator = default_generator()) {
  const auto dense = detail::probabilities("bernoulli", p, p.shape());
  return bernoulli_(empty_like(dense), dense, generator);
}

/// Fills x with exponential numbers of the given rate: density rate exp(-rate x), x > 0.
template <detail::WritableFloating X>
X exponential_(X&& x, double rate = 1, Generator& generator = default_generator()) {
  using T = value_t<X>;
  using C = compute_t<T>;
  if (!(rate > 0)) detail::raise<ValueError>("exponential_", "the rate must be positive, got ", rate);
  detail::TensorRecord& r = detail::random_target<T, device_t<X>>("exponential_", x.record());
  detail::randomise<T, device_t<X>>(r, detail::mapped_fill<T, C>(generator.take(), detail::StandardExponential<C>{},
                                                              detail::ScaleExponential<T>{static_cast<C>(rate)}));
  return std::forward<X>(x);
}

/// Fills x with exp(n) for normal n of the given mean and standard deviation.
template <detail::WritableFloating X>
X log_normal_(X&& x, double mean = 1, double deviation = 2, Generator& generator = default_generator()) {
  using T = value_t<X>;
  using C = compute_t<T>;
  if (!(deviation > 0))
    detail::raise<ValueError>("log_normal_", "the standard deviation must be positive, got ", deviation);
  detail::TensorRecord& r = detail::random_target<T, device_t<X>>("log_normal_", x.record());
  const detail::random::Normal<C> normals{static_cast<C>(mean), static_cast<C>(deviation)};
  detail::randomise<T, device_t<X>>(r, detail::mapped_fill<T, C>(generator.take(), normals, detail::ToLogNormal<T>{}));
  return std::forward<X>(x);
}

/// Fills x with Cauchy numbers: density sigma / (pi (sigma^2 + (x - median)^2)).
template <detail::WritableFloating X>
X cauchy_(X&& x, double median = 0, double sigma = 1, Generator& generator = default_generator()) {
  using T = value_t<X>;
  if (!(sigma > 0)) detail::raise<ValueError>("cauchy_", "sigma must be positive, got ", sigma);
  detail::TensorRecord& r = detail::random_target<T, device_t<X>>("cauchy_", x.record());
  detail::randomise<T, device_t<X>>(
      r, detail::mapped_fill<T, double>(generator.take(), detail::random::Uniform<double>(0, 1),
                                        detail::ToCauchy<T>{median, sigma}));
  return std::forward<X>(x);
}

/// Fills x with the number of trials, each with probability p, up to the first success: 1, 2, ...
template <detail::WritableReal X>
X geometric_(X&& x, double p, Generator& generator = default_generator()) {
  using T = value_t<X>;
  if (!(p > 0 && p < 1)) detail::raise<ValueError>("geometric_", "the probability must lie between 0 and 1, got ", p);
  detail::TensorRecord& r = detail::random_target<T, device_t<X>>("geometric_", x.record());
  detail::randomise<T, device_t<X>>(
      r, detail::mapped_fill<T, double>(generator.take(), detail::StandardExponential<double>{},
                                        detail::ToGeometric<T>{-std::log1p(-p)}));
  return std::forward<X>(x);
}

/// Normal numbers, each of its own mean and standard deviation: tensors, broadcast together, or one tensor and one
/// number. Not differentiable.
template <class M, class S>
  requires FloatingOperands<M, S>
auto normal(const M& mean, const S& deviation, Generator& generator = default_generator()) {
  using T = promoted_t<M, S>;
  using C = compute_t<T>;
  using D = typename detail::FirstDevice<M, S>::type;
  detail::for_each_value(deviation, [](double value) { detail::check_deviation("normal", value); });
  Shape shape;
  bool any = false;
  detail::add_shape("normal", shape, any, mean);
  detail::add_shape("normal", shape, any, deviation);
  const auto means = detail::parameter_values(mean, shape);
  const auto deviations = detail::parameter_values(deviation, shape);
  const auto m = detail::random_parameter(means);
  const auto s = detail::random_parameter(deviations);
  return detail::random_tensor(detail::fresh_dense<T, D>("normal", shape),
                               detail::mapped_fill<T, C>(generator.take(), detail::random::Normal<C>{0, 1},
                                                         detail::ShiftAndScale<T, decltype(m), decltype(s)>{m, s}));
}

}  // namespace taper::inline TAPER_CODE
