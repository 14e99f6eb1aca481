// SPDX-License-Identifier: MIT
// Sinks for leaf gradients that cannot be written where they are computed: sums over broadcast axes, 16-bit storage.
#pragma once

#include <taper/eval/run.hpp>

namespace taper::inline TAPER_CODE::detail {

/// A leaf type's sink, as data: sums values of compute_t<T> over broadcast axes and stores or adds them as T.
struct SinkOps {
  std::size_t bytes;
  void (*construct)(void* memory, const ReducePlan& plan, std::int64_t n, std::int64_t grain);
  Consumer (*consumer)(void* sink);
  void (*finish)(void* sink, std::byte* out, std::int64_t count, bool fresh);
  void (*destroy)(void* sink) noexcept;
};

template <Differentiable T, class A = Abi>
struct SinkFor {
  using C = compute_t<T>;
  using Sink = ReduceSink<SumReducer<C>, C, A>;
  static void construct(void* memory, const ReducePlan& plan, std::int64_t n, std::int64_t grain) { ::new (memory) Sink(plan, n, grain); }
  static Consumer consumer(void* sink) { return static_cast<Sink*>(sink)->consumer(); }
  static void finish(void* sink, std::byte* out, std::int64_t count, bool fresh) {
    const auto* acc = static_cast<Sink*>(sink)->finish();
    T* target = reinterpret_cast<T*>(out);
    for (std::int64_t i = 0; i < count; ++i) {
      if constexpr (Complex<C>) {
        const C value(static_cast<real_t<C>>(acc[i].real()), static_cast<real_t<C>>(acc[i].imag()));
        target[i] = fresh ? value : target[i] + value;
      } else {
        const auto value = static_cast<C>(acc[i]);
        target[i] = static_cast<T>(fresh ? value : static_cast<C>(target[i]) + value);
      }
    }
  }
  static void destroy(void* sink) noexcept { static_cast<Sink*>(sink)->~Sink(); }
  static constexpr SinkOps ops{sizeof(Sink), &construct, &consumer, &finish, &destroy};
};

template <class T>
constexpr const SinkOps* sink_of() {
  if constexpr (Differentiable<T> && !inference_only) return &SinkFor<T>::ops;
  else return nullptr;
}

}  // namespace taper::inline TAPER_CODE::detail
