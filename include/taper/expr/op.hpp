// SPDX-License-Identifier: MIT
// What a pointwise op is: a small functor with its mathematics, its partials, and facts that the engine decides by.
#pragma once

#include <taper/core/dtype.hpp>
#include <taper/expr/eager.hpp>
#include <taper/expr/math.hpp>

#include <concepts>
#include <cstdint>

namespace taper::inline TAPER_CODE {

/// Bits of Op::reads[i]: what the partial of operand i reads. A node keeps just what its partials read.
enum Reads : std::uint8_t { reads_nothing = 0, reads_x0 = 1, reads_x1 = 2, reads_x2 = 4, reads_x3 = 8, reads_output = 128 };

namespace detail {

/// The result type of an op and the type that each operand is converted to before the call.
template <class R, class... C>
struct Signature {
  using result = R;
  static constexpr int arity = sizeof...(C);
};

template <class R, class C, class>
using Same = C;
template <class R, class C, class... T>
using Uniform = Signature<R, Same<R, C, T>...>;

}  // namespace detail

/// Operands and result have the promoted type: add, maximum, abs, ...
struct PromotingOp {
  template <class... T>
  using signature = detail::Uniform<promote_t<T...>, promote_t<T...>, T...>;
};

/// As PromotingOp, integers becoming float first: exp, div, tanh, ...
struct FloatingOp {
  template <class... T>
  using signature = detail::Uniform<floating_t<promote_t<T...>>, floating_t<promote_t<T...>>, T...>;
};

/// Compares in the promoted type and gives bool. No gradient.
struct ComparisonOp {
  template <class... T>
  using signature = detail::Uniform<bool, promote_t<T...>, T...>;
};

/// bool in, bool out. No gradient.
struct LogicalOp {
  template <class... T>
  using signature = detail::Uniform<bool, bool, T...>;
};

/// An op that states how the gradient of operand I follows from its inputs, its output and the output's gradient.
template <class Op, int I, class... A>
concept HasVjp = requires(const Op& op, const A&... a) { op.template vjp<I>(a...); };

/// An op that has a derivative at all. reads is an array with one entry an operand.
template <class Op>
concept DifferentiableOp = requires { Op::reads[0]; };

}  // namespace taper::inline TAPER_CODE
