// SPDX-License-Identifier: MIT
// Backward of a fused expression op by op, each step recorded: higher-order gradients, and the op's name in anomaly mode.
#pragma once

#include <taper/eval/grad_ops.hpp>

namespace taper::inline TAPER_ABI::detail {

template <class T, class U, class D>
RecordPtr cast_record(const RecordPtr& x) {
  if constexpr (std::same_as<T, U>) return x;
  else if (!x) return x;
  else return evaluate(Apply<Cast<U>, Leaf<T, D>>{Cast<U>{}, {plain_leaf<T, D>(x)}}, x->shape);
}

inline Shape common_shape(std::string_view op, const RecordPtr& x) { return (void)op, x->shape; }
template <class... X>
Shape common_shape(std::string_view op, const RecordPtr& x, const RecordPtr& y, const X&... more) {
  Shape shape = broadcast_shapes(op, x->shape, y->shape);
  ((shape = broadcast_shapes(op, shape, more->shape)), ...);
  return shape;
}

/// op(x...) as one recorded expression. One function per op and dtype, whatever programs it occurs in.
template <class D, class Op, class... C, class... X>
[[gnu::noinline]] RecordPtr eager_forward(const Op& op, List<C...>, const X&... x) {
  return evaluate(Apply<Op, Leaf<C, D>...>{op, {plain_leaf<C, D>(x)...}}, common_shape(Op::name, x...));
}

template <class T, class D>
Eager<T, D> eager_value(const RecordPtr& r) {
  return r ? Eager<T, D>(Tensor<T, D>(r)) : Eager<T, D>();
}

/// The gradient of operand I of op, as recorded tensors.
template <int I, class R, class D, class Op, class... C, class... X>
[[gnu::noinline]] RecordPtr eager_vjp(const Op& op, List<C...>, const RecordPtr& g, const RecordPtr& y, const X&... x) {
  return operand_gradient<I>(op, eager_value<R, D>(g), eager_value<R, D>(y), eager_value<C, D>(x)...).tensor.handle();
}

template <class P>
struct Replay {
  using D = Cpu;
  static constexpr int registers = P::leaves + P::constants + P::count;

  static std::string_view name() {
    if constexpr (P::count > 0) return P::template instruction<P::count - 1>::Op::name;
    else return "copy";
  }

  template <int K, int I, class... C>
  static RecordPtr operand_of(const RecordPtr* r, List<C...>) {
    constexpr int from = P::facts[K].operand[I];
    return cast_record<typename P::template type<from>, operand_type<I, C...>, D>(r[from]);
  }

  template <int K, int... I>
  static void forward(RecordPtr* r, const typename P::Data& data, std::integer_sequence<int, I...>) {
    using Types = typename P::template instruction<K>::operand_types;
    if (!(static_cast<bool>(r[P::facts[K].operand[I]]) && ...)) return;  // not saved: nobody's gradient reads it
    r[P::leaves + P::constants + K] = eager_forward<D>(get<K>(data.ops), Types{}, operand_of<K, I>(r, Types{})...);
  }
  template <int K>
  static void forward(RecordPtr* r, const typename P::Data& data, bool have_root) {
    if (r[P::leaves + P::constants + K]) return;
    const auto& analysis = have_root ? P::template analysis<true> : P::template analysis<false>;
    if (analysis.run[K]) forward<K>(r, data, std::make_integer_sequence<int, P::template instruction<K>::arity>{});
  }

  template <int K, int I, int... J>
  static void pull(const RecordPtr* r, RecordPtr* adjoint, const bool* wanted, const typename P::Data& data, std::integer_sequence<int, J...>) {
    using Traits = typename P::template instruction<K>;
    constexpr int out = P::leaves + P::constants + K;
    if constexpr (P::facts[K].differentiable[I] && P::template analysis<true>.flows[out]) {
      using Types = typename Traits::operand_types;
      using T = typename P::template type<P::facts[K].operand[I]>;
      using C = typename decltype(operand_type_of<I>(Types{}))::type;
      if (!adjoint[out] || !wanted[P::facts[K].operand[I]]) return;
      RecordPtr g = eager_vjp<I, typename Traits::result, D>(get<K>(data.ops), Types{}, adjoint[out], r[out], operand_of<K, J>(r, Types{})...);
      g = cast_record<C, T, D>(g);
      if (explaining && GradOpsFor<T, D>::has_nan(*g))
        raise<AutogradError>("anomaly mode", "the backward of ", Traits::Op::name, " gave NaN for operand ", I, ", inside an expression of ", P::count,
                             " ops and shape ", adjoint[out]->shape);
      RecordPtr& target = adjoint[P::facts[K].operand[I]];
      target = target ? GradOpsFor<T, D>::add(target, g) : std::move(g);
    }
  }
  template <int I, class... C>
  static TypeAt<I, operand_type<I, C...>> operand_type_of(List<C...>);

  template <int K, int... I>
  static void pull_all(const RecordPtr* r, RecordPtr* adjoint, const bool* wanted, const typename P::Data& data, std::integer_sequence<int, I...> all) {
    (pull<K, I>(r, adjoint, wanted, data, all), ...);
  }

  template <int C>
  static void constant(RecordPtr* r, const typename P::Data& data) {
    using T = typename P::template type<P::leaves + C>;
    r[P::leaves + C] = make_dense<D>(dtype_of<T>, Shape());
    *reinterpret_cast<T*>(r[P::leaves + C]->data) = static_cast<T>(get<C>(data.constants));
  }

  template <int L>
  static void give(autograd::FusedNode& node, autograd::Pass& pass, RecordPtr* adjoint) {
    using T = typename P::template type<L>;
    if constexpr (P::template analysis<true>.reached[L]) {
      const autograd::SlotPtr& slot = node.input(L);
      if (slot && adjoint[L]) pass.add(slot, GradOpsFor<T, D>::sum_to(adjoint[L], slot->shape));
    }
  }

  template <int... L, int... C, int... K>
  static void run(autograd::FusedNode& node, autograd::Pass* pass, const RecordPtr& g, std::integer_sequence<int, L...>,
                  std::integer_sequence<int, C...>, std::integer_sequence<int, K...>) {
    const auto& data = *reinterpret_cast<const typename P::Data*>(node.data());
    RecordPtr r[registers], adjoint[registers];
    for (int i = 0; i < P::leaves; ++i) r[i] = node.saved()[i];
    (constant<C>(r, data), ...);
    if (node.output) {
      r[P::root] = make_alias(*node.output, geometry_of(*node.output));
      autograd::set_slot(*r[P::root], autograd::SlotPtr::share(node.autograd::Node::output(0)));
    }
    // A partial of a leaf that wants no gradient may read what was not saved, so only the paths to the others are walked.
    bool wanted[registers] = {};
    for (int i = 0; i < P::leaves; ++i) wanted[i] = static_cast<bool>(node.input(i));
    for (int k = 0; k < P::count; ++k)
      for (int i = 0; i < P::facts[k].arity; ++i)
        if (P::facts[k].differentiable[i] && wanted[P::facts[k].operand[i]]) wanted[P::leaves + P::constants + k] = true;
    (forward<K>(r, data, static_cast<bool>(node.output) || !node.reduced), ...);
    adjoint[P::root] = spread(node, g);
    (pull_all<P::count - 1 - K>(r, adjoint, wanted, data, std::make_integer_sequence<int, P::template instruction<P::count - 1 - K>::arity>{}), ...);
    if (pass) (give<L>(node, *pass, adjoint), ...);
  }

  /// The gradient of a sum, expanded to what was summed.
  static RecordPtr spread(const autograd::FusedNode& node, const RecordPtr& g) {
    if (!node.reduced) return g;
    ViewOp kept;
    kept.kind = ViewOp::view;
    for (int i = 0; i < node.shape.size(); ++i) kept.dims.push_back(node.mask >> i & 1 ? 1 : node.shape[i]);
    ViewOp wide;
    wide.kind = ViewOp::expand;
    wide.dims = node.shape;
    const RecordPtr dense = g->contiguous ? g : GradOpsFor<typename P::result, D>::clone(g);
    return make_view(make_view(dense.get(), kept).get(), wide);
  }

  static void backward(autograd::FusedNode& node, autograd::Pass& pass, const RecordPtr& g) {
    run(node, &pass, g, std::make_integer_sequence<int, P::leaves>{}, std::make_integer_sequence<int, P::constants>{},
        std::make_integer_sequence<int, P::count>{});
  }

  static void explain_nan(autograd::FusedNode& node, const RecordPtr& g) {
    const NoGrad guard;
    explaining = true;
    struct Reset {
      ~Reset() { explaining = false; }
    } reset;
    run(node, nullptr, g, std::make_integer_sequence<int, P::leaves>{}, std::make_integer_sequence<int, P::constants>{},
        std::make_integer_sequence<int, P::count>{});
  }
  static inline thread_local bool explaining = false;

  static constexpr GraphOps ops{&name, &backward, &explain_nan};
};

}  // namespace taper::inline TAPER_ABI::detail
