// SPDX-License-Identifier: MIT
// Losses of class numbers on a device, each with its gradient.
#pragma once

#include <taper/backend/cpu/cross_entropy.hpp>
#include <taper/backend/cuda/lines.hpp>
#include <taper/backend/cuda/positions.hpp>
#include <taper/backend/cuda/reduce_program.hpp>
#include <taper/backend/cuda/scratch.hpp>

namespace taper::inline TAPER_CODE::detail {

/// What the targets of a loss add up to: the sum of their weights, and the first that is no class.
struct ClassCount {
  static constexpr std::int64_t none = std::numeric_limits<std::int64_t>::max();
  double total = 0;
  std::int64_t wrong = none;
};
struct ClassCountReducer {
  using Acc = ClassCount;
  TAPER_HD static constexpr Acc identity() { return {}; }
  TAPER_HD static void combine(Acc& acc, const Acc& other) {
    acc.total += other.total;
    if (other.wrong < acc.wrong) acc.wrong = other.wrong;
  }
};
template <class T>
struct CountClass {
  static constexpr int operands = 1;
  const std::int64_t* target;
  const T* weight;
  std::int64_t classes, ignore;
  template <class Index>
  TAPER_INLINE TAPER_HD ClassCount operator()(const Index* at) const {
    const std::int64_t t = target[at[0]];
    if (t == ignore) return {};
    if (t < 0 || t >= classes) return {0, static_cast<std::int64_t>(at[0])};
    return {weight ? static_cast<double>(static_cast<compute_t<T>>(weight[t])) : 1.0, ClassCount::none};
  }
};
struct StoreClassTotal {
  double* total;
  StoreFault<std::int64_t> wrong;
  TAPER_INLINE TAPER_HD void operator()(std::int64_t i, const ClassCount& acc) const {
    *total = acc.total;
    wrong(i, acc.wrong);
  }
};

/// A device's CrossEntropyArgs. mass: what a sample's probabilities are multiplied by in its gradient, or null. total: what the
/// mean divides by, or null. A sample of no class counts for nothing: the host hears of it later.
template <class T>
struct ClassLossArgs {
  CrossEntropyArgs<T> a;
  T* mass;
  const double* total;

  TAPER_INLINE TAPER_HD bool counts(std::int64_t t) const { return t != a.ignore && t >= 0 && t < a.classes; }
  TAPER_INLINE TAPER_HD compute_t<T> scale() const { return static_cast<compute_t<T>>(total ? 1 / *total : 1.0); }
  TAPER_INLINE TAPER_HD Lines lines() const { return {a.outer, a.classes, a.inner}; }
  TAPER_INLINE TAPER_HD compute_t<T> weight(std::int64_t c) const {
    return a.weight ? static_cast<compute_t<T>>(a.weight[c]) : compute_t<T>(1);
  }
};

/// As the host's sample_loss: a block for each sample.
template <class T>
struct CrossEntropyKernel : ClassLossArgs<T> {
  template <class Block>
  TAPER_HD void operator()(const Block& block, std::int64_t sample) const {
    using C = compute_t<T>;
    const CrossEntropyArgs<T>& a = this->a;
    const Lines lines = this->lines();
    const T* x = a.x + lines.first(sample);
    T* g = a.gradient ? a.gradient + lines.first(sample) : nullptr;
    const std::int64_t t = a.target[sample];
    const bool counts = this->counts(t);
    C maximum(0), sum(1), mass(0), own(0), each(0);
    if (counts) {  // the same for all threads of a block
      maximum = line_maximum(block, lines, x);
      sum = line_exponentials(block, lines, x, maximum);
      const C log_sum = math::log(sum);
      own = mass = this->weight(t) * static_cast<C>(1 - a.smoothing);
      C loss = own * ((maximum - static_cast<C>(x[t * a.inner])) + log_sum);
      if (a.smoothing > 0) {
        each = static_cast<C>(a.smoothing) / static_cast<C>(a.classes);
        TwoSums spread;
        for (std::int64_t c = block.thread(); c < a.classes; c += block.threads()) {
          const C w = this->weight(c);
          spread.a += w * ((maximum - static_cast<C>(x[c * a.inner])) + log_sum);
          spread.b += w;
        }
        spread = block.template reduce<TwoSumsReducer>(spread);
        loss += each * static_cast<C>(spread.a);
        mass += each * static_cast<C>(spread.b);
      }
      if (block.thread() == 0) a.loss[sample] = loss;
    } else if (block.thread() == 0) {
      a.loss[sample] = C(0);
    }
    const C scale = this->scale();
    if (this->mass && block.thread() == 0) this->mass[sample] = static_cast<T>(counts ? mass * scale : C(0));
    if (!g) return;
    for (std::int64_t c = block.thread(); c < a.classes; c += block.threads()) {
      C v(0);
      if (counts) {
        v = mass * math::exp(static_cast<C>(x[c * a.inner]) - maximum) / sum;
        if (each > 0) v -= this->weight(c) * each;
        if (c == t) v -= own;
        v *= scale;
      }
      g[c * a.inner] = static_cast<T>(v);
    }
  }
};

/// loss = -w[t] x[t] of a sample.
template <class T>
struct LikelihoodKernel : ClassLossArgs<T> {
  TAPER_HD void operator()(std::int64_t sample) const {
    using C = compute_t<T>;
    const std::int64_t t = this->a.target[sample];
    this->a.loss[sample] =
        this->counts(t)
            ? -this->weight(t) * static_cast<C>(this->a.x[this->lines().first(sample) + t * this->a.inner])
            : C(0);
  }
};
/// One element of its gradient.
template <class T>
struct LikelihoodGradientKernel : ClassLossArgs<T> {
  TAPER_HD void operator()(std::int64_t i) const {
    using C = compute_t<T>;
    const CrossEntropyArgs<T>& a = this->a;
    const std::int64_t row = i / a.inner, c = row % a.classes, t = a.target[row / a.classes * a.inner + i % a.inner];
    a.gradient[i] = static_cast<T>(this->counts(t) && t == c ? -this->weight(t) * this->scale() : C(0));
  }
};

/// The sum of losses, divided by a total where there is one.
template <class T>
struct StoreLoss {
  T* out;
  const double* total;
  TAPER_INLINE TAPER_HD void operator()(std::int64_t, double sum) const { *out = static_cast<T>(static_cast<compute_t<T>>(total ? sum / *total : sum)); }
};

template <class D>
struct DeviceClassLosses {
  using System = typename D::System;

  /// Losses and gradients of class numbers; the sum or mean of the losses goes to `out` where that is not null.
  template <bool Logits, class T>
  static void class_loss(std::string_view op, const CrossEntropyArgs<T>& a, T* mass, const Shape& samples, bool mean, T* out) {
    using C = compute_t<T>;
    const std::int64_t n = samples.numel();
    DeviceOperand targets{reinterpret_cast<std::byte*>(const_cast<std::int64_t*>(a.target)), Strides{1}},
        losses{reinterpret_cast<std::byte*>(a.loss), Strides{1}};
    const DeviceScratch<D, double> total(1);
    device_reduce<D, ClassCountReducer>({nullptr, Shape{n}, &targets}, 1,
                                        CountClass<T>{a.target, a.weight, a.classes, a.ignore},
                                        StoreClassTotal{total.get(), {a.target, base::NumberFault::of_class(op, samples, a.classes), &base::FaultBox<System>::get()}});
    if (System::finished()) base::raise_fault<System>("");
    const double* const divisor = mean ? total.get() : nullptr;
    if constexpr (Logits) {
      const CrossEntropyKernel<T> kernel{{a, mass, divisor}};
      for_each_line<D>(kernel.lines(), kernel);
    } else if (n > 0) {
      System::for_each(n, LikelihoodKernel<T>{{a, nullptr, divisor}});
      if (a.gradient) System::for_each(n * a.classes, LikelihoodGradientKernel<T>{{a, nullptr, divisor}});
    }
    using P = Program<C, List<C>, List<>, List<>, leaf_code>;
    if (out) device_reduce<D, SumReducer<C>>({nullptr, Shape{n}, &losses}, 1, ProgramValue<P>{{losses.data}, {}}, StoreLoss<T>{out, divisor});
  }
};

}  // namespace taper::inline TAPER_CODE::detail
