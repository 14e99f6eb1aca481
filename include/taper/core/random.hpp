// SPDX-License-Identifier: MIT
// Fresh random tensors. Element i is a function of (seed, offset, i), whatever the threads; each call takes one offset.
#pragma once

#include <taper/core/factory.hpp>
#include <taper/core/generator.hpp>

namespace taper::inline TAPER_CODE {

namespace detail {

inline constexpr std::int64_t random_grain = 1 << 14;  // whole groups of every distribution

/// What a fill is given: the numbers [first, first + n) of a stream, into dense memory. A complex element takes two.
template <Scalar T>
struct Dense {
  using R = real_t<T>;
  static constexpr std::int64_t parts = Complex<T> ? 2 : 1;
  R* out;
  std::int64_t first, n;
  Dense(T* p, std::int64_t f, std::int64_t count) : out(reinterpret_cast<R*>(p)), first(f * parts), n(count * parts) {}
};

// A fill writes numbers [first, first + n) of the stream s on the host. numbers() is what a device's threads pick them from
// (random_fill.hpp).
template <Scalar T, class A = Abi>
struct UniformFill {
  GeneratorState s;
  double low, high;
  void operator()(T* p, std::int64_t first, std::int64_t n) const {
    const Dense<T> d(p, first, n);
    fill_uniform<real_t<T>, A>(d.out, d.first, d.n, s.seed, s.offset, low, high);
  }
  random::Uniform<real_t<T>> numbers() const { return {low, high}; }
};
/// Of a complex number both parts have half the variance.
template <Scalar T, class A = Abi>
struct NormalFill {
  GeneratorState s;
  double mean, deviation;
  void operator()(T* p, std::int64_t first, std::int64_t n) const {
    const Dense<T> d(p, first, n);
    fill_normal<real_t<T>, A>(d.out, d.first, d.n, s.seed, s.offset, mean, part());
  }
  random::Normal<real_t<T>> numbers() const {
    using C = compute_t<real_t<T>>;
    return {static_cast<C>(mean), static_cast<C>(part())};
  }

 private:
  double part() const { return Complex<T> ? deviation * 0.70710678118654752440 : deviation; }
};
template <Scalar T, class A = Abi>
struct IntegerFill {
  GeneratorState s;
  std::int64_t low, high;
  void operator()(T* p, std::int64_t first, std::int64_t n) const {
    fill_integers<T, A>(p, first, n, s.seed, s.offset, low, high);
  }
  random::Integers<T> numbers() const { return {low, high}; }
};
template <Scalar T, class A = Abi>
struct BernoulliFill {
  GeneratorState s;
  double p1;
  void operator()(T* p, std::int64_t first, std::int64_t n) const {
    fill_bernoulli<T, A>(p, first, n, s.seed, s.offset, p1);
  }
  random::Bernoulli<T> numbers() const { return random::Bernoulli<T>(p1); }
};

template <Scalar T, Device D, class Fill>
Tensor<T, D> random_tensor(Tensor<T, D> out, const Fill& fill) {
  if constexpr (!on_host<D>) {
    Accelerator<D>::template randomise<T>(out.record(), fill);
  } else {
    T* p = out.data_ptr();
    parallel_for(out.numel(), random_grain,
                 [&](std::int64_t begin, std::int64_t end) { fill(p + begin, begin, end - begin); });
  }
  return out;
}

/// Checks that integers in [low, high) exist and that T holds them all.
template <Scalar T>
void check_integers(std::string_view op, std::int64_t low, std::int64_t high) {
  if (low >= high) raise<ValueError>(op, "low must be below high: ", low, " >= ", high);
  if constexpr (Integral<T>) {
    if (low < std::int64_t{std::numeric_limits<T>::lowest()} || high - 1 > std::int64_t{std::numeric_limits<T>::max()})
      raise<ValueError>(op, "the integers from ", low, " to ", high - 1, " are out of range for ", name(dtype_of<T>));
  } else {
    constexpr std::int64_t limit = std::int64_t{1} << std::numeric_limits<T>::digits;
    if (low < -limit || high - 1 > limit)
      raise<ValueError>(op, "not all integers from ", low, " to ", high - 1, " are exact in ", name(dtype_of<T>),
                        ": use a wider dtype");
  }
}
inline void check_probability(std::string_view op, double p) {
  if (!(p >= 0 && p <= 1)) raise<ValueError>(op, "a probability must lie between 0 and 1, got ", p);
}
inline void check_deviation(std::string_view op, double deviation) {
  if (!(deviation >= 0)) raise<ValueError>(op, "a standard deviation must not be negative, got ", deviation);
}

}  // namespace detail

/// Uniform numbers in [0, 1); of a complex dtype both parts.
/// Throws: ShapeError for a negative size or too many elements (so do all functions of this file).
template <Differentiable T = float, Device D = Cpu, class A = Abi>
Tensor<T, D> rand(const Shape& shape, Generator& generator = default_generator()) {
  Tensor<T, D> out = detail::fresh_dense<T, D>("rand", shape);
  return detail::random_tensor(std::move(out), detail::UniformFill<T, A>{generator.take(), 0, 1});
}

TAPER_REFUSE_LOOSE_SIZES(rand)
TAPER_REFUSE_LOOSE_SIZES(randn)

/// Standard normal numbers; of a complex dtype with variance 1 in both parts together.
template <Differentiable T = float, Device D = Cpu, class A = Abi>
Tensor<T, D> randn(const Shape& shape, Generator& generator = default_generator()) {
  Tensor<T, D> out = detail::fresh_dense<T, D>("randn", shape);
  return detail::random_tensor(std::move(out), detail::NormalFill<T, A>{generator.take(), 0, 1});
}

/// Normal numbers of one mean and standard deviation.
template <Differentiable T = float, Device D = Cpu, class A = Abi>
Tensor<T, D> normal(double mean, double deviation, const Shape& shape, Generator& generator = default_generator()) {
  detail::check_deviation("normal", deviation);
  Tensor<T, D> out = detail::fresh_dense<T, D>("normal", shape);
  return detail::random_tensor(std::move(out), detail::NormalFill<T, A>{generator.take(), mean, deviation});
}

/// Integers in [low, high), all equally likely. Throws: ValueError where there is none or the dtype does not hold them.
template <Scalar T = std::int64_t, Device D = Cpu, class A = Abi>
  requires(!Complex<T>)
Tensor<T, D> randint(std::int64_t low, std::int64_t high, const Shape& shape,
                     Generator& generator = default_generator()) {
  detail::check_integers<T>("randint", low, high);
  Tensor<T, D> out = detail::fresh_dense<T, D>("randint", shape);
  return detail::random_tensor(std::move(out), detail::IntegerFill<T, A>{generator.take(), low, high});
}
/// Integers in [0, high).
template <Scalar T = std::int64_t, Device D = Cpu, class A = Abi>
  requires(!Complex<T>)
Tensor<T, D> randint(std::int64_t high, const Shape& shape, Generator& generator = default_generator()) {
  return randint<T, D, A>(0, high, shape, generator);
}

/// The numbers 0 .. n-1 in random order.
template <Scalar T = std::int64_t, Device D = Cpu, class A = Abi>
  requires(!Complex<T> && !std::same_as<T, bool>)
Tensor<T, D> randperm(std::int64_t n, Generator& generator = default_generator()) {
  auto order = detail::fresh_dense<std::int64_t, Cpu>("randperm", {n});
  if (n > 0) detail::check_integers<T>("randperm", 0, n);
  const GeneratorState s = generator.take();
  detail::fill_permutation<A>(order.data_ptr(), n, s.seed, s.offset);
  if constexpr (std::same_as<T, std::int64_t>) {
    return detail::on_device<D>(std::move(order));
  } else {
    const std::int64_t* from = std::as_const(order).data_ptr();
    return detail::generate<T, D, A>(
        "randperm", {n}, [=](std::int64_t i) { return static_cast<T>(static_cast<compute_t<T>>(from[i])); });
  }
}

/// 1 with probability p, else 0. Throws: ValueError for a p outside [0, 1].
template <Scalar T = float, Device D = Cpu, class A = Abi>
  requires(!Complex<T>)
Tensor<T, D> bernoulli(double p, const Shape& shape, Generator& generator = default_generator()) {
  detail::check_probability("bernoulli", p);
  Tensor<T, D> out = detail::fresh_dense<T, D>("bernoulli", shape);
  return detail::random_tensor(std::move(out), detail::BernoulliFill<T, A>{generator.take(), p});
}

/// Random tensors of x's shape and device, and of its dtype where none is given. They lie in memory as x does where x is dense,
/// and are drawn in the order of memory.
template <class T = void, TensorLike X>
auto rand_like(const X& x, Generator& generator = default_generator()) {
  return detail::in_order_of(x, rand<detail::or_t<T, value_t<X>>, device_t<X>>(x.shape(), generator));
}
template <class T = void, TensorLike X>
auto randn_like(const X& x, Generator& generator = default_generator()) {
  return detail::in_order_of(x, randn<detail::or_t<T, value_t<X>>, device_t<X>>(x.shape(), generator));
}
template <class T = void, TensorLike X>
auto randint_like(const X& x, std::int64_t low, std::int64_t high, Generator& generator = default_generator()) {
  return detail::in_order_of(x, randint<detail::or_t<T, value_t<X>>, device_t<X>>(low, high, x.shape(), generator));
}
template <class T = void, TensorLike X>
auto randint_like(const X& x, std::int64_t high, Generator& generator = default_generator()) {
  return detail::in_order_of(x, randint<detail::or_t<T, value_t<X>>, device_t<X>>(0, high, x.shape(), generator));
}

}  // namespace taper::inline TAPER_CODE
