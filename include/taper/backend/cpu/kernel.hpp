// SPDX-License-Identifier: MIT
// The two loops of an expression: forward, and the vector-Jacobian product of all its leaves. Whole packs, any pointers.
#pragma once

#include <taper/expr/program.hpp>

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

template <class P, class Registers, class A>
struct RegisterFileImpl;
template <class P, int... R, class A>
struct RegisterFileImpl<P, std::integer_sequence<int, R...>, A> : Indexed<R, value_pack<typename P::template type<R>, A>>... {};
/// One pack for every register of a program.
template <class P, class A>
using RegisterFile = RegisterFileImpl<P, std::make_integer_sequence<int, P::leaves + P::constants + P::count>, A>;

template <int I, class... C>
using operand_type = typename decltype(type_at<I>(std::declval<TypeTable<C...>>()))::type;

/// Operand I of instruction K, converted to what the op works in.
template <class P, int K, int I, class Registers, class... C>
TAPER_INLINE auto operand(const Registers& r, List<C...>) {
  using Traits = typename P::template instruction<K>;
  return convert<compute_t<operand_type<I, C...>>>(get<register_of(Traits::codes[I], P::leaves, P::constants)>(r));
}

template <class P, int K, class Registers, int... I>
TAPER_INLINE void step(Registers& r, const typename P::Data& data, std::integer_sequence<int, I...>) {
  using Traits = typename P::template instruction<K>;
  get<P::leaves + P::constants + K>(r) = get<P::constants + K>(data)(operand<P, K, I>(r, typename Traits::operand_types{})...);
}

template <class P, int K, class Registers>
TAPER_INLINE void run_step(Registers& r, const typename P::Data& data) {
  step<P, K>(r, data, std::make_integer_sequence<int, P::template instruction<K>::arity>{});
}

template <class P, class A, int... L, int... C, int... K>
TAPER_INLINE void forward_loop(const KernelArgs& args, std::integer_sequence<int, L...>, std::integer_sequence<int, C...>,
                               std::integer_sequence<int, K...>) {
  [[maybe_unused]] const auto data = *static_cast<const typename P::Data*>(args.data);
  const std::byte* in[P::leaves + 1] = {args.in[L]..., nullptr};
  const std::ptrdiff_t step[P::leaves + 1] = {args.in_step[L]..., 0};
  std::byte* out = args.out[0];
  const std::ptrdiff_t out_step = args.out_step[0];
  for (std::int64_t n = args.packs; n > 0; --n) {
    RegisterFile<P, A> r;
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

template <class V>
TAPER_INLINE V conjugate(const V& x) {
  if constexpr (!ComplexValue<V>) return x;
  else if constexpr (requires { x.re; }) return V(x.re, -x.im);
  else return V(std::remove_cvref_t<decltype(x.tensor)>(conj(x.tensor)));  // an Eager value: the public function
}

/// The gradient that instruction K, with output y and its gradient g, hands to its operand I.
template <int I, class Op, class G, class Y, class... X>
TAPER_INLINE auto operand_gradient(const Op& op, const G& g, const Y& y, const X&... x) {
  if constexpr (requires { op.template vjp<I>(x..., y, g); }) return op.template vjp<I>(x..., y, g);
  else if constexpr (requires { op.template partial<I>(x..., y); }) return g * conjugate(op.template partial<I>(x..., y));
  else return g * conjugate(op.partial(x..., y));
}

/// Adds to operand I's adjoint what flows through instruction K.
template <class P, bool SavedOutput, int K, int I, class Registers, int... J>
TAPER_INLINE void pull(const Registers& r, Registers& adjoint, const typename P::Data& data, std::integer_sequence<int, J...>) {
  using Traits = typename P::template instruction<K>;
  constexpr auto& analysis = P::template analysis<SavedOutput>;
  constexpr int out = P::leaves + P::constants + K;
  if constexpr (P::facts[K].differentiable[I] && analysis.flows[out]) {
    constexpr int target = P::facts[K].operand[I];
    const auto c = convert<compute_t<typename P::template type<target>>>(operand_gradient<I>(
        get<P::constants + K>(data), get<out>(adjoint), get<out>(r), operand<P, K, J>(r, typename Traits::operand_types{})...));
    if constexpr (analysis.first[K][I]) get<target>(adjoint) = c;
    else get<target>(adjoint) = get<target>(adjoint) + c;
  }
}

template <class P, bool SavedOutput, int K, class Registers, int... I>
TAPER_INLINE void pull_all(const Registers& r, Registers& adjoint, const typename P::Data& data, std::integer_sequence<int, I...> all) {
  (pull<P, SavedOutput, K, I>(r, adjoint, data, all), ...);
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

template <class P, bool SavedOutput, int K, class Registers>
TAPER_INLINE void replay(Registers& r, const typename P::Data& data) {
  constexpr auto& analysis = P::template analysis<SavedOutput>;
  constexpr bool have_it = SavedOutput && analysis.output && P::leaves + P::constants + K == P::root;
  if constexpr (analysis.run[K] && !have_it) run_step<P, K>(r, data);
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
    RegisterFile<P, A> r{};
    RegisterFile<P, A> adjoint{};
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
