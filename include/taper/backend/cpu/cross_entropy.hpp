// SPDX-License-Identifier: MIT
// Cross entropy of logits with class numbers, and its gradient from the same exponentials.
#pragma once

#include <taper/backend/cpu/softmax.hpp>

namespace taper::inline TAPER_CODE::detail {

/// Logits (outer, classes, inner) dense; targets (outer, inner); class weights or null. The target of a sample is the
/// distribution w[t] ((1 - smoothing) [c == t] + smoothing / classes), or nothing where t is ignored.
template <class T>
struct CrossEntropyArgs {
  std::int64_t outer, classes, inner;
  const T* x;
  const std::int64_t* target;
  const T* weight;
  std::int64_t ignore;
  double smoothing;
  double scale;         // of the gradient
  compute_t<T>* loss;   // one a sample
  T* gradient;          // as x, or null
};

namespace entropy {

using namespace lanes;

/// The loss of one sample from its row's maximum and log-sum, and what its gradient multiplies the probabilities by.
template <class T, class A>
TAPER_INLINE compute_t<T> sample_loss(const CrossEntropyArgs<T>& a, const T* x, std::int64_t t, compute_t<T> maximum, compute_t<T> log_sum,
                                      compute_t<T>& mass) {
  using C = compute_t<T>;
  const C s = static_cast<C>(a.smoothing), each = s / static_cast<C>(a.classes);
  const C w = a.weight ? static_cast<C>(a.weight[t]) : C(1);
  mass = w * (C(1) - s);
  C loss = mass * ((maximum - static_cast<C>(x[t * a.inner])) + log_sum);
  if (s > 0) {
    C spread(0);
    for (std::int64_t c = 0; c < a.classes; ++c) {
      const C wc = a.weight ? static_cast<C>(a.weight[c]) : C(1);
      spread += wc * ((maximum - static_cast<C>(x[c * a.inner])) + log_sum);
      mass += wc * each;
    }
    loss += each * spread;
  }
  return loss;
}

/// gradient of one sample: mass p - target, times scale. p holds exponentials that `sum` normalises.
template <class T, class A>
TAPER_INLINE void subtract_target(const CrossEntropyArgs<T>& a, std::int64_t t, T* g) {
  using C = compute_t<T>;
  const C s = static_cast<C>(a.smoothing), scale = static_cast<C>(a.scale), each = s / static_cast<C>(a.classes) * scale;
  const C w = a.weight ? static_cast<C>(a.weight[t]) : C(1);
  T& at = g[t * a.inner];
  at = static_cast<T>(static_cast<C>(at) - w * (C(1) - s) * scale);
  for (std::int64_t c = 0; s > 0 && c < a.classes; ++c)
    g[c * a.inner] = static_cast<T>(static_cast<C>(g[c * a.inner]) - (a.weight ? static_cast<C>(a.weight[c]) : C(1)) * each);
}

template <class T, class A>
TAPER_KERNEL void rows(const CrossEntropyArgs<T>& a, std::int64_t first, std::int64_t last) {
  using C = compute_t<T>;
  using V = PackFor<T, A>;
  const std::int64_t n = a.classes;
  for (std::int64_t r = first; r < last; ++r) {
    const T* x = a.x + r * n;
    T* g = a.gradient ? a.gradient + r * n : nullptr;
    const std::int64_t t = a.target[r];
    if (t == a.ignore) {
      a.loss[r] = C(0);
      for (std::int64_t c = 0; g && c < n; ++c) g[c] = T(0);
      continue;
    }
    C maximum, sum, mass;
    constexpr bool keep = sizeof(T) == sizeof(C);
    if (g && keep) softmaxing::row_exponentials<keep, T, A>(x, n, g, maximum, sum);
    else softmaxing::row_exponentials<false, T, A>(x, n, g, maximum, sum);
    a.loss[r] = sample_loss<T, A>(a, x, t, maximum, math::log(sum), mass);
    if (!g) continue;
    const V factor(mass * static_cast<C>(a.scale) / sum), shift(maximum);
    for (std::int64_t i = 0; i < n; i += pack_lanes) {
      if constexpr (keep) store_some(g + i, n - i, load_some<V>(g + i, n - i, 0) * factor);
      else store_some(g + i, n - i, math::exp(load_some<V>(x + i, n - i, 0) - shift) * factor);
    }
    subtract_target<T, A>(a, t, g);
  }
}

/// Samples side by side: a pack of them at once.
template <class T, class A>
TAPER_KERNEL void columns(const CrossEntropyArgs<T>& args, std::int64_t o) {
  using C = compute_t<T>;
  using V = PackFor<T, A>;
  const std::int64_t inner = args.inner, n = args.classes;
  const T* x = args.x + o * n * inner;
  T* g = args.gradient ? args.gradient + o * n * inner : nullptr;
  for (std::int64_t j = 0; j < inner; j += pack_lanes) {
    const std::int64_t left = inner - j < pack_lanes ? inner - j : pack_lanes;
    V top(-std::numeric_limits<C>::infinity()), sum(0);
    for (std::int64_t k = 0; k < n; ++k) top = math::max(top, load_some<V>(x + k * inner + j, left, 0));
    for (std::int64_t k = 0; k < n;) {
      const std::int64_t end = k + block < n ? k + block : n;
      V part(0);
      for (; k < end; ++k) part = part + math::exp(load_some<V>(x + k * inner + j, left, 0) - top);
      sum = sum + part;
    }
    alignas(64) C maximum[pack_lanes], log_sum[pack_lanes], factor[pack_lanes] = {};
    store(maximum, top);
    store(log_sum, math::log(sum));
    for (std::int64_t i = 0; i < left; ++i) {
      const std::int64_t t = args.target[o * inner + j + i];
      C mass(0);
      args.loss[o * inner + j + i] = t == args.ignore ? C(0) : sample_loss<T, A>(args, x + j + i, t, maximum[i], log_sum[i], mass);
      factor[i] = mass * static_cast<C>(args.scale);
    }
    if (!g) continue;
    const V scaled = load<V>(factor) / sum;
    for (std::int64_t k = 0; k < n; ++k)
      store_some(g + k * inner + j, left, math::exp(load_some<V>(x + k * inner + j, left, 0) - top) * scaled);
    for (std::int64_t i = 0; i < left; ++i) {
      const std::int64_t t = args.target[o * inner + j + i];
      if (t != args.ignore) {
        subtract_target<T, A>(args, t, g + j + i);
      } else {
        for (std::int64_t k = 0; k < n; ++k) g[k * inner + j + i] = T(0);
      }
    }
  }
}

}  // namespace entropy

template <class T, class A = Abi>
void cross_entropy(const CrossEntropyArgs<T>& a) {
  parallel_for(a.outer, 1 + (1 << 13) / (a.classes * a.inner + 1), [&](std::int64_t first, std::int64_t last) {
    if (a.inner == 1) return entropy::rows<T, A>(a, first, last);
    for (std::int64_t o = first; o < last; ++o) entropy::columns<T, A>(a, o);
  });
}

/// loss = -w[t] x[t] for every sample, and gradient (where not null) = -w[t] scale at t, 0 elsewhere.
template <class T, class A = Abi>
TAPER_KERNEL void negative_log_likelihood(const CrossEntropyArgs<T>& a) {
  using C = compute_t<T>;
  for (std::int64_t i = 0; a.gradient && i < a.outer * a.classes * a.inner; ++i) a.gradient[i] = T(0);
  for (std::int64_t r = 0; r < a.outer * a.inner; ++r) {
    const std::int64_t t = a.target[r], at = (r / a.inner * a.classes + t) * a.inner + r % a.inner;
    if (t == a.ignore) {
      a.loss[r] = C(0);
      continue;
    }
    const C w = a.weight ? static_cast<C>(a.weight[t]) : C(1);
    a.loss[r] = -w * static_cast<C>(a.x[at]);
    if (a.gradient) a.gradient[at] = static_cast<T>(-w * static_cast<C>(a.scale));
  }
}

}  // namespace taper::inline TAPER_CODE::detail
