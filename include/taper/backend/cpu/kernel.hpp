// SPDX-License-Identifier: MIT
// The two loops of an expression: forward, and the vector-Jacobian product of all its leaves. Whole packs, any pointers.
#pragma once

#include <taper/expr/execute.hpp>

namespace taper::inline TAPER_CODE::detail {

/// What the driver hands to a kernel. Each operand has a pointer and a step in bytes per pack (0 where it is constant).
/// forward: in = leaves, out[0] = result.  vjp: in = leaves, result, its gradient, then what each leaf's gradient is added
/// to (zero where its step is 0); out = the leaves' gradients.
struct KernelArgs {
  const std::byte* const* in;
  const std::ptrdiff_t* in_step;
  std::byte* const* out;
  const std::ptrdiff_t* out_step;
  const void* data;
  std::int64_t packs;
};
using KernelFn = void (*)(const KernelArgs&);

template <class T, class A>
using value_pack = Pack<compute_t<T>, pack_lanes, A>;

template <class T>
const T* as(const std::byte* p) { return reinterpret_cast<const T*>(p); }
template <class T>
T* as(std::byte* p) { return reinterpret_cast<T*>(p); }

/// Registers of the host's kernels: packs.
template <class A>
struct Packs {
  template <class T>
  using of = value_pack<T, A>;
};

template <class P, class A, int... L, int... C, int... K>
TAPER_INLINE void forward_loop(const KernelArgs& args, std::integer_sequence<int, L...>, std::integer_sequence<int, C...>,
                               std::integer_sequence<int, K...>) {
  [[maybe_unused]] const auto data = *static_cast<const typename P::Data*>(args.data);
  const std::byte* in[P::leaves + 1] = {args.in[L]..., nullptr};
  const std::ptrdiff_t step[P::leaves + 1] = {args.in_step[L]..., 0};
  std::byte* out = args.out[0];
  const std::ptrdiff_t out_step = args.out_step[0];
  for (std::int64_t n = args.packs; n > 0; --n) {
    RegisterFile<P, Packs<A>> r;
    (load_register<typename P::template type<L>, L, A>(r, in[L], step[L]), ...);
    (load_constant<P, C, A>(r, data), ...);
    (run_step<P, K>(r, data), ...);
    store(as<typename P::result>(out), get<P::root>(r));
    out += out_step;
  }
}

template <class P, class A = Abi>
TAPER_KERNEL void forward_kernel(const KernelArgs& args) {
  forward_loop<P, A>(args, std::make_integer_sequence<int, P::leaves>{}, std::make_integer_sequence<int, P::constants>{},
                     std::make_integer_sequence<int, P::count>{});
}

/// Register R from the operand at `in`, which moves on by its step.
template <class T, int R, class A, class Registers>
TAPER_INLINE void load_register(Registers& r, const std::byte*& in, std::ptrdiff_t step) {
  get<R>(r) = load<value_pack<T, A>>(as<T>(in));
  in += step;
}

template <class P, int C, class A, class Registers>
TAPER_INLINE void load_constant(Registers& r, const typename P::Data& data) {
  get<P::leaves + C>(r) = value_pack<typename P::template type<P::leaves + C>, A>(get<C>(data));
}

template <class P, bool SavedOutput, int L, class A, class Registers>
TAPER_INLINE void load_needed(Registers& r, const std::byte** in, const std::ptrdiff_t* step) {
  if constexpr (P::template analysis<SavedOutput>.load[L]) load_register<typename P::template type<L>, L, A>(r, in[L], step[L]);
}

template <class P, bool SavedOutput, int L, class A, class Registers>
TAPER_INLINE void store_gradient(const Registers& adjoint, const std::byte** in, const std::ptrdiff_t* step, std::byte** out,
                                 const std::ptrdiff_t* out_step) {
  if constexpr (P::template analysis<SavedOutput>.reached[L]) {
    using T = compute_t<typename P::template type<L>>;
    constexpr int old = P::leaves + 2 + L;
    if (step[old] != 0) {  // something is there already
      store(as<T>(out[L]), load<value_pack<T, A>>(as<T>(in[old])) + get<L>(adjoint));
      in[old] += step[old];
    } else {
      store(as<T>(out[L]), get<L>(adjoint));
    }
    out[L] += out_step[L];
  }
}

template <class P, bool SavedOutput, class A, int... L, int... C, int... K>
TAPER_INLINE void vjp_loop(const KernelArgs& args, std::integer_sequence<int, L...>, std::integer_sequence<int, C...>,
                           std::integer_sequence<int, K...>) {
  constexpr auto& analysis = P::template analysis<SavedOutput>;
  constexpr int inputs = 2 * P::leaves + 2;
  [[maybe_unused]] const auto data = *static_cast<const typename P::Data*>(args.data);
  const std::byte* in[inputs];
  std::ptrdiff_t step[inputs];
  std::byte* out[P::leaves];
  std::ptrdiff_t out_step[P::leaves];
  for (int i = 0; i < inputs; ++i) in[i] = args.in[i], step[i] = args.in_step[i];
  for (int i = 0; i < P::leaves; ++i) out[i] = args.out[i], out_step[i] = args.out_step[i];
  for (std::int64_t n = args.packs; n > 0; --n) {
    RegisterFile<P, Packs<A>> r{};
    RegisterFile<P, Packs<A>> adjoint{};
    (load_needed<P, SavedOutput, L, A>(r, in, step), ...);
    (load_constant<P, C, A>(r, data), ...);
    (replay<P, SavedOutput, K>(r, data), ...);
    if constexpr (SavedOutput && analysis.output)
      load_register<typename P::result, P::root, A>(r, in[P::leaves], step[P::leaves]);
    load_register<typename P::result, P::root, A>(adjoint, in[P::leaves + 1], step[P::leaves + 1]);
    (pull_all<P, SavedOutput, P::count - 1 - K>(r, adjoint, data,
                                                std::make_integer_sequence<int, P::template instruction<P::count - 1 - K>::arity>{}),
     ...);
    (store_gradient<P, SavedOutput, L, A>(adjoint, in, step, out, out_step), ...);
  }
}

template <class P, bool SavedOutput, class A = Abi>
TAPER_KERNEL void vjp_kernel(const KernelArgs& args) {
  vjp_loop<P, SavedOutput, A>(args, std::make_integer_sequence<int, P::leaves>{}, std::make_integer_sequence<int, P::constants>{},
                              std::make_integer_sequence<int, P::count>{});
}

}  // namespace taper::inline TAPER_CODE::detail
