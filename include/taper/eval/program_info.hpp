// SPDX-License-Identifier: MIT
// The static table of a program type: where typed expressions end and data begins.
#pragma once

#include <taper/eval/fused_node.hpp>

namespace taper::inline TAPER_CODE::detail {

template <class P>
constexpr bool any_gradient() {
  if constexpr (inference_only || !Differentiable<typename P::result>) return false;
  else {
    for (int i = 0; i < P::leaves; ++i)
      if (P::template analysis<true>.reached[i]) return true;
    return false;
  }
}

/// Defined in eval/replay.hpp: backward of P op by op, recorded.
template <class P, class D>
struct Replay;
template <class P>
concept HasReplay = requires { sizeof(Replay<P, Cpu>); };

template <class P>
struct LeafTables;
template <class R, class... L, class C, class I, int Root>
struct LeafTables<Program<R, List<L...>, C, I, Root>> {
  static constexpr DType types[] = {dtype_of<L>...};
  static constexpr const SinkOps* sinks[] = {sink_of<L>()...};
};

/// Reduced: the program's values go to a reducer and are not stored, so backward replays the root as well, and the
/// forward kernel hands out values of the compute type.
template <class P, bool Reduced, class D, class A>
constexpr ProgramInfo make_info() {
  static_assert(std::is_trivially_copyable_v<typename P::Data>, "an op's settings must be plain data");
  constexpr auto& analysis = P::template analysis<!Reduced>;
  ProgramInfo info;
  info.leaves = P::leaves;
  info.result = dtype_of<typename P::result>;
  info.leaf_types = LeafTables<P>::types;
  info.needs = analysis.needs;
  info.reached = analysis.reached;
  info.sinks = LeafTables<P>::sinks;
  info.data_bytes = std::is_empty_v<typename P::Data> ? 0 : sizeof(typename P::Data);
  info.may_throw = P::may_throw;
  info.identity = P::count == 0;
  if constexpr (!on_host<D>) {
    static_assert(Accelerated<D>, "evaluating a pointwise expression on this device needs its backend: compile this file as .cu");
    if constexpr (Accelerated<D>) info.device = &Accelerator<D>::template program<P, Reduced>;
  }
  if constexpr (any_gradient<P>()) {
    info.differentiable = true;
    if constexpr (on_host<D>) info.vjp = &vjp_kernel<P, !Reduced, A>;
    if constexpr (!first_order_only) {
      static_assert(HasReplay<P>, "running expressions takes <taper/ops/eager.hpp>: include it, <taper/ops.hpp> or <taper/taper.hpp>");
      if constexpr (HasReplay<P>) info.graph = &Replay<P, D>::ops;
    }
  }
  return info;
}

template <class P>
struct ComputeResult;
template <class R, class L, class C, class I, int Root>
struct ComputeResult<Program<R, L, C, I, Root>> { using type = Program<compute_t<R>, L, C, I, Root>; };

template <class P, class D, class A = Abi>
struct InfoFor {
  static constexpr ProgramInfo make() {
    ProgramInfo info = make_info<P, false, D, A>();
    if constexpr (on_host<D>) info.forward = &forward_kernel<P, A>;
    return info;
  }
  static constexpr ProgramInfo info = make();
};
template <class P, class D, class A = Abi>
struct ReducedInfoFor {
  static constexpr ProgramInfo make() {
    ProgramInfo info = make_info<P, true, D, A>();
    if constexpr (on_host<D>) info.forward = &forward_kernel<typename ComputeResult<P>::type, A>;
    // A reducer reads a bare tensor where it lies, if that holds what it works in: not 16-bit floats.
    info.identity = info.identity && std::same_as<compute_t<typename P::result>, typename P::result>;
    return info;
  }
  static constexpr ProgramInfo info = make();
};

/// An expression's program, leaves and data at run time.
template <class N>
struct Lowering {
  using P = program_t<N>;
  LeafRef leaves[P::leaves];
  typename P::Data data{};
  const void* settings() const {
    if constexpr (std::is_empty_v<typename P::Data>) return &none;
    else return &data;
  }
  static constexpr char none = 0;  // an empty program's data has an address and nothing more
  /// may_wait: producers that finish parts of their results are left for the caller to run.
  explicit Lowering(const N& node, bool may_wait = false) {
    for (LeafRef& leaf : leaves) leaf.may_wait = may_wait;
    collect<0, 0, 0>(node, leaves, data);
  }
};

}  // namespace taper::inline TAPER_CODE::detail
