// SPDX-License-Identifier: MIT
// A program at work on one set of registers: its instructions forward, and the chain rule through them in reverse. What a
// register holds, where leaves come from and where gradients go is the backend's affair.
#pragma once

#include <taper/expr/program.hpp>

namespace taper::inline TAPER_CODE::detail {

/// One value for every register of a program: Values::of<T> for a register of T, a pack on the host, one element on a device.
template <class P, class Registers, class Values>
struct RegisterFileImpl;
template <class P, int... R, class Values>
struct RegisterFileImpl<P, std::integer_sequence<int, R...>, Values> : Indexed<R, typename Values::template of<typename P::template type<R>>>... {};
template <class P, class Values>
using RegisterFile = RegisterFileImpl<P, std::make_integer_sequence<int, P::leaves + P::constants + P::count>, Values>;

template <int I, class... C>
using operand_type = typename decltype(type_at<I>(std::declval<TypeTable<C...>>()))::type;

/// Operand I of instruction K, converted to what the op works in.
template <class P, int K, int I, class Registers, class... C>
TAPER_INLINE TAPER_HD auto operand(const Registers& r, List<C...>) {
  using Traits = typename P::template instruction<K>;
  return convert<compute_t<operand_type<I, C...>>>(get<register_of(Traits::codes[I], P::leaves, P::constants)>(r));
}

template <class P, int K, class Registers, int... I>
TAPER_INLINE TAPER_HD void step(Registers& r, const typename P::Data& data, std::integer_sequence<int, I...>) {
  using Traits = typename P::template instruction<K>;
  get<P::leaves + P::constants + K>(r) = get<P::constants + K>(data)(operand<P, K, I>(r, typename Traits::operand_types{})...);
}

template <class P, int K, class Registers>
TAPER_INLINE TAPER_HD void run_step(Registers& r, const typename P::Data& data) {
  step<P, K>(r, data, std::make_integer_sequence<int, P::template instruction<K>::arity>{});
}

TAPER_HOST_CALLS template <class V>
TAPER_INLINE TAPER_HD V conjugate(const V& x) {
  if constexpr (!ComplexValue<V>) return x;
  else if constexpr (ScalarValue<V> || PackValue<V>) return math::conj(x);
  else return V(std::remove_cvref_t<decltype(x.tensor)>(conj(x.tensor)));  // an Eager value: the public function
}

/// The gradient that instruction K, with output y and its gradient g, hands to its operand I.
template <int I, class Op, class G, class Y, class... X>
TAPER_INLINE TAPER_HD auto operand_gradient(const Op& op, const G& g, const Y& y, const X&... x) {
  if constexpr (requires { op.template vjp<I>(x..., y, g); }) return op.template vjp<I>(x..., y, g);
  else if constexpr (requires { op.template partial<I>(x..., y); }) return g * conjugate(op.template partial<I>(x..., y));
  else return g * conjugate(op.partial(x..., y));
}

/// Adds to operand I's adjoint what flows through instruction K.
template <class P, bool SavedOutput, int K, int I, class Registers, int... J>
TAPER_INLINE TAPER_HD void pull(const Registers& r, Registers& adjoint, const typename P::Data& data, std::integer_sequence<int, J...>) {
  using Traits = typename P::template instruction<K>;
  constexpr int out = P::leaves + P::constants + K;
  constexpr bool flows = P::facts[K].differentiable[I] && P::template analysis<SavedOutput>.flows[out];
  if constexpr (flows) {
    constexpr int target = P::facts[K].operand[I];
    constexpr bool first = P::template analysis<SavedOutput>.first[K][I];
    const auto c = convert<compute_t<typename P::template type<target>>>(operand_gradient<I>(
        get<P::constants + K>(data), get<out>(adjoint), get<out>(r), operand<P, K, J>(r, typename Traits::operand_types{})...));
    if constexpr (first) get<target>(adjoint) = c;
    else get<target>(adjoint) = get<target>(adjoint) + c;
  }
}

template <class P, bool SavedOutput, int K, class Registers, int... I>
TAPER_INLINE TAPER_HD void pull_all(const Registers& r, Registers& adjoint, const typename P::Data& data, std::integer_sequence<int, I...> all) {
  (pull<P, SavedOutput, K, I>(r, adjoint, data, all), ...);
}

template <class P, bool SavedOutput, int K, class Registers>
TAPER_INLINE TAPER_HD void replay(Registers& r, const typename P::Data& data) {
  constexpr bool have_it = SavedOutput && P::template analysis<SavedOutput>.output && P::leaves + P::constants + K == P::root;
  constexpr bool needed = P::template analysis<SavedOutput>.run[K] && !have_it;
  if constexpr (needed) run_step<P, K>(r, data);
}

}  // namespace taper::inline TAPER_CODE::detail
